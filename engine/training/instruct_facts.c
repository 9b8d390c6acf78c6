/* instruct_facts.c: from readings and truth to facts, see instruct_facts.h. */
#include "engine/training/instruct_facts.h"

#include <math.h>
#include <string.h>

#include "engine/training/data_json.h"

#define BIT(x) (1u << (x))
enum { HEART = 4, LEFT_LUNG = 11, RIGHT_LUNG = 20 };

const char *
ax_finding_class (AxBoxLabel label)
{
  switch (label) {
  case AX_BOX_EFFUSION: return "Pleural Effusion";
  case AX_BOX_INFILTRATION:
  case AX_BOX_PNEUMONIA: return "Lung Opacity"; /* drawn by readers who had one name for every opacity */
  case AX_BOX_DIFFUSE_NODULE: return "Nodule";
  case AX_BOX_N: return "Edema";
  default: return ax_box_label_name (label);
  }
}

/* ---- place ---- */

/* The share of [a1, a2] that lies in [b1, b2]. */
static double
overlap_share (double a1, double a2, double b1, double b2)
{
  const double o = MIN (a2, b2) - MAX (a1, b1);
  return a2 > a1 && o > 0 ? o / (a2 - a1) : 0;
}

/* Upper, mid and lower zone and apex of the right and of the left lung. */
static const int zone_index[2][4] = { { 22, 21, 19, 3 }, { 13, 12, 10, 2 } };

/* Shares of a box's height in the thirds of one lung. What lies above the lung is upper, what lies below it lower. */
static void
zone_shares (const AxImageFacts *f, gboolean left, AxBox box, double share[3])
{
  const int *z = zone_index[left];
  const double edges[4] = { MIN (box.y1, f->boxes[z[0]].y1), f->boxes[z[0]].y2, f->boxes[z[1]].y2, MAX (box.y2, f->boxes[z[2]].y2) };
  for (guint i = 0; i < 3; i++)
    share[i] = overlap_share (box.y1, box.y2, edges[i], edges[i + 1]);
}

/* The zones of one lung that a box's height fills: a zone counts when it holds a quarter of the box, or when the box fills two thirds of the zone. */
static AxZoneSet
zones_of (const AxImageFacts *f, gboolean left, AxBox box)
{
  if (overlap_share (box.y1, box.y2, -1e6, f->boxes[zone_index[left][3]].y2) > 0.85)
    return AX_ZONE_UPPER | AX_ZONE_APEX;
  double share[3];
  zone_shares (f, left, box, share);
  AxZoneSet set = 0;
  for (guint i = 0; i < 3; i++) {
    const AxBox *zone = &f->boxes[zone_index[left][i]];
    if (share[i] >= 0.25 || overlap_share (zone->y1, zone->y2, box.y1, box.y2) >= 0.67)
      set |= BIT (i);
  }
  return set;
}

/* The share of a box that lies on the patient's right of the midline between the lungs' inner borders, whichever lung is at the picture's left. */
static double
right_share (const AxImageFacts *f, AxBox box)
{
  const AxBox *r = &f->boxes[RIGHT_LUNG], *l = &f->boxes[LEFT_LUNG];
  const gboolean usual = r->x1 + r->x2 < l->x1 + l->x2;
  const double middle = usual ? (r->x2 + l->x1) / 2 : (l->x2 + r->x1) / 2, share = overlap_share (box.x1, box.x2, -1e6, middle);
  return usual ? share : 1 - share;
}

AxPlace
ax_place_of_box (const AxImageFacts *f, AxMark mark, AxBox box)
{
  AxPlace place = { AX_SIDE_NONE, 0, 0, 0 };
  if (!f->ok || !(box.x2 > box.x1) || mark == AX_MARK_CARDIOMEGALY)
    return place;
  const AxBox *r = &f->boxes[RIGHT_LUNG], *l = &f->boxes[LEFT_LUNG];
  const double right = right_share (f, box);
  place.side = right >= 0.7 ? AX_SIDE_RIGHT : right <= 0.3 ? AX_SIDE_LEFT : AX_SIDE_BOTH;
  const AxBox *lung = place.side == AX_SIDE_LEFT ? l : r;
  place.area_share = ax_box_area (box) / MAX (1, place.side == AX_SIDE_BOTH ? ax_box_area (*l) + ax_box_area (*r) : ax_box_area (*lung));
  place.height_share = (box.y2 - box.y1) / MAX (1, lung->y2 - lung->y1);
  if (mark != AX_MARK_PLEURAL_EFFUSION)
    place.zones = place.side == AX_SIDE_BOTH ? zones_of (f, FALSE, box) | zones_of (f, TRUE, box) : zones_of (f, place.side == AX_SIDE_LEFT, box);
  return place;
}

gboolean
ax_place_is_said (const AxImageFacts *f, AxMark mark, AxBox box, guint sides, AxZoneSet zones, gboolean *side_right)
{
  const AxPlace place = ax_place_of_box (f, mark, box);
  const double right = f->ok ? right_share (f, box) : 0.5;
  const guint both = BIT (AX_SIDE_RIGHT) | BIT (AX_SIDE_LEFT);
  const gboolean side = place.side == AX_SIDE_NONE || (sides == BIT (AX_SIDE_RIGHT) && right >= 0.6) || (sides == BIT (AX_SIDE_LEFT) && right <= 0.4) ||
                        (sides == both && place.side == AX_SIDE_BOTH);
  if (side_right != NULL)
    *side_right = side;
  const AxZoneSet said = zones & (AX_ZONE_UPPER | AX_ZONE_MID | AX_ZONE_LOWER);
  if (!side || place.side == AX_SIDE_NONE)
    return side;
  double share[3];
  zone_shares (f, right < 0.5, box, share);
  guint main_zone = 0, reached = 0;
  for (guint z = 0; z < 3; z++) {
    reached |= share[z] >= 0.1 ? BIT (z) : 0;
    if (share[z] > share[main_zone])
      main_zone = z;
  }
  if (said == 0)
    return place.zones == 0 || reached == 7;
  return (said & ~reached) == 0 && (said & BIT (main_zone)) != 0;
}

char *
ax_place_text (AxPlace place)
{
  static const char *const sides[] = { NULL, "right", "left", "both" };
  static const char *const zones[8] = { NULL, "upper", "mid", "upper and mid", "lower", "upper and lower", "mid and lower", NULL };
  if (place.side == AX_SIDE_NONE)
    return NULL;
  const char *side = sides[place.side], *zone = zones[place.zones & 7];
  const gboolean both = place.side == AX_SIDE_BOTH;
  if (place.zones & AX_ZONE_APEX)
    return g_strdup_printf (both ? "%s apical zones" : "%s apical zone", side);
  if (zone == NULL)
    return g_strdup_printf (both ? "%s lungs" : "%s lung", side);
  return g_strdup_printf (both || strstr (zone, " and ") != NULL ? "%s %s lung zones" : "%s %s lung zone", side, zone);
}

double
ax_boxes_heart_ratio (const AxBox *boxes)
{
  const AxBox r = boxes[RIGHT_LUNG], l = boxes[LEFT_LUNG], h = boxes[HEART];
  const double chest = MAX (r.x2, l.x2) - MIN (r.x1, l.x1);
  return chest > 0 ? (h.x2 - h.x1) / chest : 0;
}

/* Words of size, from the quarters of what the readers drew: an opacity below an eighth of its lung is small, above half of it extensive; an effusion
 * goes by its height; the heart by its ratio to the chest. */
static AxFindingSize
size_of (const AxImageFacts *f, AxMark mark, AxPlace place)
{
  switch (mark) {
  case AX_MARK_LUNG_OPACITY:
    return place.side == AX_SIDE_NONE ? AX_SIZE_UNSAID : place.area_share < 0.12 ? AX_SIZE_SMALL : place.area_share > 0.55 ? AX_SIZE_LARGE : AX_SIZE_UNSAID;
  case AX_MARK_PLEURAL_EFFUSION:
    return place.side == AX_SIDE_NONE ? AX_SIZE_UNSAID : place.height_share < 0.25 ? AX_SIZE_SMALL : place.height_share > 0.6 ? AX_SIZE_LARGE : AX_SIZE_MODERATE;
  case AX_MARK_PNEUMOTHORAX:
    return place.side == AX_SIDE_NONE ? AX_SIZE_UNSAID : place.area_share < 0.15 ? AX_SIZE_SMALL : place.area_share > 0.5 ? AX_SIZE_LARGE : AX_SIZE_MODERATE;
  case AX_MARK_CARDIOMEGALY:
    return f->heart_ratio <= 0 ? AX_SIZE_UNSAID : f->heart_ratio < 0.58 ? AX_SIZE_SMALL : f->heart_ratio > 0.66 ? AX_SIZE_LARGE : AX_SIZE_MODERATE;
  default:
    return AX_SIZE_UNSAID;
  }
}

/* ---- findings ---- */

/* Which of two names of the same thing says more. */
static guint
precision_of (AxBoxLabel label)
{
  return label == AX_BOX_LUNG_OPACITY ? 0 : label == AX_BOX_INFILTRATION || label == AX_BOX_PNEUMONIA ? 1 : 2;
}

static void
add_finding (AxImageFacts *f, AxBoxLabel label, AxMark mark, AxBox box)
{
  f->present |= BIT (mark);
  if (f->n_drawn < AX_FACTS_MAX_FINDINGS)
    f->drawn[f->n_drawn++] = (AxKnownFinding) { .label = label, .mark = mark, .box = box };
  for (guint i = 0; i < f->n; i++) {
    AxKnownFinding *other = &f->findings[i];
    if (other->mark != mark)
      continue;
    const double iou = ax_box_iou (other->box, box);
    /* Boxes of one name that overlap are one region (spec 9.3); two names of an opacity over one place are two readers, of whom the more precise stays. */
    if (other->label == label && iou > 0.1) {
      other->box = (AxBox) { MIN (box.x1, other->box.x1), MIN (box.y1, other->box.y1), MAX (box.x2, other->box.x2), MAX (box.y2, other->box.y2) };
      return;
    }
    if (other->label != label && iou > 0.25) {
      if (precision_of (label) > precision_of (other->label))
        other->label = label, other->box = box;
      return;
    }
  }
  if (f->n < AX_FACTS_MAX_FINDINGS)
    f->findings[f->n++] = (AxKnownFinding) { .label = label, .mark = mark, .box = box };
  else
    f->complete = FALSE;
}

static int
compare_findings (const void *a, const void *b)
{
  const AxKnownFinding *p = a, *q = b;
  if (p->box.x1 != q->box.x1)
    return p->box.x1 < q->box.x1 ? -1 : 1;
  return p->box.y1 < q->box.y1 ? -1 : p->box.y1 > q->box.y1 ? 1 : 0;
}

static void
place_findings (const AxImageFacts *f, AxKnownFinding *list, guint n)
{
  qsort (list, n, sizeof *list, compare_findings);
  for (guint i = 0; i < n; i++) {
    list[i].place = ax_place_of_box (f, list[i].mark, list[i].box);
    list[i].size = size_of (f, list[i].mark, list[i].place);
  }
}

/* After boxes and findings are set. */
static void
finish (AxImageFacts *f)
{
  if (f->ok)
    f->heart_ratio = ax_boxes_heart_ratio (f->boxes);
  place_findings (f, f->findings, f->n);
  place_findings (f, f->drawn, f->n_drawn);
}

guint
ax_facts_sides (const AxImageFacts *f, AxMark mark)
{
  guint sides = 0;
  for (guint i = 0; i < f->n; i++)
    if (f->findings[i].mark == mark)
      sides |= f->findings[i].place.side == AX_SIDE_BOTH ? BIT (AX_SIDE_RIGHT) | BIT (AX_SIDE_LEFT) : BIT (f->findings[i].place.side);
  return sides;
}

AxImageFacts *
ax_image_facts_new (const AxDatasetImage *image, const char *path)
{
  AxImageFacts *f = g_new0 (AxImageFacts, 1);
  f->id = g_strdup (image->file);
  f->path = g_strdup (path);
  f->patient = g_strdup (image->patient);
  f->dataset = g_strdup ("nih");
  f->read = ax_dataset_image_is_read (image);
  f->ok = image->ok;
  f->view = image->view;
  memcpy (f->boxes, image->boxes, sizeof f->boxes);
  memcpy (f->visible, image->visible, sizeof f->visible);
  memcpy (f->known, image->reader_known, sizeof f->known);
  memcpy (f->value, image->reader_value, sizeof f->value);
  memcpy (f->likely, image->target, sizeof f->likely);
  memcpy (f->trust, image->weight, sizeof f->trust);
  f->complete = TRUE;
  for (guint i = 0; i < image->n_findings; i++)
    add_finding (f, image->findings[i].label, (AxMark) ax_mark_of_box (image->findings[i].label), image->findings[i].box);
  for (guint b = 0; b < AX_BOX_N; b++)
    if (image->chestxdet_present & BIT (b))
      f->present |= BIT (ax_mark_of_box ((AxBoxLabel) b));
  f->absent = ax_marks_looked_for (image) & ~f->present;
  /* RSNA's readers drew opacities only: "not normal" leaves what it is open, and a reader's "no opacity" is about pneumonia-like ones. */
  f->normal = f->read && f->present == 0 && image->rsna != AX_RSNA_NOT_NORMAL && image->rsna != AX_RSNA_OPACITY;
  if (image->rsna == AX_RSNA_NOT_NORMAL && f->present == 0)
    f->complete = FALSE;
  finish (f);
  return f;
}

/* ---- phantoms ---- */

static gboolean
bad_phantom (GError **error, const char *id, const char *why)
{
  g_set_error (error, AX_DATA_ERROR, AX_DATA_ERROR_READ, "%s: no phantom's truth (%s)", id, why);
  return FALSE;
}

static gboolean
read_box (JsonObject *object, AxBox *box)
{
  double v[4];
  if (!ax_data_json_four (json_object_get_member (object, "box"), v))
    return FALSE;
  for (guint k = 0; k < 4; k++)
    if (v[k] < 0 || v[k] > AX_DATASET_FRAME)
      return FALSE;
  *box = (AxBox) { v[0], v[1], v[2], v[3] };
  return TRUE;
}

/* The name that a box of this phantom finding would have among readers; -1: a device, which reports never mention. */
static int
box_of_kind (const char *kind)
{
  static const struct { const char *kind; AxBoxLabel label; } table[] = {
    { "effusion", AX_BOX_EFFUSION }, { "opacity", AX_BOX_LUNG_OPACITY }, { "consolidation", AX_BOX_CONSOLIDATION }, { "atelectasis", AX_BOX_ATELECTASIS },
    { "pneumothorax", AX_BOX_PNEUMOTHORAX }, { "cardiomegaly", AX_BOX_CARDIOMEGALY }, { "nodule", AX_BOX_NODULE }, { "edema", AX_BOX_N },
  };
  for (guint i = 0; i < G_N_ELEMENTS (table); i++)
    if (strcmp (table[i].kind, kind) == 0)
      return table[i].label;
  return -1;
}

static gboolean
read_phantom (AxImageFacts *f, JsonObject *root, GError **error)
{
  const char *view = ax_data_json_string (root, "view");
  JsonArray *findings = ax_data_json_array (root, "findings"), *anatomy = ax_data_json_array (root, "anatomy");
  if (view == NULL || findings == NULL || anatomy == NULL || json_array_get_length (anatomy) != AX_DATASET_N_OBJECTS)
    return bad_phantom (error, f->id, "\"view\", \"findings\" or 36 \"anatomy\" are missing");
  f->view = strcmp (view, "AP") == 0 ? AX_VIEW_AP : AX_VIEW_PA;
  for (guint o = 0; o < AX_DATASET_N_OBJECTS; o++) {
    JsonNode *e = json_array_get_element (anatomy, o);
    JsonObject *object = JSON_NODE_HOLDS_OBJECT (e) ? json_node_get_object (e) : NULL;
    JsonNode *visible = object != NULL ? ax_data_json_member (object, "visible", JSON_NODE_VALUE) : NULL;
    if (object == NULL || !read_box (object, &f->boxes[o]) || visible == NULL || json_node_get_value_type (visible) != G_TYPE_INT64)
      return bad_phantom (error, f->id, "a structure has no box");
    f->visible[o] = json_node_get_int (visible) != 0;
  }
  for (guint i = 0; i < json_array_get_length (findings); i++) {
    JsonNode *e = json_array_get_element (findings, i);
    JsonObject *object = JSON_NODE_HOLDS_OBJECT (e) ? json_node_get_object (e) : NULL;
    const char *kind = object != NULL ? ax_data_json_string (object, "kind") : NULL;
    AxBox box;
    if (kind == NULL || !read_box (object, &box))
      return bad_phantom (error, f->id, "a finding has no kind or no box");
    const int label = box_of_kind (kind);
    if (label < 0) {
      f->value[AX_LABEL_SUPPORT_DEVICES] = 1;
      continue;
    }
    if (ax_box_area (box) <= 0)
      continue; /* too faint to have left a pixel */
    add_finding (f, (AxBoxLabel) label, label == AX_BOX_N ? AX_MARK_EDEMA : (AxMark) ax_mark_of_box ((AxBoxLabel) label), box);
  }
  return TRUE;
}

static void
label_phantom (AxImageFacts *f)
{
  static const struct { AxBoxLabel box; guint32 labels; } table[] = {
    { AX_BOX_EFFUSION, BIT (AX_LABEL_PLEURAL_EFFUSION) }, { AX_BOX_LUNG_OPACITY, BIT (AX_LABEL_LUNG_OPACITY) | BIT (AX_LABEL_PNEUMONIA) },
    { AX_BOX_CONSOLIDATION, BIT (AX_LABEL_CONSOLIDATION) | BIT (AX_LABEL_LUNG_OPACITY) | BIT (AX_LABEL_PNEUMONIA) }, { AX_BOX_ATELECTASIS, BIT (AX_LABEL_ATELECTASIS) },
    { AX_BOX_PNEUMOTHORAX, BIT (AX_LABEL_PNEUMOTHORAX) }, { AX_BOX_CARDIOMEGALY, BIT (AX_LABEL_CARDIOMEGALY) }, { AX_BOX_NODULE, BIT (AX_LABEL_LUNG_LESION) },
    { AX_BOX_N, BIT (AX_LABEL_EDEMA) },
  };
  guint32 labels = 0;
  for (guint i = 0; i < f->n; i++)
    for (guint t = 0; t < G_N_ELEMENTS (table); t++)
      if (table[t].box == f->findings[i].label)
        labels |= table[t].labels;
  for (guint l = 0; l < AX_DATASET_N_LABELS; l++) {
    f->known[l] = l != AX_LABEL_ENLARGED_CARDIOMEDIASTINUM; /* a wide heart may or may not be called that */
    if (labels & BIT (l))
      f->value[l] = 1;
  }
  f->value[AX_LABEL_NO_FINDING] = labels == 0;
  for (guint l = 0; l < AX_DATASET_N_LABELS; l++) {
    f->likely[l] = f->value[l];
    f->trust[l] = f->known[l];
  }
}

AxImageFacts *
ax_image_facts_from_phantom (const char *text, gsize size, const char *id, const char *path, GError **error)
{
  g_autoptr (AxImageFacts) f = g_new0 (AxImageFacts, 1);
  f->id = g_strdup (id);
  f->path = g_strdup (path);
  f->patient = g_strdup (id);
  f->dataset = g_strdup ("phantom");
  g_autoptr (JsonNode) root = ax_data_json_parse (text, size, JSON_NODE_OBJECT, id, error);
  if (root == NULL)
    return NULL;
  f->phantom = f->read = f->ok = f->complete = TRUE;
  if (!read_phantom (f, json_node_get_object (root), error))
    return NULL;
  f->absent = (BIT (AX_MARK_N) - 1) & ~f->present;
  f->normal = f->present == 0;
  finish (f);
  label_phantom (f);
  return g_steal_pointer (&f);
}

AxImageFacts *
ax_image_facts_mirror (const AxImageFacts *facts)
{
  AxImageFacts *f = g_memdup2 (facts, sizeof *facts);
  f->id = g_strdup (facts->id);
  f->path = g_strdup (facts->path);
  f->patient = g_strdup (facts->patient);
  f->dataset = g_strdup (facts->dataset);
  f->flip = !facts->flip;
  for (guint o = 0; o < AX_DATASET_N_OBJECTS && f->ok; o++)
    f->boxes[o] = ax_box_mirror (facts->boxes[o], AX_DATASET_FRAME);
  for (guint i = 0; i < f->n; i++)
    f->findings[i].box = ax_box_mirror (facts->findings[i].box, AX_DATASET_FRAME);
  for (guint i = 0; i < f->n_drawn; i++)
    f->drawn[i].box = ax_box_mirror (facts->drawn[i].box, AX_DATASET_FRAME);
  finish (f);
  return f;
}

static double
log_odds (double p)
{
  p = CLAMP (p, 1e-4, 1 - 1e-4);
  return log (p / (1 - p));
}

int
ax_facts_graded_sign (const AxImageFacts *f, guint label)
{
  const double step = log_odds (f->likely[label]) - log_odds (f->usual[label]);
  return step > 0.25 ? 1 : step < -0.25 ? -1 : 0;
}

void
ax_image_facts_free (AxImageFacts *f)
{
  if (f == NULL)
    return;
  g_free (f->id);
  g_free (f->path);
  g_free (f->patient);
  g_free (f->dataset);
  g_free (f);
}
