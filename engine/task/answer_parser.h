/* Answers of the language model into text, references and boxes (spec 9.10). What lives here: a parser that is fed with text as it is made and gives
 * each box as soon as it is complete, the reader of choices, and the clean-up of spec 8.4. The boxes and labels are those of the reference extractor. Takes
 * any text, time and memory grow linearly with it. May use AxBox and GLib. */
#pragma once

#include "engine/image/box.h"

G_BEGIN_DECLS

typedef struct {
  char *label;     /* the last <ref> before the box, else the words before it, or NULL */
  gboolean is_ref; /* the label was a <ref> */
  AxBox box;       /* as written: 1024 frame, neither clamped nor ordered */
  gsize start, end; /* of "<box>...</box>" in the raw text, bytes */
  gsize plain_at;  /* where it stood in the plain text, bytes */
} AxParsedBox;

typedef struct _AxAnswerParser AxAnswerParser;

AxAnswerParser *ax_answer_parser_new(void);
void ax_answer_parser_free(AxAnswerParser *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AxAnswerParser, ax_answer_parser_free)

/* More text. Returns what of the text for people is now certain: without <ref> tags and without boxes, with ", " between a box and a <ref> that
 * follows at once; a "<" that may begin a tag is held back until it is known. Valid until the next call. */
const char *ax_answer_parser_push(AxAnswerParser *self, const char *text);

/* The text is at its end: what was held back. With `tolerant`, an answer without any <box> tag is searched for four numbers in brackets or separated by
 * commas. */
const char *ax_answer_parser_finish(AxAnswerParser *self, gboolean tolerant);

/* Boxes found so far; they stay where they are as more come. */
guint ax_answer_parser_n_boxes(const AxAnswerParser *self);
const AxParsedBox *ax_answer_parser_box(const AxAnswerParser *self, guint i);

/* Everything that was pushed, and the plain text of it. */
const char *ax_answer_parser_raw(const AxAnswerParser *self);
const char *ax_answer_parser_plain(const AxAnswerParser *self);

/* Offset in the raw text of byte `at` of the plain text (of its end: the end). */
gsize ax_answer_parser_raw_offset(const AxAnswerParser *self, gsize at);

/* "No ... detected." and nothing else. */
gboolean ax_answer_is_nothing(const char *text);

/* NULL when the tags of the text are those of the grammar of spec 9.10, else what is wrong with them ("a broken <box>"), owned by the program: a tag
 * without its partner, nested, a box that is not four whole numbers, any other tag. Appends the boxes up to there, as written, to `boxes` (of AxBox; may be
 * NULL). */
const char *ax_answer_fault(const char *text, GArray *boxes);

typedef struct {
  char tag[4];   /* "a", "B", "17" */
  char *label;   /* after the tag, or NULL */
} AxChoice;

/* The choices of an answer such as "(p) Pleural Effusion, (c) Atelectasis": array of AxChoice that frees them, empty if it is none. */
GArray *ax_answer_choices(const char *text);

/* Spec 8.4: lines without white space at their ends, empty ones and exact repetitions left out (the first stays). Free with g_free(). */
char *ax_answer_postprocess(const char *text);
/* The same of valid UTF-8, with the offset in `text` of each byte of the result appended to map (guint32). */
char *ax_answer_postprocess_map(const char *text, GArray *map);

G_END_DECLS
