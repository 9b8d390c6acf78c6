/* What leaves the program. What lives here: pictures and pages of an image with its boxes, marks and findings, as PNG, PDF with vector boxes and JSON. All of
 * them name the model with its hash and quality and say that they are not for clinical use; names and dates can be left out. An AxExport
 * is a copy of everything it draws, so any thread may draw it. May use cairo, pangocairo, json-glib and the other objects of
 * ui/ without GTK. */
#pragma once

#include "ui/document.h"
#include "ui/visibility.h"
#include <cairo.h>

G_BEGIN_DECLS

typedef struct _AxExport AxExport;

/* A copy of what the document shows with these choices. NULL without an image. With `anonymous` no file name, path or date is kept. */
AxExport *ax_export_new(AxDocument *document, AxModel *model, AxViewport *viewport, AxVisibility *visibility, gboolean anonymous);
void ax_export_free(AxExport *export);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AxExport, ax_export_free)

/* The page as a picture, the film at the image's own resolution up to 2,048 pixels. Errors: no memory (G_IO_ERROR_FAILED). */
cairo_surface_t *ax_export_draw(AxExport *export, GError **error);
/* Writes the page as PNG, whole or not at all. Errors: those of ax_png_write(). */
gboolean ax_export_write_png(AxExport *export, const char *path, GError **error);
/* Landscape pages of A4: the film with vector boxes and findings, the sentences numbered as their boxes, and what was asked and answered.
 * Errors: G_IO_ERROR. */
gboolean ax_export_write_pdf(AxExport *export, const char *path, GError **error);
/* The object of `perceive --json`, with "marks", "exchanges" and "caution" added. Errors: G_FILE_ERROR. */
gboolean ax_export_write_json(AxExport *export, const char *path, GError **error);

G_END_DECLS
