/* What every fuzz target of the image readers does with its bytes: load them, and if an image comes out, use all of it as the program
 * would. May use engine/image. The same entry points run over mutated seeds in the ordinary tests (mutate_image.c). */
#pragma once

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Loads and uses; returns TRUE if the bytes were an image. */
gboolean ax_fuzz_image(const uint8_t *data, size_t size);
