/* Pasting a synthetic finding onto a real radiograph: works on grey levels, not on attenuation, and only inside the finding's rectangle, so
 * that it is fast enough for the loader of a training run. A finding mixes the grey level of soft tissue into the lung: p + a (tissue - p)
 * keeps the ribs and vessels visible at a contrast of 1 - a, as an opacity does. */
#include "engine/training/phantom-private.h"


/* Bilinear value of a mask, coordinates in pixels of the picture as a share of 128 cells. */
static inline float mask_at(const float *m, float u, float v) {
  int n = AX_PHANTOM_MASK_SIDE, i = CLAMP((int)u, 0, n - 2), j = CLAMP((int)v, 0, n - 2);
  float a = CLAMP(u - i, 0.0f, 1.0f), b = CLAMP(v - j, 0.0f, 1.0f);
  const float *q = m + j * n + i;
  return (q[0] * (1 - a) + q[1] * a) * (1 - b) + (q[n] * (1 - a) + q[n + 1] * a) * b;
}

/* Noise on a coarse grid, filled once, read bilinearly. */
#define COARSE 49
typedef struct {
  float v[COARSE * COARSE];
} Field;

static void field_fill(Field *f, guint64 seed, double c1, double c2, double c3) {
  for (int y = 0; y < COARSE; y++)
    for (int x = 0; x < COARSE; x++)
      f->v[y * COARSE + x] = (float)(0.55 * phantom_noise(seed, x, y, c1) + 0.32 * phantom_noise(seed + 1, x, y, c2) + 0.20 * phantom_noise(seed + 2, x, y, c3));
}
static inline float field_at(const Field *f, float u, float v) { /* u, v in [0, 1] */
  float x = CLAMP(u, 0.0f, 0.9999f) * (COARSE - 1), y = CLAMP(v, 0.0f, 0.9999f) * (COARSE - 1);
  int i = (int)x, j = (int)y;
  float a = x - i, b = y - j;
  const float *q = f->v + j * COARSE + i;
  return (q[0] * (1 - a) + q[1] * a) * (1 - b) + (q[COARSE] * (1 - a) + q[COARSE + 1] * a) * b;
}

static inline float ramp(float a, float b, float x) {
  float t = CLAMP((x - a) / (b - a), 0.0f, 1.0f);
  return t * t * (3 - 2 * t);
}

gboolean ax_phantom_paste_finding(guint8 *pixels, int width, int height, gsize stride, const guint8 *masks, const AxPhantomPaste *paste, AxBox *box) {
  enum { N = AX_PHANTOM_MASK_SIDE };
  AxPhantomKind kind = paste->kind;
  if (width < 16 || height < 16 || (kind != AX_PHANTOM_EFFUSION && kind != AX_PHANTOM_OPACITY && kind != AX_PHANTOM_CONSOLIDATION && kind != AX_PHANTOM_NODULE && kind != AX_PHANTOM_ATELECTASIS))
    return FALSE;
  AxPhantomRandom r = phantom_random_stream(paste->seed, 300);
  int side = paste->side == AX_PHANTOM_SIDE_LEFT ? 1 : paste->side == AX_PHANTOM_SIDE_RIGHT ? 0 : phantom_random_unit(&r) < 0.5;
  const guint8 *lung = masks + side * N * N, *heart = masks + 2 * N * N;
  double severity = CLAMP(paste->severity, 0, 1);

  int x1 = N, y1 = N, x2 = 0, y2 = 0, area = 0;
  for (int y = 0; y < N; y++)
    for (int x = 0; x < N; x++)
      if (lung[y * N + x]) {
        x1 = MIN(x1, x);
        x2 = MAX(x2, x + 1);
        y1 = MIN(y1, y);
        y2 = y + 1;
        area++;
      }
  if (area < 300 || x2 - x1 < 10 || y2 - y1 < 20)
    return FALSE;

  /* grey level of soft tissue: of the heart where it is known, of the bright end of the picture otherwise */
  double tissue = 0, lung_level = 0;
  int nt = 0, nl = 0;
  guint histogram[256] = {0}, total = 0;
  for (int y = 0; y < N; y++)
    for (int x = 0; x < N; x++) {
      guint8 p = pixels[(gsize)((y + 0.5) * height / N) * stride + (gsize)((x + 0.5) * width / N)];
      histogram[p]++;
      total++;
      if (lung[y * N + x])
        lung_level += p, nl++;
      else if (heart[y * N + x])
        tissue += p, nt++;
    }
  lung_level /= MAX(nl, 1);
  if (nt < 100) {
    guint sum = 0;
    int level = 255;
    while (level > 0 && (sum += histogram[level]) < total / 4)
      level--;
    tissue = level;
  } else {
    tissue /= nt;
  }
  tissue = MAX(tissue, lung_level + 30);

  /* soft copy of the lung's mask: two passes of a 3 x 3 mean */
  g_autofree float *soft = g_new(float, N * N), *tmp = g_new(float, N * N);
  for (int i = 0; i < N * N; i++)
    soft[i] = lung[i] ? 1 : 0;
  for (int pass = 0; pass < 2; pass++) {
    memcpy(tmp, soft, N * N * sizeof(float));
    for (int y = 1; y < N - 1; y++)
      for (int x = 1; x < N - 1; x++) {
        float s = 0;
        for (int j = -1; j <= 1; j++)
          for (int i = -1; i <= 1; i++)
            s += tmp[(y + j) * N + x + i];
        soft[y * N + x] = s / 9;
      }
  }

  /* place and size, in mask cells */
  double lw = x2 - x1, lh = y2 - y1, cx = 0, cy = 0, rx, ry, strength, tilt = 0;
  gboolean found = FALSE;
  if (kind == AX_PHANTOM_NODULE)
    rx = ry = (0.012 + 0.05 * severity * severity) * lh * 1.5 + 0.6, strength = 0.25 + 0.5 * severity;
  else if (kind == AX_PHANTOM_ATELECTASIS)
    rx = (0.20 + 0.16 * severity) * lw, ry = (0.010 + 0.008 * severity) * lh, strength = 0.30 + 0.35 * severity, tilt = phantom_random_range(&r, -0.3, 0.3);
  else
    rx = (0.16 + 0.20 * severity) * lw * phantom_random_range(&r, 0.8, 1.3), ry = (0.10 + 0.12 * severity) * lh * phantom_random_range(&r, 0.8, 1.3), strength = (kind == AX_PHANTOM_CONSOLIDATION ? 0.55 : 0.25) + 0.35 * severity;
  double inner = 0.5;
  for (int i = 0; i < 60 && !found; i++) { /* centres lie inside the lung */
    double lo = kind == AX_PHANTOM_ATELECTASIS ? 0.6 : 0.15, hi = kind == AX_PHANTOM_ATELECTASIS ? 0.92 : 0.88;
    cx = x1 + lw * phantom_random_range(&r, 0.15, 0.85);
    cy = y1 + lh * phantom_random_range(&r, lo, hi);
    found = lung[(int)cy * N + (int)cx] && mask_at(soft, (float)cx - 0.5f, (float)cy - 0.5f) > inner;
  }
  if (!found)
    return FALSE;
  /* which end of the lung's rows is the mediastinum: the one nearer to the heart or to the middle of the picture */
  gboolean wall_low_x = (x1 + x2) / 2.0 < N / 2.0;
  double level = y2 - (0.10 + 0.50 * severity) * lh, rise = (0.07 + 0.10 * severity) * lh, reach = 0.22 * lw;
  double ax1 = cx - 2 * rx, ax2 = cx + 2 * rx, ay1 = cy - 2 * ry, ay2 = cy + 2 * ry;
  if (kind == AX_PHANTOM_ATELECTASIS)
    ay1 = cy - fabs(tilt) * rx * 2 - 3 * ry - 1, ay2 = cy + fabs(tilt) * rx * 2 + 3 * ry + 1;
  if (kind == AX_PHANTOM_EFFUSION)
    ax1 = x1 - 1, ax2 = x2 + 1, ay1 = level - rise * 1.3 - 3, ay2 = y2 + 2, strength = 0.88;
  double sx = (double)N / width, sy = (double)N / height;
  int px1 = CLAMP((int)floor(ax1 / sx), 0, width), px2 = CLAMP((int)ceil(ax2 / sx), 0, width), py1 = CLAMP((int)floor(ay1 / sy), 0, height), py2 = CLAMP((int)ceil(ay2 / sy), 0, height);
  if (px2 <= px1 || py2 <= py1)
    return FALSE;
  Field *field = g_new(Field, 1);
  field_fill(field, paste->seed * 97 + 3, kind == AX_PHANTOM_EFFUSION ? 18 : 13, 6, 2.6);
  /* the lung's outer border per mask row, for the meniscus */
  float wall[N];
  for (int y = 0; y < N; y++) {
    wall[y] = wall_low_x ? x1 : x2;
    for (int i = 0; i < N; i++) {
      int x = wall_low_x ? i : N - 1 - i;
      if (lung[y * N + x]) {
        wall[y] = x + 0.5f;
        break;
      }
    }
  }
  float rag = kind == AX_PHANTOM_NODULE ? 0.16f : kind == AX_PHANTOM_CONSOLIDATION ? 0.55f : 0.95f;
  int bx1 = width, by1 = height, bx2 = 0, by2 = 0;
  for (int y = py1; y < py2; y++) {
    float v = (float)((y + 0.5) * sy), fv = (float)(y - py1) / (py2 - py1);
    int row = CLAMP((int)v, 0, N - 1);
    guint8 *line = pixels + (gsize)y * stride;
    for (int x = px1; x < px2; x++) {
      float u = (float)((x + 0.5) * sx), a, m = mask_at(soft, u - 0.5f, v - 0.5f), fu = (float)(x - px1) / (px2 - px1);
      if (m < 0.02f)
        continue;
      if (kind == AX_PHANTOM_EFFUSION) {
        float top = (float)(level - rise * exp(-fabs(u - wall[row]) / reach)) + 1.2f * field_at(field, fu, 0.5f);
        a = ramp(-1.8f, 4.0f, v - top);
      } else if (kind == AX_PHANTOM_ATELECTASIS) {
        float du = (float)((u - cx) / rx), dv = (float)((v - cy - tilt * (u - cx)) / ry), d2 = du * du;
        a = d2 < 1 ? (1 - d2) * expf(-0.5f * dv * dv) : 0;
      } else {
        float du = (float)((u - cx) / rx), dv = (float)((v - cy) / ry), d = sqrtf(du * du + dv * dv);
        if (d > 2)
          continue;
        float b = 1 - d + rag * field_at(field, fu, fv);
        a = kind == AX_PHANTOM_NODULE ? ramp(-0.10f, 0.75f, b) : ramp(-0.15f, kind == AX_PHANTOM_CONSOLIDATION ? 0.40f : 0.75f, b) * (1 + 0.25f * field_at(field, fv, fu));
      }
      a = CLAMP(a, 0.0f, 1.0f) * ramp(0.15f, 0.85f, m) * (float)strength;
      if (a <= 0)
        continue;
      float p = line[x], q = p + a * MAX(0.0f, (float)tissue - 0.6f * p - 0.4f * (float)lung_level);
      line[x] = (guint8)CLAMP(q + 0.5f, 0.0f, 255.0f);
      if (a > 0.25f * (float)strength) {
        bx1 = MIN(bx1, x);
        bx2 = MAX(bx2, x + 1);
        by1 = MIN(by1, y);
        by2 = MAX(by2, y + 1);
      }
    }
  }
  g_free(field);
  *box = bx2 > bx1 ? (AxBox){bx1, by1, bx2, by2} : (AxBox){cx / sx, cy / sy, cx / sx + 1, cy / sy + 1};
  return TRUE;
}
