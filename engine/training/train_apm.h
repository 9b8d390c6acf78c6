/* train_apm.h: training of the Anatomy Perception Module (spec section 4 and our own recipe).
 *
 * What lives here: the configuration (a JSON file, data/training/apm.json is the bundled model's), the loop with its resumable state, and the metrics it
 * writes. May use everything of engine but evaluation and session's thread.
 *
 * The run folder holds: state.safetensors (weights, AdamW moments, step; written whole or not at all), best.safetensors (weights of the best
 * validation score), metrics.csv, metrics.png, pictures-*.raw (the prepared images). A run that was killed goes on from its last state and
 * ends with the same weights as one that was not, because every batch depends only on (seed, step).
 */
#pragma once
#include "engine/model/apm.h"
#include "engine/training/apm_batch.h"
#include <gio/gio.h>

#define AX_TRAIN_MAX_STAGES 12

typedef struct {
  int       size, batch;
  gint64    steps;
  double    lr_start, lr_end;  /* cosine between the two within the stage; the first `warmup` steps rise from 0 */
  gint64    warmup;
  double    backbone_lr;       /* multiplies lr for names containing "backbone" */
  double    weight_contrastive;/* 0: not yet */
  double    finding_weight;    /* of structures that show something, in the retrieval loss: more names more */
  AxAugment augment;
} AxTrainStage;

typedef struct {
  char        *data_dir, *split_file, *run_dir, *vectors_file;
  char        *start;          /* model folder whose weights the run begins with, or NULL: a random start. P_S always starts fresh: folders lack it */
  char        *start_sha256;   /* what its weight file must be, or NULL */
  char        *start_run;      /* folder of another run whose last weights, auxiliary heads among them, the run begins with, or NULL */
  double       start_share;    /* with both: how far the model's weights go from `start` (0) to `start_run` (1). In between they are averages, which keep
                                * more of what either could do than the later run alone (Wortsman et al., CVPR 2022, arXiv 2109.01903) */
  AxMarkSet    sentence_marks; /* the findings that sentences of the database may name */
  double       healthy_push;   /* of the database, see ax_sentence_db_build() */
  guint64      seed;
  AxApmConfig  model;
  double       weight_l1, weight_giou, weight_labels, weight_dense, weight_aux;
  double       weight_marks, bag_weight;          /* mark_targets.h */
  double       weight_retrieval, retrieval_scale;
  int          repeat_read;    /* images that a radiologist read come so many times an epoch */
  double       decay, clip;
  int          picture_side;   /* images are kept at this size and averaged down to each stage's */
  gint64       validate_every, save_every;
  gboolean     bf16;           /* on a card, convolutions multiply in bfloat16 and other products in TF32 */
  const AxDevice *device;      /* where it trains, started; NULL: the processor. Not of the file */
  gint64       stop;           /* the run ends after so many steps, wherever its stages are; 0: at their end */
  guint        n_stages;
  AxTrainStage stages[AX_TRAIN_MAX_STAGES];
} AxTrainConfig;

/* Reads a configuration; relative paths are relative to the file. Missing keys take the authors' defaults (spec 4.5). Unknown keys are errors. */
AxTrainConfig *ax_train_config_load (const char *path, GError **error);
void           ax_train_config_free (AxTrainConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AxTrainConfig, ax_train_config_free)

typedef struct {
  gint64 step, steps;
  double seconds, seconds_left, images_per_second;
  double loss, val_iou;        /* val_iou: last validation, or -1 */
  double peak_share;           /* share of the machine's measured float32 peak that the convolutions and products used */
  const char *stage;
} AxTrainProgress;
typedef void (*AxTrainProgressFn) (const AxTrainProgress *progress, gpointer user_data);

/* Trains to the end, resuming if the run folder has a state. Stops between steps when cancelled, with its state saved. */
gboolean ax_train_apm (const AxTrainConfig *config, AxTrainProgressFn progress, gpointer user_data, GCancellable *cancellable, GError **error);
