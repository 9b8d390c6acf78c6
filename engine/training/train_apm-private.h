/* What the files of the trainer share. */
#pragma once
#include "engine/training/mark_targets.h"
#include "engine/training/text_targets.h"
#include "engine/training/train_apm.h"
#include <stdio.h>

typedef struct { double l1, giou, labels, contrastive, dense, marks, retrieval, norm; } Losses;

typedef struct {
  double iou, lungs, heart;    /* mean IoU over the 36 structures, both lungs, the heart */
  double sides, mirror_iou;    /* on mirrored images: share of pairs with their sides right; IoU between the two answers */
  double named, marked;        /* of the findings that radiologists marked in structures, the share named by the retrieved sentence; of those named, marked */
  double auroc_opacity, auroc_effusion, auroc_mean;
  double score;                /* what the best weights are chosen by */
} AxValidation;

typedef struct {
  const AxTrainConfig *config;
  AxDataset    *dataset;
  AxPictures   *base, *pictures;   /* at picture_side; at the stage's size */
  AxSplit      *split;
  GArray       *train, *validation;/* guint indices into the data set; train holds images with readings repeat_read times */
  AxApm        *apm;
  AxParameters *aux;
  AxTextTargets *text;             /* NULL: no contrastive loss */
  AxMarkTargets *marks;            /* NULL: no sentence vectors */
  const AxDevice *device;
  AxTape       *tape;
  AxBatch      *batch, *next;
  const AxTrainStage *stage;
  Losses        losses;
  double        best;
  FILE         *csv;
} Run;

/* A tape on the run's device, with its kind of products. */
AxTape   *ax_train_tape     (const Run *run, gboolean recording);
const AxTrainStage *ax_train_stage_at (const AxTrainConfig *c, gint64 step, gint64 *within);
AxTensor *ax_train_image_tensor (AxTape *tape, const AxBatch *b);
/* Fills run->train and run->validation from the split file; an error if a patient is on two sides. */
gboolean  ax_train_select   (Run *run, GError **error);
gboolean  ax_train_validate (Run *run, AxValidation *v, GError **error);
gboolean  ax_train_plot     (const AxTrainConfig *config, GError **error);
