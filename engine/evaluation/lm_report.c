/* lm_report.c: see lm_report.h. */
#include "engine/evaluation/lm_report.h"

#include <math.h>
#include <string.h>

/* Figures that are no shares: a count and boxes an image. */
static gboolean
is_share (guint figure)
{
  return figure != AX_LMF_REPORT_DIFFERENT && figure != AX_LMF_DETECT_FALSE;
}

/* What the rule and the ablations are compared by: not what is about the module itself, or a mere reference. */
static gboolean
compares (guint figure)
{
  return figure != AX_LMF_DIAGNOSIS_MAJORITY && figure != AX_LMF_CLASS_AUROC_APM;
}

static const char *const context_names[AX_CONTEXT_N] = { "same_questions_full_context", "image_and_objects", "image_only" };

void
ax_lm_report_json (const AxLmEvaluation *e, AxJson *j)
{
  ax_json_begin_object (j, "language");
  ax_json_int (j, "requests", e->n_requests);
  ax_json_int (j, "answered", e->model.answered);
  ax_json_int (j, "tokens", e->model.tokens);
  ax_json_number (j, "seconds", e->model.seconds, 0);
  ax_json_begin_object (j, "figures");
  for (guint f = 0; f < AX_LMF_N; f++) {
    const AxFigure v = e->model.figure[f];
    if (v.n == 0)
      continue;
    ax_json_begin_inline_object (j, ax_lm_figure_name (f));
    ax_json_number (j, "value", v.value, 4);
    ax_json_number (j, "low", v.lo, 4);
    ax_json_number (j, "high", v.hi, 4);
    ax_json_int (j, "n", v.n);
    if (!isnan (ax_lm_figure_floor (f)))
      ax_json_number (j, "floor", ax_lm_figure_floor (f), 4);
    if (!isnan (ax_lm_figure_goal (f)))
      ax_json_number (j, "goal", ax_lm_figure_goal (f), 4);
    if (compares (f))
      ax_json_number (j, "rule_that_copies_the_module", e->rule.figure[f].value, 4);
    ax_json_end (j);
  }
  ax_json_end (j);
  if (e->ablated) {
    ax_json_begin_object (j, "ablations");
    for (guint f = 0; f < AX_LMF_N; f++) {
      if (e->ablation[AX_CONTEXT_FULL].figure[f].n == 0 || !compares (f))
        continue;
      ax_json_begin_inline_object (j, ax_lm_figure_name (f));
      ax_json_int (j, "n", e->ablation[AX_CONTEXT_FULL].figure[f].n);
      for (guint c = 0; c < AX_CONTEXT_N; c++)
        ax_json_number (j, context_names[c], e->ablation[c].figure[f].value, 4);
      ax_json_end (j);
    }
    ax_json_end (j);
  }
  ax_json_begin_array (j, "not_well_formed");
  for (guint i = 0; e->model.malformed != NULL && i < e->model.malformed->len; i++)
    ax_json_string (j, NULL, e->model.malformed->pdata[i]);
  ax_json_end (j);
  ax_json_end (j);
}

static void
cell (GString *s, double v, gboolean share)
{
  if (isnan (v))
    g_string_append (s, " – |");
  else
    g_string_append_printf (s, share ? " %.3f |" : " %.2f |", v);
}

void
ax_lm_report_markdown (const AxLmEvaluation *e, GString *s)
{
  g_string_append_printf (s, "\n## The language part: %u requests on %u images of %u patients\n\n", e->n_requests, e->n_images, e->n_patients);
  g_string_append (s, "| | model | 95 % | n | floor | goal | rule that copies the module |\n|---|---|---|---|---|---|---|\n");
  for (guint f = 0; f < AX_LMF_N; f++) {
    const AxFigure v = e->model.figure[f];
    if (v.n == 0)
      continue;
    const gboolean share = is_share (f);
    g_string_append_printf (s, "| %s |", ax_lm_figure_text (f));
    cell (s, v.value, share);
    if (isnan (v.lo))
      g_string_append (s, " – |");
    else
      g_string_append_printf (s, " %.3f – %.3f |", v.lo, v.hi);
    g_string_append_printf (s, " %u |", v.n);
    cell (s, ax_lm_figure_floor (f), share);
    cell (s, ax_lm_figure_goal (f), share);
    cell (s, compares (f) ? e->rule.figure[f].value : NAN, share);
    g_string_append_c (s, '\n');
  }
  if (!e->ablated)
    return;
  g_string_append (s, "\nLess context, on the same questions:\n\n| | n | everything | image and object tokens | image tokens |\n|---|---|---|---|---|\n");
  for (guint f = 0; f < AX_LMF_N; f++) {
    if (e->ablation[AX_CONTEXT_FULL].figure[f].n == 0 || !compares (f))
      continue;
    g_string_append_printf (s, "| %s | %u |", ax_lm_figure_text (f), e->ablation[AX_CONTEXT_FULL].figure[f].n);
    for (guint c = 0; c < AX_CONTEXT_N; c++)
      cell (s, e->ablation[c].figure[f].value, is_share (f));
    g_string_append_c (s, '\n');
  }
}

gboolean
ax_lm_report_chart (const AxLmEvaluation *e, const char *model_name, const char *dir, GError **error)
{
  AxPlotBar bars[AX_LMF_N];
  char notes[AX_LMF_N][24];
  guint n = 0;
  for (guint f = 0; f < AX_LMF_N; f++) {
    const AxFigure v = e->model.figure[f];
    if (v.n == 0 || !is_share (f))
      continue;
    const char *name = ax_lm_figure_text (f);
    while (*name == ' ')
      name++;
    g_snprintf (notes[n], sizeof notes[n], "n = %u", v.n);
    bars[n] = (AxPlotBar) { .name = name, .value = v.value, .lo = v.lo, .hi = v.hi, .baseline = compares (f) ? e->rule.figure[f].value : NAN, .note = notes[n] };
    n++;
  }
  if (n == 0)
    return TRUE;
  g_autofree char *path = g_build_filename (dir, "quality-language.png", NULL), *title = g_strdup_printf ("%s: the nine tasks", model_name);
  return ax_plot_bars (path, title, "figure; whisker: 95 % interval by patient", bars, n, NAN, "rule that copies the module", error);
}
