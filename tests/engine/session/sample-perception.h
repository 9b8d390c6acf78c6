/* A made-up result for the tests of drawing and JSON: boxes of the phantom, sentences with every kind of awkward text. */
#pragma once
#include "engine/anatomix.h"

/* Free with sample_perception_free(), not with ax_perception_unref(): it never came from a session. */
AxPerception *sample_perception_new (int width, int height, gboolean mirrored);
void sample_perception_free (AxPerception *p);
