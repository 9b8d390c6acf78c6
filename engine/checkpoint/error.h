/* The one error domain of engine/checkpoint. Every message names the file part at fault and what was expected of it. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define AX_CHECKPOINT_ERROR (ax_checkpoint_error_quark())
GQuark ax_checkpoint_error_quark(void);

typedef enum {
  AX_CHECKPOINT_ERROR_READ,        /* the file could not be opened, mapped or read */
  AX_CHECKPOINT_ERROR_UNSUPPORTED, /* recognised, but of a kind that is not read (legacy torch, GGUF, compressed zip, ...) */
  AX_CHECKPOINT_ERROR_DAMAGED,     /* lengths, offsets, checksums or grammar do not hold */
  AX_CHECKPOINT_ERROR_REFUSED,     /* would run code, or claims more than the file can hold */
  AX_CHECKPOINT_ERROR_MISSING,     /* a tensor, object name, key or file that has to be there is not */
  AX_CHECKPOINT_ERROR_MISMATCH,    /* there, but with the wrong shape, type, count or SHA-256 */
  AX_CHECKPOINT_ERROR_WRITE,       /* nothing was changed on disk: full disk, no permission, ... */
  AX_CHECKPOINT_ERROR_ARGUMENT,    /* a caller asked for a tensor or size that does not exist */
} AxCheckpointError;

G_END_DECLS
