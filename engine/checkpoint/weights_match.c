/* Comparing a weight file with the tensors that a model expects. */
#include <string.h>

#include "engine/checkpoint/weights.h"

AxTensorMatch *
ax_weights_match(const AxWeights *self, const AxTensorSpec *expected, guint n_expected)
{
  AxTensorMatch *match = g_new(AxTensorMatch, 1);
  match->missing = g_ptr_array_new_with_free_func(g_free);
  match->unexpected = g_ptr_array_new_with_free_func(g_free);
  match->mismatched = g_ptr_array_new_with_free_func(g_free);
  g_autoptr(GHashTable) known = g_hash_table_new(g_str_hash, g_str_equal);
  for (guint e = 0; e < n_expected; e++) {
    const AxTensorSpec *spec = &expected[e];
    g_hash_table_add(known, (char *) spec->name);
    const int i = ax_weights_find(self, spec->name);
    if (i < 0) {
      g_ptr_array_add(match->missing, g_strdup(spec->name));
      continue;
    }
    const AxTensorInfo *info = ax_weights_info(self, (guint) i);
    if (info->ndim != spec->ndim || memcmp(info->shape, spec->shape, (gsize) spec->ndim * sizeof(gint64)) != 0) {
      g_autofree char *has = ax_tensor_shape_string(info->ndim, info->shape);
      g_autofree char *wanted = ax_tensor_shape_string(spec->ndim, spec->shape);
      g_ptr_array_add(match->mismatched, g_strdup_printf("%s: has %s, expected %s", spec->name, has, wanted));
    }
  }
  for (guint i = 0; i < ax_weights_n(self); i++)
    if (!g_hash_table_contains(known, ax_weights_info(self, i)->name))
      g_ptr_array_add(match->unexpected, g_strdup(ax_weights_info(self, i)->name));
  return match;
}

void
ax_tensor_match_free(AxTensorMatch *self)
{
  g_ptr_array_unref(self->missing);
  g_ptr_array_unref(self->unexpected);
  g_ptr_array_unref(self->mismatched);
  g_free(self);
}

static void
append_some(GString *text, const char *what, const GPtrArray *names)
{
  if (names->len == 0)
    return;
  g_string_append_printf(text, "%s%u %s (", text->len > 0 ? "; " : "", names->len, what);
  for (guint i = 0; i < MIN(names->len, 3u); i++)
    g_string_append_printf(text, "%s%s", i > 0 ? ", " : "", (const char *) names->pdata[i]);
  g_string_append(text, names->len > 3 ? ", ...)" : ")");
}

gboolean
ax_tensor_match_check(const AxTensorMatch *self, gboolean allow_unexpected, GError **error)
{
  if (self->missing->len == 0 && self->mismatched->len == 0 && (allow_unexpected || self->unexpected->len == 0))
    return TRUE;
  g_autoptr(GString) text = g_string_new(NULL);
  append_some(text, "tensors are missing", self->missing);
  append_some(text, "tensors have the wrong shape", self->mismatched);
  if (!allow_unexpected)
    append_some(text, "tensors are not known to the model", self->unexpected);
  g_set_error(error, AX_CHECKPOINT_ERROR, self->missing->len > 0 ? AX_CHECKPOINT_ERROR_MISSING : AX_CHECKPOINT_ERROR_MISMATCH,
              "The weights do not fit the model: %s", text->str);
  return FALSE;
}
