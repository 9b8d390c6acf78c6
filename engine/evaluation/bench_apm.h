/* bench_apm.h: how fast the Anatomy Perception Module is on this machine: `anatomixctl bench model`. Prints nothing. */
#pragma once
#include "engine/model/apm.h"

typedef struct {
  double ms_median, ms_min;    /* one forward pass of one image, prepared pixels to boxes */
  double gflops;               /* arithmetic of convolutions and matrix products at the median */
  double peak_gflops, share;   /* the machine's measured peak with the threads in use, and gflops / peak */
  double peak_megabytes;       /* activations */
  int    runs;
} AxApmBench;

/* Runs `runs` passes after one to warm up, on the device that has the model. bf16: ax_tape_set_bf16(). */
void ax_bench_apm (AxApm *apm, gboolean bf16, int runs, AxApmBench *result);
/* A training step on `batch` generated images (forward, the losses of boxes and labels, backward, AdamW), frozen norms as the authors train; the best of `runs` after
 * one to warm up is ms_min. bf16: convolutions multiply in bfloat16 and other products in TF32, on a card. FALSE when the model's device failed. */
gboolean ax_bench_apm_train (AxApm *apm, gboolean bf16, int batch, int runs, AxApmBench *result);
/* The published model's shapes with random weights: ResNet-50 at 1024 x 1024. Free with ax_apm_free(). */
AxApm *ax_bench_apm_published (void);
