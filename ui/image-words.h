/* What is said of image files, in the reader's language. What lives here: the engine's description of a file and its reasons to refuse one, which are English,
 * put into translated words. May use engine/image/image.h; no GTK. Everything returned is freed with g_free(). */
#pragma once

#include "engine/image/image.h"

G_BEGIN_DECLS

/* "PNG, 8 bit grey" as ax_image_get_description() has it. */
char *ax_image_description_words(AxImage *image);

/* Why a file could not be opened: the engine's sentence, which names the details in English; in other languages after the kind of error and what to do. */
char *ax_image_error_words(const GError *error);

G_END_DECLS
