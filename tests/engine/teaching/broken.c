#include "tests/engine/teaching/broken.h"
#include "engine/teaching/round.h"

#include <string.h>

void
assert_broken (const char *good, const BrokenFile *broken, guint n, BrokenRead read)
{
  for (guint i = 0; i < n; i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (GString) other = g_string_new (good);
    g_assert_cmpuint (g_string_replace (other, broken[i].from, broken[i].to, 1), ==, 1);
    gpointer made = read (other->str, other->len, "file", &error);
    g_test_message ("%s: %s", broken[i].to, error != NULL ? error->message : "accepted");
    g_assert_null (made);
    g_assert_nonnull (error);
    g_assert_true (error->domain == AX_ROUND_ERROR);
    g_assert_nonnull (strstr (error->message, broken[i].says));
  }
}

void
assert_bytes_broken (const char *good, BrokenRead read, GDestroyNotify free_read)
{
  for (gsize i = 0; i < strlen (good); i += 3) {
    g_autoptr (GError) error = NULL;
    g_autofree char *other = g_strdup (good);
    other[i] = (char) (i % 7 == 0 ? '\xff' : '0' + i % 10);
    gpointer made = read (other, strlen (other), "file", &error);
    g_assert_true ((made == NULL) == (error != NULL));
    g_clear_pointer (&made, free_read);
  }
}
