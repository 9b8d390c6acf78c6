/* The evaluation for people and for programs. What lives here: quality.json, the tables in Markdown and the charts, all made from AxApmFigures. May use
 * apm_figures.h, engine/session/json-writer.h and engine/training/plot.h. */
#pragma once

#include "engine/evaluation/apm_figures.h"
#include "engine/evaluation/eval_lm.h"

G_BEGIN_DECLS

/* What the figures are of. */
typedef struct {
  const char *model_name, *model_sha256; /* SHA-256 of model.json */
  const char *data;                      /* what the images are, e.g. the folder's name */
  const char *part;                      /* "test", ... */
  const char *date;                      /* "2026-11-24" */
  guint rounds;                          /* of the bootstrap */
  guint64 seed;
  const AxLmEvaluation *language;        /* of the language part (lm_report.h), or NULL */
} AxApmReportInfo;

/* The JSON object; undefined figures are null. Free with g_free(). */
char *ax_apm_report_json(const AxApmFigures *f, const AxApmReportInfo *info);

/* Tables in Markdown: the main figures with the floors and goals set for the bundled model, then per structure and per finding. Free with g_free(). */
char *ax_apm_report_markdown(const AxApmFigures *f, const AxApmReportInfo *info);

/* Writes quality-structures.png, quality-findings.png, quality-reliability.png, quality-retrieval.png and quality-sides.png into dir. */
gboolean ax_apm_report_charts(const AxApmFigures *f, const AxApmReportInfo *info, const char *dir, GError **error);

G_END_DECLS
