/* instruct_module.c: see instruct_module.h. */
#include "engine/training/instruct_module.h"

#include <math.h>
#include <string.h>

#define BIT(m) (1u << (m))

/* Indices of spec section 3: per side the lung, its upper, mid and lower zone, the recess and the hemidiaphragm. */
static const struct { guint8 lung, zone[3], recess, diaphragm; } sides[2] = { { 11, { 13, 12, 10 }, 33, 9 }, { 20, { 22, 21, 19 }, 35, 18 } };
#define HEART 4

static AxBox
hull (AxBox a, AxBox b)
{
  return (AxBox) { MIN (a.x1, b.x1), MIN (a.y1, b.y1), MAX (a.x2, b.x2), MAX (a.y2, b.y2) };
}

static void
add (AxDatasetImage *image, AxBoxLabel label, AxBox box)
{
  box = ax_box_clamp (box, AX_DATASET_FRAME, AX_DATASET_FRAME);
  if (box.x2 - box.x1 >= 1 && box.y2 - box.y1 >= 1)
    image->findings[image->n_findings++] = (AxFindingBox) { label, AX_SOURCE_CHESTXDET13, box };
}

static void
find (AxDatasetImage *image, const AxMarkSet shows[AX_DATASET_N_OBJECTS])
{
  const AxBox *boxes = image->boxes;
  for (guint s = 0; s < G_N_ELEMENTS (sides); s++) {
    AxBox opacity = { 0 };
    guint zones = 0;
    for (guint z = 0; z < 3; z++)
      if (shows[sides[s].zone[z]] & BIT (AX_MARK_LUNG_OPACITY))
        opacity = zones++ > 0 ? hull (opacity, boxes[sides[s].zone[z]]) : boxes[sides[s].zone[z]];
    if (zones > 0 || shows[sides[s].lung] & BIT (AX_MARK_LUNG_OPACITY))
      add (image, AX_BOX_LUNG_OPACITY, zones > 0 ? opacity : boxes[sides[s].lung]);
    const AxMarkSet fluid = shows[sides[s].zone[2]] | shows[sides[s].lung] | shows[sides[s].recess] | shows[sides[s].diaphragm];
    if (fluid & BIT (AX_MARK_PLEURAL_EFFUSION))
      add (image, AX_BOX_EFFUSION, boxes[sides[s].zone[2]]);
  }
  /* No sentence of the database names a large heart often enough; its boxes measure it. */
  if (shows[HEART] & BIT (AX_MARK_CARDIOMEGALY) || ax_boxes_heart_ratio (boxes) > AX_HEART_LARGE)
    add (image, AX_BOX_CARDIOMEGALY, boxes[HEART]);
}

AxImageFacts *
ax_image_facts_from_module (const AxDatasetImage *image, const char *path, gboolean flip, const AxLmPerception *perception)
{
  static const struct { AxLabel label; AxMark mark; } named[] = {
    { AX_LABEL_LUNG_OPACITY, AX_MARK_LUNG_OPACITY }, { AX_LABEL_PLEURAL_EFFUSION, AX_MARK_PLEURAL_EFFUSION }, { AX_LABEL_CARDIOMEGALY, AX_MARK_CARDIOMEGALY },
  };
  const AxMarkSet known = BIT (AX_MARK_LUNG_OPACITY) | BIT (AX_MARK_PLEURAL_EFFUSION) | BIT (AX_MARK_CARDIOMEGALY);
  AxMarkSet shows[AX_DATASET_N_OBJECTS];
  AxFindingBox findings[5]; /* opacity and fluid on either side, the heart */
  /* The image as a reader would have left it who saw what the module sees. */
  AxDatasetImage seen = { .file = image->file, .patient = image->patient, .age = image->age, .sex = image->sex, .view = image->view, .ok = TRUE, .findings = findings };
  for (guint i = 0; i < AX_DATASET_N_OBJECTS; i++) {
    seen.boxes[i] = ax_box_clamp (perception->boxes[i], AX_DATASET_FRAME, AX_DATASET_FRAME);
    seen.visible[i] = seen.boxes[i].x2 > seen.boxes[i].x1 && seen.boxes[i].y2 > seen.boxes[i].y1;
    if (!ax_sentence_findings (perception->sentences[i], &shows[i]))
      shows[i] = 0;
  }
  find (&seen, shows);
  AxImageFacts *f = ax_image_facts_new (&seen, path);
  g_free (f->dataset);
  f->dataset = g_strdup ("module");
  f->flip = flip;
  f->read = f->complete = TRUE;
  f->absent = known & ~f->present;
  f->normal = f->present == 0;
  if (f->heart_ratio >= AX_HEART_NORMAL)
    f->absent &= ~BIT (AX_MARK_CARDIOMEGALY);
  for (guint i = 0; i < G_N_ELEMENTS (named); i++) {
    f->trust[named[i].label] = 1;
    f->known[named[i].label] = ((f->present | f->absent) & BIT (named[i].mark)) != 0;
    f->likely[named[i].label] = f->value[named[i].label] = (f->present & BIT (named[i].mark)) != 0;
  }
  f->graded = perception->probability != NULL;
  for (guint l = 0; l < AX_DATASET_N_LABELS && perception->probability != NULL; l++) {
    const gboolean told = !isnan (perception->probability[l]);
    f->trust[l] = told ? 1 : 0;
    f->likely[l] = told ? perception->probability[l] : 0;
  }
  f->known[AX_LABEL_NO_FINDING] = f->trust[AX_LABEL_NO_FINDING] = 1;
  f->value[AX_LABEL_NO_FINDING] = f->normal;
  if (perception->probability == NULL)
    f->likely[AX_LABEL_NO_FINDING] = f->normal;
  return f;
}

static int
by_value (const void *a, const void *b)
{
  const float x = *(const float *) a, y = *(const float *) b;
  return (x > y) - (x < y);
}

/* The median of every label over the set. */
static void
set_usual (const GPtrArray *facts)
{
  g_autofree float *values = g_new (float, facts->len + 1);
  for (guint l = 0; l < AX_DATASET_N_LABELS; l++) {
    for (guint i = 0; i < facts->len; i++)
      values[i] = ((AxImageFacts *) facts->pdata[i])->likely[l];
    qsort (values, facts->len, sizeof *values, by_value);
    for (guint i = 0; i < facts->len; i++)
      ((AxImageFacts *) facts->pdata[i])->usual[l] = values[facts->len / 2];
  }
}

GPtrArray *
ax_image_facts_of_unread (const GPtrArray *images, const AxDataset *dataset, const char *model_dir, const char *cache, gboolean flip, GCancellable *cancellable,
                          GError **error)
{
  g_autoptr (AxModel) model = ax_model_load (model_dir, error);
  if (model == NULL)
    return NULL;
  g_autoptr (GPtrArray) paths = g_ptr_array_new_with_free_func (g_free), pictures = g_ptr_array_new_with_free_func (g_free);
  const guint ways = flip ? 2 : 1;
  for (guint i = 0; i < images->len; i++) {
    g_ptr_array_add (paths, ax_dataset_image_path (dataset, images->pdata[i]));
    for (guint w = 0; w < ways; w++) {
      AxLmPicture *p = g_new0 (AxLmPicture, 1);
      p->path = paths->pdata[i];
      p->flip = w == 1;
      g_ptr_array_add (pictures, p);
    }
  }
  const AxLmSamples all = { .pictures = pictures };
  g_autoptr (AxLmPerceptions) seen = ax_lm_perceptions_load (model, &all, NULL, cache, NULL, NULL, cancellable, error);
  if (seen == NULL)
    return NULL;
  GPtrArray *facts = g_ptr_array_new_with_free_func ((GDestroyNotify) ax_image_facts_free);
  for (guint i = 0; i < pictures->len; i++)
    g_ptr_array_add (facts, ax_image_facts_from_module (images->pdata[i / ways], paths->pdata[i / ways], i % ways == 1, &seen->items[i]));
  set_usual (facts);
  return facts;
}
