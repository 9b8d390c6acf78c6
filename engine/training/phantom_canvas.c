/* Drawing on float planes: see phantom-private.h. */
#include "engine/training/phantom-private.h"

void phantom_path_curve(AxPhantomPath *path, const AxPhantomPoint *q, int n, int steps, double ra, double rb, double wa, double wb) {
  for (int i = 0; i < n - 1; i++) {
    AxPhantomPoint p0 = q[MAX(i - 1, 0)], p1 = q[i], p2 = q[i + 1], p3 = q[MIN(i + 2, n - 1)];
    for (int k = i == 0 ? 0 : 1; k <= steps; k++) {
      double t = (double)k / steps, t2 = t * t, t3 = t2 * t, u = (i + t) / (n - 1);
      double b0 = -0.5 * t3 + t2 - 0.5 * t, b1 = 1.5 * t3 - 2.5 * t2 + 1, b2 = -1.5 * t3 + 2 * t2 + 0.5 * t, b3 = 0.5 * t3 - 0.5 * t2;
      phantom_path_add(path, b0 * p0.x + b1 * p1.x + b2 * p2.x + b3 * p3.x, b0 * p0.y + b1 * p1.y + b2 * p2.y + b3 * p3.y,
                       ra + (rb - ra) * u, wa + (wb - wa) * u);
    }
  }
}

gboolean phantom_path_extent(const AxPhantomPath *p, double y0, double y1, double *x0, double *x1) {
  double lo = 1e9, hi = -1e9;
  for (int i = 0; i < p->n; i++) {
    int j = (i + 1) % p->n;
    double xa = p->x[i], ya = p->y[i], xb = p->x[j], yb = p->y[j];
    if (ya > yb) {
      double t = xa;
      xa = xb, xb = t, t = ya, ya = yb, yb = t;
    }
    if (yb < y0 || ya > y1)
      continue;
    double ta = yb > ya ? CLAMP((y0 - ya) / (yb - ya), 0, 1) : 0, tb = yb > ya ? CLAMP((y1 - ya) / (yb - ya), 0, 1) : 1;
    double ua = xa + (xb - xa) * ta, ub = xa + (xb - xa) * tb;
    lo = MIN(lo, MIN(ua, ub));
    hi = MAX(hi, MAX(ua, ub));
  }
  *x0 = lo;
  *x1 = hi;
  return lo < hi;
}

AxBox phantom_path_box(const AxPhantomPath *p) {
  AxBox b = {1e9, 1e9, -1e9, -1e9};
  for (int i = 0; i < p->n; i++) {
    b.x1 = MIN(b.x1, p->x[i]);
    b.x2 = MAX(b.x2, p->x[i]);
    b.y1 = MIN(b.y1, p->y[i]);
    b.y2 = MAX(b.y2, p->y[i]);
  }
  return b;
}

gboolean phantom_path_contains(const AxPhantomPath *p, double x, double y) {
  gboolean in = FALSE;
  for (int i = 0, j = p->n - 1; i < p->n; j = i++)
    if ((p->y[i] > y) != (p->y[j] > y) && x < (p->x[j] - p->x[i]) * (y - p->y[i]) / (p->y[j] - p->y[i]) + p->x[i])
      in = !in;
  return in;
}

void phantom_canvas_to_film(const AxPhantomCanvas *c, double x, double y, double *fx, double *fy) {
  double u = c->flip * (x - 512), v = y - 512;
  *fx = (512 + c->cs * u - c->sn * v) * c->scale;
  *fy = (512 + c->sn * u + c->cs * v) * c->scale;
}

void phantom_canvas_to_body(const AxPhantomCanvas *c, double fx, double fy, double *x, double *y) {
  double u = fx / c->scale - 512, v = fy / c->scale - 512;
  *x = 512 + c->flip * (c->cs * u + c->sn * v);
  *y = 512 - c->sn * u + c->cs * v;
}

AxPhantomPath *phantom_canvas_map(const AxPhantomCanvas *c, const AxPhantomPath *path) {
  AxPhantomPath *q = g_new(AxPhantomPath, 1);
  q->n = path->n;
  for (int i = 0; i < path->n; i++) {
    phantom_canvas_to_film(c, path->x[i], path->y[i], &q->x[i], &q->y[i]);
    q->r[i] = path->r[i] * c->scale;
    q->w[i] = path->w[i];
  }
  return q;
}

float *phantom_plane_new(const AxPhantomCanvas *c) { return g_new0(float, (gsize)c->size * c->size); }

#define SUB 4 /* sub-scanlines of a row; along the row the coverage is exact */

void phantom_canvas_fill(const AxPhantomCanvas *c, float *plane, const AxPhantomPath *path, double value) {
  g_autofree AxPhantomPath *q = phantom_canvas_map(c, path);
  int n = c->size;
  AxBox b = phantom_path_box(q);
  int ya = CLAMP((int)floor(b.y1), 0, n), yb = CLAMP((int)ceil(b.y2), 0, n);
  double cross[64];
  for (int y = ya; y < yb; y++) {
    float *row = plane + (gsize)y * n;
    for (int s = 0; s < SUB; s++) {
      double yy = y + (s + 0.5) / SUB;
      int k = 0;
      for (int i = 0, j = q->n - 1; i < q->n; j = i++)
        if ((q->y[i] > yy) != (q->y[j] > yy) && k < 64) {
          double x = (q->x[j] - q->x[i]) * (yy - q->y[i]) / (q->y[j] - q->y[i]) + q->x[i];
          int m = k++;
          for (; m > 0 && cross[m - 1] > x; m--)
            cross[m] = cross[m - 1];
          cross[m] = x;
        }
      for (int i = 0; i + 1 < k; i += 2) {
        double xa = CLAMP(cross[i], 0, n), xb = CLAMP(cross[i + 1], 0, n);
        int ia = (int)xa, ib = (int)xb;
        float v = (float)(value / SUB);
        if (ia == ib) {
          if (ia < n)
            row[ia] += v * (float)(xb - xa);
          continue;
        }
        row[ia] += v * (float)(ia + 1 - xa);
        for (int x = ia + 1; x < ib; x++)
          row[x] += v;
        if (ib < n)
          row[ib] += v * (float)(xb - ib);
      }
    }
  }
}

/* One box blur along rows, written transposed so that two calls do both directions with good locality. Edges are repeated. */
static void box_transpose(const float *in, float *out, int n, int r) {
  float inv = 1.0f / (2 * r + 1);
  for (int y = 0; y < n; y++) {
    const float *row = in + (gsize)y * n;
    double s = row[0] * (double)(r + 1);
    for (int x = 1; x <= r; x++)
      s += row[MIN(x, n - 1)];
    for (int x = 0; x < n; x++) {
      out[(gsize)x * n + y] = (float)s * inv;
      s += row[MIN(x + r + 1, n - 1)] - row[MAX(x - r, 0)];
    }
  }
}

void phantom_canvas_blur(const AxPhantomCanvas *c, float *plane, double sigma) {
  double s = sigma * c->scale;
  int n = c->size;
  if (s < 0.3)
    return;
  if (s < 1.2) { /* too narrow for boxes: a three-tap kernel each way, repeated once */
    float k = (float)(s * s / 2 / 2);
    k = MIN(k, 0.33f);
    for (int pass = 0; pass < 2; pass++) {
      for (int y = 0; y < n; y++)
        for (int x = 0; x < n; x++) {
          const float *r = plane + (gsize)y * n;
          c->scratch[(gsize)y * n + x] = r[x] * (1 - 2 * k) + k * (r[MAX(x - 1, 0)] + r[MIN(x + 1, n - 1)]);
        }
      for (int y = 0; y < n; y++) {
        const float *r0 = c->scratch + (gsize)MAX(y - 1, 0) * n, *r1 = c->scratch + (gsize)y * n, *r2 = c->scratch + (gsize)MIN(y + 1, n - 1) * n;
        for (int x = 0; x < n; x++)
          plane[(gsize)y * n + x] = r1[x] * (1 - 2 * k) + k * (r0[x] + r2[x]);
      }
    }
    return;
  }
  int r = MAX(1, (int)lround((sqrt(4 * s * s + 1) - 1) / 2)); /* three boxes of 2r+1 have this variance */
  for (int pass = 0; pass < 3; pass++) {
    box_transpose(plane, c->scratch, n, r);
    box_transpose(c->scratch, plane, n, r);
  }
}

static inline float profile_value(AxPhantomProfile profile, float v, float soft) {
  float edge = CLAMP((1 - v) / soft, 0.0f, 1.0f); /* anti-aliased rim */
  switch (profile) {
  case PHANTOM_PROFILE_ROUND:
  case PHANTOM_PROFILE_VESSEL:
    return v < 1 ? sqrtf(1 - v * v) : 0;
  case PHANTOM_PROFILE_BONE: {
    float d = (v - 0.86f) / 0.13f;
    return edge * (0.60f + 0.14f * sqrtf(MAX(0, 1 - v * v)) + 0.44f * expf(-d * d));
  }
  case PHANTOM_PROFILE_TUBE: {
    float d = (v - 0.75f) / 0.2f;
    return edge * (0.35f + 0.8f * expf(-d * d));
  }
  case PHANTOM_PROFILE_FLAT:
  default:
    return edge;
  }
}

void phantom_canvas_stroke(const AxPhantomCanvas *c, float *plane, const AxPhantomPath *path, AxPhantomProfile profile, const float *keep) {
  if (path->n < 2)
    return;
  g_autofree AxPhantomPath *q = phantom_canvas_map(c, path);
  int n = c->size;
  double rmax = 0;
  for (int i = 0; i < q->n; i++)
    rmax = MAX(rmax, q->r[i]);
  AxBox b = phantom_path_box(q);
  double m = MAX(rmax, 0.8) + 1;
  int bx0 = CLAMP((int)floor(b.x1 - m), 0, n), bx1 = CLAMP((int)ceil(b.x2 + m), 0, n);
  int by0 = CLAMP((int)floor(b.y1 - m), 0, n), by1 = CLAMP((int)ceil(b.y2 + m), 0, n);
  int bw = bx1 - bx0, bh = by1 - by0;
  if (bw <= 0 || bh <= 0)
    return;
  float *best = c->scratch, *weight = c->scratch2; /* nearest relative distance, and the weight there */
  for (gsize i = 0; i < (gsize)bw * bh; i++)
    best[i] = 4;
  for (int i = 0; i + 1 < q->n; i++) {
    double xa = q->x[i], ya = q->y[i], xb = q->x[i + 1], yb = q->y[i + 1], dx = xb - xa, dy = yb - ya, l2 = dx * dx + dy * dy;
    /* strokes thinner than a pixel are drawn as wide as one, and fainter */
    double ra = MAX(q->r[i], 0.8), rb = MAX(q->r[i + 1], 0.8), fa = MIN(1, q->r[i] / 0.8), fb = MIN(1, q->r[i + 1] / 0.8), rr = MAX(ra, rb) + 1;
    int x0 = CLAMP((int)floor(MIN(xa, xb) - rr), bx0, bx1), x1 = CLAMP((int)ceil(MAX(xa, xb) + rr), bx0, bx1);
    int y0 = CLAMP((int)floor(MIN(ya, yb) - rr), by0, by1), y1 = CLAMP((int)ceil(MAX(ya, yb) + rr), by0, by1);
    float il2 = l2 > 0 ? (float)(1 / l2) : 0;
    for (int y = y0; y < y1; y++) {
      float py = (float)(y + 0.5 - ya);
      gsize o = (gsize)(y - by0) * bw - bx0;
      for (int x = x0; x < x1; x++) {
        float px = (float)(x + 0.5 - xa), t = (px * (float)dx + py * (float)dy) * il2;
        if (profile == PHANTOM_PROFILE_BONE && ((i == 0 && t < 0) || (i + 2 == q->n && t > 1)))
          continue; /* bones end flat, so that two halves can be joined */
        t = CLAMP(t, 0.0f, 1.0f);
        float ex = px - t * (float)dx, ey = py - t * (float)dy, r = (float)(ra + (rb - ra) * t), d2 = ex * ex + ey * ey;
        if (d2 >= r * r)
          continue;
        float v = sqrtf(d2) / r;
        if (v < best[o + x]) {
          best[o + x] = v;
          weight[o + x] = (float)((q->w[i] * fa) + (q->w[i + 1] * fb - q->w[i] * fa) * t);
        }
      }
    }
  }
  float soft = (float)MIN(1.0, 1.2 / MAX(rmax, 0.8));
  for (int y = 0; y < bh; y++) {
    float *row = plane + (gsize)(y + by0) * n + bx0;
    const float *k = keep ? keep + (gsize)(y + by0) * n + bx0 : NULL;
    const float *bb = best + (gsize)y * bw, *ww = weight + (gsize)y * bw;
    for (int x = 0; x < bw; x++)
      if (bb[x] < 1) {
        float v = ww[x] * profile_value(profile, bb[x], soft) * (k ? k[x] : 1);
        row[x] = profile == PHANTOM_PROFILE_VESSEL ? sqrtf(row[x] * row[x] + v * v) : row[x] + v;
      }
  }
}

static inline double lattice(guint64 seed, gint64 x, gint64 y) {
  guint64 z = seed ^ ((guint64)x * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15)) ^ ((guint64)y * G_GUINT64_CONSTANT(0xc2b2ae3d27d4eb4f));
  z = (z ^ (z >> 30)) * G_GUINT64_CONSTANT(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * G_GUINT64_CONSTANT(0x94d049bb133111eb);
  return (double)(z >> 40) * 0x1p-23 - 1;
}

double phantom_noise(guint64 seed, double x, double y, double cell) {
  double u = x / cell, v = y / cell, fu = floor(u), fv = floor(v), a = u - fu, b = v - fv;
  gint64 i = (gint64)fu, j = (gint64)fv;
  a = a * a * (3 - 2 * a);
  b = b * b * (3 - 2 * b);
  double n0 = lattice(seed, i, j) * (1 - a) + lattice(seed, i + 1, j) * a;
  double n1 = lattice(seed, i, j + 1) * (1 - a) + lattice(seed, i + 1, j + 1) * a;
  return n0 * (1 - b) + n1 * b;
}

void phantom_plane_extent(const AxPhantomCanvas *c, const guint8 *mask, AxBox *box) {
  int n = c->size, x0 = n, y0 = n, x1 = 0, y1 = 0;
  for (int y = 0; y < n; y++)
    for (int x = 0; x < n; x++)
      if (mask[(gsize)y * n + x]) {
        x0 = MIN(x0, x);
        x1 = MAX(x1, x + 1);
        y0 = MIN(y0, y);
        y1 = y + 1;
      }
  if (x1 <= x0)
    *box = (AxBox){0, 0, 0, 0};
  else
    *box = (AxBox){x0 / c->scale, y0 / c->scale, x1 / c->scale, y1 / c->scale};
}
