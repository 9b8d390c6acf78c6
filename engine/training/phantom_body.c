/* Soft tissue of the phantom: trunk, shoulders, neck and arms as thicknesses; heart and great vessels do not need drawing, they are where
 * the lungs are not. And the lungs: air whose thickness follows the cage, less where the heart or the diaphragm takes the room. */
#include "engine/training/phantom-private.h"

#define MU_TISSUE 0.19f /* per centimetre, soft tissue at about 110 kV */

static float smooth_max(float a, float b, float k) {
  float h = CLAMP(0.5f + 0.5f * (a - b) / k, 0.0f, 1.0f);
  return b + (a - b) * h + k * h * (1 - h);
}

/* Chord of a rounded slab: 0 at the rim, 1 from `depth` inwards. */
static inline float rim(float d, float depth) {
  if (d <= 0)
    return 0;
  if (d >= depth)
    return 1;
  float q = 1 - d / depth;
  return sqrtf(1 - q * q);
}

void phantom_draw_body(AxPhantomScene *s) {
  const AxPhantomParams *p = s->p;
  const AxPhantomAnatomy *a = s->a;
  int n = s->c->size;
  AxPhantomRandom r = phantom_random_stream(p->seed, 2);
  float hab = (float)p->habitus, k = (float)(a->H / 564);
  float wall = 84 + 32 * hab + 12 * (float)phantom_random_normal(&r) * 0.5f;
  wall = MAX(wall, 40) * k;
  float cx0 = (float)(a->lateral[0] + a->lateral[1]) / 2, half0 = (float)(a->lateral[1] - a->lateral[0]) / 2 + wall;
  float trunk = 20.5f + 3.0f * hab, shoulder_y = (float)(a->clavicle_y1[0] + a->clavicle_y1[1]) / 2 - (22 + 16 * hab) * k;
  float neck = (92 + 12 * hab + (p->sex == AX_PHANTOM_MALE ? 8 : -4)) * k, mid = (float)a->mid_top;
  float spread = (float)(p->view == AX_PHANTOM_AP ? phantom_random_range(&r, 0.02, 0.10) : phantom_random_range(&r, 0.10, 0.3));
  float arm_r = (92 + 14 * hab) * k, apex = (float)a->A, height = (float)a->H;
  guint64 ns = p->seed * 31 + 7;
  /* tissue changes slowly: computed on a grid of every second pixel, in between interpolated */
  int g = n / 2 + 2;
  g_autofree float *grid = g_new(float, (gsize)g * g);
  for (int gy = 0; gy < g; gy++)
    for (int gx = 0; gx < g; gx++) {
      double bx, by;
      phantom_canvas_to_body(s->c, gx * 2 + 0.5, gy * 2 + 0.5, &bx, &by);
      float x = (float)bx, y = (float)by, t = (y - apex) / height;
      /* trunk: a rounded slab, thinner towards the shoulders; waist a little narrower than the chest */
      float half = half0 * (t < 0.2f ? 1.0f : t > 1.05f ? 1 + 0.10f * hab * (t - 1.05f) - 0.05f * (1 - hab) * (t - 1.05f) : 1.0f);
      /* broad back muscles below the armpit, a waist, and nobody's sides are straight */
      float low = CLAMP(t - 0.42f, -0.5f, 0.75f);
      half *= 1.02f - 0.07f * low * low + 0.022f * (float)phantom_noise(ns + (x < cx0 ? 11 : 12), 0, y, 230) + 0.006f * (float)phantom_noise(ns + (x < cx0 ? 13 : 14), 0, y, 70);
      float u = fabsf(x - cx0) / half, depth = trunk * (0.76f + 0.24f * CLAMP((t + 0.10f) / 0.7f, 0, 1)) * (1 + 0.22f * CLAMP((t - 0.9f) / 0.5f, 0, 1));
      float body = u < 1 ? depth * sqrtf(1 - u * u * u * u * u) : 0;
      /* shoulders slope from the neck; the trapezius is thin at its upper edge */
      float dx = fabsf(x - mid), out = CLAMP((dx - neck * 0.9f) / (330 * k), 0, 1);
      float ridge = shoulder_y - 128 * k * (1 - out) * (1 - out), over = CLAMP((out - 0.55f) / 0.45f, 0, 1);
      ridge += 34 * k * over * over;
      float top = rim(y - ridge, 190 * k);
      float shoulders = MIN(body, 30) * (0.10f * (y > ridge) + 0.90f * top);
      /* arms */
      float ay = y - (shoulder_y + 70 * k), acx = half0 + (0.2f + 0.05f * hab) * arm_r + spread * MAX(ay, 0), ad = (fabsf(x - cx0) - acx) / arm_r;
      float arm = fabsf(ad) < 1 ? 12.0f * (0.85f + 0.15f * hab) * sqrtf(1 - ad * ad) * rim(y - (shoulder_y - 10 * k + 30 * k * ad * ad), 150 * k) : 0;
      float deltoid = 0;
      {
        float ex = (fabsf(x - cx0) - half0 * 0.93f) / (150 * k), ey = (y - (shoulder_y + 190 * k)) / (210 * k), e = ex * ex + ey * ey;
        deltoid = e < 1 ? 17.0f * sqrtf(1 - e) : 0;
      }
      /* neck */
      float nu = dx / neck, nk = nu < 1 ? 12.5f * sqrtf(1 - nu * nu * nu) * CLAMP((apex + 0.25f * height - y) / (0.3f * height), 0, 1) : 0;
      float v = smooth_max(shoulders, nk, 1.5f);
      v = smooth_max(v, smooth_max(arm, deltoid, 2), 2.5f);
      if (v < 1.0f) /* smooth_max() leaves a floor where there is nothing */
        v = (body > 0 && y > ridge) || arm > 0 || nk > 0 || deltoid > 0 ? v : 0;
      v *= 1 + 0.030f * (float)phantom_noise(ns, x, y, 190) + 0.012f * (float)phantom_noise(ns + 1, x, y, 62) + 0.005f * (float)phantom_noise(ns + 2, x, y, 22);
      grid[(gsize)gy * g + gx] = v * MU_TISSUE;
    }
  for (int y = 0; y < n; y++)
    for (int x = 0; x < n; x++) {
      const float *q = grid + (gsize)(y / 2) * g + x / 2;
      float fx = (x & 1) * 0.5f, fy = (y & 1) * 0.5f;
      s->tau[(gsize)y * n + x] = (q[0] * (1 - fx) + q[1] * fx) * (1 - fy) + (q[g] * (1 - fx) + q[g + 1] * fx) * fy;
    }

  /* breasts: a rounded pad with a visible lower border; pectoral fold in men */
  float *plane = phantom_plane_new(s->c);
  float pad_y = (float)(a->A + 0.72 * a->H), pad_r = (150 + 35 * hab) * k;
  for (int side = 0; side < 2; side++) {
    double dir = side == PHANTOM_RIGHT ? -1 : 1, breast = p->sex == AX_PHANTOM_FEMALE ? 1 : 0.55;
    double bx = cx0 + dir * (half0 * 0.56), by = pad_y + a->H * (0.05 * phantom_random_unit(&r) + (breast < 1 ? -0.14 : 0.0)), br = pad_r * (breast < 1 ? 1.05 : 1);
    AxPhantomPath path = {0};
    for (int i = 0; i < 60; i++) {
      double t = 2 * G_PI * i / 60, c = cos(t), q = sin(t);
      phantom_path_add(&path, bx + br * (c + 0.10 * dir * q), by + br * q * (q > 0 ? 0.82 : 1.5), 0, 0);
    }
    phantom_canvas_fill(s->c, plane, &path, breast < 1 ? 0.10 + 0.05 * hab : 0.46 + 0.16 * hab);
  }
  /* it thins out upwards and inwards: only the lower and outer border is seen */
  phantom_canvas_blur(s->c, plane, p->sex == AX_PHANTOM_FEMALE ? 6 : 22);
  for (int y = 0; y < n; y++)
    for (int x = 0; x < n; x++) {
      gsize i = (gsize)y * n + x;
      if (plane[i] < 1e-4f)
        continue;
      double bx, by;
      phantom_canvas_to_body(s->c, x + 0.5, y + 0.5, &bx, &by);
      float up = CLAMP(((float)by - pad_y + 1.1f * pad_r) / (1.7f * pad_r), 0.0f, 1.0f), inwards = CLAMP(fabsf((float)bx - cx0) / (0.52f * half0), 0.0f, 1.0f);
      s->tau[i] += plane[i] * up * up * (0.4f + 0.6f * inwards) * MIN(1, s->tau[i]);
    }
  g_free(plane);

  /* gas: stomach under the left dome, sometimes colon; drawn as less tissue */
  int bubbles = 1 + (phantom_random_unit(&r) < 0.5) * 2;
  for (int i = 0; i < bubbles; i++) {
    AxPhantomPath path = {0};
    double gx = i == 0 ? phantom_random_range(&r, 0.42, 0.72) : phantom_random_range(&r, 0.2, 0.6), w = i == 0 ? phantom_random_range(&r, 38, 75) : phantom_random_range(&r, 18, 34);
    double x = a->lateral[1] + (a->medial[1] - a->lateral[1]) * gx, y0 = phantom_dome(a, PHANTOM_LEFT, x) + (i == 0 ? 22 : phantom_random_range(&r, 70, 170)) * k;
    double h = w * phantom_random_range(&r, 0.45, 0.75);
    for (int j = 0; j < 48; j++) {
      double t = 2 * G_PI * j / 48, c = cos(t), q = sin(t), wob = 1 + 0.10 * phantom_noise(ns + 40 + i, 300 + 60 * c, 300 + 60 * q, 40);
      phantom_path_add(&path, x + w * k * c * wob, y0 + h * k * (1 + (q > 0 ? 0.22 * q : q * (0.8 + 0.3 * c)) * wob), 0, 0);
    }
    plane = phantom_plane_new(s->c);
    phantom_canvas_fill(s->c, plane, &path, 1);
    phantom_canvas_blur(s->c, plane, i == 0 ? 3.5 : 5);
    float depth = i == 0 ? 0.17f : 0.09f;
    for (gsize j = 0; j < (gsize)n * n; j++)
      s->tau[j] *= 1 - depth * plane[j];
    g_free(plane);
  }
}

void phantom_draw_lungs(AxPhantomScene *s) {
  const AxPhantomAnatomy *a = s->a;
  int n = s->c->size;
  gsize count = (gsize)n * n;
  float k = (float)(a->H / 564), deepest = 2.0f * (1 + 0.10f * (float)s->p->inspiration);
  g_autofree float *cage = phantom_plane_new(s->c), *wide = phantom_plane_new(s->c), *heart = phantom_plane_new(s->c), *below = phantom_plane_new(s->c);
  for (int side = 0; side < 2; side++) {
    phantom_canvas_fill(s->c, cage, &a->volume[side], 1);
    phantom_canvas_fill(s->c, s->lungs[side], &a->lung[side], 1);
    phantom_canvas_blur(s->c, s->lungs[side], 2.0); /* motion and focal spot */
    /* depth below the diaphragm and into the heart, from soft copies of the lung */
    for (gsize i = 0; i < count; i++)
      below[i] += s->lungs[side][i];
  }
  /* blood in the heart: thickest in its middle; the edge itself is drawn by the lungs */
  phantom_canvas_fill(s->c, heart, &a->heart, 0.10);
  phantom_canvas_blur(s->c, heart, 24 * k);
  for (gsize i = 0; i < count; i++)
    s->tau[i] += heart[i] * MIN(1, s->tau[i]);
  memcpy(wide, cage, count * sizeof(float));
  memcpy(heart, below, count * sizeof(float));
  phantom_canvas_blur(s->c, wide, 56 * k);
  phantom_canvas_blur(s->c, cage, 2.0);
  phantom_canvas_blur(s->c, heart, 26 * k);
  for (int y = 0; y < n; y++)
    for (int x = 0; x < n; x++) {
      gsize i = (gsize)y * n + x;
      if (cage[i] < 1e-4f)
        continue;
      float c = CLAMP((wide[i] - 0.42f) / 0.58f, 0.0f, 1.0f), chord = cage[i] * (0.20f + 0.80f * sqrtf(c * (2 - c)));
      float v = MIN(1, below[i]);
      /* outside the visible outline the lung goes on behind the heart and the dome, and thins out with depth */
      float h = CLAMP(heart[i] * 2, 0.0f, 1.0f), behind = 0.52f * h + 0.10f;
      s->air[i] = deepest * chord * (v + (1 - v) * behind * (1 - 0.25f * (1 - h)));
    }
}
