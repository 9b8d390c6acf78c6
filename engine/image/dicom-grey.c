#include "engine/image/dicom-private.h"

#include <math.h>

void ax_dicom_frame_clear(AxDicomFrame *f) {
  g_free(f->raw);
  g_free(f->red);
  g_free(f->modality.data);
  g_free(f->voi.data);
  for (int i = 0; i < f->n_windows; i++) g_free(f->windows[i].explanation);
  g_free(f->windows);
  *f = (AxDicomFrame){0};
}

static gint32 stored_value(const AxDicomFrame *f, guint raw) {
  return f->is_signed && (raw >> (f->bits_stored - 1)) & 1 ? (gint32)raw - (1 << f->bits_stored) : (gint32)raw;
}

static guint16 look_up(const AxDicomLut *lut, double value) {
  double i = floor(value) - lut->first;
  return lut->data[i <= 0 ? 0 : i >= lut->entries - 1 ? lut->entries - 1 : (guint32)i];
}

static double modality_value(const AxDicomFrame *f, guint raw) {
  gint32 s = stored_value(f, raw);
  return f->modality.entries ? look_up(&f->modality, s) : f->slope * s + f->intercept;
}

static gboolean is_padding(const AxDicomFrame *f, guint raw) {
  gint32 s = stored_value(f, raw);
  return f->has_padding && s >= f->padding_low && s <= f->padding_high;
}

/* What the reference does with a DICOM file (spec 1.2 step 5, with pydicom's apply_voi_lut): VOI, inversion, min-max to 0..255 cut to
 * integers. The order of the operations is pydicom's, so that the cut falls on the same side. The table is over stored bits; only bits that
 * occur outside the padding take part in the statistics. */
static void fill_model_table(const AxDicomFrame *f, const guint8 *occurs, guint16 *table) {
  guint n = 1u << f->bits_stored;
  g_autofree double *value = g_new(double, n);
  double y_min = f->is_signed ? -(double)(n / 2) : 0, y_max = y_min + n - 1;
  if (f->modality.entries == 0) y_min = f->slope * y_min + f->intercept, y_max = f->slope * y_max + f->intercept;
  /* pydicom turns the picture over when the slope falls; a window shows larger modality values brighter whatever the slope is. */
  if (y_min > y_max) {
    double swap = y_min;
    y_min = y_max, y_max = swap;
  }
  double y_range = y_max - y_min, low = INFINITY, high = -INFINITY;
  for (guint raw = 0; raw < n; raw++) {
    double v = modality_value(f, raw);
    if (f->voi.entries) v = look_up(&f->voi, v);
    else if (f->n_windows) {
      AxWindow w = f->windows[0].window;
      double x = v, level = ax_window_apply(w, v);
      if (level > 0 && level < 1) {
        if (w.function == AX_WINDOW_LINEAR) level = (x - (w.center - 0.5)) / (w.width - 1) + 0.5;
        v = w.function == AX_WINDOW_SIGMOID ? y_range / (1 + exp(-4 * (x - w.center) / w.width)) + y_min : level * y_range + y_min;
      } else {
        v = level <= 0 ? y_min : y_max;
      }
    }
    value[raw] = v;
    if (!occurs[raw]) continue;
    low = MIN(low, v);
    high = MAX(high, v);
  }
  for (guint raw = 0; raw < n; raw++) {
    table[raw] = 0;
    if (!occurs[raw] || !(high > low)) continue;
    double v = f->inverse ? high - value[raw] : value[raw] - low;
    table[raw] = (guint16)(v / (high - low) * 255);
  }
}

/* A window of modality units in units of the kept pixels, value = slope * pixel + intercept with slope > 0. LINEAR's half pixels belong to
 * the modality's unit. */
static AxWindow to_pixels(AxWindow w, double slope, double intercept) {
  if (w.function == AX_WINDOW_LINEAR) return (AxWindow){(w.center - 0.5 - intercept) / slope + 0.5, (w.width - 1) / slope + 1, w.function};
  return (AxWindow){(w.center - intercept) / slope, w.width / slope, w.function};
}

/* The window that shows max - pixel as the old one shows pixel, but black for white. */
static AxWindow inverted(AxWindow w, int max) {
  w.center = max - w.center + (w.function == AX_WINDOW_LINEAR ? 1 : 0);
  return w;
}

/* The table from stored bits to kept pixels, and what one pixel step means. */
typedef struct {
  guint16 *pixel;
  int bits;
  double slope, intercept;
} GreyTable;

static void fill_grey_table(const AxDicomFrame *f, GreyTable *t) {
  guint n = 1u << f->bits_stored;
  t->slope = 1, t->intercept = 0;
  if (f->voi.entries || f->modality.entries) {
    const AxDicomLut *last = f->voi.entries ? &f->voi : &f->modality;
    t->bits = last->bits;
    guint max = (1u << t->bits) - 1;
    for (guint raw = 0; raw < n; raw++) {
      double m = modality_value(f, raw);
      t->pixel[raw] = (guint16)MIN(f->voi.entries ? look_up(&f->voi, m) : (guint)m, max);
    }
    return;
  }
  t->bits = f->bits_stored;
  gint32 lowest = f->is_signed ? -(gint32)(n / 2) : 0, highest = lowest + (gint32)n - 1;
  gboolean falling = f->slope < 0;
  for (guint raw = 0; raw < n; raw++) {
    gint32 s = stored_value(f, raw);
    t->pixel[raw] = (guint16)(falling ? highest - s : s - lowest);
  }
  t->slope = fabs(f->slope);
  t->intercept = f->slope * (falling ? highest : lowest) + f->intercept;
}

AxImage *ax_dicom_frame_render(AxDicomFrame *f, GError **error) {
  g_autofree guint16 *pixel = g_new0(guint16, 65536);
  g_autofree guint16 *model = g_new0(guint16, 65536);
  g_autofree guint8 *occurs = g_new0(guint8, 65536);
  gsize n = (gsize)f->rows * f->columns;
  gboolean padded = FALSE;
  for (gsize i = 0; i < n; i++) occurs[f->raw[i]] = 1;
  for (guint raw = 0; f->has_padding && raw < 1u << f->bits_stored; raw++)
    if (occurs[raw] && is_padding(f, raw)) occurs[raw] = 0, padded = TRUE;

  GreyTable grey = {pixel};
  fill_grey_table(f, &grey);
  fill_model_table(f, occurs, model);
  g_autoptr(AxImage) image = ax_image_alloc((guint64)f->columns, (guint64)f->rows, grey.bits, error);
  if (image == NULL || (image->model_pixels = ax_image_alloc_plane(image, error)) == NULL) return NULL;
  if (padded && (image->padding = (guint8 *)g_try_malloc0(n)) == NULL) {
    g_set_error(error, AX_IMAGE_ERROR, AX_IMAGE_ERROR_TOO_LARGE, "Not enough memory for the image: close other programs");
    return NULL;
  }
  int max = ax_image_get_max_value(image);
  image->model_max = 255;
  image->slope = f->inverse ? -grey.slope : grey.slope;
  image->intercept = f->inverse ? grey.intercept + grey.slope * max : grey.intercept;
  for (gsize i = 0; i < n; i++) {
    guint raw = f->raw[i];
    if (padded && is_padding(f, raw)) {
      image->padding[i] = 1;
      continue;
    }
    image->pixels[i] = f->inverse ? (guint16)(max - pixel[raw]) : pixel[raw];
    image->model_pixels[i] = model[raw];
  }
  if (f->red) {
    /* The reference keeps channel 0 of a colour image and stretches that. */
    guint8 low = 255, high = 0;
    for (gsize i = 0; i < n; i++) low = MIN(low, f->red[i]), high = MAX(high, f->red[i]);
    for (gsize i = 0; i < n; i++) image->model_pixels[i] = high > low ? (guint16)((f->red[i] - low) * 255 / (high - low)) : 0;
  }
  /* A VOI LUT was applied already: the windows of the file are for the values before it. */
  if (f->voi.entries) {
    image->window = (AxWindow){(max + 1) / 2.0, max + 1, AX_WINDOW_LINEAR};
    image->has_window = TRUE;
    return g_steal_pointer(&image);
  }
  image->windows = g_steal_pointer(&f->windows);
  image->n_windows = f->n_windows;
  f->n_windows = 0;
  for (int i = 0; i < image->n_windows; i++) {
    AxWindow w = to_pixels(image->windows[i].window, grey.slope, grey.intercept);
    image->windows[i].window = f->inverse ? inverted(w, max) : w;
  }
  return g_steal_pointer(&image);
}
