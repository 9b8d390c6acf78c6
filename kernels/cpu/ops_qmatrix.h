/* ops_qmatrix.h: rows of packed weight matrices (contracts: table.h; format: kernels.h, AX_Q_Q8). */

#define Q_BLOCK 32
#define Q_PART 192   /* blocks: 24 KiB of x */
#define Q_ROWS 16
#define Q_AHEAD 4096 /* bytes that a stream of weights is fetched ahead: measured a tenth faster than the machine's own guess, 1 to 4 KiB alike */

/* The smallest float16 that is not below x (x >= 0, far below float16's largest). */
VI uint16_t
half_above (float x)
{
  const uint16_t h = float_to_half (x);
  return half_to_float (h) < x ? (uint16_t) (h + 1) : h;
}

/* The largest magnitude of a block; a NaN does not count. */
VI float
block_top (const float *x)
{
  vf top = v_set (0);
  for (int i = 0; i < Q_BLOCK; i += VN) {
    const vf v = v_load (x + i);
    top = v_max (v, v_max (v_sub (v_set (0), v), top));
  }
  return v_hmax (top);
}

/* q = x * inverse, rounded to whole numbers of at most 127. */
VI void
block_round (const float *x, float inverse, int8_t *q)
{
  const vf k = v_set (inverse);
#if VEC_LEVEL == 2
  for (int i = 0; i < Q_BLOCK; i += VN)
    _mm_storeu_si128 ((__m128i *) (q + i), _mm512_cvtepi32_epi8 (_mm512_cvtps_epi32 (v_mul (v_load (x + i), k))));
#else
  float t[Q_BLOCK];
  for (int i = 0; i < Q_BLOCK; i += VN)
    v_store (t + i, v_round (v_mul (v_load (x + i), k)));
  for (int i = 0; i < Q_BLOCK; i++)
    q[i] = (int8_t) t[i];
#endif
}

/* If every value is a small multiple of largest / n for some n that block formats use, and that step is a float16, the block is exact; else 127 steps to the
 * largest. */
static void
op_q8_pack (size_t blocks, const float *x, int8_t *q, uint16_t *scale)
{
  static const int steps[] = { 127, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1 };
  for (size_t b = 0; b < blocks; b++, x += Q_BLOCK, q += Q_BLOCK) {
    const float top = block_top (x);
    float inverse = 0;
    uint16_t d = 0;
    bool exact = !(top > 0);
    for (size_t k = 0; k < sizeof steps / sizeof *steps && !exact; k++) {
      const float wanted = top / (float) steps[k];
      /* 13 bits more than a float16 has: almost every other block stops here */
      if (k > 0 && ((float_bits (wanted) & 0x1fff) || wanted < 0x1p-14f || wanted * (float) steps[k] != top))
        continue;
      const uint16_t h = half_above (wanted);
      const float step = half_to_float (h), per_step = 1 / step;
      vf off = v_set (0);
      for (int i = 0; i < Q_BLOCK; i += VN) {
        vf v = v_load (x + i), e = v_sub (v_mul (v_round (v_mul (v, v_set (per_step))), v_set (step)), v);
        off = v_fma (e, e, off);
      }
      exact = v_sum (off) == 0;
      if (k == 0 || exact) {
        d = h;
        inverse = per_step;
      }
    }
    block_round (x, inverse, q);
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

/* The first n <= VN of p as floats; the others are zero. AVX2 reads all VN (qmatrix.c leaves room behind the last row). */
VI vf
v_load_f16_n (const uint16_t *p, size_t n)
{
#if VEC_LEVEL == 0
  return n ? half_to_float (*p) : 0;
#elif VEC_LEVEL == 1
  const vf all = _mm256_cvtph_ps (_mm_loadu_si128 ((const __m128i *) p));
  return n >= 8 ? all : _mm256_and_ps (all, _mm256_castsi256_ps (v_mask (n)));
#else
  return _mm512_cvtph_ps (_mm256_maskz_loadu_epi16 (n >= 16 ? 0xffff : v_mask (n), p));
#endif
}

/* Element i of a in all places. */
VI vf
v_lane (vf a, size_t i)
{
#if VEC_LEVEL == 0
  return a;
#elif VEC_LEVEL == 1
  return _mm256_permutevar8x32_ps (a, _mm256_set1_epi32 ((int) i));
#else
  return _mm512_permutexvar_ps (_mm512_set1_epi32 ((int) i), a);
#endif
}

static void
op_q8_unpack (size_t blocks, const int8_t *q, const uint16_t *scale, float *y)
{
  for (size_t first = 0; first < blocks; first += VN) {
    const size_t n = blocks - first < VN ? blocks - first : VN;
    const vf scales = v_load_f16_n (scale + first, n);
    for (size_t b = 0; b < n; b++, q += Q_BLOCK, y += Q_BLOCK) {
      const vf d = v_lane (scales, b);
      for (int i = 0; i < Q_BLOCK; i += VN)
        v_store (y + i, v_mul (v_load_i8 (q + i), d));
    }
  }
}

/* Blocks [first, end) of a row times x, both already at `first`; two chains of sums, as one alone would wait for itself. `ahead` goes over the weights to
 * come, Q_AHEAD before their turn; from `turn` on (the end of its row's part) it goes on `skip` bytes further. */
VI float
q8_row (size_t first, size_t end, const int8_t *q, const uint16_t *scale, const float *x, const int8_t **ahead, const int8_t **turn, size_t skip)
{
  const size_t part = (end - first) * Q_BLOCK;
  vf even = v_set (0), odd = v_set (0);
  for (; first < end; first += VN) {
    const size_t n = end - first < VN ? end - first : VN;
    const vf scales = v_load_f16_n (scale + first, n);
    for (size_t b = 0; b < n; b++, q += Q_BLOCK, x += Q_BLOCK) {
      if (b % 2 == 0 && skip == 0)
        __builtin_prefetch (q + Q_AHEAD);
      else if (b % 2 == 0) {
        __builtin_prefetch (*ahead);
        *ahead += 2 * Q_BLOCK;
        if (*ahead >= *turn) {
          *ahead += skip;
          *turn += skip + part;
        }
      }
      vf t = v_mul (v_load_i8 (q), v_load (x));
      for (int i = VN; i < Q_BLOCK; i += VN)
        t = v_fma (v_load_i8 (q + i), v_load (x + i), t);
      if (b % 2 == 0)
        even = v_fma (t, v_lane (scales, b), even);
      else
        odd = v_fma (t, v_lane (scales, b), odd);
    }
  }
  return v_sum (v_add (even, odd));
}

/* One row after the other in the order of memory: with several at once two cores of Zen 5 read 36 GB/s, so 55. Rows too long for their x to stay in the
 * first cache go part by part, Q_ROWS rows at a time. */
static void
op_q8_dots (size_t n, size_t blocks, const int8_t *q, const uint16_t *scale, const float *x, float *y)
{
  const size_t stride = blocks * Q_BLOCK, parts = (blocks + Q_PART - 1) / Q_PART;
  const size_t part = ((blocks + parts - 1) / parts + VN - 1) / VN * VN;
  if (parts == 1) {
    for (; n > 0; n--, q += stride, scale += blocks)
      *y++ = q8_row (0, blocks, q, scale, x, NULL, NULL, 0);
    return;
  }
  for (; n > 0;) {
    const size_t rows = n < Q_ROWS ? n : Q_ROWS;
    for (size_t first = 0; first < blocks; first += part) {
      const size_t end = blocks - first < part ? blocks : first + part, bytes = (end - first) * Q_BLOCK;
      const int8_t *ahead = q + first * Q_BLOCK + Q_AHEAD / bytes * stride + Q_AHEAD % bytes, *turn = ahead - Q_AHEAD % bytes + bytes;
      for (size_t r = 0; r < rows; r++) {
        const float s = q8_row (first, end, q + r * stride + first * Q_BLOCK, scale + r * blocks, x + first * Q_BLOCK, &ahead, &turn, stride - bytes);
        y[r] = first ? y[r] + s : s;
      }
    }
    n -= rows;
    q += rows * stride;
    scale += rows * blocks;
    y += rows;
  }
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

/* ---- halves ---- */

/* An int8 is 16 h + l - 128 with h and l in 0..15. Without l the middle is 16 h - 120.5, to which l adds l - 7.5. */
static AxSpread
op_q8_split (size_t pairs, const int8_t *q, uint8_t *upper, uint8_t *lower)
{
  float most = 0, longest = 0;
  for (size_t p = 0; p < pairs; p++, q += 2 * Q_BLOCK, upper += Q_BLOCK, lower += Q_BLOCK)
    for (int half = 0; half < 2; half++) {
      int h1 = 0, h2 = 0, l1 = 0, l2 = 0; /* sums of h, h^2, l, l^2 */
      for (int i = 0; i < Q_BLOCK; i++) {
        const int u = q[half * Q_BLOCK + i] + 128, h = u >> 4, l = u & 15;
        upper[i] = (uint8_t) (half ? upper[i] | h << 4 : h);
        lower[i] = (uint8_t) (half ? lower[i] | l << 4 : l);
        h1 += h;
        h2 += h * h;
        l1 += l;
        l2 += l * l;
      }
      /* squares of l - 7.5 and of 16 h - 120.5: multiples of 1/4 below 2^20, exact */
      const float squares = (float) (l2 - 15 * l1) + Q_BLOCK * 56.25f, length = (float) (256 * h2 - 3856 * h1) + Q_BLOCK * 14520.25f;
      most = squares > most ? squares : most;
      longest = length > longest ? length : longest;
    }
  return (AxSpread) { sqrtf (most) * (1 + 0x1p-20f), sqrtf (longest) * (1 + 0x1p-20f) }; /* not below the roots */
}

static void
op_q8_join (size_t pairs, const uint8_t *upper, const uint8_t *lower, int8_t *q)
{
  for (size_t p = 0; p < pairs; p++, q += 2 * Q_BLOCK, upper += Q_BLOCK, lower += Q_BLOCK) {
#if VEC_LEVEL == 0
    for (int i = 0; i < Q_BLOCK; i++) {
      q[i] = (int8_t) (((upper[i] & 15) << 4 | (lower[i] & 15)) - 128);
      q[Q_BLOCK + i] = (int8_t) (((upper[i] & 0xf0) | lower[i] >> 4) - 128);
    }
#else
    const __m256i u = _mm256_loadu_si256 ((const __m256i *) upper), l = _mm256_loadu_si256 ((const __m256i *) lower);
    const __m256i low = _mm256_set1_epi8 (15), high = _mm256_set1_epi8 ((char) 0xf0), sign = _mm256_set1_epi8 ((char) 0x80);
    const __m256i first = _mm256_or_si256 (_mm256_and_si256 (_mm256_slli_epi16 (u, 4), high), _mm256_and_si256 (l, low));
    const __m256i second = _mm256_or_si256 (_mm256_and_si256 (u, high), _mm256_and_si256 (_mm256_srli_epi16 (l, 4), low));
    _mm256_storeu_si256 ((__m256i *) q, _mm256_xor_si256 (first, sign));
    _mm256_storeu_si256 ((__m256i *) (q + Q_BLOCK), _mm256_xor_si256 (second, sign));
#endif
  }
}

/* What a row's blocks [first, first + n) with n <= VN add to its value (in the lanes of the result) and to its bound. Integers inside a block, float32 between
 * blocks; two chains of sums, as one alone would wait for itself. */
VI vf
screen_blocks (size_t first, size_t n, const uint8_t *upper, const uint16_t *scale, AxSpread spread, const AxScreen *s, vf *bound)
{
  const vf d = v_load_f16_n (scale + first, n), factor = v_mul (d, v_load_n (s->product + first, n));
  const vf e = v_fma (v_set (spread.spread), v_load_n (s->per_spread + first, n), v_load_n (s->error + first, n));
  *bound = v_fma (d, v_fma (v_set (spread.length), v_load_n (s->per_length + first, n), e), *bound);
  vf even = v_mul (d, v_load_n (s->offset + first, n));
#if VEC_LEVEL == 0
  int dot = 0;
  for (int i = 0; i < Q_BLOCK; i++)
    dot += (int) (first & 1 ? upper[first / 2 * Q_BLOCK + (size_t) i] >> 4 : upper[first / 2 * Q_BLOCK + (size_t) i] & 15) * s->x[first * Q_BLOCK + (size_t) i];
  return even + (float) dot * factor;
#else
  const __m256i low = _mm256_set1_epi8 (15);
  const int8_t *x = s->x + first * Q_BLOCK;
  vf odd = v_set (0);
  upper += first / 2 * Q_BLOCK;
  for (size_t b = 0; b < n; b += 2, upper += Q_BLOCK, x += 2 * Q_BLOCK) {
    const __m256i both = _mm256_loadu_si256 ((const __m256i *) upper);
    const __m256i h0 = _mm256_and_si256 (both, low), h1 = _mm256_and_si256 (_mm256_srli_epi16 (both, 4), low);
#if VEC_LEVEL == 1
    const __m256i one = _mm256_set1_epi16 (1);
    const __m256i d0 = _mm256_madd_epi16 (_mm256_maddubs_epi16 (h0, _mm256_loadu_si256 ((const __m256i *) x)), one);
    const __m256i d1 = _mm256_madd_epi16 (_mm256_maddubs_epi16 (h1, _mm256_loadu_si256 ((const __m256i *) (x + Q_BLOCK))), one);
    even = v_fma (_mm256_cvtepi32_ps (d0), v_lane (factor, b), even);
    odd = v_fma (_mm256_cvtepi32_ps (d1), v_lane (factor, b + 1), odd);
#else
    const __m512i h = _mm512_inserti64x4 (_mm512_castsi256_si512 (h0), h1, 1);
    const __m512i t = _mm512_madd_epi16 (_mm512_maddubs_epi16 (h, _mm512_loadu_si512 (x)), _mm512_set1_epi16 (1)); /* 8 sums of each block */
    const __m512i lanes = _mm512_add_epi32 (_mm512_set1_epi32 ((int) b), _mm512_set_epi32 (1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0));
    const vf product = v_mul (_mm512_cvtepi32_ps (t), _mm512_permutexvar_ps (lanes, factor));
    if (b & 2)
      odd = v_add (odd, product);
    else
      even = v_add (even, product);
#endif
  }
  return v_add (even, odd);
#endif
}

static float
op_q8_screen (size_t n, size_t blocks, const uint8_t *upper, const uint16_t *scale, const AxSpread *spread, const AxScreen *s, float *y, float *top)
{
  float best = -INFINITY;
  for (size_t o = 0; o < n; o++, upper += blocks / 2 * Q_BLOCK, scale += blocks) {
    vf sum = v_set (0), bound = v_set (0);
    size_t b = 0;
    for (size_t line = 0; line < blocks / 2 * Q_BLOCK; line += 64)
      __builtin_prefetch (upper + Q_AHEAD + line);
    for (; b + VN <= blocks; b += VN)
      sum = v_add (sum, screen_blocks (b, VN, upper, scale, spread[o], s, &bound));
    if (b < blocks)
      sum = v_add (sum, screen_blocks (b, blocks - b, upper, scale, spread[o], s, &bound));
    y[o] = v_sum (sum);
    top[o] = y[o] + v_sum (bound);
    best = y[o] > best ? y[o] : best;
  }
  return best;
}
