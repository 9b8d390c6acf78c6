/* anatomy_round.c: rounds that make themselves; see anatomy_round.h. */
#include "engine/teaching/anatomy_round.h"

#include "engine/checkpoint/json_read.h"

#include <string.h>

#define N_CHOICES 4
/* Boxes that overlap more than this are one region to a learner: the name of the one is no wrong answer for the other. */
#define SAME_REGION 0.4

/* ---- given boxes ------------------------------------------------------------------------------------------------------------ */

static gboolean
read_structure (JsonObject *object, double scale, AxBox boxes[AX_N_ANATOMY], GError **error)
{
  gint64 index, visible = 1;
  double v[4];
  if (!ax_json_get_int (object, "index", 0, AX_N_ANATOMY - 1, &index, error) ||
      (json_object_has_member (object, "visible") && !ax_json_get_int (object, "visible", 0, 1, &visible, error)))
    return FALSE;
  JsonArray *box = ax_json_get_array (object, "box", error);
  if (box == NULL)
    return FALSE;
  for (guint i = 0; i < 4; i++) {
    JsonNode *node = json_array_get_length (box) == 4 ? json_array_get_element (box, i) : NULL;
    if (node == NULL || !JSON_NODE_HOLDS_VALUE (node) || (json_node_get_value_type (node) != G_TYPE_INT64 && json_node_get_value_type (node) != G_TYPE_DOUBLE)) {
      g_set_error (error, AX_ROUND_ERROR, AX_ROUND_ERROR_INVALID, "\"box\" is not four numbers");
      return FALSE;
    }
    v[i] = json_node_get_value_type (node) == G_TYPE_DOUBLE ? json_node_get_double (node) : (double) json_node_get_int (node);
    v[i] = CLAMP (v[i] * scale, 0, AX_IMAGE_MAX_SIDE);
  }
  if (visible)
    boxes[index] = ax_round_box ((AxBox) { v[0], v[1], v[2], v[3] });
  return TRUE;
}

static gboolean
read_film (JsonObject *object, AxBox boxes[AX_N_ANATOMY], GError **error)
{
  gint64 frame = 1, size = 1;
  if (json_object_has_member (object, "frame") &&
      (!ax_json_get_int (object, "frame", 1, AX_IMAGE_MAX_SIDE, &frame, error) || !ax_json_get_int (object, "size", 1, AX_IMAGE_MAX_SIDE, &size, error)))
    return FALSE;
  JsonArray *anatomy = ax_json_get_array (object, "anatomy", error);
  if (anatomy == NULL)
    return FALSE;
  if (json_array_get_length (anatomy) > AX_N_ANATOMY) {
    g_set_error (error, AX_ROUND_ERROR, AX_ROUND_ERROR_INVALID, "\"anatomy\" has more than %d structures", AX_N_ANATOMY);
    return FALSE;
  }
  for (guint i = 0; i < json_array_get_length (anatomy); i++) {
    JsonNode *node = json_array_get_element (anatomy, i);
    if (!JSON_NODE_HOLDS_OBJECT (node)) {
      g_set_error (error, AX_ROUND_ERROR, AX_ROUND_ERROR_INVALID, "\"anatomy\" holds something that is no structure");
      return FALSE;
    }
    if (!read_structure (json_node_get_object (node), (double) size / (double) frame, boxes, error))
      return FALSE;
  }
  return TRUE;
}

gboolean
ax_round_read_film (const char *json_path, AxBox boxes[AX_N_ANATOMY], GError **error)
{
  g_autoptr (GError) reason = NULL;
  g_autoptr (JsonObject) object = ax_json_load_object (json_path, &reason);
  memset (boxes, 0, AX_N_ANATOMY * sizeof *boxes);
  if (object != NULL && read_film (object, boxes, &reason))
    return TRUE;
  memset (boxes, 0, AX_N_ANATOMY * sizeof *boxes);
  g_set_error (error, AX_ROUND_ERROR, object != NULL ? AX_ROUND_ERROR_INVALID : AX_ROUND_ERROR_READ, "The boxes of an image cannot be used: %s", reason->message);
  return FALSE;
}

/* ---- cases ------------------------------------------------------------------------------------------------------------------ */

typedef struct {
  GRand *random;
  const AxRoundFilm *film;
  guint *asked;                  /* [AX_N_ANATOMY] how often each structure was asked for, on all films */
} Maker;

static gboolean
is_there (const AxRoundFilm *film, guint index)
{
  AxBox box = ax_round_box (film->boxes[index]);
  return box.x1 >= 0 && box.y1 >= 0 && ax_box_area (box) > 0;
}

static AxRoundSide
side_of (guint index, guint *other)
{
  for (guint p = 0; p < AX_N_PAIRS; p++) {
    guint left, right;
    ax_anatomy_pair (p, &left, &right);
    *other = index == left ? right : left;
    if (index == left || index == right)
      return index == left ? AX_ROUND_LEFT : AX_ROUND_RIGHT;
  }
  return AX_ROUND_NO_SIDE;
}

/* One of the structures that were asked for least, each as likely; -1 when the film has none. */
static int
pick (Maker *m, gboolean paired)
{
  guint least = G_MAXUINT, n = 0, found[AX_N_ANATOMY], other;
  for (guint i = 0; i < AX_N_ANATOMY; i++) {
    if (!is_there (m->film, i) || (paired && side_of (i, &other) == AX_ROUND_NO_SIDE))
      continue;
    if (m->asked[i] < least)
      least = m->asked[i], n = 0;
    if (m->asked[i] == least)
      found[n++] = i;
  }
  if (n == 0)
    return -1;
  guint index = found[g_rand_int_range (m->random, 0, (gint32) n)];
  m->asked[index]++;
  return (int) index;
}

static AxRoundCase *
make_find (Maker *m)
{
  int index = pick (m, FALSE);
  if (index < 0)
    return NULL;
  AxRoundCase *c = ax_round_case_new (AX_ROUND_FIND, m->film->image);
  c->subject = g_strdup (ax_anatomy_name ((guint) index));
  c->boxes[c->n_boxes++] = m->film->boxes[index];
  return c;
}

static void
shuffle (GRand *random, guint *items, guint n)
{
  for (guint i = n; i > 1; i--) {
    guint k = (guint) g_rand_int_range (random, 0, (gint32) i), item = items[i - 1];
    items[i - 1] = items[k];
    items[k] = item;
  }
}

/* The right name among others; those of nearly the same region are no distractors. */
static char **
make_choices (Maker *m, guint index)
{
  guint others[AX_N_ANATOMY], n = 0;
  for (guint i = 0; i < AX_N_ANATOMY; i++)
    if (i != index && is_there (m->film, i) && ax_box_iou (m->film->boxes[i], m->film->boxes[index]) < SAME_REGION)
      others[n++] = i;
  shuffle (m->random, others, n);
  n = MIN (n, N_CHOICES - 1);
  others[n++] = index;
  shuffle (m->random, others, n);
  char **choices = g_new0 (char *, n + 1);
  for (guint i = 0; i < n; i++)
    choices[i] = g_strdup (ax_anatomy_name (others[i]));
  return choices;
}

static AxRoundCase *
make_name (Maker *m)
{
  int index = pick (m, FALSE);
  if (index < 0)
    return NULL;
  AxRoundCase *c = ax_round_case_new (AX_ROUND_NAME, m->film->image);
  const char *names[] = { ax_anatomy_name ((guint) index), NULL };
  c->has_region = TRUE;
  c->region = m->film->boxes[index];
  c->names = g_strdupv ((char **) names);
  c->choices = make_choices (m, (guint) index);
  return c;
}

/* The patient's side of a structure, on the picture or on its mirror image: what the heart and the stomach tell. */
static AxRoundCase *
make_side (Maker *m)
{
  int index = pick (m, TRUE);
  guint other;
  if (index < 0)
    return NULL;
  AxRoundCase *c = ax_round_case_new (AX_ROUND_SIDE, m->film->image);
  c->has_region = TRUE;
  c->region = m->film->boxes[index];
  c->side = side_of ((guint) index, &other);
  c->mirror = g_rand_boolean (m->random);
  return c;
}

AxRound *
ax_round_new_anatomy (const char *title, const AxRoundFilm *films, guint n_films, guint n_cases, guint32 seed, const char *source, GError **error)
{
  static AxRoundCase *(*const makers[]) (Maker *) = { make_find, make_name, make_find, make_side };
  guint asked[AX_N_ANATOMY] = { 0 };
  Maker m = { g_rand_new_with_seed (seed), NULL, asked };
  g_autoptr (AxRound) round = ax_round_new (title);
  round->source = g_strdup (source);
  for (guint i = 0; n_films > 0 && i < MIN (n_cases, AX_ROUND_MAX_CASES); i++) {
    /* another task each time a film comes again */
    m.film = &films[i % n_films];
    AxRoundCase *c = makers[(i + i / n_films * (n_films % G_N_ELEMENTS (makers) == 0)) % G_N_ELEMENTS (makers)](&m);
    if (c == NULL)
      continue;
    if (!ax_round_add (round, c, error)) {
      ax_round_case_free (c);
      g_rand_free (m.random);
      return NULL;
    }
  }
  g_rand_free (m.random);
  if (round->cases->len == 0) {
    g_set_error (error, AX_ROUND_ERROR, AX_ROUND_ERROR_INVALID, "No image has the box of a structure to ask for.");
    return NULL;
  }
  return g_steal_pointer (&round);
}
