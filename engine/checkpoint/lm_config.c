#include "engine/checkpoint/lm_config.h"

#include <math.h>
#include <string.h>

#include "kernels/kernels.h"

/* The released sizes. Every Gemma 3 has local theta 10,000, global theta 1,000,000, five sliding layers before a global one and RMS norms
 * of 1e-6; sizes from 4B on scale the global positions by 8. */
static const struct {
  const char *name;
  AxLmConfig config;
} table[] = {
  { "270m", { .layers = 18, .width = 640, .heads = 4, .kv_heads = 1, .head_dim = 256, .ffn = 2048, .vocab = 262144, .window = 512,
              .global_every = 6, .context = 32768, .theta_local = 1e4, .theta_global = 1e6, .rope_factor = 1, .query_scale = 1.0 / 16,
              .eps = 1e-6, .tied = TRUE } },
  { "1b", { .layers = 26, .width = 1152, .heads = 4, .kv_heads = 1, .head_dim = 256, .ffn = 6912, .vocab = 262144, .window = 512,
            .global_every = 6, .context = 32768, .theta_local = 1e4, .theta_global = 1e6, .rope_factor = 1, .query_scale = 1.0 / 16,
            .eps = 1e-6, .tied = TRUE } },
  { "4b", { .layers = 34, .width = 2560, .heads = 8, .kv_heads = 4, .head_dim = 256, .ffn = 10240, .vocab = 262208, .window = 1024,
            .global_every = 6, .context = 131072, .theta_local = 1e4, .theta_global = 1e6, .rope_factor = 8, .query_scale = 1.0 / 16,
            .eps = 1e-6, .tied = TRUE } },
};

gboolean
ax_lm_config_named(const char *name, AxLmConfig *config)
{
  for (guint i = 0; i < G_N_ELEMENTS(table); i++)
    if (strcmp(name, table[i].name) == 0) {
      *config = table[i].config;
      config->embed_scale = ax_lm_embed_scale(config->width, AX_DTYPE_BF16, FALSE);
      return TRUE;
    }
  return FALSE;
}

double
ax_lm_embed_scale(int width, AxDtype dtype, gboolean gguf)
{
  const float scale = (float) sqrt((double) width);
  guint16 half;
  float rounded = scale;
  if (!gguf && dtype == AX_DTYPE_BF16) {
    ax_f32_to_bf16(1, &scale, &half);
    ax_bf16_to_f32(1, &half, &rounded);
  } else if (!gguf && dtype == AX_DTYPE_F16) {
    ax_f32_to_f16(1, &scale, &half);
    ax_f16_to_f32(1, &half, &rounded);
  }
  return rounded;
}

gboolean
ax_lm_config_check(const AxLmConfig *c, GError **error)
{
  const char *problem = NULL;
  if (c->layers < 1 || c->layers > AX_LM_MAX_LAYERS)
    problem = "the number of layers";
  else if (c->width < 2 || c->width > 65536)
    problem = "the width";
  else if (c->heads < 1 || c->heads > 1024 || c->kv_heads < 1 || c->heads % c->kv_heads != 0)
    problem = "the number of heads";
  else if (c->head_dim < 2 || c->head_dim > 4096 || c->head_dim % 2 != 0)
    problem = "the size of a head";
  else if (c->ffn < 1 || c->ffn > 1 << 20)
    problem = "the feed-forward size";
  else if (c->vocab < 1 || c->vocab > 1 << 22)
    problem = "the size of the vocabulary";
  else if (c->window < 1 || c->context < 1 || c->global_every < 1 || c->global_every > AX_LM_MAX_LAYERS)
    problem = "the sliding window";
  else if (!(c->theta_local > 1 && c->theta_local < 1e12 && c->theta_global > 1 && c->theta_global < 1e12 && c->rope_factor >= 1
             && c->rope_factor <= 1024))
    problem = "the rotary embedding";
  else if (!(c->query_scale > 1e-6 && c->query_scale < 1e3 && c->eps > 0 && c->eps < 0.1))
    problem = "a scale or epsilon";
  if (problem == NULL)
    return TRUE;
  g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISMATCH, "%s of the language model makes no sense", problem);
  return FALSE;
}

static gboolean
unsupported(GError **error, const char *what)
{
  g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_UNSUPPORTED, "%s", what);
  return FALSE;
}

static gboolean
is_absent(JsonObject *o, const char *key)
{
  JsonNode *node = json_object_get_member(o, key);
  return node == NULL || JSON_NODE_HOLDS_NULL(node);
}

/* The member, or what it is when the file leaves it out. */
static gboolean
int_or(JsonObject *o, const char *key, int absent, int *value, GError **error)
{
  gint64 got = absent;
  if (!is_absent(o, key) && !ax_json_get_int(o, key, 0, G_MAXINT, &got, error))
    return FALSE;
  *value = (int) got;
  return TRUE;
}

static gboolean
double_or(JsonObject *o, const char *key, double absent, double *value, GError **error)
{
  *value = absent;
  return is_absent(o, key) || ax_json_get_double(o, key, 0, 1e15, value, error);
}

/* {"rope_type": "linear" or "default", "factor": f} or null. */
static gboolean
rope_scaling(JsonObject *rope, double *factor, GError **error)
{
  *factor = 1;
  if (is_absent(rope, "rope_type"))
    return unsupported(error, "\"rope_scaling\" without a \"rope_type\"");
  const char *type = ax_json_get_string(rope, "rope_type", error);
  if (type == NULL)
    return FALSE;
  if (strcmp(type, "default") == 0)
    return TRUE;
  return strcmp(type, "linear") == 0 ? ax_json_get_double(rope, "factor", 1, 1024, factor, error)
                                     : unsupported(error, "a scaling of the rotary embedding that is not linear");
}

/* transformers 5 gathers theta and scaling by kind of layer. */
static gboolean
rope_parameters(JsonObject *o, AxLmConfig *c, GError **error)
{
  JsonObject *all = ax_json_get_object(o, "rope_parameters", error);
  JsonObject *full = all != NULL ? ax_json_get_object(all, "full_attention", error) : NULL;
  JsonObject *sliding = full != NULL ? ax_json_get_object(all, "sliding_attention", error) : NULL;
  double none;
  if (sliding == NULL || !double_or(full, "rope_theta", 1e6, &c->theta_global, error) || !rope_scaling(full, &c->rope_factor, error)
      || !double_or(sliding, "rope_theta", 1e4, &c->theta_local, error) || !rope_scaling(sliding, &none, error))
    return FALSE;
  return none == 1 || unsupported(error, "a scaled rotary embedding in the sliding layers");
}

static gboolean
rope(JsonObject *o, AxLmConfig *c, GError **error)
{
  if (!is_absent(o, "rope_parameters"))
    return rope_parameters(o, c, error);
  c->rope_factor = 1;
  if (!double_or(o, "rope_theta", 1e6, &c->theta_global, error) || !double_or(o, "rope_local_base_freq", 1e4, &c->theta_local, error))
    return FALSE;
  if (is_absent(o, "rope_scaling"))
    return TRUE;
  JsonObject *scaling = ax_json_get_object(o, "rope_scaling", error);
  return scaling != NULL && rope_scaling(scaling, &c->rope_factor, error);
}

/* The pattern of sliding and global layers: by name of each layer, or every n-th. */
static gboolean
layer_types(JsonObject *o, AxLmConfig *c, GError **error)
{
  if (!int_or(o, "sliding_window_pattern", 6, &c->global_every, error) || !int_or(o, "_sliding_window_pattern", c->global_every, &c->global_every, error))
    return FALSE;
  if (is_absent(o, "layer_types"))
    return TRUE;
  JsonArray *types = ax_json_get_array(o, "layer_types", error);
  if (types == NULL)
    return FALSE;
  if ((int) json_array_get_length(types) != c->layers || c->layers > AX_LM_MAX_LAYERS)
    return unsupported(error, "\"layer_types\" does not name each layer");
  /* The first global layer gives the distance, which all others have to keep. */
  int first = AX_LM_MAX_LAYERS;
  gboolean global[AX_LM_MAX_LAYERS];
  for (int i = 0; i < c->layers; i++) {
    JsonNode *node = json_array_get_element(types, (guint) i);
    const char *type = JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_STRING ? json_node_get_string(node) : "";
    global[i] = strcmp(type, "full_attention") == 0;
    if (!global[i] && strcmp(type, "sliding_attention") != 0)
      return unsupported(error, "\"layer_types\" holds something else than sliding_attention and full_attention");
    if (global[i])
      first = MIN(first, i + 1);
  }
  c->global_every = first;
  for (int i = 0; i < c->layers; i++)
    if (global[i] != ax_lm_config_is_global(c, i))
      return unsupported(error, "the global layers do not follow each other at equal distances");
  return TRUE;
}

gboolean
ax_lm_config_from_json(JsonObject *root, AxLmConfig *config, GError **error)
{
  AxLmConfig c = { 0 };
  double scalar, soft;
  gboolean tied = TRUE, bias = FALSE;
  const char *type = ax_json_get_string(root, "model_type", error);
  if (type == NULL)
    return FALSE;
  if (strcmp(type, "gemma3") != 0 && strcmp(type, "gemma3_text") != 0) {
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_UNSUPPORTED, "this is a model of type \"%.40s\"; only Gemma 3 is read", type);
    return FALSE;
  }
  JsonObject *o = root;
  if (strcmp(type, "gemma3") == 0) {
    o = ax_json_get_object(root, "text_config", error);
    if (o == NULL)
      return FALSE;
  }
  /* Absent members: the defaults of Gemma3TextConfig, which are those of 4B. */
  if (!int_or(o, "num_hidden_layers", 26, &c.layers, error) || !int_or(o, "hidden_size", 2304, &c.width, error)
      || !int_or(o, "num_attention_heads", 8, &c.heads, error) || !int_or(o, "num_key_value_heads", 4, &c.kv_heads, error)
      || !int_or(o, "head_dim", 256, &c.head_dim, error) || !int_or(o, "intermediate_size", 9216, &c.ffn, error)
      || !int_or(o, "vocab_size", 262208, &c.vocab, error) || !int_or(o, "sliding_window", 4096, &c.window, error)
      || !int_or(o, "max_position_embeddings", 131072, &c.context, error) || !double_or(o, "rms_norm_eps", 1e-6, &c.eps, error)
      || !double_or(o, "query_pre_attn_scalar", 256, &scalar, error) || !rope(o, &c, error) || !layer_types(o, &c, error))
    return FALSE;
  c.query_scale = 1 / sqrt(scalar);
  if ((!is_absent(o, "attention_bias") && !ax_json_get_boolean(o, "attention_bias", &bias, error))
      || !double_or(o, "attn_logit_softcapping", 0, &soft, error))
    return FALSE;
  if (bias)
    return unsupported(error, "attention with biases");
  if (soft == 0 && !double_or(o, "final_logit_softcapping", 0, &soft, error))
    return FALSE;
  if (soft != 0)
    return unsupported(error, "soft-capping, which Gemma 3 does not have");
  if (!is_absent(o, "hidden_activation")) {
    const char *activation = ax_json_get_string(o, "hidden_activation", error);
    if (activation == NULL)
      return FALSE;
    if (strcmp(activation, "gelu_pytorch_tanh") != 0)
      return unsupported(error, "an activation that is not gelu_pytorch_tanh");
  }
  JsonObject *where = is_absent(root, "tie_word_embeddings") ? o : root;
  if (!is_absent(where, "tie_word_embeddings") && !ax_json_get_boolean(where, "tie_word_embeddings", &tied, error))
    return FALSE;
  c.tied = tied;
  if (!ax_lm_config_check(&c, error))
    return FALSE;
  *config = c;
  return TRUE;
}

/* "gemma3.KEY" of a GGUF. */
static gboolean
gguf_int(const AxGguf *gguf, const char *key, int absent, int *value, GError **error)
{
  g_autofree char *full = g_strconcat("gemma3.", key, NULL);
  gint64 got = absent;
  if ((absent < 0 || ax_gguf_has(gguf, full)) && !ax_gguf_get_int(gguf, full, 1, G_MAXINT, &got, error))
    return FALSE;
  *value = (int) got;
  return TRUE;
}

static gboolean
gguf_double(const AxGguf *gguf, const char *key, double absent, double *value, GError **error)
{
  g_autofree char *full = g_strconcat("gemma3.", key, NULL);
  *value = absent;
  return !ax_gguf_has(gguf, full) || ax_gguf_get_double(gguf, full, value, error);
}

gboolean
ax_lm_config_from_gguf(const AxGguf *gguf, AxLmConfig *config, GError **error)
{
  AxLmConfig c = { .global_every = 6, .theta_local = 1e4, .rope_factor = 1, .tied = TRUE };
  int value_length;
  const char *architecture = ax_gguf_get_string(gguf, "general.architecture", error);
  if (architecture == NULL)
    return FALSE;
  if (strcmp(architecture, "gemma3") != 0) {
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_UNSUPPORTED, "%s: this is a model of architecture \"%.40s\"; only gemma3 is read",
                ax_gguf_get_path(gguf), architecture);
    return FALSE;
  }
  if (!gguf_int(gguf, "block_count", -1, &c.layers, error) || !gguf_int(gguf, "embedding_length", -1, &c.width, error)
      || !gguf_int(gguf, "attention.head_count", -1, &c.heads, error) || !gguf_int(gguf, "attention.head_count_kv", c.heads, &c.kv_heads, error)
      || !gguf_int(gguf, "attention.key_length", 256, &c.head_dim, error)
      || !gguf_int(gguf, "attention.value_length", c.head_dim, &value_length, error)
      || !gguf_int(gguf, "feed_forward_length", -1, &c.ffn, error) || !gguf_int(gguf, "attention.sliding_window", -1, &c.window, error)
      || !gguf_int(gguf, "attention.sliding_window_pattern", c.global_every, &c.global_every, error)
      || !gguf_int(gguf, "context_length", 131072, &c.context, error)
      || !gguf_double(gguf, "attention.layer_norm_rms_epsilon", 1e-6, &c.eps, error)
      || !gguf_double(gguf, "rope.freq_base", 1e6, &c.theta_global, error)
      || !gguf_double(gguf, "rope.freq_base_swa", c.theta_local, &c.theta_local, error))
    return FALSE;
  if (value_length != c.head_dim)
    return unsupported(error, "keys and values of different size");
  if (ax_gguf_has(gguf, "gemma3.rope.scaling.type")) {
    const char *type = ax_gguf_get_string(gguf, "gemma3.rope.scaling.type", error);
    if (type == NULL)
      return FALSE;
    if (strcmp(type, "linear") == 0) {
      if (!gguf_double(gguf, "rope.scaling.factor", 1, &c.rope_factor, error))
        return FALSE;
    } else if (strcmp(type, "none") != 0) {
      return unsupported(error, "a scaling of the rotary embedding that is not linear");
    }
  }
  /* float32 keeps 1e-6 as 9.9999999747e-07: the double that config.json means. */
  c.eps = g_ascii_strtod(g_ascii_formatd((char[32]) { 0 }, 32, "%.6g", c.eps), NULL);
  /* 27B alone divides by the square root of width / heads (168), not of head_dim. */
  c.query_scale = 1 / sqrt(c.layers == 62 ? (double) c.width / c.heads : (double) c.head_dim);
  AxGgufArray tokens;
  const int i = ax_weights_find(ax_gguf_get_tensors(gguf), "token_embd.weight");
  if (i >= 0)
    c.vocab = (int) MIN(ax_weights_info(ax_gguf_get_tensors(gguf), (guint) i)->shape[0], G_MAXINT);
  else if (ax_gguf_get_array(gguf, "tokenizer.ggml.tokens", AX_GGUF_STRING, &tokens, error))
    c.vocab = (int) MIN(tokens.n, G_MAXINT);
  else
    return FALSE;
  if (!ax_lm_config_check(&c, error))
    return FALSE;
  c.embed_scale = ax_lm_embed_scale(c.width, AX_DTYPE_F32, TRUE);
  *config = c;
  return TRUE;
}
