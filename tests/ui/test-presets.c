/* Grey windows at a key, on images whose histogram is known. */
#include "ui/presets.h"

/* 512 x 512; value = column * 8 in 12 bit: every percentile is known. */
static AxImage *make_ramp(void) {
  g_autofree guint16 *pixels = g_new(guint16, 512 * 512);

  for (int i = 0; i < 512 * 512; i++)
    pixels[i] = (guint16)(i % 512 * 8);
  return ax_image_new_from_u16(512, 512, 12, pixels, NULL);
}

static const AxPreset *find(GArray *presets, const char *name) {
  for (guint i = 0; i < presets->len; i++)
    if (g_strcmp0(g_array_index(presets, AxPreset, i).name, name) == 0)
      return &g_array_index(presets, AxPreset, i);
  g_error("there is no preset %s", name);
}

static void test_plain(void) {
  g_autoptr(AxImage) image = make_ramp();
  g_autoptr(GArray) presets = ax_presets_new(image, NULL);
  AxWindow first = ax_image_get_default_window(image);
  const AxPreset *lungs = find(presets, "Lungs"), *bones = find(presets, "Bones"), *whole = find(presets, "Whole range");

  g_assert_cmpuint(presets->len, ==, 5);
  g_assert_cmpfloat(g_array_index(presets, AxPreset, 0).center, ==, first.center);
  g_assert_cmpfloat(g_array_index(presets, AxPreset, 0).width, ==, first.width);
  g_assert_cmpfloat(whole->center, ==, 2048);
  g_assert_cmpfloat(whole->width, ==, 4096);
  /* percentiles 5 and 65 of the ramp 0 .. 4088 in steps of 8; every second column is looked at, so a step is 16 */
  g_assert_cmpfloat_with_epsilon(lungs->center - lungs->width / 2, 0.05 * 4096, 16);
  g_assert_cmpfloat_with_epsilon(lungs->center + lungs->width / 2, 0.65 * 4096, 17);
  g_assert_cmpfloat(bones->center, >, lungs->center);
}

/* With boxes, the window of a tissue is that of its boxes. */
static void test_boxes(void) {
  g_autoptr(AxImage) image = make_ramp();
  g_autofree AxPerception *p = g_new0(AxPerception, 1);
  g_autoptr(GArray) presets = NULL;
  const AxPreset *lungs, *spine;

  p->width = p->height = 512;
  p->anatomy[ax_anatomy_find("Left lung")].box = (AxBox){300, 0, 400, 500};
  p->anatomy[ax_anatomy_find("Right lung")].box = (AxBox){300, 0, 400, 500};
  p->anatomy[ax_anatomy_find("Vertebral column")].box = (AxBox){100, 0, 101, 500};
  p->anatomy[ax_anatomy_find("Mediastinum")].box = (AxBox){-50, -50, 900, 900};
  presets = ax_presets_new(image, p);
  lungs = find(presets, "Lungs");
  g_assert_cmpfloat_with_epsilon(lungs->center - lungs->width / 2, 302 * 8, 16.1);
  g_assert_cmpfloat_with_epsilon(lungs->center + lungs->width / 2, 398 * 8, 16.1);
  spine = find(presets, "Bones");
  g_assert_cmpfloat(spine->width, ==, 1);
  g_assert_cmpfloat_with_epsilon(spine->center, 800, 0.51);
}

/* A structure whose box lies outside the film gives no window, and no crash. */
static void test_outside(void) {
  g_autoptr(AxImage) image = make_ramp();
  g_autofree AxPerception *p = g_new0(AxPerception, 1);
  g_autoptr(GArray) presets = ax_presets_new(image, p);

  g_assert_cmpuint(presets->len, ==, 2);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/ui/presets/plain", test_plain);
  g_test_add_func("/ui/presets/boxes", test_boxes);
  g_test_add_func("/ui/presets/outside", test_outside);
  return g_test_run();
}
