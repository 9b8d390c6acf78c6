/* gemma.h: the language model, Gemma 3 with our adapter (spec 6, 14).
 *
 * What lives here: the shape table, the model made from canonical weights (base, frozen; LoRA, projectors P_im and P_A and the rows of the added
 * tokens, which learn), and the forward pass on packed sequences that training and tests use, with its fused loss. Serving with a KV cache
 * is in gemma_state.h and gemma_generate.h, the operations are in ops_lm.h. May use ops.h, kernels/, GLib and engine/checkpoint's
 * configuration; knows no file format: weights come through AxGemmaSource.
 *
 * Canonical names: "embed_tokens.weight", "lm_head.weight" (absent: tied), "norm.weight", "layers.{i}.input_layernorm.weight",
 * "layers.{i}.self_attn.{q,k,v,o}_proj.weight", "layers.{i}.self_attn.{q,k}_norm.weight", "layers.{i}.mlp.{gate,up,down}_proj.weight",
 * "layers.{i}.{post_attention,pre_feedforward,post_feedforward}_layernorm.weight" (norms as Hugging Face's w, the model multiplies by 1 + w);
 * every projection may have ".lora_A.weight" [r, in] and ".lora_B.weight" [out, r] in place of ".weight"; the heads
 * "{image,obj}_projectionhead.proj.{0,2,3}.{weight,bias}"; "added_tokens.weight" and "added_head.weight" [n_added, width].
 */
#pragma once
#include "engine/checkpoint/lm_weights.h"
#include "engine/model/ops.h"
#include <gio/gio.h>

G_BEGIN_DECLS

/* ---- shape ---------------------------------------------------------------------------------------------------------------- */

/* From the table, a config.json or a GGUF: see lm_config.h. */
typedef AxLmConfig AxGemmaConfig;

/* ---- weights -------------------------------------------------------------------------------------------------------------- */

/* Where weights come from. `shape` gives rows and columns (a vector has one row) and FALSE when there is no such tensor; `read` writes rows [from, from +
 * count) of a tensor that has exactly that shape as float32, row-major. `make` (may be NULL) writes the same numbers, worked out by a card in its own memory: large
 * matrices of a model that lives there are then not carried to it. */
typedef struct {
  gpointer data;
  gboolean (*shape) (gpointer data, const char *name, gint64 *rows, gint64 *cols);
  gboolean (*read)  (gpointer data, const char *name, gint64 from, gint64 count, gint64 rows, gint64 cols, float *dst, GError **error);
  void     (*make)  (gpointer data, const char *name, gint64 from, gint64 count, gint64 rows, gint64 cols, const AxDevice *on, float *dst);
} AxGemmaSource;

/* How the frozen matrices are kept. */
typedef enum {
  AX_GEMMA_F32,                  /* exact: tests, parity */
  AX_GEMMA_BF16,                 /* training and high quality serving: half the memory, float32 sums */
  AX_GEMMA_QUANTISED,            /* serving: 8 bits in blocks of 32, exact for what the file holds in Q8_0, Q5_0 and Q4_0 */
} AxGemmaStore;

typedef struct {
  AxGemmaStore store;
  gboolean merge_lora;           /* fold LoRA into the matrices at load (in float32, one rounding); then it cannot be trained */
  int      lora_rank;            /* LoRA is made with this rank where the source has none; 0: only what the source has */
  double   lora_alpha;           /* B A is scaled by alpha / rank; the authors: 16 / 16; 0 means alpha = rank */
  double   lora_dropout;         /* on the input of A in training mode */
  int      added_first, added_count; /* ids of the added tokens; rows of their own, in place of the base's rows if it has them; count 0: none */
  gboolean added_tied;           /* no "added_head": the added embedding rows are the head's rows too */
  gboolean vocabulary;           /* embed_tokens and lm_head as two whole trainable float32 parameters that hold the added rows too (the authors' way) */
  gboolean heads;                /* make P_im and P_A (always made where the source has them) */
  int      image_dim, object_dim, head_hidden; /* 256, 16, 512 where the source does not say */
  const AxDevice *device;        /* where it is to live and run, started; NULL: the processor */
} AxGemmaOptions;

/* Ids that the model treats specially (spec 7.2); ids are added_first + offset for our 45 tokens. */
typedef struct {
  gint32 image;                  /* "<image>": replaced by image rows in order */
  gint32 object;                 /* "<obj_0>"; the others follow */
  int    n_objects;              /* 36 */
} AxGemmaInjection;

typedef struct _AxGemma AxGemma;

/* NULL with AX_CHECKPOINT_ERROR when a tensor is missing or of another shape, or the configuration is impossible; with G_IO_ERROR_NO_SPACE and the arithmetic
 * when the device has no room for it. The source is read now and not kept. `injection` may be NULL: nothing is injected. */
AxGemma       *ax_gemma_new        (const AxGemmaConfig *config, const AxGemmaOptions *options, const AxGemmaInjection *injection,
                                    const AxGemmaSource *source, GError **error);
/* The same from a base or an adapter over its base; shapes and alpha are theirs (options->lora_alpha goes first where it is not 0). */
AxGemma       *ax_gemma_new_from_weights (AxLmWeights *weights, const AxGemmaOptions *options, const AxGemmaInjection *injection, GError **error);
void           ax_gemma_free       (AxGemma *gemma);
const AxGemmaConfig  *ax_gemma_config  (const AxGemma *gemma);
const AxGemmaOptions *ax_gemma_options (const AxGemma *gemma);   /* with the ranks and widths that were found */
/* Width of the logits: one more than the highest id that has a row. An id without a row (262144 of the 270M) has logit -infinity. */
int            ax_gemma_vocabulary (const AxGemma *gemma);
gsize          ax_gemma_bytes      (const AxGemma *gemma);       /* memory of the weights */
const AxDevice *ax_gemma_device    (const AxGemma *gemma);       /* tapes that run it must be on it */
/* About how many bytes of memory a model takes, before it is made. untied: the head has a matrix of its own. */
gsize          ax_gemma_plan       (const AxGemmaConfig *config, const AxGemmaOptions *options, gboolean untied);

/* What may learn, under its canonical name: LoRA, projection heads, added rows, and the whole vocabulary if asked for. Nothing is trainable at
 * first. */
AxParameters  *ax_gemma_parameters (AxGemma *gemma);
typedef enum { AX_GEMMA_TRAIN_HEADS = 1, AX_GEMMA_TRAIN_LORA = 2, AX_GEMMA_TRAIN_ADDED = 4, AX_GEMMA_TRAIN_VOCABULARY = 8 } AxGemmaTrain;
/* Marks these groups trainable and the others not (call ax_parameters_prepare() after it). */
void           ax_gemma_set_trainable (AxGemma *gemma, AxGemmaTrain groups);
/* Random start of what the source did not hold: LoRA A Kaiming-uniform, B zero (PEFT); Linear as PyTorch, LayerNorm 1 and 0; added rows the mean of
 * the base's rows plus noise of a hundredth of its spread. Repeatable by seed. */
void           ax_gemma_init       (AxGemma *gemma, guint64 seed);

/* ---- forward pass on packed sequences ---------------------------------------------------------------------------------------- */

/* A stretch of consecutive rows. It sees itself causally and, before it, the leading prefix_count rows of the earlier root stretch that starts at row
 * prefix_first (prefix_count 0: it is a root itself). Row r has position prefix_count + (r - first). So several tasks of one
 * image share its prefix, and a batch of unrelated sequences is several roots; no padding anywhere. */
typedef struct {
  int first, count;
  int prefix_first, prefix_count;
  int image;                     /* which of the batch's images its <image> and <obj_i> tokens mean; -1: none, such tokens are then an error */
} AxGemmaStretch;

typedef struct {
  int             n;             /* rows */
  const gint32   *ids;           /* [n] */
  int             n_stretches;
  const AxGemmaStretch *stretches; /* in order, covering all rows; NULL (with n_stretches 0): one root with image 0 */
  AxTensor       *image_rows;    /* [n_images * tokens per image, width] from ax_gemma_project_image(), or NULL */
  AxTensor       *object_rows;   /* [n_images * n_objects, width], or NULL */
  int             n_images;
  const int      *out_rows;      /* rows whose hidden state is wanted, ascending; NULL: all */
  int             n_out;
  int             constant;      /* rows [0, constant) are whole roots that get no gradient: what follows sees them as they are. They cost a third of what they
                                  * cost otherwise; 0: all rows learn */
} AxGemmaBatch;

/* Called with "h0" (what enters layer 0), "h1", ... (what enters layer i), "final" (normed), each [rows, width]. Returning FALSE stops. With
 * out_rows the last layer's output has those rows only. */
typedef gboolean (*AxGemmaTap) (const char *name, AxTensor *t, gpointer user_data);

/* P_im of [rows, image_dim] and P_A of [rows, object_dim] -> [rows, width] (spec 6.3); not scaled by embed_scale. */
AxTensor *ax_gemma_project_image   (AxGemma *gemma, AxTape *tape, AxTensor *x);
AxTensor *ax_gemma_project_objects (AxGemma *gemma, AxTape *tape, AxTensor *x);

/* Final hidden states (after the last norm) of the wanted rows, [n_out or n, width]. NULL with an error: an id without a row, a stretch out of place,
 * an image token count that is not the image's, a tag without its image (AX_CHECKPOINT_ERROR_ARGUMENT), or the tap stopped it
 * (G_IO_ERROR_CANCELLED). Only for a model that is not quantised when the tape records. */
AxTensor *ax_gemma_forward (AxGemma *gemma, AxTape *tape, const AxGemmaBatch *batch, AxGemmaTap tap, gpointer user_data, GError **error);

/* Cross entropy of rows of `hidden` against targets: sum of weights[i] * nll_i (weights NULL: 1/n each, the mean of spec 6.6). With a recording tape the
 * gradients at hidden and at what the head learns are made at once, slice by slice, so that no [n, vocabulary] matrix ever exists; ax_tape_backward()
 * then goes on from hidden. nll[n] (natural logarithm) and correct (how many are top-1) may be NULL. hidden's rows are the n targets' rows. */
double    ax_gemma_loss    (AxGemma *gemma, AxTape *tape, AxTensor *hidden, int n, const gint32 *targets, const float *weights, float *nll,
                            int *correct);
/* logits[n, vocabulary] of n rows of hidden; both on the model's device. */
void      ax_gemma_logits  (AxGemma *gemma, int n, const float *hidden, float *logits);

/* Floating point operations (a multiply-add counts two) of a forward pass over n rows that see `pairs` keys in all in a global layer (and at most
 * window in a sliding one), with the head on n_out rows; and of a training step with frozen base (forward, gradients of data, LoRA). */
double    ax_gemma_flops          (const AxGemmaConfig *config, int n, double pairs_global, double pairs_local, int n_out);
double    ax_gemma_training_flops (const AxGemmaConfig *config, int n, double pairs_global, double pairs_local, int n_out);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AxGemma, ax_gemma_free)

G_END_DECLS
