/* The phantom from parameters to pixels: see phantom.h. */
#include "engine/training/phantom-private.h"

void ax_phantom_params_init(AxPhantomParams *p, guint64 seed, int size) {
  *p = (AxPhantomParams){.seed = seed, .size = size, .noise = 1, .variation = 0.6};
}

void ax_phantom_params_draw(AxPhantomParams *p, guint64 seed, int size) {
  AxPhantomRandom r = phantom_random_stream(seed, 0);
  ax_phantom_params_init(p, seed, size);
  p->sex = phantom_random_unit(&r) < 0.44 ? AX_PHANTOM_FEMALE : AX_PHANTOM_MALE;
  p->view = phantom_random_unit(&r) < 0.45 ? AX_PHANTOM_AP : AX_PHANTOM_PA;
  p->habitus = CLAMP(0.5 * phantom_random_normal(&r), -1, 1);
  p->inspiration = CLAMP(0.5 * phantom_random_normal(&r), -1, 1);
  p->rotation = CLAMP(2.5 * phantom_random_normal(&r), -8, 8);
  p->tilt = CLAMP(1.2 * phantom_random_normal(&r), -3, 3);
  p->noise = phantom_random_range(&r, 0.5, 1.6);
  p->variation = 1;
  p->mirrored = phantom_random_unit(&r) < 0.01;
  double u = phantom_random_unit(&r);
  int n = u < 0.4 ? 0 : u < 0.7 ? 1 : u < 0.9 ? 2 : 3;
  guint used = 0;
  for (int i = 0; i < n; i++) {
    AxPhantomKind kind = (AxPhantomKind)(phantom_random_unit(&r) * AX_PHANTOM_N_KINDS);
    AxPhantomFinding f = {kind, phantom_random_unit(&r) < 0.5 ? AX_PHANTOM_SIDE_RIGHT : AX_PHANTOM_SIDE_LEFT, phantom_random_range(&r, 0.15, 1), -1, -1};
    if (used & (1u << kind))
      continue;
    used |= 1u << kind;
    p->findings[p->n_findings++] = f;
  }
}

static void canvas_init(AxPhantomCanvas *c, const AxPhantomParams *p) {
  double t = p->tilt * G_PI / 180;
  *c = (AxPhantomCanvas){.size = p->size, .scale = p->size / AX_PHANTOM_FRAME, .cs = cos(t), .sn = sin(t), .flip = p->mirrored ? -1 : 1};
}

void ax_phantom_anatomy(const AxPhantomParams *p, AxPhantomTruth *truth) {
  g_autofree AxPhantomAnatomy *a = g_new(AxPhantomAnatomy, 1);
  AxPhantomCanvas c;
  memset(truth, 0, sizeof *truth);
  truth->size = p->size;
  canvas_init(&c, p);
  phantom_anatomy_compute(a, p);
  phantom_truth_boxes(a, &c, p, truth);
}

void ax_phantom_render(const AxPhantomParams *p, guint8 *pixels8, guint16 *pixels16, AxPhantomTruth *truth) {
  g_return_if_fail(p->size >= AX_PHANTOM_MIN_SIZE && p->size <= AX_PHANTOM_MAX_SIZE);
  g_return_if_fail(p->n_findings >= 0 && p->n_findings <= AX_PHANTOM_MAX_FINDINGS);
  g_autofree AxPhantomAnatomy *a = g_new(AxPhantomAnatomy, 1);
  AxPhantomCanvas c;
  canvas_init(&c, p);
  gsize count = (gsize)p->size * p->size;
  c.scratch = g_new(float, count);
  c.scratch2 = g_new(float, count);
  phantom_anatomy_compute(a, p);
  if (truth) {
    memset(truth, 0, sizeof *truth);
    truth->size = p->size;
    phantom_truth_boxes(a, &c, p, truth);
  }
  AxPhantomScene s = {.p = p, .a = a, .c = &c, .truth = truth};
  float **planes[] = {&s.tau, &s.air, &s.lungs[0], &s.lungs[1], &s.vessels, &s.metal};
  for (guint i = 0; i < G_N_ELEMENTS(planes); i++)
    *planes[i] = phantom_plane_new(&c);
  phantom_draw_body(&s);
  phantom_draw_lungs(&s);
  phantom_draw_vessels(&s);
  phantom_draw_bones(&s);
  phantom_draw_findings(&s);
  g_autofree float *display = phantom_plane_new(&c);
  phantom_film(&s, display);
  for (gsize i = 0; i < count; i++) {
    if (pixels8)
      pixels8[i] = (guint8)(display[i] * 255.0f + 0.5f);
    if (pixels16)
      pixels16[i] = (guint16)(display[i] * 65535.0f + 0.5f);
  }
  for (guint i = 0; i < G_N_ELEMENTS(planes); i++)
    g_free(*planes[i]);
  g_free(c.scratch);
  g_free(c.scratch2);
}
