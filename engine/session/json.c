/* The JSON objects of `perceive` and `flip`. Two runs on the same image, model and device differ in "timing_ms" only. */
#include "engine/session/json-parts.h"

void
ax_json_write_box (AxJson *json, const char *key, AxBox box)
{
  ax_json_begin_inline_array (json, key);
  ax_json_number (json, NULL, box.x1, BOX_DECIMALS);
  ax_json_number (json, NULL, box.y1, BOX_DECIMALS);
  ax_json_number (json, NULL, box.x2, BOX_DECIMALS);
  ax_json_number (json, NULL, box.y2, BOX_DECIMALS);
  ax_json_end (json);
}

void
ax_json_write_image (AxJson *json, const AxPerception *p, const char *path)
{
  ax_json_begin_inline_object (json, "image");
  ax_json_string (json, "path", path);
  ax_json_int (json, "width", p->width);
  ax_json_int (json, "height", p->height);
  if (p->mirrored)
    ax_json_bool (json, "mirrored", TRUE);
  ax_json_end (json);
}

void
ax_json_write_model (AxJson *json, AxModel *model)
{
  if (model == NULL) {
    ax_json_null (json, "model");
    return;
  }
  ax_json_begin_inline_object (json, "model");
  ax_json_string (json, "name", ax_model_name (model));
  ax_json_string (json, "sha256", ax_model_sha256 (model));
  ax_json_end (json);
}

static void
write_timing (AxJson *json, const char *key, const AxPerception *p)
{
  ax_json_begin_inline_object (json, key);
  ax_json_number (json, "preprocess", p->ms_preprocess, MS_DECIMALS);
  ax_json_number (json, "perceive", p->ms_perceive, MS_DECIMALS);
  ax_json_number (json, "retrieve", p->ms_retrieve, MS_DECIMALS);
  ax_json_number (json, "total", p->ms_total, MS_DECIMALS);
  ax_json_end (json);
}

static void
write_frontal (AxJson *json, const AxPerception *p)
{
  const double misfit = ax_perception_misfit (p);
  ax_json_begin_inline_object (json, "frontal");
  ax_json_bool (json, "plausible", misfit <= AX_MISFIT_LIMIT);
  ax_json_number (json, "misfit", misfit, SCORE_DECIMALS);
  ax_json_number (json, "limit", AX_MISFIT_LIMIT, SCORE_DECIMALS);
  ax_json_end (json);
}

static void
write_retrieved (AxJson *json, const AxAnatomy *a)
{
  if (a->n_retrieved == 0) {
    ax_json_null (json, "sentence");
    ax_json_null (json, "score");
  } else {
    ax_json_string (json, "sentence", a->retrieved[0].sentence);
    ax_json_number (json, "score", a->retrieved[0].score, SCORE_DECIMALS);
  }
  ax_json_begin_array (json, "alternatives");
  for (guint i = 1; i < a->n_retrieved; i++) {
    ax_json_begin_inline_object (json, NULL);
    ax_json_string (json, "sentence", a->retrieved[i].sentence);
    ax_json_number (json, "score", a->retrieved[i].score, SCORE_DECIMALS);
    ax_json_end (json);
  }
  ax_json_end (json);
}

char *
ax_perception_to_json (const AxPerception *p, const char *path, AxModel *model, gboolean pretty)
{
  g_return_val_if_fail (p != NULL, NULL);
  AxJson *json = ax_json_new (pretty);
  ax_json_begin_object (json, NULL);
  ax_json_write_image (json, p, path);
  ax_json_begin_array (json, "anatomy");
  for (guint i = 0; i < AX_N_ANATOMY; i++) {
    const AxAnatomy *a = &p->anatomy[i];
    ax_json_begin_object (json, NULL);
    ax_json_int (json, "index", a->index);
    ax_json_string (json, "name", a->name);
    ax_json_write_box (json, "box", a->box);
    ax_json_write_box (json, "box1024", a->box1024);
    write_retrieved (json, a);
    ax_json_end (json);
  }
  ax_json_end (json);
  ax_json_begin_array (json, "findings");
  for (guint i = 0; i < p->n_findings; i++) {
    ax_json_begin_inline_object (json, NULL);
    ax_json_string (json, "name", p->findings[i].name);
    ax_json_number (json, "probability", p->findings[i].probability, SCORE_DECIMALS);
    ax_json_end (json);
  }
  ax_json_end (json);
  write_frontal (json, p);
  write_timing (json, "timing_ms", p);
  ax_json_write_model (json, model);
  ax_json_end (json);
  return ax_json_finish (json);
}

/* One structure of a pair: its box on the image, the answer on the mirrored pixels, and the latter mirrored back against the former. */
static void
write_side (AxJson *json, const char *key, guint index, const AxPerception *plain, const AxPerception *mirrored, double iou)
{
  ax_json_begin_inline_object (json, key);
  ax_json_int (json, "index", index);
  ax_json_string (json, "name", ax_anatomy_name (index));
  ax_json_write_box (json, "box", plain->anatomy[index].box);
  ax_json_write_box (json, "box_on_mirrored", mirrored->anatomy[index].box);
  ax_json_number (json, "iou", iou, SCORE_DECIMALS);
  ax_json_end (json);
}

char *
ax_flip_to_json (const AxPerception *plain, const AxPerception *mirrored, const char *path, AxModel *model, gboolean pretty)
{
  g_return_val_if_fail (plain != NULL && mirrored != NULL, NULL);
  AxFlipReport report;
  ax_flip_compare (plain, mirrored, &report);
  AxJson *json = ax_json_new (pretty);
  ax_json_begin_object (json, NULL);
  ax_json_write_image (json, plain, path);
  ax_json_begin_array (json, "pairs");
  for (guint i = 0; i < AX_N_PAIRS; i++) {
    const AxFlipPair *pair = &report.pairs[i];
    ax_json_begin_object (json, NULL);
    write_side (json, "left", pair->left, plain, mirrored, pair->iou_left);
    write_side (json, "right", pair->right, plain, mirrored, pair->iou_right);
    ax_json_bool (json, "kept", pair->kept);
    ax_json_end (json);
  }
  ax_json_end (json);
  ax_json_begin_array (json, "anatomy");
  for (guint i = 0; i < AX_N_ANATOMY; i++) {
    ax_json_begin_inline_object (json, NULL);
    ax_json_int (json, "index", i);
    ax_json_string (json, "name", ax_anatomy_name (i));
    ax_json_number (json, "iou", report.iou[i], SCORE_DECIMALS);
    ax_json_end (json);
  }
  ax_json_end (json);
  ax_json_begin_inline_object (json, "totals");
  ax_json_int (json, "kept", report.n_kept);
  ax_json_int (json, "lost", AX_N_PAIRS - (gint64) report.n_kept);
  ax_json_number (json, "mean_iou", report.mean_iou, SCORE_DECIMALS);
  ax_json_end (json);
  ax_json_begin_object (json, "timing_ms");
  write_timing (json, "plain", plain);
  write_timing (json, "mirrored", mirrored);
  ax_json_end (json);
  ax_json_write_model (json, model);
  ax_json_end (json);
  return ax_json_finish (json);
}
