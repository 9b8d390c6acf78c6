/* What is known of one image, ready to be put into words. What lives here: the findings with their boxes (several readers' boxes of one thing brought
 * together), where each lies among the structures (side, lung zones), how large it is, what was looked for and not found, and what is only likely. The
 * source is the data set (radiologists' boxes) or a phantom's exact truth; either can be mirrored. May use dataset.h, sentences.h and GLib. */
#pragma once

#include "engine/training/dataset.h"
#include "engine/training/sentences.h"

G_BEGIN_DECLS

/* The patient's sides, whatever side of the picture they are on. */
typedef enum { AX_SIDE_NONE, AX_SIDE_RIGHT, AX_SIDE_LEFT, AX_SIDE_BOTH } AxSide;

/* Lung zones; several may be true of a large box. The apical zone is the top of the upper one and is named only when it holds nearly all. */
enum { AX_ZONE_UPPER = 1 << 0, AX_ZONE_MID = 1 << 1, AX_ZONE_LOWER = 1 << 2, AX_ZONE_APEX = 1 << 3 };
typedef guint32 AxZoneSet;

/* Heart size from the cardiothoracic ratio alone where no reader looked: of the films that readers called enlarged a tenth lie below 0.53, of those called normal a
 * tenth above. Between the two nothing firm is said. */
#define AX_HEART_LARGE 0.57
#define AX_HEART_NORMAL 0.50

typedef enum { AX_SIZE_UNSAID, AX_SIZE_SMALL, AX_SIZE_MODERATE, AX_SIZE_LARGE } AxFindingSize;

typedef struct {
  AxSide side;
  AxZoneSet zones;    /* 0 where a zone says nothing (heart) */
  double area_share;  /* of the box to the lung's box (both lungs when on both sides) */
  double height_share;
} AxPlace;

typedef struct {
  AxBoxLabel label;   /* AX_BOX_N: edema, which only the phantom has */
  AxMark mark;
  AxBox box;          /* pixels of the 1024 frame */
  AxPlace place;
  AxFindingSize size; /* unsaid where the box does not support a word */
} AxKnownFinding;

#define AX_FACTS_MAX_FINDINGS 32

typedef struct {
  char *id, *path, *patient, *dataset; /* id: file name; path: as the sample names it */
  gboolean flip;          /* everything below is of the mirrored picture */
  gboolean phantom;
  gboolean read;          /* a radiologist read the whole image, or the truth is exact: absences mean something */
  gboolean normal;        /* read, and called normal or without any of the findings looked for */
  gboolean ok;            /* boxes[] are trusted */
  AxBox boxes[AX_DATASET_N_OBJECTS];
  gboolean visible[AX_DATASET_N_OBJECTS];
  double heart_ratio;     /* cardiothoracic ratio from the boxes; 0 unless ok */
  AxView view;
  guint n;
  AxKnownFinding findings[AX_FACTS_MAX_FINDINGS]; /* from left to right in the picture */
  guint n_drawn;
  AxKnownFinding drawn[AX_FACTS_MAX_FINDINGS]; /* every box as its reader drew it, before boxes of one thing were brought together; for questions about a region */
  gboolean complete;      /* every finding of the image that was looked for has its box among `findings` */
  AxMarkSet present, absent; /* of the drawn findings; looked for everywhere and not there */
  guint8 known[AX_DATASET_N_LABELS], value[AX_DATASET_N_LABELS]; /* labels, radiologists (or exact) */
  gboolean graded;        /* likely[] are a model's probabilities, not a reading; usual[] is what it says of the middle image of a set */
  float usual[AX_DATASET_N_LABELS];
  float likely[AX_DATASET_N_LABELS], trust[AX_DATASET_N_LABELS]; /* as AxDatasetImage's target and weight: radiologists, else the text program */
} AxImageFacts;

/* "Pleural Effusion" for AX_BOX_EFFUSION, "Lung Opacity" for every name of an opacity without a finer word, "Nodule", ...: the class that answers name.
 * AX_BOX_N is "Edema". */
const char *ax_finding_class (AxBoxLabel label);

/* Facts of an image of the data set. `path` is how samples name its file. */
AxImageFacts *ax_image_facts_new (const AxDatasetImage *image, const char *path);
/* Facts of a phantom from its JSON (`anatomixctl data phantom`). `text` is trusted no further than a user's file. NULL with AX_DATA_ERROR. */
AxImageFacts *ax_image_facts_from_phantom (const char *text, gsize size, const char *id, const char *path, GError **error);
/* The same of the picture mirrored left to right: boxes are mirrored, indices and sides stay with the patient. */
AxImageFacts *ax_image_facts_mirror (const AxImageFacts *facts);
/* Of graded facts: 1 where label's probability is clearly above what is usual, -1 clearly below, 0 in between (a step of 0.25 in log odds). */
int ax_facts_graded_sign (const AxImageFacts *facts, guint label);
void ax_image_facts_free (AxImageFacts *facts);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AxImageFacts, ax_image_facts_free)

/* Bits 1 << AX_SIDE_x on which the image's boxes of a mark lie; "both" is right and left. */
guint ax_facts_sides (const AxImageFacts *facts, AxMark mark);

/* Cardiothoracic ratio from boxes[36] of the structures (spec section 3): the heart's width to that of both lungs; 0 where there is no chest. */
double ax_boxes_heart_ratio (const AxBox *boxes);

/* Where a box lies among the structures. All zero unless facts->ok. `mark` decides what may be said: the heart has no side, an effusion no zone. */
AxPlace ax_place_of_box (const AxImageFacts *facts, AxMark mark, AxBox box);

/* Whether words of place are right for a box, as a reader would allow: the side that holds at least three fifths of it (or both when it lies across the
 * midline), the zone that holds most of it, and no zone in which less than a tenth of it lies; without a zone only where the mark has none or the box
 * reaches into all three. sides: bits 1 << AX_SIDE_x; both right: *side_right (may be NULL) is the side alone. */
gboolean ax_place_is_said (const AxImageFacts *facts, AxMark mark, AxBox box, guint sides, AxZoneSet zones, gboolean *side_right);

/* "right", "left", "both" / "bilateral" forms are the caller's; this is "right lower lung zone", "left mid and lower lung zones", "left lung" (all three
 * zones), "right apical zone", "both lungs"; NULL when nothing can be said. Free with g_free(). */
char *ax_place_text (AxPlace place);

G_END_DECLS
