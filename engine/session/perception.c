/* From an image to an AxPerception. See anatomix.h and model.h. */
#include "engine/session/model.h"
#include "engine/retrieval/retrieval.h"
#include "kernels/kernels.h"
#include <string.h>

G_DEFINE_BOXED_TYPE (AxPerception, ax_perception, ax_perception_ref, ax_perception_unref)

AxPerception *
ax_perception_ref (AxPerception *p)
{
  g_atomic_int_inc (&p->ref_count);
  return p;
}

void
ax_perception_unref (AxPerception *p)
{
  if (!g_atomic_int_dec_and_test (&p->ref_count))
    return;
  for (int i = 0; i < AX_N_ANATOMY; i++)
    {
      for (guint k = 0; k < p->anatomy[i].n_retrieved; k++)
        g_free (p->anatomy[i].retrieved[k].sentence);
      g_free (p->anatomy[i].retrieved);
    }
  for (guint i = 0; i < p->n_findings; i++)
    g_free ((char *) p->findings[i].name);
  g_free (p->findings);
  g_free (p);
}

typedef struct { AxPerceiveStage stage; gpointer user_data; gboolean stopped; } Watch;

/* Shares of the time of a forward pass, roughly; only for the progress bar. */
static gboolean
tap (const char *name, AxTensor *t, gpointer data)
{
  static const struct { const char *name; double fraction; const char *stage; } stages[] = {
    { "stem", 0.25, "Seeing edges" }, { "layer1", 0.4, "Seeing edges" }, { "layer2", 0.55, "Seeing shapes" }, { "layer3", 0.7, "Seeing shapes" },
    { "layer4", 0.8, "Finding structures" }, { "enc0", 0.85, "Finding structures" }, { "dec0", 0.9, "Placing boxes" }, { "mha", 0.95, "Describing structures" },
  };
  Watch *w = data;
  for (gsize i = 0; i < G_N_ELEMENTS (stages) && w->stage; i++)
    if (g_str_equal (name, stages[i].name) && !w->stage (stages[i].fraction, stages[i].stage, w->user_data))
      {
        w->stopped = TRUE;
        return FALSE;
      }
  return TRUE;
}

static void
retrieve (AxPerception *p, AxSentenceDb *db, const float *objects, gsize dim, guint n)
{
  g_autofree AxHit *hits = g_new (AxHit, MAX (n, 1));
  for (guint i = 0; i < AX_N_ANATOMY; i++)
    {
      guint found = ax_sentence_db_query (db, i, objects + i * dim, n, hits);
      p->anatomy[i].retrieved = g_new0 (AxRetrieved, MAX (found, 1));
      p->anatomy[i].n_retrieved = found;
      for (guint k = 0; k < found; k++)
        {
          p->anatomy[i].retrieved[k].sentence = g_strdup (hits[k].sentence);
          p->anatomy[i].retrieved[k].score = hits[k].cosine;
        }
    }
}

AxPerception *
ax_model_perceive_frame (AxModel *model, AxTape *tape, const guint8 *pixels, const AxFrame *frame, guint n_retrieved, AxPerceiveStage stage,
                         gpointer user_data, const AxPerceptionRaw *raw, GError **error)
{
  gint64 start = g_get_monotonic_time ();
  AxApm *apm = ax_model_get_apm (model);
  int size = ax_model_input_size (model);
  Watch watch = { stage, user_data, FALSE };
  AxApmOutput out;
  ax_tape_reset (tape);
  AxTensor *image = ax_tensor_new (tape, FALSE, 4, (int[]){ 1, size, size, 1 });
  float *grey = ax_tape_host (tape, image->n * sizeof (float));
  for (gsize i = 0; i < image->n; i++)
    grey[i] = pixels[i] / 255.0f;
  ax_tensor_set (tape, image, grey);
  const gboolean whole = ax_apm_forward (apm, tape, image, FALSE, tap, &watch, &out);
  if (!whole && watch.stopped)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "Perception was cancelled");
      return NULL;
    }
  if (!whole)
    {
      ax_tape_check (tape, error);
      return NULL;
    }
  const float *boxes = ax_tensor_host (tape, out.boxes), *logits = ax_tensor_host (tape, out.image_logits), *objects = ax_tensor_host (tape, out.objects);
  if (!ax_tape_check (tape, error))
    return NULL;

  AxPerception *p = g_new0 (AxPerception, 1);
  p->ref_count = 1;
  p->width = frame->width;
  p->height = frame->height;
  p->mirrored = frame->mirror;
  /* With mirrored pixels the answer stays in the mirrored picture: only the scale goes back. */
  AxFrame plain = *frame;
  plain.mirror = FALSE;
  for (guint i = 0; i < AX_N_ANATOMY; i++)
    {
      const float *b = boxes + 4 * i;
      AxAnatomy *a = &p->anatomy[i];
      a->index = i;
      a->name = ax_anatomy_name (i);
      a->box1024 = (AxBox){ 1024 * (b[0] - 0.5 * b[2]), 1024 * (b[1] - 0.5 * b[3]), 1024 * (b[0] + 0.5 * b[2]), 1024 * (b[1] + 0.5 * b[3]) };
      a->box = ax_box_clamp (ax_frame_to_original (&plain, a->box1024), frame->width, frame->height);
    }
  guint n_labels = ax_model_n_labels (model);
  p->findings = g_new0 (AxFinding, MAX (n_labels, 1));
  for (guint i = 0; i < n_labels; i++)
    if (ax_model_label_known (model, i))
      p->findings[p->n_findings++] = (AxFinding){ g_strdup (ax_model_label (model, i)), ax_model_probability (model, i, logits[i]) };
  if (raw && raw->logits)
    memcpy (raw->logits, logits, n_labels * sizeof (float));
  if (raw && raw->objects)
    memcpy (raw->objects, objects, out.objects->n * sizeof (float));
  if (raw && raw->boxes)
    memcpy (raw->boxes, boxes, out.boxes->n * sizeof (float));
  if (raw && raw->image)
    ax_tensor_get (tape, out.image_embedding, raw->image);
  gint64 perceived = g_get_monotonic_time ();
  if (ax_model_get_sentences (model))
    retrieve (p, ax_model_get_sentences (model), objects, ax_tensor_cols (out.objects), n_retrieved);
  p->ms_perceive = (double) (perceived - start) / 1000;
  p->ms_retrieve = (double) (g_get_monotonic_time () - perceived) / 1000;
  p->ms_total = p->ms_perceive + p->ms_retrieve;
  return p;
}

/* The one way into the network: [size, size] bytes in `pixels`. */
static gboolean
make_frame (AxModel *model, AxImage *image, gboolean mirror, guint8 *pixels, AxFrame *frame, GError **error)
{
  AxPreprocessOptions options = AX_PREPROCESS_DEFAULT;
  options.size = ax_model_input_size (model);
  options.mirror = mirror;
  return ax_preprocess (image, &options, pixels, frame, error);
}

guint8 *
ax_model_input_frame (AxModel *model, AxImage *image, gboolean mirror, GError **error)
{
  const gsize size = (gsize) ax_model_input_size (model);
  g_autofree guint8 *pixels = g_malloc (size * size);
  return make_frame (model, image, mirror, pixels, NULL, error) ? g_steal_pointer (&pixels) : NULL;
}

AxPerception *
ax_model_perceive (AxModel *model, AxTape *tape, AxImage *image, gboolean mirror, guint n_retrieved, AxPerceiveStage stage, gpointer user_data,
                   const AxPerceptionRaw *raw, GError **error)
{
  gint64 start = g_get_monotonic_time ();
  const gsize size = (gsize) ax_model_input_size (model);
  AxFrame frame;
  g_autofree guint8 *pixels = g_malloc (size * size);
  if (stage && !stage (0, "Preparing the image", user_data))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "Perception was cancelled");
      return NULL;
    }
  if (!make_frame (model, image, mirror, pixels, &frame, error))
    return NULL;
  double ms = (double) (g_get_monotonic_time () - start) / 1000;
  AxPerception *p = ax_model_perceive_frame (model, tape, pixels, &frame, n_retrieved, stage, user_data, raw, error);
  if (p)
    {
      p->ms_preprocess = ms;
      p->ms_total += ms;
    }
  return p;
}

void
ax_flip_compare (const AxPerception *plain, const AxPerception *mirrored, AxFlipReport *report)
{
  memset (report, 0, sizeof *report);
  for (guint i = 0; i < AX_N_ANATOMY; i++)
    {
      report->iou[i] = ax_box_iou (plain->anatomy[i].box1024, ax_box_mirror (mirrored->anatomy[i].box1024, 1024));
      report->mean_iou += report->iou[i] / AX_N_ANATOMY;
    }
  for (guint k = 0; k < AX_N_PAIRS; k++)
    {
      AxFlipPair *pair = &report->pairs[k];
      ax_anatomy_pair (k, &pair->left, &pair->right);
      const AxBox *l = &plain->anatomy[pair->left].box1024, *r = &plain->anatomy[pair->right].box1024;
      const AxBox *ml = &mirrored->anatomy[pair->left].box1024, *mr = &mirrored->anatomy[pair->right].box1024;
      /* The order of the two centres must turn round with the pixels. */
      pair->kept = (l->x1 + l->x2 > r->x1 + r->x2) != (ml->x1 + ml->x2 > mr->x1 + mr->x2);
      pair->iou_left = report->iou[pair->left];
      pair->iou_right = report->iou[pair->right];
      report->n_kept += pair->kept;
    }
}
