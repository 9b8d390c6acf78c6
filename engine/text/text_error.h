/* The one error domain of engine/text. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define AX_TEXT_ERROR (ax_text_error_quark())
GQuark ax_text_error_quark(void);

typedef enum {
  AX_TEXT_ERROR_READ,   /* the file is missing, too large or damaged */
  AX_TEXT_ERROR_FORMAT, /* it is no vocabulary of the kind that was asked for, or lacks a token that has to be there */
} AxTextError;

G_END_DECLS
