/* What the picture says about its own position. What lives here: AxLettersLayer, which writes the patient's directions at the edges of the
 * view when the file gives them, and a note while the view is mirrored. May use GTK, ui/layer.h and ui/orientation.h. */
#pragma once

#include "ui/layer.h"

G_BEGIN_DECLS

#define AX_TYPE_LETTERS_LAYER (ax_letters_layer_get_type())
G_DECLARE_FINAL_TYPE(AxLettersLayer, ax_letters_layer, AX, LETTERS_LAYER, AxLayer)

AxLettersLayer *ax_letters_layer_new(void);
void ax_letters_layer_set_image(AxLettersLayer *self, AxImage *image); /* or NULL */

G_END_DECLS
