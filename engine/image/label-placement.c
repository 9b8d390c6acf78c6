#include "engine/image/label-placement.h"

static gboolean overlap(AxBox a, AxBox b) { return a.x1 < b.x2 && b.x1 < a.x2 && a.y1 < b.y2 && b.y1 < a.y2; }

static gboolean is_free(const AxLabel *labels, guint n, AxBox place) {
  for (guint i = 0; i < n; i++)
    if (labels[i].placed && overlap(labels[i].place, place))
      return FALSE;
  return TRUE;
}

static double covered(const AxLabel *labels, guint n, AxBox place) {
  double sum = 0;
  for (guint i = 0; i < n; i++)
    if (labels[i].placed && overlap(labels[i].place, place))
      sum += ax_box_area((AxBox){MAX(labels[i].place.x1, place.x1), MAX(labels[i].place.y1, place.y1), MIN(labels[i].place.x2, place.x2), MIN(labels[i].place.y2, place.y2)});
  return sum;
}

/* The place of that corner, moved into the view; FALSE when the view is too small. */
static gboolean place_at(const AxLabel *label, double x, double y, AxBox view, AxBox *place) {
  x = MAX(MIN(x, view.x2 - label->width), view.x1);
  y = MAX(MIN(y, view.y2 - label->height), view.y1);
  *place = (AxBox){x, y, x + label->width, y + label->height};
  return place->x2 <= view.x2 && place->y2 <= view.y2;
}

static gboolean try_place(AxLabel *labels, guint n, AxLabel *label, double x, double y, AxBox view) {
  AxBox place;

  if (!place_at(label, x, y, view, &place) || !is_free(labels, n, place))
    return FALSE;
  label->place = place;
  label->placed = TRUE;
  return TRUE;
}

static void place_one(AxLabel *labels, guint n, AxLabel *label, AxBox view) {
  AxBox box = label->box;
  double right = box.x2 - label->width, above = box.y1 - label->height;
  const double at[][2] = {
    {box.x1, above}, {right, above},
    {box.x1, box.y1}, {right, box.y1},
    {box.x1, box.y2}, {right, box.y2},
    {box.x1, box.y2 - label->height}, {right, box.y2 - label->height},
  };

  if (!overlap(box, view) && !label->must)
    return;
  for (guint i = 0; i < G_N_ELEMENTS(at); i++)
    if (try_place(labels, n, label, at[i][0], at[i][1], view))
      return;
  for (double y = box.y1 + label->height; y < box.y2; y += label->height)
    if (try_place(labels, n, label, box.x1, y, view) || try_place(labels, n, label, right, y, view))
      return;
  double least = G_MAXDOUBLE;
  for (guint i = 0; i < G_N_ELEMENTS(at) && label->must; i++) {
    AxBox place;
    if (!place_at(label, at[i][0], at[i][1], view, &place))
      continue;
    const double sum = covered(labels, n, place);
    if (sum < least) {
      least = sum;
      label->place = place;
    }
  }
  label->placed = least < G_MAXDOUBLE;
}

guint ax_labels_place(AxLabel *labels, guint n_labels, AxBox view) {
  guint placed = 0;
  int priority = G_MININT, next;

  for (guint i = 0; i < n_labels; i++)
    labels[i].placed = labels[i].fixed;
  for (;;) {
    gboolean more = FALSE;

    next = G_MAXINT;
    for (guint i = 0; i < n_labels; i++)
      if (!labels[i].fixed && labels[i].priority >= priority && labels[i].priority <= next) {
        next = labels[i].priority;
        more = TRUE;
      }
    if (!more)
      break;
    for (guint i = 0; i < n_labels; i++)
      if (!labels[i].fixed && labels[i].priority == next) {
        place_one(labels, n_labels, &labels[i], view);
        placed += labels[i].placed;
      }
    if (next == G_MAXINT)
      break;
    priority = next + 1;
  }
  return placed;
}
