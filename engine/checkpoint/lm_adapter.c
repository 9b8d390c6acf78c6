/* Adapters as AxLmWeights: PEFT folders, lm.pt, our own files. */
#include "engine/checkpoint/lm_adapter.h"

#include <math.h>
#include <string.h>

#include "engine/checkpoint/json_read.h"
#include "engine/checkpoint/lm_weights-private.h"
#include "engine/checkpoint/torch_file.h"
#include "engine/checkpoint/weights-private.h"

#define PUBLISHED_ALPHA 16 /* spec 6.4 */

static gboolean
bad(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

static gboolean
bad(GError **error, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  g_autofree char *what = g_strdup_vprintf(format, args);
  va_end(args);
  g_set_error_literal(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISMATCH, what);
  return FALSE;
}

static const AxTensorInfo *
find_info(const AxTensorInfo *const *infos, guint n, const char *name)
{
  for (guint i = 0; i < n; i++)
    if (strcmp(infos[i]->name, name) == 0)
      return infos[i];
  return NULL;
}

/* Linear(in, hidden), LayerNorm(hidden), Linear(hidden, width), all six tensors (spec 6.3). */
static gboolean
check_head(const AxTensorInfo *const *infos, guint n, const char *head, GError **error)
{
  static const char *const tails[] = { "0.weight", "0.bias", "2.weight", "2.bias", "3.weight", "3.bias" };
  const AxTensorInfo *t[6];
  for (guint i = 0; i < 6; i++) {
    g_autofree char *name = g_strconcat(head, ".proj.", tails[i], NULL);
    t[i] = find_info(infos, n, name);
    if (t[i] == NULL)
      return bad(error, "the adapter lacks %s", name);
    if (t[i]->ndim != (i % 2 == 0 && i != 2 ? 2 : 1))
      return bad(error, "%s has %d dimensions", name, t[i]->ndim);
  }
  const gint64 hidden = t[0]->shape[0];
  if (t[1]->shape[0] != hidden || t[2]->shape[0] != hidden || t[3]->shape[0] != hidden || t[4]->shape[1] != hidden
      || t[5]->shape[0] != t[4]->shape[0])
    return bad(error, "the shapes of %s do not fit each other", head);
  return TRUE;
}

static gboolean
check_lora(const AxTensorInfo *info, const char *tail, guint *in_layer, AxLmAdapterInfo *out, GError **error)
{
  const gboolean a = strstr(tail, ".lora_A.") != NULL;
  if (!a && strstr(tail, ".lora_B.") == NULL)
    return bad(error, "%s is no part of an adapter", info->name);
  if (info->ndim != 2)
    return bad(error, "%s has %d dimensions", info->name, info->ndim);
  const gint64 rank = a ? info->shape[0] : info->shape[1];
  if (rank < 1 || rank > 4096 || (out->rank != 0 && rank != out->rank))
    return bad(error, "%s has rank %" G_GINT64_FORMAT ", others have %d", info->name, rank, out->rank);
  out->rank = (int) rank;
  out->lora++;
  (*in_layer)++;
  return TRUE;
}

gboolean
ax_lm_adapter_check(const AxTensorInfo *const *infos, guint n, AxLmAdapterInfo *out, GError **error)
{
  guint per_layer[AX_LM_MAX_LAYERS] = { 0 };
  const AxTensorInfo *vocabulary = NULL, *added = NULL;
  memset(out, 0, sizeof *out);
  for (guint i = 0; i < n; i++) {
    const AxTensorInfo *info = infos[i];
    const char *tail;
    const int layer = ax_lm_name_layer(info->name, &tail);
    if (layer >= 0) {
      if (!check_lora(info, tail, &per_layer[layer], out, error))
        return FALSE;
    } else if (strstr(info->name, "_projectionhead.proj.") != NULL) {
      out->heads++;
    } else if (strcmp(info->name, "embed_tokens.weight") == 0 || strcmp(info->name, "lm_head.weight") == 0) {
      out->vocabulary++;
      if (info->ndim != 2 || (vocabulary != NULL && memcmp(vocabulary->shape, info->shape, sizeof(gint64[2])) != 0))
        return bad(error, "embed_tokens and lm_head are no matrices of the same shape");
      vocabulary = info;
    } else if (g_str_has_prefix(info->name, "added_")) {
      out->added++;
      if (info->ndim != 2 || (added != NULL && memcmp(added->shape, info->shape, sizeof(gint64[2])) != 0))
        return bad(error, "added_tokens and added_head are no matrices of the same shape");
      added = info;
    } else {
      return bad(error, "%s is no part of an adapter", info->name);
    }
  }
  for (int l = 0; l < AX_LM_MAX_LAYERS; l++) {
    if (per_layer[l] != 0 && per_layer[l] != 2 * AX_LM_N_PROJECTIONS)
      return bad(error, "layer %d has %u LoRA tensors, expected %d", l, per_layer[l], 2 * AX_LM_N_PROJECTIONS);
    out->lora_layers += per_layer[l] != 0;
  }
  if (out->heads > 0
      && (!check_head(infos, n, "image_projectionhead", error) || !check_head(infos, n, "obj_projectionhead", error)))
    return FALSE;
  if (n == 0 || (out->added > 0 && find_info(infos, n, "added_tokens.weight") == NULL))
    return bad(error, n == 0 ? "the adapter is empty" : "the adapter has added_head without added_tokens");
  return TRUE;
}

/* Checks what was gathered; alpha as found elsewhere. */
static AxLmWeights *
finish(AxLmWeights *self, double alpha, int added_first, GError **error)
{
  const guint n = ax_lm_weights_n(self);
  g_autofree const AxTensorInfo **infos = g_new(const AxTensorInfo *, n + 1);
  AxLmAdapterInfo info;
  for (guint i = 0; i < n; i++)
    infos[i] = ax_lm_weights_info(self, i);
  if (!ax_lm_adapter_check(infos, n, &info, error)) {
    g_prefix_error(error, "%s: ", ax_lm_weights_get_path(self));
    return NULL;
  }
  info.alpha = alpha;
  info.added_first = info.added > 0 ? added_first : 0;
  ax_lm_weights_set_adapter(self, &info);
  return ax_lm_weights_ref(self);
}

static gboolean
add_hf_names(AxLmWeights *self, AxWeights *weights, GError **error)
{
  for (guint i = 0; i < ax_weights_n(weights); i++) {
    const AxTensorInfo *info = ax_weights_info(weights, i);
    g_autofree char *canonical = NULL;
    const AxLmNameKind kind = ax_lm_name_from_hf(info->name, &canonical);
    if (kind == AX_LM_NAME_UNKNOWN)
      return bad(error, "%s: the tensor %.200s is no part of an adapter", ax_lm_weights_get_path(self), info->name);
    if (kind == AX_LM_NAME_TAKEN && !ax_lm_weights_add(self, canonical, weights, i, FALSE, -1, error))
      return FALSE;
  }
  return TRUE;
}

/* What would change the meaning of the weights and is not done here. */
static gboolean
peft_is_plain(JsonObject *config, GError **error)
{
  static const char *const flags[] = { "use_dora", "fan_in_fan_out", "lora_bias", "use_qalora", "use_bdlora" };
  static const char *const empty[] = { "rank_pattern", "alpha_pattern" };
  const char *type = ax_json_get_string(config, "peft_type", error);
  if (type == NULL)
    return FALSE;
  if (strcmp(type, "LORA") != 0)
    return bad(error, "\"peft_type\" is %.40s; only LORA is read", type);
  for (guint i = 0; i < G_N_ELEMENTS(flags); i++) {
    gboolean set = FALSE;
    JsonNode *node = json_object_get_member(config, flags[i]);
    if (node != NULL && !JSON_NODE_HOLDS_NULL(node) && !ax_json_get_boolean(config, flags[i], &set, error))
      return FALSE;
    if (set)
      return bad(error, "\"%s\" is set; this kind of adapter is not read", flags[i]);
  }
  for (guint i = 0; i < G_N_ELEMENTS(empty); i++) {
    JsonNode *node = json_object_get_member(config, empty[i]);
    if (node != NULL && JSON_NODE_HOLDS_OBJECT(node) && json_object_get_size(json_node_get_object(node)) > 0)
      return bad(error, "\"%s\" is not empty; adapters with several ranks are not read", empty[i]);
  }
  JsonNode *bias = json_object_get_member(config, "bias");
  if (bias != NULL && !JSON_NODE_HOLDS_NULL(bias)) {
    const char *kind = ax_json_get_string(config, "bias", error);
    if (kind == NULL || (strcmp(kind, "none") != 0 && !bad(error, "\"bias\" is not \"none\"")))
      return FALSE;
  }
  return TRUE;
}

static AxLmWeights *
open_peft(const char *dir, GError **error)
{
  g_autofree char *config_path = g_build_filename(dir, "adapter_config.json", NULL);
  g_autofree char *path = g_build_filename(dir, "adapter_model.safetensors", NULL);
  g_autoptr(JsonObject) config = ax_json_load_object(config_path, error);
  gint64 rank;
  double alpha;
  gboolean rooted = FALSE;
  if (config == NULL)
    return NULL;
  JsonNode *rslora = json_object_get_member(config, "use_rslora");
  if (!peft_is_plain(config, error) || !ax_json_get_int(config, "r", 1, 4096, &rank, error)
      || !ax_json_get_double(config, "lora_alpha", 0, 1e6, &alpha, error)
      || (rslora != NULL && !JSON_NODE_HOLDS_NULL(rslora) && !ax_json_get_boolean(config, "use_rslora", &rooted, error))) {
    g_prefix_error(error, "%s: ", config_path);
    return NULL;
  }
  g_autoptr(AxLmWeights) self = ax_lm_weights_new(AX_LM_SOURCE_PEFT, dir);
  g_autoptr(AxWeights) weights = ax_weights_open(path, error);
  if (weights == NULL || !add_hf_names(self, weights, error))
    return NULL;
  /* rsLoRA scales by alpha / sqrt(r). */
  g_autoptr(AxLmWeights) done = finish(self, rooted ? alpha * sqrt((double) rank) : alpha, 0, error);
  if (done != NULL && ax_lm_weights_get_adapter(done)->lora > 0 && ax_lm_weights_get_adapter(done)->rank != rank) {
    bad(error, "%s: \"r\" is %" G_GINT64_FORMAT ", the tensors have rank %d", config_path, rank, ax_lm_weights_get_adapter(done)->rank);
    return NULL;
  }
  return g_steal_pointer(&done);
}

AxWeights *
ax_lm_checkpoint_open(const char *path, AxLmCheckpointCounts *counts, GError **error)
{
  g_autoptr(AxTorchFile) file = ax_torch_file_open(path, error);
  if (file == NULL)
    return NULL;
  const AxValue *lm = ax_value_get(ax_torch_file_get_root(file), "LM");
  const AxValue *core = lm != NULL ? ax_value_get(lm, "core_model") : NULL, *wrapper = lm != NULL ? ax_value_get(lm, "wrapper") : NULL;
  if (core == NULL || wrapper == NULL) {
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISMATCH, "%s has no LM.core_model and LM.wrapper (spec 6.5)", path);
    return NULL;
  }
  g_autoptr(AxWeights) weights = ax_torch_file_collect(file, core, error);
  g_autoptr(AxWeights) heads = weights != NULL ? ax_torch_file_collect(file, wrapper, error) : NULL;
  if (heads == NULL)
    return NULL;
  memset(counts, 0, sizeof *counts);
  for (guint i = 0; i < ax_weights_n(weights); i++) {
    const char *name = ax_weights_info(weights, i)->name;
    if (strstr(name, ".lora_A.") != NULL || strstr(name, ".lora_B.") != NULL)
      counts->lora++;
    else if (strstr(name, "embed_tokens.") != NULL || strstr(name, "lm_head.") != NULL)
      counts->vocabulary++;
    else
      counts->other++;
  }
  counts->heads = ax_weights_n(heads);
  counts->layers = counts->lora / 14;
  for (guint i = 0; i < ax_weights_n(heads); i++)
    if (!ax_weights_add(weights, ax_weights_entry(heads, i)))
      counts->other++;
  if (counts->heads != 12 || counts->other != 0 || counts->lora % 14 != 0
      || (counts->vocabulary != 0 && counts->vocabulary != 2 && counts->vocabulary != 4)) {
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISMATCH,
                "%s holds %u projection tensors (expected 12), %u LoRA tensors (14 a layer), %u vocabulary tensors (0, 2 or 4) and %u others",
                path, counts->heads, counts->lora, counts->vocabulary, counts->other);
    return NULL;
  }
  return g_steal_pointer(&weights);
}

static AxLmWeights *
open_lm_pt(const char *path, double alpha, GError **error)
{
  AxLmCheckpointCounts counts;
  g_autoptr(AxWeights) weights = ax_lm_checkpoint_open(path, &counts, error);
  g_autoptr(AxLmWeights) self = ax_lm_weights_new(AX_LM_SOURCE_LM_PT, path);
  if (weights == NULL || !add_hf_names(self, weights, error))
    return NULL;
  return finish(self, alpha > 0 ? alpha : PUBLISHED_ALPHA, 0, error);
}

/* A figure of the metadata. */
static gboolean
metadata_number(const AxWeights *weights, const char *key, double *value, GError **error)
{
  const char *text = ax_weights_get_metadata(weights, key);
  char *end = NULL;
  *value = text != NULL ? g_ascii_strtod(text, &end) : 0;
  if (text == NULL || end == text || *end != 0 || !(*value >= 0 && *value <= 1e9))
    return bad(error, "%s: the metadata hold no sensible \"%s\"", ax_weights_get_path(weights), key);
  return TRUE;
}

static AxLmWeights *
open_own(AxWeights *weights, const char *path, GError **error)
{
  double version, rank, alpha, added_first;
  if (!metadata_number(weights, "version", &version, error) || !metadata_number(weights, "rank", &rank, error)
      || !metadata_number(weights, "alpha", &alpha, error) || !metadata_number(weights, "added_first", &added_first, error))
    return NULL;
  if (version != 1) {
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_UNSUPPORTED, "%s is of version %g, this program reads version 1", path, version);
    return NULL;
  }
  g_autoptr(AxLmWeights) self = ax_lm_weights_new(AX_LM_SOURCE_ADAPTER, path);
  for (guint i = 0; i < ax_weights_n(weights); i++) {
    const AxTensorInfo *info = ax_weights_info(weights, i);
    g_autofree char *canonical = NULL, *scale_name = g_strconcat(info->name, ".scale", NULL);
    if (g_str_has_suffix(info->name, ".scale"))
      continue;
    if (ax_lm_name_from_hf(info->name, &canonical) != AX_LM_NAME_TAKEN || strcmp(canonical, info->name) != 0) {
      bad(error, "%s: the tensor %.200s is no part of an adapter", path, info->name);
      return NULL;
    }
    int scale = -1;
    if (info->dtype == AX_DTYPE_I8) {
      scale = ax_weights_find(weights, scale_name);
      const AxTensorInfo *s = scale >= 0 ? ax_weights_info(weights, (guint) scale) : NULL;
      if (s == NULL || info->ndim != 2 || s->ndim != 2 || s->shape[0] != info->shape[0] || s->shape[1] != (info->shape[1] + 31) / 32) {
        bad(error, "%s: %.200s has no scales that fit it", path, info->name);
        return NULL;
      }
    }
    if (!ax_lm_weights_add(self, canonical, weights, i, FALSE, scale, error))
      return NULL;
  }
  g_autoptr(AxLmWeights) done = finish(self, alpha, (int) added_first, error);
  if (done != NULL && ax_lm_weights_get_adapter(done)->rank != (int) rank) {
    bad(error, "%s: the metadata say rank %g, the tensors have %d", path, rank, ax_lm_weights_get_adapter(done)->rank);
    return NULL;
  }
  return g_steal_pointer(&done);
}

AxLmWeights *
ax_lm_adapter_open(const char *path, double alpha, GError **error)
{
  if (g_file_test(path, G_FILE_TEST_IS_DIR))
    return open_peft(path, error);
  g_autoptr(AxWeights) weights = ax_weights_open(path, error);
  if (weights == NULL)
    return NULL;
  if (ax_weights_get_format(weights) == AX_WEIGHTS_FORMAT_TORCH_ZIP)
    return open_lm_pt(path, alpha, error);
  if (g_strcmp0(ax_weights_get_metadata(weights, "format"), AX_LM_ADAPTER_FORMAT) == 0)
    return open_own(weights, path, error);
  g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_UNSUPPORTED,
              "%s is no adapter: expected lm.pt, a folder with adapter_config.json, or our own adapter file", path);
  return NULL;
}
