/* Bones of the phantom: ribs as tubes on tilted half ellipses, spine, clavicles, scapulae and humeri; and the airways, which are drawn
 * as a lack of tissue. */
#include "engine/training/phantom-private.h"

static void draw_ribs(AxPhantomScene *s) {
  const AxPhantomAnatomy *a = s->a;
  AxPhantomRandom r = phantom_random_stream(s->p->seed, 20);
  double k = a->H / 564, spacing = a->H / 7.7, slope = phantom_random_range(&r, 0.92, 1.10), calcium = phantom_random_range(&r, 0.85, 1.15) * (s->p->sex == AX_PHANTOM_MALE ? 1.05 : 0.95);
  double first = a->A - 0.030 * a->H;
  g_autofree float *plane = phantom_plane_new(s->c);
  for (int side = 0; side < 2; side++) {
    double dir = side == PHANTOM_RIGHT ? -1 : 1;
    for (int rib = 1; rib <= 12; rib++) {
      double jitter = 3.2 * phantom_random_normal(&r) * k, y0 = first + (rib - 1.2) * spacing + (side == PHANTOM_LEFT ? 3 : 0) * k + jitter;
      double drop = (rib == 1 ? 105 : rib == 2 ? 168 : 226 + 10 * MIN(rib, 9)) * k * slope, y_side = y0 + 0.52 * drop;
      double x0 = phantom_spine(a, y0) + dir * 26 * k;
      double width = rib == 1 ? 128 * k : fabs(phantom_lateral(a, side, MAX(y_side, a->apex[side] - 6)) - x0) + 8 * k;
      if (rib == 2)
        width = MIN(width, 262 * k);
      if (rib == 1)
        width = MIN(width, fabs(phantom_lateral(a, side, a->apex[side] + 0.05 * a->H) - x0));
      double end = rib == 12 ? 0.30 : rib == 11 ? 0.42 : rib >= 8 ? 0.66 : rib == 1 ? 0.90 : 0.77 - 0.008 * rib;
      double radius = (rib == 1 ? 13 : rib == 2 ? 12.5 : 13.2) * k;
      AxPhantomPath whole = {0}, ridge = {0};
      int steps = 90;
      for (int i = 0; i <= steps; i++) {
        double t = G_PI * end * i / steps, q = sin(t), z = -cos(t); /* z: back -1 .. front 1 */
        double u = pow(q, z < 0 ? 0.86 : 0.80), x = x0 + dir * width * u, fall = 0.5 * (1 + z);
        double y = z < 0 ? y0 + drop * 0.52 * (0.58 * (1 + z) + 0.42 * pow(u, 1.8)) - (rib == 1 ? 4 : rib == 2 ? 12 : 22) * k * sin(MIN(t * 1.9, G_PI)) : y_side + drop * 0.84 * pow(z, 1.12);
        x += a->cage_shift * (0.5 * z);
        double along = exp(-pow((t - G_PI / 2) / 0.30, 2)); /* the beam runs along the rib here */
        double fade = i > steps - 14 ? (steps - i) / 14.0 : 1, w = (0.34 - 0.055 * CLAMP(z + 0.4, 0, 1)) * calcium * (1 + 0.55 * along) * fade * (1 + 0.12 * phantom_noise(s->p->seed + 91 + rib, i, side * 50, 9));
        double rr = radius * (0.96 + 0.30 * fall * fall) * (1 - 0.30 * along) * (i < 4 ? 0.8 : 1) * (1 + 0.05 * phantom_noise(s->p->seed + rib * 7 + side, i, 0, 13));
        phantom_path_add(&whole, x, y, rr, w);
        if (z < -0.05 && i > 3) /* the lower edge of the back part is a thin ridge that looks brighter */
          phantom_path_add(&ridge, x, y + rr * 0.88, 1.6 * k, 0.13 * calcium * MIN(1, -2.5 * z));
      }
      phantom_canvas_stroke(s->c, plane, &whole, PHANTOM_PROFILE_BONE, NULL);
      phantom_canvas_stroke(s->c, plane, &ridge, PHANTOM_PROFILE_ROUND, NULL);
    }
  }
  /* where the ribs turn round, the beam runs along them and their inner and outer faces make two lines down the chest wall */
  for (int side = 0; side < 2; side++) {
    double dir = side == PHANTOM_RIGHT ? -1 : 1;
    for (int face = 0; face < 2; face++) {
      AxPhantomPath wall = {0};
      for (int i = 0; i <= 90; i++) {
        double y = a->apex[side] + 0.07 * a->H + i / 90.0 * 1.25 * a->H, f = fmin(1, fmin(i / 14.0, (90 - i) / 14.0));
        double ripple = 0.5 + 0.5 * cos(2 * G_PI * (y - first) / spacing + face * 1.4);
        phantom_path_add(&wall, phantom_lateral(a, side, y) + dir * (face ? 5 + 17 * f + 3.0 * ripple : 4 + 2.5 * ripple) * k, y, (face ? 2.6 : 3.6) * k, (face ? 0.17 : 0.26) * f * (0.75 + 0.35 * ripple) * calcium);
      }
      phantom_canvas_stroke(s->c, plane, &wall, PHANTOM_PROFILE_ROUND, NULL);
    }
  }
  phantom_canvas_blur(s->c, plane, 1.0);
  /* bone is seen well against air; against a hard beam behind much tissue less */
  for (gsize i = 0; i < (gsize)s->c->size * s->c->size; i++)
    s->tau[i] += plane[i] * (0.50f + 0.60f * MIN(1, s->air[i]));
}

static void rounded_box(AxPhantomPath *p, double cx, double cy, double hw, double hh, double waist) {
  for (int i = 0; i < 40; i++) {
    double t = 2 * G_PI * i / 40, c = cos(t), q = sin(t), m = pow(pow(fabs(c), 5) + pow(fabs(q), 5), -0.2);
    double x = c * m, y = q * m;
    phantom_path_add(p, cx + hw * x * (1 - waist * (1 - y * y)), cy + hh * y, 0, 0);
  }
}

static void draw_spine(AxPhantomScene *s) {
  const AxPhantomAnatomy *a = s->a;
  AxPhantomRandom r = phantom_random_stream(s->p->seed, 21);
  double k = a->H / 564, spacing = a->H / 7.7, first = a->A - 0.055 * a->H + 0.1 * spacing;
  gsize count = (gsize)s->c->size * s->c->size;
  g_autofree float *plane = phantom_plane_new(s->c);
  for (int v = -4; v <= 14; v++) {
    double cy = first + (v - 1) * spacing + 6 * k, cx = phantom_spine(a, cy), grow = CLAMP((v + 3) / 14.0, 0, 1);
    double hw = (33 + 21 * grow) * k, hh = spacing * (0.435 + 0.015 * grow);
    if (v < 1)
      hh = spacing * 0.42;
    AxPhantomPath body = {0};
    rounded_box(&body, cx, cy, hw, hh, 0.07);
    phantom_canvas_fill(s->c, plane, &body, 0.15);
    for (int e = -1; e <= 1; e += 2) { /* endplates */
      AxPhantomPath plate = {0};
      for (int i = -8; i <= 8; i++)
        phantom_path_add(&plate, cx + hw * 0.94 * i / 8, cy + e * (hh - 3 * k) + e * 1.5 * k * (i * i / 64.0 - 0.5), 2.3 * k, 0.13);
      phantom_canvas_stroke(s->c, plane, &plate, PHANTOM_PROFILE_ROUND, NULL);
    }
    for (int d = -1; d <= 1; d += 2) { /* cortex of the sides, pedicles, transverse processes */
      AxPhantomPath wall = {0}, ring = {0}, process = {0};
      for (int i = -6; i <= 6; i++)
        phantom_path_add(&wall, cx + d * hw * (0.965 - 0.07 * (1 - i * i / 36.0)), cy + hh * 0.92 * i / 6, 2.6 * k, 0.10);
      phantom_canvas_stroke(s->c, plane, &wall, PHANTOM_PROFILE_ROUND, NULL);
      for (int i = 0; i <= 24; i++)
        phantom_path_add(&ring, cx + d * hw * 0.62 + 7.5 * k * cos(i * G_PI / 12), cy - hh * 0.32 + 10 * k * sin(i * G_PI / 12), 3.0 * k, 0.11);
      phantom_canvas_stroke(s->c, plane, &ring, PHANTOM_PROFILE_ROUND, NULL);
      double len = (v < 1 ? 0.75 : 1.0) * 34 * k;
      phantom_path_add(&process, cx + d * hw * 0.7, cy - hh * 0.15, 10 * k, 0.10);
      phantom_path_add(&process, cx + d * (hw + len * 0.6), cy - hh * 0.30, 9 * k, 0.10);
      phantom_path_add(&process, cx + d * (hw + len), cy - hh * 0.38, 10 * k, 0.10);
      phantom_canvas_stroke(s->c, plane, &process, PHANTOM_PROFILE_BONE, NULL);
    }
    AxPhantomPath spinous = {0}; /* a drop-shaped ring */
    double tilt = phantom_random_normal(&r) * 1.2 * k;
    for (int i = 0; i <= 24; i++) {
      double t = i * G_PI / 12, q = sin(t);
      phantom_path_add(&spinous, cx + tilt - a->cage_shift * 0.4 + (6.5 - 2.5 * q) * k * cos(t), cy + hh * 0.52 + 14 * k * q, 2.2 * k, v < 3 ? 0.18 : 0.08);
    }
    phantom_canvas_stroke(s->c, plane, &spinous, PHANTOM_PROFILE_ROUND, NULL);
  }
  AxPhantomPath column = {0};
  for (int i = 0; i <= 40; i++)
    phantom_path_add(&column, phantom_spine(a, a->A - 260 * k + 34 * k * i) - (31 + 0.55 * i) * k, a->A - 260 * k + 34 * k * i, 0, 0);
  for (int i = 40; i >= 0; i--)
    phantom_path_add(&column, phantom_spine(a, a->A - 260 * k + 34 * k * i) + (31 + 0.55 * i) * k, a->A - 260 * k + 34 * k * i, 0, 0);
  float *wide = phantom_plane_new(s->c);
  phantom_canvas_fill(s->c, wide, &column, 0.26);
  phantom_canvas_blur(s->c, wide, 5 * k);
  phantom_canvas_blur(s->c, plane, 2.2);
  for (gsize i = 0; i < count; i++)
    plane[i] += wide[i];
  g_free(wide);
  for (gsize i = 0; i < count; i++)
    s->tau[i] += plane[i];
}

static void draw_shoulder(AxPhantomScene *s) {
  const AxPhantomAnatomy *a = s->a;
  double k = a->H / 564;
  AxPhantomRandom r = phantom_random_stream(s->p->seed, 22);
  gsize count = (gsize)s->c->size * s->c->size;
  g_autofree float *soft = phantom_plane_new(s->c), *arm = phantom_plane_new(s->c), *inner = phantom_plane_new(s->c);
  double swing = s->p->view == AX_PHANTOM_AP ? phantom_random_range(&r, -42, -8) : phantom_random_range(&r, 4, 38);
  for (int side = 0; side < 2; side++) {
    double dir = side == PHANTOM_RIGHT ? -1 : 1, y0 = a->clavicle_y1[side], lat = a->lateral[side];
    AxPhantomPath *collar = g_memdup2(&a->clavicle[side], sizeof(AxPhantomPath));
    for (int i = 0; i < collar->n; i++) {
      double f = (double)i / (collar->n - 1);
      collar->w[i] = (0.50 + 0.05 * f) * CLAMP(0.55 + f / 0.12, 0, 1) * CLAMP((1 - f) / 0.05, 0, 1);
    }
    phantom_canvas_stroke(s->c, soft, collar, PHANTOM_PROFILE_BONE, NULL);
    g_free(collar);
    double gx = lat + dir * 58 * k, gy = y0 + 92 * k; /* glenoid */
    /* borders of the scapula: lateral from the glenoid to the lower angle, medial upwards, spine of the scapula to the acromion */
    double ax = lat + dir * (swing - 6) * k, ay = y0 + 395 * k;
    AxPhantomPoint lateral[6] = {{gx - dir * 4 * k, gy + 26 * k}, {gx - dir * 22 * k, gy + 70 * k}, {gx - dir * 34 * k, gy + 140 * k}, {ax + dir * 18 * k, ay - 80 * k}, {ax + dir * 4 * k, ay - 18 * k}, {ax - dir * 14 * k, ay}};
    AxPhantomPoint medial[5] = {{ax - dir * 14 * k, ay}, {ax - dir * 48 * k, ay - 80 * k}, {ax - dir * 62 * k, ay - 190 * k}, {ax - dir * 50 * k, y0 + 95 * k}, {ax - dir * 30 * k, y0 + 62 * k}};
    AxPhantomPoint ridge[4] = {{ax - dir * 58 * k, ay - 245 * k}, {lat + dir * 2 * k, y0 + 72 * k}, {lat + dir * 50 * k, y0 + 34 * k}, {lat + dir * 108 * k, y0 + 8 * k}};
    AxPhantomPath p = {0}, m = {0}, b = {0}, blade = {0};
    phantom_path_curve(&p, lateral, 6, 8, 8 * k, 5 * k, 0.30, 0.16);
    phantom_canvas_stroke(s->c, soft, &p, PHANTOM_PROFILE_ROUND, NULL);
    phantom_path_curve(&m, medial, 5, 8, 3.5 * k, 3 * k, 0.13, 0.08);
    phantom_canvas_stroke(s->c, soft, &m, PHANTOM_PROFILE_ROUND, NULL);
    phantom_path_curve(&b, ridge, 4, 8, 6 * k, 15 * k, 0.14, 0.30);
    phantom_canvas_stroke(s->c, soft, &b, PHANTOM_PROFILE_BONE, NULL);
    for (int i = 0; i < p.n; i++)
      phantom_path_add(&blade, p.x[i], p.y[i], 0, 0);
    for (int i = 0; i < m.n; i++)
      phantom_path_add(&blade, m.x[i], m.y[i], 0, 0);
    phantom_canvas_fill(s->c, soft, &blade, 0.11);
    AxPhantomPath glenoid = {0}, coracoid = {0}, head = {0}, rim = {0}, shaft = {0};
    for (int i = 0; i <= 24; i++)
      phantom_path_add(&glenoid, gx + 9 * k * cos(i * G_PI / 12), gy + 30 * k * sin(i * G_PI / 12), 3 * k, 0.24);
    phantom_canvas_stroke(s->c, soft, &glenoid, PHANTOM_PROFILE_ROUND, NULL);
    AxPhantomPoint beak[3] = {{gx - dir * 2 * k, gy - 24 * k}, {gx - dir * 16 * k, gy - 42 * k}, {gx - dir * 4 * k, gy - 56 * k}};
    phantom_path_curve(&coracoid, beak, 3, 8, 11 * k, 9 * k, 0.24, 0.24);
    phantom_canvas_stroke(s->c, soft, &coracoid, PHANTOM_PROFILE_BONE, NULL);
    /* humerus: head and shaft are one outline */
    double hx = gx + dir * 56 * k, hy = gy + 2 * k, hr = 50 * k, lean = s->p->view == AX_PHANTOM_AP ? 0.10 : 0.42;
    gsize bytes = count * sizeof(float);
    memset(arm, 0, bytes);
    for (int i = 0; i < 40; i++)
      phantom_path_add(&head, hx + hr * cos(i * G_PI / 20), hy + hr * sin(i * G_PI / 20), 0, 0);
    phantom_canvas_fill(s->c, arm, &head, 1);
    for (int i = 0; i <= 18; i++) {
      double x = hx + dir * (14 * k + lean * 52 * k * i), y = hy + 14 * k + 60 * k * i, r2 = (38 - 13 * MIN(1, i / 3.0)) * k;
      phantom_path_add(&shaft, x, y, r2, 1);
    }
    phantom_canvas_stroke(s->c, arm, &shaft, PHANTOM_PROFILE_FLAT, NULL);
    for (gsize i = 0; i < count; i++)
      arm[i] = MIN(1, arm[i]);
    memcpy(inner, arm, bytes);
    phantom_canvas_blur(s->c, inner, 7 * k); /* the cortex is where the outline's own blur has fallen off */
    for (gsize i = 0; i < count; i++)
      soft[i] += arm[i] * (0.30f + 0.22f * CLAMP((1 - inner[i]) * 2, 0.0f, 1.0f));
    for (int i = 0; i <= 22; i++) {
      double t = (dir > 0 ? G_PI : 0) + (i - 11) * 0.13 * dir;
      phantom_path_add(&rim, hx + (hr - 1) * cos(t), hy + (hr - 1) * sin(t), 2.6 * k, 0.16);
    }
    phantom_canvas_stroke(s->c, soft, &rim, PHANTOM_PROFILE_ROUND, NULL);
  }
  phantom_canvas_blur(s->c, soft, 1.8);
  for (gsize i = 0; i < count; i++)
    s->tau[i] += soft[i];
}

static void draw_airways(AxPhantomScene *s) {
  const AxPhantomAnatomy *a = s->a;
  double k = a->H / 564, cx = a->carina_x, cy = a->carina_y;
  gsize count = (gsize)s->c->size * s->c->size;
  g_autofree float *plane = phantom_plane_new(s->c);
  AxPhantomPath t = {0}, rb = {0}, lb = {0};
  AxPhantomPoint trachea[5] = {{a->mid_top + a->cage_shift * 0.7, a->A - 220 * k}, {a->mid_top + a->cage_shift * 0.7, a->A - 60 * k}, {a->mid_top - 2 * k + a->cage_shift * 0.6, a->A + 60 * k}, {cx - 5 * k, cy - 70 * k}, {cx, cy - 6 * k}};
  phantom_path_curve(&t, trachea, 5, 10, 22 * k, 21 * k, 0.66, 0.38);
  phantom_canvas_stroke(s->c, plane, &t, PHANTOM_PROFILE_ROUND, NULL);
  AxPhantomPoint right[4] = {{cx - 3 * k, cy - 14 * k}, {cx - 24 * k, cy + 14 * k}, {cx - 48 * k, cy + 44 * k}, {cx - 70 * k, cy + 84 * k}};
  AxPhantomPoint left[4] = {{cx + 3 * k, cy - 14 * k}, {cx + 30 * k, cy + 14 * k}, {cx + 66 * k, cy + 38 * k}, {cx + 104 * k, cy + 64 * k}};
  phantom_path_curve(&rb, right, 4, 8, 15 * k, 12 * k, 0.30, 0.16);
  phantom_canvas_stroke(s->c, plane, &rb, PHANTOM_PROFILE_ROUND, NULL);
  phantom_path_curve(&lb, left, 4, 8, 14 * k, 10 * k, 0.28, 0.12);
  phantom_canvas_stroke(s->c, plane, &lb, PHANTOM_PROFILE_ROUND, NULL);
  phantom_canvas_blur(s->c, plane, 2.0);
  for (gsize i = 0; i < count; i++)
    s->tau[i] -= MIN(plane[i], 0.66f);
  /* descending aorta: a tube left of the spine, seen through the heart; aortic knob */
  AxPhantomPath ao = {0};
  AxPhantomPoint aorta[5] = {{a->knob_x + 6 * k, a->knob_y - 4 * k}, {a->knob_x + 10 * k, a->knob_y + 60 * k}, {phantom_spine(a, a->A + 0.6 * a->H) + 46 * k, a->A + 0.6 * a->H}, {phantom_spine(a, a->D) + 40 * k, a->D}, {phantom_spine(a, a->D) + 26 * k, a->D + 150 * k}};
  memset(plane, 0, count * sizeof(float));
  phantom_path_curve(&ao, aorta, 5, 10, 30 * k, 24 * k, 0.20, 0.16);
  phantom_canvas_stroke(s->c, plane, &ao, PHANTOM_PROFILE_ROUND, NULL);
  phantom_canvas_blur(s->c, plane, 2.0);
  for (gsize i = 0; i < count; i++)
    s->tau[i] += plane[i];
}

void phantom_draw_bones(AxPhantomScene *s) {
  draw_ribs(s);
  draw_spine(s);
  draw_shoulder(s);
  draw_airways(s);
}
