/* apm_batch.h: training and validation batches of the Anatomy Perception Module.
 *
 * What lives here: the pictures of a data set at the network's size, and augmentation: affine, mirror (labels stay anatomical, spec 1.4),
 * intensity, pasted synthetic findings and whole phantoms. A batch depends only on (seed, step), so runs can be resumed. May use engine/image,
 * dataset.h, sentences.h and phantom.h. Boxes are cx cy w h in 0..1 of the square frame.
 */
#pragma once
#include "engine/training/sentences.h"
#include <gio/gio.h>

#define AX_DENSE_CHANNELS 7    /* 5 masks (right lung, left lung, heart, clavicles), opacity, effusion */

/* Pictures [n, side, side] of a data set, made once from the reference preprocessing and kept as bytes. */
typedef struct {
  AxDataset *dataset;          /* not owned */
  int        side;
  guint8    *pixels;
  guint8    *masks;            /* [n, 5, 128, 128] of 0/1, or NULL; has_mask says which are there */
  gboolean  *has_mask;
} AxPictures;

/* Reads (or makes and writes) the cache file in `cache_dir`. progress may be NULL. */
AxPictures *ax_pictures_load (AxDataset *dataset, int side, const char *cache_dir, void (*progress) (double, gpointer), gpointer data,
                              GError **error);
/* The same pictures averaged down to a smaller side. */
AxPictures *ax_pictures_shrink (const AxPictures *pictures, int side);
void        ax_pictures_free (AxPictures *pictures);

typedef struct {
  double rotate;               /* degrees, +- */
  double translate;            /* share of the side, +- */
  double scale;                /* 0.1: 0.9 .. 1.1 */
  double flip;                 /* probability */
  double gamma, contrast, brightness, noise;
  double paste;                /* probability of a pasted synthetic finding on an image with masks */
  double phantom;              /* share of the samples that are whole phantoms */
  double erase;                /* probability of a grey rectangle, so that no single place decides */
} AxAugment;

typedef struct {
  int    batch, side;
  float *image;                /* [batch, side, side] in 0..1 */
  float *boxes, *box_mask;     /* [batch, 36, 4], [batch, 36] */
  float *labels, *label_weight;/* [batch, 14] */
  float *dense[3];             /* targets at strides 8, 16 and 32: [batch, side/s, side/s, 7] */
  float *dense_weight;         /* [batch, 7] */
  AxMarkSet *present, *known;  /* [batch, 36]: findings that each structure shows, and those that somebody looked for there */
  int   *source;               /* [batch] index of the image in the data set, -1 for a phantom */
  gboolean *flipped;
} AxBatch;

AxBatch *ax_batch_new  (int batch, int side);
void     ax_batch_free (AxBatch *b);
/* Fills b: sample k of step s is indices[perm], where perm walks through a new shuffle of the indices every epoch. augment NULL: none. */
void     ax_batch_fill (AxBatch *b, const AxPictures *pictures, const guint *indices, guint n, const AxAugment *augment, guint64 seed,
                        guint64 step);
/* One image without augmentation, optionally mirrored, into slot k. */
void     ax_batch_set  (AxBatch *b, int k, const AxPictures *pictures, guint index, gboolean mirror);
