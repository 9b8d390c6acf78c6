/* Comma-separated values (RFC 4180). What lives here: the reader that the dataset and the split use: quoted fields, doubled quotes, line
 * breaks inside quotes, CR LF and a byte order mark. May use GLib only. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define AX_DATA_ERROR (ax_data_error_quark())
GQuark ax_data_error_quark(void);

/* The error domain of training data: dataset, split and CSV. Every message names the file and, where there is one, the line or image. */
typedef enum {
  AX_DATA_ERROR_READ,         /* a file is missing, too large or not of its format */
  AX_DATA_ERROR_INCONSISTENT, /* well-formed, but its parts contradict each other */
} AxDataError;

typedef struct {
  guint line;       /* in the file, from 1, where the row starts */
  guint n;          /* number of fields */
  char **fields;    /* NULL-terminated */
} AxCsvRow;

typedef struct {
  char *path;
  AxCsvRow header;
  GPtrArray *rows;  /* AxCsvRow *; each has exactly as many fields as the header */
} AxCsv;

/* Reads a file of at most 64 MiB. NULL with AX_DATA_ERROR_READ, "FILE:LINE: why", when it cannot be read, is not UTF-8, has an open quote,
 * text behind a closing quote, a row of another length than the header, or two columns of one name. Empty lines are skipped. */
AxCsv *ax_csv_load(const char *path, GError **error);
void ax_csv_free(AxCsv *csv);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AxCsv, ax_csv_free)

/* Index of the column, or -1 with AX_DATA_ERROR_READ naming file and column. */
int ax_csv_column(const AxCsv *csv, const char *name, GError **error);

/* Contents of a regular file of at most `limit` bytes, NUL-terminated; NULL with AX_DATA_ERROR_READ. Free with g_free(). */
char *ax_data_file_read(const char *path, gsize limit, gsize *length, GError **error);

G_END_DECLS
