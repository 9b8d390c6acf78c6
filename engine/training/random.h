/* random.h: a small counter-based random stream. The numbers depend only on the keys given to ax_random_init(), never on what ran before,
 * so a resumed training run draws what the uninterrupted one would have drawn. C library only. */
#pragma once
#include <math.h>
#include <stdint.h>

typedef struct { uint64_t state; } AxRandom;

static inline uint64_t
ax_random_next (AxRandom *r)
{
  uint64_t x = r->state += 0x9E3779B97F4A7C15u;
  x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
  x = (x ^ x >> 27) * 0x94D049BB133111EBu;
  return x ^ x >> 31;
}

/* One stream per (seed, a, b), e.g. seed of the run, step, place in the batch. */
static inline AxRandom
ax_random_init (uint64_t seed, uint64_t a, uint64_t b)
{
  AxRandom r = { seed };
  r.state = ax_random_next (&r) ^ a * 0xD1B54A32D192ED03u;
  r.state = ax_random_next (&r) ^ b * 0xABC98388FB8FAC03u;
  return r;
}

/* Uniform in [0, 1). */
static inline double
ax_random_uniform (AxRandom *r)
{
  return (double) (ax_random_next (r) >> 11) * 0x1p-53;
}

static inline double
ax_random_range (AxRandom *r, double lo, double hi)
{
  return lo + (hi - lo) * ax_random_uniform (r);
}

static inline double
ax_random_normal (AxRandom *r)
{
  double u = 1 - ax_random_uniform (r), v = ax_random_uniform (r);
  return sqrt (-2 * log (u)) * cos (6.283185307179586 * v);
}

/* Uniform integer in [0, n), n >= 1. */
static inline uint64_t
ax_random_below (AxRandom *r, uint64_t n)
{
  return (uint64_t) (ax_random_uniform (r) * (double) n);
}
