/* The machine of pickle.h, shared by pickle.c (stack and opcodes) and pickle_objects.c (names and calls). Functions return FALSE or NULL with the machine's
 * error set. */
#pragma once

#include "engine/checkpoint/pickle.h"

G_BEGIN_DECLS

#define PICKLE_MAX_MARKS 256u

typedef struct {
  AxDtype dtype;
  const guint8 *data;
  gint64 n;
  int member;
} PickleStorage;

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
  guint marks[PICKLE_MAX_MARKS];
  guint n_marks;
  AxValue **memo;
  gsize memo_room, memo_next;
  AxValue *small[256], *none, *yes, *no, *empty;
  GError **error;
} PickleMachine;

gboolean pickle_refuse(PickleMachine *m, AxCheckpointError code, const char *format, ...) G_GNUC_PRINTF(3, 4);
gboolean pickle_damaged(PickleMachine *m, const char *what);

AxValue *pickle_new_value(PickleMachine *m, guint kind);
gboolean pickle_push(PickleMachine *m, AxValue *value); /* NULL: an error is set already */
AxValue *pickle_pop(PickleMachine *m);
AxValue *pickle_peek(PickleMachine *m);

/* Opcodes about names and calls. */
gboolean pickle_op_global(PickleMachine *m);
gboolean pickle_op_stack_global(PickleMachine *m);
gboolean pickle_op_persistent_id(PickleMachine *m);
gboolean pickle_op_reduce(PickleMachine *m);
gboolean pickle_op_build(PickleMachine *m);

/* What calling a global with a tuple of arguments stands for. */
AxValue *pickle_construct(PickleMachine *m, const AxValue *callee, AxValue *arguments);

G_END_DECLS
