/* From a data set to instruction data: `anatomixctl data instruct CONFIG`. What lives here: its configuration file and the run, which writes
 * OUT/train.json, OUT/val.json and OUT/test.json (instruct.h) by the patient split, each image once as it is and once mirrored, and renders phantoms for
 * training when they are asked for. Everything depends on the data and the seed alone. May use the files of this folder and engine/image. */
#pragma once

#include "engine/training/instruct.h"
#include "engine/training/instruct_facts.h"
#include "engine/training/split.h"

G_BEGIN_DECLS

typedef struct {
  char *data;        /* data set folder, see dataset.h; NULL: scene graphs */
  char *split_file;
  char *scene_graphs, *labels, *images; /* instead of both: folder of scene graphs, their label table, and the folder that image paths are relative to
                                         * (may be NULL); see instruct_graph.h */
  char *out;         /* folder, made when it is missing */
  guint64 seed;
  gboolean flip;     /* also every image mirrored */
  double unread;     /* share of the training images that nobody read which take part; the others show the model more for the same time */
  char *model;       /* model folder, or NULL: training images that nobody read also get answers from what its module sees (instruct_module.h) */
  double lent;       /* share of the validation patients that training gets. What the module says of its own training images is nearly always right; these
                      * show how far it can be trusted. Those that are left choose between runs; the test patients are never touched */
  double weak;       /* weight of answers that only text mining gave, 0 = none (../shared/data/nih/README.md on how often they are wrong) */
  guint count[AX_INSTRUCT_N_TASKS]; /* at most so many (about) of each task an image; 0 = none */
  guint phantoms, phantom_size;     /* rendered into OUT/phantoms unless they are there */
  guint64 phantom_seed;
} AxInstructConfig;

/* Reads a JSON object: "out" and either "data" and "split" or "scene_graphs" and "labels" (and "images") are required; "seed" (2025), "flip" (true), "unread" (1), "lent" (0), "weak" (0.3), "model", "phantoms" (0), "phantom_size" (512), "phantom_seed" (100000),
 * "per_image": {task name: count}. Paths are relative to the file. NULL with an error that names the file; an unknown key is an error. */
AxInstructConfig *ax_instruct_config_load (const char *path, GError **error);
void ax_instruct_config_free (AxInstructConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AxInstructConfig, ax_instruct_config_free)

/* The usual counts per image. */
void ax_instruct_config_defaults (AxInstructConfig *config);

typedef struct {
  guint images, patients, mirrored; /* with at least one sample; of the images, mirrored ones */
  guint samples[AX_INSTRUCT_N_TASKS], total;
} AxInstructCounts;

/* The samples of one image. `split` is the part's name as the files write it. */
void ax_instruct_image (const AxImageFacts *facts, const char *split, const AxInstructConfig *config, GPtrArray *samples);

/* The samples of one part of the data set (without phantoms): array of AxInstructSample * that frees them. */
GPtrArray *ax_instruct_part (const AxDataset *dataset, const AxSplit *split, AxSplitPart part, const AxInstructConfig *config, AxInstructCounts *counts);

/* The whole run. counts[AX_SPLIT_N] may be NULL. progress (may be NULL) hears a share 0..1 of the rendering. FALSE with AX_DATA_ERROR, G_FILE_ERROR,
 * AX_IMAGE_ERROR or G_IO_ERROR_CANCELLED. */
typedef void (*AxInstructProgress) (double share, gpointer user_data);
gboolean ax_instruct_build (const AxInstructConfig *config, AxInstructProgress progress, gpointer user_data, GCancellable *cancellable,
                            AxInstructCounts *counts, GError **error);

G_END_DECLS
