/* ops_elements.h: element by element kernels on the vector type of vec.h (contracts: table.h, kernels.h). */

static void
op_add (size_t n, const float *a, const float *b, float *y)
{
  V_FOR (i, n)
    V_STORE (y + i, v_add (V_LOAD (a + i), V_LOAD (b + i)));
}

static void
op_axpy (size_t n, float alpha, const float *x, float *y)
{
  vf k = v_set (alpha);
  V_FOR (i, n)
    V_STORE (y + i, v_fma (k, V_LOAD (x + i), V_LOAD (y + i)));
}

static void
op_scale (size_t n, float alpha, float *x)
{
  vf k = v_set (alpha);
  V_FOR (i, n)
    V_STORE (x + i, v_mul (k, V_LOAD (x + i)));
}

static void
op_add_rows (size_t rows, size_t d, const float *x, const float *row, float *y)
{
  for (size_t r = 0; r < rows; r++)
    op_add (d, x + r * d, row, y + r * d);
}

VI vf
v_sigmoid (vf x)
{
  return v_div (v_set (1), v_add (v_set (1), v_exp (v_sub (v_set (0), x))));
}

/* tanh form: 0.5 x (1 + tanh(u)) = x sigmoid(2u), u = sqrt(2/pi) (x + 0.044715 x^3). */
#define GELU_2C 1.59576912160573081f /* 2 sqrt(2/pi) */

VI vf
v_gelu_tanh (vf x)
{
  vf u2 = v_mul (v_mul (x, v_set (GELU_2C)), v_fma (v_mul (x, x), v_set (0.044715f), v_set (1)));
  return v_mul (x, v_sigmoid (u2));
}

VI vf
v_gelu_tanh_slope (vf x)
{
  vf s2 = v_mul (x, x);
  vf u2 = v_mul (v_mul (x, v_set (GELU_2C)), v_fma (s2, v_set (0.044715f), v_set (1)));
  vf s = v_sigmoid (u2);
  vf du2 = v_mul (v_set (GELU_2C), v_fma (s2, v_set (3 * 0.044715f), v_set (1)));
  return v_fma (v_mul (v_mul (x, s), v_sub (v_set (1), s)), du2, s);
}

VI vf
v_gelu_erf (vf x)
{
  vf half = v_mul (x, v_set (0.5f));
  return v_fma (half, v_erf (v_mul (x, v_set (0.70710678118654752f))), half);
}

VI vf
v_gelu_erf_slope (vf x) /* Phi(x) + x phi(x) */
{
  vf cdf = v_fma (v_erf (v_mul (x, v_set (0.70710678118654752f))), v_set (0.5f), v_set (0.5f));
  vf pdf = v_mul (v_exp (v_mul (v_mul (x, x), v_set (-0.5f))), v_set (0.39894228040143268f));
  return v_fma (x, pdf, cdf);
}

VI vf
v_activate (AxActivation act, vf x)
{
  switch (act) {
  case AX_ACT_RELU:
    return v_max (v_set (0), x); /* a NaN stays */
  case AX_ACT_GELU_ERF:
    return v_gelu_erf (x);
  case AX_ACT_GELU_TANH:
    return v_gelu_tanh (x);
  default:
    return x;
  }
}

/* One loop per activation: `act` is a constant after inlining. */
VI void
act_forward (AxActivation act, size_t n, const float *x, float *y)
{
  V_FOR (i, n)
    V_STORE (y + i, v_activate (act, V_LOAD (x + i)));
}

static void
op_act_forward (AxActivation act, size_t n, const float *x, float *y)
{
  switch (act) {
  case AX_ACT_RELU:
    act_forward (AX_ACT_RELU, n, x, y);
    break;
  case AX_ACT_GELU_ERF:
    act_forward (AX_ACT_GELU_ERF, n, x, y);
    break;
  case AX_ACT_GELU_TANH:
    act_forward (AX_ACT_GELU_TANH, n, x, y);
    break;
  default:
    if (y != x)
      memmove (y, x, n * sizeof *y);
  }
}

static void
op_act_backward (AxActivation act, size_t n, const float *x, const float *y, const float *dy, float *dx)
{
  switch (act) {
  case AX_ACT_RELU:
    V_FOR (i, n)
      V_STORE (dx + i, v_add (V_LOAD (dx + i), v_keep_gt (V_LOAD (y + i), v_set (0), V_LOAD (dy + i))));
    break;
  case AX_ACT_GELU_ERF:
    V_FOR (i, n)
      V_STORE (dx + i, v_fma (V_LOAD (dy + i), v_gelu_erf_slope (V_LOAD (x + i)), V_LOAD (dx + i)));
    break;
  case AX_ACT_GELU_TANH:
    V_FOR (i, n)
      V_STORE (dx + i, v_fma (V_LOAD (dy + i), v_gelu_tanh_slope (V_LOAD (x + i)), V_LOAD (dx + i)));
    break;
  default:
    op_add (n, dx, dy, dx);
  }
}

VI void
bias_act (size_t rows, size_t d, size_t ldy, const float *bias, AxActivation act, float *pre, float *y)
{
  for (size_t r = 0; r < rows; r++, y += ldy, pre = pre ? pre + ldy : NULL)
    V_FOR (i, d) {
      vf v = V_LOAD (y + i);
      if (bias)
        v = v_add (v, V_LOAD (bias + i));
      if (pre)
        V_STORE (pre + i, v);
      V_STORE (y + i, v_activate (act, v));
    }
}

static void
op_bias_act (size_t rows, size_t d, size_t ldy, const float *bias, AxActivation act, float *pre, float *y)
{
  switch (act) {
  case AX_ACT_NONE:
    bias_act (rows, d, ldy, bias, AX_ACT_NONE, pre, y);
    break;
  case AX_ACT_RELU:
    bias_act (rows, d, ldy, bias, AX_ACT_RELU, pre, y);
    break;
  case AX_ACT_GELU_ERF:
    bias_act (rows, d, ldy, bias, AX_ACT_GELU_ERF, pre, y);
    break;
  case AX_ACT_GELU_TANH:
    bias_act (rows, d, ldy, bias, AX_ACT_GELU_TANH, pre, y);
    break;
  }
}

static void
op_sigmoid (size_t n, const float *x, float *y)
{
  V_FOR (i, n)
    V_STORE (y + i, v_sigmoid (V_LOAD (x + i)));
}

/* A counter-based generator: two rounds of a 32-bit finaliser (xor-shift, multiply) on the element's number, keyed by the seed. Integer
 * arithmetic, so every instruction set drops the same elements. */
VI uint32_t
mix32 (uint32_t h)
{
  h ^= h >> 16;
  h *= 0x7feb352du;
  h ^= h >> 15;
  h *= 0x846ca68bu;
  return h ^ h >> 16;
}

static void
op_dropout (size_t n, float p, uint64_t seed, uint64_t first, const float *x, float *y)
{
  const float keep_scale = 1.0f / (1.0f - p);
  const uint32_t threshold = (uint32_t) (p * 16777216.0f); /* 24 bits of the hash against p, both exact */
  for (size_t done = 0; done < n;) {
    uint64_t element = first + done;
    size_t run = 0x100000000ull - (uint32_t) element < n - done ? 0x100000000ull - (uint32_t) element : n - done;
    uint32_t low = (uint32_t) element, high = (uint32_t) (element >> 32);
    uint32_t key0 = mix32 ((uint32_t) seed ^ mix32 (high + 0x9e3779b9u)), key1 = mix32 ((uint32_t) (seed >> 32) + key0);
    const float *xr = x + done;
    float *yr = y + done;
    for (size_t i = 0; i < run; i++) {
      uint32_t h = mix32 (mix32 ((low + (uint32_t) i) ^ key0) + key1);
      yr[i] = (h >> 8) >= threshold ? xr[i] * keep_scale : 0.0f;
    }
    done += run;
  }
}

static double
op_sum_squares (size_t n, const float *x)
{
  vd s = vd_zero (), t = vd_zero ();
  size_t i = 0;
  for (; i + 2 * VN <= n; i += 2 * VN) {
    vd a = vd_from (v_load (x + i)), b = vd_from (v_load (x + i + VN));
    s = vd_fma (a, a, s);
    t = vd_fma (b, b, t);
  }
  s = vd_add (s, t);
  double sum = vd_sum (s);
  for (; i < n; i++)
    sum += (double) x[i] * x[i];
  return sum;
}

static void
op_column_sums (size_t rows, size_t d, const float *x, double *sum)
{
  V_FOR (i, d) {
    vd s = vd_zero ();
    for (size_t r = 0; r < rows; r++)
      s = vd_add (s, vd_from (V_LOAD (x + r * d + i)));
    vd_accumulate_n (sum + i, v_left, s);
  }
}

static void
op_adamw (size_t n, float decay_factor, float grad_scale, float beta1, float beta2, float step, float rsqrt_c2, float eps, float *w,
          const float *g, float *m, float *v)
{
  vf keep = v_set (decay_factor), gs = v_set (grad_scale), b2 = v_set (beta2), o1 = v_set (1 - beta1), o2 = v_set (1 - beta2);
  vf minus_step = v_set (-step), r2 = v_set (rsqrt_c2), e = v_set (eps);
  V_FOR (i, n) {
    vf gi = v_mul (V_LOAD (g + i), gs), mi = V_LOAD (m + i);
    mi = v_fma (o1, v_sub (gi, mi), mi); /* lerp, as PyTorch */
    vf vi = v_fma (v_mul (o2, gi), gi, v_mul (b2, V_LOAD (v + i)));
    vf denominator = v_fma (v_sqrt (vi), r2, e);
    V_STORE (m + i, mi);
    V_STORE (v + i, vi);
    V_STORE (w + i, v_fma (minus_step, v_div (mi, denominator), v_mul (V_LOAD (w + i), keep)));
  }
}

static double
op_fma_rounds (size_t rounds)
{
  enum { CHAINS = 12 }; /* latency 4 or 5 on two units needs 8 to 10 in flight */
  vf acc[CHAINS], a = v_set (0.999f), b = v_set (0.001f);
  for (int i = 0; i < CHAINS; i++)
    acc[i] = v_set ((float) i);
  for (size_t r = 0; r < rounds; r++)
#pragma GCC unroll 12
    for (int i = 0; i < CHAINS; i++)
      acc[i] = v_fma (acc[i], a, b);
  vf s = acc[0];
  for (int i = 1; i < CHAINS; i++)
    s = v_add (s, acc[i]);
  volatile float keep = v_sum (s); /* the work must not be optimised away */
  (void) keep;
  return 2.0 * VN * CHAINS * (double) rounds;
}
