/* The language model's shapes and weights. See gemma.h. */
#include "engine/model/gemma-private.h"
#include "engine/checkpoint/error.h"
#include <math.h>
#include <string.h>

/* ---- shapes --------------------------------------------------------------------------------------------------------------- */

static gboolean
check_config (const AxGemmaConfig *c, GError **error)
{
  if (!ax_lm_config_check (c, error))
    return FALSE;
  /* What the kernels of attention can hold. */
  if (c->head_dim <= 256 && c->head_dim % 2 == 0)
    return TRUE;
  g_set_error (error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_UNSUPPORTED, "attention heads of %d columns; even numbers up to 256 can be run", c->head_dim);
  return FALSE;
}

/* ---- reading -------------------------------------------------------------------------------------------------------------- */

/* Floats read at a time: a large matrix never exists twice. */
#define CHUNK ((gsize) 4 << 20)

typedef struct {
  AxGemma             *g;
  const AxGemmaSource *source;
  float               *buffer;         /* CHUNK */
  GError              *error;          /* the first; all later calls do nothing */
} Load;

static gboolean
has (Load *l, const char *name, gint64 *rows, gint64 *cols)
{
  gint64 r, c;
  return l->source->shape (l->source->data, name, rows != NULL ? rows : &r, cols != NULL ? cols : &c);
}

static gboolean
read_rows (Load *l, const char *name, gsize from, gsize count, gsize rows, gsize cols, float *dst)
{
  return l->error == NULL
         && l->source->read (l->source->data, name, (gint64) from, (gint64) count, (gint64) rows, (gint64) cols, dst, &l->error);
}

static void
no_space (Load *l)
{
  if (l->error == NULL)
    g_set_error (&l->error, G_IO_ERROR, G_IO_ERROR_NO_SPACE, "%s ran out of memory while the language model was loaded", l->g->device->title ());
}

void
ax_gemma_write_rows (const AxGemma *g, AxQMatrix *m, gsize first, gsize n, const float *rows)
{
  const AxDevice *on = g->device;
  const gsize bytes = n * on->qmatrix_in (m) * sizeof (float);
  float *there = on->host ? (float *) rows : on->alloc (bytes);
  if (there == NULL)
    {
      on->fail ("out of memory for rows of a matrix");
      return;
    }
  if (!on->host)
    on->upload (there, rows, bytes);
  on->qmatrix_set_rows (m, first, n, there);
  if (!on->host)
    on->free (there);
}

/* Rows of a tensor that is kept as it is. */
static void
copy_rows (Load *l, const char *name, gsize from, gsize count, gsize rows, gsize cols, AxQMatrix *m, gsize first)
{
  const AxDevice *on = l->g->device;
  if (on->host || l->source->make == NULL)
    {
      if (read_rows (l, name, from, count, rows, cols, l->buffer))
        ax_gemma_write_rows (l->g, m, first, count, l->buffer);
      return;
    }
  float *there = on->alloc (count * cols * sizeof (float));
  if (there == NULL)
    {
      no_space (l);
      return;
    }
  l->source->make (l->source->data, name, (gint64) from, (gint64) count, (gint64) rows, (gint64) cols, on, there);
  on->qmatrix_set_rows (m, first, count, there);
  on->free (there);
}

void
ax_gemma_read_rows (const AxGemma *g, const AxQMatrix *m, gsize n, const gint32 *ids, float *y)
{
  const AxDevice *on = g->device;
  const gsize bytes = n * on->qmatrix_in (m) * sizeof (float);
  if (on->host)
    {
      on->qmatrix_get_rows (m, n, ids, y);
      return;
    }
  gint32 *id = on->alloc (n * sizeof (gint32));
  float *there = on->alloc (bytes);
  if (id == NULL || there == NULL)
    on->fail ("out of memory for rows of a matrix");
  else
    {
      on->upload (id, ids, n * sizeof (gint32));
      on->qmatrix_get_rows (m, n, id, there);
      on->download (y, there, bytes);
    }
  on->free (id);
  on->free (there);
}

/* A norm's factor 1 + w. */
static float *
load_norm (Load *l, const char *prefix, const char *name, int n)
{
  g_autofree char *key = g_strconcat (prefix, name, ".weight", NULL);
  const AxDevice *on = l->g->device;
  g_autofree float *w = g_new0 (float, n);
  read_rows (l, key, 0, 1, 1, (gsize) n, w);
  for (int i = 0; i < n; i++)
    w[i] += 1;
  float *there = on->alloc ((gsize) n * sizeof (float));
  if (there == NULL)
    no_space (l);
  else
    on->upload (there, w, (gsize) n * sizeof (float));
  return there;
}

/* A parameter, filled from the source where that has it. */
static AxParameter *
load_parameter (Load *l, const char *name, int ndim, int rows, int cols)
{
  AxParameter *p = ax_parameters_add (l->g->params, name, FALSE, ndim, ndim == 2 ? (int[]){ rows, cols } : (int[]){ cols });
  if (has (l, name, NULL, NULL) && read_rows (l, name, 0, (gsize) rows, (gsize) rows, (gsize) cols, p->t.data))
    g_hash_table_add (l->g->from_source, p->name);
  return p;
}

/* ---- projections ---------------------------------------------------------------------------------------------------------- */

static void
set_rank (Load *l, const char *key, gint64 rank)
{
  AxGemma *g = l->g;
  if (l->error == NULL && (rank < 1 || rank > 1024 || (g->options.lora_rank > 0 && g->options.lora_rank != rank)))
    g_set_error (&l->error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_UNSUPPORTED, "%s has rank %" G_GINT64_FORMAT ", the adapter's other matrices %d", key, rank,
                 g->options.lora_rank);
  else if (l->error == NULL)
    g->options.lora_rank = (int) rank;
}

/* Rows [from, from + out) of lin from the tensor of that name, with its LoRA pair: learnable, or folded in. */
static void
load_part (Load *l, AxQLinear *lin, const char *prefix, const char *name, int from, int out)
{
  g_autofree char *key = g_strconcat (prefix, name, ".weight", NULL);
  g_autofree char *key_a = g_strconcat (prefix, name, ".lora_A.weight", NULL), *key_b = g_strconcat (prefix, name, ".lora_B.weight", NULL);
  const AxGemmaOptions *o = &l->g->options;
  const gsize in = (gsize) lin->in, rows = (gsize) out;
  g_autofree float *a = NULL, *b = NULL;
  gint64 rank = 0;
  if (l->error != NULL)
    return;
  if (has (l, key_a, &rank, NULL))
    {
      set_rank (l, key_a, rank);
      if (l->error == NULL && o->merge_lora)
        {
          a = g_new (float, (gsize) rank * in);
          b = g_new (float, (gsize) rank * rows);
          read_rows (l, key_a, 0, (gsize) rank, (gsize) rank, in, a);
          read_rows (l, key_b, 0, rows, rows, (gsize) rank, b);
        }
    }
  const gsize step = MAX (1, CHUNK / in);
  for (gsize r = 0; r < rows && l->error == NULL; r += step)
    {
      const gsize count = MIN (step, rows - r);
      if (a == NULL)
        {
          copy_rows (l, key, r, count, rows, in, lin->w, (gsize) from + r);
          continue;
        }
      if (!read_rows (l, key, r, count, rows, in, l->buffer))
        break;
      ax_gemm (false, false, count, in, (gsize) rank, (float) (o->lora_alpha / (double) rank), b + r * (gsize) rank, (gsize) rank, a, in, 1, l->buffer, in);
      ax_gemma_write_rows (l->g, lin->w, (gsize) from + r, count, l->buffer);
    }
  const int p = lin->n_parts++;
  lin->part[p].from = from;
  lin->part[p].out = out;
  if (l->error != NULL || o->merge_lora || (rank == 0 && o->lora_rank == 0))
    return;
  rank = o->lora_rank;
  lin->rank = (int) rank;
  lin->part[p].a = load_parameter (l, key_a, 2, (int) rank, (int) in);
  lin->part[p].b = load_parameter (l, key_b, 2, out, (int) rank);
}

static AxQMatrix *
matrix_new (Load *l, AxQType type, int out, int in)
{
  AxQMatrix *m = l->g->device->qmatrix_new (type, (gsize) out, (gsize) in);
  if (m == NULL)
    no_space (l);
  else if (type == AX_Q_F32)
    l->g->device->qmatrix_set_exact (m, true);
  return m;
}

static AxQType
type_of (AxGemmaStore store)
{
  static const AxQType type[] = { [AX_GEMMA_F32] = AX_Q_F32, [AX_GEMMA_BF16] = AX_Q_BF16, [AX_GEMMA_QUANTISED] = AX_Q_Q8 };
  return type[store];
}

static AxQLinear
linear_new (Load *l, int out, int in)
{
  return (AxQLinear){ .on = l->g->device, .w = matrix_new (l, type_of (l->g->options.store), out, in), .in = in, .out = out };
}

static void
load_layer (Load *l, int i)
{
  AxGemma *g = l->g;
  const AxGemmaConfig *c = &g->config;
  AxGemmaLayer *layer = &g->layers[i];
  const int q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim;
  g_autofree char *prefix = g_strdup_printf ("layers.%d.", i);
  layer->global = (i + 1) % c->global_every == 0;
  layer->norm_in = load_norm (l, prefix, "input_layernorm", c->width);
  layer->norm_q = load_norm (l, prefix, "self_attn.q_norm", c->head_dim);
  layer->norm_k = load_norm (l, prefix, "self_attn.k_norm", c->head_dim);
  layer->norm_post = load_norm (l, prefix, "post_attention_layernorm", c->width);
  layer->norm_pre_ffn = load_norm (l, prefix, "pre_feedforward_layernorm", c->width);
  layer->norm_post_ffn = load_norm (l, prefix, "post_feedforward_layernorm", c->width);
  layer->qkv = linear_new (l, q + 2 * kv, c->width);
  load_part (l, &layer->qkv, prefix, "self_attn.q_proj", 0, q);
  load_part (l, &layer->qkv, prefix, "self_attn.k_proj", q, kv);
  load_part (l, &layer->qkv, prefix, "self_attn.v_proj", q + kv, kv);
  layer->o = linear_new (l, c->width, q);
  load_part (l, &layer->o, prefix, "self_attn.o_proj", 0, c->width);
  layer->gate_up = linear_new (l, 2 * c->ffn, c->width);
  load_part (l, &layer->gate_up, prefix, "mlp.gate_proj", 0, c->ffn);
  load_part (l, &layer->gate_up, prefix, "mlp.up_proj", c->ffn, c->ffn);
  layer->down = linear_new (l, c->width, c->ffn);
  load_part (l, &layer->down, prefix, "mlp.down_proj", 0, c->width);
}

/* ---- vocabulary ----------------------------------------------------------------------------------------------------------- */

/* The rows of the added tokens: the source's own, else the base's where it has such rows (the authors train those), else left to ax_gemma_init(). */
static AxParameter *
load_added (Load *l, const char *name, const char *base)
{
  AxGemma *g = l->g;
  const AxGemmaOptions *o = &g->options;
  AxParameter *p = load_parameter (l, name, 2, o->added_count, g->config.width);
  const int overlap = MIN (o->added_count, g->config.vocab - o->added_first);
  if (l->error == NULL && overlap > 0 && !g_hash_table_contains (g->from_source, p->name)
      && read_rows (l, base, (gsize) o->added_first, (gsize) overlap, (gsize) g->config.vocab, (gsize) g->config.width, p->t.data)
      && overlap == o->added_count)
    g_hash_table_add (g->from_source, p->name);
  return p;
}

static AxQMatrix *
load_table (Load *l, const char *name)
{
  AxGemma *g = l->g;
  const gsize width = (gsize) g->config.width, vocab = (gsize) g->config.vocab, step = MAX (1, CHUNK / width);
  const gboolean split = g->options.store == AX_GEMMA_QUANTISED;   /* half of it finds the likeliest token */
  AxQMatrix *m = matrix_new (l, split ? AX_Q_Q8_SPLIT : type_of (g->options.store), g->vocabulary, g->config.width);
  if (m == NULL)
    return NULL;
  for (gsize r = 0; r < vocab && l->error == NULL; r += step)
    copy_rows (l, name, r, MIN (step, vocab - r), vocab, width, m, r);
  memset (l->buffer, 0, width * sizeof (float));
  for (int i = 0; i < g->options.added_count; i++)
    if (g->options.added_first + i < g->config.vocab)
      ax_gemma_write_rows (g, m, (gsize) (g->options.added_first + i), 1, l->buffer);
  return m;
}

static AxParameter *
load_learned (Load *l, const char *name, const char *base, const char *added)
{
  AxGemma *g = l->g;
  const gsize width = (gsize) g->config.width;
  AxParameter *p = ax_parameters_add (g->params, name, FALSE, 2, (int[]){ g->vocabulary, g->config.width });
  read_rows (l, base, 0, (gsize) g->config.vocab, (gsize) g->config.vocab, width, p->t.data);
  if (g->options.added_count > 0 && has (l, added, NULL, NULL))
    {
      read_rows (l, added, 0, (gsize) g->options.added_count, (gsize) g->options.added_count, width, p->t.data + (gsize) g->options.added_first * width);
      g_hash_table_add (g->from_source, p->name);
    }
  return p;
}

static void
load_vocabulary (Load *l)
{
  AxGemma *g = l->g;
  const gboolean untied = has (l, "lm_head.weight", NULL, NULL);
  const char *head = untied ? "lm_head.weight" : "embed_tokens.weight";
  if (g->options.vocabulary)
    {
      g->learned_embed = load_learned (l, "embed_tokens.weight", "embed_tokens.weight", "added_tokens.weight");
      g->learned_head = load_learned (l, "lm_head.weight", head, has (l, "added_head.weight", NULL, NULL) ? "added_head.weight" : "added_tokens.weight");
      return;
    }
  g->embed = load_table (l, "embed_tokens.weight");
  g->head = untied ? load_table (l, "lm_head.weight") : g->embed;
  if (g->options.added_count == 0)
    return;
  g->added = load_added (l, "added_tokens.weight", "embed_tokens.weight");
  g->added_head = g->options.added_tied ? g->added : load_added (l, "added_head.weight", head);
}

/* ---- heads ---------------------------------------------------------------------------------------------------------------- */

static void
load_head (Load *l, AxGemmaHead *head, const char *prefix, int *dim)
{
  const char *const names[] = { "proj.0.weight", "proj.0.bias", "proj.2.weight", "proj.2.bias", "proj.3.weight", "proj.3.bias" };
  AxGemmaOptions *o = &l->g->options;
  g_autofree char *first = g_strconcat (prefix, names[0], NULL);
  gint64 rows, cols;
  if (has (l, first, &rows, &cols))
    {
      if (rows < 1 || rows > 65536 || cols < 1 || cols > 65536)
        {
          if (l->error == NULL)
            g_set_error (&l->error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISMATCH, "%s is [%" G_GINT64_FORMAT ", %" G_GINT64_FORMAT "]", first, rows, cols);
          return;
        }
      o->head_hidden = (int) rows;
      *dim = (int) cols;
    }
  else if (!o->heads)
    return;
  const int hidden = o->head_hidden, width = l->g->config.width;
  const int shapes[][3] = { { 2, hidden, *dim }, { 1, 1, hidden }, { 1, 1, hidden }, { 1, 1, hidden }, { 2, width, hidden }, { 1, 1, width } };
  AxParameter **const to[] = { &head->w0, &head->b0, &head->gamma, &head->beta, &head->w3, &head->b3 };
  for (gsize i = 0; i < G_N_ELEMENTS (to); i++)
    {
      g_autofree char *key = g_strconcat (prefix, names[i], NULL);
      *to[i] = load_parameter (l, key, shapes[i][0], shapes[i][1], shapes[i][2]);
    }
}

/* ---- the model ------------------------------------------------------------------------------------------------------------ */

static gboolean
check_options (const AxGemmaConfig *c, const AxGemmaOptions *o, GError **error)
{
  const char *wrong = NULL;
  if (o->lora_rank < 0 || o->lora_rank > 1024 || !(o->lora_dropout >= 0 && o->lora_dropout < 1))
    wrong = "LoRA rank or dropout";
  else if (o->added_count < 0 || o->added_count > 65536 || (o->added_count > 0 && (o->added_first < 0 || o->added_first > c->vocab + 65536)))
    wrong = "added tokens";
  else if (o->image_dim < 0 || o->object_dim < 0 || o->head_hidden < 0)
    wrong = "projection heads";
  if (wrong != NULL)
    g_set_error (error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_ARGUMENT, "language model options out of bounds: %s", wrong);
  return wrong == NULL;
}

/* PEFT's scale alpha / rank, once the rank is known. */
static void
set_scale (AxGemma *g)
{
  const int rank = g->options.lora_rank;
  const float scale = rank > 0 ? (float) (g->options.lora_alpha / rank) : 0;
  for (int i = 0; i < g->config.layers; i++)
    {
      AxGemmaLayer *l = &g->layers[i];
      l->qkv.scale = l->o.scale = l->gate_up.scale = l->down.scale = scale;
    }
}

gsize
ax_gemma_plan (const AxGemmaConfig *c, const AxGemmaOptions *o, gboolean untied)
{
  const gsize q = (gsize) (c->heads * c->head_dim), kv = (gsize) (c->kv_heads * c->head_dim), width = (gsize) c->width, ffn = (gsize) c->ffn;
  const gsize matrices = (gsize) c->layers * (width * (2 * q + 2 * kv) + 3 * width * ffn), table = (gsize) c->vocab * width;
  const gsize rank = o->merge_lora ? 0 : (gsize) o->lora_rank, lora = (gsize) c->layers * rank * (7 * width + 3 * q + 2 * kv + 3 * ffn);
  const double each = o->store == AX_GEMMA_F32 ? 4 : o->store == AX_GEMMA_BF16 ? 2 : 1 + 2.0 / 32;
  if (o->vocabulary)
    return (gsize) (each * (double) matrices) + 4 * (2 * table + lora);
  return (gsize) (each * (double) (matrices + (untied ? 2 : 1) * table)) + 4 * lora;
}

/* Before anything is read: whether the card can hold it, with a hundredth more for what is small. */
static gboolean
check_room (const AxGemma *g, gboolean untied, GError **error)
{
  const gsize needed = ax_gemma_plan (&g->config, &g->options, untied);
  gsize free_bytes, total_bytes;
  g->device->memory (&free_bytes, &total_bytes);
  if (g->device->host || needed + needed / 100 <= free_bytes)
    return TRUE;
  const double millions = ((double) g->config.layers * g->config.width * (2.0 * g->config.head_dim * (g->config.heads + g->config.kv_heads) + 3.0 * g->config.ffn)
                           + (untied ? 2.0 : 1.0) * g->config.vocab * g->config.width) / 1e6;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE, "%s: %.0f million weights take %" G_GSIZE_FORMAT " MiB, and of its %" G_GSIZE_FORMAT " MiB of memory %" G_GSIZE_FORMAT " MiB are free",
               g->device->title (), millions, (needed >> 20) + 1, total_bytes >> 20, free_bytes >> 20);
  return FALSE;
}

AxGemma *
ax_gemma_new (const AxGemmaConfig *config, const AxGemmaOptions *options, const AxGemmaInjection *injection, const AxGemmaSource *source, GError **error)
{
  if (!check_config (config, error) || !check_options (config, options, error))
    return NULL;
  g_autoptr (AxGemma) g = g_new0 (AxGemma, 1);
  g->config = *config;
  g->options = *options;
  g->device = options->device != NULL ? options->device : ax_device_cpu ();
  if (g->options.image_dim == 0)
    g->options.image_dim = 256;
  if (g->options.object_dim == 0)
    g->options.object_dim = 16;
  if (g->options.head_hidden == 0)
    g->options.head_hidden = 512;
  if (injection != NULL)
    {
      g->injection = *injection;
      g->injects = TRUE;
    }
  g->vocabulary = MAX (config->vocab, options->added_count > 0 ? options->added_first + options->added_count : 0);
  g->params = ax_parameters_new ();
  g->from_source = g_hash_table_new (g_str_hash, g_str_equal);
  g->layers = g_new0 (AxGemmaLayer, config->layers);
  g_autofree float *buffer = g_new (float, CHUNK);
  Load l = { g, source, buffer, NULL };
  gint64 rank;
  if (!check_room (g, has (&l, "lm_head.weight", NULL, NULL), error))
    return NULL;
  if (has (&l, "layers.0.self_attn.q_proj.lora_A.weight", &rank, NULL))
    {
      g->options.lora_rank = 0;
      set_rank (&l, "layers.0.self_attn.q_proj.lora_A.weight", rank);
    }
  if (g->options.lora_alpha == 0)
    g->options.lora_alpha = g->options.lora_rank;
  load_head (&l, &g->p_im, "image_projectionhead.", &g->options.image_dim);
  load_head (&l, &g->p_a, "obj_projectionhead.", &g->options.object_dim);
  for (int i = 0; i < config->layers && l.error == NULL; i++)
    load_layer (&l, i);
  if (l.error == NULL)
    {
      g->norm = load_norm (&l, "", "norm", config->width);
      load_vocabulary (&l);
    }
  if (l.error == NULL && ax_parameters_move (g->params, g->device, &l.error))
    ax_device_check (g->device, &l.error);
  if (l.error != NULL)
    {
      g_propagate_error (error, l.error);
      return NULL;
    }
  set_scale (g);
  return g_steal_pointer (&g);
}

static void
layer_clear (const AxDevice *on, AxGemmaLayer *l)
{
  AxQLinear *const linears[] = { &l->qkv, &l->o, &l->gate_up, &l->down };
  float *const norms[] = { l->norm_in, l->norm_q, l->norm_k, l->norm_post, l->norm_pre_ffn, l->norm_post_ffn };
  for (gsize i = 0; i < G_N_ELEMENTS (linears); i++)
    g_clear_pointer (&linears[i]->w, on->qmatrix_free);
  for (gsize i = 0; i < G_N_ELEMENTS (norms); i++)
    on->free (norms[i]);
}

void
ax_gemma_free (AxGemma *g)
{
  if (g == NULL)
    return;
  for (int i = 0; g->layers != NULL && i < g->config.layers; i++)
    layer_clear (g->device, &g->layers[i]);
  if (g->head != g->embed)
    g_clear_pointer (&g->head, g->device->qmatrix_free);
  g_clear_pointer (&g->embed, g->device->qmatrix_free);
  g_free (g->layers);
  g->device->free (g->norm);
  g_hash_table_unref (g->from_source);
  ax_parameters_free (g->params);
  g_free (g);
}

const AxGemmaConfig  *ax_gemma_config (const AxGemma *g) { return &g->config; }
const AxGemmaOptions *ax_gemma_options (const AxGemma *g) { return &g->options; }
int                   ax_gemma_vocabulary (const AxGemma *g) { return g->vocabulary; }
AxParameters         *ax_gemma_parameters (AxGemma *g) { return g->params; }
const AxDevice       *ax_gemma_device (const AxGemma *g) { return g->device; }

gsize
ax_gemma_bytes (const AxGemma *g)
{
  gsize n = ax_parameters_count (g->params, FALSE) * sizeof (float);
  for (int i = 0; i < g->config.layers; i++)
    {
      const AxGemmaLayer *l = &g->layers[i];
      n += g->device->qmatrix_bytes (l->qkv.w) + g->device->qmatrix_bytes (l->o.w) + g->device->qmatrix_bytes (l->gate_up.w) + g->device->qmatrix_bytes (l->down.w);
    }
  if (g->embed != NULL)
    n += g->device->qmatrix_bytes (g->embed) + (g->head != g->embed ? g->device->qmatrix_bytes (g->head) : 0);
  return n;
}

/* ---- what learns ---------------------------------------------------------------------------------------------------------- */

static AxGemmaTrain
group_of (const char *name)
{
  if (strstr (name, "_projectionhead.") != NULL)
    return AX_GEMMA_TRAIN_HEADS;
  if (strstr (name, ".lora_") != NULL)
    return AX_GEMMA_TRAIN_LORA;
  return g_str_has_prefix (name, "added_") ? AX_GEMMA_TRAIN_ADDED : AX_GEMMA_TRAIN_VOCABULARY;
}

void
ax_gemma_set_trainable (AxGemma *g, AxGemmaTrain groups)
{
  for (guint i = 0; i < g->params->list->len; i++)
    {
      AxParameter *p = g->params->list->pdata[i];
      p->trainable = (group_of (p->name) & groups) != 0;
      p->t.needs_grad = FALSE;
    }
}

static double
uniform (guint64 *state)
{
  guint64 x = *state += 0x9E3779B97F4A7C15u;
  x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
  x = (x ^ x >> 27) * 0x94D049BB133111EBu;
  return (double) ((x ^ x >> 31) >> 11) * 0x1p-53;
}

static double
normal (guint64 *state)
{
  const double u = 1 - uniform (state);
  return sqrt (-2 * log (u)) * cos (6.283185307179586 * uniform (state));
}

/* Rows [first, first + n) of a table become its base's mean row plus noise of a hundredth of the base's spread (the root of the mean of the columns'
 * variances). `from` reads base rows: a packed matrix, or the table itself where that is learned. */
static void
init_added (const AxGemma *g, const AxQMatrix *m, float *rows, int n, const float *table, guint64 *state)
{
  enum { STEP = 256 };
  const int width = g->config.width, vocab = MIN (g->config.vocab, g->options.added_first);
  g_autofree float *buffer = g_new (float, (gsize) STEP * (gsize) width);
  g_autofree double *mean = g_new0 (double, width);
  double squares = 0, square_mean = 0;
  gint32 id[STEP];
  for (int from = 0; from < vocab; from += STEP)
    {
      const int count = MIN (STEP, vocab - from);
      const float *base = table != NULL ? table + (gsize) from * (gsize) width : buffer;
      for (int i = 0; i < count; i++)
        id[i] = from + i;
      if (table == NULL)
        ax_gemma_read_rows (g, m, (gsize) count, id, buffer);
      for (int i = 0; i < count * width; i++)
        {
          mean[i % width] += base[i];
          squares += (double) base[i] * base[i];
        }
    }
  for (int d = 0; d < width; d++)
    {
      mean[d] /= MAX (vocab, 1);
      square_mean += mean[d] * mean[d];
    }
  const double noise = 0.01 * sqrt (MAX (0, (squares / MAX (vocab, 1) - square_mean) / width));
  for (int i = 0; i < n * width; i++)
    rows[i] = (float) (mean[i % width] + noise * normal (state));
}

void
ax_gemma_init (AxGemma *g, guint64 seed)
{
  g_autoptr (GError) error = NULL;
  /* Drawn here, wherever they are used. */
  if (!ax_parameters_move (g->params, ax_device_cpu (), &error))
    {
      g->device->fail (error->message);
      return;
    }
  for (guint i = 0; i < g->params->list->len; i++)
    {
      AxParameter *p = g->params->list->pdata[i];
      AxTensor *t = &p->t;
      /* One stream per parameter: adding a parameter does not move the start of the others. */
      guint64 state = seed * 0x9E3779B97F4A7C15u ^ g_str_hash (p->name) * 0xD1B54A32D192ED03u;
      if (g_hash_table_contains (g->from_source, p->name) || g_str_has_suffix (p->name, "lora_B.weight"))
        continue;
      if (group_of (p->name) == AX_GEMMA_TRAIN_ADDED)
        init_added (g, p == g->added ? g->embed : g->head, t->data, g->options.added_count, NULL, &state);
      else if (group_of (p->name) == AX_GEMMA_TRAIN_VOCABULARY)
        {
          /* Rows that the base has stay: it has trained them. */
          const int first = MAX (g->options.added_first, g->config.vocab), n = g->options.added_first + g->options.added_count - first;
          if (g->options.added_count > 0 && n > 0)
            init_added (g, NULL, t->data + (gsize) first * (gsize) g->config.width, n, t->data, &state);
        }
      else if (strstr (p->name, "proj.2.") != NULL)
        for (gsize k = 0; k < t->n; k++)
          t->data[k] = g_str_has_suffix (p->name, "weight");
      else
        {
          /* nn.Linear and PEFT's A alike: uniform within 1 / sqrt (inputs). A bias has the inputs of its weight. */
          const int in = t->ndim == 2 ? t->shape[1] : strstr (p->name, "proj.3.") != NULL ? g->options.head_hidden : g_str_has_prefix (p->name, "image_") ? g->options.image_dim : g->options.object_dim;
          const double bound = 1 / sqrt (in);
          for (gsize k = 0; k < t->n; k++)
            t->data[k] = (float) (bound * (2 * uniform (&state) - 1));
        }
    }
  g->params->generation++;
  if (!ax_parameters_move (g->params, g->device, &error))
    g->device->fail (error->message);
}
