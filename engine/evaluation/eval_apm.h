/* The evaluation of a model folder's Anatomy Perception Module: `anatomixctl eval`. What lives here: its configuration file and the run, which perceives
 * every image of one part of a split twice (as it is and mirrored) through the public session, exactly as a user's image would be, asks the language part
 * if that is wanted (eval_lm.h), and writes the figures.
 * May use everything in the engine. */
#pragma once

#include "engine/evaluation/apm_figures.h"
#include "engine/evaluation/apm_report.h"
#include "engine/evaluation/eval_lm.h"
#include "engine/training/split.h"

G_BEGIN_DECLS

typedef enum {
  AX_EVAL_LANGUAGE_NO,
  AX_EVAL_LANGUAGE_RULE,  /* no language model: the nine tasks answered by the rule that copies the module, as a yardstick */
  AX_EVAL_LANGUAGE_QUICK, /* some 300 requests */
  AX_EVAL_LANGUAGE_FULL,  /* some 1,700 requests, and part of them again with less context */
} AxEvalLanguage;

typedef struct {
  char *model;      /* model folder; NULL: ax_model_default_folder() */
  char *data;       /* data set folder, see engine/training/dataset.h */
  char *split_file; /* see engine/training/split.h */
  AxSplitPart part;
  char *out;        /* folder for quality.json and the charts, made when it is missing; NULL: the model folder */
  char **mirrored_films; /* file names of films that are mirrored themselves */
  guint rounds;     /* of the bootstrap */
  guint64 seed;
  guint limit;      /* look at the first so many images only, for a quick try; 0: all */
  AxEvalLanguage language;
  char *answers;    /* file that receives every question to the language part with its answer and the true one, or NULL */
  char *adapter;    /* of a training run, in place of the model's own language part, or NULL */
} AxEvalConfig;

/* Reads a JSON object: "data" and "split" are required; "model" (default: ax_model_default_folder()), "part" ("test"), "out" (the model folder),
 * "mirrored_films" (["00002645_002.jpg"], the one of ../shared/data/nih), "rounds" (1000), "seed" (2025), "limit" (0), "language" ("no", "rule", "quick" or "full"; "no"),
 * "adapter" and "answers" (none). Paths are relative to the file.
 * NULL with an error that names the file; an unknown key is an error, so that a misspelt one is not a silent default. */
AxEvalConfig *ax_eval_config_load(const char *path, GError **error);
void ax_eval_config_free(AxEvalConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AxEvalConfig, ax_eval_config_free)

/* After each image, and then after each request to the language part: how many of how many are done; seconds since the start. */
typedef void (*AxEvalProgress)(guint done, guint total, double seconds, gpointer user_data);

/* Runs the evaluation and writes OUT/quality.json and the charts of apm_report.h. markdown (may be NULL) gets the tables for people, figures (may be NULL)
 * the numbers. Blocks. FALSE with AX_DATA_ERROR (data, or a patient on two sides of the split), AX_ENGINE_ERROR (model), AX_IMAGE_ERROR,
 * G_FILE_ERROR, or G_IO_ERROR_CANCELLED; nothing is written then, except that a failing chart leaves those before it. */
gboolean ax_eval_apm(const AxEvalConfig *config, AxEvalProgress progress, gpointer user_data, GCancellable *cancellable, char **markdown,
                     AxApmFigures *figures, GError **error);

G_END_DECLS
