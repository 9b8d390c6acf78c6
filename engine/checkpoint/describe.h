/* What is in a weight file or model folder, for `anatomixctl info`: tensors, types, shapes, totals, as text and as JSON; or why the
 * file is bad (every checksum is verified). May use everything in this folder. */
#pragma once

#include "engine/checkpoint/model_folder.h"

G_BEGIN_DECLS

/* Describes a model folder (given the folder or its model.json), a weight file, a sentence database, or the folder of a language model or
 * adapter (Hugging Face, PEFT). NULL with the reason when it
 * is bad. Free with json_object_unref().
 * A weight file: {"path", "format", "tensors": [{"name", "dtype", "shape"}], "parameters", "bytes", "metadata": {...}}; "bytes" counts
 * the tensors' elements. A model folder: {"path", "model": {"name", "sha256"}, "config", "quality", "trained_on", "licences": [names],
 * "files": [{"role", "bytes", "sha256", and the file's own description}]}. What is a language model or an adapter of one has
 * besides "language": {"source", "config", "adapter"}; that of a model folder also "base" and "path" or "missing"; a folder of one lists its
 * tensors under their canonical names. A sentence database has besides: "objects": [{"name",
 * "sentences"}], "dimension". */
JsonObject *ax_describe(const char *path, GError **error);

/* The same as text for a terminal, ending in a newline; free with g_free(). */
char *ax_describe_text(JsonObject *description);

G_END_DECLS
