/* One layer of the 4B shapes (spec 6.1) on generated weights against float64 arithmetic written straight from spec 14: sliding and global layer, in
 * float32, bfloat16 and 8 bits, packed and through the cache. */
#include <math.h>
#include <string.h>

#include "engine/evaluation/bench_lm.h"
#include "engine/model/gemma_state.h"

enum { TOKENS = 5, WIDTH = 2560, HEADS = 8, KV = 4, HD = 256, FFN = 10240 };

static AxGemmaConfig config;
static gint32 ids[TOKENS] = { 2, 77, 130, 5, 99 };

/* ---- the layer in float64 ----------------------------------------------------------------------------------------------------- */

/* y[TOKENS, out] = x[TOKENS, in] W^T, the weights read a few rows at a time. */
static void
product (const AxGemmaSource *source, const char *name, int out, int in, const double *x, double *y)
{
  enum { ROWS = 64 };
  g_autofree float *w = g_new (float, (gsize) ROWS * (gsize) in);
  for (int r = 0; r < out; r += ROWS)
    {
      g_assert_true (source->read (source->data, name, r, ROWS, out, in, w, NULL));
      for (int k = 0; k < ROWS; k++)
        for (int t = 0; t < TOKENS; t++)
          {
            double sum[4] = { 0 };
            for (int i = 0; i < in; i += 4)
              for (int j = 0; j < 4; j++)
                sum[j] += (double) w[k * in + i + j] * x[t * in + i + j];
            y[t * out + r + k] = sum[0] + sum[1] + sum[2] + sum[3];
          }
    }
}

/* Rows of n columns, normed with 1 + w. */
static void
norm (const AxGemmaSource *source, const char *name, int rows, int n, const double *x, double *y)
{
  g_autofree float *w = g_new (float, n);
  g_assert_true (source->read (source->data, name, 0, 1, 1, n, w, NULL));
  for (int r = 0; r < rows; r++)
    {
      double squares = 0;
      for (int i = 0; i < n; i++)
        squares += x[r * n + i] * x[r * n + i];
      for (int i = 0; i < n; i++)
        y[r * n + i] = x[r * n + i] / sqrt (squares / n + 1e-6) * (1 + w[i]);
    }
}

static void
rotate (double *x, int heads, gboolean global)
{
  for (int t = 0; t < TOKENS; t++)
    for (int h = 0; h < heads; h++)
      for (int j = 0; j < HD / 2; j++)
        {
          double *u = x + (t * heads + h) * HD;
          const double angle = t * pow (global ? 1e6 : 1e4, -2.0 * j / HD) / (global ? 8 : 1), a = u[j], b = u[j + HD / 2];
          u[j] = a * cos (angle) - b * sin (angle);
          u[j + HD / 2] = b * cos (angle) + a * sin (angle);
        }
}

static double *
reference (const AxGemmaSource *source, gboolean global)
{
#define L "layers.0."
  double *x = g_new (double, TOKENS * WIDTH);
  g_autofree double *a = g_new (double, TOKENS * WIDTH), *q = g_new (double, TOKENS * HEADS * HD), *k = g_new (double, TOKENS * KV * HD), *v = g_new (double, TOKENS * KV * HD);
  g_autofree double *o = g_new0 (double, TOKENS * HEADS * HD), *gate = g_new (double, TOKENS * FFN), *up = g_new (double, TOKENS * FFN);
  g_autofree float *row = g_new (float, WIDTH);
  for (int t = 0; t < TOKENS; t++)
    {
      g_assert_true (source->read (source->data, "embed_tokens.weight", ids[t], 1, config.vocab, WIDTH, row, NULL));
      for (int i = 0; i < WIDTH; i++)
        x[t * WIDTH + i] = (double) row[i] * 50.5;
    }
  norm (source, L "input_layernorm.weight", TOKENS, WIDTH, x, a);
  product (source, L "self_attn.q_proj.weight", HEADS * HD, WIDTH, a, q);
  product (source, L "self_attn.k_proj.weight", KV * HD, WIDTH, a, k);
  product (source, L "self_attn.v_proj.weight", KV * HD, WIDTH, a, v);
  norm (source, L "self_attn.q_norm.weight", TOKENS * HEADS, HD, q, q);
  norm (source, L "self_attn.k_norm.weight", TOKENS * KV, HD, k, k);
  rotate (q, HEADS, global);
  rotate (k, KV, global);
  for (int t = 0; t < TOKENS; t++)
    for (int h = 0; h < HEADS; h++)
      {
        double p[TOKENS], total = 0;
        for (int s = 0; s <= t; s++)
          {
            p[s] = 0;
            for (int i = 0; i < HD; i++)
              p[s] += q[(t * HEADS + h) * HD + i] * k[(s * KV + h / 2) * HD + i];
            p[s] = exp (p[s] / 16);
            total += p[s];
          }
        for (int s = 0; s <= t; s++)
          for (int i = 0; i < HD; i++)
            o[(t * HEADS + h) * HD + i] += p[s] / total * v[(s * KV + h / 2) * HD + i];
      }
  product (source, L "self_attn.o_proj.weight", WIDTH, HEADS * HD, o, a);
  norm (source, L "post_attention_layernorm.weight", TOKENS, WIDTH, a, a);
  for (int i = 0; i < TOKENS * WIDTH; i++)
    x[i] += a[i];
  norm (source, L "pre_feedforward_layernorm.weight", TOKENS, WIDTH, x, a);
  product (source, L "mlp.gate_proj.weight", FFN, WIDTH, a, gate);
  product (source, L "mlp.up_proj.weight", FFN, WIDTH, a, up);
  for (int i = 0; i < TOKENS * FFN; i++)
    gate[i] = 0.5 * gate[i] * (1 + tanh (sqrt (2 / G_PI) * (gate[i] + 0.044715 * gate[i] * gate[i] * gate[i]))) * up[i];
  product (source, L "mlp.down_proj.weight", WIDTH, FFN, gate, a);
  norm (source, L "post_feedforward_layernorm.weight", TOKENS, WIDTH, a, a);
  for (int i = 0; i < TOKENS * WIDTH; i++)
    x[i] += a[i];
  norm (source, "norm.weight", TOKENS, WIDTH, x, x);
  return x;
#undef L
}

/* ---- comparison ----------------------------------------------------------------------------------------------------------- */

static void
test_layer (gconstpointer data)
{
  static const char *const names[] = { "f32", "bf16", "8 bits" };
  /* Final rows are normed, so of size 1. Float32: sums of up to 10,240 products of random sign, 2^-24 sqrt(10240) = 6e-6 of their size, through seven
   * products and 4.5 standard deviations for the worst of 12,800 values. bf16 rounds a weight by 2^-9 at most, 1.1e-3 of it on average, 8 bits by 1/254 of its
   * block's largest, 2.3e-3 of such uniform weights' own size; independent errors keep that share in a sum. The seven products' add up to 3e-3 and
   * 6e-3, times 4.5 again, and the norms multiply by up to 1.1 each. */
  static const double tolerance[] = { 1e-4, 0.05, 0.05 };
  const gboolean global = GPOINTER_TO_INT (data);
  g_assert_true (ax_lm_config_named ("4b", &config));
  g_assert_true (config.width == WIDTH && config.heads == HEADS && config.kv_heads == KV && config.head_dim == HD && config.ffn == FFN);
  config.layers = 1;
  config.vocab = 256;
  config.global_every = global ? 1 : 6;
  const AxGemmaSource source = ax_bench_lm_source (&config);
  g_autofree double *wanted = reference (&source, global);
  for (int store = AX_GEMMA_F32; store <= AX_GEMMA_QUANTISED; store++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (AxGemma) gemma = ax_gemma_new (&config, &(AxGemmaOptions){ .store = (AxGemmaStore) store }, NULL, &source, &error);
      g_assert_no_error (error);
      g_autoptr (AxTape) tape = ax_tape_new (FALSE);
      AxTensor *hidden = ax_gemma_forward (gemma, tape, &(AxGemmaBatch){ .n = TOKENS, .ids = ids }, NULL, NULL, &error);
      g_assert_no_error (error);
      double worst = 0;
      for (int i = 0; i < TOKENS * WIDTH; i++)
        worst = MAX (worst, fabs (hidden->data[i] - wanted[i]));
      g_test_message ("%s: %.0f %% of the tolerance", names[store], 100 * worst / tolerance[store]);
      g_assert_cmpfloat (worst, <=, tolerance[store]);

      /* The same through the cache: three tokens read, two made. */
      g_autofree float *logits = g_new (float, config.vocab);
      g_autoptr (AxGemmaState) state = ax_gemma_state_new (gemma, TOKENS, &error);
      g_assert_true (ax_gemma_state_prefill (state, &(AxGemmaInput){ .ids = ids, .n = 3 }, FALSE, NULL, NULL, &error));
      ax_gemma_state_step (state, ids[3]);
      ax_gemma_state_step (state, ids[4]);
      ax_gemma_logits (gemma, 1, hidden->data + 4 * WIDTH, logits);
      double apart = 0;
      for (int i = 0; i < config.vocab; i++)
        apart = MAX (apart, fabs (logits[i] - ax_gemma_state_logits (state)[i]));
      /* A cache in f16 rounds keys and values to 2^-11. */
      g_assert_cmpfloat (apart, <=, store == AX_GEMMA_F32 ? 1e-3 : tolerance[store]);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/gemma-4b/sliding", GINT_TO_POINTER (FALSE), test_layer);
  g_test_add_data_func ("/gemma-4b/global", GINT_TO_POINTER (TRUE), test_layer);
  return g_test_run ();
}
