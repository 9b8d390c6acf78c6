#include "engine/checkpoint/apm_checkpoint.h"

#include <string.h>

#include "engine/checkpoint/weights-private.h"

#define VISION "vis_model."
#define TEXT "text_model."
#define DDP "module."

static gboolean
has_prefix(const AxWeights *weights, const char *prefix)
{
  for (guint i = 0; i < ax_weights_n(weights); i++)
    if (g_str_has_prefix(ax_weights_info(weights, i)->name, prefix))
      return TRUE;
  return FALSE;
}

/* Configuration figures that no tensor shape tells travel as metadata. */
static void
note_arguments(const AxValue *root, AxWeights *weights)
{
  const AxValue *epoch = ax_value_get(root, "epoch"), *args = ax_value_get(root, "args");
  const AxValue *model = args != NULL ? ax_value_get(args, "model") : NULL;
  const AxValue *heads = model != NULL ? ax_value_get(model, "nheads") : NULL;
  char number[32];
  if (epoch != NULL && ax_value_get_kind(epoch) == AX_VALUE_INT) {
    g_snprintf(number, sizeof number, "%" G_GINT64_FORMAT, ax_value_get_int(epoch));
    ax_weights_set_metadata(weights, "epoch", number);
  }
  if (heads != NULL && ax_value_get_kind(heads) == AX_VALUE_INT) {
    g_snprintf(number, sizeof number, "%" G_GINT64_FORMAT, ax_value_get_int(heads));
    ax_weights_set_metadata(weights, "heads", number);
  }
}

static AxWeights *
open_torch(const char *path, GError **error)
{
  g_autoptr(AxTorchFile) file = ax_torch_file_open(path, error);
  if (file == NULL)
    return NULL;
  const AxValue *root = ax_torch_file_get_root(file), *model = ax_value_get(root, "model");
  AxWeights *weights = ax_torch_file_collect(file, model != NULL && ax_value_get_kind(model) == AX_VALUE_DICT ? model : root, error);
  if (weights != NULL)
    note_arguments(root, weights);
  return weights;
}

AxWeights *
ax_apm_checkpoint_open(const char *path, GError **error)
{
  g_autoptr(GBytes) bytes = ax_map_file(path, error);
  g_autoptr(AxWeights) weights = NULL;
  if (bytes != NULL)
    weights = ax_bytes_are_zip(bytes) ? open_torch(path, error) : ax_weights_open_bytes(bytes, path, error);
  if (weights == NULL)
    return NULL;
  if (!has_prefix(weights, VISION) && has_prefix(weights, DDP VISION)) {
    AxWeights *view = ax_weights_view_prefix(weights, DDP);
    ax_weights_unref(weights);
    weights = view;
  }
  if (!has_prefix(weights, VISION)) {
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISMATCH,
                "%s is no checkpoint of the Anatomy Perception Module: no tensor name begins with " VISION, path);
    return NULL;
  }
  return g_steal_pointer(&weights);
}

/* Dimension d of a tensor, or 0. */
static int
dimension(const AxWeights *weights, const char *name, int d)
{
  const int i = ax_weights_find(weights, name);
  const AxTensorInfo *info = i >= 0 ? ax_weights_info(weights, (guint) i) : NULL;
  return info != NULL && d < info->ndim && info->shape[d] <= G_MAXINT32 ? (int) info->shape[d] : 0;
}

/* Number of consecutive tensors that the format gives for 0, 1, 2, ... */
static int
count(const AxWeights *weights, const char *before, const char *after)
{
  for (int n = 0;; n++) {
    g_autofree char *name = g_strdup_printf("%s%d%s", before, n, after);
    if (ax_weights_find(weights, name) < 0)
      return n;
  }
}

gboolean
ax_apm_checkpoint_shape(const AxWeights *weights, AxApmCheckpointShape *shape, GError **error)
{
  static const struct {
    int depth, blocks[4];
    gboolean bottleneck;
  } known[] = { { 18, { 2, 2, 2, 2 }, FALSE }, { 34, { 3, 4, 6, 3 }, FALSE }, { 50, { 3, 4, 6, 3 }, TRUE } };
  const char *heads = ax_weights_get_metadata(weights, "heads"), *epoch = ax_weights_get_metadata(weights, "epoch");
  int blocks[4];
  memset(shape, 0, sizeof *shape);
  for (int layer = 0; layer < 4; layer++) {
    g_autofree char *before = g_strdup_printf(VISION "backbone.0.body.layer%d.", layer + 1);
    blocks[layer] = count(weights, before, ".conv1.weight");
  }
  const gboolean bottleneck = ax_weights_find(weights, VISION "backbone.0.body.layer1.0.conv3.weight") >= 0;
  for (guint k = 0; k < G_N_ELEMENTS(known); k++)
    if (memcmp(known[k].blocks, blocks, sizeof blocks) == 0 && known[k].bottleneck == bottleneck)
      shape->depth = known[k].depth;
  shape->n_objects = dimension(weights, VISION "query_embed.weight", 0);
  shape->hidden = dimension(weights, VISION "query_embed.weight", 1);
  shape->enc_layers = count(weights, VISION "transformer.encoder.layers.", ".linear1.weight");
  shape->dec_layers = count(weights, VISION "transformer.decoder.layers.", ".linear1.weight");
  shape->ffn = dimension(weights, VISION "transformer.encoder.layers.0.linear1.weight", 0);
  shape->proj_dim = dimension(weights, VISION "anat_obj_embs.linear.weight", 0);
  shape->n_labels = dimension(weights, VISION "image_class_embed.weight", 0);
  shape->text_hidden = dimension(weights, TEXT "project_head.proj.0.weight", 0);
  shape->text_dim = dimension(weights, TEXT "project_head.proj.0.weight", 1);
  shape->heads = heads != NULL ? (int) CLAMP(g_ascii_strtoll(heads, NULL, 10), 0, 1024) : 4;
  shape->epoch = epoch != NULL ? g_ascii_strtoll(epoch, NULL, 10) : -1;
  const char *missing = shape->depth == 0                                  ? "its backbone is no ResNet-18, 34 or 50"
                        : shape->n_objects == 0 || shape->hidden == 0      ? "query_embed.weight is missing"
                        : shape->enc_layers == 0 || shape->dec_layers == 0 ? "it has no transformer layers"
                        : shape->ffn == 0 || shape->proj_dim == 0 || shape->n_labels == 0 ? "a head is missing"
                                                                                         : NULL;
  if (missing == NULL)
    return TRUE;
  g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISMATCH, "%s is no Anatomy Perception Module: %s",
              ax_weights_get_path(weights), missing);
  return FALSE;
}

AxTensorMatch *
ax_apm_checkpoint_match(const AxWeights *weights, const AxTensorSpec *expected, guint n_expected)
{
  AxTensorMatch *match = ax_weights_match(weights, expected, n_expected);
  for (guint i = match->unexpected->len; i-- > 0;)
    if (g_str_has_prefix(match->unexpected->pdata[i], TEXT))
      g_ptr_array_remove_index(match->unexpected, i);
  return match;
}
