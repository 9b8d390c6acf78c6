/* From attenuation to a film: exposure, scatter, noise, the detector's processing, collimation and the side marker. */
#include "engine/training/phantom-private.h"

/* Grey level (0 .. 255) for a local attenuation, from the mean levels of structures on 64 training films that radiologists read as normal:
 * mid lung 108, upper mediastinum 165, heart 184, upper abdomen 200, p99 230. */
static float response(float t, float contrast) {
  static const float tau[] = {-1, 0.0f, 0.35f, 0.8f, 1.2f, 1.6f, 2.0f, 2.4f, 2.8f, 3.2f, 3.6f, 4.2f, 6.0f};
  static const float grey[] = {2, 5, 16, 40, 68, 97, 122, 144, 163, 184, 207, 230, 249};
  t = 2.3f + (t - 2.3f) * contrast;
  int i = 0;
  while (i < (int)G_N_ELEMENTS(tau) - 2 && t > tau[i + 1])
    i++;
  float f = (t - tau[i]) / (tau[i + 1] - tau[i]);
  return grey[i] + (grey[i + 1] - grey[i]) * f;
}

/* Letters as polylines on a 4 x 6 grid, drawn by us; 9 ends a piece. */
static const gint8 glyph_L[] = {0, 0, 0, 6, 3, 6, 9}, glyph_R[] = {0, 6, 0, 0, 2, 0, 3, 1, 3, 2, 2, 3, 0, 3, 9, 2, 3, 3, 6, 9},
                   glyph_A[] = {0, 6, 2, 0, 4, 6, 9, 1, 4, 3, 4, 9}, glyph_P[] = {0, 6, 0, 0, 2, 0, 3, 1, 3, 2, 2, 3, 0, 3, 9}, glyph_K[] = {0, 0, 0, 6, 9, 3, 0, 0, 3, 3, 6, 9},
                   glyph_T[] = {0, 0, 4, 0, 9, 2, 0, 2, 6, 9}, glyph_M[] = {0, 6, 0, 0, 2, 3, 4, 0, 4, 6, 9};
static const struct {
  const gint8 *points;
  int n;
} letters[] = {{glyph_L, sizeof glyph_L}, {glyph_R, sizeof glyph_R}, {glyph_A, sizeof glyph_A}, {glyph_P, sizeof glyph_P}, {glyph_K, sizeof glyph_K}, {glyph_T, sizeof glyph_T}, {glyph_M, sizeof glyph_M}};

static void draw_letter(const AxPhantomCanvas *film, float *plane, int letter, double x, double y, double height, double width, double angle, double value) {
  const gint8 *g = letters[letter].points;
  double u = height / 6, c = cos(angle), q = sin(angle);
  AxPhantomPath p = {0};
  for (int i = 0; i < letters[letter].n;) {
    if (g[i] == 9) {
      phantom_canvas_stroke(film, plane, &p, PHANTOM_PROFILE_FLAT, NULL);
      p.n = 0;
      i++;
      continue;
    }
    double gx = g[i] * u, gy = g[i + 1] * u;
    phantom_path_add(&p, x + c * gx - q * gy, y + q * gx + c * gy, width, value);
    i += 2;
  }
}

static void draw_marker(AxPhantomScene *s, float *plane) {
  AxPhantomRandom r = phantom_random_stream(s->p->seed, 40);
  AxPhantomCanvas film = *s->c; /* the marker lies on the cassette: neither tilted nor mirrored with the patient */
  film.cs = 1;
  film.sn = 0;
  film.flip = 1;
  double x = phantom_random_range(&r, 905, 960), y = phantom_random_range(&r, 34, 120), angle = phantom_random_range(&r, -0.16, 0.16), h = phantom_random_range(&r, 40, 54);
  draw_letter(&film, plane, 0, x, y, h, h * 0.085, angle, 1);
  for (int i = 0; i < 2; i++) /* the initials of nobody, as on most films */
    draw_letter(&film, plane, 2 + (int)(phantom_random_unit(&r) * 5), x + 2 + 19 * i, y + h + 16, 15, 1.7, angle, 0.85);
  if (s->p->view == AX_PHANTOM_AP) {
    double bx = phantom_random_range(&r, 20, 60), by = phantom_random_range(&r, 560, 900);
    draw_letter(&film, plane, 2, bx, by, 22, 1.9, 0, 1);
    draw_letter(&film, plane, 3, bx + 24, by, 22, 1.9, 0, 1);
  }
}

void phantom_film(AxPhantomScene *s, float *display) {
  const AxPhantomParams *p = s->p;
  int n = s->c->size;
  gsize count = (gsize)n * n;
  AxPhantomRandom r = phantom_random_stream(p->seed, 30);
  double contrast = phantom_random_range(&r, 0.93, 1.09), bright = phantom_random_range(&r, -10, 10), gamma_noise = 0.016 * p->noise * phantom_random_range(&r, 0.7, 1.3);
  g_autofree float *expo = phantom_plane_new(s->c), *scatter = phantom_plane_new(s->c), *marker = phantom_plane_new(s->c);
  for (gsize i = 0; i < count; i++) {
    float soft = MAX(0, s->tau[i] - MIN(s->air[i], 0.86f * s->tau[i])) + MAX(-0.2f, s->vessels[i]) * MIN(1, s->tau[i] * 2);
    expo[i] = scatter[i] = expf(-MIN(soft, 6.5f));
  }
  /* scatter is wide, and a grid takes most of it away; without it dense regions would have unlimited contrast */
  phantom_canvas_blur(s->c, scatter, 62);
  float grid = p->view == AX_PHANTOM_AP ? 0.13f : 0.085f;
  AxPhantomRandom q = phantom_random_stream(p->seed, 31);
  for (gsize i = 0; i < count; i++) {
    float primary = expo[i] * expf(-s->metal[i]), t = primary + grid * scatter[i] * (0.4f + 0.6f * expf(-s->metal[i])) + 0.010f;
    /* quantum noise: relative to the square root of the exposure; four uniform numbers out of one draw */
    if (p->noise > 0) {
      guint64 z = phantom_random_next(&q);
      float g = ((float)(z & 0xffff) + (float)((z >> 16) & 0xffff) + (float)((z >> 32) & 0xffff) + (float)(z >> 48)) / 65535.0f - 2.0f;
      t *= 1 + CLAMP((float)gamma_noise * g * 1.7f / sqrtf(t * 3 + 0.02f), -0.5f, 0.5f);
    }
    expo[i] = -logf(t);
  }
  phantom_canvas_blur(s->c, expo, 0.75);
  /* processing: less of the coarse differences, a little more of the fine ones, as film processors do */
  memcpy(scatter, expo, count * sizeof(float));
  phantom_canvas_blur(s->c, scatter, 88);
  float *fine = display; /* borrowed: every pixel is read before its display value is written */
  memcpy(fine, expo, count * sizeof(float));
  phantom_canvas_blur(s->c, fine, 4.5);
  draw_marker(s, marker);
  double edge_l = phantom_random_unit(&r) < 0.35 ? phantom_random_range(&r, 4, 16) : -1, edge_t = phantom_random_unit(&r) < 0.3 ? phantom_random_range(&r, 4, 14) : -1,
         edge_r = phantom_random_unit(&r) < 0.35 ? phantom_random_range(&r, 4, 16) : -1;
  double slant = phantom_random_range(&r, -0.008, 0.008);
  for (int y = 0; y < n; y++)
    for (int x = 0; x < n; x++) {
      gsize i = (gsize)y * n + x;
      float t = expo[i] + 0.32f * (expo[i] - fine[i]) - 0.10f * (scatter[i] - 2.4f);
      float v = response(t, (float)contrast) + (float)bright * MIN(1, MAX(0, t));
      float m = MIN(1, marker[i]);
      v += (244 - v) * 0.93f * m;
      double fx = x / s->c->scale, fy = y / s->c->scale;
      double d = MIN(MIN(edge_l >= 0 ? fx - edge_l - slant * fy : 99, edge_r >= 0 ? 1024 - edge_r - fx + slant * fy : 99), edge_t >= 0 ? fy - edge_t + slant * fx : 99);
      if (d < 1.5) /* collimator: no exposure, black after processing */
        v = (float)(3 + (v - 3) * CLAMP(d / 1.5, 0, 1));
      display[i] = CLAMP(v / 255.0f, 0.0f, 1.0f);
    }
}
