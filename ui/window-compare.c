/* Two images side by side, and the images of the folder, in AxMainWindow. */
#include "ui/window-private.h"

#include "ui/image-words.h"
#include "ui/settings.h"
#include "ui/tooltip.h"
#include <glib/gi18n-lib.h>

static gboolean is_comparing(AxMainWindow *self) { return gtk_widget_get_visible(self->prior_box); }

static void put_state(AxMainWindow *self, const char *name, gboolean state) {
  g_simple_action_set_state(G_SIMPLE_ACTION(g_action_map_lookup_action(G_ACTION_MAP(self), name)), g_variant_new_boolean(state));
}

/* ---- the prior image ---- */

void ax_main_window_compare(AxMainWindow *self, const char *path) {
  gtk_widget_set_visible(self->prior_box, TRUE);
  if (self->mirror)
    g_action_group_activate_action(G_ACTION_GROUP(self), "mirror", NULL);
  ax_document_open_path(self->prior, path);
  ax_main_window_update(self);
}

void ax_main_window_close_prior(AxMainWindow *self) {
  ax_view_link_set_enabled(self->link, FALSE);
  ax_document_cancel(self->prior);
  ax_canvas_set_pyramid(self->prior_canvas, NULL);
  gtk_widget_set_visible(self->prior_box, FALSE);
  ax_main_window_update(self);
}

static double range_of(AxDocument *document) {
  AxImage *image = ax_document_get_image(document);

  return image ? ax_image_get_max_value(image) : 255;
}

static void update_link(AxMainWindow *self) {
  gboolean wanted = g_variant_get_boolean(g_action_group_get_action_state(G_ACTION_GROUP(self), "link-views"));

  ax_view_link_set_ranges(self->link, range_of(self->document), range_of(self->prior));
  ax_view_link_set_enabled(self->link, wanted && is_comparing(self) && ax_document_get_image(self->prior) && ax_document_get_image(self->document));
}

static void on_prior_loaded(AxMainWindow *self) {
  ax_main_window_show_loaded(self->prior, self->prior_canvas);
  update_link(self);
  ax_main_window_update(self);
}

static void on_prior_perceived(AxMainWindow *self, gboolean mirrored) {
  if (!mirrored)
    ax_canvas_set_perception(self->prior_canvas, ax_document_get_perception(self->prior, FALSE));
}

static void on_prior_failed(AxMainWindow *self, GError *error) {
  g_autofree char *words = ax_image_error_words(error);

  ax_main_window_toast(self, words);
  if (!ax_document_get_image(self->prior))
    ax_main_window_close_prior(self);
}

static void on_prior_name(AxMainWindow *self) {
  ax_view_link_set_enabled(self->link, FALSE);
  ax_canvas_set_pyramid(self->prior_canvas, NULL);
}

static void on_current_loaded(AxMainWindow *self) {
  update_link(self);
  ax_film_strip_set_path(self->strip, gtk_revealer_get_reveal_child(self->strip_revealer) ? ax_document_get_path(self->document) : NULL);
}

/* ---- actions ---- */

static void on_compare(GSimpleAction *action, GVariant *parameter, gpointer self) {
  ax_main_window_choose_image(self, _("Compare with a prior image"), ax_main_window_compare);
}

static void on_swap(GSimpleAction *action, GVariant *parameter, gpointer data) {
  AxMainWindow *self = data;
  g_autofree char *current = g_strdup(ax_document_get_path(self->document)), *prior = g_strdup(ax_document_get_path(self->prior));

  if (!current || !prior)
    return;
  ax_document_open_path(self->document, prior);
  ax_document_open_path(self->prior, current);
}

static void on_close_prior(GSimpleAction *action, GVariant *parameter, gpointer self) { ax_main_window_close_prior(self); }

static void change_link(GSimpleAction *action, GVariant *value, gpointer self) {
  g_simple_action_set_state(action, value);
  ax_settings_set_boolean("link-views", g_variant_get_boolean(value));
  update_link(self);
}

static void change_strip(GSimpleAction *action, GVariant *value, gpointer data) {
  AxMainWindow *self = data;
  gboolean shown = g_variant_get_boolean(value);

  g_simple_action_set_state(action, value);
  ax_settings_set_boolean("show-film-strip", shown);
  gtk_revealer_set_reveal_child(self->strip_revealer, shown);
  ax_film_strip_set_path(self->strip, shown ? ax_document_get_path(self->document) : NULL);
}

static void on_show_strip(GSimpleAction *action, GVariant *parameter, gpointer self) {
  g_action_group_change_action_state(G_ACTION_GROUP(self), "film-strip", g_variant_new_boolean(TRUE));
}

void ax_main_window_update_compare(AxMainWindow *self) {
  gboolean comparing = is_comparing(self);
  g_autofree char *current = NULL, *prior = NULL;

  if (!self->document || !self->prior)
    return; /* closing */
  /* Translators: captions of two images side by side; a file name follows. */
  current = g_strdup_printf(_("Current: %s"), ax_document_get_name(self->document));
  prior = g_strdup_printf(_("Prior: %s"), ax_document_get_name(self->prior));
  gtk_widget_set_visible(GTK_WIDGET(self->current_caption), comparing);
  gtk_label_set_text(self->current_caption, current);
  gtk_label_set_text(self->prior_caption, prior);
  ax_tooltip_set(GTK_WIDGET(self->current_caption), current);
  ax_tooltip_set(GTK_WIDGET(self->prior_caption), prior);
  ax_main_window_enable(self, "compare", ax_document_get_image(self->document) != NULL);
  ax_main_window_enable(self, "swap", comparing && ax_document_get_path(self->document) && ax_document_get_path(self->prior));
  ax_main_window_enable(self, "close-prior", comparing);
  ax_main_window_enable(self, "link-views", comparing);
}

void ax_main_window_add_compare_actions(AxMainWindow *self) {
  static const GActionEntry entries[] = {
    {"compare", on_compare},
    {"swap", on_swap},
    {"close-prior", on_close_prior},
    {"show-strip", on_show_strip},
    {"link-views", NULL, NULL, "true", change_link},
    {"film-strip", NULL, NULL, "false", change_strip},
  };
  gboolean strip = ax_settings_get_boolean("show-film-strip", FALSE);

  g_action_map_add_action_entries(G_ACTION_MAP(self), entries, G_N_ELEMENTS(entries), self);
  put_state(self, "link-views", ax_settings_get_boolean("link-views", TRUE));
  put_state(self, "film-strip", strip);
  gtk_revealer_set_reveal_child(self->strip_revealer, strip);
  self->link = ax_view_link_new(ax_canvas_get_viewport(self->canvas), ax_canvas_get_viewport(self->prior_canvas));
  g_object_bind_property(self->canvas, "selected", self->prior_canvas, "selected", G_BINDING_BIDIRECTIONAL);
  g_object_bind_property(self->canvas, "hovered", self->prior_canvas, "hovered", G_BINDING_BIDIRECTIONAL);
  g_signal_connect_swapped(self->prior, "loaded", G_CALLBACK(on_prior_loaded), self);
  g_signal_connect_swapped(self->prior, "perceived", G_CALLBACK(on_prior_perceived), self);
  g_signal_connect_swapped(self->prior, "failed", G_CALLBACK(on_prior_failed), self);
  g_signal_connect_swapped(self->prior, "notify::name", G_CALLBACK(on_prior_name), self);
  g_signal_connect_swapped(self->document, "loaded", G_CALLBACK(on_current_loaded), self);
  g_signal_connect_object(self->strip, "open", G_CALLBACK(ax_main_window_open), self, G_CONNECT_SWAPPED);
  g_signal_connect_object(self->strip, "compare", G_CALLBACK(ax_main_window_compare), self, G_CONNECT_SWAPPED);
}
