/* Adapters: our own file in every type, what cannot be written or read, lm.pt converted, adapters and PEFT settings that do not fit, and
 * mutations of an adapter and a base. */
#include <glib/gstdio.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/checkpoint/lm_adapter.h"
#include "engine/checkpoint/lm_weights-private.h"
#include "tests/engine/checkpoint/gguf_maker.h"
#include "tests/engine/checkpoint/lm_maker.h"
#include "tests/engine/checkpoint/mutate.h"
#include "tests/engine/checkpoint/reference.h"

/* ---- our own adapter file ---- */

static const AxLmConfig small = { .layers = 1, .width = 40, .heads = 2, .kv_heads = 1, .head_dim = 8, .ffn = 24, .vocab = 11, .window = 4,
                                  .global_every = 6, .context = 64, .theta_local = 1e4, .theta_global = 1e6, .rope_factor = 1, .query_scale = 0.25,
                                  .eps = 1e-6, .tied = TRUE };

typedef struct {
  GArray *tensors; /* AxLmTensor */
  GPtrArray *kept;
} Made;

static void
made_add(Made *made, GRand *rand, char *name, gint64 rows, gint64 cols)
{
  AxLmTensor t = { .name = name, .ndim = cols > 0 ? 2 : 1, .shape = { rows, cols } };
  const gsize n = (gsize) (rows * MAX(cols, 1));
  float *data = g_new(float, n);
  for (gsize i = 0; i < n; i++)
    data[i] = (float) (g_rand_double_range(rand, -1, 1) * exp2(g_rand_double_range(rand, -12, 0)));
  t.data = data;
  g_ptr_array_add(made->kept, name);
  g_ptr_array_add(made->kept, data);
  g_array_append_val(made->tensors, t);
}

static Made
make_adapter(void)
{
  Made made = { g_array_new(FALSE, FALSE, sizeof(AxLmTensor)), g_ptr_array_new_with_free_func(g_free) };
  g_autoptr(GRand) rand = g_rand_new_with_seed(4);
  for (int p = 0; p < AX_LM_N_PROJECTIONS; p++) {
    gint64 out, in;
    ax_lm_part_shape(&small, p, &out, &in);
    made_add(&made, rand, g_strdup_printf("layers.0.%s.lora_A.weight", ax_lm_parts[p]), 3, in);
    made_add(&made, rand, g_strdup_printf("layers.0.%s.lora_B.weight", ax_lm_parts[p]), out, 3);
  }
  for (int h = 0; h < 2; h++) {
    const char *head = h == 0 ? "image" : "obj";
    made_add(&made, rand, g_strdup_printf("%s_projectionhead.proj.0.weight", head), 33, h == 0 ? 70 : 16);
    made_add(&made, rand, g_strdup_printf("%s_projectionhead.proj.0.bias", head), 33, 0);
    made_add(&made, rand, g_strdup_printf("%s_projectionhead.proj.2.weight", head), 33, 0);
    made_add(&made, rand, g_strdup_printf("%s_projectionhead.proj.2.bias", head), 33, 0);
    made_add(&made, rand, g_strdup_printf("%s_projectionhead.proj.3.weight", head), 40, 33);
    made_add(&made, rand, g_strdup_printf("%s_projectionhead.proj.3.bias", head), 40, 0);
  }
  made_add(&made, rand, g_strdup("added_tokens.weight"), 45, 40);
  return made;
}

static void
made_free(Made *made)
{
  g_array_unref(made->tensors);
  g_ptr_array_unref(made->kept);
}

/* Largest error that the type allows for a value x in a group whose largest value is top. */
static double
allowed(AxLmStore store, int ndim, double x, double top)
{
  if (store == AX_LM_STORE_F32 || ndim == 1)
    return 0;
  if (store == AX_LM_STORE_8BIT)
    return top / 252; /* half a step; the scale is at most 1/128 above top / 127 */
  return fmax(fabs(x) * (store == AX_LM_STORE_F16 ? exp2(-11) : exp2(-8)), exp2(-25));
}

static void
test_own_file(void)
{
  Made made = make_adapter();
  const AxLmTensor *tensors = (const AxLmTensor *) (void *) made.tensors->data;
  g_autofree char *dir = make_folder(), *path = g_build_filename(dir, "a.safetensors", NULL), *again = g_build_filename(dir, "b.safetensors", NULL);
  g_autoptr(GError) error = NULL;
  static const char *const names[] = { "F32", "F16", "BF16", "8 bit" };
  for (AxLmStore store = AX_LM_STORE_F32; store <= AX_LM_STORE_8BIT; store++) {
    double worst = 0;
    gsize size_a, size_b;
    g_autofree char *bytes_a = NULL, *bytes_b = NULL;
    g_assert_true(ax_lm_adapter_save(path, tensors, made.tensors->len, 6, 262145, store, &error));
    g_assert_no_error(error);
    g_assert_true(ax_lm_adapter_save(again, tensors, made.tensors->len, 6, 262145, store, &error));
    g_assert_true(g_file_get_contents(path, &bytes_a, &size_a, NULL));
    g_assert_true(g_file_get_contents(again, &bytes_b, &size_b, NULL));
    g_assert_cmpmem(bytes_a, size_a, bytes_b, size_b);
    g_autoptr(AxLmWeights) read = ax_lm_adapter_open(path, 0, &error);
    g_assert_no_error(error);
    const AxLmAdapterInfo *info = ax_lm_weights_get_adapter(read);
    g_assert_cmpint(info->rank, ==, 3);
    g_assert_cmpfloat(info->alpha, ==, 6);
    g_assert_cmpint(info->added_first, ==, 262145);
    g_assert_cmpuint(info->lora + info->heads + info->added, ==, made.tensors->len);
    g_assert_cmpuint(ax_lm_weights_n(read), ==, made.tensors->len);
    for (guint i = 0; i < made.tensors->len; i++) {
      const AxLmTensor *t = &tensors[i];
      gsize n;
      g_autofree float *values = lm_values(read, t->name, &n);
      const gsize cols = t->ndim == 2 ? (gsize) t->shape[1] : n;
      for (gsize e = 0; e < n; e++) {
        double top = 0;
        const gsize row = e / cols, group = e % cols / 32;
        for (gsize k = group * 32; k < MIN(cols, group * 32 + 32); k++)
          top = fmax(top, fabs((double) t->data[row * cols + k]));
        const double error_here = fabs((double) values[e] - (double) t->data[e]), limit = allowed(store, t->ndim, (double) t->data[e], top);
        g_assert_cmpfloat(error_here, <=, limit);
        if (limit > 0)
          worst = fmax(worst, error_here / limit);
      }
      float row[128];
      if (t->ndim == 2) {
        g_assert_true(ax_lm_weights_read(read, t->name, t->shape[0] - 1, 1, t->shape[0], t->shape[1], row, &error));
        g_assert_cmpmem(row, cols * 4, values + n - cols, cols * 4);
      }
    }
    g_test_message("%s: %" G_GSIZE_FORMAT " bytes, %.0f %% of the error that the type allows", names[store], size_a, worst * 100);
  }

  /* What cannot be written, and files that were tampered with. */
  AxLmTensor odd[64];
  memcpy(odd, tensors, made.tensors->len * sizeof *odd);
  odd[0].name = "nonsense";
  g_assert_false(ax_lm_adapter_save(path, odd, made.tensors->len, 6, 0, AX_LM_STORE_F16, &error));
  g_assert_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_ARGUMENT);
  g_clear_error(&error);
  g_assert_false(ax_lm_adapter_save(path, tensors + 1, made.tensors->len - 1, 6, 0, AX_LM_STORE_F16, &error));
  g_assert_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_ARGUMENT);
  g_clear_error(&error);
  g_assert_false(ax_lm_adapter_save(path, tensors, 0, 6, 0, AX_LM_STORE_F16, &error));
  g_assert_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_ARGUMENT);
  g_clear_error(&error);
  static const float bad[] = { NAN, INFINITY, 70000 };
  for (guint b = 0; b < 3; b++) {
    float *data = (float *) tensors[0].data;
    const float kept = data[1];
    data[1] = bad[b];
    g_assert_false(ax_lm_adapter_save(path, tensors, made.tensors->len, 6, 0, AX_LM_STORE_F16, &error));
    g_assert_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_ARGUMENT);
    g_clear_error(&error);
    data[1] = kept;
  }
  g_autofree char *text = NULL;
  gsize size;
  g_assert_true(g_file_get_contents(path, &text, &size, NULL)); /* the 8-bit file is still there */
  static const char *const edits[][2] = { { "\"rank\":\"3\"", "\"rank\":\"4\"" }, { "\"version\":\"1\"", "\"version\":\"2\"" },
                                          { "lora_A.weight.scale", "lora_C.weight.scale" }, { "\"alpha\":\"6\"", "\"alpha\":\"x\"" } };
  for (guint e = 0; e < G_N_ELEMENTS(edits); e++) {
    g_autofree char *copy = g_memdup2(text, size);
    char *at = memmem(copy, size, edits[e][0], strlen(edits[e][0]));
    g_assert_nonnull(at);
    memcpy(at, edits[e][1], strlen(edits[e][1]));
    g_assert_true(g_file_set_contents(again, copy, (gssize) size, NULL));
    g_assert_null(ax_lm_adapter_open(again, 0, &error));
    g_assert_nonnull(error);
    g_clear_error(&error);
  }
  made_free(&made);
  remove_tree(dir);
}

/* ---- mutations ---- */

/* A GGUF of the small model, every matrix in F16, norms in F32. */
static GBytes *
make_small_gguf(void)
{
  static const char *const parts[] = { "attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down", "attn_norm", "post_attention_norm",
                                       "ffn_norm", "post_ffw_norm", "attn_q_norm", "attn_k_norm" };
  static const guint8 zeros[4096] = { 0 };
  GgufMaker *maker = gguf_maker_new();
  gguf_maker_pair_string(maker, "general.architecture", "gemma3");
  gguf_maker_gemma3(maker, &small);
  const gint64 embed[2] = { small.vocab, small.width }, norm[1] = { small.width };
  gguf_maker_tensor(maker, "token_embd.weight", 1, 2, embed, zeros, (gsize) (small.vocab * small.width) * 2);
  gguf_maker_tensor(maker, "output_norm.weight", 0, 1, norm, zeros, (gsize) small.width * 4);
  for (int p = 0; p < AX_LM_N_PARTS; p++) {
    gint64 shape[2];
    g_autofree char *name = g_strdup_printf("blk.0.%s.weight", parts[p]);
    ax_lm_part_shape(&small, p, &shape[0], &shape[1]);
    const gboolean vector = p >= AX_LM_N_PROJECTIONS;
    gguf_maker_tensor(maker, name, vector ? 0 : 1, vector ? 1 : 2, vector ? shape + 1 : shape, zeros, (gsize) (shape[0] * shape[1]) * (vector ? 4 : 2));
  }
  return gguf_maker_finish(maker);
}

/* 1,000 mutations of a base and of an adapter: refused with a reason, or read without fault. */
static void
test_mutations(void)
{
  g_autofree char *dir = make_folder(), *path = g_build_filename(dir, "file", NULL);
  g_autoptr(GError) error = NULL;
  Made made = make_adapter();
  g_assert_true(ax_lm_adapter_save(path, (const AxLmTensor *) (void *) made.tensors->data, made.tensors->len, 6, 11, AX_LM_STORE_8BIT, &error));
  made_free(&made);
  char *text = NULL;
  gsize length;
  g_assert_true(g_file_get_contents(path, &text, &length, NULL));
  g_autoptr(GBytes) adapter = g_bytes_new_take(text, length), gguf = make_small_gguf();
  for (int kind = 0; kind < 2; kind++) {
    gsize size;
    const guint8 *original = g_bytes_get_data(kind == 0 ? adapter : gguf, &size);
    g_autoptr(GRand) rand = g_rand_new_with_seed(7);
    guint refused = 0, loaded = 0;
    for (guint m = 0; m <= 1000; m++) {
      g_autoptr(GBytes) bytes = m == 0 ? g_bytes_new(original, size) : mutate(rand, original, size, (Mutation) (m % N_MUTATIONS));
      gsize n;
      const void *data = g_bytes_get_data(bytes, &n);
      g_unlink(path); /* file systems may write a truncated file out at once */
      FILE *file = fopen(path, "wb");
      g_assert_true(file != NULL && fwrite(n > 0 ? data : "", 1, n, file) == n && fclose(file) == 0);
      g_autoptr(AxLmWeights) weights = kind == 0 ? ax_lm_adapter_open(path, 0, &error) : ax_lm_base_open(path, &error);
      if (weights == NULL) {
        g_assert_true(m > 0 && error->domain == AX_CHECKPOINT_ERROR && error->message[0] != 0);
        g_clear_error(&error);
        refused++;
        continue;
      }
      g_assert_no_error(error);
      loaded++;
      for (guint i = 0; i < ax_lm_weights_n(weights); i++) {
        gsize elements;
        g_autofree float *values = lm_values(weights, ax_lm_weights_info(weights, i)->name, &elements);
        g_assert_nonnull(values);
        g_assert_cmpuint(elements, <=, size);
      }
    }
    g_test_message("%s: %u refused, %u loaded", kind == 0 ? "adapter" : "GGUF", refused, loaded);
    g_assert_cmpuint(refused, >=, 250); /* every truncation at least */
  }
  remove_tree(dir);
}

/* A converted lm.pt holds the same tensors. */
static void
test_convert(void)
{
  g_autoptr(AxLmWeights) pt = open_reference_adapter("F_lm_tiny/lm.pt");
  if (pt == NULL)
    return;
  g_autofree char *dir = make_folder(), *path = g_build_filename(dir, "a.safetensors", NULL);
  g_autoptr(GError) error = NULL;
  g_assert_true(ax_lm_adapter_convert(pt, path, &error));
  g_autoptr(AxLmWeights) own = ax_lm_adapter_open(path, 0, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(ax_lm_weights_n(own), ==, ax_lm_weights_n(pt));
  g_assert_cmpfloat(ax_lm_weights_get_adapter(own)->alpha, ==, 16);
  g_assert_cmpint(ax_lm_weights_get_adapter(own)->rank, ==, 8);
  for (guint i = 0; i < ax_lm_weights_n(pt); i++)
    assert_same_lm_tensor(pt, own, ax_lm_weights_info(pt, i)->name);
  remove_tree(dir);
}

/* An adapter of another model, and PEFT settings that mean something else. */
static void
test_misfits(void)
{
  g_autoptr(AxLmWeights) base = open_tiny_base();
  if (base == NULL)
    return;
  g_autofree char *dir = make_folder(), *path = g_build_filename(dir, "a.safetensors", NULL);
  g_autoptr(GError) error = NULL;
  Made made = make_adapter();
  g_assert_true(ax_lm_adapter_save(path, (const AxLmTensor *) (void *) made.tensors->data, made.tensors->len, 6, 557, AX_LM_STORE_F32, &error));
  g_autoptr(AxLmWeights) adapter = ax_lm_adapter_open(path, 0, &error);
  g_assert_no_error(error);
  g_assert_null(ax_lm_weights_stack(base, adapter, &error));
  g_assert_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISMATCH);
  g_assert_nonnull(strstr(error->message, "does not belong to this base model"));
  g_clear_error(&error);
  g_assert_null(ax_lm_weights_stack(base, base, &error));
  g_assert_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_ARGUMENT);
  g_clear_error(&error);
  /* A base is no adapter; an adapter no base. */
  g_autofree char *base_path = reference_path("F_lm_tiny/base"), *file = reference_path("F_lm_tiny/base/model.safetensors");
  g_assert_null(ax_lm_adapter_open(base_path, 0, &error));
  g_assert_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_READ);
  g_clear_error(&error);
  g_assert_null(ax_lm_adapter_open(file, 0, &error));
  g_assert_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_UNSUPPORTED);
  g_clear_error(&error);
  g_assert_null(ax_lm_base_open(path, &error));
  g_assert_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_UNSUPPORTED);
  g_clear_error(&error);

  static const char *const configs[] = {
    "{\"peft_type\":\"IA3\",\"r\":8,\"lora_alpha\":16}",
    "{\"peft_type\":\"LORA\",\"r\":4,\"lora_alpha\":16}",
    "{\"peft_type\":\"LORA\",\"r\":8}",
    "{\"peft_type\":\"LORA\",\"r\":8,\"lora_alpha\":16,\"use_dora\":true}",
    "{\"peft_type\":\"LORA\",\"r\":8,\"lora_alpha\":16,\"bias\":\"all\"}",
    "{\"peft_type\":\"LORA\",\"r\":8,\"lora_alpha\":16,\"rank_pattern\":{\"q_proj\":4}}",
    "{\"peft_type\":\"LORA\",\"r\":0,\"lora_alpha\":16}",
  };
  g_autofree char *tensors = reference_path("F_lm_tiny/adapter/adapter_model.safetensors"), *bytes = NULL;
  g_autofree char *target = g_build_filename(dir, "adapter_model.safetensors", NULL);
  gsize size;
  g_assert_true(g_file_get_contents(tensors, &bytes, &size, NULL) && g_file_set_contents(target, bytes, (gssize) size, NULL));
  for (guint i = 0; i < G_N_ELEMENTS(configs); i++) {
    write_text(dir, "adapter_config.json", configs[i]);
    g_assert_null(ax_lm_adapter_open(dir, 0, &error));
    g_assert_true(error->domain == AX_CHECKPOINT_ERROR);
    g_clear_error(&error);
  }
  write_text(dir, "adapter_config.json", "{\"peft_type\":\"LORA\",\"r\":8,\"lora_alpha\":16,\"use_rslora\":true}");
  g_autoptr(AxLmWeights) rooted = ax_lm_adapter_open(dir, 0, &error);
  g_assert_no_error(error);
  g_assert_cmpfloat(fabs(ax_lm_weights_get_adapter(rooted)->alpha / 8 - 16 / sqrt(8)), <, 1e-12);
  made_free(&made);
  remove_tree(dir);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/lm-adapter/own-file", test_own_file);
  g_test_add_func("/lm-adapter/mutations", test_mutations);
  g_test_add_func("/lm-adapter/convert", test_convert);
  g_test_add_func("/lm-adapter/misfits", test_misfits);
  return g_test_run();
}
