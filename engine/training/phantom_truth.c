/* Boxes, masks and JSON. The boxes follow the rules of the training boxes (see the description beside them: thirds between apex and dome,
 * midline halfway between the lungs, proportions of the lung's height), here applied to outlines that are known exactly. The
 * proportions are least-squares fits to the 830 training films; they reproduce those boxes to a pixel where the rule is one of proportion. */
#include "engine/anatomix.h"
#include "engine/training/phantom-private.h"

static const char *const kind_labels[AX_PHANTOM_N_KINDS] = {"Pleural Effusion", "Lung Opacity", "Consolidation", "Atelectasis", "Pneumothorax", "Cardiomegaly", "Lung Lesion", "Edema", "Support Devices", "Support Devices", "Support Devices", "Support Devices"};
static const char *const kind_names[AX_PHANTOM_N_KINDS] = {"effusion", "opacity", "consolidation", "atelectasis", "pneumothorax", "cardiomegaly", "nodule", "edema", "tracheal-tube", "central-line", "pacemaker", "electrodes"};

const char *ax_phantom_object_name(int i) { return i >= 0 && i < AX_PHANTOM_N_BOXES ? ax_anatomy_name((guint) i) : NULL; }
const char *ax_phantom_kind_label(AxPhantomKind k) { return k >= 0 && k < AX_PHANTOM_N_KINDS ? kind_labels[k] : NULL; }
const char *ax_phantom_kind_name(AxPhantomKind k) { return k >= 0 && k < AX_PHANTOM_N_KINDS ? kind_names[k] : NULL; }

static AxBox path_rows(const AxPhantomPath *p, double y0, double y1) {
  AxBox b = {0, y0, 0, y1};
  phantom_path_extent(p, y0, y1, &b.x1, &b.x2);
  return b;
}

static void rule_boxes(const AxPhantomAnatomy *a, AxBox *b) {
  double A = a->A, H = a->H, D = a->D, k = H / 564, hx1 = a->heart_x1, hx2 = a->heart_x2, hy1 = a->heart_y1, hy2 = a->heart_y2, hw = hx2 - hx1, hh = hy2 - hy1;
  double mid = (a->medial[0] + a->medial[1]) / 2, mb = a->mid_base, m16 = mb - 6, carina = A + 0.291 * H + 58, lr = a->lateral[0], ll = a->lateral[1];
  b[25] = (AxBox){mb, a->dome[1] + 0.021 * H, ll, 0.825 * A + 1.29 * H + 190};
  b[26] = (AxBox){lr, a->dome[0] + 0.021 * H, mb, b[25].y2};
  b[0] = (AxBox){lr, MIN(b[25].y1, b[26].y1), ll, 1023};
  b[1] = (AxBox){a->medial[1] - 16.8 - 57.5 * k, A + 0.163 * H + 45, a->medial[1] - 16.8 + 57.5 * k, A + 0.3677 * H + 45};
  b[4] = (AxBox){hx1, hy1, hx2, hy2};
  b[5] = (AxBox){m16 - 13, carina - 4, m16 + 63, D + 0.04 * H};
  double x6 = phantom_medial(a, PHANTOM_LEFT, carina + 14 + 0.09 * H), x7 = phantom_medial(a, PHANTOM_RIGHT, A + 0.45 * H + 58);
  b[6] = (AxBox){x6, carina + 14, x6 + 100 * k, A + 0.6036 * H + 58};
  b[7] = (AxBox){x7 - 105 * k, A + 0.357 * H + 58, x7, A + 0.685 * H + 58};
  b[9] = (AxBox){mb + 22, a->dome[1], ll, a->base[1] + 15};
  b[18] = (AxBox){lr, a->dome[0], mb - 20, a->base[0] + 4};
  b[14] = (AxBox){hx1, A + 0.041 * H, hx2, hy2};
  b[15] = (AxBox){hx1, hy1 + 0.34 * hh, hx1 + 0.36 * hw, hy2 - 0.06 * hh};
  b[16] = (AxBox){hx1, hy1, m16, hy2};
  b[24] = (AxBox){m16, hy1, hx2, hy2};
  b[23] = (AxBox){mid - 8 - 51 * k, carina, mid - 8 + 51 * k, A + 0.4085 * H + 58};
  b[27] = (AxBox){a->medial[0] - 15, A + 0.041 * H, a->medial[1] + 40, hy1};
  b[28] = (AxBox){a->medial[0] - 16.5, A + 0.1745 * H, a->medial[0] + 53.5, hy1 + 0.22 * hh};
  b[29] = (AxBox){mid - 10.6 - 39.5, A - 0.163 * H, mid - 10.6 + 39.5, A + 0.348 * H + 58};
  b[30] = (AxBox){b[29].x1, b[29].y1, m16 + 58, A + 1.326 * H};
  b[31] = (AxBox){hx1 + 0.01 * hw, hy1 + 0.1 * hh, hx1 + 0.27 * hw, hy1 + 0.34 * hh};
  b[32] = (AxBox){hx2 - 0.071 * H, a->dome[1] - 0.046 * H, hx2 + 0.085 * H, a->dome[1] + 0.087 * H};
  b[34] = (AxBox){hx1 - 0.101 * H, a->dome[0] - 0.046 * H, hx1 + 0.053 * H, a->dome[0] + 0.087 * H};
  b[33] = (AxBox){ll - 0.131 * H, a->base[1] - 0.15 * H, ll + 8, a->base[1] + 8};
  b[35] = (AxBox){lr - 9, a->base[0] - 0.15 * H, lr + 0.135 * H, a->base[0] + 8};
}

/* Film coordinates in the 1024 frame, whatever the size of the picture. */
static AxPhantomPath *path_on_film(const AxPhantomCanvas *c, const AxPhantomPath *p) {
  AxPhantomCanvas unit = *c;
  unit.scale = 1;
  return phantom_canvas_map(&unit, p);
}

static void path_mask(const AxPhantomPath *p, gboolean stroke, double limit_x0, double limit_x1, guint8 *mask) {
  int n = AX_PHANTOM_MASK_SIDE;
  double step = AX_PHANTOM_FRAME / n;
  for (int y = 0; y < n; y++)
    for (int x = 0; x < n; x++) {
      double u = (x + 0.5) * step, v = (y + 0.5) * step;
      gboolean in = FALSE;
      if (!stroke)
        in = phantom_path_contains(p, u, v);
      else if (u >= limit_x0 && u <= limit_x1)
        for (int i = 0; i < p->n && !in; i++)
          in = (u - p->x[i]) * (u - p->x[i]) + (v - p->y[i]) * (v - p->y[i]) < p->r[i] * p->r[i];
      mask[y * n + x] = in;
    }
}

void phantom_truth_boxes(const AxPhantomAnatomy *a, const AxPhantomCanvas *c, const AxPhantomParams *p, AxPhantomTruth *t) {
  AxPhantomCanvas unit = *c;
  unit.scale = 1;
  AxBox b[AX_PHANTOM_N_BOXES] = {{0}};
  rule_boxes(a, b);
  /* a tilted film: boxes of proportion keep their size and move with their centre */
  for (int i = 0; i < AX_PHANTOM_N_BOXES; i++) {
    double cx = (b[i].x1 + b[i].x2) / 2, cy = (b[i].y1 + b[i].y2) / 2, hw = (b[i].x2 - b[i].x1) / 2, hh = (b[i].y2 - b[i].y1) / 2, fx, fy;
    phantom_canvas_to_film(&unit, cx, cy, &fx, &fy);
    b[i] = (AxBox){fx - hw, fy - hh, fx + hw, fy + hh};
  }
  /* outlines: their extent on the film */
  static const int lung_index[2] = {20, 11}, clavicle_index[2] = {17, 8}, apical[2] = {3, 2}, upper[2] = {22, 13}, middle[2] = {21, 12}, lower[2] = {19, 10};
  guint8 *masks = t->masks = g_new0(guint8, AX_PHANTOM_N_MASKS * AX_PHANTOM_MASK_SIDE * AX_PHANTOM_MASK_SIDE);
  gsize plane = AX_PHANTOM_MASK_SIDE * AX_PHANTOM_MASK_SIDE;
  for (int s = 0; s < 2; s++) {
    g_autofree AxPhantomPath *l = path_on_film(c, &a->lung[s]), *cl = path_on_film(c, &a->clavicle[s]);
    AxBox lb = phantom_path_box(l);
    double fx, dome, x = (a->lateral[s] + a->medial[s]) / 2;
    phantom_canvas_to_film(&unit, x, a->dome[s], &fx, &dome);
    double third = (dome + 0.021 * a->H - lb.y1) / 3;
    b[lung_index[s]] = lb;
    b[apical[s]] = path_rows(l, lb.y1, lb.y1 + 0.14 * a->H);
    b[upper[s]] = path_rows(l, lb.y1, lb.y1 + third);
    b[middle[s]] = path_rows(l, lb.y1 + third, lb.y1 + 2 * third);
    b[lower[s]] = path_rows(l, lb.y1 + 2 * third, lb.y2);
    AxBox cb = {1e9, 1e9, -1e9, -1e9};
    for (int i = 0; i < cl->n; i++)
      cb = (AxBox){MIN(cb.x1, cl->x[i] - cl->r[i]), MIN(cb.y1, cl->y[i] - cl->r[i]), MAX(cb.x2, cl->x[i] + cl->r[i]), MAX(cb.y2, cl->y[i] + cl->r[i])};
    b[clavicle_index[s]] = cb;
    int m = p->mirrored ? 1 - s : s;
    path_mask(l, FALSE, 0, 0, masks + m * plane);
    path_mask(cl, TRUE, lb.x1, lb.x2 + (lb.x2 < 512 ? 30 : 0) , masks + (3 + m) * plane);
  }
  g_autofree AxPhantomPath *h = path_on_film(c, &a->heart);
  b[4] = phantom_path_box(h);
  path_mask(h, FALSE, 0, 0, masks + 2 * plane);
  if (p->mirrored)
    for (guint i = 0; i < AX_N_PAIRS; i++) {
      guint left, right;
      ax_anatomy_pair(i, &left, &right);
      const AxBox s = b[left];
      b[left] = b[right];
      b[right] = s;
    }
  for (int i = 0; i < AX_PHANTOM_N_BOXES; i++) {
    t->boxes[i] = ax_box_clamp(b[i], AX_PHANTOM_FRAME - 1, AX_PHANTOM_FRAME - 1);
    t->visible[i] = ax_box_area(t->boxes[i]) > 0.5 * ax_box_area(b[i]) || i == 0 || i == 25 || i == 26;
  }
  t->cardiothoracic_ratio = (a->heart_x2 - a->heart_x1) / (a->lateral[1] - a->lateral[0]);
}

void ax_phantom_truth_clear(AxPhantomTruth *t) {
  g_clear_pointer(&t->masks, g_free);
  for (int i = 0; i < t->n_findings; i++)
    g_clear_pointer(&t->findings[i].mask, g_free);
  t->n_findings = 0;
}

static void append_box(GString *s, AxBox b) { g_string_append_printf(s, "[%ld, %ld, %ld, %ld]", lround(b.x1), lround(b.y1), lround(b.x2), lround(b.y2)); }

char *ax_phantom_truth_to_json(const AxPhantomParams *p, const AxPhantomTruth *t) {
  GString *s = g_string_new(NULL);
  g_string_append_printf(s, "{\n  \"synthetic\": true,\n  \"made_by\": \"ax_phantom_render\",\n  \"seed\": %" G_GUINT64_FORMAT ",\n  \"size\": %d,\n", p->seed, p->size);
  g_string_append_printf(s, "  \"view\": \"%s\",\n  \"sex\": \"%s\",\n  \"mirrored_organs\": %s,\n", p->view == AX_PHANTOM_AP ? "AP" : "PA",
                         p->sex == AX_PHANTOM_FEMALE ? "F" : "M", p->mirrored ? "true" : "false");
  g_string_append_printf(s, "  \"cardiothoracic_ratio_percent\": %ld,\n  \"frame\": 1024,\n  \"findings\": [", lround(100 * t->cardiothoracic_ratio));
  for (int i = 0; i < t->n_findings; i++) {
    const AxPhantomFindingTruth *f = &t->findings[i];
    g_string_append_printf(s, "%s\n    {\"name\": \"%s\", \"kind\": \"%s\", \"side\": \"%s\", \"severity_percent\": %ld, \"box\": ", i ? "," : "", ax_phantom_kind_label(f->kind), ax_phantom_kind_name(f->kind),
                           f->side == AX_PHANTOM_SIDE_LEFT ? "left" : f->side == AX_PHANTOM_SIDE_RIGHT ? "right" : "none", lround(100 * f->severity));
    append_box(s, f->box);
    g_string_append_c(s, '}');
  }
  g_string_append(s, t->n_findings ? "\n  ],\n  \"anatomy\": [" : "],\n  \"anatomy\": [");
  for (int i = 0; i < AX_PHANTOM_N_BOXES; i++) {
    g_string_append_printf(s, "%s\n    {\"index\": %d, \"name\": \"%s\", \"visible\": %d, \"box\": ", i ? "," : "", i, ax_phantom_object_name(i), t->visible[i]);
    append_box(s, t->boxes[i]);
    g_string_append_c(s, '}');
  }
  g_string_append(s, "\n  ]\n}\n");
  return g_string_free(s, FALSE);
}
