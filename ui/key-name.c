#include "ui/key-name.h"

static gboolean is_modifier(guint key) {
  return (key >= GDK_KEY_Shift_L && key <= GDK_KEY_Hyper_R) || (key >= GDK_KEY_ISO_Lock && key <= GDK_KEY_ISO_Level5_Lock) || key == GDK_KEY_Mode_switch ||
         key == GDK_KEY_Num_Lock || key == GDK_KEY_Scroll_Lock;
}

char *ax_key_name(guint key, GdkModifierType state) {
  GdkModifierType modifiers = state & (GDK_SHIFT_MASK | GDK_CONTROL_MASK | GDK_ALT_MASK | GDK_SUPER_MASK);
  gunichar letter = gdk_keyval_to_unicode(key);

  if (key == 0 || key == GDK_KEY_VoidSymbol || is_modifier(key))
    return NULL;
  if (gdk_keyval_to_lower(key) != gdk_keyval_to_upper(key))
    key = gdk_keyval_to_lower(key); /* a letter: capitals are Shift and the letter, whatever Caps Lock says */
  else if (letter > ' ' && letter != 0x7f && !(key >= GDK_KEY_KP_Space && key <= GDK_KEY_KP_Equal))
    modifiers &= ~(GdkModifierType)GDK_SHIFT_MASK; /* which keyboard needs Shift for it does not matter */
  return gtk_accelerator_name(key, modifiers);
}
