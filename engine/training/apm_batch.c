/* Batches with augmentation. See apm_batch.h. */
#include "engine/training/apm_batch.h"
#include "engine/training/phantom.h"
#include "engine/training/random.h"
#include <math.h>
#include <string.h>

#define N_OBJECTS AX_DATASET_N_OBJECTS
#define N_LABELS AX_DATASET_N_LABELS
#define MASK_SIDE 128

AxBatch *
ax_batch_new (int batch, int side)
{
  AxBatch *b = g_new0 (AxBatch, 1);
  b->batch = batch;
  b->side = side;
  b->image = g_new0 (float, (gsize) batch * side * side);
  b->boxes = g_new0 (float, batch * N_OBJECTS * 4);
  b->box_mask = g_new0 (float, batch * N_OBJECTS);
  b->labels = g_new0 (float, batch * N_LABELS);
  b->label_weight = g_new0 (float, batch * N_LABELS);
  for (int i = 0; i < 3; i++)
    b->dense[i] = g_new0 (float, (gsize) batch * (side >> (3 + i)) * (side >> (3 + i)) * AX_DENSE_CHANNELS);
  b->dense_weight = g_new0 (float, batch * AX_DENSE_CHANNELS);
  b->present = g_new0 (AxMarkSet, batch * N_OBJECTS);
  b->known = g_new0 (AxMarkSet, batch * N_OBJECTS);
  b->source = g_new0 (int, batch);
  b->flipped = g_new0 (gboolean, batch);
  return b;
}

void
ax_batch_free (AxBatch *b)
{
  if (b == NULL)
    return;
  g_free (b->image);
  g_free (b->boxes);
  g_free (b->box_mask);
  g_free (b->labels);
  g_free (b->label_weight);
  for (int i = 0; i < 3; i++)
    g_free (b->dense[i]);
  g_free (b->dense_weight);
  g_free (b->present);
  g_free (b->known);
  g_free (b->source);
  g_free (b->flipped);
  g_free (b);
}

/* One sample before the affine map: pixels and everything that is known, in the frame 0..1. */
typedef struct {
  guint8  *pixels;             /* [side, side] */
  guint8  *masks;              /* [5, 128, 128] or NULL */
  AxBox    boxes[N_OBJECTS];   /* 1024 frame */
  gboolean known[N_OBJECTS];
  float    labels[N_LABELS], label_weight[N_LABELS];
  AxMarkSet present[N_OBJECTS], marks_known[N_OBJECTS];
  GArray  *opacity, *effusion; /* AxBox of the 1024 frame */
  gboolean opacity_known, effusion_known;
} Sample;

static void
sample_clear (Sample *s)
{
  g_free (s->pixels);
  g_free (s->masks);
  g_array_unref (s->opacity);
  g_array_unref (s->effusion);
}

static gboolean
is_opacity (AxBoxLabel l)
{
  return l == AX_BOX_LUNG_OPACITY || l == AX_BOX_CONSOLIDATION || l == AX_BOX_PNEUMONIA || l == AX_BOX_INFILTRATION || l == AX_BOX_ATELECTASIS;
}

static void
sample_from_image (Sample *s, const AxPictures *p, guint index)
{
  const AxDatasetImage *im = &p->dataset->images[index];
  gsize bytes = (gsize) p->side * p->side, mask_bytes = 5 * MASK_SIDE * MASK_SIDE;
  memset (s, 0, sizeof *s);
  s->pixels = g_memdup2 (p->pixels + index * bytes, bytes);
  if (p->masks && p->has_mask[index])
    s->masks = g_memdup2 (p->masks + index * mask_bytes, mask_bytes);
  for (int i = 0; i < N_OBJECTS; i++)
    {
      s->boxes[i] = im->boxes[i];
      s->known[i] = im->ok && im->visible[i];
    }
  memcpy (s->labels, im->target, sizeof s->labels);
  memcpy (s->label_weight, im->weight, sizeof s->label_weight);
  s->opacity = g_array_new (FALSE, FALSE, sizeof (AxBox));
  s->effusion = g_array_new (FALSE, FALSE, sizeof (AxBox));
  for (guint i = 0; i < im->n_findings; i++)
    {
      if (is_opacity (im->findings[i].label))
        g_array_append_val (s->opacity, im->findings[i].box);
      if (im->findings[i].label == AX_BOX_EFFUSION)
        g_array_append_val (s->effusion, im->findings[i].box);
    }
  AxStructureFacts facts[N_OBJECTS];
  ax_structure_facts (im, facts);
  for (int i = 0; i < N_OBJECTS; i++)
    {
      s->marks_known[i] = facts[i].known;
      s->present[i] = facts[i].present & facts[i].known;
    }
  s->opacity_known = im->rsna != AX_RSNA_UNREAD || im->chestxdet13 || im->chestxdet10;
  s->effusion_known = im->chestxdet13 || im->chestxdet10 || im->rsna == AX_RSNA_NORMAL;
}

/* A synthetic finding marks the structures that it lies in, as a reader's box would. */
static void
mark_kind (Sample *s, AxPhantomKind kind, AxBox box)
{
  AxMarkSet out[N_OBJECTS];
  int mark = ax_mark_of_label (ax_phantom_kind_label (kind));
  if (mark < 0)
    return;
  ax_marks_place (s->boxes, &(AxPlacedMark){ (AxMark) mark, box }, 1, out);
  for (int i = 0; i < N_OBJECTS; i++)
    {
      s->present[i] |= out[i];
      s->marks_known[i] |= out[i];
      /* Readers draw some of these as an opacity, some not. */
      if (out[i] && (mark == AX_MARK_ATELECTASIS || mark == AX_MARK_EDEMA) && !(s->present[i] & 1u << AX_MARK_LUNG_OPACITY))
        s->marks_known[i] &= ~(1u << AX_MARK_LUNG_OPACITY);
    }
}

/* Several finding kinds of the phantom are one of our labels, and imply others. */
static void
label_kind (Sample *s, AxPhantomKind kind, AxBox box)
{
  int label = -1;
  gboolean opacity = FALSE;
  switch (kind)
    {
    case AX_PHANTOM_EFFUSION: label = AX_LABEL_PLEURAL_EFFUSION; break;
    case AX_PHANTOM_OPACITY: opacity = TRUE; break;
    case AX_PHANTOM_CONSOLIDATION: label = AX_LABEL_CONSOLIDATION; opacity = TRUE; break;
    case AX_PHANTOM_ATELECTASIS: label = AX_LABEL_ATELECTASIS; opacity = TRUE; break;
    case AX_PHANTOM_PNEUMOTHORAX: label = AX_LABEL_PNEUMOTHORAX; break;
    case AX_PHANTOM_CARDIOMEGALY: label = AX_LABEL_CARDIOMEGALY; break;
    case AX_PHANTOM_NODULE: label = AX_LABEL_LUNG_LESION; break;
    case AX_PHANTOM_EDEMA: label = AX_LABEL_EDEMA; opacity = TRUE; break;
    default: label = AX_LABEL_SUPPORT_DEVICES; break;
    }
  if (label >= 0)
    s->labels[label] = 1, s->label_weight[label] = 1;
  if (opacity)
    {
      s->labels[AX_LABEL_LUNG_OPACITY] = 1, s->label_weight[AX_LABEL_LUNG_OPACITY] = 1;
      g_array_append_val (s->opacity, box);
    }
  if (kind == AX_PHANTOM_EFFUSION)
    g_array_append_val (s->effusion, box);
  if (label != AX_LABEL_SUPPORT_DEVICES)
    s->labels[AX_LABEL_NO_FINDING] = 0, s->label_weight[AX_LABEL_NO_FINDING] = 1;
}

static void
sample_from_phantom (Sample *s, int side, guint64 seed)
{
  AxPhantomParams params;
  AxPhantomTruth truth;
  memset (s, 0, sizeof *s);
  s->pixels = g_malloc ((gsize) side * side);
  s->opacity = g_array_new (FALSE, FALSE, sizeof (AxBox));
  s->effusion = g_array_new (FALSE, FALSE, sizeof (AxBox));
  ax_phantom_params_draw (&params, seed, side);
  ax_phantom_render (&params, s->pixels, NULL, &truth);
  s->masks = g_memdup2 (truth.masks, 5 * MASK_SIDE * MASK_SIDE);
  for (int i = 0; i < N_OBJECTS; i++)
    {
      s->boxes[i] = truth.boxes[i];
      s->known[i] = truth.visible[i];
    }
  for (int i = 0; i < N_LABELS; i++)
    s->label_weight[i] = 1;
  s->label_weight[AX_LABEL_PNEUMONIA] = s->label_weight[AX_LABEL_ENLARGED_CARDIOMEDIASTINUM] = s->label_weight[AX_LABEL_PLEURAL_OTHER] = 0;
  s->label_weight[AX_LABEL_FRACTURE] = 0;
  s->labels[AX_LABEL_NO_FINDING] = 1;
  s->opacity_known = s->effusion_known = TRUE;
  for (int i = 0; i < N_OBJECTS; i++)
    s->marks_known[i] = AX_MARKS_ALL;
  for (int i = 0; i < truth.n_findings; i++)
    {
      label_kind (s, truth.findings[i].kind, truth.findings[i].box);
      mark_kind (s, truth.findings[i].kind, truth.findings[i].box);
    }
  ax_phantom_truth_clear (&truth);
}

static void
paste (Sample *s, int side, AxRandom *r)
{
  static const AxPhantomKind kinds[] = { AX_PHANTOM_EFFUSION, AX_PHANTOM_EFFUSION, AX_PHANTOM_OPACITY, AX_PHANTOM_CONSOLIDATION, AX_PHANTOM_NODULE,
                                         AX_PHANTOM_ATELECTASIS };
  AxPhantomPaste p = { kinds[ax_random_below (r, G_N_ELEMENTS (kinds))], AX_PHANTOM_SIDE_ANY, ax_random_range (r, 0.25, 1), ax_random_next (r) };
  AxBox box;
  p.side = ax_random_uniform (r) < 0.5 ? AX_PHANTOM_SIDE_LEFT : AX_PHANTOM_SIDE_RIGHT;
  if (s->masks == NULL || !ax_phantom_paste_finding (s->pixels, side, side, (gsize) side, s->masks, &p, &box))
    return;
  double k = 1024.0 / side;
  const AxBox frame = { box.x1 * k, box.y1 * k, box.x2 * k, box.y2 * k };
  label_kind (s, p.kind, frame);
  mark_kind (s, p.kind, frame);
}

/* out = A in + t in pixels of the side x side frame, and its inverse. */
typedef struct { double a[4], t[2], inv[4]; gboolean flip; } Affine;

static void
affine_init (Affine *m, double degrees, double scale, double tx, double ty, gboolean flip, double side)
{
  double c = cos (degrees * G_PI / 180) * scale, s = sin (degrees * G_PI / 180) * scale, sign = flip ? -1 : 1, mid = side / 2;
  m->a[0] = c * sign, m->a[1] = -s * sign, m->a[2] = s, m->a[3] = c;
  m->t[0] = mid - (m->a[0] * mid + m->a[1] * mid) + tx * sign;
  m->t[1] = mid - (m->a[2] * mid + m->a[3] * mid) + ty;
  double det = m->a[0] * m->a[3] - m->a[1] * m->a[2];
  m->inv[0] = m->a[3] / det, m->inv[1] = -m->a[1] / det, m->inv[2] = -m->a[2] / det, m->inv[3] = m->a[0] / det;
  m->flip = flip;
}

static inline void
affine_back (const Affine *m, double x, double y, double *u, double *v)
{
  double dx = x - m->t[0], dy = y - m->t[1];
  *u = m->inv[0] * dx + m->inv[1] * dy;
  *v = m->inv[2] * dx + m->inv[3] * dy;
}

/* Spec 1.4: the axis-parallel hull of the turned corners, clamped to the canvas. Coordinates in 0..1. */
static AxBox
affine_box (const Affine *m, AxBox b, double side)
{
  AxBox r = { 2, 2, -1, -1 };
  for (int k = 0; k < 4; k++)
    {
      double x = (k & 1 ? b.x2 : b.x1) * side / 1024, y = (k & 2 ? b.y2 : b.y1) * side / 1024;
      double u = (m->a[0] * x + m->a[1] * y + m->t[0]) / side, v = (m->a[2] * x + m->a[3] * y + m->t[1]) / side;
      r.x1 = MIN (r.x1, u), r.y1 = MIN (r.y1, v), r.x2 = MAX (r.x2, u), r.y2 = MAX (r.y2, v);
    }
  return (AxBox){ CLAMP (r.x1, 0, 1), CLAMP (r.y1, 0, 1), CLAMP (r.x2, 0, 1), CLAMP (r.y2, 0, 1) };
}

static void
warp (const Sample *s, int side, const Affine *m, float *out)
{
  for (int y = 0; y < side; y++)
    for (int x = 0; x < side; x++)
      {
        double u, v;
        affine_back (m, x + 0.5, y + 0.5, &u, &v);
        u -= 0.5, v -= 0.5;
        float value = 0;
        if (u > -1 && v > -1 && u < side && v < side)
          {
            int x0 = (int) floor (u), y0 = (int) floor (v);
            float fx = (float) (u - x0), fy = (float) (v - y0), p[4];
            for (int k = 0; k < 4; k++)
              {
                int xx = x0 + (k & 1), yy = y0 + (k >> 1);
                p[k] = xx >= 0 && yy >= 0 && xx < side && yy < side ? s->pixels[(gsize) yy * side + xx] : 0;
              }
            value = (p[0] * (1 - fx) + p[1] * fx) * (1 - fy) + (p[2] * (1 - fx) + p[3] * fx) * fy;
          }
        out[(gsize) y * side + x] = value / 255;
      }
}

static gboolean
inside_any (const GArray *boxes, double x, double y)
{
  for (guint i = 0; i < boxes->len; i++)
    {
      const AxBox *b = &g_array_index (boxes, AxBox, i);
      if (x >= b->x1 && x < b->x2 && y >= b->y1 && y < b->y2)
        return TRUE;
    }
  return FALSE;
}

/* Dense targets: four samples per cell at stride 8, averages of these at 16 and 32. */
static void
dense_targets (AxBatch *b, int k, const Sample *s, const Affine *m)
{
  int cells = b->side / 8;
  float *out = b->dense[0] + (gsize) k * cells * cells * AX_DENSE_CHANNELS;
  memset (out, 0, (gsize) cells * cells * AX_DENSE_CHANNELS * sizeof (float));
  for (int y = 0; y < cells; y++)
    for (int x = 0; x < cells; x++, out += AX_DENSE_CHANNELS)
      for (int q = 0; q < 4; q++)
        {
          double u, v;
          affine_back (m, 8 * x + 2 + 4 * (q & 1), 8 * y + 2 + 4 * (q >> 1), &u, &v);
          u /= b->side, v /= b->side;
          if (u < 0 || v < 0 || u >= 1 || v >= 1)
            continue;
          if (s->masks)
            for (int c = 0; c < 5; c++)
              out[c] += 0.25f * s->masks[(c * MASK_SIDE + (int) (v * MASK_SIDE)) * MASK_SIDE + (int) (u * MASK_SIDE)];
          out[5] += 0.25f * inside_any (s->opacity, u * 1024, v * 1024);
          out[6] += 0.25f * inside_any (s->effusion, u * 1024, v * 1024);
        }
  for (int level = 1; level < 3; level++)
    {
      int n = b->side >> (3 + level), from = b->side >> (2 + level);
      const float *src = b->dense[level - 1] + (gsize) k * from * from * AX_DENSE_CHANNELS;
      float *dst = b->dense[level] + (gsize) k * n * n * AX_DENSE_CHANNELS;
      for (int y = 0; y < n; y++)
        for (int x = 0; x < n; x++)
          for (int c = 0; c < AX_DENSE_CHANNELS; c++)
            {
              float sum = 0;
              for (int q = 0; q < 4; q++)
                sum += src[((gsize) (2 * y + (q >> 1)) * from + 2 * x + (q & 1)) * AX_DENSE_CHANNELS + c];
              dst[((gsize) y * n + x) * AX_DENSE_CHANNELS + c] = sum / 4;
            }
    }
  for (int c = 0; c < 5; c++)
    b->dense_weight[k * AX_DENSE_CHANNELS + c] = s->masks != NULL;
  b->dense_weight[k * AX_DENSE_CHANNELS + 5] = s->opacity_known || s->opacity->len > 0;
  b->dense_weight[k * AX_DENSE_CHANNELS + 6] = s->effusion_known || s->effusion->len > 0;
}

static void
place (AxBatch *b, int k, const Sample *s, const Affine *m, int source)
{
  warp (s, b->side, m, b->image + (gsize) k * b->side * b->side);
  for (int i = 0; i < N_OBJECTS; i++)
    {
      float *t = b->boxes + (k * N_OBJECTS + i) * 4;
      AxBox r = affine_box (m, s->boxes[i], b->side);
      t[0] = (float) ((r.x1 + r.x2) / 2), t[1] = (float) ((r.y1 + r.y2) / 2), t[2] = (float) (r.x2 - r.x1), t[3] = (float) (r.y2 - r.y1);
      b->box_mask[k * N_OBJECTS + i] = s->known[i] && t[2] > 0.005f && t[3] > 0.005f;
    }
  memcpy (b->labels + k * N_LABELS, s->labels, sizeof s->labels);
  memcpy (b->label_weight + k * N_LABELS, s->label_weight, sizeof s->label_weight);
  memcpy (b->present + k * N_OBJECTS, s->present, sizeof s->present);
  memcpy (b->known + k * N_OBJECTS, s->marks_known, sizeof s->marks_known);
  dense_targets (b, k, s, m);
  b->source[k] = source;
  b->flipped[k] = m->flip;
}

static void
intensity (float *x, int side, const AxAugment *a, AxRandom *r)
{
  float gamma = (float) exp (ax_random_range (r, -a->gamma, a->gamma)), contrast = (float) (1 + ax_random_range (r, -a->contrast, a->contrast));
  float brightness = (float) ax_random_range (r, -a->brightness, a->brightness), noise = (float) (a->noise * ax_random_uniform (r));
  for (int i = 0; i < side * side; i++)
    {
      float v = powf (MAX (x[i], 0), gamma);
      v = (v - 0.5f) * contrast + 0.5f + brightness;
      if (noise > 0)           /* a triangular density: two uniforms, cheaper than a normal draw */
        v += noise * 1.22f * (float) (ax_random_uniform (r) + ax_random_uniform (r) - 1) * 2;
      x[i] = CLAMP (v, 0, 1);
    }
  if (ax_random_uniform (r) < a->erase)
    {
      int w = (int) (side * ax_random_range (r, 0.05, 0.2)), h = (int) (side * ax_random_range (r, 0.05, 0.2));
      int x0 = (int) ax_random_below (r, (guint64) (side - w)), y0 = (int) ax_random_below (r, (guint64) (side - h));
      float grey = (float) ax_random_uniform (r);
      for (int y = y0; y < y0 + h; y++)
        for (int xx = x0; xx < x0 + w; xx++)
          x[y * side + xx] = grey;
    }
}

void
ax_batch_set (AxBatch *b, int k, const AxPictures *pictures, guint index, gboolean mirror)
{
  Sample s;
  Affine m;
  sample_from_image (&s, pictures, index);
  affine_init (&m, 0, 1, 0, 0, mirror, b->side);
  place (b, k, &s, &m, (int) index);
  sample_clear (&s);
}

/* Position `at` of an endless walk through new shuffles of 0..n-1. */
static guint
shuffled (guint64 seed, guint64 at, guint n)
{
  guint64 epoch = at / n;
  g_autofree guint *order = g_new (guint, n);
  AxRandom r = ax_random_init (seed, epoch, 0x5u);
  for (guint i = 0; i < n; i++)
    order[i] = i;
  for (guint i = n - 1; i > 0; i--)
    {
      guint j = (guint) ax_random_below (&r, i + 1), t = order[i];
      order[i] = order[j], order[j] = t;
    }
  return order[at % n];
}

void
ax_batch_fill (AxBatch *b, const AxPictures *pictures, const guint *indices, guint n, const AxAugment *a, guint64 seed, guint64 step)
{
  for (int k = 0; k < b->batch; k++)
    {
      AxRandom r = ax_random_init (seed, step, (guint64) k);
      Sample s;
      Affine m;
      int source = -1;
      if (a && ax_random_uniform (&r) < a->phantom)
        sample_from_phantom (&s, b->side, ax_random_next (&r));
      else
        {
          guint i = indices[shuffled (seed, step * (guint64) b->batch + (guint64) k, n)];
          sample_from_image (&s, pictures, i);
          source = (int) i;
        }
      if (a == NULL)
        affine_init (&m, 0, 1, 0, 0, FALSE, b->side);
      else
        {
          if (source >= 0 && ax_random_uniform (&r) < a->paste)
            paste (&s, b->side, &r);
          double degrees = ax_random_range (&r, -a->rotate, a->rotate), scale = 1 + ax_random_range (&r, -a->scale, a->scale);
          double tx = ax_random_range (&r, -a->translate, a->translate) * b->side, ty = ax_random_range (&r, -a->translate, a->translate) * b->side;
          affine_init (&m, degrees, scale, tx, ty, ax_random_uniform (&r) < a->flip, b->side);
        }
      place (b, k, &s, &m, source);
      if (a)
        intensity (b->image + (gsize) k * b->side * b->side, b->side, a, &r);
      sample_clear (&s);
    }
}
