/* train_state.h: the resumable state of a training run and plain weight files of a model. Files are safetensors, written whole or not at all.
 * May use engine/model and engine/checkpoint. */
#pragma once
#include "engine/model/tensor.h"
#include <gio/gio.h>

/* Weights, moments and step of several parameter sets (the model's and the auxiliary heads'). */
gboolean ax_train_state_save (const char *path, AxParameters *const *sets, guint n_sets, gint64 step, double best, GError **error);
/* FALSE with an error if a parameter is missing or has another shape: the configuration changed. */
gboolean ax_train_state_load (const char *path, AxParameters *const *sets, guint n_sets, gint64 *step, double *best, GError **error);

/* The parameters alone, float32, under their names. */
gboolean ax_parameters_save (const char *path, AxParameters *params, GError **error);
gboolean ax_parameters_load (const char *path, AxParameters *params, GError **error);
