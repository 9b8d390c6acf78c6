/* bench lm: the language model, timed. */
#include "app/cli.h"
#include "engine/evaluation/bench_lm.h"
#include "engine/session/device.h"
#include "engine/session/json-writer.h"
#include "kernels/bench.h"

static int option_runs = 3;
static char *option_shapes, *option_weights;
static gboolean option_train = FALSE;

static const GOptionEntry bench_lm_options[] = {
  { "runs", 0, 0, G_OPTION_ARG_INT, &option_runs, "Timed runs, the best counts (default: 3)", "N" },
  { "shapes", 0, 0, G_OPTION_ARG_STRING, &option_shapes, "Generated weights of these shapes in place of a file", "270m|1b|4b" },
  { "weights", 0, 0, G_OPTION_ARG_STRING, &option_weights, "How the weights are kept (default: q8, bf16 with --train)", "f32|bf16|q8" },
  { "train", 0, 0, G_OPTION_ARG_NONE, &option_train, "A training step: 1,460 tokens of prefix and 6 answers of 40 with LoRA of rank 16", NULL },
  { NULL },
};

static void
report (AxJson *json, const AxLmBenchRow *row)
{
  const gboolean made = row->rows > 0;
  if (json != NULL) {
    ax_json_begin_inline_object (json, NULL);
    ax_json_string (json, "what", made ? "decode" : "prefill");
    ax_json_int (json, "depth", row->depth);
    ax_json_int (json, "tokens", made ? row->rows : row->prompt);
    ax_json_number (json, "seconds", row->seconds, 4);
    ax_json_number (json, "tokens_per_second", row->tokens_per_second, 2);
    ax_json_number (json, "share", row->share, 4);
    ax_json_end (json);
  } else
    cli_print ("%-8s %5d tokens at depth %5d: %8.3f s, %8.1f tokens/s, %5.1f %% of the measured %s\n", made ? "decode" : "prefill", made ? row->rows : row->prompt, row->depth,
               row->seconds, row->tokens_per_second, 100 * row->share, made ? "bandwidth" : "peak");
  fflush (stdout);
}

static CliStatus
bench_serving (AxGemma *gemma, const AxBenchPeak *peak, AxJson *json)
{
  static const struct { int depth, prompt, made; } rows[] = { { 0, 512, 0 }, { 0, 1500, 128 }, { 0, 1, 128 } };
  if (json != NULL)
    ax_json_begin_array (json, "rows");
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++) {
    AxLmBenchRow reading, making;
    if (!ax_bench_lm (gemma, rows[i].depth, rows[i].prompt, rows[i].made, option_runs, peak->gflops, peak->gbs, cli_interrupt (), &reading, &making))
      return cli_fail ("cancelled");
    if (reading.prompt > 1)
      report (json, &reading);
    if (making.rows > 0)
      report (json, &making);
  }
  if (json != NULL)
    ax_json_end (json);
  return CLI_OK;
}

static CliStatus
bench_training (AxGemma *gemma, const AxBenchPeak *peak, AxJson *json)
{
  AxLmTrainBench b;
  ax_gemma_init (gemma, 1);
  if (!ax_bench_lm_train (gemma, 1460, 6, 40, option_runs, peak->gflops, cli_interrupt (), &b))
    return cli_fail ("cancelled");
  if (json != NULL) {
    ax_json_number (json, "train_seconds", b.seconds, 4);
    ax_json_number (json, "train_gflops", b.gflops, 1);
    ax_json_number (json, "train_share", b.share, 4);
    ax_json_number (json, "train_megabytes", b.megabytes, 1);
  } else
    cli_print ("training 1700 packed tokens, 240 trained: %.2f s, %.1f GFLOP/s, %.1f %% of the measured peak; activations %.0f MB; loss %.3f\n", b.seconds, b.gflops,
               100 * b.share, b.megabytes, b.loss);
  return CLI_OK;
}

static CliStatus
run_bench_lm (const CliCommand *command, int n_args, char **args)
{
  static const char *const names[] = { "f32", "bf16", "q8" };
  g_autoptr (GError) error = NULL;
  AxGemmaOptions options = { .store = option_train ? AX_GEMMA_BF16 : AX_GEMMA_QUANTISED, .merge_lora = !option_train, .lora_rank = option_train ? 16 : 0 };
  if (option_runs < 1 || option_runs > 1000)
    return cli_usage (command, "--runs is a number from 1 to 1000");
  if (option_weights != NULL) {
    int found = -1;
    for (int i = 0; i < (int) G_N_ELEMENTS (names); i++)
      if (g_str_equal (option_weights, names[i]))
        found = i;
    if (found < 0)
      return cli_usage (command, "--weights is f32, bf16 or q8");
    options.store = (AxGemmaStore) found;
  }
  if (option_train && options.store == AX_GEMMA_QUANTISED)
    return cli_usage (command, "training needs --weights bf16 or f32");
  if ((n_args == 0) == (option_shapes == NULL))
    return cli_usage (command, "name a base model, or --shapes");
  g_autofree char *note = NULL, *device = ax_engine_describe_device ();
  options.device = ax_device_choose (cli_globals.device, &note, &error);
  if (options.device == NULL)
    return cli_fail_error (error);
  g_autoptr (AxGemma) gemma = NULL;
  gint64 start = g_get_monotonic_time ();
  if (option_shapes != NULL) {
    AxGemmaConfig config;
    if (!ax_lm_config_named (option_shapes, &config))
      return cli_usage (command, "--shapes is 270m, 1b or 4b");
    const AxGemmaSource source = ax_bench_lm_source (&config);
    gemma = ax_gemma_new (&config, &options, NULL, &source, &error);
  } else {
    g_autoptr (AxLmWeights) weights = ax_lm_base_open (args[0], &error);
    gemma = weights != NULL ? ax_gemma_new_from_weights (weights, &options, NULL, &error) : NULL;
  }
  if (gemma == NULL)
    return cli_fail_error (error);
  const double loaded = (double) (g_get_monotonic_time () - start) / 1e6;
  const AxBenchPeak peak = ax_bench_peak ();
  const AxGemmaConfig *c = ax_gemma_config (gemma);
  AxJson *json = cli_globals.json ? ax_json_new (TRUE) : NULL;
  if (json != NULL) {
    ax_json_begin_object (json, NULL);
    ax_json_string (json, "device", device);
    ax_json_string (json, "isa", ax_isa_name (ax_isa ()));
    ax_json_int (json, "threads", ax_threads ());
    ax_json_string (json, "weights", names[options.store]);
    ax_json_int (json, "layers", c->layers);
    ax_json_int (json, "width", c->width);
    ax_json_number (json, "megabytes", (double) ax_gemma_bytes (gemma) / 1e6, 1);
    ax_json_number (json, "load_seconds", loaded, 3);
    ax_json_number (json, "peak_gflops", peak.gflops, 1);
    ax_json_number (json, "peak_gbs", peak.gbs, 1);
  } else
    cli_print ("%d layers of %d, %s, %.0f MB, loaded in %.1f s; %s; the processor: multiply-adds %.1f GFLOP/s, copy %.1f GB/s\n", c->layers, c->width, names[options.store],
               (double) ax_gemma_bytes (gemma) / 1e6, loaded, device, peak.gflops, peak.gbs);
  const CliStatus status = option_train ? bench_training (gemma, &peak, json) : bench_serving (gemma, &peak, json);
  if (json != NULL) {
    ax_json_end (json);
    g_autofree char *text = ax_json_finish (json);
    if (status == CLI_OK)
      cli_print ("%s\n", text);
  }
  return status;
}

const CliCommand cli_command_bench_lm = {
  .name = "bench lm",
  .arguments = "[BASE]",
  .summary = "Speed of the language model: reading prompts, making tokens, training",
  .details = "BASE is a GGUF file or a Hugging Face folder. Reading is judged by the machine's measured multiply-adds in float32 (bfloat16 products may exceed\n"
             "them), making by the measured bandwidth of a copy.",
  .min_args = 0, .max_args = 1,
  .options = bench_lm_options,
  .run = run_bench_lm,
};
