/* Sentence databases: for each object (anatomical structure) its sentences and the vector of each, as spec 5.1 defines them. What
 * lives here: AxSentenceFile in memory, how it is built, its file form, and the reader of the published emb_db.pt.
 *
 * File form: a safetensors file, so that one mapped file holds everything:
 *   vectors [n, dim] F32 or F16 · object [n] U8, ascending · offsets [n + 1] I64 and text [bytes] U8: sentence j is
 *   text[offsets[j] .. offsets[j + 1]) · object_offsets [m + 1] I64 and object_text U8: the m object names, in index order;
 *   metadata "format" = "anatomix-sentences", "version" = "1".
 * Within an object the sentences are sorted bytewise and unique, so an index means the same in every program. Immutable and
 * reference-counted. May use the weight readers of this folder; knows nothing of similarity. */
#pragma once

#include "engine/checkpoint/weights.h"

G_BEGIN_DECLS

#define AX_SENTENCE_MAX_OBJECTS 256
#define AX_SENTENCE_MAX_DIM 4096

/* How object i of the file relates to the table of 36 structures (spec section 3). */
typedef enum {
  AX_OBJECT_ORDER_TABLE,   /* as in the table (33 and 35 are the costodiaphragmatic recesses) */
  AX_OBJECT_ORDER_SHIFTED, /* the recesses sort under their display names: position 9 is "Left costodiaphragmatic recess" */
} AxObjectOrder;

typedef struct _AxSentenceFile AxSentenceFile;

/* Opens a database of either form, recognised by content. emb_db.pt: {object name: {sentence: vector [dim] or [1, dim]}} in any
 * order; objects and sentences are sorted bytewise. NULL with AX_CHECKPOINT_ERROR; among them MISSING for an object without
 * sentences, DAMAGED for text that is no UTF-8, vectors that are not finite or differ in length. */
AxSentenceFile *ax_sentence_file_open(const char *path, GError **error);
AxSentenceFile *ax_sentence_file_ref(AxSentenceFile *self);
void ax_sentence_file_unref(AxSentenceFile *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AxSentenceFile, ax_sentence_file_unref)

guint ax_sentence_file_n_objects(const AxSentenceFile *self);
const char *ax_sentence_file_object_name(const AxSentenceFile *self, guint object);

/* Index of the object of that name, or -1. */
int ax_sentence_file_find_object(const AxSentenceFile *self, const char *name);
AxObjectOrder ax_sentence_file_get_order(const AxSentenceFile *self);

/* Sentences of all objects together; those of one object are first .. first + count - 1. */
guint ax_sentence_file_n(const AxSentenceFile *self);
void ax_sentence_file_range(const AxSentenceFile *self, guint object, guint *first, guint *count);

/* Sentence j, NUL-terminated UTF-8. */
const char *ax_sentence_file_text(const AxSentenceFile *self, guint j);

guint ax_sentence_file_dim(const AxSentenceFile *self);

/* All vectors, [n, dim] row-major, as stored (not normalised). */
const float *ax_sentence_file_vectors(const AxSentenceFile *self);

/* Writes the file form, vectors as F32 or F16. The same database gives the same bytes. Atomic. */
gboolean ax_sentence_file_save(const AxSentenceFile *self, const char *path, AxDtype vectors, GError **error);

/* Collects sentences in any order. */
typedef struct _AxSentenceBuilder AxSentenceBuilder;

/* object_names in index order. */
AxSentenceBuilder *ax_sentence_builder_new(const char *const *object_names, guint n_objects, guint dim);
void ax_sentence_builder_free(AxSentenceBuilder *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AxSentenceBuilder, ax_sentence_builder_free)

/* Adds a sentence with its vector [dim] (copied). FALSE with ARGUMENT: no such object, no UTF-8, a vector that is not finite. A
 * sentence that the object has already is passed over: the first vector stays. */
gboolean ax_sentence_builder_add(AxSentenceBuilder *self, guint object, const char *sentence, const float *vector, GError **error);

/* Number of sentences so far. */
guint ax_sentence_builder_n(const AxSentenceBuilder *self);

/* Sorts them into a database. NULL with MISSING when an object has none. The builder is empty afterwards. */
AxSentenceFile *ax_sentence_builder_finish(AxSentenceBuilder *self, GError **error);

G_END_DECLS
