/* Whether the boxes of the structures can be those of a frontal chest radiograph. See ax_perception_misfit() in anatomix.h. */
#include "engine/anatomix.h"
#include <math.h>

enum { X1, Y1, X2, Y2 };

/* Edges that lie at the same place in every frontal chest, because one structure is a part or the border of the other. Indices of spec section 3. */
static const struct { guint8 a, edge_a, b, edge_b; } coinciding[] = {
  /* left lung: its zones one upon the other, its apex, its outer corner */
  { 11, Y1, 13, Y1 }, { 13, Y2, 12, Y1 }, { 12, Y2, 10, Y1 }, { 11, Y2, 10, Y2 }, { 2, Y1, 13, Y1 }, { 10, X2, 11, X2 }, { 13, X1, 11, X1 }, { 33, X2, 11, X2 },
  /* right lung */
  { 20, Y1, 22, Y1 }, { 22, Y2, 21, Y1 }, { 21, Y2, 19, Y1 }, { 20, Y2, 19, Y2 }, { 3, Y1, 22, Y1 }, { 19, X1, 20, X1 }, { 22, X2, 20, X2 }, { 35, X1, 20, X1 },
  /* heart within the mediastinum, its margins, the atrium; superior mediastinum */
  { 4, X1, 14, X1 }, { 4, X2, 14, X2 }, { 4, Y2, 14, Y2 }, { 24, X2, 4, X2 }, { 16, X1, 4, X1 }, { 15, X1, 4, X1 }, { 27, Y1, 14, Y1 },
  /* hemidiaphragms over the quadrants below them */
  { 9, X2, 25, X2 }, { 18, X1, 26, X1 },
};

/* So many of the twelve pairs lie the other way round on a mirrored film, or with organs on the other side: that is no misfit. */
#define TURNED 10

static double
edge (AxBox b, guint8 which)
{
  return which == X1 ? b.x1 : which == Y1 ? b.y1 : which == X2 ? b.x2 : b.y2;
}

double
ax_perception_misfit (const AxPerception *p)
{
  g_return_val_if_fail (p != NULL, 0);
  AxBox boxes[AX_N_ANATOMY];
  guint turned = 0;
  for (guint i = 0; i < AX_N_PAIRS; i++)
    {
      guint l, r;
      ax_anatomy_pair (i, &l, &r);
      turned += p->anatomy[l].box1024.x1 + p->anatomy[l].box1024.x2 < p->anatomy[r].box1024.x1 + p->anatomy[r].box1024.x2;
    }
  for (guint i = 0; i < AX_N_ANATOMY; i++)
    boxes[i] = turned >= TURNED ? ax_box_mirror (p->anatomy[i].box1024, 1024) : p->anatomy[i].box1024;
  const AxBox l = boxes[11], r = boxes[20];
  const double width = MAX (l.x2, r.x2) - MIN (l.x1, r.x1), height = MAX (l.y2, r.y2) - MIN (l.y1, r.y1);
  double sum = 0;
  for (guint i = 0; i < G_N_ELEMENTS (coinciding); i++)
    sum += fabs (edge (boxes[coinciding[i].a], coinciding[i].edge_a) - edge (boxes[coinciding[i].b], coinciding[i].edge_b));
  return sum / G_N_ELEMENTS (coinciding) / MAX (sqrt (MAX (width, 0) * MAX (height, 0)), 1);
}
