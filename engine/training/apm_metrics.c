/* See apm_metrics.h. */
#include "engine/training/apm_metrics.h"
#include <math.h>

double
ax_cxcywh_iou (const float *a, const float *b)
{
  double iw = MIN (a[0] + a[2] / 2, b[0] + b[2] / 2) - MAX (a[0] - a[2] / 2, b[0] - b[2] / 2);
  double ih = MIN (a[1] + a[3] / 2, b[1] + b[3] / 2) - MAX (a[1] - a[3] / 2, b[1] - b[3] / 2);
  double inter = iw > 0 && ih > 0 ? iw * ih : 0, uni = (double) a[2] * a[3] + (double) b[2] * b[3] - inter;
  return uni > 0 ? inter / uni : 0;
}

double
ax_auroc_simple (const float *score, const guint8 *truth, gsize n)
{
  double wins = 0, pairs = 0;
  for (gsize i = 0; i < n; i++)
    for (gsize j = 0; j < n && truth[i]; j++)
      if (!truth[j])
        {
          wins += score[i] > score[j] ? 1 : score[i] == score[j] ? 0.5 : 0;
          pairs++;
        }
  return pairs > 0 ? wins / pairs : NAN;
}

guint
ax_sides_kept (const float *answer, const float *truth, const float *mask, guint *pairs)
{
  static const guint8 pair[12][2] = { { 2, 3 }, { 6, 7 }, { 8, 17 }, { 9, 18 }, { 10, 19 }, { 11, 20 },
                                      { 12, 21 }, { 13, 22 }, { 24, 16 }, { 25, 26 }, { 32, 34 }, { 33, 35 } };
  guint kept = 0;
  *pairs = 0;
  for (int i = 0; i < 12; i++)
    {
      int l = pair[i][0], r = pair[i][1];
      if (mask[l] == 0 || mask[r] == 0)
        continue;
      (*pairs)++;
      kept += (answer[4 * l] > answer[4 * r]) == (truth[4 * l] > truth[4 * r]);
    }
  return kept;
}
