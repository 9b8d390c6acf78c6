/* From readings and mined words to the 14 labels. The tables below are the rules, all of them. */
#include "engine/training/dataset.h"

#include <math.h>
#include <string.h>

#define BIT(x) (1u << (x))
#define NIH(x) BIT(AX_NIH_##x)
#define BOX(x) BIT(AX_BOX_##x)
#define UNKNOWN (-1.0f)

static const char *const label_names[AX_DATASET_N_LABELS] = {
  "Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Enlarged Cardiomediastinum", "Fracture", "Lung Lesion",
  "Lung Opacity", "No Finding", "Pleural Effusion", "Pleural Other", "Pneumonia", "Pneumothorax", "Support Devices",
};

const char *ax_label_name(guint label) { return label < AX_DATASET_N_LABELS ? label_names[label] : NULL; }

/* What the text program's words are worth. `words`: any of them makes the label positive. Targets are probabilities that a radiologist would say
 * so, rounded from the images that have both (105 ChestX-Det readings, 287 RSNA readings):
 *   positive        when one of the words is there (Effusion 17/19, Atelectasis 4/24, Pleural_Thickening 2/6, Pneumothorax 2/3, Nodule or Mass 3/10, ...);
 *   absent          when others are there, but not these (effusion was drawn in 27 of 86 such images: a missing word is no "no");
 *   normal          when the program said "No Finding" (4 of 44 have an opacity).
 * Edema has no reader; 35 of 49 images with the word have an opacity, none is normal. Consolidation is drawn in most images without the word: unknown.
 * Lung Opacity and No Finding depend on which word it is: see opacity_words[] and normal_target(). Fracture, Enlarged Cardiomediastinum and Support
 * Devices are not mined: unknown. The weights say how much less than a radiologist the whole row is trusted. */
static const struct {
  AxLabel label;
  guint32 words;
  float positive, absent, normal, weight;
} text_rules[] = {
  {AX_LABEL_ATELECTASIS, NIH(ATELECTASIS), 0.30f, 0.08f, 0.03f, 0.3f},
  {AX_LABEL_CARDIOMEGALY, NIH(CARDIOMEGALY), 0.90f, 0.12f, 0.05f, 0.4f},
  {AX_LABEL_CONSOLIDATION, NIH(CONSOLIDATION), 0.90f, UNKNOWN, 0.05f, 0.4f},
  {AX_LABEL_EDEMA, NIH(EDEMA), 0.80f, 0.10f, 0.02f, 0.4f},
  {AX_LABEL_LUNG_LESION, NIH(MASS) | NIH(NODULE), 0.40f, 0.06f, 0.03f, 0.3f},
  {AX_LABEL_PLEURAL_EFFUSION, NIH(EFFUSION), 0.90f, 0.25f, 0.05f, 0.4f},
  {AX_LABEL_PLEURAL_OTHER, NIH(PLEURAL_THICKENING), 0.35f, 0.05f, 0.03f, 0.3f},
  {AX_LABEL_PNEUMOTHORAX, NIH(PNEUMOTHORAX), 0.65f, 0.03f, 0.02f, 0.4f},
};

/* The words that mean an opacity of the lung, best first, and how often an RSNA reader then saw one (Edema 35/49, Mass 5/7, Consolidation 9/15,
 * Infiltration 53/90). "Pneumonia" with none of the others: 29 of 105. Both labels, Lung Opacity and Pneumonia, follow this table. */
static const struct {
  guint32 word;
  float target;
} opacity_words[] = {
  {NIH(EDEMA), 0.70f}, {NIH(MASS), 0.70f}, {NIH(CONSOLIDATION), 0.60f}, {NIH(INFILTRATION), 0.60f}, {NIH(PNEUMONIA), 0.30f},
};
#define OPACITY_NORMAL 0.10f  /* "No Finding": 4 of 44 */
#define OPACITY_WEIGHT 0.4f

/* How often an image with these words was called normal: 17 of 44 "No Finding", 41 of 105 bare "Pneumonia", 6 of 138 with any further word. */
#define NORMAL_WEIGHT 0.3f
static float normal_target(guint32 text) {
  if (text & NIH(NO_FINDING))
    return 0.40f;
  return text == NIH(PNEUMONIA) ? 0.35f : 0.05f;
}

/* Boxes and ChestX-Det's list: which labels they make true. A consolidation or a mass is an opacity of the lung (CheXpert's hierarchy). */
static const struct {
  AxBoxLabel box;
  guint32 labels;
} box_rules[] = {
  {AX_BOX_ATELECTASIS, BIT(AX_LABEL_ATELECTASIS)},
  {AX_BOX_CARDIOMEGALY, BIT(AX_LABEL_CARDIOMEGALY)},
  {AX_BOX_CONSOLIDATION, BIT(AX_LABEL_CONSOLIDATION) | BIT(AX_LABEL_LUNG_OPACITY)},
  {AX_BOX_DIFFUSE_NODULE, BIT(AX_LABEL_LUNG_LESION) | BIT(AX_LABEL_LUNG_OPACITY)},
  {AX_BOX_EFFUSION, BIT(AX_LABEL_PLEURAL_EFFUSION)},
  {AX_BOX_FRACTURE, BIT(AX_LABEL_FRACTURE)},
  {AX_BOX_INFILTRATION, BIT(AX_LABEL_LUNG_OPACITY)},
  {AX_BOX_LUNG_OPACITY, BIT(AX_LABEL_LUNG_OPACITY)},
  {AX_BOX_MASS, BIT(AX_LABEL_LUNG_LESION) | BIT(AX_LABEL_LUNG_OPACITY)},
  {AX_BOX_NODULE, BIT(AX_LABEL_LUNG_LESION)},
  {AX_BOX_PLEURAL_THICKENING, BIT(AX_LABEL_PLEURAL_OTHER)},
  {AX_BOX_PNEUMONIA, BIT(AX_LABEL_PNEUMONIA) | BIT(AX_LABEL_LUNG_OPACITY)},
  {AX_BOX_PNEUMOTHORAX, BIT(AX_LABEL_PNEUMOTHORAX)},
  /* Calcification, Emphysema and Fibrosis have no label of their own; they make "No Finding" false. */
};

/* The labels that a ChestX-Det reading settles when it does not list them. Lung Opacity is not among them: it draws consolidations only. */
#define CHESTXDET10_SETTLES                                                                                                         \
  (BIT(AX_LABEL_ATELECTASIS) | BIT(AX_LABEL_CONSOLIDATION) | BIT(AX_LABEL_FRACTURE) | BIT(AX_LABEL_LUNG_LESION) |                \
   BIT(AX_LABEL_PLEURAL_EFFUSION) | BIT(AX_LABEL_PNEUMOTHORAX))
#define CHESTXDET13_SETTLES (CHESTXDET10_SETTLES | BIT(AX_LABEL_CARDIOMEGALY) | BIT(AX_LABEL_PLEURAL_OTHER))

static void set_reader(AxDatasetImage *image, guint32 labels, guint8 value) {
  for (guint l = 0; l < AX_DATASET_N_LABELS; l++)
    if (labels & BIT(l)) {
      image->reader_known[l] = 1;
      image->reader_value[l] = value;
    }
}

static guint32 labels_of_boxes(guint32 boxes) {
  guint32 labels = 0;
  for (guint r = 0; r < G_N_ELEMENTS(box_rules); r++)
    if (boxes & BIT(box_rules[r].box))
      labels |= box_rules[r].labels;
  return labels;
}

/* Later statements beat earlier ones: normal < ChestX-Det's absences < boxes and lists < RSNA on opacity and normality. */
static void label_by_readers(AxDatasetImage *image) {
  const guint32 everything = BIT(AX_DATASET_N_LABELS) - 1;
  guint32 found = image->chestxdet_present;
  for (guint i = 0; i < image->n_findings; i++)
    if (image->findings[i].source != AX_SOURCE_RSNA2018)
      found |= BIT(image->findings[i].label);
  if (image->rsna == AX_RSNA_NORMAL)
    set_reader(image, everything & ~BIT(AX_LABEL_SUPPORT_DEVICES), 0);
  if (image->chestxdet13)
    set_reader(image, CHESTXDET13_SETTLES, 0);
  if (image->chestxdet10)
    set_reader(image, CHESTXDET10_SETTLES, 0);
  set_reader(image, labels_of_boxes(found), 1);
  /* The challenge defines its class as opacity suspicious for pneumonia and scores it as pneumonia. */
  if (image->rsna != AX_RSNA_UNREAD)
    set_reader(image, BIT(AX_LABEL_LUNG_OPACITY) | BIT(AX_LABEL_PNEUMONIA), image->rsna == AX_RSNA_OPACITY);
  if (found != 0 || image->rsna == AX_RSNA_OPACITY || image->rsna == AX_RSNA_NOT_NORMAL)
    set_reader(image, BIT(AX_LABEL_NO_FINDING), 0);
  else if (image->rsna == AX_RSNA_NORMAL)
    set_reader(image, BIT(AX_LABEL_NO_FINDING), 1);
}

static void set_text(AxDatasetImage *image, AxLabel label, gboolean value, float target, float weight) {
  image->text_known[label] = 1;
  image->text_value[label] = value ? 1 : 0;
  if (target != UNKNOWN) {
    image->target[label] = target;
    image->weight[label] = weight;
  }
}

static void label_by_text(AxDatasetImage *image) {
  if (image->text == 0)
    return;
  const gboolean normal = (image->text & NIH(NO_FINDING)) != 0;
  for (guint r = 0; r < G_N_ELEMENTS(text_rules); r++) {
    const gboolean positive = (image->text & text_rules[r].words) != 0;
    set_text(image, text_rules[r].label, positive, positive ? text_rules[r].positive : normal ? text_rules[r].normal : text_rules[r].absent, text_rules[r].weight);
  }
  set_text(image, AX_LABEL_NO_FINDING, normal, normal_target(image->text), NORMAL_WEIGHT);
  /* An image with words, none of them an opacity (Effusion, Hernia, ...), says nothing about opacities. */
  float opacity = normal ? OPACITY_NORMAL : UNKNOWN;
  gboolean positive = FALSE;
  for (guint w = 0; w < G_N_ELEMENTS(opacity_words) && !positive; w++)
    if (image->text & opacity_words[w].word) {
      positive = TRUE;
      opacity = opacity_words[w].target;
    }
  if (opacity != UNKNOWN) {
    set_text(image, AX_LABEL_LUNG_OPACITY, positive, opacity, OPACITY_WEIGHT);
    if (normal || (image->text & NIH(PNEUMONIA)))
      set_text(image, AX_LABEL_PNEUMONIA, (image->text & NIH(PNEUMONIA)) != 0, opacity, OPACITY_WEIGHT);
  }
}

void ax_dataset_image_label(AxDatasetImage *image) {
  memset(image->reader_value, 0, sizeof image->reader_value);
  memset(image->reader_known, 0, sizeof image->reader_known);
  memset(image->text_value, 0, sizeof image->text_value);
  memset(image->text_known, 0, sizeof image->text_known);
  memset(image->target, 0, sizeof image->target);
  memset(image->weight, 0, sizeof image->weight);
  label_by_text(image);
  label_by_readers(image);
  for (guint l = 0; l < AX_DATASET_N_LABELS; l++)
    if (image->reader_known[l]) {
      image->target[l] = image->reader_value[l];
      image->weight[l] = 1;
    }
}

gboolean ax_dataset_image_is_read(const AxDatasetImage *image) {
  return image->rsna != AX_RSNA_UNREAD || image->chestxdet13 || image->chestxdet10;
}
