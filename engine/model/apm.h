/* apm.h: the Anatomy Perception Module (spec section 2).
 *
 * A ResNet sees the grey image, a DETR-like encoder and decoder turn its feature map into 36 objects, one per anatomical structure in
 * fixed order; each gets a box and a 16-vector for sentence retrieval, the CLS token gets the image labels. One forward function serves
 * inference and training. May use ops.h and GLib. Parameter names are the checkpoint keys of spec 2.7.
 */
#pragma once
#include "engine/model/ops.h"
#include <gio/gio.h>

typedef struct {
  int      depth;              /* ResNet 18, 34 or 50 */
  int      input_size;         /* pixels, a multiple of 32; the published model: 1024 */
  int      hidden, heads, enc_layers, dec_layers, ffn;
  int      n_objects, proj_dim, n_labels;
  int      text_dim, text_hidden;   /* P_S: Linear text_dim -> text_hidden, ReLU, Linear -> proj_dim; text_dim 0: no P_S */
  double   dropout;
  gboolean train_norms;        /* learn with batch statistics (frozen for inference); the authors keep them frozen */
  gboolean train_layer1;       /* the authors keep layer1 at its random start */
} AxApmConfig;

/* The published model's configuration (spec section 2). */
AxApmConfig ax_apm_config_default (void);

typedef struct _AxApm AxApm;

/* Builds the parameters, zeroed; fill them with ax_apm_init() or from a file. Errors: an impossible configuration. */
AxApm        *ax_apm_new        (const AxApmConfig *config, GError **error);
void          ax_apm_free       (AxApm *apm);
const AxApmConfig *ax_apm_config (AxApm *apm);
AxParameters *ax_apm_parameters (AxApm *apm);
/* Moves the weights to another device, which tapes that run it must then be on. Errors as ax_parameters_move(). */
gboolean      ax_apm_move       (AxApm *apm, const AxDevice *device, GError **error);
/* Random start as spec 4.5: Kaiming normal (fan out) convolutions, Xavier uniform transformer, PyTorch's defaults elsewhere;
 * two departures that make a small run converge stand beside their lines. */
void          ax_apm_init       (AxApm *apm, guint64 seed);

typedef struct {
  AxTensor *image_embedding;   /* [batch, tokens, hidden]: the encoder's memory without CLS */
  AxTensor *cls;               /* [batch, 1, hidden] */
  AxTensor *image_logits;      /* [batch, 1, n_labels] */
  AxTensor *boxes;             /* [batch, n_objects, 4] cx cy w h in 0..1 */
  AxTensor *attended;          /* [batch, n_objects, hidden]: the feature module before its last map */
  AxTensor *objects;           /* [batch, n_objects, proj_dim], not normalised */
  AxTensor *hs;                /* [batch, n_objects, hidden]: the decoder's last normed output */
  AxTensor *feature[4];        /* outputs of layer1..4, for auxiliary losses and tests */
  AxTensor *dec_boxes[8];      /* boxes from each earlier decoder layer; only when asked */
  int       n_dec;
} AxApmOutput;

/* Called with the name of each stage's output ("stem", "layer1", "enc0", "dec3", ...). Tests compare it; sessions report progress.
 * Returning FALSE stops the forward pass. t is on the tape's device. */
typedef gboolean (*AxApmTap) (const char *name, AxTensor *t, gpointer user_data);

/* image: [batch, size, size, 1] grey in 0..1. aux_boxes asks for boxes of every decoder layer. Returns FALSE if the tap stopped it, or on a device
 * that is out of memory (ax_tape_check() tells). */
gboolean      ax_apm_forward    (AxApm *apm, AxTape *tape, AxTensor *image, gboolean aux_boxes, AxApmTap tap, gpointer user_data,
                                 AxApmOutput *out);
/* P_S of pooled sentence vectors [rows, text_dim] -> [rows, proj_dim] (spec section 5). */
AxTensor     *ax_apm_project_text (AxApm *apm, AxTape *tape, AxTensor *pooled);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AxApm, ax_apm_free)

/* Floating point operations of one image through the forward pass at the given input size (a multiply-add counts two; only convolutions and
 * matrix products, as is usual), and of a training step (forward, and both gradients: three times). */
double        ax_apm_flops          (const AxApmConfig *config, int size);
double        ax_apm_training_flops (const AxApmConfig *config, int size);
