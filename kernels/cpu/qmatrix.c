/* qmatrix.c: keeping packed weight matrices: making, filling, reading back (contract: kernels.h; layout: qmatrix.h). */
#include "kernels/cpu/qmatrix.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* A vocabulary is read from end to end for every token: with huge pages a token takes a tenth less time on one Zen 5 core, a twentieth on two. */
#define HUGE_PAGE ((size_t) 2 << 20)
#define HUGE_FROM ((size_t) 16 << 20)

static void *
allocate (size_t bytes)
{
  const bool huge = bytes >= HUGE_FROM;
  const size_t align = huge ? HUGE_PAGE : 64, whole = (bytes + 64 + align - 1) & ~(align - 1);
  void *p = aligned_alloc (align, whole);
  if (!p) {
    fprintf (stderr, "kernels: out of memory for a weight matrix of %zu bytes\n", bytes);
    abort (); /* as GLib's allocators do */
  }
  if (huge)
    madvise (p, whole, MADV_HUGEPAGE); /* where the system has none to give, nothing changes */
  memset (p, 0, bytes + 64);
  return p;
}

AxQMatrix *
ax_qmatrix_new (AxQType type, size_t out, size_t in)
{
  AxQMatrix *m = allocate (sizeof *m);
  m->type = type;
  m->out = out;
  m->in = in;
  m->blocks = (in + AX_Q_BLOCK - 1) / AX_Q_BLOCK;
  if (type == AX_Q_Q8_SPLIT)
    m->blocks += m->blocks & 1;
  m->stride = type == AX_Q_F32 ? in : m->blocks * AX_Q_BLOCK;
  m->data = allocate (out * m->stride * ax_qmatrix_half_bytes (type) / 2);
  if (type == AX_Q_Q8 || type == AX_Q_Q8_SPLIT)
    m->scale = allocate (out * m->blocks * sizeof *m->scale);
  if (type == AX_Q_Q8_SPLIT) {
    m->lower = allocate (out * m->stride / 2);
    m->spread = allocate (out * sizeof *m->spread);
  }
  return m;
}

void
ax_qmatrix_free (AxQMatrix *m)
{
  if (!m)
    return;
  free (m->data);
  free (m->lower);
  free (m->scale);
  free (m->spread);
  free (m);
}

void
ax_qmatrix_set_exact (AxQMatrix *m, bool exact)
{
  m->exact = exact;
}

size_t
ax_qmatrix_out (const AxQMatrix *m)
{
  return m->out;
}

size_t
ax_qmatrix_in (const AxQMatrix *m)
{
  return m->in;
}

AxQType
ax_qmatrix_type (const AxQMatrix *m)
{
  return m->type;
}

size_t
ax_qmatrix_bytes (const AxQMatrix *m)
{
  const size_t row = m->stride * ax_qmatrix_half_bytes (m->type) / 2 + (m->lower ? m->stride / 2 + sizeof *m->spread : 0);
  return sizeof *m + m->out * (row + (m->scale ? m->blocks * sizeof *m->scale : 0));
}

/* ---- filling ---- */

typedef struct {
  const AxKernelTable *t;
  AxQMatrix *m;
  size_t first;
  const float *rows;
} Fill;

static void
fill_piece (void *ctx, size_t begin, size_t end)
{
  Fill *g = ctx;
  AxQMatrix *m = g->m;
  float *padded = ax_scratch (AX_SCRATCH_PIECE, m->blocks * AX_Q_BLOCK * (sizeof *padded + 1));
  int8_t *whole = (int8_t *) (padded + m->blocks * AX_Q_BLOCK);
  for (size_t i = begin; i < end; i++) {
    const float *x = g->rows + i * m->in;
    const size_t at = (g->first + i) * m->stride;
    switch (m->type) {
    case AX_Q_F32:
      memcpy ((float *) m->data + at, x, m->in * sizeof *x);
      break;
    case AX_Q_BF16:
      g->t->f32_to_bf16 (m->in, x, (uint16_t *) m->data + at);
      break;
    case AX_Q_Q8:
    case AX_Q_Q8_SPLIT:
      if (m->stride != m->in) {
        memset (padded + m->in, 0, (m->stride - m->in) * sizeof *padded);
        memcpy (padded, x, m->in * sizeof *padded);
        x = padded;
      }
      if (m->type == AX_Q_Q8) {
        g->t->q8_pack (m->blocks, x, (int8_t *) m->data + at, m->scale + (g->first + i) * m->blocks);
        break;
      }
      g->t->q8_pack (m->blocks, x, whole, m->scale + (g->first + i) * m->blocks);
      m->spread[g->first + i] = g->t->q8_split (m->blocks / 2, whole, (uint8_t *) m->data + at / 2, m->lower + at / 2);
      break;
    }
  }
}

void
ax_qmatrix_set_rows (AxQMatrix *m, size_t first, size_t n, const float *rows)
{
  ax_parallel_for (n, ax_row_grain (m->in), fill_piece, &(Fill) { ax_table (), m, first, rows });
}

/* ---- reading back ---- */

void
ax_qmatrix_unpack (const AxQMatrix *m, const AxKernelTable *t, size_t first, size_t n, int8_t *room, float *y, size_t ldy)
{
  for (size_t r = first; r < first + n; r++, y += ldy)
    switch (m->type) {
    case AX_Q_F32:
      memcpy (y, (const float *) m->data + r * m->stride, m->in * sizeof *y);
      break;
    case AX_Q_BF16:
      t->bf16_to_f32 (m->stride, (const uint16_t *) m->data + r * m->stride, y);
      break;
    case AX_Q_Q8:
    case AX_Q_Q8_SPLIT:
      t->q8_unpack (m->blocks, ax_qmatrix_q8_row (m, t, r, room), m->scale + r * m->blocks, y);
      break;
    }
}

void
ax_qmatrix_get_rows (const AxQMatrix *m, size_t n, const int32_t *id, float *y)
{
  const AxKernelTable *t = ax_table ();
  float *padded = ax_scratch (AX_SCRATCH_CALLER, m->blocks * AX_Q_BLOCK * (sizeof *padded + 1));
  int8_t *room = (int8_t *) (padded + m->blocks * AX_Q_BLOCK);
  for (size_t i = 0; i < n; i++) {
    ax_qmatrix_unpack (m, t, (size_t) id[i], 1, room, padded, m->stride);
    memcpy (y + i * m->in, padded, m->in * sizeof *y);
  }
}
