/* The trainer of the language part as a whole, on a language model of two layers made here, with the bundled Anatomy Perception Module: a killed run ends as one
 * that was not, threads do not matter, an adapter can be gone on from, and what has to be refused is. No reference files. */
#include <glib/gstdio.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "engine/anatomix.h"
#include "engine/checkpoint/lm_weights.h"
#include "engine/text/gemma_tokenizer.h"
#include "engine/image/png-write.h"
#include "engine/training/lm_samples.h"
#include "engine/training/phantom.h"
#include "engine/training/random.h"
#include "engine/training/train_lm.h"
#include "kernels/kernels.h"
#include "tests/engine/checkpoint/gguf_maker.h"
#include "tests/kernels/walled_card.h"

enum { LAYERS = 2, WIDTH = 32, HEADS = 2, HEAD = 16, FFN = 48, PIECES = 3 + 256 + 5 };

/* ---- a language model of bytes ------------------------------------------------------------------------------------------- */

static void
add_tokenizer (GgufMaker *m)
{
  static const char *const others[] = { "<start_of_turn>", "<end_of_turn>", "\n", "\n\n", "\n\n\n" };
  gguf_maker_pair_string (m, "tokenizer.ggml.model", "llama");
  gguf_maker_key (m, "tokenizer.ggml.tokens", AX_GGUF_ARRAY);
  gguf_maker_u32 (m, AX_GGUF_STRING);
  gguf_maker_u64 (m, PIECES);
  static const char *const first[] = { "<pad>", "<eos>", "<bos>" };
  for (int i = 0; i < 3; i++)
    gguf_maker_string (m, first[i]);
  for (int i = 0; i < 256; i++)
    {
      char name[8];
      g_snprintf (name, sizeof name, "<0x%02X>", i);
      gguf_maker_string (m, name);
    }
  for (int i = 0; i < 5; i++)
    gguf_maker_string (m, others[i]);
  gguf_maker_key (m, "tokenizer.ggml.scores", AX_GGUF_ARRAY);
  gguf_maker_u32 (m, AX_GGUF_F32);
  gguf_maker_u64 (m, PIECES);
  for (int i = 0; i < PIECES; i++)
    {
      float score = (float) -i;
      gguf_maker_bytes (m, &score, 4);
    }
  gguf_maker_key (m, "tokenizer.ggml.token_type", AX_GGUF_ARRAY);
  gguf_maker_u32 (m, AX_GGUF_I32);
  gguf_maker_u64 (m, PIECES);
  for (guint32 i = 0; i < PIECES; i++)
    gguf_maker_u32 (m, i < 3 ? AX_PIECE_CONTROL : i < 3 + 256 ? AX_PIECE_BYTE : i < 3 + 256 + 2 ? AX_PIECE_CONTROL : AX_PIECE_USER_DEFINED);
}

static void
add_tensor (GgufMaker *m, const char *name, int rows, int cols, double scale)
{
  AxRandom r = ax_random_init (g_str_hash (name), 1, 2);
  gsize n = (gsize) MAX (rows, 1) * (gsize) cols;
  g_autofree float *data = g_new (float, n);
  for (gsize i = 0; i < n; i++)
    data[i] = (float) (rows > 0 ? scale * ax_random_normal (&r) : 1 + 0.1 * ax_random_normal (&r));
  gguf_maker_tensor (m, name, 0, rows > 0 ? 2 : 1, rows > 0 ? (gint64[]){ rows, cols } : (gint64[]){ cols }, data, n * sizeof (float));
}

static void
write_language_model (const char *path)
{
  GgufMaker *m = gguf_maker_new ();
  gguf_maker_pair_string (m, "general.architecture", "gemma3");
  gguf_maker_gemma3 (m, &(AxLmConfig){ .layers = LAYERS, .width = WIDTH, .heads = HEADS, .kv_heads = 1, .head_dim = HEAD, .window = 64, .ffn = FFN });
  add_tokenizer (m);
  add_tensor (m, "token_embd.weight", PIECES, WIDTH, 0.2);
  add_tensor (m, "output_norm.weight", 0, WIDTH, 1);
  for (int l = 0; l < LAYERS; l++)
    {
      const struct { const char *name; int rows, cols; } t[] = {
        { "attn_q", HEADS * HEAD, WIDTH }, { "attn_k", HEAD, WIDTH }, { "attn_v", HEAD, WIDTH }, { "attn_output", WIDTH, HEADS * HEAD },
        { "ffn_gate", FFN, WIDTH }, { "ffn_up", FFN, WIDTH }, { "ffn_down", WIDTH, FFN }, { "attn_norm", 0, WIDTH },
        { "post_attention_norm", 0, WIDTH }, { "ffn_norm", 0, WIDTH }, { "post_ffw_norm", 0, WIDTH }, { "attn_q_norm", 0, HEAD }, { "attn_k_norm", 0, HEAD },
      };
      for (gsize i = 0; i < G_N_ELEMENTS (t); i++)
        {
          g_autofree char *name = g_strdup_printf ("blk.%d.%s.weight", l, t[i].name);
          add_tensor (m, name, t[i].rows, t[i].cols, 1 / sqrt ((double) t[i].cols));
        }
    }
  g_autoptr (GBytes) bytes = gguf_maker_finish (m);
  gsize size;
  const char *data = g_bytes_get_data (bytes, &size);
  g_assert_true (g_file_set_contents (path, data, (gssize) size, NULL));
}

/* ---- data ---------------------------------------------------------------------------------------------------------------- */

static void
write_picture (const char *path, guint64 seed)
{
  g_autoptr (GError) error = NULL;
  AxPhantomParams params;
  AxPhantomTruth truth;
  ax_phantom_params_draw (&params, seed, 128);
  g_autofree guint8 *pixels = g_malloc (128 * 128);
  ax_phantom_render (&params, pixels, NULL, &truth);
  ax_phantom_truth_clear (&truth);
  ax_png_write (path, 128, 128, 1, 8, pixels, &error);
  g_assert_no_error (error);
}

/* A list over pictures "PATIENT_001.png", plain and mirrored, three samples each. */
static void
write_list (const char *dir, const char *name, const char *part, int first, int n)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) samples = g_ptr_array_new_with_free_func ((GDestroyNotify) ax_instruct_sample_free);
  for (int i = first; i < first + n; i++)
    for (int k = 0; k < 6; k++)
      {
        static const AxInstructTask tasks[] = { AX_INSTRUCT_ANATOMY, AX_INSTRUCT_CLOSED, AX_INSTRUCT_REPORT };
        static const char *const questions[] = { "Where is the Left lung?", "Is there an effusion?", "Generate report:" };
        static const char *const answers[] = { "<ref>Left lung</ref><box>__BOX11__</box>", "Yes.", "Findings:\nClear.\n\nImpression:\nNormal." };
        g_autofree char *image = g_strdup_printf ("%08d_001.png", i), *path = g_build_filename (dir, image, NULL);
        AxInstructSample *s = ax_instruct_sample_new (tasks[k % 3], image);
        if (!g_file_test (path, G_FILE_TEST_EXISTS))
          write_picture (path, (guint64) i);
        s->split = g_strdup (part);
        s->image_id = g_strdup (image);
        s->flip = k >= 3;
        s->instruction = g_strdupv ((char *[]){ (char *) questions[k % 3], NULL });
        s->response = g_strdupv ((char *[]){ (char *) answers[k % 3], NULL });
        s->paired = TRUE;
        s->has_boxes = TRUE;
        for (int b = 0; b < 36; b++)
          s->boxes[b] = (AxBox){ b, 2 * b, 500 + b, 600 + b };
        g_ptr_array_add (samples, s);
      }
  g_autofree char *path = g_build_filename (dir, name, NULL);
  ax_instruct_save (samples, path, &error);
  g_assert_no_error (error);
}

static char *
make_data (void)
{
  g_autoptr (GError) error = NULL;
  char *dir = g_dir_make_tmp ("ax-lm-trainer-XXXXXX", &error);
  g_assert_no_error (error);
  g_autofree char *base = g_build_filename (dir, "tiny.gguf", NULL);
  write_language_model (base);
  write_list (dir, "train.json", "train", 1, 2);
  write_list (dir, "val.json", "val", 3, 1);
  return dir;
}

static char *
write_config (const char *dir, const char *run, int steps, const char *more)
{
  char *path = g_strdup_printf ("%s/%s.json", dir, run);
  g_autofree char *model = ax_model_default_folder ();
  g_autofree char *text = g_strdup_printf (
    "{ \"train\": \"train.json\", \"validation\": [\"val.json\"], \"images\": \".\", \"model\": \"%s\", \"base\": \"tiny.gguf\", \"run\": \"%s\", \"steps\": %d,"
    "  \"pictures\": 2, \"tasks\": 3, \"tokens\": 8192, \"lr\": 1e-3, \"rank\": 4, \"alpha\": 4, \"dropout\": 0.1, \"prefix_gradient\": 0.5, \"sampled\": 64,"
    "  \"name_steps\": 3, \"finding_steps\": 2, \"heart_steps\": 2, \"system\": 0.5, \"validate_every\": 3, \"validation_pictures\": 1, \"save_every\": 2 %s }", model, run, steps, more);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  return path;
}

static void
kill_at (const AxLmProgress *p, gpointer data)
{
  if (p->tokens_per_second > 0 && p->step == *(gint64 *) data)
    raise (SIGKILL);
}

static const AxDevice *device; /* NULL: the processor */

static gboolean
train (const char *config_path, AxLmStage stage, gint64 kill_step, GError **error)
{
  g_autoptr (AxLmTrainConfig) config = ax_lm_train_config_load (config_path, error);
  if (config != NULL)
    config->device = device;
  return config != NULL && ax_train_lm (config, stage, kill_step ? kill_at : NULL, &kill_step, NULL, error);
}

static void
assert_trains (const char *config_path, AxLmStage stage)
{
  g_autoptr (GError) error = NULL;
  gboolean ok = train (config_path, stage, 0, &error);
  g_assert_no_error (error);
  g_assert_true (ok);
}

static GBytes *
contents (const char *dir, const char *run, const char *name)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_build_filename (dir, run, name, NULL);
  char *data;
  gsize n;
  g_file_get_contents (path, &data, &n, &error);
  g_assert_no_error (error);
  return g_bytes_new_take (data, n);
}

static void
assert_same_run (const char *dir, const char *a, const char *b)
{
  static const char *const files[] = { "state.safetensors", "best.safetensors", "adapter.safetensors", "metrics.csv" };
  for (gsize i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autoptr (GBytes) x = contents (dir, a, files[i]), y = contents (dir, b, files[i]);
      g_test_message ("%s: %" G_GSIZE_FORMAT " bytes", files[i], g_bytes_get_size (x));
      g_assert_true (g_bytes_equal (x, y));
    }
}

static void
clean (const char *dir)
{
  g_autoptr (GDir) d = g_dir_open (dir, 0, NULL);
  for (const char *name; d && (name = g_dir_read_name (d));)
    {
      g_autofree char *path = g_build_filename (dir, name, NULL);
      if (g_file_test (path, G_FILE_TEST_IS_DIR))
        clean (path);
      else
        g_unlink (path);
    }
  g_rmdir (dir);
}

/* ---- tests --------------------------------------------------------------------------------------------------------------- */

/* Killed (SIGKILL, no clean-up) after step 3 with its last state at step 2, and run with another number of threads: the same bytes. */
static void
test_resume (void)
{
  g_autofree char *dir = make_data (), *whole = write_config (dir, "whole", 5, ""), *killed = write_config (dir, "killed", 5, "");
  /* The run to be killed is this test again, in a process of its own: a fork would inherit a pool without its threads. */
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  g_autoptr (GError) error = NULL;
  int status, threads = ax_threads ();
  g_assert_true (g_spawn_sync (NULL, (char *[]){ self, "--train-and-die", killed, NULL }, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL, NULL, &status, &error));
  g_assert_no_error (error);
  g_assert_true (WIFSIGNALED (status) && WTERMSIG (status) == SIGKILL);
  ax_threads_set (1);
  assert_trains (killed, AX_LM_INSTRUCT);
  ax_threads_set (2);
  assert_trains (whole, AX_LM_INSTRUCT);
  ax_threads_set (threads);
  assert_same_run (dir, "whole", "killed");
  g_autoptr (GBytes) plot = contents (dir, "whole", "metrics.png");
  g_assert_cmpuint (g_bytes_get_size (plot), >, 1000);

  /* Alignment moves the heads alone, and what it leaves is a start for the other stage. */
  g_autofree char *align = write_config (dir, "align", 2, ""), *next = write_config (dir, "next", 1, ", \"rich\": 2, \"after_box\": 3, \"datasets\": {\"none\": 0}, \"start\": \"align/adapter.safetensors\", \"lr\": 0");
  assert_trains (align, AX_LM_ALIGN);
  assert_trains (next, AX_LM_INSTRUCT);
  g_autofree char *a_path = g_build_filename (dir, "align", "adapter.safetensors", NULL), *b_path = g_build_filename (dir, "next", "adapter.safetensors", NULL);
  g_autoptr (AxLmWeights) a = ax_lm_adapter_open (a_path, 0, &error), b = a ? ax_lm_adapter_open (b_path, 0, &error) : NULL;
  g_assert_no_error (error);
  g_assert_cmpint (ax_lm_weights_get_adapter (a)->rank, ==, 0);
  g_assert_cmpint (ax_lm_weights_get_adapter (b)->rank, ==, 4);
  g_assert_cmpuint (ax_lm_weights_get_adapter (b)->heads, ==, 12);
  g_assert_cmpint (ax_lm_weights_get_adapter (b)->added_first, ==, PIECES);
  clean (dir);
}

/* The losses of two runs, step by step. A card adds up the head's products in another order (it treats the added tokens' rows apart): as tests/engine/model/test-devices.c
 * allows for a pass and its gradients. */
static char **
metrics (const char *dir, const char *run)
{
  g_autoptr (GBytes) text = contents (dir, run, "metrics.csv");
  g_autofree char *copy = g_strndup (g_bytes_get_data (text, NULL), g_bytes_get_size (text));
  return g_strsplit (copy, "\n", 0);
}

static void
assert_close_losses (const char *dir, const char *a, const char *b)
{
  g_auto (GStrv) mine = metrics (dir, a), other = metrics (dir, b);
  double worst = 0;
  g_assert_cmpuint (g_strv_length (mine), ==, g_strv_length (other));
  g_assert_cmpuint (g_strv_length (mine), >=, 3);   /* the head, a step, the end */
  for (guint i = 1; mine[i] != NULL && *mine[i]; i++)
    {
      g_auto (GStrv) x = g_strsplit (mine[i], ",", 4), y = g_strsplit (other[i], ",", 4);
      const double loss = g_ascii_strtod (x[2], NULL);
      g_assert_cmpfloat (loss, >, 0);
      worst = MAX (worst, fabs (loss - g_ascii_strtod (y[2], NULL)) / loss);
    }
  g_test_message ("%s and %s: losses differ by %.2g of themselves", a, b, worst);
  g_assert_cmpfloat (worst, <=, 2e-3);
}

/* On a card whose memory only its operations can see: nothing of it is read or written from here, the losses are the processor's, and the same seed gives the same bytes. */
static void
test_card (void)
{
  g_autofree char *dir = make_data (), *here = write_config (dir, "here", 2, ""), *there = write_config (dir, "card", 2, ""), *again = write_config (dir, "again", 2, "");
  g_autofree char *align_here = write_config (dir, "align-here", 1, ""), *align_there = write_config (dir, "align-card", 1, "");
  assert_trains (here, AX_LM_INSTRUCT);
  assert_trains (align_here, AX_LM_ALIGN);
  device = walled_card ();
  assert_trains (there, AX_LM_INSTRUCT);
  assert_trains (again, AX_LM_INSTRUCT);
  assert_trains (align_there, AX_LM_ALIGN);
  device = NULL;
  g_test_message ("%" G_GSIZE_FORMAT " operations and copies", walled_card_calls ());
  g_assert_cmpuint (walled_card_calls (), >, 1000);
  g_assert_cmpuint (walled_card ()->taken (), ==, 0);
  assert_same_run (dir, "card", "again");
  assert_close_losses (dir, "here", "card");
  assert_close_losses (dir, "align-here", "align-card");
  clean (dir);
}

static void
assert_refused (const char *config_path, const char *text)
{
  g_autoptr (GError) error = NULL;
  g_assert_false (train (config_path, AX_LM_INSTRUCT, 0, &error));
  g_assert_nonnull (error);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, text));
}

static void
test_refusals (void)
{
  g_autofree char *dir = make_data ();
  g_autofree char *unknown = write_config (dir, "unknown", 1, ", \"larning_rate\": 1"), *both = write_config (dir, "both", 1, ", \"mix\": {\"Cooking\": 1}");
  assert_refused (unknown, "unknown key \"larning_rate\"");
  assert_refused (both, "unknown key \"Cooking\"");
  g_autofree char *long_ = write_config (dir, "long", 1, ", \"tokens\": 256");
  assert_refused (long_, "raise \"tokens\"");
  /* Patient 2 on both sides, and a training list given for validation. */
  write_list (dir, "val.json", "", 2, 1);
  g_autofree char *leak = write_config (dir, "leak", 1, "");
  assert_refused (leak, "Patient 2 is in the training lists and in the validation lists");
  write_list (dir, "val.json", "train", 3, 1);
  assert_refused (leak, "is marked \"train\" but the list is used for validation");
  g_autofree char *list = g_build_filename (dir, "train.json", NULL);
  g_assert_true (g_file_set_contents (list, "[{}]", -1, NULL));
  assert_refused (leak, "train.json");
  clean (dir);
}

int
main (int argc, char **argv)
{
  if (argc == 3 && strcmp (argv[1], "--train-and-die") == 0)
    {
      g_autoptr (GError) error = NULL;
      train (argv[2], AX_LM_INSTRUCT, 3, &error);
      return 1;
    }
  /* The tokenizer keeps its table in the cache folder: not in the user's. */
  g_autofree char *cache = g_dir_make_tmp ("ax-lm-trainer-cache-XXXXXX", NULL);
  g_setenv ("XDG_CACHE_HOME", cache, TRUE);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/lm-trainer/resume", test_resume);
  g_test_add_func ("/lm-trainer/card", test_card);
  g_test_add_func ("/lm-trainer/refusals", test_refusals);
  int status = g_test_run ();
  clean (cache);
  return status;
}
