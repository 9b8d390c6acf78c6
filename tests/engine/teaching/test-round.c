/* Rounds: the rules, the file, what a broken or hostile one meets, rounds that make themselves. */
#include "engine/teaching/store.h"
#include "tests/engine/teaching/broken.h"
#include "tests/engine/teaching/film.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void
test_file (void)
{
  g_autoptr (AxRound) round = film_round ();
  g_autofree char *text = ax_round_to_json (round);
  g_autoptr (GError) error = NULL;
  g_autoptr (AxRound) back = ax_round_from_json (text, strlen (text), "round", &error);
  g_assert_no_error (error);
  g_autofree char *again = ax_round_to_json (back);
  g_assert_cmpstr (text, ==, again);
  g_assert_cmpuint (ax_round_n_cases (back), ==, 5);
  const AxRoundCase *c = ax_round_get_case (back, 1);
  g_assert_cmpstr (c->id, ==, "case-2");
  g_assert_cmpfloat (c->boxes[0].x1, ==, 100.13);
  g_assert_cmpstr (c->explanation, ==, "A meniscus, \"rising\" to the side.\nSecond line.");
  g_assert_true (ax_round_get_case (back, 3)->mirror);
  g_assert_cmpint (ax_round_get_case (back, 3)->side, ==, AX_ROUND_LEFT);
  g_assert_cmpstr (ax_round_get_case (back, 2)->names[1], ==, "windpipe");
  g_assert_cmpfloat (ax_round_get_case (back, 4)->pass, ==, 0.6667);
}

static gpointer
read_it (const char *text, gsize length, const char *name, GError **error)
{
  return ax_round_from_json (text, length, name, error);
}

/* Each of these differs from a good file in one place; the message must name it. */
static void
test_broken (void)
{
  static const BrokenFile broken[] = {
    { "anatomix teaching round", "something else", "no \"anatomix teaching round\"" },
    { "\"version\": 1", "\"version\": 2", "newer" },
    { "\"version\": 1", "\"version\": \"1\"", "version" },
    { "\"title\": \"Chest films, first round\"", "\"title\": 4", "title" },
    { "\"cases\": [", "\"cases\": 3, \"others\": [", "cases" },
    { "\"id\": \"case-2\"", "\"id\": \"case-1\"", "case 2" },
    { "\"task\": \"find\"", "\"task\": \"fly\"", "task is unknown" },
    { "\"image\": \"folder/two.png\"", "\"image\": \"../two.png\"", "case 3: its image" },
    { "\"image\": \"folder/two.png\"", "\"image\": \"/etc/passwd\"", "its image" },
    { "\"image\": \"folder/two.png\"", "\"image\": \"a\\\\two.png\"", "its image" },
    { "\"image\": \"folder/two.png\"", "\"image\": \"folder/../../two.png\"", "its image" },
    { "\"image\": \"folder/two.png\"", "\"image\": \"two\\u0007.png\"", "its image" },
    { "[100.13, 600, 300, 800]", "[300, 600, 100, 800]", "not a box" },
    { "[100.13, 600, 300, 800]", "[100, 600, 300]", "not a box" },
    { "[100.13, 600, 300, 800]", "[100, 600, 300, 1e300]", "not a box" },
    { "[100.13, 600, 300, 800]", "[100, 600, 300, \"800\"]", "not a box" },
    { "[100.13, 600, 300, 800]", "[100, 600, 100.001, 800]", "box is empty" },
    { "[\"Trachea\", \"windpipe\"]", "[]", "no accepted name" },
    { "[\"Trachea\", \"windpipe\"]", "[\"Trachea\", 5]", "not text" },
    { "[\"Trachea\", \"windpipe\"]", "[\"Trachea\", \" \"]", "empty" },
    { "\"side\": \"left\"", "\"side\": \"up\"", "left, right or both" },
    { "\"side\": \"left\"", "\"aside\": \"left\"", "no accepted side" },
    { "\"pass\": 0.6667", "\"pass\": 0", "pass" },
    { "\"pass\": 0.6667", "\"pass\": 7", "pass" },
    { "\"mirror\": true", "\"mirror\": \"yes\"", "mirror" },
    { "\"subject\": \"Left lung\"", "\"subject\": \" \"", "asks for no structure" },
  };
  g_autoptr (AxRound) round = film_round ();
  g_autofree char *text = ax_round_to_json (round);
  assert_broken (text, broken, G_N_ELEMENTS (broken), read_it);
}

/* Every byte of a file replaced, and the file cut at every length: a round or a GError, and a round writes a file that reads alike. */
static void
test_mutations (void)
{
  static const char bytes[] = { '"', '[', '}', ',', '9', '-', '\0', '\xff' };
  g_autoptr (AxRound) round = film_round ();
  g_autofree char *text = ax_round_to_json (round);
  gsize n = strlen (text);
  guint good = 0, bad = 0;
  for (gsize i = 0; i < 2 * n; i++) {
    g_autoptr (GError) error = NULL;
    g_autofree char *other = g_memdup2 (text, n + 1);
    if (i < n)
      other[i] = bytes[i % G_N_ELEMENTS (bytes)];
    g_autoptr (AxRound) read = ax_round_from_json (other, i < n ? n : i - n, "round", &error);
    g_assert_true ((read == NULL) == (error != NULL));
    if (read != NULL) {
      g_autofree char *once = ax_round_to_json (read);
      g_autoptr (AxRound) back = ax_round_from_json (once, strlen (once), "round", &error);
      g_assert_no_error (error);
      g_autofree char *twice = ax_round_to_json (back);
      g_assert_cmpstr (once, ==, twice);
    }
    read != NULL ? good++ : bad++;
  }
  g_test_message ("%u read, %u refused", good, bad);
  g_assert_cmpuint (good, >, 0);
  g_assert_cmpuint (bad, >, n);
}

static void
test_images (void)
{
  g_autofree char *top = g_dir_make_tmp ("ax-round-XXXXXX", NULL), *folder = g_build_filename (top, "round", NULL), *inside = g_build_filename (folder, "in.png", NULL);
  g_autofree char *outside = g_build_filename (top, "out.png", NULL), *link = g_build_filename (folder, "link.png", NULL);
  g_autofree char *neighbour = g_build_filename (top, "round-2", NULL), *near = g_build_filename (neighbour, "near.png", NULL), *second = g_build_filename (folder, "second.png", NULL);
  g_autoptr (AxRoundCase) c = ax_round_case_new (AX_ROUND_IMPRESSION, "in.png");
  g_autoptr (GError) error = NULL;
  g_assert_cmpint (g_mkdir (folder, 0700), ==, 0);
  g_assert_cmpint (g_mkdir (neighbour, 0700), ==, 0);
  g_assert_true (g_file_set_contents (inside, "x", 1, NULL) && g_file_set_contents (outside, "x", 1, NULL) && g_file_set_contents (near, "x", 1, NULL));
  g_assert_cmpint (symlink (outside, link), ==, 0);
  g_assert_cmpint (symlink (near, second), ==, 0);
  g_autofree char *found = ax_round_find_image (folder, c, &error);
  g_assert_no_error (error);
  g_assert_true (g_str_has_suffix (found, "/round/in.png"));
  static const char *const refused[] = { "link.png", "second.png", "none.png", "../out.png", "." };
  for (guint i = 0; i < G_N_ELEMENTS (refused); i++) {
    g_free (c->image);
    c->image = g_strdup (refused[i]);
    g_assert_null (ax_round_find_image (folder, c, &error));
    g_assert_error (error, AX_ROUND_ERROR, AX_ROUND_ERROR_IMAGE);
    g_clear_error (&error);
  }
  g_unlink (link), g_unlink (second), g_unlink (near), g_unlink (inside), g_unlink (outside);
  g_rmdir (folder), g_rmdir (neighbour), g_rmdir (top);
}

/* A teacher adds cases: images inside the folder stay, others are copied once, a name that is taken is changed, a bad case leaves nothing behind. */
static void
test_store (void)
{
  static const struct { const char *image, *name; } added[] = { { "r/sub/in.png", "sub/in.png" }, { "a/film.png", "film.png" }, { "a/film.png", "film.png" }, { "b/film.png", "film-2.png" } };
  static const char *const files[] = { "r/sub/in.png", "a/film.png", "b/film.png", "r/film.png", "r/film-2.png", "r/round.json", "r/other.json", "r/sub", "r", "a", "b" };
  g_autofree char *top = g_dir_make_tmp ("ax-store-XXXXXX", NULL), *path = g_build_filename (top, "r", "round.json", NULL), *other = g_build_filename (top, "r", "other.json", NULL);
  g_autoptr (AxRoundCase) c = ax_round_case_new (AX_ROUND_SIDE, NULL);
  g_autoptr (GError) error = NULL;
  for (guint i = 0; i < 3; i++) {
    g_autofree char *image = g_build_filename (top, files[i], NULL), *folder = g_path_get_dirname (image);
    g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
    g_assert_true (g_file_set_contents (image, files[i], -1, NULL));
  }
  g_autofree char *film = g_build_filename (top, "a", "film.png", NULL), *copy = g_build_filename (top, "r", "film.png", NULL);
  g_assert_false (ax_round_store_case (path, "New", c, film, &error)); /* has no side */
  g_assert_error (error, AX_ROUND_ERROR, AX_ROUND_ERROR_INVALID);
  g_clear_error (&error);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS) || g_file_test (copy, G_FILE_TEST_EXISTS));
  c->side = AX_ROUND_LEFT;
  c->subject = g_strdup ("stomach bubble");
  for (guint i = 0; i < G_N_ELEMENTS (added); i++) {
    g_autofree char *image = g_build_filename (top, added[i].image, NULL);
    g_assert_true (ax_round_store_case (path, "New", c, image, &error));
    g_autoptr (AxRound) round = ax_round_load (path, &error);
    g_assert_no_error (error);
    g_assert_cmpuint (ax_round_n_cases (round), ==, i + 1);
    g_assert_cmpstr (round->title, ==, "New");
    g_assert_cmpstr (ax_round_get_case (round, i)->image, ==, added[i].name);
    g_autofree char *folder = g_path_get_dirname (path), *found = ax_round_find_image (folder, ax_round_get_case (round, i), &error);
    g_assert_no_error (error);
    g_assert_true (g_str_has_suffix (found, added[i].name));
  }
  g_assert_true (g_file_set_contents (other, "{}", -1, NULL)); /* a file that is no round stays as it is */
  g_assert_false (ax_round_store_case (other, "New", c, film, &error));
  g_assert_error (error, AX_ROUND_ERROR, AX_ROUND_ERROR_INVALID);
  g_clear_error (&error);
  g_assert_false (ax_round_store_case (path, "New", c, "/nowhere/film.png", &error));
  g_assert_error (error, AX_ROUND_ERROR, AX_ROUND_ERROR_IMAGE);
  for (guint i = 0; i < G_N_ELEMENTS (files); i++) {
    g_autofree char *file = g_build_filename (top, files[i], NULL);
    remove (file);
  }
  g_assert_cmpint (g_rmdir (top), ==, 0);
}

static void
test_missing_file (void)
{
  g_autoptr (GError) error = NULL;
  g_assert_null (ax_round_load ("/nowhere/round.json", &error));
  g_assert_error (error, AX_ROUND_ERROR, AX_ROUND_ERROR_READ);
  g_clear_error (&error);
  g_assert_null (ax_round_from_json ("[[[[", 4, "round", &error));
  g_assert_error (error, AX_ROUND_ERROR, AX_ROUND_ERROR_READ);
}

static void
test_too_many (void)
{
  g_autoptr (AxRound) round = ax_round_new ("Many");
  g_autoptr (GError) error = NULL;
  for (guint i = 0; i < AX_ROUND_MAX_CASES; i++)
    g_assert_true (ax_round_add (round, ax_round_case_new (AX_ROUND_IMPRESSION, "a.png"), NULL));
  g_autoptr (AxRoundCase) c = ax_round_case_new (AX_ROUND_IMPRESSION, "a.png");
  g_assert_false (ax_round_add (round, c, &error));
  g_assert_error (error, AX_ROUND_ERROR, AX_ROUND_ERROR_INVALID);
}

static void
test_anatomy (void)
{
  AxRoundFilm films[3] = { { .image = "a.png" }, { .image = "b.png" }, { .image = "c.png" } };
  guint tasks[AX_N_ROUND_TASKS] = { 0 }, mirrored = 0;
  g_autoptr (GError) error = NULL;
  for (guint f = 0; f < 2; f++) /* the third has no box */
    for (guint i = 0; i < AX_N_ANATOMY; i++)
      films[f].boxes[i] = film_box (i);
  g_autoptr (AxRound) round = ax_round_new_anatomy ("Anatomy", films, 3, 60, 7, "a model", &error);
  g_autoptr (AxRound) same = ax_round_new_anatomy ("Anatomy", films, 3, 60, 7, "a model", &error);
  g_assert_no_error (error);
  g_autofree char *text = ax_round_to_json (round), *text_again = ax_round_to_json (same);
  g_assert_cmpstr (text, ==, text_again);
  g_assert_cmpuint (ax_round_n_cases (round), ==, 40);
  for (guint i = 0; i < 40; i++) {
    const AxRoundCase *c = ax_round_get_case (round, i);
    g_assert_cmpstr (c->image, !=, "c.png");
    tasks[c->task]++;
    mirrored += c->mirror;
    if (c->task == AX_ROUND_FIND) {
      g_assert_cmpfloat (ax_box_iou (c->boxes[0], film_box ((guint) ax_anatomy_find (c->subject))), >, 0.999);
    } else if (c->task == AX_ROUND_NAME) {
      g_assert_cmpuint (g_strv_length (c->choices), ==, 4);
      for (guint k = 0; k < 4; k++) /* one name alone is right for the region */
        g_assert_true (ax_round_same_name (c->choices[k], c->names[0]) == g_str_equal (c->choices[k], c->names[0]));
    } else {
      g_assert_cmpint (c->side, ==, c->region.x1 > 500 ? AX_ROUND_LEFT : AX_ROUND_RIGHT);
    }
  }
  g_test_message ("find %u, name %u, side %u (%u mirrored)", tasks[AX_ROUND_FIND], tasks[AX_ROUND_NAME], tasks[AX_ROUND_SIDE], mirrored);
  g_assert_cmpuint (tasks[AX_ROUND_FIND], >=, 10);
  g_assert_cmpuint (tasks[AX_ROUND_NAME], >=, 5);
  g_assert_cmpuint (tasks[AX_ROUND_SIDE], >=, 5);
  g_assert_cmpuint (mirrored, >, 0);
  g_assert_cmpuint (mirrored, <, tasks[AX_ROUND_SIDE]);
  g_assert_null (ax_round_new_anatomy ("None", &films[2], 1, 5, 7, NULL, &error));
  g_assert_error (error, AX_ROUND_ERROR, AX_ROUND_ERROR_INVALID);
}

/* Boxes that come with an image: of the bundled sample, of another frame, and files that are none. */
static void
test_given (void)
{
  static const struct { const char *text; int code; } broken[] = {
    { "", AX_ROUND_ERROR_READ },
    { "{}", AX_ROUND_ERROR_INVALID },
    { "{\"anatomy\": [1]}", AX_ROUND_ERROR_INVALID },
    { "{\"anatomy\": [{\"index\": 36, \"box\": [1, 2, 3, 4]}]}", AX_ROUND_ERROR_INVALID },
    { "{\"anatomy\": [{\"index\": 3, \"box\": [1, 2, 3]}]}", AX_ROUND_ERROR_INVALID },
    { "{\"anatomy\": [{\"index\": 3, \"box\": [1, 2, 3, null]}]}", AX_ROUND_ERROR_INVALID },
    { "{\"frame\": 0, \"size\": 4, \"anatomy\": []}", AX_ROUND_ERROR_INVALID },
  };
  const char *root = g_getenv ("AX_SOURCE_ROOT");
  g_autofree char *sample = g_build_filename (root != NULL ? root : ".", "data", "samples", "effusion-opacity.json", NULL), *folder = g_dir_make_tmp ("ax-given-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "film.json", NULL);
  AxBox boxes[AX_N_ANATOMY];
  g_autoptr (GError) error = NULL;
  g_assert_true (ax_round_read_film (sample, boxes, &error));
  g_assert_no_error (error);
  g_assert_cmpfloat (boxes[4].x1, ==, 409); /* the heart of that file */
  g_assert_cmpfloat (boxes[4].y2, ==, 675);
  g_assert_true (g_file_set_contents (path, "{\"frame\": 1024, \"size\": 512, \"anatomy\": [{\"index\": 3, \"box\": [10, 20, 30, 1e9], \"visible\": 1}, "
                                            "{\"index\": 4, \"box\": [1, 2, 3, 4], \"visible\": 0}]}", -1, NULL));
  g_assert_true (ax_round_read_film (path, boxes, &error));
  g_assert_cmpfloat (boxes[3].x2, ==, 15);
  g_assert_cmpfloat (boxes[3].y2, ==, AX_IMAGE_MAX_SIDE);
  g_assert_cmpfloat (ax_box_area (boxes[4]), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (broken); i++) {
    g_assert_true (g_file_set_contents (path, broken[i].text, -1, NULL));
    g_assert_false (ax_round_read_film (path, boxes, &error));
    g_assert_error (error, AX_ROUND_ERROR, broken[i].code);
    g_clear_error (&error);
  }
  g_unlink (path);
  g_rmdir (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/teaching/round/file", test_file);
  g_test_add_func ("/teaching/round/broken", test_broken);
  g_test_add_func ("/teaching/round/mutations", test_mutations);
  g_test_add_func ("/teaching/round/images", test_images);
  g_test_add_func ("/teaching/round/store", test_store);
  g_test_add_func ("/teaching/round/missing-file", test_missing_file);
  g_test_add_func ("/teaching/round/too-many", test_too_many);
  g_test_add_func ("/teaching/round/given", test_given);
  g_test_add_func ("/teaching/round/anatomy", test_anatomy);
  return g_test_run ();
}
