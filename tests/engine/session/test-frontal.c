/* Whether an image looks like a frontal chest radiograph: known boxes, then the bundled model on bundled films as they are, mirrored and
 * turned, and on noise. What is told less surely, tests/bench/bench_frontal measures. */
#include "tests/engine/session/sample-perception.h"

#include "engine/anatomix.h"
#include <math.h>

static AxSession *session;

/* The arithmetic: boxes of a drawn chest, the same seen in a mirror, one edge moved by a known length, and no chest at all. */
static void
test_boxes (void)
{
  AxPerception *plain = sample_perception_new (512, 512, FALSE), *mirrored = sample_perception_new (512, 512, TRUE);
  const double misfit = ax_perception_misfit (plain);
  g_test_message ("drawn chest: %.4f", misfit);
  g_assert_cmpfloat (misfit, <, AX_MISFIT_LIMIT);
  g_assert_cmpfloat_with_epsilon (ax_perception_misfit (mirrored), misfit, 1e-12);
  /* The left diaphragm's outer edge stands in one of the 25 pairs. Its distance to the other edge of the pair grows by what it moves away. */
  const AxBox l = plain->anatomy[11].box1024, r = plain->anatomy[20].box1024;
  const double size = sqrt ((MAX (l.x2, r.x2) - MIN (l.x1, r.x1)) * (MAX (l.y2, r.y2) - MIN (l.y1, r.y1)));
  plain->anatomy[9].box1024.x2 = plain->anatomy[25].box1024.x2;
  const double level = ax_perception_misfit (plain);
  plain->anatomy[9].box1024.x2 += 0.5 * size;
  g_assert_cmpfloat_with_epsilon (ax_perception_misfit (plain) - level, 0.5 / 25, 1e-12);
  for (guint i = 0; i < AX_N_ANATOMY; i++)
    plain->anatomy[i].box1024 = (AxBox){ 10.0 * i, 500 - 10.0 * i, 10.0 * i + 200, 600 };
  g_assert_cmpfloat (ax_perception_misfit (plain), >, AX_MISFIT_LIMIT);
  for (guint i = 0; i < AX_N_ANATOMY; i++)
    plain->anatomy[i].box1024 = (AxBox){ 0, 0, 0, 0 };
  g_assert_true (ax_perception_misfit (plain) >= 0); /* a number, whatever comes */
  sample_perception_free (plain);
  sample_perception_free (mirrored);
}

typedef enum { PLAIN, MIRRORED, QUARTER, NOISE, N_FORMS } Form;

static AxImage *
change (AxImage *image, Form form)
{
  g_autoptr (GError) error = NULL;
  const int w = ax_image_get_width (image), h = ax_image_get_height (image);
  const int to_w = form == QUARTER ? h : w, to_h = form == QUARTER ? w : h;
  const double scale = 255.0 / ax_image_get_max_value (image);
  const guint16 *in = ax_image_get_pixels (image);
  g_autofree guint8 *out = g_malloc ((gsize) to_w * (gsize) to_h);
  g_autoptr (GRand) random = g_rand_new_with_seed (5);
  for (int y = 0; y < to_h; y++)
    for (int x = 0; x < to_w; x++)
      {
        const int sx = form == MIRRORED ? w - 1 - x : form == QUARTER ? y : x, sy = form == QUARTER ? h - 1 - x : y;
        const double value = form == NOISE ? g_rand_int_range (random, 0, 256) : in[(gsize) sy * (gsize) w + (gsize) sx] * scale;
        out[(gsize) y * (gsize) to_w + (gsize) x] = (guint8) value;
      }
  AxImage *changed = ax_image_new_from_u8 (to_w, to_h, out, AX_IMAGE_ORIGIN_FLOAT, &error);
  g_assert_no_error (error);
  return changed;
}

static void
test_films (void)
{
  static const char *const names[] = { "normal", "effusion-opacity", "devices", "mirrored-organs" };
  static const char *const forms[] = { "as it is", "mirrored", "turned by 90 degrees", "noise" };
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *name = g_strconcat (names[i], ".png", NULL), *path = g_build_filename (g_getenv ("AX_SOURCE_ROOT"), "data", "samples", name, NULL);
      g_autoptr (AxImage) film = ax_image_load (path, NULL, &error);
      g_assert_no_error (error);
      for (Form form = PLAIN; form < N_FORMS; form++)
        {
          g_autoptr (AxImage) image = change (film, form);
          g_autoptr (AxPerception) p = ax_session_perceive (session, image, FALSE, NULL, &error);
          g_assert_no_error (error);
          const double misfit = ax_perception_misfit (p);
          g_test_message ("%s, %s: %.4f of %.3f", names[i], forms[form], misfit, AX_MISFIT_LIMIT);
          if (form <= MIRRORED)
            g_assert_cmpfloat (misfit, <=, AX_MISFIT_LIMIT);
          else
            g_assert_cmpfloat (misfit, >, AX_MISFIT_LIMIT);
        }
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_autofree char *folder = g_build_filename (g_getenv ("AX_SOURCE_ROOT"), "data", "models", "anatomix-mini", NULL);
  session = ax_session_new (folder);
  g_test_add_func ("/frontal/boxes", test_boxes);
  g_test_add_func ("/frontal/films", test_films);
  const int status = g_test_run ();
  g_clear_object (&session);
  return status;
}
