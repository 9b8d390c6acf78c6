/* Which device a session works on. See device.h and anatomix.h. */
#include "engine/session/device.h"

static gint wanted = AX_DEVICE_AUTO;
static const AxDevice *test_card;

void ax_engine_set_device (AxDeviceChoice choice) { g_atomic_int_set (&wanted, (gint) choice); }
AxDeviceChoice ax_engine_get_device (void) { return (AxDeviceChoice) g_atomic_int_get (&wanted); }
void ax_device_set_card (const AxDevice *card) { test_card = card; }

static const AxDevice *
card (void)
{
  return test_card != NULL ? test_card : ax_device_cuda ();
}

/* NULL: the card can be used. */
static const char *
problem (void)
{
  const AxDevice *on = card ();
  return on != NULL ? on->start () : "this build has no CUDA kernels";
}

const AxDevice *
ax_device_choose (AxDeviceChoice choice, char **note, GError **error)
{
  const char *why = choice == AX_DEVICE_CPU ? NULL : problem ();
  if (choice == AX_DEVICE_CPU)
    return ax_device_cpu ();
  if (why == NULL)
    return card ();
  if (choice == AX_DEVICE_CUDA)
    {
      g_set_error (error, AX_ENGINE_ERROR, AX_ENGINE_ERROR_DEVICE, "The graphics processor cannot be used: %s. Use --device cpu or auto", why);
      return NULL;
    }
  *note = g_strdup (why);
  return ax_device_cpu ();
}

gboolean
ax_engine_check_device (GError **error)
{
  g_autofree char *note = NULL;
  return ax_device_choose (ax_engine_get_device (), &note, error) != NULL;
}

char *
ax_engine_describe_device (void)
{
  g_autofree char *note = NULL;
  gsize free_bytes, total_bytes;
  const AxDevice *on = ax_device_choose (ax_engine_get_device (), &note, NULL);
  if (on == NULL || on->host)
    return g_strdup_printf ("CPU, %s, %d threads%s%s", ax_isa_name (ax_isa ()), ax_threads (), note ? "; " : "", note ? note : "");
  on->memory (&free_bytes, &total_bytes);
  return g_strdup_printf ("%s, %" G_GSIZE_FORMAT " MiB of memory, %" G_GSIZE_FORMAT " MiB free", on->title (), total_bytes >> 20, free_bytes >> 20);
}
