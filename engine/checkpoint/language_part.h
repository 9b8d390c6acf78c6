/* The language part of a model folder: which base model its adapter belongs to, where that is found, and both opened together.
 *
 * In model.json:
 *   "language": {
 *     "base": {"title", "name": file name, "bytes", "sha256", "fetch": command that gets it} for one GGUF file, looked for in this order:
 *             $ANATOMIX_LM (the file, or a folder that holds it), the model folder, anatomix/ and its subfolders below the user's cache
 *             folder, the user's data folder and the system's data folders (such as /usr/share);
 *             or {"title", "role": "lm_base"} when its Hugging Face files lie in the model folder, under roles "lm_base/..." and names "base-...";
 *     "adapter": role of the adapter's file ("lm_adapter"), "rank", "alpha": what it holds,
 *     "prompt": object that the code of prompts reads }
 * The base's SHA-256 is computed once for each file and remembered (path, size, times, inode) below the user's cache folder.
 * Immutable and reference-counted. May use this folder. */
#pragma once

#include "engine/checkpoint/lm_weights.h"
#include "engine/checkpoint/model_folder.h"

G_BEGIN_DECLS

#define AX_LANGUAGE_ADAPTER_FILE "lm_adapter.safetensors"
#define AX_LANGUAGE_ADAPTER_ROLE "lm_adapter"

typedef struct _AxLanguagePart AxLanguagePart;

/* Finds and verifies the base, opens it and the adapter, checks that they belong together. NULL with MISSING when the folder has no
 * language part or the base is nowhere (the message says how to get it), MISMATCH when a file is another than expected, or as the readers. */
AxLanguagePart *ax_language_part_open(AxModelFolder *folder, GError **error);
AxLanguagePart *ax_language_part_ref(AxLanguagePart *self);
void ax_language_part_unref(AxLanguagePart *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AxLanguagePart, ax_language_part_unref)

/* The adapter's tensors over the base's; the base alone where there is no adapter. */
AxLmWeights *ax_language_part_get_weights(const AxLanguagePart *self);

/* Where the base is: a GGUF file, or the model folder. */
const char *ax_language_part_get_base_path(const AxLanguagePart *self);

/* tokenizer.json that came with a Hugging Face base, or NULL (a GGUF holds its own). */
const char *ax_language_part_get_tokenizer_path(const AxLanguagePart *self);

const char *ax_language_part_get_title(const AxLanguagePart *self);

/* Prompt options; an empty object where model.json has none. */
JsonObject *ax_language_part_get_prompt(const AxLanguagePart *self);

/* Where the base would be taken from, without reading it: a new string, or NULL with MISSING and the message that says how to get it. Cheap:
 * for a window that wants to know whether the language part can work. */
char *ax_language_part_find_base(const AxModelFolder *folder, GError **error);

/* Whether a GGUF lies where ax_language_part_open() looks for it outside the model folder, so that it need not be copied there. */
gboolean ax_language_base_is_installed(const char *path);

/* What a language part is made of. */
typedef struct {
  const char *adapter; /* file name in the folder, written by ax_lm_adapter_save() or ax_lm_adapter_convert(); NULL: none */
  const char *base;    /* path of the GGUF, recorded by name, size and SHA-256; NULL: Hugging Face files in the folder */
  const char *const *base_files; /* then: role, name, ..., NULL ("lm_base/config.json", "base-config.json", ...) */
  const char *title;   /* of the base, for people; NULL: its file's name */
  const char *fetch;   /* command that gets the base, or NULL */
  JsonObject *prompt;  /* or NULL */
  JsonArray *licences; /* of {"name", "text"} to add unless the name is there, or NULL */
} AxLanguageDescription;

/* Adds the language part to DIR/model.json or replaces it; everything else stays as it is. FALSE with ARGUMENT, READ, MISMATCH or WRITE. */
gboolean ax_language_part_write(const char *dir, const AxLanguageDescription *description, GError **error);

G_END_DECLS
