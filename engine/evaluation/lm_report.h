/* The evaluation of the language part for people and programs. What lives here: the member "language" of quality.json, the table in Markdown and the chart
 * quality-language.png. May use eval_lm.h, engine/session/json-writer.h and engine/training/plot.h. */
#pragma once

#include "engine/evaluation/eval_lm.h"
#include "engine/session/json-writer.h"

G_BEGIN_DECLS

/* Writes the member "language" into the object that is open. */
void ax_lm_report_json (const AxLmEvaluation *e, AxJson *json);

/* Appends the table: figure, interval, what the rule reaches, the ablations, floor and goal. */
void ax_lm_report_markdown (const AxLmEvaluation *e, GString *out);

/* DIR/quality-language.png: the figures between 0 and 1, the rule as ticks. */
gboolean ax_lm_report_chart (const AxLmEvaluation *e, const char *model_name, const char *dir, GError **error);

G_END_DECLS
