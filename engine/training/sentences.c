#include "engine/training/sentences.h"

#include <string.h>

#include "engine/training/phantom.h"

#define BIT(x) (1u << (x))
#define MARK(x) BIT(AX_MARK_##x)
#define NIH(x) BIT(AX_NIH_##x)

static const char *const phrases[AX_MARK_N] = {
  "atelectasis", "calcification", "cardiomegaly", "edema", "emphysema", "fibrosis",
  "fracture", "lung lesion", "lung opacity", "pleural effusion", "pleural thickening", "pneumothorax",
};

const char *ax_mark_phrase(guint mark) { return mark < AX_MARK_N ? phrases[mark] : NULL; }

int ax_mark_of_box(AxBoxLabel label) {
  switch (label) {
  case AX_BOX_ATELECTASIS: return AX_MARK_ATELECTASIS;
  case AX_BOX_CALCIFICATION: return AX_MARK_CALCIFICATION;
  case AX_BOX_CARDIOMEGALY: return AX_MARK_CARDIOMEGALY;
  case AX_BOX_CONSOLIDATION:
  case AX_BOX_INFILTRATION:
  case AX_BOX_LUNG_OPACITY:
  case AX_BOX_PNEUMONIA: return AX_MARK_LUNG_OPACITY;
  case AX_BOX_DIFFUSE_NODULE:
  case AX_BOX_MASS:
  case AX_BOX_NODULE: return AX_MARK_LUNG_LESION;
  case AX_BOX_EFFUSION: return AX_MARK_PLEURAL_EFFUSION;
  case AX_BOX_EMPHYSEMA: return AX_MARK_EMPHYSEMA;
  case AX_BOX_FIBROSIS: return AX_MARK_FIBROSIS;
  case AX_BOX_FRACTURE: return AX_MARK_FRACTURE;
  case AX_BOX_PLEURAL_THICKENING: return AX_MARK_PLEURAL_THICKENING;
  case AX_BOX_PNEUMOTHORAX: return AX_MARK_PNEUMOTHORAX;
  case AX_BOX_N: break;
  }
  return -1;
}

int ax_mark_of_label(const char *name) {
  static const struct {
    const char *name;
    AxMark mark;
  } table[] = {
    {"Atelectasis", AX_MARK_ATELECTASIS}, {"Cardiomegaly", AX_MARK_CARDIOMEGALY}, {"Consolidation", AX_MARK_LUNG_OPACITY},
    {"Edema", AX_MARK_EDEMA}, {"Fracture", AX_MARK_FRACTURE}, {"Lung Lesion", AX_MARK_LUNG_LESION},
    {"Lung Opacity", AX_MARK_LUNG_OPACITY}, {"Pleural Effusion", AX_MARK_PLEURAL_EFFUSION}, {"Pleural Other", AX_MARK_PLEURAL_THICKENING},
    {"Pneumonia", AX_MARK_LUNG_OPACITY}, {"Pneumothorax", AX_MARK_PNEUMOTHORAX},
  };
  for (guint i = 0; i < G_N_ELEMENTS(table); i++)
    if (strcmp(table[i].name, name) == 0)
      return table[i].mark;
  return -1;
}

/* What can be seen where. Kinds of structure: */
enum { LUNG = 1 << 0, ZONE = 1 << 1, LOWER = 1 << 2, APEX = 1 << 3, HILUM = 1 << 4, RECESS = 1 << 5, DIAPHRAGM = 1 << 6, CLAVICLE = 1 << 7, HEART = 1 << 8, AORTA = 1 << 9 };

static int kind_of_object(guint object) {
  switch (object) {
  case 11: case 20: return LUNG;
  case 12: case 13: case 21: case 22: return ZONE;
  case 10: case 19: return ZONE | LOWER;
  case 2: case 3: return APEX;
  case 6: case 7: return HILUM;
  case 33: case 35: return RECESS;
  case 9: case 18: return DIAPHRAGM;
  case 8: case 17: return CLAVICLE;
  case 4: return HEART;
  case 1: return AORTA; /* not the descending aorta: it has a single sentence in the authors' databases (spec 3) */
  default: return 0;    /* vessels, spine, airway, abdomen, heart borders: nothing is ever marked there */
  }
}

static const int where[AX_MARK_N] = {
  [AX_MARK_ATELECTASIS] = LUNG | ZONE | HILUM,
  [AX_MARK_CALCIFICATION] = LUNG | ZONE | APEX | HILUM | AORTA,
  [AX_MARK_CARDIOMEGALY] = HEART,
  [AX_MARK_EDEMA] = LUNG | ZONE | HILUM,
  [AX_MARK_EMPHYSEMA] = LUNG | ZONE | APEX,
  [AX_MARK_FIBROSIS] = LUNG | ZONE | APEX | HILUM,
  [AX_MARK_FRACTURE] = LUNG | ZONE | APEX | CLAVICLE, /* ribs are read with the zone they cross */
  [AX_MARK_LUNG_LESION] = LUNG | ZONE | APEX | HILUM,
  [AX_MARK_LUNG_OPACITY] = LUNG | ZONE | APEX | HILUM,
  [AX_MARK_PLEURAL_EFFUSION] = LUNG | LOWER | RECESS | DIAPHRAGM,
  [AX_MARK_PLEURAL_THICKENING] = LUNG | ZONE | APEX | RECESS,
  [AX_MARK_PNEUMOTHORAX] = LUNG | ZONE | APEX,
};

AxMarkSet ax_mark_allowed(guint object) {
  const int kind = kind_of_object(object);
  AxMarkSet set = 0;
  for (guint m = 0; m < AX_MARK_N; m++)
    if (where[m] & kind)
      set |= BIT(m);
  return set;
}

gboolean ax_mark_overlaps(AxBox finding, AxBox structure) {
  const double width = MIN(finding.x2, structure.x2) - MAX(finding.x1, structure.x1);
  const double height = MIN(finding.y2, structure.y2) - MAX(finding.y1, structure.y1);
  if (!(width > 0) || !(height > 0))
    return FALSE;
  return width * height >= AX_OVERLAP_FINDING * ax_box_area(finding) || width * height >= AX_OVERLAP_STRUCTURE * ax_box_area(structure);
}

void ax_marks_place(const AxBox boxes[AX_DATASET_N_OBJECTS], const AxPlacedMark *marks, guint n, AxMarkSet out[AX_DATASET_N_OBJECTS]) {
  for (guint o = 0; o < AX_DATASET_N_OBJECTS; o++) {
    const AxMarkSet allowed = ax_mark_allowed(o);
    out[o] = 0;
    for (guint i = 0; i < n; i++)
      if ((allowed & BIT(marks[i].mark)) && ax_mark_overlaps(marks[i].box, boxes[o]))
        out[o] |= BIT(marks[i].mark);
  }
}

/* How far a sentence is trusted when not every mark it could name was read. */
#define WEIGHT_NAMED 0.8f         /* it names what a radiologist drew, but others were not looked for */
#define WEIGHT_NAMED_SUSPECT 0.5f /* and the text program mentions one of those */
#define WEIGHT_HEALTHY_READ 0.6f  /* "is healthy": a radiologist saw no opacity here */
#define WEIGHT_HEALTHY_TEXT 0.5f  /* "is healthy": only the text program's silence about what could be here */

/* Everything that readers draw; edema is drawn by none. */
#define DRAWN (BIT(AX_MARK_N) - 1 - MARK(EDEMA))

/* The marks that the text program's words may mean. Edema is a lung opacity to the eye. */
static AxMarkSet marks_of_text(guint32 text) {
  static const struct {
    guint32 words;
    AxMarkSet marks;
  } table[] = {
    {NIH(ATELECTASIS), MARK(ATELECTASIS)},
    {NIH(CARDIOMEGALY), MARK(CARDIOMEGALY)},
    {NIH(EDEMA), MARK(EDEMA) | MARK(LUNG_OPACITY)},
    {NIH(CONSOLIDATION) | NIH(INFILTRATION) | NIH(PNEUMONIA), MARK(LUNG_OPACITY)},
    {NIH(EFFUSION), MARK(PLEURAL_EFFUSION)},
    {NIH(EMPHYSEMA), MARK(EMPHYSEMA)},
    {NIH(FIBROSIS), MARK(FIBROSIS)},
    {NIH(MASS), MARK(LUNG_LESION) | MARK(LUNG_OPACITY)},
    {NIH(NODULE), MARK(LUNG_LESION)},
    {NIH(PLEURAL_THICKENING), MARK(PLEURAL_THICKENING)},
    {NIH(PNEUMOTHORAX), MARK(PNEUMOTHORAX)},
  };
  AxMarkSet set = 0;
  for (guint i = 0; i < G_N_ELEMENTS(table); i++)
    if (text & table[i].words)
      set |= table[i].marks;
  return set;
}

AxMarkSet ax_marks_looked_for(const AxDatasetImage *image) {
  AxMarkSet set = 0;
  if (image->rsna == AX_RSNA_NORMAL)
    set |= BIT(AX_MARK_N) - 1;
  else if (image->rsna != AX_RSNA_UNREAD)
    set |= MARK(LUNG_OPACITY);
  if (image->chestxdet13)
    set |= DRAWN;
  if (image->chestxdet10)
    set |= DRAWN & ~(MARK(CARDIOMEGALY) | MARK(PLEURAL_THICKENING));
  return set;
}

void ax_structure_facts(const AxDatasetImage *image, AxStructureFacts out[AX_DATASET_N_OBJECTS]) {
  const AxMarkSet looked = ax_marks_looked_for(image), words = marks_of_text(image->text);
  AxMarkSet placed[AX_DATASET_N_OBJECTS] = {0};
  if (image->ok && image->n_findings > 0) {
    g_autofree AxPlacedMark *marks = g_new(AxPlacedMark, image->n_findings);
    for (guint i = 0; i < image->n_findings; i++)
      marks[i] = (AxPlacedMark){(AxMark) ax_mark_of_box(image->findings[i].label), image->findings[i].box};
    ax_marks_place(image->boxes, marks, image->n_findings, placed);
  }
  /* A finding that was drawn, or listed, on an image without anatomical boxes is somewhere unknown. */
  AxMarkSet unplaced = 0;
  for (guint i = 0; i < image->n_findings && !image->ok; i++)
    unplaced |= BIT(ax_mark_of_box(image->findings[i].label));

  for (guint o = 0; o < AX_DATASET_N_OBJECTS; o++) {
    AxStructureFacts *f = &out[o];
    const AxMarkSet allowed = ax_mark_allowed(o);
    f->present = placed[o];
    f->known = (allowed & looked & ~unplaced) | placed[o];
    if (o == 4 && !(f->known & MARK(CARDIOMEGALY)) && (image->text & NIH(CARDIOMEGALY)))
      f->present |= MARK(CARDIOMEGALY);

    const AxMarkSet open = allowed & ~f->known;
    /* Edema alone may stay open: it would be drawn as an opacity. */
    const gboolean all_known = (open & ~MARK(EDEMA)) == 0;
    const gboolean suspect = (open & (words | unplaced)) != 0;
    if (image->ok && !image->visible[o])
      f->weight = 0;
    else if (allowed == 0 || all_known)
      f->weight = 1;
    else if (placed[o] != 0)
      f->weight = suspect ? WEIGHT_NAMED_SUSPECT : WEIGHT_NAMED;
    else if (f->present != 0)
      f->weight = WEIGHT_NAMED_SUSPECT;
    else if (suspect)
      f->weight = 0;
    else
      f->weight = (f->known & MARK(LUNG_OPACITY)) ? WEIGHT_HEALTHY_READ : WEIGHT_HEALTHY_TEXT;
  }
}

char *ax_sentence_new(guint object, AxMarkSet marks) {
  g_return_val_if_fail(object < AX_DATASET_N_OBJECTS, NULL);
  GString *s = g_string_new(ax_phantom_object_name((int) object));
  gboolean first = TRUE;
  for (guint m = 0; m < AX_MARK_N; m++)
    if (marks & BIT(m)) {
      g_string_append(s, first ? " shows " : " and ");
      g_string_append(s, phrases[m]);
      first = FALSE;
    }
  g_string_append(s, first ? " is healthy." : ".");
  return g_string_free(s, FALSE);
}

static int find_phrase(const char *text, gsize length) {
  for (guint m = 0; m < AX_MARK_N; m++)
    if (strlen(phrases[m]) == length && strncmp(phrases[m], text, length) == 0)
      return (int) m;
  return -1;
}

int ax_mark_of_phrase(const char *phrase) { return find_phrase(phrase, strlen(phrase)); }

gboolean ax_sentence_findings(const char *sentence, AxMarkSet *marks) {
  *marks = 0;
  if (g_str_has_suffix(sentence, " is healthy."))
    return TRUE;
  const char *p = strstr(sentence, " shows ");
  if (p == NULL || p == sentence || !g_str_has_suffix(sentence, "."))
    return FALSE;
  p += strlen(" shows ");
  const char *end = sentence + strlen(sentence) - 1;
  AxMarkSet set = 0;
  while (p <= end) {
    const char *next = g_strstr_len(p, end - p, " and ");
    const int m = find_phrase(p, (gsize) ((next != NULL ? next : end) - p));
    if (m < 0)
      return FALSE;
    set |= BIT(m);
    if (next == NULL)
      break;
    p = next + strlen(" and ");
  }
  *marks = set;
  return set != 0;
}
