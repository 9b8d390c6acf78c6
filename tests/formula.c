#include "tests/formula.h"

#include <math.h>
#include <string.h>

uint64_t
ax_test_fnv1a64(const char *name)
{
  uint64_t hash = UINT64_C(0xCBF29CE484222325);
  for (const unsigned char *p = (const unsigned char *) name; *p != 0; p++) {
    hash ^= *p;
    hash *= UINT64_C(0x100000001B3);
  }
  return hash;
}

static uint64_t
splitmix64(uint64_t x)
{
  x += UINT64_C(0x9E3779B97F4A7C15);
  x ^= x >> 30;
  x *= UINT64_C(0xBF58476D1CE4E5B9);
  x ^= x >> 27;
  x *= UINT64_C(0x94D049BB133111EB);
  x ^= x >> 31;
  return x;
}

/* 53 random bits scaled to [0, 2) and shifted: every step is exact, so contraction into an FMA cannot change it. */
static double
uniform(uint64_t stream, uint64_t index)
{
  const double unit = (double) (splitmix64(stream + index) >> 11) * 0x1p-53;
  return unit * 2.0 - 1.0;
}

double
ax_test_formula_u(const char *name, uint64_t index)
{
  return uniform(ax_test_fnv1a64(name), index);
}

static int
has_suffix(const char *text, const char *suffix)
{
  const size_t n = strlen(text), m = strlen(suffix);
  return n >= m && memcmp(text + n - m, suffix, m) == 0;
}

/* A weight is centre + scale * u (|u| for running_var). Query and key rows of an attention get a larger scale. */
typedef struct {
  double centre, scale, query_key_scale;
  int absolute, has_query_key;
} Rule;

static Rule
rule_for(const char *name, int ndim, const int64_t *shape)
{
  const char *dot = strrchr(name, '.');
  const char *leaf = dot != NULL ? dot + 1 : name;
  Rule rule = { 0 };

  if (strcmp(leaf, "running_mean") == 0) {
    rule.scale = 0.1;
  } else if (strcmp(leaf, "running_var") == 0) {
    rule.centre = 1.0;
    rule.scale = 0.2;
    rule.absolute = 1;
  } else if (strcmp(leaf, "cls_token") == 0 || strcmp(leaf, "cls_pos") == 0) {
    rule.scale = 1.0;
  } else if (has_suffix(name, "query_embed.weight")) {
    rule.scale = 3.0;
  } else if (ndim >= 2) {
    int64_t fan = 1;
    for (int d = 1; d < ndim; d++)
      fan *= shape[d];
    rule.scale = sqrt(3.0 / (double) fan);
    if (has_suffix(name, "input_proj.weight"))
      rule.scale *= 4.0;
    else if (has_suffix(name, "bbox_embed.layers.2.weight"))
      rule.scale *= 3.0;
    if (has_suffix(name, "in_proj_weight")) {
      rule.has_query_key = 1;
      rule.query_key_scale = (strstr(name, "anat_obj_embs") != NULL ? 6.0 : 3.0) * rule.scale;
    }
  } else if (has_suffix(leaf, "bias")) {
    rule.scale = 0.05;
  } else if (strstr(name, "language_model.") != NULL || strncmp(name, "model.", 6) == 0) {
    rule.scale = 0.1;
  } else {
    rule.centre = 1.0;
    rule.scale = 0.1;
  }
  return rule;
}

void
ax_test_formula_weight(const char *name, int ndim, const int64_t *shape, float *out)
{
  const uint64_t stream = ax_test_fnv1a64(name);
  const Rule rule = rule_for(name, ndim, shape);
  int64_t n = 1;
  for (int d = 0; d < ndim; d++)
    n *= shape[d];
  const int64_t query_key_end = rule.has_query_key ? n / 3 * 2 : 0;

  for (int64_t i = 0; i < n; i++) {
    double u = uniform(stream, (uint64_t) i);
    if (rule.absolute)
      u = fabs(u);
    /* volatile: the product must be rounded before the centre is added (no fused multiply-add). */
    volatile double product = (i < query_key_end ? rule.query_key_scale : rule.scale) * u;
    out[i] = (float) (rule.centre + product);
  }
}

void
ax_test_formula_weight_bf16(const char *name, int ndim, const int64_t *shape, float *out)
{
  ax_test_formula_weight(name, ndim, shape, out);
  int64_t n = 1;
  for (int d = 0; d < ndim; d++)
    n *= shape[d];
  for (int64_t i = 0; i < n; i++) {
    uint32_t bits;
    memcpy(&bits, &out[i], sizeof bits);
    bits += 0x7FFF + (bits >> 16 & 1);
    bits &= 0xFFFF0000u;
    memcpy(&out[i], &bits, sizeof bits);
  }
}

static int64_t
floor_div(int64_t a, int64_t b)
{
  const int64_t q = a / b;
  return a % b != 0 && (a ^ b) < 0 ? q - 1 : q;
}

/* One quadratic bump of the drawing: centre, radii, height in grey levels. */
typedef struct {
  int cx, cy, rx, ry, height;
} Bump;

static const Bump bumps[] = {
  { 512, 560, 470, 640, 170 },  /* body */
  { 300, 500, 170, 330, -110 }, /* lung on the left of the picture */
  { 740, 480, 165, 310, -110 }, /* lung on the right of the picture */
  { 590, 640, 190, 170, 120 },  /* heart */
  { 512, 500, 70, 520, 60 },    /* spine */
  { 300, 900, 230, 150, 70 },   /* upper abdomen */
  { 420, 180, 60, 60, 40 },     /* arch */
};

void
ax_test_formula_image(const char *seed, int width, int height, int mirror, uint8_t *out)
{
  const uint64_t stream = ax_test_fnv1a64(seed);
  for (int y = 0; y < height; y++) {
    const int64_t py = (2 * (int64_t) y + 1) * 512 / height;
    for (int x = 0; x < width; x++) {
      int64_t px = (2 * (int64_t) x + 1) * 512 / width;
      if (mirror)
        px = 1023 - px;
      int64_t level = 20 * 4096; /* grey levels in units of 1/4096 */
      for (size_t k = 0; k < sizeof bumps / sizeof bumps[0]; k++) {
        const int64_t rx2 = (int64_t) bumps[k].rx * bumps[k].rx, ry2 = (int64_t) bumps[k].ry * bumps[k].ry;
        const int64_t dx = px - bumps[k].cx, dy = py - bumps[k].cy;
        const int64_t fall = floor_div(4096 * (dx * dx * ry2 + dy * dy * rx2), rx2 * ry2);
        if (fall < 4096)
          level += bumps[k].height * (4096 - fall);
      }
      const int64_t off_axis = px < 512 ? 512 - px : px - 512;
      int64_t phase = (py + off_axis * 3 / 8) % 96 - 48;
      level += (phase < 0 ? -phase : phase) * 4096 / 3; /* ribs */
      const uint64_t noise = splitmix64(stream + (uint64_t) y * (uint64_t) width + (uint64_t) x) >> 60;
      const int64_t grey = floor_div(level, 4096) + (int64_t) noise - 8;
      out[(int64_t) y * width + x] = (uint8_t) (grey < 0 ? 0 : grey > 255 ? 255 : grey);
    }
  }
}
