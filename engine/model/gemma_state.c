/* Serving: the KV cache and its passes. See gemma_state.h. */
#include "engine/model/gemma_state-private.h"
#include "engine/checkpoint/error.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Rows of a pass: enough that a matrix product no longer waits for its weights, few enough that the inner width of 512 rows stays near the caches. */
#define CHUNK 512
/* Fewer rows than this attend straight from the cache; more have its keys and values widened once for all of them. */
#define FEW_ROWS 8
#define MAX_CAPACITY (1 << 17)

/* ---- memory --------------------------------------------------------------------------------------------------------------- */

typedef struct { guint8 *base; gsize used; } Arena;

/* The next n bytes of the plan, at a multiple of 64; with a base also their address. */
static gpointer
take (Arena *a, gsize n)
{
  gpointer at = a->base != NULL ? a->base + a->used : NULL;
  a->used += (n + 63) & ~(gsize) 63;
  return at;
}

static float *
take_floats (Arena *a, gsize n)
{
  return take (a, n * sizeof (float));
}

/* Lays the state out; returns its size. Called once to measure and once to set the pointers. */
static gsize
lay_out (AxGemmaState *s, guint8 *base)
{
  const AxGemma *g = s->gemma;
  const AxGemmaConfig *c = &g->config;
  const gsize capacity = (gsize) s->capacity, kv = (gsize) (c->kv_heads * c->head_dim), q = (gsize) (c->heads * c->head_dim), n = (gsize) s->chunk;
  Arena a = { base, 0 };
  gsize lora = 0;
  s->kv_layer = capacity * kv * s->kv_size;
  s->k = take (&a, (gsize) c->layers * s->kv_layer);
  s->v = take (&a, (gsize) c->layers * s->kv_layer);
  for (int i = 0; i < 2; i++)
    s->cos_sin[i] = take_floats (&a, capacity * (gsize) c->head_dim);
  s->x = take_floats (&a, n * (gsize) c->width);
  s->normed = take_floats (&a, n * (gsize) c->width);
  s->added = take_floats (&a, n * (gsize) c->width);
  s->qkv = take_floats (&a, n * (q + 2 * kv));
  s->qk = take_floats (&a, n * (q + kv));
  s->o = take_floats (&a, n * q);
  s->gate_up = take_floats (&a, 2 * n * (gsize) c->ffn);
  s->inner = take_floats (&a, n * (gsize) c->ffn);
  for (int i = 0; i < c->layers; i++)
    {
      const AxQLinear *const l[] = { &g->layers[i].qkv, &g->layers[i].o, &g->layers[i].gate_up, &g->layers[i].down };
      for (gsize k = 0; k < G_N_ELEMENTS (l); k++)
        lora = MAX (lora, ax_qlinear_scratch (l[k], n));
    }
  s->lora = take_floats (&a, lora);
  s->wide_k = s->kv_type != AX_KV_F32 ? take_floats (&a, capacity * kv) : NULL;
  s->wide_v = s->kv_type != AX_KV_F32 ? take_floats (&a, capacity * kv) : NULL;
  s->spans = take (&a, n * sizeof (AxSpan));
  s->last = take_floats (&a, (gsize) c->width);
  s->logits = take_floats (&a, (gsize) g->vocabulary);
  s->order = take (&a, (gsize) g->vocabulary * sizeof (gint32));
  return a.used;
}

static AxGemmaState
plan (AxGemma *g, int capacity)
{
  AxGemmaState s = { .gemma = g, .capacity = capacity, .chunk = MIN (capacity, CHUNK) };
  s.kv_type = g->options.store == AX_GEMMA_F32 ? AX_KV_F32 : AX_KV_F16;
  s.kv_size = s.kv_type == AX_KV_F32 ? 4 : 2;
  return s;
}

gsize
ax_gemma_state_plan (const AxGemma *g, int capacity)
{
  AxGemmaState s = plan ((AxGemma *) g, capacity);
  return lay_out (&s, NULL);
}

AxGemmaState *
ax_gemma_state_new (AxGemma *g, int capacity, GError **error)
{
  if (capacity < 1 || capacity > MAX_CAPACITY)
    {
      g_set_error (error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_ARGUMENT, "a sequence of %d tokens; 1 to %d are possible", capacity, MAX_CAPACITY);
      return NULL;
    }
  AxGemmaState *s = g_new (AxGemmaState, 1);
  *s = plan (g, capacity);
  s->bytes = lay_out (s, NULL);
  s->arena = aligned_alloc (64, s->bytes);
  if (s->arena == NULL)
    {
      g_set_error (error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_ARGUMENT, "no memory for a sequence of %d tokens (%" G_GSIZE_FORMAT " MiB)", capacity, s->bytes >> 20);
      g_free (s);
      return NULL;
    }
  lay_out (s, s->arena);
  for (int i = 0; i < 2; i++)
    ax_gemma_rope_table (&g->config, i == 1, capacity, NULL, 0, s->cos_sin[i]);
  return s;
}

void
ax_gemma_state_free (AxGemmaState *s)
{
  if (s == NULL)
    return;
  free (s->arena);
  g_free (s);
}

AxGemma     *ax_gemma_state_gemma (AxGemmaState *s) { return s->gemma; }
int          ax_gemma_state_capacity (const AxGemmaState *s) { return s->capacity; }
int          ax_gemma_state_length (const AxGemmaState *s) { return s->length; }
gsize        ax_gemma_state_bytes (const AxGemmaState *s) { return s->bytes; }

void
ax_gemma_state_rewind (AxGemmaState *s, int length)
{
  g_return_if_fail (length >= 0 && length <= s->length);
  s->has_logits &= length == s->length;
  s->length = length;
}

void
ax_gemma_state_copy (AxGemmaState *dst, const AxGemmaState *src, int length)
{
  g_return_if_fail (dst->gemma == src->gemma && length >= 0 && length <= src->length && length <= dst->capacity);
  const gsize row = src->kv_layer / (gsize) src->capacity, n = row * (gsize) length;
  for (int i = 0; i < src->gemma->config.layers; i++)
    {
      memcpy (dst->k + (gsize) i * dst->kv_layer, src->k + (gsize) i * src->kv_layer, n);
      memcpy (dst->v + (gsize) i * dst->kv_layer, src->v + (gsize) i * src->kv_layer, n);
    }
  dst->length = length;
  dst->has_logits = src->has_logits && length == src->length;
  dst->made = AX_LOGITS_NONE;
  if (dst->has_logits)
    memcpy (dst->last, src->last, (gsize) src->gemma->config.width * sizeof (float));
}

const float *
ax_gemma_state_logits (AxGemmaState *s)
{
  if (!s->has_logits)
    return NULL;
  ax_gemma_state_make_all (s);
  return s->logits;
}

void
ax_gemma_state_make_top (AxGemmaState *s)
{
  const AxLmHead head = ax_gemma_lm_head (s->gemma);
  if (s->made != AX_LOGITS_NONE)
    return;
  s->floor = ax_lm_head_top (&head, s->last, s->logits);
  s->made = isfinite (s->floor) ? AX_LOGITS_TOP : AX_LOGITS_ALL;
}

void
ax_gemma_state_make_all (AxGemmaState *s)
{
  const AxLmHead head = ax_gemma_lm_head (s->gemma);
  if (s->made != AX_LOGITS_ALL)
    ax_lm_head_logits (&head, 1, s->last, s->logits);
  s->made = AX_LOGITS_ALL;
}

/* ---- one layer ------------------------------------------------------------------------------------------------------------ */

static void
narrow (AxKvType type, gsize n, const float *x, guint8 *y)
{
  if (type == AX_KV_F16)
    ax_f32_to_f16 (n, x, (guint16 *) y);
  else
    memcpy (y, x, n * sizeof (float));
}

/* Keys and values of the pass's rows go behind those of the cache. */
static void
remember (AxGemmaState *s, int layer, int n)
{
  const AxGemmaConfig *c = &s->gemma->config;
  const gsize kv = (gsize) (c->kv_heads * c->head_dim), q = (gsize) (c->heads * c->head_dim), row = kv * s->kv_size;
  guint8 *k = s->k + (gsize) layer * s->kv_layer + (gsize) s->length * row, *v = s->v + (gsize) layer * s->kv_layer + (gsize) s->length * row;
  for (gsize r = 0; r < (gsize) n; r++)
    {
      narrow (s->kv_type, kv, s->qk + r * (q + kv) + q, k + r * row);
      narrow (s->kv_type, kv, s->qkv + r * (q + 2 * kv) + q + kv, v + r * row);
    }
}

/* Rows [from, n) of the pass attend; the others need no output. */
static void
attend (AxGemmaState *s, int layer, int from, int n)
{
  const AxGemmaConfig *c = &s->gemma->config;
  const gsize kv = (gsize) (c->kv_heads * c->head_dim), q = (gsize) (c->heads * c->head_dim);
  const int window = s->gemma->layers[layer].global ? G_MAXINT : c->window, end = s->length + n;
  const int first = s->length + from >= window ? s->length + from - window + 1 : 0;
  const guint8 *k = s->k + (gsize) layer * s->kv_layer + (gsize) first * kv * s->kv_size, *v = s->v + (gsize) layer * s->kv_layer + (gsize) first * kv * s->kv_size;
  const AxSpanShape shape = { (gsize) (n - from), (gsize) (end - first), (gsize) c->heads, (gsize) c->kv_heads, (gsize) c->head_dim, q + kv, kv, kv, q,
                              (float) c->query_scale, s->gemma->options.store != AX_GEMMA_F32 };
  const float *queries = s->qk + (gsize) from * (q + kv);
  for (int r = from; r < n; r++)
    {
      const int position = s->length + r, low = position >= window ? position - window + 1 : 0;
      s->spans[r - from] = (AxSpan){ low - first, position + 1 - first, position + 1 - first, position + 1 - first };
    }
  if (n - from < FEW_ROWS)
    ax_cache_attention (&shape, s->spans, queries, s->kv_type, k, v, s->o);
  else if (s->kv_type == AX_KV_F32)
    ax_span_attention_forward (&shape, s->spans, queries, (const float *) k, (const float *) v, NULL, s->o);
  else
    {
      ax_f16_to_f32 (shape.tk * kv, (const guint16 *) k, s->wide_k);
      ax_f16_to_f32 (shape.tk * kv, (const guint16 *) v, s->wide_v);
      ax_span_attention_forward (&shape, s->spans, queries, s->wide_k, s->wide_v, NULL, s->o);
    }
}

/* x += rmsnorm (added) for n rows. */
static void
add_normed (AxGemmaState *s, int n, float *x, const float *norm)
{
  const gsize width = (gsize) s->gemma->config.width;
  ax_rmsnorm_forward ((gsize) n, width, s->added, norm, (float) s->gemma->config.eps, s->added, NULL);
  ax_add ((gsize) n * width, x, s->added, x);
}

/* One layer over the n rows of s->x; only rows [from, n) come out, the others leave their keys and values. */
static void
run_layer (AxGemmaState *s, int layer, int from, int n)
{
  const AxGemmaConfig *c = &s->gemma->config;
  const AxGemmaLayer *l = &s->gemma->layers[layer];
  const float eps = (float) c->eps;
  const gsize width = (gsize) c->width;
  const AxHeadNorm norm = { c->heads, c->kv_heads, c->head_dim, l->norm_q, l->norm_k, eps };
  ax_rmsnorm_forward ((gsize) n, width, s->x, l->norm_in, eps, s->normed, NULL);
  ax_qlinear_run (&l->qkv, (gsize) n, s->normed, s->qkv, s->lora);
  ax_qk_norm_rope_run (&norm, (gsize) n, s->qkv, s->cos_sin[l->global ? 1 : 0] + (gsize) s->length * (gsize) c->head_dim, s->qk, NULL);
  remember (s, layer, n);
  if (from == n)
    return;
  float *x = s->x + (gsize) from * width;
  const int rows = n - from;
  attend (s, layer, from, n);
  ax_qlinear_run (&l->o, (gsize) rows, s->o, s->added, s->lora);
  add_normed (s, rows, x, l->norm_post);
  ax_rmsnorm_forward ((gsize) rows, width, x, l->norm_pre_ffn, eps, s->normed, NULL);
  ax_qlinear_run (&l->gate_up, (gsize) rows, s->normed, s->gate_up, s->lora);
  ax_gated_gelu_run ((gsize) rows, (gsize) c->ffn, s->gate_up, s->inner);
  ax_qlinear_run (&l->down, (gsize) rows, s->inner, s->added, s->lora);
  add_normed (s, rows, x, l->norm_post_ffn);
}

/* The last norm of row r of s->x. */
static void
norm_last (AxGemmaState *s, int r, float *y)
{
  const AxGemma *g = s->gemma;
  ax_rmsnorm_forward (1, (gsize) g->config.width, s->x + (gsize) r * (gsize) g->config.width, g->norm, (float) g->config.eps, y, NULL);
}

/* Row r of s->x is the one whose logits come next; how they are made depends on what is asked of them. */
static void
keep_last (AxGemmaState *s, int r)
{
  norm_last (s, r, s->last);
  s->made = AX_LOGITS_NONE;
}

/* ---- input ---------------------------------------------------------------------------------------------------------------- */

static gboolean
bad_input (GError **error, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *message = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error_literal (error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_ARGUMENT, message);
  return FALSE;
}

static gboolean
check_input (const AxGemmaState *s, const AxGemmaInput *in, GError **error)
{
  const AxGemma *g = s->gemma;
  int images = 0;
  if (in->n < 1 || in->n > s->capacity - s->length)
    return bad_input (error, "the text has %d tokens, there is room for %d of %d", in->n, s->capacity - s->length, s->capacity);
  for (int i = 0; i < in->n; i++)
    {
      const gint32 id = in->ids[i];
      if (!ax_gemma_has_row (g, id))
        return bad_input (error, "token %d has the id %d, which the model has no row for", i, id);
      if (!g->injects)
        continue;
      images += id == g->injection.image;
      if (id >= g->injection.object && id < g->injection.object + g->injection.n_objects && in->object_rows == NULL)
        return bad_input (error, "the text names object %d, but there is no image with objects", id - g->injection.object);
    }
  if (images != in->n_image_rows)
    return bad_input (error, "%d image tokens in the text, but the image has %d", images, in->n_image_rows);
  return TRUE;
}

/* s->x of rows [from, from + n) of the input; *image counts the image rows used. */
static void
embed (AxGemmaState *s, const AxGemmaInput *in, int from, int n, int *image)
{
  const AxGemma *g = s->gemma;
  const gsize width = (gsize) g->config.width;
  ax_gemma_embed_rows (g, n, in->ids + from, s->x);
  for (int i = 0; g->injects && i < n; i++)
    {
      const gint32 id = in->ids[from + i], object = id - g->injection.object;
      if (id == g->injection.image)
        memcpy (s->x + (gsize) i * width, in->image_rows + (gsize) (*image)++ * width, width * sizeof (float));
      else if (object >= 0 && object < g->injection.n_objects)
        memcpy (s->x + (gsize) i * width, in->object_rows + (gsize) object * width, width * sizeof (float));
    }
}

gboolean
ax_gemma_state_prefill (AxGemmaState *s, const AxGemmaInput *in, gboolean want_logits, AxGemmaProgress progress, gpointer user_data, GError **error)
{
  const int layers = s->gemma->config.layers, start = s->length;
  int image = 0;
  if (!check_input (s, in, error))
    return FALSE;
  for (int from = 0; from < in->n; from += s->chunk)
    {
      const int n = MIN (s->chunk, in->n - from);
      embed (s, in, from, n, &image);
      for (int i = 0; i < layers; i++)
        {
          const double done = ((double) from * layers + (double) i * n) / ((double) in->n * layers);
          if (progress != NULL && !progress (done, user_data))
            {
              s->length = start;
              g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "stopped while the text was read");
              return FALSE;
            }
          /* Of the last layer only the very last row is ever needed. */
          run_layer (s, i, i < layers - 1 ? 0 : from + n == in->n && want_logits ? n - 1 : n, n);
        }
      s->length += n;
      if (from + n == in->n && want_logits)
        keep_last (s, n - 1);
    }
  s->has_logits = want_logits;
  return TRUE;
}

void
ax_gemma_state_step (AxGemmaState *s, gint32 id)
{
  g_return_if_fail (s->length < s->capacity && ax_gemma_has_row (s->gemma, id));
  ax_gemma_embed_rows (s->gemma, 1, &id, s->x);
  for (int i = 0; i < s->gemma->config.layers; i++)
    run_layer (s, i, 0, 1);
  s->length++;
  keep_last (s, 0);
  s->has_logits = TRUE;
}

gboolean
ax_gemma_state_score (AxGemmaState *s, const gint32 *ids, int n, float *logp, GError **error)
{
  const gsize vocabulary = (gsize) s->gemma->vocabulary;
  const AxLmHead head = ax_gemma_lm_head (s->gemma);
  const AxGemmaInput in = { .ids = ids, .n = n };
  float lse;
  if (!s->has_logits)
    return bad_input (error, "no logits to score the first token with");
  if (!check_input (s, &in, error))
    return FALSE;
  if (n > s->chunk)
    return bad_input (error, "%d tokens to score, at most %d are possible", n, s->chunk);
  ax_gemma_state_make_all (s);
  ax_cross_entropy_forward (1, vocabulary, s->logits, ids, &lse, logp);
  logp[0] = -logp[0];
  if (n == 1)
    return TRUE;
  /* The last token's own keys are not needed. */
  int image = 0;
  embed (s, &in, 0, n - 1, &image);
  for (int i = 0; i < s->gemma->config.layers; i++)
    run_layer (s, i, 0, n - 1);
  float *logits = (float *) s->order;    /* as large, and used while a token is drawn only */
  for (int r = 0; r + 1 < n; r++)
    {
      norm_last (s, r, s->normed);
      ax_lm_head_logits (&head, 1, s->normed, logits);
      ax_cross_entropy_forward (1, vocabulary, logits, ids + r + 1, &lse, logp + r + 1);
      logp[r + 1] = -logp[r + 1];
    }
  return TRUE;
}

void
ax_gemma_project (AxGemma *g, gboolean objects, int n, const float *x, float *rows)
{
  const int dim = objects ? g->options.object_dim : g->options.image_dim;
  g_autoptr (AxTape) tape = ax_tape_new (FALSE);
  AxTensor *in = ax_tensor_new (tape, FALSE, 2, (int[]){ n, dim });
  memcpy (in->data, x, in->n * sizeof (float));
  AxTensor *out = objects ? ax_gemma_project_objects (g, tape, in) : ax_gemma_project_image (g, tape, in);
  memcpy (rows, out->data, out->n * sizeof (float));
}
