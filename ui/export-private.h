/* The inside of AxExport, shared by export.c and export-page.c only. */
#pragma once

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
  char *name, *path, *date; /* NULL when they are left out */
};

/* Pages of width x height points. One point of the page becomes `resolution` pixels of the film at most. */
void ax_export_draw_film_page(AxExport *self, cairo_t *cr, double width, double height, double resolution);
void ax_export_draw_sentence_page(AxExport *self, cairo_t *cr, double width, double height);

G_END_DECLS
