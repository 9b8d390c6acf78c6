/* The boxes of an answer on the picture. What lives here: AxAnswerLayer, which draws the boxes that the language model named, in one colour with long dashes and
 * their labels, unlike the structures' (colours, by group) and the reader's (white, solid). May use GTK, ui/layer.h and ui/exchange.h. */
#pragma once

#include "ui/exchange.h"
#include "ui/layer.h"

G_BEGIN_DECLS

#define AX_TYPE_ANSWER_LAYER (ax_answer_layer_get_type())
G_DECLARE_FINAL_TYPE(AxAnswerLayer, ax_answer_layer, AX, ANSWER_LAYER, AxLayer)

AxAnswerLayer *ax_answer_layer_new(void);
/* The exchange whose boxes are shown, or NULL. */
void ax_answer_layer_set_exchange(AxAnswerLayer *self, AxExchange *exchange);
/* The sentence whose boxes are lit, or -1 for all alike. */
void ax_answer_layer_set_lit(AxAnswerLayer *self, int sentence);
/* Boxes below this confidence are not shown. */
void ax_answer_layer_set_threshold(AxAnswerLayer *self, double confidence);
/* Finds places for the labels in the view that is drawn next, away from the obstacles (AxBox in view pixels); an array of AxBox.
 * (transfer none) */
GArray *ax_answer_layer_place_labels(AxAnswerLayer *self, GtkWidget *widget, AxViewport *viewport, const GArray *obstacles);
/* How many boxes are shown, and how many of them lit. */
guint ax_answer_layer_get_n_shown(AxAnswerLayer *self);
guint ax_answer_layer_get_n_lit(AxAnswerLayer *self);

G_END_DECLS
