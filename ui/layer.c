#include "ui/layer.h"

static guint changed_signal;

G_DEFINE_ABSTRACT_TYPE(AxLayer, ax_layer, G_TYPE_OBJECT)

static void ax_layer_class_init(AxLayerClass *klass) {
  changed_signal = g_signal_new("changed", G_TYPE_FROM_CLASS(klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void ax_layer_init(AxLayer *self) {}

void ax_layer_snapshot(AxLayer *self, GtkWidget *widget, AxViewport *viewport, GtkSnapshot *snapshot) {
  AX_LAYER_GET_CLASS(self)->snapshot(self, widget, viewport, snapshot);
}

void ax_layer_changed(AxLayer *self) { g_signal_emit(self, changed_signal, 0); }
