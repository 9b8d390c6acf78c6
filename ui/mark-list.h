/* The reader's marks as a list. What lives here: AxMarkList, one row for each mark with what it measures and a button that deletes it, linked with the
 * marks' selection, so that every measurement can be read and reached without the picture. Accessible role of the rows: list item,
 * named by kind and result. May use GTK, ui/marks.h and ui/measure.h. */
#pragma once

#include "ui/marks.h"
#include <gtk/gtk.h>

G_BEGIN_DECLS

#define AX_TYPE_MARK_LIST (ax_mark_list_get_type())
G_DECLARE_FINAL_TYPE(AxMarkList, ax_mark_list, AX, MARK_LIST, GtkWidget)

GtkWidget *ax_mark_list_new(void);
void ax_mark_list_set_marks(AxMarkList *self, AxMarks *marks, AxImage *image); /* image may be NULL: no rows */

G_END_DECLS
