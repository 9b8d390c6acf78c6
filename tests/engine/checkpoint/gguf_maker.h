/* Builds GGUF files in memory for tests and fuzz seeds: right ones, unless a test writes wrong numbers on purpose. */
#pragma once

#include "engine/checkpoint/gguf.h"
#include "engine/checkpoint/lm_config.h"

typedef struct {
  GByteArray *pairs, *tensors, *data;
  guint64 n_pairs, n_tensors;
  guint32 version;   /* 3 */
  guint alignment;   /* 32; the key general.alignment is the test's to add */
} GgufMaker;

GgufMaker *gguf_maker_new(void);

/* A key and the type of its value; the value follows with the functions below. */
void gguf_maker_key(GgufMaker *self, const char *key, guint32 type);
void gguf_maker_u32(GgufMaker *self, guint32 value);
void gguf_maker_u64(GgufMaker *self, guint64 value);
void gguf_maker_bytes(GgufMaker *self, const void *data, gsize size);
void gguf_maker_string(GgufMaker *self, const char *text);

/* Whole pairs. */
void gguf_maker_pair_u32(GgufMaker *self, const char *key, guint32 value);
void gguf_maker_pair_f32(GgufMaker *self, const char *key, float value);
void gguf_maker_pair_string(GgufMaker *self, const char *key, const char *value);

/* The dimensions of a Gemma 3 (layers, width, heads, ffn, window; the context where it is not 0) under their keys. */
void gguf_maker_gemma3(GgufMaker *self, const AxLmConfig *config);

/* A tensor with ggml's type number; shape in our order. Its bytes go behind the others at the alignment. */
void gguf_maker_tensor(GgufMaker *self, const char *name, guint32 type, int ndim, const gint64 *shape, const void *data, gsize size);

/* A tensor of any header, its offset included, with no bytes. */
void gguf_maker_raw_tensor(GgufMaker *self, const char *name, guint32 type, guint32 ndim, const guint64 *file_shape, guint64 offset);

/* Ends and frees it. No padding after the last tensor. */
GBytes *gguf_maker_finish(GgufMaker *self);

/* A file with every type of value and one tensor of each type that is read. */
GBytes *make_gguf_of_everything(void);
