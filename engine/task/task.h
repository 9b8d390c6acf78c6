/* The nine tasks (spec section 9). What lives here: their names, the templates of instructions and answers as data (templates.json, bound into the
 * program), and the instruction of a request from what the user gave. The same templates make the training data. The parser of answers is in
 * answer_parser.h. Immutable, any thread. May use engine/text, AxBox, GLib and json-glib. */
#pragma once

#include "engine/image/box.h"

G_BEGIN_DECLS

typedef enum {
  AX_TASK_REPORT,   /* findings and impression */
  AX_TASK_CLASSIFY, /* which of the 14 labels */
  AX_TASK_DETECT,   /* abnormalities with boxes */
  AX_TASK_LOCATE,   /* phrase grounding: text = the phrase */
  AX_TASK_DIAGNOSE, /* grounded diagnosis: boxes */
  AX_TASK_DESCRIBE, /* grounded captioning: boxes */
  AX_TASK_ANATOMY,  /* anatomy grounding: text = the structure's name */
  AX_TASK_ASK,      /* open question: text */
  AX_TASK_CHOOSE,   /* closed question: text, with options */
  AX_N_TASKS,
} AxTask;

/* The word of the command line and of JSON ("report", "classify", ..., "ask", "choose"), the spec's name ("Report Generation", ...,
 * "Close-ended VQA"); NULL past the last. */
const char *ax_task_word(AxTask task);
const char *ax_task_name(AxTask task);

/* By word or name, without regard to case, hyphens and underscores counting as spaces ("REPORT-GENERATION"); -1 if unknown. */
int ax_task_find(const char *text);

/* Whether a request of that task has to bring text, boxes. */
gboolean ax_task_needs_text(AxTask task);
gboolean ax_task_needs_boxes(AxTask task);

/* The 14 labels of classification, in order (spec 2.6). */
#define AX_TASK_N_LABELS 14
const char *ax_task_label(guint i);

/* The question after one label, with Yes as option (A) and No as (B) (spec 9.2 C). */
char *ax_task_label_question(guint i);

/* ---- templates ---- */

/* A task's templates come in sets, one for each dataset whose wording differs ("mscxr", "vindr", "padchest" for phrases); the first set is the one
 * that requests use. Instructions and answers of a set go together as spec 9 lists them. Places are written {phrase}, {disease}, {name},
 * {box}, {boxes}, {options}, {question}, {findings}, {impression}, {class}. */
guint ax_task_n_sets(AxTask task);
const char *ax_task_set_name(AxTask task, guint set);
/* Index of the set of that name, or -1. */
int ax_task_find_set(AxTask task, const char *name);

typedef enum {
  AX_TEMPLATE_INSTRUCTION, /* the question */
  AX_TEMPLATE_RESPONSE,    /* the answer when there is something */
  AX_TEMPLATE_NOTHING,     /* the answer when there is nothing ("No {disease} detected."); none where spec 9 has none */
  AX_TEMPLATE_SUFFIX,      /* appended to instructions of a list ("\nThere may be more than one answer.") */
  AX_N_TEMPLATE_KINDS,
} AxTemplateKind;

guint ax_task_n_templates(AxTask task, guint set, AxTemplateKind kind);
const char *ax_task_template(AxTask task, guint set, AxTemplateKind kind, guint i);
/* One of them by seed: the same seed, the same choice; NULL if there are none. */
const char *ax_task_pick(AxTask task, guint set, AxTemplateKind kind, guint64 seed);

/* The template with its places filled: pairs of place (without braces) and value, then NULL. A place that is not named stays. Free with g_free(). */
char *ax_task_fill(const char *template_text, ...) G_GNUC_NULL_TERMINATED;

/* "<box>(x1,y1),(x2,y2)</box>" for each of n boxes (1024 frame, truncated toward zero), sorted by x1, then y1 (spec 9). Free with g_free(). */
char *ax_task_boxes_text(const AxBox *boxes, guint n);

/* ---- requests ---- */

#define AX_TASK_MAX_TEXT 4000 /* characters of a user's text */
#define AX_TASK_MAX_BOXES 8

#define AX_TASK_ERROR (ax_task_error_quark())
GQuark ax_task_error_quark(void);
typedef enum { AX_TASK_ERROR_TEXT, AX_TASK_ERROR_BOXES } AxTaskError;

/* The instruction of a request (without "Task: "): template `variant` (taken modulo their number; 0 is the default) of the first set, filled with the
 * user's text, made harmless, and boxes[n] (1024 frame). A closed question without options in its text gets "(a) yes", "(b) no". The name of a
 * structure is used as it is. NULL with AX_TASK_ERROR when the task needs text or boxes that are missing, too many or too long. */
char *ax_task_instruction(AxTask task, const char *text, const AxBox *boxes, guint n, guint variant, GError **error);

G_END_DECLS
