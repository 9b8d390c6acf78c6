/* Boxes of a teaching round on the picture. What lives here: AxRoundLayer, which draws the region that is asked about and, once revealed, the learner's
 * boxes, the accepted ones and the model's: each voice with its own line style, colour and label. May use GTK, ui/layer.h and engine/image/label-placement.h. */
#pragma once

#include "ui/layer.h"

G_BEGIN_DECLS

typedef enum {
  AX_VOICE_QUESTION, /* long dashes, sky blue */
  AX_VOICE_LEARNER,  /* a double line, white */
  AX_VOICE_ACCEPTED, /* solid, green */
  AX_VOICE_MODEL,    /* dots, orange */
  AX_N_VOICES
} AxVoice;

#define AX_TYPE_ROUND_LAYER (ax_round_layer_get_type())
G_DECLARE_FINAL_TYPE(AxRoundLayer, ax_round_layer, AX, ROUND_LAYER, AxLayer)

AxRoundLayer *ax_round_layer_new(void);
void ax_round_layer_clear(AxRoundLayer *self);
/* Pixels of the image. */
void ax_round_layer_add(AxRoundLayer *self, AxVoice voice, guint n, const AxBox *boxes);
guint ax_round_layer_get_n(AxRoundLayer *self, AxVoice voice);
/* Short translated name of a voice, as its label says it. */
const char *ax_voice_name(AxVoice voice);

G_END_DECLS
