/* The pages of AxExport: a film with vector boxes, findings and measurements; sentences numbered as their boxes. */
#include "ui/export-private.h"

#include "engine/image/label-placement.h"
#include "ui/mark-draw.h"
#include "ui/names.h"
#include "ui/orientation.h"
#include <glib/gi18n-lib.h>
#include <pango/pangocairo.h>

#define MARGIN 24.0
#define PANEL 236.0
#define FOOTER 40.0
/* Beside its number and its colour, whatever letters a name has. */
#define LEFT_TO_RIGHT "\xe2\x80\x8e"

/* ---- text ---- */

static PangoLayout *make_layout(cairo_t *cr, const char *text, double size, gboolean bold, double width) {
  PangoLayout *layout = pango_cairo_create_layout(cr);
  PangoFontDescription *font = pango_font_description_from_string("Cantarell, DejaVu Sans, Sans");

  pango_font_description_set_absolute_size(font, size * PANGO_SCALE);
  if (bold)
    pango_font_description_set_weight(font, PANGO_WEIGHT_BOLD);
  pango_layout_set_font_description(layout, font);
  pango_font_description_free(font);
  pango_layout_set_text(layout, text, -1);
  if (width > 0) {
    pango_layout_set_width(layout, (int)(width * PANGO_SCALE));
    pango_layout_set_wrap(layout, PANGO_WRAP_WORD_CHAR);
  }
  return layout;
}

static double layout_height(PangoLayout *layout) {
  PangoRectangle logical;

  pango_layout_get_extents(layout, NULL, &logical);
  return (double)logical.height / PANGO_SCALE;
}

/* Draws at (x, y) and returns the y below. */
static double draw_text(cairo_t *cr, const char *text, double x, double y, double width, double size, gboolean bold, double grey) {
  g_autoptr(PangoLayout) layout = make_layout(cr, text, size, bold, width);

  cairo_set_source_rgb(cr, grey, grey, grey);
  cairo_move_to(cr, x, y);
  pango_cairo_show_layout(cr, layout);
  return y + layout_height(layout);
}

/* ---- the film ---- */

static AxViewport *make_viewport(AxExport *self, double width, double height) {
  AxImage *image = ax_pyramid_get_image(self->pyramid);
  AxViewport *viewport = ax_viewport_new();

  ax_viewport_set_view_size(viewport, width, height);
  ax_viewport_set_image_size(viewport, ax_image_get_width(image), ax_image_get_height(image));
  ax_viewport_set_rotation(viewport, self->view.rotation);
  ax_viewport_set_mirrored(viewport, self->view.mirrored);
  ax_viewport_set_inverted(viewport, self->view.inverted);
  ax_viewport_set_window(viewport, self->view.window_center, self->view.window_width);
  return viewport;
}

static void draw_pixels(AxExport *self, cairo_t *cr, AxViewport *viewport, double resolution) {
  int width = (int)(ax_viewport_get_view_width(viewport) * resolution), height = (int)(ax_viewport_get_view_height(viewport) * resolution);
  cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height);
  g_autofree guint8 *lut = g_malloc(65536);

  if (cairo_surface_status(surface) == CAIRO_STATUS_SUCCESS) {
    ax_viewport_fill_lut(viewport, ax_pyramid_get_image(self->pyramid), lut);
    ax_pyramid_draw(self->pyramid, viewport, resolution, lut, (guint32 *)(void *)cairo_image_surface_get_data(surface), width, height,
                    cairo_image_surface_get_stride(surface) / 4);
    cairo_surface_mark_dirty(surface);
    cairo_save(cr);
    cairo_scale(cr, 1 / resolution, 1 / resolution);
    cairo_set_source_surface(cr, surface, 0, 0);
    cairo_paint(cr);
    cairo_restore(cr);
  }
  cairo_surface_destroy(surface);
}

static void set_dashes(cairo_t *cr, AxAnatomyGroup group) {
  static const struct {
    int n;
    double lengths[4];
  } styles[AX_N_GROUPS] = {[AX_GROUP_HEART] = {2, {6, 2}}, [AX_GROUP_MEDIASTINUM] = {2, {2.5, 2}}, [AX_GROUP_BONES] = {2, {1.2, 2}},
                           [AX_GROUP_DIAPHRAGM] = {4, {5, 2, 1.2, 2}}};

  cairo_set_dash(cr, styles[group].lengths, styles[group].n, 0);
}

/* ---- what is labelled: all labels are placed together and drawn last, so that none covers another and no line crosses one ---- */

typedef struct {
  cairo_t *cr;
  GArray *labels;     /* AxLabel */
  GPtrArray *layouts; /* PangoLayout of each */
} Labels;

static void add_label(Labels *all, AxBox box, const char *text, double size, int priority) {
  PangoLayout *layout = make_layout(all->cr, text, size, TRUE, 0);
  PangoRectangle logical;
  AxLabel label = {.box = box, .priority = priority, .must = priority == 0};

  pango_layout_get_extents(layout, NULL, &logical);
  label.width = (double)logical.width / PANGO_SCALE + 4;
  label.height = (double)logical.height / PANGO_SCALE + 1;
  g_array_append_val(all->labels, label);
  g_ptr_array_add(all->layouts, layout);
}

static void draw_label(cairo_t *cr, const AxLabel *label, PangoLayout *layout) {
  if (!label->placed)
    return;
  cairo_set_source_rgba(cr, 0.05, 0.05, 0.05, 0.8);
  cairo_rectangle(cr, label->place.x1, label->place.y1, label->width, label->height);
  cairo_fill(cr);
  cairo_set_source_rgb(cr, 1, 1, 1);
  cairo_move_to(cr, label->place.x1 + 2, label->place.y1 + 0.5);
  pango_cairo_show_layout(cr, layout);
}

static void draw_labels(const Labels *all, AxViewport *viewport) {
  ax_labels_place((AxLabel *)(void *)all->labels->data, all->labels->len, (AxBox){0, 0, ax_viewport_get_view_width(viewport), ax_viewport_get_view_height(viewport)});
  for (guint i = 0; i < all->labels->len; i++)
    draw_label(all->cr, &g_array_index(all->labels, AxLabel, i), g_ptr_array_index(all->layouts, i));
}

static void draw_boxes(AxExport *self, cairo_t *cr, AxViewport *viewport, Labels *labels) {
  for (guint i = 0; self->perception && i < AX_N_ANATOMY; i++) {
    AxBox box = ax_viewport_box_to_view(viewport, self->perception->anatomy[i].box);
    g_autofree char *number = g_strdup_printf("%u", i + 1);
    double rgb[3];

    if (!self->shown[i])
      continue;
    ax_anatomy_color(i, rgb);
    set_dashes(cr, ax_anatomy_group(i));
    cairo_set_source_rgb(cr, rgb[0], rgb[1], rgb[2]);
    cairo_set_line_width(cr, 0.7);
    cairo_rectangle(cr, box.x1, box.y1, box.x2 - box.x1, box.y2 - box.y1);
    cairo_stroke(cr);
    add_label(labels, box, number, 6, 1);
  }
  cairo_set_dash(cr, NULL, 0, 0);
}

static void draw_marks(AxExport *self, cairo_t *cr, AxViewport *viewport, Labels *labels) {
  for (guint i = 0; i < self->marks->len; i++) {
    const AxMark *mark = &g_array_index(self->marks, AxMark, i);
    /* Translators: number of a measurement on the exported page. */
    g_autofree char *number = g_strdup_printf(_("M%u"), i + 1);

    ax_mark_draw(cr, mark, viewport, 1);
    add_label(labels, ax_viewport_box_to_view(viewport, ax_mark_get_box(mark)), number, 7, 0);
  }
}

/* Boxes of answers, numbered through all of them as ax_export_draw_answer_pages() numbers them. */
static void draw_answer_boxes(AxExport *self, cairo_t *cr, AxViewport *viewport, Labels *labels) {
  static const double dashes[] = {7, 2};
  guint number = 0;

  for (guint i = 0; i < self->asked->len; i++) {
    AxExchange *exchange = g_ptr_array_index(self->asked, i);

    for (guint k = 0; k < ax_exchange_get_n_boxes(exchange); k++) {
      AxBox box = ax_viewport_box_to_view(viewport, ax_exchange_get_box(exchange, k)->box);
      g_autofree char *text = g_strdup_printf("A%u", ++number);

      cairo_set_dash(cr, dashes, 2, 0);
      cairo_set_line_width(cr, 1.4);
      cairo_set_source_rgb(cr, 1, 0.82, 0.2);
      cairo_rectangle(cr, box.x1, box.y1, box.x2 - box.x1, box.y2 - box.y1);
      cairo_stroke(cr);
      cairo_set_dash(cr, NULL, 0, 0);
      add_label(labels, box, text, 7, 0);
    }
  }
}

static void draw_letters(AxExport *self, cairo_t *cr, AxViewport *viewport) {
  AxImage *image = ax_pyramid_get_image(self->pyramid);
  double w = ax_viewport_get_view_width(viewport), h = ax_viewport_get_view_height(viewport);
  AxEdgeLetters letters;

  if (ax_orientation_letters(viewport, ax_image_get_orientation_row(image), ax_image_get_orientation_column(image), &letters)) {
    draw_text(cr, letters.left, 4, h / 2, 0, 12, TRUE, 1);
    draw_text(cr, letters.right, w - 16, h / 2, 0, 12, TRUE, 1);
    draw_text(cr, letters.top, w / 2, 4, 0, 12, TRUE, 1);
    draw_text(cr, letters.bottom, w / 2, h - 18, 0, 12, TRUE, 1);
  }
  if (self->view.mirrored)
    draw_text(cr, _("Mirrored view"), 4, 4, 0, 9, TRUE, 1);
}

/* ---- the panel and the footer ---- */

static double draw_findings(AxExport *self, cairo_t *cr, double x, double y) {
  y = draw_text(cr, _("Findings"), x, y, 0, 10, TRUE, 0.1) + 2;
  for (guint i = 0; i < self->perception->n_findings; i++) {
    const AxFinding *finding = &self->perception->findings[i];
    g_autofree char *percent = g_strdup_printf(_("%.0f %%"), 100 * finding->probability);

    draw_text(cr, ax_shown_name(finding->name), x, y, 130, 7.5, FALSE, 0.15);
    cairo_set_source_rgb(cr, 0.85, 0.85, 0.85);
    cairo_rectangle(cr, x + 132, y + 3, 60, 4);
    cairo_fill(cr);
    cairo_set_source_rgb(cr, 0.2, 0.4, 0.6);
    cairo_rectangle(cr, x + 132, y + 3, 60 * CLAMP(finding->probability, 0, 1), 4);
    cairo_fill(cr);
    draw_text(cr, percent, x + 197, y, 0, 7.5, FALSE, 0.15);
    y += 11.5;
  }
  return y + 8;
}

static double draw_measurements(AxExport *self, cairo_t *cr, double x, double y, double bottom) {
  guint boxes = 0;

  if (self->marks->len == 0)
    return y;
  y = draw_text(cr, _("Measurements"), x, y, 0, 10, TRUE, 0.1) + 2;
  for (guint i = 0; i < self->marks->len; i++) {
    const AxMark *mark = &g_array_index(self->marks, AxMark, i);
    g_autofree char *text = ax_mark_text(mark, ax_pyramid_get_image(self->pyramid), self->calibration);
    g_autofree char *number = g_strdup_printf(_("M%u"), i + 1);
    g_autofree char *line = NULL;

    boxes += mark->kind == AX_MARK_BOX;
    line = mark->kind == AX_MARK_BOX ? g_strdup_printf("%s  %s %u", number, ax_mark_kind_name(mark->kind), boxes)
                                     : g_strdup_printf("%s  %s: %s", number, ax_mark_kind_name(mark->kind), text);
    if (y > bottom - 20) {
      y = draw_text(cr, "…", x, y, 0, 7.5, FALSE, 0.15);
      break;
    }
    y = draw_text(cr, line, x, y, PANEL - MARGIN, 7.5, FALSE, 0.15) + 2;
  }
  return y;
}

/* What the numbers of the boxes stand for, where there is room; the second page of a PDF says more. */
static void draw_legend(AxExport *self, cairo_t *cr, double x, double y, double bottom) {
  const guint rows = (AX_N_ANATOMY + 2) / 3;

  if (!self->perception || y + 14 + rows * 9.0 > bottom)
    return;
  y = draw_text(cr, _("Structures"), x, y, 0, 10, TRUE, 0.1) + 2;
  for (guint i = 0; i < AX_N_ANATOMY; i++) {
    g_autofree char *text = g_strdup_printf(LEFT_TO_RIGHT "%u %s", i + 1, ax_shown_short_structure(i));
    g_autoptr(PangoLayout) layout = make_layout(cr, text, 6.5, FALSE, 72);
    double grey = self->shown[i] ? 0.15 : 0.6;

    pango_layout_set_ellipsize(layout, PANGO_ELLIPSIZE_END);
    cairo_set_source_rgb(cr, grey, grey, grey);
    cairo_move_to(cr, x + (i / rows) * 74.0, y + (i % rows) * 9.0);
    pango_cairo_show_layout(cr, layout);
  }
}

/* On every page: which model, how good, and what it is not for. */
static void draw_footer(AxExport *self, cairo_t *cr, double width, double height) {
  g_autofree char *model = self->model ? g_strdup_printf(_("Model %s, SHA-256 %s. %s"), ax_model_name(self->model), ax_model_sha256(self->model),
                                                         ax_model_caution(self->model))
                                       : g_strdup(_("No model was at work."));
  g_autoptr(PangoLayout) heading = make_layout(cr, _("Not for clinical use"), 10, TRUE, 0);
  PangoRectangle logical;
  double y = height - FOOTER, indent;

  cairo_set_source_rgb(cr, 0.6, 0.6, 0.6);
  cairo_set_line_width(cr, 0.5);
  cairo_move_to(cr, MARGIN, y);
  cairo_line_to(cr, width - MARGIN, y);
  cairo_stroke(cr);
  draw_text(cr, _("Not for clinical use"), MARGIN, y + 4, 0, 10, TRUE, 0.1);
  pango_layout_get_extents(heading, NULL, &logical); /* longer in other languages */
  indent = (double)logical.width / PANGO_SCALE + 14;
  draw_text(cr, model, MARGIN + indent, y + 4, width - 2 * MARGIN - indent, 6.5, FALSE, 0.3);
}

static void draw_ground(cairo_t *cr) {
  cairo_set_source_rgb(cr, 1, 1, 1);
  cairo_paint(cr);
}

void ax_export_draw_film_page(AxExport *self, cairo_t *cr, double width, double height, double resolution) {
  double film_width = width - 2 * MARGIN - PANEL, film_height = height - MARGIN - FOOTER - 8, x = width - MARGIN - PANEL + 14, y = MARGIN;
  g_autoptr(AxViewport) viewport = make_viewport(self, film_width, film_height);
  Labels labels = {cr, g_array_new(FALSE, FALSE, sizeof(AxLabel)), g_ptr_array_new_with_free_func(g_object_unref)};

  draw_ground(cr);
  cairo_save(cr);
  cairo_translate(cr, MARGIN, MARGIN);
  cairo_rectangle(cr, 0, 0, film_width, film_height);
  cairo_clip(cr);
  cairo_set_source_rgb(cr, 0, 0, 0);
  cairo_paint(cr);
  draw_pixels(self, cr, viewport, resolution);
  draw_boxes(self, cr, viewport, &labels);
  draw_answer_boxes(self, cr, viewport, &labels);
  draw_marks(self, cr, viewport, &labels);
  draw_labels(&labels, viewport);
  g_array_unref(labels.labels);
  g_ptr_array_unref(labels.layouts);
  draw_letters(self, cr, viewport);
  cairo_restore(cr);
  y = draw_text(cr, self->name ? self->name : _("Chest radiograph"), x, y, PANEL - 14, 12, TRUE, 0.1) + 1;
  if (self->date)
    y = draw_text(cr, self->date, x, y, 0, 8, FALSE, 0.4);
  y += 8;
  if (self->perception)
    y = draw_findings(self, cr, x, y);
  y = draw_measurements(self, cr, x, y, height - FOOTER) + 8;
  draw_legend(self, cr, x, y, height - FOOTER);
  draw_footer(self, cr, width, height);
}

void ax_export_draw_sentence_page(AxExport *self, cairo_t *cr, double width, double height) {
  double column = (width - 2 * MARGIN - 24) / 2, y = MARGIN, top;

  draw_ground(cr);
  top = y = draw_text(cr, _("Structures, with the most similar sentence and its similarity"), MARGIN, y, 0, 12, TRUE, 0.1) + 8;
  for (guint i = 0; i < AX_N_ANATOMY; i++) {
    const AxAnatomy *a = &self->perception->anatomy[i];
    double x = i < AX_N_ANATOMY / 2 ? MARGIN : MARGIN + column + 24, rgb[3];
    g_autofree char *name = g_strdup_printf(LEFT_TO_RIGHT "%u  %s", i + 1, ax_shown_structure(i));
    g_autofree char *sentence = a->n_retrieved > 0 ? g_strdup_printf("%s (%.2f)", a->retrieved[0].sentence, a->retrieved[0].score) : g_strdup("");

    if (i == AX_N_ANATOMY / 2)
      y = top;
    ax_anatomy_color(i, rgb);
    set_dashes(cr, ax_anatomy_group(i));
    cairo_set_source_rgb(cr, rgb[0] * 0.8, rgb[1] * 0.8, rgb[2] * 0.8);
    cairo_set_line_width(cr, 1.2);
    cairo_rectangle(cr, x + 1, y + 2, 12, 9);
    cairo_stroke(cr);
    cairo_set_dash(cr, NULL, 0, 0);
    y = draw_text(cr, name, x + 20, y, column - 20, 7.5, TRUE, 0.1);
    y = draw_text(cr, sentence, x + 20, y, column - 20, 7, FALSE, 0.25) + 3;
  }
  draw_footer(self, cr, width, height);
}

/* ---- answers ---- */

typedef struct {
  AxExport *export;
  cairo_t *cr;
  double width, height, y;
} Flow;

/* A line of text; on a new page when this one is full. */
static void flow_text(Flow *flow, const char *text, double indent, double size, gboolean bold, double grey) {
  double width = flow->width - 2 * MARGIN - indent;
  g_autoptr(PangoLayout) layout = make_layout(flow->cr, text, size, bold, width);

  if (flow->y + layout_height(layout) > flow->height - FOOTER - 6) {
    draw_footer(flow->export, flow->cr, flow->width, flow->height);
    cairo_show_page(flow->cr);
    draw_ground(flow->cr);
    flow->y = MARGIN;
  }
  flow->y = draw_text(flow->cr, text, MARGIN + indent, flow->y, width, size, bold, grey) + 2;
}

static const char *verdict_note(AxExchange *exchange, guint sentence) {
  AxReason reason;

  switch (ax_exchange_get_verdict(exchange, sentence, &reason, NULL)) {
  case AX_VERDICT_ACCEPTED: return _("accepted");
  case AX_VERDICT_EDITED: return _("edited");
  case AX_VERDICT_REJECTED:
    return reason == AX_REASON_PLACE ? _("rejected: wrong place") : reason == AX_REASON_SEVERITY ? _("rejected: wrong severity") : _("rejected: not there");
  case AX_VERDICT_NONE:
  default: return NULL;
  }
}

/* A sentence, the numbers of its boxes, the mean probability of its words, and what the reader said. */
static void flow_sentence(Flow *flow, AxExchange *exchange, guint i, guint first_box) {
  const AxAnswerSentence *s = &ax_exchange_get_answer(exchange)->sentences[i];
  g_autofree char *sentence = ax_exchange_get_marked_sentence(exchange, i, first_box, "A");
  g_autoptr(GString) text = g_string_new(sentence);
  const char *note = verdict_note(exchange, i);

  g_string_append(text, "  (");
  g_string_append_printf(text, _("word probability %.0f %%"), 100 * s->confidence);
  g_string_append_printf(text, note ? ", %s)" : ")", note);
  flow_text(flow, text->str, 14, 8.5, FALSE, note && ax_exchange_get_verdict(exchange, i, NULL, NULL) == AX_VERDICT_REJECTED ? 0.6 : 0.15);
}

static const char *task_heading(AxTask task) {
  switch (task) {
  case AX_TASK_REPORT: return _("Report");
  case AX_TASK_LOCATE: return _("Find a phrase");
  case AX_TASK_ANATOMY: return _("Find a structure");
  case AX_TASK_DESCRIBE: return _("Describe the region");
  case AX_TASK_DIAGNOSE: return _("Diagnose the region");
  case AX_TASK_CLASSIFY: return _("Findings by name");
  case AX_TASK_DETECT: return _("Abnormalities with boxes");
  default: return _("Question");
  }
}

gboolean ax_export_draw_answer_pages(AxExport *self, cairo_t *cr, double width, double height) {
  Flow flow = {self, cr, width, height, MARGIN};
  guint box = 1;

  if (self->asked->len == 0)
    return FALSE;
  draw_ground(cr);
  flow_text(&flow, _("Asked and answered. Written by a model; everything may be wrong."), 0, 12, TRUE, 0.1);
  for (guint i = 0; i < self->asked->len; i++) {
    AxExchange *exchange = g_ptr_array_index(self->asked, i);
    const char *asked = ax_exchange_get_text(exchange);
    g_autofree char *heading = asked ? g_strdup_printf("%s: %s", task_heading(ax_exchange_get_task(exchange)), asked)
                                     : g_strdup(task_heading(ax_exchange_get_task(exchange)));

    flow.y += 6;
    flow_text(&flow, heading, 0, 9.5, TRUE, 0.1);
    for (guint k = 0; k < ax_exchange_get_answer(exchange)->n_sentences; k++)
      flow_sentence(&flow, exchange, k, box);
    if (ax_exchange_get_answer(exchange)->n_sentences == 0)
      flow_text(&flow, ax_exchange_get_plain(exchange)[0] ? ax_exchange_get_plain(exchange) : _("No answer."), 14, 8.5, FALSE, 0.15);
    box += ax_exchange_get_n_boxes(exchange);
  }
  draw_footer(self, cr, width, height);
  return TRUE;
}
