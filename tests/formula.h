/* The formula that regenerates the weights and images of the reference vectors, so that no big file has to be kept.
 * A development aid for tests only; uses nothing but the C library. The definition is in ../shared/reference/README.md 1 and 2. */
#ifndef AX_TESTS_FORMULA_H
#define AX_TESTS_FORMULA_H

#include <stdint.h>

/* 64-bit FNV-1a hash of the bytes of a NUL-terminated name. */
uint64_t ax_test_fnv1a64(const char *name);

/* Pseudo-random double in [-1, 1) number `index` of the stream called `name`. */
double ax_test_formula_u(const char *name, uint64_t index);

/* Fills out[product of shape] (row-major) with the weight that the checkpoint key `name` has in the reference. */
void ax_test_formula_weight(const char *name, int ndim, const int64_t *shape, float *out);

/* The same, each value then rounded to the nearest bfloat16, ties to even. */
void ax_test_formula_weight_bf16(const char *name, int ndim, const int64_t *shape, float *out);

/* Fills out[height * width] with the 8-bit test radiograph of that seed; `mirror` != 0 swaps left and right of the drawing
 * (not of the noise). */
void ax_test_formula_image(const char *seed, int width, int height, int mirror, uint8_t *out);

#endif
