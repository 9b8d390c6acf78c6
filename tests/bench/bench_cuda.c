/* The graphics processor's kernels on the shapes of the models, each as time, rate and share of what the card was measured to reach in the same run:
 * bench_cuda [name]. The shapes are those of the operation table and those of the published model (Gemma 3 4B, a cache of 2,900 tokens). Plain libc, so that
 * tests/bench/gpu can build it in a bare image. */
#include "kernels/cuda/names.h"

#include "kernels/cuda/device.h"
#include "kernels/cuda/gemm.h"
#include "kernels/optable.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *
ax_op_device (void *host, size_t bytes)
{
  void *device = ax_cuda_alloc (bytes);
  if (!device)
    abort ();
  ax_cuda_upload (device, host, bytes);
  free (host);
  return device;
}

void
ax_op_device_free (void *device)
{
  ax_cuda_free (device);
}

typedef struct { double gbs, bf16_tflops, f32_tflops; } Peak;

/* ---- what the card can do ------------------------------------------------------------------------------------------------- */

#define COPY ((size_t) 1 << 30)
#define SIDE 8192

typedef struct { void *a, *b, *c; } Buffers;

static void copy_once (void *ctx) { Buffers *p = ctx; ax_cuda_copy (p->a, p->b, COPY); }
static void bf16_once (void *ctx) { Buffers *p = ctx; ax_cuda_gemm_bf16 (true, SIDE, SIDE, SIDE, p->a, SIDE, p->b, SIDE, 0, p->c, SIDE); }
static void f32_once (void *ctx) { Buffers *p = ctx; ax_gemm (false, true, SIDE, SIDE, SIDE, 1, p->a, SIDE, p->b, SIDE, 0, p->c, SIDE); }

static double
seconds_of (void (*fn) (void *), void *ctx, int rounds)
{
  fn (ctx);
  fn (ctx);
  return 1e-3 * (double) ax_cuda_time (fn, ctx, rounds) / rounds;
}

static void
fill (void *device, const AxOpArray *array, uint64_t *state)
{
  const size_t bytes = array->n * ax_op_type_size (array->type);
  void *host = malloc (bytes + 1);
  if (!host)
    abort ();
  ax_op_fill (array, state, host); /* random: zeros run faster than real numbers */
  ax_cuda_upload (device, host, bytes);
  free (host);
}

static Peak
measure (void)
{
  uint64_t state = 1;
  Buffers p = { ax_cuda_alloc (COPY), ax_cuda_alloc (COPY), ax_cuda_alloc (COPY) };
  const AxOpArray whole = { "x", AX_OP_IN, AX_OP_F32, (size_t) SIDE * SIDE, -1, 1 }, half = { "x", AX_OP_IN, AX_OP_BF16, (size_t) SIDE * SIDE, -1, 1 };
  const double operations = 2e-12 * SIDE * SIDE * SIDE;
  if (!p.a || !p.b || !p.c)
    abort ();
  Peak peak = { 2e-9 * (double) COPY / seconds_of (copy_once, &p, 20), 0, 0 };
  fill (p.a, &half, &state);
  fill (p.b, &half, &state);
  peak.bf16_tflops = operations / seconds_of (bf16_once, &p, 10);
  fill (p.a, &whole, &state);
  fill (p.b, &whole, &state);
  peak.f32_tflops = operations / seconds_of (f32_once, &p, 3);
  ax_cuda_free (p.a);
  ax_cuda_free (p.b);
  ax_cuda_free (p.c);
  return peak;
}

/* ---- one operation -------------------------------------------------------------------------------------------------------- */

typedef struct { const AxOp *op; const int *d; void *state; void **data; } Call;

static void
call_once (void *ctx)
{
  Call *c = ctx;
  c->op->run (c->state, c->d, c->data);
}

static void
bench (const AxOp *op, const int *d, const Peak *peak)
{
  AxOpArray spec[AX_OP_ARRAYS];
  void *data[AX_OP_ARRAYS];
  uint64_t random = 88172645463325252ull;
  double bytes = 0;
  const int n = op->arrays (d, spec);
  for (int i = 0; i < n; i++) {
    const size_t size = spec[i].n * ax_op_type_size (spec[i].type);
    data[i] = ax_cuda_alloc (size);
    if (!data[i])
      abort ();
    if (spec[i].role == AX_OP_IN || spec[i].role == AX_OP_ADD)
      fill (data[i], &spec[i], &random);
    bytes += (double) size * (spec[i].role == AX_OP_ADD ? 2 : 1);
  }
  Call call = { op, d, op->setup ? op->setup (d, data) : NULL, data };
  const double once = seconds_of (call_once, &call, 1);
  const int rounds = once > 0.05 ? 1 : once > 0.001 ? 10 : 200;
  const double seconds = seconds_of (call_once, &call, rounds);
  if (op->teardown)
    op->teardown (call.state);
  for (int i = 0; i < n; i++)
    ax_cuda_free (data[i]);
  char shape[128] = "";
  const char *name = op->dims;
  for (int i = 0; *name; i++) {
    const size_t used = strlen (shape), length = strcspn (name, " ");
    snprintf (shape + used, sizeof shape - used, "%s%.*s=%d", i ? " " : "", (int) length, name, d[i]);
    name += length + (name[length] == ' ');
  }
  const double gbs = 1e-9 * (op->bytes ? op->bytes (d) : bytes) / seconds, tflops = op->flops ? 1e-12 * op->flops (d) / seconds : 0;
  printf ("%-28s %-66s %9.1f us", op->name, shape, 1e6 * seconds);
  if (tflops > 0)
    printf (" %7.1f TFLOP/s %5.1f %% of bf16", tflops, 100 * tflops / peak->bf16_tflops);
  else
    printf (" %7.0f GB/s    %5.1f %% of copy", gbs, 100 * gbs / peak->gbs);
  const char *error = ax_cuda_error ();
  printf ("%s%s\n", error ? "  FAILED: " : "", error ? error : "");
  fflush (stdout);
}

/* Shapes of the published model. */
static const struct { const char *name; int d[AX_OP_DIMS]; } published[] = {
  { "rmsnorm", { 2800, 2560 } },
  { "rope", { 2800, 8, 128, 0, 0 } },
  { "gated_gelu", { 2800 * 10240 } },
  { "span_attention", { 2800, 0, 2, 4, 256, 0, 0 } },
  { "cache_attention", { 1, 2899, 2, 4, 256, 0, AX_KV_BF16 } },
  { "qmatrix_vector", { 1, 4096, 2560, AX_Q_BF16, 0 } },
  { "qmatrix_vector", { 1, 20480, 2560, AX_Q_BF16, 0 } },
  { "qmatrix_vector", { 1, 2560, 10240, AX_Q_BF16, 0 } },
  { "qmatrix_vector", { 1, 262208, 2560, AX_Q_BF16, 0 } },
  { "qmatrix_vector", { 1, 20480, 2560, AX_Q_Q8, 0 } },
  { "qmatrix_vector", { 1, 262208, 2560, AX_Q_Q8, 0 } },
  { "qmatrix_forward", { 2800, 20480, 2560, AX_Q_BF16, 0 } },
  { "qmatrix_forward", { 2800, 2560, 10240, AX_Q_BF16, 0 } },
};

int
main (int argc, char **argv)
{
  const char *filter = argc > 1 ? argv[1] : "", *why = ax_cuda_start ();
  if (why) {
    fprintf (stderr, "bench_cuda: %s\n", why);
    return 1;
  }
  size_t free_bytes, total_bytes;
  ax_cuda_memory (&free_bytes, &total_bytes);
  const Peak peak = measure ();
  printf ("%s, %.0f GB: copy %.0f GB/s, bfloat16 product %.0f TFLOP/s, float32 product %.0f TFLOP/s\n", ax_cuda_device_name (), 1e-9 * (double) total_bytes,
          peak.gbs, peak.bf16_tflops, peak.f32_tflops);
  for (int i = 0; ax_op_at (i); i++) {
    const AxOp *op = ax_op_at (i);
    if (!strstr (op->name, filter))
      continue;
    for (int k = 0; k < AX_OP_BENCH && op->bench[k][0] > 0; k++)
      bench (op, op->bench[k], &peak);
    for (size_t k = 0; k < sizeof published / sizeof *published; k++)
      if (strcmp (published[k].name, op->name) == 0)
        bench (op, published[k].d, &peak);
  }
  return 0;
}
