#include "tests/ui/loop.h"

#define LONGEST_WAIT_S 20

static gboolean on_tick(gpointer data) { return G_SOURCE_CONTINUE; }

static gboolean on_time(gpointer data) {
  *(gboolean *)data = TRUE;
  return G_SOURCE_REMOVE;
}

void ax_test_wait(gboolean (*done)(gpointer data), gpointer data) {
  gint64 end = g_get_monotonic_time() + LONGEST_WAIT_S * G_USEC_PER_SEC;
  guint tick = g_timeout_add(20, on_tick, NULL); /* wakes a quiet loop so that the end is noticed */

  while (!done(data)) {
    if (g_get_monotonic_time() > end)
      g_error("waited %d s in vain", LONGEST_WAIT_S);
    g_main_context_iteration(NULL, TRUE);
  }
  g_source_remove(tick);
}

void ax_test_run_for(guint milliseconds) {
  gboolean over = FALSE;

  g_timeout_add(milliseconds, on_time, &over);
  while (!over)
    g_main_context_iteration(NULL, TRUE);
}
