/* Which patient is used for what. What lives here: the division of a dataset's patients into training, validation and test, its file
 * ("patient_id,split") and the check that no patient is on two sides. Images follow their patient; there is no other way to divide.
 * May use dataset.h and GLib. */
#pragma once

#include "engine/training/dataset.h"

G_BEGIN_DECLS

typedef enum { AX_SPLIT_TRAIN, AX_SPLIT_VALIDATION, AX_SPLIT_TEST, AX_SPLIT_N } AxSplitPart;

/* "train", "validation", "test"; NULL past the last. */
const char *ax_split_part_name(guint part);

typedef struct {
  char *patient; /* leading zeros of a number removed, so that 61 and 00000061 are one patient */
  AxSplitPart part;
} AxSplitEntry;

typedef struct {
  guint n;
  AxSplitEntry *entries; /* as listed; made ones are sorted by patient (numbers by value) */
  GHashTable *by_patient; /* patient -> AxSplitEntry *, the first of that name */
} AxSplit;

#define AX_SPLIT_SEED 2025 /* of data/splits/nih.csv */

/* Divides 70 / 15 / 15 by number of images, separately among patients with an effusion drawn by ChestX-Det, with
 * another reading of theirs, with an opacity read by RSNA, with another RSNA reading, and unread ones,
 * so that readings spread evenly. Patients are taken in the order of a hash of seed and id, each going where most is missing: the result
 * depends on nothing but the dataset, the seed and `test_patients` (NULL-terminated, may be NULL), who go to test before all others. */
AxSplit *ax_split_new(const AxDataset *dataset, guint64 seed, const char *const *test_patients);

/* Reads a split file and checks it (without a dataset). NULL with AX_DATA_ERROR. */
AxSplit *ax_split_load(const char *path, GError **error);

/* Writes it, replacing the file in one step. FALSE with G_FILE_ERROR. */
gboolean ax_split_save(const AxSplit *split, const char *path, GError **error);

/* FALSE with AX_DATA_ERROR_INCONSISTENT, naming the patient, when a patient is on two sides or listed twice, or (dataset not NULL) a patient of
 * the dataset is in no part. */
gboolean ax_split_check(const AxSplit *split, const AxDataset *dataset, GError **error);

/* The part of a patient; -1 if unknown. */
int ax_split_part_of(const AxSplit *split, const char *patient);

/* The images of that part, in the dataset's order: array of const AxDatasetImage *, owned by the dataset. */
GPtrArray *ax_split_images(const AxSplit *split, const AxDataset *dataset, AxSplitPart part);

void ax_split_free(AxSplit *split);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AxSplit, ax_split_free)

G_END_DECLS
