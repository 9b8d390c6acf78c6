/* ops_maxpool.h: max pooling, NHWC (contracts: table.h). The inner loops run over channels and are left to the compiler's vectoriser, which knows the
 * mixed float and byte selects. */

static void
op_maxpool_forward (const AxConvShape *s, size_t begin, size_t end, const float *x, float *y, uint8_t *index)
{
  const int oh = (s->h + 2 * s->pad - s->kh) / s->stride + 1, ow = (s->w + 2 * s->pad - s->kw) / s->stride + 1;
  const size_t c = (size_t) s->ic;
  for (size_t row = begin; row < end; row++) {
    const float *image = x + row / (size_t) oh * (size_t) s->h * (size_t) s->w * c;
    const int y0 = (int) (row % (size_t) oh) * s->stride - s->pad;
    for (int ox = 0; ox < ow; ox++) {
      const int x0 = ox * s->stride - s->pad;
      float *restrict out = y + (row * (size_t) ow + (size_t) ox) * c;
      uint8_t *restrict won = index ? index + (row * (size_t) ow + (size_t) ox) * c : NULL;
      for (size_t i = 0; i < c; i++)
        out[i] = -INFINITY;
      if (won)
        memset (won, 0, c);
      bool first = true;
      for (int ky = 0; ky < s->kh; ky++)
        for (int kx = 0; kx < s->kw; kx++) {
          const int iy = y0 + ky, ix = x0 + kx;
          if (iy < 0 || iy >= s->h || ix < 0 || ix >= s->w)
            continue;
          const float *restrict in = image + ((size_t) iy * (size_t) s->w + (size_t) ix) * c;
          const uint8_t tap = (uint8_t) (ky * s->kw + kx);
          if (won && first)
            memset (won, tap, c); /* a window of minus infinities belongs to its first real tap */
          first = false;
          if (won)
            for (size_t i = 0; i < c; i++) {
              const bool wins = (in[i] > out[i]) | (in[i] != in[i]);
              out[i] = wins ? in[i] : out[i];
              won[i] = wins ? tap : won[i];
            }
          else
            for (size_t i = 0; i < c; i++)
              out[i] = ((in[i] > out[i]) | (in[i] != in[i])) ? in[i] : out[i];
        }
    }
  }
}

/* Gathers: each input element collects from the windows that cover it, so input rows are independent of each other. */
static void
op_maxpool_backward (const AxConvShape *s, size_t begin, size_t end, const float *dy, const uint8_t *index, float *dx)
{
  const int oh = (s->h + 2 * s->pad - s->kh) / s->stride + 1, ow = (s->w + 2 * s->pad - s->kw) / s->stride + 1;
  const size_t c = (size_t) s->ic;
  for (size_t row = begin; row < end; row++) {
    const size_t image = row / (size_t) s->h * (size_t) oh;
    const int iy = (int) (row % (size_t) s->h);
    for (int ix = 0; ix < s->w; ix++) {
      float *restrict out = dx + (row * (size_t) s->w + (size_t) ix) * c;
      for (int ky = 0; ky < s->kh; ky++) {
        const int ty = iy + s->pad - ky;
        if (ty < 0 || ty % s->stride || ty / s->stride >= oh)
          continue;
        for (int kx = 0; kx < s->kw; kx++) {
          const int tx = ix + s->pad - kx;
          if (tx < 0 || tx % s->stride || tx / s->stride >= ow)
            continue;
          const size_t at = ((image + (size_t) (ty / s->stride)) * (size_t) ow + (size_t) (tx / s->stride)) * c;
          const uint8_t tap = (uint8_t) (ky * s->kw + kx);
          const float *restrict g = dy + at;
          const uint8_t *restrict won = index + at;
          for (size_t i = 0; i < c; i++)
            out[i] += won[i] == tap ? g[i] : 0.0f;
        }
      }
    }
  }
}
