#include "ui/film-letters.h"

#include <math.h>
#include <string.h>

#define LARGEST_SIDE 1100
#define GRID_W 20
#define GRID_H 28

/* A part of the picture that stands out from what is around it. */
typedef struct {
  int x1, y1, x2, y2; /* x2, y2 behind the last pixel */
  int n, seed;        /* how many pixels, and the first of them */
} Part;

typedef struct {
  int width, height;
  double *sums;  /* [height + 1, width + 1] integral of the grey values */
  guint8 *mask;  /* 1 bright, 2 visited */
  int *stack;
} Field;

/* ---- what stands out ---- */

static void integrate(Field *field, const guint16 *pixels) {
  int w = field->width + 1;

  memset(field->sums, 0, sizeof(double) * w);
  for (int y = 0; y < field->height; y++) {
    double row = 0;

    field->sums[(gsize)(y + 1) * w] = 0;
    for (int x = 0; x < field->width; x++) {
      row += pixels[(gsize)y * field->width + x];
      field->sums[(gsize)(y + 1) * w + x + 1] = field->sums[(gsize)y * w + x + 1] + row;
    }
  }
}

static double mean_around(const Field *field, int x, int y, int r) {
  int x1 = MAX(x - r, 0), y1 = MAX(y - r, 0), x2 = MIN(x + r + 1, field->width), y2 = MIN(y + r + 1, field->height), w = field->width + 1;
  double sum = field->sums[(gsize)y2 * w + x2] - field->sums[(gsize)y1 * w + x2] - field->sums[(gsize)y2 * w + x1] + field->sums[(gsize)y1 * w + x1];

  return sum / ((double)(x2 - x1) * (y2 - y1));
}

static void threshold(Field *field, const guint16 *pixels, double range) {
  int r = MAX(field->width, field->height) / 36;

  for (int y = 0; y < field->height; y++)
    for (int x = 0; x < field->width; x++)
      field->mask[(gsize)y * field->width + x] = pixels[(gsize)y * field->width + x] > mean_around(field, x, y, r) + 0.07 * range;
}

static Part flood(Field *field, int x, int y) {
  Part part = {x, y, x + 1, y + 1, 0, y * field->width + x};
  int top = 0;

  field->stack[top++] = y * field->width + x;
  field->mask[(gsize)y * field->width + x] = 2;
  while (top > 0) {
    int at = field->stack[--top], cx = at % field->width, cy = at / field->width;

    part.n++;
    part.x1 = MIN(part.x1, cx), part.x2 = MAX(part.x2, cx + 1);
    part.y1 = MIN(part.y1, cy), part.y2 = MAX(part.y2, cy + 1);
    for (int k = 0; k < 4; k++) {
      int nx = cx + (k == 0) - (k == 1), ny = cy + (k == 2) - (k == 3);

      if (nx < 0 || ny < 0 || nx >= field->width || ny >= field->height || field->mask[(gsize)ny * field->width + nx] != 1)
        continue;
      field->mask[(gsize)ny * field->width + nx] = 2;
      field->stack[top++] = ny * field->width + nx;
    }
  }
  return part;
}

/* ---- which letter ---- */

typedef struct {
  guint8 on[GRID_H][GRID_W];
} Glyph;

/* The part on a small grid, upright: italics are sheared back. */
static Glyph make_glyph(const Field *field, const Part *part, const guint8 *own, double shear, gboolean mirror) {
  int w = part->x2 - part->x1, h = part->y2 - part->y1;
  double left = G_MAXDOUBLE, right = -G_MAXDOUBLE;
  Glyph glyph;

  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++)
      if (own[y * w + x]) {
        double sx = x + shear * y;

        left = MIN(left, sx), right = MAX(right, sx + 1);
      }
  for (int j = 0; j < GRID_H; j++)
    for (int i = 0; i < GRID_W; i++) {
      int y = (int)((j + 0.5) / GRID_H * h), x = (int)floor(left + (i + 0.5) / GRID_W * (right - left) - shear * y);

      glyph.on[j][mirror ? GRID_W - 1 - i : i] = x >= 0 && x < w && own[y * w + x];
    }
  return glyph;
}

/* Share of a rectangle, in fractions of the glyph, that is on. */
static double share(const Glyph *g, double x1, double y1, double x2, double y2) {
  int n = 0, on = 0;

  for (int j = (int)(y1 * GRID_H + 0.5); j < (int)(y2 * GRID_H + 0.5); j++)
    for (int i = (int)(x1 * GRID_W + 0.5); i < (int)(x2 * GRID_W + 0.5); i++) {
      n++;
      on += g->on[j][i];
    }
  return n ? (double)on / n : 0;
}

/* Holes: parts of the background that the border does not reach; their number, and the middle of the largest. */
static int count_holes(const Glyph *g, double *middle_x, double *middle_y) {
  enum { W = GRID_W + 2, H = GRID_H + 2 };
  guint8 seen[H][W] = {{0}};
  int stack[W * H], holes = 0, largest = 0;

  for (int start = 0; start < W * H; start++) {
    int top = 0, n = 0, sx = 0, sy = 0;

    if (seen[start / W][start % W])
      continue;
    if (start / W > 0 && start / W <= GRID_H && start % W > 0 && start % W <= GRID_W && g->on[start / W - 1][start % W - 1])
      continue;
    seen[start / W][start % W] = 1;
    stack[top++] = start;
    while (top > 0) {
      int at = stack[--top], cx = at % W, cy = at / W;

      n++, sx += cx, sy += cy;
      for (int k = 0; k < 4; k++) {
        int nx = cx + (k == 0) - (k == 1), ny = cy + (k == 2) - (k == 3);

        if (nx < 0 || ny < 0 || nx >= W || ny >= H || seen[ny][nx])
          continue;
        if (ny > 0 && ny <= GRID_H && nx > 0 && nx <= GRID_W && g->on[ny - 1][nx - 1])
          continue;
        seen[ny][nx] = 1;
        stack[top++] = ny * W + nx;
      }
    }
    if (start == 0)
      continue; /* the outside */
    if (n < 6)
      continue; /* noise */
    holes++;
    if (n > largest) {
      largest = n;
      *middle_x = ((double)sx / n - 0.5) / GRID_W;
      *middle_y = ((double)sy / n - 0.5) / GRID_H;
    }
  }
  return holes;
}

/* A full bar at the left, a full foot, nothing above the foot. */
static gboolean is_l(const Glyph *g) {
  double mx, my;

  return share(g, 0, 0.03, 0.25, 1) > 0.7 && share(g, 0, 0.92, 1, 1) > 0.75 && share(g, 0.5, 0.92, 1, 1) > 0.7 && share(g, 0.58, 0, 1, 0.6) < 0.03 &&
         share(g, 0, 0, 0.5, 0.4) > 0.35 && count_holes(g, &mx, &my) == 0;
}

/* A full bar, one hole in the upper half, two feet with a gap. */
static gboolean is_r(const Glyph *g) {
  double mx = 0, my = 0;

  if (share(g, 0, 0.05, 0.18, 0.95) < 0.85 || share(g, 0.1, 0, 0.6, 0.1) < 0.75 || share(g, 0.4, 0.85, 0.58, 1) > 0.25 || share(g, 0.72, 0.8, 1, 1) < 0.45)
    return FALSE;
  return count_holes(g, &mx, &my) == 1 && my < 0.42 && mx > 0.3 && mx < 0.65 && share(g, 0.85, 0.5, 1, 0.6) < 0.7;
}

static gboolean classify(const Field *field, const Part *part, const guint8 *own, AxFilmLetter *letter) {
  static const double shears[] = {0, 0.08, 0.16, 0.24, 0.32, -0.1, -0.2};

  for (guint k = 0; k < G_N_ELEMENTS(shears); k++)
    for (int mirror = 0; mirror < 2; mirror++) {
      Glyph glyph = make_glyph(field, part, own, shears[k], mirror);

      if (!is_l(&glyph) && !is_r(&glyph))
        continue;
      letter->letter = is_l(&glyph) ? 'L' : 'R';
      letter->mirrored = mirror;
      return TRUE;
    }
  return FALSE;
}

/* Own pixels of a part, [h, w], found again by flooding inside its box; NULL when it is no candidate by size and place. */
static guint8 *own_pixels(const Field *field, const Part *part) {
  int w = part->x2 - part->x1, h = part->y2 - part->y1, side = MAX(field->width, field->height), top = 0;
  double middle = (part->x1 + part->x2) / 2.0 / field->width, fill = (double)part->n / ((double)w * h);
  g_autofree int *stack = NULL;
  guint8 *own;

  if (part->x1 < 3 || part->y1 < 3 || part->x2 > field->width - 3 || part->y2 > field->height - 3)
    return NULL;
  if (h < MAX(side * 0.014, 9) || h > side * 0.08 || w < 0.3 * h || w > 1.35 * h || (middle > 0.34 && middle < 0.66) || fill < 0.18 || fill > 0.72)
    return NULL;
  own = g_new0(guint8, (gsize)w * h);
  stack = g_new(int, (gsize)w * h);
  stack[top++] = (part->seed / field->width - part->y1) * w + part->seed % field->width - part->x1;
  own[stack[0]] = 1;
  while (top > 0) {
    int at = stack[--top], cx = at % w, cy = at / w;

    for (int k = 0; k < 4; k++) {
      int nx = cx + (k == 0) - (k == 1), ny = cy + (k == 2) - (k == 3);

      if (nx < 0 || ny < 0 || nx >= w || ny >= h || own[ny * w + nx] || !field->mask[(gsize)(part->y1 + ny) * field->width + part->x1 + nx])
        continue;
      own[ny * w + nx] = 1;
      stack[top++] = ny * w + nx;
    }
  }
  return own;
}

static gboolean overlap_x(const Part *a, const Part *b) { return MIN(a->x2, b->x2) > MAX(a->x1, b->x1); }

/* A letter of a word ("PORTABLE") is no side marker: another part of its height stands beside it on the same line, or above and below.
 * Initials below a marker are common and no word. */
static gboolean is_in_word(const GArray *parts, const Part *part) {
  int h = part->y2 - part->y1;
  gboolean above = FALSE, below = FALSE;

  for (guint i = 0; i < parts->len; i++) {
    const Part *other = &g_array_index(parts, Part, i);
    int height = other->y2 - other->y1, overlap = MIN(other->y2, part->y2) - MAX(other->y1, part->y1);
    int gap = MAX(other->x1 - part->x2, part->x1 - other->x2), width = other->x2 - other->x1;

    if (width * 4 < height || width > height * 3 / 2 || other->n * 5 < width * height)
      continue;
    above |= other->y2 <= part->y1 && part->y1 - other->y2 < h * 8 / 10 && height * 10 > h * 6 && overlap_x(other, part);
    below |= other->y1 >= part->y2 && other->y1 - part->y2 < h * 8 / 10 && height * 10 > h * 6 && overlap_x(other, part);
    if (other->seed != part->seed && height * 10 > h * 7 && height * 10 < h * 15 && overlap * 10 > h * 6 && gap >= -1 && gap < h * 8 / 10)
      return TRUE;
  }
  return above && below;
}

/* A marker stands on calm ground; in noise and texture everything has neighbours. */
static gboolean is_alone(const Field *field, const Part *part) {
  int on = 0, n = 0;

  for (int y = MAX(part->y1 - 2, 0); y < MIN(part->y2 + 2, field->height); y++)
    for (int x = MAX(part->x1 - 2, 0); x < MIN(part->x2 + 2, field->width); x++)
      if (x < part->x1 || x >= part->x2 || y < part->y1 || y >= part->y2) {
        n++;
        on += field->mask[(gsize)y * field->width + x] != 0;
      }
  return on * 5 < n;
}

/* Grey levels between the percentiles 1 and 99: what contrast is measured by. */
static double grey_range(const guint16 *pixels, gsize n) {
  g_autofree guint32 *counts = g_new0(guint32, 65536);
  gsize seen = 0;
  int low = -1, high = 0;

  for (gsize i = 0; i < n; i++)
    counts[pixels[i]]++;
  for (int v = 0; v < 65536; v++) {
    seen += counts[v];
    if (low < 0 && seen * 100 >= n)
      low = v;
    if (seen * 100 < n * 99)
      high = v;
  }
  return MAX(high - low, 1);
}

guint ax_film_letters_find(AxPyramid *pyramid, AxFilmLetter *letters, guint most) {
  guint level = 0, n = 0;
  int width, height, full_width, full_height;
  const guint16 *pixels = ax_pyramid_get_level(pyramid, 0, &full_width, &full_height);
  g_autoptr(GArray) parts = g_array_new(FALSE, FALSE, sizeof(Part));
  Field field = {0};

  width = full_width, height = full_height;
  while (level + 1 < ax_pyramid_get_n_levels(pyramid) && MAX(width, height) > LARGEST_SIDE)
    pixels = ax_pyramid_get_level(pyramid, ++level, &width, &height);
  if (MIN(width, height) < 64)
    return 0;
  field = (Field){width, height, g_new(double, (gsize)(width + 1) * (height + 1)), g_new(guint8, (gsize)width * height), g_new(int, (gsize)width * height)};
  integrate(&field, pixels);
  threshold(&field, pixels, grey_range(pixels, (gsize)width * height));
  for (int seed = 0; seed < width * height; seed++)
    if (field.mask[seed] == 1) {
      Part part = flood(&field, seed % width, seed / width);

      if (part.y2 - part.y1 >= 7)
        g_array_append_val(parts, part);
    }
  for (guint i = 0; i < parts->len && n < most; i++) {
    const Part *part = &g_array_index(parts, Part, i);
    g_autofree guint8 *own = own_pixels(&field, part);
    double sx = (double)full_width / width, sy = (double)full_height / height;

    if (!own || !classify(&field, part, own, &letters[n]) || !is_alone(&field, part) || is_in_word(parts, part))
      continue;
    letters[n++].box = (AxBox){part->x1 * sx, part->y1 * sy, part->x2 * sx, part->y2 * sy};
  }
  g_free(field.sums);
  g_free(field.mask);
  g_free(field.stack);
  return n;
}
