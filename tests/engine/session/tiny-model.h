/* A whole model folder made from random weights, small enough for tests: a perception module of 128 pixels with sentences, a language model of two layers
 * whose tokens are bytes, an adapter with LoRA, projection heads and added rows. */
#pragma once
#include "engine/anatomix.h"

/* Writes it into a new folder below `parent` and returns its path; the base language model lies in it. without_language: perception alone. */
char    *tiny_model_new (const char *parent, gboolean without_language);
/* A folder with all that is in it. */
void     tiny_model_remove (const char *path);
/* A picture that differs with `seed`. */
AxImage *tiny_image (int width, int height, int seed);
