/* ui/names.h: the names that are marked for translation are the engine's, and German and Arabic have their own, which lead back to the English ones. The
 * catalogues are those of the build folder. */
#include "ui/names.h"

#include "engine/task/task.h"
#include <glib/gstdio.h>
#include <libintl.h>
#include <locale.h>
#include <string.h>

/* FALSE, and the test is skipped, when this build has no catalogues or the machine no locale that uses them. */
static gboolean speak(const char *language) {
  g_autofree char *folder = g_build_filename(g_getenv("AX_BUILD_ROOT"), "po", NULL), *catalogue = g_build_filename(folder, language, "LC_MESSAGES", "anatomix.mo", NULL);

  if (!g_str_equal(language, "C") && !g_file_test(catalogue, G_FILE_TEST_EXISTS)) {
    g_test_skip("the translations are not built");
    return FALSE;
  }
  g_setenv("LANGUAGE", language, TRUE);
  bindtextdomain("anatomix", folder);
  bind_textdomain_codeset("anatomix", "UTF-8");
  if (!setlocale(LC_ALL, "C.UTF-8")) {
    g_test_skip("this machine has no locale C.UTF-8");
    return FALSE;
  }
  return TRUE;
}

static void test_english(void) {
  if (!speak("C"))
    return;
  for (guint i = 0; i < AX_N_ANATOMY; i++) {
    g_assert_cmpstr(ax_shown_structure(i), ==, ax_anatomy_name(i));
    g_assert_cmpstr(ax_shown_short_structure(i), ==, ax_anatomy_short_name(i));
    g_assert_cmpstr(ax_shown_name(ax_anatomy_name(i)), ==, ax_anatomy_name(i));
    g_assert_cmpstr(ax_english_name(ax_anatomy_short_name(i)), ==, ax_anatomy_short_name(i));
  }
  /* "L lung" and "R lung" are a pair of "Lung". */
  for (guint i = 0; i < AX_N_PAIRS; i++) {
    guint left, right;

    ax_anatomy_pair(i, &left, &right);
    g_assert_cmpint(g_ascii_strcasecmp(ax_shown_pair(i), ax_anatomy_short_name(left) + 2), ==, 0);
    g_assert_cmpint(g_ascii_strcasecmp(ax_shown_pair(i), ax_anatomy_short_name(right) + 2), ==, 0);
  }
  /* A teacher's words stay. */
  g_assert_cmpstr(ax_shown_name("heart"), ==, "heart");
  g_assert_cmpstr(ax_shown_name("pleural effusion"), ==, "pleural effusion");
  g_assert_cmpstr(ax_english_name("heart"), ==, "heart");
  g_assert_null(ax_shown_name(NULL));
  g_assert_null(ax_english_name(NULL));
}

/* Every name has its own translation, all are different, and all lead back. */
static void check_language(const char *language) {
  g_autoptr(GHashTable) full = g_hash_table_new(g_str_hash, g_str_equal), brief = g_hash_table_new(g_str_hash, g_str_equal);
  guint same = 0;

  if (!speak(language))
    return;
  for (guint i = 0; i < AX_N_ANATOMY; i++) {
    g_autofree char *shouted = g_utf8_strup(ax_shown_structure(i), -1);

    g_assert_true(g_hash_table_add(full, (gpointer)ax_shown_structure(i)));
    g_assert_true(g_hash_table_add(brief, (gpointer)ax_shown_short_structure(i)));
    g_assert_cmpint(g_utf8_strlen(ax_shown_short_structure(i), -1), <=, 18); /* beside a box */
    g_assert_cmpstr(ax_english_name(ax_shown_structure(i)), ==, ax_anatomy_name(i));
    g_assert_cmpint(g_ascii_strcasecmp(ax_english_name(shouted), ax_anatomy_name(i)), ==, 0);
    g_assert_cmpstr(ax_shown_name(ax_anatomy_name(i)), ==, ax_shown_structure(i));
    same += strcmp(ax_shown_structure(i), ax_anatomy_name(i)) == 0;
  }
  g_assert_cmpuint(same, <=, 1); /* "Mediastinum" is German too */
  for (guint i = 0, n = 0; i < AX_TASK_N_LABELS; i++) {
    const char *label = ax_task_label(i), *shown = ax_shown_name(label);
    g_autofree char *lower = g_ascii_strdown(label, -1);

    n += strcmp(shown, label) == 0; /* "Pneumothorax" */
    g_assert_cmpuint(n, <=, 1);
    g_assert_cmpstr(ax_english_name(shown), ==, label);
    if (strcmp(shown, label) != 0)
      g_assert_cmpstr(ax_shown_name(lower), ==, shown);
  }
}

static void test_german(void) {
  check_language("de");
  if (g_test_failed() || g_strcmp0(g_getenv("LANGUAGE"), "de") != 0 || strcmp(ax_shown_structure(11), ax_anatomy_name(11)) == 0)
    return;
  g_assert_cmpstr(ax_shown_name("heart"), ==, "Herz (Herzschatten)");
  g_assert_cmpstr(ax_shown_name("left lung"), ==, "Linke Lunge");
  g_assert_cmpstr(ax_shown_name("something of the teacher's"), ==, "something of the teacher's");
  g_assert_cmpstr(ax_english_name(" linke lunge "), ==, "Left lung");
  g_assert_cmpstr(ax_english_name("pleuraerguss"), ==, "Pleural Effusion");
  g_assert_cmpstr(ax_english_name("left lung"), ==, "left lung");
  {
    g_autofree char *names = ax_shown_names((const char *const[]){"left lung", "trachea", NULL});

    g_assert_cmpstr(names, ==, "Linke Lunge, Trachea und Hauptbronchien");
  }
}

static void test_arabic(void) { check_language("ar"); }

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/ui/names/english", test_english);
  g_test_add_func("/ui/names/german", test_german);
  g_test_add_func("/ui/names/arabic", test_arabic);
  return g_test_run();
}
