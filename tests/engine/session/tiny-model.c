#include "tests/engine/session/tiny-model.h"
#include "engine/checkpoint/attach.h"
#include "engine/checkpoint/lm_weights.h"
#include "engine/checkpoint/model_folder.h"
#include "engine/checkpoint/sentence_file.h"
#include "engine/model/apm_file.h"
#include "engine/model/gemma.h"
#include "engine/text/gemma_tokenizer.h"
#include "tests/engine/checkpoint/gguf_maker.h"
#include "tests/formula.h"
#include <glib/gstdio.h>
#include <math.h>

enum { LAYERS = 2, WIDTH = 64, HEADS = 2, HEAD = 32, FFN = 96, PIECES = 3 + 256 + 6, HIDDEN = 32, RANK = 4 };

/* ---- perception module ------------------------------------------------------------------------------------------------------- */

static void
write_perception (const char *dir)
{
  g_autoptr (GError) error = NULL;
  AxApmConfig c = ax_apm_config_default ();
  c.depth = 18;
  c.input_size = 128;
  c.hidden = c.ffn = HIDDEN;
  c.heads = 2;
  c.enc_layers = c.dec_layers = 1;
  c.text_dim = 0;
  g_autoptr (AxApm) apm = ax_apm_new (&c, &error);
  ax_apm_init (apm, 3);
  g_autofree char *weights = g_build_filename (dir, "apm.safetensors", NULL), *db = g_build_filename (dir, "sentences.safetensors", NULL);
  g_assert_true (ax_apm_save (apm, weights, AX_APM_STORE_F32, FALSE, &error));
  const char *names[AX_N_ANATOMY];
  for (guint i = 0; i < AX_N_ANATOMY; i++)
    names[i] = ax_anatomy_name (i);
  g_autoptr (AxSentenceBuilder) builder = ax_sentence_builder_new (names, AX_N_ANATOMY, 16);
  for (guint i = 0; i < AX_N_ANATOMY; i++)
    for (int k = 0; k < 5; k++)
      {
        float v[16];
        g_autofree char *sentence = g_strdup_printf ("Sentence %u.%d.", i, k);
        for (int d = 0; d < 16; d++)
          v[d] = (float) ax_test_formula_u (sentence, (guint64) d);
        g_assert_true (ax_sentence_builder_add (builder, i, sentence, v, &error));
      }
  g_autoptr (AxSentenceFile) file = ax_sentence_builder_finish (builder, &error);
  g_assert_true (ax_sentence_file_save (file, db, AX_DTYPE_F16, &error));
  g_autoptr (JsonObject) root = json_object_new ();
  json_object_set_object_member (root, "apm", ax_apm_config_to_json (&c));
  AxModelDescription d = { .name = "tiny", .config = root, .files = (const char *const[]){ "apm", "apm.safetensors", "sentences", "sentences.safetensors", NULL } };
  ax_model_folder_write (dir, &d, &error);
  g_assert_no_error (error);
}

/* ---- language model of bytes --------------------------------------------------------------------------------------------------- */

static void
add_tokenizer (GgufMaker *m)
{
  static const char *const first[] = { "<pad>", "<eos>", "<bos>" }, *const last[] = { "<start_of_turn>", "<end_of_turn>", "\n", "\n\n", "\n\n\n", "▁" };
  gguf_maker_pair_string (m, "tokenizer.ggml.model", "llama");
  gguf_maker_key (m, "tokenizer.ggml.tokens", AX_GGUF_ARRAY);
  gguf_maker_u32 (m, AX_GGUF_STRING);
  gguf_maker_u64 (m, PIECES);
  for (int i = 0; i < PIECES; i++)
    {
      char name[16];
      g_snprintf (name, sizeof name, "<0x%02X>", i - 3);
      gguf_maker_string (m, i < 3 ? first[i] : i < 259 ? name : last[i - 259]);
    }
  gguf_maker_key (m, "tokenizer.ggml.scores", AX_GGUF_ARRAY);
  gguf_maker_u32 (m, AX_GGUF_F32);
  gguf_maker_u64 (m, PIECES);
  for (int i = 0; i < PIECES; i++)
    gguf_maker_bytes (m, &(float){ (float) -i }, 4);
  gguf_maker_key (m, "tokenizer.ggml.token_type", AX_GGUF_ARRAY);
  gguf_maker_u32 (m, AX_GGUF_I32);
  gguf_maker_u64 (m, PIECES);
  for (guint32 i = 0; i < PIECES; i++)
    gguf_maker_u32 (m, i < 3 ? AX_PIECE_CONTROL : i < 259 ? AX_PIECE_BYTE : i < 261 ? AX_PIECE_CONTROL : i < 264 ? AX_PIECE_USER_DEFINED : AX_PIECE_NORMAL);
}

static void
add_tensor (GgufMaker *m, const char *name, int rows, int cols, double scale)
{
  const gsize n = (gsize) MAX (rows, 1) * (gsize) cols;
  g_autofree float *data = g_new (float, n);
  for (gsize i = 0; i < n; i++)
    data[i] = (float) (rows > 0 ? scale * ax_test_formula_u (name, i) : 1 + 0.1 * ax_test_formula_u (name, i));
  gguf_maker_tensor (m, name, 0, rows > 0 ? 2 : 1, rows > 0 ? (gint64[]){ rows, cols } : (gint64[]){ cols }, data, n * sizeof (float));
}

static void
write_base (const char *path)
{
  static const struct { const char *name; int rows, cols; } t[] = {
    { "attn_q", HEADS * HEAD, WIDTH }, { "attn_k", HEAD, WIDTH }, { "attn_v", HEAD, WIDTH }, { "attn_output", WIDTH, HEADS * HEAD }, { "ffn_gate", FFN, WIDTH },
    { "ffn_up", FFN, WIDTH }, { "ffn_down", WIDTH, FFN }, { "attn_norm", 0, WIDTH }, { "post_attention_norm", 0, WIDTH }, { "ffn_norm", 0, WIDTH },
    { "post_ffw_norm", 0, WIDTH }, { "attn_q_norm", 0, HEAD }, { "attn_k_norm", 0, HEAD },
  };
  GgufMaker *m = gguf_maker_new ();
  gguf_maker_pair_string (m, "general.architecture", "gemma3");
  gguf_maker_gemma3 (m, &(AxLmConfig){ .layers = LAYERS, .width = WIDTH, .heads = HEADS, .kv_heads = 1, .head_dim = HEAD, .window = 64, .ffn = FFN, .context = 8192 });
  add_tokenizer (m);
  add_tensor (m, "token_embd.weight", PIECES, WIDTH, 0.3);
  add_tensor (m, "output.weight", PIECES, WIDTH, 0.3); /* a tied head would only repeat the last token */
  add_tensor (m, "output_norm.weight", 0, WIDTH, 1);
  for (int l = 0; l < LAYERS; l++)
    for (gsize i = 0; i < G_N_ELEMENTS (t); i++)
      {
        g_autofree char *name = g_strdup_printf ("blk.%d.%s.weight", l, t[i].name);
        add_tensor (m, name, t[i].rows, t[i].cols, sqrt (3.0 / t[i].cols));
      }
  g_autoptr (GBytes) bytes = gguf_maker_finish (m);
  gsize size;
  const char *data = g_bytes_get_data (bytes, &size);
  g_assert_true (g_file_set_contents (path, data, (gssize) size, NULL));
}

static void
write_adapter (const char *path, const char *base_path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (AxLmWeights) base = ax_lm_base_open (base_path, &error);
  g_assert_no_error (error);
  const AxGemmaOptions options = { .store = AX_GEMMA_F32, .lora_rank = RANK, .lora_alpha = RANK, .added_first = PIECES, .added_count = AX_N_ADDED_TOKENS, .added_tied = TRUE,
                                   .heads = TRUE, .image_dim = HIDDEN, .object_dim = 16, .head_hidden = 32 };
  const AxGemmaSource source = { base, ax_lm_weights_shape, ax_lm_weights_read };
  g_autoptr (AxGemma) gemma = ax_gemma_new (ax_lm_weights_get_config (base), &options, NULL, &source, &error);
  g_assert_no_error (error);
  ax_gemma_init (gemma, 5);
  g_autoptr (GArray) list = g_array_new (FALSE, TRUE, sizeof (AxLmTensor));
  GPtrArray *parameters = ax_gemma_parameters (gemma)->list;
  for (guint i = 0; i < parameters->len; i++)
    {
      const AxParameter *p = parameters->pdata[i];
      AxLmTensor t = { .name = p->name, .ndim = p->t.ndim, .data = p->t.data };
      for (int d = 0; d < MIN (t.ndim, 2); d++)
        t.shape[d] = p->t.shape[d];
      /* LoRA's B starts at zero, which would hide it. */
      if (g_str_has_suffix (p->name, "lora_B.weight"))
        for (gsize k = 0; k < p->t.n; k++)
          ((float *) p->t.data)[k] = (float) (0.05 * ax_test_formula_u (p->name, k));
      g_array_append_val (list, t);
    }
  ax_lm_adapter_save (path, (const AxLmTensor *) (gpointer) list->data, list->len, RANK, PIECES, AX_LM_STORE_F32, &error);
  g_assert_no_error (error);
}

char *
tiny_model_new (const char *parent, gboolean without_language)
{
  g_autoptr (GError) error = NULL;
  char *dir = g_build_filename (parent, without_language ? "mute" : "tiny", NULL);
  g_assert_cmpint (g_mkdir_with_parents (dir, 0700), ==, 0);
  write_perception (dir);
  if (without_language)
    return dir;
  g_autofree char *base = g_build_filename (dir, "tiny.gguf", NULL), *adapter = g_build_filename (parent, "adapter.safetensors", NULL);
  write_base (base);
  write_adapter (adapter, base);
  const AxAttachOptions options = { .folder = dir, .adapter = adapter, .base = base, .check_heads = TRUE, .title = "Tiny" };
  ax_attach (&options, &error);
  g_assert_no_error (error);
  return dir;
}

AxImage *
tiny_image (int width, int height, int seed)
{
  g_autoptr (GError) error = NULL;
  g_autofree guint8 *pixels = g_malloc ((gsize) width * (gsize) height);
  g_autofree char *name = g_strdup_printf ("image%d", seed);
  ax_test_formula_image (name, width, height, 0, pixels);
  AxImage *image = ax_image_new_from_u8 (width, height, pixels, AX_IMAGE_ORIGIN_UINT8, &error);
  g_assert_no_error (error);
  return image;
}

void
tiny_model_remove (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  for (const char *name; dir && (name = g_dir_read_name (dir));)
    {
      g_autofree char *inside = g_build_filename (path, name, NULL);
      tiny_model_remove (inside);
    }
  g_remove (path);
}
