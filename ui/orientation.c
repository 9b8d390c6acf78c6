#include "ui/orientation.h"

#include <string.h>

static const char directions[] = "APRLHF", opposites[] = "PALRFH";

static gboolean is_valid(const char *letters) {
  gsize n = letters ? strlen(letters) : 0;

  return n >= 1 && n <= 3 && strspn(letters, directions) == n;
}

static void put(char to[4], const char *letters, gboolean opposite) {
  guint n = 0;

  for (; letters[n]; n++)
    to[n] = opposite ? opposites[strchr(directions, letters[n]) - directions] : letters[n];
  to[n] = '\0';
}

/* The image direction (dx, dy) is `letters`: at which edge of the view does it end, and what stands at the other? */
static void put_axis(AxViewport *viewport, double dx, double dy, const char *letters, AxEdgeLetters *out) {
  double x0, y0, x1, y1;

  ax_viewport_to_view(viewport, 0, 0, &x0, &y0);
  ax_viewport_to_view(viewport, dx, dy, &x1, &y1);
  x1 -= x0, y1 -= y0;
  if (ABS(x1) > ABS(y1)) {
    put(out->right, letters, x1 < 0);
    put(out->left, letters, x1 > 0);
  } else {
    put(out->bottom, letters, y1 < 0);
    put(out->top, letters, y1 > 0);
  }
}

gboolean ax_orientation_letters(AxViewport *viewport, const char *row, const char *column, AxEdgeLetters *letters) {
  if (!is_valid(row) || !is_valid(column))
    return FALSE;
  put_axis(viewport, 1, 0, row, letters);
  put_axis(viewport, 0, 1, column, letters);
  return TRUE;
}
