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
/* A card has no use for caches of its own here: the published model's whole prompt at once. */
#define CARD_CHUNK 2816
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

/* Lays the state out; returns its size on the device, and in *host what it needs of the host beside that. Called once to measure and once to set the pointers. */
static gsize
lay_out (AxGemmaState *s, guint8 *base, guint8 *host_base, gsize *host)
{
  const AxGemma *g = s->gemma;
  const AxGemmaConfig *c = &g->config;
  const gsize capacity = (gsize) s->capacity, kv = (gsize) (c->kv_heads * c->head_dim), q = (gsize) (c->heads * c->head_dim), n = (gsize) s->chunk;
  const gsize vocabulary = (gsize) g->vocabulary;
  Arena a = { base, 0 }, h = { host_base, 0 };
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
  s->ids = take (&a, n * sizeof (gint32));
  s->spans = take (&a, 2 * n * sizeof (AxSpan));
  s->row_cos_sin = take_floats (&a, 2 * (gsize) c->head_dim);
  s->row_spans = take (&a, 2 * sizeof (AxSpan));
  s->place = take (&a, 2 * sizeof (gint32));
  s->last = take_floats (&a, (gsize) c->width);
  s->logits = take_floats (&a, vocabulary);
  s->scores = take_floats (&a, 2 * n);
  s->choice = take (&a, sizeof (AxGemmaChoice));
  s->banned = take (&a, AX_GEMMA_MAX_BANNED * sizeof (gint32));
  s->order = take (&h, vocabulary * sizeof (gint32));
  s->host_spans = take (&h, 2 * n * sizeof (AxSpan));
  s->scratch_logits = s->on->host ? (float *) s->order : take_floats (&a, vocabulary);
  s->host_logits = s->on->host ? s->logits : take_floats (&h, vocabulary);
  *host = h.used;
  return a.used;
}

static AxGemmaState
plan (AxGemma *g, int capacity)
{
  AxGemmaState s = { .gemma = g, .on = g->device, .capacity = capacity, .chunk = MIN (capacity, g->device->host ? CHUNK : CARD_CHUNK), .placed = -1 };
  s.kv_type = g->options.store == AX_GEMMA_F32 ? AX_KV_F32 : AX_KV_F16;
  s.kv_size = s.kv_type == AX_KV_F32 ? 4 : 2;
  return s;
}

gsize
ax_gemma_state_plan (const AxGemma *g, int capacity)
{
  AxGemmaState s = plan ((AxGemma *) g, capacity);
  gsize host;
  return lay_out (&s, NULL, NULL, &host) + host;
}

static void
set_no_space (const AxGemmaState *s, gsize bytes, GError **error)
{
  gsize free_bytes, total_bytes;
  s->on->memory (&free_bytes, &total_bytes);
  if (s->on->host)
    g_set_error (error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_ARGUMENT, "no memory for a sequence of %d tokens (%" G_GSIZE_FORMAT " MiB)", s->capacity, bytes >> 20);
  else
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE, "%s: a sequence of %d tokens takes %" G_GSIZE_FORMAT " MiB, and of its %" G_GSIZE_FORMAT " MiB of memory %" G_GSIZE_FORMAT
                 " MiB are free", s->on->title (), s->capacity, (bytes >> 20) + 1, total_bytes >> 20, free_bytes >> 20);
}

AxGemmaState *
ax_gemma_state_new (AxGemma *g, int capacity, GError **error)
{
  if (capacity < 1 || capacity > MAX_CAPACITY)
    {
      g_set_error (error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_ARGUMENT, "a sequence of %d tokens; 1 to %d are possible", capacity, MAX_CAPACITY);
      return NULL;
    }
  g_autoptr (AxGemmaState) s = g_new (AxGemmaState, 1);
  gsize host;
  *s = plan (g, capacity);
  const gsize there = lay_out (s, NULL, NULL, &host);
  s->bytes = there + host;
  s->arena = s->on->alloc (there);
  s->host_arena = aligned_alloc (64, host);
  if (s->arena == NULL || s->host_arena == NULL)
    {
      set_no_space (s, s->arena == NULL ? there : host, error);
      return NULL;
    }
  lay_out (s, s->arena, s->host_arena, &host);
  const gsize table = (gsize) capacity * (gsize) g->config.head_dim * sizeof (float);
  g_autofree float *angles = g_malloc (table);
  for (int i = 0; i < 2; i++)
    {
      ax_gemma_rope_table (&g->config, i == 1, capacity, NULL, 0, angles);
      s->on->upload (s->cos_sin[i], angles, table);
    }
  for (int i = 0; i < AX_GEMMA_MAX_BANNED; i++)
    s->banned_there[i] = G_MAXINT32;
  s->on->upload (s->banned, s->banned_there, sizeof s->banned_there);
  return ax_device_check (s->on, error) ? g_steal_pointer (&s) : NULL;
}

void
ax_gemma_state_free (AxGemmaState *s)
{
  if (s == NULL)
    return;
  if (s->graph != NULL)
    s->on->forget (s->graph);
  s->on->free (s->arena);
  free (s->host_arena);
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
      src->on->copy (dst->k + (gsize) i * dst->kv_layer, src->k + (gsize) i * src->kv_layer, n);
      src->on->copy (dst->v + (gsize) i * dst->kv_layer, src->v + (gsize) i * src->kv_layer, n);
    }
  dst->length = length;
  dst->has_logits = src->has_logits && length == src->length;
  dst->made = AX_LOGITS_NONE;
  dst->chosen = FALSE;
  if (dst->has_logits)
    src->on->copy (dst->last, src->last, (gsize) src->gemma->config.width * sizeof (float));
}

const float *
ax_gemma_state_logits (AxGemmaState *s)
{
  if (!s->has_logits)
    return NULL;
  ax_gemma_state_make_all (s);
  if (!s->on->host)
    s->on->download (s->host_logits, s->logits, (gsize) s->gemma->vocabulary * sizeof (float));
  return s->host_logits;
}

/* ---- one layer ------------------------------------------------------------------------------------------------------------ */

/* Keys and values of the pass's rows go behind those of the cache. */
static void
remember (AxGemmaState *s, int layer, int n)
{
  const AxGemmaConfig *c = &s->gemma->config;
  const gsize kv = (gsize) (c->kv_heads * c->head_dim), q = (gsize) (c->heads * c->head_dim);
  s->on->cache_store ((gsize) n, kv, q + kv, s->qk + q, s->kv_type, s->place + 1, s->k + (gsize) layer * s->kv_layer);
  s->on->cache_store ((gsize) n, kv, q + 2 * kv, s->qkv + q + kv, s->kv_type, s->place + 1, s->v + (gsize) layer * s->kv_layer);
}

/* Rows [from, n) of the pass attend; the others need no output. */
static void
attend (AxGemmaState *s, const AxGemmaPass *pass, int layer, int from, int n)
{
  const AxGemmaConfig *c = &s->gemma->config;
  const AxDevice *on = s->on;
  const gsize kv = (gsize) (c->kv_heads * c->head_dim), q = (gsize) (c->heads * c->head_dim);
  const gboolean global = s->gemma->layers[layer].global;
  const guint8 *k = s->k + (gsize) layer * s->kv_layer, *v = s->v + (gsize) layer * s->kv_layer;
  const AxSpanShape shape = { (gsize) (n - from), pass->keys, (gsize) c->heads, (gsize) c->kv_heads, (gsize) c->head_dim, q + kv, kv, kv, q,
                              (float) c->query_scale, s->gemma->options.store != AX_GEMMA_F32 };
  const float *queries = s->qk + (gsize) from * (q + kv);
  const AxSpan *spans = pass->spans[global] + from;
  if (n - from < FEW_ROWS)
    on->cache_attention (&shape, spans, queries, s->kv_type, k, v, s->o);
  else if (s->kv_type == AX_KV_F32)
    on->span_attention_forward (&shape, spans, queries, (const float *) k, (const float *) v, NULL, s->o);
  else
    {
      const int window = c->window, low = global || s->length + from < window ? 0 : s->length + from - window + 1;
      const gsize first = (gsize) low * kv, count = pass->keys * kv - first;
      on->f16_to_f32 (count, (const guint16 *) k + first, s->wide_k + first);
      on->f16_to_f32 (count, (const guint16 *) v + first, s->wide_v + first);
      on->span_attention_forward (&shape, spans, queries, s->wide_k, s->wide_v, NULL, s->o);
    }
}

/* x += rmsnorm (added) for n rows. */
static void
add_normed (AxGemmaState *s, int n, float *x, const float *norm)
{
  const gsize width = (gsize) s->gemma->config.width;
  s->on->rmsnorm_forward ((gsize) n, width, s->added, norm, (float) s->gemma->config.eps, s->added, NULL);
  s->on->add ((gsize) n * width, x, s->added, x);
}

/* One layer over the n rows of s->x; only rows [from, n) come out, the others leave their keys and values. */
void
ax_gemma_state_layer (AxGemmaState *s, const AxGemmaPass *pass, int layer, int from, int n)
{
  const AxGemmaConfig *c = &s->gemma->config;
  const AxGemmaLayer *l = &s->gemma->layers[layer];
  const AxDevice *on = s->on;
  const float eps = (float) c->eps;
  const gsize width = (gsize) c->width;
  const AxHeadShape heads = { (gsize) n, (gsize) c->heads, (gsize) c->kv_heads, (gsize) c->head_dim, eps };
  on->rmsnorm_forward ((gsize) n, width, s->x, l->norm_in, eps, s->normed, NULL);
  ax_qlinear_run (&l->qkv, (gsize) n, s->normed, s->qkv, s->lora);
  on->heads_forward (&heads, s->qkv, l->norm_q, l->norm_k, pass->cos_sin[l->global ? 1 : 0], s->qk, NULL);
  remember (s, layer, n);
  if (from == n)
    return;
  float *x = s->x + (gsize) from * width;
  const int rows = n - from;
  attend (s, pass, layer, from, n);
  ax_qlinear_run (&l->o, (gsize) rows, s->o, s->added, s->lora);
  add_normed (s, rows, x, l->norm_post);
  on->rmsnorm_forward ((gsize) rows, width, x, l->norm_pre_ffn, eps, s->normed, NULL);
  ax_qlinear_run (&l->gate_up, (gsize) rows, s->normed, s->gate_up, s->lora);
  on->gated_rows_forward ((gsize) rows, (gsize) c->ffn, s->gate_up, s->inner);
  ax_qlinear_run (&l->down, (gsize) rows, s->inner, s->added, s->lora);
  add_normed (s, rows, x, l->norm_post_ffn);
}

/* The last norm of row r of s->x. */
static void
norm_last (AxGemmaState *s, int r, float *y)
{
  const AxGemma *g = s->gemma;
  s->on->rmsnorm_forward (1, (gsize) g->config.width, s->x + (gsize) r * (gsize) g->config.width, g->norm, (float) g->config.eps, y, NULL);
}

void
ax_gemma_state_keep (AxGemmaState *s, int r)
{
  norm_last (s, r, s->last);
  s->made = AX_LOGITS_NONE;
  s->chosen = FALSE;
}

/* The pass over n rows at [length, length + n). */
static AxGemmaPass
pass_of (AxGemmaState *s, int n)
{
  const AxGemmaConfig *c = &s->gemma->config;
  const gsize chunk = (gsize) s->chunk, angles = (gsize) s->length * (gsize) c->head_dim;
  const gint32 place[2] = { s->length, s->length };
  for (int r = 0; r < n; r++)
    {
      const int end = s->length + r + 1;
      s->host_spans[r] = (AxSpan){ MAX (0, end - c->window), end, end, end };
      s->host_spans[chunk + (gsize) r] = (AxSpan){ 0, end, end, end };
    }
  for (gsize i = 0; i < 2; i++)
    s->on->upload (s->spans + i * chunk, s->host_spans + i * chunk, (gsize) n * sizeof (AxSpan));
  s->on->upload (s->place, place, sizeof place);
  s->placed = s->length;
  return (AxGemmaPass){ { s->cos_sin[0] + angles, s->cos_sin[1] + angles }, { s->spans, s->spans + chunk }, (gsize) (s->length + n) };
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
  s->on->upload (s->ids, in->ids + from, (gsize) n * sizeof (gint32));
  ax_gemma_embed_rows (g, n, s->ids, s->x);
  for (int i = 0; g->injects && i < n; i++)
    {
      const gint32 id = in->ids[from + i], object = id - g->injection.object;
      float *to = s->x + (gsize) i * width;
      if (id == g->injection.image)
        {
          int run = 1;                 /* image tokens come in long rows */
          while (i + run < n && in->ids[from + i + run] == id)
            run++;
          s->on->upload (to, in->image_rows + (gsize) *image * width, (gsize) run * width * sizeof (float));
          *image += run;
          i += run - 1;
        }
      else if (object >= 0 && object < g->injection.n_objects)
        s->on->upload (to, in->object_rows + (gsize) object * width, width * sizeof (float));
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
      const AxGemmaPass pass = pass_of (s, n);
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
          ax_gemma_state_layer (s, &pass, i, i < layers - 1 ? 0 : from + n == in->n && want_logits ? n - 1 : n, n);
        }
      s->length += n;
      if (from + n == in->n && want_logits)
        ax_gemma_state_keep (s, n - 1);
    }
  s->has_logits = want_logits;
  if (ax_device_check (s->on, error))
    return TRUE;
  s->length = start;
  s->has_logits = FALSE;
  return FALSE;
}

gboolean
ax_gemma_state_score (AxGemmaState *s, const gint32 *ids, int n, float *logp, GError **error)
{
  const gsize vocabulary = (gsize) s->gemma->vocabulary;
  const AxLmHead head = ax_gemma_lm_head (s->gemma);
  const AxGemmaInput in = { .ids = ids, .n = n };
  float *lse = s->scores, *loss = s->scores + s->chunk;
  if (!s->has_logits)
    return bad_input (error, "no logits to score the first token with");
  if (!check_input (s, &in, error))
    return FALSE;
  if (n > s->chunk)
    return bad_input (error, "%d tokens to score, at most %d are possible", n, s->chunk);
  ax_gemma_state_make_all (s);
  /* The last token's own keys are not needed. */
  int image = 0;
  embed (s, &in, 0, n, &image);
  s->chosen = FALSE;
  s->on->cross_entropy_forward (1, vocabulary, s->logits, s->ids, lse, loss);
  if (n > 1)
    {
      const AxGemmaPass pass = pass_of (s, n - 1);
      for (int i = 0; i < s->gemma->config.layers; i++)
        ax_gemma_state_layer (s, &pass, i, 0, n - 1);
    }
  for (int r = 0; r + 1 < n; r++)
    {
      norm_last (s, r, s->normed);
      ax_lm_head_logits (&head, 1, s->normed, s->scratch_logits);
      s->on->cross_entropy_forward (1, vocabulary, s->scratch_logits, s->ids + r + 1, lse + r + 1, loss + r + 1);
    }
  s->on->download (logp, loss, (gsize) n * sizeof (float));
  for (int r = 0; r < n; r++)
    logp[r] = -logp[r];
  return ax_device_check (s->on, error);
}

void
ax_gemma_project (AxGemma *g, gboolean objects, int n, const float *x, float *rows)
{
  const int dim = objects ? g->options.object_dim : g->options.image_dim;
  g_autoptr (AxTape) tape = ax_tape_new_on (g->device, FALSE);
  AxTensor *in = ax_tensor_new (tape, FALSE, 2, (int[]){ n, dim });
  ax_tensor_set (tape, in, x);
  ax_tensor_get (tape, objects ? ax_gemma_project_objects (g, tape, in) : ax_gemma_project_image (g, tape, in), rows);
}
