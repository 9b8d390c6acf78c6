/* pickle.c: the machine, its stack and its opcodes; what calls and names stand for is in pickle_objects.c. */
#include <string.h>

#include "engine/checkpoint/pickle-private.h"

/* Every value costs about 48 bytes here and at least one byte there; real files stay far below these. */
#define MAX_STACK 65536u
#define MAX_VALUES (64u * 1000 * 1000)

gboolean
pickle_refuse(PickleMachine *m, AxCheckpointError code, const char *format, ...)
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

gboolean
pickle_damaged(PickleMachine *m, const char *what)
{
  return pickle_refuse(m, AX_CHECKPOINT_ERROR_DAMAGED, "%s", what);
}

AxValue *
pickle_new_value(PickleMachine *m, guint kind)
{
  return ax_value_pool_add(m->pool, (AxValueKind) kind);
}

gboolean
pickle_push(PickleMachine *m, AxValue *value)
{
  if (value == NULL)
    return FALSE;
  if (m->top == MAX_STACK)
    return pickle_refuse(m, AX_CHECKPOINT_ERROR_REFUSED, "values are nested too deeply");
  m->stack[m->top++] = value;
  return TRUE;
}

/* Values above the last mark may be used; those below belong to whatever set the mark. */
static guint
floor_of(const PickleMachine *m)
{
  return m->n_marks > 0 ? m->marks[m->n_marks - 1] : 0;
}

AxValue *
pickle_pop(PickleMachine *m)
{
  if (m->top <= floor_of(m)) {
    pickle_damaged(m, "the stack is empty");
    return NULL;
  }
  return m->stack[--m->top];
}

AxValue *
pickle_peek(PickleMachine *m)
{
  if (m->top <= floor_of(m)) {
    pickle_damaged(m, "the stack is empty");
    return NULL;
  }
  return m->stack[m->top - 1];
}

static gboolean
pop_mark(PickleMachine *m, guint *first)
{
  if (m->n_marks == 0)
    return pickle_damaged(m, "there is no mark");
  *first = m->marks[--m->n_marks];
  return TRUE;
}

static const guint8 *
take(PickleMachine *m, guint64 n)
{
  if (n > (guint64) (m->end - m->p)) {
    pickle_refuse(m, AX_CHECKPOINT_ERROR_DAMAGED, "%" G_GUINT64_FORMAT " bytes are claimed, %td are left", n, m->end - m->p);
    return NULL;
  }
  const guint8 *p = m->p;
  m->p += n;
  return p;
}

static gboolean
take_uint(PickleMachine *m, guint bytes, guint64 *value)
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
new_int(PickleMachine *m, gint64 number)
{
  if (number >= 0 && number < 256 && m->small[number] != NULL)
    return m->small[number];
  AxValue *value = pickle_new_value(m, AX_VALUE_INT);
  value->u.number = number;
  if (number >= 0 && number < 256)
    m->small[number] = value;
  return value;
}

static AxValue *
new_text(PickleMachine *m, AxValueKind kind, const guint8 *text, gsize length)
{
  if (length > G_MAXUINT32 / 2) {
    pickle_refuse(m, AX_CHECKPOINT_ERROR_REFUSED, "a string is too long");
    return NULL;
  }
  if (kind == AX_VALUE_STRING && !g_utf8_validate_len((const char *) text, length, NULL)) {
    pickle_damaged(m, "a string is not valid UTF-8");
    return NULL;
  }
  AxValue *value = pickle_new_value(m, kind);
  value->length = (guint32) length;
  value->u.text = g_malloc(length + 1);
  memcpy(value->u.text, text, length);
  value->u.text[length] = 0;
  return value;
}

static gboolean
push_text(PickleMachine *m, AxValueKind kind, guint length_bytes)
{
  guint64 length;
  if (!take_uint(m, length_bytes, &length))
    return FALSE;
  const guint8 *text = take(m, length);
  return text != NULL && pickle_push(m, new_text(m, kind, text, length));
}

/* A little-endian two's complement integer of any length. */
static gboolean
push_long(PickleMachine *m, guint length_bytes)
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
    return pickle_push(m, new_int(m, (gint64) number));
  }
  if (length > 64)
    return pickle_refuse(m, AX_CHECKPOINT_ERROR_REFUSED, "an integer of %" G_GUINT64_FORMAT " bytes", length);
  g_autoptr(GString) hex = g_string_new("0x");
  for (guint i = (guint) length; i-- > 0;)
    g_string_append_printf(hex, "%02x", p[i]);
  return pickle_push(m, new_text(m, AX_VALUE_STRING, (const guint8 *) hex->str, hex->len));
}

/* A container of the values since the last mark. */
static gboolean
collect(PickleMachine *m, AxValueKind kind)
{
  guint first = 0;
  if (!pop_mark(m, &first))
    return FALSE;
  AxValue *value = kind == AX_VALUE_TUPLE && m->top == first ? m->empty : pickle_new_value(m, kind);
  if (kind == AX_VALUE_DICT && (m->top - first) % 2 != 0)
    return pickle_damaged(m, "a dict has a key without a value");
  if (!ax_value_append(value, m->stack + first, m->top - first))
    return pickle_damaged(m, "a container is too large");
  m->top = first;
  return pickle_push(m, value);
}

/* Appends the values since the last mark to the container below it. */
static gboolean
extend(PickleMachine *m, AxValueKind kind, gboolean since_mark, guint count)
{
  guint first = 0;
  if (since_mark) {
    if (!pop_mark(m, &first))
      return FALSE;
  } else {
    if (m->top - floor_of(m) < count)
      return pickle_damaged(m, "the stack is empty");
    first = m->top - count;
  }
  if (first <= floor_of(m))
    return pickle_damaged(m, "there is nothing to append to");
  AxValue *target = m->stack[first - 1];
  if (target->kind != kind)
    return pickle_refuse(m, AX_CHECKPOINT_ERROR_DAMAGED, "a %s is expected to append to", ax_value_kind_name(kind));
  if (kind == AX_VALUE_DICT && (m->top - first) % 2 != 0)
    return pickle_damaged(m, "a dict has a key without a value");
  if (!ax_value_append(target, m->stack + first, m->top - first))
    return pickle_damaged(m, "a container is too large");
  m->top = first;
  return TRUE;
}

static gboolean
push_tuple(PickleMachine *m, guint n)
{
  if (m->top - floor_of(m) < n)
    return pickle_damaged(m, "the stack is empty");
  AxValue *tuple = pickle_new_value(m, AX_VALUE_TUPLE);
  ax_value_append(tuple, m->stack + m->top - n, n);
  m->top -= n;
  return pickle_push(m, tuple);
}

static gboolean
memo_put(PickleMachine *m, guint64 index)
{
  AxValue *value = pickle_peek(m);
  if (value == NULL)
    return FALSE;
  if (index >= (guint64) (m->end - m->begin))
    return pickle_refuse(m, AX_CHECKPOINT_ERROR_REFUSED, "memo number %" G_GUINT64_FORMAT " is out of range", index);
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
memo_get(PickleMachine *m, guint64 index)
{
  if (index >= m->memo_room || m->memo[index] == NULL)
    return pickle_refuse(m, AX_CHECKPOINT_ERROR_DAMAGED, "memo number %" G_GUINT64_FORMAT " was never set", index);
  return pickle_push(m, m->memo[index]);
}

static gboolean
push_float(PickleMachine *m)
{
  const guint8 *p = take(m, 8);
  if (p == NULL)
    return FALSE;
  guint64 bits = 0;
  for (guint i = 0; i < 8; i++)
    bits = bits << 8 | p[i];
  AxValue *value = pickle_new_value(m, AX_VALUE_FLOAT);
  memcpy(&value->u.real, &bits, 8);
  return pickle_push(m, value);
}

static gboolean
step(PickleMachine *m, guint8 opcode)
{
  guint64 n;
  guint first = 0;
  switch (opcode) {
  case 0x80: /* PROTO */
    if (!take_uint(m, 1, &n))
      return FALSE;
    return n >= 2 && n <= 5 ? TRUE : pickle_refuse(m, AX_CHECKPOINT_ERROR_UNSUPPORTED, "pickle protocol %u", (guint) n);
  case 0x95: /* FRAME */
    if (!take_uint(m, 8, &n))
      return FALSE;
    return n <= (guint64) (m->end - m->p) ? TRUE : pickle_damaged(m, "a frame runs past the end");
  case '(': /* MARK */
    if (m->n_marks == PICKLE_MAX_MARKS)
      return pickle_refuse(m, AX_CHECKPOINT_ERROR_REFUSED, "values are nested too deeply");
    m->marks[m->n_marks++] = m->top;
    return TRUE;
  case '0': /* POP */
    return pickle_pop(m) != NULL;
  case '1': /* POP_MARK */
    if (!pop_mark(m, &first))
      return FALSE;
    m->top = first;
    return TRUE;
  case 'N': /* NONE */
    return pickle_push(m, m->none);
  case 0x88: /* NEWTRUE */
    return pickle_push(m, m->yes);
  case 0x89: /* NEWFALSE */
    return pickle_push(m, m->no);
  case 'J': /* BININT */
    return take_uint(m, 4, &n) && pickle_push(m, new_int(m, (gint32) (guint32) n));
  case 'K': /* BININT1 */
    return take_uint(m, 1, &n) && pickle_push(m, new_int(m, (gint64) n));
  case 'M': /* BININT2 */
    return take_uint(m, 2, &n) && pickle_push(m, new_int(m, (gint64) n));
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
    return pickle_push(m, pickle_new_value(m, AX_VALUE_LIST));
  case ')': /* EMPTY_TUPLE */
    return pickle_push(m, m->empty);
  case '}': /* EMPTY_DICT */
    return pickle_push(m, pickle_new_value(m, AX_VALUE_DICT));
  case 0x8f: /* EMPTY_SET */
    return pickle_push(m, pickle_new_value(m, AX_VALUE_SET));
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
    return pickle_op_global(m);
  case 0x93: /* STACK_GLOBAL */
    return pickle_op_stack_global(m);
  case 'R': /* REDUCE */
  case 0x81: /* NEWOBJ */
    return pickle_op_reduce(m);
  case 'b': /* BUILD */
    return pickle_op_build(m);
  case 'Q': /* BINPERSID */
    return pickle_op_persistent_id(m);
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
    return pickle_refuse(m, AX_CHECKPOINT_ERROR_REFUSED, "opcode 0x%02x is not on the list of harmless ones", opcode);
  }
}

static AxValue *
run(PickleMachine *m)
{
  while (m->p < m->end) {
    const guint8 opcode = *m->p++;
    if (opcode == '.') { /* STOP */
      if (m->top != 1 || m->n_marks != 0) {
        pickle_damaged(m, "the pickle stops with more or fewer than one value");
        return NULL;
      }
      if (m->p != m->end) {
        pickle_damaged(m, "something follows the end of the pickle");
        return NULL;
      }
      if (!ax_value_measure(m->stack[0])) {
        pickle_refuse(m, AX_CHECKPOINT_ERROR_REFUSED, "values are nested too deeply, or contain themselves");
        return NULL;
      }
      return m->stack[0];
    }
    if (!step(m, opcode))
      return NULL;
    if (ax_value_pool_n(m->pool) > MAX_VALUES) {
      pickle_refuse(m, AX_CHECKPOINT_ERROR_REFUSED, "there are too many values");
      return NULL;
    }
  }
  pickle_damaged(m, "the pickle is truncated");
  return NULL;
}

AxValue *
ax_pickle_read(const guint8 *data, gsize size, AxValuePool *pool, GArray *tensors, gint64 max_expanded, AxPickleStorageFn storage,
               void *user, GError **error)
{
  GError *reason = NULL;
  g_autofree PickleMachine *m = g_new0(PickleMachine, 1);
  m->begin = m->p = data;
  m->end = data + size;
  m->pool = pool;
  m->tensors = tensors;
  m->storages = g_array_new(FALSE, FALSE, sizeof(PickleStorage));
  m->max_expanded = max_expanded;
  m->find_storage = storage;
  m->user = user;
  m->stack = g_new(AxValue *, MAX_STACK);
  m->none = pickle_new_value(m, AX_VALUE_NONE);
  m->yes = pickle_new_value(m, AX_VALUE_BOOL);
  m->yes->u.number = 1;
  m->no = pickle_new_value(m, AX_VALUE_BOOL);
  m->empty = pickle_new_value(m, AX_VALUE_TUPLE);
  m->error = &reason;

  AxValue *root = run(m);
  g_array_unref(m->storages);
  g_free(m->stack);
  g_free(m->memo);
  if (reason != NULL)
    g_propagate_error(error, reason);
  return root;
}
