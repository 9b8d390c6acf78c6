/* What is true of each anatomical structure, in words. What lives here: which findings are marked in which structure (a finding's box that overlaps
 * the structure's), how sure that is, and the sentence grammar of spec 5.3 both ways:
 *     "<Display name> shows a and b."      "<Display name> is healthy."
 * with the findings in lower case, sorted, one wording per meaning. May use dataset.h, phantom.h (display names) and GLib. */
#pragma once

#include "engine/training/dataset.h"

G_BEGIN_DECLS

/* A finding as sentences name it. In the order of the words, so a set is written in order of its bits. Readers who draw the same thing under
 * different names are brought together: Consolidation, Infiltration, Pneumonia and Lung Opacity are all "lung opacity" (RSNA's readers drew every
 * opacity under one name, so that a consolidation would be named or not by who read the image); Mass, Nodule and Diffuse Nodule are "lung lesion". */
typedef enum {
  AX_MARK_ATELECTASIS,
  AX_MARK_CALCIFICATION,
  AX_MARK_CARDIOMEGALY,
  AX_MARK_EDEMA, /* no reader draws it: only the phantom has it */
  AX_MARK_EMPHYSEMA,
  AX_MARK_FIBROSIS,
  AX_MARK_FRACTURE,
  AX_MARK_LUNG_LESION,
  AX_MARK_LUNG_OPACITY,
  AX_MARK_PLEURAL_EFFUSION,
  AX_MARK_PLEURAL_THICKENING,
  AX_MARK_PNEUMOTHORAX,
  AX_MARK_N,
} AxMark;

/* Bits 1 << AX_MARK_x. */
typedef guint32 AxMarkSet;
#define AX_MARKS_ALL ((1u << AX_MARK_N) - 1)

/* "lung opacity"; NULL past the last. And back: -1 if it is none. */
const char *ax_mark_phrase(guint mark);
int ax_mark_of_phrase(const char *phrase);

/* The mark of a reader's box, of a phantom's CheXpert label ("Pleural Effusion") or of a word of the NIH text program; -1 if there is none. */
int ax_mark_of_box(AxBoxLabel label);
int ax_mark_of_label(const char *chexpert_name);

/* The marks that may be said of object 0..35: a small table of what can be seen where (an effusion lies in the lower zone, the recess and on the
 * hemidiaphragm, never in the clavicle). 0 for structures that never get an attribute. */
AxMarkSet ax_mark_allowed(guint object);

/* One finding with its place, pixels of the 1024 frame. */
typedef struct {
  AxMark mark;
  AxBox box;
} AxPlacedMark;

/* TRUE when a finding's box counts as lying in a structure's: at least AX_OVERLAP_FINDING of the finding or AX_OVERLAP_STRUCTURE of the structure is
 * in the intersection. The first serves small findings, the second large ones that fill several zones. */
#define AX_OVERLAP_FINDING 0.30
#define AX_OVERLAP_STRUCTURE 0.25
gboolean ax_mark_overlaps(AxBox finding, AxBox structure);

/* The set of marks in each of the 36 structures. */
void ax_marks_place(const AxBox boxes[AX_DATASET_N_OBJECTS], const AxPlacedMark *marks, guint n, AxMarkSet out[AX_DATASET_N_OBJECTS]);

/* The marks that the readers of this image looked for everywhere: one of them that is not drawn is absent. 0 for an image that nobody read. */
AxMarkSet ax_marks_looked_for(const AxDatasetImage *image);

/* What is known of one structure of one image. */
typedef struct {
  AxMarkSet present; /* to be named */
  AxMarkSet known;   /* marks of which a radiologist said whether and where they are; compare retrieved sentences within these only */
  float weight;      /* how far the sentence of `present` may be trusted as a training target: 0 = say nothing, 1 = everything was read */
} AxStructureFacts;

/* Facts of all 36 structures. Radiologists' boxes place marks; "Normal" and a ChestX-Det reading make absences known, an RSNA reading those of lung
 * opacity. The text program's words carry no place: only Cardiomegaly has just one structure it can belong to, the heart; all others are left out, but
 * they take the weight of "is healthy" away from every structure where the word might belong. A structure that can bear no mark has weight 1. */
void ax_structure_facts(const AxDatasetImage *image, AxStructureFacts out[AX_DATASET_N_OBJECTS]);

/* The sentence; free with g_free(). `object` < 36. Marks that ax_mark_allowed() does not allow are written too: the caller decides. */
char *ax_sentence_new(guint object, AxMarkSet marks);

/* The marks that a sentence names. FALSE (and *marks = 0) for a sentence outside the grammar or with an unknown finding. */
gboolean ax_sentence_findings(const char *sentence, AxMarkSet *marks);

G_END_DECLS
