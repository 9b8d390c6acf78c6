/* The Anatomy Perception Module, forward. See apm.h; parameters are created in apm_params.c. */
#include "engine/model/apm-private.h"
#include <math.h>
#include <string.h>

static gboolean
tapped (AxApmTap tap, gpointer user_data, const char *name, AxTensor *t)
{
  return tap == NULL || tap (name, t, user_data);
}

static AxTensor *
linear (AxTape *tape, AxTensor *x, const AxLinearLayer *l, AxActivation act)
{
  return ax_linear (tape, x, &l->w->t, &l->b->t, act);
}

static AxTensor *
norm (AxTape *tape, AxTensor *x, const AxNormLayer *l)
{
  return ax_layernorm (tape, x, &l->gamma->t, &l->beta->t, 1e-5f);
}

/* torch.nn.MultiheadAttention: in_proj holds Q, K and V one above the other. */
static AxTensor *
attention (AxTape *tape, const AxMhaLayer *a, AxTensor *q, AxTensor *k, AxTensor *v)
{
  int d = a->in_w->t.shape[1];
  AxTensor *qp = ax_linear (tape, q, ax_tensor_rows_view (tape, &a->in_w->t, 0, d), ax_tensor_rows_view (tape, &a->in_b->t, 0, d), AX_ACT_NONE);
  AxTensor *kp = ax_linear (tape, k, ax_tensor_rows_view (tape, &a->in_w->t, d, d), ax_tensor_rows_view (tape, &a->in_b->t, d, d), AX_ACT_NONE);
  AxTensor *vp = ax_linear (tape, v, ax_tensor_rows_view (tape, &a->in_w->t, 2 * d, d), ax_tensor_rows_view (tape, &a->in_b->t, 2 * d, d), AX_ACT_NONE);
  AxTensor *o = ax_attention (tape, qp, kp, vp, a->heads, NULL);
  ax_tensor_release (tape, qp);
  ax_tensor_release (tape, kp);
  ax_tensor_release (tape, vp);
  AxTensor *y = linear (tape, o, &a->out, AX_ACT_NONE);
  ax_tensor_release (tape, o);
  return y;
}

static AxTensor *
feed_forward (AxTape *tape, AxTensor *x, const AxLinearLayer *l1, const AxLinearLayer *l2, float dropout)
{
  AxTensor *h = ax_dropout_op (tape, linear (tape, x, l1, AX_ACT_RELU), dropout);
  AxTensor *y = ax_dropout_op (tape, linear (tape, h, l2, AX_ACT_NONE), dropout);
  ax_tensor_release (tape, h);
  return y;
}

static AxTensor *
residual_norm (AxTape *tape, AxTensor *x, AxTensor *branch, const AxNormLayer *l)
{
  AxTensor *sum = ax_plus (tape, x, branch);
  AxTensor *y = norm (tape, sum, l);
  ax_tensor_release (tape, sum);
  ax_tensor_release (tape, branch);
  return y;
}

/* ---- backbone ----------------------------------------------------------------------------------------------------------- */

static AxTensor *
block (AxTape *tape, AxBlock *b, AxTensor *x)
{
  AxTensor *skip = b->has_down ? ax_conv_norm (tape, &b->down, x, NULL, FALSE) : x;
  AxTensor *h = x;
  for (int i = 0; i < b->n_convs; i++)
    {
      gboolean last = i == b->n_convs - 1;
      AxTensor *next = ax_conv_norm (tape, &b->conv[i], h, last ? skip : NULL, TRUE);
      if (h != x)
        ax_tensor_release (tape, h);
      h = next;
    }
  if (skip != x)
    ax_tensor_release (tape, skip);
  return h;
}

static gboolean
backbone (AxApm *apm, AxTape *tape, AxTensor *image, AxApmTap tap, gpointer user_data, AxApmOutput *out)
{
  static const char *names[4] = { "layer1", "layer2", "layer3", "layer4" };
  AxTensor *relu = ax_conv_norm (tape, &apm->stem, image, NULL, TRUE);
  if (!tapped (tap, user_data, "stem_relu", relu))
    return FALSE;
  AxTensor *x = ax_maxpool (tape, relu, 3, 2, 1);
  ax_tensor_release (tape, relu);
  if (!tapped (tap, user_data, "stem", x))
    return FALSE;
  for (int l = 0; l < 4; l++)
    {
      for (guint i = 0; i < apm->layers[l]->len; i++)
        {
          AxTensor *next = block (tape, apm->layers[l]->pdata[i], x);
          ax_tensor_release (tape, x);
          x = next;
        }
      out->feature[l] = x;
      if (!tapped (tap, user_data, names[l], x))
        return FALSE;
    }
  return TRUE;
}

/* Spec 2.3: sine position code of a side x side map, [side*side, hidden], rows in raster order, [y | x] halves. */
void
ax_apm_position_code (int side, int hidden, float *pos)
{
  int half = hidden / 2;
  for (int y = 0; y < side; y++)
    for (int x = 0; x < side; x++)
      for (int k = 0; k < half; k++)
        {
          /* float32 steps in the reference's order, so that the code agrees to the last bit or two. */
          float t = powf (10000.0f, 2.0f * (float) (k / 2) / (float) half);
          float yn = (float) (y + 1) / ((float) side + 1e-6f) * (float) (2 * M_PI);
          float xn = (float) (x + 1) / ((float) side + 1e-6f) * (float) (2 * M_PI);
          float *row = pos + ((gsize) y * side + x) * hidden;
          row[k] = k % 2 ? cosf (yn / t) : sinf (yn / t);
          row[half + k] = k % 2 ? cosf (xn / t) : sinf (xn / t);
        }
}

static AxTensor *
position_code (AxApm *apm, int side)
{
  const AxDevice *on = apm->params->device;
  if (apm->pos_side != side)
    {
      const gsize bytes = (gsize) side * side * apm->config.hidden * sizeof (float);
      g_autofree float *code = g_malloc (bytes);
      float *data = on->alloc (bytes);
      if (data == NULL)
        {
          on->fail ("out of memory for the position code");
          return NULL;
        }
      ax_apm_clear_position (apm);
      apm->pos.ndim = 2;
      apm->pos.shape[0] = side * side;
      apm->pos.shape[1] = apm->config.hidden;
      apm->pos.n = (gsize) side * side * apm->config.hidden;
      apm->pos.data = data;
      ax_apm_position_code (side, apm->config.hidden, code);
      on->upload (data, code, bytes);
      apm->pos_side = on->ok () ? side : 0;
    }
  return &apm->pos;
}

/* ---- encoder ------------------------------------------------------------------------------------------------------------ */

static AxTensor *
encoder (AxApm *apm, AxTape *tape, AxTensor *tokens, AxTensor *pos, AxApmTap tap, gpointer user_data)
{
  float dropout = (float) apm->config.dropout;
  AxTensor *x = ax_prepend_row (tape, tokens, &apm->cls_token->t);
  /* [cls_pos ; pos] as one sequence that repeats over the batch. */
  AxTensor *pos3 = ax_tensor_reshape (tape, pos, 3, (int[]){ 1, pos->shape[0], pos->shape[1] });
  AxTensor *full = ax_prepend_row (tape, pos3, &apm->cls_pos->t);
  for (int i = 0; i < apm->config.enc_layers; i++)
    {
      const AxEncoderLayer *l = &apm->enc[i];
      char name[16];
      AxTensor *qk = ax_plus_repeated (tape, x, full);
      AxTensor *a = ax_dropout_op (tape, attention (tape, &l->self, qk, qk, x), dropout);
      ax_tensor_release (tape, qk);
      AxTensor *h = residual_norm (tape, x, a, &l->norm1);
      ax_tensor_release (tape, x);
      x = residual_norm (tape, h, feed_forward (tape, h, &l->linear1, &l->linear2, dropout), &l->norm2);
      ax_tensor_release (tape, h);
      g_snprintf (name, sizeof name, "enc%d", i);
      if (!tapped (tap, user_data, name, x))
        return NULL;
    }
  return x;
}

/* ---- decoder ------------------------------------------------------------------------------------------------------------ */

static AxTensor *
box_head (AxApm *apm, AxTape *tape, AxTensor *hs)
{
  AxTensor *h = linear (tape, hs, &apm->box[0], AX_ACT_RELU);
  h = linear (tape, h, &apm->box[1], AX_ACT_RELU);
  return ax_sigmoid_op (tape, linear (tape, h, &apm->box[2], AX_ACT_NONE));
}

static AxTensor *
decoder (AxApm *apm, AxTape *tape, AxTensor *memory, AxTensor *pos, gboolean aux, AxApmTap tap, gpointer user_data, AxApmOutput *out)
{
  float dropout = (float) apm->config.dropout;
  int batch = memory->shape[0], n = apm->config.n_objects, d = apm->config.hidden;
  AxTensor *queries = &apm->query->t;
  AxTensor *x = ax_tensor_new (tape, FALSE, 3, (int[]){ batch, n, d });
  ax_tape_device (tape)->zero (x->data, x->n * sizeof (float));
  AxTensor *key = ax_plus_repeated (tape, memory, pos);
  AxTensor *hs = NULL;
  for (int i = 0; i < apm->config.dec_layers; i++)
    {
      const AxDecoderLayer *l = &apm->dec[i];
      char name[16];
      AxTensor *qk = ax_plus_repeated (tape, x, queries);
      AxTensor *a = residual_norm (tape, x, ax_dropout_op (tape, attention (tape, &l->self, qk, qk, x), dropout), &l->norm1);
      ax_tensor_release (tape, qk);
      ax_tensor_release (tape, x);
      AxTensor *q = ax_plus_repeated (tape, a, queries);
      AxTensor *c = residual_norm (tape, a, ax_dropout_op (tape, attention (tape, &l->cross, q, key, memory), dropout), &l->norm2);
      ax_tensor_release (tape, q);
      ax_tensor_release (tape, a);
      x = residual_norm (tape, c, feed_forward (tape, c, &l->linear1, &l->linear2, dropout), &l->norm3);
      ax_tensor_release (tape, c);
      g_snprintf (name, sizeof name, "dec%d", i);
      if (!tapped (tap, user_data, name, x))
        return NULL;
      gboolean last = i == apm->config.dec_layers - 1;
      if (last || aux)
        hs = norm (tape, x, &apm->dec_norm);
      if (!last && aux && out->n_dec < (int) G_N_ELEMENTS (out->dec_boxes))
        out->dec_boxes[out->n_dec++] = box_head (apm, tape, hs);
    }
  ax_tensor_release (tape, x);
  ax_tensor_release (tape, key);
  return hs;
}

gboolean
ax_apm_forward (AxApm *apm, AxTape *tape, AxTensor *image, gboolean aux_boxes, AxApmTap tap, gpointer user_data, AxApmOutput *out)
{
  memset (out, 0, sizeof *out);
  int batch = image->shape[0], d = apm->config.hidden;
  if (!backbone (apm, tape, image, tap, user_data, out))
    return FALSE;
  AxTensor *map = ax_conv_norm (tape, &apm->input_proj, out->feature[3], NULL, FALSE);
  if (!tapped (tap, user_data, "input_proj", map))
    return FALSE;
  int side = map->shape[1], tokens = map->shape[1] * map->shape[2];
  AxTensor *pos = position_code (apm, side);
  if (pos == NULL)
    return FALSE;
  AxTensor *x = encoder (apm, tape, ax_tensor_reshape (tape, map, 3, (int[]){ batch, tokens, d }), pos, tap, user_data);
  if (x == NULL)
    return FALSE;
  out->cls = ax_sequence_rows (tape, x, 0, 1);
  out->image_embedding = ax_sequence_rows (tape, x, 1, tokens);
  ax_tensor_release (tape, x);
  out->hs = decoder (apm, tape, out->image_embedding, pos, aux_boxes, tap, user_data, out);
  if (out->hs == NULL)
    return FALSE;
  out->boxes = box_head (apm, tape, out->hs);
  AxTensor *m = attention (tape, &apm->feature_mha, out->hs, out->image_embedding, out->image_embedding);
  if (!tapped (tap, user_data, "mha", m))
    return FALSE;
  out->attended = m;
  out->objects = linear (tape, m, &apm->feature_linear, AX_ACT_NONE);
  out->image_logits = linear (tape, out->cls, &apm->labels, AX_ACT_NONE);
  return TRUE;
}

AxTensor *
ax_apm_project_text (AxApm *apm, AxTape *tape, AxTensor *pooled)
{
  return linear (tape, linear (tape, pooled, &apm->text[0], AX_ACT_RELU), &apm->text[1], AX_ACT_NONE);
}
