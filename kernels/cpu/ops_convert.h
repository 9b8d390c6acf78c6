/* ops_convert.h: float16 and bfloat16 (contracts: kernels.h). Half precision has instructions from F16C on; the plain C version works on the bits. */

VI float
bits_float (uint32_t u)
{
  union { uint32_t u; float f; } b = { u };
  return b.f;
}

VI uint32_t
float_bits (float f)
{
  union { float f; uint32_t u; } b = { f };
  return b.u;
}

VI float
half_to_float (uint16_t h)
{
  const uint32_t sign = (uint32_t) (h & 0x8000) << 16, exponent = (h >> 10) & 31, fraction = h & 0x3ff;
  if (exponent == 31)
    return bits_float (sign | 0x7f800000u | fraction << 13 | (fraction ? 0x400000u : 0)); /* a NaN becomes quiet */
  if (exponent)
    return bits_float (sign | (exponent + 112) << 23 | fraction << 13);
  const float tiny = (float) fraction * 0x1p-24f; /* zero or subnormal: exact in float */
  return sign ? -tiny : tiny;
}

VI uint16_t
float_to_half (float f)
{
  const uint32_t u = float_bits (f), sign = u >> 16 & 0x8000, mag = u & 0x7fffffffu;
  if (mag > 0x7f800000u)
    return (uint16_t) (sign | 0x7e00 | (mag >> 13 & 0x3ff));
  if (mag >= 0x477ff000u) /* 65520, halfway past the largest half */
    return (uint16_t) (sign | 0x7c00);
  if (mag < 0x38800000u) { /* below 2^-14: counted in steps of 2^-24, rounded by the addition of a power of two */
    const float shifted = bits_float (mag) + 0.5f;
    return (uint16_t) (sign | (float_bits (shifted) - 0x3f000000u));
  }
  const uint32_t rounded = mag + 0xfff + (mag >> 13 & 1);
  return (uint16_t) (sign | ((rounded >> 13) - (112 << 10)));
}

static void
op_f16_to_f32 (size_t n, const uint16_t *x, float *y)
{
  size_t i = 0;
#if VEC_LEVEL == 1
  for (; i + 8 <= n; i += 8)
    _mm256_storeu_ps (y + i, _mm256_cvtph_ps (_mm_loadu_si128 ((const __m128i *) (x + i))));
#elif VEC_LEVEL == 2
  for (; i + 16 <= n; i += 16)
    _mm512_storeu_ps (y + i, _mm512_cvtph_ps (_mm256_loadu_si256 ((const __m256i *) (x + i))));
#endif
  for (; i < n; i++)
    y[i] = half_to_float (x[i]);
}

static void
op_f32_to_f16 (size_t n, const float *x, uint16_t *y)
{
  size_t i = 0;
#if VEC_LEVEL == 1
  for (; i + 8 <= n; i += 8)
    _mm_storeu_si128 ((__m128i *) (y + i), _mm256_cvtps_ph (_mm256_loadu_ps (x + i), _MM_FROUND_TO_NEAREST_INT));
#elif VEC_LEVEL == 2
  for (; i + 16 <= n; i += 16)
    _mm256_storeu_si256 ((__m256i *) (y + i), _mm512_cvtps_ph (_mm512_loadu_ps (x + i), _MM_FROUND_TO_NEAREST_INT));
#endif
  for (; i < n; i++)
    y[i] = float_to_half (x[i]);
}

static void
op_bf16_to_f32 (size_t n, const uint16_t *x, float *y)
{
  for (size_t i = 0; i < n; i++)
    y[i] = bits_float ((uint32_t) x[i] << 16);
}

static void
op_f32_to_bf16 (size_t n, const float *x, uint16_t *y)
{
  for (size_t i = 0; i < n; i++) {
    const uint32_t u = float_bits (x[i]);
    const uint32_t rounded = (u + 0x7fff + (u >> 16 & 1)) >> 16;
    y[i] = (uint16_t) ((u & 0x7fffffffu) > 0x7f800000u ? u >> 16 | 0x40 : rounded);
  }
}
