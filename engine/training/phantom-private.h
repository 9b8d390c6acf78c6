/* Shared by the files of the phantom and by nothing else: paths in the body frame, float planes, random numbers, and the anatomy
 * that is computed once and drawn by the others. The body frame is the 1024 frame before tilt and mirroring: the patient's right is
 * at small x. A plane is [size, size] floats. May use GLib and libm. */
#pragma once

#include "engine/training/phantom.h"

#include <math.h>
#include <string.h>

/* ---- random numbers: SplitMix64, so that a seed means the same everywhere ---- */

typedef struct {
  guint64 state;
} AxPhantomRandom;

static inline guint64 phantom_random_next(AxPhantomRandom *r) {
  guint64 z = (r->state += G_GUINT64_CONSTANT(0x9e3779b97f4a7c15));
  z = (z ^ (z >> 30)) * G_GUINT64_CONSTANT(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * G_GUINT64_CONSTANT(0x94d049bb133111eb);
  return z ^ (z >> 31);
}
static inline double phantom_random_unit(AxPhantomRandom *r) { return (double)(phantom_random_next(r) >> 11) * 0x1p-53; }
static inline double phantom_random_range(AxPhantomRandom *r, double a, double b) { return a + (b - a) * phantom_random_unit(r); }
/* Sum of twelve: near enough to normal, bounded, and free of libm. */
static inline double phantom_random_normal(AxPhantomRandom *r) {
  double s = -6;
  for (int i = 0; i < 12; i++)
    s += phantom_random_unit(r);
  return s;
}
static inline AxPhantomRandom phantom_random_stream(guint64 seed, guint64 stream) {
  AxPhantomRandom r = {seed * G_GUINT64_CONSTANT(0xd1342543de82ef95) + stream * G_GUINT64_CONSTANT(0xaf251af3b0f025b5) + 1};
  phantom_random_next(&r);
  return r;
}

/* ---- paths ---- */

#define PHANTOM_PATH_MAX 400
typedef struct {
  int n;
  double x[PHANTOM_PATH_MAX], y[PHANTOM_PATH_MAX], r[PHANTOM_PATH_MAX], w[PHANTOM_PATH_MAX]; /* r, w: strokes only (radius, weight) */
} AxPhantomPath;

typedef struct {
  double x, y;
} AxPhantomPoint;

static inline void phantom_path_add(AxPhantomPath *p, double x, double y, double r, double w) {
  if (p->n < PHANTOM_PATH_MAX) {
    p->x[p->n] = x;
    p->y[p->n] = y;
    p->r[p->n] = r;
    p->w[p->n] = w;
    p->n++;
  }
}
/* Appends a Catmull-Rom curve through `n` points, `steps` per piece, radius and weight running from a to b. */
void phantom_path_curve(AxPhantomPath *path, const AxPhantomPoint *points, int n, int steps, double ra, double rb, double wa, double wb);
/* Horizontal extent of a closed path between two rows; FALSE where it has none. */
gboolean phantom_path_extent(const AxPhantomPath *path, double y0, double y1, double *x0, double *x1);
AxBox phantom_path_box(const AxPhantomPath *path);
gboolean phantom_path_contains(const AxPhantomPath *path, double x, double y);

/* ---- planes ---- */

typedef struct {
  int size;
  double scale;          /* pixels per unit of the 1024 frame */
  double cs, sn, flip;   /* body frame to film: flip, then tilt about the centre */
  float *scratch, *scratch2;
} AxPhantomCanvas;

void phantom_canvas_to_film(const AxPhantomCanvas *c, double x, double y, double *fx, double *fy);   /* body to pixels */
void phantom_canvas_to_body(const AxPhantomCanvas *c, double fx, double fy, double *x, double *y);   /* pixels to body */
AxPhantomPath *phantom_canvas_map(const AxPhantomCanvas *c, const AxPhantomPath *path);              /* body to pixels, new */
float *phantom_plane_new(const AxPhantomCanvas *c);
/* Adds `value` times the coverage of a closed path. */
void phantom_canvas_fill(const AxPhantomCanvas *c, float *plane, const AxPhantomPath *path, double value);
/* Three box blurs of about this Gaussian sigma (1024 frame). */
void phantom_canvas_blur(const AxPhantomCanvas *c, float *plane, double sigma);

typedef enum {
  PHANTOM_PROFILE_ROUND,  /* a full cylinder: chord */
  PHANTOM_PROFILE_BONE,   /* a shell with marrow: bright at both edges */
  PHANTOM_PROFILE_FLAT,   /* one value with soft edges */
  PHANTOM_PROFILE_TUBE,   /* a thin-walled tube: edges only */
  PHANTOM_PROFILE_VESSEL, /* a full cylinder that joins others: adds as the root of the squares, so that forks do not shine */
} AxPhantomProfile;

/* Adds w * profile(distance / r) along a polyline; pixels near several pieces are counted once. With `keep` (may be NULL) the
 * value is multiplied by that plane. */
void phantom_canvas_stroke(const AxPhantomCanvas *c, float *plane, const AxPhantomPath *path, AxPhantomProfile profile, const float *keep);
/* Smooth noise in [-1, 1] with features of `cell` (1024 frame), the same at every size of the picture. */
double phantom_noise(guint64 seed, double x, double y, double cell);
void phantom_plane_extent(const AxPhantomCanvas *c, const guint8 *mask, AxBox *box);

/* ---- anatomy ---- */

enum { PHANTOM_RIGHT, PHANTOM_LEFT };

typedef struct {
  guint64 seed;
  double apex[2], dome[2], base[2], lateral[2], medial[2]; /* per side */
  double heart_x1, heart_x2, heart_y1, heart_y2;
  double mid_base, mid_top;   /* midline at the diaphragm and at the top */
  double clavicle_y1[2], clavicle_y2[2];
  double A, D, H;             /* mean apex, mean dome, lung height */
  double cage_shift;          /* the front of the chest against the back, from the patient's rotation */
  AxPhantomPath lung[2], volume[2], heart, clavicle[2];
  double knob_x, knob_y, carina_x, carina_y;
} AxPhantomAnatomy;

void phantom_anatomy_compute(AxPhantomAnatomy *a, const AxPhantomParams *p);
static inline double phantom_midline(const AxPhantomAnatomy *a, double y) {
  double t = (y - a->A) / a->H;
  t = CLAMP(t, -0.4, 1.6);
  return a->mid_top + (a->mid_base - a->mid_top) * t;
}
/* x of the lung's medial border (mediastinum or heart) and y of its diaphragm at a place. */
double phantom_medial(const AxPhantomAnatomy *a, int side, double y);
double phantom_dome(const AxPhantomAnatomy *a, int side, double x);
/* x of the spine's middle, straighter than the midline between the lungs. */
double phantom_spine(const AxPhantomAnatomy *a, double y);
/* x of the lung's lateral border at height y (continued above the apex and below the base). */
double phantom_lateral(const AxPhantomAnatomy *a, int side, double y);
void phantom_truth_boxes(const AxPhantomAnatomy *a, const AxPhantomCanvas *c, const AxPhantomParams *p, AxPhantomTruth *truth);

/* ---- drawing: each adds to the planes below ---- */

typedef struct {
  const AxPhantomParams *p;
  AxPhantomAnatomy *a;
  AxPhantomCanvas *c;
  float *tau;      /* attenuation of soft tissue, bone and metal, without the lungs */
  float *air;      /* thickness of air in the lungs, in attenuation that it takes away */
  float *lungs[2]; /* coverage of the visible lungs */
  float *vessels;  /* attenuation of the lung's vessels */
  float *metal;    /* attenuation of devices: not blurred by the body's scatter */
  AxPhantomTruth *truth; /* may be NULL */
} AxPhantomScene;

void phantom_draw_body(AxPhantomScene *s);
void phantom_draw_lungs(AxPhantomScene *s);
void phantom_draw_vessels(AxPhantomScene *s);
void phantom_draw_bones(AxPhantomScene *s);
void phantom_draw_findings(AxPhantomScene *s);
gboolean phantom_draw_device(AxPhantomScene *s, const AxPhantomFinding *f, AxPhantomRandom *r, float *plane); /* FALSE: no device */
void phantom_film(AxPhantomScene *s, float *display); /* display [0, 1] */
