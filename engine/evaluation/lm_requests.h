/* What the language part is asked in an evaluation. What lives here: one question with what it is about, and the list of them that is made from the true
 * facts of test images: names, free wordings and paraphrases, phrases that are there and that are not, regions, labels, reports, questions, and the same
 * again on mirrored images. The list depends on facts, counts and seed alone. May use engine/training (facts, words, phrases). */
#pragma once

#include "engine/training/instruct.h"
#include "engine/training/instruct_facts.h"
#include "engine/training/instruct_phrases.h"

G_BEGIN_DECLS

typedef enum {
  AX_ASK_ANATOMY,       /* where is structure `object` */
  AX_ASK_PHRASE,        /* where is `finding` in the words of `style`; `present` says whether it is there */
  AX_ASK_DETECT,        /* all abnormalities with boxes */
  AX_ASK_DIAGNOSE,      /* class of regions[] */
  AX_ASK_CAPTION,       /* describe regions[] */
  AX_ASK_LIST,          /* the 14 labels as options */
  AX_ASK_LABEL,         /* one label with the options Yes and No: probabilities and the likelier letter, no text */
  AX_ASK_REPORT,
  AX_ASK_PRESENT,       /* closed: is there `mark` */
  AX_ASK_ON_SIDE,       /* closed: is there `mark` on `side` */
  AX_ASK_NORMAL,        /* closed */
  AX_ASK_HEART,         /* closed: is the heart enlarged */
  AX_ASK_WHICH_SIDE,    /* open: side of `mark` */
  AX_ASK_WHERE,         /* open: places of `mark` */
  AX_ASK_ABNORMALITIES, /* open */
  AX_ASK_STRUCTURE,     /* open: which structure is regions[0] */
  AX_ASK_N,
} AxAsk;

typedef enum {
  AX_WORDING_SPEC,       /* display name, wording of spec 9.7 */
  AX_WORDING_FREE,       /* display name, a wording of ours that training has */
  AX_WORDING_PARAPHRASE, /* display name, a wording that training never saw */
  AX_WORDING_SYNONYM,    /* another name, wording of spec 9.7 */
  AX_WORDING_N,
} AxWording;

/* What of the prompt's context the model gets (spec 8.1). */
typedef enum { AX_CONTEXT_FULL, AX_CONTEXT_OBJECTS /* image and object tokens, no boxes and sentences */, AX_CONTEXT_IMAGE, AX_CONTEXT_N } AxLmContext;

#define AX_LM_MAX_REGIONS 4

typedef struct {
  AxAsk ask;
  AxInstructTask task;
  AxWording wording;     /* of AX_ASK_ANATOMY */
  guint image;           /* index in the list of facts */
  gboolean flip;         /* on the mirrored image; `plain` is then the index of the same question on the image as it is */
  guint plain;
  char *text;            /* the instruction, regions as <box> tags in it */
  guint n_regions;
  AxBox regions[AX_LM_MAX_REGIONS]; /* the same, pixels of the 1024 frame */
  guint object;
  AxMark mark;
  AxSide side;
  AxLabel label;
  AxPhraseStyle style;
  AxKnownFinding finding; /* what a phrase says of its finding */
  gboolean present;
  guint option_yes;      /* of two options in the text: index of the one that says yes */
} AxLmRequest;

/* How much is asked. 0 leaves a kind out. */
typedef struct {
  guint64 seed;
  guint anatomy;       /* pairs of image and structure, each asked in four ways */
  guint negatives;     /* absent findings, over all images */
  guint labels;        /* questions per label at most */
  guint lists, reports, closed, open; /* over all images */
  guint mirrored;      /* images whose grounding questions are asked again mirrored */
} AxLmPlan;

/* About 2,000 requests, or about 300. */
void ax_lm_plan_full (AxLmPlan *plan);
void ax_lm_plan_quick (AxLmPlan *plan);

/* facts[n]: of unmirrored images. Array of AxLmRequest * that frees them, sorted by image, unmirrored before mirrored. */
GPtrArray *ax_lm_requests_new (AxImageFacts *const *facts, guint n, const AxLmPlan *plan);

/* Findings of the image that a phrase request is about: bits of their indices. */
guint32 ax_lm_request_matches (const AxLmRequest *request, const AxImageFacts *facts);

G_END_DECLS
