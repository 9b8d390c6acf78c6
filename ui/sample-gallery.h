/* Images to begin with. What lives here: AxSampleGallery, a row of buttons with pictures of the bundled samples. The pictures are made on
 * threads. May use GTK, ui/pyramid.h and ui/folder.h. */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

#define AX_TYPE_SAMPLE_GALLERY (ax_sample_gallery_get_type())
G_DECLARE_FINAL_TYPE(AxSampleGallery, ax_sample_gallery, AX, SAMPLE_GALLERY, GtkWidget)

/* Signal "chosen" (char *path). At most four samples are shown; none when the folder has none. */
GtkWidget *ax_sample_gallery_new(const char *folder);

/* The bundled samples: $ANATOMIX_SAMPLES, the installed ones, or the source tree's data/samples. */
char *ax_sample_gallery_default_folder(void);

G_END_DECLS
