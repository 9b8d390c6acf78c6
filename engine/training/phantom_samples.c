/* The radiographs that come with the program: what they show, and writing them. */
#include "engine/image/png-write.h"
#include "engine/training/phantom-private.h"

void ax_phantom_sample_get(int index, AxPhantomSample *sample) {
  AxPhantomParams *p = &sample->params;
  switch (index) {
  case 0:
    sample->name = "normal";
    ax_phantom_params_init(p, 45, 1024);
    break;
  case 1:
    sample->name = "effusion-opacity";
    ax_phantom_params_init(p, 12, 1024);
    p->sex = AX_PHANTOM_FEMALE;
    p->habitus = 0.3;
    p->findings[0] = (AxPhantomFinding){AX_PHANTOM_EFFUSION, AX_PHANTOM_SIDE_LEFT, 0.42, -1, -1};
    p->findings[1] = (AxPhantomFinding){AX_PHANTOM_OPACITY, AX_PHANTOM_SIDE_RIGHT, 0.75, 0.48, 0.66};
    p->n_findings = 2;
    break;
  case 2:
    sample->name = "mirrored-organs";
    ax_phantom_params_init(p, 38, 1024);
    p->mirrored = TRUE;
    break;
  default:
    sample->name = "devices";
    ax_phantom_params_init(p, 18, 1024);
    p->view = AX_PHANTOM_AP;
    p->habitus = 0.4;
    p->findings[0] = (AxPhantomFinding){AX_PHANTOM_TRACHEAL_TUBE, AX_PHANTOM_SIDE_ANY, 0.5, -1, -1};
    p->findings[1] = (AxPhantomFinding){AX_PHANTOM_CENTRAL_LINE, AX_PHANTOM_SIDE_ANY, 0.5, -1, -1};
    p->findings[2] = (AxPhantomFinding){AX_PHANTOM_ELECTRODES, AX_PHANTOM_SIDE_ANY, 0.5, -1, -1};
    p->findings[3] = (AxPhantomFinding){AX_PHANTOM_EDEMA, AX_PHANTOM_SIDE_ANY, 0.55, -1, -1};
    p->findings[4] = (AxPhantomFinding){AX_PHANTOM_CARDIOMEGALY, AX_PHANTOM_SIDE_ANY, 0.35, -1, -1};
    p->n_findings = 5;
  }
}

gboolean ax_phantom_write_samples(const char *dir, GError **error) {
  for (int i = 0; i < AX_PHANTOM_N_SAMPLES; i++) {
    AxPhantomSample s;
    AxPhantomTruth truth;
    ax_phantom_sample_get(i, &s);
    g_autofree guint8 *pixels = g_malloc((gsize)s.params.size * s.params.size);
    ax_phantom_render(&s.params, pixels, NULL, &truth);
    g_autofree char *text = ax_phantom_truth_to_json(&s.params, &truth), *png_name = g_strconcat(s.name, ".png", NULL), *json_name = g_strconcat(s.name, ".json", NULL);
    g_autofree char *png = g_build_filename(dir, png_name, NULL), *json = g_build_filename(dir, json_name, NULL);
    ax_phantom_truth_clear(&truth);
    if (!ax_png_write(png, s.params.size, s.params.size, 1, 8, pixels, error) || !g_file_set_contents(json, text, -1, error))
      return FALSE;
  }
  return TRUE;
}
