/* Where the program's files are. What lives here: folders found from where the program lies, so that an installation may be moved or staged. May use GIO. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* `part` of the installation's share/ folder ("anatomix/samples", "locale"): beside the program when it lies in a bin/ that has one, else where it was
 * configured to go. NULL when neither is there. Free with g_free. */
char *ax_install_share(const char *part);

G_END_DECLS
