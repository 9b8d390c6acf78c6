#include "ui/session-file.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#define FORMAT "anatomix-viewer session"
#define MAX_DEPTH 64

AxSessionState *ax_session_state_new(void) {
  AxSessionState *state = g_new0(AxSessionState, 1);

  state->marks = g_array_new(FALSE, TRUE, sizeof(AxMark));
  return state;
}

void ax_session_state_free(AxSessionState *state) {
  g_free(state->image_name);
  g_free(state->image_path);
  g_free(state->image_sha256);
  g_free(state->model_name);
  g_free(state->model_sha256);
  g_array_unref(state->marks);
  for (int i = 0; i < 2; i++)
    g_clear_pointer(&state->perceptions[i], ax_perception_unref);
  g_clear_pointer(&state->exchanges, json_array_unref);
  g_free(state);
}

/* ---- writing ---- */

static void add_string(JsonBuilder *b, const char *name, const char *value) {
  json_builder_set_member_name(b, name);
  if (value)
    json_builder_add_string_value(b, value);
  else
    json_builder_add_null_value(b);
}

static void add_number(JsonBuilder *b, const char *name, double value) {
  json_builder_set_member_name(b, name);
  json_builder_add_double_value(b, isfinite(value) ? value : 0);
}

static void add_bool(JsonBuilder *b, const char *name, gboolean value) {
  json_builder_set_member_name(b, name);
  json_builder_add_boolean_value(b, value);
}

static void add_image(JsonBuilder *b, const AxSessionState *state) {
  json_builder_set_member_name(b, "image");
  json_builder_begin_object(b);
  add_string(b, "name", state->image_name);
  add_string(b, "path", state->image_path);
  add_string(b, "sha256", state->image_sha256);
  add_number(b, "width", state->image_width);
  add_number(b, "height", state->image_height);
  json_builder_end_object(b);
}

/* A fitted view has no zoom of its own: it depends on the window's size. */
static void add_view(JsonBuilder *b, const AxViewState *view) {
  json_builder_set_member_name(b, "view");
  json_builder_begin_object(b);
  add_number(b, "window_center", view->window_center);
  add_number(b, "window_width", view->window_width);
  add_bool(b, "inverted", view->inverted);
  add_bool(b, "mirrored", view->mirrored);
  add_number(b, "rotation", view->rotation);
  add_bool(b, "fitted", view->fitted);
  if (!view->fitted) {
    add_number(b, "zoom", view->zoom);
    add_number(b, "center_x", view->center_x);
    add_number(b, "center_y", view->center_y);
  }
  json_builder_end_object(b);
}

static void add_marks(JsonBuilder *b, const AxSessionState *state) {
  add_number(b, "calibration_mm", state->calibration);
  json_builder_set_member_name(b, "marks");
  json_builder_begin_array(b);
  for (guint i = 0; i < state->marks->len; i++) {
    const AxMark *mark = &g_array_index(state->marks, AxMark, i);

    json_builder_begin_object(b);
    add_string(b, "kind", ax_mark_kind_word(mark->kind));
    json_builder_set_member_name(b, "points");
    json_builder_begin_array(b);
    for (guint k = 0; k < ax_mark_n_points(mark->kind); k++) {
      json_builder_begin_array(b);
      json_builder_add_double_value(b, mark->points[k].x);
      json_builder_add_double_value(b, mark->points[k].y);
      json_builder_end_array(b);
    }
    json_builder_end_array(b);
    json_builder_end_object(b);
  }
  json_builder_end_array(b);
}

static void add_perceptions(JsonBuilder *b, const AxSessionState *state) {
  static const char *const names[2] = {"perception", "perception_mirrored"};

  for (int i = 0; i < 2; i++) {
    g_autofree char *text = state->perceptions[i] ? ax_perception_to_json(state->perceptions[i], NULL, NULL, FALSE) : NULL;
    JsonNode *node = text ? json_from_string(text, NULL) : NULL;

    if (!node)
      continue;
    json_builder_set_member_name(b, names[i]);
    json_builder_add_value(b, node);
  }
}

char *ax_session_state_to_json(const AxSessionState *state) {
  g_autoptr(JsonBuilder) b = json_builder_new();
  g_autoptr(JsonGenerator) generator = json_generator_new();
  g_autoptr(JsonNode) root = NULL;

  json_builder_begin_object(b);
  add_string(b, "format", FORMAT);
  json_builder_set_member_name(b, "version");
  json_builder_add_int_value(b, AX_SESSION_VERSION);
  add_string(b, "program", ax_version());
  add_image(b, state);
  if (state->has_view)
    add_view(b, &state->view);
  add_marks(b, state);
  json_builder_set_member_name(b, "model");
  if (state->model_sha256) {
    json_builder_begin_object(b);
    add_string(b, "name", state->model_name);
    add_string(b, "sha256", state->model_sha256);
    json_builder_end_object(b);
  } else {
    json_builder_add_null_value(b);
  }
  add_perceptions(b, state);
  if (state->exchanges) {
    json_builder_set_member_name(b, "exchanges");
    json_builder_add_value(b, json_node_init_array(json_node_alloc(), state->exchanges));
  }
  json_builder_end_object(b);
  root = json_builder_get_root(b);
  json_generator_set_root(generator, root);
  json_generator_set_pretty(generator, TRUE);
  return json_generator_to_data(generator, NULL);
}

/* ---- reading: every getter says what holds when the member is not there or of another kind ---- */

static JsonNode *member(JsonObject *object, const char *name, JsonNodeType type) {
  JsonNode *node = object ? json_object_get_member(object, name) : NULL;

  return node && JSON_NODE_TYPE(node) == type ? node : NULL;
}

static JsonObject *get_object(JsonObject *object, const char *name) {
  JsonNode *node = member(object, name, JSON_NODE_OBJECT);

  return node ? json_node_get_object(node) : NULL;
}

static JsonArray *get_array(JsonObject *object, const char *name) {
  JsonNode *node = member(object, name, JSON_NODE_ARRAY);

  return node ? json_node_get_array(node) : NULL;
}

static double value_of(JsonNode *node) {
  GType type = node && JSON_NODE_HOLDS_VALUE(node) ? json_node_get_value_type(node) : G_TYPE_INVALID;

  return type == G_TYPE_DOUBLE ? json_node_get_double(node) : type == G_TYPE_INT64 ? (double)json_node_get_int(node) : NAN;
}

static double get_number(JsonObject *object, const char *name, double otherwise) {
  double value = value_of(member(object, name, JSON_NODE_VALUE));

  return isfinite(value) ? value : otherwise;
}

static gboolean get_bool(JsonObject *object, const char *name) {
  JsonNode *node = member(object, name, JSON_NODE_VALUE);

  return node && json_node_get_value_type(node) == G_TYPE_BOOLEAN && json_node_get_boolean(node);
}

static const char *get_string(JsonObject *object, const char *name) {
  JsonNode *node = member(object, name, JSON_NODE_VALUE);

  return node && json_node_get_value_type(node) == G_TYPE_STRING ? json_node_get_string(node) : NULL;
}

static gboolean read_numbers(JsonArray *array, double *values, guint n) {
  if (!array || json_array_get_length(array) != n)
    return FALSE;
  for (guint i = 0; i < n; i++) {
    values[i] = value_of(json_array_get_element(array, i));
    if (!isfinite(values[i]) || fabs(values[i]) > 1e6)
      return FALSE;
  }
  return TRUE;
}

static gboolean read_box(JsonObject *object, const char *name, AxBox *box) {
  double values[4];

  if (!read_numbers(get_array(object, name), values, 4))
    return FALSE;
  *box = (AxBox){values[0], values[1], values[2], values[3]};
  return TRUE;
}

static void add_retrieved(AxAnatomy *a, JsonObject *object) {
  const char *sentence = get_string(object, "sentence");

  if (!sentence)
    return;
  a->retrieved = g_renew(AxRetrieved, a->retrieved, a->n_retrieved + 1);
  a->retrieved[a->n_retrieved++] = (AxRetrieved){g_strdup(sentence), get_number(object, "score", 0)};
}

static gboolean read_anatomy(AxAnatomy *a, guint index, JsonObject *object) {
  JsonArray *others = get_array(object, "alternatives");

  a->index = index;
  a->name = ax_anatomy_name(index);
  if (get_number(object, "index", -1) != index || !read_box(object, "box", &a->box) || !read_box(object, "box1024", &a->box1024))
    return FALSE;
  add_retrieved(a, object);
  for (guint k = 0; others && k < MIN(json_array_get_length(others), 32); k++) {
    JsonNode *other = json_array_get_element(others, k);

    if (JSON_NODE_HOLDS_OBJECT(other))
      add_retrieved(a, json_node_get_object(other));
  }
  return TRUE;
}

AxPerception *ax_perception_from_json(JsonObject *object) {
  JsonObject *image = get_object(object, "image"), *timing = get_object(object, "timing_ms");
  JsonArray *anatomy = get_array(object, "anatomy"), *findings = get_array(object, "findings");
  g_autoptr(AxPerception) p = g_new0(AxPerception, 1);

  p->ref_count = 1;
  p->width = (int)CLAMP(get_number(image, "width", 0), 0, AX_IMAGE_MAX_SIDE);
  p->height = (int)CLAMP(get_number(image, "height", 0), 0, AX_IMAGE_MAX_SIDE);
  p->mirrored = get_bool(image, "mirrored");
  if (p->width < 1 || p->height < 1 || !anatomy || json_array_get_length(anatomy) != AX_N_ANATOMY || !findings ||
      json_array_get_length(findings) > 100)
    return NULL;
  for (guint i = 0; i < AX_N_ANATOMY; i++) {
    JsonNode *node = json_array_get_element(anatomy, i);

    if (!JSON_NODE_HOLDS_OBJECT(node) || !read_anatomy(&p->anatomy[i], i, json_node_get_object(node)))
      return NULL;
  }
  p->findings = g_new0(AxFinding, MAX(json_array_get_length(findings), 1));
  for (guint i = 0; i < json_array_get_length(findings); i++) {
    JsonNode *node = json_array_get_element(findings, i);
    JsonObject *finding = JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
    const char *name = get_string(finding, "name");

    if (name)
      p->findings[p->n_findings++] = (AxFinding){g_strdup(name), CLAMP(get_number(finding, "probability", 0), 0, 1)};
  }
  p->ms_preprocess = get_number(timing, "preprocess", 0);
  p->ms_perceive = get_number(timing, "perceive", 0);
  p->ms_retrieve = get_number(timing, "retrieve", 0);
  p->ms_total = get_number(timing, "total", 0);
  return g_steal_pointer(&p);
}

static gboolean read_mark(JsonObject *object, AxMark *mark) {
  JsonArray *points = get_array(object, "points");
  int kind = ax_mark_kind_of_word(get_string(object, "kind"));

  if (kind < 0 || !points || json_array_get_length(points) != ax_mark_n_points((AxMarkKind)kind))
    return FALSE;
  mark->kind = (AxMarkKind)kind;
  for (guint k = 0; k < ax_mark_n_points(mark->kind); k++) {
    JsonNode *node = json_array_get_element(points, k);
    double xy[2];

    if (!JSON_NODE_HOLDS_ARRAY(node) || !read_numbers(json_node_get_array(node), xy, 2))
      return FALSE;
    mark->points[k] = (AxPoint){xy[0], xy[1]};
  }
  return TRUE;
}

static void read_marks(AxSessionState *state, JsonArray *marks) {
  for (guint i = 0; marks && i < MIN(json_array_get_length(marks), AX_SESSION_MAX_MARKS); i++) {
    JsonNode *node = json_array_get_element(marks, i);
    AxMark mark = {0};

    if (JSON_NODE_HOLDS_OBJECT(node) && read_mark(json_node_get_object(node), &mark))
      g_array_append_val(state->marks, mark);
  }
}

static void read_view(AxSessionState *state, JsonObject *view) {
  int rotation = (int)CLAMP(get_number(view, "rotation", 0), 0, 270);

  if (!view)
    return;
  state->has_view = TRUE;
  state->view = (AxViewState){
    .window_center = get_number(view, "window_center", 128),
    .window_width = get_number(view, "window_width", 256),
    .inverted = get_bool(view, "inverted"),
    .mirrored = get_bool(view, "mirrored"),
    .fitted = get_bool(view, "fitted"),
    .rotation = rotation / 90 * 90,
    .zoom = get_number(view, "zoom", 1),
    .center_x = get_number(view, "center_x", 0),
    .center_y = get_number(view, "center_y", 0),
  };
}

/* The parser goes down once for each bracket; a file of nothing but brackets must not take the stack. */
static gboolean is_too_deep(const char *text, gssize length) {
  gboolean in_string = FALSE;
  int depth = 0;

  for (gssize i = 0; i < length; i++) {
    if (in_string) {
      if (text[i] == '\\')
        i++;
      else if (text[i] == '"')
        in_string = FALSE;
    } else if (text[i] == '"') {
      in_string = TRUE;
    } else if (text[i] == '[' || text[i] == '{') {
      if (++depth > MAX_DEPTH)
        return TRUE;
    } else if (text[i] == ']' || text[i] == '}') {
      depth--;
    }
  }
  return FALSE;
}

AxSessionState *ax_session_state_from_json(const char *text, gssize length, GError **error) {
  g_autoptr(JsonParser) parser = json_parser_new_immutable();
  g_autoptr(AxSessionState) state = ax_session_state_new();
  g_autoptr(GError) reason = NULL;
  JsonObject *root, *image, *model;

  if (length < 0)
    length = (gssize)strlen(text);
  if (length > AX_SESSION_MAX_BYTES || is_too_deep(text, length) || !json_parser_load_from_data(parser, text, length, &reason) || !json_parser_get_root(parser) ||
      !JSON_NODE_HOLDS_OBJECT(json_parser_get_root(parser))) {
    g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "This is no session file: %s", reason ? reason->message : "not an object, or too large or deep");
    return NULL;
  }
  root = json_node_get_object(json_parser_get_root(parser));
  if (g_strcmp0(get_string(root, "format"), FORMAT) != 0 || get_number(root, "version", 0) != AX_SESSION_VERSION) {
    g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "This is no session file of version %d; this program is %s", AX_SESSION_VERSION, ax_version());
    return NULL;
  }
  image = get_object(root, "image");
  model = get_object(root, "model");
  state->image_name = g_strdup(get_string(image, "name"));
  state->image_path = g_strdup(get_string(image, "path"));
  state->image_sha256 = g_strdup(get_string(image, "sha256"));
  state->image_width = (int)CLAMP(get_number(image, "width", 0), 0, AX_IMAGE_MAX_SIDE);
  state->image_height = (int)CLAMP(get_number(image, "height", 0), 0, AX_IMAGE_MAX_SIDE);
  state->model_name = g_strdup(get_string(model, "name"));
  state->model_sha256 = g_strdup(get_string(model, "sha256"));
  read_view(state, get_object(root, "view"));
  read_marks(state, get_array(root, "marks"));
  state->calibration = CLAMP(get_number(root, "calibration_mm", 0), 0, 1000);
  if (get_object(root, "perception"))
    state->perceptions[0] = ax_perception_from_json(get_object(root, "perception"));
  if (get_object(root, "perception_mirrored"))
    state->perceptions[1] = ax_perception_from_json(get_object(root, "perception_mirrored"));
  if (get_array(root, "exchanges"))
    state->exchanges = json_array_ref(get_array(root, "exchanges"));
  return g_steal_pointer(&state);
}

/* ---- files ---- */

char *ax_session_file_folder(void) {
  const char *named = g_getenv("ANATOMIX_SESSIONS");

  return named ? g_strdup(named) : g_build_filename(g_get_user_data_dir(), "anatomix", "sessions", NULL);
}

char *ax_session_file_path(const char *image_sha256) {
  g_autofree char *folder = ax_session_file_folder(), *name = g_strconcat(image_sha256, ".json", NULL);

  return g_build_filename(folder, name, NULL);
}

typedef struct {
  char *path, *text;
} Job;

static GThreadPool *writer;
static GMutex lock;
static GCond written;
static guint n_waiting; /* jobs that are not done */
static gboolean failing; /* the last one could not be written; the writing thread's */
static void (*watch)(const char *reason);

void ax_session_file_set_watch(void (*failed)(const char *reason)) { watch = failed; }

static gboolean on_failed(gpointer reason) {
  if (watch)
    watch(reason);
  return G_SOURCE_REMOVE;
}

static void write_one(gpointer data, gpointer unused) {
  Job *job = data;
  g_autofree char *folder = g_path_get_dirname(job->path);
  g_autoptr(GError) error = NULL;

  /* For the owner only: it says which images somebody has looked at. */
  if (g_mkdir_with_parents(folder, 0700) != 0)
    g_set_error(&error, G_FILE_ERROR, g_file_error_from_errno(errno), "%s: %s", folder, g_strerror(errno));
  else
    g_file_set_contents_full(job->path, job->text, -1, G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0600, &error);
  if (error)
    g_message("The session file %s could not be written: %s", job->path, error->message);
  if (error && !failing)
    g_idle_add_full(G_PRIORITY_DEFAULT, on_failed, g_strdup(error->message), g_free);
  failing = error != NULL;
  g_free(job->path);
  g_free(job->text);
  g_free(job);
  g_mutex_lock(&lock);
  n_waiting--;
  g_cond_broadcast(&written);
  g_mutex_unlock(&lock);
}

gboolean ax_session_file_is_writing(void) {
  gboolean writing;

  g_mutex_lock(&lock);
  writing = n_waiting > 0;
  g_mutex_unlock(&lock);
  return writing;
}

void ax_session_file_wait(void) {
  g_mutex_lock(&lock);
  while (n_waiting > 0)
    g_cond_wait(&written, &lock);
  g_mutex_unlock(&lock);
}

void ax_session_file_write(const char *path, char *text) {
  Job *job = g_new0(Job, 1);

  job->path = g_strdup(path);
  job->text = text;
  g_mutex_lock(&lock);
  n_waiting++;
  g_mutex_unlock(&lock);
  if (!writer)
    writer = g_thread_pool_new(write_one, NULL, 1, FALSE, NULL);
  g_thread_pool_push(writer, job, NULL);
}

void ax_session_file_flush(void) {
  if (writer)
    g_thread_pool_free(g_steal_pointer(&writer), FALSE, TRUE);
}
