/* convert.c: conversions between storage types, cut into pieces for the pool. */
#include "kernels/cpu/parallel.h"

typedef struct {
  void (*widen) (size_t n, const uint16_t *x, float *y);
  void (*narrow) (size_t n, const float *x, uint16_t *y);
  const uint16_t *x16;
  float *y32;
  const float *x32;
  uint16_t *y16;
} Args;

static void
widen_piece (void *ctx, size_t begin, size_t end)
{
  Args *g = ctx;
  g->widen (end - begin, g->x16 + begin, g->y32 + begin);
}

static void
narrow_piece (void *ctx, size_t begin, size_t end)
{
  Args *g = ctx;
  g->narrow (end - begin, g->x32 + begin, g->y16 + begin);
}

void
ax_f16_to_f32 (size_t n, const uint16_t *x, float *y)
{
  ax_parallel_for (n, AX_GRAIN, widen_piece, &(Args) { .widen = ax_table ()->f16_to_f32, .x16 = x, .y32 = y });
}

void
ax_f32_to_f16 (size_t n, const float *x, uint16_t *y)
{
  ax_parallel_for (n, AX_GRAIN, narrow_piece, &(Args) { .narrow = ax_table ()->f32_to_f16, .x32 = x, .y16 = y });
}

void
ax_bf16_to_f32 (size_t n, const uint16_t *x, float *y)
{
  ax_parallel_for (n, AX_GRAIN, widen_piece, &(Args) { .widen = ax_table ()->bf16_to_f32, .x16 = x, .y32 = y });
}

void
ax_f32_to_bf16 (size_t n, const float *x, uint16_t *y)
{
  ax_parallel_for (n, AX_GRAIN, narrow_piece, &(Args) { .narrow = ax_table ()->f32_to_bf16, .x32 = x, .y16 = y });
}
