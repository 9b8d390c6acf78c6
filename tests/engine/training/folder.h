/* A dataset folder in miniature for the tests of engine/training: five images of four patients. Test code only. */
#pragma once

#include <glib.h>

/* Writes the folder below the temporary directory; any of the texts may replace the default (NULL keeps it). Free the path with folder_remove(). */
char *folder_new(const char *labels, const char *findings, const char *anatomy);
void folder_remove(char *dir);

/* The default texts, for tests that change one word of them; free with g_free(). */
char *folder_labels(void);
char *folder_findings(void);
char *folder_anatomy(void);
