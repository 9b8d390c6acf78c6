/* conv_mma.cu: convolution and its gradients with matrix instructions, where products in bfloat16 are allowed (AxConvShape.bf16): implicit GEMM as in conv.cu, over
 * tile_mma.cuh. Images stay in float32 and are rounded on their way into shared memory; weights are kept rounded. Where the channels are a multiple of 8, as they are but
 * in a network's first layer, eight of them are read by two 16-byte loads and share one window place. */
#include "kernels/cuda/conv.cuh"
#include "kernels/cuda/tile_mma.cuh"

/* ---- operands --------------------------------------------------------------------------------------------------------------- */

/* Rows of bfloat16 of a multiple of 8. */
struct Rounded {
  enum { TURNED = 0 };
  typedef uint4 Raw;
  typedef size_t Moving;
  typedef const uint16_t *Fixed;
  const uint16_t *data;
  size_t ld;
  __device__ __forceinline__ Fixed fix (size_t row) const { return data + row * ld; }
  __device__ __forceinline__ Moving move (size_t k) const { return k; }
  __device__ __forceinline__ void fetch (Fixed row, Moving k, Raw &raw, int) const { raw = *(const uint4 *) (row + k); }
  static __device__ __forceinline__ void none (Raw &raw, int) { raw = uint4 { 0, 0, 0, 0 }; }
  static __device__ __forceinline__ void put (const Raw &raw, uint16_t *shared) { *(uint4 *) shared = raw; }
};

/* An output pixel's window begins at (y, x) of its image; a place of k is (ky, kx, channel). */
struct Window { const float *image; int y, x; };
struct Place { int ky, kx, c; };

struct Geometry {
  const float *x;
  AxConvShape s;
  int oh, ow;
  __device__ __forceinline__ Window
  window (size_t pixel) const
  {
    const unsigned row = (unsigned) (pixel / (unsigned) ow), ox = (unsigned) (pixel - (size_t) row * (unsigned) ow), n = row / (unsigned) oh, oy = row % (unsigned) oh;
    return Window { x + (size_t) n * s.h * s.w * s.ic, (int) oy * s.stride - s.pad, (int) ox * s.stride - s.pad };
  }
  __device__ __forceinline__ Place
  place (size_t k) const
  {
    const unsigned tap = (unsigned) k / (unsigned) s.ic;
    return Place { (int) (tap / (unsigned) s.kw), (int) (tap % (unsigned) s.kw), (int) ((unsigned) k % (unsigned) s.ic) };
  }
  /* NULL outside of the image */
  __device__ __forceinline__ const float *
  at (const Window &w, const Place &p) const
  {
    const int iy = w.y + p.ky, ix = w.x + p.kx;
    return iy >= 0 && iy < s.h && ix >= 0 && ix < s.w ? w.image + ((size_t) iy * s.w + ix) * s.ic + p.c : nullptr;
  }
  /* Eight places from `first` on. `whole`: they lie side by side. */
  template <bool whole> __device__ __forceinline__ void
  eight (const Window &w, size_t k, const Place &first, float *v) const
  {
    const float *from = at (w, first);
    if (whole && from)
      tile_mma::read_eight (from, v);
    else {
      const size_t end = (size_t) s.kh * s.kw * s.ic;
      AX_UNROLL
      for (int i = 0; i < 8; i++) {
        const float *one = whole || k + i >= end ? nullptr : at (w, place (k + i));
        v[i] = one ? *one : 0;
      }
    }
  }
};

template <bool whole> struct Windows : tile_mma::Along {
  struct Moving { size_t k; Place place; };
  typedef Window Fixed;
  Geometry g;
  __device__ __forceinline__ Fixed fix (size_t pixel) const { return g.window (pixel); }
  __device__ __forceinline__ Moving move (size_t k) const { return Moving { k, g.place (k) }; }
  __device__ __forceinline__ void fetch (const Fixed &w, const Moving &m, Raw &raw, int) const { g.eight<whole> (w, m.k, m.place, raw.v); }
};

/* Rows are places, the sum runs over pixels. */
template <bool whole> struct TurnedWindows : tile_mma::Turned {
  struct Fixed { size_t k; Place place; };
  typedef Window Moving;
  Geometry g;
  __device__ __forceinline__ Fixed fix (size_t k) const { return Fixed { k, g.place (k) }; }
  __device__ __forceinline__ Moving move (size_t pixel) const { return g.window (pixel); }
  __device__ __forceinline__ void fetch (const Fixed &f, const Moving &w, Raw &raw, int i) const { g.eight<whole> (w, f.k, f.place, raw.v + 8 * i); }
};

/* Rows are channels of data[pixels, channels], the sum runs over pixels. */
template <bool whole> struct TurnedMatrix : tile_mma::Turned {
  typedef size_t Fixed;
  typedef const float *Moving;
  const float *data;
  size_t channels;
  __device__ __forceinline__ Fixed fix (size_t channel) const { return channel; }
  __device__ __forceinline__ Moving move (size_t pixel) const { return data + pixel * channels; }
  __device__ __forceinline__ void
  fetch (Fixed channel, Moving pixel, Raw &raw, int i) const
  {
    if (whole)
      tile_mma::read_eight (pixel + channel, raw.v + 8 * i);
    else
      AX_UNROLL
      for (int c = 0; c < 8; c++)
        raw.v[8 * i + c] = channel + c < channels ? pixel[channel + c] : 0;
  }
};

/* Rows are input pixels, k is (ky, kx, output channel): dy of the output pixel that saw it through that place, zero where there is none. */
template <bool whole> struct Seers : tile_mma::Along {
  struct Moving { size_t k; Place place; };
  typedef Window Fixed; /* the image's gradient; the input pixel and the padding */
  const float *dy;
  AxConvShape s;
  int oh, ow;
  __device__ __forceinline__ Fixed
  fix (size_t pixel) const
  {
    const unsigned row = (unsigned) (pixel / (unsigned) s.w), ix = (unsigned) (pixel - (size_t) row * (unsigned) s.w), n = row / (unsigned) s.h, iy = row % (unsigned) s.h;
    return Fixed { dy + (size_t) n * oh * ow * s.oc, (int) iy + s.pad, (int) ix + s.pad };
  }
  __device__ __forceinline__ Place
  place (size_t k) const
  {
    const unsigned tap = (unsigned) k / (unsigned) s.oc;
    return Place { (int) (tap / (unsigned) s.kw), (int) (tap % (unsigned) s.kw), (int) ((unsigned) k % (unsigned) s.oc) };
  }
  __device__ __forceinline__ const float *
  at (const Fixed &w, const Place &p) const
  {
    const int ty = w.y - p.ky, tx = w.x - p.kx;
    if (ty < 0 || tx < 0 || ty % s.stride || tx % s.stride || ty / s.stride >= oh || tx / s.stride >= ow)
      return nullptr;
    return w.image + ((size_t) (ty / s.stride) * ow + tx / s.stride) * s.oc + p.c;
  }
  __device__ __forceinline__ Moving move (size_t k) const { return Moving { k, place (k) }; }
  __device__ __forceinline__ void
  fetch (const Fixed &w, const Moving &m, Raw &raw, int) const
  {
    const float *from = at (w, m.place);
    if (whole && from)
      tile_mma::read_eight (from, raw.v);
    else {
      const size_t end = (size_t) s.kh * s.kw * s.oc;
      AX_UNROLL
      for (int i = 0; i < 8; i++) {
        const float *one = whole || m.k + i >= end ? nullptr : at (w, place (m.k + i));
        raw.v[i] = one ? *one : 0;
      }
    }
  }
};

/* ---- products --------------------------------------------------------------------------------------------------------------- */

void
ax_cuda_conv_forward_mma (AxConv *c, const float *x, const float *residual, float *y)
{
  const size_t rows = (size_t) c->s.n * c->oh * c->ow, k = (size_t) c->s.kh * c->s.kw * c->s.ic, oc = (size_t) c->s.oc;
  const Geometry g = { x, c->s, c->oh, c->ow };
  const Rounded w = { c->wb, ax_conv_row (k) };
  const ConvFinished finished = { c->bias, residual, c->relu, y, oc };
  if (c->s.ic % 8 == 0)
    tile_mma::product (rows, oc, k, 1, Windows<true> { {}, g }, w, finished);
  else
    tile_mma::product (rows, oc, k, 1, Windows<false> { {}, g }, w, finished);
}

struct Gradient {
  float *dx;
  size_t ic;
  bool accumulate;
  __device__ __forceinline__ void
  operator() (size_t, size_t row, size_t column, float sum) const
  {
    float *to = dx + row * ic + column;
    *to = accumulate ? *to + sum : sum;
  }
};

void
ax_cuda_conv_backward_data_mma (AxConv *c, const float *dy, float *dx, bool accumulate)
{
  const size_t rows = (size_t) c->s.n * c->s.h * c->s.w, k = (size_t) c->s.kh * c->s.kw * c->s.oc, ic = (size_t) c->s.ic;
  const Rounded w = { c->turned, ax_conv_row (k) };
  const Gradient gradient = { dx, ic, accumulate };
  if (c->s.oc % 8 == 0)
    tile_mma::product (rows, ic, k, 1, Seers<true> { {}, dy, c->s, c->oh, c->ow }, w, gradient);
  else
    tile_mma::product (rows, ic, k, 1, Seers<false> { {}, dy, c->s, c->oh, c->ow }, w, gradient);
}

void
ax_cuda_conv_partial_weights_mma (AxConv *c, const float *x, const float *dy, size_t pieces, float *partial)
{
  const size_t pixels = (size_t) c->s.n * c->oh * c->ow, k = (size_t) c->s.kh * c->s.kw * c->s.ic, oc = (size_t) c->s.oc;
  const Geometry g = { x, c->s, c->oh, c->ow };
  const ConvPartial to = { partial, oc, k };
  const bool whole = c->s.ic % 8 == 0;
  if (c->s.oc % 8 == 0 && whole)
    tile_mma::product (oc, k, pixels, pieces, TurnedMatrix<true> { {}, dy, oc }, TurnedWindows<true> { {}, g }, to);
  else if (whole)
    tile_mma::product (oc, k, pixels, pieces, TurnedMatrix<false> { {}, dy, oc }, TurnedWindows<true> { {}, g }, to);
  else if (c->s.oc % 8 == 0)
    tile_mma::product (oc, k, pixels, pieces, TurnedMatrix<true> { {}, dy, oc }, TurnedWindows<false> { {}, g }, to);
  else
    tile_mma::product (oc, k, pixels, pieces, TurnedMatrix<false> { {}, dy, oc }, TurnedWindows<false> { {}, g }, to);
}
