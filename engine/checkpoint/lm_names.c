#include <string.h>

#include "engine/checkpoint/lm_weights-private.h"

const char *const ax_lm_parts[AX_LM_N_PARTS] = {
  "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj",
  "input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm", "post_feedforward_layernorm", "self_attn.q_norm", "self_attn.k_norm",
};

/* The same in a GGUF. */
static const char *const gguf_parts[AX_LM_N_PARTS] = {
  "attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down",
  "attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm", "attn_q_norm", "attn_k_norm",
};

void
ax_lm_part_shape(const AxLmConfig *c, int part, gint64 *rows, gint64 *cols)
{
  const gint64 q = (gint64) c->heads * c->head_dim, kv = (gint64) c->kv_heads * c->head_dim;
  const gint64 shapes[AX_LM_N_PARTS][2] = {
    { q, c->width }, { kv, c->width }, { kv, c->width }, { c->width, q }, { c->ffn, c->width }, { c->ffn, c->width }, { c->width, c->ffn },
    { 1, c->width }, { 1, c->width }, { 1, c->width }, { 1, c->width }, { 1, c->head_dim }, { 1, c->head_dim },
  };
  *rows = shapes[part][0];
  *cols = shapes[part][1];
}

/* A number without leading zeros below AX_LM_MAX_LAYERS, followed by a dot: its value and what follows; -1 otherwise. */
static int
take_layer(const char **text)
{
  const char *p = *text;
  int n = 0, digits = 0;
  for (; g_ascii_isdigit(*p) && digits < 4; p++, digits++)
    n = n * 10 + (*p - '0');
  if (digits == 0 || digits > 3 || (digits > 1 && **text == '0') || *p != '.' || n >= AX_LM_MAX_LAYERS)
    return -1;
  *text = p + 1;
  return n;
}

int
ax_lm_name_layer(const char *canonical, const char **tail)
{
  *tail = NULL;
  if (!g_str_has_prefix(canonical, "layers."))
    return -1;
  const char *p = canonical + strlen("layers.");
  const int layer = take_layer(&p);
  if (layer >= 0)
    *tail = p;
  return layer;
}

/* What follows `word` where it begins a component of the dotted name; NULL if it does not. */
static const char *
after_component(const char *name, const char *word)
{
  for (const char *p = strstr(name, word); p != NULL; p = strstr(p + 1, word))
    if (p == name || p[-1] == '.')
      return p + strlen(word);
  return NULL;
}

/* "weight" or "{adapter name}.weight". */
static gboolean
is_weight_of_any(const char *tail)
{
  const char *dot = strchr(tail, '.');
  return strcmp(tail, "weight") == 0 || (dot != NULL && dot > tail && strcmp(dot, ".weight") == 0);
}

static AxLmNameKind
layer_name(const char *rest, char **canonical)
{
  const int layer = take_layer(&rest);
  if (layer < 0)
    return AX_LM_NAME_UNKNOWN;
  if (strstr(rest, "rotary_emb") != NULL)
    return AX_LM_NAME_IGNORED;
  for (int p = 0; p < AX_LM_N_PARTS; p++) {
    const gsize length = strlen(ax_lm_parts[p]);
    if (strncmp(rest, ax_lm_parts[p], length) != 0 || rest[length] != '.')
      continue;
    const char *tail = rest + length + 1, *kind = NULL;
    if (strcmp(tail, "weight") == 0)
      kind = "weight";
    else if (p < AX_LM_N_PROJECTIONS && g_str_has_prefix(tail, "lora_A.") && is_weight_of_any(tail + 7))
      kind = "lora_A.weight";
    else if (p < AX_LM_N_PROJECTIONS && g_str_has_prefix(tail, "lora_B.") && is_weight_of_any(tail + 7))
      kind = "lora_B.weight";
    if (kind == NULL)
      return AX_LM_NAME_UNKNOWN;
    *canonical = g_strdup_printf("layers.%d.%s.%s", layer, ax_lm_parts[p], kind);
    return AX_LM_NAME_TAKEN;
  }
  return AX_LM_NAME_UNKNOWN;
}

static AxLmNameKind
head_name(const char *head, const char *rest, char **canonical)
{
  static const char *const tails[] = { "0.weight", "0.bias", "2.weight", "2.bias", "3.weight", "3.bias" };
  for (guint t = 0; t < G_N_ELEMENTS(tails); t++)
    if (strcmp(rest, tails[t]) == 0) {
      *canonical = g_strconcat(head, rest, NULL);
      return AX_LM_NAME_TAKEN;
    }
  return AX_LM_NAME_UNKNOWN;
}

static AxLmNameKind
vocabulary_name(const char *canonical_name, const char *rest, char **canonical)
{
  if (g_str_has_prefix(rest, "original_module."))
    return AX_LM_NAME_IGNORED;
  if (g_str_has_prefix(rest, "modules_to_save."))
    rest += strlen("modules_to_save.");
  if (!is_weight_of_any(rest))
    return AX_LM_NAME_UNKNOWN;
  *canonical = g_strdup(canonical_name);
  return AX_LM_NAME_TAKEN;
}

AxLmNameKind
ax_lm_name_from_hf(const char *name, char **canonical)
{
  static const char *const heads[] = { "image_projectionhead.proj.", "obj_projectionhead.proj." };
  const char *rest;
  *canonical = NULL;
  if (after_component(name, "vision_tower.") != NULL || after_component(name, "vision_model.") != NULL
      || after_component(name, "multi_modal_projector.") != NULL)
    return AX_LM_NAME_IGNORED;
  rest = after_component(name, "layers.");
  if (rest != NULL)
    return layer_name(rest, canonical);
  for (guint h = 0; h < G_N_ELEMENTS(heads); h++) {
    rest = after_component(name, heads[h]);
    if (rest != NULL)
      return head_name(heads[h], rest, canonical);
  }
  rest = after_component(name, "embed_tokens.");
  if (rest != NULL)
    return vocabulary_name("embed_tokens.weight", rest, canonical);
  rest = after_component(name, "lm_head.");
  if (rest != NULL)
    return vocabulary_name("lm_head.weight", rest, canonical);
  if (after_component(name, "rotary_emb") != NULL)
    return AX_LM_NAME_IGNORED;
  if (strcmp(name, "added_tokens.weight") == 0 || strcmp(name, "added_head.weight") == 0) {
    *canonical = g_strdup(name);
    return AX_LM_NAME_TAKEN;
  }
  rest = after_component(name, "norm.");
  if (rest != NULL && strcmp(rest, "weight") == 0) {
    *canonical = g_strdup("norm.weight");
    return AX_LM_NAME_TAKEN;
  }
  return AX_LM_NAME_UNKNOWN;
}

AxLmNameKind
ax_lm_name_from_gguf(const char *name, char **canonical, gboolean *plus_one)
{
  *canonical = NULL;
  *plus_one = FALSE;
  if (strcmp(name, "token_embd.weight") == 0) {
    *canonical = g_strdup("embed_tokens.weight");
    return AX_LM_NAME_TAKEN;
  }
  if (strcmp(name, "output.weight") == 0) {
    *canonical = g_strdup("lm_head.weight");
    return AX_LM_NAME_TAKEN;
  }
  if (strcmp(name, "output_norm.weight") == 0) {
    *canonical = g_strdup("norm.weight");
    *plus_one = TRUE;
    return AX_LM_NAME_TAKEN;
  }
  if (!g_str_has_prefix(name, "blk."))
    return AX_LM_NAME_UNKNOWN;
  const char *rest = name + 4;
  const int layer = take_layer(&rest);
  const char *dot = strrchr(rest, '.');
  if (layer < 0 || dot == NULL || strcmp(dot, ".weight") != 0)
    return AX_LM_NAME_UNKNOWN;
  for (int p = 0; p < AX_LM_N_PARTS; p++)
    if (strlen(gguf_parts[p]) == (gsize) (dot - rest) && strncmp(rest, gguf_parts[p], (gsize) (dot - rest)) == 0) {
      *canonical = g_strdup_printf("layers.%d.%s.weight", layer, ax_lm_parts[p]);
      *plus_one = p >= AX_LM_N_PROJECTIONS;
      return AX_LM_NAME_TAKEN;
    }
  return AX_LM_NAME_UNKNOWN;
}
