/* The inside of AxExport, shared by export.c and export-page.c only. */
#pragma once

#include "ui/exchange.h"
#include "ui/export.h"
#include "ui/measure.h"

G_BEGIN_DECLS

struct _AxExport {
  AxPyramid *pyramid;
  AxPerception *perception; /* or NULL */
  AxModel *model;           /* or NULL */
  AxViewState view;
  gboolean shown[AX_N_ANATOMY];
  GArray *marks; /* AxMark */
  double calibration;
  JsonArray *exchanges;     /* or NULL */
  GPtrArray *asked;         /* AxExchange with an answer, made from them for this export alone */
  char *name, *path, *date; /* NULL when they are left out */
};

/* Pages of width x height points. One point of the page becomes `resolution` pixels of the film at most. */
void ax_export_draw_film_page(AxExport *self, cairo_t *cr, double width, double height, double resolution);
/* Pages of what was asked and answered, sentences with the numbers of their boxes ("A3"); each page is shown but the last. FALSE when there is
 * nothing to say, and nothing was drawn. */
gboolean ax_export_draw_answer_pages(AxExport *self, cairo_t *cr, double width, double height);
void ax_export_draw_sentence_page(AxExport *self, cairo_t *cr, double width, double height);

G_END_DECLS
