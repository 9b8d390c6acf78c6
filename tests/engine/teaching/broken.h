/* Files of teaching that are broken on purpose. May use GLib and the errors of engine/teaching. */
#pragma once
#include <glib.h>

typedef struct {
  const char *from, *to;       /* what stands in a good file once or more, and what takes its first place */
  const char *says;            /* part of the message that refuses it */
} BrokenFile;

/* Reads text of that length, called NAME in messages; NULL with an error of AX_ROUND_ERROR. */
typedef gpointer (*BrokenRead) (const char *text, gsize length, const char *name, GError **error);

/* Each change to the good file is refused for its reason. */
void assert_broken (const char *good, const BrokenFile *broken, guint n, BrokenRead read);
/* Every third byte changed: what is read, or an error, never both or neither. */
void assert_bytes_broken (const char *good, BrokenRead read, GDestroyNotify free_read);
