/* Fuzz target: teaching rounds, logs and sittings. What is read must write a file that reads alike. */
#include "engine/teaching/sitting.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GError) error = NULL, log_error = NULL;
  g_autoptr (AxRound) round = ax_round_from_json ((const char *) data, size, "fuzz", &error);
  g_assert ((round == NULL) == (error != NULL));
  if (round != NULL) {
    g_autofree char *text = ax_round_to_json (round);
    g_autoptr (AxRound) back = ax_round_from_json (text, strlen (text), "fuzz", NULL);
    g_assert (back != NULL);
    g_autofree char *again = ax_round_to_json (back);
    g_assert (strcmp (text, again) == 0);
  }
  g_autoptr (AxRoundLog) log = ax_round_log_from_json ((const char *) data, size, "fuzz", &log_error);
  g_assert ((log == NULL) == (log_error != NULL));
  if (log != NULL) {
    g_autofree char *csv = ax_round_log_to_csv (log), *text = ax_round_log_to_json (log);
    g_autoptr (AxRoundLog) back = ax_round_log_from_json (text, strlen (text), "fuzz", NULL);
    g_assert (csv != NULL && back != NULL);
  }
  g_autoptr (GError) sitting_error = NULL;
  g_autoptr (AxRoundSitting) sitting = ax_round_sitting_from_json ((const char *) data, size, "fuzz", &sitting_error);
  g_assert ((sitting == NULL) == (sitting_error != NULL));
  if (sitting != NULL) {
    g_autofree char *text = ax_round_sitting_to_json (sitting);
    g_autoptr (AxRoundSitting) back = ax_round_sitting_from_json (text, strlen (text), "fuzz", NULL);
    g_assert (back != NULL);
  }
  return 0;
}
