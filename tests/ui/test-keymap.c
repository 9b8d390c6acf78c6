/* Which key does what: the table, choosing, conflicts, settings. */
#include "ui/keymap.h"
#include "ui/settings.h"

#include <string.h>

static int count(AxKeymap *keymap, int *n) { return ++*n; }

/* No key twice in a context, none that is the picture's, no action twice. */
static void test_table(void) {
  AxKeymap *keymap = ax_keymap_get_default();

  for (guint i = 0; i < ax_command_get_n(); i++) {
    const AxCommand *command = ax_command_get(i);
    g_auto(GStrv) keys = g_strsplit(command->keys, " ", -1);
    g_autofree char *title = ax_command_get_title(i);

    g_assert_cmpint(ax_command_find(command->action), ==, i);
    g_assert_null(strpbrk(title, "_%"));
    g_assert_true(*title);
    g_assert_false(g_str_has_suffix(title, "…"));
    for (guint k = 0; keys[k]; k++) {
      if (!*keys[k])
        continue;
      g_assert_cmpint(ax_keymap_find(keymap, command->group, keys[k]), ==, i);
      g_assert_false(ax_keymap_is_reserved(command->group, keys[k]));
    }
  }
  g_assert_cmpint(ax_command_find("win.no-such"), ==, -1);
}

static void test_change(void) {
  AxKeymap *keymap = ax_keymap_get_default();
  guint boxes = (guint)ax_command_find("win.boxes"), mirror = (guint)ax_command_find("win.mirror"), model = (guint)ax_command_find("round.show-model");
  guint fit = (guint)ax_command_find("win.fit");
  g_autoptr(GVariant) kept = NULL, left = NULL;
  g_autofree char *first = NULL;
  int n = 0;
  gulong id = g_signal_connect(keymap, "changed", G_CALLBACK(count), &n);

  g_assert_true(ax_keymap_set_key(keymap, boxes, "m")); /* which was the mirror test's */
  g_assert_cmpint(n, >, 0);
  g_assert_cmpstr(ax_keymap_get_keys(keymap, boxes), ==, "m");
  g_assert_cmpstr(ax_keymap_get_keys(keymap, mirror), ==, "");
  g_assert_cmpstr(ax_keymap_get_keys(keymap, model), ==, "m"); /* of the other context */
  g_assert_cmpint(ax_keymap_find(keymap, AX_KEYS_VIEW, "m"), ==, boxes);
  g_assert_cmpint(ax_keymap_find(keymap, AX_KEYS_VIEW, "b"), ==, -1);
  g_assert_true(ax_keymap_is_changed(keymap, mirror));
  g_assert_true(ax_keymap_set_key(keymap, boxes, "KP_0")); /* one of three that another has */
  g_assert_cmpstr(ax_keymap_get_keys(keymap, fit), ==, "0 f");
  first = ax_keymap_get_first_key(keymap, fit);
  g_assert_cmpstr(first, ==, "0");
  g_assert_false(ax_keymap_set_key(keymap, boxes, "Escape"));
  g_assert_false(ax_keymap_set_key(keymap, model, "3")); /* chooses an answer */
  g_assert_true(ax_keymap_set_key(keymap, boxes, "3"));
  kept = ax_settings_get_value("shortcuts", G_VARIANT_TYPE("a{ss}"));
  g_assert_cmpuint(g_variant_n_children(kept), ==, 4); /* boxes, mirror, fit, third preset */
  g_assert_true(ax_keymap_set_key(keymap, boxes, NULL));
  g_assert_null(ax_keymap_get_first_key(keymap, boxes));
  /* back: the key comes from whoever has it now */
  g_assert_true(ax_keymap_set_key(keymap, fit, "b"));
  ax_keymap_reset(keymap, boxes);
  g_assert_cmpstr(ax_keymap_get_keys(keymap, boxes), ==, "b");
  g_assert_cmpstr(ax_keymap_get_keys(keymap, fit), ==, "");
  g_assert_false(ax_keymap_is_changed(keymap, boxes));
  ax_keymap_reset_all(keymap);
  for (guint i = 0; i < ax_command_get_n(); i++)
    g_assert_cmpstr(ax_keymap_get_keys(keymap, i), ==, ax_command_get(i)->keys);
  left = ax_settings_get_value("shortcuts", G_VARIANT_TYPE("a{ss}"));
  g_assert_cmpuint(g_variant_n_children(left), ==, 0);
  g_signal_handler_disconnect(keymap, id);
}

/* What somebody else wrote into the settings: known actions hold, the rest does no harm. */
static void test_settings(void) {
  AxKeymap *keymap = ax_keymap_get_default();
  g_autofree char *endless = g_strnfill(100000, 'x');
  GVariantBuilder builder;

  g_variant_builder_init(&builder, G_VARIANT_TYPE("a{ss}"));
  g_variant_builder_add(&builder, "{ss}", "win.boxes", "<Control>b");
  g_variant_builder_add(&builder, "{ss}", "win.no-such", "c");
  g_variant_builder_add(&builder, "{ss}", "win.mirror", endless);
  ax_settings_set_value("shortcuts", g_variant_builder_end(&builder));
  g_assert_cmpstr(ax_keymap_get_keys(keymap, (guint)ax_command_find("win.boxes")), ==, "<Control>b");
  g_assert_cmpstr(ax_keymap_get_keys(keymap, (guint)ax_command_find("win.mirror")), ==, "m");
  ax_keymap_reset_all(keymap);
  g_assert_cmpstr(ax_keymap_get_keys(keymap, (guint)ax_command_find("win.boxes")), ==, "b");
  g_assert_null(ax_settings_get_value("shortcuts", G_VARIANT_TYPE("s")));
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/ui/keymap/table", test_table);
  g_test_add_func("/ui/keymap/change", test_change);
  g_test_add_func("/ui/keymap/settings", test_settings);
  return g_test_run();
}
