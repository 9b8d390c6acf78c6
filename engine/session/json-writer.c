#include "engine/session/json-writer.h"

#include <math.h>
#include <string.h>

#define MAX_DEPTH 32

typedef struct {
  char close;     /* '}' or ']' */
  gboolean flat;  /* no line breaks inside */
  gboolean empty;
} Level;

struct AxJson {
  GString *text;
  gboolean pretty;
  int depth;
  Level levels[MAX_DEPTH];
};

AxJson *
ax_json_new (gboolean pretty)
{
  AxJson *json = g_new0 (AxJson, 1);
  json->text = g_string_new (NULL);
  json->pretty = pretty;
  return json;
}

char *
ax_json_finish (AxJson *json)
{
  g_return_val_if_fail (json->depth == 0, NULL);
  char *text = g_string_free (json->text, FALSE);
  g_free (json);
  return text;
}

static void
new_line (AxJson *json)
{
  g_string_append_c (json->text, '\n');
  for (int i = 0; i < json->depth; i++)
    g_string_append (json->text, "  ");
}

static void
append_quoted (GString *text, const char *value)
{
  g_autofree char *valid = g_utf8_make_valid (value, -1);
  g_string_append_c (text, '"');
  for (const char *c = valid; *c != '\0'; c++)
    switch (*c) {
    case '"': g_string_append (text, "\\\""); break;
    case '\\': g_string_append (text, "\\\\"); break;
    case '\n': g_string_append (text, "\\n"); break;
    case '\r': g_string_append (text, "\\r"); break;
    case '\t': g_string_append (text, "\\t"); break;
    default:
      if ((guchar) *c < 0x20 || *c == 0x7f)
        g_string_append_printf (text, "\\u%04x", (guchar) *c);
      else
        g_string_append_c (text, *c);
    }
  g_string_append_c (text, '"');
}

/* The comma, the line break and the key before a value. */
static void
begin_value (AxJson *json, const char *key)
{
  if (json->depth > 0) {
    Level *level = &json->levels[json->depth - 1];
    if (!level->empty)
      g_string_append (json->text, json->pretty && level->flat ? ", " : ",");
    level->empty = FALSE;
    if (json->pretty && !level->flat)
      new_line (json);
  }
  if (key != NULL) {
    append_quoted (json->text, key);
    g_string_append (json->text, json->pretty ? ": " : ":");
  }
}

static void
begin_level (AxJson *json, const char *key, char open, char close, gboolean flat)
{
  g_return_if_fail (json->depth < MAX_DEPTH);
  begin_value (json, key);
  flat = flat || (json->depth > 0 && json->levels[json->depth - 1].flat);
  json->levels[json->depth++] = (Level) { close, flat, TRUE };
  g_string_append_c (json->text, open);
}

void
ax_json_begin_object (AxJson *json, const char *key)
{
  begin_level (json, key, '{', '}', FALSE);
}

void
ax_json_begin_array (AxJson *json, const char *key)
{
  begin_level (json, key, '[', ']', FALSE);
}

void
ax_json_begin_inline_object (AxJson *json, const char *key)
{
  begin_level (json, key, '{', '}', TRUE);
}

void
ax_json_begin_inline_array (AxJson *json, const char *key)
{
  begin_level (json, key, '[', ']', TRUE);
}

void
ax_json_end (AxJson *json)
{
  g_return_if_fail (json->depth > 0);
  Level level = json->levels[--json->depth];
  if (json->pretty && !level.flat && !level.empty)
    new_line (json);
  g_string_append_c (json->text, level.close);
}

void
ax_json_string (AxJson *json, const char *key, const char *value)
{
  begin_value (json, key);
  if (value == NULL)
    g_string_append (json->text, "null");
  else
    append_quoted (json->text, value);
}

void
ax_json_int (AxJson *json, const char *key, gint64 value)
{
  begin_value (json, key);
  g_string_append_printf (json->text, "%" G_GINT64_FORMAT, value);
}

void
ax_json_number (AxJson *json, const char *key, double value, int decimals)
{
  g_return_if_fail (decimals >= 0 && decimals <= 9);
  begin_value (json, key);
  if (!isfinite (value)) {
    g_string_append (json->text, "null");
    return;
  }
  char format[8], digits[400];  /* DBL_MAX has 309 digits before its point */
  g_snprintf (format, sizeof format, "%%.%df", decimals);
  g_ascii_formatd (digits, sizeof digits, format, value);
  if (strchr (digits, '.') != NULL) {
    char *end = digits + strlen (digits);
    while (end[-1] == '0')
      *--end = '\0';
    if (end[-1] == '.')
      *--end = '\0';
  }
  g_string_append (json->text, strcmp (digits, "-0") == 0 ? "0" : digits);
}

void
ax_json_bool (AxJson *json, const char *key, gboolean value)
{
  begin_value (json, key);
  g_string_append (json->text, value ? "true" : "false");
}

void
ax_json_null (AxJson *json, const char *key)
{
  begin_value (json, key);
  g_string_append (json->text, "null");
}
