#include "ui/key-editor.h"

#include "ui/key-name.h"
#include "ui/keymap.h"
#include <glib/gi18n-lib.h>

struct _AxKeyEditor {
  AdwWindow parent_instance;
  guint command;
  char *key; /* pressed and free to be given; or NULL */
  GtkLabel *note;
  GtkWidget *keys, *set;
};

G_DEFINE_FINAL_TYPE(AxKeyEditor, ax_key_editor, ADW_TYPE_WINDOW)

const char *ax_key_editor_get_note(AxKeyEditor *self) { return gtk_label_get_text(self->note); }

static void show(AxKeyEditor *self, char *name) {
  AxKeyGroup group = ax_command_get(self->command)->group;
  int other = ax_keymap_find(ax_keymap_get_default(), group, name);
  g_autofree char *title = other >= 0 ? ax_command_get_title((guint)other) : NULL, *note = NULL;

  gtk_shortcut_label_set_accelerator(GTK_SHORTCUT_LABEL(self->keys), name);
  g_clear_pointer(&self->key, g_free);
  if (ax_keymap_is_reserved(group, name)) {
    note = g_strdup(_("This key belongs to the picture and the controls. Another one?"));
    g_free(name);
  } else {
    if (other >= 0 && (guint)other != self->command)
      /* Translators: the name of a command. */
      note = g_strdup_printf(_("“%s” has this key now and will lose it."), title);
    else
      note = g_strdup(other >= 0 ? _("This is its key already.") : _("This key is free."));
    self->key = name;
  }
  gtk_label_set_text(self->note, note);
  gtk_accessible_update_property(GTK_ACCESSIBLE(self->note), GTK_ACCESSIBLE_PROPERTY_LABEL, note, -1);
  gtk_widget_set_sensitive(self->set, self->key != NULL);
  if (self->key)
    gtk_widget_grab_focus(self->set); /* Return gives it */
}

/* Before any control sees it, but for the keys by which a window without a mouse is used. */
static gboolean on_key(GtkEventControllerKey *controller, guint key, guint code, GdkModifierType state, AxKeyEditor *self) {
  char *name;

  switch (key) {
  case GDK_KEY_Escape: gtk_window_close(GTK_WINDOW(self)); return TRUE;
  case GDK_KEY_Return:
  case GDK_KEY_KP_Enter:
  case GDK_KEY_space:
  case GDK_KEY_Tab:
  case GDK_KEY_ISO_Left_Tab: return FALSE;
  default: break;
  }
  name = ax_key_name(key, state);
  if (!name)
    return FALSE;
  show(self, name);
  return TRUE;
}

static void on_set(AxKeyEditor *self) {
  if (self->key)
    ax_keymap_set_key(ax_keymap_get_default(), self->command, self->key);
  gtk_window_close(GTK_WINDOW(self));
}

static void on_none(AxKeyEditor *self) {
  ax_keymap_set_key(ax_keymap_get_default(), self->command, NULL);
  gtk_window_close(GTK_WINDOW(self));
}

static void ax_key_editor_finalize(GObject *object) {
  g_free(AX_KEY_EDITOR(object)->key);
  G_OBJECT_CLASS(ax_key_editor_parent_class)->finalize(object);
}

static void ax_key_editor_class_init(AxKeyEditorClass *klass) { G_OBJECT_CLASS(klass)->finalize = ax_key_editor_finalize; }

static GtkWidget *new_label(const char *text, const char *css) {
  GtkWidget *label = gtk_label_new(text);

  gtk_label_set_wrap(GTK_LABEL(label), TRUE);
  gtk_label_set_max_width_chars(GTK_LABEL(label), 40);
  gtk_label_set_justify(GTK_LABEL(label), GTK_JUSTIFY_CENTER);
  if (css)
    gtk_widget_add_css_class(label, css);
  return label;
}

static GtkWidget *new_button(AxKeyEditor *self, const char *label, GCallback callback) {
  GtkWidget *button = gtk_button_new_with_mnemonic(label);

  g_signal_connect_object(button, "clicked", callback, self, G_CONNECT_SWAPPED);
  return button;
}

static void ax_key_editor_init(AxKeyEditor *self) {
  GtkEventController *keys = gtk_event_controller_key_new();

  gtk_event_controller_set_propagation_phase(keys, GTK_PHASE_CAPTURE);
  g_signal_connect(keys, "key-pressed", G_CALLBACK(on_key), self);
  gtk_widget_add_controller(GTK_WIDGET(self), keys);
}

static void fill(AxKeyEditor *self) {
  GtkWidget *box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 12), *buttons = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 6), *title;
  g_autofree char *name = ax_command_get_title(self->command), *key = ax_keymap_get_first_key(ax_keymap_get_default(), self->command);

  title = new_label(name, "title-3");
  self->keys = gtk_shortcut_label_new(key);
  gtk_shortcut_label_set_disabled_text(GTK_SHORTCUT_LABEL(self->keys), _("no key"));
  gtk_widget_set_halign(self->keys, GTK_ALIGN_CENTER);
  self->note = GTK_LABEL(new_label(_("Press the new key, with Ctrl, Shift or Alt if you like."), NULL));
  self->set = new_button(self, _("_Set"), G_CALLBACK(on_set));
  gtk_widget_add_css_class(self->set, "suggested-action");
  gtk_widget_set_sensitive(self->set, FALSE);
  gtk_box_set_homogeneous(GTK_BOX(buttons), TRUE);
  gtk_box_append(GTK_BOX(buttons), new_button(self, _("_Cancel"), G_CALLBACK(gtk_window_close)));
  gtk_box_append(GTK_BOX(buttons), new_button(self, _("_No key"), G_CALLBACK(on_none)));
  gtk_box_append(GTK_BOX(buttons), self->set);
  gtk_box_append(GTK_BOX(box), title);
  gtk_box_append(GTK_BOX(box), self->keys);
  gtk_box_append(GTK_BOX(box), GTK_WIDGET(self->note));
  gtk_box_append(GTK_BOX(box), buttons);
  gtk_widget_set_margin_top(box, 24);
  gtk_widget_set_margin_bottom(box, 24);
  gtk_widget_set_margin_start(box, 24);
  gtk_widget_set_margin_end(box, 24);
  adw_window_set_content(ADW_WINDOW(self), box);
  gtk_window_set_default_widget(GTK_WINDOW(self), self->set);
  gtk_window_set_title(GTK_WINDOW(self), name);
}

AxKeyEditor *ax_key_editor_new(GtkWindow *parent, guint command) {
  AxKeyEditor *self = g_object_new(AX_TYPE_KEY_EDITOR, "transient-for", parent, "modal", TRUE, "resizable", FALSE, NULL);

  self->command = command;
  fill(self);
  return self;
}
