/* The prompt of the language model (spec section 8.1), byte for byte. What lives here: its two parts as text and as ids, what makes user text
 * harmless, and the bytes of a box.
 *
 * A prompt is PREFIX + TASK. The prefix says what the image is (image tokens, the 36 objects) and ends with the newline before "Task:"; newlines are
 * tokens of their own, so the ids of the parts, one after the other, are the ids of the whole, and the prefix of an image is computed once for all its
 * tasks. An answer follows as ANSWER + <end_of_turn>. May use gemma_tokenizer.h and GLib. */
#pragma once

#include "engine/text/gemma_tokenizer.h"

G_BEGIN_DECLS

#define AX_PROMPT_N_OBJECTS 36

typedef enum {
  AX_PROMPT_FULL,       /* image tokens, object tokens, boxes, sentences */
  AX_PROMPT_NO_TEXT,    /* ablation: image and object tokens without boxes and sentences */
  AX_PROMPT_IMAGE_ONLY, /* ablation: image tokens alone */
} AxPromptContext;

typedef struct {
  int n_image_tokens;      /* of the model: 1024 published, 64 bundled */
  const char *system;      /* NULL: none, as the reference does when it answers */
  AxPromptContext context;
  gboolean extra_newline;  /* the one newline more before "Task:" of a tenth of the reference's training samples */
} AxPromptOptions;

/* The three system prompts that training draws from (spec 8.2), i < AX_PROMPT_N_SYSTEM. */
#define AX_PROMPT_N_SYSTEM 3
const char *ax_prompt_system(guint i);

/* What the perception module found. Sentences may be NULL (then "", as for a model without a sentence database). */
typedef struct {
  float boxes[AX_PROMPT_N_OBJECTS][4]; /* cx, cy, w, h in 0..1, as the network gives them */
  const char *sentences[AX_PROMPT_N_OBJECTS];
} AxPromptObjects;

/* "({x1},{y1}),({x2},{y2})" in the 1024 frame: corners in float32 as the reference has them, truncated toward zero, not clamped. out: 64 bytes. */
#define AX_PROMPT_BOX_SIZE 64
void ax_prompt_box(const float cxcywh[4], char out[AX_PROMPT_BOX_SIZE]);
/* The same from corners in pixels of the 1024 frame. */
void ax_prompt_box_corners(double x1, double y1, double x2, double y2, char out[AX_PROMPT_BOX_SIZE]);

/* The prefix as text; free with g_free(). `objects` may be NULL with AX_PROMPT_IMAGE_ONLY. */
char *ax_prompt_prefix(const AxPromptOptions *options, const AxPromptObjects *objects);

/* "Task: " + instruction + the turn to the model. The instruction's white space at both ends goes; it is not sanitised here. With follow_up it begins with the
 * end of the answer before it and a new turn of the user: a conversation. */
char *ax_prompt_task(const char *instruction, gboolean follow_up);

/* The answer as it is trained: text without white space at its ends + <end_of_turn>. */
char *ax_prompt_answer(const char *text);

/* The ids of both parts appended to ids (gint32); *n_prefix (may be NULL) is how many of them, from the first <bos> on, belong to the prefix. Two
 * <bos>, as the reference has it. */
void ax_prompt_encode(const AxGemmaTokenizer *tokenizer, const char *prefix, const char *task, GArray *ids, guint *n_prefix);

typedef enum {
  AX_SANITISE_ALL,          /* no tag may pass */
  AX_SANITISE_REGION_TAGS,  /* <box>, </box>, <ref>, </ref> may: instructions that were built by engine/task */
} AxSanitise;

/* User text in which no control, turn, image or object token and no __BOX place is left: a space goes behind the "<" (or the first "_") of each; text
 * that is no UTF-8 and control characters other than newline and tab become U+FFFD and spaces. Free with g_free(). */
char *ax_prompt_sanitise(const char *text, AxSanitise mode);

G_END_DECLS
