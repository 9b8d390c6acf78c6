#include "engine/training/csv.h"

#include <string.h>

G_DEFINE_QUARK(ax-data-error-quark, ax_data_error)

#define CSV_LIMIT (64u << 20)

char *ax_data_file_read(const char *path, gsize limit, gsize *length, GError **error) {
  g_autoptr(GFile) file = g_file_new_for_path(path);
  g_autoptr(GError) reason = NULL;
  g_autoptr(GFileInfo) info = g_file_query_info(file, G_FILE_ATTRIBUTE_STANDARD_SIZE "," G_FILE_ATTRIBUTE_STANDARD_TYPE, G_FILE_QUERY_INFO_NONE, NULL, &reason);
  if (info == NULL) {
    g_set_error(error, AX_DATA_ERROR, AX_DATA_ERROR_READ, "%s: %s", path, reason->message);
    return NULL;
  }
  if (g_file_info_get_file_type(info) != G_FILE_TYPE_REGULAR || (guint64) g_file_info_get_size(info) > limit) {
    g_set_error(error, AX_DATA_ERROR, AX_DATA_ERROR_READ, "%s: not a regular file of at most %" G_GSIZE_FORMAT " bytes", path, limit);
    return NULL;
  }
  char *text = NULL;
  if (!g_file_get_contents(path, &text, length, &reason)) {
    g_set_error(error, AX_DATA_ERROR, AX_DATA_ERROR_READ, "%s: %s", path, reason->message);
    return NULL;
  }
  return text;
}

static void row_free(gpointer data) {
  AxCsvRow *row = data;
  g_strfreev(row->fields);
  g_free(row);
}

void ax_csv_free(AxCsv *csv) {
  g_free(csv->path);
  g_strfreev(csv->header.fields);
  g_clear_pointer(&csv->rows, g_ptr_array_unref);
  g_free(csv);
}

/* Reads one row from *p; *line is the number of the line at *p and moves along. NULL with error, or with none at the end. */
static AxCsvRow *parse_row(const char *path, const char **p, const char *end, guint *line, GError **error) {
  while (*p < end && (**p == '\n' || **p == '\r')) {
    if (**p == '\n')
      (*line)++;
    (*p)++;
  }
  if (*p >= end)
    return NULL;
  g_autoptr(GPtrArray) fields = g_ptr_array_new_with_free_func(g_free);
  const guint first_line = *line;
  const char *s = *p;
  for (;;) {
    g_autoptr(GString) field = g_string_new(NULL);
    if (s < end && *s == '"') {
      const guint opened = *line;
      for (s++;; s++) {
        if (s >= end) {
          g_set_error(error, AX_DATA_ERROR, AX_DATA_ERROR_READ, "%s:%u: the quote opened here is never closed", path, opened);
          return NULL;
        }
        if (*s == '"') {
          if (s + 1 < end && s[1] == '"')
            s++;
          else
            break;
        }
        if (*s == '\n')
          (*line)++;
        g_string_append_c(field, *s);
      }
      s++;
      if (s < end && *s != ',' && *s != '\n' && *s != '\r') {
        g_set_error(error, AX_DATA_ERROR, AX_DATA_ERROR_READ, "%s:%u: text follows a closing quote", path, *line);
        return NULL;
      }
    } else {
      for (; s < end && *s != ',' && *s != '\n' && *s != '\r'; s++)
        g_string_append_c(field, *s);
    }
    g_ptr_array_add(fields, g_string_free(g_steal_pointer(&field), FALSE));
    if (s < end && *s == ',') {
      s++;
      continue;
    }
    break;
  }
  *p = s;
  AxCsvRow *row = g_new0(AxCsvRow, 1);
  row->line = first_line;
  row->n = fields->len;
  g_ptr_array_add(fields, NULL);
  row->fields = (char **) g_ptr_array_free(g_steal_pointer(&fields), FALSE);
  return row;
}

AxCsv *ax_csv_load(const char *path, GError **error) {
  gsize length = 0;
  g_autofree char *text = ax_data_file_read(path, CSV_LIMIT, &length, error);
  if (text == NULL)
    return NULL;
  const char *bad = NULL;
  if (!g_utf8_validate_len(text, length, &bad)) {
    guint at = 1;
    for (const char *c = text; c < bad; c++)
      at += *c == '\n';
    g_set_error(error, AX_DATA_ERROR, AX_DATA_ERROR_READ, "%s:%u: not UTF-8 text", path, at);
    return NULL;
  }
  g_autoptr(AxCsv) csv = g_new0(AxCsv, 1);
  csv->path = g_strdup(path);
  csv->rows = g_ptr_array_new_with_free_func(row_free);
  const char *p = text, *end = text + length;
  if (g_str_has_prefix(text, "\xEF\xBB\xBF"))
    p += 3;
  guint line = 1;
  GError *reason = NULL;
  AxCsvRow *row = parse_row(path, &p, end, &line, &reason);
  if (row == NULL) {
    if (reason != NULL)
      g_propagate_error(error, reason);
    else
      g_set_error(error, AX_DATA_ERROR, AX_DATA_ERROR_READ, "%s: empty, expected a header line", path);
    return NULL;
  }
  csv->header = *row;
  g_free(row);
  for (guint i = 0; i < csv->header.n; i++)
    for (guint j = 0; j < i; j++)
      if (strcmp(csv->header.fields[i], csv->header.fields[j]) == 0) {
        g_set_error(error, AX_DATA_ERROR, AX_DATA_ERROR_READ, "%s:%u: two columns are called \"%s\"", path, csv->header.line, csv->header.fields[i]);
        return NULL;
      }
  while ((row = parse_row(path, &p, end, &line, &reason)) != NULL) {
    g_ptr_array_add(csv->rows, row);
    if (row->n != csv->header.n) {
      g_set_error(error, AX_DATA_ERROR, AX_DATA_ERROR_READ, "%s:%u: %u fields, the header has %u", path, row->line, row->n, csv->header.n);
      return NULL;
    }
  }
  if (reason != NULL) {
    g_propagate_error(error, reason);
    return NULL;
  }
  return g_steal_pointer(&csv);
}

int ax_csv_column(const AxCsv *csv, const char *name, GError **error) {
  for (guint i = 0; i < csv->header.n; i++)
    if (strcmp(csv->header.fields[i], name) == 0)
      return (int) i;
  g_set_error(error, AX_DATA_ERROR, AX_DATA_ERROR_READ, "%s:%u: no column \"%s\"", csv->path, csv->header.line, name);
  return -1;
}
