/* See export_apm.h. */
#include "engine/evaluation/export_apm.h"
#include "engine/checkpoint/model_folder.h"
#include "engine/evaluation/metrics.h"
#include "engine/model/apm_file.h"
#include "engine/session/model.h"
#include "engine/training/sentence_vectors.h"
#include "engine/training/train_state.h"

static const char *const sources[] = {
  "NIH ChestX-ray14 (NIH Clinical Center; Wang et al., CVPR 2017): 850 frontal radiographs, training patients only",
  "RSNA Pneumonia Detection Challenge 2018 (Shih et al., Radiology: Artificial Intelligence 2019): readings and boxes of lung opacity",
  "ChestX-Det (Apache-2.0; arXiv 2006.10550 and 2104.10326): readings and boxes of findings",
  "Anatomical boxes made by rule from the masks of a segmentation network of the project (not by radiologists)",
  "Synthetic findings and phantoms of the project",
  NULL
};

static JsonArray *
licences (void)
{
  JsonArray *list = json_array_new ();
  JsonObject *o = json_object_new ();
  json_object_set_string_member (o, "name", "MIT");
  json_object_set_string_member (o, "text", "These weights were trained by the AnatomiX Viewer project and are distributed under the MIT licence of the program. "
                                            "The training data's providers ask for attribution: see trained_on. Not for clinical use.");
  json_array_add_object_element (list, o);
  return list;
}

/* Fewer positives or negatives than this among the validation patients: a figure would say nothing, and the label is marked as not known. */
#define MIN_KNOWN 5
#define ENOUGH_READ 10

typedef struct { double *z; guint8 *y; guint n, positives; } Readings;

/* Logits of label l where it is known, plain and mirrored: to radiologists or, wide, to them or the text program. */
static Readings
readings (const GPtrArray *images, const float *logits, int l, gboolean wide)
{
  Readings r = { g_new (double, images->len * 2 + 1), g_new (guint8, images->len * 2 + 1), 0, 0 };
  for (guint i = 0; i < images->len * 2; i++)
    {
      const AxDatasetImage *im = images->pdata[i / 2];
      if (!im->reader_known[l] && !(wide && im->text_known[l]))
        continue;
      r.z[r.n] = logits[(gsize) i * AX_DATASET_N_LABELS + (gsize) l];
      r.y[r.n] = im->reader_known[l] ? im->reader_value[l] : im->text_value[l];
      r.positives += r.y[r.n++];
    }
  return r;
}

static gboolean
has (const Readings *r, guint least)
{
  return r->positives >= 2 * least && r->n - r->positives >= 2 * least; /* each image counts twice */
}

/* One slope for all labels from the radiologists' word, an offset for each; where radiologists gave too few positives or negatives, text-mined labels count
 * too. The slope is shared because cross-validation on these patients preferred it to a slope for each label, by calibration error and by likelihood. */
static gboolean
calibrate (const AxDataset *dataset, const AxSplit *split, const char *folder, JsonArray *out, GCancellable *cancellable, GError **error)
{
  enum { L = AX_DATASET_N_LABELS };
  g_autoptr (AxModel) model = ax_model_load (folder, error);
  g_autoptr (GPtrArray) images = ax_split_images (split, dataset, AX_SPLIT_VALIDATION);
  if (model == NULL)
    return FALSE;
  guint n = images->len * 2;
  g_autofree float *logits = g_new (float, MAX (n, 1) * L);
  g_autoptr (AxTape) tape = ax_tape_new (FALSE);
  for (guint i = 0; i < n; i++)
    {
      const AxDatasetImage *im = images->pdata[i / 2];
      g_autofree char *path = ax_dataset_image_path (dataset, im);
      g_autoptr (AxImage) image = ax_image_load (path, cancellable, error);
      const AxPerceptionRaw raw = { .logits = logits + (gsize) i * L };
      g_autoptr (AxPerception) p = image ? ax_model_perceive (model, tape, image, i % 2, 1, NULL, NULL, &raw, error) : NULL;
      if (p == NULL)
        return FALSE;
    }
  Readings read[L];
  AxPlattSet sets[L];
  double offsets[L];
  for (int l = 0; l < L; l++)
    {
      read[l] = readings (images, logits, l, FALSE);
      sets[l] = (AxPlattSet){ read[l].z, read[l].y, read[l].n };
    }
  double slope = ax_platt_fit_shared (sets, L, offsets);
  for (int l = 0; l < L; l++)
    {
      Readings r = read[l];
      if (!has (&r, ENOUGH_READ))
        {
          g_free (r.z);
          g_free (r.y);
          r = readings (images, logits, l, TRUE);
          offsets[l] = ax_platt_fit_offset (r.z, r.y, r.n, slope);
        }
      /* A label whose logits rank even these patients backwards was not learnt. */
      gboolean known = has (&r, MIN_KNOWN) && slope > 0 && ax_platt_fit (r.z, r.y, r.n).a > 0;
      JsonObject *o = json_object_new ();
      json_object_set_double_member (o, "a", known ? slope : 0);
      json_object_set_double_member (o, "b", known ? offsets[l] : ax_platt_fit_offset (r.z, r.y, r.n, 0));
      json_object_set_boolean_member (o, "known", known);
      json_array_add_object_element (out, o);
      g_free (r.z);
      g_free (r.y);
    }
  return TRUE;
}

static gboolean
write_folder (const AxTrainConfig *config, const AxExportOptions *o, JsonArray *calibration, GError **error)
{
  AxApmConfig shape = config->model;
  shape.text_dim = 0;
  JsonObject *root = json_object_new (), *apm = ax_apm_config_to_json (&shape);
  JsonArray *labels = json_array_new (), *terms = licences ();
  for (guint l = 0; l < AX_DATASET_N_LABELS; l++)
    json_array_add_string_element (labels, ax_label_name (l));
  json_object_set_array_member (apm, "labels", labels);
  if (calibration)
    json_object_set_array_member (apm, "calibration", json_array_ref (calibration));
  json_object_set_object_member (root, "apm", apm);
  AxModelDescription d = { o->name, root, NULL, terms, sources,
                           (const char *const[]){ "apm", "apm.safetensors", "sentences", "sentences.safetensors", NULL } };
  gboolean ok = ax_model_folder_write (o->folder, &d, error);
  json_object_unref (root);
  json_array_unref (terms);
  return ok;
}

gboolean
ax_export_apm (const AxTrainConfig *config, const AxExportOptions *o, GCancellable *cancellable, GError **error)
{
  g_autoptr (AxDataset) dataset = ax_dataset_load (config->data_dir, error);
  g_autoptr (AxSplit) split = dataset ? ax_split_load (config->split_file, error) : NULL;
  g_autoptr (AxApm) apm = split ? ax_apm_new (&config->model, error) : NULL;
  g_autofree char *best = g_build_filename (config->run_dir, "best.safetensors", NULL);
  g_autofree char *weights = g_build_filename (o->folder, "apm.safetensors", NULL), *db = g_build_filename (o->folder, "sentences.safetensors", NULL);
  guint sentences;
  if (apm == NULL || !ax_split_check (split, dataset, error) || !ax_parameters_load (best, ax_apm_parameters (apm), error))
    return FALSE;
  if (config->vectors_file == NULL)
    {
      g_set_error (error, AX_DATA_ERROR, AX_DATA_ERROR_READ, "The configuration names no \"sentence_vectors\": build them first (db vectors)");
      return FALSE;
    }
  if (g_mkdir_with_parents (o->folder, 0755) != 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "The folder %s cannot be made", o->folder);
      return FALSE;
    }
  if (!ax_apm_save (apm, weights, AX_APM_STORE_I8, FALSE, error) ||
      !ax_sentence_db_build (dataset, split, apm, config->vectors_file, config->sentence_marks, config->healthy_push, db,
                             &sentences, error) ||
      !write_folder (config, o, NULL, error))
    return FALSE;
  g_autoptr (JsonArray) calibration = json_array_new ();
  return calibrate (dataset, split, o->folder, calibration, cancellable, error) && write_folder (config, o, calibration, error);
}
