/* See apm_file.h. */
#include "engine/model/apm_file.h"
#include "engine/checkpoint/json_read.h"
#include "engine/checkpoint/safetensors_writer.h"
#include "engine/checkpoint/weights.h"
#include <math.h>
#include <string.h>

static const struct { const char *key; gsize offset; gint64 min, max; } members[] = {
  { "depth", G_STRUCT_OFFSET (AxApmConfig, depth), 18, 50 },
  { "input_size", G_STRUCT_OFFSET (AxApmConfig, input_size), 32, 1024 },
  { "hidden", G_STRUCT_OFFSET (AxApmConfig, hidden), 4, 4096 },
  { "heads", G_STRUCT_OFFSET (AxApmConfig, heads), 1, 64 },
  { "enc_layers", G_STRUCT_OFFSET (AxApmConfig, enc_layers), 1, 8 },
  { "dec_layers", G_STRUCT_OFFSET (AxApmConfig, dec_layers), 1, 8 },
  { "ffn", G_STRUCT_OFFSET (AxApmConfig, ffn), 1, 65536 },
  { "n_objects", G_STRUCT_OFFSET (AxApmConfig, n_objects), 1, 1024 },
  { "proj_dim", G_STRUCT_OFFSET (AxApmConfig, proj_dim), 1, 1024 },
  { "n_labels", G_STRUCT_OFFSET (AxApmConfig, n_labels), 1, 1024 },
  { "text_dim", G_STRUCT_OFFSET (AxApmConfig, text_dim), 0, 65536 },
  { "text_hidden", G_STRUCT_OFFSET (AxApmConfig, text_hidden), 0, 65536 },
};

gboolean
ax_apm_config_from_json (JsonObject *object, AxApmConfig *config, GError **error)
{
  memset (config, 0, sizeof *config);
  for (gsize i = 0; i < G_N_ELEMENTS (members); i++)
    {
      gint64 value;
      if (!ax_json_get_int (object, members[i].key, members[i].min, members[i].max, &value, error))
        return FALSE;
      *(int *) ((char *) config + members[i].offset) = (int) value;
    }
  return TRUE;
}

JsonObject *
ax_apm_config_to_json (const AxApmConfig *config)
{
  JsonObject *object = json_object_new ();
  for (gsize i = 0; i < G_N_ELEMENTS (members); i++)
    json_object_set_int_member (object, members[i].key, *(const int *) ((const char *) config + members[i].offset));
  return object;
}

#define MIN_I8_ELEMENTS 4096

static gboolean
add_i8 (AxSafetensorsWriter *w, const AxParameter *p, const gint64 *shape, GPtrArray *keep, GError **error)
{
  gsize rows = (gsize) p->t.shape[0], cols = p->t.n / rows;
  gint8 *q = g_malloc (p->t.n);
  float *scale = g_new (float, rows);
  g_ptr_array_add (keep, scale);
  for (gsize r = 0; r < rows; r++)
    {
      const float *x = p->t.data + r * cols;
      float top = 0;
      for (gsize k = 0; k < cols; k++)
        top = MAX (top, fabsf (x[k]));
      scale[r] = top > 0 ? top / 127 : 1;
      for (gsize k = 0; k < cols; k++)
        q[r * cols + k] = (gint8) lrintf (x[k] / scale[r]);
    }
  g_autoptr (GBytes) bytes = g_bytes_new_take (q, p->t.n);
  g_autofree char *name = g_strconcat (p->name, ".scale", NULL);
  return ax_safetensors_writer_add_bytes (w, p->name, AX_DTYPE_I8, p->t.ndim, shape, bytes, error) &&
         ax_safetensors_writer_add_f32 (w, name, AX_DTYPE_F32, 1, shape, scale, error);
}

gboolean
ax_apm_save (AxApm *apm, const char *path, AxApmStore store, gboolean with_text, GError **error)
{
  g_autoptr (AxSafetensorsWriter) w = ax_safetensors_writer_new ();
  g_autoptr (GPtrArray) keep = g_ptr_array_new_with_free_func (g_free);
  AxParameters *params = ax_apm_parameters (apm);
  for (guint i = 0; i < params->list->len; i++)
    {
      AxParameter *p = params->list->pdata[i];
      gint64 shape[AX_MAX_DIMS];
      gboolean ok;
      if (!with_text && g_str_has_prefix (p->name, "text_model."))
        continue;
      for (int d = 0; d < p->t.ndim; d++)
        shape[d] = p->t.shape[d];
      if (store == AX_APM_STORE_I8 && p->t.ndim >= 2 && p->t.shape[0] > 1 && p->t.n >= MIN_I8_ELEMENTS)
        ok = add_i8 (w, p, shape, keep, error);
      else
        ok = ax_safetensors_writer_add_f32 (w, p->name, store == AX_APM_STORE_F32 ? AX_DTYPE_F32 : AX_DTYPE_F16, p->t.ndim, shape, p->t.data, error);
      if (!ok)
        return FALSE;
    }
  return ax_safetensors_writer_save (w, path, error);
}

static gboolean
load_one (AxWeights *w, AxParameter *p, GError **error)
{
  int i = ax_weights_find (w, p->name);
  if (i < 0)
    {
      g_set_error (error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISSING, "%s has no tensor %s", ax_weights_get_path (w), p->name);
      return FALSE;
    }
  const AxTensorInfo *info = ax_weights_info (w, (guint) i);
  gboolean same = info->ndim == p->t.ndim;
  for (int d = 0; same && d < info->ndim; d++)
    same = info->shape[d] == p->t.shape[d];
  if (!same)
    {
      g_set_error (error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISMATCH, "%s: tensor %s has another shape than model.json says",
                   ax_weights_get_path (w), p->name);
      return FALSE;
    }
  if (!ax_weights_read_f32 (w, (guint) i, p->t.data, p->t.n, error))
    return FALSE;
  if (info->dtype == AX_DTYPE_I8)
    {
      g_autofree char *name = g_strconcat (p->name, ".scale", NULL);
      gsize rows = (gsize) p->t.shape[0], cols = p->t.n / rows;
      g_autofree float *scale = g_new (float, rows);
      int s = ax_weights_find (w, name);
      if (s < 0 || ax_weights_info (w, (guint) s)->n_elements != (gint64) rows)
        {
          g_set_error (error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISSING, "%s: 8-bit tensor %s has no scales", ax_weights_get_path (w), p->name);
          return FALSE;
        }
      if (!ax_weights_read_f32 (w, (guint) s, scale, rows, error))
        return FALSE;
      for (gsize r = 0; r < rows; r++)
        ax_scale (cols, scale[r], p->t.data + r * cols);
    }
  for (gsize k = 0; k < p->t.n; k++)
    if (!isfinite (p->t.data[k]))
      {
        g_set_error (error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_DAMAGED, "%s: tensor %s holds a value that is not finite", ax_weights_get_path (w),
                     p->name);
        return FALSE;
      }
  return TRUE;
}

gboolean
ax_apm_load (AxApm *apm, const char *path, GError **error)
{
  g_autoptr (AxWeights) w = ax_weights_open (path, error);
  AxParameters *params = ax_apm_parameters (apm);
  if (w == NULL)
    return FALSE;
  for (guint i = 0; i < params->list->len; i++)
    if (!load_one (w, params->list->pdata[i], error))
      return FALSE;
  for (guint i = 0; i < ax_weights_n (w); i++)
    {
      const char *name = ax_weights_info (w, i)->name;
      g_autofree char *base = g_str_has_suffix (name, ".scale") ? g_strndup (name, strlen (name) - 6) : g_strdup (name);
      if (ax_parameters_get (params, base) == NULL && !g_str_has_prefix (name, "text_model."))
        {
          g_set_error (error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISMATCH, "%s has an unknown tensor %s: model.json describes another model", path,
                       name);
          return FALSE;
        }
    }
  params->generation++;
  return TRUE;
}
