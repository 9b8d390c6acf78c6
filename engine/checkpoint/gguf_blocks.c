#include "engine/checkpoint/gguf_blocks.h"

#include "kernels/kernels.h"

/* Products and differences below are rounded one by one (this library is compiled without contraction). */

static float
half_at(const guint8 *p)
{
  const guint16 bits = (guint16) (p[0] | p[1] << 8);
  float value;
  ax_f16_to_f32(1, &bits, &value);
  return value;
}

/* 32 elements: 16 bytes of nibbles (low ones first), from -8 or with a minimum. */
static void
q4_0(const guint8 *p, float *y)
{
  const float d = half_at(p);
  for (int j = 0; j < 16; j++) {
    y[j] = d * (float) ((p[2 + j] & 15) - 8);
    y[j + 16] = d * (float) ((p[2 + j] >> 4) - 8);
  }
}

static void
q4_1(const guint8 *p, float *y)
{
  const float d = half_at(p), m = half_at(p + 2);
  for (int j = 0; j < 16; j++) {
    y[j] = d * (float) (p[4 + j] & 15) + m;
    y[j + 16] = d * (float) (p[4 + j] >> 4) + m;
  }
}

/* As Q4, and the fifth bit of element j is bit j of a 32-bit word. */
static void
q5_0(const guint8 *p, float *y)
{
  const float d = half_at(p);
  for (int j = 0; j < 16; j++) {
    const int low = p[2 + j / 8] >> (j % 8) & 1, high = p[4 + j / 8] >> (j % 8) & 1;
    y[j] = d * (float) (((p[6 + j] & 15) | low << 4) - 16);
    y[j + 16] = d * (float) (((p[6 + j] >> 4) | high << 4) - 16);
  }
}

static void
q5_1(const guint8 *p, float *y)
{
  const float d = half_at(p), m = half_at(p + 2);
  for (int j = 0; j < 16; j++) {
    const int low = p[4 + j / 8] >> (j % 8) & 1, high = p[6 + j / 8] >> (j % 8) & 1;
    y[j] = d * (float) ((p[8 + j] & 15) | low << 4) + m;
    y[j + 16] = d * (float) ((p[8 + j] >> 4) | high << 4) + m;
  }
}

static void
q8_0(const guint8 *p, float *y)
{
  const float d = half_at(p);
  for (int j = 0; j < 32; j++)
    y[j] = d * (float) (gint8) p[2 + j];
}

/* scales[16] (4 bits scale, 4 bits minimum), quants[64], d, dmin: two halves of 128 elements, four shifts of 32 each. */
static void
q2_k(const guint8 *p, float *y)
{
  const float d = half_at(p + 80), dmin = half_at(p + 82);
  for (int i = 0; i < 256; i++) {
    const guint8 scale = p[i / 16];
    const int q = p[16 + i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3;
    const float dl = d * (float) (scale & 15), ml = dmin * (float) (scale >> 4);
    y[i] = dl * (float) q - ml;
  }
}

/* hmask[32], quants[64], scales[12] (16 of 6 bits), d. A clear bit of the mask takes 4 away. */
static void
q3_k(const guint8 *p, float *y)
{
  const float d = half_at(p + 108);
  float dl[16];
  for (int s = 0; s < 16; s++) {
    const int low = p[96 + s % 8] >> (s / 8 * 4) & 15, high = p[104 + s % 4] >> (s / 4 * 2) & 3;
    dl[s] = d * (float) ((low | high << 4) - 32);
  }
  for (int i = 0; i < 256; i++) {
    const int q = p[32 + i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3, high = p[i % 32] >> (i / 32) & 1;
    y[i] = dl[i / 16] * (float) (q - (high != 0 ? 0 : 4));
  }
}

/* Eight scales and minima of 6 bits in 12 bytes, as Q4_K and Q5_K store them. */
static void
scale_and_min(const guint8 *p, int j, int *scale, int *min)
{
  if (j < 4) {
    *scale = p[j] & 63;
    *min = p[j + 4] & 63;
  } else {
    *scale = (p[j + 4] & 15) | (p[j - 4] >> 6) << 4;
    *min = (p[j + 4] >> 4) | (p[j] >> 6) << 4;
  }
}

/* d, dmin, scales[12], for Q5_K high[32], quants[128]: groups of 32, two to 32 bytes. */
static void
q45_k(const guint8 *p, gboolean five, float *y)
{
  const float d = half_at(p), dmin = half_at(p + 2);
  const guint8 *high = p + 16, *quants = five ? p + 48 : p + 16;
  for (int g = 0; g < 8; g++) {
    int scale, min;
    scale_and_min(p + 4, g, &scale, &min);
    const float dl = d * (float) scale, ml = dmin * (float) min;
    for (int j = 0; j < 32; j++) {
      int q = quants[g / 2 * 32 + j] >> (g % 2 * 4) & 15;
      if (five)
        q |= (high[j] >> g & 1) << 4;
      y[g * 32 + j] = dl * (float) q - ml;
    }
  }
}

/* low[128], high[64], int8 scales[16], d. */
static void
q6_k(const guint8 *p, float *y)
{
  const float d = half_at(p + 208);
  for (int i = 0; i < 256; i++) {
    const int half = i / 128, low = p[half * 64 + i % 64] >> (i % 128 / 64 * 4) & 15;
    const int high = p[128 + half * 32 + i % 32] >> (i % 128 / 32 * 2) & 3;
    y[i] = d * (float) (gint8) p[192 + i / 16] * (float) ((low | high << 4) - 32);
  }
}

void
ax_gguf_dequantise(AxDtype dtype, const guint8 *blocks, gsize n_blocks, float *dst)
{
  const gsize size = ax_dtype_size(dtype), n = ax_dtype_block(dtype);
  for (gsize b = 0; b < n_blocks; b++, blocks += size, dst += n)
    switch (dtype) {
    case AX_DTYPE_Q4_0:
      q4_0(blocks, dst);
      break;
    case AX_DTYPE_Q4_1:
      q4_1(blocks, dst);
      break;
    case AX_DTYPE_Q5_0:
      q5_0(blocks, dst);
      break;
    case AX_DTYPE_Q5_1:
      q5_1(blocks, dst);
      break;
    case AX_DTYPE_Q8_0:
      q8_0(blocks, dst);
      break;
    case AX_DTYPE_Q2_K:
      q2_k(blocks, dst);
      break;
    case AX_DTYPE_Q3_K:
      q3_k(blocks, dst);
      break;
    case AX_DTYPE_Q4_K:
      q45_k(blocks, FALSE, dst);
      break;
    case AX_DTYPE_Q5_K:
      q45_k(blocks, TRUE, dst);
      break;
    case AX_DTYPE_Q6_K:
      q6_k(blocks, dst);
      break;
    default:
      g_assert_not_reached();
    }
}
