/* Which key does what. What lives here: the table of commands that have keys, and AxKeymap, the keys that the reader has chosen for them, kept in the settings.
 * Commands of the window and those of a teaching round are two contexts: the same key may mean one thing in each. Keys are names as
 * gtk_accelerator_name() makes them ("<Control>o"), several of a command with spaces between them. May use GIO and ui/settings.h; no GTK, so it is tested without
 * a display. Main thread only. */
#pragma once

#include <glib-object.h>

G_BEGIN_DECLS

typedef enum {
  AX_KEYS_IMAGES,
  AX_KEYS_VIEW,
  AX_KEYS_MARKS,
  AX_KEYS_STRUCTURES,
  AX_KEYS_ASK,
  AX_KEYS_TEACHING,
  AX_KEYS_ROUND, /* while a round is played: a context of its own */
  AX_N_KEY_GROUPS
} AxKeyGroup;

typedef struct {
  AxKeyGroup group;
  const char *action; /* as g_action_parse_detailed_name() reads it */
  const char *title;  /* see ax_command_get_title() */
  const char *keys;   /* as they are unless the reader has chosen others; "" for none */
} AxCommand;

guint ax_command_get_n(void);
const AxCommand *ax_command_get(guint command);
/* Translated, without the letters to press. Free with g_free. */
char *ax_command_get_title(guint command);
/* Number of the command with that action, or -1. */
int ax_command_find(const char *action);
/* Translated. */
const char *ax_key_group_get_title(AxKeyGroup group);

#define AX_TYPE_KEYMAP (ax_keymap_get_type())
G_DECLARE_FINAL_TYPE(AxKeymap, ax_keymap, AX, KEYMAP, GObject)

/* The one of the program. Signal "changed" when any key has changed. (transfer none) */
AxKeymap *ax_keymap_get_default(void);

/* Keys of a command now; "" for none. Until the next change. */
const char *ax_keymap_get_keys(AxKeymap *self, guint command);
/* The first of them, or NULL. Free with g_free. */
char *ax_keymap_get_first_key(AxKeymap *self, guint command);
gboolean ax_keymap_is_changed(AxKeymap *self, guint command);
/* The command of the context of `group` that has the key, or -1. */
int ax_keymap_find(AxKeymap *self, AxKeyGroup group, const char *key);
/* Whether the key moves or edits in the picture or belongs to the controls, and so can be no command's. */
gboolean ax_keymap_is_reserved(AxKeyGroup group, const char *key);

/* Gives the command this key and no other; NULL: none. Another command of the context loses it. A reserved key is refused with FALSE. */
gboolean ax_keymap_set_key(AxKeymap *self, guint command, const char *key);
/* Back to the keys of the table, which other commands lose. */
void ax_keymap_reset(AxKeymap *self, guint command);
void ax_keymap_reset_all(AxKeymap *self);

G_END_DECLS
