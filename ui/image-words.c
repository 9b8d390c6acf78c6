#include "ui/image-words.h"

#include <glib/gi18n-lib.h>
#include <stdio.h>
#include <string.h>

/* The words that descriptions are made of; names of forms and standards stay. */
G_GNUC_UNUSED static const char *const description_words[] = {
  N_("grey"), N_("colour"), N_("palette"), N_("grey with alpha"), N_("colour with alpha"), N_("palette with alpha"), N_("progressive"),
};

char *ax_image_description_words(AxImage *image) {
  g_auto(GStrv) parts = g_strsplit(ax_image_get_description(image), ", ", -1);

  for (guint i = 0; parts[i]; i++) {
    int bits, at = 0;
    char *words;

    if (sscanf(parts[i], "%d bit %n", &bits, &at) == 1 && at > 0)
      /* Translators: bits of a pixel; grey or colour. */
      words = g_strdup_printf(_("%d bit %s"), bits, _(parts[i] + at));
    else
      words = g_strdup(parts[i][0] ? _(parts[i]) : "");
    g_free(parts[i]);
    parts[i] = words;
  }
  return g_strjoinv(", ", parts);
}

static const char *const reasons[] = {
  [AX_IMAGE_ERROR_READ] = N_("The file cannot be read; check whether it is there and may be read."),
  [AX_IMAGE_ERROR_EMPTY] = N_("There is no image in this file; copy or export it again."),
  [AX_IMAGE_ERROR_NOT_AN_IMAGE] = N_("This is no PNG, JPEG or DICOM file."),
  [AX_IMAGE_ERROR_UNSUPPORTED] = N_("This form of file is not read; save it as PNG or as plain JPEG."),
  [AX_IMAGE_ERROR_CORRUPT] = N_("The file is broken; copy or export it again."),
  [AX_IMAGE_ERROR_TOO_LARGE] = N_("The image is too large."),
  [AX_IMAGE_ERROR_MULTI_FRAME] = N_("The file holds several images; export one of them."),
  [AX_IMAGE_ERROR_LATERAL] = N_("This is a lateral view; only frontal ones are read."),
};

char *ax_image_error_words(const GError *error) {
  const char *reason = error->domain == AX_IMAGE_ERROR && error->code >= 0 && error->code < (int)G_N_ELEMENTS(reasons) ? reasons[error->code] : NULL;

  /* Where it is not translated it says nothing that the engine does not say better. */
  if (!reason || strcmp(_(reason), reason) == 0)
    return g_strdup(error->message);
  return g_strdup_printf("%s\n\n%s", _(reason), error->message);
}
