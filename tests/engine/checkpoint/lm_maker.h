/* Help of the tests of language models: values by name, and a GGUF made from the reference's tiny model. */
#pragma once

#include "engine/checkpoint/lm_weights.h"

/* The reference's tiny base, and an adapter by its path in the reference; NULL after g_test_skip() when it is absent. */
AxLmWeights *open_tiny_base(void);
AxLmWeights *open_reference_adapter(const char *name);

/* The tensor of that name as float32 and its number of elements; the test fails without one. Free with g_free(). */
float *lm_values(AxLmWeights *weights, const char *name, gsize *n);

/* Both have the tensor, with the same bits. */
void assert_same_lm_tensor(AxLmWeights *a, AxLmWeights *b, const char *name);

/* Writes DIR/tiny.gguf: norms as 1 + w in F32, matrices in BF16. `spoil` makes one thing wrong: "architecture", "width", "missing" (a layer),
 * "foreign" (a tensor too many); NULL: nothing. Returns the path. */
char *write_tiny_gguf(const char *dir, AxLmWeights *base, const char *spoil);
