/* apm_file.h: the Anatomy Perception Module in files: the "apm" object of model.json and weights in safetensors. May use engine/checkpoint. */
#pragma once
#include "engine/model/apm.h"
#include <json-glib/json-glib.h>

/* Reads "depth", "input_size", "hidden", "heads", "enc_layers", "dec_layers", "ffn", "n_objects", "proj_dim", "n_labels", "text_dim", "text_hidden".
 * Errors: a missing or impossible value. */
gboolean    ax_apm_config_from_json (JsonObject *object, AxApmConfig *config, GError **error);
JsonObject *ax_apm_config_to_json   (const AxApmConfig *config);

/* How weights are stored. I8: matrices and convolutions of 4096 elements or more as 8-bit integers with one scale per output row (NAME.scale), the rest
 * as F16. Values of an 8-bit row are the row's scale times -127..127, so the error is at most half a scale. */
typedef enum { AX_APM_STORE_F32, AX_APM_STORE_F16, AX_APM_STORE_I8 } AxApmStore;

/* Text-side parameters (text_model.*) are left out unless with_text. */
gboolean    ax_apm_save (AxApm *apm, const char *path, AxApmStore store, gboolean with_text, GError **error);
/* Fills every parameter of apm from the file (any of the forms above, or a published checkpoint's tensors). Errors: a tensor is missing, has another
 * shape, or is damaged. Tensors that the model does not know are ignored only if their names begin with text_model. */
gboolean    ax_apm_load (AxApm *apm, const char *path, GError **error);
