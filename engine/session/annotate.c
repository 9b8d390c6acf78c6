#include "engine/session/annotate.h"

#include "engine/image/label-placement.h"
#include "engine/image/png-write.h"

#include <math.h>
#include <string.h>

#define PICTURE_SIDE 1200 /* longer side of the radiograph in the picture, pixels */
#define PANEL_WIDTH 560
#define MARGIN 20
#define BOX_FONT 13.0
#define PANEL_FONT 14.0
#define LONGEST_TEXT 300 /* characters; more never fits, and file names and sentences come from outside */

/* ---- the radiograph ------------------------------------------------------------------------------------------------------- */

/* Mean display level of the k x k source pixels behind pixel (x, y), fewer at the right and lower edge. */
static guint8
mean_level (const guint16 *pixels, int width, int height, const guint8 *lut, int k, int x, int y, gboolean mirror)
{
  int x0 = x * k, x1 = MIN (x0 + k, width), y0 = y * k, y1 = MIN (y0 + k, height);
  guint sum = 0;
  for (int j = y0; j < y1; j++)
    for (int i = x0; i < x1; i++)
      sum += lut[pixels[(gsize) j * width + (mirror ? width - 1 - i : i)]];
  guint n = (guint) ((x1 - x0) * (y1 - y0));
  return (guint8) ((sum + n / 2) / n);
}

cairo_surface_t *
ax_annotate_image_surface (AxImage *image, int max_side, gboolean mirror)
{
  g_return_val_if_fail (max_side > 0, NULL);
  int width = ax_image_get_width (image), height = ax_image_get_height (image);
  const guint16 *pixels = ax_image_get_pixels (image);
  g_autofree guint8 *lut = g_malloc (65536);
  ax_window_fill_lut (ax_image_get_default_window (image), lut);
  int k = (MAX (width, height) + max_side - 1) / max_side;
  int w = (width + k - 1) / k, h = (height + k - 1) / k;
  cairo_surface_t *surface = cairo_image_surface_create (CAIRO_FORMAT_RGB24, w, h);
  if (cairo_surface_status (surface) != CAIRO_STATUS_SUCCESS) {
    cairo_surface_destroy (surface);
    return NULL;
  }
  guint8 *data = cairo_image_surface_get_data (surface);
  int stride = cairo_image_surface_get_stride (surface);
  for (int y = 0; y < h; y++) {
    guint32 *row = (guint32 *) (data + (gsize) y * stride);
    for (int x = 0; x < w; x++)
      row[x] = mean_level (pixels, width, height, lut, k, x, y, mirror) * 0x010101u;
  }
  cairo_surface_mark_dirty (surface);
  return surface;
}

/* ---- boxes and names ------------------------------------------------------------------------------------------------------ */

static void
set_structure_color (cairo_t *cr, guint index, double alpha)
{
  double rgb[3];
  ax_anatomy_color (index, rgb);
  cairo_set_source_rgba (cr, rgb[0], rgb[1], rgb[2], alpha);
}

/* The structure's colour halfway to white: legible on black also where the colour itself is dark. */
static void
set_text_color (cairo_t *cr, guint index)
{
  double rgb[3];
  ax_anatomy_color (index, rgb);
  cairo_set_source_rgb (cr, (rgb[0] + 1) / 2, (rgb[1] + 1) / 2, (rgb[2] + 1) / 2);
}

static void
draw_frame (cairo_t *cr, AxBox b, guint index)
{
  cairo_rectangle (cr, b.x1, b.y1, b.x2 - b.x1, b.y2 - b.y1);
  cairo_set_source_rgba (cr, 0, 0, 0, 0.5);
  cairo_set_line_width (cr, 3.5);
  cairo_stroke_preserve (cr);
  set_structure_color (cr, index, 1);
  cairo_set_line_width (cr, 1.6);
  cairo_stroke (cr);
}

static AxBox
scaled_box (AxBox b, double scale)
{
  return (AxBox) { b.x1 * scale, b.y1 * scale, b.x2 * scale, b.y2 * scale };
}

static void
draw_label (cairo_t *cr, AxBox at, const char *text, double ascent, guint index)
{
  cairo_rectangle (cr, at.x1, at.y1, at.x2 - at.x1, at.y2 - at.y1);
  cairo_set_source_rgba (cr, 0, 0, 0, 0.7);
  cairo_fill (cr);
  set_text_color (cr, index);
  cairo_move_to (cr, at.x1 + 3, at.y1 + ascent + 1);
  cairo_show_text (cr, text);
}

/* Large structures first, so that small ones lie on top of them. */
static int
compare_area (const void *a, const void *b, void *data)
{
  const AxPerception *p = data;
  double d = ax_box_area (p->anatomy[*(const guint *) b].box) - ax_box_area (p->anatomy[*(const guint *) a].box);
  return d < 0 ? -1 : d > 0 ? 1 : *(const guint *) a < *(const guint *) b ? -1 : 1;
}

void
ax_annotate_draw_boxes (cairo_t *cr, const AxPerception *p, double scale)
{
  guint order[AX_N_ANATOMY];
  AxLabel labels[AX_N_ANATOMY];
  AxBox canvas = { 0, 0, p->width * scale, p->height * scale };
  for (guint i = 0; i < AX_N_ANATOMY; i++)
    order[i] = i;
  g_qsort_with_data (order, AX_N_ANATOMY, sizeof order[0], compare_area, (gpointer) p);
  for (guint i = 0; i < AX_N_ANATOMY; i++)
    draw_frame (cr, scaled_box (p->anatomy[order[i]].box, scale), order[i]);
  cairo_select_font_face (cr, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
  cairo_set_font_size (cr, BOX_FONT);
  cairo_font_extents_t font;
  cairo_font_extents (cr, &font);
  /* Small structures choose their place first: they have the fewest good ones. */
  for (guint i = 0; i < AX_N_ANATOMY; i++) {
    guint index = order[AX_N_ANATOMY - 1 - i];
    const char *text = ax_anatomy_short_name (index);
    cairo_text_extents_t extents;
    cairo_text_extents (cr, text, &extents);
    labels[i] = (AxLabel) { .box = scaled_box (p->anatomy[index].box, scale), .width = extents.x_advance + 6, .height = font.ascent + font.descent + 2,
                            .priority = (int) i, .must = TRUE };
  }
  ax_labels_place (labels, AX_N_ANATOMY, canvas);
  for (guint i = 0; i < AX_N_ANATOMY; i++) {
    guint index = order[AX_N_ANATOMY - 1 - i];
    if (labels[i].placed)
      draw_label (cr, labels[i].place, ax_anatomy_short_name (index), font.ascent, index);
  }
}

/* ---- the panel ------------------------------------------------------------------------------------------------------------ */

typedef struct {
  cairo_t *cr;
  double x, y, width, bottom;
} Panel;

/* Text cut with an ellipsis where it is wider than `width`. */
static void
show_fitting (cairo_t *cr, double x, double y, double width, const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  glong n = MIN (g_utf8_strlen (valid, -1), LONGEST_TEXT);
  g_autofree char *fit = g_utf8_substring (valid, 0, n);
  cairo_text_extents_t extents;
  cairo_text_extents (cr, fit, &extents);
  for (n--; extents.x_advance > width && n > 0; n--) {
    g_autofree char *head = g_utf8_substring (valid, 0, n);
    g_free (fit);
    fit = g_strconcat (g_strchomp (head), "…", NULL);
    cairo_text_extents (cr, fit, &extents);
  }
  cairo_move_to (cr, x, y);
  cairo_show_text (cr, fit);
}

/* `text` over as many lines as it needs. */
static void
panel_paragraph (Panel *panel, const char *text)
{
  g_auto (GStrv) words = g_strsplit (text, " ", -1);
  g_autoptr (GString) line = g_string_new (NULL);
  for (guint i = 0; words[i] != NULL; i++) {
    gsize length = line->len;
    g_string_append_printf (line, "%s%s", length > 0 ? " " : "", words[i]);
    cairo_text_extents_t extents;
    cairo_text_extents (panel->cr, line->str, &extents);
    if (extents.x_advance > panel->width && length > 0) {
      g_string_truncate (line, length);
      show_fitting (panel->cr, panel->x, panel->y, panel->width, line->str);
      panel->y += PANEL_FONT * 1.35;
      g_string_assign (line, words[i]);
    }
  }
  show_fitting (panel->cr, panel->x, panel->y, panel->width, line->str);
  panel->y += PANEL_FONT * 1.35;
}

static void
panel_heading (Panel *panel, const char *text)
{
  panel->y += PANEL_FONT;
  cairo_select_font_face (panel->cr, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_BOLD);
  cairo_set_source_rgb (panel->cr, 1, 1, 1);
  show_fitting (panel->cr, panel->x, panel->y, panel->width, text);
  cairo_select_font_face (panel->cr, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
  panel->y += PANEL_FONT * 1.5;
}

static int
compare_probability (const void *a, const void *b, void *data)
{
  const AxPerception *p = data;
  guint i = *(const guint *) a, j = *(const guint *) b;
  double d = p->findings[j].probability - p->findings[i].probability;
  return d < 0 ? -1 : d > 0 ? 1 : i < j ? -1 : 1;
}

static void
panel_findings (Panel *panel, const AxPerception *p)
{
  cairo_t *cr = panel->cr;
  double name_width = 210, bar_width = panel->width - name_width - 60;
  g_autofree guint *order = g_new (guint, p->n_findings);
  for (guint i = 0; i < p->n_findings; i++)
    order[i] = i;
  g_qsort_with_data (order, (gint) p->n_findings, sizeof order[0], compare_probability, (gpointer) p);
  for (guint i = 0; i < p->n_findings && panel->y < panel->bottom; i++) {
    const AxFinding *f = &p->findings[order[i]];
    double share = CLAMP (f->probability, 0, 1);
    g_autofree char *percent = g_strdup_printf ("%.0f %%", 100 * share);
    cairo_set_source_rgb (cr, 0.86, 0.86, 0.86);
    show_fitting (cr, panel->x, panel->y, name_width - 8, f->name);
    cairo_rectangle (cr, panel->x + name_width, panel->y - PANEL_FONT * 0.8, bar_width, PANEL_FONT * 0.9);
    cairo_set_source_rgb (cr, 0.22, 0.22, 0.24);
    cairo_fill (cr);
    cairo_rectangle (cr, panel->x + name_width, panel->y - PANEL_FONT * 0.8, bar_width * share, PANEL_FONT * 0.9);
    cairo_set_source_rgb (cr, 0.33, 0.62, 0.94);
    cairo_fill (cr);
    cairo_set_source_rgb (cr, 0.86, 0.86, 0.86);
    show_fitting (cr, panel->x + name_width + bar_width + 8, panel->y, 52, percent);
    panel->y += PANEL_FONT * 1.4;
  }
}

/* The sentence without the structure's name in front, which the panel has already said. */
static const char *
predicate (const char *sentence, const char *name)
{
  gsize n = strlen (name);
  return g_ascii_strncasecmp (sentence, name, n) == 0 && sentence[n] == ' ' ? sentence + n + 1 : sentence;
}

static void
panel_sentences (Panel *panel, const AxPerception *p)
{
  cairo_t *cr = panel->cr;
  cairo_set_font_size (cr, PANEL_FONT - 1);
  for (guint i = 0; i < AX_N_ANATOMY && panel->y < panel->bottom; i++) {
    const AxAnatomy *a = &p->anatomy[i];
    set_structure_color (cr, i, 1);
    cairo_rectangle (cr, panel->x, panel->y - PANEL_FONT * 0.75, PANEL_FONT * 0.75, PANEL_FONT * 0.75);
    cairo_fill (cr);
    set_text_color (cr, i);
    show_fitting (cr, panel->x + 18, panel->y, 112, ax_anatomy_short_name (i));
    cairo_set_source_rgb (cr, 0.82, 0.82, 0.82);
    if (a->n_retrieved > 0) {
      g_autofree char *score = g_strdup_printf ("%.2f", a->retrieved[0].score);
      show_fitting (cr, panel->x + 134, panel->y, panel->width - 134 - 44, predicate (a->retrieved[0].sentence, a->name));
      show_fitting (cr, panel->x + panel->width - 36, panel->y, 36, score);
    }
    panel->y += PANEL_FONT * 1.32;
  }
  cairo_set_font_size (cr, PANEL_FONT);
}

static void
draw_panel (cairo_t *cr, double x, double height, AxImage *image, const AxPerception *p, AxModel *model)
{
  Panel panel = { cr, x, MARGIN, PANEL_WIDTH - 2 * MARGIN, height - 4 * PANEL_FONT };
  cairo_set_font_size (cr, PANEL_FONT);
  panel_heading (&panel, ax_image_get_name (image));
  cairo_set_source_rgb (cr, 0.86, 0.86, 0.86);
  g_autofree char *what = g_strdup_printf ("%d × %d pixels%s", p->width, p->height, p->mirrored ? ", mirrored left to right before the model saw it" : "");
  panel_paragraph (&panel, what);
  if (model != NULL) {
    g_autofree char *name = g_strdup_printf ("Model %s (%.12s)", ax_model_name (model), ax_model_sha256 (model));
    panel_paragraph (&panel, name);
  }
  cairo_set_source_rgb (cr, 1, 0.78, 0.35);
  panel_paragraph (&panel, model != NULL ? ax_model_caution (model) : "Not for clinical use.");
  if (p->n_findings > 0) {
    panel_heading (&panel, "Findings");
    panel_findings (&panel, p);
  }
  panel_heading (&panel, "Retrieved sentences and similarity");
  panel_sentences (&panel, p);
}

/* ---- the picture ---------------------------------------------------------------------------------------------------------- */

static gboolean
write_surface (cairo_surface_t *surface, const char *path, GError **error)
{
  int width = cairo_image_surface_get_width (surface), height = cairo_image_surface_get_height (surface);
  cairo_surface_flush (surface);
  const guint8 *data = cairo_image_surface_get_data (surface);
  int stride = cairo_image_surface_get_stride (surface);
  g_autofree guint8 *rgb = g_malloc ((gsize) width * height * 3);
  guint8 *out = rgb;
  for (int y = 0; y < height; y++) {
    const guint32 *row = (const guint32 *) (data + (gsize) y * stride);
    for (int x = 0; x < width; x++) {
      *out++ = row[x] >> 16 & 255;
      *out++ = row[x] >> 8 & 255;
      *out++ = row[x] & 255;
    }
  }
  return ax_png_write (path, width, height, 3, 8, rgb, error);
}

gboolean
ax_annotate_write_png (AxImage *image, const AxPerception *p, AxModel *model, const char *path, GError **error)
{
  double scale = (double) PICTURE_SIDE / MAX (p->width, p->height);
  int width = MAX (1, (int) lround (p->width * scale)), height = MAX (1, (int) lround (p->height * scale));
  int full_height = MAX (height, PICTURE_SIDE);
  cairo_surface_t *film = ax_annotate_image_surface (image, PICTURE_SIDE, p->mirrored);
  cairo_surface_t *picture = cairo_image_surface_create (CAIRO_FORMAT_RGB24, width + PANEL_WIDTH, full_height);
  if (film == NULL || cairo_surface_status (picture) != CAIRO_STATUS_SUCCESS) {
    g_set_error_literal (error, AX_IMAGE_ERROR, AX_IMAGE_ERROR_WRITE, "There is not enough memory to draw the picture; close other programs and try again.");
    g_clear_pointer (&film, cairo_surface_destroy);
    cairo_surface_destroy (picture);
    return FALSE;
  }
  cairo_t *cr = cairo_create (picture);
  cairo_set_source_rgb (cr, 0.09, 0.09, 0.1);
  cairo_paint (cr);
  cairo_save (cr);
  cairo_rectangle (cr, 0, 0, width, height);
  cairo_clip (cr);
  cairo_scale (cr, (double) width / cairo_image_surface_get_width (film), (double) height / cairo_image_surface_get_height (film));
  cairo_set_source_surface (cr, film, 0, 0);
  cairo_pattern_set_extend (cairo_get_source (cr), CAIRO_EXTEND_PAD);
  cairo_paint (cr);
  cairo_restore (cr);
  ax_annotate_draw_boxes (cr, p, scale);
  draw_panel (cr, width + MARGIN, full_height, image, p, model);
  cairo_destroy (cr);
  gboolean written = write_surface (picture, path, error);
  cairo_surface_destroy (film);
  cairo_surface_destroy (picture);
  return written;
}
