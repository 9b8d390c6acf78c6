/* vec.h: one vector type per instruction set, so that a kernel is written once.
 *
 * VEC_LEVEL 0 is one float at a time (plain C), 1 is AVX2 with FMA (8 floats), 2 is AVX-512 (16 floats). `vf` holds VN floats, `vd` the same VN
 * values as doubles. v_load_n and v_store_n touch only the first n < VN elements (others read as zero). v_keep(cond > t) functions return the value
 * or zero. Nothing here is visible outside the table_*.c files. */
#pragma once
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define VI static inline __attribute__ ((always_inline, unused))

#if VEC_LEVEL == 0
#define VN 1
typedef float vf;
typedef double vd;
VI vf v_load (const float *p) { return *p; }
VI void v_store (float *p, vf a) { *p = a; }
VI vf v_load_n (const float *p, size_t n) { return n ? *p : 0; }
VI void v_store_n (float *p, size_t n, vf a) { if (n) *p = a; }
VI vf v_set (float a) { return a; }
VI vf v_add (vf a, vf b) { return a + b; }
VI vf v_sub (vf a, vf b) { return a - b; }
VI vf v_mul (vf a, vf b) { return a * b; }
VI vf v_div (vf a, vf b) { return a / b; }
VI vf v_fma (vf a, vf b, vf c) { return a * b + c; }
VI vf v_max (vf a, vf b) { return a > b ? a : b; } /* b if either is NaN, as the x86 instruction */
VI vf v_min (vf a, vf b) { return a < b ? a : b; }
VI vf v_max_nan (vf a, vf b) { return a > b || a != a ? a : b; } /* a NaN in either stays */
VI vf v_sqrt (vf a) { return sqrtf (a); }
VI vf v_round (vf a) { return rintf (a); }
VI vf v_keep_gt (vf a, vf t, vf value) { return a > t ? value : 0; }
VI vf v_drop_lt (vf a, vf t, vf value) { return a < t ? 0 : value; } /* NaN keeps the value */
VI vf v_pow2 (vf n) { union { uint32_t u; float f; } b = { (uint32_t) ((int) n + 127) << 23 }; return b.f; }
VI float v_sum (vf a) { return a; }
VI float v_hmax (vf a) { return a; }
VI vd vd_zero (void) { return 0; }
VI vd vd_load (const double *p) { return *p; }
VI void vd_store (double *p, vd a) { *p = a; }
VI vd vd_from (vf a) { return a; }
VI vd vd_add (vd a, vd b) { return a + b; }
VI vd vd_fma (vd a, vd b, vd c) { return a * b + c; }
VI double vd_sum (vd a) { return a; }

#elif VEC_LEVEL == 1
#include <immintrin.h>
#define VN 8
typedef __m256 vf;
typedef struct { __m256d lo, hi; } vd;
VI __m256i v_mask (size_t n)
{
  return _mm256_cmpgt_epi32 (_mm256_set1_epi32 ((int) n), _mm256_setr_epi32 (0, 1, 2, 3, 4, 5, 6, 7));
}
VI vf v_load (const float *p) { return _mm256_loadu_ps (p); }
VI void v_store (float *p, vf a) { _mm256_storeu_ps (p, a); }
VI vf v_load_n (const float *p, size_t n) { return _mm256_maskload_ps (p, v_mask (n)); }
VI void v_store_n (float *p, size_t n, vf a) { _mm256_maskstore_ps (p, v_mask (n), a); }
VI vf v_set (float a) { return _mm256_set1_ps (a); }
VI vf v_add (vf a, vf b) { return _mm256_add_ps (a, b); }
VI vf v_sub (vf a, vf b) { return _mm256_sub_ps (a, b); }
VI vf v_mul (vf a, vf b) { return _mm256_mul_ps (a, b); }
VI vf v_div (vf a, vf b) { return _mm256_div_ps (a, b); }
VI vf v_fma (vf a, vf b, vf c) { return _mm256_fmadd_ps (a, b, c); }
VI vf v_max (vf a, vf b) { return _mm256_max_ps (a, b); }
VI vf v_min (vf a, vf b) { return _mm256_min_ps (a, b); }
VI vf v_max_nan (vf a, vf b) { return _mm256_blendv_ps (_mm256_max_ps (a, b), a, _mm256_cmp_ps (a, a, _CMP_UNORD_Q)); }
VI vf v_sqrt (vf a) { return _mm256_sqrt_ps (a); }
VI vf v_round (vf a) { return _mm256_round_ps (a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
VI vf v_keep_gt (vf a, vf t, vf value) { return _mm256_and_ps (_mm256_cmp_ps (a, t, _CMP_GT_OQ), value); }
VI vf v_drop_lt (vf a, vf t, vf value) { return _mm256_andnot_ps (_mm256_cmp_ps (a, t, _CMP_LT_OQ), value); }
VI vf v_pow2 (vf n)
{
  return _mm256_castsi256_ps (_mm256_slli_epi32 (_mm256_add_epi32 (_mm256_cvtps_epi32 (n), _mm256_set1_epi32 (127)), 23));
}
VI float v_sum (vf a)
{
  __m128 s = _mm_add_ps (_mm256_castps256_ps128 (a), _mm256_extractf128_ps (a, 1));
  s = _mm_add_ps (s, _mm_movehl_ps (s, s));
  return _mm_cvtss_f32 (_mm_add_ss (s, _mm_movehdup_ps (s)));
}
VI float v_hmax (vf a)
{
  __m128 s = _mm_max_ps (_mm256_castps256_ps128 (a), _mm256_extractf128_ps (a, 1));
  s = _mm_max_ps (s, _mm_movehl_ps (s, s));
  return _mm_cvtss_f32 (_mm_max_ss (s, _mm_movehdup_ps (s)));
}
VI vd vd_zero (void) { return (vd) { _mm256_setzero_pd (), _mm256_setzero_pd () }; }
VI vd vd_load (const double *p) { return (vd) { _mm256_loadu_pd (p), _mm256_loadu_pd (p + 4) }; }
VI void vd_store (double *p, vd a) { _mm256_storeu_pd (p, a.lo); _mm256_storeu_pd (p + 4, a.hi); }
VI vd vd_from (vf a)
{
  return (vd) { _mm256_cvtps_pd (_mm256_castps256_ps128 (a)), _mm256_cvtps_pd (_mm256_extractf128_ps (a, 1)) };
}
VI vd vd_add (vd a, vd b) { return (vd) { _mm256_add_pd (a.lo, b.lo), _mm256_add_pd (a.hi, b.hi) }; }
VI vd vd_fma (vd a, vd b, vd c) { return (vd) { _mm256_fmadd_pd (a.lo, b.lo, c.lo), _mm256_fmadd_pd (a.hi, b.hi, c.hi) }; }
VI double vd_sum (vd a)
{
  double t[4];
  _mm256_storeu_pd (t, _mm256_add_pd (a.lo, a.hi));
  return (t[0] + t[2]) + (t[1] + t[3]);
}

#else
#include <immintrin.h>
#define VN 16
typedef __m512 vf;
typedef struct { __m512d lo, hi; } vd;
VI __mmask16 v_mask (size_t n) { return (__mmask16) ((1u << n) - 1); }
VI vf v_load (const float *p) { return _mm512_loadu_ps (p); }
VI void v_store (float *p, vf a) { _mm512_storeu_ps (p, a); }
VI vf v_load_n (const float *p, size_t n) { return _mm512_maskz_loadu_ps (v_mask (n), p); }
VI void v_store_n (float *p, size_t n, vf a) { _mm512_mask_storeu_ps (p, v_mask (n), a); }
VI vf v_set (float a) { return _mm512_set1_ps (a); }
VI vf v_add (vf a, vf b) { return _mm512_add_ps (a, b); }
VI vf v_sub (vf a, vf b) { return _mm512_sub_ps (a, b); }
VI vf v_mul (vf a, vf b) { return _mm512_mul_ps (a, b); }
VI vf v_div (vf a, vf b) { return _mm512_div_ps (a, b); }
VI vf v_fma (vf a, vf b, vf c) { return _mm512_fmadd_ps (a, b, c); }
VI vf v_max (vf a, vf b) { return _mm512_max_ps (a, b); }
VI vf v_min (vf a, vf b) { return _mm512_min_ps (a, b); }
VI vf v_max_nan (vf a, vf b) { return _mm512_mask_mov_ps (_mm512_max_ps (a, b), _mm512_cmp_ps_mask (a, a, _CMP_UNORD_Q), a); }
VI vf v_sqrt (vf a) { return _mm512_sqrt_ps (a); }
VI vf v_round (vf a) { return _mm512_roundscale_ps (a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
VI vf v_keep_gt (vf a, vf t, vf value) { return _mm512_maskz_mov_ps (_mm512_cmp_ps_mask (a, t, _CMP_GT_OQ), value); }
VI vf v_drop_lt (vf a, vf t, vf value) { return _mm512_maskz_mov_ps (_mm512_cmp_ps_mask (a, t, _CMP_NLT_UQ), value); }
VI vf v_pow2 (vf n)
{
  return _mm512_castsi512_ps (_mm512_slli_epi32 (_mm512_add_epi32 (_mm512_cvtps_epi32 (n), _mm512_set1_epi32 (127)), 23));
}
VI float v_sum (vf a) { return _mm512_reduce_add_ps (a); }
VI float v_hmax (vf a) { return _mm512_reduce_max_ps (a); }
VI vd vd_zero (void) { return (vd) { _mm512_setzero_pd (), _mm512_setzero_pd () }; }
VI vd vd_load (const double *p) { return (vd) { _mm512_loadu_pd (p), _mm512_loadu_pd (p + 8) }; }
VI void vd_store (double *p, vd a) { _mm512_storeu_pd (p, a.lo); _mm512_storeu_pd (p + 8, a.hi); }
VI vd vd_from (vf a)
{
  return (vd) { _mm512_cvtps_pd (_mm512_castps512_ps256 (a)), _mm512_cvtps_pd (_mm512_extractf32x8_ps (a, 1)) };
}
VI vd vd_add (vd a, vd b) { return (vd) { _mm512_add_pd (a.lo, b.lo), _mm512_add_pd (a.hi, b.hi) }; }
VI vd vd_fma (vd a, vd b, vd c) { return (vd) { _mm512_fmadd_pd (a.lo, b.lo, c.lo), _mm512_fmadd_pd (a.hi, b.hi, c.hi) }; }
VI double vd_sum (vd a) { return _mm512_reduce_add_pd (_mm512_add_pd (a.lo, a.hi)); }
#endif

/* Runs `body` for each vector of [0, count): `i` is the first element, LOAD and STORE take whole vectors and a last shorter one. The compiler
 * drops the unused arm of the tail when VN is 1. */
#define V_FOR(i, count) for (size_t i = 0, v_left = (count); v_left > 0; i += VN, v_left -= v_left < VN ? v_left : VN)
#define V_LOAD(p) (v_left >= VN ? v_load (p) : v_load_n (p, v_left))
#define V_STORE(p, a)                                                                                                                  \
  do {                                                                                                                                 \
    if (v_left >= VN)                                                                                                                  \
      v_store (p, a);                                                                                                                  \
    else                                                                                                                               \
      v_store_n (p, v_left, a);                                                                                                        \
  } while (0)

/* Adds the first n doubles' worth of a to p[0..n). */
VI void
vd_accumulate_n (double *p, size_t n, vd a)
{
  if (n >= VN) {
    vd_store (p, vd_add (vd_load (p), a));
    return;
  }
  double t[VN];
  vd_store (t, a);
  for (size_t i = 0; i < n; i++)
    p[i] += t[i];
}

/* exp(x): x = n ln2 + r with |r| <= ln2 / 2, Taylor polynomial of degree 7 in r (remainder below 2^-27 relative), then 2^n. Below -87.33 the result is 0
 * (a float would be denormal), above 88.37 it stays at the value of 88.37. */
VI vf
v_exp (vf x)
{
#if VEC_LEVEL == 0
  return x < -87.33654f ? 0 : expf (x > 88.37f ? 88.37f : x);
#else
  vf t = v_max (v_set (-87.33654f), v_min (v_set (88.37f), x)); /* this order keeps a NaN */
  vf n = v_round (v_mul (t, v_set (1.44269504088896341f)));
  vf r = v_fma (n, v_set (-0.693359375f), t);
  r = v_fma (n, v_set (2.12194440e-4f), r);
  vf p = v_set (1.0f / 5040);
  p = v_fma (p, r, v_set (1.0f / 720));
  p = v_fma (p, r, v_set (1.0f / 120));
  p = v_fma (p, r, v_set (1.0f / 24));
  p = v_fma (p, r, v_set (1.0f / 6));
  p = v_fma (p, r, v_set (0.5f));
  p = v_fma (v_mul (p, r), r, v_add (r, v_set (1)));
  return v_drop_lt (x, v_set (-87.33654f), v_mul (p, v_pow2 (n)));
#endif
}

/* erf(x) as x P(x^2) / Q(x^2), a minimax quotient on [-4, 4] (outside, erf is 1 to float precision); error below 4e-7 absolute. */
VI vf
v_erf (vf x)
{
#if VEC_LEVEL == 0
  return erff (x);
#else
  x = v_max (v_set (-4), v_min (v_set (4), x));
  vf s = v_mul (x, x);
  vf p = v_set (-2.72614225801306e-10f);
  p = v_fma (p, s, v_set (2.77068142495902e-08f));
  p = v_fma (p, s, v_set (-2.10102402082508e-06f));
  p = v_fma (p, s, v_set (-5.69250639462346e-05f));
  p = v_fma (p, s, v_set (-7.34990630326855e-04f));
  p = v_fma (p, s, v_set (-2.95459980854025e-03f));
  p = v_fma (p, s, v_set (-1.60960333262415e-02f));
  vf q = v_set (-1.45660718464996e-05f);
  q = v_fma (q, s, v_set (-2.13374055278905e-04f));
  q = v_fma (q, s, v_set (-1.68282697438203e-03f));
  q = v_fma (q, s, v_set (-7.37332916720468e-03f));
  q = v_fma (q, s, v_set (-1.42647390514189e-02f));
  return v_div (v_mul (x, p), q);
#endif
}
