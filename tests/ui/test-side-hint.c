/* Mirrored pictures against hearts on the other side: the rule with made-up answers, the letters on drawn films, and, where the development
 * data are, the letters on real ones. */
#include "ui/side-hint.h"

#include <string.h>

static void fill_answer(AxPerception *p, gboolean turned, guint of_pairs) {
  memset(p, 0, sizeof *p);
  p->width = p->height = 1000;
  for (guint i = 0; i < AX_N_PAIRS; i++) {
    gboolean swap = turned && i < of_pairs;
    guint left, right;

    ax_anatomy_pair(i, &left, &right);
    p->anatomy[left].box = swap ? (AxBox){100, 100, 300, 300} : (AxBox){600, 100, 800, 300};
    p->anatomy[right].box = swap ? (AxBox){600, 100, 800, 300} : (AxBox){100, 100, 300, 300};
  }
}

static void test_rule(void) {
  g_autofree AxPerception *p = g_new0(AxPerception, 1);

  fill_answer(p, FALSE, 0);
  for (int side = -1; side <= 1; side++)
    g_assert_cmpint(ax_side_hint(p, side), ==, AX_SIDES_USUAL);
  fill_answer(p, TRUE, AX_N_PAIRS);
  g_assert_cmpint(ax_side_hint(p, -1), ==, AX_SIDES_MIRRORED);
  g_assert_cmpint(ax_side_hint(p, 1), ==, AX_SIDES_ORGANS);
  g_assert_cmpint(ax_side_hint(p, 0), ==, AX_SIDES_UNKNOWN);
  fill_answer(p, TRUE, 5); /* a muddle is no mirror */
  g_assert_cmpint(ax_side_hint(p, -1), ==, AX_SIDES_USUAL);
  for (int sides = AX_SIDES_USUAL; sides <= AX_SIDES_UNKNOWN; sides++)
    g_assert_true((ax_side_hint_text((AxSides)sides) == NULL) == (sides == AX_SIDES_USUAL));
}

/* Strokes of letters on an 8 x 10 field, drawn 5 pixels a cell. */
static void draw(guint8 *pixels, int width, const char *const rows[10], int x0, int y0) {
  for (int y = 0; y < 50; y++)
    for (int x = 0; x < 40; x++)
      if (rows[y / 5][x / 5] == '#')
        pixels[(y0 + y) * width + x0 + x] = 230;
}

static const char *const letter_l[10] = {"##......", "##......", "##......", "##......", "##......", "##......", "##......", "##......", "#######.", "#######."};
static const char *const letter_r[10] = {"######..", "##...##.", "##...##.", "##...##.", "######..", "####....", "##.##...", "##..##..", "##...##.", "##...###"};
static const char *const letter_b[10] = {"######..", "##...##.", "##...##.", "##...##.", "######..", "##...##.", "##...##.", "##...##.", "##...##.", "######.."};
static const char *const letter_e[10] = {"#######.", "##......", "##......", "##......", "######..", "######..", "##......", "##......", "##......", "#######."};

static AxPyramid *make_film(const char *const *const *letters, const int *places, guint n) {
  const int side = 1000;
  g_autofree guint8 *pixels = g_malloc((gsize)side * side);
  g_autoptr(AxImage) image = NULL;

  for (int i = 0; i < side * side; i++)
    pixels[i] = (guint8)(40 + (i % side) * 120 / side + (i / side) % 3);
  for (guint i = 0; i < n; i++)
    draw(pixels, side, letters[i], places[2 * i], places[2 * i + 1]);
  image = ax_image_new_from_u8(side, side, pixels, AX_IMAGE_ORIGIN_FLOAT, NULL);
  return ax_pyramid_new(image);
}

static void test_drawn(void) {
  static const struct {
    const char *const *letters[3];
    int places[6];
    guint n, found;
    int side;
  } cases[] = {
    {{letter_l}, {850, 100}, 1, 1, 1},
    {{letter_l}, {80, 100}, 1, 1, -1},
    {{letter_r}, {80, 600}, 1, 1, 1},
    {{letter_r}, {880, 600}, 1, 1, -1},
    {{letter_l, letter_r}, {850, 100, 80, 100}, 2, 2, 1},
    {{letter_l, letter_l}, {850, 100, 80, 100}, 2, 2, 0},              /* they disagree */
    {{letter_l}, {480, 100}, 1, 0, 0},                                 /* in the middle: no side */
    {{letter_b, letter_l, letter_e}, {60, 100, 110, 100, 160, 100}, 3, 0, 0}, /* a word */
    {{letter_b}, {80, 100}, 1, 0, 0},
    {{letter_e}, {80, 100}, 1, 0, 0},
  };

  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(AxPyramid) film = make_film(cases[i].letters, cases[i].places, cases[i].n);
    AxFilmLetter letters[8];
    guint n = ax_film_letters_find(film, letters, 8);

    g_test_message("case %u: %u letters", i, n);
    g_assert_cmpuint(n, ==, cases[i].found);
    g_assert_cmpint(ax_side_of_letters(ax_pyramid_get_image(film), letters, n), ==, cases[i].side);
  }
}

static int side_of_file(const char *name) {
  g_autofree char *path = g_build_filename(g_getenv("AX_SHARED"), "data", "nih", "images", name, NULL);
  g_autoptr(AxImage) image = ax_image_load(path, NULL, NULL);
  g_autoptr(AxPyramid) pyramid = image ? ax_pyramid_new(image) : NULL;
  AxFilmLetter letters[8];

  return image ? ax_side_of_letters(image, letters, ax_film_letters_find(pyramid, letters, 8)) : 2;
}

/* The mirrored film and the heart on the other side: only the letter tells them apart. */
static void test_real(void) {
  if (side_of_file("00002645_002.jpg") == 2) {
    g_test_skip("the development data are not here");
    return;
  }
  g_assert_cmpint(side_of_file("00002645_002.jpg"), ==, -1);
  g_assert_cmpint(side_of_file("00003689_010.jpg"), ==, 1);
}

/* Noise is no letter. */
static void test_noise(void) {
  guint found = 0;

  for (int k = 0; k < 20; k++) {
    g_autofree guint8 *pixels = g_malloc(400 * 400);
    g_autoptr(AxImage) image = NULL;
    g_autoptr(AxPyramid) pyramid = NULL;
    AxFilmLetter letters[8];

    for (int i = 0; i < 400 * 400; i++)
      pixels[i] = (guint8)g_test_rand_int_range(0, 256);
    image = ax_image_new_from_u8(400, 400, pixels, AX_IMAGE_ORIGIN_FLOAT, NULL);
    pyramid = ax_pyramid_new(image);
    found += ax_film_letters_find(pyramid, letters, 8);
  }
  g_assert_cmpuint(found, ==, 0);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/ui/side-hint/rule", test_rule);
  g_test_add_func("/ui/side-hint/drawn", test_drawn);
  g_test_add_func("/ui/side-hint/noise", test_noise);
  g_test_add_func("/ui/side-hint/real", test_real);
  return g_test_run();
}
