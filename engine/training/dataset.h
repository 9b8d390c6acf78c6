/* A folder of chest radiographs with what is known about them. What lives here: the reader of labels.csv, findings.json, anatomy.json and
 * images/ (the layout is described in ../shared/data/nih/README.md) and the rules that turn readings and text-mined labels into targets for
 * the 14 image labels of spec 2.6. No pixel is read here. Files are hostile: sizes are capped, every box is checked against the frame, and an
 * error names the file and the line or image. May use engine/image/box.h, GLib and json-glib. */
#pragma once

#include "engine/image/box.h"
#include "engine/training/csv.h"

G_BEGIN_DECLS

#define AX_DATASET_FRAME 1024.0 /* side of the frame that all boxes are given in */
#define AX_DATASET_N_OBJECTS 36
#define AX_DATASET_N_LABELS 14

/* The image labels in the order of spec 2.6. */
typedef enum {
  AX_LABEL_ATELECTASIS,
  AX_LABEL_CARDIOMEGALY,
  AX_LABEL_CONSOLIDATION,
  AX_LABEL_EDEMA,
  AX_LABEL_ENLARGED_CARDIOMEDIASTINUM,
  AX_LABEL_FRACTURE,
  AX_LABEL_LUNG_LESION,
  AX_LABEL_LUNG_OPACITY,
  AX_LABEL_NO_FINDING,
  AX_LABEL_PLEURAL_EFFUSION,
  AX_LABEL_PLEURAL_OTHER,
  AX_LABEL_PNEUMONIA,
  AX_LABEL_PNEUMOTHORAX,
  AX_LABEL_SUPPORT_DEVICES,
} AxLabel;

/* "Atelectasis", "Pleural Effusion", ...; NULL past the last. */
const char *ax_label_name(guint label);

/* The classes that the NIH collection mines from reports; a bit set of 1 << AX_NIH_x. */
typedef enum {
  AX_NIH_ATELECTASIS,
  AX_NIH_CARDIOMEGALY,
  AX_NIH_CONSOLIDATION,
  AX_NIH_EDEMA,
  AX_NIH_EFFUSION,
  AX_NIH_EMPHYSEMA,
  AX_NIH_FIBROSIS,
  AX_NIH_HERNIA,
  AX_NIH_INFILTRATION,
  AX_NIH_MASS,
  AX_NIH_NODULE,
  AX_NIH_PLEURAL_THICKENING,
  AX_NIH_PNEUMONIA,
  AX_NIH_PNEUMOTHORAX,
  AX_NIH_NO_FINDING,
  AX_NIH_N,
} AxNihClass;

/* What the radiologists of the RSNA challenge 2018 said of an image. */
typedef enum {
  AX_RSNA_UNREAD,
  AX_RSNA_NORMAL,
  AX_RSNA_NOT_NORMAL, /* "No Lung Opacity / Not Normal" */
  AX_RSNA_OPACITY,
} AxRsnaClass;

/* What a box around a finding may be called. */
typedef enum {
  AX_BOX_ATELECTASIS,
  AX_BOX_CALCIFICATION,
  AX_BOX_CARDIOMEGALY,
  AX_BOX_CONSOLIDATION,
  AX_BOX_DIFFUSE_NODULE,
  AX_BOX_EFFUSION,
  AX_BOX_EMPHYSEMA,
  AX_BOX_FIBROSIS,
  AX_BOX_FRACTURE,
  AX_BOX_INFILTRATION,
  AX_BOX_LUNG_OPACITY,
  AX_BOX_MASS,
  AX_BOX_NODULE,
  AX_BOX_PLEURAL_THICKENING,
  AX_BOX_PNEUMONIA,
  AX_BOX_PNEUMOTHORAX,
  AX_BOX_N,
} AxBoxLabel;

const char *ax_box_label_name(guint label);

typedef enum { AX_SOURCE_RSNA2018, AX_SOURCE_CHESTXDET10, AX_SOURCE_CHESTXDET13, AX_SOURCE_NIH_BBOX2017, AX_SOURCE_N } AxSource;
const char *ax_source_name(guint source);

typedef struct {
  AxBoxLabel label;
  AxSource source;
  AxBox box; /* pixels of the 1024 frame */
} AxFindingBox;

typedef enum { AX_VIEW_AP, AX_VIEW_PA } AxView;

typedef struct {
  char *file;    /* name in images/ */
  char *patient; /* as in labels.csv */
  int age;       /* years */
  char sex;      /* 'M' or 'F' */
  AxView view;

  gboolean ok; /* FALSE: no trustworthy anatomical boxes (white-out, mirrored, upside down, ...); labels may still be known */
  AxBox boxes[AX_DATASET_N_OBJECTS];        /* pixels of the 1024 frame, order of spec section 3; zeros unless ok */
  gboolean visible[AX_DATASET_N_OBJECTS];   /* FALSE: more than half of it outside the film, or a guessed clavicle */

  guint n_findings;
  AxFindingBox *findings;

  /* who read it */
  guint32 text;             /* bits of AxNihClass, text-mined */
  AxRsnaClass rsna;
  gboolean chestxdet13, chestxdet10; /* read for the 13 (10) findings of ChestX-Det */
  guint32 chestxdet_present;         /* bits of AxBoxLabel that it lists */

  /* radiologists alone: for evaluation. value is 0 or 1 and means something only where known. */
  guint8 reader_value[AX_DATASET_N_LABELS], reader_known[AX_DATASET_N_LABELS];
  /* text mining alone */
  guint8 text_value[AX_DATASET_N_LABELS], text_known[AX_DATASET_N_LABELS];
  /* for training: the probability that the label holds, and its weight in the loss. Where a radiologist read it: 0 or 1 with weight 1. Where
   * only the text program did: its measured precision with a lower weight. Weight 0: unknown. */
  float target[AX_DATASET_N_LABELS], weight[AX_DATASET_N_LABELS];
} AxDatasetImage;

typedef struct {
  char *dir;
  guint n;
  AxDatasetImage *images; /* in the order of labels.csv */
  GHashTable *by_file;    /* file name -> AxDatasetImage *, owned by images */
} AxDataset;

/* Reads the folder. NULL with AX_DATA_ERROR when a file is missing or malformed, an image is named twice or has no file, a name has a folder in it, a
 * box leaves the frame or has no extent, a class is unknown, or findings.json or anatomy.json name an image that labels.csv lacks. */
AxDataset *ax_dataset_load(const char *dir, GError **error);
void ax_dataset_free(AxDataset *dataset);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AxDataset, ax_dataset_free)

/* The image of that name, or NULL. */
const AxDatasetImage *ax_dataset_find(const AxDataset *dataset, const char *file);

/* Path of an image's file; free with g_free(). */
char *ax_dataset_image_path(const AxDataset *dataset, const AxDatasetImage *image);

/* TRUE if a radiologist read the whole image (a lone NIH box is no reading). */
gboolean ax_dataset_image_is_read(const AxDatasetImage *image);

/* Fills reader_*, text_*, target and weight from text, rsna, chestxdet* and findings. ax_dataset_load() does it for every image. */
void ax_dataset_image_label(AxDatasetImage *image);

G_END_DECLS
