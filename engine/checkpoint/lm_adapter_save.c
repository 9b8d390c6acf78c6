/* Writer of our own adapter files. */
#include <math.h>
#include <string.h>

#include "engine/checkpoint/lm_adapter.h"
#include "engine/checkpoint/lm_weights-private.h"
#include "engine/checkpoint/safetensors_writer.h"
#include "kernels/kernels.h"

#define GROUP 32

static gboolean
argument(GError **error, const char *name, const char *what)
{
  g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_ARGUMENT, "%s %s", name, what);
  return FALSE;
}

/* The scale of a group: the smallest bfloat16 that reaches its largest value with 127 steps. */
static guint16
group_scale(const float *x, gint64 n, float *scale)
{
  float largest = 0;
  guint16 bits;
  for (gint64 i = 0; i < n; i++)
    largest = fmaxf(largest, fabsf(x[i]));
  const float exact = largest / 127;
  ax_f32_to_bf16(1, &exact, &bits);
  ax_bf16_to_f32(1, &bits, scale);
  if (*scale < exact) {
    bits++; /* the next one: exact is positive and finite */
    ax_bf16_to_f32(1, &bits, scale);
  }
  return bits;
}

static gboolean
add_8bit(AxSafetensorsWriter *writer, const AxLmTensor *t, GError **error)
{
  const gint64 rows = t->shape[0], cols = t->shape[1], groups = (cols + GROUP - 1) / GROUP, scale_shape[2] = { rows, groups };
  gint8 *q = g_malloc((gsize) MAX(rows * cols, 1));
  guint16 *scales = g_new(guint16, (gsize) MAX(rows * groups, 1));
  g_autoptr(GBytes) values = g_bytes_new_take(q, (gsize) (rows * cols));
  g_autoptr(GBytes) factors = g_bytes_new_take(scales, (gsize) (rows * groups) * 2);
  g_autofree char *scale_name = g_strconcat(t->name, ".scale", NULL);
  for (gint64 r = 0; r < rows; r++)
    for (gint64 g = 0; g < groups; g++) {
      const gint64 first = r * cols + g * GROUP, n = MIN(GROUP, cols - g * GROUP);
      float scale;
      scales[r * groups + g] = group_scale(t->data + first, n, &scale);
      for (gint64 i = 0; i < n; i++)
        q[first + i] = scale > 0 ? (gint8) CLAMP(lrintf(t->data[first + i] / scale), -127, 127) : 0;
    }
  return ax_safetensors_writer_add_bytes(writer, t->name, AX_DTYPE_I8, 2, t->shape, values, error)
         && ax_safetensors_writer_add_bytes(writer, scale_name, AX_DTYPE_BF16, 2, scale_shape, factors, error);
}

static void
set_metadata(AxSafetensorsWriter *writer, const AxLmAdapterInfo *info)
{
  char alpha[G_ASCII_DTOSTR_BUF_SIZE];
  g_autofree char *rank = g_strdup_printf("%d", info->rank), *first = g_strdup_printf("%d", info->added_first);
  ax_safetensors_writer_set_metadata(writer, "format", AX_LM_ADAPTER_FORMAT);
  ax_safetensors_writer_set_metadata(writer, "version", "1");
  ax_safetensors_writer_set_metadata(writer, "rank", rank);
  ax_safetensors_writer_set_metadata(writer, "alpha", g_ascii_dtostr(alpha, sizeof alpha, info->alpha));
  ax_safetensors_writer_set_metadata(writer, "added_first", first);
}

gboolean
ax_lm_adapter_save(const char *path, const AxLmTensor *tensors, guint n, double alpha, int added_first, AxLmStore store, GError **error)
{
  static const AxDtype dtypes[] = { AX_DTYPE_F32, AX_DTYPE_F16, AX_DTYPE_BF16, AX_DTYPE_I8 };
  g_autofree AxTensorInfo *infos = g_new0(AxTensorInfo, n + 1);
  g_autofree const AxTensorInfo **list = g_new(const AxTensorInfo *, n + 1);
  g_autoptr(AxSafetensorsWriter) writer = ax_safetensors_writer_new();
  g_autoptr(GError) reason = NULL;
  AxLmAdapterInfo info;
  if (!(alpha >= 0 && alpha <= 1e6) || added_first < 0)
    return argument(error, "alpha or added_first", "makes no sense");
  for (guint i = 0; i < n; i++) {
    const AxLmTensor *t = &tensors[i];
    g_autofree char *canonical = NULL;
    if (ax_lm_name_from_hf(t->name, &canonical) != AX_LM_NAME_TAKEN || strcmp(canonical, t->name) != 0)
      return argument(error, t->name, "is no name of an adapter's tensor");
    if ((t->ndim != 1 && t->ndim != 2) || t->shape[0] < 1 || (t->ndim == 2 && t->shape[1] < 1))
      return argument(error, t->name, "is neither a vector nor a matrix");
    infos[i] = (AxTensorInfo) { .name = t->name, .ndim = t->ndim, .n_elements = t->shape[0] * (t->ndim == 2 ? t->shape[1] : 1) };
    memcpy(infos[i].shape, t->shape, sizeof t->shape);
    list[i] = &infos[i];
    const float limit = store == AX_LM_STORE_F16 && t->ndim == 2 ? 65504.0f : 3.3e38f;
    for (gint64 e = 0; e < infos[i].n_elements; e++)
      if (!(fabsf(t->data[e]) <= limit))
        return argument(error, t->name, "holds a value that is not finite or too large for its type");
  }
  if (!ax_lm_adapter_check(list, n, &info, &reason))
    return argument(error, "This adapter cannot be written:", reason->message);
  info.alpha = alpha;
  info.added_first = info.added > 0 ? added_first : 0;
  set_metadata(writer, &info);
  for (guint i = 0; i < n; i++) {
    const AxLmTensor *t = &tensors[i];
    const gboolean ok = t->ndim == 1 ? ax_safetensors_writer_add_f32(writer, t->name, AX_DTYPE_F32, 1, t->shape, t->data, error)
                        : store == AX_LM_STORE_8BIT ? add_8bit(writer, t, error)
                                                    : ax_safetensors_writer_add_f32(writer, t->name, dtypes[store], 2, t->shape, t->data, error);
    if (!ok)
      return FALSE;
  }
  return ax_safetensors_writer_save(writer, path, error);
}

gboolean
ax_lm_adapter_convert(const AxLmWeights *adapter, const char *path, GError **error)
{
  const AxLmAdapterInfo *info = ax_lm_weights_get_adapter(adapter);
  g_autoptr(AxSafetensorsWriter) writer = ax_safetensors_writer_new();
  if (info == NULL || ax_lm_weights_get_source(adapter) == AX_LM_SOURCE_ADAPTER || ax_lm_weights_get_source(adapter) == AX_LM_SOURCE_STACK)
    return argument(error, ax_lm_weights_get_path(adapter), "is no adapter of another format");
  set_metadata(writer, info);
  for (guint i = 0; i < ax_lm_weights_n(adapter); i++) {
    const AxTensorInfo *t = ax_lm_weights_info(adapter, i);
    g_autoptr(GBytes) bytes = NULL;
    if (t->dtype != AX_DTYPE_F32 && t->dtype != AX_DTYPE_F16 && t->dtype != AX_DTYPE_BF16)
      return argument(error, t->name, "is of no floating type");
    if (!ax_lm_weights_read_raw(adapter, i, &bytes, error)
        || !ax_safetensors_writer_add_bytes(writer, t->name, t->dtype, t->ndim, t->shape, bytes, error))
      return FALSE;
  }
  return ax_safetensors_writer_save(writer, path, error);
}
