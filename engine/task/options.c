#include "engine/task/options.h"

#include <string.h>

/* The line's tag with its brackets, and where its text begins; NULL if the line is no option. */
static char *read_tag(const char *line, const char **text) {
  gsize n = 1;
  while (n < 3 && line[0] == '(' && g_ascii_isalnum(line[n]))
    n++;
  if (n == 1 || line[n] != ')' || line[n + 1] != ' ')
    return NULL;
  *text = line + n + 2;
  return g_strndup(line, n + 1);
}

static gboolean has_tag(const AxOptions *choice, const char *tag) {
  for (guint i = 0; i < choice->n; i++)
    if (strcmp(choice->tags[i], tag) == 0)
      return TRUE;
  return FALSE;
}

/* Reads options from `line` on; FALSE when there are too many or two have the same tag. */
static gboolean read_options(AxOptions *choice, const char *line) {
  const char *text;
  for (char *tag; (tag = read_tag(line, &text)) != NULL;) {
    const char *end = strchrnul(text, '\n');
    if (choice->n == AX_OPTIONS_MAX || has_tag(choice, tag)) {
      g_free(tag);
      return FALSE;
    }
    choice->tags[choice->n] = tag;
    choice->texts[choice->n++] = g_strndup(text, (gsize) (end - text));
    choice->after = (g_free(choice->after), g_strdup(end));
    if (*end == '\0')
      break;
    line = end + 1;
  }
  return choice->n >= 2;
}

AxOptions *ax_options_parse(const char *instruction) {
  g_autoptr(AxOptions) choice = g_new0(AxOptions, 1);
  for (const char *end = strchr(instruction, '\n'); end != NULL; end = strchr(end + 1, '\n')) {
    const char *text;
    g_autofree char *tag = read_tag(end + 1, &text);
    if (tag == NULL)
      continue;
    choice->before = g_strndup(instruction, (gsize) (end + 1 - instruction));
    return read_options(choice, end + 1) && strstr(instruction, "more than one answer") == NULL ? g_steal_pointer(&choice) : NULL;
  }
  return NULL;
}

void ax_options_free(AxOptions *choice) {
  for (guint i = 0; choice != NULL && i < choice->n; i++) {
    g_free(choice->tags[i]);
    g_free(choice->texts[i]);
  }
  if (choice != NULL) {
    g_free(choice->before);
    g_free(choice->after);
  }
  g_free(choice);
}

char *ax_options_reversed(const AxOptions *choice) {
  GString *text = g_string_new(choice->before);
  for (guint i = 0; i < choice->n; i++)
    g_string_append_printf(text, "%s%s %s", i > 0 ? "\n" : "", choice->tags[i], choice->texts[choice->n - 1 - i]);
  g_string_append(text, choice->after);
  return g_string_free(text, FALSE);
}

char *ax_options_write(const char *question, const char *const *texts, guint n) {
  GString *text = g_string_new(question);
  g_return_val_if_fail(n >= 2 && n <= AX_OPTIONS_MAX, g_string_free(text, FALSE));
  g_string_append(text, " Options:");
  for (guint i = 0; i < n; i++)
    g_string_append_printf(text, "\n(%c) %s", 'A' + (int) i, texts[i]);
  return g_string_free(text, FALSE);
}
