/* Synthetic frontal chest radiographs with exact truth. What lives here: a parametric phantom that computes thickness maps of a chest
 * (soft tissue, air, bone), turns them into a film (attenuation, scatter, response, noise) and knows where everything is: the 36
 * anatomical boxes, five masks, and each finding's box and pixels. Used for the bundled samples, for training and in tests. Same parameters, same pixels
 * (up to the last digit of libm). Also a fast way to paste one synthetic finding onto a real radiograph, for augmentation.
 * No image of a patient is in here: only figures measured on training images (means, covariances), named where they stand.
 * May use GLib, GIO, engine/image and the table of structures in engine/anatomix.h. Every function may run on any thread. */
#pragma once

#include <gio/gio.h>

#include "engine/image/box.h"

G_BEGIN_DECLS

#define AX_PHANTOM_FRAME 1024.0 /* side of the frame in which boxes are given */
#define AX_PHANTOM_N_BOXES 36
#define AX_PHANTOM_N_MASKS 5 /* right lung, left lung, heart, right clavicle, left clavicle (medial parts) */
#define AX_PHANTOM_MASK_SIDE 128
#define AX_PHANTOM_MAX_FINDINGS 8
#define AX_PHANTOM_MIN_SIZE 64
#define AX_PHANTOM_MAX_SIZE 2048

typedef enum {
  AX_PHANTOM_EFFUSION,       /* pleural fluid with a meniscus */
  AX_PHANTOM_OPACITY,        /* patchy opacity with soft borders */
  AX_PHANTOM_CONSOLIDATION,  /* dense opacity of one zone, sharp at the fissure */
  AX_PHANTOM_ATELECTASIS,    /* plate-like bands near the base */
  AX_PHANTOM_PNEUMOTHORAX,   /* visceral pleural line, no vessels beyond it */
  AX_PHANTOM_CARDIOMEGALY,   /* heart wider than 0.55 of the chest */
  AX_PHANTOM_NODULE,         /* round lesion; a mass at high severity */
  AX_PHANTOM_EDEMA,          /* perihilar haze, wide vessels, septal lines; both sides */
  AX_PHANTOM_TRACHEAL_TUBE,  /* endotracheal tube */
  AX_PHANTOM_CENTRAL_LINE,   /* central venous line ending at the cavoatrial junction */
  AX_PHANTOM_PACEMAKER,      /* generator below the clavicle with one or two leads */
  AX_PHANTOM_ELECTRODES,     /* electrodes and wires on the skin */
  AX_PHANTOM_N_KINDS,
} AxPhantomKind;

/* The patient's side: right is at the image's left. Kinds that have a fixed place ignore it. */
typedef enum { AX_PHANTOM_SIDE_ANY, AX_PHANTOM_SIDE_RIGHT, AX_PHANTOM_SIDE_LEFT } AxPhantomSide;
typedef enum { AX_PHANTOM_MALE, AX_PHANTOM_FEMALE } AxPhantomSex;
typedef enum { AX_PHANTOM_PA, AX_PHANTOM_AP } AxPhantomView;

typedef struct {
  AxPhantomKind kind;
  AxPhantomSide side;
  double severity; /* 0 (barely visible) .. 1 (severe) */
  double x, y;     /* centre as a share of the lung's box, 0 .. 1, for opacity and nodule; below 0: drawn from the seed */
} AxPhantomFinding;

typedef struct {
  guint64 seed;
  int size; /* side of the picture in pixels */
  AxPhantomSex sex;
  AxPhantomView view;
  double habitus;     /* -1 thin .. 1 heavy */
  double inspiration; /* -1 expiration .. 1 deep inspiration */
  double rotation;    /* of the patient about the long axis, degrees, -8 .. 8 */
  double tilt;        /* of the film in its plane, degrees */
  double noise;       /* 1 is an ordinary dose; 0 none */
  double variation;   /* 0: mean shape; 1: shapes vary as in the training images */
  gboolean mirrored;  /* situs inversus; the marker stays in its place */
  int n_findings;
  AxPhantomFinding findings[AX_PHANTOM_MAX_FINDINGS];
} AxPhantomParams;

typedef struct {
  AxPhantomKind kind;
  AxPhantomSide side;
  double severity;
  AxBox box;    /* pixels of the 1024 frame: extent of the mask */
  guint8 *mask; /* [size, size], 1 where the finding is */
} AxPhantomFindingTruth;

typedef struct {
  int size;
  AxBox boxes[AX_PHANTOM_N_BOXES];   /* pixels of the 1024 frame, order of spec section 3 */
  guint8 visible[AX_PHANTOM_N_BOXES]; /* 0 when more than half of it lies outside the film */
  guint8 *masks;                     /* [5, 128, 128], 0 or 1 */
  double cardiothoracic_ratio;
  int n_findings;
  AxPhantomFindingTruth findings[AX_PHANTOM_MAX_FINDINGS];
} AxPhantomTruth;

/* Name of a kind as CheXpert has it ("Pleural Effusion"), and a short one for files and messages ("effusion"). Owned by the program. */
const char *ax_phantom_kind_label(AxPhantomKind kind);
const char *ax_phantom_kind_name(AxPhantomKind kind);

/* Name of object `index` in the order of spec section 3. */
const char *ax_phantom_object_name(int index);

/* A healthy adult on a PA film, moderately varied in shape by `seed`. */
void ax_phantom_params_init(AxPhantomParams *params, guint64 seed, int size);

/* Everything drawn from `seed`: sex, habitus, view, tilt, and 0 to 3 findings (two fifths of the phantoms are healthy). */
void ax_phantom_params_draw(AxPhantomParams *params, guint64 seed, int size);

/* Renders. `pixels8` and `pixels16` are [size, size] and either may be NULL; 16-bit values use the whole range 0 .. 65535. `truth` may be NULL;
 * free its contents with ax_phantom_truth_clear(). `params->size` must lie within the limits above. */
void ax_phantom_render(const AxPhantomParams *params, guint8 *pixels8, guint16 *pixels16, AxPhantomTruth *truth);

/* The boxes and masks alone, without rendering (and without the findings): microseconds instead of a picture's time. */
void ax_phantom_anatomy(const AxPhantomParams *params, AxPhantomTruth *truth);
void ax_phantom_truth_clear(AxPhantomTruth *truth);

/* The truth as JSON text, the same bytes for the same phantom on every machine (coordinates are rounded to whole pixels). */
char *ax_phantom_truth_to_json(const AxPhantomParams *params, const AxPhantomTruth *truth);

/* ---- augmentation of real radiographs ---- */

typedef struct {
  AxPhantomKind kind; /* EFFUSION, OPACITY, CONSOLIDATION, NODULE or ATELECTASIS */
  AxPhantomSide side;
  double severity; /* 0 .. 1 */
  guint64 seed;
} AxPhantomPaste;

/* Changes `pixels` [height, width] (rows `stride` bytes apart) in place: one finding inside the lung of `masks` [5, 128, 128] (0 or 1;
 * the frame is the whole picture). The real anatomy stays visible through it. `box` gets the finding's extent in pixels of the picture.
 * FALSE, and nothing changed, when that lung is missing from the masks or the kind cannot be pasted. */
gboolean ax_phantom_paste_finding(guint8 *pixels, int width, int height, gsize stride, const guint8 *masks, const AxPhantomPaste *paste, AxBox *box);

/* ---- bundled samples ---- */

typedef struct {
  const char *name; /* file name without its ending */
  AxPhantomParams params;
} AxPhantomSample;

#define AX_PHANTOM_N_SAMPLES 4
void ax_phantom_sample_get(int index, AxPhantomSample *sample);

/* Writes NAME.png (1024x1024, 8-bit grey) and NAME.json (truth) of every bundled sample into `dir`, which must exist.
 * Errors: those of ax_png_write() and g_file_set_contents(). */
gboolean ax_phantom_write_samples(const char *dir, GError **error);

G_END_DECLS
