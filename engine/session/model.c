/* AxModel: a model folder in memory. See anatomix.h and model.h. */
#include "engine/session/model.h"
#include "engine/session/device.h"
#include "engine/checkpoint/language_part.h"
#include "engine/model/apm_file.h"
#include <math.h>

#define MAX_LABELS 64

struct _AxModel {
  GObject        parent;
  AxModelFolder *folder;
  AxApm         *apm;
  AxSentenceDb  *sentences;
  char          *labels[MAX_LABELS];
  double         a[MAX_LABELS], b[MAX_LABELS];
  gboolean       known[MAX_LABELS];
  char          *caution;
  const AxDevice *device, *language_device;
  AxDeviceChoice choice;
  char          *note;         /* why not the card, or NULL */
};

G_DEFINE_FINAL_TYPE (AxModel, ax_model, G_TYPE_OBJECT)
G_DEFINE_QUARK (ax-engine-error-quark, ax_engine_error)

static void
ax_model_finalize (GObject *object)
{
  AxModel *self = AX_MODEL (object);
  g_clear_pointer (&self->folder, ax_model_folder_unref);
  g_clear_pointer (&self->apm, ax_apm_free);
  g_clear_pointer (&self->sentences, ax_sentence_db_unref);
  for (int i = 0; i < MAX_LABELS; i++)
    g_free (self->labels[i]);
  g_free (self->caution);
  g_free (self->note);
  G_OBJECT_CLASS (ax_model_parent_class)->finalize (object);
}

static void
ax_model_class_init (AxModelClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = ax_model_finalize;
}

static void
ax_model_init (AxModel *self)
{
  self->device = self->language_device = ax_device_cpu ();
}

/* ---- device --------------------------------------------------------------------------------------------------------------- */

static void
take_note (AxModel *self, const char *note)
{
  char *old = self->note;
  self->note = g_strdup (note);
  g_free (old);
}

/* Boxes of a small generated picture, on the device that has the weights; NULL when it failed. */
static float *
probe (AxModel *self)
{
  enum { SIDE = 64 };
  const AxDevice *on = ax_apm_parameters (self->apm)->device;
  g_autoptr (AxTape) tape = ax_tape_new_on (on, FALSE);
  g_autofree float *pixels = g_new (float, SIDE * SIDE), *boxes = NULL;
  AxApmOutput out;
  for (int i = 0; i < SIDE * SIDE; i++)
    pixels[i] = (float) ((i * 7919) % 251) / 250;
  AxTensor *image = ax_tensor_new (tape, FALSE, 4, (int[]){ 1, SIDE, SIDE, 1 });
  ax_tensor_set (tape, image, pixels);
  if (ax_apm_forward (self->apm, tape, image, FALSE, NULL, NULL, &out))
    {
      boxes = g_new (float, AX_N_ANATOMY * 4);
      ax_tensor_get (tape, out.boxes, boxes);
    }
  return ax_tape_check (tape, NULL) ? g_steal_pointer (&boxes) : NULL;
}

/* Moves the weights to the card if what it makes of a picture is what the processor makes of it, within a hundredth of the picture: a broken card or driver, or
 * kernels that do not suit it, must not be what a reader learns from. */
static gboolean
move_checked (AxModel *self, const AxDevice *on, GError **error)
{
  g_autofree float *here = on->host ? NULL : probe (self);
  if (!ax_apm_move (self->apm, on, error))
    return FALSE;
  if (on->host || here == NULL)
    return TRUE;
  g_autofree float *there = probe (self);
  gboolean same = there != NULL;
  for (int i = 0; same && i < AX_N_ANATOMY * 4; i++)
    same = fabsf (here[i] - there[i]) <= 0.01f;
  if (same)
    return TRUE;
  const char *why = on->error ();
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s failed its test%s%s", on->title (), why ? ": " : ": its results are not those of the processor", why ? why : "");
  ax_apm_move (self->apm, ax_device_cpu (), NULL);
  return FALSE;
}

gboolean
ax_model_place (AxModel *self, AxDeviceChoice choice, GError **error)
{
  g_autofree char *note = NULL;
  g_autoptr (GError) failed = NULL;
  const AxDevice *on = ax_device_choose (choice, &note, &failed);
  if (on != NULL && on != self->device && !move_checked (self, on, &failed) && choice == AX_DEVICE_AUTO)
    {
      note = g_strdup (failed->message);
      g_clear_error (&failed);
      on = ax_device_cpu ();
      ax_apm_move (self->apm, on, &failed);
    }
  if (failed != NULL)
    {
      take_note (self, failed->message);
      g_set_error (error, AX_ENGINE_ERROR, AX_ENGINE_ERROR_DEVICE, "%s", failed->message);
      return FALSE;
    }
  self->device = self->language_device = on;
  self->choice = choice;
  take_note (self, note);
  return TRUE;
}

const AxDevice *ax_model_device (AxModel *self) { return self->device; }
const AxDevice *ax_model_language_device (AxModel *self) { return self->language_device; }

gboolean
ax_model_language_failed (AxModel *self, const GError *error)
{
  if (self->language_device->host || self->choice != AX_DEVICE_AUTO || error->domain != G_IO_ERROR)
    return FALSE;
  self->language_device = ax_device_cpu ();
  take_note (self, error->message);
  return TRUE;
}

void
ax_model_get_device_use (AxModel *self, AxDeviceUse *use)
{
  gsize free_bytes;
  *use = (AxDeviceUse){ .card = !self->device->host, .taken = self->device->taken () };
  self->device->memory (&free_bytes, &use->total);
  g_strlcpy (use->title, self->device->title (), sizeof use->title);
  g_strlcpy (use->note, self->note ? self->note : "", sizeof use->note);
}

/* Spec 2.6: the labels of the published model, in order. */
static const char *const chexpert[14] = { "Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Enlarged Cardiomediastinum", "Fracture", "Lung Lesion",
                                          "Lung Opacity", "No Finding", "Pleural Effusion", "Pleural Other", "Pneumonia", "Pneumothorax",
                                          "Support Devices" };

static gboolean
read_labels (AxModel *self, JsonObject *apm, GError **error)
{
  guint n = (guint) ax_apm_config (self->apm)->n_labels;
  if (n > MAX_LABELS)
    {
      g_set_error (error, AX_ENGINE_ERROR, AX_ENGINE_ERROR_MODEL, "The model has %u labels; at most %d are supported", n, MAX_LABELS);
      return FALSE;
    }
  JsonArray *labels = json_object_has_member (apm, "labels") ? ax_json_get_array (apm, "labels", error) : NULL;
  JsonArray *calibration = json_object_has_member (apm, "calibration") ? ax_json_get_array (apm, "calibration", error) : NULL;
  if ((labels == NULL && json_object_has_member (apm, "labels")) || (calibration == NULL && json_object_has_member (apm, "calibration")))
    return FALSE;
  if ((labels && json_array_get_length (labels) != n) || (calibration && json_array_get_length (calibration) != n))
    {
      g_set_error (error, AX_ENGINE_ERROR, AX_ENGINE_ERROR_MODEL, "model.json names another number of labels than the network has (%u)", n);
      return FALSE;
    }
  for (guint i = 0; i < n; i++)
    {
      JsonNode *node = labels ? json_array_get_element (labels, i) : NULL;
      const char *name = node && JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_STRING ? json_node_get_string (node) : NULL;
      self->labels[i] = name ? g_strdup (name) : n == 14 ? g_strdup (chexpert[i]) : g_strdup_printf ("Label %u", i + 1);
      self->a[i] = 1;
      self->known[i] = TRUE;
      JsonNode *pair = calibration ? json_array_get_element (calibration, i) : NULL;
      if (pair == NULL || !JSON_NODE_HOLDS_OBJECT (pair))
        continue;
      JsonObject *o = json_node_get_object (pair);
      if (!ax_json_get_double (o, "a", -1000, 1000, &self->a[i], error) || !ax_json_get_double (o, "b", -1000, 1000, &self->b[i], error))
        return FALSE;
      if (!json_object_has_member (o, "known"))
        continue;
      JsonNode *known = json_object_get_member (o, "known");
      if (!JSON_NODE_HOLDS_VALUE (known) || json_node_get_value_type (known) != G_TYPE_BOOLEAN)
        {
          g_set_error (error, AX_ENGINE_ERROR, AX_ENGINE_ERROR_MODEL, "model.json: \"known\" of label %u is neither true nor false", i + 1);
          return FALSE;
        }
      self->known[i] = json_node_get_boolean (known);
    }
  return TRUE;
}

/* {"value": x} in an object of the evaluation's report; NAN when it is not there or null. */
static double
figure (JsonObject *root, const char *object, const char *key)
{
  JsonObject *o = json_object_has_member (root, object) ? ax_json_get_object (root, object, NULL) : NULL;
  JsonObject *f = o && json_object_has_member (o, key) ? ax_json_get_object (o, key, NULL) : NULL;
  double value = NAN;
  if (f)
    ax_json_get_double (f, "value", -1e9, 1e9, &value, NULL);
  return value;
}

/* What an evaluation (quality.json beside model.json, `anatomixctl eval`) measured of exactly this model. The warning always comes first. */
static char *
caution (AxModelFolder *folder)
{
  g_autofree char *path = g_build_filename (ax_model_folder_get_path (folder), "quality.json", NULL);
  JsonObject *root = g_file_test (path, G_FILE_TEST_EXISTS) ? ax_json_load_object (path, NULL) : NULL;
  JsonObject *images = root && json_object_has_member (root, "images") ? ax_json_get_object (root, "images", NULL) : NULL;
  const char *of = root ? ax_json_get_string (root, "model_sha256", NULL) : NULL;
  gint64 patients = 0;
  char *text = NULL;
  if (images && ax_json_get_int (images, "patients", 1, 1000000000, &patients, NULL) && g_strcmp0 (of, ax_model_folder_get_sha256 (folder)) == 0)
    {
      double iou = figure (root, "boxes", "mean_iou"), sides = figure (root, "mirror", "sides_kept");
      if (!isnan (iou) && !isnan (sides))
        text = g_strdup_printf ("Not for clinical use. Measured on %d patients that it never saw: boxes overlap by %.2f on average, left and right kept "
                                "in %.1f %% of mirrored pairs.", (int) patients, iou, 100 * sides);
    }
  if (root)
    json_object_unref (root);
  return text ? text : g_strdup ("Not for clinical use. The quality of this model has not been measured.");
}

AxModel *
ax_model_load (const char *path, GError **error)
{
  g_autoptr (AxModel) self = g_object_new (AX_TYPE_MODEL, NULL);
  AxApmConfig config;
  self->folder = ax_model_folder_open (path, error);
  if (self->folder == NULL)
    return NULL;
  JsonObject *apm = ax_json_get_object (ax_model_folder_get_config (self->folder), "apm", error);
  if (apm == NULL || !ax_apm_config_from_json (apm, &config, error))
    return NULL;
  if (config.n_objects != AX_N_ANATOMY)
    {
      g_set_error (error, AX_ENGINE_ERROR, AX_ENGINE_ERROR_MODEL, "%s finds %d objects; this program knows %d structures", path, config.n_objects,
                   AX_N_ANATOMY);
      return NULL;
    }
  config.text_dim = 0;         /* the text side builds databases and trains; reading images does without it */
  self->apm = ax_apm_new (&config, error);
  const char *weights = ax_model_folder_get_file (self->folder, "apm"), *sentences = ax_model_folder_get_file (self->folder, "sentences");
  if (self->apm == NULL)
    return NULL;
  if (weights == NULL)
    {
      g_set_error (error, AX_ENGINE_ERROR, AX_ENGINE_ERROR_MODEL, "%s/model.json names no \"apm\" weights", path);
      return NULL;
    }
  if (!ax_apm_load (self->apm, weights, error) || !read_labels (self, apm, error))
    return NULL;
  if (sentences != NULL)
    {
      self->sentences = ax_sentence_db_open (sentences, error);
      if (self->sentences == NULL)
        return NULL;
      if (ax_sentence_db_n_objects (self->sentences) != AX_N_ANATOMY || (int) ax_sentence_db_dim (self->sentences) != config.proj_dim)
        {
          g_set_error (error, AX_ENGINE_ERROR, AX_ENGINE_ERROR_MODEL, "The sentence database of %s does not belong to its weights", path);
          return NULL;
        }
    }
  self->caution = caution (self->folder);
  return g_steal_pointer (&self);
}

const char   *ax_model_name (AxModel *model) { return ax_model_folder_get_name (model->folder); }
const char   *ax_model_sha256 (AxModel *model) { return ax_model_folder_get_sha256 (model->folder); }
const char   *ax_model_folder (AxModel *model) { return ax_model_folder_get_path (model->folder); }
int           ax_model_input_size (AxModel *model) { return ax_apm_config (model->apm)->input_size; }
guint         ax_model_n_labels (AxModel *model) { return (guint) ax_apm_config (model->apm)->n_labels; }
const char   *ax_model_label (AxModel *model, guint i) { return i < ax_model_n_labels (model) ? model->labels[i] : NULL; }
gboolean      ax_model_label_known (AxModel *model, guint i) { return i < ax_model_n_labels (model) && model->known[i]; }
const char   *ax_model_caution (AxModel *model) { return model->caution; }
AxApm        *ax_model_get_apm (AxModel *model) { return model->apm; }
AxModelFolder *ax_model_get_folder (AxModel *model) { return model->folder; }
AxSentenceDb *ax_model_get_sentences (AxModel *model) { return model->sentences; }

int
ax_model_n_image_tokens (AxModel *model)
{
  const int side = ax_apm_config (model->apm)->input_size / 32;
  return side * side;
}

gboolean
ax_model_has_language (AxModel *model, char **why)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *base = ax_language_part_find_base (model->folder, &error);
  if (why)
    *why = base ? NULL : ax_model_folder_get_language (model->folder) ? g_strdup (error->message)
           : g_strdup_printf ("The model %s has no language part, so it can only perceive; use one that has it (--model), or give it one with anatomixctl attach",
                              ax_model_name (model));
  return base != NULL;
}

const char *
ax_model_language_title (AxModel *model)
{
  JsonObject *language = ax_model_folder_get_language (model->folder);
  JsonObject *base = language && json_object_has_member (language, "base") ? ax_json_get_object (language, "base", NULL) : NULL;
  return base && json_object_has_member (base, "title") ? ax_json_get_string (base, "title", NULL) : NULL;
}

double
ax_model_probability (AxModel *model, guint i, double logit)
{
  return 1 / (1 + exp (-(model->a[i] * logit + model->b[i])));
}

char *
ax_model_default_folder (void)
{
  const char *named = g_getenv ("ANATOMIX_MODEL");
  if (named && *named)
    return g_strdup (named);
  /* The program may run from its build folder inside the source tree: look upwards from where it lies. */
  g_autofree char *exe = g_file_read_link ("/proc/self/exe", NULL), *dir = g_path_get_dirname (exe ? exe : ".");
  for (int up = 0; up < 5; up++)
    {
      g_autofree char *candidate = g_build_filename (dir, "data", "models", "anatomix-mini", NULL), *json = g_build_filename (candidate, AX_MODEL_JSON, NULL);
      if (g_file_test (json, G_FILE_TEST_EXISTS))
        return g_steal_pointer (&candidate);
      char *parent = g_path_get_dirname (dir);
      g_free (dir);
      dir = parent;
    }
  g_autofree char *bin = g_path_get_dirname (exe ? exe : "."), *prefix = g_path_get_dirname (bin);
  return g_build_filename (prefix, "share", "anatomix", "models", "anatomix-mini", NULL);
}
