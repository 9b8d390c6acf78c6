#include "ui/window-private.h"

#include "ui/folder.h"
#include "ui/image-words.h"
#include "ui/sample-gallery.h"
#include "ui/session-file.h"
#include "ui/tooltip.h"
#include <glib/gi18n-lib.h>
#include <malloc.h>

G_DEFINE_FINAL_TYPE(AxMainWindow, ax_main_window, ADW_TYPE_APPLICATION_WINDOW)

void ax_main_window_toast(AxMainWindow *self, const char *text) {
  AdwToast *toast = adw_toast_new("");
  GtkWidget *label = gtk_label_new(text);

  /* The overlay's own title is cut where it does not fit. */
  gtk_label_set_wrap(GTK_LABEL(label), TRUE);
  gtk_label_set_wrap_mode(GTK_LABEL(label), PANGO_WRAP_WORD_CHAR);
  gtk_label_set_max_width_chars(GTK_LABEL(label), 60);
  gtk_widget_add_css_class(label, "heading");
  adw_toast_set_custom_title(toast, label);

  adw_toast_set_timeout(toast, 6);
  g_set_weak_pointer(&self->toast, toast);
  adw_toast_overlay_add_toast(self->toasts, toast);
}

const char *ax_main_window_get_toast(AxMainWindow *self) {
  return self->toast ? gtk_label_get_text(GTK_LABEL(adw_toast_get_custom_title(self->toast))) : NULL;
}

static gboolean is_prior_active(AxMainWindow *self) {
  return !self->mirror && gtk_widget_get_visible(self->prior_box) && gtk_window_get_focus(GTK_WINDOW(self)) == GTK_WIDGET(self->prior_canvas);
}

AxDocument *ax_main_window_get_active_document(AxMainWindow *self) { return is_prior_active(self) ? self->prior : self->document; }

AxCanvas *ax_main_window_get_active_canvas(AxMainWindow *self) {
  if (is_prior_active(self))
    return self->prior_canvas;
  return self->mirror ? ax_mirror_view_get_canvas(self->mirror_view, FALSE) : self->canvas;
}

/* ---- what is shown ---- */

static const char *page_of(AxMainWindow *self) {
  if (ax_main_window_is_in_round(self))
    return "round";
  switch (ax_document_get_state(self->document)) {
  case AX_DOCUMENT_LOADING:
    return "loading";
  case AX_DOCUMENT_FAILED:
    return "error";
  case AX_DOCUMENT_PERCEIVING:
  case AX_DOCUMENT_READY:
    return self->mirror ? "mirror" : "view";
  case AX_DOCUMENT_EMPTY:
  default:
    return "empty";
  }
}

static void update_progress(AxMainWindow *self) {
  gboolean busy = ax_document_get_state(self->document) == AX_DOCUMENT_PERCEIVING;
  const char *stage = ax_document_get_stage(self->document);

  ax_mirror_view_set_busy(self->mirror_view, busy);
  gtk_widget_set_visible(GTK_WIDGET(self->progress_revealer), busy);
  gtk_revealer_set_reveal_child(self->progress_revealer, busy);
  gtk_progress_bar_set_fraction(self->progress, ax_document_get_progress(self->document));
  gtk_label_set_text(self->stage, stage ? _(stage) : "");
}

static void update_image_status(AxMainWindow *self) {
  AxImage *image = ax_document_get_image(self->document);
  g_autofree char *text = NULL, *kind = image ? ax_image_description_words(image) : NULL;

  /* Translators: width, height, what kind of file. */
  if (image)
    text = g_strdup_printf(_("%d × %d pixels · %s"), ax_image_get_width(image), ax_image_get_height(image), kind);
  gtk_label_set_text(self->image_status, text ? text : "");
}

static void update_view_status(AxMainWindow *self) {
  AxViewport *viewport = ax_canvas_get_viewport(ax_main_window_get_active_canvas(self));
  g_autofree char *text = NULL;

  /* Translators: zoom in percent; centre and width of the grey window. */
  if (ax_document_get_image(self->document))
    text = g_strdup_printf(_("Zoom %.0f %% · window %.0f / %.0f"), 100 * ax_viewport_get_zoom(viewport) * gtk_widget_get_scale_factor(GTK_WIDGET(self)),
                           ax_viewport_get_window_center(viewport), ax_viewport_get_window_width(viewport));
  gtk_label_set_text(self->view_status, text ? text : "");
}

static void update_model_status(AxMainWindow *self) {
  AxModel *model = ax_session_get_model(self->session);
  AxPerception *answer = ax_document_get_perception(self->document, self->mirror);
  GError *error = ax_session_get_error(self->session);
  g_autofree char *text = NULL, *name = NULL, *tip = NULL;
  AxDeviceUse device;

  ax_session_get_device(self->session, &device);
  if (model && device.card)
    /* Translators: name of the model, name of the graphics processor, gigabytes of its memory that are taken. */
    name = g_strdup_printf(_("%s · %s, %.1f GB"), ax_model_name(model), device.title, 1e-9 * (double)device.taken);
  else if (model)
    name = g_strdup(ax_model_name(model));
  if (error)
    text = g_strdup_printf(_("No model: %s"), error->message);
  else if (model && answer)
    /* Translators: name of the model, time in milliseconds. */
    text = g_strdup_printf(_("%s · %.0f ms"), name, answer->ms_total);
  else if (model)
    text = g_strdup(name);
  if (text && !error && device.note[0])
    /* Translators: what the status line says of the model; why the graphics processor is not used. */
    tip = g_strdup_printf(_("%s\nWithout the graphics processor: %s"), text, device.note);
  gtk_label_set_text(self->model_status, text ? text : "");
  gtk_widget_set_visible(self->device_button, text != NULL);
  ax_tooltip_set(self->device_button, tip ? tip : text);
  ax_findings_bars_set_note(self->findings, error ? text : ax_document_get_busy(self->document) ? _("The model is looking…") : _("No answer yet. F5 looks again."));
  ax_tooltip_set(self->caution, model ? ax_model_caution(model) : NULL);
}

static void update_hint(AxMainWindow *self) {
  AxPerception *plain = ax_document_get_perception(self->document, FALSE);
  const char *text = plain ? ax_misfit_hint_text(plain) : NULL;

  if (!text)
    text = ax_side_hint_text(ax_document_get_sides(self->document));

  gtk_label_set_text(self->hint, text ? text : "");
  gtk_revealer_set_reveal_child(self->hint_revealer, text != NULL);
}

void ax_main_window_update(AxMainWindow *self) {
  const char *name = ax_document_get_name(self->document);
  g_autofree char *title = name[0] ? g_strdup_printf("%s – AnatomiX Viewer", name) : g_strdup("AnatomiX Viewer");

  gtk_stack_set_visible_child_name(self->content, page_of(self));
  gtk_window_set_title(GTK_WINDOW(self), title); /* what the desktop calls the window */
  adw_window_title_set_title(self->title, name[0] ? name : "AnatomiX Viewer");
  adw_window_title_set_subtitle(self->title, name[0] ? "AnatomiX Viewer" : "");
  update_progress(self);
  update_image_status(self);
  update_view_status(self);
  update_model_status(self);
  ax_main_window_update_actions(self);
  ax_main_window_update_round(self);
}

/* The findings get the room that they need, up to half of it; the line can be moved until the room changes. */
static gboolean place_findings(gpointer data) {
  AxMainWindow *self = data;
  int height = gtk_widget_get_height(GTK_WIDGET(self->anatomy_paned)), width = gtk_widget_get_width(self->findings_box), natural, from, to, least;

  self->placing = 0;
  if (width <= 0 || height <= 0)
    return G_SOURCE_REMOVE; /* a change of room comes when there is some */
  g_object_get(self->anatomy_paned, "min-position", &from, "max-position", &to, NULL);
  gtk_widget_measure(self->findings_box, GTK_ORIENTATION_VERTICAL, width, &least, &natural, NULL, NULL);
  gtk_paned_set_position(self->anatomy_paned, CLAMP(to + least - MIN(natural, height / 2), from, to));
  return G_SOURCE_REMOVE;
}

static void place_findings_soon(AxMainWindow *self) {
  if (!self->placing)
    self->placing = g_idle_add(place_findings, self);
}

/* ---- the document's news ---- */

/* As it was shown the last time, if there was one. */
void ax_main_window_show_loaded(AxDocument *document, AxCanvas *canvas) {
  const AxViewState *saved = ax_document_get_saved_view(document);
  AxViewState view = saved ? *saved : (AxViewState){0};

  ax_canvas_set_pyramid(canvas, ax_document_get_pyramid(document));
  if (saved)
    ax_view_state_set(ax_canvas_get_viewport(canvas), &view);
  view = ax_view_state_get(ax_canvas_get_viewport(canvas));
  ax_document_set_view(document, &view);
}

static void on_view_changed(AxMainWindow *self, AxViewport *viewport) {
  AxViewState view = ax_view_state_get(viewport);
  AxDocument *document = viewport == ax_canvas_get_viewport(self->canvas) ? self->document : self->prior;

  if (document)
    ax_document_set_view(document, &view);
}

static void on_loaded(AxMainWindow *self) {
  AxPyramid *pyramid = ax_document_get_pyramid(self->document);

  ax_main_window_show_loaded(self->document, self->canvas);
  ax_mirror_view_set_perceptions(self->mirror_view, NULL, NULL);
  ax_mirror_view_set_pyramid(self->mirror_view, pyramid);
  ax_mark_list_set_marks(self->mark_list, ax_document_get_marks(self->document), ax_document_get_image(self->document));
  ax_main_window_forget_presets(self);
  ax_main_window_remember(self);
  gtk_stack_set_visible_child_name(self->content, page_of(self));
  gtk_widget_grab_focus(GTK_WIDGET(ax_main_window_get_active_canvas(self)));
}

static void on_perceived(AxMainWindow *self, gboolean mirrored) {
  AxPerception *plain = ax_document_get_perception(self->document, FALSE);

  if (!mirrored) {
    ax_canvas_set_perception(self->canvas, plain);
    ax_anatomy_list_set_perception(self->anatomy_list, plain);
    ax_findings_bars_set_perception(self->findings, plain);
    if (!self->placed)
      place_findings_soon(self); /* there is something to make room for */
    self->placed = TRUE;
    ax_main_window_forget_presets(self);
    update_hint(self);
  }
  ax_mirror_view_set_perceptions(self->mirror_view, plain, ax_document_get_perception(self->document, TRUE));
  if (self->mirror)
    ax_document_perceive(self->document, TRUE);
  ax_main_window_update(self);
}

static void on_failed(AxMainWindow *self, GError *error) {
  if (ax_document_get_state(self->document) == AX_DOCUMENT_FAILED) {
    g_autofree char *words = ax_image_error_words(error), *markup = g_markup_escape_text(words, -1);

    adw_status_page_set_description(self->error_page, markup);
  } else {
    g_autofree char *words = ax_image_error_words(error);

    ax_main_window_toast(self, words);
    if (!self->placed)
      place_findings_soon(self); /* a line says why there are none */
  }
  ax_main_window_update(self);
}

/* A new file takes away what belongs to the old one at once, not when it has been read. */
static void on_name(AxMainWindow *self) {
  ax_canvas_set_pyramid(self->canvas, NULL);
  ax_mirror_view_set_pyramid(self->mirror_view, NULL);
  ax_mirror_view_set_texts(self->mirror_view, NULL);
  ax_anatomy_list_set_perception(self->anatomy_list, NULL);
  ax_findings_bars_set_perception(self->findings, NULL);
  update_hint(self);
  ax_main_window_update(self);
}

static void on_sample(AxMainWindow *self, const char *path) { ax_main_window_open(self, path); }

/* A folder is its first image, with the others below. */
static void open_folder(AxMainWindow *self, const char *folder) {
  g_auto(GStrv) named = ax_folder_list(folder, FALSE), all = named[0] ? NULL : ax_folder_list(folder, TRUE);
  const char *first = named[0] ? named[0] : all[0];

  if (first) {
    gtk_widget_activate_action(GTK_WIDGET(self), "win.show-strip", NULL);
    ax_document_open_path(self->document, first);
  } else {
    ax_main_window_toast(self, _("There is no image in this folder."));
  }
}

/* A session file opens its image, which brings what was kept of it. */
static void open_session(AxMainWindow *self, const char *path) {
  g_autofree char *text = NULL;
  g_autoptr(GError) error = NULL;
  g_autoptr(AxSessionState) state = NULL;
  gsize length;

  if (g_file_get_contents(path, &text, &length, &error))
    state = ax_session_state_from_json(text, (gssize)length, &error);
  if (!state)
    ax_main_window_toast(self, error->message);
  else if (state->image_path && g_file_test(state->image_path, G_FILE_TEST_IS_REGULAR))
    ax_document_open_path(self->document, state->image_path);
  else
    ax_main_window_toast(self, _("The image of this session is not where it was."));
}

void ax_main_window_open(AxMainWindow *self, const char *path) {
  g_return_if_fail(AX_IS_MAIN_WINDOW(self));
  if (g_file_test(path, G_FILE_TEST_IS_DIR))
    open_folder(self, path);
  else if (!g_str_has_suffix(path, ".json"))
    ax_document_open_path(self->document, path);
  else if (!ax_main_window_open_round(self, path))
    open_session(self, path);
}

AxDocument *ax_main_window_get_document(AxMainWindow *self) { return self->document; }

/* ---- GObject ---- */

static void ax_main_window_dispose(GObject *object) {
  AxMainWindow *self = AX_MAIN_WINDOW(object);

  if (self->document)
    g_signal_handlers_disconnect_by_data(self->document, self);
  if (self->prior)
    g_signal_handlers_disconnect_by_data(self->prior, self);
  if (self->ask_panel)
    ax_ask_panel_set_asker(self->ask_panel, NULL);
  if (self->device_panel)
    ax_device_panel_set_asker(self->device_panel, NULL, NULL);
  g_clear_object(&self->asker);
  g_clear_object(&self->link);
  if (self->round)
    ax_round_view_set_player(g_steal_pointer(&self->round), NULL, NULL); /* a model that is still at work on it speaks to nobody */
  g_clear_pointer(&self->round_path, g_free);
  g_clear_object(&self->prior);
  g_clear_weak_pointer(&self->toast);
  g_clear_handle_id(&self->placing, g_source_remove);
  if (self->chooser)
    gtk_native_dialog_destroy(GTK_NATIVE_DIALOG(self->chooser));
  g_clear_object(&self->chooser);
  g_clear_pointer(&self->presets, g_array_unref);
  g_clear_object(&self->document);
  g_clear_object(&self->session);
  g_clear_object(&self->visibility);
  G_OBJECT_CLASS(ax_main_window_parent_class)->dispose(object);
}

static gboolean ax_main_window_close_request(GtkWindow *window) {
  ax_main_window_keep_size(AX_MAIN_WINDOW(window));
  return GTK_WINDOW_CLASS(ax_main_window_parent_class)->close_request(window);
}

static void ax_main_window_class_init(AxMainWindowClass *klass) {
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS(klass);

  G_OBJECT_CLASS(klass)->dispose = ax_main_window_dispose;
  GTK_WINDOW_CLASS(klass)->close_request = ax_main_window_close_request;
  ax_main_window_add_to_inspector();
  g_type_ensure(AX_TYPE_CANVAS);
  g_type_ensure(AX_TYPE_DEVICE_PANEL);
  g_type_ensure(AX_TYPE_ANATOMY_LIST);
  g_type_ensure(AX_TYPE_FINDINGS_BARS);
  g_type_ensure(AX_TYPE_ASK_PANEL);
  g_type_ensure(AX_TYPE_FILM_STRIP);
  g_type_ensure(AX_TYPE_MARK_LIST);
  g_type_ensure(AX_TYPE_MIRROR_VIEW);
  gtk_widget_class_set_template_from_resource(widget_class, "/org/anatomix/Viewer/ui/window.ui");
  gtk_widget_class_bind_template_child(widget_class, AxMainWindow, toasts);
  gtk_widget_class_bind_template_child(widget_class, AxMainWindow, title);
  gtk_widget_class_bind_template_child(widget_class, AxMainWindow, menu_button);
  gtk_widget_class_bind_template_child(widget_class, AxMainWindow, content);
  gtk_widget_class_bind_template_child(widget_class, AxMainWindow, error_page);
  gtk_widget_class_bind_template_child(widget_class, AxMainWindow, empty_box);
  gtk_widget_class_bind_template_child(widget_class, AxMainWindow, canvas);
  gtk_widget_class_bind_template_child(widget_class, AxMainWindow, strip);
  gtk_widget_class_bind_template_child(widget_class, AxMainWindow, strip_revealer);
  gtk_widget_class_bind_template_child(widget_class, AxMainWindow, prior_caption);
  gtk_widget_class_bind_template_child(widget_class, AxMainWindow, current_caption);
  gtk_widget_class_bind_template_child(widget_class, AxMainWindow, prior_box);
  gtk_widget_class_bind_template_child(widget_class, AxMainWindow, prior_canvas);
  gtk_widget_class_bind_template_child(widget_class, AxMainWindow, anatomy_list);
  gtk_widget_class_bind_template_child(widget_class, AxMainWindow, anatomy_paned);
  gtk_widget_class_bind_template_child(widget_class, AxMainWindow, findings_box);
  gtk_widget_class_bind_template_child(widget_class, AxMainWindow, findings);
  gtk_widget_class_bind_template_child(widget_class, AxMainWindow, mark_list);
  gtk_widget_class_bind_template_child(widget_class, AxMainWindow, ask_panel);
  gtk_widget_class_bind_template_child(widget_class, AxMainWindow, panel);
  gtk_widget_class_bind_template_child(widget_class, AxMainWindow, mirror_view);
  gtk_widget_class_bind_template_child(widget_class, AxMainWindow, progress_revealer);
  gtk_widget_class_bind_template_child(widget_class, AxMainWindow, hint);
  gtk_widget_class_bind_template_child(widget_class, AxMainWindow, hint_revealer);
  gtk_widget_class_bind_template_child(widget_class, AxMainWindow, stage);
  gtk_widget_class_bind_template_child(widget_class, AxMainWindow, progress);
  gtk_widget_class_bind_template_child(widget_class, AxMainWindow, image_status);
  gtk_widget_class_bind_template_child(widget_class, AxMainWindow, view_status);
  gtk_widget_class_bind_template_child(widget_class, AxMainWindow, model_status);
  gtk_widget_class_bind_template_child(widget_class, AxMainWindow, device_button);
  gtk_widget_class_bind_template_child(widget_class, AxMainWindow, device_panel);
  gtk_widget_class_bind_template_child(widget_class, AxMainWindow, caution);
  gtk_widget_class_bind_template_child(widget_class, AxMainWindow, canvas_menu);
  gtk_widget_class_bind_template_child(widget_class, AxMainWindow, recent_menu);
  gtk_widget_class_bind_template_child(widget_class, AxMainWindow, presets_menu);
}

static void add_samples(AxMainWindow *self) {
  g_autofree char *folder = ax_sample_gallery_default_folder();
  GtkWidget *gallery = ax_sample_gallery_new(folder);

  g_signal_connect_object(gallery, "chosen", G_CALLBACK(on_sample), self, G_CONNECT_SWAPPED);
  gtk_box_append(self->empty_box, gallery);
}

static void ax_main_window_init(AxMainWindow *self) {
  gtk_widget_init_template(GTK_WIDGET(self));
  self->visibility = ax_visibility_new();
  ax_box_layer_set_visibility(ax_canvas_get_box_layer(self->canvas), self->visibility);
  ax_box_layer_set_visibility(ax_canvas_get_box_layer(self->prior_canvas), self->visibility);
  for (int i = 0; i < 2; i++)
    ax_box_layer_set_visibility(ax_canvas_get_box_layer(ax_mirror_view_get_canvas(self->mirror_view, i)), self->visibility);
  ax_anatomy_list_set_visibility(self->anatomy_list, self->visibility);
  g_object_bind_property(self->canvas, "selected", self->anatomy_list, "selected", G_BINDING_BIDIRECTIONAL);
  g_object_bind_property(self->canvas, "hovered", self->anatomy_list, "hovered", G_BINDING_BIDIRECTIONAL);
  g_signal_connect_object(ax_canvas_get_viewport(self->canvas), "changed", G_CALLBACK(update_view_status), self, G_CONNECT_SWAPPED);
  g_signal_connect_object(ax_canvas_get_viewport(self->canvas), "changed", G_CALLBACK(on_view_changed), self, G_CONNECT_SWAPPED);
  g_signal_connect_object(ax_canvas_get_viewport(self->prior_canvas), "changed", G_CALLBACK(on_view_changed), self, G_CONNECT_SWAPPED);
  g_signal_connect_object(ax_canvas_get_viewport(ax_mirror_view_get_canvas(self->mirror_view, FALSE)), "changed",
                          G_CALLBACK(update_view_status), self, G_CONNECT_SWAPPED);
  g_signal_connect_object(self->anatomy_paned, "notify::max-position", G_CALLBACK(place_findings_soon), self, G_CONNECT_SWAPPED);
  add_samples(self);
  ax_canvas_set_menu(self->canvas, G_MENU_MODEL(self->canvas_menu));
  ax_main_window_add_drop_target(self);
}

/* The largest blocks (films, states of the model) always go back when they are freed. Not the window's own pictures: to map one anew for each frame is to wait
 * for the model's threads, which map too and stand behind. For the same reason threads keep heaps of their own. And what a frame freed stays for the next one:
 * a heap that shrinks after each frame has the system clear some 20 MB for the next, which was half of the time of the longest ones. */
void ax_main_window_set_up_heap(void) {
  mallopt(M_MMAP_THRESHOLD, 16 << 20);
  mallopt(M_TRIM_THRESHOLD, 64 << 20);
}

AxMainWindow *ax_main_window_new(GtkApplication *application, AxSession *session) {
  AxMainWindow *self = g_object_new(AX_TYPE_MAIN_WINDOW, "application", application, NULL);

  self->session = g_object_ref(session);
  self->document = ax_document_new(session);
  self->prior = ax_document_new(session);
  ax_main_window_add_actions(self);
  g_signal_connect_swapped(self->document, "notify::state", G_CALLBACK(ax_main_window_update), self);
  g_signal_connect_swapped(self->document, "notify::progress", G_CALLBACK(update_progress), self);
  g_signal_connect_swapped(self->document, "notify::stage", G_CALLBACK(update_progress), self);
  g_signal_connect_swapped(self->document, "notify::name", G_CALLBACK(on_name), self);
  g_signal_connect_swapped(self->document, "loaded", G_CALLBACK(on_loaded), self);
  g_signal_connect_swapped(self->document, "perceived", G_CALLBACK(on_perceived), self);
  g_signal_connect_swapped(self->document, "failed", G_CALLBACK(on_failed), self);
  ax_main_window_update(self);
  return self;
}
