#include "engine/checkpoint/sentence_file.h"

#include <math.h>
#include <string.h>

#include "engine/checkpoint/safetensors_writer.h"
#include "engine/checkpoint/torch_file.h"
#include "engine/checkpoint/weights-private.h"

#define FORMAT "anatomix-sentences"
#define VERSION "1"

struct _AxSentenceFile {
  gatomicrefcount refs;
  guint n_objects, n, dim;
  char **object_names; /* NULL-terminated */
  guint *first;        /* [n_objects + 1] */
  char *text;          /* every sentence with its NUL */
  gint64 *offsets;     /* [n + 1] into text */
  float *vectors;      /* [n, dim] */
};

typedef struct {
  guint object;
  char *text;
  gsize vector; /* offset into the builder's vectors */
} Sentence;

struct _AxSentenceBuilder {
  char **object_names;
  guint n_objects, dim;
  GArray *sentences;
  GArray *vectors;
  GHashTable **seen; /* one set for each object; texts belong to `sentences` */
};

static void
sentence_clear(void *data)
{
  g_free(((Sentence *) data)->text);
}

AxSentenceBuilder *
ax_sentence_builder_new(const char *const *object_names, guint n_objects, guint dim)
{
  g_return_val_if_fail(n_objects > 0 && n_objects <= AX_SENTENCE_MAX_OBJECTS && dim > 0 && dim <= AX_SENTENCE_MAX_DIM, NULL);
  AxSentenceBuilder *self = g_new0(AxSentenceBuilder, 1);
  self->n_objects = n_objects;
  self->dim = dim;
  self->object_names = g_new0(char *, n_objects + 1);
  self->seen = g_new0(GHashTable *, n_objects);
  for (guint o = 0; o < n_objects; o++) {
    self->object_names[o] = g_strdup(object_names[o]);
    self->seen[o] = g_hash_table_new(g_str_hash, g_str_equal);
  }
  self->sentences = g_array_new(FALSE, FALSE, sizeof(Sentence));
  g_array_set_clear_func(self->sentences, sentence_clear);
  self->vectors = g_array_new(FALSE, FALSE, sizeof(float));
  return self;
}

void
ax_sentence_builder_free(AxSentenceBuilder *self)
{
  for (guint o = 0; o < self->n_objects; o++)
    g_hash_table_unref(self->seen[o]);
  g_free(self->seen);
  g_strfreev(self->object_names);
  g_array_unref(self->sentences);
  g_array_unref(self->vectors);
  g_free(self);
}

guint
ax_sentence_builder_n(const AxSentenceBuilder *self)
{
  return self->sentences->len;
}

gboolean
ax_sentence_builder_add(AxSentenceBuilder *self, guint object, const char *sentence, const float *vector, GError **error)
{
  const char *problem = object >= self->n_objects                    ? "there is no such object"
                        : !g_utf8_validate(sentence, -1, NULL)       ? "the sentence is not valid UTF-8"
                        : self->sentences->len >= G_MAXINT32 / 4     ? "there are too many sentences"
                                                                     : NULL;
  for (guint k = 0; k < self->dim && problem == NULL; k++)
    if (!isfinite(vector[k]))
      problem = "its vector is not finite";
  if (problem != NULL) {
    g_autofree char *shown = g_utf8_make_valid(sentence, -1);
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_ARGUMENT, "Sentence \"%.200s\" of object %u: %s", shown, object, problem);
    return FALSE;
  }
  if (g_hash_table_contains(self->seen[object], sentence))
    return TRUE;
  const Sentence entry = { object, g_strdup(sentence), self->vectors->len };
  g_hash_table_add(self->seen[object], entry.text);
  g_array_append_val(self->sentences, entry);
  g_array_append_vals(self->vectors, vector, self->dim);
  return TRUE;
}

static int
compare_sentences(const void *a, const void *b)
{
  const Sentence *x = a, *y = b;
  if (x->object != y->object)
    return x->object < y->object ? -1 : 1;
  return strcmp(x->text, y->text);
}

static AxSentenceFile *
new_file(guint n_objects, guint n, guint dim)
{
  AxSentenceFile *self = g_new0(AxSentenceFile, 1);
  g_atomic_ref_count_init(&self->refs);
  self->n_objects = n_objects;
  self->n = n;
  self->dim = dim;
  self->object_names = g_new0(char *, n_objects + 1);
  self->first = g_new0(guint, n_objects + 1);
  self->offsets = g_new0(gint64, (gsize) n + 1);
  self->vectors = g_new(float, (gsize) n * dim);
  return self;
}

AxSentenceFile *
ax_sentence_builder_finish(AxSentenceBuilder *self, GError **error)
{
  const guint n = self->sentences->len;
  g_array_sort(self->sentences, compare_sentences);
  g_autoptr(AxSentenceFile) file = new_file(self->n_objects, n, self->dim);
  g_autoptr(GString) text = g_string_new(NULL);
  for (guint o = 0; o < self->n_objects; o++)
    file->object_names[o] = g_strdup(self->object_names[o]);
  for (guint j = 0; j < n; j++) {
    const Sentence *sentence = &g_array_index(self->sentences, Sentence, j);
    file->first[sentence->object + 1]++;
    file->offsets[j] = (gint64) text->len;
    g_string_append_len(text, sentence->text, (gssize) strlen(sentence->text) + 1);
    memcpy(file->vectors + (gsize) j * self->dim, &g_array_index(self->vectors, float, sentence->vector), self->dim * sizeof(float));
  }
  file->offsets[n] = (gint64) text->len;
  file->text = g_string_free(g_steal_pointer(&text), FALSE);
  for (guint o = 0; o < self->n_objects; o++) {
    if (file->first[o + 1] == 0) {
      g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISSING, "The sentence database has no sentence for \"%s\"",
                  self->object_names[o]);
      return NULL;
    }
    file->first[o + 1] += file->first[o];
    g_hash_table_remove_all(self->seen[o]);
  }
  g_array_set_size(self->sentences, 0);
  g_array_set_size(self->vectors, 0);
  return g_steal_pointer(&file);
}

static int
compare_keys(const void *a, const void *b)
{
  const AxValue *const *x = a, *const *y = b;
  return strcmp(ax_value_get_string(*x, NULL), ax_value_get_string(*y, NULL));
}

static gboolean
damaged(GError **error, const char *what, const char *name)
{
  g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_DAMAGED, "sentence database: %s%s%s", what, name != NULL ? ": " : "",
              name != NULL ? name : "");
  return FALSE;
}

/* Length of the vector in a tensor of shape [dim] or [1, dim]; 0 for another. */
static guint
vector_length(const AxTensorInfo *info)
{
  const gboolean fits = info->ndim == 1 || (info->ndim == 2 && info->shape[0] == 1);
  return fits && info->n_elements > 0 && info->n_elements <= AX_SENTENCE_MAX_DIM ? (guint) info->n_elements : 0;
}

static AxSentenceFile *
read_torch(const AxTorchFile *file, GError **error)
{
  const AxValue *root = ax_torch_file_get_root(file);
  const guint n_objects = ax_value_n(root);
  if (ax_value_get_kind(root) != AX_VALUE_DICT || n_objects == 0 || n_objects > AX_SENTENCE_MAX_OBJECTS) {
    damaged(error, "it is no dictionary of 1 to 256 objects", NULL);
    return NULL;
  }
  g_autofree const AxValue **keys = g_new(const AxValue *, n_objects);
  g_autofree const char **names = g_new(const char *, n_objects);
  for (guint o = 0; o < n_objects; o++) {
    keys[o] = ax_value_key(root, o);
    if (ax_value_get_kind(keys[o]) != AX_VALUE_STRING || ax_value_get_kind(ax_value_item(root, o)) != AX_VALUE_DICT) {
      damaged(error, "it is no dictionary of dictionaries", NULL);
      return NULL;
    }
  }
  qsort(keys, n_objects, sizeof *keys, compare_keys);
  for (guint o = 0; o < n_objects; o++) {
    names[o] = ax_value_get_string(keys[o], NULL);
    if (o > 0 && strcmp(names[o - 1], names[o]) == 0) {
      damaged(error, "an object occurs twice", names[o]);
      return NULL;
    }
  }

  AxWeights *tensors = ax_torch_file_get_tensors(file);
  g_autoptr(AxSentenceBuilder) builder = NULL;
  g_autofree float *vector = NULL;
  guint dim = 0;
  for (guint o = 0; o < n_objects; o++) {
    const AxValue *sentences = ax_value_get(root, names[o]);
    for (guint j = 0; j < ax_value_n(sentences); j++) {
      const AxValue *key = ax_value_key(sentences, j);
      const int tensor = ax_value_get_tensor(ax_value_item(sentences, j));
      if (ax_value_get_kind(key) != AX_VALUE_STRING || tensor < 0) {
        damaged(error, "a sentence has no text or no vector", names[o]);
        return NULL;
      }
      const guint length = vector_length(ax_weights_info(tensors, (guint) tensor));
      if (builder == NULL && length > 0) {
        dim = length;
        builder = ax_sentence_builder_new(names, n_objects, dim);
        vector = g_new(float, dim);
      }
      if (length == 0 || length != dim) {
        damaged(error, "a vector has another length than the first one", ax_value_get_string(key, NULL));
        return NULL;
      }
      const guint before = ax_sentence_builder_n(builder);
      if (!ax_weights_read_f32(tensors, (guint) tensor, vector, dim, error)
          || !ax_sentence_builder_add(builder, o, ax_value_get_string(key, NULL), vector, error))
        return NULL;
      if (ax_sentence_builder_n(builder) == before) {
        damaged(error, "a sentence occurs twice", ax_value_get_string(key, NULL));
        return NULL;
      }
    }
  }
  if (builder == NULL) {
    damaged(error, "it holds no sentence", NULL);
    return NULL;
  }
  return ax_sentence_builder_finish(builder, error);
}

/* The bytes of a tensor that has to have that type and number of dimensions. */
static GBytes *
read_member(const AxWeights *weights, const char *name, AxDtype dtype, gint64 *n, GError **error)
{
  const int i = ax_weights_find(weights, name);
  const AxTensorInfo *info = i >= 0 ? ax_weights_info(weights, (guint) i) : NULL;
  GBytes *bytes = NULL;
  if (info == NULL || info->dtype != dtype || info->ndim != 1)
    damaged(error, "a part is missing or of another type", name);
  else if (ax_weights_read_raw(weights, (guint) i, &bytes, error))
    *n = info->n_elements;
  return bytes;
}

/* Splits text by offsets into strings without NUL, valid UTF-8 each. */
static gboolean
check_offsets(GBytes *offsets, gint64 n, GBytes *text, gint64 *out, GError **error)
{
  const gint64 length = (gint64) g_bytes_get_size(text);
  const char *p = g_bytes_get_data(text, NULL);
  memcpy(out, g_bytes_get_data(offsets, NULL), (gsize) n * sizeof *out);
  if (n < 1 || out[0] != 0 || out[n - 1] != length)
    return damaged(error, "the offsets do not span the text", NULL);
  for (gint64 i = 0; i + 1 < n; i++)
    if (out[i + 1] < out[i] || out[i + 1] > length || !g_utf8_validate_len(p + out[i], (gsize) (out[i + 1] - out[i]), NULL))
      return damaged(error, "an offset is out of order, or a text is not valid UTF-8", NULL);
  return TRUE;
}

static AxSentenceFile *
read_own(const AxWeights *weights, GError **error)
{
  if (g_strcmp0(ax_weights_get_metadata(weights, "format"), FORMAT) != 0
      || g_strcmp0(ax_weights_get_metadata(weights, "version"), VERSION) != 0) {
    g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_UNSUPPORTED, "this is no sentence database of version " VERSION);
    return NULL;
  }
  const int v = ax_weights_find(weights, "vectors");
  const AxTensorInfo *info = v >= 0 ? ax_weights_info(weights, (guint) v) : NULL;
  gint64 n_object = 0, n_offsets = 0, n_text = 0, n_names = 0, n_name_text = 0;
  if (info == NULL || info->ndim != 2 || (info->dtype != AX_DTYPE_F32 && info->dtype != AX_DTYPE_F16) || info->shape[0] < 1
      || info->shape[0] > G_MAXINT32 / 4 || info->shape[1] < 1 || info->shape[1] > AX_SENTENCE_MAX_DIM) {
    damaged(error, "the vectors are missing or malformed", NULL);
    return NULL;
  }
  g_autoptr(GBytes) object = read_member(weights, "object", AX_DTYPE_U8, &n_object, error);
  g_autoptr(GBytes) offsets = object != NULL ? read_member(weights, "offsets", AX_DTYPE_I64, &n_offsets, error) : NULL;
  g_autoptr(GBytes) text = offsets != NULL ? read_member(weights, "text", AX_DTYPE_U8, &n_text, error) : NULL;
  g_autoptr(GBytes) names = text != NULL ? read_member(weights, "object_offsets", AX_DTYPE_I64, &n_names, error) : NULL;
  g_autoptr(GBytes) name_text = names != NULL ? read_member(weights, "object_text", AX_DTYPE_U8, &n_name_text, error) : NULL;
  if (name_text == NULL)
    return NULL;
  const gint64 n = info->shape[0];
  if (n_object != n || n_offsets != n + 1 || n_names < 2 || n_names > AX_SENTENCE_MAX_OBJECTS + 1) {
    damaged(error, "its parts differ in length", NULL);
    return NULL;
  }

  const guint n_objects = (guint) n_names - 1;
  g_autoptr(AxSentenceFile) self = new_file(n_objects, (guint) n, (guint) info->shape[1]);
  gint64 name_offsets[AX_SENTENCE_MAX_OBJECTS + 1];
  if (!check_offsets(offsets, n_offsets, text, self->offsets, error) || !check_offsets(names, n_names, name_text, name_offsets, error)
      || !ax_weights_read_f32(weights, (guint) v, self->vectors, (gsize) n * self->dim, error))
    return NULL;
  for (gsize k = 0; k < (gsize) n * self->dim; k++)
    if (!isfinite(self->vectors[k])) {
      damaged(error, "a vector is not finite", NULL);
      return NULL;
    }
  for (guint o = 0; o < n_objects; o++) {
    self->object_names[o] = g_strndup((const char *) g_bytes_get_data(name_text, NULL) + name_offsets[o],
                                      (gsize) (name_offsets[o + 1] - name_offsets[o]));
    for (guint before = 0; before < o; before++)
      if (strcmp(self->object_names[before], self->object_names[o]) == 0) {
        damaged(error, "an object occurs twice", self->object_names[o]);
        return NULL;
      }
  }
  const guint8 *owner = g_bytes_get_data(object, NULL);
  for (gint64 j = 0; j < n; j++) {
    if (owner[j] >= n_objects || (j > 0 && owner[j] < owner[j - 1])) {
      damaged(error, "the sentences are not in the order of their objects", NULL);
      return NULL;
    }
    self->first[owner[j] + 1]++;
  }
  for (guint o = 0; o < n_objects; o++) {
    if (self->first[o + 1] == 0) {
      g_set_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISSING, "The sentence database has no sentence for \"%s\"",
                  self->object_names[o]);
      return NULL;
    }
    self->first[o + 1] += self->first[o];
  }
  /* Each sentence gets its NUL: text grows by one byte a sentence. */
  const char *source = g_bytes_get_data(text, NULL);
  self->text = g_malloc((gsize) n_text + (gsize) n);
  for (gint64 j = 0; j < n; j++) {
    const gint64 begin = self->offsets[j], length = self->offsets[j + 1] - begin;
    char *target = self->text + begin + j;
    if (length > 0)
      memcpy(target, source + begin, (gsize) length);
    target[length] = 0;
  }
  for (gint64 j = 0; j <= n; j++)
    self->offsets[j] += j;
  for (gint64 j = 1; j < n; j++)
    if (owner[j] == owner[j - 1] && strcmp(self->text + self->offsets[j - 1], self->text + self->offsets[j]) >= 0) {
      damaged(error, "sentences are not sorted", self->text + self->offsets[j]);
      return NULL;
    }
  return g_steal_pointer(&self);
}

AxSentenceFile *
ax_sentence_file_open(const char *path, GError **error)
{
  AxSentenceFile *self = NULL;
  GError *reason = NULL;
  g_autoptr(GBytes) bytes = ax_map_file(path, error);
  if (bytes == NULL)
    return NULL;
  if (ax_bytes_are_zip(bytes)) {
    g_autoptr(AxTorchFile) file = ax_torch_file_open_bytes(bytes, path, &reason);
    if (file != NULL)
      self = read_torch(file, &reason);
  } else {
    g_autoptr(AxWeights) weights = ax_weights_open_bytes(bytes, path, error);
    if (weights == NULL)
      return NULL;
    self = read_own(weights, &reason);
  }
  if (self == NULL)
    g_propagate_prefixed_error(error, reason, "%s: ", path);
  return self;
}

AxSentenceFile *
ax_sentence_file_ref(AxSentenceFile *self)
{
  g_atomic_ref_count_inc(&self->refs);
  return self;
}

void
ax_sentence_file_unref(AxSentenceFile *self)
{
  if (!g_atomic_ref_count_dec(&self->refs))
    return;
  g_strfreev(self->object_names);
  g_free(self->first);
  g_free(self->text);
  g_free(self->offsets);
  g_free(self->vectors);
  g_free(self);
}

guint
ax_sentence_file_n_objects(const AxSentenceFile *self)
{
  return self->n_objects;
}

const char *
ax_sentence_file_object_name(const AxSentenceFile *self, guint object)
{
  g_return_val_if_fail(object < self->n_objects, NULL);
  return self->object_names[object];
}

int
ax_sentence_file_find_object(const AxSentenceFile *self, const char *name)
{
  for (guint o = 0; o < self->n_objects; o++)
    if (strcmp(self->object_names[o], name) == 0)
      return (int) o;
  return -1;
}

AxObjectOrder
ax_sentence_file_get_order(const AxSentenceFile *self)
{
  return self->n_objects == 36 && strcmp(self->object_names[9], "Left costodiaphragmatic recess") == 0 ? AX_OBJECT_ORDER_SHIFTED
                                                                                                     : AX_OBJECT_ORDER_TABLE;
}

guint
ax_sentence_file_n(const AxSentenceFile *self)
{
  return self->n;
}

void
ax_sentence_file_range(const AxSentenceFile *self, guint object, guint *first, guint *count)
{
  g_return_if_fail(object < self->n_objects);
  *first = self->first[object];
  *count = self->first[object + 1] - self->first[object];
}

const char *
ax_sentence_file_text(const AxSentenceFile *self, guint j)
{
  g_return_val_if_fail(j < self->n, NULL);
  return self->text + self->offsets[j];
}

guint
ax_sentence_file_dim(const AxSentenceFile *self)
{
  return self->dim;
}

const float *
ax_sentence_file_vectors(const AxSentenceFile *self)
{
  return self->vectors;
}

/* Adds the tensors name_offsets and name_text of n strings. */
static gboolean
add_strings(AxSafetensorsWriter *writer, const char *offsets_name, const char *text_name, guint n, const char *(*get)(const AxSentenceFile *, guint),
            const AxSentenceFile *self, GError **error)
{
  g_autoptr(GString) text = g_string_new(NULL);
  g_autofree gint64 *offsets = g_new(gint64, (gsize) n + 1);
  for (guint j = 0; j < n; j++) {
    offsets[j] = (gint64) text->len;
    g_string_append(text, get(self, j));
  }
  offsets[n] = (gint64) text->len;
  const gint64 n_offsets = (gint64) n + 1, n_text = (gint64) text->len;
  g_autoptr(GBytes) offset_bytes = g_bytes_new(offsets, (gsize) n_offsets * sizeof *offsets);
  g_autoptr(GBytes) text_bytes = g_bytes_new(text->str, text->len);
  return ax_safetensors_writer_add_bytes(writer, offsets_name, AX_DTYPE_I64, 1, &n_offsets, offset_bytes, error)
         && ax_safetensors_writer_add_bytes(writer, text_name, AX_DTYPE_U8, 1, &n_text, text_bytes, error);
}

gboolean
ax_sentence_file_save(const AxSentenceFile *self, const char *path, AxDtype vectors, GError **error)
{
  g_autoptr(AxSafetensorsWriter) writer = ax_safetensors_writer_new();
  const gint64 shape[2] = { self->n, self->dim };
  g_autofree guint8 *object = g_malloc((gsize) self->n + 1);
  for (guint o = 0; o < self->n_objects; o++)
    memset(object + self->first[o], (int) o, self->first[o + 1] - self->first[o]);
  g_autoptr(GBytes) object_bytes = g_bytes_new(object, self->n);
  ax_safetensors_writer_set_metadata(writer, "format", FORMAT);
  ax_safetensors_writer_set_metadata(writer, "version", VERSION);
  /* Wide elements first, so that each tensor begins at a multiple of its element's size. */
  return ax_safetensors_writer_add_f32(writer, "vectors", vectors, 2, shape, self->vectors, error)
         && add_strings(writer, "offsets", "text", self->n, ax_sentence_file_text, self, error)
         && add_strings(writer, "object_offsets", "object_text", self->n_objects, ax_sentence_file_object_name, self, error)
         && ax_safetensors_writer_add_bytes(writer, "object", AX_DTYPE_U8, 1, shape, object_bytes, error)
         && ax_safetensors_writer_save(writer, path, error);
}
