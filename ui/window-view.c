/* The actions of AxMainWindow on how the picture is shown: zoom, greys, turning. */
#include "ui/window-private.h"

#include "ui/presets.h"
#include "ui/view-state.h"
#include <glib/gi18n-lib.h>

static AxViewport *active_viewport(AxMainWindow *self) { return ax_canvas_get_viewport(ax_main_window_get_active_canvas(self)); }

static void on_fit(GSimpleAction *action, GVariant *parameter, gpointer self) { ax_viewport_fit(active_viewport(self)); }

static void on_one_to_one(GSimpleAction *action, GVariant *parameter, gpointer self) {
  ax_viewport_one_to_one(active_viewport(self), gtk_widget_get_scale_factor(self));
}

/* Every change of greys or turns goes through here, so that it can be undone. */
static void push(AxMainWindow *self, const AxViewState *before, const char *name, guint merge) {
  ax_view_state_push(ax_document_get_undo(ax_main_window_get_active_document(self)), active_viewport(self), before, name, merge);
}

static void on_invert(GSimpleAction *action, GVariant *parameter, gpointer self) {
  AxViewport *viewport = active_viewport(self);
  AxViewState before = ax_view_state_get(viewport);

  ax_viewport_set_inverted(viewport, !before.inverted);
  push(self, &before, _("Invert"), 0);
}

static void on_rotate(GSimpleAction *action, GVariant *parameter, gpointer self) {
  AxViewport *viewport = active_viewport(self);
  AxViewState before = ax_view_state_get(viewport);

  ax_viewport_set_rotation(viewport, before.rotation + 90);
  push(self, &before, _("Rotate"), 0);
}

static void on_flip(GSimpleAction *action, GVariant *parameter, gpointer self) {
  AxViewport *viewport = active_viewport(self);
  AxViewState before = ax_view_state_get(viewport);

  ax_viewport_set_mirrored(viewport, !before.mirrored);
  push(self, &before, _("Turn over"), 0);
}

static void on_reset_window(GSimpleAction *action, GVariant *parameter, gpointer self) {
  AxViewState before = ax_view_state_get(active_viewport(self));

  ax_canvas_reset_window(ax_main_window_get_active_canvas(self));
  push(self, &before, _("Grey window"), 0);
}

/* ---- presets ---- */

static void fill_presets_menu(AxMainWindow *self) {
  g_menu_remove_all(self->presets_menu);
  for (guint i = 0; self->presets && i < self->presets->len; i++) {
    const AxPreset *preset = &g_array_index(self->presets, AxPreset, i);
    g_autofree char *label = g_strdup_printf("_%u  %s", i + 1, preset->name);
    g_autofree char *action = g_strdup_printf("win.preset(%u)", i);

    g_menu_append(self->presets_menu, label, action);
  }
}

void ax_main_window_forget_presets(AxMainWindow *self) {
  AxImage *image = ax_document_get_image(self->document);

  g_clear_pointer(&self->presets, g_array_unref);
  if (image)
    self->presets = ax_presets_new(image, ax_document_get_perception(self->document, FALSE));
  fill_presets_menu(self);
}

static void on_preset(GSimpleAction *action, GVariant *parameter, gpointer data) {
  AxMainWindow *self = data;
  int number = g_variant_get_int32(parameter);
  const AxPreset *preset;
  AxViewState before;

  if (!self->presets || number < 0 || number >= (int)self->presets->len)
    return;
  preset = &g_array_index(self->presets, AxPreset, number);
  before = ax_view_state_get(active_viewport(self));
  ax_viewport_set_window(active_viewport(self), preset->center, preset->width);
  push(self, &before, _("Grey window"), 0);
}

/* ---- ---- */

void ax_main_window_update_view_actions(AxMainWindow *self) {
  static const char *const of_image[] = {"fit", "one-to-one", "invert", "rotate", "reset-window", "preset"};
  gboolean image = ax_document_get_image(self->document) != NULL;

  for (guint i = 0; i < G_N_ELEMENTS(of_image); i++)
    ax_main_window_enable(self, of_image[i], image);
  ax_main_window_enable(self, "flip", image && !self->mirror); /* the mirror test has a mirrored picture already */
}

void ax_main_window_add_view_actions(AxMainWindow *self) {
  static const GActionEntry entries[] = {
    {"fit", on_fit},         {"one-to-one", on_one_to_one},     {"invert", on_invert}, {"rotate", on_rotate},
    {"flip", on_flip},       {"reset-window", on_reset_window}, {"preset", on_preset, "i"},
  };

  g_action_map_add_action_entries(G_ACTION_MAP(self), entries, G_N_ELEMENTS(entries), self);
}
