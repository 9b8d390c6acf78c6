/* The losses of the Anatomy Perception Module. See apm_loss.h. */
#include "engine/training/apm_loss.h"
#include <math.h>
#include <string.h>

/* 1 - GIoU of p (x1 y1 x2 y2) and t, and its derivative by p. Spec 4.1: GIoU = inter/union - (hull - union)/hull. */
static double
giou_loss (const double p[4], const double t[4], double d[4])
{
  double dx1[4] = { 1, 0, 0, 0 }, dy1[4] = { 0, 1, 0, 0 }, dx2[4] = { 0, 0, 1, 0 }, dy2[4] = { 0, 0, 0, 1 };
  double iw = MIN (p[2], t[2]) - MAX (p[0], t[0]), ih = MIN (p[3], t[3]) - MAX (p[1], t[1]);
  double hw = MAX (p[2], t[2]) - MIN (p[0], t[0]), hh = MAX (p[3], t[3]) - MIN (p[1], t[1]);
  double pw = p[2] - p[0], ph = p[3] - p[1];
  double area = pw * ph, target = (t[2] - t[0]) * (t[3] - t[1]);
  double inter = iw > 0 && ih > 0 ? iw * ih : 0;
  double uni = area + target - inter, hull = hw * hh;
  if (uni <= 0 || hull <= 0)
    {
      memset (d, 0, 4 * sizeof *d);
      return 1;
    }
  for (int k = 0; k < 4; k++)
    {
      double diw = (p[2] < t[2] ? dx2[k] : 0) - (p[0] > t[0] ? dx1[k] : 0);
      double dih = (p[3] < t[3] ? dy2[k] : 0) - (p[1] > t[1] ? dy1[k] : 0);
      double dhw = (p[2] > t[2] ? dx2[k] : 0) - (p[0] < t[0] ? dx1[k] : 0);
      double dhh = (p[3] > t[3] ? dy2[k] : 0) - (p[1] < t[1] ? dy1[k] : 0);
      double di = iw > 0 && ih > 0 ? diw * ih + iw * dih : 0;
      double da = (dx2[k] - dx1[k]) * ph + pw * (dy2[k] - dy1[k]);
      double du = da - di, dh = dhw * hh + hw * dhh;
      d[k] = -((di * uni - inter * du) / (uni * uni) + (du * hull - uni * dh) / (hull * hull));
    }
  return 2 - inter / uni - uni / hull;
}

static void
corners (const float *c, double x[4])
{
  x[0] = c[0] - 0.5 * c[2];
  x[1] = c[1] - 0.5 * c[3];
  x[2] = c[0] + 0.5 * c[2];
  x[3] = c[1] + 0.5 * c[3];
}

void
ax_loss_boxes (AxTape *tape, AxTensor *boxes, const float *target, const float *mask, double weight_l1, double weight_giou, double *l1,
               double *giou)
{
  gsize n = boxes->n / 4;
  double count = 0;
  const float *data = ax_tensor_host (tape, boxes);
  float *grad = boxes->needs_grad ? ax_tensor_host_grad (tape, boxes) : NULL;
  *l1 = *giou = 0;
  for (gsize i = 0; i < n; i++)
    count += mask ? mask[i] : 1;
  count = MAX (count, 1);
  for (gsize i = 0; i < n; i++)
    {
      double m = mask ? mask[i] : 1, p[4], t[4], d[4];
      const float *b = data + 4 * i, *g = target + 4 * i;
      if (m == 0)
        continue;
      for (int k = 0; k < 4; k++)
        {
          double diff = (double) b[k] - g[k];
          *l1 += m * fabs (diff) / count;
          if (grad)
            grad[4 * i + k] += (float) (weight_l1 * m / count * (diff > 0 ? 1 : diff < 0 ? -1 : 0));
        }
      corners (b, p);
      corners (g, t);
      *giou += m * giou_loss (p, t, d) / count;
      if (grad)
        {
          double s = weight_giou * m / count;
          grad[4 * i + 0] += (float) (s * (d[0] + d[2]));
          grad[4 * i + 1] += (float) (s * (d[1] + d[3]));
          grad[4 * i + 2] += (float) (s * 0.5 * (d[2] - d[0]));
          grad[4 * i + 3] += (float) (s * 0.5 * (d[3] - d[1]));
        }
    }
  if (grad)
    ax_tensor_add_grad (tape, boxes, grad);
}

/* Cross entropy of a logit z against y, without overflow. */
static inline double
bce (double z, double y)
{
  return MAX (z, 0) - z * y + log1p (exp (-fabs (z)));
}

static inline double
sigmoid (double z)
{
  return 1 / (1 + exp (-z));
}

double
ax_loss_labels (AxTape *tape, AxTensor *logits, const float *target, const float *weights, double weight)
{
  double total = 0, loss = 0;
  for (gsize i = 0; i < logits->n; i++)
    total += weights ? weights[i] : 1;
  if (total <= 0)
    return 0;
  const float *data = ax_tensor_host (tape, logits);
  float *grad = logits->needs_grad ? ax_tensor_host_grad (tape, logits) : NULL;
  for (gsize i = 0; i < logits->n; i++)
    {
      double w = (weights ? weights[i] : 1) / total, z = data[i];
      loss += w * bce (z, target[i]);
      if (grad)
        grad[i] += (float) (weight * w * (sigmoid (z) - target[i]));
    }
  if (grad)
    ax_tensor_add_grad (tape, logits, grad);
  return loss;
}

/* log softmax of each row of z[n,n] into out. */
static void
log_softmax_rows (int n, const float *z, double *out)
{
  for (int i = 0; i < n; i++)
    {
      const float *row = z + (gsize) i * n;
      double max = row[0], sum = 0;
      for (int j = 1; j < n; j++)
        max = MAX (max, row[j]);
      for (int j = 0; j < n; j++)
        sum += exp (row[j] - max);
      double lse = max + log (sum);
      for (int j = 0; j < n; j++)
        out[(gsize) i * n + j] = row[j] - lse;
    }
}

/* One direction: mean over rows of KL(target || softmax(z)); dz is written. `transposed` reads the target by columns (not renormalised). */
static double
contrastive_side (int n, const float *z, const double *log_target, gboolean transposed, double *log_p, float *dz)
{
  double loss = 0;
  log_softmax_rows (n, z, log_p);
  for (int i = 0; i < n; i++)
    {
      double sum = 0;
      for (int j = 0; j < n; j++)
        {
          double lq = log_target[transposed ? (gsize) j * n + i : (gsize) i * n + j], q = exp (lq);
          if (q > 0)
            loss += q * (lq - log_p[(gsize) i * n + j]) / n;
          sum += q;
        }
      for (int j = 0; j < n; j++)
        {
          double q = exp (log_target[transposed ? (gsize) j * n + i : (gsize) i * n + j]);
          dz[(gsize) i * n + j] = (float) ((exp (log_p[(gsize) i * n + j]) * sum - q) / n);
        }
    }
  return loss;
}

double
ax_loss_contrastive (AxTape *tape, AxTensor *objects, AxTensor *text, const float *embeddings, int e, double weight)
{
  int n = (int) ax_tensor_rows (objects), d = (int) ax_tensor_cols (objects);
  gsize nn = (gsize) n * n;
  g_autofree float *z = g_new (float, nn), *zt = g_new (float, nn), *d1 = g_new (float, nn), *d2 = g_new (float, nn);
  g_autofree double *log_q = g_new (double, nn), *log_p = g_new (double, nn);
  if (n == 0)
    return 0;

  /* A few hundred rows of a few numbers: worked out here, wherever the rows are. */
  const float *object = ax_tensor_host (tape, objects), *sentence = ax_tensor_host (tape, text);
  ax_gemm (false, true, n, n, e, 100, embeddings, e, embeddings, e, 0, z, n);
  log_softmax_rows (n, z, log_q);
  ax_gemm (false, true, n, n, d, 100, object, d, sentence, d, 0, z, n);
  ax_gemm (false, true, n, n, d, 100, sentence, d, object, d, 0, zt, n);
  double l1 = contrastive_side (n, z, log_q, FALSE, log_p, d1);
  double l2 = contrastive_side (n, zt, log_q, TRUE, log_p, d2);

  /* dZ of both directions in one matrix: d1 + d2^T, halved. */
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++)
      z[(gsize) i * n + j] = 0.5f * (d1[(gsize) i * n + j] + d2[(gsize) j * n + i]);
  float scale = (float) (100 * weight);
  if (objects->needs_grad)
    {
      float *grad = ax_tensor_host_grad (tape, objects);
      ax_gemm (false, false, n, d, n, scale, z, n, sentence, d, 1, grad, d);
      ax_tensor_add_grad (tape, objects, grad);
    }
  if (text->needs_grad)
    {
      float *grad = ax_tensor_host_grad (tape, text);
      ax_gemm (true, false, n, d, n, scale, z, n, object, d, 1, grad, d);
      ax_tensor_add_grad (tape, text, grad);
    }
  return (l1 + l2) / 2;
}

double
ax_loss_dense (AxTape *tape, AxTensor *logits, const float *target, const float *channel_weight, double weight)
{
  int batch = logits->shape[0], c = logits->shape[3];
  gsize cells = logits->n / ((gsize) batch * c);
  double loss = 0, total = 0;
  const float *data = ax_tensor_host (tape, logits);
  float *grad = logits->needs_grad ? ax_tensor_host_grad (tape, logits) : NULL;
  for (int i = 0; i < batch * c; i++)
    total += channel_weight[i];
  if (total <= 0)
    return 0;
  for (int b = 0; b < batch; b++)
    for (int k = 0; k < c; k++)
      {
        double w = channel_weight[b * c + k] / total, ce = 0, inter = 0, sum_p = 0, sum_t = 0;
        const float *z = data + (gsize) b * cells * c + k, *t = target + (gsize) b * cells * c + k;
        if (w == 0)
          continue;
        for (gsize i = 0; i < cells; i++)
          {
            double p = sigmoid (z[i * c]);
            ce += bce (z[i * c], t[i * c]);
            inter += p * t[i * c];
            sum_p += p;
            sum_t += t[i * c];
          }
        /* Dice of an empty target rewards an empty answer; the +1 keeps it smooth. */
        double num = 2 * inter + 1, den = sum_p + sum_t + 1;
        loss += w * (ce / cells + 1 - num / den);
        if (grad)
          {
            float *g = grad + (gsize) b * cells * c + k;
            for (gsize i = 0; i < cells; i++)
              {
                double p = sigmoid (z[i * c]);
                double dp = -(2 * t[i * c] * den - num) / (den * den);
                g[i * c] += (float) (weight * w * ((p - t[i * c]) / cells + dp * p * (1 - p)));
              }
          }
      }
  if (grad)
    ax_tensor_add_grad (tape, logits, grad);
  return loss;
}

double
ax_loss_choice (AxTape *tape, AxTensor *objects, AxTensor *text, const guint8 *role, const float *row_weight, double scale, double weight)
{
  gsize n = ax_tensor_rows (objects), c = ax_tensor_rows (text), d = ax_tensor_cols (objects);
  double total = 0, loss = 0;
  g_autofree double *z = g_new (double, c);
  for (gsize i = 0; i < n; i++)
    total += row_weight[i];
  if (total <= 0)
    return 0;
  const float *object = ax_tensor_host (tape, objects), *sentence = ax_tensor_host (tape, text);
  float *dobject = objects->needs_grad ? ax_tensor_host_grad (tape, objects) : NULL, *dsentence = text->needs_grad ? ax_tensor_host_grad (tape, text) : NULL;
  for (gsize i = 0; i < n; i++)
    {
      double w = row_weight[i] / total, max = -G_MAXDOUBLE, all = 0, right = 0;
      const float *x = object + i * d;
      const guint8 *r = role + i * c;
      if (w == 0)
        continue;
      for (gsize j = 0; j < c; j++)
        if (r[j] != AX_CHOICE_NONE)
          {
            z[j] = 0;
            for (gsize k = 0; k < d; k++)
              z[j] += scale * x[k] * sentence[j * d + k];
            max = MAX (max, z[j]);
          }
      for (gsize j = 0; j < c; j++)
        if (r[j] != AX_CHOICE_NONE)
          {
            z[j] = exp (z[j] - max);
            all += z[j];
            right += r[j] == AX_CHOICE_RIGHT ? z[j] : 0;
          }
      right = MAX (right, 1e-30);
      loss += w * (log (all) - log (right));
      for (gsize j = 0; j < c; j++)
        {
          if (r[j] == AX_CHOICE_NONE)
            continue;
          float g = (float) (weight * w * scale * (z[j] / all - (r[j] == AX_CHOICE_RIGHT ? z[j] / right : 0)));
          if (dobject)
            for (gsize k = 0; k < d; k++)
              dobject[i * d + k] += g * sentence[j * d + k];
          if (dsentence)
            for (gsize k = 0; k < d; k++)
              dsentence[j * d + k] += g * x[k];
        }
    }
  if (dobject)
    ax_tensor_add_grad (tape, objects, dobject);
  if (dsentence)
    ax_tensor_add_grad (tape, text, dsentence);
  return loss;
}
