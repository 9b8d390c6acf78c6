/* ops_lm.h: the language model's row, element and reduction kernels (contracts: table.h, kernels.h). */

static void
op_rmsnorm_forward (size_t rows, size_t d, const float *x, const float *w, float eps, float *y, float *rstd)
{
  for (size_t r = 0; r < rows; r++, x += d, y += d) {
    const float rs = (float) (1 / sqrt (op_sum_squares (d, x) / (double) d + (double) eps));
    vf k = v_set (rs);
    V_FOR (i, d)
      V_STORE (y + i, v_mul (v_mul (V_LOAD (x + i), k), V_LOAD (w + i)));
    if (rstd)
      rstd[r] = rs;
  }
}

static void
op_rmsnorm_backward (size_t rows, size_t d, const float *x, const float *w, const float *rstd, const float *dy, float *dx, double *dw)
{
  if (dx)
    for (size_t r = 0; r < rows; r++) {
      const float *xr = x + r * d, *dyr = dy + r * d;
      float *dxr = dx + r * d;
      vd dot = vd_zero ();
      V_FOR (i, d)
        dot = vd_add (dot, vd_from (v_mul (v_mul (V_LOAD (dyr + i), V_LOAD (w + i)), V_LOAD (xr + i)))); /* zero past the end */
      const double rs = (double) rstd[r];
      vf k = v_set (rstd[r]), c = v_set ((float) (-vd_sum (dot) * rs * rs * rs / (double) d));
      V_FOR (i, d) {
        vf g = v_mul (v_mul (V_LOAD (dyr + i), V_LOAD (w + i)), k);
        V_STORE (dxr + i, v_add (v_fma (c, V_LOAD (xr + i), g), V_LOAD (dxr + i)));
      }
    }
  if (dw)
    V_FOR (i, d) {
      vd s = vd_zero ();
      for (size_t r = 0; r < rows; r++)
        s = vd_add (s, vd_from (v_mul (V_LOAD (dy + r * d + i), v_mul (V_LOAD (x + r * d + i), v_set (rstd[r])))));
      vd_accumulate_n (dw + i, v_left, s);
    }
}

static void
op_rope (size_t rows, size_t heads, size_t hd, size_t ldx, const float *cos_sin, bool inverse, float *x)
{
  const size_t half = hd / 2;
  const vf sign = v_set (inverse ? -1 : 1);
  for (size_t r = 0; r < rows; r++, x += ldx, cos_sin += hd)
    for (size_t h = 0; h < heads; h++) {
      float *lo = x + h * hd, *hi = lo + half;
      V_FOR (i, half) {
        vf c = V_LOAD (cos_sin + i), s = v_mul (sign, V_LOAD (cos_sin + half + i)), a = V_LOAD (lo + i), b = V_LOAD (hi + i);
        V_STORE (lo + i, v_sub (v_mul (a, c), v_mul (b, s)));
        V_STORE (hi + i, v_fma (b, c, v_mul (a, s)));
      }
    }
}

static void
op_gated_gelu_forward (size_t n, const float *gate, const float *up, float *y)
{
  V_FOR (i, n)
    V_STORE (y + i, v_mul (v_gelu_tanh (V_LOAD (gate + i)), V_LOAD (up + i)));
}

static void
op_gated_gelu_backward (size_t n, const float *gate, const float *up, const float *dy, float *dgate, float *dup)
{
  V_FOR (i, n) {
    vf x = V_LOAD (gate + i), g = V_LOAD (dy + i);
    V_STORE (dgate + i, v_fma (v_mul (g, V_LOAD (up + i)), v_gelu_tanh_slope (x), V_LOAD (dgate + i)));
    V_STORE (dup + i, v_fma (g, v_gelu_tanh (x), V_LOAD (dup + i)));
  }
}

/* The largest value; minus infinity where there is none. v_max gives its second argument if the first is NaN. */
static float
op_max_value (size_t n, const float *x)
{
  vf top = v_set (-INFINITY);
  size_t i = 0;
  for (; i + VN <= n; i += VN)
    top = v_max (v_load (x + i), top);
  float m = v_hmax (top);
  for (; i < n; i++)
    m = x[i] > m ? x[i] : m;
  return m;
}

static double
op_sum_exp (size_t n, const float *x, float shift)
{
  vf k = v_set (shift);
  vd sum = vd_zero ();
  size_t i = 0;
  for (; i + VN <= n; i += VN)
    sum = vd_add (sum, vd_from (v_exp (v_sub (v_load (x + i), k))));
  if (i < n) { /* lanes past the end would count as exp(-shift) */
    float t[VN];
    v_store (t, v_exp (v_sub (v_load_n (x + i, n - i), k)));
    sum = vd_add (sum, vd_from (v_load_n (t, n - i)));
  }
  return vd_sum (sum);
}

static void
op_softmax_scaled (size_t n, const float *x, float lse, float scale, float *y)
{
  vf k = v_set (lse), f = v_set (scale);
  V_FOR (i, n)
    V_STORE (y + i, v_mul (v_exp (v_sub (V_LOAD (x + i), k)), f));
}

/* ---- attention over spans ---- */

/* The part of [lo, hi) that lies in a tile of n keys from key `first`, as offsets; empty parts have begin == end. */
VI void
tile_part (int32_t lo, int32_t hi, size_t first, size_t n, size_t *begin, size_t *end)
{
  const int64_t b = (int64_t) lo - (int64_t) first, e = (int64_t) hi - (int64_t) first;
  *begin = b < 0 ? 0 : b > (int64_t) n ? n : (size_t) b;
  *end = e < (int64_t) *begin ? *begin : e > (int64_t) n ? n : (size_t) e;
}

VI float
part_max (size_t n, const float *x, vf scale, float top)
{
  vf t = v_set (-INFINITY);
  size_t i = 0;
  for (; i + VN <= n; i += VN)
    t = v_max (v_mul (v_load (x + i), scale), t);
  if (i < n) {
    float rest[VN];
    for (size_t j = 0; j < VN; j++)
      rest[j] = -INFINITY;
    memcpy (rest, x + i, (n - i) * sizeof *x);
    t = v_max (v_mul (v_load (rest), scale), t);
  }
  const float m = v_hmax (t);
  return m > top ? m : top;
}

/* x = exp(scale x - shift) on n values; returns their sum. */
VI float
part_exp (size_t n, float *x, vf scale, float shift)
{
  vf k = v_set (shift), sum = v_set (0);
  V_FOR (i, n) {
    V_STORE (x + i, v_exp (v_sub (v_mul (scale, V_LOAD (x + i)), k)));
    sum = v_add (sum, V_LOAD (x + i)); /* lanes past the end read as zero */
  }
  return v_sum (sum);
}

static void
op_span_softmax (size_t rows, size_t n, size_t first, float scale, const AxSpan *spans, float *scores, float *top, float *sum, size_t d,
                 size_t ldo, float *out)
{
  const vf k = v_set (scale);
  for (size_t r = 0; r < rows; r++, scores += n, out += ldo) {
    size_t a0, a1, b0, b1;
    tile_part (spans[r].a0, spans[r].a1, first, n, &a0, &a1);
    tile_part (spans[r].b0, spans[r].b1, first, n, &b0, &b1);
    float m = part_max (a1 - a0, scores + a0, k, top[r]);
    m = part_max (b1 - b0, scores + b0, k, m);
    if (a0 == a1) /* a single part may stand in either pair */
      a0 = a1 = b0;
    if (b0 == b1)
      b0 = b1 = a1;
    memset (scores, 0, a0 * sizeof *scores);
    memset (scores + a1, 0, (b0 - a1) * sizeof *scores);
    memset (scores + b1, 0, (n - b1) * sizeof *scores);
    if (a0 == a1 && b0 == b1)
      continue;
    float s = part_exp (a1 - a0, scores + a0, k, m);
    s += part_exp (b1 - b0, scores + b0, k, m);
    if (m > top[r] && sum[r] > 0) { /* what was summed so far stood against a smaller maximum */
      const float shrink = expf (top[r] - m);
      sum[r] *= shrink;
      op_scale (d, shrink, out);
    }
    top[r] = m;
    sum[r] += s;
  }
}

static void
op_span_gradient (size_t rows, size_t n, size_t first, float scale, const AxSpan *spans, const float *lse, const float *dot, float *scores, float *ds)
{
  const vf k = v_set (scale);
  for (size_t r = 0; r < rows; r++, scores += n, ds += n) {
    size_t part[2][2];
    tile_part (spans[r].a0, spans[r].a1, first, n, &part[0][0], &part[0][1]);
    tile_part (spans[r].b0, spans[r].b1, first, n, &part[1][0], &part[1][1]);
    const vf minus = v_set (dot[r]);
    size_t done = 0;
    for (int p = 0; p < 2; p++) {
      const size_t begin = part[p][0], end = part[p][1];
      if (begin == end)
        continue;
      memset (scores + done, 0, (begin - done) * sizeof *scores);
      memset (ds + done, 0, (begin - done) * sizeof *ds);
      part_exp (end - begin, scores + begin, k, lse[r]);
      float *s = scores + begin, *g = ds + begin;
      V_FOR (i, end - begin)
        V_STORE (g + i, v_mul (v_mul (k, V_LOAD (s + i)), v_sub (V_LOAD (g + i), minus)));
      done = end;
    }
    memset (scores + done, 0, (n - done) * sizeof *scores);
    memset (ds + done, 0, (n - done) * sizeof *ds);
  }
}

static float
op_dot (size_t n, const float *a, const float *b)
{
  vf s = v_set (0);
  V_FOR (i, n)
    s = v_fma (V_LOAD (a + i), V_LOAD (b + i), s);
  return v_sum (s);
}
