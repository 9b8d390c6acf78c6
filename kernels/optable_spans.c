/* optable_spans.c: entries of the operation table for attention over spans and over a cache (contract: optable.h).
 *
 * First-order bounds. A score carries the error of its product; exp turns it into a relative one, together with u |score - maximum| for the difference and
 * AX_U_EXP; each tile of keys may rescale what came before (another exp and product). Sums over n keys add n u. With products
 * in bfloat16 each factor is allowed its rounding, 2^-8. */
#include "kernels/optable.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef size_t Z;

#define F(i) ((const float *) a[i])
#define ARRAY(name, role, n, lo, hi) ((AxOpArray) { name, role, AX_OP_F32, n, lo, hi })

enum { CAUSAL, WINDOW, PREFIX, HOLES, PATTERNS }; /* what the queries see */

/* d = tq extra group kv_heads hd pattern bf16|type: tk = tq + extra keys, the queries are the last of them. */
static AxSpanShape
shape_of (const int *d)
{
  const Z heads = (Z) d[2] * (Z) d[3], hd = (Z) d[4];
  return (AxSpanShape) { (Z) d[0], (Z) d[0] + (Z) d[1], heads, (Z) d[3], hd, heads * hd + 3, (Z) d[3] * hd + 5, (Z) d[3] * hd, heads * hd,
                         1 / sqrtf ((float) hd), false };
}

static AxSpan
span_of (const int *d, int i)
{
  const int at = d[1] + i, prefix = (d[0] + d[1]) / 3, task = (d[0] + d[1]) / 5 + 1;
  switch (d[5]) {
  case CAUSAL:
    return (AxSpan) { 0, at + 1, at + 1, at + 1 };
  case WINDOW: /* of 50 */
    return (AxSpan) { at + 1 > 50 ? at - 49 : 0, at + 1, at + 1, at + 1 };
  case PREFIX: { /* a third is common; behind it tasks that see the prefix and themselves */
    if (at < prefix)
      return (AxSpan) { 0, at + 1, at + 1, at + 1 };
    return (AxSpan) { 0, prefix, prefix + (at - prefix) / task * task, at + 1 };
  }
  default: /* rows that see nothing, rows with one run in the second place, rows with two */
    if (at % 7 == 0)
      return (AxSpan) { 0, 0, 0, 0 };
    if (at % 7 < 3)
      return (AxSpan) { 0, 0, at / 2, at + 1 };
    return (AxSpan) { at / 8, at / 4, at / 2, at + 1 };
  }
}

static void *
spans_setup (const int *d, void *const *a)
{
  AxSpan *spans = malloc ((Z) d[0] * sizeof *spans);
  if (!spans)
    abort ();
  for (int i = 0; i < d[0]; i++)
    spans[i] = span_of (d, i);
  return ax_op_device (spans, (Z) d[0] * sizeof *spans);
}

static bool
sees (const int *d, int i, Z key)
{
  const AxSpan p = span_of (d, i);
  const int j = (int) key;
  return (j >= p.a0 && j < p.a1) || (j >= p.b0 && j < p.b1);
}

static int
forward_arrays (const int *d, AxOpArray *a)
{
  const AxSpanShape s = shape_of (d);
  a[0] = ARRAY ("q", AX_OP_IN, s.tq * s.ldq, -2, 2);
  a[1] = ARRAY ("k", AX_OP_IN, s.tk * s.ldk, -2, 2);
  a[2] = ARRAY ("v", AX_OP_IN, s.tk * s.ldv, -1, 2);
  a[3] = ARRAY ("out", AX_OP_OUT, s.tq * s.ldo, 0, 0);
  a[4] = ARRAY ("lse", AX_OP_OUT, s.heads * s.tq, 0, 0);
  return 5;
}

/* Unit roundoff of the factors of products: d[6] is "bf16" here. */
static double
factor_u (const int *d)
{
  return d[6] ? 0x1p-8 : 0;
}

static void
forward_run (void *state, const int *d, void *const *a)
{
  AxSpanShape s = shape_of (d);
  s.bf16 = d[6];
  ax_span_attention_forward (&s, state, a[0], a[1], a[2], a[4], a[3]);
}

/* One query of one head: probabilities, the bound on their relative error before division by the sum, log sum exp and its bound. */
typedef struct {
  Z seen;
  double *p, *relative;
  double lse, lse_bound;
} Row;

static void
row_of (const int *d, const AxSpanShape *s, int i, Z h, const double *q, const double *k, double u, Row *row)
{
  double top = -INFINITY, sum = 0, error = 0;
  row->seen = 0;
  for (Z j = 0; j < s->tk; j++) {
    row->p[j] = row->relative[j] = 0;
    if (!sees (d, i, j))
      continue;
    double score = 0, magnitude = 0;
    for (Z c = 0; c < s->hd; c++) {
      const double t = q[(Z) i * s->ldq + h * s->hd + c] * k[j * s->ldk + h / (s->heads / s->kv_heads) * s->hd + c] * (double) s->scale;
      score += t;
      magnitude += fabs (t);
    }
    row->seen++;
    row->p[j] = score;
    row->relative[j] = ((double) (s->hd + 3) * AX_U + 2 * u + u * u) * magnitude;
    top = score > top ? score : top;
  }
  for (Z j = 0; j < s->tk; j++)
    if (sees (d, i, j)) {
      row->relative[j] += AX_U_EXP + 2 * AX_U * (top - row->p[j]) + (double) (s->tk / 64 + 3) * (AX_U_EXP + 4 * AX_U) + (double) row->seen * AX_U;
      row->p[j] = exp (row->p[j] - top);
      sum += row->p[j];
      error += row->p[j] * row->relative[j];
    }
  row->lse = row->seen ? top + log (sum) : -INFINITY;
  row->lse_bound = row->seen ? error / sum + 2 * AX_U * (fabs (row->lse) + fabs (top)) : 0;
  for (Z j = 0; j < s->tk && row->seen; j++)
    row->p[j] /= sum;
}

static double *
widened (const AxOpArray *spec, const void *data)
{
  double *x = malloc ((spec->n + 1) * sizeof *x);
  if (!x)
    abort ();
  for (Z i = 0; i < spec->n; i++)
    x[i] = ax_op_value (spec->type, data, i);
  return x;
}

/* out[c] = sum p v with the errors of p, and of the common sum by which all are divided */
static void
output_of (const AxSpanShape *s, Z h, const Row *row, const double *v, double u, double *out, double *error)
{
  double common = 0;
  for (Z j = 0; j < s->tk; j++)
    common += row->p[j] * row->relative[j];
  for (Z c = 0; c < s->hd; c++) {
    double magnitude = 0;
    out[c] = error[c] = 0;
    for (Z j = 0; j < s->tk; j++) {
      const double t = row->p[j] * v[j * s->ldv + h / (s->heads / s->kv_heads) * s->hd + c];
      out[c] += t;
      magnitude += fabs (t);
      error[c] += fabs (t) * row->relative[j];
    }
    error[c] += fabs (out[c]) * common + ((double) (row->seen + s->tk / 64 + 6) * AX_U + 2 * u + u * u) * magnitude;
  }
}

static void
reference_with (const int *d, double u, const double *q, const double *k, const double *v, double *out, double *out_bound, double *lse, double *lse_bound)
{
  const AxSpanShape s = shape_of (d);
  Row row = { .p = malloc (s.tk * sizeof (double)), .relative = malloc (s.tk * sizeof (double)) };
  for (int i = 0; i < d[0]; i++)
    for (Z h = 0; h < s.heads; h++) {
      row_of (d, &s, i, h, q, k, u, &row);
      output_of (&s, h, &row, v, u, out + (Z) i * s.ldo + h * s.hd, out_bound + (Z) i * s.ldo + h * s.hd);
      if (lse) {
        lse[h * s.tq + (Z) i] = row.seen ? row.lse : -INFINITY;
        lse_bound[h * s.tq + (Z) i] = row.lse_bound;
      }
    }
  free (row.p);
  free (row.relative);
}

static void
forward_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  AxOpArray spec[AX_OP_ARRAYS];
  forward_arrays (d, spec);
  double *q = widened (spec, a[0]), *k = widened (spec + 1, a[1]), *v = widened (spec + 2, a[2]);
  reference_with (d, factor_u (d), q, k, v, value[3], bound[3], value[4], bound[4]);
  free (q);
  free (k);
  free (v);
}

/* Multiplications that the spans ask for. */
static double
pairs (const int *d)
{
  double n = 0;
  for (int i = 0; i < d[0]; i++) {
    const AxSpan p = span_of (d, i);
    n += (p.a1 - p.a0) + (p.b1 - p.b0);
  }
  return n * d[2] * d[3] * d[4];
}

static double
forward_flops (const int *d)
{
  return 4 * pairs (d);
}

/* ---- a cache in a storage type ---- */

static const AxOpType cache_type[] = { AX_OP_F32, AX_OP_F16, AX_OP_BF16 };

static int
cache_arrays (const int *d, AxOpArray *a)
{
  const AxSpanShape s = shape_of (d);
  forward_arrays (d, a);
  a[1].type = a[2].type = cache_type[d[6]];
  /* halves are drawn over their whole range: scores must stay within float32, and v within what a sum of them may reach */
  if (d[6] == AX_KV_F16)
    a[0] = ARRAY ("q", AX_OP_IN, s.tq * s.ldq, -1e-4f, 1e-4f);
  return 4;
}

static void
cache_run (void *state, const int *d, void *const *a)
{
  const AxSpanShape s = shape_of (d);
  ax_cache_attention (&s, state, a[0], (AxKvType) d[6], a[1], a[2], a[3]);
}

static void
cache_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  AxOpArray spec[AX_OP_ARRAYS];
  cache_arrays (d, spec);
  double *q = widened (spec, a[0]), *k = widened (spec + 1, a[1]), *v = widened (spec + 2, a[2]);
  reference_with (d, 0, q, k, v, value[3], bound[3], NULL, NULL);
  free (q);
  free (k);
  free (v);
}

/* ---- backward ---- */

static int
backward_arrays (const int *d, AxOpArray *a)
{
  const AxSpanShape s = shape_of (d);
  forward_arrays (d, a);
  a[3].role = a[4].role = AX_OP_WORK;
  a[5] = ARRAY ("dout", AX_OP_IN, s.tq * s.ldo, -1, 1);
  a[6] = ARRAY ("dq", AX_OP_ADD, s.tq * s.ldq, -1, 1);
  a[7] = ARRAY ("dk", AX_OP_ADD, s.tk * s.ldk, -1, 1);
  a[8] = ARRAY ("dv", AX_OP_ADD, s.tk * s.ldv, -1, 1);
  return 9;
}

static void
backward_run (void *state, const int *d, void *const *a)
{
  AxSpanShape s = shape_of (d);
  s.bf16 = d[6];
  ax_span_attention_forward (&s, state, a[0], a[1], a[2], a[4], a[3]);
  ax_span_attention_backward (&s, state, a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8]);
}

static void
backward_reference (const int *d, void *const *a, double *const *value, double *const *bound)
{
  const AxSpanShape s = shape_of (d);
  AxOpArray spec[AX_OP_ARRAYS];
  backward_arrays (d, spec);
  double *q = widened (spec, a[0]), *k = widened (spec + 1, a[1]), *v = widened (spec + 2, a[2]), *g = widened (spec + 5, a[5]);
  double *out = malloc (2 * s.hd * sizeof *out), *error = out + s.hd;
  Row row = { .p = malloc (s.tk * sizeof (double)), .relative = malloc (s.tk * sizeof (double)) };
  /* any order of a sum of n terms: n u of their magnitudes; partial sums and the value before are some more terms */
  const double u = factor_u (d), query_terms = (double) (s.tk + 8), key_terms = (double) (s.tq * (s.heads / s.kv_heads) + 40);
  for (int o = 6; o < 9; o++)
    for (Z i = 0; i < spec[o].n; i++)
      bound[o][i] = (o == 6 ? query_terms : key_terms) * AX_U * fabs (value[o][i]);
  for (int i = 0; i < d[0]; i++)
    for (Z h = 0; h < s.heads; h++) {
      const Z q_at = (Z) i * s.ldq + h * s.hd, o_at = (Z) i * s.ldo + h * s.hd, kv = h / (s.heads / s.kv_heads) * s.hd;
      double dot = 0, dot_error = 0;
      row_of (d, &s, i, h, q, k, u, &row);
      output_of (&s, h, &row, v, u, out, error);
      for (Z c = 0; c < s.hd; c++) {
        dot += g[o_at + c] * out[c];
        dot_error += fabs (g[o_at + c]) * (error[c] + (double) (s.hd + 1) * AX_U * fabs (out[c]));
      }
      for (Z j = 0; j < s.tk; j++) {
        if (!sees (d, i, j))
          continue;
        double dp = 0, dp_error = 0;
        for (Z c = 0; c < s.hd; c++) {
          const double t = g[o_at + c] * v[j * s.ldv + kv + c];
          dp += t;
          dp_error += fabs (t) * ((double) (s.hd + 1) * AX_U + 2 * u + u * u);
        }
        /* p = exp(score - lse) */
        const double p = row.p[j], relative = row.relative[j] + row.lse_bound + 2 * AX_U * (fabs (log (p)) + fabs (row.lse)) + AX_U_EXP;
        const double ds = (double) s.scale * p * (dp - dot);
        const double ds_error = (double) s.scale * p * (relative * fabs (dp - dot) + dp_error + dot_error) + 4 * AX_U * fabs (ds);
        for (Z c = 0; c < s.hd; c++) {
          const double kc = k[j * s.ldk + kv + c], qc = q[q_at + c], gc = g[o_at + c];
          value[6][q_at + c] += ds * kc;
          bound[6][q_at + c] += fabs (kc) * (ds_error + (query_terms * AX_U + 2 * u) * fabs (ds));
          value[7][j * s.ldk + kv + c] += ds * qc;
          bound[7][j * s.ldk + kv + c] += fabs (qc) * (ds_error + (key_terms * AX_U + 2 * u) * fabs (ds));
          value[8][j * s.ldv + kv + c] += p * gc;
          bound[8][j * s.ldv + kv + c] += fabs (gc) * p * (relative + key_terms * AX_U + 2 * u);
        }
      }
    }
  free (q);
  free (k);
  free (v);
  free (g);
  free (out);
  free (row.p);
  free (row.relative);
}

static double
backward_flops (const int *d)
{
  return 14 * pairs (d); /* with the forward pass that the entry runs first */
}

const AxOp ax_ops_spans[] = {
  { "span_attention", "tq extra group kv hd pattern bf16", { 1, 0, 1, 1, 1, 0, 0 }, { 90, 60, 3, 2, 40, PATTERNS - 1, 0 }, { 200, 70, 2, 2, 24, PREFIX, 0 },
    { { 512, 0, 4, 1, 256, CAUSAL }, { 1500, 0, 4, 1, 256, CAUSAL }, { 1700, 0, 4, 1, 256, PREFIX }, { 40, 1500, 4, 1, 256, CAUSAL } },
    forward_arrays, spans_setup, forward_run, ax_op_device_free, forward_reference, forward_flops },
  { "span_attention_bf16", "tq extra group kv hd pattern bf16", { 1, 0, 1, 1, 32, 0, 1 }, { 150, 250, 3, 2, 33, PATTERNS - 1, 1 }, { 200, 70, 2, 2, 96, PREFIX, 1 },
    { { 512, 0, 4, 1, 256, CAUSAL, 1 }, { 1500, 0, 4, 1, 256, CAUSAL, 1 }, { 1700, 0, 4, 1, 256, PREFIX, 1 }, { 40, 1500, 4, 1, 256, CAUSAL, 1 } },
    forward_arrays, spans_setup, forward_run, ax_op_device_free, forward_reference, forward_flops },
  { "span_attention_backward", "tq extra group kv hd pattern bf16", { 1, 0, 1, 1, 1, 0, 0 }, { 90, 60, 3, 2, 40, PATTERNS - 1, 0 }, { 300, 30, 2, 2, 16, PREFIX, 0 },
    { { 1700, 0, 4, 1, 256, PREFIX } },
    backward_arrays, spans_setup, backward_run, ax_op_device_free, backward_reference, backward_flops },
  { "span_attention_bf16_backward", "tq extra group kv hd pattern bf16", { 1, 0, 1, 1, 32, 0, 1 }, { 150, 250, 3, 2, 33, PATTERNS - 1, 1 },
    { 300, 30, 2, 2, 32, PREFIX, 1 }, { { 1700, 0, 4, 1, 256, PREFIX, 1 } },
    backward_arrays, spans_setup, backward_run, ax_op_device_free, backward_reference, backward_flops },
  { "cache_attention", "tq extra group kv hd pattern type", { 1, 0, 1, 1, 1, 0, 0 }, { 3, 300, 4, 2, 40, PATTERNS - 1, AX_KV_BF16 }, { 2, 700, 4, 2, 24, HOLES, AX_KV_BF16 },
    { { 1, 127, 4, 1, 256, CAUSAL, AX_KV_F16 }, { 1, 1499, 4, 1, 256, CAUSAL, AX_KV_F16 }, { 1, 1499, 4, 1, 256, CAUSAL, AX_KV_F32 } },
    cache_arrays, spans_setup, cache_run, ax_op_device_free, cache_reference, NULL },
  { NULL },
};
