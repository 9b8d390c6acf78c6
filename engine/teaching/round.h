/* Teaching rounds. What lives here: AxRound, the cases that a teacher put together, each with a task, the accepted answer, a hint and an explanation; the
 * rules that every case keeps, and its file: versioned JSON beside its images, read as hostile (sizes are capped, numbers and names checked, image paths
 * may not leave the folder, not even by a link). May use GLib, json-glib, engine/anatomix.h, engine/checkpoint's readers. Boxes are pixels of the image as
 * it is in the file, also where a case shows it mirrored; they are kept to a hundredth of a pixel, as files have them, so that what is scored before
 * writing is scored alike after reading.
 */
#pragma once
#include "engine/anatomix.h"
#include "engine/session/json-writer.h"
#include <json-glib/json-glib.h>

G_BEGIN_DECLS

#define AX_ROUND_ERROR (ax_round_error_quark ())
GQuark ax_round_error_quark (void);
typedef enum {
  AX_ROUND_ERROR_READ,           /* the file cannot be read */
  AX_ROUND_ERROR_INVALID,        /* it is no round, or breaks a rule; the message says which case and why */
  AX_ROUND_ERROR_IMAGE,          /* an image is missing or lies outside the round's folder */
  AX_ROUND_ERROR_WRITE,
} AxRoundError;

#define AX_ROUND_VERSION 1
#define AX_ROUND_MAX_CASES 1000
#define AX_ROUND_MAX_BOXES 16
#define AX_ROUND_MAX_WORDS 32    /* names, choices or findings of a case */
#define AX_ROUND_MAX_TEXT 4000   /* bytes of a text */
#define AX_ROUND_PASS 0.5        /* a case that does not say otherwise is passed at this score */

typedef enum {
  AX_ROUND_FIND,                 /* draw a box around the structure `subject` */
  AX_ROUND_DRAW,                 /* draw the finding `subject`; no accepted box: it is not there, and that is the answer */
  AX_ROUND_NAME,                 /* what is in `region`? names, perhaps with choices */
  AX_ROUND_SIDE,                 /* on which side of the patient is `region` (or the finding `subject`)? */
  AX_ROUND_IMPRESSION,           /* write the impression; `findings` must be named and no others; none: a normal film */
  AX_N_ROUND_TASKS
} AxRoundTask;
/* "find", "draw", "name", "side", "impression": the words of files; -1 for another word. */
const char *ax_round_task_word (AxRoundTask task);
int ax_round_task_of_word (const char *word);

/* Sides are the patient's. */
typedef enum { AX_ROUND_NO_SIDE, AX_ROUND_LEFT, AX_ROUND_RIGHT, AX_ROUND_BOTH } AxRoundSide;
/* "left", "right", "both"; NULL for none. -1 for another word. */
const char *ax_round_side_word (AxRoundSide side);
int ax_round_side_of_word (const char *word);

typedef struct {
  char *id;                      /* of its own in the round */
  char *image;                   /* path relative to the round's folder */
  AxRoundTask task;
  gboolean mirror;               /* the picture is shown, and given to the model, mirrored left to right */
  char *subject;                 /* structure or finding, or NULL */
  char *question;                /* in the teacher's words; NULL: the program words it */
  gboolean has_region;
  AxBox region;
  char **choices;                /* to choose from; NULL: the learner types */
  guint n_boxes;                 /* accepted */
  AxBox boxes[AX_ROUND_MAX_BOXES];
  char **names;                  /* accepted; NULL for none */
  AxRoundSide side;
  char **findings;               /* accepted; NULL for none */
  double pass;                   /* score from which the case is passed, 0..1 */
  char *hint, *explanation;      /* or NULL */
} AxRoundCase;

AxRoundCase *ax_round_case_new (AxRoundTask task, const char *image);
AxRoundCase *ax_round_case_copy (const AxRoundCase *c);
void ax_round_case_free (AxRoundCase *c);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AxRoundCase, ax_round_case_free)
/* Whether the case has what its task needs and breaks no cap. AX_ROUND_ERROR_INVALID says what it lacks. */
gboolean ax_round_case_check (const AxRoundCase *c, GError **error);

typedef struct {
  char *title, *author;          /* author may be NULL */
  char *source;                  /* where the accepted answers come from when no person gave them ("phantom-boxes 0123abcd"), or NULL */
  GPtrArray *cases;              /* AxRoundCase */
} AxRound;

AxRound *ax_round_new (const char *title);
AxRound *ax_round_copy (const AxRound *round);
void ax_round_free (AxRound *round);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AxRound, ax_round_free)
guint ax_round_n_cases (const AxRound *round);
const AxRoundCase *ax_round_get_case (const AxRound *round, guint i);
/* Checks the case, gives it an id of its own where it has none, and takes it. FALSE with AX_ROUND_ERROR_INVALID: the case is still the caller's. */
gboolean ax_round_add (AxRound *round, AxRoundCase *c, GError **error);

/* To a hundredth of a pixel, corners in order. */
AxBox ax_round_box (AxBox box);

/* ---- files ---------------------------------------------------------------------------------------------------------------- */

/* Whether a parsed file calls itself a round (or, log, the log of one), of whatever version: to tell them from other JSON files. */
gboolean ax_round_is_round (const char *path, gboolean log);
/* Errors: AX_ROUND_ERROR_READ, AX_ROUND_ERROR_INVALID. `name` stands for the file in messages. */
AxRound *ax_round_from_json (const char *text, gsize size, const char *name, GError **error);
AxRound *ax_round_load (const char *path, GError **error);
/* The same round gives the same text. Free with g_free. */
char *ax_round_to_json (const AxRound *round);
/* Writes the file whole or not at all. */
gboolean ax_round_save (const AxRound *round, const char *path, GError **error);

/* TRUE for a path that a case may have: relative, UTF-8, without "..", backslashes and control characters. */
gboolean ax_round_path_is_safe (const char *path);
/* Absolute path of a case's image. AX_ROUND_ERROR_IMAGE when it is no file, or a link leads out of `folder`. Free with g_free. */
char *ax_round_find_image (const char *folder, const AxRoundCase *c, GError **error);

/* ---- for the other files of this folder ----------------------------------------------------------------------------------- */

AxRound *ax_round_read (JsonObject *object, GError **error);
void ax_round_write (AxJson *json, const char *key, const AxRound *round);
/* Optional members: absent is fine and leaves the value; present and of another kind or beyond a cap is an error. */
gboolean ax_round_read_text (JsonObject *object, const char *key, gboolean needed, char **text, GError **error);
gboolean ax_round_read_flag (JsonObject *object, const char *key, gboolean *flag, GError **error);

/* The error of a file that gave nothing: `unread` is why its JSON could not be read, else `invalid` why its contents will not do, which is said as
 * "NAME cannot be VERB: ...". Sets AX_ROUND_ERROR_READ or AX_ROUND_ERROR_INVALID. */
void ax_round_fail (GError **error, const char *name, const char *verb, const GError *unread, const GError *invalid);
gboolean ax_round_read_words (JsonObject *object, const char *key, char ***words, GError **error);
gboolean ax_round_read_boxes (JsonObject *object, const char *key, guint *n, AxBox *boxes, GError **error);
gboolean ax_round_read_side (JsonObject *object, const char *key, AxRoundSide *side, GError **error);
/* "format" and "version" of the file. */
gboolean ax_round_read_format (JsonObject *object, const char *format, int version, GError **error);
void ax_round_write_boxes (AxJson *json, const char *key, guint n, const AxBox *boxes);

#define AX_ROUND_FORMAT "anatomix teaching round"
#define AX_ROUND_LOG_FORMAT "anatomix teaching session"

G_END_DECLS
