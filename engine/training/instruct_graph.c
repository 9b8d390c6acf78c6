/* instruct_graph.c: see instruct_graph.h. */
#include "engine/training/instruct_graph.h"

#include <math.h>
#include <string.h>

#include "engine/anatomix.h"
#include "engine/training/data_json.h"

#define MAX_GRAPH (4u << 20) /* of one scene graph; the published ones have 20 KB */

static gboolean
bad (GError **error, const char *name, const char *why)
{
  g_set_error (error, AX_DATA_ERROR, AX_DATA_ERROR_READ, "%s: %s", name, why);
  return FALSE;
}

static gboolean
read_object (AxImageFacts *f, JsonObject *object, const char *name, GError **error)
{
  int index = -1;
  static const char *const keys[] = { "name", "bbox_name" };
  for (guint k = 0; k < 2 && index < 0; k++) {
    g_autofree char *text = ax_data_json_id (object, keys[k]);
    index = text != NULL ? ax_anatomy_find (text) : -1;
  }
  if (index < 0)
    return TRUE; /* Chest ImaGenome names more structures than the 36 */
  double v[4];
  if (!ax_data_json_four (json_object_get_member (object, "bbox"), v))
    return bad (error, name, "an object has no \"bbox\" of four numbers");
  for (guint k = 0; k < 4; k++)
    if (fabs (v[k]) > 1e6)
      return bad (error, name, "a box lies far outside the frame");
  const AxBox clamped = ax_box_clamp ((AxBox) { v[0], v[1], v[2], v[3] }, AX_DATASET_FRAME, AX_DATASET_FRAME);
  if (v[2] > v[0] && v[3] > v[1] && ax_box_area (clamped) > 0) {
    f->boxes[index] = clamped;
    f->visible[index] = TRUE;
  }
  return TRUE;
}

AxImageFacts *
ax_image_facts_from_scene_graph (const char *text, gsize size, const char *name, const char *image_dir, GError **error)
{
  g_autoptr (JsonNode) node = ax_data_json_parse (text, size, JSON_NODE_OBJECT, name, error);
  if (node == NULL)
    return NULL;
  JsonObject *root = json_node_get_object (node);
  JsonArray *list = ax_data_json_array (root, "objects");
  g_autofree char *path = ax_data_json_id (root, "image_path"), *view = ax_data_json_id (root, "viewpoint");
  g_autoptr (AxImageFacts) f = g_new0 (AxImageFacts, 1);
  f->id = ax_data_json_id (root, "image_id");
  f->patient = ax_data_json_id (root, "patient_id");
  f->dataset = g_strdup ("mimic-cxr");
  if (f->id == NULL || f->patient == NULL || path == NULL || *path == '\0' || list == NULL) {
    bad (error, name, "\"image_id\", \"patient_id\", \"image_path\" or \"objects\" is missing");
    return NULL;
  }
  f->path = image_dir != NULL ? g_build_filename (image_dir, path, NULL) : g_strdup (path);
  f->view = view != NULL && strcmp (view, "AP") == 0 ? AX_VIEW_AP : AX_VIEW_PA;
  for (guint i = 0; i < json_array_get_length (list); i++) {
    JsonNode *e = json_array_get_element (list, i);
    if (!JSON_NODE_HOLDS_OBJECT (e)) {
      bad (error, name, "\"objects\" is no list of objects");
      return NULL;
    }
    if (!read_object (f, json_node_get_object (e), name, error))
      return NULL;
  }
  /* Sides and the heart's ratio need both lungs and the heart. */
  f->ok = f->visible[4] && f->visible[11] && f->visible[20];
  if (f->ok) {
    const double chest = MAX (f->boxes[11].x2, f->boxes[20].x2) - MIN (f->boxes[11].x1, f->boxes[20].x1);
    f->heart_ratio = chest > 0 ? (f->boxes[4].x2 - f->boxes[4].x1) / chest : 0;
  }
  return g_steal_pointer (&f);
}

/* ---- the table ---- */

static gboolean
read_labels (AxImageFacts *f, const AxCsvRow *row, const int columns[AX_DATASET_N_LABELS], const char *path, GError **error)
{
  for (guint l = 0; l < AX_DATASET_N_LABELS; l++) {
    const char *text = row->fields[columns[l]];
    char *end;
    const double v = *text == '\0' ? 0 : g_ascii_strtod (text, &end);
    if (*text != '\0' && g_ascii_strcasecmp (text, "nan") != 0 && (*end != '\0' || (v != 0 && v != 1 && v != -1))) {
      g_set_error (error, AX_DATA_ERROR, AX_DATA_ERROR_READ, "%s:%u: %s is \"%s\"; it must be 1, 0, -1 or empty", path, row->line, ax_label_name (l), text);
      return FALSE;
    }
    f->known[l] = 1;
    f->value[l] = v == 1;
    f->likely[l] = f->value[l];
    f->trust[l] = 1;
  }
  f->read = TRUE; /* the labels are those of a radiologist's report */
  f->normal = f->value[AX_LABEL_NO_FINDING];
  return TRUE;
}

static int
part_of (const char *split)
{
  static const struct { const char *name; AxSplitPart part; } names[] = {
    { "train", AX_SPLIT_TRAIN }, { "validate", AX_SPLIT_VALIDATION }, { "validation", AX_SPLIT_VALIDATION }, { "val", AX_SPLIT_VALIDATION }, { "test", AX_SPLIT_TEST },
  };
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (strcmp (names[i].name, split) == 0)
      return names[i].part;
  return -1;
}

static gboolean
is_plain_name (const char *name)
{
  return *name != '\0' && strlen (name) < 200 && strchr (name, '/') == NULL && strchr (name, '\\') == NULL && *name != '.';
}

static gboolean
read_row (AxGraphSet *set, GHashTable *sides, const AxCsvRow *row, const int at[3], const int labels[AX_DATASET_N_LABELS], const char *sg_dir, const char *csv_path,
          const char *image_dir, GError **error)
{
  const char *id = row->fields[at[0]], *subject = row->fields[at[1]];
  const int part = part_of (row->fields[at[2]]);
  if (!is_plain_name (id) || *subject == '\0' || part < 0) {
    g_set_error (error, AX_DATA_ERROR, AX_DATA_ERROR_READ, "%s:%u: dicom_id, subject_id or split is not usable", csv_path, row->line);
    return FALSE;
  }
  gpointer side;
  if (g_hash_table_lookup_extended (sides, subject, NULL, &side) && GPOINTER_TO_INT (side) != part) {
    g_set_error (error, AX_DATA_ERROR, AX_DATA_ERROR_INCONSISTENT, "%s:%u: patient %s is on two sides of the split", csv_path, row->line, subject);
    return FALSE;
  }
  g_hash_table_insert (sides, (gpointer) subject, GINT_TO_POINTER (part));
  g_autofree char *file = g_strconcat (id, ".json", NULL), *path = g_build_filename (sg_dir, file, NULL);
  if (!g_file_test (path, G_FILE_TEST_IS_REGULAR)) {
    set->without_graph++;
    return TRUE;
  }
  gsize size;
  g_autofree char *text = ax_data_file_read (path, MAX_GRAPH, &size, error);
  g_autoptr (AxImageFacts) f = text != NULL ? ax_image_facts_from_scene_graph (text, size, path, image_dir, error) : NULL;
  if (f == NULL || !read_labels (f, row, labels, csv_path, error))
    return FALSE;
  /* The table decides whose image it is: the split goes by its patients. */
  g_free (f->patient);
  f->patient = g_strdup (subject);
  g_ptr_array_add (set->facts[part], g_steal_pointer (&f));
  return TRUE;
}

AxGraphSet *
ax_instruct_graphs_load (const char *sg_dir, const char *csv_path, const char *image_dir, GError **error)
{
  static const char *const names[3] = { "dicom_id", "subject_id", "split" };
  g_autoptr (AxCsv) csv = ax_csv_load (csv_path, error);
  int at[3], labels[AX_DATASET_N_LABELS];
  if (csv == NULL)
    return NULL;
  for (guint c = 0; c < 3; c++)
    if ((at[c] = ax_csv_column (csv, names[c], error)) < 0)
      return NULL;
  for (guint l = 0; l < AX_DATASET_N_LABELS; l++)
    if ((labels[l] = ax_csv_column (csv, ax_label_name (l), error)) < 0)
      return NULL;
  g_autoptr (AxGraphSet) set = g_new0 (AxGraphSet, 1);
  for (guint p = 0; p < AX_SPLIT_N; p++)
    set->facts[p] = g_ptr_array_new_with_free_func ((GDestroyNotify) ax_image_facts_free);
  g_autoptr (GHashTable) sides = g_hash_table_new (g_str_hash, g_str_equal);
  for (guint r = 0; r < csv->rows->len; r++)
    if (!read_row (set, sides, csv->rows->pdata[r], at, labels, sg_dir, csv_path, image_dir, error))
      return NULL;
  if (set->facts[0]->len + set->facts[1]->len + set->facts[2]->len == 0) {
    g_set_error (error, AX_DATA_ERROR, AX_DATA_ERROR_INCONSISTENT, "%s has no scene graph of %s", sg_dir, csv_path);
    return NULL;
  }
  return g_steal_pointer (&set);
}

void
ax_instruct_graphs_free (AxGraphSet *set)
{
  if (set == NULL)
    return;
  for (guint p = 0; p < AX_SPLIT_N; p++)
    g_clear_pointer (&set->facts[p], g_ptr_array_unref);
  g_free (set);
}
