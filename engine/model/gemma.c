/* The language model's forward pass on packed sequences. See gemma.h; the order of the calls is that of spec 14. */
#include "engine/model/gemma-private.h"
#include "engine/checkpoint/error.h"
#include <math.h>
#include <string.h>

/* ---- shared with serving ---------------------------------------------------------------------------------------------------- */

void
ax_gemma_rope_table (const AxGemmaConfig *c, gboolean global, int n, const gint32 *positions, int from, float *cos_sin)
{
  const int half = c->head_dim / 2;
  const float theta = (float) (global ? c->theta_global : c->theta_local);
  for (int j = 0; j < half; j++)
    {
      /* Rounded where the reference rounds: power, inverse, scaling and angle in float32. */
      const float power = powf (theta, (float) (2 * j) / (float) c->head_dim);
      float frequency = 1.0f / power;
      if (global)
        frequency /= (float) c->rope_factor;
      for (int i = 0; i < n; i++)
        {
          const float angle = (float) (positions != NULL ? positions[i] : from + i) * frequency;
          float *row = cos_sin + (gsize) i * (gsize) c->head_dim;
          row[j] = (float) cos ((double) angle);
          row[j + half] = (float) sin ((double) angle);
        }
    }
}

AxLmHead
ax_gemma_lm_head (const AxGemma *g)
{
  AxLmHead h = { g->device, g->head, g->learned_head != NULL ? &g->learned_head->t : NULL, g->added_head != NULL ? &g->added_head->t : NULL, g->options.added_first, 0, 0,
                 g->vocabulary, g->config.width };
  if (g->options.added_count > 0 && g->options.added_first > g->config.vocab)
    {
      h.missing_from = g->config.vocab;
      h.missing_to = g->options.added_first;
    }
  return h;
}

gboolean
ax_gemma_has_row (const AxGemma *g, gint32 id)
{
  return id >= 0 && id < g->vocabulary && (id < g->config.vocab || id >= g->options.added_first);
}

static gboolean
is_added (const AxGemma *g, gint32 id)
{
  return g->added != NULL && id >= g->options.added_first && id < g->options.added_first + g->options.added_count;
}

void
ax_gemma_embed_rows (const AxGemma *g, int n, const gint32 *ids, float *x)
{
  const AxDevice *on = g->device;
  const gsize width = (gsize) g->config.width, rows = (gsize) n;
  if (g->embed != NULL)
    on->qmatrix_get_rows (g->embed, rows, ids, x);
  if (g->learned_embed != NULL)
    on->rows_gather (rows, width, 0, ax_tensor_rows (&g->learned_embed->t), ids, g->learned_embed->t.data, x);
  else if (g->added != NULL)
    on->rows_gather (rows, width, g->options.added_first, (gsize) g->options.added_count, ids, g->added->t.data, x);
  on->scale (rows * width, (float) g->config.embed_scale, x);
}

/* ---- projection heads ------------------------------------------------------------------------------------------------------- */

static AxTensor *
project (AxTape *tape, AxGemmaHead *h, AxTensor *x)
{
  x = ax_linear (tape, x, &h->w0->t, &h->b0->t, AX_ACT_GELU_ERF);
  x = ax_layernorm (tape, x, &h->gamma->t, &h->beta->t, 1e-5f);
  return ax_linear (tape, x, &h->w3->t, &h->b3->t, AX_ACT_NONE);
}

AxTensor *
ax_gemma_project_image (AxGemma *g, AxTape *tape, AxTensor *x)
{
  return project (tape, &g->p_im, x);
}

AxTensor *
ax_gemma_project_objects (AxGemma *g, AxTape *tape, AxTensor *x)
{
  return project (tape, &g->p_a, x);
}

/* ---- the batch ------------------------------------------------------------------------------------------------------------ */

/* What the forward pass needs to know of a row. All with the life of the tape's pass; made here, then sent to the device but for the positions. */
typedef struct {
  gint32 *position, *ids;
  AxSpan *spans[2];                      /* of sliding and of global layers */
  int    *from_image, *from_object;      /* row of image_rows, object_rows that replaces it, or -1 */
  int    *from_added, *from_learned;     /* row of the parameter behind it, or -1 */
} Plan;

static gboolean
bad (GError **error, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *message = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error_literal (error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_ARGUMENT, message);
  return FALSE;
}

static gboolean
check_stretch (const AxGemmaBatch *b, int s, int next, GError **error)
{
  const AxGemmaStretch *t = &b->stretches[s];
  if (t->first != next || t->count < 1 || t->count > b->n - next)
    return bad (error, "stretch %d has rows %d to %d of %d, expected from %d on", s, t->first, t->first + t->count, b->n, next);
  if (t->image < -1 || t->image >= MAX (b->n_images, 1))
    return bad (error, "stretch %d means image %d of %d", s, t->image, b->n_images);
  if (t->prefix_count == 0)
    return TRUE;
  for (int p = 0; p < s; p++)
    if (b->stretches[p].first == t->prefix_first && b->stretches[p].prefix_count == 0 && t->prefix_count > 0 && t->prefix_count <= b->stretches[p].count)
      return TRUE;
  return bad (error, "stretch %d continues rows %d to %d, which are not the head of an earlier one", s, t->prefix_first, t->prefix_first + t->prefix_count);
}

static gboolean
check_constant (const AxGemmaBatch *b, GError **error)
{
  gboolean whole = b->constant == 0;
  for (int s = 0; s < b->n_stretches && b->stretches[s].first < b->constant; s++)
    whole = b->stretches[s].first + b->stretches[s].count == b->constant;
  if (!whole || (b->constant > 0 && b->out_rows == NULL) || b->constant >= b->n)
    return bad (error, "the first %d rows cannot be constant: they are not whole stretches, or there is nothing to learn behind them", b->constant);
  return TRUE;
}

/* Which keys row r of a stretch sees: a window reaches back over its own rows first, then over the end of the prefix. */
static AxSpan
span_of (const AxGemmaStretch *t, int r, int window)
{
  const int own = r - t->first + 1, behind = MAX (0, window - own);
  AxSpan s = { t->prefix_first, t->prefix_first, t->first + MAX (0, own - window), r + 1 };
  if (t->prefix_count > 0)
    {
      s.a0 = t->prefix_first + MAX (0, t->prefix_count - behind);
      s.a1 = t->prefix_first + t->prefix_count;
    }
  else
    s.a0 = s.a1 = s.b0;
  return s;
}

/* Injection of spec 6.3, image by image: `<image>` in order, `<obj_i>` by its number. Unlike the reference's single masked scatter a missing tag moves nothing
 * (spec 16.4). */
static gboolean
plan_row (const AxGemma *g, const AxGemmaBatch *b, Plan *p, int r, int image, int *used, GError **error)
{
  const AxGemmaInjection *in = &g->injection;
  const gint32 id = b->ids[r];
  const int tokens = b->image_rows != NULL ? (int) ax_tensor_rows (b->image_rows) / MAX (b->n_images, 1) : 0;
  p->from_image[r] = p->from_object[r] = p->from_added[r] = p->from_learned[r] = -1;
  if (!ax_gemma_has_row (g, id))
    return bad (error, "token %d of the batch has the id %d, which the model has no row for", r, id);
  if (g->injects && id == in->image)
    {
      if (image < 0 || used[image] >= tokens)
        return bad (error, "more image tokens in the text than the %d that image %d has", tokens, image);
      p->from_image[r] = image * tokens + used[image]++;
    }
  else if (g->injects && id >= in->object && id < in->object + in->n_objects)
    {
      if (image < 0 || b->object_rows == NULL || (gsize) ((image + 1) * in->n_objects) > ax_tensor_rows (b->object_rows))
        return bad (error, "the text names object %d, but there is no image with objects", id - in->object);
      p->from_object[r] = image * in->n_objects + id - in->object;
    }
  else if (is_added (g, id))
    p->from_added[r] = id - g->options.added_first;
  else if (g->learned_embed != NULL)
    p->from_learned[r] = id;
  return TRUE;
}

static gboolean
make_plan (const AxGemma *g, AxTape *tape, const AxGemmaBatch *b, Plan *p, GError **error)
{
  const gsize n = (gsize) b->n;
  g_autofree int *used = g_new0 (int, MAX (b->n_images, 1));
  int next = 0;
  p->position = ax_tape_host (tape, n * sizeof (gint32));
  p->spans[0] = ax_tape_host (tape, 2 * n * sizeof (AxSpan));
  p->spans[1] = p->spans[0] + n;
  p->from_image = ax_tape_host (tape, 4 * n * sizeof (int));
  p->from_object = p->from_image + n;
  p->from_added = p->from_image + 2 * n;
  p->from_learned = p->from_image + 3 * n;
  for (int s = 0; s < b->n_stretches; s++)
    {
      const AxGemmaStretch *t = &b->stretches[s];
      if (!check_stretch (b, s, next, error))
        return FALSE;
      for (int r = t->first; r < t->first + t->count; r++)
        {
          p->position[r] = t->prefix_count + r - t->first;
          p->spans[0][r] = span_of (t, r, g->config.window);
          p->spans[1][r] = span_of (t, r, G_MAXINT);
          if (!plan_row (g, b, p, r, t->image, used, error))
            return FALSE;
        }
      next += t->count;
    }
  if (next != b->n)
    return bad (error, "the stretches cover %d of %d rows", next, b->n);
  const int tokens = b->image_rows != NULL ? (int) ax_tensor_rows (b->image_rows) / MAX (b->n_images, 1) : 0;
  for (int i = 0; i < b->n_images; i++)
    if (used[i] != tokens)
      return bad (error, "%d image tokens in the text, but image %d has %d", used[i], i, tokens);
  return TRUE;
}

static void
send_plan (AxTape *tape, const AxGemmaBatch *b, Plan *p)
{
  const gsize n = (gsize) b->n;
  p->ids = ax_tape_send (tape, b->ids, n * sizeof (gint32));
  p->spans[0] = ax_tape_send (tape, p->spans[0], 2 * n * sizeof (AxSpan));
  p->spans[1] = p->spans[0] + n;
  p->from_image = ax_tape_send (tape, p->from_image, 4 * n * sizeof (int));
  p->from_object = p->from_image + n;
  p->from_added = p->from_image + 2 * n;
  p->from_learned = p->from_image + 3 * n;
}

/* What enters layer 0 of rows [first, first + count). */
static AxTensor *
embed (const AxGemma *g, AxTape *tape, const AxGemmaBatch *b, const Plan *p, int first, int count)
{
  const gsize width = (gsize) g->config.width;
  const AxScatter sources[] = {
    { b->image_rows, p->from_image + first, 1 },
    { b->object_rows, p->from_object + first, 1 },
    { g->added != NULL ? &g->added->t : NULL, p->from_added + first, (float) g->config.embed_scale },
    { g->learned_embed != NULL ? &g->learned_embed->t : NULL, p->from_learned + first, (float) g->config.embed_scale },
  };
  gboolean learns = FALSE;
  for (gsize i = 0; i < G_N_ELEMENTS (sources); i++)
    learns |= sources[i].src != NULL && sources[i].src->needs_grad;
  AxTensor *x = ax_tensor_new (tape, learns, 2, (int[]){ count, g->config.width });
  ax_gemma_embed_rows (g, count, p->ids + first, x->data);
  for (int i = 0; i < 2; i++)
    if (sources[i].src != NULL)
      ax_tape_device (tape)->rows_gather ((gsize) count, width, 0, ax_tensor_rows (sources[i].src), sources[i].from, sources[i].src->data, x->data);
  ax_scatter_grad (tape, x, (int) G_N_ELEMENTS (sources), sources);
  return x;
}

/* ---- forward -------------------------------------------------------------------------------------------------------------- */

typedef struct {
  const float  *cos_sin;
  const AxSpan *spans, *constant_spans;
  int           n_out;                   /* of the last layer: only these rows go on; -1: all */
  const int    *out_rows;
} LayerInput;

/* The queries and keys of x, and in *qkv the values behind them. */
static AxTensor *
queries_and_keys (const AxGemma *g, AxTape *tape, const AxGemmaLayer *l, AxTensor *x, const float *cos_sin, AxTensor **qkv)
{
  const AxGemmaConfig *c = &g->config;
  const float eps = (float) c->eps;
  const AxHeadNorm norm = { c->heads, c->kv_heads, c->head_dim, l->norm_q, l->norm_k, eps };
  AxTensor *a = ax_rmsnorm (tape, x, l->norm_in, eps);
  *qkv = ax_qlinear (tape, a, &l->qkv, (float) g->options.lora_dropout);
  ax_tensor_release (tape, a);
  return ax_qk_norm_rope (tape, *qkv, &norm, cos_sin);
}

static AxTensor *
attend (const AxGemma *g, AxTape *tape, AxTensor *q, AxTensor *qk, AxTensor *qkv, const AxSpan *spans)
{
  const AxGemmaConfig *c = &g->config;
  const int k_from = c->heads * c->head_dim, v_from = k_from + c->kv_heads * c->head_dim;
  /* Beside bfloat16 weights the products of attention may round as much. */
  return ax_span_attention (tape, q, qk, k_from, qkv, v_from, c->heads, c->kv_heads, c->head_dim, (float) c->query_scale, g->options.store != AX_GEMMA_F32, spans);
}

/* The rest of a layer behind attention. */
static AxTensor *
layer_rest (const AxGemma *g, AxTape *tape, const AxGemmaLayer *l, AxTensor *x, AxTensor *o)
{
  const float eps = (float) g->config.eps, dropout = (float) g->options.lora_dropout;
  AxTensor *attended = ax_qlinear (tape, o, &l->o, dropout);
  ax_tensor_release (tape, o);
  AxTensor *mid = ax_plus_rmsnorm (tape, x, attended, l->norm_post, eps);
  ax_tensor_release (tape, attended);
  ax_tensor_release (tape, x);
  AxTensor *m = ax_rmsnorm (tape, mid, l->norm_pre_ffn, eps);
  AxTensor *gate_up = ax_qlinear (tape, m, &l->gate_up, dropout);
  ax_tensor_release (tape, m);
  AxTensor *inner = ax_gated_gelu_op (tape, gate_up);
  ax_tensor_release (tape, gate_up);
  AxTensor *down = ax_qlinear (tape, inner, &l->down, dropout);
  ax_tensor_release (tape, inner);
  AxTensor *y = ax_plus_rmsnorm (tape, mid, down, l->norm_post_ffn, eps);
  ax_tensor_release (tape, down);
  ax_tensor_release (tape, mid);
  return y;
}

/* *constant (NULL: none) are the rows before x that get no gradient; it is moved on too, and is NULL behind the last layer. */
static AxTensor *
layer_forward (const AxGemma *g, AxTape *tape, const AxGemmaLayer *l, AxTensor **constant, AxTensor *x, const LayerInput *in)
{
  AxTensor *qkv, *before_qkv = NULL, *before_qk = NULL;
  const int skipped = *constant != NULL ? (*constant)->shape[0] : 0;
  if (skipped > 0)
    {
      ax_tape_pause (tape, TRUE);
      before_qk = queries_and_keys (g, tape, l, *constant, in->cos_sin, &before_qkv);
      ax_tape_pause (tape, FALSE);
    }
  AxTensor *qk = queries_and_keys (g, tape, l, x, in->cos_sin + (gsize) skipped * (gsize) g->config.head_dim, &qkv), *q = qk;
  if (in->n_out >= 0)
    {
      q = ax_gather_rows (tape, qk, in->n_out, in->out_rows);
      x = ax_gather_rows (tape, x, in->n_out, in->out_rows);
    }
  AxTensor *all_qk = skipped > 0 ? ax_behind_rows (tape, before_qk, qk) : qk, *all_qkv = skipped > 0 ? ax_behind_rows (tape, before_qkv, qkv) : qkv;
  AxTensor *o = attend (g, tape, q, all_qk, all_qkv, in->spans);
  if (skipped > 0)
    {
      ax_tensor_release (tape, all_qk);
      ax_tensor_release (tape, all_qkv);
    }
  ax_tensor_release (tape, qkv);
  ax_tensor_release (tape, qk);
  AxTensor *y = layer_rest (g, tape, l, x, o);
  if (skipped == 0)
    return y;
  ax_tape_pause (tape, TRUE);
  if (in->n_out >= 0)
    *constant = NULL;
  else
    *constant = layer_rest (g, tape, l, *constant, attend (g, tape, before_qk, before_qk, before_qkv, in->constant_spans));
  ax_tensor_release (tape, before_qk);
  ax_tensor_release (tape, before_qkv);
  ax_tape_pause (tape, FALSE);
  return y;
}

static gboolean
tell (AxGemmaTap tap, const char *name, AxTensor *t, gpointer user_data, GError **error)
{
  if (tap == NULL || tap (name, t, user_data))
    return TRUE;
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "the language model was stopped");
  return FALSE;
}

AxTensor *
ax_gemma_forward (AxGemma *g, AxTape *tape, const AxGemmaBatch *batch, AxGemmaTap tap, gpointer user_data, GError **error)
{
  const AxGemmaConfig *c = &g->config;
  AxGemmaBatch b = *batch;
  Plan plan;
  const AxGemmaStretch whole = { 0, b.n, 0, 0, b.n_images > 0 ? 0 : -1 };
  if (b.n_stretches == 0)
    {
      b.stretches = &whole;
      b.n_stretches = 1;
    }
  if (!make_plan (g, tape, &b, &plan, error) || !check_constant (&b, error))
    return NULL;
  g_return_val_if_fail (ax_tape_device (tape) == g->device, NULL);
  float *cos_sin[2];
  AxSpan *out_spans[2] = { NULL, NULL };
  for (int i = 0; i < 2; i++)
    {
      const gsize bytes = (gsize) b.n * (gsize) c->head_dim * sizeof (float);
      float *table = ax_tape_host (tape, bytes);
      ax_gemma_rope_table (c, i == 1, b.n, plan.position, 0, table);
      cos_sin[i] = ax_tape_send (tape, table, bytes);
    }
  int *out_rows = NULL;
  const int last_global = g->layers[c->layers - 1].global;
  if (b.out_rows != NULL)
    {
      AxSpan *spans = ax_tape_host (tape, (gsize) MAX (b.n_out, 1) * sizeof (AxSpan));
      out_rows = ax_tape_host (tape, (gsize) MAX (b.n_out, 1) * sizeof (int));
      for (int i = 0; i < b.n_out; i++)
        {
          if (b.out_rows[i] < b.constant || b.out_rows[i] >= b.n)
            {
              bad (error, "row %d of %d to %d is wanted", b.out_rows[i], b.constant, b.n);
              return NULL;
            }
          out_rows[i] = b.out_rows[i] - b.constant;
          spans[i] = plan.spans[last_global][b.out_rows[i]];
        }
      out_spans[last_global] = ax_tape_send (tape, spans, (gsize) b.n_out * sizeof (AxSpan));
    }
  send_plan (tape, &b, &plan);
  AxTensor *constant = NULL, *x;
  if (b.constant > 0)
    {
      ax_tape_pause (tape, TRUE);
      constant = embed (g, tape, &b, &plan, 0, b.constant);
      ax_tape_pause (tape, FALSE);
    }
  x = embed (g, tape, &b, &plan, b.constant, b.n - b.constant);
  for (int i = 0; i < c->layers; i++)
    {
      const int global = g->layers[i].global;
      const gboolean last = i == c->layers - 1 && out_rows != NULL;
      char name[16];
      g_snprintf (name, sizeof name, "h%d", i);
      if (!tell (tap, name, x, user_data, error))
        return NULL;
      const AxSpan *spans = plan.spans[global];
      x = layer_forward (g, tape, &g->layers[i], &constant, x,
                         &(LayerInput){ cos_sin[global], last ? out_spans[global] : spans + b.constant, spans, last ? b.n_out : -1, out_rows });
    }
  AxTensor *y = ax_rmsnorm (tape, x, g->norm, (float) c->eps);
  ax_tensor_release (tape, x);
  return tell (tap, "final", y, user_data, error) ? y : NULL;
}

/* ---- head ----------------------------------------------------------------------------------------------------------------- */

double
ax_gemma_loss (AxGemma *g, AxTape *tape, AxTensor *hidden, int n, const gint32 *targets, const float *weights, float *nll, int *correct)
{
  const AxLmHead h = ax_gemma_lm_head (g);
  return ax_lm_head_loss (tape, &h, hidden, n, targets, weights, nll, correct);
}

void
ax_gemma_logits (AxGemma *g, int n, const float *hidden, float *logits)
{
  const AxLmHead h = ax_gemma_lm_head (g);
  ax_lm_head_logits (&h, (gsize) n, hidden, logits);
}

/* ---- work ----------------------------------------------------------------------------------------------------------------- */

static double
matrix_elements (const AxGemmaConfig *c)
{
  const double q = (double) c->heads * c->head_dim, kv = (double) c->kv_heads * c->head_dim;
  return c->width * (2 * q + 2 * kv + 3.0 * c->ffn);
}

static double
attention_flops (const AxGemmaConfig *c, double pairs_global, double pairs_local)
{
  double flops = 0;
  for (int i = 0; i < c->layers; i++)
    flops += 4.0 * c->heads * c->head_dim * ((i + 1) % c->global_every == 0 ? pairs_global : pairs_local);
  return flops;
}

double
ax_gemma_flops (const AxGemmaConfig *c, int n, double pairs_global, double pairs_local, int n_out)
{
  return 2.0 * n * c->layers * matrix_elements (c) + attention_flops (c, pairs_global, pairs_local) + 2.0 * n_out * c->vocab * c->width;
}

double
ax_gemma_training_flops (const AxGemmaConfig *c, int n, double pairs_global, double pairs_local, int n_out)
{
  /* Frozen matrices: once forward, once for the data's gradient. Attention's gradient has four products and one repeated in place of two. LoRA
   * is left out: a few per cent that differ with the rank. */
  return 4.0 * n * c->layers * matrix_elements (c) + 3.5 * attention_flops (c, pairs_global, pairs_local) + 4.0 * n_out * c->vocab * c->width;
}
