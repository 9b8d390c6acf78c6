#include "engine/checkpoint/sha256.h"

#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

/* Digests whole blocks of 64 bytes into state[8]. */
typedef void (*BlocksFn)(guint32 state[8], const guint8 *data, gsize n_blocks);

/* First 32 bits of the fractional parts of the cube roots of the first 64 primes. */
static const guint32 K[64] = {
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
  0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
  0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
  0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
  0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
  0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static inline guint32
rotate(guint32 x, int n)
{
  return x >> n | x << (32 - n);
}

static inline void
round_portable(const guint32 *a, const guint32 *b, const guint32 *c, guint32 *d, const guint32 *e, const guint32 *f, const guint32 *g,
               guint32 *h, guint32 k_and_w)
{
  const guint32 t = *h + (rotate(*e, 6) ^ rotate(*e, 11) ^ rotate(*e, 25)) + (*g ^ (*e & (*f ^ *g))) + k_and_w;
  *d += t;
  *h = t + (rotate(*a, 2) ^ rotate(*a, 13) ^ rotate(*a, 22)) + ((*a & *b) | (*c & (*a | *b)));
}

static void
blocks_portable(guint32 state[8], const guint8 *data, gsize n_blocks)
{
  for (; n_blocks > 0; n_blocks--, data += 64) {
    guint32 w[64], s[8];
    for (int i = 0; i < 16; i++)
      w[i] = (guint32) data[4 * i] << 24 | (guint32) data[4 * i + 1] << 16 | (guint32) data[4 * i + 2] << 8 | data[4 * i + 3];
    for (int i = 16; i < 64; i++) {
      const guint32 a = w[i - 15], b = w[i - 2];
      w[i] = w[i - 16] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) + w[i - 7] + (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
    }
    memcpy(s, state, sizeof s);
    /* Eight rounds a turn: the roles of the registers rotate instead of their contents. */
    for (int i = 0; i < 64; i += 8)
#pragma GCC unroll 8
      for (int k = 0; k < 8; k++)
        round_portable(&s[-k & 7], &s[(1 - k) & 7], &s[(2 - k) & 7], &s[(3 - k) & 7], &s[(4 - k) & 7], &s[(5 - k) & 7], &s[(6 - k) & 7],
                       &s[(7 - k) & 7], K[i + k] + w[i + k]);
    for (int i = 0; i < 8; i++)
      state[i] += s[i];
  }
}

#if defined(__x86_64__)
/* The instructions keep the state as two registers, ABEF and CDGH, and do two rounds each. */
__attribute__((target("sha,sse4.1,ssse3"))) static void
blocks_sha(guint32 state[8], const guint8 *data, gsize n_blocks)
{
  const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
  const __m128i abcd = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *) state), 0xB1);
  const __m128i efgh = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *) (state + 4)), 0x1B);
  __m128i abef = _mm_alignr_epi8(abcd, efgh, 8), cdgh = _mm_blend_epi16(efgh, abcd, 0xF0);

  for (; n_blocks > 0; n_blocks--, data += 64) {
    const __m128i abef_before = abef, cdgh_before = cdgh;
    __m128i w[4];
    for (int i = 0; i < 4; i++)
      w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *) (data + 16 * i)), swap);
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) {
      const __m128i now = w[i & 3];
      const __m128i sum = _mm_add_epi32(now, _mm_loadu_si128((const __m128i *) (K + 4 * i)));
      cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
      abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0E));
      if (i < 12) {
        /* w[t..t+3] of four steps later, from w[t-16], w[t-15], w[t-7] and w[t-2] */
        const __m128i last = w[(i + 3) & 3];
        const __m128i seventh = _mm_alignr_epi8(last, w[(i + 2) & 3], 4);
        w[i & 3] = _mm_sha256msg2_epu32(_mm_add_epi32(_mm_sha256msg1_epu32(now, w[(i + 1) & 3]), seventh), last);
      }
    }
    abef = _mm_add_epi32(abef, abef_before);
    cdgh = _mm_add_epi32(cdgh, cdgh_before);
  }
  const __m128i feba = _mm_shuffle_epi32(abef, 0x1B), dchg = _mm_shuffle_epi32(cdgh, 0xB1);
  _mm_storeu_si128((__m128i *) state, _mm_blend_epi16(feba, dchg, 0xF0));
  _mm_storeu_si128((__m128i *) (state + 4), _mm_alignr_epi8(dchg, feba, 8));
}

static gboolean
has_sha_instructions(void)
{
  unsigned a, b, c, d, b7, c7, d7;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !__get_cpuid_count(7, 0, &a, &b7, &c7, &d7))
    return FALSE;
  return (c & bit_SSE4_1) != 0 && (c & bit_SSSE3) != 0 && (b7 & (1u << 29)) != 0;
}
#endif

static void
digest(BlocksFn blocks, const guint8 *data, gsize size, char hex[AX_SHA256_HEX_SIZE])
{
  guint32 state[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };
  guint8 tail[128] = { 0 };
  const gsize left = size % 64, n_tail = left < 56 ? 64 : 128;
  if (size >= 64)
    blocks(state, data, size / 64);
  if (left > 0)
    memcpy(tail, data + size - left, left);
  tail[left] = 0x80;
  for (guint i = 0; i < 8; i++)
    tail[n_tail - 1 - i] = (guint8) ((guint64) size * 8 >> (8 * i));
  blocks(state, tail, n_tail / 64);
  for (guint i = 0; i < 8; i++)
    g_snprintf(hex + 8 * i, 9, "%08x", state[i]);
}

void
ax_sha256_hex_portable(const void *data, gsize size, char hex[AX_SHA256_HEX_SIZE])
{
  digest(blocks_portable, data, size, hex);
}

void
ax_sha256_hex(const void *data, gsize size, char hex[AX_SHA256_HEX_SIZE])
{
#if defined(__x86_64__)
  static gsize chosen = 0; /* 1: plain, 2: instructions */
  if (g_once_init_enter(&chosen))
    g_once_init_leave(&chosen, has_sha_instructions() ? 2 : 1);
  if (chosen == 2) {
    digest(blocks_sha, data, size, hex);
    return;
  }
#endif
  digest(blocks_portable, data, size, hex);
}
