/* The session: a model folder made here from random weights, requests on its thread, cancelling, the cache, and folders that cannot be used. */
#include "engine/anatomix.h"
#include "engine/checkpoint/model_folder.h"
#include "engine/checkpoint/sentence_file.h"
#include "engine/model/apm_file.h"
#include "engine/session/model.h"
#include <glib/gstdio.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static char *folder;
static GPtrArray *folders;     /* removed at the end */

static AxApmConfig
config (void)
{
  AxApmConfig c = ax_apm_config_default ();
  c.depth = 18;
  c.input_size = 128;
  c.hidden = 32;
  c.heads = 2;
  c.enc_layers = c.dec_layers = 1;
  c.ffn = 32;
  c.text_dim = 0;
  return c;
}

/* calibration: NULL, or the JSON of model.json's list. */
static char *
make_folder_calibrated (AxApmStore store, const char *calibration)
{
  g_autoptr (GError) error = NULL;
  char *dir = g_dir_make_tmp ("ax-session-XXXXXX", &error);
  g_assert_no_error (error);
  g_ptr_array_add (folders, g_strdup (dir));
  AxApmConfig c = config ();
  g_autoptr (AxApm) apm = ax_apm_new (&c, &error);
  ax_apm_init (apm, 3);
  g_autofree char *weights = g_build_filename (dir, "apm.safetensors", NULL), *db = g_build_filename (dir, "sentences.safetensors", NULL);
  g_assert_true (ax_apm_save (apm, weights, store, FALSE, &error));
  const char *names[AX_N_ANATOMY];
  for (guint i = 0; i < AX_N_ANATOMY; i++)
    names[i] = ax_anatomy_name (i);
  g_autoptr (AxSentenceBuilder) builder = ax_sentence_builder_new (names, AX_N_ANATOMY, 16);
  for (guint i = 0; i < AX_N_ANATOMY; i++)
    for (int k = 0; k < 7; k++)
      {
        float v[16];
        g_autofree char *sentence = g_strdup_printf ("%s, sentence %d.", names[i], k);
        for (int d = 0; d < 16; d++)
          v[d] = sinf ((float) (i * 31 + (guint) k * 7 + (guint) d * d));
        g_assert_true (ax_sentence_builder_add (builder, i, sentence, v, &error));
      }
  g_autoptr (AxSentenceFile) file = ax_sentence_builder_finish (builder, &error);
  g_assert_true (ax_sentence_file_save (file, db, AX_DTYPE_F16, &error));
  g_autoptr (JsonObject) root = json_object_new ();
  JsonObject *shape = ax_apm_config_to_json (&c);
  if (calibration)
    json_object_set_member (shape, "calibration", json_from_string (calibration, &error));
  g_assert_no_error (error);
  json_object_set_object_member (root, "apm", shape);
  AxModelDescription d = { .name = "random", .config = root,
                           .files = (const char *const[]){ "apm", "apm.safetensors", "sentences", "sentences.safetensors", NULL } };
  gboolean ok = ax_model_folder_write (dir, &d, &error);
  g_assert_no_error (error);
  g_assert_true (ok);
  return dir;
}

static char *
make_folder (AxApmStore store)
{
  return make_folder_calibrated (store, NULL);
}

static AxImage *
make_image (int width, int height)
{
  g_autoptr (GError) error = NULL;
  g_autofree guint8 *pixels = g_malloc ((gsize) width * height);
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++)
      pixels[y * width + x] = (guint8) (127 + 80 * sin (x * 0.02) * cos (y * 0.013) + x * 40 / width);
  AxImage *image = ax_image_new_from_u8 (width, height, pixels, AX_IMAGE_ORIGIN_UINT8, &error);
  g_assert_no_error (error);
  return image;
}

static void
assert_perception (const AxPerception *p, int width, int height)
{
  g_assert_cmpint (p->width, ==, width);
  g_assert_cmpint (p->height, ==, height);
  g_assert_cmpuint (p->n_findings, ==, 14);
  g_assert_cmpstr (p->findings[9].name, ==, "Pleural Effusion");
  for (guint i = 0; i < AX_N_ANATOMY; i++)
    {
      const AxAnatomy *a = &p->anatomy[i];
      g_assert_cmpstr (a->name, ==, ax_anatomy_name (i));
      g_assert_true (a->box.x1 >= 0 && a->box.x2 <= width && a->box.y1 >= 0 && a->box.y2 <= height && a->box.x1 <= a->box.x2);
      g_assert_cmpuint (a->n_retrieved, ==, 5);
      for (guint k = 1; k < a->n_retrieved; k++)
        g_assert_cmpfloat (a->retrieved[k - 1].score, >=, a->retrieved[k].score);
    }
}

static void
test_perceive (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (AxSession) session = ax_session_new (folder);
  g_autoptr (AxImage) image = make_image (400, 300);
  g_autoptr (AxPerception) p = ax_session_perceive (session, image, FALSE, NULL, &error);
  g_assert_no_error (error);
  assert_perception (p, 400, 300);
  g_assert_cmpstr (ax_model_name (ax_session_get_model (session)), ==, "random");
  g_assert_nonnull (strstr (ax_model_caution (ax_session_get_model (session)), "Not for clinical use"));
  /* Kept with the image: the very same answer. */
  g_autoptr (AxPerception) again = ax_session_perceive (session, image, FALSE, NULL, &error);
  g_assert_true (again == p);
  g_autoptr (AxPerception) mirrored = ax_session_perceive (session, image, TRUE, NULL, &error);
  g_assert_true (mirrored->mirrored && mirrored != p);

  /* The answer on mirrored pixels is the answer on an image that was mirrored before. */
  guint8 *pixels = g_malloc (400 * 300);
  const guint16 *source = ax_image_get_pixels (image);
  for (int y = 0; y < 300; y++)
    for (int x = 0; x < 400; x++)
      pixels[y * 400 + x] = (guint8) source[y * 400 + 399 - x];
  g_autoptr (AxImage) turned = ax_image_new_from_u8 (400, 300, pixels, AX_IMAGE_ORIGIN_UINT8, &error);
  g_free (pixels);
  g_autoptr (AxPerception) other = ax_session_perceive (session, turned, FALSE, NULL, &error);
  double worst = 0;
  for (guint i = 0; i < AX_N_ANATOMY; i++)
    worst = MAX (worst, fabs (other->anatomy[i].box.x1 - mirrored->anatomy[i].box.x1));
  /* One grey level of rounding in the resize moves a box of 400 pixels by far less than one. */
  g_test_message ("mirrored before or after: boxes differ by %.3g pixels", worst);
  g_assert_cmpfloat (worst, <=, 1);

  AxFlipReport report;
  ax_flip_compare (p, p, &report);
  g_assert_cmpuint (report.n_kept, ==, 0);                  /* the same answer twice did not turn with the pixels */
}

/* What the inspector shows: the frame is the one that perceiving sees, and memory is counted. */
static void
test_inspected (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (AxSession) session = ax_session_new (folder);
  g_autoptr (AxImage) image = make_image (400, 300);
  g_autoptr (AxPerception) p = ax_session_perceive (session, image, FALSE, NULL, &error), second = ax_session_perceive (session, image, FALSE, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (p != NULL && second != NULL);
  AxModel *model = ax_session_get_model (session);
  AxApmConfig c = config ();
  AxMemory m;
  ax_session_get_memory (session, &m);   /* the first piece of work is over: the second one has answered */
  g_assert_cmpuint (m.perception, ==, ax_parameters_count (ax_apm_parameters (ax_model_get_apm (model)), FALSE) * sizeof (float));
  g_assert_cmpuint (m.activations, >, (gsize) c.input_size * (gsize) c.input_size * sizeof (float)); /* the input at least */
  g_assert_cmpuint (m.kept, ==, (AX_N_ANATOMY * (16 + 4) + (gsize) ax_model_n_image_tokens (model) * (gsize) c.hidden) * sizeof (float));
  g_assert_cmpuint (m.language + m.sequences, ==, 0);

  for (int mirror = 0; mirror < 2; mirror++)
    {
      g_autofree guint8 *frame = ax_model_input_frame (model, image, mirror, &error);
      g_assert_no_error (error);
      AxFrame geometry;
      ax_frame_init (&geometry, 400, 300, FALSE, mirror);
      g_autoptr (AxTape) tape = ax_tape_new (FALSE);
      g_autoptr (AxPerception) again = ax_model_perceive_frame (model, tape, frame, &geometry, 1, NULL, NULL, NULL, &error),
                               asked = ax_session_perceive (session, image, mirror, NULL, &error);
      g_assert_no_error (error);
      for (guint i = 0; i < AX_N_ANATOMY; i++)
        g_assert_cmpmem (&again->anatomy[i].box, sizeof (AxBox), &asked->anatomy[i].box, sizeof (AxBox));
    }
}

typedef struct { GMainLoop *loop; AxPerception *perception; GError *error; int progress; int waiting; } Wait;

static void
done (GObject *source, GAsyncResult *result, gpointer data)
{
  Wait *w = data;
  g_clear_error (&w->error);
  w->perception = ax_session_perceive_finish (AX_SESSION (source), result, &w->error);
  if (--w->waiting == 0)
    g_main_loop_quit (w->loop);
}

static void
progressed (double fraction, const char *stage, gpointer data)
{
  g_assert_true (fraction >= 0 && fraction <= 1 && *stage);
  ((Wait *) data)->progress++;
}

static void
test_async (void)
{
  g_autoptr (AxSession) session = ax_session_new (folder);
  g_autoptr (AxImage) image = make_image (200, 200), second = make_image (210, 190);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Wait w = { g_main_loop_new (NULL, FALSE), NULL, NULL, 0, 1 };
  ax_session_perceive_async (session, image, FALSE, progressed, &w, NULL, done, &w);
  g_main_loop_run (w.loop);
  g_assert_no_error (w.error);
  assert_perception (w.perception, 200, 200);
  g_assert_cmpint (w.progress, >, 3);
  g_clear_pointer (&w.perception, ax_perception_unref);

  /* Cancelled while it waits in the queue. */
  w.waiting = 1;
  ax_session_perceive_async (session, second, FALSE, NULL, NULL, cancellable, done, &w);
  g_cancellable_cancel (cancellable);
  g_main_loop_run (w.loop);
  g_assert_error (w.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_null (w.perception);
  g_clear_error (&w.error);

  /* The session is let go while a request runs: the answer still comes. */
  w.waiting = 1;
  ax_session_perceive_async (session, second, TRUE, NULL, NULL, NULL, done, &w);
  g_clear_object (&session);
  g_main_loop_run (w.loop);
  g_assert_no_error (w.error);
  g_clear_pointer (&w.perception, ax_perception_unref);
  g_main_loop_unref (w.loop);
}

static void
test_bad_folders (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (AxImage) image = make_image (64, 64);
  {
    g_autoptr (AxSession) session = ax_session_new ("/nonexistent/model");
    g_assert_null (ax_session_perceive (session, image, FALSE, NULL, &error));
    g_assert_nonnull (error);
    g_test_message ("%s", error->message);
    g_assert_nonnull (strstr (error->message, "/nonexistent/model"));
    g_assert_nonnull (ax_session_get_error (session));
    g_clear_error (&error);
  }
  g_autofree char *damaged = make_folder (AX_APM_STORE_F16), *weights = g_build_filename (damaged, "apm.safetensors", NULL);
  char *data;
  gsize n;
  g_assert_true (g_file_get_contents (weights, &data, &n, NULL));
  data[n / 2] ^= 1;
  g_assert_true (g_file_set_contents (weights, data, (gssize) n, NULL));
  g_free (data);
  g_assert_null (ax_model_load (damaged, &error));
  g_assert_nonnull (error);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, "apm.safetensors"));
}

/* A label that model.json does not know ("known": false) is in no answer; the others keep their names and numbers, and the raw logits are all there. */
static void
test_known_labels (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (AxImage) image = make_image (128, 128);
  g_autoptr (GString) all = g_string_new ("["), some = g_string_new ("[");
  for (int l = 0; l < 14; l++)
    {
      g_string_append_printf (all, "%s{\"a\":0.5,\"b\":%d}", l ? "," : "", l);
      g_string_append_printf (some, "%s{\"a\":0.5,\"b\":%d,\"known\":%s}", l ? "," : "", l, l == 0 || l == 5 || l == 13 ? "false" : "true");
    }
  g_string_append (all, "]");
  g_string_append (some, "]");
  g_autofree char *whole = make_folder_calibrated (AX_APM_STORE_F16, all->str), *part = make_folder_calibrated (AX_APM_STORE_F16, some->str);
  g_autoptr (AxModel) a = ax_model_load (whole, &error), b = ax_model_load (part, &error);
  g_assert_no_error (error);
  g_assert_true (ax_model_label_known (a, 13) && !ax_model_label_known (b, 13) && ax_model_label_known (b, 9) && !ax_model_label_known (a, 14));
  g_autoptr (AxTape) tape = ax_tape_new (FALSE);
  float la[14], lb[14] = { 0 };
  g_autoptr (AxPerception) p = ax_model_perceive (a, tape, image, FALSE, 1, NULL, NULL, &(AxPerceptionRaw){ .logits = la }, &error);
  g_autoptr (AxPerception) q = ax_model_perceive (b, tape, image, FALSE, 1, NULL, NULL, &(AxPerceptionRaw){ .logits = lb }, &error);
  g_assert_cmpuint (p->n_findings, ==, 14);
  g_assert_cmpuint (q->n_findings, ==, 11);
  g_assert_cmpmem (la, sizeof la, lb, sizeof lb);
  for (guint i = 0, k = 0; i < 14; i++)
    if (i != 0 && i != 5 && i != 13)
      {
        g_assert_cmpstr (q->findings[k].name, ==, p->findings[i].name);
        g_assert_true (q->findings[k].probability == p->findings[i].probability);
        k++;
      }
  g_autofree char *json = ax_perception_to_json (q, "x.png", b, FALSE);
  g_assert_null (strstr (json, "Support Devices"));
  g_assert_nonnull (strstr (json, "Pleural Effusion"));

  g_autofree char *wrong = make_folder_calibrated (AX_APM_STORE_F16, "[{\"a\":1,\"b\":0,\"known\":\"no\"},{},{},{},{},{},{},{},{},{},{},{},{},{}]");
  g_assert_null (ax_model_load (wrong, &error));
  g_test_message ("refused: %s", error->message);
  g_assert_nonnull (strstr (error->message, "known"));
}

/* The stored forms: float32 comes back as it was, float16 within its rounding (2^-11 relative), 8 bits within half a step of each row. */
static void
test_stores (void)
{
  g_autoptr (GError) error = NULL;
  AxApmConfig c = config ();
  g_autoptr (AxApm) a = ax_apm_new (&c, &error);
  ax_apm_init (a, 3);
  for (int store = AX_APM_STORE_F32; store <= AX_APM_STORE_I8; store++)
    {
      g_autofree char *dir = make_folder ((AxApmStore) store), *path = g_build_filename (dir, "apm.safetensors", NULL);
      g_autoptr (AxApm) b = ax_apm_new (&c, &error);
      gboolean ok = ax_apm_load (b, path, &error);
      g_assert_no_error (error);
      g_assert_true (ok);
      double worst = 0;
      for (guint i = 0; i < ax_apm_parameters (a)->list->len; i++)
        {
          AxParameter *p = ax_apm_parameters (a)->list->pdata[i], *q = ax_apm_parameters (b)->list->pdata[i];
          gsize rows = (gsize) p->t.shape[0], cols = p->t.n / rows;
          for (gsize r = 0; r < rows; r++)
            {
              float top = 1e-6f;
              for (gsize k = 0; k < cols; k++)
                top = MAX (top, fabsf (p->t.data[r * cols + k]));
              for (gsize k = 0; k < cols; k++)
                worst = MAX (worst, fabs (p->t.data[r * cols + k] - q->t.data[r * cols + k]) / top);
            }
        }
      double tolerance = store == AX_APM_STORE_F32 ? 0 : store == AX_APM_STORE_F16 ? 0x1p-11 : 0.5 / 127 * 1.0001;
      g_test_message ("store %d: %.3g of each row's largest, tolerance %.3g", store, worst, tolerance);
      g_assert_cmpfloat (worst, <=, tolerance);
    }
}

/* The priority, as nice(1) counts, of the thread with this name; the largest of several: the pool's threads have the name and the priority of the session that
 * was the first to need them. */
static int
nice_of (const char *name)
{
  g_autoptr (GDir) tasks = g_dir_open ("/proc/self/task", 0, NULL);
  int largest = -100;
  for (const char *id; tasks && (id = g_dir_read_name (tasks));)
    {
      g_autofree char *path = g_build_filename ("/proc/self/task", id, "comm", NULL), *comm = NULL;
      if (g_file_get_contents (path, &comm, NULL, NULL) && g_str_equal (g_strchomp (comm), name))
        largest = MAX (largest, getpriority (PRIO_PROCESS, (id_t) atoi (id)));
    }
  return largest;
}

/* A window's model stands behind the window; whoever says nothing gets a model that stands where it stands itself. */
static void
test_nice (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (AxImage) image = make_image (200, 200);
  const int own = getpriority (PRIO_PROCESS, 0);
  for (int steps = 0; steps <= 3; steps += 3)
    {
      ax_engine_set_nice (steps);
      g_autoptr (AxSession) session = ax_session_new (folder);
      ax_engine_set_nice (0);
      g_autoptr (AxPerception) p = ax_session_perceive (session, image, FALSE, NULL, &error);
      g_assert_no_error (error);
      g_assert_nonnull (p);
      g_assert_cmpint (nice_of ("model"), ==, MIN (own + steps, 19));
      g_assert_cmpint (getpriority (PRIO_PROCESS, 0), ==, own);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  folders = g_ptr_array_new_with_free_func (g_free);
  folder = make_folder (AX_APM_STORE_I8);
  g_test_add_func ("/session/perceive", test_perceive);
  g_test_add_func ("/session/async", test_async);
  g_test_add_func ("/session/nice", test_nice);
  g_test_add_func ("/session/inspected", test_inspected);
  g_test_add_func ("/session/bad-folders", test_bad_folders);
  g_test_add_func ("/session/stores", test_stores);
  g_test_add_func ("/session/known-labels", test_known_labels);
  int result = g_test_run ();
  for (guint i = 0; i < folders->len; i++)
    g_spawn_sync (NULL, (char *[]){ "rm", "-rf", folders->pdata[i], NULL }, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL);
  g_ptr_array_unref (folders);
  return result;
}
