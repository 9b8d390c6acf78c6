/* Support devices: endotracheal tube, central venous line, pacemaker and electrodes. Metal and opaque plastic, as attenuation. */
#include "engine/training/phantom-private.h"

static void line(AxPhantomScene *s, float *plane, const AxPhantomPoint *points, int n, double radius, double weight, AxPhantomProfile profile) {
  AxPhantomPath p = {0};
  phantom_path_curve(&p, points, n, 14, radius, radius, weight, weight);
  phantom_canvas_stroke(s->c, plane, &p, profile, NULL);
}

static void tracheal_tube(AxPhantomScene *s, AxPhantomRandom *r, float *plane) {
  const AxPhantomAnatomy *a = s->a;
  double k = a->H / 564, x = a->mid_top + a->cage_shift * 0.7, tip = a->carina_y - phantom_random_range(r, 70, 125) * k;
  AxPhantomPoint way[5] = {{x + 6 * k, a->A - 320 * k}, {x + 3 * k, a->A - 180 * k}, {x - 2 * k, a->A - 60 * k}, {x, (a->A + tip) / 2}, {a->carina_x - 3 * k, tip}};
  line(s, plane, way, 5, 11 * k, 0.16, PHANTOM_PROFILE_TUBE);
  for (int i = 0; i < 5; i++)
    way[i].x += 5 * k;
  line(s, plane, way, 5, 1.9 * k, 0.42, PHANTOM_PROFILE_ROUND); /* the opaque stripe */
}

static void central_line(AxPhantomScene *s, AxPhantomRandom *r, float *plane) {
  const AxPhantomAnatomy *a = s->a;
  double k = a->H / 564, sx = a->medial[0] + 14 * k, end = a->heart_y1 + (0.05 + 0.2 * phantom_random_unit(r)) * (a->heart_y2 - a->heart_y1);
  if (phantom_random_unit(r) < 0.5) { /* from the right jugular vein */
    AxPhantomPoint way[6] = {{a->mid_top - 96 * k, a->A - 330 * k}, {a->mid_top - 76 * k, a->A - 140 * k}, {a->mid_top - 64 * k, a->A - 10 * k}, {sx - 16 * k, a->A + 110 * k}, {sx - 8 * k, a->A + 220 * k}, {sx - 12 * k, end}};
    line(s, plane, way, 6, 3.0 * k, 0.40, PHANTOM_PROFILE_ROUND);
  } else { /* from the right subclavian vein */
    double cy = a->clavicle_y2[0];
    AxPhantomPoint way[7] = {{a->lateral[0] - 20 * k, cy + 120 * k}, {a->lateral[0] + 40 * k, cy + 34 * k}, {a->lateral[0] + 130 * k, cy - 8 * k}, {sx - 70 * k, cy - 4 * k}, {sx - 18 * k, cy + 50 * k}, {sx - 6 * k, a->A + 250 * k}, {sx - 12 * k, end}};
    line(s, plane, way, 7, 3.0 * k, 0.40, PHANTOM_PROFILE_ROUND);
  }
}

static void pacemaker(AxPhantomScene *s, AxPhantomRandom *r, float *plane) {
  const AxPhantomAnatomy *a = s->a;
  double k = a->H / 564, w = phantom_random_range(r, 46, 56) * k, h = phantom_random_range(r, 40, 48) * k, cx = a->lateral[1] - phantom_random_range(r, 52, 95) * k, cy = a->clavicle_y2[1] + phantom_random_range(r, 10, 45) * k;
  AxPhantomPath shell = {0}, battery = {0}, header = {0};
  for (int i = 0; i < 60; i++) {
    double t = 2 * G_PI * i / 60, c = cos(t), q = sin(t), m = pow(pow(fabs(c), 3.2) + pow(fabs(q), 3.2), -1 / 3.2);
    phantom_path_add(&shell, cx + w * c * m, cy + h * q * m, 0, 0);
    phantom_path_add(&battery, cx + w * 0.80 * c * m, cy + h * (0.28 + 0.56 * q * m), 0, 0);
    phantom_path_add(&header, cx - w * 0.1 + w * 0.62 * c * m, cy - h * 0.98 + h * 0.34 * q * m, 0, 0);
  }
  phantom_canvas_fill(s->c, plane, &shell, 1.5);
  phantom_canvas_fill(s->c, plane, &battery, 1.1);
  phantom_canvas_fill(s->c, plane, &header, 0.42);
  phantom_canvas_blur(s->c, plane, 1.0);
  /* leads: along the subclavian vein, down the superior vena cava, to the right ventricle's apex and the right atrium */
  double vx = a->medial[0] + 16 * k, vy = a->clavicle_y2[1] + 16 * k, hw = a->heart_x2 - a->heart_x1, hh = a->heart_y2 - a->heart_y1;
  for (int lead = 0; lead < 2; lead++) {
    if (lead && phantom_random_unit(r) < 0.35)
      break;
    double o = 7 * k * lead;
    AxPhantomPoint way[10] = {{cx - w * 0.2, cy - h * 1.0}, {cx + w * 0.75 + o, cy - h * 1.25 - o}, {cx + w * 0.2, vy - 62 * k - o}, {a->medial[1] + 96 * k, vy - 48 * k - o}, {a->medial[1] + 8 * k, vy - 8 * k - o}, {vx + 34 * k, vy + 36 * k - o}, {vx - 3 * k - o * 0.6, a->A + 240 * k}, {vx - 10 * k - o * 0.6, a->heart_y1 + 0.15 * hh}, {0, 0}, {0, 0}};
    if (lead == 0) {
      way[8] = (AxPhantomPoint){a->heart_x1 + 0.30 * hw, a->heart_y1 + 0.66 * hh};
      way[9] = (AxPhantomPoint){a->heart_x1 + 0.80 * hw, a->heart_y1 + 0.83 * hh};
    } else {
      way[8] = (AxPhantomPoint){a->heart_x1 + 0.20 * hw, a->heart_y1 + 0.44 * hh};
      way[9] = (AxPhantomPoint){a->heart_x1 + 0.27 * hw, a->heart_y1 + 0.28 * hh};
    }
    line(s, plane, way, 10, 2.0 * k, 0.62, PHANTOM_PROFILE_ROUND);
    AxPhantomPoint tip[2] = {{way[9].x * 0.92 + way[8].x * 0.08, way[9].y * 0.92 + way[8].y * 0.08}, way[9]};
    line(s, plane, tip, 2, 3.0 * k, 0.9, PHANTOM_PROFILE_ROUND);
  }
}

static void electrodes(AxPhantomScene *s, AxPhantomRandom *r, float *plane) {
  const AxPhantomAnatomy *a = s->a;
  double k = a->H / 564;
  int count = 3 + (phantom_random_unit(r) < 0.4);
  for (int i = 0; i < count; i++) {
    int side = i & 1;
    double dir = side ? 1 : -1, low = i >= 2;
    double x = (a->lateral[side] * 0.75 + a->medial[side] * 0.25) + phantom_random_range(r, -30, 30) * k, y = a->A + (low ? phantom_random_range(r, 0.86, 1.15) : phantom_random_range(r, 0.08, 0.24)) * a->H;
    AxPhantomPath dot = {0};
    phantom_path_add(&dot, x - 0.2, y, 9 * k, 0.40);
    phantom_path_add(&dot, x + 0.2, y, 9 * k, 0.40);
    phantom_canvas_stroke(s->c, plane, &dot, PHANTOM_PROFILE_FLAT, NULL);
    AxPhantomPath snap = {0};
    phantom_path_add(&snap, x - 0.2, y, 4.5 * k, 0.5);
    phantom_path_add(&snap, x + 0.2, y, 4.5 * k, 0.5);
    phantom_canvas_stroke(s->c, plane, &snap, PHANTOM_PROFILE_FLAT, NULL);
    double ex = side ? phantom_random_range(r, 640, 900) : phantom_random_range(r, 120, 420);
    AxPhantomPoint way[5] = {{x, y}, {x + dir * 36 * k, y + 52 * k}, {x + (ex - x) * 0.3 + phantom_random_range(r, -50, 50) * k, y + (1040 - y) * 0.45}, {x + (ex - x) * 0.8 + phantom_random_range(r, -40, 40) * k, y + (1040 - y) * 0.75}, {ex, 1040}};
    line(s, plane, way, 5, 1.7 * k, 0.36, PHANTOM_PROFILE_ROUND);
  }
}

gboolean phantom_draw_device(AxPhantomScene *s, const AxPhantomFinding *f, AxPhantomRandom *r, float *plane) {
  switch (f->kind) {
  case AX_PHANTOM_TRACHEAL_TUBE:
    tracheal_tube(s, r, plane);
    return TRUE;
  case AX_PHANTOM_CENTRAL_LINE:
    central_line(s, r, plane);
    return TRUE;
  case AX_PHANTOM_PACEMAKER:
    pacemaker(s, r, plane);
    return TRUE;
  case AX_PHANTOM_ELECTRODES:
    electrodes(s, r, plane);
    return TRUE;
  default:
    return FALSE;
  }
}
