/* ops_batchnorm.h: batch normalisation over rows of [rows, c], channel innermost (contracts: table.h). */

/* Rows are walked in blocks that stay in the first cache while each group of channels is summed: a column sum straight down a large matrix
 * would miss on every row. */
#define BN_BLOCK 16

static void
op_batchnorm_sums (size_t rows, size_t c, const float *x, double *sum, double *squares)
{
  for (size_t r0 = 0; r0 < rows; r0 += BN_BLOCK) {
    size_t n = rows - r0 < BN_BLOCK ? rows - r0 : BN_BLOCK;
    V_FOR (i, c) {
      vd s = vd_zero (), q = vd_zero ();
      for (size_t r = 0; r < n; r++) {
        vd v = vd_from (V_LOAD (x + (r0 + r) * c + i));
        s = vd_add (s, v);
        q = vd_fma (v, v, q);
      }
      vd_accumulate_n (sum + i, v_left, s);
      vd_accumulate_n (squares + i, v_left, q);
    }
  }
}

static void
op_batchnorm_apply (size_t rows, size_t c, const float *x, const float *scale, const float *shift, const float *residual, bool relu,
                    float *y)
{
  for (size_t r = 0; r < rows; r++, x += c, y += c, residual = residual ? residual + c : NULL)
    V_FOR (i, c) {
      vf v = v_fma (V_LOAD (x + i), V_LOAD (scale + i), V_LOAD (shift + i));
      if (residual)
        v = v_add (v, V_LOAD (residual + i));
      if (relu)
        v = v_max (v_set (0), v);
      V_STORE (y + i, v);
    }
}

static void
op_batchnorm_grad_sums (size_t rows, size_t c, const float *x, const float *y, const float *mean, const float *rstd, bool relu,
                        const float *dy, double *sum_dy, double *sum_dy_xhat)
{
  for (size_t r0 = 0; r0 < rows; r0 += BN_BLOCK) {
    size_t n = rows - r0 < BN_BLOCK ? rows - r0 : BN_BLOCK;
    V_FOR (i, c) {
      vd s = vd_zero (), q = vd_zero ();
      vf mu = V_LOAD (mean + i), rs = V_LOAD (rstd + i);
      for (size_t r = 0; r < n; r++) {
        size_t at = (r0 + r) * c + i;
        vf g = V_LOAD (dy + at);
        if (relu)
          g = v_keep_gt (V_LOAD (y + at), v_set (0), g);
        s = vd_add (s, vd_from (g));
        q = vd_add (q, vd_from (v_mul (g, v_mul (v_sub (V_LOAD (x + at), mu), rs))));
      }
      vd_accumulate_n (sum_dy + i, v_left, s);
      vd_accumulate_n (sum_dy_xhat + i, v_left, q);
    }
  }
}

static void
op_batchnorm_grad_apply (size_t rows, size_t c, const float *x, const float *y, bool relu, const float *dy, const float *a, const float *b,
                         const float *d, float *dx, float *dresidual)
{
  for (size_t r = 0; r < rows; r++)
    V_FOR (i, c) {
      size_t at = r * c + i;
      vf g = V_LOAD (dy + at);
      if (relu)
        g = v_keep_gt (V_LOAD (y + at), v_set (0), g);
      if (dresidual)
        V_STORE (dresidual + at, v_add (V_LOAD (dresidual + at), g));
      if (dx) {
        vf t = v_fma (V_LOAD (b + i), V_LOAD (x + at), V_LOAD (d + i));
        V_STORE (dx + at, v_add (V_LOAD (dx + at), v_fma (V_LOAD (a + i), g, t)));
      }
    }
}
