#include "engine/image/image.h"
#include "tests/engine/image/samples.h"

#include <png.h>
#include <string.h>
#include <sys/stat.h>
#include <glib/gstdio.h>

static void expect(gconstpointer data, gsize size, int code) {
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) bytes = g_bytes_new(data, size);
  g_autoptr(AxImage) image = ax_image_load_bytes(bytes, "file", NULL, &error);
  g_assert_null(image);
  g_assert_nonnull(error);
  g_test_message("%s", error->message);
  if (code >= 0) g_assert_error(error, AX_IMAGE_ERROR, code);
}

/* Every prefix of every seed: an error each time (or, for a file with slack at its end, the whole image), never a crash. */
static void truncate_one(const char *name, GBytes *bytes, gpointer data) {
  gsize size;
  const guint8 *p = g_bytes_get_data(bytes, &size);
  int *refused = data;
  for (gsize n = 0; n + 20 < size; n += n < 200 ? 1 : 7) {
    g_autofree guint8 *copy = g_memdup2(p, MAX(n, 1));
    g_autoptr(GBytes) part = g_bytes_new_static(copy, n);
    g_autoptr(GError) error = NULL;
    g_autoptr(AxImage) image = ax_image_load_bytes(part, name, NULL, &error);
    if (image) g_error("%s: accepted when cut to %" G_GSIZE_FORMAT " of %" G_GSIZE_FORMAT " bytes", name, n, size);
    g_assert_nonnull(error);
    (*refused)++;
  }
}

static void test_truncated(void) {
  int refused = 0;
  ax_sample_foreach("png", truncate_one, &refused);
  ax_sample_foreach("jpeg", truncate_one, &refused);
  ax_sample_foreach("dicom", truncate_one, &refused);
  g_test_message("%d truncated files refused", refused);
  g_assert_cmpint(refused, >, 5000);
}

static guint32 crc_of(const guint8 *p, gsize n) {
  guint32 c = ~0u;
  while (n--) {
    c ^= *p++;
    for (int k = 0; k < 8; k++) c = c >> 1 ^ (0xedb88320u & -(c & 1));
  }
  return ~c;
}

static void put32(guint8 *p, guint32 v) {
  v = GUINT32_TO_BE(v);
  memcpy(p, &v, 4);
}

static void png_of_size(guint32 w, guint32 h, int code) {
  g_autoptr(GBytes) bytes = ax_sample_png(8, 8, PNG_COLOR_TYPE_GRAY, 16, FALSE);
  gsize size;
  g_autofree guint8 *p = g_memdup2(g_bytes_get_data(bytes, NULL), size = g_bytes_get_size(bytes));
  put32(p + 16, w);
  put32(p + 20, h);
  put32(p + 29, crc_of(p + 12, 17));
  expect(p, size, code);
}

static void jpeg_of_size(guint w, guint h, int code) {
  g_autoptr(GBytes) bytes = ax_sample_jpeg(8, 8, AX_SAMPLE_GREY, TRUE, 0);
  gsize size = g_bytes_get_size(bytes);
  g_autofree guint8 *p = g_memdup2(g_bytes_get_data(bytes, NULL), size);
  for (gsize i = 2; i + 9 < size; i++)
    if (p[i] == 0xff && p[i + 1] == 0xc2) {
      p[i + 5] = (guint8)(h >> 8), p[i + 6] = (guint8)h;
      p[i + 7] = (guint8)(w >> 8), p[i + 8] = (guint8)w;
      break;
    }
  expect(p, size, code);
}

static gsize peak_kib(void) {
  g_autofree char *status = NULL;
  g_file_get_contents("/proc/self/status", &status, NULL, NULL);
  const char *line = status ? strstr(status, "VmHWM:") : NULL;
  return line ? (gsize)g_ascii_strtoull(line + 6, NULL, 10) : 0;
}

static void test_sizes(void) {
  gsize before = peak_kib();
  png_of_size(100000, 3, AX_IMAGE_ERROR_TOO_LARGE);
  png_of_size(3, 100000, AX_IMAGE_ERROR_TOO_LARGE);
  png_of_size(29000, 29000, AX_IMAGE_ERROR_TOO_LARGE);
  png_of_size(0x7fffffff, 0x7fffffff, AX_IMAGE_ERROR_TOO_LARGE);
  png_of_size(0, 8, AX_IMAGE_ERROR_EMPTY);
  png_of_size(8, 0, AX_IMAGE_ERROR_EMPTY);
  jpeg_of_size(65500, 65500, AX_IMAGE_ERROR_TOO_LARGE);
  jpeg_of_size(0, 8, AX_IMAGE_ERROR_EMPTY);
  gsize grown = peak_kib() - before;
  g_test_message("peak memory grew by %" G_GSIZE_FORMAT " KiB", grown);
  g_assert_cmpint(grown, <, 64 * 1024);
}

/* A progressive file whose last scan comes again and again costs time without end unless scans are counted. */
static void test_scan_bomb(void) {
  g_autoptr(GBytes) bytes = ax_sample_jpeg(64, 64, AX_SAMPLE_GREY, TRUE, 0);
  gsize size = g_bytes_get_size(bytes), last = 0;
  const guint8 *p = g_bytes_get_data(bytes, NULL);
  for (gsize i = 0; i + 1 < size; i++)
    if (p[i] == 0xff && p[i + 1] == 0xda) last = i;
  g_autoptr(GByteArray) bomb = g_byte_array_new();
  g_byte_array_append(bomb, p, (guint)(size - 2));
  for (int i = 0; i < 5000; i++) g_byte_array_append(bomb, p + last, (guint)(size - 2 - last));
  g_byte_array_append(bomb, p + size - 2, 2);
  expect(bomb->data, bomb->len, AX_IMAGE_ERROR_TOO_LARGE);
}

static void test_foreign(void) {
  expect("", 0, AX_IMAGE_ERROR_EMPTY);
  expect("GIF89a................", 22, AX_IMAGE_ERROR_NOT_AN_IMAGE);
  expect("%PDF-1.7 ...", 12, AX_IMAGE_ERROR_NOT_AN_IMAGE);
  expect("just some text that is no image", 31, AX_IMAGE_ERROR_NOT_AN_IMAGE);
  expect("\x89PNG\r\n\x1a\n", 8, AX_IMAGE_ERROR_CORRUPT);
  expect("\xff\xd8\xff", 3, AX_IMAGE_ERROR_CORRUPT);
  guint8 noise[4096];
  g_autoptr(GRand) rand = g_rand_new_with_seed(11);
  for (gsize i = 0; i < sizeof noise; i++) noise[i] = (guint8)g_rand_int(rand);
  expect(noise, sizeof noise, AX_IMAGE_ERROR_NOT_AN_IMAGE);
  memcpy(noise + 128, "DICM", 4);
  expect(noise, sizeof noise, -1);
  /* Sequences in sequences without end. */
  g_autoptr(GByteArray) deep = g_byte_array_new();
  static const guint8 head[132 - 128 + 128] = {[128] = 'D', 'I', 'C', 'M'};
  g_byte_array_append(deep, head, sizeof head);
  static const guint8 uid[] = {2, 0, 0x10, 0, 'U', 'I', 20, 0, '1', '.', '2', '.', '8', '4', '0', '.', '1', '0', '0', '0', '8', '.', '1', '.', '2', '.', '1', 0};
  g_byte_array_append(deep, uid, sizeof uid);
  static const guint8 level[] = {8, 0, 0x40, 0x11, 'S', 'Q', 0, 0, 255, 255, 255, 255, 0xfe, 0xff, 0, 0xe0, 255, 255, 255, 255};
  for (int i = 0; i < 100000; i++) g_byte_array_append(deep, level, sizeof level);
  expect(deep->data, deep->len, AX_IMAGE_ERROR_CORRUPT);
}

static void test_paths(void) {
  g_autoptr(GError) error = NULL;
  g_assert_null(ax_image_load("/nonexistent/x.png", NULL, &error));
  g_assert_error(error, AX_IMAGE_ERROR, AX_IMAGE_ERROR_READ);
  g_clear_error(&error);
  g_autofree char *folder = g_dir_make_tmp("ax-image-XXXXXX", NULL);
  g_assert_null(ax_image_load(folder, NULL, &error));
  g_assert_error(error, AX_IMAGE_ERROR, AX_IMAGE_ERROR_READ);
  g_clear_error(&error);
  g_autofree char *pipe = g_build_filename(folder, "pipe.png", NULL);
  g_assert_cmpint(mkfifo(pipe, 0600), ==, 0);
  g_assert_null(ax_image_load(pipe, NULL, &error));
  g_assert_error(error, AX_IMAGE_ERROR, AX_IMAGE_ERROR_READ);
  g_clear_error(&error);
  /* The content counts, not the name. */
  g_autofree char *liar = g_build_filename(folder, "photo.png", NULL);
  g_autoptr(GBytes) jpeg = ax_sample_jpeg(9, 9, AX_SAMPLE_GREY, FALSE, 0);
  g_assert_true(g_file_set_contents(liar, g_bytes_get_data(jpeg, NULL), (gssize)g_bytes_get_size(jpeg), NULL));
  g_autoptr(AxImage) image = ax_image_load(liar, NULL, &error);
  g_assert_no_error(error);
  g_assert_cmpint(ax_image_get_format(image), ==, AX_IMAGE_FORMAT_JPEG);
  g_assert_cmpstr(ax_image_get_path(image), ==, liar);
  g_autoptr(GCancellable) cancelled = g_cancellable_new();
  g_cancellable_cancel(cancelled);
  g_assert_null(ax_image_load(liar, cancelled, &error));
  g_assert_error(error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_unlink(liar);
  g_unlink(pipe);
  g_rmdir(folder);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/image/hostile/truncated", test_truncated);
  g_test_add_func("/image/hostile/sizes", test_sizes);
  g_test_add_func("/image/hostile/scan-bomb", test_scan_bomb);
  g_test_add_func("/image/hostile/foreign", test_foreign);
  g_test_add_func("/image/hostile/paths", test_paths);
  return g_test_run();
}
