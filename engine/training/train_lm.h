/* train_lm.h: training of the language part (spec 6.4 to 6.6): P_im and P_A alone ("align"), then LoRA, both heads and the rows of the added tokens
 * ("instruct"; optionally whole vocabularies, as the authors do).
 *
 * What lives here: the configuration (a JSON file; data/training/align.json and instruct.json made the bundled model's adapter), and the loop with its
 * resumable state and metrics. May use everything of engine but evaluation and session's thread.
 *
 * The run folder holds: state.safetensors (what learns, AdamW moments, step; written whole or not at all), best.safetensors (what had the best
 * validation loss), metrics.csv, metrics.png, perceptions.safetensors (lm_perceptions.h). A run that was killed goes on from its last state and ends with the
 * same weights as one that was not, because every step depends only on (seed, step).
 */
#pragma once
#include "engine/checkpoint/lm_adapter.h"
#include "engine/model/gemma.h"
#include "engine/training/instruct.h"

typedef enum { AX_LM_ALIGN, AX_LM_INSTRUCT } AxLmStage;

typedef struct {
  char   **train, **validation; /* instruction lists */
  char    *image_dir;           /* NULL: image paths are relative to the working directory */
  char    *model_dir;           /* model folder: the frozen module and its sentences */
  char    *base;                /* base language model, a file or a folder; NULL: the one that the set-up installed */
  char    *start;               /* adapter to start from, a file or folder, or NULL */
  char    *run_dir;
  const AxDevice *device;       /* where it trains, started; NULL: the processor. Not of the file */
  guint64  seed;
  gint64   steps;
  int      pictures;            /* a step accumulates the gradients of so many */
  int      tasks;               /* at most so many answers share a picture's prefix */
  int      tokens;              /* and at most so many tokens in all */
  double   lr, lr_end;          /* falls linearly to lr_end; rises over the first `warmup` share */
  double   warmup;
  double   heads_lr, added_lr;  /* multiply lr for the projection heads and the added rows */
  double   decay, clip;
  double   prefix_gradient;     /* share of pictures whose prompt prefix is learnt through; the others' is taken as it is, at a third of the price */
  int      sampled;             /* the loss draws so many rows of those that no answer uses (gemma_sampled.h); 0: the whole vocabulary, spec 6.6 */
  double   rank, alpha, dropout;
  gboolean vocabulary;          /* train whole embedding and output matrices, untied */
  AxGemmaStore store;           /* how the frozen base is kept */
  AxLmStore    adapter_store;   /* and the adapter in its file */
  int      name_steps;          /* before the first step P_A learns the structures' names (lm_words.h); 0: not */
  int      finding_steps;       /* then both heads learn the words of what the module finds (lm_words.h); 0: not */
  int      heart_steps;         /* then P_A learns to say how large the heart is (lm_words.h); 0: not */
  double   name_lr;             /* of both */
  double   mirrored;            /* multiplies how often a mirrored picture is drawn, where `rich` is above 0; 1: as often as the picture itself */
  double   system;              /* share of pictures with one of the three system prompts (spec 8.2); the others have none, as inference */
  double   vary;                /* share of pictures with spec 13.3's other context */
  gboolean copy_boxes;          /* answers of anatomy grounding give the prompt's own boxes, not the true ones: exactly learnable */
  double   length_power;        /* a target weighs 1 / (targets of its answer)^power: 0 is spec 6.6's mean over tokens, 1 a mean over answers */
  double   after_box;           /* multiplies the weight of the token behind a box, where an answer ends or goes on; 1 as spec 6.6 */
  double   rich;                /* 0: every picture once an epoch; above: pictures are drawn with the share of the mix that they have tasks for, to this power */
  GHashTable *datasets;         /* name -> double *: multiplies that for pictures of the data set; NULL: none named */
  double   mix[AX_INSTRUCT_N_TASKS];    /* how often a task is drawn, relative to the others */
  double   weight[AX_INSTRUCT_N_TASKS]; /* of its targets in the loss */
  gint64   validate_every, save_every;
  double   save_minutes;        /* also after so many minutes */
  int      validation_pictures, validation_answers;     /* so many pictures, and of each so many answers of each task */
} AxLmTrainConfig;

/* Reads a configuration; relative paths are relative to the file. Missing keys take the authors' values (spec 6.6). Unknown keys are errors. */
AxLmTrainConfig *ax_lm_train_config_load (const char *path, GError **error);
void        ax_lm_train_config_free (AxLmTrainConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AxLmTrainConfig, ax_lm_train_config_free)

typedef struct {
  const char *doing;           /* "Perceiving the pictures", "Training" */
  gint64 step, steps;
  double seconds, seconds_left;
  double loss, validation;     /* validation: last loss, or -1 */
  double tokens_per_second, gflops;
  double peak_share;           /* of the machine's measured float32 multiply-add peak */
} AxLmProgress;
typedef void (*AxLmProgressFn) (const AxLmProgress *progress, gpointer user_data);

/* Trains to the end, resuming if the run folder has a state, and leaves the trained adapter in
 * run_dir/adapter.safetensors. Stops between steps when cancelled, with
 * its state saved. */
gboolean ax_train_lm (const AxLmTrainConfig *config, AxLmStage stage, AxLmProgressFn progress, gpointer user_data, GCancellable *cancellable,
                      GError **error);
