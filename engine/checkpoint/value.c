#include "engine/checkpoint/value.h"

#include <string.h>

#include "engine/checkpoint/value-private.h"

#define POOL_BLOCK 512

struct _AxValuePool {
  GPtrArray *blocks; /* AxValue[POOL_BLOCK] */
  guint used;        /* of the last block */
};

AxValuePool *
ax_value_pool_new(void)
{
  AxValuePool *self = g_new0(AxValuePool, 1);
  self->blocks = g_ptr_array_new_with_free_func(g_free);
  self->used = POOL_BLOCK;
  return self;
}

gsize
ax_value_pool_n(const AxValuePool *self)
{
  return self->blocks->len == 0 ? 0 : (gsize) (self->blocks->len - 1) * POOL_BLOCK + self->used;
}

static gboolean
is_container(const AxValue *value)
{
  return value->kind == AX_VALUE_LIST || value->kind == AX_VALUE_TUPLE || value->kind == AX_VALUE_SET || value->kind == AX_VALUE_DICT;
}

void
ax_value_pool_free(AxValuePool *self)
{
  for (guint b = 0; b < self->blocks->len; b++) {
    AxValue *block = self->blocks->pdata[b];
    const guint n = b + 1 == self->blocks->len ? self->used : POOL_BLOCK;
    for (guint i = 0; i < n; i++) {
      if (is_container(&block[i]))
        g_free(block[i].u.list.items);
      else if (block[i].kind == AX_VALUE_STRING || block[i].kind == AX_VALUE_BYTES)
        g_free(block[i].u.text);
    }
  }
  g_ptr_array_unref(self->blocks);
  g_free(self);
}

AxValue *
ax_value_pool_add(AxValuePool *self, AxValueKind kind)
{
  if (self->used == POOL_BLOCK) {
    g_ptr_array_add(self->blocks, g_new0(AxValue, POOL_BLOCK));
    self->used = 0;
  }
  AxValue *block = self->blocks->pdata[self->blocks->len - 1];
  AxValue *value = &block[self->used++];
  value->kind = (guint8) kind;
  return value;
}

gboolean
ax_value_append(AxValue *self, AxValue *const *items, guint32 n)
{
  AxValueItems *list = &self->u.list;
  if (n > G_MAXINT32 / 2 - list->n)
    return FALSE;
  if (n > list->room - list->n) {
    /* The first time exactly as much as is asked for: tuples never grow, and most values are in tuples. */
    list->room = list->room == 0 ? n : MAX(list->n + n, list->room + list->room / 2);
    list->items = g_renew(AxValue *, list->items, list->room);
  }
  if (n > 0)
    memcpy(list->items + list->n, items, n * sizeof *items);
  list->n += n;
  return TRUE;
}

/* The children of a value, in order; NULL past the last. */
static AxValue *
child(AxValue *value, guint32 i)
{
  if (is_container(value))
    return i < value->u.list.n ? value->u.list.items[i] : NULL;
  if (value->kind == AX_VALUE_OPAQUE) {
    if (i == 0 && value->u.object.arguments != NULL)
      return value->u.object.arguments;
    if (i == (value->u.object.arguments != NULL ? 1u : 0u))
      return value->u.object.state;
  }
  return NULL;
}

gboolean
ax_value_measure(AxValue *root)
{
  /* Depth first without recursion: the stack never holds more than the permitted depth. */
  struct {
    AxValue *value;
    guint32 next;
  } stack[AX_VALUE_MAX_DEPTH + 1];
  guint top = 0;
  stack[top].value = root;
  stack[top++].next = 0;
  root->mark = 1;
  while (top > 0) {
    AxValue *value = stack[top - 1].value;
    AxValue *next = child(value, stack[top - 1].next++);
    if (next == NULL) {
      value->mark = 0;
      if (value->depth == 0)
        value->depth = 1;
      top--;
      if (top > 0) {
        AxValue *parent = stack[top - 1].value;
        parent->depth = MAX(parent->depth, (guint8) (value->depth + 1));
        if (parent->depth > AX_VALUE_MAX_DEPTH)
          return FALSE;
      }
    } else if (next->mark) {
      return FALSE; /* contains itself */
    } else if (next->depth > 0) {
      value->depth = MAX(value->depth, (guint8) (next->depth + 1));
      if (value->depth > AX_VALUE_MAX_DEPTH)
        return FALSE;
    } else {
      if (top == AX_VALUE_MAX_DEPTH)
        return FALSE;
      next->mark = 1;
      stack[top].value = next;
      stack[top++].next = 0;
    }
  }
  return TRUE;
}

AxValueKind
ax_value_get_kind(const AxValue *self)
{
  return self->kind == AX_VALUE_KIND_STORAGE ? AX_VALUE_OPAQUE : (AxValueKind) self->kind;
}

const char *
ax_value_kind_name(AxValueKind kind)
{
  static const char *const names[] = { "None",  "bool", "int", "float", "string", "bytes",
                                       "list", "tuple", "set", "dict", "tensor", "object" };
  return names[kind];
}

gint64
ax_value_get_int(const AxValue *self)
{
  return self->kind == AX_VALUE_INT || self->kind == AX_VALUE_BOOL ? self->u.number : 0;
}

double
ax_value_get_float(const AxValue *self)
{
  return self->kind == AX_VALUE_FLOAT ? self->u.real : (double) ax_value_get_int(self);
}

const char *
ax_value_get_string(const AxValue *self, gsize *length)
{
  if (self->kind != AX_VALUE_STRING && self->kind != AX_VALUE_BYTES)
    return NULL;
  if (length != NULL)
    *length = self->length;
  return self->u.text;
}

guint
ax_value_n(const AxValue *self)
{
  if (!is_container(self))
    return 0;
  return self->kind == AX_VALUE_DICT ? self->u.list.n / 2 : self->u.list.n;
}

const AxValue *
ax_value_item(const AxValue *self, guint i)
{
  g_return_val_if_fail(i < ax_value_n(self), NULL);
  return self->u.list.items[self->kind == AX_VALUE_DICT ? 2 * i + 1 : i];
}

const AxValue *
ax_value_key(const AxValue *self, guint i)
{
  g_return_val_if_fail(self->kind == AX_VALUE_DICT && i < ax_value_n(self), NULL);
  return self->u.list.items[2 * i];
}

const AxValue *
ax_value_get(const AxValue *self, const char *key)
{
  if (self->kind == AX_VALUE_OPAQUE)
    return self->u.object.state != NULL && self->u.object.state->kind == AX_VALUE_DICT ? ax_value_get(self->u.object.state, key) : NULL;
  if (self->kind != AX_VALUE_DICT)
    return NULL;
  const gsize length = strlen(key);
  for (guint i = ax_value_n(self); i-- > 0;) {
    const AxValue *k = self->u.list.items[2 * i];
    if (k->kind == AX_VALUE_STRING && k->length == length && memcmp(k->u.text, key, length) == 0)
      return self->u.list.items[2 * i + 1];
  }
  return NULL;
}

int
ax_value_get_tensor(const AxValue *self)
{
  return self->kind == AX_VALUE_TENSOR ? (int) self->u.number : -1;
}

const char *
ax_value_get_type_name(const AxValue *self)
{
  if (self->kind == AX_VALUE_KIND_STORAGE)
    return "torch.Storage";
  return self->kind == AX_VALUE_OPAQUE ? ax_pickle_global_name(self->u.object.global) : NULL;
}

const AxValue *
ax_value_get_arguments(const AxValue *self)
{
  return self->kind == AX_VALUE_OPAQUE ? self->u.object.arguments : NULL;
}

const AxValue *
ax_value_get_state(const AxValue *self)
{
  return self->kind == AX_VALUE_OPAQUE ? self->u.object.state : NULL;
}
