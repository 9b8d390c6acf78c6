#include "engine/checkpoint/pickle.h"

#include <string.h>

#include "engine/checkpoint/pickle_globals.h"

/* Every value costs about 48 bytes here and at least one byte there; real files stay far below these. */
#define MAX_STACK 65536u
#define MAX_MARKS 256u
#define MAX_KEY 256u
#define MAX_VALUES (64u * 1000 * 1000)

typedef struct {
  AxDtype dtype;
  const guint8 *data;
  gint64 n;
  int member;
} Storage;

typedef struct {
  const guint8 *begin, *p, *end;
  AxValuePool *pool;
  GArray *tensors;
  GArray *storages;
  gint64 max_expanded;
  gsize copied; /* items copied from one container to another */
  AxPickleStorageFn find_storage;
  void *user;
  AxValue **stack;
  guint top;
  guint marks[MAX_MARKS];
  guint n_marks;
  AxValue **memo;
  gsize memo_room, memo_next;
  AxValue *small[256], *none, *yes, *no, *empty;
  GError **error;
} Machine;

static gboolean
refuse(Machine *m, AxCheckpointError code, const char *format, ...) G_GNUC_PRINTF(3, 4);

static gboolean
refuse(Machine *m, AxCheckpointError code, const char *format, ...)
{
  if (m->error != NULL && *m->error == NULL) {
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(m->error, AX_CHECKPOINT_ERROR, code, "pickle, byte %td: %s", m->p - m->begin, text);
  }
  return FALSE;
}

static gboolean
damaged(Machine *m, const char *what)
{
  return refuse(m, AX_CHECKPOINT_ERROR_DAMAGED, "%s", what);
}

static AxValue *
new_value(Machine *m, guint kind)
{
  return ax_value_pool_add(m->pool, (AxValueKind) kind);
}

static gboolean
push(Machine *m, AxValue *value)
{
  if (value == NULL)
    return FALSE;
  if (m->top == MAX_STACK)
    return refuse(m, AX_CHECKPOINT_ERROR_REFUSED, "values are nested too deeply");
  m->stack[m->top++] = value;
  return TRUE;
}

/* Values above the last mark may be used; those below belong to whatever set the mark. */
static guint
floor_of(const Machine *m)
{
  return m->n_marks > 0 ? m->marks[m->n_marks - 1] : 0;
}

static AxValue *
pop(Machine *m)
{
  if (m->top <= floor_of(m)) {
    damaged(m, "the stack is empty");
    return NULL;
  }
  return m->stack[--m->top];
}

static AxValue *
peek(Machine *m)
{
  if (m->top <= floor_of(m)) {
    damaged(m, "the stack is empty");
    return NULL;
  }
  return m->stack[m->top - 1];
}

static gboolean
pop_mark(Machine *m, guint *first)
{
  if (m->n_marks == 0)
    return damaged(m, "there is no mark");
  *first = m->marks[--m->n_marks];
  return TRUE;
}

static const guint8 *
take(Machine *m, guint64 n)
{
  if (n > (guint64) (m->end - m->p)) {
    refuse(m, AX_CHECKPOINT_ERROR_DAMAGED, "%" G_GUINT64_FORMAT " bytes are claimed, %td are left", n, m->end - m->p);
    return NULL;
  }
  const guint8 *p = m->p;
  m->p += n;
  return p;
}

static gboolean
take_uint(Machine *m, guint bytes, guint64 *value)
{
  const guint8 *p = take(m, bytes);
  if (p == NULL)
    return FALSE;
  *value = 0;
  for (guint i = 0; i < bytes; i++)
    *value |= (guint64) p[i] << (8 * i);
  return TRUE;
}

static AxValue *
new_int(Machine *m, gint64 number)
{
  if (number >= 0 && number < 256 && m->small[number] != NULL)
    return m->small[number];
  AxValue *value = new_value(m, AX_VALUE_INT);
  value->u.number = number;
  if (number >= 0 && number < 256)
    m->small[number] = value;
  return value;
}

static AxValue *
new_text(Machine *m, AxValueKind kind, const guint8 *text, gsize length)
{
  if (length > G_MAXUINT32 / 2) {
    refuse(m, AX_CHECKPOINT_ERROR_REFUSED, "a string is too long");
    return NULL;
  }
  if (kind == AX_VALUE_STRING && !g_utf8_validate_len((const char *) text, length, NULL)) {
    damaged(m, "a string is not valid UTF-8");
    return NULL;
  }
  AxValue *value = new_value(m, kind);
  value->length = (guint32) length;
  value->u.text = g_malloc(length + 1);
  memcpy(value->u.text, text, length);
  value->u.text[length] = 0;
  return value;
}

static gboolean
push_text(Machine *m, AxValueKind kind, guint length_bytes)
{
  guint64 length;
  if (!take_uint(m, length_bytes, &length))
    return FALSE;
  const guint8 *text = take(m, length);
  return text != NULL && push(m, new_text(m, kind, text, length));
}

/* A little-endian two's complement integer of any length. */
static gboolean
push_long(Machine *m, guint length_bytes)
{
  guint64 length;
  if (!take_uint(m, length_bytes, &length))
    return FALSE;
  const guint8 *p = take(m, length);
  if (p == NULL)
    return FALSE;
  if (length <= 8) {
    guint64 number = length > 0 && p[length - 1] >= 0x80 ? G_MAXUINT64 : 0;
    for (guint i = 0; i < length; i++)
      number = (number & ~((guint64) 0xFF << (8 * i))) | (guint64) p[i] << (8 * i);
    return push(m, new_int(m, (gint64) number));
  }
  if (length > 64)
    return refuse(m, AX_CHECKPOINT_ERROR_REFUSED, "an integer of %" G_GUINT64_FORMAT " bytes", length);
  g_autoptr(GString) hex = g_string_new("0x");
  for (guint i = (guint) length; i-- > 0;)
    g_string_append_printf(hex, "%02x", p[i]);
  return push(m, new_text(m, AX_VALUE_STRING, (const guint8 *) hex->str, hex->len));
}

static AxValue *
new_global(Machine *m, const char *module, gsize module_length, const char *name, gsize name_length)
{
  const int i = ax_pickle_global_find(module, module_length, name, name_length);
  if (i < 0) {
    g_autofree char *module_text = g_utf8_make_valid(module, (gssize) MIN(module_length, 80));
    g_autofree char *name_text = g_utf8_make_valid(name, (gssize) MIN(name_length, 80));
    refuse(m, AX_CHECKPOINT_ERROR_REFUSED, "the file asks for %s.%s, which is not on the list of harmless names", module_text, name_text);
    return NULL;
  }
  AxValue *value = new_value(m, AX_VALUE_OPAQUE);
  value->u.object.global = (guint16) i;
  return value;
}

static gboolean
op_global(Machine *m)
{
  const guint8 *module = m->p;
  const guint8 *line = memchr(module, '\n', (gsize) (m->end - module));
  const guint8 *name = line != NULL ? line + 1 : NULL;
  const guint8 *last = name != NULL ? memchr(name, '\n', (gsize) (m->end - name)) : NULL;
  if (last == NULL)
    return damaged(m, "the name of a global is not finished");
  m->p = last + 1;
  return push(m, new_global(m, (const char *) module, (gsize) (line - module), (const char *) name, (gsize) (last - name)));
}

static gboolean
op_stack_global(Machine *m)
{
  AxValue *name = pop(m), *module = name != NULL ? pop(m) : NULL;
  if (module == NULL)
    return FALSE;
  if (name->kind != AX_VALUE_STRING || module->kind != AX_VALUE_STRING)
    return damaged(m, "the name of a global is no string");
  return push(m, new_global(m, module->u.text, module->length, name->u.text, name->length));
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
static gboolean
op_persistent_id(Machine *m)
{
  const AxValue *id = pop(m);
  if (id == NULL)
    return FALSE;
  if (id->kind != AX_VALUE_TUPLE || id->u.list.n != 5)
    return damaged(m, "a persistent id is no tuple of 5");
  AxValue **item = id->u.list.items;
  const AxPickleGlobal *global = as_global(item[1]);
  if (item[0]->kind != AX_VALUE_STRING || strcmp(item[0]->u.text, "storage") != 0 || global == NULL
      || global->kind != AX_GLOBAL_STORAGE || item[2]->kind != AX_VALUE_STRING || item[3]->kind != AX_VALUE_STRING
      || item[4]->kind != AX_VALUE_INT || item[4]->u.number < 0)
    return damaged(m, "a persistent id is no storage");
  if (item[2]->length > MAX_KEY || strlen(item[2]->u.text) != item[2]->length)
    return damaged(m, "a storage has an unusable key");

  Storage storage = { .dtype = global->dtype, .n = item[4]->u.number };
  gsize size;
  if (!m->find_storage(m->user, item[2]->u.text, &storage.data, &size, &storage.member, m->error))
    return FALSE;
  if ((guint64) storage.n > size / ax_dtype_size(storage.dtype) || size != (gsize) storage.n * ax_dtype_size(storage.dtype))
    return refuse(m, AX_CHECKPOINT_ERROR_REFUSED,
                  "storage %s claims %" G_GINT64_FORMAT " elements of %s, its record has %" G_GSIZE_FORMAT " bytes", item[2]->u.text,
                  storage.n, ax_dtype_name(storage.dtype), size);
  AxValue *value = new_value(m, AX_VALUE_KIND_STORAGE);
  value->u.number = m->storages->len;
  g_array_append_val(m->storages, storage);
  return push(m, value);
}

static gboolean
read_dims(Machine *m, const AxValue *tuple, int *n, gint64 *values, const char *what)
{
  if ((tuple->kind != AX_VALUE_TUPLE && tuple->kind != AX_VALUE_LIST) || tuple->u.list.n > AX_TENSOR_MAX_DIMS)
    return refuse(m, AX_CHECKPOINT_ERROR_DAMAGED, "the %s of a tensor is no tuple of up to %d integers", what, AX_TENSOR_MAX_DIMS);
  *n = (int) tuple->u.list.n;
  for (int d = 0; d < *n; d++) {
    if (tuple->u.list.items[d]->kind != AX_VALUE_INT || tuple->u.list.items[d]->u.number < 0)
      return refuse(m, AX_CHECKPOINT_ERROR_REFUSED, "the %s of a tensor holds a negative number or none", what);
    values[d] = tuple->u.list.items[d]->u.number;
  }
  return TRUE;
}

/* _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks[, metadata]); the first version has no requires_grad. */
static AxValue *
rebuild_tensor(Machine *m, const AxValue *arguments)
{
  AxTensorEntry entry = { 0 };
  AxValue **item = arguments->u.list.items;
  int n_strides = 0;
  if (arguments->u.list.n < 4 || arguments->u.list.n > 7 || item[0]->kind != AX_VALUE_KIND_STORAGE || item[1]->kind != AX_VALUE_INT) {
    damaged(m, "the arguments of a tensor are malformed");
    return NULL;
  }
  const Storage *storage = &g_array_index(m->storages, Storage, item[0]->u.number);
  entry.info.dtype = storage->dtype;
  entry.storage = storage->data;
  entry.storage_elements = storage->n;
  entry.zip_member = storage->member;
  entry.offset = item[1]->u.number;
  if (!read_dims(m, item[2], &entry.info.ndim, entry.info.shape, "size")
      || !read_dims(m, item[3], &n_strides, entry.stride, "stride"))
    return NULL;
  if (n_strides != entry.info.ndim) {
    damaged(m, "a tensor has more strides than dimensions, or fewer");
    return NULL;
  }
  if (!ax_shape_product(entry.info.ndim, entry.info.shape, &entry.info.n_elements)) {
    refuse(m, AX_CHECKPOINT_ERROR_REFUSED, "the size of a tensor overflows");
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
    refuse(m, AX_CHECKPOINT_ERROR_REFUSED, "a tensor reaches past the end of its storage");
    return NULL;
  }
  if (entry.info.n_elements > storage->n
      && entry.info.n_elements > m->max_expanded / (gint64) ax_dtype_size(entry.info.dtype)) {
    refuse(m, AX_CHECKPOINT_ERROR_REFUSED, "a tensor of %" G_GINT64_FORMAT " elements repeats a storage of %" G_GINT64_FORMAT,
           entry.info.n_elements, storage->n);
    return NULL;
  }
  AxValue *value = new_value(m, AX_VALUE_TENSOR);
  value->u.number = m->tensors->len;
  g_array_append_val(m->tensors, entry);
  return value;
}

/* A shared container can be copied again and again by a few bytes each; no honest file copies more items than it has bytes. */
static gboolean
may_copy(Machine *m, const AxValue *source)
{
  m->copied += source->u.list.n;
  return m->copied <= (gsize) (m->end - m->begin) || refuse(m, AX_CHECKPOINT_ERROR_REFUSED, "containers are copied too often");
}

static AxValue *
copy_items(Machine *m, AxValueKind kind, const AxValue *source)
{
  if (!may_copy(m, source))
    return NULL;
  AxValue *value = new_value(m, kind);
  ax_value_append(value, source->u.list.items, source->u.list.n);
  return value;
}

/* OrderedDict(), or OrderedDict of a list of pairs or a dict, or defaultdict(factory). */
static AxValue *
make_dict(Machine *m, const AxValue *arguments)
{
  AxValue *dict = new_value(m, AX_VALUE_DICT);
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
      damaged(m, "a dict is not made of pairs");
      return NULL;
    }
  }
  return dict;
}

/* What calling a global with a tuple of arguments stands for. */
static AxValue *
construct(Machine *m, const AxValue *callee, AxValue *arguments)
{
  const AxPickleGlobal *global = as_global(callee);
  if (global == NULL || arguments->kind != AX_VALUE_TUPLE) {
    damaged(m, "something is called that is no class, or without a tuple");
    return NULL;
  }
  const AxValue *first = arguments->u.list.n > 0 ? arguments->u.list.items[0] : NULL;
  const gboolean has_items = first != NULL && (first->kind == AX_VALUE_LIST || first->kind == AX_VALUE_TUPLE || first->kind == AX_VALUE_SET);
  switch (global->kind) {
  case AX_GLOBAL_DICT:
    return make_dict(m, arguments);
  case AX_GLOBAL_LIST:
    return has_items ? copy_items(m, AX_VALUE_LIST, first) : new_value(m, AX_VALUE_LIST);
  case AX_GLOBAL_TUPLE:
    return has_items ? copy_items(m, AX_VALUE_TUPLE, first) : new_value(m, AX_VALUE_TUPLE);
  case AX_GLOBAL_SET:
    return has_items ? copy_items(m, AX_VALUE_SET, first) : new_value(m, AX_VALUE_SET);
  case AX_GLOBAL_REBUILD_TENSOR:
    return rebuild_tensor(m, arguments);
  case AX_GLOBAL_REBUILD_PARAMETER:
    if (first != NULL && first->kind == AX_VALUE_TENSOR)
      return arguments->u.list.items[0];
    damaged(m, "a parameter holds no tensor");
    return NULL;
  case AX_GLOBAL_OPAQUE: {
    AxValue *value = new_value(m, AX_VALUE_OPAQUE);
    value->u.object.global = callee->u.object.global;
    value->u.object.arguments = arguments;
    return value;
  }
  case AX_GLOBAL_STORAGE:
    break;
  }
  refuse(m, AX_CHECKPOINT_ERROR_REFUSED, "%s is called", global->name);
  return NULL;
}

static gboolean
op_reduce(Machine *m)
{
  AxValue *arguments = pop(m), *callee = arguments != NULL ? pop(m) : NULL;
  return callee != NULL && push(m, construct(m, callee, arguments));
}

/* Sets the state of the object on top. Dicts (an OrderedDict's attributes) and tensors have none of interest. */
static gboolean
op_build(Machine *m)
{
  AxValue *state = pop(m), *object = state != NULL ? peek(m) : NULL;
  if (object == NULL)
    return FALSE;
  if (object->kind == AX_VALUE_DICT || object->kind == AX_VALUE_TENSOR)
    return TRUE;
  if (object->kind != AX_VALUE_OPAQUE || object->u.object.arguments == NULL)
    return damaged(m, "a state is set on something that is no object");
  if (object->u.object.state != NULL)
    return damaged(m, "a state is set twice");
  object->u.object.state = state;
  return TRUE;
}

/* A container of the values since the last mark. */
static gboolean
collect(Machine *m, AxValueKind kind)
{
  guint first = 0;
  if (!pop_mark(m, &first))
    return FALSE;
  AxValue *value = kind == AX_VALUE_TUPLE && m->top == first ? m->empty : new_value(m, kind);
  if (kind == AX_VALUE_DICT && (m->top - first) % 2 != 0)
    return damaged(m, "a dict has a key without a value");
  if (!ax_value_append(value, m->stack + first, m->top - first))
    return damaged(m, "a container is too large");
  m->top = first;
  return push(m, value);
}

/* Appends the values since the last mark to the container below it. */
static gboolean
extend(Machine *m, AxValueKind kind, gboolean since_mark, guint count)
{
  guint first = 0;
  if (since_mark) {
    if (!pop_mark(m, &first))
      return FALSE;
  } else {
    if (m->top - floor_of(m) < count)
      return damaged(m, "the stack is empty");
    first = m->top - count;
  }
  if (first <= floor_of(m))
    return damaged(m, "there is nothing to append to");
  AxValue *target = m->stack[first - 1];
  if (target->kind != kind)
    return refuse(m, AX_CHECKPOINT_ERROR_DAMAGED, "a %s is expected to append to", ax_value_kind_name(kind));
  if (kind == AX_VALUE_DICT && (m->top - first) % 2 != 0)
    return damaged(m, "a dict has a key without a value");
  if (!ax_value_append(target, m->stack + first, m->top - first))
    return damaged(m, "a container is too large");
  m->top = first;
  return TRUE;
}

static gboolean
push_tuple(Machine *m, guint n)
{
  if (m->top - floor_of(m) < n)
    return damaged(m, "the stack is empty");
  AxValue *tuple = new_value(m, AX_VALUE_TUPLE);
  ax_value_append(tuple, m->stack + m->top - n, n);
  m->top -= n;
  return push(m, tuple);
}

static gboolean
memo_put(Machine *m, guint64 index)
{
  AxValue *value = peek(m);
  if (value == NULL)
    return FALSE;
  if (index >= (guint64) (m->end - m->begin))
    return refuse(m, AX_CHECKPOINT_ERROR_REFUSED, "memo number %" G_GUINT64_FORMAT " is out of range", index);
  if (index >= m->memo_room) {
    const gsize room = MIN(MAX(index + 1, 2 * m->memo_room + 64), (gsize) (m->end - m->begin));
    m->memo = g_renew(AxValue *, m->memo, room);
    memset(m->memo + m->memo_room, 0, (room - m->memo_room) * sizeof *m->memo);
    m->memo_room = room;
  }
  m->memo[index] = value;
  m->memo_next = MAX(m->memo_next, index + 1);
  return TRUE;
}

static gboolean
memo_get(Machine *m, guint64 index)
{
  if (index >= m->memo_room || m->memo[index] == NULL)
    return refuse(m, AX_CHECKPOINT_ERROR_DAMAGED, "memo number %" G_GUINT64_FORMAT " was never set", index);
  return push(m, m->memo[index]);
}

static gboolean
push_float(Machine *m)
{
  const guint8 *p = take(m, 8);
  if (p == NULL)
    return FALSE;
  guint64 bits = 0;
  for (guint i = 0; i < 8; i++)
    bits = bits << 8 | p[i];
  AxValue *value = new_value(m, AX_VALUE_FLOAT);
  memcpy(&value->u.real, &bits, 8);
  return push(m, value);
}

static gboolean
step(Machine *m, guint8 opcode)
{
  guint64 n;
  guint first = 0;
  switch (opcode) {
  case 0x80: /* PROTO */
    if (!take_uint(m, 1, &n))
      return FALSE;
    return n >= 2 && n <= 5 ? TRUE : refuse(m, AX_CHECKPOINT_ERROR_UNSUPPORTED, "pickle protocol %u", (guint) n);
  case 0x95: /* FRAME */
    if (!take_uint(m, 8, &n))
      return FALSE;
    return n <= (guint64) (m->end - m->p) ? TRUE : damaged(m, "a frame runs past the end");
  case '(': /* MARK */
    if (m->n_marks == MAX_MARKS)
      return refuse(m, AX_CHECKPOINT_ERROR_REFUSED, "values are nested too deeply");
    m->marks[m->n_marks++] = m->top;
    return TRUE;
  case '0': /* POP */
    return pop(m) != NULL;
  case '1': /* POP_MARK */
    if (!pop_mark(m, &first))
      return FALSE;
    m->top = first;
    return TRUE;
  case 'N': /* NONE */
    return push(m, m->none);
  case 0x88: /* NEWTRUE */
    return push(m, m->yes);
  case 0x89: /* NEWFALSE */
    return push(m, m->no);
  case 'J': /* BININT */
    return take_uint(m, 4, &n) && push(m, new_int(m, (gint32) (guint32) n));
  case 'K': /* BININT1 */
    return take_uint(m, 1, &n) && push(m, new_int(m, (gint64) n));
  case 'M': /* BININT2 */
    return take_uint(m, 2, &n) && push(m, new_int(m, (gint64) n));
  case 0x8a: /* LONG1 */
    return push_long(m, 1);
  case 0x8b: /* LONG4 */
    return push_long(m, 4);
  case 'G': /* BINFLOAT */
    return push_float(m);
  case 'X': /* BINUNICODE */
    return push_text(m, AX_VALUE_STRING, 4);
  case 0x8c: /* SHORT_BINUNICODE */
    return push_text(m, AX_VALUE_STRING, 1);
  case 0x8d: /* BINUNICODE8 */
    return push_text(m, AX_VALUE_STRING, 8);
  case 'B': /* BINBYTES */
    return push_text(m, AX_VALUE_BYTES, 4);
  case 'C': /* SHORT_BINBYTES */
    return push_text(m, AX_VALUE_BYTES, 1);
  case ']': /* EMPTY_LIST */
    return push(m, new_value(m, AX_VALUE_LIST));
  case ')': /* EMPTY_TUPLE */
    return push(m, m->empty);
  case '}': /* EMPTY_DICT */
    return push(m, new_value(m, AX_VALUE_DICT));
  case 0x8f: /* EMPTY_SET */
    return push(m, new_value(m, AX_VALUE_SET));
  case 'a': /* APPEND */
    return extend(m, AX_VALUE_LIST, FALSE, 1);
  case 'e': /* APPENDS */
    return extend(m, AX_VALUE_LIST, TRUE, 0);
  case 's': /* SETITEM */
    return extend(m, AX_VALUE_DICT, FALSE, 2);
  case 'u': /* SETITEMS */
    return extend(m, AX_VALUE_DICT, TRUE, 0);
  case 0x90: /* ADDITEMS */
    return extend(m, AX_VALUE_SET, TRUE, 0);
  case 't': /* TUPLE */
    return collect(m, AX_VALUE_TUPLE);
  case 'l': /* LIST */
    return collect(m, AX_VALUE_LIST);
  case 'd': /* DICT */
    return collect(m, AX_VALUE_DICT);
  case 0x91: /* FROZENSET */
    return collect(m, AX_VALUE_SET);
  case 0x85: /* TUPLE1 */
  case 0x86: /* TUPLE2 */
  case 0x87: /* TUPLE3 */
    return push_tuple(m, opcode - 0x84u);
  case 'c': /* GLOBAL */
    return op_global(m);
  case 0x93: /* STACK_GLOBAL */
    return op_stack_global(m);
  case 'R': /* REDUCE */
  case 0x81: /* NEWOBJ */
    return op_reduce(m);
  case 'b': /* BUILD */
    return op_build(m);
  case 'Q': /* BINPERSID */
    return op_persistent_id(m);
  case 'q': /* BINPUT */
    return take_uint(m, 1, &n) && memo_put(m, n);
  case 'r': /* LONG_BINPUT */
    return take_uint(m, 4, &n) && memo_put(m, n);
  case 0x94: /* MEMOIZE */
    return memo_put(m, m->memo_next);
  case 'h': /* BINGET */
    return take_uint(m, 1, &n) && memo_get(m, n);
  case 'j': /* LONG_BINGET */
    return take_uint(m, 4, &n) && memo_get(m, n);
  default:
    return refuse(m, AX_CHECKPOINT_ERROR_REFUSED, "opcode 0x%02x is not on the list of harmless ones", opcode);
  }
}

static AxValue *
run(Machine *m)
{
  while (m->p < m->end) {
    const guint8 opcode = *m->p++;
    if (opcode == '.') { /* STOP */
      if (m->top != 1 || m->n_marks != 0) {
        damaged(m, "the pickle stops with more or fewer than one value");
        return NULL;
      }
      if (m->p != m->end) {
        damaged(m, "something follows the end of the pickle");
        return NULL;
      }
      if (!ax_value_measure(m->stack[0])) {
        refuse(m, AX_CHECKPOINT_ERROR_REFUSED, "values are nested too deeply, or contain themselves");
        return NULL;
      }
      return m->stack[0];
    }
    if (!step(m, opcode))
      return NULL;
    if (ax_value_pool_n(m->pool) > MAX_VALUES) {
      refuse(m, AX_CHECKPOINT_ERROR_REFUSED, "there are too many values");
      return NULL;
    }
  }
  damaged(m, "the pickle is truncated");
  return NULL;
}

AxValue *
ax_pickle_read(const guint8 *data, gsize size, AxValuePool *pool, GArray *tensors, gint64 max_expanded, AxPickleStorageFn storage,
               void *user, GError **error)
{
  GError *reason = NULL;
  g_autofree Machine *m = g_new0(Machine, 1);
  m->begin = m->p = data;
  m->end = data + size;
  m->pool = pool;
  m->tensors = tensors;
  m->storages = g_array_new(FALSE, FALSE, sizeof(Storage));
  m->max_expanded = max_expanded;
  m->find_storage = storage;
  m->user = user;
  m->stack = g_new(AxValue *, MAX_STACK);
  m->none = new_value(m, AX_VALUE_NONE);
  m->yes = new_value(m, AX_VALUE_BOOL);
  m->yes->u.number = 1;
  m->no = new_value(m, AX_VALUE_BOOL);
  m->empty = new_value(m, AX_VALUE_TUPLE);
  m->error = &reason;

  AxValue *root = run(m);
  g_array_unref(m->storages);
  g_free(m->stack);
  g_free(m->memo);
  if (reason != NULL)
    g_propagate_error(error, reason);
  return root;
}
