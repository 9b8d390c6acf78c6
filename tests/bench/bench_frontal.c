/* How well ax_perception_misfit() tells frontal chest radiographs from other pictures: bench_frontal [--shared FOLDER] [--split validation|test] [--model FOLDER]
 * The frontal films are those of the split's patients in FOLDER/data/nih (default ../shared; data/splits/nih.csv). The other pictures are made: every third film
 * turned by 90, 180 and 270 degrees, as a negative, its upper left and lower right corner, its lower half, half as wide, half as high; noise, clouds, and
 * scenes of clouds, horizon and solid shapes in place of photographs. There are no lateral views, hands or real photographs in the development data: of these
 * nothing is measured here. Prints for each kind how many are over AX_MISFIT_LIMIT. Run by hand. */
#include "engine/anatomix.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVERY 3
#define N_MADE 40
#define SIDE 512

static const char *const forms[] = {"as it is", "turned by 90", "turned by 180", "turned by 270", "negative", "upper left corner", "lower right corner", "lower half", "half as wide", "half as high",
                                    "noise", "clouds", "scenes"};
enum { PLAIN, TURNED, UPSIDE, BACK, NEGATIVE, UPPER, LOWER, HALF, NARROW, FLAT, NOISE, CLOUDS, SCENES, N_FORMS };
#define N_OF_FILMS NOISE

static char *shared = "../shared", *split = "validation", *model;
static guint n_seen[N_FORMS], n_over[N_FORMS];
static double worst_plain, sum_plain;

static void look(AxSession *session, AxImage *image, int form) {
  g_autoptr(GError) error = NULL;
  g_autoptr(AxPerception) p = ax_session_perceive(session, image, FALSE, NULL, &error);
  double misfit;

  if (!p)
    g_error("%s", error->message);
  misfit = ax_perception_misfit(p);
  n_seen[form]++;
  n_over[form] += misfit > AX_MISFIT_LIMIT;
  if (form == PLAIN) {
    worst_plain = MAX(worst_plain, misfit);
    sum_plain += misfit;
  }
}

static AxImage *from_pixels(const guint8 *pixels, int width, int height) {
  g_autoptr(GError) error = NULL;
  AxImage *image = ax_image_new_from_u8(width, height, pixels, AX_IMAGE_ORIGIN_UINT8, &error);

  if (!image)
    g_error("%s", error->message);
  return image;
}

static AxImage *change(AxImage *film, int form) {
  int w = ax_image_get_width(film), h = ax_image_get_height(film), to_w = w, to_h = h;
  const guint16 *in = ax_image_get_pixels(film);
  int max = ax_image_get_max_value(film);
  g_autofree guint8 *out = NULL;

  if (form == TURNED || form == BACK)
    to_w = h, to_h = w;
  else if (form == UPPER || form == LOWER)
    to_w = w * 45 / 100, to_h = h * 45 / 100;
  else if (form == HALF || form == FLAT)
    to_h = h / 2;
  else if (form == NARROW)
    to_w = w / 2;
  out = g_malloc((gsize)to_w * to_h);
  for (int y = 0; y < to_h; y++)
    for (int x = 0; x < to_w; x++) {
      int sx = x, sy = y, value;

      switch (form) {
      case TURNED: sx = y, sy = h - 1 - x; break;
      case UPSIDE: sx = w - 1 - x, sy = h - 1 - y; break;
      case BACK: sx = w - 1 - y, sy = x; break;
      case LOWER: sx = w - to_w + x, sy = h - to_h + y; break;
      case HALF: sy = h - to_h + y; break;
      case NARROW: sx = 2 * x; break;
      case FLAT: sy = 2 * y; break;
      default: break;
      }
      value = in[(gsize)sy * w + sx] * 255 / max;
      out[(gsize)y * to_w + x] = (guint8)(form == NEGATIVE ? 255 - value : value);
    }
  return from_pixels(out, to_w, to_h);
}

/* ---- made pictures ---- */

/* Noise at all scales, coarse ones the stronger. */
static void fill_clouds(GRand *random, double out[SIDE * SIDE]) {
  memset(out, 0, sizeof(double) * SIDE * SIDE);
  for (int n = 2; n <= SIDE / 2; n *= 2) {
    g_autofree double *grid = g_new(double, (gsize)(n + 1) * (n + 1));

    for (int i = 0; i < (n + 1) * (n + 1); i++)
      grid[i] = g_rand_double_range(random, -1, 1) / n;
    for (int y = 0; y < SIDE; y++)
      for (int x = 0; x < SIDE; x++) {
        double u = (double)x * n / SIDE, v = (double)y * n / SIDE, a = u - floor(u), b = v - floor(v);
        const double *g = grid + (int)v * (n + 1) + (int)u;

        out[y * SIDE + x] += (g[0] * (1 - a) + g[1] * a) * (1 - b) + (g[n + 1] * (1 - a) + g[n + 2] * a) * b;
      }
  }
}

static AxImage *make(GRand *random, int form) {
  g_autofree double *values = g_new(double, SIDE *SIDE);
  g_autofree guint8 *out = g_malloc(SIDE * SIDE);
  double low, high;

  fill_clouds(random, values);
  if (form == NOISE)
    for (int i = 0; i < SIDE * SIDE; i++)
      values[i] = g_rand_double(random);
  if (form == SCENES) {
    int horizon = g_rand_int_range(random, SIDE / 4, 3 * SIDE / 4), shapes = g_rand_int_range(random, 3, 12);

    for (int i = 0; i < horizon * SIDE; i++)
      values[i] = 0.4 + 0.3 * values[i];
    for (int s = 0; s < shapes; s++) {
      int cx = g_rand_int_range(random, 0, SIDE), cy = g_rand_int_range(random, 0, SIDE), rx = g_rand_int_range(random, 20, 100), ry = g_rand_int_range(random, 20, 100);
      double value = g_rand_double_range(random, -1, 1);
      gboolean round = g_rand_boolean(random);

      for (int y = MAX(cy - ry, 0); y < MIN(cy + ry, SIDE); y++)
        for (int x = MAX(cx - rx, 0); x < MIN(cx + rx, SIDE); x++)
          if (!round || pow((double)(x - cx) / rx, 2) + pow((double)(y - cy) / ry, 2) < 1)
            values[y * SIDE + x] = value;
    }
  }
  low = high = values[0];
  for (int i = 0; i < SIDE * SIDE; i++) {
    low = MIN(low, values[i]);
    high = MAX(high, values[i]);
  }
  for (int i = 0; i < SIDE * SIDE; i++)
    out[i] = (guint8)(255 * (values[i] - low) / MAX(high - low, 1e-9));
  return from_pixels(out, SIDE, SIDE);
}

/* ---- films of the split ---- */

static GHashTable *read_split(void) {
  g_autofree char *text = NULL;
  g_autoptr(GError) error = NULL;
  g_auto(GStrv) lines = NULL;
  GHashTable *patients = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

  if (!g_file_get_contents("data/splits/nih.csv", &text, NULL, &error))
    g_error("%s (run it in the source tree)", error->message);
  lines = g_strsplit(text, "\n", -1);
  for (guint i = 1; lines[i]; i++) {
    g_auto(GStrv) cells = g_strsplit(g_strchomp(lines[i]), ",", 2);

    if (cells[0] && cells[1] && g_str_equal(cells[1], split))
      g_hash_table_add(patients, g_strdup(cells[0]));
  }
  return patients;
}

/* Names begin with the patient's number in eight digits. */
static gboolean is_of(GHashTable *patients, const char *name) {
  g_autofree char *number = g_strdup_printf("%d", atoi(name));

  return g_hash_table_contains(patients, number);
}

static int compare(gconstpointer a, gconstpointer b) { return strcmp(*(char *const *)a, *(char *const *)b); }

int main(int argc, char **argv) {
  const GOptionEntry entries[] = {
    {"shared", 0, 0, G_OPTION_ARG_FILENAME, &shared, "Folder of the development data", "FOLDER"},
    {"split", 0, 0, G_OPTION_ARG_STRING, &split, "Whose films", "validation|test"},
    {"model", 0, 0, G_OPTION_ARG_FILENAME, &model, "Model folder", "FOLDER"},
    {NULL},
  };
  g_autoptr(GOptionContext) context = g_option_context_new(NULL);
  g_autoptr(GError) error = NULL;
  g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
  g_autoptr(GRand) random = g_rand_new_with_seed(1);
  g_autoptr(GHashTable) patients = NULL;
  g_autoptr(AxSession) session = NULL;
  g_autofree char *folder = NULL;
  g_autoptr(GDir) dir = NULL;

  g_option_context_add_main_entries(context, entries, NULL);
  if (!g_option_context_parse(context, &argc, &argv, &error)) {
    fprintf(stderr, "bench_frontal: %s\n", error->message);
    return 2;
  }
  folder = g_build_filename(shared, "data", "nih", "images", NULL);
  dir = g_dir_open(folder, 0, &error);
  if (!dir) {
    fprintf(stderr, "bench_frontal: %s\n", error->message);
    return 1;
  }
  patients = read_split();
  session = ax_session_new(model ? model : ax_model_default_folder());
  for (const char *name; (name = g_dir_read_name(dir));)
    if (is_of(patients, name))
      g_ptr_array_add(names, g_strdup(name));
  g_ptr_array_sort(names, compare);
  for (guint i = 0; i < names->len; i++) {
    g_autofree char *path = g_build_filename(folder, names->pdata[i], NULL);
    g_autoptr(AxImage) film = ax_image_load(path, NULL, &error);

    if (!film)
      g_error("%s", error->message);
    look(session, film, PLAIN);
    for (int form = TURNED; i % EVERY == 0 && form < N_OF_FILMS; form++) {
      g_autoptr(AxImage) image = change(film, form);

      look(session, image, form);
    }
  }
  for (int i = 0; i < N_MADE; i++)
    for (int form = N_OF_FILMS; form < N_FORMS; form++) {
      g_autoptr(AxImage) image = make(random, form);

      look(session, image, form);
    }
  printf("%s patients; limit %.3f; frontal films: mean misfit %.4f, largest %.4f\n", split, AX_MISFIT_LIMIT, sum_plain / MAX(n_seen[PLAIN], 1), worst_plain);
  for (int form = 0; form < N_FORMS; form++)
    printf("  %-20s %3u of %3u over it (%.1f %%)%s\n", forms[form], n_over[form], n_seen[form], 100.0 * n_over[form] / MAX(n_seen[form], 1),
           form == PLAIN ? " - false alarms" : "");
  return 0;
}
