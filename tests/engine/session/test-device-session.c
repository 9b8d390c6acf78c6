/* A session and its device: chosen by itself or by name, with reasons where it is not the card, changed while it works, and out of memory on the way. The card is the
 * emulated one (kernels/cuda/emulator.h), on a tiny model. */
#include "engine/session/device.h"
#include "kernels/cuda/emulated_face.h"
#include "tests/engine/session/tiny-model.h"
#include <math.h>
#include <string.h>

static char *folder;

static AxPerception *
see (AxSession *session, AxImage *image, AxDeviceUse *use)
{
  g_autoptr (GError) error = NULL;
  AxPerception *p = ax_session_perceive (session, image, FALSE, NULL, &error);
  g_assert_no_error (error);
  /* What is told is told after the work: a second question, answered from what is kept, waits for it. */
  g_autoptr (AxPerception) again = ax_session_perceive (session, image, FALSE, NULL, &error);
  g_assert_nonnull (again);
  ax_session_get_device (session, use);
  return p;
}

static void
same_boxes (const AxPerception *a, const AxPerception *b)
{
  double worst = 0;
  for (guint i = 0; i < AX_N_ANATOMY; i++)
    worst = MAX (worst, MAX (fabs (a->anatomy[i].box1024.x1 - b->anatomy[i].box1024.x1), fabs (a->anatomy[i].box1024.y2 - b->anatomy[i].box1024.y2)));
  g_test_message ("boxes differ by %.2g of 1024", worst);
  g_assert_cmpfloat (worst, <=, 1024 * 1e-4);   /* float32 sums in another order, see test-devices */
}

typedef struct { AxAnswer *answer; GError *error; gboolean done; } Wait;

static void
on_done (GObject *source, GAsyncResult *result, gpointer data)
{
  Wait *w = data;
  w->answer = ax_session_run_finish (AX_SESSION (source), result, &w->error);
  w->done = TRUE;
}

static void
test_session (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (AxImage) image = tiny_image (300, 260, 0), other = tiny_image (200, 220, 1), third = tiny_image (220, 200, 2);
  AxDeviceUse use, before;
  ax_engine_set_device (AX_DEVICE_CPU);
  g_autoptr (AxSession) here = ax_session_new (folder);
  g_autoptr (AxPerception) truth = see (here, image, &use);
  g_assert_false (use.card);
  g_assert_cmpstr (use.title, ==, "CPU");
  g_assert_cmpstr (use.note, ==, "");

  /* Chosen by itself. */
  ax_engine_set_device (AX_DEVICE_AUTO);
  g_autoptr (AxSession) session = ax_session_new (folder);
  g_autoptr (AxPerception) seen = see (session, image, &use);
  g_assert_true (use.card);
  g_assert_cmpstr (use.note, ==, "");
  g_assert_cmpuint (use.taken, >, 40 << 20);
  g_assert_cmpuint (use.total, >=, use.taken);
  same_boxes (seen, truth);

  /* The language model goes there too. */
  Wait w = { 0 };
  ax_session_run_async (session, image, &(AxRequest){ .task = AX_TASK_REPORT, .max_tokens = 3 }, NULL, NULL, NULL, on_done, &w);
  while (!w.done)
    g_main_context_iteration (NULL, TRUE);
  g_assert_no_error (w.error);
  g_assert_cmpuint (w.answer->n_tokens, <=, 3);
  g_assert_cmpfloat (ax_answer_read_speed (w.answer), >, 0);
  ax_answer_unref (w.answer);
  before = use;
  ax_perception_unref (see (session, image, &use));
  g_assert_cmpuint (use.taken, >, before.taken);

  /* A choice that comes to where it is already moves nothing, and nothing is lost. */
  AxMemory memory;
  before = use;
  ax_session_set_device (session, AX_DEVICE_AUTO);
  ax_session_get_device (session, &use);
  g_assert_true (use.moving || (use.card && use.taken == before.taken));
  ax_perception_unref (see (session, image, &use));
  ax_session_get_memory (session, &memory);
  g_assert_false (use.moving);
  g_assert_cmpuint (memory.language, >, 0);

  /* Out of memory in the middle of the work: an error, and what follows goes on. */
  ax_session_set_device (session, AX_DEVICE_CUDA);
  ax_perception_unref (see (session, image, &use));                 /* kept over the change */
  g_assert_true (use.card);
  ax_emulated_device_limit (use.taken + 100 * 1024);
  g_assert_null (ax_session_perceive (session, other, FALSE, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE);
  g_test_message ("%s", error->message);
  g_clear_error (&error);
  ax_emulated_device_limit (0);

  /* Moved while it works; and to a card that has no room, which leaves it where it was. */
  ax_session_set_device (session, AX_DEVICE_CPU);
  g_autoptr (AxPerception) moved = see (session, other, &use), truth2 = see (here, other, &before);
  g_assert_false (use.card);
  g_assert_false (use.moving);
  ax_session_get_memory (session, &memory);
  g_assert_cmpuint (memory.language, ==, 0);   /* loaded again there when it is asked for */
  g_assert_cmpuint (use.taken, ==, 0);
  same_boxes (moved, truth2);
  ax_emulated_device_limit (1 << 20);
  ax_session_set_device (session, AX_DEVICE_CUDA);
  ax_perception_unref (see (session, third, &use));
  g_assert_false (use.card);
  g_test_message ("%s", use.note);
  g_assert_nonnull (strstr (use.note, "MiB are free"));

  /* New ones: by itself on the processor with the reason, by name an error. */
  g_autoptr (AxSession) small = ax_session_new (folder);
  g_autoptr (AxPerception) fallen = see (small, image, &use);
  g_assert_false (use.card);
  g_assert_nonnull (strstr (use.note, "MiB are free"));
  same_boxes (fallen, truth);
  ax_engine_set_device (AX_DEVICE_CUDA);
  g_assert_true (ax_engine_check_device (&error));
  g_autoptr (AxSession) none = ax_session_new (folder);
  g_assert_null (ax_session_perceive (none, image, FALSE, NULL, &error));
  g_assert_error (error, AX_ENGINE_ERROR, AX_ENGINE_ERROR_DEVICE);
  g_assert_nonnull (strstr (error->message, "MiB are free"));
  g_clear_error (&error);
  ax_emulated_device_limit (0);
  ax_engine_set_device (AX_DEVICE_AUTO);
}

/* A card whose results are wrong is not used. */
static void forget_to_add (size_t n, const float *a, const float *b, float *y) { ax_emulated_device ()->add (n, a, a, y); }

static void
test_broken (void)
{
  AxDevice card = *ax_emulated_device ();
  card.add = forget_to_add;
  ax_device_set_card (&card);
  g_autoptr (AxImage) image = tiny_image (300, 260, 0);
  AxDeviceUse use;
  ax_engine_set_device (AX_DEVICE_AUTO);
  {
    g_autoptr (AxSession) session = ax_session_new (folder);
    ax_perception_unref (see (session, image, &use));
    g_assert_false (use.card);
    g_assert_nonnull (strstr (use.note, "failed its test"));
  }
  ax_device_set_card (ax_emulated_device ());
}

/* Every way in which a card may not start: which one is told, and that the processor takes over, or with --device cuda an error. */
static void
test_reasons (void)
{
  static const struct { AxCudaFound found; const char *says; } cases[] = {
    { { .answer = AX_CUDA_DRIVER, .runtime = 13000 }, "no NVIDIA driver is installed" },
    { { .answer = AX_CUDA_DRIVER, .driver = 12040, .runtime = 13000 }, "the NVIDIA driver serves CUDA 12.4 and this program needs 13.0: update the driver" },
    { { .answer = AX_CUDA_NO_CARD, .driver = 13000, .runtime = 13000 }, "there is no NVIDIA graphics processor" },
    { { .answer = AX_CUDA_NO_MEMORY, .driver = 13000, .runtime = 13000 }, "the graphics processor has no free memory" },
    { { .answer = AX_CUDA_BUSY, .driver = 13000, .runtime = 13000 }, "another program has the graphics processor to itself" },
    { { .answer = AX_CUDA_MISMATCH, .driver = 13000, .runtime = 13000 }, "the NVIDIA driver was updated: restart the computer" },
    { { .answer = AX_CUDA_OTHER, .other = "unknown error" }, "the graphics processor does not answer: unknown error" },
    { { .answer = AX_CUDA_ANSWERS, .driver = 13000, .runtime = 13000, .name = "Tesla T4", .major = 7, .minor = 5 },
      "Tesla T4 is too old: compute capability 7.5, at least 8.0 is needed" },
  };
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      ax_emulated_device_found (&cases[i].found);
      ax_engine_set_device (AX_DEVICE_AUTO);
      g_assert_true (ax_engine_check_device (&error));
      g_autofree char *text = ax_engine_describe_device ();
      g_assert_true (g_str_has_prefix (text, "CPU") && g_str_has_suffix (text, cases[i].says));
      ax_engine_set_device (AX_DEVICE_CUDA);
      g_assert_false (ax_engine_check_device (&error));
      g_assert_error (error, AX_ENGINE_ERROR, AX_ENGINE_ERROR_DEVICE);
      g_assert_nonnull (strstr (error->message, cases[i].says));
    }
  ax_emulated_device_found (NULL);
  ax_engine_set_device (AX_DEVICE_CUDA);
  g_autoptr (GError) error = NULL;
  g_assert_true (ax_engine_check_device (&error));
  ax_engine_set_device (AX_DEVICE_AUTO);
}

/* A machine without a card. */
static void
test_absent (void)
{
  g_autoptr (GError) error = NULL;
  ax_emulated_device_found (&(AxCudaFound){ .answer = AX_CUDA_DRIVER, .runtime = 13000 });
  g_autoptr (AxImage) image = tiny_image (300, 260, 0);
  AxDeviceUse use;
  ax_engine_set_device (AX_DEVICE_AUTO);
  g_assert_true (ax_engine_check_device (&error));
  g_autofree char *text = ax_engine_describe_device ();
  g_assert_true (g_str_has_prefix (text, "CPU") && g_str_has_suffix (text, "no NVIDIA driver is installed"));
  g_autoptr (AxSession) session = ax_session_new (folder);
  ax_perception_unref (see (session, image, &use));
  g_assert_false (use.card);
  g_assert_cmpstr (use.note, ==, "no NVIDIA driver is installed");
  ax_engine_set_device (AX_DEVICE_CUDA);
  g_assert_false (ax_engine_check_device (&error));
  g_assert_error (error, AX_ENGINE_ERROR, AX_ENGINE_ERROR_DEVICE);
  g_assert_nonnull (strstr (error->message, "no NVIDIA driver is installed"));
  g_assert_nonnull (strstr (error->message, "--device cpu"));
  ax_engine_set_device (AX_DEVICE_AUTO);
  ax_emulated_device_found (NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_autofree char *parent = g_dir_make_tmp ("device-session-XXXXXX", NULL);
  folder = tiny_model_new (parent, FALSE);
  ax_device_set_card (ax_emulated_device ());
  g_test_add_func ("/device-session/reasons", test_reasons);
  g_test_add_func ("/device-session/absent", test_absent);
  g_test_add_func ("/device-session/broken", test_broken);
  g_test_add_func ("/device-session/session", test_session);
  const int status = g_test_run ();
  tiny_model_remove (parent);
  g_free (folder);
  return status;
}
