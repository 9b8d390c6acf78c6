/* pickle_objects.c: what the names, persistent ids and calls of a pickle stand for: storages, tensors, containers and objects that are kept as they are. */
#include <string.h>

#include "engine/checkpoint/pickle-private.h"
#include "engine/checkpoint/pickle_globals.h"

#define MAX_KEY 256u

static AxValue *
new_global(PickleMachine *m, const char *module, gsize module_length, const char *name, gsize name_length)
{
  const int i = ax_pickle_global_find(module, module_length, name, name_length);
  if (i < 0) {
    g_autofree char *module_text = g_utf8_make_valid(module, (gssize) MIN(module_length, 80));
    g_autofree char *name_text = g_utf8_make_valid(name, (gssize) MIN(name_length, 80));
    pickle_refuse(m, AX_CHECKPOINT_ERROR_REFUSED, "the file asks for %s.%s, which is not on the list of harmless names", module_text, name_text);
    return NULL;
  }
  AxValue *value = pickle_new_value(m, AX_VALUE_OPAQUE);
  value->u.object.global = (guint16) i;
  return value;
}

gboolean
pickle_op_global(PickleMachine *m)
{
  const guint8 *module = m->p;
  const guint8 *line = memchr(module, '\n', (gsize) (m->end - module));
  const guint8 *name = line != NULL ? line + 1 : NULL;
  const guint8 *last = name != NULL ? memchr(name, '\n', (gsize) (m->end - name)) : NULL;
  if (last == NULL)
    return pickle_damaged(m, "the name of a global is not finished");
  m->p = last + 1;
  return pickle_push(m, new_global(m, (const char *) module, (gsize) (line - module), (const char *) name, (gsize) (last - name)));
}

gboolean
pickle_op_stack_global(PickleMachine *m)
{
  AxValue *name = pickle_pop(m), *module = name != NULL ? pickle_pop(m) : NULL;
  if (module == NULL)
    return FALSE;
  if (name->kind != AX_VALUE_STRING || module->kind != AX_VALUE_STRING)
    return pickle_damaged(m, "the name of a global is no string");
  return pickle_push(m, new_global(m, module->u.text, module->length, name->u.text, name->length));
}

/* Global of a bare class or function on the stack, or NULL. */
static const AxPickleGlobal *
as_global(const AxValue *value)
{
  if (value->kind != AX_VALUE_OPAQUE || value->u.object.arguments != NULL || value->u.object.state != NULL)
    return NULL;
  return ax_pickle_global(value->u.object.global);
}

/* ('storage', torch.XStorage, key, location, numel) */
gboolean
pickle_op_persistent_id(PickleMachine *m)
{
  const AxValue *id = pickle_pop(m);
  if (id == NULL)
    return FALSE;
  if (id->kind != AX_VALUE_TUPLE || id->u.list.n != 5)
    return pickle_damaged(m, "a persistent id is no tuple of 5");
  AxValue **item = id->u.list.items;
  const AxPickleGlobal *global = as_global(item[1]);
  if (item[0]->kind != AX_VALUE_STRING || strcmp(item[0]->u.text, "storage") != 0 || global == NULL
      || global->kind != AX_GLOBAL_STORAGE || item[2]->kind != AX_VALUE_STRING || item[3]->kind != AX_VALUE_STRING
      || item[4]->kind != AX_VALUE_INT || item[4]->u.number < 0)
    return pickle_damaged(m, "a persistent id is no storage");
  if (item[2]->length > MAX_KEY || strlen(item[2]->u.text) != item[2]->length)
    return pickle_damaged(m, "a storage has an unusable key");

  PickleStorage storage = { .dtype = global->dtype, .n = item[4]->u.number };
  gsize size;
  if (!m->find_storage(m->user, item[2]->u.text, &storage.data, &size, &storage.member, m->error))
    return FALSE;
  if ((guint64) storage.n > size / ax_dtype_size(storage.dtype) || size != (gsize) storage.n * ax_dtype_size(storage.dtype))
    return pickle_refuse(m, AX_CHECKPOINT_ERROR_REFUSED,
                  "storage %s claims %" G_GINT64_FORMAT " elements of %s, its record has %" G_GSIZE_FORMAT " bytes", item[2]->u.text,
                  storage.n, ax_dtype_name(storage.dtype), size);
  AxValue *value = pickle_new_value(m, AX_VALUE_KIND_STORAGE);
  value->u.number = m->storages->len;
  g_array_append_val(m->storages, storage);
  return pickle_push(m, value);
}

static gboolean
read_dims(PickleMachine *m, const AxValue *tuple, int *n, gint64 *values, const char *what)
{
  if ((tuple->kind != AX_VALUE_TUPLE && tuple->kind != AX_VALUE_LIST) || tuple->u.list.n > AX_TENSOR_MAX_DIMS)
    return pickle_refuse(m, AX_CHECKPOINT_ERROR_DAMAGED, "the %s of a tensor is no tuple of up to %d integers", what, AX_TENSOR_MAX_DIMS);
  *n = (int) tuple->u.list.n;
  for (int d = 0; d < *n; d++) {
    if (tuple->u.list.items[d]->kind != AX_VALUE_INT || tuple->u.list.items[d]->u.number < 0)
      return pickle_refuse(m, AX_CHECKPOINT_ERROR_REFUSED, "the %s of a tensor holds a negative number or none", what);
    values[d] = tuple->u.list.items[d]->u.number;
  }
  return TRUE;
}

/* _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks[, metadata]); the first version has no requires_grad. */
static AxValue *
rebuild_tensor(PickleMachine *m, const AxValue *arguments)
{
  AxTensorEntry entry = { 0 };
  AxValue **item = arguments->u.list.items;
  int n_strides = 0;
  if (arguments->u.list.n < 4 || arguments->u.list.n > 7 || item[0]->kind != AX_VALUE_KIND_STORAGE || item[1]->kind != AX_VALUE_INT) {
    pickle_damaged(m, "the arguments of a tensor are malformed");
    return NULL;
  }
  const PickleStorage *storage = &g_array_index(m->storages, PickleStorage, item[0]->u.number);
  entry.info.dtype = storage->dtype;
  entry.storage = storage->data;
  entry.storage_elements = storage->n;
  entry.zip_member = storage->member;
  entry.offset = item[1]->u.number;
  if (!read_dims(m, item[2], &entry.info.ndim, entry.info.shape, "size")
      || !read_dims(m, item[3], &n_strides, entry.stride, "stride"))
    return NULL;
  if (n_strides != entry.info.ndim) {
    pickle_damaged(m, "a tensor has more strides than dimensions, or fewer");
    return NULL;
  }
  if (!ax_shape_product(entry.info.ndim, entry.info.shape, &entry.info.n_elements)) {
    pickle_refuse(m, AX_CHECKPOINT_ERROR_REFUSED, "the size of a tensor overflows");
    return NULL;
  }
  /* Furthest element that the strides reach. */
  gint64 last = entry.offset;
  gboolean overflow = entry.offset < 0;
  for (int d = 0; d < entry.info.ndim && entry.info.n_elements > 0; d++) {
    gint64 step;
    overflow = overflow || __builtin_mul_overflow(entry.info.shape[d] - 1, entry.stride[d], &step)
               || __builtin_add_overflow(last, step, &last);
  }
  if (overflow || (entry.info.n_elements > 0 ? last >= storage->n : entry.offset > storage->n)) {
    pickle_refuse(m, AX_CHECKPOINT_ERROR_REFUSED, "a tensor reaches past the end of its storage");
    return NULL;
  }
  if (entry.info.n_elements > storage->n
      && entry.info.n_elements > m->max_expanded / (gint64) ax_dtype_size(entry.info.dtype)) {
    pickle_refuse(m, AX_CHECKPOINT_ERROR_REFUSED, "a tensor of %" G_GINT64_FORMAT " elements repeats a storage of %" G_GINT64_FORMAT,
           entry.info.n_elements, storage->n);
    return NULL;
  }
  AxValue *value = pickle_new_value(m, AX_VALUE_TENSOR);
  value->u.number = m->tensors->len;
  g_array_append_val(m->tensors, entry);
  return value;
}

/* A shared container can be copied again and again by a few bytes each; no honest file copies more items than it has bytes. */
static gboolean
may_copy(PickleMachine *m, const AxValue *source)
{
  m->copied += source->u.list.n;
  return m->copied <= (gsize) (m->end - m->begin) || pickle_refuse(m, AX_CHECKPOINT_ERROR_REFUSED, "containers are copied too often");
}

static AxValue *
copy_items(PickleMachine *m, AxValueKind kind, const AxValue *source)
{
  if (!may_copy(m, source))
    return NULL;
  AxValue *value = pickle_new_value(m, kind);
  ax_value_append(value, source->u.list.items, source->u.list.n);
  return value;
}

/* OrderedDict(), or OrderedDict of a list of pairs or a dict, or defaultdict(factory). */
static AxValue *
make_dict(PickleMachine *m, const AxValue *arguments)
{
  AxValue *dict = pickle_new_value(m, AX_VALUE_DICT);
  if (arguments->u.list.n == 0)
    return dict;
  const AxValue *first = arguments->u.list.items[0];
  if (first->kind == AX_VALUE_DICT)
    return copy_items(m, AX_VALUE_DICT, first);
  if (first->kind != AX_VALUE_LIST)
    return dict;
  if (!may_copy(m, first))
    return NULL;
  for (guint32 i = 0; i < first->u.list.n; i++) {
    const AxValue *pair = first->u.list.items[i];
    if ((pair->kind != AX_VALUE_TUPLE && pair->kind != AX_VALUE_LIST) || pair->u.list.n != 2
        || !ax_value_append(dict, pair->u.list.items, 2)) {
      pickle_damaged(m, "a dict is not made of pairs");
      return NULL;
    }
  }
  return dict;
}

/* What calling a global with a tuple of arguments stands for. */
AxValue *
pickle_construct(PickleMachine *m, const AxValue *callee, AxValue *arguments)
{
  const AxPickleGlobal *global = as_global(callee);
  if (global == NULL || arguments->kind != AX_VALUE_TUPLE) {
    pickle_damaged(m, "something is called that is no class, or without a tuple");
    return NULL;
  }
  const AxValue *first = arguments->u.list.n > 0 ? arguments->u.list.items[0] : NULL;
  const gboolean has_items = first != NULL && (first->kind == AX_VALUE_LIST || first->kind == AX_VALUE_TUPLE || first->kind == AX_VALUE_SET);
  switch (global->kind) {
  case AX_GLOBAL_DICT:
    return make_dict(m, arguments);
  case AX_GLOBAL_LIST:
    return has_items ? copy_items(m, AX_VALUE_LIST, first) : pickle_new_value(m, AX_VALUE_LIST);
  case AX_GLOBAL_TUPLE:
    return has_items ? copy_items(m, AX_VALUE_TUPLE, first) : pickle_new_value(m, AX_VALUE_TUPLE);
  case AX_GLOBAL_SET:
    return has_items ? copy_items(m, AX_VALUE_SET, first) : pickle_new_value(m, AX_VALUE_SET);
  case AX_GLOBAL_REBUILD_TENSOR:
    return rebuild_tensor(m, arguments);
  case AX_GLOBAL_REBUILD_PARAMETER:
    if (first != NULL && first->kind == AX_VALUE_TENSOR)
      return arguments->u.list.items[0];
    pickle_damaged(m, "a parameter holds no tensor");
    return NULL;
  case AX_GLOBAL_OPAQUE: {
    AxValue *value = pickle_new_value(m, AX_VALUE_OPAQUE);
    value->u.object.global = callee->u.object.global;
    value->u.object.arguments = arguments;
    return value;
  }
  case AX_GLOBAL_STORAGE:
    break;
  }
  pickle_refuse(m, AX_CHECKPOINT_ERROR_REFUSED, "%s is called", global->name);
  return NULL;
}

gboolean
pickle_op_reduce(PickleMachine *m)
{
  AxValue *arguments = pickle_pop(m), *callee = arguments != NULL ? pickle_pop(m) : NULL;
  return callee != NULL && pickle_push(m, pickle_construct(m, callee, arguments));
}

/* Sets the state of the object on top. Dicts (an OrderedDict's attributes) and tensors have none of interest. */
gboolean
pickle_op_build(PickleMachine *m)
{
  AxValue *state = pickle_pop(m), *object = state != NULL ? pickle_peek(m) : NULL;
  if (object == NULL)
    return FALSE;
  if (object->kind == AX_VALUE_DICT || object->kind == AX_VALUE_TENSOR)
    return TRUE;
  if (object->kind != AX_VALUE_OPAQUE || object->u.object.arguments == NULL)
    return pickle_damaged(m, "a state is set on something that is no object");
  if (object->u.object.state != NULL)
    return pickle_damaged(m, "a state is set twice");
  object->u.object.state = state;
  return TRUE;
}
