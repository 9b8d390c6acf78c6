/* ops_rows.h: kernels that reduce each row (contracts: table.h, kernels.h). A row is at most a few thousand floats and stays in the first cache, so
 * each is read several times. */

VI float
row_sum (size_t d, const float *x)
{
  vf s = v_set (0);
  V_FOR (i, d)
    s = v_add (s, V_LOAD (x + i));
  return v_sum (s);
}

static void
op_layernorm_forward (size_t rows, size_t d, const float *x, const float *gamma, const float *beta, float eps, float *y, float *mean,
                      float *rstd)
{
  for (size_t r = 0; r < rows; r++, x += d, y += d) {
    float mu = row_sum (d, x) / (float) d;
    vf vmu = v_set (mu), s = v_set (0);
    V_FOR (i, d) {
      vf c = v_sub (V_LOAD (x + i), vmu);
      if (v_left < VN) /* lanes past the end hold -mu: forget them */
        c = v_sub (V_LOAD (x + i), v_load_n ((const float *) &vmu, v_left));
      s = v_fma (c, c, s);
    }
    float rs = 1.0f / sqrtf (v_sum (s) / (float) d + eps);
    vf vrs = v_set (rs);
    V_FOR (i, d)
      V_STORE (y + i, v_fma (v_mul (v_sub (V_LOAD (x + i), vmu), vrs), V_LOAD (gamma + i), V_LOAD (beta + i)));
    if (mean)
      mean[r] = mu;
    if (rstd)
      rstd[r] = rs;
  }
}

static void
op_layernorm_backward (size_t rows, size_t d, const float *x, const float *gamma, const float *mean, const float *rstd, const float *dy,
                       float *dx, double *dgamma, double *dbeta)
{
  if (dx)
    for (size_t r = 0; r < rows; r++) {
      const float *xr = x + r * d, *dyr = dy + r * d;
      float *dxr = dx + r * d;
      vf mu = v_set (mean[r]), rs = v_set (rstd[r]), s0 = v_set (0), s1 = v_set (0);
      V_FOR (i, d) {
        vf g = v_mul (V_LOAD (dyr + i), V_LOAD (gamma + i)); /* zero past the end */
        s0 = v_add (s0, g);
        s1 = v_fma (g, v_mul (v_sub (V_LOAD (xr + i), mu), rs), s1);
      }
      vf m0 = v_set (v_sum (s0) / (float) d), m1 = v_set (v_sum (s1) / (float) d);
      V_FOR (i, d) {
        vf g = v_mul (V_LOAD (dyr + i), V_LOAD (gamma + i)), xhat = v_mul (v_sub (V_LOAD (xr + i), mu), rs);
        vf t = v_sub (v_sub (g, m0), v_mul (xhat, m1));
        V_STORE (dxr + i, v_fma (rs, t, V_LOAD (dxr + i)));
      }
    }
  if (dgamma || dbeta)
    V_FOR (i, d) {
      vd sg = vd_zero (), sb = vd_zero ();
      for (size_t r = 0; r < rows; r++) {
        vf g = V_LOAD (dy + r * d + i);
        vf xhat = v_mul (v_sub (V_LOAD (x + r * d + i), v_set (mean[r])), v_set (rstd[r]));
        sg = vd_add (sg, vd_from (v_mul (g, xhat)));
        sb = vd_add (sb, vd_from (g));
      }
      if (dgamma)
        vd_accumulate_n (dgamma + i, v_left, sg);
      if (dbeta)
        vd_accumulate_n (dbeta + i, v_left, sb);
    }
}

static void
op_softmax_forward (size_t rows, size_t d, float scale, const float *x, float *y)
{
  for (size_t r = 0; r < rows; r++, x += d, y += d) {
    /* scale may be negative, so the maximum is that of the scaled values */
    vf k = v_set (scale), top = v_set (-INFINITY);
    size_t whole = d - d % VN;
    for (size_t i = 0; i < whole; i += VN)
      top = v_max (top, v_mul (k, v_load (x + i)));
    float m = v_hmax (top);
    for (size_t i = whole; i < d; i++)
      m = x[i] * scale > m ? x[i] * scale : m;
    vf vm = v_set (m), s = v_set (0);
    V_FOR (i, d) {
      vf e = v_exp (v_sub (v_mul (k, V_LOAD (x + i)), vm));
      V_STORE (y + i, e);
      if (v_left < VN)
        e = v_load_n (y + i, v_left);
      s = v_add (s, e);
    }
    vf inv = v_set (1.0f / v_sum (s));
    V_FOR (i, d)
      V_STORE (y + i, v_mul (V_LOAD (y + i), inv));
  }
}

static void
op_softmax_backward (size_t rows, size_t d, float scale, const float *y, const float *dy, float *dx, bool accumulate)
{
  for (size_t r = 0; r < rows; r++, y += d, dy += d, dx += d) {
    vf s = v_set (0), k = v_set (scale);
    V_FOR (i, d)
      s = v_fma (V_LOAD (y + i), V_LOAD (dy + i), s);
    vf dot = v_set (v_sum (s));
    V_FOR (i, d) {
      vf t = v_mul (v_mul (k, V_LOAD (y + i)), v_sub (V_LOAD (dy + i), dot));
      if (accumulate)
        t = v_add (t, V_LOAD (dx + i));
      V_STORE (dx + i, t);
    }
  }
}

static void
op_l2norm_forward (size_t rows, size_t d, const float *x, float eps, float *y, float *norm)
{
  for (size_t r = 0; r < rows; r++, x += d, y += d) {
    float length = (float) sqrt (op_sum_squares (d, x)); /* in double: squares neither overflow nor vanish */
    vf inv = v_set (1.0f / (length > eps ? length : eps));
    V_FOR (i, d)
      V_STORE (y + i, v_mul (V_LOAD (x + i), inv));
    if (norm)
      norm[r] = length;
  }
}

static void
op_l2norm_backward (size_t rows, size_t d, const float *y, const float *norm, float eps, const float *dy, float *dx)
{
  for (size_t r = 0; r < rows; r++, y += d, dy += d, dx += d) {
    /* below eps the divisor is a constant and the projection vanishes */
    bool clamped = !(norm[r] > eps);
    vf inv = v_set (1.0f / (clamped ? eps : norm[r])), s = v_set (0);
    if (!clamped)
      V_FOR (i, d)
        s = v_fma (V_LOAD (y + i), V_LOAD (dy + i), s);
    vf dot = v_set (v_sum (s));
    V_FOR (i, d)
      V_STORE (dx + i, v_fma (inv, v_sub (V_LOAD (dy + i), v_mul (dot, V_LOAD (y + i))), V_LOAD (dx + i)));
  }
}
