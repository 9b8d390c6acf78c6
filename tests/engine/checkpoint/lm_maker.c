#include "tests/engine/checkpoint/lm_maker.h"

#include <string.h>

#include "engine/checkpoint/lm_weights-private.h"
#include "tests/engine/checkpoint/gguf_maker.h"
#include "tests/engine/checkpoint/reference.h"

AxLmWeights *
open_tiny_base(void)
{
  g_autofree char *path = reference_path("F_lm_tiny/base");
  if (path == NULL)
    return NULL;
  g_autoptr(GError) error = NULL;
  AxLmWeights *base = ax_lm_base_open(path, &error);
  g_assert_no_error(error);
  return base;
}

AxLmWeights *
open_reference_adapter(const char *name)
{
  g_autofree char *path = reference_path(name);
  if (path == NULL)
    return NULL;
  g_autoptr(GError) error = NULL;
  AxLmWeights *adapter = ax_lm_adapter_open(path, 0, &error);
  g_assert_no_error(error);
  return adapter;
}

float *
lm_values(AxLmWeights *weights, const char *name, gsize *n)
{
  g_autoptr(GError) error = NULL;
  const int i = ax_lm_weights_find(weights, name);
  if (i < 0)
    g_error("no tensor %s", name);
  *n = (gsize) ax_lm_weights_info(weights, (guint) i)->n_elements;
  float *values = g_new(float, *n + 1);
  g_assert_true(ax_lm_weights_read_f32(weights, (guint) i, values, &error));
  g_assert_no_error(error);
  return values;
}

void
assert_same_lm_tensor(AxLmWeights *a, AxLmWeights *b, const char *name)
{
  gsize n_a, n_b;
  g_autofree float *x = lm_values(a, name, &n_a), *y = lm_values(b, name, &n_b);
  if (n_a != n_b || memcmp(x, y, n_a * 4) != 0)
    g_error("%s differs", name);
}

char *
write_tiny_gguf(const char *dir, AxLmWeights *base, const char *spoil)
{
  static const char *const hf[] = { "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj",
                                    "mlp.down_proj", "input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm",
                                    "post_feedforward_layernorm", "self_attn.q_norm", "self_attn.k_norm" };
  static const char *const ours[] = { "attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down", "attn_norm", "post_attention_norm",
                                      "ffn_norm", "post_ffw_norm", "attn_q_norm", "attn_k_norm" };
  const AxLmConfig *c = ax_lm_weights_get_config(base);
  GgufMaker *maker = gguf_maker_new();
  gguf_maker_pair_string(maker, "general.architecture", g_strcmp0(spoil, "architecture") == 0 ? "llama" : "gemma3");
  AxLmConfig written = *c;
  written.width = g_strcmp0(spoil, "width") == 0 ? 129 : c->width;
  gguf_maker_gemma3(maker, &written);
  gguf_maker_pair_f32(maker, "gemma3.attention.layer_norm_rms_epsilon", 1e-6f);
  gguf_maker_pair_f32(maker, "gemma3.rope.freq_base", 1e6f);
  gguf_maker_pair_string(maker, "gemma3.rope.scaling.type", "linear");
  gguf_maker_pair_f32(maker, "gemma3.rope.scaling.factor", 8);
  for (guint i = 0; i < ax_lm_weights_n(base); i++) {
    const AxTensorInfo *info = ax_lm_weights_info(base, i);
    g_autofree char *name = NULL;
    const char *tail;
    const int layer = ax_lm_name_layer(info->name, &tail);
    if (layer < 0)
      name = g_strdup(info->name[0] == 'e' ? "token_embd.weight" : "output_norm.weight");
    for (guint p = 0; p < 13 && layer >= 0; p++)
      if (strncmp(tail, hf[p], strlen(hf[p])) == 0)
        name = g_strdup_printf("blk.%d.%s.weight", layer, ours[p]);
    if (g_strcmp0(spoil, "missing") == 0 && layer == 3)
      continue;
    if (info->ndim == 1) {
      gsize n;
      g_autofree float *w = lm_values(base, info->name, &n);
      for (gsize e = 0; e < n; e++)
        w[e] += 1;
      gguf_maker_tensor(maker, name, 0, 1, info->shape, w, n * 4);
    } else {
      g_autoptr(GError) error = NULL;
      g_autoptr(GBytes) raw = NULL;
      gsize size;
      g_assert_true(ax_lm_weights_read_raw(base, i, &raw, &error));
      const void *data = g_bytes_get_data(raw, &size);
      gguf_maker_tensor(maker, name, 30, 2, info->shape, data, size);
    }
  }
  if (g_strcmp0(spoil, "foreign") == 0)
    gguf_maker_tensor(maker, "blk.0.ssm_a.weight", 0, 1, (const gint64[1]) { 1 }, "abcd", 4);
  g_autoptr(GBytes) bytes = gguf_maker_finish(maker);
  char *path = g_build_filename(dir, "tiny.gguf", NULL);
  gsize size;
  const void *data = g_bytes_get_data(bytes, &size);
  g_assert_true(g_file_set_contents(path, data, (gssize) size, NULL));
  return path;
}
