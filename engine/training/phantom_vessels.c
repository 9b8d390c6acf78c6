/* Vessels of the lungs: trees that grow from the hila to the pleura, tapering with the distance, wider towards the bases (an upright
 * patient), and the fine pattern that they leave below the resolution of the trees. Bronchi near the hila are drawn as thin walls. */
#include "engine/training/phantom-private.h"

typedef struct {
  AxPhantomScene *s;
  AxPhantomRandom *r;
  const float *keep;
  int side;
  int budget;
} Grower;

#define MU_BLOOD 0.088 /* attenuation of one unit of the 1024 frame (about 0.4 mm) of blood in air, seen at the film's contrast */

static void grow(Grower *g, double x, double y, double angle, double radius, double length, int depth) {
  AxPhantomScene *s = g->s;
  const AxPhantomAnatomy *a = s->a;
  if (radius < 0.5 || depth > 9 || g->budget-- <= 0)
    return;
  int steps = MAX(3, (int)(length / 7));
  AxPhantomPath path = {0};
  double bend = phantom_random_normal(g->r) * 0.045, r0 = radius, end = radius * phantom_random_range(g->r, 0.80, 0.90);
  for (int i = 0; i <= steps; i++) {
    double f = (double)i / steps, r = r0 + (end - r0) * f;
    /* tissue in the beam grows with the radius; the profile is the chord */
    phantom_path_add(&path, x, y, r, 2 * r * MU_BLOOD * 0.62 * (1.35 - exp(-r / 2.2)) / (1 + 0.09 * r) * 1.25);
    if (i < steps) {
      angle += bend + phantom_random_normal(g->r) * 0.05;
      x += cos(angle) * length / steps;
      y += sin(angle) * length / steps;
    }
  }
  phantom_canvas_stroke(s->c, s->vessels, &path, PHANTOM_PROFILE_VESSEL, g->keep);
  if (!phantom_path_contains(&a->volume[g->side], x, y))
    return;
  /* Murray's law: the cubes of the radii add up */
  double share = phantom_random_range(g->r, 0.45, 0.82), ra = end * cbrt(share), rb = end * cbrt(1 - share), turn = phantom_random_range(g->r, 0.35, 0.85) * (phantom_random_unit(g->r) < 0.5 ? -1 : 1);
  grow(g, x, y, angle - turn * 0.35 * (1 - share + 0.3), ra, length * phantom_random_range(g->r, 0.72, 0.98), depth + 1);
  grow(g, x, y, angle + turn, rb, length * phantom_random_range(g->r, 0.60, 0.92), depth + 1);
  if (depth >= 1 && phantom_random_unit(g->r) < 0.6) /* a small side branch on the way */
    grow(g, path.x[steps / 2], path.y[steps / 2], angle - turn * phantom_random_range(g->r, 0.8, 1.5), MIN(rb, 2.0) * 0.8, length * 0.7, depth + 2);
}

void phantom_draw_vessels(AxPhantomScene *s) {
  const AxPhantomAnatomy *a = s->a;
  double k = a->H / 564, flow = 1;
  for (int i = 0; i < s->p->n_findings; i++)
    if (s->p->findings[i].kind == AX_PHANTOM_EDEMA)
      flow = 1.15 + 0.25 * s->p->findings[i].severity;
  gsize count = (gsize)s->c->size * s->c->size;
  g_autofree float *keep = phantom_plane_new(s->c);
  for (int side = 0; side < 2; side++) {
    AxPhantomRandom r = phantom_random_stream(s->p->seed, 10 + side);
    double dir = side == PHANTOM_RIGHT ? -1 : 1; /* lateral */
    /* vessels show in full inside the visible lung and faintly behind heart and diaphragm */
    for (gsize i = 0; i < count; i++)
      keep[i] = 0.12f * MIN(1, s->air[i]) + 0.88f * s->lungs[side][i];
    double hy = a->A + (side == PHANTOM_RIGHT ? 0.565 : 0.52) * a->H, hx = phantom_medial(a, side, hy) - dir * 8 * k;
    if (side == PHANTOM_LEFT)
      hx = MIN(hx, a->medial[1] + 58 * k);
    Grower g = {s, &r, keep, side, 420};
    /* main stems: descending artery beside the heart, upper lobe trunk, middle branches; angles from lateral, downwards positive */
    static const struct {
      double dx, dy, angle, radius, length;
    } stems[] = {
      {4, 18, 1.22, 11.5, 84}, {10, 44, 0.98, 9.6, 80}, {6, -22, -1.12, 7.2, 66}, {14, -10, -0.72, 6.0, 66}, {18, 4, -0.12, 4.0, 64},
      {18, 22, 0.42, 5.2, 74}, {8, 62, 1.38, 6.0, 60},  {14, 30, 0.72, 6.4, 76}, {0, -40, -1.42, 4.8, 58}, {18, -4, -0.40, 4.4, 66}, {10, 74, 1.05, 5.0, 60},
      {6, 86, 1.30, 4.6, 62}, {2, 100, 1.50, 4.2, 58}, {12, 60, 0.86, 4.2, 74}, {14, 14, 0.22, 3.6, 72}, {4, -34, -0.92, 3.8, 66}, {2, -52, -1.25, 3.6, 60}, {8, 110, 1.18, 3.8, 62}, {16, 40, 0.56, 3.6, 78},
    };
    for (guint i = 0; i < G_N_ELEMENTS(stems); i++) {
      double angle = stems[i].angle + 0.10 * phantom_random_normal(&r), up = stems[i].angle < 0 ? 0.88 : 1.0;
      g.budget = 150;
      grow(&g, hx + dir * stems[i].dx * k, hy + stems[i].dy * k, dir > 0 ? angle : G_PI - angle, stems[i].radius * (side == PHANTOM_RIGHT ? 0.90 : 0.76) * k * up * flow, stems[i].length * k * 0.86, 0);
    }
    /* the hilum itself: overlapping vessels, a few seen end on, one bronchus as a ring */
    for (int i = 0; i < 16; i++) {
      double x = hx + dir * phantom_random_range(&r, -4, 42) * k, y = hy + phantom_random_range(&r, -55, 75) * k, rad = phantom_random_range(&r, 3.0, 6.5) * k, t = phantom_random_range(&r, -1.4, 1.4);
      AxPhantomPath path = {0};
      double len = i < 6 ? 0.5 : phantom_random_range(&r, 10, 34);
      phantom_path_add(&path, x, y, rad, 2 * rad * MU_BLOOD * 0.5);
      phantom_path_add(&path, x + dir * len * cos(t), y + len * sin(t), rad * 0.8, 2 * rad * MU_BLOOD * 0.5);
      phantom_canvas_stroke(s->c, s->vessels, &path, PHANTOM_PROFILE_VESSEL, keep);
    }
    for (int i = 0; i < 3; i++) {
      double x = hx + dir * phantom_random_range(&r, 8, 40) * k, y = hy + phantom_random_range(&r, -40, 45) * k, rad = phantom_random_range(&r, 4, 6.5) * k;
      AxPhantomPath path = {0};
      for (int j = 0; j <= 20; j++)
        phantom_path_add(&path, x + rad * cos(j * G_PI / 10), y + rad * 1.1 * sin(j * G_PI / 10), 1.5 * k, 0.13);
      phantom_canvas_stroke(s->c, s->vessels, &path, PHANTOM_PROFILE_VESSEL, keep);
    }
    /* fine twigs, all pointing away from the hilum, everywhere; some are seen end on as dots */
    AxBox lb = phantom_path_box(&a->lung[side]);
    for (int i = 0; i < 780; i++) {
      double x = phantom_random_range(&r, lb.x1, lb.x2), y = phantom_random_range(&r, lb.y1, lb.y2);
      double angle = atan2(y - hy, x - hx) + 0.55 * phantom_random_normal(&r), len = phantom_random_range(&r, 12, 46) * k, dist = hypot(x - hx, y - hy) / (a->H * 0.6);
      double rad = (phantom_random_range(&r, 0.7, 1.7) + MAX(0, 0.9 - dist)) * k;
      if (!phantom_path_contains(&a->volume[side], x, y))
        continue;
      AxPhantomPath path = {0};
      if (phantom_random_unit(&r) < 0.12)
        len = 0.4, rad *= 1.35;
      double bend = 0.05 * phantom_random_normal(&r);
      for (int j = 0; j <= 4; j++) {
        phantom_path_add(&path, x, y, rad * (1 - 0.12 * j), 2 * rad * MU_BLOOD * 0.46);
        x += cos(angle) * len / 4;
        y += sin(angle) * len / 4;
        angle += bend;
      }
      phantom_canvas_stroke(s->c, s->vessels, &path, PHANTOM_PROFILE_VESSEL, keep);
    }
    /* soft shadow of the main artery and veins */
    float *soft = phantom_plane_new(s->c);
    AxPhantomPath trunk = {0};
    AxPhantomPoint way[4] = {{hx + dir * 2 * k, hy - 48 * k}, {hx + dir * 16 * k, hy - 12 * k}, {hx + dir * 22 * k, hy + 40 * k}, {hx + dir * 26 * k, hy + 100 * k}};
    phantom_path_curve(&trunk, way, 4, 8, 30 * k, 20 * k, 0.62 * flow, 0.42 * flow);
    phantom_canvas_stroke(s->c, soft, &trunk, PHANTOM_PROFILE_ROUND, keep);
    phantom_canvas_blur(s->c, soft, 9 * k);
    for (gsize i = 0; i < count; i++)
      s->vessels[i] += soft[i];
    g_free(soft);
  }
  /* what lies below that: mottle at three scales, where there is air */
  phantom_canvas_blur(s->c, s->vessels, 1.2);
  guint64 seed = s->p->seed * 77 + 5;
  int n = s->c->size;
  for (int y = 0; y < n; y++)
    for (int x = 0; x < n; x++) {
      gsize i = (gsize)y * n + x;
      float air = s->air[i];
      if (air < 0.05f)
        continue;
      double u = x / s->c->scale, v = y / s->c->scale;
      double m = 0.060 * phantom_noise(seed + 3, u, v, 80) + 0.066 * phantom_noise(seed, u, v, 34) + 0.056 * phantom_noise(seed + 1, u, v, 13) + 0.044 * phantom_noise(seed + 2, u, v, 5.5);
      s->vessels[i] += (float)m * MIN(1, air);
    }
}
