/* Retrieval of sentences by similarity (spec 5.2). What lives here: AxSentenceDb, a sentence database with its vectors normalised, and
 * the exact search in one object's sub-database. Immutable and reference-counted, any number of threads may ask. May use
 * engine/checkpoint and GLib. */
#pragma once

#include "engine/checkpoint/sentence_file.h"

G_BEGIN_DECLS

typedef struct _AxSentenceDb AxSentenceDb;

/* One answer. */
typedef struct {
  guint index;          /* of the sentence within the object's sub-database, in bytewise order of the sentences */
  const char *sentence; /* owned by the database */
  double cosine;        /* -1..1 */
} AxHit;

/* A database over the file's sentences; keeps a reference on it. A vector without length has cosine 0 with everything. */
AxSentenceDb *ax_sentence_db_new(AxSentenceFile *file);

/* Opens a file of either form, see ax_sentence_file_open(), whose errors it has. */
AxSentenceDb *ax_sentence_db_open(const char *path, GError **error);

AxSentenceDb *ax_sentence_db_ref(AxSentenceDb *self);
void ax_sentence_db_unref(AxSentenceDb *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AxSentenceDb, ax_sentence_db_unref)

AxSentenceFile *ax_sentence_db_get_file(const AxSentenceDb *self);
guint ax_sentence_db_n_objects(const AxSentenceDb *self);
guint ax_sentence_db_dim(const AxSentenceDb *self);

/* Number of sentences of an object. */
guint ax_sentence_db_count(const AxSentenceDb *self, guint object);

/* The `k` sentences of `object` (in the order of the file's objects) nearest to q[dim] by cosine, best first, ties to the lowest index; q need not be
 * normalised. Returns how many were written to hits[k]: the smaller of k and the object's count, 0 when q is not finite. Sums are taken in
 * double and in order, so every machine gives the same answer. */
guint ax_sentence_db_query(const AxSentenceDb *self, guint object, const float *q, guint k, AxHit *hits);

/* Index of a sentence within the object's sub-database, or -1. */
int ax_sentence_db_find(const AxSentenceDb *self, guint object, const char *sentence);

G_END_DECLS
