/* sentence_vectors.h: the sentences of a data set and their vectors by the frozen sentence encoder S, and the database for retrieval made from them.
 * May use sentences.h, split.h, engine/model (bert.h, apm.h) and engine/checkpoint. */
#pragma once
#include "engine/checkpoint/sentence_file.h"
#include "engine/model/apm.h"
#include "engine/training/dataset.h"
#include "engine/training/sentences.h"
#include "engine/training/split.h"

/* Every sentence that is true of some structure of some image (sentences.h), or says a part of one, with its pooled vector by the encoder in `encoder_folder` (a Hugging Face
 * folder), as a sentence file. Errors: the encoder cannot be read, the file cannot be written. */
gboolean ax_sentence_vectors_build (const AxDataset *dataset, const char *encoder_folder, const char *path, GError **error);

/* The sentences of a database: rows (guint) of `vectors`, ascending: what is true of TRAINING patients, of every sentence the part that speaks of `marks`.
 * Structures of which nothing is known in training get "<name> is healthy." so that every structure has one. */
GArray  *ax_sentence_db_choose (const AxDataset *dataset, const AxSplit *split, AxSentenceFile *vectors, AxMarkSet marks);

/* The retrieval database (spec 5.1): ax_sentence_db_choose()'s sentences, each with P_S of its vector, float16. healthy_push sets how readily findings are
 * named: the unit vector of "is healthy" moves so far away from the mean of the structure's other sentences (0: P_S as it is). n receives the number of
 * sentences. */
gboolean ax_sentence_db_build (const AxDataset *dataset, const AxSplit *split, AxApm *apm, const char *vectors_file, AxMarkSet marks, double healthy_push,
                               const char *path, guint *n, GError **error);
