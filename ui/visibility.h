/* Which structures are shown. What lives here: AxVisibility, one choice that all pictures and the list of a window share: all boxes at once, by
 * group, and one by one. May use engine/anatomix.h; no GTK, so it is tested without a display. */
#pragma once

#include "engine/anatomix.h"

G_BEGIN_DECLS

#define AX_TYPE_VISIBILITY (ax_visibility_get_type())
G_DECLARE_FINAL_TYPE(AxVisibility, ax_visibility, AX, VISIBILITY, GObject)

/* Everything is shown. Signal "changed". */
AxVisibility *ax_visibility_new(void);

gboolean ax_visibility_get_all(AxVisibility *self);
void ax_visibility_set_all(AxVisibility *self, gboolean visible);
gboolean ax_visibility_get_group(AxVisibility *self, AxAnatomyGroup group);
/* Showing a group shows every structure of it, also one that was hidden alone. */
void ax_visibility_set_group(AxVisibility *self, AxAnatomyGroup group, gboolean visible);
gboolean ax_visibility_get_structure(AxVisibility *self, guint index);
/* Showing a structure of a hidden group shows it alone: the others of the group stay hidden. */
void ax_visibility_set_structure(AxVisibility *self, guint index, gboolean visible);
/* Whether its box is drawn: all boxes are shown, its group is not hidden and it is not. */
gboolean ax_visibility_shows(AxVisibility *self, guint index);

G_END_DECLS
