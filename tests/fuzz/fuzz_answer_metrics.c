/* Fuzz target: what a language model may answer, as the evaluation reads it: boxes, form, yes and no, findings, text scores. */
#include <string.h>

#include "engine/evaluation/lm_parse.h"
#include "engine/evaluation/report_labels.h"
#include "engine/evaluation/text_scores.h"
#include "tests/fuzz/fuzz_weights.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  g_log_set_always_fatal(G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING); /* a library that complains was misused */
  g_autofree char *text = g_strndup((const char *) data, size);
  g_auto(AxLmBoxes) boxes = { 0 };
  ax_lm_boxes_read(text, &boxes);
  for (guint a = 0; a < AX_ASK_N; a++) {
    const AxLmRequest r = { .ask = (AxAsk) a, .text = a % 2 == 0 ? (char *) "Which? Options:\n(A) yes\n(B) no" : text };
    (void) ax_lm_malformed(&r, text);
    const int yes = ax_lm_yes(&r, text);
    g_assert(yes >= -1 && yes <= 1);
  }
  g_autoptr(GArray) found = ax_report_findings(text);
  for (guint i = 0; i < found->len; i++) {
    const AxNamedFinding *f = &g_array_index(found, AxNamedFinding, i);
    g_assert(f->start < f->end && f->end <= strlen(text) && f->mark < AX_MARK_N);
  }
  (void) ax_report_names_device(text);
  (void) ax_report_names_prior(text);
  const double rouge = ax_rouge_l("small right pleural effusion", text).f, meteor = ax_meteor(text, "small right pleural effusion");
  g_assert(rouge >= 0 && rouge <= 1 && meteor >= 0 && meteor <= 1);
  return 0;
}
