/* language.h: the language model of a model folder, ready to serve.
 *
 * What lives here: AxLanguage: base and adapter in memory, tokeniser, how its prompts are made. One thread at a time. May use engine/model, engine/text,
 * engine/checkpoint and model.h.
 */
#pragma once
#include "engine/model/gemma.h"
#include "engine/session/model.h"
#include "engine/text/prompt.h"

typedef struct {
  AxGemma          *gemma;
  AxGemmaTokenizer *tokenizer;
  gint32            added_first;
  int               context_length;  /* positions that the model was made for */
  AxPromptContext   context;
  char             *system;          /* of model.json, or NULL */
} AxLanguage;

/* Opens the language part of the model's folder (engine/checkpoint/language_part.h), whose "prompt" object may say "system" (text) and "context" ("full",
 * "no-text", "image-only"). NULL with AX_ENGINE_ERROR_MODEL or AX_CHECKPOINT_ERROR; the message says what is missing and how to get it. */
AxLanguage *ax_language_load (AxModel *model, GError **error);
void        ax_language_free (AxLanguage *language);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AxLanguage, ax_language_free)
