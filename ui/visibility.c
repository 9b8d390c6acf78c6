#include "ui/visibility.h"

struct _AxVisibility {
  GObject parent_instance;
  gboolean all, structures[AX_N_ANATOMY];
};

static guint changed_signal;

G_DEFINE_FINAL_TYPE(AxVisibility, ax_visibility, G_TYPE_OBJECT)

static void changed(AxVisibility *self) { g_signal_emit(self, changed_signal, 0); }

gboolean ax_visibility_get_all(AxVisibility *self) { return self->all; }

void ax_visibility_set_all(AxVisibility *self, gboolean visible) {
  g_return_if_fail(AX_IS_VISIBILITY(self));
  if (self->all == !!visible)
    return;
  self->all = !!visible;
  changed(self);
}

/* A group is shown while any of it is. */
gboolean ax_visibility_get_group(AxVisibility *self, AxAnatomyGroup group) {
  for (guint i = 0; i < AX_N_ANATOMY; i++)
    if (ax_anatomy_group(i) == group && self->structures[i])
      return TRUE;
  return FALSE;
}

void ax_visibility_set_group(AxVisibility *self, AxAnatomyGroup group, gboolean visible) {
  gboolean any = FALSE;

  g_return_if_fail(AX_IS_VISIBILITY(self) && (guint)group < AX_N_GROUPS);
  for (guint i = 0; i < AX_N_ANATOMY; i++)
    if (ax_anatomy_group(i) == group && self->structures[i] != !!visible) {
      self->structures[i] = !!visible;
      any = TRUE;
    }
  if (any)
    changed(self);
}

gboolean ax_visibility_get_structure(AxVisibility *self, guint index) {
  g_return_val_if_fail(index < AX_N_ANATOMY, FALSE);
  return self->structures[index];
}

void ax_visibility_set_structure(AxVisibility *self, guint index, gboolean visible) {
  g_return_if_fail(AX_IS_VISIBILITY(self) && index < AX_N_ANATOMY);
  if (self->structures[index] == !!visible)
    return;
  self->structures[index] = !!visible;
  changed(self);
}

gboolean ax_visibility_shows(AxVisibility *self, guint index) { return self->all && ax_visibility_get_structure(self, index); }

static void ax_visibility_class_init(AxVisibilityClass *klass) {
  changed_signal = g_signal_new("changed", G_TYPE_FROM_CLASS(klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void ax_visibility_init(AxVisibility *self) {
  self->all = TRUE;
  for (guint i = 0; i < AX_N_ANATOMY; i++)
    self->structures[i] = TRUE;
}

AxVisibility *ax_visibility_new(void) { return g_object_new(AX_TYPE_VISIBILITY, NULL); }
