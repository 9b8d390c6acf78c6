/* bf16_avx512.c: the bfloat16 product with AVX512_BF16 (contract: bf16.h).
 *
 * The inner kernel keeps 6 rows by 64 columns of sums in 24 registers: a step loads 4 vectors of the panel and spreads one pair of each of the 6 rows, 10
 * loads for 24 multiply-adds of 32 products.
 *
 * Measured on one Zen 5 core (float32 multiply-adds at most 275 GFLOP/s, so 550 here) inside ax_qmatrix_forward() and _backward_data(), with rounding x and
 * packing the weights, against oneDNN's float32 product of the same shape: 1700x2048x640 491 and 185, backward 441 and 234; 1700x640x2048 459, backward
 * 465; 40 rows 391. Fetching the result's rows ahead gave the backward products 6 and 15 % (they add to it). Panels of half or a quarter
 * of the depth, which the first cache would hold, were 3 to 8 % slower. */
#include "kernels/cpu/bf16.h"

#define VEC_LEVEL 2
#include "kernels/cpu/vec.h"

#include <immintrin.h>
#include <string.h>

#define INLINE static inline __attribute__ ((always_inline))
#define ROWS 6

typedef struct {
  __m512 v[4];
} Sums;

INLINE __mmask16
mask_of (size_t n, int quarter)
{
  const size_t begin = (size_t) quarter * 16;
  return n >= begin + 16 ? 0xffff : n <= begin ? 0 : (__mmask16) ((1u << (n - begin)) - 1);
}

INLINE Sums
step (Sums s, __m512bh pair, const __m512bh *b)
{
  s.v[0] = _mm512_dpbf16_ps (s.v[0], pair, b[0]);
  s.v[1] = _mm512_dpbf16_ps (s.v[1], pair, b[1]);
  s.v[2] = _mm512_dpbf16_ps (s.v[2], pair, b[2]);
  s.v[3] = _mm512_dpbf16_ps (s.v[3], pair, b[3]);
  return s;
}

INLINE __m512bh
spread (const uint16_t *pair)
{
  int32_t both;
  memcpy (&both, pair, sizeof both);
  return (__m512bh) _mm512_set1_epi32 (both);
}

INLINE void
finish (Sums s, size_t n, bool add, float *c)
{
  for (int i = 0; i < 4; i++) {
    const __mmask16 mask = mask_of (n, i);
    if (add)
      s.v[i] = _mm512_add_ps (s.v[i], _mm512_maskz_loadu_ps (mask, c + 16 * i));
    _mm512_mask_storeu_ps (c + 16 * i, mask, s.v[i]);
  }
}

/* `rows` is a constant after inlining: sums of absent rows vanish. */
INLINE void
block (size_t rows, size_t n, size_t pairs, const uint16_t *a, size_t lda, const uint32_t *panel, bool add, float *c, size_t ldc)
{
  const Sums zero = { { _mm512_setzero_ps (), _mm512_setzero_ps (), _mm512_setzero_ps (), _mm512_setzero_ps () } };
  for (size_t r = 0; r < rows; r++) /* the result's rows lie pages apart: without this the end waits for them */
    for (size_t i = 0; i < AX_BF16_COLUMNS; i += 16)
      __builtin_prefetch (c + r * ldc + i, 1);
  Sums s0 = zero, s1 = zero, s2 = zero, s3 = zero, s4 = zero, s5 = zero;
  for (size_t p = 0; p < pairs; p++, a += 2, panel += AX_BF16_COLUMNS) {
    const __m512bh b[4] = { (__m512bh) _mm512_loadu_si512 (panel), (__m512bh) _mm512_loadu_si512 (panel + 16),
                            (__m512bh) _mm512_loadu_si512 (panel + 32), (__m512bh) _mm512_loadu_si512 (panel + 48) };
    s0 = step (s0, spread (a), b);
    if (rows > 1)
      s1 = step (s1, spread (a + lda), b);
    if (rows > 2)
      s2 = step (s2, spread (a + 2 * lda), b);
    if (rows > 3)
      s3 = step (s3, spread (a + 3 * lda), b);
    if (rows > 4)
      s4 = step (s4, spread (a + 4 * lda), b);
    if (rows > 5)
      s5 = step (s5, spread (a + 5 * lda), b);
  }
  finish (s0, n, add, c);
  if (rows > 1)
    finish (s1, n, add, c + ldc);
  if (rows > 2)
    finish (s2, n, add, c + 2 * ldc);
  if (rows > 3)
    finish (s3, n, add, c + 3 * ldc);
  if (rows > 4)
    finish (s4, n, add, c + 4 * ldc);
  if (rows > 5)
    finish (s5, n, add, c + 5 * ldc);
}

void
ax_bf16_product (size_t m, size_t n, size_t pairs, const uint16_t *a, size_t lda, const uint32_t *panel, bool add, float *c, size_t ldc)
{
  for (; m >= ROWS; m -= ROWS, a += ROWS * lda, c += ROWS * ldc)
    block (6, n, pairs, a, lda, panel, add, c, ldc);
  switch (m) {
  case 5:
    block (5, n, pairs, a, lda, panel, add, c, ldc);
    break;
  case 4:
    block (4, n, pairs, a, lda, panel, add, c, ldc);
    break;
  case 3:
    block (3, n, pairs, a, lda, panel, add, c, ldc);
    break;
  case 2:
    block (2, n, pairs, a, lda, panel, add, c, ldc);
    break;
  case 1:
    block (1, n, pairs, a, lda, panel, add, c, ldc);
    break;
  default:
    break;
  }
}

/* 16 x 16 transpose of 32-bit values: r[i] lane j becomes r[j] lane i. */
INLINE void
transpose (__m512i r[16])
{
  __m512i t[16];
  for (int i = 0; i < 8; i++) {
    t[2 * i] = _mm512_unpacklo_epi32 (r[2 * i], r[2 * i + 1]);
    t[2 * i + 1] = _mm512_unpackhi_epi32 (r[2 * i], r[2 * i + 1]);
  }
  for (int i = 0; i < 4; i++) {
    r[4 * i] = _mm512_unpacklo_epi64 (t[4 * i], t[4 * i + 2]);
    r[4 * i + 1] = _mm512_unpackhi_epi64 (t[4 * i], t[4 * i + 2]);
    r[4 * i + 2] = _mm512_unpacklo_epi64 (t[4 * i + 1], t[4 * i + 3]);
    r[4 * i + 3] = _mm512_unpackhi_epi64 (t[4 * i + 1], t[4 * i + 3]);
  }
  for (int i = 0; i < 4; i++) { /* r[4g + i] lane quarter q holds column 4q + i of rows 4g.. */
    const __m512i x = _mm512_shuffle_i32x4 (r[i], r[4 + i], 0x44), y = _mm512_shuffle_i32x4 (r[8 + i], r[12 + i], 0x44);
    const __m512i z = _mm512_shuffle_i32x4 (r[i], r[4 + i], 0xee), w = _mm512_shuffle_i32x4 (r[8 + i], r[12 + i], 0xee);
    t[i] = _mm512_shuffle_i32x4 (x, y, 0x88);
    t[4 + i] = _mm512_shuffle_i32x4 (x, y, 0xdd);
    t[8 + i] = _mm512_shuffle_i32x4 (z, w, 0x88);
    t[12 + i] = _mm512_shuffle_i32x4 (z, w, 0xdd);
  }
  memcpy (r, t, sizeof t);
}

void
ax_bf16_panel_rows (size_t n, size_t k, const uint16_t *w, size_t ldw, uint32_t *panel)
{
  const size_t pairs = k / 2;
  for (size_t group = 0; group < AX_BF16_COLUMNS; group += 16)
    for (size_t p = 0; p < pairs; p += 16) {
      const size_t wide = pairs - p < 16 ? pairs - p : 16;
      __m512i r[16];
      for (size_t i = 0; i < 16; i++)
        r[i] = group + i < n ? _mm512_maskz_loadu_epi32 ((__mmask16) ((1u << wide) - 1), w + (group + i) * ldw + 2 * p) : _mm512_setzero_si512 ();
      transpose (r);
      for (size_t i = 0; i < wide; i++)
        _mm512_storeu_si512 (panel + (p + i) * AX_BF16_COLUMNS + group, r[i]);
    }
}

void
ax_bf16_panel_columns (size_t n, size_t k, const uint16_t *w, size_t ldw, uint32_t *panel)
{
  for (size_t p = 0; 2 * p < k; p++)
    for (int i = 0; i < 4; i++) {
      const __mmask16 mask = mask_of (n, i), second = 2 * p + 1 < k ? mask : 0;
      const uint16_t *row = w + 2 * p * ldw + 16 * i;
      const __m512i even = _mm512_cvtepu16_epi32 (_mm256_maskz_loadu_epi16 (mask, row));
      const __m512i odd = _mm512_cvtepu16_epi32 (_mm256_maskz_loadu_epi16 (second, row + ldw));
      _mm512_storeu_si512 (panel + p * AX_BF16_COLUMNS + 16 * i, _mm512_or_si512 (even, _mm512_slli_epi32 (odd, 16)));
    }
}

void
ax_bf16_from_q8 (size_t blocks, const int8_t *q, const uint16_t *scale, uint16_t *y)
{
  for (size_t b = 0; b < blocks; b++, q += 32, y += 32) {
    const __m512 d = _mm512_cvtph_ps (_mm256_set1_epi16 ((short) scale[b]));
    const __m512 lo = _mm512_cvtepi32_ps (_mm512_cvtepi8_epi32 (_mm_loadu_si128 ((const __m128i *) q)));
    const __m512 hi = _mm512_cvtepi32_ps (_mm512_cvtepi8_epi32 (_mm_loadu_si128 ((const __m128i *) (q + 16))));
    _mm512_storeu_si512 (y, (__m512i) _mm512_cvtne2ps_pbh (_mm512_mul_ps (hi, d), _mm512_mul_ps (lo, d)));
  }
}

void
ax_bf16_from_f32 (size_t n, const float *x, uint16_t *y)
{
  size_t i = 0;
  for (; i + 16 <= n; i += 16)
    _mm256_storeu_si256 ((__m256i *) (y + i), (__m256i) _mm512_cvtneps_pbh (_mm512_loadu_ps (x + i)));
  if (i < n) {
    const __mmask16 mask = (__mmask16) ((1u << (n - i)) - 1);
    _mm256_mask_storeu_epi16 (y + i, mask, (__m256i) _mm512_cvtneps_pbh (_mm512_maskz_loadu_ps (mask, x + i)));
  }
}

void
ax_bf16_span_gradient (size_t n, size_t first, size_t rows, float scale, const AxSpan *spans, const float *lse, const float *dot,
                       const float *scores, const float *ds, uint16_t *p16, uint16_t *ds16)
{
  for (int i = 0; i < 4; i++) { /* 16 queries at a time */
    int32_t ends[4][16] = { { 0 } };
    for (size_t r = 0; r < 16 && 16 * (size_t) i + r < rows; r++) {
      const AxSpan *p = spans + 16 * i + r;
      ends[0][r] = p->a0;
      ends[1][r] = p->a1;
      ends[2][r] = p->b0;
      ends[3][r] = p->b1;
    }
    const __m512i a0 = _mm512_loadu_si512 (ends[0]), a1 = _mm512_loadu_si512 (ends[1]), b0 = _mm512_loadu_si512 (ends[2]), b1 = _mm512_loadu_si512 (ends[3]);
    const __m512 k = _mm512_set1_ps (scale), shift = _mm512_loadu_ps (lse + 16 * i), minus = _mm512_loadu_ps (dot + 16 * i);
    for (size_t j = 0; j < n; j++) {
      const size_t at = j * AX_BF16_COLUMNS + 16 * (size_t) i;
      const __m512i key = _mm512_set1_epi32 ((int32_t) (first + j));
      const __mmask16 seen = (__mmask16) ((_mm512_cmpge_epi32_mask (key, a0) & _mm512_cmplt_epi32_mask (key, a1))
                                          | (_mm512_cmpge_epi32_mask (key, b0) & _mm512_cmplt_epi32_mask (key, b1)));
      const __m512 p = _mm512_maskz_mov_ps (seen, v_exp (_mm512_fmsub_ps (k, _mm512_loadu_ps (scores + at), shift)));
      const __m512 d = _mm512_maskz_mul_ps (seen, _mm512_mul_ps (k, p), _mm512_sub_ps (_mm512_loadu_ps (ds + at), minus));
      _mm256_storeu_si256 ((__m256i *) (p16 + at), (__m256i) _mm512_cvtneps_pbh (p));
      _mm256_storeu_si256 ((__m256i *) (ds16 + at), (__m256i) _mm512_cvtneps_pbh (d));
    }
  }
}
