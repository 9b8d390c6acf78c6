#include "ui/keymap.h"

#include "ui/settings.h"
#include <glib/gi18n-lib.h>
#include <stdlib.h>
#include <string.h>

#define SETTING "shortcuts"
#define MAX_KEYS 200 /* bytes of a command's keys in the settings */

/* Titles are those of the menus where there is one. "%d" stands for the number of the preset. */
static const AxCommand commands[] = {
  {AX_KEYS_IMAGES, "win.open", N_("Open an image"), "<Control>o"},
  {AX_KEYS_IMAGES, "win.paste", N_("Paste an image"), "<Control>v"},
  {AX_KEYS_IMAGES, "win.previous", N_("Pre_vious image in folder"), "Left"},
  {AX_KEYS_IMAGES, "win.next", N_("_Next image in folder"), "Right"},
  {AX_KEYS_IMAGES, "win.film-strip", N_("Film _strip of the folder"), "t"},
  {AX_KEYS_IMAGES, "win.compare", N_("Compare with a _prior image…"), "p"},
  {AX_KEYS_IMAGES, "win.swap", N_("E_xchange current and prior image"), "x"},
  {AX_KEYS_IMAGES, "win.link-views", N_("Li_nk the two views"), "g"},
  {AX_KEYS_IMAGES, "win.close-prior", N_("C_lose the prior image"), ""},
  {AX_KEYS_IMAGES, "win.copy", N_("C_opy picture"), "<Control>c"},
  {AX_KEYS_IMAGES, "win.export::png", N_("Export the picture as PNG"), "<Control>s"},
  {AX_KEYS_IMAGES, "win.export::pdf", N_("Export the pages as PDF"), "<Control>p"},
  {AX_KEYS_IMAGES, "win.export::json", N_("Export the results as JSON"), "<Shift><Control>s"},
  {AX_KEYS_IMAGES, "win.shortcuts", N_("_Keyboard and mouse"), "F1 <Control>question <Shift><Control>question"},
  {AX_KEYS_IMAGES, "win.preferences", N_("_Preferences"), "<Control>comma"},
  {AX_KEYS_IMAGES, "win.quit", N_("_Quit"), "<Control>q"},
  {AX_KEYS_VIEW, "win.fit", N_("_Fit to window"), "0 KP_0 f"},
  {AX_KEYS_VIEW, "win.one-to-one", N_("_One pixel to one"), "z"},
  {AX_KEYS_VIEW, "win.invert", N_("In_vert greys"), "i"},
  {AX_KEYS_VIEW, "win.rotate", N_("_Rotate clockwise"), "r"},
  {AX_KEYS_VIEW, "win.flip", N_("_Turn over left to right"), "h"},
  {AX_KEYS_VIEW, "win.reset-window", N_("Reset _grey window"), "w"},
  {AX_KEYS_VIEW, "win.preset(0)", N_("Grey window %d"), "1 KP_1"},
  {AX_KEYS_VIEW, "win.preset(1)", N_("Grey window %d"), "2 KP_2"},
  {AX_KEYS_VIEW, "win.preset(2)", N_("Grey window %d"), "3 KP_3"},
  {AX_KEYS_VIEW, "win.preset(3)", N_("Grey window %d"), "4 KP_4"},
  {AX_KEYS_VIEW, "win.preset(4)", N_("Grey window %d"), "5 KP_5"},
  {AX_KEYS_VIEW, "win.preset(5)", N_("Grey window %d"), "6 KP_6"},
  {AX_KEYS_VIEW, "win.preset(6)", N_("Grey window %d"), "7 KP_7"},
  {AX_KEYS_VIEW, "win.preset(7)", N_("Grey window %d"), "8 KP_8"},
  {AX_KEYS_VIEW, "win.preset(8)", N_("Grey window %d"), "9 KP_9"},
  {AX_KEYS_MARKS, "win.tool::length", N_("Measure a length"), "l"},
  {AX_KEYS_MARKS, "win.tool::angle", N_("Measure an angle"), "a"},
  {AX_KEYS_MARKS, "win.tool::region", N_("Grey values in an ellipse"), "e"},
  {AX_KEYS_MARKS, "win.tool::box", N_("Draw a region for the model"), "d"},
  {AX_KEYS_MARKS, "win.ratio", N_("_Cardiothoracic ratio"), "c"},
  {AX_KEYS_MARKS, "win.calibrate", N_("_Calibrate by a known length…"), "k"},
  {AX_KEYS_MARKS, "win.next-mark", N_("_Next measurement"), "n"},
  {AX_KEYS_MARKS, "win.previous-mark", N_("_Previous measurement"), "<Shift>n"},
  {AX_KEYS_MARKS, "win.next-handle", N_("Next _handle"), "period"},
  {AX_KEYS_MARKS, "win.delete-mark", N_("Delete the selected measurement"), "Delete BackSpace"},
  {AX_KEYS_MARKS, "win.delete-marks", N_("Delete all measurements"), "<Control>Delete"},
  {AX_KEYS_MARKS, "win.undo", N_("_Undo"), "<Control>z"},
  {AX_KEYS_MARKS, "win.redo", N_("R_edo"), "<Shift><Control>z <Control>y"},
  {AX_KEYS_STRUCTURES, "win.boxes", N_("Show _boxes"), "b"},
  {AX_KEYS_STRUCTURES, "win.hide-structure", N_("Hide or show the selected structure"), "v"},
  {AX_KEYS_STRUCTURES, "win.search", N_("_Search structures"), "<Control>f"},
  {AX_KEYS_STRUCTURES, "win.mirror", N_("_Mirror test"), "m"},
  {AX_KEYS_STRUCTURES, "win.perceive", N_("_Look again"), "F5"},
  {AX_KEYS_ASK, "win.ask::report", N_("_Report"), "<Shift>r"},
  {AX_KEYS_ASK, "win.ask::classify", N_("_Findings by name"), ""},
  {AX_KEYS_ASK, "win.ask::detect", N_("_Abnormalities with boxes"), "<Shift>f"},
  {AX_KEYS_ASK, "win.ask::describe", N_("_Describe the region"), "<Shift>d"},
  {AX_KEYS_ASK, "win.ask::diagnose", N_("Dia_gnose the region"), "<Shift>g"},
  {AX_KEYS_ASK, "win.ask-entry::locate", N_("Find a _phrase…"), "slash"},
  {AX_KEYS_ASK, "win.ask-entry::ask", N_("_Question…"), "q"},
  {AX_KEYS_TEACHING, "win.round-open", N_("_Play a round or replay a session…"), "<Control>r"},
  {AX_KEYS_TEACHING, "win.round-resume", N_("_Go on with the last round"), ""},
  {AX_KEYS_TEACHING, "win.round-add", N_("_Add this image to a round…"), "<Control>t"},
  {AX_KEYS_TEACHING, "win.round-anatomy", N_("Anatomy round of this _folder"), ""},
  {AX_KEYS_ROUND, "round.next", N_("Next case"), "Right Page_Down"},
  {AX_KEYS_ROUND, "round.previous", N_("Previous case"), "Left Page_Up"},
  {AX_KEYS_ROUND, "round.hint", N_("Show the hint"), "h"},
  {AX_KEYS_ROUND, "round.draw", N_("Draw a box"), "d"},
  {AX_KEYS_ROUND, "round.show-model", N_("Let the model speak"), "m"},
  {AX_KEYS_ROUND, "round.presenter", N_("Presenter mode"), "p"},
};

/* Keys of the picture and of controls. */
static const char *const reserved[] = {
  "Escape", "Return", "KP_Enter", "<Control>Return", "<Control>KP_Enter", "space", "Tab", "<Shift>Tab", "ISO_Left_Tab", "Menu", "F10", "<Shift>F10", "plus", "equal",
  "minus", "KP_Add", "KP_Subtract", "<Shift>Left", "<Shift>Right", "<Shift>Up", "<Shift>Down", "<Control>Left", "<Control>Right", "<Control>Up", "<Control>Down",
  "<Shift><Control>Left", "<Shift><Control>Right", "<Shift><Control>Up", "<Shift><Control>Down", "Up", "Down",
};

struct _AxKeymap {
  GObject parent_instance;
  char *keys[G_N_ELEMENTS(commands)]; /* chosen ones; NULL: those of the table */
};

G_DEFINE_FINAL_TYPE(AxKeymap, ax_keymap, G_TYPE_OBJECT)

static guint changed_signal;

/* ---- the table ---- */

guint ax_command_get_n(void) { return G_N_ELEMENTS(commands); }
const AxCommand *ax_command_get(guint command) { return &commands[command]; }

char *ax_command_get_title(guint command) {
  const char *translated = _(commands[command].title), *number = strchr(commands[command].action, '(');
  g_autoptr(GString) title = g_string_new(NULL);

  for (const char *c = translated; *c; c++)
    if (*c != '_')
      g_string_append_c(title, *c);
  if (number) {
    g_autofree char *digits = g_strdup_printf("%d", atoi(number + 1) + 1);

    g_string_replace(title, "%d", digits, 1);
  }
  g_string_replace(title, "…", "", 1);
  return g_strchomp(g_string_free(g_steal_pointer(&title), FALSE));
}

int ax_command_find(const char *action) {
  for (guint i = 0; i < G_N_ELEMENTS(commands); i++)
    if (strcmp(commands[i].action, action) == 0)
      return (int)i;
  return -1;
}

const char *ax_key_group_get_title(AxKeyGroup group) {
  static const char *const titles[AX_N_KEY_GROUPS] = {
    [AX_KEYS_IMAGES] = N_("Images"),     [AX_KEYS_VIEW] = N_("View"),
    [AX_KEYS_MARKS] = N_("Measurements"), [AX_KEYS_STRUCTURES] = N_("Structures"),
    [AX_KEYS_ASK] = N_("Ask the model"), [AX_KEYS_TEACHING] = N_("Teaching rounds"),
    [AX_KEYS_ROUND] = N_("While a round is played"),
  };

  return _(titles[group]);
}

/* ---- keys ---- */

static gboolean same_context(AxKeyGroup a, AxKeyGroup b) { return (a == AX_KEYS_ROUND) == (b == AX_KEYS_ROUND); }

static gboolean has_key(const char *keys, const char *key) {
  g_auto(GStrv) each = g_strsplit(keys, " ", -1);

  return g_strv_contains((const char *const *)each, key);
}

static char *without_key(const char *keys, const char *key) {
  g_auto(GStrv) each = g_strsplit(keys, " ", -1);
  g_autoptr(GString) left = g_string_new(NULL);

  for (guint i = 0; each[i]; i++)
    if (*each[i] && strcmp(each[i], key) != 0)
      g_string_append_printf(left, "%s%s", left->len ? " " : "", each[i]);
  return g_string_free(g_steal_pointer(&left), FALSE);
}

const char *ax_keymap_get_keys(AxKeymap *self, guint command) {
  g_return_val_if_fail(AX_IS_KEYMAP(self) && command < G_N_ELEMENTS(commands), "");
  return self->keys[command] ? self->keys[command] : commands[command].keys;
}

char *ax_keymap_get_first_key(AxKeymap *self, guint command) {
  const char *keys = ax_keymap_get_keys(self, command);

  return *keys ? g_strndup(keys, strcspn(keys, " ")) : NULL;
}

gboolean ax_keymap_is_changed(AxKeymap *self, guint command) {
  g_return_val_if_fail(AX_IS_KEYMAP(self) && command < G_N_ELEMENTS(commands), FALSE);
  return self->keys[command] != NULL;
}

int ax_keymap_find(AxKeymap *self, AxKeyGroup group, const char *key) {
  for (guint i = 0; i < G_N_ELEMENTS(commands); i++)
    if (same_context(commands[i].group, group) && has_key(ax_keymap_get_keys(self, i), key))
      return (int)i;
  return -1;
}

gboolean ax_keymap_is_reserved(AxKeyGroup group, const char *key) {
  for (guint i = 0; i < G_N_ELEMENTS(reserved); i++)
    if (strcmp(reserved[i], key) == 0)
      return TRUE;
  return group == AX_KEYS_ROUND && key[0] >= '1' && key[0] <= '9' && key[1] == 0; /* choices */
}

/* Takes `keys`. What is in the table need not be kept. */
static void put(AxKeymap *self, guint command, char *keys) {
  g_free(self->keys[command]);
  self->keys[command] = strcmp(keys, commands[command].keys) == 0 ? NULL : g_strdup(keys);
  g_free(keys);
}

static void take_from_others(AxKeymap *self, guint command, const char *key) {
  for (guint i = 0; i < G_N_ELEMENTS(commands); i++)
    if (i != command && same_context(commands[i].group, commands[command].group) && has_key(ax_keymap_get_keys(self, i), key))
      put(self, i, without_key(ax_keymap_get_keys(self, i), key));
}

/* ---- settings ---- */

static void save(AxKeymap *self) {
  GVariantBuilder builder;

  g_variant_builder_init(&builder, G_VARIANT_TYPE("a{ss}"));
  for (guint i = 0; i < G_N_ELEMENTS(commands); i++)
    if (self->keys[i])
      g_variant_builder_add(&builder, "{ss}", commands[i].action, self->keys[i]);
  ax_settings_set_value(SETTING, g_variant_builder_end(&builder));
  g_signal_emit(self, changed_signal, 0);
}

/* Whatever stands in the settings: unknown actions and what is too long to be keys are passed over. */
static void load(AxKeymap *self) {
  g_autoptr(GVariant) value = ax_settings_get_value(SETTING, G_VARIANT_TYPE("a{ss}"));
  GVariantIter iter;
  const char *action, *keys;

  for (guint i = 0; i < G_N_ELEMENTS(commands); i++)
    g_clear_pointer(&self->keys[i], g_free);
  if (!value)
    return;
  g_variant_iter_init(&iter, value);
  while (g_variant_iter_next(&iter, "{&s&s}", &action, &keys)) {
    int command = ax_command_find(action);

    if (command >= 0 && strlen(keys) <= MAX_KEYS)
      put(self, (guint)command, g_strdup(keys));
  }
}

/* Another window of the program in another process, or a person with dconf. */
static void on_settings_changed(AxKeymap *self) {
  load(self);
  g_signal_emit(self, changed_signal, 0);
}

/* ---- changes ---- */

gboolean ax_keymap_set_key(AxKeymap *self, guint command, const char *key) {
  g_return_val_if_fail(AX_IS_KEYMAP(self) && command < G_N_ELEMENTS(commands), FALSE);
  if (key && (ax_keymap_is_reserved(commands[command].group, key) || strchr(key, ' ') || !*key))
    return FALSE;
  if (key)
    take_from_others(self, command, key);
  put(self, command, g_strdup(key ? key : ""));
  save(self);
  return TRUE;
}

void ax_keymap_reset(AxKeymap *self, guint command) {
  g_auto(GStrv) each = NULL;

  g_return_if_fail(AX_IS_KEYMAP(self) && command < G_N_ELEMENTS(commands));
  each = g_strsplit(commands[command].keys, " ", -1);
  for (guint i = 0; each[i]; i++)
    if (*each[i])
      take_from_others(self, command, each[i]);
  g_clear_pointer(&self->keys[command], g_free);
  save(self);
}

void ax_keymap_reset_all(AxKeymap *self) {
  g_return_if_fail(AX_IS_KEYMAP(self));
  for (guint i = 0; i < G_N_ELEMENTS(commands); i++)
    g_clear_pointer(&self->keys[i], g_free);
  save(self);
}

/* ---- GObject ---- */

static void ax_keymap_finalize(GObject *object) {
  for (guint i = 0; i < G_N_ELEMENTS(commands); i++)
    g_free(AX_KEYMAP(object)->keys[i]);
  G_OBJECT_CLASS(ax_keymap_parent_class)->finalize(object);
}

static void ax_keymap_class_init(AxKeymapClass *klass) {
  G_OBJECT_CLASS(klass)->finalize = ax_keymap_finalize;
  changed_signal = g_signal_new("changed", AX_TYPE_KEYMAP, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void ax_keymap_init(AxKeymap *self) { load(self); }

AxKeymap *ax_keymap_get_default(void) {
  static AxKeymap *keymap;

  if (!keymap) {
    keymap = g_object_new(AX_TYPE_KEYMAP, NULL);
    if (ax_settings_get())
      g_signal_connect_object(ax_settings_get(), "changed::" SETTING, G_CALLBACK(on_settings_changed), keymap, G_CONNECT_SWAPPED);
  }
  return keymap;
}
