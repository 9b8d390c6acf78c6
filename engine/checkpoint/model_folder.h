/* Model folders: model.json beside the files it names. What lives here: reading one with every SHA-256 verified, and writing one.
 *
 * model.json, version 1:
 *   "format": "anatomix-model", "version": 1, "name": string,
 *   "config": object that the model code reads ("apm": {"depth", "input_size", "hidden", ...}),
 *   "files": {role: {"path": name in the folder, "bytes": n, "sha256": hex}}; roles in use: "apm" (weights, safetensors),
 *            "sentences" (engine/checkpoint/sentence_file.h), "lm_adapter" and "lm_base/..." (language model), others are free,
 *   "language": optional, see engine/checkpoint/language_part.h,
 *   "licences": [{"name", "text"}], "trained_on": [string], "quality": object (measured figures; empty when not measured).
 * Immutable and reference-counted. May use GLib, json-glib and this folder's readers. */
#pragma once

#include "engine/checkpoint/json_read.h"

G_BEGIN_DECLS

#define AX_MODEL_JSON "model.json"

typedef struct _AxModelFolder AxModelFolder;

/* Reads DIR/model.json and verifies size and SHA-256 of every file that it names; of a base language model ("lm_base/...", gigabytes) the
 * size only, ax_language_part_open() verifies the rest. NULL with AX_CHECKPOINT_ERROR: READ, DAMAGED
 * (JSON), UNSUPPORTED (version), MISSING or MISMATCH (a file that is not what model.json says). */
AxModelFolder *ax_model_folder_open(const char *dir, GError **error);
AxModelFolder *ax_model_folder_ref(AxModelFolder *self);
void ax_model_folder_unref(AxModelFolder *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AxModelFolder, ax_model_folder_unref)

const char *ax_model_folder_get_path(const AxModelFolder *self);
const char *ax_model_folder_get_name(const AxModelFolder *self);

/* SHA-256 of model.json, 64 hexadecimal digits. It covers the files too, through the sums in it: the identity of the model. */
const char *ax_model_folder_get_sha256(const AxModelFolder *self);

/* "config", "quality" and the whole of model.json; read them with ax_json_get_int() and its like. */
JsonObject *ax_model_folder_get_config(const AxModelFolder *self);
JsonObject *ax_model_folder_get_quality(const AxModelFolder *self);
JsonObject *ax_model_folder_get_root(const AxModelFolder *self);

/* "language", or NULL for a model without a language part. */
JsonObject *ax_model_folder_get_language(const AxModelFolder *self);

/* Full path of the file with that role, or NULL. Owned by self. */
const char *ax_model_folder_get_file(const AxModelFolder *self, const char *role);

/* What a new folder says of itself. */
typedef struct {
  const char *name;
  JsonObject *config;          /* required */
  JsonObject *quality;         /* or NULL */
  JsonArray *licences;         /* of {"name", "text"}, or NULL */
  const char *const *trained_on; /* NULL-terminated, or NULL */
  const char *const *files;    /* role, file name, role, file name, ..., NULL; the files are in dir already */
} AxModelDescription;

/* {"path", "bytes", "sha256"} of a file of the folder, as "files" lists it. NULL with ARGUMENT or READ. */
JsonObject *ax_model_folder_describe_file(const char *dir, const char *name, GError **error);

/* Writes DIR/model.json (atomically, last of all) with the size and SHA-256 of each file as it is now. The same contents give the
 * same bytes. FALSE with ARGUMENT, READ or WRITE. */
gboolean ax_model_folder_write(const char *dir, const AxModelDescription *description, GError **error);

G_END_DECLS
