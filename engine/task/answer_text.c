/* What an answer says as text: nothing found, choices, whether its tags are right, and its clean-up. See answer_parser.h. */
#include <string.h>

#include "engine/task/answer_parser.h"

gboolean ax_answer_is_nothing(const char *text) {
  g_autofree char *inner = g_strstrip(g_strdup(text));
  if (!g_str_has_prefix(inner, "No ") || !g_str_has_suffix(inner, " detected.") || strlen(inner) < strlen("No x detected."))
    return FALSE;
  /* One sentence: a full stop in the middle would begin another. */
  inner[strlen(inner) - 1] = '\0';
  return strstr(inner, ". ") == NULL && strpbrk(inner, "\n<>") == NULL;
}

/* ---- the grammar of the tags ---- */

static const char *read_int(const char *p, double *value) {
  const char *digits = p + (*p == '-');
  const gsize n = strspn(digits, "0123456789");
  *value = n > 0 ? g_ascii_strtod(p, NULL) : 0;
  return n > 0 ? digits + n : NULL;
}

/* "(int,int)" */
static const char *read_corner(const char *p, double *x, double *y) {
  if (*p != '(' || (p = read_int(p + 1, x)) == NULL || *p != ',' || (p = read_int(p + 1, y)) == NULL || *p != ')')
    return NULL;
  return p + 1;
}

/* What follows "<box>(int,int),(int,int)</box>" with white space inside the tags, or NULL. */
static const char *read_box(const char *p, AxBox *box) {
  p += strlen("<box>");
  p += strspn(p, " \t\r\n");
  if ((p = read_corner(p, &box->x1, &box->y1)) == NULL || *p != ',' || (p = read_corner(p + 1, &box->x2, &box->y2)) == NULL)
    return NULL;
  p += strspn(p, " \t\r\n");
  return g_str_has_prefix(p, "</box>") ? p + strlen("</box>") : NULL;
}

const char *ax_answer_fault(const char *text, GArray *boxes) {
  gboolean in_ref = FALSE;
  for (const char *p = text; (p = strchr(p, '<')) != NULL;) {
    if (g_str_has_prefix(p, "<ref>")) {
      if (in_ref)
        return "a <ref> inside a <ref>";
      in_ref = TRUE;
      p += strlen("<ref>");
    } else if (g_str_has_prefix(p, "</ref>")) {
      if (!in_ref)
        return "a </ref> without <ref>";
      in_ref = FALSE;
      p += strlen("</ref>");
    } else if (g_str_has_prefix(p, "<box>")) {
      AxBox box;
      p = in_ref ? NULL : read_box(p, &box);
      if (p == NULL)
        return "a broken <box>";
      if (boxes != NULL)
        g_array_append_val(boxes, box);
    } else if (g_ascii_isalpha(p[1]) || p[1] == '/')
      return "a stray tag";
    else
      p++;
  }
  return in_ref ? "a <ref> that is not closed" : NULL;
}

/* ---- choices ---- */

static void choice_clear(gpointer data) { g_free(((AxChoice *) data)->label); }

/* "(x)" with one letter or one or two digits; returns what follows or NULL. */
static const char *read_tag(const char *p, char tag[4]) {
  gsize n = 0;
  if (*p == '(')
    n = g_ascii_isalpha(p[1]) ? 1 : strspn(p + 1, "0123456789");
  if (n == 0 || n > 2 || p[1 + n] != ')')
    return NULL;
  memcpy(tag, p + 1, n);
  tag[n] = '\0';
  return p + n + 2;
}

GArray *ax_answer_choices(const char *text) {
  GArray *choices = g_array_new(FALSE, TRUE, sizeof(AxChoice));
  g_array_set_clear_func(choices, choice_clear);
  g_autofree char *inner = g_strstrip(g_strdup(text));
  const char *p = inner;
  while (*p != '\0') {
    AxChoice choice = {0};
    const char *label = read_tag(p, choice.tag);
    if (label == NULL || choices->len >= 64) {
      g_array_set_size(choices, 0);
      break;
    }
    /* The label goes up to the next ", (tag)". */
    char next_tag[4];
    const char *end = label;
    while (*end != '\0' && !(end[0] == ',' && end[1] == ' ' && read_tag(end + 2, next_tag) != NULL))
      end++;
    g_autofree char *words = g_strstrip(g_strndup(label, (gsize) (end - label)));
    if (*words != '\0')
      choice.label = g_steal_pointer(&words);
    g_array_append_val(choices, choice);
    p = *end == ',' ? end + 2 : end;
  }
  return choices;
}

/* ---- clean-up ---- */

/* The line breaks of Python's splitlines(): the length of the one at p, or 0. */
static gsize line_break(const char *p) {
  if (p[0] == '\r')
    return p[1] == '\n' ? 2 : 1;
  if ((p[0] >= '\n' && p[0] <= '\f') || (p[0] >= 0x1c && p[0] <= 0x1e))
    return 1;
  if (g_str_has_prefix(p, "\xC2\x85"))
    return 2;
  if (g_str_has_prefix(p, "\xE2\x80\xA8") || g_str_has_prefix(p, "\xE2\x80\xA9"))
    return 3;
  return 0;
}

/* Takes Unicode's white space off both ends of [*text, *end), valid UTF-8. */
static void strip(const char **text, const char **end) {
  while (*text < *end && (g_unichar_isspace(g_utf8_get_char(*text)) || line_break(*text) > 0))
    *text = g_utf8_next_char(*text);
  while (*end > *text) {
    const char *before = g_utf8_prev_char(*end);
    if (!g_unichar_isspace(g_utf8_get_char(before)) && line_break(before) == 0)
      break;
    *end = before;
  }
}

char *ax_answer_postprocess_map(const char *text, GArray *map) {
  const char *line = text, *all_end = text + strlen(text);
  strip(&line, &all_end);
  g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  GString *out = g_string_new(NULL);
  while (line < all_end) {
    const char *end = line;
    while (end < all_end && line_break(end) == 0)
      end = g_utf8_next_char(end);
    const char *from = line, *to = end;
    strip(&from, &to);
    /* Repetitions are found before the ends are stripped, as in the reference. */
    if (g_hash_table_add(seen, g_strndup(line, (gsize) (end - line))) && from < to) {
      if (out->len > 0) {
        const guint32 at = (guint32) (line - text);
        g_string_append_c(out, '\n');
        if (map != NULL)
          g_array_append_val(map, at);
      }
      g_string_append_len(out, from, to - from);
      for (const char *p = from; map != NULL && p < to; p++) {
        const guint32 at = (guint32) (p - text);
        g_array_append_val(map, at);
      }
    }
    line = end < all_end ? end + line_break(end) : end;
  }
  return g_string_free(out, FALSE);
}

char *ax_answer_postprocess(const char *text) {
  g_autofree char *valid = g_utf8_make_valid(text, -1);
  return ax_answer_postprocess_map(valid, NULL);
}
