/* ops_maxpool.h: max pooling, NHWC (contracts: table.h). The inner loops run over channels; those that mix floats and bytes are left to the
 * compiler's vectoriser. */

/* The taps of one window that lie inside the image: [y0, y1) x [x0, x1) of the input, and the window's own corner. */
typedef struct {
  int y0, y1, x0, x1, corner_y, corner_x;
} PoolWindow;

VI PoolWindow
pool_window (const AxConvShape *s, int oy, int ox)
{
  PoolWindow w = { .corner_y = oy * s->stride - s->pad, .corner_x = ox * s->stride - s->pad };
  w.y0 = w.corner_y < 0 ? 0 : w.corner_y;
  w.x0 = w.corner_x < 0 ? 0 : w.corner_x;
  w.y1 = w.corner_y + s->kh > s->h ? s->h : w.corner_y + s->kh;
  w.x1 = w.corner_x + s->kw > s->w ? s->w : w.corner_x + s->kw;
  return w;
}

/* Inference: the maximum of each group of channels stays in a register. */
VI void
pool_values (const AxConvShape *s, const PoolWindow *w, const float *image, float *out)
{
  const size_t c = (size_t) s->ic;
  V_FOR (i, c) {
    vf best = v_set (-INFINITY);
    for (int iy = w->y0; iy < w->y1; iy++)
      for (int ix = w->x0; ix < w->x1; ix++)
        best = v_max_nan (best, V_LOAD (image + ((size_t) iy * (size_t) s->w + (size_t) ix) * c + i));
    V_STORE (out + i, best);
  }
}

/* Training: also the number of the winning tap, the first on ties. */
VI void
pool_values_and_taps (const AxConvShape *s, const PoolWindow *w, const float *image, float *restrict out, uint8_t *restrict won)
{
  const size_t c = (size_t) s->ic;
  for (size_t i = 0; i < c; i++)
    out[i] = -INFINITY;
  memset (won, (w->y0 - w->corner_y) * s->kw + w->x0 - w->corner_x, c); /* a window of minus infinities belongs to its first real tap */
  for (int iy = w->y0; iy < w->y1; iy++)
    for (int ix = w->x0; ix < w->x1; ix++) {
      const float *restrict in = image + ((size_t) iy * (size_t) s->w + (size_t) ix) * c;
      const uint8_t tap = (uint8_t) ((iy - w->corner_y) * s->kw + ix - w->corner_x);
      for (size_t i = 0; i < c; i++) {
        const bool wins = (in[i] > out[i]) | (in[i] != in[i]);
        out[i] = wins ? in[i] : out[i];
        won[i] = wins ? tap : won[i];
      }
    }
}

static void
op_maxpool_forward (const AxConvShape *s, size_t begin, size_t end, const float *x, float *y, uint8_t *index)
{
  const size_t oh = (size_t) ((s->h + 2 * s->pad - s->kh) / s->stride + 1), ow = (size_t) ((s->w + 2 * s->pad - s->kw) / s->stride + 1);
  const size_t c = (size_t) s->ic;
  for (size_t row = begin; row < end; row++) {
    const float *image = x + row / oh * (size_t) s->h * (size_t) s->w * c;
    for (size_t ox = 0; ox < ow; ox++) {
      const PoolWindow w = pool_window (s, (int) (row % oh), (int) ox);
      const size_t at = (row * ow + ox) * c;
      if (index)
        pool_values_and_taps (s, &w, image, y + at, index + at);
      else
        pool_values (s, &w, image, y + at);
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
