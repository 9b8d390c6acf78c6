/* bert.c: see bert.h. The order of the calls is the order of the paper (Devlin et al.): post-norm layers. */
#include "engine/model/bert.h"

#include <math.h>
#include <string.h>

#include "engine/checkpoint/json_read.h"

#define MAX_LAYERS 128
#define MAX_ROWS (1 << 24) /* of an embedding table */
#define MAX_WIDTH 16384

typedef struct { AxTensor *w, *b; } Linear; /* also a layer norm's scale and shift */

typedef struct {
  Linear query, key, value, attention_out, attention_norm, intermediate, out, out_norm;
} Layer;

struct _AxBert {
  AxBertConfig  config;
  AxParameters *parameters;
  AxTensor     *words, *positions, *types;
  Linear        norm;
  Layer         layers[MAX_LAYERS];
};

/* ---- weights --------------------------------------------------------------------------------------------------------------- */

typedef struct {
  AxBert     *bert;
  AxWeights  *weights;
  const char *prefix;
  GError     *error;           /* the first; all later calls do nothing */
} Loader;

static AxTensor *
load_tensor (Loader *l, const char *name, int ndim, gint64 rows, gint64 cols)
{
  if (l->error != NULL)
    return NULL;
  g_autofree char *key = g_strconcat (l->prefix, name, NULL);
  const gint64 wanted[2] = { rows, cols };
  const int shape[2] = { (int) rows, (int) cols };
  const int index = ax_weights_find (l->weights, key);
  const AxTensorInfo *info = index >= 0 ? ax_weights_info (l->weights, (guint) index) : NULL;
  /* Compared before anything is allocated: what a file claims is bounded by what it holds. */
  if (info == NULL || info->ndim != ndim || info->shape[0] != rows || (ndim == 2 && info->shape[1] != cols))
    {
      g_autofree char *expected = ax_tensor_shape_string (ndim, wanted);
      g_autofree char *found = info != NULL ? ax_tensor_shape_string (info->ndim, info->shape) : NULL;
      g_set_error (&l->error, AX_CHECKPOINT_ERROR, info == NULL ? AX_CHECKPOINT_ERROR_MISSING : AX_CHECKPOINT_ERROR_MISMATCH,
                   "%s: tensor %s %s%s, expected %s", ax_weights_get_path (l->weights), key, info == NULL ? "is missing" : "is ",
                   found != NULL ? found : "", expected);
      return NULL;
    }
  AxParameter *p = ax_parameters_add (l->bert->parameters, key, FALSE, ndim, shape);
  ax_weights_read_f32 (l->weights, (guint) index, p->t.data, p->t.n, &l->error);
  return &p->t;
}

static Linear
load_linear (Loader *l, const char *name, int out, int in)
{
  g_autofree char *weight = g_strconcat (name, ".weight", NULL), *bias = g_strconcat (name, ".bias", NULL);
  Linear pair;
  pair.w = in > 0 ? load_tensor (l, weight, 2, out, in) : load_tensor (l, weight, 1, out, 0);
  pair.b = load_tensor (l, bias, 1, out, 0);
  return pair;
}

static Linear
load_norm (Loader *l, const char *name, int width)
{
  return load_linear (l, name, width, 0);
}

/* Dimension d of a tensor of rank ndim; 0 when it is not there, of another rank or out of bounds. */
static int
dimension (AxWeights *weights, const char *prefix, const char *name, int ndim, int d, int limit)
{
  g_autofree char *key = g_strconcat (prefix, name, NULL);
  const int index = ax_weights_find (weights, key);
  const AxTensorInfo *info = index >= 0 ? ax_weights_info (weights, (guint) index) : NULL;
  return info != NULL && info->ndim == ndim && info->shape[d] > 0 && info->shape[d] <= limit ? (int) info->shape[d] : 0;
}

static gboolean
read_config (AxWeights *weights, const char *prefix, int heads, AxBertConfig *c, GError **error)
{
  c->vocabulary = dimension (weights, prefix, "embeddings.word_embeddings.weight", 2, 0, MAX_ROWS);
  c->width = dimension (weights, prefix, "embeddings.word_embeddings.weight", 2, 1, MAX_WIDTH);
  c->positions = dimension (weights, prefix, "embeddings.position_embeddings.weight", 2, 0, MAX_ROWS);
  c->ffn = dimension (weights, prefix, "encoder.layer.0.intermediate.dense.weight", 2, 0, MAX_WIDTH);
  const int types = dimension (weights, prefix, "embeddings.token_type_embeddings.weight", 2, 0, 64);
  c->heads = heads;
  c->eps = 1e-12f;
  for (c->layers = 0; c->layers < MAX_LAYERS; c->layers++)
    {
      g_autofree char *name = g_strdup_printf ("encoder.layer.%d.output.dense.bias", c->layers);
      if (dimension (weights, prefix, name, 1, 0, MAX_WIDTH) == 0)
        break;
    }
  if (c->vocabulary > 0 && c->width > 0 && c->positions > 0 && c->ffn > 0 && c->layers > 0 && types > 0 && heads > 0 && c->width % heads == 0)
    return TRUE;
  g_set_error (error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISMATCH,
               "%s: no BERT encoder under \"%s\" (vocabulary %d, width %d, positions %d, types %d, layers %d, inner width %d, heads %d)",
               ax_weights_get_path (weights), prefix, c->vocabulary, c->width, c->positions, types, c->layers, c->ffn, heads);
  return FALSE;
}

AxBert *
ax_bert_new_from_weights (AxWeights *weights, const char *prefix, int heads, GError **error)
{
  AxBertConfig config;
  if (!read_config (weights, prefix, heads, &config, error))
    return NULL;
  g_autoptr (AxBert) bert = g_new0 (AxBert, 1);
  bert->config = config;
  bert->parameters = ax_parameters_new ();
  Loader l = { bert, weights, prefix, NULL };
  const int width = config.width;
  bert->words = load_tensor (&l, "embeddings.word_embeddings.weight", 2, config.vocabulary, width);
  bert->positions = load_tensor (&l, "embeddings.position_embeddings.weight", 2, config.positions, width);
  bert->types = load_tensor (&l, "embeddings.token_type_embeddings.weight", 2, dimension (weights, prefix, "embeddings.token_type_embeddings.weight", 2, 0, 64), width);
  bert->norm = load_norm (&l, "embeddings.LayerNorm", width);
  for (int i = 0; i < config.layers && l.error == NULL; i++)
    {
      Layer *layer = &bert->layers[i];
      g_autofree char *root = g_strdup_printf ("%sencoder.layer.%d.", prefix, i);
      Loader in = { bert, weights, root, NULL };
      layer->query = load_linear (&in, "attention.self.query", width, width);
      layer->key = load_linear (&in, "attention.self.key", width, width);
      layer->value = load_linear (&in, "attention.self.value", width, width);
      layer->attention_out = load_linear (&in, "attention.output.dense", width, width);
      layer->attention_norm = load_norm (&in, "attention.output.LayerNorm", width);
      layer->intermediate = load_linear (&in, "intermediate.dense", config.ffn, width);
      layer->out = load_linear (&in, "output.dense", width, config.ffn);
      layer->out_norm = load_norm (&in, "output.LayerNorm", width);
      l.error = in.error;
    }
  if (l.error != NULL)
    {
      g_propagate_error (error, l.error);
      return NULL;
    }
  return g_steal_pointer (&bert);
}

void
ax_bert_free (AxBert *bert)
{
  ax_parameters_free (bert->parameters);
  g_free (bert);
}

const AxBertConfig *
ax_bert_config (const AxBert *bert)
{
  return &bert->config;
}

/* ---- forward --------------------------------------------------------------------------------------------------------------- */

static AxTensor *
embed (AxBert *bert, AxTape *tape, const gint32 *ids, int batch, int tokens)
{
  const int width = bert->config.width;
  AxTensor *x = ax_tensor_new (tape, FALSE, 3, (const int[]){ batch, tokens, width });
  for (int r = 0; r < batch * tokens; r++)
    {
      const float *word = bert->words->data + (gsize) ids[r] * (gsize) width;
      const float *position = bert->positions->data + (gsize) (r % tokens) * (gsize) width;
      const float *type = bert->types->data;      /* one segment: type 0 */
      float *y = x->data + (gsize) r * (gsize) width;
      for (int d = 0; d < width; d++)
        y[d] = word[d] + type[d] + position[d];
    }
  return x;
}

AxTensor *
ax_bert_forward (AxBert *bert, AxTape *tape, const gint32 *ids, int batch, int tokens, const int *lengths)
{
  const float eps = bert->config.eps;
  const int heads = bert->config.heads;
  AxTensor *x = ax_layernorm (tape, embed (bert, tape, ids, batch, tokens), bert->norm.w, bert->norm.b, eps);
  for (int i = 0; i < bert->config.layers; i++)
    {
      const Layer *l = &bert->layers[i];
      AxTensor *q = ax_linear (tape, x, l->query.w, l->query.b, AX_ACT_NONE);
      AxTensor *k = ax_linear (tape, x, l->key.w, l->key.b, AX_ACT_NONE);
      AxTensor *v = ax_linear (tape, x, l->value.w, l->value.b, AX_ACT_NONE);
      AxTensor *a = ax_attention (tape, q, k, v, heads, lengths);
      a = ax_linear (tape, a, l->attention_out.w, l->attention_out.b, AX_ACT_NONE);
      x = ax_layernorm (tape, ax_plus (tape, x, a), l->attention_norm.w, l->attention_norm.b, eps);
      AxTensor *f = ax_linear (tape, x, l->intermediate.w, l->intermediate.b, AX_ACT_GELU_ERF);
      f = ax_linear (tape, f, l->out.w, l->out.b, AX_ACT_NONE);
      x = ax_layernorm (tape, ax_plus (tape, x, f), l->out_norm.w, l->out_norm.b, eps);
    }
  return x;
}

AxTensor *
ax_bert_pool (AxTape *tape, AxTensor *hidden, const int *lengths)
{
  const int batch = hidden->shape[0], tokens = hidden->shape[1], width = hidden->shape[2];
  AxTensor *pooled = ax_tensor_new (tape, FALSE, 2, (const int[]){ batch, width });
  for (int b = 0; b < batch; b++)
    for (int d = 0; d < width; d++)
      {
        double sum = 0;
        for (int t = 0; t < lengths[b]; t++)
          sum += hidden->data[((gsize) b * (gsize) tokens + (gsize) t) * (gsize) width + (gsize) d];
        pooled->data[(gsize) b * (gsize) width + (gsize) d] = (float) (sum / lengths[b]);
      }
  return pooled;
}

/* ---- a folder ---------------------------------------------------------------------------------------------------------------- */

struct _AxSentenceEncoder {
  AxBert      *bert;
  AxWordPiece *vocabulary;
  AxTape      *tape;
};

/* The first of two files of the folder that exists, or the first. */
static char *
either (const char *folder, const char *first, const char *second)
{
  char *path = g_build_filename (folder, first, NULL);
  g_autofree char *other = g_build_filename (folder, second, NULL);
  if (g_file_test (path, G_FILE_TEST_EXISTS) || !g_file_test (other, G_FILE_TEST_EXISTS))
    return path;
  g_free (path);
  return g_steal_pointer (&other);
}

static gboolean
read_folder_config (const char *folder, int *heads, double *eps, GError **error)
{
  g_autofree char *path = g_build_filename (folder, "config.json", NULL);
  g_autoptr (JsonObject) config = ax_json_load_object (path, error);
  gint64 n = 0;
  *eps = 1e-12;
  if (config == NULL || !ax_json_get_int (config, "num_attention_heads", 1, 1024, &n, error) ||
      (json_object_has_member (config, "layer_norm_eps") && !ax_json_get_double (config, "layer_norm_eps", 0, 1, eps, error)))
    return FALSE;
  *heads = (int) n;
  const char *activation = ax_json_get_string (config, "hidden_act", error);
  if (activation == NULL)
    return FALSE;
  const char *position = json_object_has_member (config, "position_embedding_type") ? ax_json_get_string (config, "position_embedding_type", error) : "absolute";
  if (position == NULL)
    return FALSE;
  if (strcmp (activation, "gelu") == 0 && strcmp (position, "absolute") == 0)
    return TRUE;
  g_set_error (error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_UNSUPPORTED, "%s: activation \"%s\" with %s positions; only gelu with absolute ones is supported", path, activation, position);
  return FALSE;
}

AxSentenceEncoder *
ax_sentence_encoder_open (const char *folder, GError **error)
{
  int heads;
  double eps;
  if (!read_folder_config (folder, &heads, &eps, error))
    return NULL;
  g_autofree char *vocabulary = either (folder, "vocab.txt", "tokenizer.json");
  g_autofree char *file = either (folder, "model.safetensors", "pytorch_model.bin");
  g_autoptr (AxSentenceEncoder) self = g_new0 (AxSentenceEncoder, 1);
  self->vocabulary = ax_wordpiece_load (vocabulary, error);
  g_autoptr (AxWeights) weights = self->vocabulary != NULL ? ax_weights_open (file, error) : NULL;
  if (weights == NULL)
    return NULL;
  /* Files saved from a model with a head carry "bert." before every name. */
  const char *prefix = ax_weights_find (weights, "bert.embeddings.word_embeddings.weight") >= 0 ? "bert." : "";
  self->bert = ax_bert_new_from_weights (weights, prefix, heads, error);
  if (self->bert == NULL)
    return NULL;
  self->bert->config.eps = (float) eps;
  if (ax_wordpiece_size (self->vocabulary) > (guint) self->bert->config.vocabulary || self->bert->config.positions < 2)
    {
      g_set_error (error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISMATCH, "%s: %u tokens, but the model has %d rows for them", vocabulary,
                   ax_wordpiece_size (self->vocabulary), self->bert->config.vocabulary);
      return NULL;
    }
  self->tape = ax_tape_new (FALSE);
  return g_steal_pointer (&self);
}

void
ax_sentence_encoder_free (AxSentenceEncoder *self)
{
  g_clear_pointer (&self->bert, ax_bert_free);
  g_clear_pointer (&self->vocabulary, ax_wordpiece_unref);
  g_clear_pointer (&self->tape, ax_tape_free);
  g_free (self);
}

AxBert *
ax_sentence_encoder_bert (AxSentenceEncoder *self)
{
  return self->bert;
}

const AxWordPiece *
ax_sentence_encoder_vocabulary (AxSentenceEncoder *self)
{
  return self->vocabulary;
}

int
ax_sentence_encoder_width (AxSentenceEncoder *self)
{
  return self->bert->config.width;
}

void
ax_sentence_encoder_run (AxSentenceEncoder *self, const char *const *sentences, guint n, float *out)
{
  const int width = self->bert->config.width;
  for (guint i = 0; i < n; i++)
    {
      guint count;
      g_autofree gint32 *ids = ax_wordpiece_encode (self->vocabulary, sentences[i], (guint) self->bert->config.positions, &count);
      const int length = (int) count;
      ax_tape_reset (self->tape);
      AxTensor *hidden = ax_bert_forward (self->bert, self->tape, ids, 1, length, &length);
      AxTensor *pooled = ax_bert_pool (self->tape, hidden, &length);
      memcpy (out + (gsize) i * (gsize) width, pooled->data, (gsize) width * sizeof (float));
    }
  ax_tape_reset (self->tape);
}
