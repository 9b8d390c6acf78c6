#include "engine/training/dataset.h"

#include <string.h>

#include "engine/training/data_json.h"

#define JSON_LIMIT (64u << 20)
#define MAX_FINDINGS 4096 /* boxes on one image */
#define MAX_IMAGES 1000000

static const char *const nih_names[AX_NIH_N] = {
  "Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Effusion", "Emphysema", "Fibrosis", "Hernia",
  "Infiltration", "Mass", "Nodule", "Pleural_Thickening", "Pneumonia", "Pneumothorax", "No Finding",
};
static const char *const box_names[AX_BOX_N] = {
  "Atelectasis", "Calcification", "Cardiomegaly", "Consolidation", "Diffuse Nodule", "Effusion", "Emphysema", "Fibrosis",
  "Fracture", "Infiltration", "Lung Opacity", "Mass", "Nodule", "Pleural Thickening", "Pneumonia", "Pneumothorax",
};
static const char *const source_names[AX_SOURCE_N] = {"rsna2018", "chestxdet10", "chestxdet13", "nih_bbox2017"};
static const char *const rsna_names[] = {NULL, "Normal", "No Lung Opacity / Not Normal", "Lung Opacity"};

const char *ax_box_label_name(guint label) { return label < AX_BOX_N ? box_names[label] : NULL; }
const char *ax_source_name(guint source) { return source < AX_SOURCE_N ? source_names[source] : NULL; }

static int find_name(const char *const *names, guint n, const char *name) {
  for (guint i = 0; i < n; i++)
    if (names[i] != NULL && strcmp(names[i], name) == 0)
      return (int) i;
  return -1;
}

static gboolean fail(GError **error, AxDataError code, const char *format, ...) G_GNUC_PRINTF(3, 4);
static gboolean fail(GError **error, AxDataError code, const char *format, ...) {
  va_list args;
  va_start(args, format);
  g_autofree char *message = g_strdup_vprintf(format, args);
  va_end(args);
  g_set_error_literal(error, AX_DATA_ERROR, code, message);
  return FALSE;
}

/* A name without any folder in it: it is appended to images/. */
static gboolean is_plain_name(const char *name) {
  return *name != '\0' && strlen(name) < 256 && strchr(name, '/') == NULL && strchr(name, '\\') == NULL && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static gboolean parse_classes(const char *text, guint32 *classes) {
  g_auto(GStrv) parts = g_strsplit(text, "|", -1);
  *classes = 0;
  for (char **part = parts; *part != NULL; part++) {
    const int i = find_name(nih_names, AX_NIH_N, *part);
    if (i < 0)
      return FALSE;
    *classes |= 1u << i;
  }
  /* "No Finding" beside a finding contradicts itself. */
  const guint32 none = 1u << AX_NIH_NO_FINDING;
  return (*classes & none) == 0 || *classes == none;
}

static gboolean load_labels(AxDataset *dataset, GError **error) {
  static const char *const columns[] = {"image", "patient_id", "age", "sex", "view", "findings"};
  g_autofree char *path = g_build_filename(dataset->dir, "labels.csv", NULL);
  g_autoptr(AxCsv) csv = ax_csv_load(path, error);
  if (csv == NULL)
    return FALSE;
  int at[G_N_ELEMENTS(columns)];
  for (guint c = 0; c < G_N_ELEMENTS(columns); c++)
    if ((at[c] = ax_csv_column(csv, columns[c], error)) < 0)
      return FALSE;
  if (csv->rows->len == 0 || csv->rows->len > MAX_IMAGES)
    return fail(error, AX_DATA_ERROR_READ, "%s: %u images, expected 1 to %d", path, csv->rows->len, MAX_IMAGES);
  dataset->images = g_new0(AxDatasetImage, csv->rows->len);
  for (guint r = 0; r < csv->rows->len; r++) {
    const AxCsvRow *row = g_ptr_array_index(csv->rows, r);
    AxDatasetImage *image = &dataset->images[dataset->n++];
    image->file = g_strdup(row->fields[at[0]]);
    image->patient = g_strdup(row->fields[at[1]]);
    gint64 age;
    if (!is_plain_name(image->file))
      return fail(error, AX_DATA_ERROR_READ, "%s:%u: \"%s\" is not a file name", path, row->line, image->file);
    if (*image->patient == '\0')
      return fail(error, AX_DATA_ERROR_READ, "%s:%u: no patient_id", path, row->line);
    if (!g_ascii_string_to_signed(row->fields[at[2]], 10, 0, 130, &age, NULL))
      return fail(error, AX_DATA_ERROR_READ, "%s:%u: age \"%s\" is not a number of years", path, row->line, row->fields[at[2]]);
    const char *sex = row->fields[at[3]], *view = row->fields[at[4]];
    if (strcmp(sex, "M") != 0 && strcmp(sex, "F") != 0)
      return fail(error, AX_DATA_ERROR_READ, "%s:%u: sex \"%s\" is neither M nor F", path, row->line, sex);
    if (strcmp(view, "AP") != 0 && strcmp(view, "PA") != 0)
      return fail(error, AX_DATA_ERROR_READ, "%s:%u: view \"%s\" is neither AP nor PA", path, row->line, view);
    if (!parse_classes(row->fields[at[5]], &image->text))
      return fail(error, AX_DATA_ERROR_READ, "%s:%u: findings \"%s\" are unknown or contradict each other", path, row->line, row->fields[at[5]]);
    image->age = (int) age;
    image->sex = *sex;
    image->view = *view == 'A' ? AX_VIEW_AP : AX_VIEW_PA;
    if (!g_hash_table_insert(dataset->by_file, image->file, image))
      return fail(error, AX_DATA_ERROR_INCONSISTENT, "%s:%u: image %s is listed twice", path, row->line, image->file);
    g_autofree char *file = ax_dataset_image_path(dataset, image);
    if (!g_file_test(file, G_FILE_TEST_IS_REGULAR))
      return fail(error, AX_DATA_ERROR_INCONSISTENT, "%s:%u: there is no file %s", path, row->line, file);
  }
  return TRUE;
}

/* ---- boxes ---- */

static gboolean parse_box(JsonNode *node, AxBox *box) {
  double v[4];
  if (!ax_data_json_four(node, v))
    return FALSE;
  *box = (AxBox){v[0], v[1], v[2], v[3]};
  return v[0] >= 0 && v[1] >= 0 && v[2] > v[0] && v[3] > v[1] && v[2] <= AX_DATASET_FRAME && v[3] <= AX_DATASET_FRAME;
}

/* ---- findings.json ---- */

static gboolean read_boxes(const char *path, JsonObject *entry, AxDatasetImage *image, GError **error) {
  JsonArray *boxes = ax_data_json_array(entry, "boxes");
  const guint n = boxes != NULL ? json_array_get_length(boxes) : 0;
  if (boxes == NULL || n > MAX_FINDINGS)
    return fail(error, AX_DATA_ERROR_READ, "%s: %s: \"boxes\" is not a list of at most %d", path, image->file, MAX_FINDINGS);
  image->findings = g_new0(AxFindingBox, n + 1);
  for (guint b = 0; b < n; b++) {
    JsonNode *node = json_array_get_element(boxes, b);
    JsonObject *box = JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
    const char *label = box != NULL ? ax_data_json_string(box, "label") : NULL, *source = box != NULL ? ax_data_json_string(box, "source") : NULL;
    JsonNode *corners = box != NULL ? json_object_get_member(box, "box") : NULL;
    const int l = label != NULL ? find_name(box_names, AX_BOX_N, label) : -1, s = source != NULL ? find_name(source_names, AX_SOURCE_N, source) : -1;
    if (l < 0 || s < 0)
      return fail(error, AX_DATA_ERROR_READ, "%s: %s: box %u has label \"%s\" and source \"%s\", of which one is unknown", path, image->file, b,
                  label != NULL ? label : "", source != NULL ? source : "");
    AxFindingBox *finding = &image->findings[image->n_findings];
    if (corners == NULL || !parse_box(corners, &finding->box))
      return fail(error, AX_DATA_ERROR_INCONSISTENT, "%s: %s: box %u (%s) is not [x1, y1, x2, y2] inside the %g frame", path, image->file, b, label, AX_DATASET_FRAME);
    finding->label = (AxBoxLabel) l;
    finding->source = (AxSource) s;
    image->n_findings++;
  }
  return TRUE;
}

static gboolean read_readings(const char *path, JsonObject *entry, AxDatasetImage *image, GError **error) {
  JsonObject *read = ax_data_json_object(entry, "read");
  if (read == NULL)
    return fail(error, AX_DATA_ERROR_READ, "%s: %s: no \"read\"", path, image->file);
  if (json_object_has_member(read, "rsna2018")) {
    JsonObject *rsna = ax_data_json_object(read, "rsna2018");
    const char *name = rsna != NULL ? ax_data_json_string(rsna, "class") : NULL;
    const int i = name != NULL ? find_name(rsna_names, G_N_ELEMENTS(rsna_names), name) : -1;
    if (i < 0)
      return fail(error, AX_DATA_ERROR_READ, "%s: %s: rsna2018 has no known class", path, image->file);
    image->rsna = (AxRsnaClass) i;
  }
  static const char *const sets[] = {"chestxdet10", "chestxdet13"};
  for (guint s = 0; s < 2; s++) {
    if (!json_object_has_member(read, sets[s]))
      continue;
    JsonObject *reading = ax_data_json_object(read, sets[s]);
    JsonArray *present = reading != NULL ? ax_data_json_array(reading, "present") : NULL;
    if (present == NULL)
      return fail(error, AX_DATA_ERROR_READ, "%s: %s: %s has no list \"present\"", path, image->file, sets[s]);
    for (guint i = 0; i < json_array_get_length(present); i++) {
      const char *name = ax_data_json_node_string(json_array_get_element(present, i));
      const int l = name != NULL ? find_name(box_names, AX_BOX_N, name) : -1;
      if (l < 0)
        return fail(error, AX_DATA_ERROR_READ, "%s: %s: %s lists an unknown finding \"%s\"", path, image->file, sets[s], name != NULL ? name : "");
      image->chestxdet_present |= 1u << l;
    }
    *(s == 0 ? &image->chestxdet10 : &image->chestxdet13) = TRUE;
  }
  for (guint i = 0; i < image->n_findings; i++) {
    const AxFindingBox *box = &image->findings[i];
    if (box->source == AX_SOURCE_RSNA2018 && image->rsna != AX_RSNA_OPACITY)
      return fail(error, AX_DATA_ERROR_INCONSISTENT, "%s: %s: has an rsna2018 box, but its class is not Lung Opacity", path, image->file);
    if ((box->source == AX_SOURCE_CHESTXDET10 || box->source == AX_SOURCE_CHESTXDET13) && (image->chestxdet_present & (1u << box->label)) == 0)
      return fail(error, AX_DATA_ERROR_INCONSISTENT, "%s: %s: has a box of %s that its reading does not list", path, image->file, box_names[box->label]);
  }
  return TRUE;
}

static gboolean load_findings(AxDataset *dataset, GError **error) {
  g_autofree char *path = g_build_filename(dataset->dir, "findings.json", NULL);
  g_autoptr(JsonNode) root = ax_data_json_load(path, JSON_LIMIT, JSON_NODE_ARRAY, error);
  if (root == NULL)
    return FALSE;
  g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
  JsonArray *list = json_node_get_array(root);
  for (guint i = 0; i < json_array_get_length(list); i++) {
    JsonNode *node = json_array_get_element(list, i);
    JsonObject *entry = JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
    const char *file = entry != NULL ? ax_data_json_string(entry, "image") : NULL;
    if (file == NULL)
      return fail(error, AX_DATA_ERROR_READ, "%s: entry %u names no image", path, i);
    AxDatasetImage *image = g_hash_table_lookup(dataset->by_file, file);
    if (image == NULL)
      return fail(error, AX_DATA_ERROR_INCONSISTENT, "%s: labels.csv does not list %s", path, file);
    if (!g_hash_table_add(seen, image->file))
      return fail(error, AX_DATA_ERROR_INCONSISTENT, "%s: two entries for %s", path, file);
    if (!read_boxes(path, entry, image, error) || !read_readings(path, entry, image, error))
      return FALSE;
  }
  return TRUE;
}

/* ---- anatomy.json ---- */

static gboolean read_anatomy(const char *path, JsonObject *entry, AxDatasetImage *image, GError **error) {
  JsonNode *ok = ax_data_json_member(entry, "ok", JSON_NODE_VALUE);
  if (ok == NULL || json_node_get_value_type(ok) != G_TYPE_BOOLEAN)
    return fail(error, AX_DATA_ERROR_READ, "%s: %s: no \"ok\"", path, image->file);
  if (!json_node_get_boolean(ok))
    return TRUE;
  JsonArray *boxes = ax_data_json_array(entry, "boxes"), *visible = ax_data_json_array(entry, "visible");
  if (boxes == NULL || visible == NULL || json_array_get_length(boxes) != AX_DATASET_N_OBJECTS || json_array_get_length(visible) != AX_DATASET_N_OBJECTS)
    return fail(error, AX_DATA_ERROR_READ, "%s: %s: \"boxes\" and \"visible\" have to have %d entries each", path, image->file, AX_DATASET_N_OBJECTS);
  for (guint o = 0; o < AX_DATASET_N_OBJECTS; o++) {
    if (!parse_box(json_array_get_element(boxes, o), &image->boxes[o]))
      return fail(error, AX_DATA_ERROR_INCONSISTENT, "%s: %s: box %u is not [x1, y1, x2, y2] inside the %g frame", path, image->file, o, AX_DATASET_FRAME);
    JsonNode *flag = json_array_get_element(visible, o);
    const gint64 value = JSON_NODE_HOLDS_VALUE(flag) && json_node_get_value_type(flag) == G_TYPE_INT64 ? json_node_get_int(flag) : -1;
    if (value != 0 && value != 1)
      return fail(error, AX_DATA_ERROR_READ, "%s: %s: visible flag %u is neither 0 nor 1", path, image->file, o);
    image->visible[o] = value == 1;
  }
  image->ok = TRUE;
  return TRUE;
}

static gboolean load_anatomy(AxDataset *dataset, GError **error) {
  g_autofree char *path = g_build_filename(dataset->dir, "anatomy.json", NULL);
  g_autoptr(JsonNode) root = ax_data_json_load(path, JSON_LIMIT, JSON_NODE_OBJECT, error);
  if (root == NULL)
    return FALSE;
  JsonObject *images = ax_data_json_object(json_node_get_object(root), "images");
  if (images == NULL)
    return fail(error, AX_DATA_ERROR_READ, "%s: no object \"images\"", path);
  JsonObjectIter iter;
  const char *file;
  JsonNode *node;
  json_object_iter_init(&iter, images);
  while (json_object_iter_next(&iter, &file, &node)) {
    AxDatasetImage *image = g_hash_table_lookup(dataset->by_file, file);
    if (image == NULL)
      return fail(error, AX_DATA_ERROR_INCONSISTENT, "%s: labels.csv does not list %s", path, file);
    if (!JSON_NODE_HOLDS_OBJECT(node))
      return fail(error, AX_DATA_ERROR_READ, "%s: %s is not an object", path, file);
    if (!read_anatomy(path, json_node_get_object(node), image, error))
      return FALSE;
  }
  return TRUE;
}

AxDataset *ax_dataset_load(const char *dir, GError **error) {
  g_autoptr(AxDataset) dataset = g_new0(AxDataset, 1);
  dataset->dir = g_strdup(dir);
  dataset->by_file = g_hash_table_new(g_str_hash, g_str_equal);
  if (!load_labels(dataset, error) || !load_findings(dataset, error) || !load_anatomy(dataset, error))
    return NULL;
  for (guint i = 0; i < dataset->n; i++)
    ax_dataset_image_label(&dataset->images[i]);
  return g_steal_pointer(&dataset);
}

void ax_dataset_free(AxDataset *dataset) {
  for (guint i = 0; i < dataset->n; i++) {
    g_free(dataset->images[i].file);
    g_free(dataset->images[i].patient);
    g_free(dataset->images[i].findings);
  }
  g_free(dataset->images);
  g_hash_table_unref(dataset->by_file);
  g_free(dataset->dir);
  g_free(dataset);
}

const AxDatasetImage *ax_dataset_find(const AxDataset *dataset, const char *file) { return g_hash_table_lookup(dataset->by_file, file); }

char *ax_dataset_image_path(const AxDataset *dataset, const AxDatasetImage *image) { return g_build_filename(dataset->dir, "images", image->file, NULL); }
