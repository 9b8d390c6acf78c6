/* The phantom's shape: a statistical model of 19 landmarks (mean and covariance measured on the 798 training films whose every
 * landmark lies within three standard deviations), and outlines of the lungs and the heart through them. The outlines' tables are mean
 * profiles of the training masks as shares of the structure's own box. */
#include "engine/training/phantom-private.h"

enum { APEX_R, APEX_L, DOME_R, DOME_L, BASE_R, BASE_L, LAT_R, LAT_L, MED_R, MED_L, HEART_X1, HEART_X2, HEART_Y1, HEART_Y2, MID_BASE, CLAV_R_Y1, CLAV_R_Y2, CLAV_L_Y1, CLAV_L_Y2, N_LANDMARKS };

/* Measured: mean (pixels of the 1024 frame) and Cholesky factor of the covariance. */
static const double landmark_mean[N_LANDMARKS] = {148.7, 146.6, 686.0, 738.5, 771.9, 799.9, 151.1, 881.9, 478.2, 567.5, 402.9, 776.2, 467.3, 781.9, 553.7, 109.8, 251.8, 103.4, 246.8};
static const double landmark_chol[N_LANDMARKS][N_LANDMARKS] = {
  {57.2},
  {51.8, 21.8},
  {32.3, -4.4, 91.6},
  {28.4, 4.2, 81.3, 42.7},
  {26.7, -7.6, 101.8, -2.1, 34.0},
  {21.2, 8.3, 87.4, 36.6, 12.6, 40.1},
  {9.4, -8.6, -8.5, -2.6, -13.9, -7.4, 52.8},
  {-3.9, -8.5, 10.4, -0.9, 4.7, 7.1, 4.5, 53.6},
  {-1.2, 4.5, 1.4, 1.9, -4.1, -0.9, 25.9, 18.9, 20.5},
  {-0.9, 5.5, 1.7, 3.0, -2.7, 0.0, 20.4, 23.9, 18.9, 9.8},
  {1.7, -4.2, -1.7, -0.3, 2.6, -4.8, 35.1, 15.4, 8.0, -0.8, 23.2},
  {2.2, -7.4, 4.9, 10.0, -8.3, -16.8, 11.4, 42.7, 4.0, 3.5, 1.9, 30.3},
  {42.0, 5.1, 45.8, 10.3, -2.9, 0.3, -0.2, 0.6, 0.4, 0.2, -0.8, -0.2, 10.0},
  {30.0, 0.6, 84.2, 27.2, -3.6, 0.4, -1.8, 5.0, 0.6, 0.0, -6.7, 1.1, 9.6, 18.3},
  {5.2, -8.5, -3.0, -0.8, -2.9, -9.9, 27.8, 24.3, 3.2, 0.4, 12.2, 11.0, -5.9, 1.2, 21.1},
  {56.4, 0.5, -9.8, -2.6, -1.2, -0.7, 1.5, -0.8, -1.0, -2.5, 0.4, -0.5, 1.6, 0.2, 0.2, 18.3},
  {55.0, 4.0, 0.8, 0.5, -2.5, -0.6, -0.4, -0.2, 2.2, -1.7, -0.8, 1.5, 5.8, 2.7, -0.1, 9.4, 18.0},
  {48.2, 23.8, -11.4, -2.0, -0.6, -0.8, 1.0, -1.5, 2.7, -0.9, 0.1, -0.1, -0.2, -0.2, -0.8, 10.1, 2.4, 15.0},
  {51.9, 15.2, 3.6, 2.9, -2.8, 0.5, -1.0, 0.2, 2.3, -1.6, -1.0, 1.4, 6.0, 0.8, 0.3, 5.4, 9.6, 6.4, 15.4},
};

/* Lateral border: share of the lung's width from its outermost x, at 21 heights from apex to base (both sides averaged). */
static const double lateral_table[21] = {0.70, 0.452, 0.380, 0.323, 0.274, 0.232, 0.200, 0.174, 0.152, 0.134, 0.119, 0.105, 0.093, 0.081, 0.068, 0.055, 0.040, 0.026, 0.012, 0.004, 0.0};
/* Heart: its right and left border as shares of its width at 17 heights from top to bottom. */
static const double heart_right_table[17] = {0.297, 0.158, 0.109, 0.080, 0.060, 0.043, 0.029, 0.018, 0.013, 0.013, 0.019, 0.032, 0.058, 0.104, 0.174, 0.282, 0.475};
static const double heart_left_table[17] = {0.494, 0.629, 0.682, 0.724, 0.766, 0.809, 0.846, 0.881, 0.911, 0.937, 0.957, 0.972, 0.979, 0.976, 0.954, 0.881, 0.702};

static double table_at(const double *table, int n, double t) {
  double u = CLAMP(t, 0, 1) * (n - 1);
  int i = MIN((int)u, n - 2);
  double f = u - i, p0 = table[MAX(i - 1, 0)], p1 = table[i], p2 = table[i + 1], p3 = table[MIN(i + 2, n - 1)];
  return p1 + 0.5 * f * (p2 - p0 + f * (2 * p0 - 5 * p1 + 4 * p2 - p3 + f * (3 * (p1 - p2) + p3 - p0)));
}

static double smooth_min(double a, double b, double k) {
  double h = CLAMP(0.5 + 0.5 * (b - a) / k, 0, 1);
  return b + (a - b) * h - k * h * (1 - h);
}

double phantom_lateral(const AxPhantomAnatomy *a, int side, double y) {
  double t = (y - a->apex[side]) / (a->base[side] - a->apex[side]);
  double u = t >= 0.05 ? table_at(lateral_table, 21, t) : 0.452 + (0.05 - t) * 1.6;
  if (t > 1)
    u = -0.01 * MIN(t - 1, 0.5) * 4;
  return a->lateral[side] + (a->medial[side] - a->lateral[side]) * u;
}

static double heart_edge(const AxPhantomAnatomy *a, int side, double y) {
  double t = (y - a->heart_y1) / (a->heart_y2 - a->heart_y1);
  t = MIN(t, side == PHANTOM_RIGHT ? 0.58 : 0.74); /* below its widest place the heart rests on the diaphragm, and fat fills the angle */
  return a->heart_x1 + (a->heart_x2 - a->heart_x1) * table_at(side == PHANTOM_RIGHT ? heart_right_table : heart_left_table, 17, t);
}

double phantom_spine(const AxPhantomAnatomy *a, double y) {
  double t = CLAMP((y - a->A) / a->H, -0.4, 1.6);
  return a->mid_top + 0.4 * (a->mid_base - a->mid_top) * t;
}

double phantom_medial(const AxPhantomAnatomy *a, int side, double y) {
  double t = (y - a->A) / a->H, w = a->H;
  double g = (y - a->knob_y) / (0.085 * w), p = (t - 0.50) / 0.085, wob = 3.2 * phantom_noise(a->seed + 71 + side, y, 0, 46) + 1.3 * phantom_noise(a->seed + 73 + side, y, 0, 17);
  if (side == PHANTOM_RIGHT) {
    double v = (t - 0.27) / 0.13, x = a->medial[0] - 0.042 * w * CLAMP((t - 0.12) / 0.5, 0, 1.2) - 0.016 * w * exp(-v * v) + wob;
    return t > 0.42 ? smooth_min(x, heart_edge(a, 0, y) , 26) : x;
  }
  double x = a->medial[1] + 0.045 * w * CLAMP((t - 0.14) / 0.3, 0, 1) + 0.050 * w * exp(-g * g) + 0.022 * w * exp(-p * p) + wob;
  return y > a->heart_y1 - 10 ? -smooth_min(-x, -heart_edge(a, 1, y), 26) : x;
}

double phantom_dome(const AxPhantomAnatomy *a, int side, double x) {
  double u = (x - a->lateral[side]) / (a->medial[side] - a->lateral[side]);
  double top = side == PHANTOM_RIGHT ? 0.53 : 0.48, wob = 2.5 * phantom_noise(a->seed + 75 + side, x, 0, 60);
  if (u < top) {
    double q = CLAMP((top - u) / (top - 0.03), 0, 1); /* the costophrenic angle has a width */
    return a->dome[side] + wob * (1 - q) + (a->base[side] - a->dome[side]) * (0.72 * pow(q, 2.2) + 0.28 * (1 - sqrt(MAX(0, 1 - q * q))));
  }
  double q = (u - top) / (1 - top);
  return a->dome[side] + wob + 0.13 * a->H * q * q;
}

static void lung_path(AxPhantomAnatomy *a, int s) {
  AxPhantomPath *p = &a->lung[s], *v = &a->volume[s];
  double L = a->lateral[s], W = a->medial[s] - L, ap = a->apex[s], c = a->base[s], h = c - ap;
  int dir = s == PHANTOM_RIGHT ? 1 : -1;
  /* apex, from medial to lateral */
  AxPhantomPoint q[8];
  int k = 0;
  q[k++] = (AxPhantomPoint){phantom_medial(a, s, ap + 0.075 * h), ap + 0.075 * h};
  q[k++] = (AxPhantomPoint){L + W * 0.935, ap + 0.036 * h};
  q[k++] = (AxPhantomPoint){L + W * 0.84, ap + 0.010 * h};
  q[k++] = (AxPhantomPoint){L + W * 0.71, ap};
  q[k++] = (AxPhantomPoint){L + W * 0.57, ap + 0.016 * h};
  q[k++] = (AxPhantomPoint){L + W * 0.452, ap + 0.05 * h};
  phantom_path_curve(p, q, k, 6, 0, 0, 0, 0);
  for (int i = 1; i <= 44; i++) {
    double y = ap + h * (0.05 + 0.95 * i / 44.0);
    phantom_path_add(p, phantom_lateral(a, s, y), y, 0, 0);
  }
  *v = *p;
  /* diaphragm, from lateral to medial, until it meets the heart */
  double y_end = c, flare = 0.028 * a->H; /* fat fills the angle between heart and diaphragm */
  for (int i = 1; i <= 60; i++) {
    double x = L + W * i / 60.0, y = phantom_dome(a, s, x);
    if (dir * (x - phantom_medial(a, s, y)) > -flare && i > 20)
      break;
    phantom_path_add(p, x, y, 0, 0);
    y_end = y;
  }
  double y_top = ap + 0.075 * h;
  for (int i = 0; i <= 50; i++) {
    double y = y_end + (y_top - y_end) * i / 50.0, near = MAX(0, 1 - (y_end - y) / (0.08 * a->H));
    phantom_path_add(p, phantom_medial(a, s, y) - dir * flare * near * near, y, 0, 0);
  }
  /* the whole lung: also behind the heart and in the recess behind the diaphragm */
  double yb = a->D + 0.27 * a->H;
  AxPhantomPoint r[5] = {{L + W * 0.02, c + 10}, {L + W * 0.2, (c + yb) / 2 + 14}, {L + W * 0.5, yb - 4}, {L + W * 0.8, yb}, {phantom_spine(a, yb) - dir * 55.0, yb - 20}};
  phantom_path_curve(v, r, 5, 8, 0, 0, 0, 0);
  for (int i = 0; i <= 50; i++) {
    double y = yb - 20 + (y_top - yb + 20) * i / 50.0, edge = phantom_spine(a, y) - dir * (s == PHANTOM_LEFT ? 62.0 : 50.0), m = phantom_medial(a, s, y);
    double t = CLAMP(((y - a->A) / a->H - 0.3) / 0.2, 0, 1);
    phantom_path_add(v, m + (edge - m) * t, y, 0, 0);
  }
}

static void clavicle_path(AxPhantomAnatomy *a, int s) {
  static const double fx[7] = {0, 0.1, 0.28, 0.48, 0.68, 0.85, 1}, fy[7] = {1, 0.87, 0.64, 0.42, 0.2, 0.05, 0.0};
  int dir = s == PHANTOM_RIGHT ? -1 : 1;
  double r = 0.0225 * a->H + 1.0, inner = s == PHANTOM_RIGHT ? a->medial[0] - 6 : a->medial[1], outer = s == PHANTOM_RIGHT ? a->lateral[0] - 85 : a->lateral[1] + 83;
  inner += a->cage_shift - dir * -r * 1.25;
  AxPhantomPoint q[7];
  double y1 = a->clavicle_y1[s] + r, y2 = a->clavicle_y2[s] - 1.25 * r;
  for (int i = 0; i < 7; i++)
    q[i] = (AxPhantomPoint){inner + (outer - dir * r - inner) * fx[i], y1 + (y2 - y1) * fy[i]};
  AxPhantomPath *p = &a->clavicle[s];
  phantom_path_curve(p, q, 7, 6, r, r, 1, 1);
  for (int i = 0; i < p->n; i++) { /* wide sternal end */
    double f = (double)i / (p->n - 1);
    p->r[i] = r * (1 + 0.3 * exp(-f * f / 0.006) - 0.12 * exp(-(f - 0.4) * (f - 0.4) / 0.05));
  }
}

void phantom_anatomy_compute(AxPhantomAnatomy *a, const AxPhantomParams *p) {
  memset(a, 0, sizeof *a);
  a->seed = p->seed;
  AxPhantomRandom r = phantom_random_stream(p->seed, 1);
  double z[N_LANDMARKS], v[N_LANDMARKS];
  for (int i = 0; i < N_LANDMARKS; i++) {
    double n = phantom_random_normal(&r);
    z[i] = CLAMP(n, -2.0, 2.0) * p->variation;
  }
  z[DOME_R] += 0.35 * p->inspiration;
  z[LAT_L] += 0.25 * p->habitus;
  z[LAT_R] -= 0.25 * p->habitus;
  for (int i = 0; i < N_LANDMARKS; i++) {
    v[i] = landmark_mean[i];
    for (int k = 0; k <= i; k++)
      v[i] += landmark_chol[i][k] * z[k];
  }
  for (int s = 0; s < 2; s++) {
    a->apex[s] = CLAMP(v[APEX_R + s], 25, 330);
    a->dome[s] = CLAMP(v[DOME_R + s], a->apex[s] + 300, 900);
    a->base[s] = CLAMP(v[BASE_R + s], a->dome[s] + 40, 990);
    a->medial[s] = v[MED_R + s];
    a->clavicle_y1[s] = v[s ? CLAV_L_Y1 : CLAV_R_Y1];
    a->clavicle_y2[s] = MAX(v[s ? CLAV_L_Y2 : CLAV_R_Y2], a->clavicle_y1[s] + 70);
  }
  a->medial[1] = MAX(a->medial[1], a->medial[0] + 62);
  a->lateral[0] = CLAMP(v[LAT_R], 25, a->medial[0] - 200);
  a->lateral[1] = CLAMP(v[LAT_L], a->medial[1] + 190, 1000);
  a->A = (a->apex[0] + a->apex[1]) / 2;
  a->D = (a->dome[0] + a->dome[1]) / 2;
  a->H = a->D - a->A;
  double middle = (a->medial[0] + a->medial[1]) / 2;
  a->mid_top = middle - 9;
  a->mid_base = CLAMP(v[MID_BASE], middle - 5, middle + 60);
  a->cage_shift = p->rotation * 0.006 * a->H;
  a->heart_x1 = v[HEART_X1];
  a->heart_x2 = v[HEART_X2];
  a->heart_y1 = CLAMP(v[HEART_Y1], a->A + 0.45 * a->H, a->A + 0.66 * a->H);
  a->heart_y2 = CLAMP(v[HEART_Y2], MAX(a->D - 10, a->heart_y1 + 0.4 * a->H), MAX(a->D + 0.22 * a->H, a->heart_y1 + 0.42 * a->H));

  /* width of the heart: as drawn, but healthy unless cardiomegaly is asked for */
  double chest = a->lateral[1] - a->lateral[0], lo = p->view == AX_PHANTOM_AP ? 0.43 : 0.40, hi = p->view == AX_PHANTOM_AP ? 0.545 : 0.515;
  double severity = -1;
  for (int i = 0; i < p->n_findings; i++)
    if (p->findings[i].kind == AX_PHANTOM_CARDIOMEGALY)
      severity = CLAMP(p->findings[i].severity, 0, 1);
  if (severity >= 0)
    lo = 0.565 + 0.11 * severity, hi = lo + 0.02;
  double ratio = (a->heart_x2 - a->heart_x1) / chest, want = CLAMP(ratio, lo, hi);
  double cx = a->heart_x1 + 0.36 * (a->heart_x2 - a->heart_x1), w = want * chest;
  cx = CLAMP(cx, middle - 25, middle + 40);
  a->heart_x1 = MAX(cx - 0.36 * w, a->lateral[0] + 70);
  a->heart_x2 = MIN(a->heart_x1 + w, a->lateral[1] - (severity >= 0 ? 18 : 45));
  a->knob_y = a->A + 0.255 * a->H + 45 * a->H / 564;
  a->knob_x = a->medial[1] - 12;
  a->carina_x = middle - 8;
  a->carina_y = a->A + 0.345 * a->H + 58 * a->H / 564;

  double hw = a->heart_x2 - a->heart_x1, hh = a->heart_y2 - a->heart_y1;
  for (int i = 0; i <= 48; i++) {
    double t = i / 48.0;
    phantom_path_add(&a->heart, a->heart_x1 + hw * table_at(heart_right_table, 17, t) , a->heart_y1 + hh * t, 0, 0);
  }
  for (int i = 48; i >= 0; i--) {
    double t = i / 48.0;
    phantom_path_add(&a->heart, a->heart_x1 + hw * table_at(heart_left_table, 17, t), a->heart_y1 + hh * t, 0, 0);
  }
  /* the tables are means, whose extremes lie a little inside; stretch so that the outline fills its box */
  AxBox hb = phantom_path_box(&a->heart);
  for (int i = 0; i < a->heart.n; i++)
    a->heart.x[i] = a->heart_x1 + (a->heart.x[i] - hb.x1) * hw / (hb.x2 - hb.x1);
  for (int s = 0; s < 2; s++) {
    lung_path(a, s);
    clavicle_path(a, s);
  }
}
