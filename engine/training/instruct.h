/* Instruction data: questions about images with their answers, the food of `anatomixctl train instruct`. What lives here: one sample, and reading and
 * writing lists of them as the JSON of spec 13.3, which is also how users bring their own data. How samples are made from labels and boxes is in
 * instruct_build.h. May use engine/image/box.h, GLib and json-glib. Files are hostile: size, nesting, types, UTF-8 and counts are checked. */
#pragma once

#include "engine/image/box.h"
#include "engine/training/csv.h"

G_BEGIN_DECLS

#define AX_INSTRUCT_N_OBJECTS 36
#define AX_INSTRUCT_FRAME 1024.0

/* The nine tasks as "task" names them (spec 9). Older data writes "REPORT-GENERATION", "Anatomy-Grounding" (spec 12, row 34): the reader accepts any
 * case and hyphens for spaces. */
typedef enum {
  AX_INSTRUCT_REPORT,
  AX_INSTRUCT_CLASSIFICATION,
  AX_INSTRUCT_DETECTION,
  AX_INSTRUCT_PHRASE,
  AX_INSTRUCT_DIAGNOSIS,
  AX_INSTRUCT_CAPTION,
  AX_INSTRUCT_ANATOMY,
  AX_INSTRUCT_OPEN,
  AX_INSTRUCT_CLOSED,
  AX_INSTRUCT_N_TASKS,
} AxInstructTask;

/* "Report Generation", "Image Classification", "Abnormality Detection", "Phrase Grounding", "Grounded Diagnosis", "Grounded Captioning",
 * "Anatomy Grounding", "Open-ended VQA", "Close-ended VQA"; NULL past the last. */
const char *ax_instruct_task_name (guint task);
/* -1 if there is none of that name. */
int ax_instruct_task_find (const char *name);

typedef struct {
  AxInstructTask task;
  char *image_path;      /* absolute, or relative to the folder of images that the user names */
  char *image_id;        /* groups samples of one image; the image_path where the file has none */
  char *dataset, *split, *study_id, *unique_id; /* any may be NULL */
  char *system;          /* NULL or text: the system prompt of this very sample */
  char *context;         /* NULL: the default one (boxes and sentences of the model's own perception, spec 8.1) */
  char **instruction;    /* one or more wordings, NULL-terminated; without "Task:" */
  char **response;       /* one or more; may hold __BOXi__ for corners from `boxes`, see ax_instruct_response() */
  gboolean paired;       /* response[i] answers instruction[i] (spec 12, row 21) and both lists are equally long. FALSE: any answers any */
  gboolean flip;         /* the image is mirrored left to right before anything looks at it. All boxes of the sample are those of the mirrored image;
                          * the words "left" and "right" stay, for they are the patient's */
  double weight;         /* 0..1, how far the answer may be trusted: 1 = a radiologist's boxes or exact truth, less = text-mined */
  gboolean has_boxes;
  AxBox boxes[AX_INSTRUCT_N_OBJECTS]; /* true boxes, pixels of the 1024 frame, order of spec section 3 */
  const char *topic; /* interned, or NULL: what the question is an instance of, for balancing while a set is built; no file has it */
  guint answer;      /* which of the topic's answers this is */
} AxInstructSample;

AxInstructSample *ax_instruct_sample_new (AxInstructTask task, const char *image_path);
void ax_instruct_sample_free (AxInstructSample *sample);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AxInstructSample, ax_instruct_sample_free)

/* One question and its answer: wording `pick` of the instructions (taken modulo their number), its partner when the lists are paired, else answer
 * `pick_response`. Every __BOXi__ of the answer becomes "(x1,y1),(x2,y2)" from `boxes` (36, pixels of the 1024 frame; NULL: the sample's own), truncated
 * to whole pixels as spec 9.7 and 13.3 say. FALSE when a box is called for and there are none. Free both with g_free(). */
gboolean ax_instruct_sample_pick (const AxInstructSample *sample, guint pick, guint pick_response, const AxBox *boxes, char **instruction, char **response);

/* "(x1,y1),(x2,y2)", truncated toward zero. */
char *ax_instruct_box_text (AxBox box);

#define AX_INSTRUCT_MAX_BYTES (512u << 20)
#define AX_INSTRUCT_MAX_SAMPLES 4000000

/* Reads a list of samples: array of AxInstructSample * that frees them. NULL with AX_DATA_ERROR ("FILE: sample N: why"). Unknown members are ignored. */
GPtrArray *ax_instruct_load (const char *path, GError **error);
/* The same from text; `name` stands for the file in messages. */
GPtrArray *ax_instruct_parse (const char *text, gsize size, const char *name, GError **error);
/* Writes the list, one sample a line, replacing the file in one step. FALSE with G_FILE_ERROR. */
gboolean ax_instruct_save (const GPtrArray *samples, const char *path, GError **error);

G_END_DECLS
