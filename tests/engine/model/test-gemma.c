/* The language model on the reference's tiny one (F_lm_tiny): every stored case, layer by layer, packed, merged, and in every way of keeping the
 * weights. */
#include <math.h>
#include <string.h>

#include "tests/engine/model/tiny.h"

/* The reference's own limit for float32 logits (README, F); ours sum in another order. */
#define LOGIT_TOLERANCE 1e-4

typedef struct { AxWeights *expected; const char *name; double worst; int seen; } Layers;

/* Compares the stored rows and statistics of each layer's input. */
static gboolean
compare_layer (const char *name, AxTensor *t, gpointer data)
{
  Layers *l = data;
  gsize n_rows, n, n_stats;
  const char *h = strcmp (name, "final") == 0 ? "h8" : name;
  g_autofree char *key_rows = g_strdup_printf ("%s.%s.rows", l->name, h), *key_values = g_strdup_printf ("%s.%s.row_values", l->name, h);
  g_autofree char *key_stats = g_strdup_printf ("%s.%s.stats", l->name, h);
  g_autofree gint32 *rows = tiny_ids (l->expected, key_rows, &n_rows);
  g_autofree float *values = tiny_tensor (l->expected, key_values, &n), *stats = tiny_tensor (l->expected, key_stats, &n_stats);
  const gsize d = n / n_rows;
  double sum = 0, squares = 0;
  g_assert_cmpuint (d, ==, ax_tensor_cols (t));
  for (gsize i = 0; i < n_rows; i++)
    l->worst = MAX (l->worst, tiny_worst (t->data + (gsize) rows[i] * d, values + i * d, d));
  for (gsize i = 0; i < t->n; i++)
    {
      sum += t->data[i];
      squares += (double) t->data[i] * t->data[i];
    }
  g_assert_cmpfloat (fabs (sum / (double) t->n - stats[0]), <=, 1e-5 * sqrt (squares / (double) t->n));
  g_assert_cmpfloat (fabs (sqrt (squares) - stats[2]), <=, 1e-5 * stats[2]);
  l->seen++;
  return TRUE;
}

typedef struct { const char *name, *ids; TinyParts parts; AxGemmaStore store; gboolean merge; double scale; const char *logits; double tolerance; } Case;

static void
run_case (const Case *c)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Tiny) tiny = tiny_open (c->parts);
  if (tiny == NULL)
    return;
  g_autofree char *path = tiny_path ("reference/F_lm_tiny", "expected.safetensors");
  g_autoptr (AxWeights) expected = ax_weights_open (path, &error);
  g_assert_no_error (error);
  AxGemmaConfig config = tiny_config;
  if (c->scale > 0)
    config.embed_scale = c->scale;
  g_autoptr (AxGemma) gemma = ax_gemma_new (&config, &(AxGemmaOptions){ .store = c->store, .merge_lora = c->merge, .lora_alpha = 16 }, &tiny_injection, &tiny->source, &error);
  g_assert_no_error (error);
  gsize n, n_logits, n_image, n_objects;
  g_autofree gint32 *ids = tiny_ids (expected, c->ids, &n);
  g_autofree float *wanted = tiny_tensor (expected, c->logits, &n_logits);
  g_autoptr (AxTape) tape = ax_tape_new (FALSE);
  AxGemmaBatch batch = { .n = (int) n, .ids = ids };
  Layers layers = { expected, c->name, 0, 0 };
  const gboolean exact = c->store == AX_GEMMA_F32 && c->scale == 0 && c->tolerance <= LOGIT_TOLERANCE;
  if (c->parts & TINY_HEADS)
    {
      g_autofree float *image = tiny_tensor (expected, "inject.image_embeddings", &n_image), *objects = tiny_tensor (expected, "inject.object_embeddings", &n_objects);
      AxTensor *x = ax_tensor_new (tape, FALSE, 2, (int[]){ 16, 256 }), *o = ax_tensor_new (tape, FALSE, 2, (int[]){ 36, 16 });
      memcpy (x->data, image, n_image * sizeof (float));
      memcpy (o->data, objects, n_objects * sizeof (float));
      batch.image_rows = ax_gemma_project_image (gemma, tape, x);
      batch.object_rows = ax_gemma_project_objects (gemma, tape, o);
      batch.n_images = 1;
      g_autofree float *p_im = tiny_tensor (expected, "inject.P_im", &n_image), *p_a = tiny_tensor (expected, "inject.P_A", &n_objects);
      /* Values of about 1 from sums of 64 and 256 products: a few ulp. */
      g_assert_cmpfloat (tiny_worst (batch.image_rows->data, p_im, n_image), <=, 1e-5);
      g_assert_cmpfloat (tiny_worst (batch.object_rows->data, p_a, n_objects), <=, 1e-5);
    }
  AxTensor *hidden = ax_gemma_forward (gemma, tape, &batch, exact ? compare_layer : NULL, &layers, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (n_logits, ==, n * (gsize) ax_gemma_vocabulary (gemma));
  g_autofree float *logits = g_new (float, n_logits);
  ax_gemma_logits (gemma, (int) n, hidden->data, logits);
  const double worst = tiny_worst (logits, wanted, n_logits);
  double squares = 0;
  for (gsize i = 0; i < n_logits; i++)
    squares += ((double) logits[i] - wanted[i]) * ((double) logits[i] - wanted[i]);
  const double rms = sqrt (squares / (double) n_logits);
  g_test_message ("%s: logits off by at most %.2g (%.0f %% of the tolerance), rms %.2g; hidden rows by %.2g", c->logits, worst, 100 * worst / c->tolerance, rms, layers.worst);
  g_assert_cmpfloat (worst, <=, c->tolerance);
  g_assert_cmpfloat (rms, <=, c->tolerance / 5);
  if (exact)
    {
      g_assert_cmpint (layers.seen, ==, 9);
      g_assert_cmpfloat (layers.worst, <=, LOGIT_TOLERANCE);
    }
}

static void
test_case (gconstpointer data)
{
  run_case (data);
}

/* The limits beside the float32 ones: BF16 keeps the base exactly (it is bf16) but rounds x and a merged matrix to 2^-9 of each term where the machine
 * multiplies in bf16; the reference allows 0.15 between its own bf16 run and float32. Q8 rounds by up to 1/254 of a block's largest instead of 1/512 of each weight, and x to bf16 on top. */
static const Case cases[] = {
  { "base", "ids", 0, AX_GEMMA_F32, FALSE, 0, "base.logits", LOGIT_TOLERANCE },
  { "base", "ids", 0, AX_GEMMA_F32, FALSE, 11.313708498984761, "base.logits_embed_scale_f32", LOGIT_TOLERANCE },
  { "lora", "ids", TINY_LORA, AX_GEMMA_F32, FALSE, 0, "lora.logits", LOGIT_TOLERANCE },
  { "lora", "ids", TINY_LORA, AX_GEMMA_F32, TRUE, 0, "lora.logits", LOGIT_TOLERANCE },
  { "lora_untied", "ids", TINY_LORA | TINY_VOCABULARY, AX_GEMMA_F32, FALSE, 0, "lora_untied.logits", LOGIT_TOLERANCE },
  { "inject", "inject.ids", TINY_LORA | TINY_VOCABULARY | TINY_HEADS, AX_GEMMA_F32, FALSE, 0, "inject.logits", LOGIT_TOLERANCE },
  { "inject", "inject.ids", TINY_LORA | TINY_VOCABULARY | TINY_HEADS, AX_GEMMA_F32, TRUE, 0, "inject.logits", LOGIT_TOLERANCE },
  { "inject", "inject.ids", TINY_LORA | TINY_VOCABULARY | TINY_HEADS, AX_GEMMA_F32, FALSE, 0, "inject.logits_true_bf16_run", 0.15 },
  { "inject", "inject.ids", TINY_LORA | TINY_VOCABULARY | TINY_HEADS, AX_GEMMA_BF16, FALSE, 0, "inject.logits", 0.15 },
  { "inject", "inject.ids", TINY_LORA | TINY_VOCABULARY | TINY_HEADS, AX_GEMMA_BF16, TRUE, 0, "inject.logits", 0.15 },
  { "inject", "inject.ids", TINY_LORA | TINY_VOCABULARY | TINY_HEADS, AX_GEMMA_QUANTISED, TRUE, 0, "inject.logits", 0.3 },
};

/* The same figures through the readers of weight files: Hugging Face folder with the PEFT folder and with the authors' lm.pt over it. */
static void
test_files (gconstpointer data)
{
  const char *adapter_name = data;
  g_autoptr (GError) error = NULL;
  g_autofree char *base_path = tiny_path ("reference/F_lm_tiny", "base"), *adapter_path = base_path != NULL ? tiny_path ("reference/F_lm_tiny", adapter_name) : NULL;
  g_autofree char *expected_path = adapter_path != NULL ? tiny_path ("reference/F_lm_tiny", "expected.safetensors") : NULL;
  if (expected_path == NULL)
    return;
  g_autoptr (AxLmWeights) base = ax_lm_base_open (base_path, &error);
  g_assert_no_error (error);
  g_autoptr (AxLmWeights) adapter = ax_lm_adapter_open (adapter_path, 0, &error);
  g_assert_no_error (error);
  g_autoptr (AxLmWeights) weights = ax_lm_weights_stack (base, adapter, &error);
  g_assert_no_error (error);
  g_autoptr (AxGemma) gemma = ax_gemma_new_from_weights (weights, &(AxGemmaOptions){ .store = AX_GEMMA_F32 }, NULL, &error);
  g_assert_no_error (error);
  g_autoptr (AxWeights) expected = ax_weights_open (expected_path, &error);
  gsize n, n_logits;
  g_autofree gint32 *ids = tiny_ids (expected, "ids", &n);
  g_autofree float *wanted = tiny_tensor (expected, "lora_untied.logits", &n_logits), *logits = g_new (float, n_logits);
  g_autoptr (AxTape) tape = ax_tape_new (FALSE);
  AxTensor *hidden = ax_gemma_forward (gemma, tape, &(AxGemmaBatch){ .n = (int) n, .ids = ids }, NULL, NULL, &error);
  g_assert_no_error (error);
  ax_gemma_logits (gemma, (int) n, hidden->data, logits);
  g_test_message ("%.0f %% of the tolerance", 100 * tiny_worst (logits, wanted, n_logits) / LOGIT_TOLERANCE);
  g_assert_cmpfloat (tiny_worst (logits, wanted, n_logits), <=, LOGIT_TOLERANCE);
  /* An adapter alone is no model. */
  g_assert_null (ax_gemma_new_from_weights (adapter, &(AxGemmaOptions){ .store = AX_GEMMA_F32 }, NULL, &error));
  g_assert_error (error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_ARGUMENT);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  static const char *const stores[] = { "f32", "bf16", "quantised" };
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const Case *c = &cases[i];
      g_autofree char *name = g_strdup_printf ("/gemma/tiny/%s/%s%s", c->logits, stores[c->store], c->merge ? "/merged" : "");
      g_test_add_data_func (name, c, test_case);
    }
  g_test_add_data_func ("/gemma/files/peft", "adapter", test_files);
  g_test_add_data_func ("/gemma/files/lm.pt", "lm.pt", test_files);
  return g_test_run ();
}
