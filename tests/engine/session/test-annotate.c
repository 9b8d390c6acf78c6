/* The annotated picture: sizes, that every structure's colour is on it, mirroring, and a path that cannot be written. */
#include "engine/session/annotate.h"
#include "tests/engine/session/sample-perception.h"

#include <glib/gstdio.h>
#include <math.h>

/* Dark film with one bright block in its left upper corner, so that mirroring shows. */
static AxImage *
film_new (int width, int height)
{
  g_autofree guint8 *pixels = g_malloc0 ((gsize) width * height);
  for (int y = 0; y < height / 4; y++)
    for (int x = 0; x < width / 4; x++)
      pixels[y * width + x] = 255;
  g_autoptr (GError) error = NULL;
  AxImage *image = ax_image_new_from_u8 (width, height, pixels, AX_IMAGE_ORIGIN_UINT8, &error);
  g_assert_no_error (error);
  return image;
}

static guint8
level_at (cairo_surface_t *surface, int x, int y)
{
  return cairo_image_surface_get_data (surface)[y * cairo_image_surface_get_stride (surface) + 4 * x];
}

static void
test_surface (void)
{
  g_autoptr (AxImage) image = film_new (1000, 600);
  for (int mirror = 0; mirror < 2; mirror++) {
    cairo_surface_t *full = ax_annotate_image_surface (image, 4096, mirror);
    g_assert_cmpint (cairo_image_surface_get_width (full), ==, 1000);
    g_assert_cmpint (cairo_image_surface_get_height (full), ==, 600);
    g_assert_cmpint (level_at (full, mirror ? 990 : 10, 10), ==, 255);
    g_assert_cmpint (level_at (full, mirror ? 10 : 990, 10), ==, 0);
    cairo_surface_destroy (full);
    cairo_surface_t *small = ax_annotate_image_surface (image, 300, mirror);
    g_assert_cmpint (cairo_image_surface_get_width (small), ==, 250);
    g_assert_cmpint (level_at (small, mirror ? 240 : 10, 10), ==, 255);
    g_assert_cmpint (level_at (small, mirror ? 10 : 240, 10), ==, 0);
    cairo_surface_destroy (small);
  }
}

/* A frame of 1.6 units drawn across pixels never has a pixel of the pure colour for certain; a tolerance of a quarter of each channel does. */
static gboolean
has_color (cairo_surface_t *surface, guint index)
{
  double rgb[3];
  ax_anatomy_color (index, rgb);
  int width = cairo_image_surface_get_width (surface), height = cairo_image_surface_get_height (surface);
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++) {
      const guint8 *p = cairo_image_surface_get_data (surface) + y * cairo_image_surface_get_stride (surface) + 4 * x;
      if (fabs (p[2] / 255.0 - rgb[0]) < 0.25 && fabs (p[1] / 255.0 - rgb[1]) < 0.25 && fabs (p[0] / 255.0 - rgb[2]) < 0.25)
        return TRUE;
    }
  return FALSE;
}

/* Each structure drawn alone on black shows its colour, and only inside or near its box. */
static void
test_boxes (void)
{
  AxPerception *p = sample_perception_new (1024, 1024, FALSE);
  for (guint i = 0; i < AX_N_ANATOMY; i++)
    p->anatomy[i].box = (AxBox) { 0 };
  for (guint i = 0; i < AX_N_ANATOMY; i++) {
    p->anatomy[i].box = (AxBox) { 300, 300, 500, 460 };
    cairo_surface_t *surface = cairo_image_surface_create (CAIRO_FORMAT_RGB24, 512, 512);
    cairo_t *cr = cairo_create (surface);
    ax_annotate_draw_boxes (cr, p, 0.5);
    cairo_destroy (cr);
    cairo_surface_flush (surface);
    g_assert_true (has_color (surface, i));
    /* Half way down the left edge of the box: on the frame, and beyond it nothing. */
    g_assert_cmpint (level_at (surface, 150, 190) + cairo_image_surface_get_data (surface)[190 * cairo_image_surface_get_stride (surface) + 4 * 150 + 2], >, 0);
    g_assert_cmpint (level_at (surface, 450, 450), ==, 0);
    cairo_surface_destroy (surface);
    p->anatomy[i].box = (AxBox) { 0 };
  }
  sample_perception_free (p);
}

static void
test_png (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *folder = g_dir_make_tmp ("anatomix-XXXXXX", &error);
  g_assert_no_error (error);
  g_autofree char *path = g_build_filename (folder, "out put.png", NULL);
  static const int sizes[][2] = { { 1024, 1024 }, { 3000, 700 }, { 64, 900 }, { 1, 1 } };
  for (gsize i = 0; i < G_N_ELEMENTS (sizes); i++) {
    g_autoptr (AxImage) image = film_new (sizes[i][0], sizes[i][1]);
    AxPerception *p = sample_perception_new (sizes[i][0], sizes[i][1], i == 1);
    g_assert_true (ax_annotate_write_png (image, p, NULL, path, &error));
    g_assert_no_error (error);
    g_autoptr (AxImage) back = ax_image_load (path, NULL, &error);
    g_assert_no_error (error);
    /* The film fills 1200 pixels along its longer side; the panel of findings and sentences stands to its right. */
    double scale = 1200.0 / MAX (sizes[i][0], sizes[i][1]);
    g_assert_cmpint (ax_image_get_width (back), ==, MAX (1, (int) lround (sizes[i][0] * scale)) + 560);
    g_assert_cmpint (ax_image_get_height (back), ==, 1200);
    sample_perception_free (p);
  }
  g_remove (path);
  g_rmdir (folder);
}

static void
test_unwritable (void)
{
  g_autoptr (AxImage) image = film_new (64, 64);
  AxPerception *p = sample_perception_new (64, 64, FALSE);
  g_autoptr (GError) error = NULL;
  g_assert_false (ax_annotate_write_png (image, p, NULL, "/nonexistent/folder/out.png", &error));
  g_assert_error (error, AX_IMAGE_ERROR, AX_IMAGE_ERROR_WRITE);
  sample_perception_free (p);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/session/annotate/surface", test_surface);
  g_test_add_func ("/session/annotate/boxes", test_boxes);
  g_test_add_func ("/session/annotate/png", test_png);
  g_test_add_func ("/session/annotate/unwritable", test_unwritable);
  return g_test_run ();
}
