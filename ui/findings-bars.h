/* The finding probabilities. What lives here: AxFindingsBars, one labelled bar for each of the model's labels, most probable first,
 * with a word (unlikely below 0.33, possible below 0.66, likely) so that length and colour are never alone. Accessible role of the
 * bars: meter. May use GTK and engine/anatomix.h. */
#pragma once

#include "engine/anatomix.h"
#include <gtk/gtk.h>

G_BEGIN_DECLS

#define AX_TYPE_FINDINGS_BARS (ax_findings_bars_get_type())
G_DECLARE_FINAL_TYPE(AxFindingsBars, ax_findings_bars, AX, FINDINGS_BARS, GtkWidget)

GtkWidget *ax_findings_bars_new(void);
void ax_findings_bars_set_perception(AxFindingsBars *self, AxPerception *perception); /* or NULL */

/* What stands there while there is nothing to show; NULL: that there is no answer yet. */
void ax_findings_bars_set_note(AxFindingsBars *self, const char *note);

/* The word for a probability, translated. */
const char *ax_findings_bars_word(double probability);

G_END_DECLS
