#include "ui/export.h"

#include "engine/image/png-write.h"
#include "ui/export-private.h"
#include "ui/session-file.h"
#include <cairo-pdf.h>
#include <glib/gi18n-lib.h>
#include <glib/gstdio.h>
#include <math.h>

/* A4, landscape, in points. */
#define PAGE_WIDTH 841.89
#define PAGE_HEIGHT 595.28
#define LARGEST_SIDE 2048.0

AxExport *ax_export_new(AxDocument *document, AxModel *model, AxViewport *viewport, AxVisibility *visibility, gboolean anonymous) {
  AxPyramid *pyramid = ax_document_get_pyramid(document);
  AxPerception *perception = ax_document_get_perception(document, FALSE);
  AxMarks *marks = ax_document_get_marks(document);
  JsonArray *exchanges = ax_document_get_exchanges(document);
  g_autoptr(GDateTime) now = g_date_time_new_now_local();
  AxExport *self;

  if (!pyramid)
    return NULL;
  self = g_new0(AxExport, 1);
  self->pyramid = ax_pyramid_ref(pyramid);
  self->perception = perception ? ax_perception_ref(perception) : NULL;
  self->view = ax_view_state_get(viewport);
  for (guint i = 0; i < AX_N_ANATOMY; i++)
    self->shown[i] = ax_visibility_shows(visibility, i);
  self->marks = g_array_new(FALSE, FALSE, sizeof(AxMark));
  for (guint i = 0; i < ax_marks_get_n(marks); i++)
    g_array_append_vals(self->marks, ax_marks_get(marks, i), 1);
  self->calibration = ax_marks_get_calibration(marks);
  self->exchanges = exchanges ? json_array_ref(exchanges) : NULL;
  self->asked = g_ptr_array_new_with_free_func(g_object_unref);
  for (guint i = 0; exchanges && i < json_array_get_length(exchanges); i++) {
    AxExchange *exchange = ax_exchange_from_json(json_array_get_element(exchanges, i));

    if (exchange && ax_exchange_get_answer(exchange))
      g_ptr_array_add(self->asked, exchange);
    else
      g_clear_object(&exchange);
  }
  self->model = model ? g_object_ref(model) : NULL;
  if (!anonymous) {
    self->name = g_strdup(ax_document_get_name(document));
    self->path = g_strdup(ax_document_get_path(document));
    self->date = g_date_time_format(now, "%Y-%m-%d %H:%M");
  }
  return self;
}

void ax_export_free(AxExport *self) {
  ax_pyramid_unref(self->pyramid);
  g_clear_pointer(&self->perception, ax_perception_unref);
  g_array_unref(self->marks);
  g_clear_pointer(&self->exchanges, json_array_unref);
  g_ptr_array_unref(self->asked);
  g_clear_object(&self->model);
  g_free(self->name);
  g_free(self->path);
  g_free(self->date);
  g_free(self);
}

static gboolean check(cairo_surface_t *surface, GError **error) {
  cairo_status_t status = cairo_surface_status(surface);

  if (status == CAIRO_STATUS_SUCCESS)
    return TRUE;
  g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, _("The page could not be drawn: %s"), cairo_status_to_string(status));
  return FALSE;
}

cairo_surface_t *ax_export_draw(AxExport *self, GError **error) {
  AxImage *image = ax_pyramid_get_image(self->pyramid);
  double side = CLAMP(MAX(ax_image_get_width(image), ax_image_get_height(image)), 1000.0, LARGEST_SIDE), scale = side / (PAGE_HEIGHT - 60);
  cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)ceil(PAGE_WIDTH * scale), (int)ceil(PAGE_HEIGHT * scale));
  cairo_t *cr;

  if (!check(surface, error)) {
    cairo_surface_destroy(surface);
    return NULL;
  }
  cr = cairo_create(surface);
  cairo_scale(cr, scale, scale);
  ax_export_draw_film_page(self, cr, PAGE_WIDTH, PAGE_HEIGHT, scale);
  cairo_destroy(cr);
  cairo_surface_flush(surface);
  return surface;
}

gboolean ax_export_write_png(AxExport *self, const char *path, GError **error) {
  cairo_surface_t *surface = ax_export_draw(self, error);
  int width, height, stride;
  g_autofree guint8 *rgb = NULL;
  const guint8 *data;

  if (!surface)
    return FALSE;
  width = cairo_image_surface_get_width(surface);
  height = cairo_image_surface_get_height(surface);
  stride = cairo_image_surface_get_stride(surface);
  data = cairo_image_surface_get_data(surface);
  rgb = g_malloc((gsize)width * height * 3);
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++) {
      guint32 pixel = ((const guint32 *)(const void *)(data + (gsize)y * stride))[x];
      guint8 *to = rgb + ((gsize)y * width + x) * 3;

      to[0] = pixel >> 16 & 255, to[1] = pixel >> 8 & 255, to[2] = pixel & 255;
    }
  cairo_surface_destroy(surface);
  return ax_png_write(path, width, height, 3, 8, rgb, error);
}

static cairo_status_t append(void *closure, const unsigned char *data, unsigned int length) {
  g_byte_array_append(closure, data, length);
  return CAIRO_STATUS_SUCCESS;
}

gboolean ax_export_write_pdf(AxExport *self, const char *path, GError **error) {
  g_autoptr(GByteArray) bytes = g_byte_array_new();
  cairo_surface_t *surface = cairo_pdf_surface_create_for_stream(append, bytes, PAGE_WIDTH, PAGE_HEIGHT);
  g_autofree char *creator = g_strdup_printf("AnatomiX Viewer %s", ax_version());
  cairo_t *cr = cairo_create(surface);
  gboolean ok;

  cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_CREATOR, creator);
  cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_TITLE, self->name ? self->name : _("Chest radiograph"));
  if (!self->date)
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_CREATE_DATE, "");
  ax_export_draw_film_page(self, cr, PAGE_WIDTH, PAGE_HEIGHT, 3);
  cairo_show_page(cr);
  if (self->perception) {
    ax_export_draw_sentence_page(self, cr, PAGE_WIDTH, PAGE_HEIGHT);
    cairo_show_page(cr);
  }
  if (ax_export_draw_answer_pages(self, cr, PAGE_WIDTH, PAGE_HEIGHT))
    cairo_show_page(cr);
  cairo_destroy(cr);
  cairo_surface_finish(surface);
  ok = check(surface, error);
  cairo_surface_destroy(surface);
  return ok && g_file_set_contents_full(path, (const char *)bytes->data, bytes->len, G_FILE_SET_CONTENTS_CONSISTENT, 0666, error);
}

/* ---- JSON ---- */

static JsonNode *marks_node(AxExport *self) {
  g_autoptr(JsonBuilder) b = json_builder_new();

  json_builder_begin_array(b);
  for (guint i = 0; i < self->marks->len; i++) {
    const AxMark *mark = &g_array_index(self->marks, AxMark, i);
    g_autofree char *text = ax_mark_text(mark, ax_pyramid_get_image(self->pyramid), self->calibration);

    json_builder_begin_object(b);
    json_builder_set_member_name(b, "kind");
    json_builder_add_string_value(b, ax_mark_kind_word(mark->kind));
    json_builder_set_member_name(b, "text");
    json_builder_add_string_value(b, text);
    json_builder_set_member_name(b, "points");
    json_builder_begin_array(b);
    for (guint k = 0; k < ax_mark_n_points(mark->kind); k++) {
      json_builder_begin_array(b);
      json_builder_add_double_value(b, mark->points[k].x);
      json_builder_add_double_value(b, mark->points[k].y);
      json_builder_end_array(b);
    }
    json_builder_end_array(b);
    json_builder_end_object(b);
  }
  json_builder_end_array(b);
  return json_builder_get_root(b);
}

gboolean ax_export_write_json(AxExport *self, const char *path, GError **error) {
  g_autofree char *text = self->perception ? ax_perception_to_json(self->perception, self->path, self->model, FALSE) : NULL, *data = NULL;
  g_autoptr(JsonNode) root = text ? json_from_string(text, NULL) : NULL;
  g_autoptr(JsonGenerator) generator = json_generator_new();
  JsonObject *object;

  if (!root) {
    root = json_node_new(JSON_NODE_OBJECT);
    json_node_take_object(root, json_object_new());
  }
  object = json_node_get_object(root);
  json_object_set_member(object, "marks", marks_node(self));
  json_object_set_double_member(object, "calibration_mm", self->calibration);
  if (self->exchanges)
    json_object_set_array_member(object, "exchanges", json_array_ref(self->exchanges));
  if (self->date)
    json_object_set_string_member(object, "exported", self->date);
  json_object_set_string_member(object, "caution", self->model ? ax_model_caution(self->model) : "Not for clinical use.");
  json_generator_set_root(generator, root);
  json_generator_set_pretty(generator, TRUE);
  data = json_generator_to_data(generator, NULL);
  return g_file_set_contents_full(path, data, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0666, error);
}
