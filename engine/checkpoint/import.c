#include "engine/checkpoint/import.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

#include "engine/checkpoint/apm_checkpoint.h"
#include "engine/checkpoint/attach.h"
#include "engine/checkpoint/safetensors_writer.h"
#include "engine/checkpoint/sentence_file.h"
#include "engine/checkpoint/weights-private.h"

typedef struct {
  const AxImportOptions *options;
  AxImportProgress progress;
  void *user;
  GCancellable *cancellable;
  JsonObject *config;
  GPtrArray *files; /* role, name, ..., both owned */
} Import;

static gboolean
step(Import *self, const char *what, double share, GError **error)
{
  if (self->progress != NULL)
    self->progress(what, share, self->user);
  return !g_cancellable_set_error_if_cancelled(self->cancellable, error);
}

static void
record(Import *self, const char *role, const char *name)
{
  g_ptr_array_add(self->files, g_strdup(role));
  g_ptr_array_add(self->files, g_strdup(name));
}

/* Copies every tensor of weights to a safetensors file, as F32 (integers in their own type). */
static gboolean
save_weights(const AxWeights *weights, const char *path, GError **error)
{
  g_autoptr(AxSafetensorsWriter) writer = ax_safetensors_writer_new();
  g_autoptr(GPtrArray) kept = g_ptr_array_new_with_free_func(g_free);
  for (guint i = 0; i < ax_weights_n(weights); i++) {
    const AxTensorInfo *info = ax_weights_info(weights, i);
    const gsize n = (gsize) info->n_elements;
    if (info->dtype == AX_DTYPE_F32 || info->dtype > AX_DTYPE_BF16) {
      g_autoptr(GBytes) raw = NULL;
      if (!ax_weights_read_raw(weights, i, &raw, error)
          || !ax_safetensors_writer_add_bytes(writer, info->name, info->dtype, info->ndim, info->shape, raw, error))
        return FALSE;
      continue;
    }
    float *values = g_try_malloc(MAX(n, 1) * sizeof *values);
    if (values == NULL) {
      g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_READ, "No memory for tensor %s", info->name);
      return FALSE;
    }
    g_ptr_array_add(kept, values);
    if (!ax_weights_read_f32(weights, i, values, n, error)
        || !ax_safetensors_writer_add_f32(writer, info->name, AX_DTYPE_F32, info->ndim, info->shape, values, error))
      return FALSE;
  }
  return ax_safetensors_writer_save(writer, path, error);
}

static gboolean
import_apm(Import *self, int *proj_dim, int *n_objects, GError **error)
{
  const AxImportOptions *o = self->options;
  AxApmCheckpointShape shape;
  g_autoptr(AxWeights) weights = ax_apm_checkpoint_open(o->apm_checkpoint, error);
  if (weights == NULL || !ax_weights_verify(weights, error) || !ax_apm_checkpoint_shape(weights, &shape, error))
    return FALSE;
  if (o->expected != NULL) {
    g_autoptr(AxTensorMatch) match = ax_apm_checkpoint_match(weights, o->expected, o->n_expected);
    if (!ax_tensor_match_check(match, FALSE, error))
      return FALSE;
  }
  JsonObject *apm = json_object_new();
  json_object_set_int_member(apm, "depth", shape.depth);
  json_object_set_int_member(apm, "input_size", o->input_size > 0 ? o->input_size : 1024);
  json_object_set_int_member(apm, "hidden", shape.hidden);
  json_object_set_int_member(apm, "heads", shape.heads);
  json_object_set_int_member(apm, "enc_layers", shape.enc_layers);
  json_object_set_int_member(apm, "dec_layers", shape.dec_layers);
  json_object_set_int_member(apm, "ffn", shape.ffn);
  json_object_set_int_member(apm, "n_objects", shape.n_objects);
  json_object_set_int_member(apm, "proj_dim", shape.proj_dim);
  json_object_set_int_member(apm, "n_labels", shape.n_labels);
  json_object_set_int_member(apm, "text_dim", shape.text_dim);
  json_object_set_int_member(apm, "text_hidden", shape.text_hidden);
  json_object_set_object_member(self->config, "apm", apm);
  *proj_dim = shape.proj_dim;
  *n_objects = shape.n_objects;

  g_autofree char *path = g_build_filename(o->output, "apm.safetensors", NULL);
  record(self, "apm", "apm.safetensors");
  return save_weights(weights, path, error);
}

static gboolean
import_sentences(Import *self, int proj_dim, int n_objects, GError **error)
{
  const AxImportOptions *o = self->options;
  g_autoptr(AxSentenceFile) sentences = ax_sentence_file_open(o->sentence_db, error);
  if (sentences == NULL)
    return FALSE;
  if ((int) ax_sentence_file_dim(sentences) != proj_dim || (int) ax_sentence_file_n_objects(sentences) != n_objects) {
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISMATCH,
                "%s holds %u objects with vectors of %u; the checkpoint gives %d objects with vectors of %d", o->sentence_db,
                ax_sentence_file_n_objects(sentences), ax_sentence_file_dim(sentences), n_objects, proj_dim);
    return FALSE;
  }
  json_object_set_string_member(self->config, "object_order",
                                ax_sentence_file_get_order(sentences) == AX_OBJECT_ORDER_SHIFTED ? "shifted" : "table");
  g_autofree char *path = g_build_filename(o->output, "sentences.safetensors", NULL);
  record(self, "sentences", "sentences.safetensors");
  return ax_sentence_file_save(sentences, path, AX_DTYPE_F32, error);
}

static gboolean
prepare_output(const AxImportOptions *options, GError **error)
{
  g_autofree char *json = g_build_filename(options->output, AX_MODEL_JSON, NULL);
  if (g_mkdir_with_parents(options->output, 0755) != 0) {
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_WRITE, "Cannot make %s: %s", options->output, g_strerror(errno));
    return FALSE;
  }
  if (!options->overwrite && g_file_test(json, G_FILE_TEST_EXISTS)) {
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_WRITE, "%s holds a model already; choose another folder", options->output);
    return FALSE;
  }
  return TRUE;
}

static gboolean
write_model(Import *self, GError **error)
{
  const AxImportOptions *o = self->options;
  g_autofree char *canonical = g_canonicalize_filename(o->output, NULL);
  g_autofree char *basename = g_path_get_basename(canonical), *json = g_build_filename(o->output, AX_MODEL_JSON, NULL);
  g_ptr_array_add(self->files, NULL);
  const AxModelDescription description = {
    .name = o->name != NULL ? o->name : basename,
    .config = self->config,
    .files = (const char *const *) self->files->pdata,
  };
  if (!ax_model_folder_write(o->output, &description, error))
    return FALSE;
  /* The names that the published checkpoint must have are known exactly when `expected` is: then the widths count as well. */
  const AxAttachOptions language = {
    .folder = o->output, .adapter = o->lm_checkpoint, .base = o->lm_base, .alpha = o->lm_alpha, .check_heads = o->expected != NULL,
  };
  if (o->lm_base == NULL || (step(self, "Language model", 0.6, error) && ax_attach(&language, error)))
    return TRUE;
  g_unlink(json);
  return FALSE;
}

gboolean
ax_import(const AxImportOptions *options, AxImportProgress progress, void *user, GCancellable *cancellable, GError **error)
{
  g_autoptr(JsonObject) config = json_object_new();
  g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);
  Import self = { options, progress, user, cancellable, config, files };
  int proj_dim = 0, n_objects = 0;
  if (options->apm_checkpoint == NULL || options->sentence_db == NULL || options->output == NULL) {
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_ARGUMENT, "A checkpoint, a sentence database and an output folder are needed");
    return FALSE;
  }
  if ((options->lm_checkpoint == NULL) != (options->lm_base == NULL)) {
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_ARGUMENT, "A language adapter needs its base language model, and the base an adapter");
    return FALSE;
  }
  return prepare_output(options, error) && step(&self, "Anatomy Perception Module", 0, error)
         && import_apm(&self, &proj_dim, &n_objects, error) && step(&self, "Sentence database", 0.3, error)
         && import_sentences(&self, proj_dim, n_objects, error) && step(&self, "Checksums", 0.5, error)
         && write_model(&self, error) && step(&self, "Done", 1, error);
}
