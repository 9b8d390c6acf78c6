#include "tests/engine/session/sample-perception.h"

#include "engine/training/phantom.h"

AxPerception *
sample_perception_new (int width, int height, gboolean mirrored)
{
  AxPhantomParams params;
  AxPhantomTruth truth;
  ax_phantom_params_init (&params, 7, 256);
  ax_phantom_anatomy (&params, &truth);
  AxPerception *p = g_new0 (AxPerception, 1);
  p->ref_count = 1;
  p->width = width;
  p->height = height;
  p->mirrored = mirrored;
  p->ms_preprocess = 1.25;
  p->ms_total = 300;
  for (guint i = 0; i < AX_N_ANATOMY; i++) {
    AxAnatomy *a = &p->anatomy[i];
    AxBox b = mirrored ? ax_box_mirror (truth.boxes[i], 1024) : truth.boxes[i];
    a->index = i;
    a->name = ax_anatomy_name (i);
    a->box1024 = b;
    a->box = (AxBox) { b.x1 * width / 1024, b.y1 * height / 1024, b.x2 * width / 1024, b.y2 * height / 1024 };
    a->n_retrieved = i == 35 ? 0 : i == 0 ? 1 : 3;
    a->retrieved = g_new0 (AxRetrieved, 3);
    for (guint j = 0; j < a->n_retrieved; j++) {
      a->retrieved[j].score = 0.9 - 0.1 * j;
      a->retrieved[j].sentence = g_strdup_printf ("%s says \"%u\" \\ / ü\tend.", a->name, j);
    }
  }
  ax_phantom_truth_clear (&truth);
  p->n_findings = 3;
  p->findings = g_new0 (AxFinding, 3);
  p->findings[0] = (AxFinding) { "Lung Opacity", 0.1 };
  p->findings[1] = (AxFinding) { "Pleural Effusion", 0.87654321 };
  p->findings[2] = (AxFinding) { "No Finding", 0 };
  return p;
}

void
sample_perception_free (AxPerception *p)
{
  for (guint i = 0; i < AX_N_ANATOMY; i++) {
    for (guint j = 0; j < 3; j++)
      g_free (p->anatomy[i].retrieved[j].sentence);
    g_free (p->anatomy[i].retrieved);
  }
  g_free (p->findings);
  g_free (p);
}
