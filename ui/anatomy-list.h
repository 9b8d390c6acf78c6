/* The structures as a list. What lives here: AxAnatomyList, a searchable list of the 36 anatomical structures by group, each with the
 * retrieved sentence and its similarity, the next best ones while it is selected, and a button that hides its box. Hovered and selected are linked with a canvas by property bindings. Accessible role of
 * the rows: list item, named by structure and sentence. May use GTK and engine/anatomix.h. */
#pragma once

#include "ui/visibility.h"
#include <gtk/gtk.h>

G_BEGIN_DECLS

#define AX_TYPE_ANATOMY_LIST (ax_anatomy_list_get_type())
G_DECLARE_FINAL_TYPE(AxAnatomyList, ax_anatomy_list, AX, ANATOMY_LIST, GtkWidget)

/* Properties, with explicit notify, readable and writable: hovered and selected, an index of a structure or -1. */
GtkWidget *ax_anatomy_list_new(void);
void ax_anatomy_list_set_perception(AxAnatomyList *self, AxPerception *perception); /* or NULL */
/* The choice that the eyes show and change. */
void ax_anatomy_list_set_visibility(AxAnatomyList *self, AxVisibility *visibility);
int ax_anatomy_list_get_hovered(AxAnatomyList *self);
void ax_anatomy_list_set_hovered(AxAnatomyList *self, int index);
int ax_anatomy_list_get_selected(AxAnatomyList *self);
void ax_anatomy_list_set_selected(AxAnatomyList *self, int index);
void ax_anatomy_list_focus_search(AxAnatomyList *self);

G_END_DECLS
