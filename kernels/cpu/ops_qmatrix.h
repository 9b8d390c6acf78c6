/* ops_qmatrix.h: rows of packed weight matrices (contracts: table.h; format: kernels.h, AX_Q_Q8). */

#define Q_BLOCK 32

/* If every value is a small multiple of largest / n for some n that block formats use, that step is exact; else 127 steps to the largest. */
static void
op_q8_pack (size_t blocks, const float *x, int8_t *q, float *scale)
{
  static const int steps[] = { 127, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1 };
  for (size_t b = 0; b < blocks; b++, x += Q_BLOCK, q += Q_BLOCK) {
    float top = 0, d = 0, inverse = 0, t[Q_BLOCK];
    for (int i = 0; i < Q_BLOCK; i++)
      top = fabsf (x[i]) > top ? fabsf (x[i]) : top;
    bool exact = !(top >= 1e-30f); /* smaller steps would be subnormal: such a block is zero */
    for (size_t k = 0; k < sizeof steps / sizeof *steps && !exact; k++) {
      const float step = top / (float) steps[k], per_step = 1 / step;
      vf off = v_set (0);
      for (int i = 0; i < Q_BLOCK; i += VN) {
        vf v = v_load (x + i), n = v_round (v_mul (v, v_set (per_step)));
        vf e = v_sub (v_mul (n, v_set (step)), v);
        off = v_fma (e, e, off);
      }
      exact = v_sum (off) == 0;
      if (k == 0 || exact) {
        d = step;
        inverse = per_step;
      }
    }
    for (int i = 0; i < Q_BLOCK; i += VN)
      v_store (t + i, v_round (v_mul (v_load (x + i), v_set (inverse))));
    for (int i = 0; i < Q_BLOCK; i++)
      q[i] = (int8_t) t[i];
    scale[b] = d;
  }
}

VI vf
v_load_i8 (const int8_t *p)
{
#if VEC_LEVEL == 0
  return *p;
#elif VEC_LEVEL == 1
  return _mm256_cvtepi32_ps (_mm256_cvtepi8_epi32 (_mm_loadl_epi64 ((const __m128i *) p)));
#else
  return _mm512_cvtepi32_ps (_mm512_cvtepi8_epi32 (_mm_loadu_si128 ((const __m128i *) p)));
#endif
}

static void
op_q8_unpack (size_t blocks, const int8_t *q, const float *scale, float *y)
{
  for (size_t b = 0; b < blocks; b++) {
    vf d = v_set (scale[b]);
    for (int i = 0; i < Q_BLOCK; i += VN)
      v_store (y + b * Q_BLOCK + i, v_mul (v_load_i8 (q + b * Q_BLOCK + i), d));
  }
}

static float
op_q8_dot (size_t blocks, const int8_t *q, const float *scale, const float *x)
{
  vf sum = v_set (0);
  for (size_t b = 0; b < blocks; b++, q += Q_BLOCK, x += Q_BLOCK) {
    vf t = v_mul (v_load_i8 (q), v_load (x));
    for (int i = VN; i < Q_BLOCK; i += VN)
      t = v_fma (v_load_i8 (q + i), v_load (x + i), t);
    sum = v_fma (t, v_set (scale[b]), sum);
  }
  return v_sum (sum);
}

VI vf
v_load_bf16 (const uint16_t *p)
{
#if VEC_LEVEL == 0
  return bits_float ((uint32_t) *p << 16);
#elif VEC_LEVEL == 1
  return _mm256_castsi256_ps (_mm256_slli_epi32 (_mm256_cvtepu16_epi32 (_mm_loadu_si128 ((const __m128i *) p)), 16));
#else
  return _mm512_castsi512_ps (_mm512_slli_epi32 (_mm512_cvtepu16_epi32 (_mm256_loadu_si256 ((const __m256i *) p)), 16));
#endif
}

static float
op_bf16_dot (size_t n, const uint16_t *w, const float *x)
{
  vf sum = v_set (0);
  size_t i = 0;
  for (; i + VN <= n; i += VN)
    sum = v_fma (v_load_bf16 (w + i), v_load (x + i), sum);
  float s = v_sum (sum);
  for (; i < n; i++)
    s += bits_float ((uint32_t) w[i] << 16) * x[i];
  return s;
}
