/* Runs a fuzz target over mutations of its reader's seeds: the same on every machine, part of the ordinary tests. */
#include "tests/engine/image/samples.h"
#include "tests/fuzz/fuzz_image.h"

#include <string.h>

static const char *reader;

typedef struct {
  GRand *rand;
  int runs;
} State;

static void mutate_one(const char *name, GBytes *bytes, gpointer data) {
  State *s = data;
  gsize size = g_bytes_get_size(bytes);
  for (int round = 0; round < 60; round++) {
    g_autofree guint8 *copy = g_memdup2(g_bytes_get_data(bytes, NULL), size);
    gsize length = size;
    int changes = g_rand_int_range(s->rand, 1, 8);
    for (int i = 0; i < changes; i++) {
      gsize at = (gsize)g_rand_int_range(s->rand, 8, (gint32)size);
      switch (g_rand_int_range(s->rand, 0, 5)) {
      case 0: copy[at] ^= (guint8)(1 << g_rand_int_range(s->rand, 0, 8)); break;
      case 1: copy[at] = (guint8)g_rand_int(s->rand); break;
      case 2: copy[at] = g_rand_boolean(s->rand) ? 0xff : 0; break;
      case 3: memset(copy + at, 0xff, MIN(4, size - at)); break;
      default: length = MIN(length, at + size / 2); break;
      }
    }
    /* Exactly as long as the block, so that a sanitizer sees a read past the end. */
    g_autofree guint8 *exact = g_memdup2(copy, length);
    LLVMFuzzerTestOneInput(exact, length);
    s->runs++;
  }
}

static void test_mutations(void) {
  State s = {g_rand_new_with_seed(20240229)};
  ax_sample_foreach(reader, mutate_one, &s);
  g_test_message("%s: %d mutated files", reader, s.runs);
  g_assert_cmpint(s.runs, >=, 300);
  g_rand_free(s.rand);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  reader = argc > 1 ? argv[1] : "png";
  g_autofree char *path = g_strdup_printf("/fuzz/%s/mutations", reader);
  g_test_add_func(path, test_mutations);
  return g_test_run();
}
