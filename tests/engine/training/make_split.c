/* Regenerates data/splits/nih.csv: give it the dataset's folder and the file to write. The three films whose sides are unusual (a mirrored
 * film, a heart on the right, a film upside down) are tests of exactly that, so their patients are test patients. */
#include <stdio.h>

#include "engine/training/split.h"

int main(int argc, char **argv) {
  static const char *const test_patients[] = {"2645", "3689", "3490", NULL};
  g_autoptr(GError) error = NULL;
  if (argc != 3) {
    fprintf(stderr, "usage: %s DATASET-FOLDER SPLIT.csv\n", argv[0]);
    return 2;
  }
  g_autoptr(AxDataset) dataset = ax_dataset_load(argv[1], &error);
  g_autoptr(AxSplit) split = dataset != NULL ? ax_split_new(dataset, AX_SPLIT_SEED, test_patients) : NULL;
  if (split == NULL || !ax_split_check(split, dataset, &error) || !ax_split_save(split, argv[2], &error)) {
    fprintf(stderr, "%s\n", error->message);
    return 1;
  }
  for (guint part = 0; part < AX_SPLIT_N; part++) {
    g_autoptr(GPtrArray) images = ax_split_images(split, dataset, part);
    guint rsna = 0, opacity = 0, chestxdet = 0, ok = 0;
    for (guint i = 0; i < images->len; i++) {
      const AxDatasetImage *image = g_ptr_array_index(images, i);
      rsna += image->rsna != AX_RSNA_UNREAD;
      opacity += image->rsna == AX_RSNA_OPACITY;
      chestxdet += image->chestxdet13 || image->chestxdet10;
      ok += image->ok;
    }
    printf("%-10s %3u images, %3u with anatomical boxes; read by RSNA %u (opacity %u), for ChestX-Det %u\n", ax_split_part_name(part), images->len, ok, rsna, opacity, chestxdet);
    for (guint l = 0; l < AX_DATASET_N_LABELS; l++) {
      guint known = 0, positive = 0, words = 0;
      for (guint i = 0; i < images->len; i++) {
        const AxDatasetImage *image = g_ptr_array_index(images, i);
        known += image->reader_known[l];
        positive += image->reader_known[l] && image->reader_value[l];
        words += image->text_known[l] && image->text_value[l];
      }
      printf("  %-28s read %3u, positive %3u; by text %3u\n", ax_label_name(l), known, positive, words);
    }
  }
  return 0;
}
