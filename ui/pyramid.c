#include "ui/pyramid.h"

#include <math.h>

#define MAX_LEVELS 16
#define SMALLEST_SIDE 64

typedef struct {
  int width, height;
  const guint16 *pixels;
  guint16 *owned;
} Level;

struct _AxPyramid {
  gatomicrefcount refs;
  AxImage *image;
  guint n_levels;
  Level levels[MAX_LEVELS];
};

static void halve(const Level *from, Level *to) {
  for (int y = 0; y < to->height; y++) {
    const guint16 *a = from->pixels + (gsize)(2 * y) * from->width;
    const guint16 *b = 2 * y + 1 < from->height ? a + from->width : a;
    guint16 *out = to->owned + (gsize)y * to->width;
    int whole = from->width / 2;

    for (int x = 0; x < whole; x++)
      out[x] = (a[2 * x] + a[2 * x + 1] + b[2 * x] + b[2 * x + 1] + 2) / 4;
    if (whole < to->width)
      out[whole] = (a[2 * whole] + b[2 * whole] + 1) / 2;
  }
}

AxPyramid *ax_pyramid_new(AxImage *image) {
  AxPyramid *self = g_new0(AxPyramid, 1);

  g_atomic_ref_count_init(&self->refs);
  self->image = g_object_ref(image);
  self->levels[0] = (Level){ax_image_get_width(image), ax_image_get_height(image), ax_image_get_pixels(image), NULL};
  self->n_levels = 1;
  while (self->n_levels < MAX_LEVELS) {
    Level *from = &self->levels[self->n_levels - 1], *to = &self->levels[self->n_levels];

    if (MAX(from->width, from->height) < 2 * SMALLEST_SIDE)
      break;
    to->width = (from->width + 1) / 2;
    to->height = (from->height + 1) / 2;
    to->owned = g_new(guint16, (gsize)to->width * to->height);
    to->pixels = to->owned;
    halve(from, to);
    self->n_levels++;
  }
  return self;
}

AxPyramid *ax_pyramid_ref(AxPyramid *self) {
  g_atomic_ref_count_inc(&self->refs);
  return self;
}

void ax_pyramid_unref(AxPyramid *self) {
  if (!g_atomic_ref_count_dec(&self->refs))
    return;
  for (guint i = 0; i < self->n_levels; i++)
    g_free(self->levels[i].owned);
  g_object_unref(self->image);
  g_free(self);
}

AxImage *ax_pyramid_get_image(AxPyramid *self) { return self->image; }
guint ax_pyramid_get_n_levels(AxPyramid *self) { return self->n_levels; }

const guint16 *ax_pyramid_get_level(AxPyramid *self, guint level, int *width, int *height) {
  g_return_val_if_fail(level < self->n_levels, NULL);
  *width = self->levels[level].width;
  *height = self->levels[level].height;
  return self->levels[level].pixels;
}

guint ax_pyramid_pick_level(AxPyramid *self, double zoom) {
  double level = floor(-log2(MAX(zoom, 1e-9)) + 0.5);

  return (guint)CLAMP(level, 0, (double)self->n_levels - 1);
}

/* Where one column or one row of the view falls: the two neighbours in the level, as offsets into its pixels, and the weight of
 * the second in 256ths. Rotations are right angles, so a view column is one image column or one image row, and the sum of a
 * column's and a row's offsets is the pixel. */
typedef struct {
  gsize a, b;
  guint weight;
  gboolean inside;
} Tap;

static void fill_tap(Tap *tap, double image_position, double image_size, int level_size, gsize step, double scale) {
  double at = image_position / scale - 0.5;
  int low = (int)floor(at);

  tap->inside = image_position >= 0 && image_position < image_size;
  if (!tap->inside)
    return;
  tap->weight = (guint)((at - low) * 256);
  tap->a = (gsize)CLAMP(low, 0, level_size - 1) * step;
  tap->b = (gsize)CLAMP(low + 1, 0, level_size - 1) * step;
}

AxSampled ax_pyramid_sample(AxPyramid *self, AxViewport *viewport, double device_scale, guint16 *out, int width, int height) {
  guint number = ax_pyramid_pick_level(self, ax_viewport_get_zoom(viewport) * device_scale);
  const Level *level = &self->levels[number];
  double scale = (double)(1u << number);
  int rotation = ax_viewport_get_rotation(viewport);
  gboolean lying = rotation == 90 || rotation == 270;
  g_autofree Tap *columns = g_new0(Tap, width);
  g_autofree Tap *rows = g_new0(Tap, height);
  AxSampled inside = {0, 0, width, height};

  for (int i = 0; i < width; i++) {
    double x, y;

    ax_viewport_to_image(viewport, (i + 0.5) / device_scale, 0, &x, &y);
    if (lying)
      fill_tap(&columns[i], y, self->levels[0].height, level->height, level->width, scale);
    else
      fill_tap(&columns[i], x, self->levels[0].width, level->width, 1, scale);
  }
  for (int j = 0; j < height; j++) {
    double x, y;

    ax_viewport_to_image(viewport, 0, (j + 0.5) / device_scale, &x, &y);
    if (lying)
      fill_tap(&rows[j], x, self->levels[0].width, level->width, 1, scale);
    else
      fill_tap(&rows[j], y, self->levels[0].height, level->height, level->width, scale);
  }
  while (inside.x1 < inside.x2 && !columns[inside.x1].inside)
    inside.x1++;
  while (inside.x2 > inside.x1 && !columns[inside.x2 - 1].inside)
    inside.x2--;
  while (inside.y1 < inside.y2 && !rows[inside.y1].inside)
    inside.y1++;
  while (inside.y2 > inside.y1 && !rows[inside.y2 - 1].inside)
    inside.y2--;

  for (int j = inside.y1; j < inside.y2; j++) {
    guint16 *line = out + (gsize)j * width;
    const Tap *row = &rows[j];
    const guint16 *upper = level->pixels + row->a, *lower = level->pixels + row->b;

    for (int i = inside.x1; i < inside.x2; i++) {
      const Tap *column = &columns[i];
      guint32 wa = 256 - column->weight, wb = column->weight;
      /* 16 bits by 8 by 8 bits of weight: at most 65535 * 65536 + 32768, which 32 bits hold. */
      guint32 top = upper[column->a] * wa + upper[column->b] * wb;
      guint32 bottom = lower[column->a] * wa + lower[column->b] * wb;

      line[i] = (guint16)((top * (256 - row->weight) + bottom * row->weight + 32768) >> 16);
    }
  }
  return inside;
}

void ax_sampled_look_up(AxSampled inside, const guint16 *samples, int width, int height, const guint8 *lut, guint32 *out, gsize stride) {
  for (int j = 0; j < height; j++) {
    const guint16 *from = samples + (gsize)j * width;
    guint32 *line = out + (gsize)j * stride;

    if (j < inside.y1 || j >= inside.y2) {
      memset(line, 0, sizeof *line * width);
      continue;
    }
    memset(line, 0, sizeof *line * inside.x1);
    memset(line + inside.x2, 0, sizeof *line * (width - inside.x2));
    for (int i = inside.x1; i < inside.x2; i++)
      line[i] = 0xff000000u | lut[from[i]] * 0x010101u;
  }
}

void ax_pyramid_draw(AxPyramid *self, AxViewport *viewport, double device_scale, const guint8 *lut, guint32 *out, int width,
                     int height, gsize stride) {
  g_autofree guint16 *samples = g_new(guint16, (gsize)width * height);
  AxSampled inside = ax_pyramid_sample(self, viewport, device_scale, samples, width, height);

  ax_sampled_look_up(inside, samples, width, height, lut, out, stride);
}

void ax_viewport_fill_lut(AxViewport *viewport, AxImage *image, guint8 *lut) {
  AxWindow window = ax_image_get_default_window(image);

  window.center = ax_viewport_get_window_center(viewport);
  window.width = ax_viewport_get_window_width(viewport);
  ax_window_fill_lut(window, lut);
  if (ax_viewport_get_inverted(viewport))
    for (int i = 0; i < 65536; i++)
      lut[i] = 255 - lut[i];
}
