/* The weight and image formula of the tests agrees bit for bit with the reference's formula.json. */
#include <glib.h>
#include <json-glib/json-glib.h>
#include <string.h>
#include <zlib.h>

#include "tests/formula.h"

static JsonObject *
load_reference(JsonParser *parser)
{
  const char *shared = g_getenv("AX_SHARED");
  g_autofree char *path = g_build_filename(shared != NULL ? shared : ".", "reference", "formula.json", NULL);
  if (!g_file_test(path, G_FILE_TEST_EXISTS)) {
    g_test_skip("reference/formula.json is absent");
    return NULL;
  }
  g_autoptr(GError) error = NULL;
  g_assert_true(json_parser_load_from_file(parser, path, &error));
  return json_node_get_object(json_parser_get_root(parser));
}

static void
test_weights(void)
{
  g_autoptr(JsonParser) parser = json_parser_new();
  JsonObject *root = load_reference(parser);
  if (root == NULL)
    return;
  g_autofree char *hash = g_strdup_printf("%016" G_GINT64_MODIFIER "x", ax_test_fnv1a64("abc"));
  g_assert_cmpstr(hash, ==, json_object_get_string_member(root, "fnv1a64('abc')"));

  JsonObject *tensors = json_object_get_object_member(root, "tensors");
  JsonObjectIter iter;
  const char *name;
  JsonNode *node;
  guint count = 0;
  json_object_iter_init(&iter, tensors);
  while (json_object_iter_next(&iter, &name, &node)) {
    JsonObject *entry = json_node_get_object(node);
    JsonArray *dims = json_object_get_array_member(entry, "shape");
    int64_t shape[8];
    gsize n = 1;
    const guint ndim = json_array_get_length(dims);
    for (guint d = 0; d < ndim; d++)
      n *= (gsize) (shape[d] = json_array_get_int_element(dims, d));
    g_autofree float *values = g_new(float, n);
    if (json_object_get_boolean_member(entry, "bf16"))
      ax_test_formula_weight_bf16(name, (int) ndim, shape, values);
    else
      ax_test_formula_weight(name, (int) ndim, shape, values);
    JsonArray *first = json_object_get_array_member(entry, "first4_hex");
    for (guint i = 0; i < 4; i++) {
      guint32 bits;
      memcpy(&bits, &values[i], 4);
      g_autofree char *hex = g_strdup_printf("%08x", bits);
      g_assert_cmpstr(hex, ==, json_array_get_string_element(first, i));
    }
    g_autofree char *crc = g_strdup_printf("%08lx", crc32(0, (const Bytef *) values, (uInt) (n * sizeof(float))));
    g_assert_cmpstr(crc, ==, json_object_get_string_member(entry, "crc32"));
    count++;
  }
  g_assert_cmpuint(count, ==, 12);
}

static void
test_images(void)
{
  g_autoptr(JsonParser) parser = json_parser_new();
  JsonObject *root = load_reference(parser);
  if (root == NULL)
    return;
  JsonArray *images = json_object_get_array_member(root, "images");
  g_assert_cmpuint(json_array_get_length(images), ==, 5);
  for (guint k = 0; k < json_array_get_length(images); k++) {
    JsonObject *entry = json_array_get_object_element(images, k);
    const int width = (int) json_object_get_int_member(entry, "W"), height = (int) json_object_get_int_member(entry, "H");
    g_autofree guint8 *pixels = g_malloc((gsize) width * (gsize) height);
    ax_test_formula_image(json_object_get_string_member(entry, "seed"), width, height,
                          json_object_get_boolean_member(entry, "mirror"), pixels);
    g_autofree char *crc = g_strdup_printf("%08lx", crc32(0, pixels, (uInt) width * (uInt) height));
    g_assert_cmpstr(crc, ==, json_object_get_string_member(entry, "crc32"));
  }
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/formula/weights", test_weights);
  g_test_add_func("/formula/images", test_images);
  return g_test_run();
}
