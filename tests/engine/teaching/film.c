#include "tests/engine/teaching/film.h"

AxBox
film_box (guint index)
{
  for (guint p = 0; p < AX_N_PAIRS; p++) {
    guint left, right;
    ax_anatomy_pair (p, &left, &right);
    AxBox box = { 60 + 10.0 * p, 20 + 70.0 * p, 300 + 5.0 * p, 110 + 70.0 * p };
    if (index == right)
      return box;
    if (index == left)
      return ax_box_mirror (box, 1000);
  }
  return (AxBox) { 400, 20 + 25.0 * index, 600, 60 + 25.0 * index };
}

AxPerception *
film_perception (gboolean mirrored)
{
  AxPerception *p = g_new0 (AxPerception, 1);
  p->ref_count = 1;
  p->width = p->height = 1000;
  p->mirrored = mirrored;
  for (guint i = 0; i < AX_N_ANATOMY; i++) {
    p->anatomy[i].index = i;
    p->anatomy[i].name = ax_anatomy_name (i);
    p->anatomy[i].box = mirrored ? ax_box_mirror (film_box (i), 1000) : film_box (i);
    film_say (p, i, "healthy");
  }
  p->findings = g_new0 (AxFinding, 3);
  p->n_findings = 3;
  p->findings[0] = (AxFinding) { "No Finding", 0.9 };
  p->findings[1] = (AxFinding) { "Pleural Effusion", 0.62 };
  p->findings[2] = (AxFinding) { "Cardiomegaly", 0.49 };
  return p;
}

void
film_say (AxPerception *p, guint index, const char *finding)
{
  AxAnatomy *a = &p->anatomy[index];
  gboolean healthy = g_str_equal (finding, "healthy");
  for (guint i = 0; i < a->n_retrieved; i++)
    g_free (a->retrieved[i].sentence);
  g_free (a->retrieved);
  a->retrieved = g_new0 (AxRetrieved, 1);
  a->n_retrieved = 1;
  a->retrieved[0].sentence = g_strdup_printf (healthy ? "%s is %s." : "%s shows %s.", a->name, finding);
}

void
film_perception_free (AxPerception *p)
{
  for (guint i = 0; i < AX_N_ANATOMY; i++) {
    g_free (p->anatomy[i].retrieved[0].sentence);
    g_free (p->anatomy[i].retrieved);
  }
  g_free (p->findings);
  g_free (p);
}

static void
add (AxRound *round, AxRoundCase *c)
{
  g_autoptr (GError) error = NULL;
  ax_round_add (round, c, &error);
  g_assert_no_error (error);
}

AxRound *
film_round (void)
{
  AxRound *round = ax_round_new ("Chest films, first round");
  AxRoundCase *c = ax_round_case_new (AX_ROUND_FIND, "one.png");
  c->subject = g_strdup ("Left lung");
  c->boxes[c->n_boxes++] = film_box ((guint) ax_anatomy_find ("Left lung"));
  c->hint = g_strdup ("The heart points to it.");
  add (round, c);
  c = ax_round_case_new (AX_ROUND_DRAW, "one.png");
  c->subject = g_strdup ("pleural effusion");
  c->boxes[c->n_boxes++] = (AxBox) { 100.126, 600, 300, 800 };
  c->explanation = g_strdup ("A meniscus, \"rising\" to the side.\nSecond line.");
  add (round, c);
  c = ax_round_case_new (AX_ROUND_NAME, "folder/two.png");
  c->has_region = TRUE;
  c->region = film_box ((guint) ax_anatomy_find ("Trachea"));
  c->names = g_strsplit ("Trachea|windpipe", "|", -1);
  add (round, c);
  c = ax_round_case_new (AX_ROUND_SIDE, "one.png");
  c->has_region = TRUE;
  c->region = film_box ((guint) ax_anatomy_find ("Left lung"));
  c->side = AX_ROUND_LEFT;
  c->mirror = TRUE;
  add (round, c);
  c = ax_round_case_new (AX_ROUND_IMPRESSION, "one.png");
  c->findings = g_strsplit ("right pleural effusion|cardiomegaly", "|", -1);
  c->pass = 0.66667;
  add (round, c);
  return round;
}
