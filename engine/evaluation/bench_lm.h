/* bench_lm.h: how fast the language model is on this machine: `anatomixctl bench lm`. What lives here: the timed passes and a source of generated weights
 * for shapes whose weights are not at hand. Prints nothing. May use engine/model and kernels/. */
#pragma once
#include "engine/model/gemma.h"

/* Weights from a formula, scaled like real ones: for shapes that have no file here. Nothing is kept; `config` has to outlive it. */
AxGemmaSource ax_bench_lm_source (const AxGemmaConfig *config);

typedef struct {
  int    prompt, depth, rows;  /* tokens read; tokens already there; tokens made (0: reading was timed) */
  double seconds;              /* the best of the runs */
  double tokens_per_second;
  double share;                /* of the machine's peak: reading, of multiply-adds; making, of the bandwidth of a copy */
} AxLmBenchRow;

/* Reads `prompt` tokens after `depth` others and then makes `made` tokens (0: none), the best of `runs` times; two rows: reading and, if made > 0,
 * making. Token ids are fixed and arbitrary. Returns FALSE when the cancellable stopped it. */
gboolean ax_bench_lm (AxGemma *gemma, int depth, int prompt, int made, int runs, double peak_gflops, double peak_gbs, GCancellable *cancellable,
                      AxLmBenchRow *reading, AxLmBenchRow *making);

typedef struct {
  double seconds, gflops, share;       /* forward and backward of one packed batch, the best of the runs; of the peak */
  double loss, megabytes;              /* activations */
} AxLmTrainBench;

/* One training step without the optimiser: a prefix and `answers` stretches of `answer` tokens that share it, all tokens of the answers trained. The model needs
 * LoRA. */
gboolean ax_bench_lm_train (AxGemma *gemma, int prefix, int answers, int answer, int runs, double peak_gflops, GCancellable *cancellable,
                            AxLmTrainBench *result);
