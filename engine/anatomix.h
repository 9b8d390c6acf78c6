/* anatomix.h: what a program may know of the engine.
 *
 * The user interface and the command line include this header only (and engine/image/image.h, engine/image/box.h, engine/task/task.h, engine/task/options.h,
 * which it includes, and the headers of engine/teaching, which stand on it): load an image, load a model, run requests on the model's thread, read results. It
 * names no tensor and no weight. All objects are GObjects or reference-counted boxed types; all functions may be called from the main thread unless said otherwise.
 */
#pragma once
#include "engine/image/box.h"
#include "engine/image/image.h"
#include "engine/task/options.h"
#include "engine/task/task.h"
#include <gio/gio.h>

G_BEGIN_DECLS

#define AX_N_ANATOMY 36

/* Display names of the 36 anatomical structures in index order (spec section 3), e.g. 11 = "Left lung". */
const char *ax_anatomy_name (guint index);
/* Short English label for drawing, e.g. "L lung", "Carina". */
const char *ax_anatomy_short_name (guint index);
typedef enum { AX_GROUP_LUNGS, AX_GROUP_HEART, AX_GROUP_MEDIASTINUM, AX_GROUP_BONES, AX_GROUP_DIAPHRAGM, AX_N_GROUPS } AxAnatomyGroup;
AxAnatomyGroup ax_anatomy_group (guint index);
const char *ax_anatomy_group_name (AxAnatomyGroup group);
/* The 12 left/right pairs of spec section 11; returns FALSE past the last. */
#define AX_N_PAIRS 12
void ax_anatomy_pair (guint pair, guint *left, guint *right);
/* Index by display name, raw name or common synonym, without regard to case; -1 if unknown. */
int ax_anatomy_find (const char *name);

/* ---- errors -------------------------------------------------------------------------------------------------------------- */

#define AX_ENGINE_ERROR (ax_engine_error_quark ())
GQuark ax_engine_error_quark (void);
typedef enum {
  AX_ENGINE_ERROR_MODEL,         /* the model folder is missing, damaged or not usable; the message says which file and why */
  AX_ENGINE_ERROR_REQUEST,       /* the request does not fit the model or the image */
  AX_ENGINE_ERROR_DEVICE,
  AX_ENGINE_ERROR_DATA,          /* training or evaluation data are inconsistent */
} AxEngineError;

/* ---- results ------------------------------------------------------------------------------------------------------------- */

typedef struct {
  char *sentence;
  double score;                  /* cosine similarity, -1..1 */
} AxRetrieved;

typedef struct {
  guint index;
  const char *name;
  AxBox box;                     /* pixels of the original image */
  AxBox box1024;                 /* the model's 1024 x 1024 frame */
  guint n_retrieved;             /* best first; at least 1 when the model has a sentence database */
  AxRetrieved *retrieved;
} AxAnatomy;

typedef struct {
  const char *name;              /* one of the model's labels, e.g. "Pleural Effusion" */
  double probability;            /* calibrated, 0..1 */
} AxFinding;

/* What the Anatomy Perception Module says of one image. Boxed, reference counted, never changes once made. */
typedef struct {
  AxAnatomy anatomy[AX_N_ANATOMY];
  guint n_findings;              /* the model's labels, in order, without those of which it knows nothing (ax_model_label_known()) */
  AxFinding *findings;
  int width, height;             /* of the original image */
  gboolean mirrored;             /* the pixels were mirrored before the model saw them (boxes are in the mirrored image's pixels) */
  double ms_preprocess, ms_perceive, ms_retrieve, ms_total;
  int ref_count;
} AxPerception;

#define AX_TYPE_PERCEPTION (ax_perception_get_type ())
GType ax_perception_get_type (void);
AxPerception *ax_perception_ref (AxPerception *p);
void ax_perception_unref (AxPerception *p);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AxPerception, ax_perception_unref)

/* How badly the boxes fit together as those of a frontal chest radiograph: the mean distance of 25 pairs of edges that coincide in every chest (a lung's lower
 * edge and its lower zone's, the heart's sides and their margins', ...), in sizes of the chest (the root of the area around both lungs). A mirrored chest fits as
 * well as any. The bundled model's boxes have 0.008 on a frontal film, and more than the limit on 2 in 100 of them; it chooses what to warn of, no more: a
 * lateral view, a hand or a photograph still gets boxes, which then mean nothing. Figures by tests/bench/bench_frontal, in the README. */
#define AX_MISFIT_LIMIT 0.014
double ax_perception_misfit (const AxPerception *p);

/* The cardiothoracic ratio of the boxes: the heart's width as a share of the width from one lung's outer border to the other's; 0 where they give none. */
double ax_perception_heart_ratio (const AxPerception *p);

/* Left/right consistency between the answer on the image and the answer on its mirror image (spec section 11). */
typedef struct {
  guint left, right;             /* indices of the pair */
  gboolean kept;                 /* on the mirrored pixels both boxes changed to the other image side, as the anatomy did */
  double iou_left, iou_right;    /* IoU of each box with its mirrored answer, mirrored back */
} AxFlipPair;

typedef struct {
  AxFlipPair pairs[AX_N_PAIRS];
  guint n_kept;
  double mean_iou;               /* over all 36 structures */
  double iou[AX_N_ANATOMY];
} AxFlipReport;

void ax_flip_compare (const AxPerception *plain, const AxPerception *mirrored, AxFlipReport *report);

/* ---- model --------------------------------------------------------------------------------------------------------------- */

#define AX_TYPE_MODEL (ax_model_get_type ())
G_DECLARE_FINAL_TYPE (AxModel, ax_model, AX, MODEL, GObject)

/* Loads a model folder and verifies every file against its SHA-256. May take a second: call it from a thread or use a session. */
AxModel *ax_model_load (const char *folder, GError **error);
const char *ax_model_name (AxModel *model);
const char *ax_model_sha256 (AxModel *model);              /* of model.json: names the model in results */
const char *ax_model_folder (AxModel *model);
int ax_model_input_size (AxModel *model);                  /* pixels, square */
guint ax_model_n_labels (AxModel *model);
const char *ax_model_label (AxModel *model, guint i);
/* FALSE: model.json says ("known": false beside the calibration) that this label was never learnt or never calibrated; perceptions leave it out. */
gboolean ax_model_label_known (AxModel *model, guint i);
/* A short sentence on measured quality and the warning that it is not for clinical use; for title bars and reports. */
const char *ax_model_caution (AxModel *model);
/* The folder used when the user names none: $ANATOMIX_MODEL, the source tree's data/models/anatomix-mini, or the installed one. */
char *ax_model_default_folder (void);

/* ---- device ---------------------------------------------------------------------------------------------------------------- */

/* Where models compute. AUTO: NVIDIA's first graphics processor where there is one that can be used and has room, else the processor. CUDA: that or an error. */
typedef enum { AX_DEVICE_AUTO, AX_DEVICE_CPU, AX_DEVICE_CUDA } AxDeviceChoice;
/* For sessions made from now on; AUTO at first. */
void ax_engine_set_device (AxDeviceChoice choice);
/* FALSE with AX_ENGINE_ERROR_DEVICE and the reason where CUDA was chosen and cannot be used. Starts the card, which takes a moment. */
gboolean ax_engine_check_device (GError **error);

/* The device that sessions made now would get, for people: "NVIDIA H200, 143771 MiB of memory, 143000 MiB free", or "CPU, avx2, 4 threads; no NVIDIA driver is
 * installed". Free with g_free. */
char *ax_engine_describe_device (void);

/* What a session works on. */
typedef struct {
  gboolean card;                 /* FALSE: the processor */
  char title[96];                /* the card's own name, or "CPU" */
  char note[384];                /* why it is not the card, or not all of it, in words for people; empty if there is nothing to say */
  gsize taken, total;            /* bytes of the card's memory: taken by this program, and all of it; 0 for the processor */
  gboolean moving;               /* another one was asked for, and the session has not come to it yet */
} AxDeviceUse;

/* ---- session: one worker thread that owns the device ---------------------------------------------------------------------- */

#define AX_TYPE_SESSION (ax_session_get_type ())
G_DECLARE_FINAL_TYPE (AxSession, ax_session, AX, SESSION, GObject)

/* The thread starts at once and loads the model as its first work; requests queue behind it. */
AxSession *ax_session_new (const char *model_folder);
AxModel *ax_session_get_model (AxSession *session);        /* NULL until loaded. (transfer none) */
GError *ax_session_get_error (AxSession *session);         /* why loading failed, or NULL. (transfer none) */

/* Bytes that the engine's tensors take, for whoever wants to know what a session costs. */
typedef struct {
  gsize perception;              /* weights of the perception module */
  gsize activations;             /* the most that its passes took at once; kept for the next one */
  gsize kept;                    /* what it said of the last images, as numbers */
  gsize language;                /* weights of the language model with its adapter; 0 until it is first needed */
  gsize sequences;               /* prompts, keys and values of the last images */
} AxMemory;
/* As it was after the worker's last piece of work; never waits for it. */
void ax_session_get_memory (AxSession *session, AxMemory *memory);

/* What it works on, as it was after the worker's last piece of work; never waits for it. */
void ax_session_get_device (AxSession *session, AxDeviceUse *use);
/* Moves to another device behind what was asked for before; what is known of images stays. Where that does not work all stays where it was, and the note says why.
 * Nothing moves, and nothing is lost, where the choice comes to the device that it is on. */
void ax_session_set_device (AxSession *session, AxDeviceChoice choice);

/* The input frame of the perception module for an image: [size, size] bytes with size = ax_model_input_size(), row by row, just as perceiving makes it. Takes as
 * long as ms_preprocess says: call it from a thread. NULL with the errors of AX_IMAGE_ERROR. Free with g_free. */
guint8 *ax_model_input_frame (AxModel *model, AxImage *image, gboolean mirror, GError **error);

/* fraction 0..1 and a short English stage name ("Preparing the image", "Finding structures", ...); called in the main context. */
typedef void (*AxProgressFn) (double fraction, const char *stage, gpointer user_data);

/* Perceives the image; with mirror the pixels are mirrored left-right before the model sees them. Work not started when the cancellable
 * fires never starts; work under way stops at the next stage of the network. Results are kept with the image (a small cache), so a
 * second call for the same image and mirror is immediate. */
void ax_session_perceive_async (AxSession *session, AxImage *image, gboolean mirror, AxProgressFn progress, gpointer progress_data,
                                GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
AxPerception *ax_session_perceive_finish (AxSession *session, GAsyncResult *result, GError **error);
/* The same, blocking, for the command line (must not be called on a thread that runs a main loop which others wait for). */
AxPerception *ax_session_perceive (AxSession *session, AxImage *image, gboolean mirror, GCancellable *cancellable, GError **error);

/* ---- requests to the language model ---------------------------------------------------------------------------------------- */

/* Whether the model has a language part that can work here. FALSE sets *why (may be NULL) to a sentence for people that says what is missing and how to get it
 * (free with g_free); perceiving works all the same. Cheap. */
gboolean ax_model_has_language (AxModel *model, char **why);
/* Title of the base language model, e.g. "Gemma 3 270M", or NULL. Its terms of use bind whoever uses it. */
const char *ax_model_language_title (AxModel *model);

/* One request on one image. Zero everywhere but `task` is a good request where the task needs neither text nor boxes. */
typedef struct {
  AxTask task;
  const char *text;              /* phrase, name of a structure (synonyms are understood), question; NULL where the task needs none */
  const AxBox *boxes;            /* pixels of the original image (of the mirrored one with `mirror`) */
  guint n_boxes;
  gboolean mirror;               /* mirror the pixels left-right first, as ax_session_perceive_async() does */
  guint conversation;            /* 0: a request of its own. Else requests with the same number on the same image are one conversation, in order */
  guint variant;                 /* which wording of the instruction; 0 is the default */
  int max_tokens;                /* 0: 350, reports 512 */
  double temperature;            /* 0: greedy, the same answer every time */
  double top_p;                  /* 0 or 1: all */
  int top_k;                     /* 0: all */
  guint64 seed;                  /* of a temperature above 0 */
  gboolean probabilities;        /* AX_TASK_CLASSIFY: also the probability of each label, by a question of its own; takes its time behind the answer */
} AxRequest;

typedef struct {
  const char *label;             /* what the box is called, or NULL */
  AxBox box;                     /* pixels of the original image, inside it */
  AxBox box1024;                 /* as the model wrote it */
  double confidence;             /* geometric mean of the probabilities of its tokens, 0..1 */
  gsize at;                      /* where in `plain` it belongs, in bytes */
} AxAnswerBox;

typedef struct {
  gsize start, end;              /* bytes of `plain` */
  double confidence;             /* geometric mean of the probabilities of its tokens, 0..1 */
  guint n_structures;            /* structures that it names or whose boxes lie in it: indices into AxPerception.anatomy, to be lit up */
  guint8 structures[8];
  double heart_ratio;            /* ax_perception_heart_ratio() where the sentence says otherwise of the heart's size (engine/session/heart.h); else 0 */
} AxAnswerSentence;

/* An option of the question with its probability: that of the option's letter, the mean (of log odds) of asking with the options in either order, so that their
 * order plays no part. */
typedef struct {
  char *tag;                     /* "(A)" */
  char *text;                    /* "yes"; a label */
  double probability;            /* 0..1; of options to choose one of they add up to 1, of labels each is the probability of "Yes" against "No" */
} AxAnswerOption;

typedef enum { AX_STOPPED_END, AX_STOPPED_LENGTH, AX_STOPPED_CANCELLED } AxStopped;

/* What the language model answered. Boxed, reference counted, never changes once made. */
typedef struct {
  AxTask task;
  char *instruction;             /* what the model was asked */
  char *text;                    /* the answer, cleaned (spec 8.4), with <ref> and <box> tags */
  char *plain;                   /* without them, for people */
  guint n_boxes;
  AxAnswerBox *boxes;
  guint n_sentences;
  AxAnswerSentence *sentences;
  guint n_options;               /* of a question with options to choose one of (engine/task/options.h); with AxRequest.probabilities the labels that the model knows */
  AxAnswerOption *options;       /* a greedy answer to a question with two options begins with the likelier one */
  gboolean nothing;              /* the answer says that there is nothing of the kind */
  gboolean mirrored;
  guint n_prompt;                /* tokens of the prompt, n_reused of them were there already */
  guint n_reused, n_tokens;      /* tokens made */
  guint n_read;                  /* tokens of prompts that were read for it: the rest, and options once more the other way round */
  AxStopped stopped;
  double confidence;             /* geometric mean over all tokens */
  double ms_perceive, ms_prefill, ms_first, ms_generate, ms_total; /* ms_first: from the request to the first token */
  AxPerception *perception;      /* of the image that was asked about */
  int ref_count;
} AxAnswer;

#define AX_TYPE_ANSWER (ax_answer_get_type ())
GType ax_answer_get_type (void);
AxAnswer *ax_answer_ref (AxAnswer *answer);
void ax_answer_unref (AxAnswer *answer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AxAnswer, ax_answer_unref)
/* Tokens a second, of prompts that this request read itself and of the answer that it made; 0 where it read or made none. From the engine's own clock: reading
 * ends, and making begins, when the last token of the question is in. */
static inline double ax_answer_read_speed (const AxAnswer *a) { return a->ms_prefill > 0 ? 1000.0 * a->n_read / a->ms_prefill : 0; }
static inline double ax_answer_make_speed (const AxAnswer *a) { return a->ms_generate > 0 ? 1000.0 * a->n_tokens / a->ms_generate : 0; }
/* "end", "length", "cancelled". */
const char *ax_stopped_name (AxStopped stopped);

/* What comes while a request runs, in order, in the main context of the caller (the thread-default one at the call). */
typedef enum {
  AX_EVENT_PROGRESS,             /* fraction and stage, before the first token */
  AX_EVENT_TEXT,                 /* more of the answer's plain text */
  AX_EVENT_BOX,                  /* a box is complete */
} AxEventType;
typedef struct {
  AxEventType type;
  double fraction;               /* PROGRESS: 0..1 */
  const char *stage;             /* PROGRESS: short English name */
  const char *text;              /* TEXT: valid UTF-8 */
  AxAnswerBox box;               /* BOX */
} AxEvent;
/* Everything in the event belongs to the engine and is valid during the call. No event comes after the cancellable fired. */
typedef void (*AxEventFn) (const AxEvent *event, gpointer user_data);

/* Asks. The request's contents are copied. What the image needs (perceiving, the prompt's common prefix) is done first unless it is kept with the image. A
 * cancelled request ends within one token: with G_IO_ERROR_CANCELLED when no token was made, else with an answer whose `stopped` says so. Other errors:
 * AX_ENGINE_ERROR_MODEL (no language part: the message says how to get it), AX_ENGINE_ERROR_REQUEST. */
void ax_session_run_async (AxSession *session, AxImage *image, const AxRequest *request, AxEventFn event, gpointer event_data,
                           GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
AxAnswer *ax_session_run_finish (AxSession *session, GAsyncResult *result, GError **error);

/* Makes the image ready for requests (perceives it and computes the common prefix) while nothing else is to do: any request goes before it, and it goes on
 * afterwards. For an image that was just opened; does nothing for a model without a language part. Only the last one asked for is pursued. */
void ax_session_prepare (AxSession *session, AxImage *image, gboolean mirror);
/* 0..1: how far the prefix of that image is computed. */
double ax_session_prepared (AxSession *session, AxImage *image, gboolean mirror);

/* The object of design.md's text tasks: `--json` of the command line, one member "sentences" added; path may be NULL. Free with g_free. */
char *ax_answer_to_json (const AxAnswer *answer, const char *path, AxModel *model, gboolean pretty);

/* Structures (indices, ascending in order of mention) that a text names, at most max of them; returns how many. */
guint ax_anatomy_mentions (const char *text, guint8 *indices, guint max);

/* ---- drawing and JSON shared by the window and the command line ------------------------------------------------------------ */

/* The object of design.md's `perceive --json`; path may be NULL. Free with g_free. */
char *ax_perception_to_json (const AxPerception *p, const char *path, AxModel *model, gboolean pretty);
/* The object of `flip --json`. */
char *ax_flip_to_json (const AxPerception *plain, const AxPerception *mirrored, const char *path, AxModel *model, gboolean pretty);
/* Colour (0..1) of a structure, distinct for the colour-blind within and between groups. */
void ax_anatomy_color (guint index, double rgb[3]);

const char *ax_version (void);
void ax_engine_set_threads (int n);                        /* < 1: physical cores */
/* Sessions made afterwards compute `steps` (0..19, as nice(1) counts) behind the rest of the program, so that a window stays quick while the model takes all
 * cores; on an idle machine nothing changes. 0 at first. */
void ax_engine_set_nice (int steps);

G_END_DECLS
