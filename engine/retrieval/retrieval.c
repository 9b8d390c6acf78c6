#include "engine/retrieval/retrieval.h"

#include <math.h>
#include <string.h>

struct _AxSentenceDb {
  int ref_count;
  AxSentenceFile *file;
  double *unit; /* [n, dim]: the vectors divided by max(length, 1e-12) */
};

/* x divided by max(|x|, 1e-12); FALSE when x is not finite. */
static gboolean normalise(const float *x, guint dim, double *out) {
  double sum = 0;
  for (guint d = 0; d < dim; d++)
    sum += (double) x[d] * x[d];
  const double scale = 1 / MAX(sqrt(sum), 1e-12);
  for (guint d = 0; d < dim; d++)
    out[d] = x[d] * scale;
  return isfinite(sum);
}

AxSentenceDb *ax_sentence_db_new(AxSentenceFile *file) {
  AxSentenceDb *self = g_new0(AxSentenceDb, 1);
  self->ref_count = 1;
  self->file = ax_sentence_file_ref(file);
  const guint n = ax_sentence_file_n(file), dim = ax_sentence_file_dim(file);
  self->unit = g_new(double, (gsize) n * dim);
  for (guint j = 0; j < n; j++)
    normalise(ax_sentence_file_vectors(file) + (gsize) j * dim, dim, self->unit + (gsize) j * dim);
  return self;
}

AxSentenceDb *ax_sentence_db_open(const char *path, GError **error) {
  g_autoptr(AxSentenceFile) file = ax_sentence_file_open(path, error);
  return file != NULL ? ax_sentence_db_new(file) : NULL;
}

AxSentenceDb *ax_sentence_db_ref(AxSentenceDb *self) {
  g_atomic_int_inc(&self->ref_count);
  return self;
}

void ax_sentence_db_unref(AxSentenceDb *self) {
  if (!g_atomic_int_dec_and_test(&self->ref_count))
    return;
  ax_sentence_file_unref(self->file);
  g_free(self->unit);
  g_free(self);
}

AxSentenceFile *ax_sentence_db_get_file(const AxSentenceDb *self) { return self->file; }
guint ax_sentence_db_n_objects(const AxSentenceDb *self) { return ax_sentence_file_n_objects(self->file); }
guint ax_sentence_db_dim(const AxSentenceDb *self) { return ax_sentence_file_dim(self->file); }

guint ax_sentence_db_count(const AxSentenceDb *self, guint object) {
  guint first, count;
  ax_sentence_file_range(self->file, object, &first, &count);
  return count;
}

guint ax_sentence_db_query(const AxSentenceDb *self, guint object, const float *q, guint k, AxHit *hits) {
  const guint dim = ax_sentence_file_dim(self->file);
  guint first, count, found = 0;
  ax_sentence_file_range(self->file, object, &first, &count);
  double unit[AX_SENTENCE_MAX_DIM];
  if (!normalise(q, dim, unit))
    return 0;
  for (guint j = 0; j < count; j++) {
    const double *v = self->unit + (gsize) (first + j) * dim;
    double cosine = 0;
    for (guint d = 0; d < dim; d++)
      cosine += unit[d] * v[d];
    /* Sentences come in ascending order: only a strictly better one passes an earlier one. */
    guint at = found;
    while (at > 0 && cosine > hits[at - 1].cosine)
      at--;
    if (at >= k)
      continue;
    if (found < k)
      found++;
    memmove(&hits[at + 1], &hits[at], (found - at - 1) * sizeof *hits);
    hits[at] = (AxHit){j, ax_sentence_file_text(self->file, first + j), cosine};
  }
  return found;
}

int ax_sentence_db_find(const AxSentenceDb *self, guint object, const char *sentence) {
  guint first, count;
  ax_sentence_file_range(self->file, object, &first, &count);
  guint low = 0, high = count;
  while (low < high) {
    const guint middle = low + (high - low) / 2;
    const int order = strcmp(ax_sentence_file_text(self->file, first + middle), sentence);
    if (order == 0)
      return (int) middle;
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return -1;
}
