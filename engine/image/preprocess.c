#include "engine/image/preprocess.h"

#include <math.h>
#include <string.h>

#define SIDE AX_FRAME_SIDE

/* OpenCV's fixed point: weights have 11 bits, a row keeps them, the second pass drops 22 in two steps. */
#define COEF_BITS 11

void ax_frame_init(AxFrame *frame, int width, int height, gboolean plain_resize, gboolean mirror) {
  int longer = MAX(width, height);
  *frame = (AxFrame){width, height, plain_resize ? 0 : (longer - width) / 2, plain_resize ? 0 : (longer - height) / 2};
  frame->scale_x = (double)SIDE / MAX(width + 2 * frame->pad_x, 1);
  frame->scale_y = (double)SIDE / MAX(height + 2 * frame->pad_y, 1);
  frame->mirror = mirror;
}

AxBox ax_frame_to_original(const AxFrame *frame, AxBox box) {
  if (frame->mirror) box = ax_box_mirror(box, SIDE);
  return (AxBox){box.x1 / frame->scale_x - frame->pad_x, box.y1 / frame->scale_y - frame->pad_y, box.x2 / frame->scale_x - frame->pad_x,
                 box.y2 / frame->scale_y - frame->pad_y};
}

AxBox ax_frame_from_original(const AxFrame *frame, AxBox box) {
  AxBox b = {(box.x1 + frame->pad_x) * frame->scale_x, (box.y1 + frame->pad_y) * frame->scale_y, (box.x2 + frame->pad_x) * frame->scale_x,
             (box.y2 + frame->pad_y) * frame->scale_y};
  return frame->mirror ? ax_box_mirror(b, SIDE) : b;
}

/* ---- bilinear resize, as cv::resize(INTER_LINEAR) does it ---- */

/* The padded source that is never built: rows come one at a time, with zeros where the padding is. */
typedef struct {
  const guint16 *pixels;
  float max; /* the pixel value that matplotlib's imread turns into 1 */
  int width, height, pad_x, pad_y;
  int padded_width, padded_height;
  int first[SIDE], second[SIDE]; /* source columns of each output column */
  float weight[SIDE];            /* of the second column */
  int row[SIDE];                 /* first source row of each output row; the second is the next one; both are cut to the image */
  float row_weight[SIDE];
} Resize;

/* cv::resize computes positions in float from a double product; the rounding is part of the result. */
static void positions(int source, gboolean clip, int *at, float *weight) {
  double scale = 1.0 / ((double)SIDE / source);
  for (int d = 0; d < SIDE; d++) {
    float f = (float)((d + 0.5) * scale - 0.5);
    int s = (int)floorf(f);
    f -= s;
    /* Columns are clipped with their weights, rows only by index. */
    if (clip && s < 0) s = 0, f = 0;
    if (clip && s >= source - 1) s = source - 1, f = 0;
    at[d] = s;
    weight[d] = f;
  }
}

static void resize_init(Resize *r, AxImage *image, const AxFrame *frame) {
  int max;
  r->pixels = ax_image_get_model_pixels(image, &max);
  r->max = (float)max;
  r->width = frame->width, r->height = frame->height;
  r->pad_x = frame->pad_x, r->pad_y = frame->pad_y;
  r->padded_width = r->width + 2 * r->pad_x, r->padded_height = r->height + 2 * r->pad_y;
  positions(r->padded_width, TRUE, r->first, r->weight);
  for (int d = 0; d < SIDE; d++) r->second[d] = MIN(r->first[d] + 1, r->padded_width - 1);
  positions(r->padded_height, FALSE, r->row, r->row_weight);
}

/* The pixels of one row of the padded source, or NULL where it is all zero. */
static const guint16 *source_row(const Resize *r, int y) {
  y = CLAMP(y, 0, r->padded_height - 1) - r->pad_y;
  return y >= 0 && y < r->height ? r->pixels + (gsize)y * r->width : NULL;
}

/* Rows resized along x are kept while the next output row needs them again. */
#define KEEP_ROWS(Type, fill)                                         \
  for (int k = 0; k < 2; k++) {                                       \
    int y = CLAMP(r->row[d] + k, 0, r->padded_height - 1);            \
    if (have[k] == y) continue;                                       \
    if (k == 0 && have[1] == y) {                                     \
      Type *swap = line[0];                                           \
      line[0] = line[1], line[1] = swap;                              \
      have[0] = y, have[1] = -1;                                      \
      continue;                                                       \
    }                                                                 \
    fill(r, source_row(r, y), padded, line[k]);                       \
    have[k] = y;                                                      \
  }

static void row_u8(const Resize *r, const guint16 *source, gint32 *padded, gint32 *out) {
  if (source == NULL) {
    memset(out, 0, SIDE * sizeof *out);
    return;
  }
  for (int x = 0; x < r->width; x++) padded[r->pad_x + x] = source[x];
  for (int d = 0; d < SIDE; d++) {
    int a1 = (int)lrintf(r->weight[d] * (1 << COEF_BITS)), a0 = (int)lrintf((1.f - r->weight[d]) * (1 << COEF_BITS));
    out[d] = padded[r->first[d]] * a0 + padded[r->second[d]] * a1;
  }
}

static void resize_u8(const Resize *r, gint32 *work, guint8 *out) {
  gint32 *line[2] = {work, work + SIDE}, *padded = work + 2 * SIDE;
  int have[2] = {-1, -1};
  for (int d = 0; d < SIDE; d++, out += SIDE) {
    KEEP_ROWS(gint32, row_u8)
    int b1 = (int)lrintf(r->row_weight[d] * (1 << COEF_BITS)), b0 = (int)lrintf((1.f - r->row_weight[d]) * (1 << COEF_BITS));
    const gint32 *top = line[0], *bottom = line[1];
    for (int x = 0; x < SIDE; x++) out[x] = (guint8)((((b0 * (top[x] >> 4)) >> 16) + ((b1 * (bottom[x] >> 4)) >> 16) + 2) >> 2);
  }
}

/* OpenCV 5 interpolates floats as a + (b - a) w with one fused multiply-add. The product of two floats is exact in double, so this is
 * the same on machines with and without the instruction (a second rounding matters once in about 2^28 pixels, by one float step). */
static inline float between(float a, float b, float w) {
  return (float)((double)(b - a) * w + a);
}

static void row_float(const Resize *r, const guint16 *source, float *padded, float *out) {
  if (source == NULL) {
    memset(out, 0, SIDE * sizeof *out);
    return;
  }
  for (int x = 0; x < r->width; x++) padded[r->pad_x + x] = source[x] / r->max;
  for (int d = 0; d < SIDE; d++) out[d] = between(padded[r->first[d]], padded[r->second[d]], r->weight[d]);
}

static void resize_float(const Resize *r, float *work, float *out) {
  float *line[2] = {work, work + SIDE}, *padded = work + 2 * SIDE;
  int have[2] = {-1, -1};
  for (int d = 0; d < SIDE; d++, out += SIDE) {
    KEEP_ROWS(float, row_float)
    float w = r->row_weight[d];
    const float *top = line[0], *bottom = line[1];
    for (int x = 0; x < SIDE; x++) out[x] = between(top[x], bottom[x], w);
  }
}

/* cv::resize takes the mean of 2x2 pixels when both sides halve exactly: other rounding than the bilinear arithmetic. */
static void halve(const Resize *r, float *floats, guint8 *bytes) {
  static const guint16 zero[2 * SIDE];
  for (int d = 0; d < SIDE; d++) {
    const guint16 *row[2];
    guint16 padded[2][2 * SIDE];
    for (int k = 0; k < 2; k++) {
      const guint16 *source = source_row(r, 2 * d + k);
      row[k] = source ? padded[k] : zero;
      if (source == NULL) continue;
      memset(padded[k], 0, sizeof padded[k]);
      memcpy(padded[k] + r->pad_x, source, r->width * sizeof *source);
    }
    for (int x = 0; x < SIDE; x++) {
      const guint16 *a = row[0] + 2 * x, *b = row[1] + 2 * x;
      if (bytes) bytes[d * SIDE + x] = (guint8)((a[0] + a[1] + b[0] + b[1] + 2) >> 2);
      else floats[d * SIDE + x] = ((a[0] / r->max + a[1] / r->max) + (b[0] / r->max + b[1] / r->max)) * 0.25f;
    }
  }
}

/* ---- min-max stretch, as matplotlib's imsave(cmap="gray") does it ---- */

/* The grey table: trunc(i * (1/255) * 255), where 24 levels come out one lower (spec section 16, point 1). */
static void grey_table(guint8 *table) {
  for (int i = 0; i < 256; i++) {
    volatile double unit = i * (1.0 / 255.0);
    table[i] = (guint8)(unit * 255.0);
  }
}

/* Level of a value: Normalize works in float32 but subtracts and divides by float64 scalars; the colour map takes trunc(256 x). */
static inline int level(float value, double min, double range) {
  float x = (float)(value - min);
  x = (float)(x / range) * 256.f;
  int i = (int)x;
  return i > 255 ? 255 : i;
}

static void stretch_float(const float *in, guint8 *out) {
  float min = in[0], max = in[0];
  for (int i = 0; i < SIDE * SIDE; i++) {
    min = in[i] < min ? in[i] : min;
    max = in[i] > max ? in[i] : max;
  }
  if (!(max > min)) {
    memset(out, 0, SIDE * SIDE);
    return;
  }
  guint8 table[256];
  grey_table(table);
  double range = (double)max - min;
  for (int i = 0; i < SIDE * SIDE; i++) out[i] = (guint8)level(in[i], min, range);
  for (int i = 0; i < SIDE * SIDE; i++) out[i] = table[out[i]];
}

static void stretch_u8(guint8 *pixels) {
  guint8 min = 255, max = 0;
  for (int i = 0; i < SIDE * SIDE; i++) {
    min = MIN(min, pixels[i]);
    max = MAX(max, pixels[i]);
  }
  guint8 grey[256], table[256] = {0};
  grey_table(grey);
  for (int v = min; v <= max && max > min; v++) table[v] = grey[level((float)v, min, (double)max - min)];
  for (int i = 0; i < SIDE * SIDE; i++) pixels[i] = table[pixels[i]];
}

/* ---- smaller inputs: the area average of the reference frame ---- */

/* Each output pixel covers 1024/size frame pixels; the shares at its ends are exact in units of 1/size of a frame pixel, so that all sums
 * are integers and the rounding is to the nearest level, whatever the size. */
static void area_average(const guint8 *frame, int size, guint8 *out, guint32 *sums) {
  for (int oy = 0; oy < size; oy++) {
    int from = oy * SIDE, to = from + SIDE; /* in 1/size of a row */
    memset(sums, 0, SIDE * sizeof *sums);
    for (int y = from / size; y * size < to; y++) {
      guint32 share = (guint32)(MIN(to, (y + 1) * size) - MAX(from, y * size));
      const guint8 *row = frame + y * SIDE;
      for (int x = 0; x < SIDE; x++) sums[x] += share * row[x];
    }
    for (int ox = 0; ox < size; ox++) {
      int left = ox * SIDE, right = left + SIDE;
      guint64 sum = 0;
      for (int x = left / size; x * size < right; x++) sum += (guint64)sums[x] * (guint32)(MIN(right, (x + 1) * size) - MAX(left, x * size));
      out[oy * size + ox] = (guint8)((sum + SIDE * SIDE / 2) / (SIDE * SIDE));
    }
  }
}

static void mirror_rows(guint8 *pixels, int size) {
  for (int y = 0; y < size; y++, pixels += size)
    for (int a = 0, b = size - 1; a < b; a++, b--) {
      guint8 swap = pixels[a];
      pixels[a] = pixels[b], pixels[b] = swap;
    }
}

gboolean ax_preprocess(AxImage *image, const AxPreprocessOptions *options, guint8 *out, AxFrame *frame, GError **error) {
  AxPreprocessOptions o = options ? *options : AX_PREPROCESS_DEFAULT;
  if (o.size < 16 || o.size > SIDE) {
    g_set_error(error, AX_IMAGE_ERROR, AX_IMAGE_ERROR_ARGUMENT, "The model's input side is %d pixels; only 16 to %d exist", o.size, SIDE);
    return FALSE;
  }
  AxFrame geometry;
  ax_frame_init(&geometry, ax_image_get_width(image), ax_image_get_height(image), o.plain_resize, o.mirror);
  if (frame) *frame = geometry;

  gboolean floats = ax_image_get_origin(image) == AX_IMAGE_ORIGIN_FLOAT;
  gsize line = (gsize)geometry.width + 2 * geometry.pad_x;
  g_autofree Resize *r = g_new(Resize, 1);
  g_autofree guint8 *whole = o.size < SIDE ? g_try_malloc(SIDE * SIDE) : NULL;
  g_autofree float *plane = floats ? g_try_malloc_n(SIDE * SIDE, sizeof *plane) : NULL;
  g_autofree gint32 *work = g_try_malloc0_n(2 * SIDE + line, sizeof *work);
  if ((o.size < SIDE && whole == NULL) || (floats && plane == NULL) || work == NULL) {
    g_set_error(error, AX_IMAGE_ERROR, AX_IMAGE_ERROR_TOO_LARGE, "Not enough memory to prepare the image: close other programs");
    return FALSE;
  }
  guint8 *target = whole ? whole : out;
  resize_init(r, image, &geometry);
  gboolean half = r->padded_width == 2 * SIDE && r->padded_height == 2 * SIDE;
  if (floats) {
    if (half) halve(r, plane, NULL);
    else resize_float(r, (float *)(void *)work, plane);
    if (o.stretch) stretch_float(plane, target);
    else
      for (int i = 0; i < SIDE * SIDE; i++) target[i] = (guint8)(plane[i] * 255.f + 0.5f);
  } else {
    if (half) halve(r, NULL, target);
    else resize_u8(r, work, target);
    if (o.stretch) stretch_u8(target);
  }
  if (whole) area_average(whole, o.size, out, (guint32 *)work);
  if (o.mirror) mirror_rows(out, o.size);
  return TRUE;
}
