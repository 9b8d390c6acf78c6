/* How good answers are. What lives here: the figures of the nine tasks from requests, replies and true facts, each with a 95 % interval by resampling
 * patients. Knows no model and no file, so the arithmetic is tested on answers made by hand. May use the files of this folder and engine/training. */
#pragma once

#include "engine/evaluation/apm_figures.h"
#include "engine/evaluation/lm_requests.h"

G_BEGIN_DECLS

typedef struct {
  char *text;        /* the answer; NULL: this request was not asked */
  gboolean ended;    /* it stopped by itself, not at the length limit */
  double yes;        /* of two options the probability of option_yes, in either order (engine/session/choose.h); NaN where there are none */
  guint tokens;
  double seconds;
} AxLmReply;

void ax_lm_reply_clear (AxLmReply *reply);

typedef enum {
  AX_LMF_WELL_FORMED,      /* of all requests with free text: parses, stopped by itself, no stray tags */
  AX_LMF_ANATOMY_IOU,      /* all four wordings; no box counts as 0 */
  AX_LMF_ANATOMY_SPEC, AX_LMF_ANATOMY_FREE, AX_LMF_ANATOMY_PARAPHRASE, AX_LMF_ANATOMY_SYNONYM,
  AX_LMF_ANATOMY_OF_APM,   /* IoU as a share of the module's own on the same structures */
  AX_LMF_ANATOMY_REFERENCE_IOU, AX_LMF_ANATOMY_REFERENCE_MAP, /* as the authors score: answers without a box left out */
  AX_LMF_PHRASE_IOU,       /* strict: boxes matched one to one, missing and extra ones count */
  AX_LMF_PHRASE_HIT,       /* share of phrases with IoU of at least 0.25 */
  AX_LMF_PHRASE_REFERENCE_IOU, AX_LMF_PHRASE_REFERENCE_MAP,
  AX_LMF_PHRASE_ABSENT,    /* share of absent findings answered as absent */
  AX_LMF_DIAGNOSIS,        /* balanced accuracy over classes with 10 boxes */
  AX_LMF_DIAGNOSIS_MAJORITY, /* what always saying the most frequent class gives: 1 / classes */
  AX_LMF_CAPTION_PLACE,    /* side and zone both right, of captions whose truth has them */
  AX_LMF_CAPTION_SIDE,
  AX_LMF_CAPTION_FINDING,
  AX_LMF_CAPTION_ROUGE1, AX_LMF_CAPTION_METEOR,
  AX_LMF_CLASS_AUROC,      /* macro, probability of the options' letters */
  AX_LMF_CLASS_AUROC_APM,  /* the module's probabilities on the same questions */
  AX_LMF_LIST_F1,          /* labels listed against readers', pooled */
  AX_LMF_DETECT_FOUND,     /* marked boxes with IoU of at least 0.25 */
  AX_LMF_DETECT_FALSE,     /* boxes an image that hit nothing */
  AX_LMF_REPORT_F1,        /* findings named against the readers', pooled */
  AX_LMF_REPORT_PRECISION, AX_LMF_REPORT_RECALL,
  AX_LMF_REPORT_SIDES,     /* of the sides said of findings that are there: those on which they are */
  AX_LMF_REPORT_SIDES_ALL, /* findings rightly named of which exactly the true sides are said */
  AX_LMF_REPORT_CLEAN,     /* reports without a device or an earlier study */
  AX_LMF_REPORT_DIFFERENT, /* how many different texts */
  AX_LMF_CLOSED,           /* balanced accuracy of yes and no */
  AX_LMF_OPEN_F1,          /* mean F1 of the answer's words */
  AX_LMF_OPEN_EXACT,
  AX_LMF_MIRRORED,         /* grounding answers right on the mirrored image, of those right on the plain one */
  AX_LMF_N,
} AxLmFigure;

/* "anatomy_iou", ...: keys of quality.json. */
const char *ax_lm_figure_name (guint figure);
/* What is measured, for people. */
const char *ax_lm_figure_text (guint figure);
/* The floor and the goal set for the bundled model; NaN where there is none. */
double ax_lm_figure_floor (guint figure);
double ax_lm_figure_goal (guint figure);

typedef struct {
  AxFigure figure[AX_LMF_N]; /* n: cases; n 0 and NaN where nothing was asked */
  guint asked, answered;
  guint tokens;
  double seconds;
  GPtrArray *malformed;      /* of up to 20 answers, "what: request -> answer", owned by the figures */
} AxLmFigures;

/* facts[n] are those of the images as they are; replies[i] belongs to requests[i]. `apm` [n] (entries and itself may be NULL): facts of the module's output, for
 * the comparisons with it. */
void ax_lm_figures (const GPtrArray *requests, const AxLmReply *replies, AxImageFacts *const *facts, guint n, AxImageFacts *const *apm, guint rounds, guint64 seed,
                    AxLmFigures *out);
void ax_lm_figures_clear (AxLmFigures *figures);

G_END_DECLS
