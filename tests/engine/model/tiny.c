/* See tiny.h. */
#include "tests/engine/model/tiny.h"
#include <math.h>
#include <string.h>

const AxGemmaConfig tiny_config = { .layers = 8, .width = 128, .heads = 4, .kv_heads = 2, .head_dim = 32, .ffn = 256, .vocab = 557, .window = 16, .global_every = 6,
                                    .context = 4096, .theta_local = 1e4, .theta_global = 1e6, .rope_factor = 8, .query_scale = 0.17677669529663687, .eps = 1e-6,
                                    .embed_scale = 11.3125, .tied = TRUE };
const AxGemmaInjection tiny_injection = { 512, 519, 36 };

char *
tiny_path (const char *folder, const char *file)
{
  const char *shared = g_getenv ("AX_SHARED");
  char *path = g_build_filename (shared != NULL ? shared : ".", folder, file, NULL);
  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    {
      g_test_skip_printf ("%s/%s is absent", folder, file);
      g_clear_pointer (&path, g_free);
    }
  return path;
}

/* Which file has the tensor of a canonical name, and under which index. */
static AxWeights *
locate (const Tiny *t, const char *name, int *index)
{
  const char *core = "LM.core_model.base_model.model.";
  g_autofree char *key = NULL;
  AxWeights *w = t->lm;
  const char *dot = strrchr (name, '.');
  if (strstr (name, ".lora_") != NULL)
    key = t->parts & TINY_LORA ? g_strdup_printf ("%smodel.language_model.%.*s.default%s", core, (int) (dot - name), name, dot) : NULL;
  else if (strstr (name, "_projectionhead.") != NULL)
    key = t->parts & TINY_HEADS ? g_strconcat ("LM.wrapper.", name, NULL) : NULL;
  else if (t->parts & TINY_VOCABULARY && strcmp (name, "embed_tokens.weight") == 0)
    key = g_strconcat (core, "model.language_model.embed_tokens.modules_to_save.default.weight", NULL);
  else if (t->parts & TINY_VOCABULARY && strcmp (name, "lm_head.weight") == 0)
    key = g_strconcat (core, "lm_head.modules_to_save.default.weight", NULL);
  else
    {
      key = g_strconcat ("language_model.model.", name, NULL);
      w = t->base;
    }
  *index = key != NULL ? ax_weights_find (w, key) : -1;
  return *index >= 0 ? w : NULL;
}

static gboolean
source_shape (gpointer data, const char *name, gint64 *rows, gint64 *cols)
{
  int index;
  AxWeights *w = locate (data, name, &index);
  if (w == NULL)
    return FALSE;
  const AxTensorInfo *info = ax_weights_info (w, (guint) index);
  *rows = info->ndim == 2 ? info->shape[0] : 1;
  *cols = info->shape[info->ndim - 1];
  return TRUE;
}

static gboolean
source_read (gpointer data, const char *name, gint64 from, gint64 count, gint64 rows, gint64 cols, float *dst, GError **error)
{
  gint64 r, c;
  int index;
  if (!source_shape (data, name, &r, &c) || r != rows || c != cols)
    {
      g_set_error (error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISSING, "no tensor %s of that shape", name);
      return FALSE;
    }
  AxWeights *w = locate (data, name, &index);
  g_autofree float *all = g_new (float, rows * cols);
  if (!ax_weights_read_f32 (w, (guint) index, all, (gsize) (rows * cols), error))
    return FALSE;
  memcpy (dst, all + from * cols, (gsize) (count * cols) * sizeof (float));
  return TRUE;
}

Tiny *
tiny_open (TinyParts parts)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *base = tiny_path ("reference/F_lm_tiny/base", "model.safetensors"), *lm = base != NULL ? tiny_path ("reference/F_lm_tiny", "lm.pt") : NULL;
  if (lm == NULL)
    return NULL;
  Tiny *t = g_new0 (Tiny, 1);
  t->base = ax_weights_open (base, &error);
  g_assert_no_error (error);
  t->lm = ax_weights_open (lm, &error);
  g_assert_no_error (error);
  t->parts = parts;
  t->source = (AxGemmaSource){ t, source_shape, source_read };
  return t;
}

void
tiny_free (Tiny *t)
{
  ax_weights_unref (t->base);
  ax_weights_unref (t->lm);
  g_free (t);
}

AxGemma *
tiny_gemma (Tiny *t, const AxGemmaOptions *options)
{
  g_autoptr (GError) error = NULL;
  AxGemma *gemma = ax_gemma_new (&tiny_config, options, &tiny_injection, &t->source, &error);
  g_assert_no_error (error);
  return gemma;
}

float *
tiny_tensor (AxWeights *weights, const char *name, gsize *n)
{
  g_autoptr (GError) error = NULL;
  const int index = ax_weights_find (weights, name);
  if (index < 0)
    g_error ("no tensor %s", name);
  *n = (gsize) ax_weights_info (weights, (guint) index)->n_elements;
  float *data = g_new (float, *n);
  g_assert_true (ax_weights_read_f32 (weights, (guint) index, data, *n, &error));
  return data;
}

gint32 *
tiny_ids (AxWeights *weights, const char *name, gsize *n)
{
  g_autofree float *f = tiny_tensor (weights, name, n);
  gint32 *ids = g_new (gint32, *n);
  for (gsize i = 0; i < *n; i++)
    ids[i] = (gint32) f[i];
  return ids;
}

double
tiny_worst (const float *a, const float *b, gsize n)
{
  double worst = 0;
  for (gsize i = 0; i < n; i++)
    {
      const double d = fabs ((double) a[i] - b[i]);
      if (!(d <= worst))
        worst = d;                       /* a NaN stays */
    }
  return worst;
}
