/* The tiny language model of the reference (F_lm_tiny) as a source of weights, and its stored results. For the tests of this folder. */
#pragma once
#include "engine/checkpoint/weights.h"
#include "engine/model/gemma.h"

/* Full path below ../shared, or NULL after g_test_skip(). */
char *tiny_path (const char *folder, const char *file);

/* What a case takes from lm.pt beside the base; the rest of the model is the base's. */
typedef enum { TINY_LORA = 1, TINY_VOCABULARY = 2, TINY_HEADS = 4 } TinyParts;

typedef struct {
  AxWeights    *base, *lm;
  TinyParts     parts;
  AxGemmaSource source;
} Tiny;

extern const AxGemmaConfig    tiny_config;
extern const AxGemmaInjection tiny_injection;

/* NULL after g_test_skip() when the files are absent. */
Tiny    *tiny_open (TinyParts parts);
void     tiny_free (Tiny *tiny);
AxGemma *tiny_gemma (Tiny *tiny, const AxGemmaOptions *options);

/* A tensor of a file as float32, any shape; *n is its number of elements. Free with g_free(). Aborts when it is not there. */
float   *tiny_tensor (AxWeights *weights, const char *name, gsize *n);
gint32  *tiny_ids    (AxWeights *weights, const char *name, gsize *n);
double   tiny_worst  (const float *a, const float *b, gsize n);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Tiny, tiny_free)
