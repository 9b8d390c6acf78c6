/* Descriptions of language models for engine/checkpoint/describe.c. Private to this folder. */
#pragma once

#include "engine/checkpoint/lm_weights.h"
#include "engine/checkpoint/model_folder.h"

G_BEGIN_DECLS

/* {"source", "config": {...}, "adapter": {...}}, the latter two where there are any. */
JsonObject *ax_describe_lm(const AxLmWeights *weights);

/* The language part of a model folder: {"base": {...}, "adapter"..., and "path" of the base, or "missing": why it is not there}. NULL without
 * a language part (no error) or when something in it is bad. */
JsonObject *ax_describe_language_part(AxModelFolder *folder, GError **error);

/* Appends a text that comes from a file: control characters must not reach a terminal. Padded with spaces to width bytes. */
void ax_describe_append_safe(GString *text, const char *name, gsize width);

/* Appends either as text, each line indented. */
void ax_describe_lm_text(GString *text, JsonObject *lm, const char *indent);

G_END_DECLS
