/* See train_state.h. */
#include "engine/training/train_state.h"
#include "engine/checkpoint/safetensors_writer.h"
#include "engine/checkpoint/weights.h"
#include <stdlib.h>

/* The writer reads arrays when it saves: what comes from a card waits in `copies`. */
static gboolean
add (AxSafetensorsWriter *w, const char *prefix, const AxParameters *all, const AxParameter *p, const float *array, GPtrArray *copies, GError **error)
{
  float *copy;
  const float *data = ax_parameters_host (all, p, array, &copy);
  if (copy != NULL)
    g_ptr_array_add (copies, copy);
  g_autofree char *name = g_strconcat (prefix, p->name, NULL);
  gint64 shape[AX_MAX_DIMS];
  for (int d = 0; d < p->t.ndim; d++)
    shape[d] = p->t.shape[d];
  return ax_safetensors_writer_add_f32 (w, name, AX_DTYPE_F32, p->t.ndim, shape, data, error);
}

static gboolean
get (AxWeights *w, const char *prefix, const AxParameters *all, const AxParameter *p, float *array, GError **error)
{
  g_autofree char *name = g_strconcat (prefix, p->name, NULL);
  int i = ax_weights_find (w, name);
  if (i < 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s has no tensor %s: it belongs to another configuration", ax_weights_get_path (w),
                   name);
      return FALSE;
    }
  const AxTensorInfo *info = ax_weights_info (w, (guint) i);
  gboolean same = info->ndim == p->t.ndim;
  for (int d = 0; same && d < info->ndim; d++)
    same = info->shape[d] == p->t.shape[d];
  if (!same)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s: tensor %s has another shape than the configuration asks for",
                   ax_weights_get_path (w), name);
      return FALSE;
    }
  if (all->device->host)
    return ax_weights_read_f32 (w, (guint) i, array, p->t.n, error);
  g_autofree float *data = g_new (float, p->t.n);
  if (!ax_weights_read_f32 (w, (guint) i, data, p->t.n, error))
    return FALSE;
  all->device->upload (array, data, p->t.n * sizeof (float));
  return TRUE;
}

gboolean
ax_train_state_save (const char *path, AxParameters *const *sets, guint n_sets, gint64 step, double best, GError **error)
{
  g_autoptr (AxSafetensorsWriter) w = ax_safetensors_writer_new ();
  g_autoptr (GPtrArray) copies = g_ptr_array_new_with_free_func (g_free);
  char text[G_ASCII_DTOSTR_BUF_SIZE];
  g_autofree char *steps = g_strdup_printf ("%" G_GINT64_FORMAT, step);
  ax_safetensors_writer_set_metadata (w, "step", steps);
  ax_safetensors_writer_set_metadata (w, "best", g_ascii_dtostr (text, sizeof text, best));
  for (guint s = 0; s < n_sets; s++)
    for (guint i = 0; i < sets[s]->list->len; i++)
      {
        AxParameter *p = sets[s]->list->pdata[i];
        if (!add (w, "", sets[s], p, p->t.data, copies, error)
            || (p->m && (!add (w, "m.", sets[s], p, p->m, copies, error) || !add (w, "v.", sets[s], p, p->v, copies, error))))
          return FALSE;
      }
  for (guint s = 0; s < n_sets; s++)
    if (!ax_device_check (sets[s]->device, error))
      return FALSE;
  return ax_safetensors_writer_save (w, path, error);
}

gboolean
ax_train_state_load (const char *path, AxParameters *const *sets, guint n_sets, gint64 *step, double *best, GError **error)
{
  g_autoptr (AxWeights) w = ax_weights_open (path, error);
  if (w == NULL)
    return FALSE;
  const char *steps = ax_weights_get_metadata (w, "step"), *bests = ax_weights_get_metadata (w, "best");
  if (steps == NULL || bests == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s is not the state of a training run", path);
      return FALSE;
    }
  for (guint s = 0; s < n_sets; s++)
    {
      for (guint i = 0; i < sets[s]->list->len; i++)
        {
          AxParameter *p = sets[s]->list->pdata[i];
          if (!get (w, "", sets[s], p, p->t.data, error)
              || (p->m && (!get (w, "m.", sets[s], p, p->m, error) || !get (w, "v.", sets[s], p, p->v, error))))
            return FALSE;
        }
      if (!ax_device_check (sets[s]->device, error))
        return FALSE;
      sets[s]->generation++;
    }
  *step = g_ascii_strtoll (steps, NULL, 10);
  *best = g_ascii_strtod (bests, NULL);
  return TRUE;
}

gboolean
ax_parameters_save (const char *path, AxParameters *params, GError **error)
{
  g_autoptr (AxSafetensorsWriter) w = ax_safetensors_writer_new ();
  g_autoptr (GPtrArray) copies = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < params->list->len; i++)
    {
      AxParameter *p = params->list->pdata[i];
      if (!add (w, "", params, p, p->t.data, copies, error))
        return FALSE;
    }
  return ax_device_check (params->device, error) && ax_safetensors_writer_save (w, path, error);
}

gboolean
ax_parameters_load (const char *path, AxParameters *params, GError **error)
{
  g_autoptr (AxWeights) w = ax_weights_open (path, error);
  if (w == NULL)
    return FALSE;
  for (guint i = 0; i < params->list->len; i++)
    {
      AxParameter *p = params->list->pdata[i];
      if (!get (w, "", params, p, p->t.data, error))
        return FALSE;
    }
  params->generation++;
  return ax_device_check (params->device, error);
}
