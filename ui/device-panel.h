/* What the model computes on. What lives here: AxDevicePanel, the inside of the popover at the model's name: the choice of the device (the window's action
 * "win.device"), why it is not the graphics processor, the memory that the model takes, and the tokens a second of the last answer. It looks at the session
 * twice a second while it is on screen or a move is under way. May use GTK, ui/asker.h, ui/exchange-view.h and engine/anatomix.h. */
#pragma once

#include "ui/asker.h"
#include <gtk/gtk.h>

G_BEGIN_DECLS

#define AX_TYPE_DEVICE_PANEL (ax_device_panel_get_type())
G_DECLARE_FINAL_TYPE(AxDevicePanel, ax_device_panel, AX, DEVICE_PANEL, GtkWidget)

/* Emits "moved" when the session has come to the device that was chosen, or has said why it did not. */
GtkWidget *ax_device_panel_new(void);
/* Whose device it is and whose answers are measured; or NULL. */
void ax_device_panel_set_asker(AxDevicePanel *self, AxSession *session, AxAsker *asker);
/* Another device was chosen: looks until the session is there. */
void ax_device_panel_watch(AxDevicePanel *self);

G_END_DECLS
