#include "ui/document.h"

#include "ui/film-file.h"

#include <glib/gi18n-lib.h>

struct _AxDocument {
  GObject parent_instance;
  AxSession *session;
  GCancellable *reading;      /* of the file being read */
  GCancellable *perceiving[2]; /* of the requests under way: plain, mirrored */
  AxDocumentState state;
  char *name, *path, *stage;
  double progress;
  AxImage *image;
  AxPyramid *pyramid;
  int side_of_letters;
  AxPerception *perceptions[2];
  AxUndo *undo;
  AxMarks *marks;
  /* what is kept between two sittings */
  char *sha256, *kept_model_name, *kept_model_sha256; /* the model of answers that came from a file */
  AxViewState view;
  gboolean has_view, saved_view; /* saved_view: `view` came from a file */
  JsonArray *exchanges;
  char *written;                 /* what the file says, or what there would be to say about an image as opened */
  gboolean has_file;
  guint save_id;
  GError *error;
};

enum { PROP_0, PROP_STATE, PROP_PROGRESS, PROP_STAGE, PROP_NAME, N_PROPS };
/* Longer than a drag's steps are apart, shorter than anybody minds losing. */
#define SAVE_AFTER_MS 300

enum { LOADED, PERCEIVED, FAILED, N_SIGNALS };
static GParamSpec *props[N_PROPS];
static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE(AxDocument, ax_document, G_TYPE_OBJECT)

GType ax_document_state_get_type(void) {
  static gsize type;
  static const GEnumValue values[] = {
    {AX_DOCUMENT_EMPTY, "AX_DOCUMENT_EMPTY", "empty"},
    {AX_DOCUMENT_LOADING, "AX_DOCUMENT_LOADING", "loading"},
    {AX_DOCUMENT_PERCEIVING, "AX_DOCUMENT_PERCEIVING", "perceiving"},
    {AX_DOCUMENT_READY, "AX_DOCUMENT_READY", "ready"},
    {AX_DOCUMENT_FAILED, "AX_DOCUMENT_FAILED", "failed"},
    {0, NULL, NULL},
  };

  if (g_once_init_enter(&type))
    g_once_init_leave(&type, g_enum_register_static("AxDocumentState", values));
  return type;
}

static void set_state(AxDocument *self, AxDocumentState state) {
  if (self->state == state)
    return;
  self->state = state;
  g_object_notify_by_pspec(G_OBJECT(self), props[PROP_STATE]);
}

static void set_progress(AxDocument *self, double progress, const char *stage) {
  progress = CLAMP(progress, 0, 1);
  if (self->progress != progress) {
    self->progress = progress;
    g_object_notify_by_pspec(G_OBJECT(self), props[PROP_PROGRESS]);
  }
  if (g_strcmp0(self->stage, stage) != 0) {
    g_free(self->stage);
    self->stage = g_strdup(stage);
    g_object_notify_by_pspec(G_OBJECT(self), props[PROP_STAGE]);
  }
}

static void fail(AxDocument *self, AxDocumentState state, const GError *error) {
  g_autoptr(GError) copy = g_error_copy(error);

  g_clear_error(&self->error);
  self->error = g_error_copy(error);
  set_state(self, state);
  g_signal_emit(self, signals[FAILED], 0, copy);
}

static void cancel(GCancellable **cancellable) {
  g_autoptr(GCancellable) old = g_steal_pointer(cancellable);

  if (old)
    g_cancellable_cancel(old);
}

/* ---- keeping ---- */

/* Without the answers: whether there is anything of the reader's to keep. */
static AxSessionState *make_state(AxDocument *self, gboolean answers) {
  AxSessionState *state = ax_session_state_new();
  AxModel *model = self->session ? ax_session_get_model(self->session) : NULL;

  state->image_name = g_strdup(self->name);
  state->image_path = g_strdup(self->path);
  state->image_sha256 = g_strdup(self->sha256);
  state->image_width = ax_image_get_width(self->image);
  state->image_height = ax_image_get_height(self->image);
  state->has_view = self->has_view;
  state->view = self->view;
  for (guint i = 0; i < ax_marks_get_n(self->marks); i++)
    g_array_append_vals(state->marks, ax_marks_get(self->marks, i), 1);
  state->calibration = ax_marks_get_calibration(self->marks);
  state->exchanges = self->exchanges ? json_array_ref(self->exchanges) : NULL;
  for (int i = 0; answers && i < 2; i++)
    state->perceptions[i] = self->perceptions[i] ? ax_perception_ref(self->perceptions[i]) : NULL;
  if (answers && (self->perceptions[0] || self->exchanges)) {
    state->model_name = g_strdup(self->kept_model_name ? self->kept_model_name : model ? ax_model_name(model) : NULL);
    state->model_sha256 = g_strdup(self->kept_model_sha256 ? self->kept_model_sha256 : model ? ax_model_sha256(model) : NULL);
  }
  return state;
}

static char *state_text(AxDocument *self, gboolean answers) {
  g_autoptr(AxSessionState) state = make_state(self, answers);

  return ax_session_state_to_json(state);
}

char *ax_document_to_session_json(AxDocument *self) {
  g_return_val_if_fail(AX_IS_DOCUMENT(self), NULL);
  return self->image ? state_text(self, TRUE) : NULL;
}

/* An image that was only looked at leaves no file. */
static void save(AxDocument *self) {
  g_autofree char *own = NULL, *path = NULL;

  g_clear_handle_id(&self->save_id, g_source_remove);
  if (!self->image || !self->sha256 || !self->written || ax_marks_is_editing(self->marks))
    return;
  own = state_text(self, FALSE);
  if (g_strcmp0(own, self->written) == 0)
    return;
  g_free(self->written);
  self->written = g_steal_pointer(&own);
  self->has_file = TRUE;
  path = ax_session_file_path(self->sha256);
  ax_session_file_write(path, state_text(self, TRUE));
}

static gboolean on_save(gpointer data) {
  AX_DOCUMENT(data)->save_id = 0;
  save(data);
  return G_SOURCE_REMOVE;
}

static void touch(AxDocument *self) {
  if (self->image && self->written && !self->save_id)
    self->save_id = g_timeout_add(SAVE_AFTER_MS, on_save, self);
}

void ax_document_set_view(AxDocument *self, const AxViewState *view) {
  g_return_if_fail(AX_IS_DOCUMENT(self));
  if (!self->image)
    return;
  self->view = *view;
  self->has_view = TRUE;
  touch(self);
}

const AxViewState *ax_document_get_saved_view(AxDocument *self) { return self->saved_view ? &self->view : NULL; }
JsonArray *ax_document_get_exchanges(AxDocument *self) { return self->exchanges; }

void ax_document_set_exchanges(AxDocument *self, JsonArray *exchanges) {
  g_return_if_fail(AX_IS_DOCUMENT(self));
  g_clear_pointer(&self->exchanges, json_array_unref);
  self->exchanges = exchanges ? json_array_ref(exchanges) : NULL;
  touch(self);
}

/* Answers that were kept are taken when they are of the model that is loaded, or while none is. */
static void restore(AxDocument *self, const AxSessionState *state) {
  AxModel *model = ax_session_get_model(self->session);

  ax_marks_load(self->marks, (const AxMark *)(void *)state->marks->data, state->marks->len, state->calibration);
  self->has_view = self->saved_view = state->has_view;
  self->view = state->view;
  self->exchanges = state->exchanges ? json_array_ref(state->exchanges) : NULL;
  self->has_file = TRUE;
  if (model && g_strcmp0(ax_model_sha256(model), state->model_sha256) != 0)
    return;
  for (int i = 0; i < 2; i++)
    if (state->perceptions[i] && state->perceptions[i]->width == ax_image_get_width(self->image) &&
        state->perceptions[i]->height == ax_image_get_height(self->image) && state->perceptions[i]->mirrored == i)
      self->perceptions[i] = ax_perception_ref(state->perceptions[i]);
  if (self->perceptions[0] && !model) {
    self->kept_model_name = g_strdup(state->model_name);
    self->kept_model_sha256 = g_strdup(state->model_sha256);
  }
}

/* ---- perceiving ---- */

typedef struct {
  GWeakRef document; /* a request does not keep a closed document alive */
  GCancellable *cancellable;
  gboolean mirrored;
} Request;

static Request *request_new(AxDocument *self, gboolean mirrored) {
  Request *request = g_new0(Request, 1);

  g_weak_ref_init(&request->document, self);
  request->cancellable = g_object_ref(self->perceiving[mirrored]);
  request->mirrored = mirrored;
  return request;
}

static void request_free(Request *request) {
  g_weak_ref_clear(&request->document);
  g_object_unref(request->cancellable);
  g_free(request);
}

/* The document, if the request is still the one it waits for. */
static AxDocument *request_get_document(Request *request) {
  AxDocument *self = g_weak_ref_get(&request->document);

  if (self && self->perceiving[request->mirrored] != request->cancellable)
    g_clear_object(&self);
  return self;
}

static void on_progress(double fraction, const char *stage, gpointer data) {
  g_autoptr(AxDocument) self = request_get_document(data);

  if (self)
    set_progress(self, fraction, stage);
}

static void settle(AxDocument *self) {
  if (self->perceiving[0] || self->perceiving[1])
    return;
  set_progress(self, 0, NULL);
  set_state(self, AX_DOCUMENT_READY);
}

static void on_perceived(GObject *source, GAsyncResult *result, gpointer data) {
  Request *request = data;
  g_autoptr(AxDocument) self = request_get_document(request);
  g_autoptr(GError) error = NULL;
  g_autoptr(AxPerception) perception = ax_session_perceive_finish(AX_SESSION(source), result, &error);
  gboolean mirrored = request->mirrored;

  request_free(request);
  if (!self)
    return;
  g_clear_object(&self->perceiving[mirrored]);
  if (perception) {
    self->perceptions[mirrored] = g_steal_pointer(&perception);
    if (self->has_file) { /* the answer goes into the file too */
      g_clear_pointer(&self->written, g_free);
      self->written = g_strdup("");
      touch(self);
    }
    settle(self);
    g_signal_emit(self, signals[PERCEIVED], 0, mirrored);
  } else {
    settle(self);
    if (!g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
      fail(self, self->state, error);
  }
}

void ax_document_perceive(AxDocument *self, gboolean mirrored) {
  g_return_if_fail(AX_IS_DOCUMENT(self));
  mirrored = !!mirrored;
  if (!self->image || self->perceptions[mirrored] || self->perceiving[mirrored])
    return;
  self->perceiving[mirrored] = g_cancellable_new();
  set_progress(self, 0, _("Waiting for the model"));
  set_state(self, AX_DOCUMENT_PERCEIVING);

  Request *request = request_new(self, mirrored);
  ax_session_perceive_async(self->session, self->image, mirrored, on_progress, request, request->cancellable, on_perceived, request);
}

/* ---- reading ---- */

static void on_read(GObject *object, GAsyncResult *result, gpointer data) {
  GWeakRef *weak = data;
  g_autoptr(AxDocument) self = g_weak_ref_get(weak);
  g_autoptr(GError) error = NULL;
  g_autoptr(AxFilmFile) file = ax_film_file_read_finish(result, &error);

  g_weak_ref_clear(weak);
  g_free(weak);
  if (!self || self->reading != g_task_get_cancellable(G_TASK(result)))
    return; /* the document is gone, another file was opened, or the reading was cancelled */
  g_clear_object(&self->reading);
  set_progress(self, 0, NULL);
  if (!file) {
    fail(self, AX_DOCUMENT_FAILED, error);
    return;
  }
  self->image = g_object_ref(ax_pyramid_get_image(file->pyramid));
  self->pyramid = g_steal_pointer(&file->pyramid);
  self->side_of_letters = file->side_of_letters;
  self->sha256 = g_steal_pointer(&file->sha256);
  if (file->session)
    restore(self, file->session);
  if (self->perceptions[0])
    set_state(self, AX_DOCUMENT_READY);
  g_signal_emit(self, signals[LOADED], 0);
  self->written = state_text(self, FALSE); /* from here on changes are the reader's */
  for (int i = 0; i < 2; i++)
    if (self->perceptions[i])
      g_signal_emit(self, signals[PERCEIVED], 0, i);
  ax_document_perceive(self, FALSE);
}

static void forget(AxDocument *self) {
  save(self);
  g_clear_handle_id(&self->save_id, g_source_remove);
  cancel(&self->reading);
  for (int i = 0; i < 2; i++) {
    cancel(&self->perceiving[i]);
    g_clear_pointer(&self->perceptions[i], ax_perception_unref);
  }
  g_clear_error(&self->error);
  g_clear_pointer(&self->written, g_free); /* from here on nothing is saved */
  g_clear_pointer(&self->sha256, g_free);
  g_clear_pointer(&self->kept_model_name, g_free);
  g_clear_pointer(&self->kept_model_sha256, g_free);
  g_clear_pointer(&self->exchanges, json_array_unref);
  self->has_view = self->saved_view = self->has_file = FALSE;
  ax_marks_load(self->marks, NULL, 0, 0);
  ax_undo_clear(self->undo);
  g_clear_pointer(&self->pyramid, ax_pyramid_unref);
  g_clear_object(&self->image);
  g_clear_pointer(&self->path, g_free);
  g_clear_pointer(&self->name, g_free);
}

static void open_file(AxDocument *self, const char *path, GBytes *bytes, const char *name) {
  GWeakRef *weak = g_new0(GWeakRef, 1);

  forget(self);
  self->path = g_strdup(path);
  self->name = g_strdup(name);
  g_object_notify_by_pspec(G_OBJECT(self), props[PROP_NAME]);
  self->reading = g_cancellable_new();
  set_progress(self, 0, _("Reading the file"));
  set_state(self, AX_DOCUMENT_LOADING);
  g_weak_ref_init(weak, self);
  ax_film_file_read_async(path, bytes, name, self->reading, on_read, weak);
}

void ax_document_open_path(AxDocument *self, const char *path) {
  g_autofree char *own = g_strdup(path), *name = NULL; /* it may be the document's own */

  g_return_if_fail(AX_IS_DOCUMENT(self) && path != NULL);
  name = g_filename_display_basename(own);
  open_file(self, own, NULL, name);
}

void ax_document_open_bytes(AxDocument *self, GBytes *bytes, const char *name) {
  g_return_if_fail(AX_IS_DOCUMENT(self) && bytes != NULL && name != NULL);
  open_file(self, NULL, bytes, name);
}

void ax_document_cancel(AxDocument *self) {
  g_return_if_fail(AX_IS_DOCUMENT(self));
  if (!ax_document_get_busy(self))
    return;
  cancel(&self->reading);
  cancel(&self->perceiving[0]);
  cancel(&self->perceiving[1]);
  set_progress(self, 0, NULL);
  set_state(self, self->image ? AX_DOCUMENT_READY : AX_DOCUMENT_EMPTY);
}

/* ---- getters ---- */

AxDocumentState ax_document_get_state(AxDocument *self) { return self->state; }
double ax_document_get_progress(AxDocument *self) { return self->progress; }
const char *ax_document_get_stage(AxDocument *self) { return self->stage; }
const char *ax_document_get_name(AxDocument *self) { return self->name ? self->name : ""; }
const char *ax_document_get_path(AxDocument *self) { return self->path; }
AxImage *ax_document_get_image(AxDocument *self) { return self->image; }
AxPyramid *ax_document_get_pyramid(AxDocument *self) { return self->pyramid; }
AxPerception *ax_document_get_perception(AxDocument *self, gboolean mirrored) { return self->perceptions[!!mirrored]; }
AxSides ax_document_get_sides(AxDocument *self) {
  return self->perceptions[0] ? ax_side_hint(self->perceptions[0], self->side_of_letters) : AX_SIDES_USUAL;
}

AxMarks *ax_document_get_marks(AxDocument *self) { return self->marks; }
AxUndo *ax_document_get_undo(AxDocument *self) { return self->undo; }
const GError *ax_document_get_error(AxDocument *self) { return self->error; }

gboolean ax_document_get_busy(AxDocument *self) {
  return self->state == AX_DOCUMENT_LOADING || self->state == AX_DOCUMENT_PERCEIVING;
}

/* ---- GObject ---- */

static void ax_document_get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec) {
  AxDocument *self = AX_DOCUMENT(object);

  switch (id) {
  case PROP_STATE: g_value_set_enum(value, self->state); break;
  case PROP_PROGRESS: g_value_set_double(value, self->progress); break;
  case PROP_STAGE: g_value_set_string(value, self->stage); break;
  case PROP_NAME: g_value_set_string(value, ax_document_get_name(self)); break;
  default: G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
  }
}

static void ax_document_dispose(GObject *object) {
  AxDocument *self = AX_DOCUMENT(object);

  if (self->marks) {
    forget(self);
    g_signal_handlers_disconnect_by_data(self->marks, self);
  }
  g_clear_object(&self->marks);
  g_clear_object(&self->undo);
  g_clear_object(&self->session);
  g_clear_pointer(&self->stage, g_free);
  G_OBJECT_CLASS(ax_document_parent_class)->dispose(object);
}

static void ax_document_class_init(AxDocumentClass *klass) {
  GObjectClass *object_class = G_OBJECT_CLASS(klass);
  const GParamFlags read = G_PARAM_READABLE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;

  object_class->get_property = ax_document_get_property;
  object_class->dispose = ax_document_dispose;
  props[PROP_STATE] = g_param_spec_enum("state", NULL, NULL, AX_TYPE_DOCUMENT_STATE, AX_DOCUMENT_EMPTY, read);
  props[PROP_PROGRESS] = g_param_spec_double("progress", NULL, NULL, 0, 1, 0, read);
  props[PROP_STAGE] = g_param_spec_string("stage", NULL, NULL, NULL, read);
  props[PROP_NAME] = g_param_spec_string("name", NULL, NULL, "", read);
  g_object_class_install_properties(object_class, N_PROPS, props);
  signals[LOADED] = g_signal_new("loaded", G_TYPE_FROM_CLASS(klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[PERCEIVED] = g_signal_new("perceived", G_TYPE_FROM_CLASS(klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1,
                                    G_TYPE_BOOLEAN);
  signals[FAILED] = g_signal_new("failed", G_TYPE_FROM_CLASS(klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1,
                                 G_TYPE_ERROR);
}

static void ax_document_init(AxDocument *self) {
  self->undo = ax_undo_new();
  self->marks = ax_marks_new(self->undo);
  g_signal_connect_swapped(self->marks, "changed", G_CALLBACK(touch), self);
}

AxDocument *ax_document_new(AxSession *session) {
  AxDocument *self = g_object_new(AX_TYPE_DOCUMENT, NULL);

  self->session = g_object_ref(session);
  return self;
}
