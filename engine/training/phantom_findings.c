/* Findings inside the chest, each drawn where its physics puts it and recorded with its pixels. Cardiomegaly is a matter of the anatomy;
 * here only its truth is written. Devices are in phantom_devices.c. */
#include "engine/training/phantom-private.h"

static float smooth(float a, float b, float x) {
  float t = CLAMP((x - a) / (b - a), 0.0f, 1.0f);
  return t * t * (3 - 2 * t);
}

/* Fills air: by the share `f` [0, 1] at each pixel the lung becomes tissue; vessels vanish in it. `mask` records f above `limit`. */
static void fill_air(AxPhantomScene *s, const float *f, float limit, float vessels, guint8 *mask) {
  gsize count = (gsize)s->c->size * s->c->size;
  for (gsize i = 0; i < count; i++) {
    float v = f[i] * (s->lungs[0][i] + s->lungs[1][i]);
    s->air[i] *= 1 - CLAMP(f[i], 0.0f, 0.97f);
    s->vessels[i] *= 1 - vessels * CLAMP(f[i], 0.0f, 1.0f);
    if (v > limit)
      mask[i] = 1;
  }
}

static void effusion(AxPhantomScene *s, const AxPhantomFinding *f, int side, AxPhantomRandom *r, guint8 *mask) {
  const AxPhantomAnatomy *a = s->a;
  int n = s->c->size;
  g_autofree float *fill = phantom_plane_new(s->c);
  /* height of the fluid above the dome: from a blunted angle to half the lung */
  double k = a->H / 564, level = a->dome[side] + (26 - 300 * f->severity) * k, rise = phantom_random_range(r, 60, 105) * k * (0.5 + f->severity * 0.7), reach = phantom_random_range(r, 44, 80) * k;
  double wob = phantom_random_range(r, 2, 7) * k;
  for (int y = 0; y < n; y++)
    for (int x = 0; x < n; x++) {
      double bx, by;
      phantom_canvas_to_body(s->c, x + 0.5, y + 0.5, &bx, &by);
      double wall = fabs(bx - phantom_lateral(a, side, by)), middle = fabs(bx - phantom_medial(a, side, by));
      if (by < a->A + 0.2 * a->H || (side == PHANTOM_RIGHT) != (bx < a->mid_base))
        continue;
      double top = level - rise * exp(-wall / reach) - 0.28 * rise * exp(-middle / (0.6 * reach)) + wob * phantom_noise(s->p->seed + 501, bx, 0, 70);
      /* the meniscus is a wedge: it thins out upwards */
      fill[(gsize)y * n + x] = 0.95f * smooth(-16 * (float)k, 34 * (float)k, (float)(by - top));
    }
  fill_air(s, fill, 0.30f, 1, mask);
}

/* A blob with ragged, soft borders; a core of unit radius, deformed by noise. */
static double blob(guint64 seed, double x, double y, double cx, double cy, double rx, double ry, double rag) {
  double u = (x - cx) / rx, v = (y - cy) / ry, d = sqrt(u * u + v * v);
  double m = MIN(rx, ry);
  return 1 - d + rag * (0.55 * phantom_noise(seed, x, y, m * 0.7) + 0.35 * phantom_noise(seed + 1, x, y, m * 0.32) + 0.22 * phantom_noise(seed + 2, x, y, m * 0.15));
}

static void opacity(AxPhantomScene *s, const AxPhantomFinding *f, int side, AxPhantomRandom *r, guint8 *mask, gboolean lobar) {
  const AxPhantomAnatomy *a = s->a;
  int n = s->c->size, zone = (int)(phantom_random_unit(r) * 3);
  AxBox l = phantom_path_box(&a->lung[side]);
  g_autofree float *fill = phantom_plane_new(s->c);
  double k = a->H / 564, u = f->x >= 0 ? f->x : phantom_random_range(r, 0.32, 0.68), v = f->y >= 0 ? f->y : phantom_random_range(r, 0.30, 0.80);
  double cx = l.x1 + u * (l.x2 - l.x1), cy = l.y1 + v * (l.y2 - l.y1), size = (42 + 70 * f->severity) * k, rx = size * phantom_random_range(r, 0.85, 1.35), ry = size * phantom_random_range(r, 0.8, 1.3);
  double dense = lobar ? 0.62 + 0.28 * f->severity : 0.26 + 0.34 * f->severity, fissure = 0, tilt = phantom_random_range(r, -0.12, 0.12);
  if (lobar) {
    /* one zone: upper (flat fissure below), middle or lower (soft lower border) */
    static const double centre[3] = {0.17, 0.62, 0.80};
    cy = f->y >= 0 ? cy : l.y1 + centre[zone] * (l.y2 - l.y1);
    fissure = cy + (zone == 0 ? 0.55 : -0.60) * ry;
    rx *= 1.5;
    ry *= 1.25;
  }
  guint64 seed = s->p->seed * 13 + 700 + phantom_random_next(r) % 1000;
  for (int y = 0; y < n; y++)
    for (int x = 0; x < n; x++) {
      gsize i = (gsize)y * n + x;
      if (s->air[i] < 0.02f)
        continue;
      double bx, by;
      phantom_canvas_to_body(s->c, x + 0.5, y + 0.5, &bx, &by);
      if (fabs(bx - cx) > 2.2 * rx || fabs(by - cy) > 2.2 * ry || (side == PHANTOM_RIGHT) != (bx < a->mid_base))
        continue;
      double b = blob(seed, bx, by, cx, cy, rx, ry, lobar ? 0.42 : 1.0), g = smooth(lobar ? -0.14f : -0.25f, lobar ? 0.40f : 0.72f, (float)b);
      if (lobar) {
        double edge = (by - fissure - tilt * (bx - cx)) * (zone == 0 ? -1 : 1);
        g *= smooth(-5.0f, 7.0f, (float)edge);
      } else { /* patchy: acini of air remain */
        g *= 0.86 + 0.16 * phantom_noise(seed + 5, bx, by, 23) + 0.10 * phantom_noise(seed + 6, bx, by, 9);
      }
      fill[i] = (float)(dense * CLAMP(g, 0, 1));
    }
  if (lobar) /* air bronchogram: branching air inside the dense lung */
    for (int b = 0; b < 5; b++) {
      AxPhantomPath p = {0};
      double hx = phantom_medial(a, side, cy), t = atan2(cy - (a->A + 0.55 * a->H), cx - hx) + phantom_random_range(r, -0.7, 0.7), x = cx - 0.5 * rx * cos(t), y = cy - 0.5 * ry * sin(t);
      for (int j = 0; j < 10; j++) {
        phantom_path_add(&p, x, y, (3.0 - 0.2 * j) * k, -0.11 * dense);
        x += 9 * k * cos(t);
        y += 9 * k * sin(t);
        t += 0.1 * phantom_random_normal(r);
      }
      phantom_canvas_stroke(s->c, fill, &p, PHANTOM_PROFILE_ROUND, fill);
    }
  fill_air(s, fill, (float)dense * 0.34f, 0.85f, mask);
}

static void atelectasis(AxPhantomScene *s, const AxPhantomFinding *f, int side, AxPhantomRandom *r, guint8 *mask) {
  const AxPhantomAnatomy *a = s->a;
  gsize count = (gsize)s->c->size * s->c->size;
  g_autofree float *plane = phantom_plane_new(s->c);
  double k = a->H / 564, dir = side == PHANTOM_RIGHT ? -1 : 1;
  int bands = 1 + (int)(f->severity * 2.4);
  for (int b = 0; b < bands; b++) {
    AxPhantomPath p = {0};
    double x = a->lateral[side] * 0.62 + a->medial[side] * 0.38 + dir * phantom_random_range(r, -36, 12) * k, y = a->dome[side] - (34 + 34 * b + phantom_random_range(r, 0, 20)) * k;
    double len = phantom_random_range(r, 75, 140) * k * (0.7 + 0.5 * f->severity), t = phantom_random_range(r, -0.22, 0.30) * dir, bow = phantom_random_range(r, -8, 8) * k;
    for (int i = 0; i <= 20; i++) {
      double q = i / 20.0 - 0.5;
      phantom_path_add(&p, x + len * q * cos(t), y + len * q * sin(t) + bow * (4 * q * q - 1), (4.2 + 2.2 * f->severity) * k * (1 - 2.4 * q * q), (0.50 + 0.35 * f->severity) * (1 - 2.8 * q * q));
    }
    phantom_canvas_stroke(s->c, plane, &p, PHANTOM_PROFILE_ROUND, s->lungs[side]);
  }
  phantom_canvas_blur(s->c, plane, 1.6);
  for (gsize i = 0; i < count; i++) {
    s->vessels[i] += plane[i];
    if (plane[i] > 0.08f)
      mask[i] = 1;
  }
}

static void pneumothorax(AxPhantomScene *s, const AxPhantomFinding *f, int side, AxPhantomRandom *r, guint8 *mask) {
  const AxPhantomAnatomy *a = s->a;
  int n = s->c->size;
  double k = a->H / 564, dir = side == PHANTOM_RIGHT ? 1 : -1; /* towards the midline */
  double gap = (20 + 70 * f->severity) * k, reach = a->A + a->H * (0.35 + 0.6 * f->severity), cap = gap * phantom_random_range(r, 1.2, 1.7);
  /* the lung's surface: the outline drawn in from the wall, more at the apex, rejoining the wall at `reach` */
  AxPhantomPath air = {0}, line = {0};
  const AxPhantomPath *l = &a->lung[side];
  for (int i = 0; i < l->n && l->y[i] < reach; i++)
    phantom_path_add(&air, l->x[i], l->y[i], 0, 0);
  double top = a->apex[side] + cap, bottom = reach;
  for (int i = 0; i <= 50; i++) {
    double q = 1 - i / 50.0, y = top + (bottom - top) * q, in = gap * pow(MAX(0, 1 - q), 0.55) + 2.0 * phantom_noise(s->p->seed + 881, y, 0, 50);
    double x = phantom_lateral(a, side, y) + dir * in;
    if (q < 0.16) { /* round the top of the lung over towards the mediastinum */
      double w = 1 - q / 0.16, inner = phantom_medial(a, side, top), span = inner - x;
      x += span * 0.92 * w * w;
      y = top + (bottom - top) * 0.16 * (1 - sqrt(MAX(0, 1 - q / 0.16 * q / 0.16)));
    }
    phantom_path_add(&air, x, y, 0, 0);
    phantom_path_add(&line, x, y, 1.7 * k, 0.17);
  }
  g_autofree float *free_air = phantom_plane_new(s->c);
  phantom_canvas_fill(s->c, free_air, &air, 1);
  phantom_canvas_blur(s->c, free_air, 1.0);
  for (gsize i = 0; i < (gsize)n * n; i++) {
    float v = MIN(1, free_air[i]) * s->lungs[side][i];
    s->vessels[i] *= 1 - v;
    s->air[i] *= 1 + 0.10f * v;
    if (v > 0.5f)
      mask[i] = 1;
    /* the lung itself is smaller and a little denser */
    s->air[i] *= 1 - 0.10f * (float)f->severity * (1 - v) * s->lungs[side][i];
  }
  phantom_canvas_stroke(s->c, s->vessels, &line, PHANTOM_PROFILE_ROUND, s->lungs[side]);
}

static void nodule(AxPhantomScene *s, const AxPhantomFinding *f, int side, AxPhantomRandom *r, guint8 *mask) {
  const AxPhantomAnatomy *a = s->a;
  int n = s->c->size;
  AxBox l = phantom_path_box(&a->lung[side]);
  double k = a->H / 564, radius = (9 + 44 * f->severity * f->severity) * k, cx = 0, cy = 0;
  for (int tries = 0; tries < 40; tries++) { /* anywhere that is inside the visible lung */
    double u = f->x >= 0 ? f->x : phantom_random_range(r, 0.15, 0.85), v = f->y >= 0 ? f->y : phantom_random_range(r, 0.15, 0.85);
    cx = l.x1 + u * (l.x2 - l.x1);
    cy = l.y1 + v * (l.y2 - l.y1);
    if (phantom_path_contains(&a->lung[side], cx - radius, cy) && phantom_path_contains(&a->lung[side], cx + radius, cy) && phantom_path_contains(&a->lung[side], cx, cy + radius))
      break;
  }
  double spikes = phantom_random_range(r, 0.05, 0.16);
  for (int y = 0; y < n; y++)
    for (int x = 0; x < n; x++) {
      gsize i = (gsize)y * n + x;
      double bx, by;
      phantom_canvas_to_body(s->c, x + 0.5, y + 0.5, &bx, &by);
      double d = hypot(bx - cx, by - cy) / radius;
      if (d > 1.5)
        continue;
      d += spikes * phantom_noise(s->p->seed + 611, bx, by, radius * 0.7);
      float core = d < 1 ? sqrtf((float)(1 - d * d)) : 0, rim = smooth(1.12f, 0.86f, (float)d);
      s->vessels[i] += (float)MIN(1.25, 0.30 + radius * 0.021) * (0.12f * rim + 0.72f * core) * s->lungs[side][i];
      if (rim > 0.5f && s->lungs[side][i] > 0.5f)
        mask[i] = 1;
    }
}

static void edema(AxPhantomScene *s, const AxPhantomFinding *f, AxPhantomRandom *r, guint8 *mask) {
  const AxPhantomAnatomy *a = s->a;
  int n = s->c->size;
  double k = a->H / 564;
  g_autofree float *fill = phantom_plane_new(s->c);
  for (int y = 0; y < n; y++)
    for (int x = 0; x < n; x++) {
      gsize i = (gsize)y * n + x;
      if (s->air[i] < 0.02f)
        continue;
      double bx, by;
      phantom_canvas_to_body(s->c, x + 0.5, y + 0.5, &bx, &by);
      int side = bx < a->mid_base ? PHANTOM_RIGHT : PHANTOM_LEFT;
      double hx = a->medial[side] + (side == PHANTOM_RIGHT ? -30 : 50) * k, hy = a->A + 0.60 * a->H;
      double d = hypot((bx - hx) / (165 * k), (by - hy) / (230 * k)), g = exp(-d * d * d);
      g *= 0.85 + 0.28 * phantom_noise(s->p->seed + 921, bx, by, 44) + 0.20 * phantom_noise(s->p->seed + 922, bx, by, 16) + 0.10 * phantom_noise(s->p->seed + 923, bx, by, 7);
      fill[i] = (float)((0.22 + 0.42 * f->severity) * CLAMP(g, 0, 1));
    }
  fill_air(s, fill, (float)(0.22 + 0.42 * f->severity) * 0.30f, 0.4f, mask);
  for (int side = 0; side < 2; side++) /* septal lines: short, horizontal, touching the pleura near the base */
    for (int j = 0; j < 4 + (int)(10 * f->severity); j++) {
      double dir = side == PHANTOM_RIGHT ? 1 : -1, y = phantom_random_range(r, a->dome[side] - 120 * k, a->dome[side] + 10 * k), x = phantom_lateral(a, side, y);
      AxPhantomPath p = {0};
      double len = phantom_random_range(r, 12, 26) * k, t = phantom_random_range(r, -0.15, 0.15);
      phantom_path_add(&p, x, y, 1.0 * k, 0.15);
      phantom_path_add(&p, x + dir * len, y + t * len, 0.9 * k, 0.10);
      phantom_canvas_stroke(s->c, s->vessels, &p, PHANTOM_PROFILE_ROUND, s->lungs[side]);
    }
}

void phantom_draw_findings(AxPhantomScene *s) {
  gsize count = (gsize)s->c->size * s->c->size;
  for (int i = 0; i < s->p->n_findings; i++) {
    AxPhantomFinding f = s->p->findings[i];
    AxPhantomRandom r = phantom_random_stream(s->p->seed, 100 + i);
    f.severity = CLAMP(f.severity, 0, 1);
    /* the image's side is the patient's; with mirrored organs the drawing side is the other one */
    AxPhantomSide side = f.side != AX_PHANTOM_SIDE_ANY ? f.side : phantom_random_unit(&r) < 0.5 ? AX_PHANTOM_SIDE_RIGHT : AX_PHANTOM_SIDE_LEFT;
    int draw = (side == AX_PHANTOM_SIDE_LEFT) != s->p->mirrored ? PHANTOM_LEFT : PHANTOM_RIGHT;
    guint8 *mask = g_new0(guint8, count);
    gboolean paired = FALSE;
    switch (f.kind) {
    case AX_PHANTOM_EFFUSION:
      effusion(s, &f, draw, &r, mask);
      break;
    case AX_PHANTOM_OPACITY:
    case AX_PHANTOM_CONSOLIDATION:
      opacity(s, &f, draw, &r, mask, f.kind == AX_PHANTOM_CONSOLIDATION);
      break;
    case AX_PHANTOM_ATELECTASIS:
      atelectasis(s, &f, draw, &r, mask);
      break;
    case AX_PHANTOM_PNEUMOTHORAX:
      pneumothorax(s, &f, draw, &r, mask);
      break;
    case AX_PHANTOM_NODULE:
      nodule(s, &f, draw, &r, mask);
      break;
    case AX_PHANTOM_EDEMA:
      edema(s, &f, &r, mask);
      paired = TRUE;
      break;
    case AX_PHANTOM_CARDIOMEGALY: {
      g_autofree float *heart = phantom_plane_new(s->c);
      phantom_canvas_fill(s->c, heart, &s->a->heart, 1);
      for (gsize j = 0; j < count; j++)
        mask[j] = heart[j] > 0.5f;
      side = AX_PHANTOM_SIDE_ANY;
      break;
    }
    default: {
      g_autofree float *plane = phantom_plane_new(s->c);
      phantom_draw_device(s, &f, &r, plane);
      for (gsize j = 0; j < count; j++) {
        s->metal[j] += plane[j];
        mask[j] = plane[j] > 0.08f;
      }
      side = AX_PHANTOM_SIDE_ANY;
    }
    }
    AxPhantomTruth *t = s->truth;
    if (!t) {
      g_free(mask);
      continue;
    }
    AxPhantomFindingTruth *ft = &t->findings[t->n_findings];
    *ft = (AxPhantomFindingTruth){.kind = f.kind, .side = paired ? AX_PHANTOM_SIDE_ANY : side, .severity = f.severity, .mask = mask};
    phantom_plane_extent(s->c, mask, &ft->box);
    if (ft->box.x2 <= ft->box.x1) /* nothing of it is on the film (a trace of fluid, a device above the edge) */
      g_clear_pointer(&ft->mask, g_free);
    else
      t->n_findings++;
  }
}
