/* Drawing marks by hand. What lives here: AxMarkTool, which turns presses, moves and keys in a view into marks: new ones with the chosen
 * tool, handles of the selected one, moves. It knows the viewport and the marks and no widget, so it is tested without a display. A new
 * mark is drawn by dragging, or by a click, a move and a click; the third point of an angle follows the pointer to a click. */
#pragma once

#include "ui/marks.h"
#include "ui/viewport.h"

G_BEGIN_DECLS

typedef enum { AX_TOOL_SELECT, AX_TOOL_LENGTH, AX_TOOL_ANGLE, AX_TOOL_REGION, AX_TOOL_BOX, AX_N_TOOLS } AxTool;

#define AX_TYPE_MARK_TOOL (ax_mark_tool_get_type())
G_DECLARE_FINAL_TYPE(AxMarkTool, ax_mark_tool, AX, MARK_TOOL, GObject)

/* Signal "tool-changed" when the chosen tool changes: after a mark is drawn it is AX_TOOL_SELECT again. */
AxMarkTool *ax_mark_tool_new(AxMarks *marks, AxViewport *viewport);
AxTool ax_mark_tool_get_tool(AxMarkTool *self);
void ax_mark_tool_set_tool(AxMarkTool *self, AxTool tool);

/* In view pixels. A press returns FALSE when it is not for a mark, and the view may do with it what it wants. */
gboolean ax_mark_tool_press(AxMarkTool *self, double x, double y);
void ax_mark_tool_drag(AxMarkTool *self, double x, double y);
void ax_mark_tool_release(AxMarkTool *self, double x, double y);
/* The pointer moves without a button. TRUE while a new mark follows it. */
gboolean ax_mark_tool_motion(AxMarkTool *self, double x, double y);
/* Gives up what is being drawn, else the tool; FALSE when there was neither. */
gboolean ax_mark_tool_cancel(AxMarkTool *self);

/* Keys. A new mark in the middle of the view with the chosen tool; FALSE with AX_TOOL_SELECT. */
gboolean ax_mark_tool_place(AxMarkTool *self);
/* Moves the active handle of the selected mark, or all of it, by image pixels to the right and down as the view shows it; FALSE when
 * none is selected. */
gboolean ax_mark_tool_nudge(AxMarkTool *self, double dx, double dy);
/* Goes to the next mark (or back), and from handle to handle of the selected one and then to all of it. */
gboolean ax_mark_tool_select_next(AxMarkTool *self, int step);
gboolean ax_mark_tool_next_handle(AxMarkTool *self);
/* Active handle, or -1 for the whole mark. */
int ax_mark_tool_get_handle(AxMarkTool *self);

/* Handles of a mark in view pixels, at most AX_MAX_HANDLES; a region and a box have their four corners. Returns how many. */
#define AX_MAX_HANDLES 4
guint ax_mark_handles(const AxMark *mark, AxViewport *viewport, AxPoint handles[AX_MAX_HANDLES]);
/* Id of the mark whose line or handle is near the view point, or 0. */
guint ax_mark_tool_find(AxMarkTool *self, double x, double y);

G_END_DECLS
