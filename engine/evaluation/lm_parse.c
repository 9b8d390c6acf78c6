/* lm_parse.c: see lm_parse.h. */
#include "engine/evaluation/lm_parse.h"

#include <math.h>
#include <string.h>

void
ax_lm_boxes_clear (AxLmBoxes *b)
{
  for (guint i = 0; i < b->n; i++)
    g_free (b->labels[i]);
  g_clear_pointer (&b->labels, g_free);
  g_clear_pointer (&b->boxes, g_free);
  b->n = 0;
}

/* All signed decimals of [from, to); the count, or 5 when there are more than four. */
static guint
numbers (const char *from, const char *to, double v[4])
{
  guint n = 0;
  for (const char *p = from; p < to;) {
    const gboolean sign = *p == '-' && p + 1 < to && g_ascii_isdigit (p[1]);
    if (!sign && !g_ascii_isdigit (*p)) {
      p++;
      continue;
    }
    const char *end = p + sign;
    while (end < to && g_ascii_isdigit (*end))
      end++;
    if (end + 1 < to && *end == '.' && g_ascii_isdigit (end[1]))
      for (end++; end < to && g_ascii_isdigit (*end);)
        end++;
    if (n == 4)
      return 5;
    g_autofree char *digits = g_strndup (p, (gsize) (end - p));
    v[n++] = g_ascii_strtod (digits, NULL);
    p = end;
  }
  return n;
}

static const char *
skip_space (const char *p)
{
  while (g_ascii_isspace (*p))
    p++;
  return p;
}

/* The text without tags, runs of white space as one blank; NULL when nothing is left. */
static char *
visible (const char *from, const char *to)
{
  GString *s = g_string_new (NULL);
  gboolean gap = FALSE;
  for (const char *p = from; p < to; p++) {
    if (*p == '<') {
      const char *close = memchr (p, '>', (gsize) (to - p));
      if (close != NULL) {
        p = close;
        continue;
      }
    }
    if (g_ascii_isspace (*p)) {
      gap = TRUE;
      continue;
    }
    if (gap && s->len > 0)
      g_string_append_c (s, ' ');
    gap = FALSE;
    g_string_append_c (s, *p);
  }
  return g_string_free (s, s->len == 0);
}

static char *
label_between (const char *from, const char *to)
{
  char *label = NULL;
  for (const char *p = from; (p = g_strstr_len (p, to - p, "<ref>")) != NULL;) {
    const char *close = g_strstr_len (p, to - p, "</ref>");
    if (close == NULL)
      break;
    g_free (label);
    label = g_strstrip (g_strndup (p + strlen ("<ref>"), (gsize) (close - p) - strlen ("<ref>"))); /* as written, only trimmed */
    p = close;
  }
  return label != NULL ? label : visible (from, to);
}

void
ax_lm_boxes_read (const char *answer, AxLmBoxes *out)
{
  g_autoptr (GArray) boxes = g_array_new (FALSE, FALSE, sizeof (AxBox));
  g_autoptr (GPtrArray) labels = g_ptr_array_new ();
  const char *last = answer;
  for (const char *p = answer; (p = strstr (p, "<box>")) != NULL;) {
    /* <box>\s*\((.*?)\)\s*</box>: the shortest text that a bracket and the closing tag follow. */
    const char *open = skip_space (p + strlen ("<box>")), *close = NULL;
    if (*open == '(')
      for (const char *c = open + 1; (c = strchr (c, ')')) != NULL; c++)
        if (g_str_has_prefix (skip_space (c + 1), "</box>")) {
          close = c;
          break;
        }
    if (close == NULL) {
      p += strlen ("<box>");
      continue;
    }
    double v[4];
    const char *end = skip_space (close + 1) + strlen ("</box>");
    if (numbers (open, close, v) == 4) {
      const AxBox box = { v[0], v[1], v[2], v[3] };
      g_array_append_val (boxes, box);
      g_ptr_array_add (labels, label_between (last, p));
    }
    last = p = end;
  }
  out->n = boxes->len;
  out->boxes = (AxBox *) g_array_free (g_steal_pointer (&boxes), FALSE);
  out->labels = (char **) g_ptr_array_free (g_steal_pointer (&labels), FALSE);
}

/* ---- well formed ---- */

/* "<box>(12,-3),(45,67)</box>" exactly; its end, or NULL. */
static const char *
strict_box (const char *p, int v[4])
{
  static const char *const between[4] = { "<box>(", ",", "),(", "," };
  for (guint k = 0; k < 4; k++) {
    if (!g_str_has_prefix (p, between[k]))
      return NULL;
    p += strlen (between[k]);
    const gboolean minus = *p == '-';
    p += minus;
    guint digits = 0;
    for (v[k] = 0; g_ascii_isdigit (*p) && digits < 5; p++, digits++)
      v[k] = v[k] * 10 + (*p - '0');
    if (digits == 0 || digits == 5)
      return NULL;
    v[k] = minus ? -v[k] : v[k];
  }
  return g_str_has_prefix (p, ")</box>") ? p + strlen (")</box>") : NULL;
}

static const char *
check_tags (const char *answer, guint *n_boxes)
{
  gboolean in_ref = FALSE;
  *n_boxes = 0;
  for (const char *p = answer; *p != '\0';) {
    if (*p != '<') {
      p++;
      continue;
    }
    if (g_str_has_prefix (p, "<ref>")) {
      if (in_ref)
        return "a <ref> inside a <ref>";
      in_ref = TRUE;
      p += strlen ("<ref>");
    } else if (g_str_has_prefix (p, "</ref>")) {
      if (!in_ref)
        return "a </ref> without <ref>";
      in_ref = FALSE;
      p += strlen ("</ref>");
    } else if (g_str_has_prefix (p, "<box>")) {
      int v[4];
      p = in_ref ? NULL : strict_box (p, v);
      if (p == NULL)
        return "a broken <box>";
      if (v[0] >= v[2] || v[1] >= v[3] || v[0] < 0 || v[1] < 0 || v[2] > 1024 || v[3] > 1024)
        return "a box without extent or outside the frame";
      *n_boxes += 1;
    } else if (g_ascii_isalpha (p[1]) || p[1] == '/')
      return "a stray tag";
    else
      p++;
  }
  return in_ref ? "a <ref> that is not closed" : NULL;
}

/* "(A) Edema, (C) Pneumonia" or "(A)": only options of the question. */
static const char *
check_choice (const AxLmRequest *r, const char *answer)
{
  g_auto (GStrv) parts = g_strsplit (answer, ", (", -1), lines = g_strsplit (r->text, "\n", -1);
  for (guint i = 0; parts[i] != NULL; i++) {
    g_autofree char *option = i == 0 ? g_strdup (parts[i]) : g_strconcat ("(", parts[i], NULL);
    gboolean known = FALSE;
    for (guint l = 0; lines[l] != NULL && !known; l++) {
      const char *close = strchr (lines[l], ')');
      if (lines[l][0] != '(' || close == NULL)
        continue;
      g_autofree char *tag = g_strndup (lines[l], (gsize) (close + 1 - lines[l]));
      known = strcmp (option, lines[l]) == 0 || strcmp (option, tag) == 0;
    }
    if (!known)
      return "an option that was not offered";
  }
  return NULL;
}

const char *
ax_lm_malformed (const AxLmRequest *r, const char *answer)
{
  if (!g_utf8_validate (answer, -1, NULL))
    return "not UTF-8";
  if (*skip_space (answer) == '\0')
    return "empty";
  if (strstr (answer, "__BOX") != NULL || strchr (answer, '\t') != NULL)
    return "a placeholder";
  guint boxes;
  const char *wrong = check_tags (answer, &boxes);
  if (wrong != NULL)
    return wrong;
  const gboolean no = g_str_has_prefix (answer, "No ") && g_str_has_suffix (answer, " detected.");
  switch (r->ask) {
  case AX_ASK_ANATOMY:
    return boxes == 1 ? NULL : "not one box";
  case AX_ASK_PHRASE:
  case AX_ASK_DETECT:
    return boxes > 0 ? (g_str_has_prefix (answer, "No ") ? "boxes of something that is denied" : NULL) : no ? NULL : "neither boxes nor \"No ... detected.\"";
  case AX_ASK_REPORT:
    return g_str_has_prefix (answer, "Findings:\n") && strstr (answer, "\nImpression:\n") != NULL ? NULL : "a section is missing";
  case AX_ASK_LIST:
  case AX_ASK_LABEL:
    return check_choice (r, answer);
  case AX_ASK_PRESENT:
  case AX_ASK_ON_SIDE:
  case AX_ASK_NORMAL:
  case AX_ASK_HEART:
    if (strstr (r->text, "Options:") != NULL)
      return check_choice (r, answer);
    return ax_lm_yes (r, answer) >= 0 ? NULL : "neither yes nor no";
  default:
    return boxes == 0 ? NULL : "a box where words are asked for";
  }
}

int
ax_lm_yes (const AxLmRequest *r, const char *answer)
{
  const char *p = skip_space (answer);
  if (*p == '(') {
    const char *tag = strchr (p, ')');
    if (tag == NULL || strstr (r->text, "Options:") == NULL)
      return -1;
    /* The option that the tag stands before in the question. */
    g_autofree char *option = g_strdup_printf ("\n%.*s ", (int) (tag + 1 - p), p);
    const char *found = strstr (r->text, option);
    if (found == NULL)
      return -1;
    p = found + strlen (option);
  }
  if (g_ascii_strncasecmp (p, "yes", 3) == 0 && !g_ascii_isalnum (p[3]))
    return 1;
  return g_ascii_strncasecmp (p, "no", 2) == 0 && !g_ascii_isalnum (p[2]) ? 0 : -1;
}
