#include "engine/training/split.h"

#include <string.h>

static const char *const part_names[AX_SPLIT_N] = {"train", "validation", "test"};
static const double shares[AX_SPLIT_N] = {0.70, 0.15, 0.15};

const char *ax_split_part_name(guint part) { return part < AX_SPLIT_N ? part_names[part] : NULL; }

static char *canonical(const char *patient) {
  if (*patient != '\0' && strspn(patient, "0123456789") == strlen(patient))
    while (*patient == '0' && patient[1] != '\0')
      patient++;
  return g_strdup(patient);
}

/* Numbers by value, before everything else; the rest bytewise. */
static int compare_ids(const char *a, const char *b) {
  const gboolean na = strspn(a, "0123456789") == strlen(a), nb = strspn(b, "0123456789") == strlen(b);
  if (na != nb)
    return na ? -1 : 1;
  if (na && strlen(a) != strlen(b))
    return strlen(a) < strlen(b) ? -1 : 1;
  return strcmp(a, b);
}

static int compare_entries(const void *a, const void *b) { return compare_ids(((const AxSplitEntry *) a)->patient, ((const AxSplitEntry *) b)->patient); }

static void index_entries(AxSplit *split) {
  split->by_patient = g_hash_table_new(g_str_hash, g_str_equal);
  for (guint i = 0; i < split->n; i++)
    if (!g_hash_table_contains(split->by_patient, split->entries[i].patient))
      g_hash_table_insert(split->by_patient, split->entries[i].patient, &split->entries[i]);
}

/* ---- making ---- */

enum { STRATUM_UNREAD, STRATUM_RSNA, STRATUM_OPACITY, STRATUM_CHESTXDET, STRATUM_EFFUSION, N_STRATA };

typedef struct {
  char *id;
  guint images;
  int stratum;
  gboolean forced;
  guint64 hash;
} Patient;

static void patient_free(gpointer data) {
  Patient *p = data;
  g_free(p->id);
  g_free(p);
}

/* FNV-1a of the id from the seed on, stirred by the finaliser of splitmix64. */
static guint64 hash_id(guint64 seed, const char *id) {
  guint64 h = 0xCBF29CE484222325u ^ seed;
  for (const char *c = id; *c != '\0'; c++)
    h = (h ^ (guint8) *c) * 0x100000001B3u;
  h = (h ^ (h >> 30)) * 0xBF58476D1CE4E5B9u;
  h = (h ^ (h >> 27)) * 0x94D049BB133111EBu;
  return h ^ (h >> 31);
}

static int stratum_of(const AxDatasetImage *image) {
  if (image->chestxdet13 || image->chestxdet10)
    return image->chestxdet_present & (1u << AX_BOX_EFFUSION) ? STRATUM_EFFUSION : STRATUM_CHESTXDET;
  return image->rsna == AX_RSNA_OPACITY ? STRATUM_OPACITY : image->rsna != AX_RSNA_UNREAD ? STRATUM_RSNA : STRATUM_UNREAD;
}

static int compare_patients(gconstpointer a, gconstpointer b) {
  const Patient *p = *(Patient *const *) a, *q = *(Patient *const *) b;
  if (p->forced != q->forced)
    return p->forced ? -1 : 1;
  if (p->hash != q->hash)
    return p->hash < q->hash ? -1 : 1;
  return compare_ids(p->id, q->id);
}

AxSplit *ax_split_new(const AxDataset *dataset, guint64 seed, const char *const *test_patients) {
  g_autoptr(GPtrArray) patients = g_ptr_array_new_with_free_func(patient_free);
  g_autoptr(GHashTable) by_id = g_hash_table_new(g_str_hash, g_str_equal);
  for (guint i = 0; i < dataset->n; i++) {
    const AxDatasetImage *image = &dataset->images[i];
    g_autofree char *id = canonical(image->patient);
    Patient *p = g_hash_table_lookup(by_id, id);
    if (p == NULL) {
      p = g_new0(Patient, 1);
      p->hash = hash_id(seed, id);
      p->id = g_steal_pointer(&id);
      g_hash_table_insert(by_id, p->id, p);
      g_ptr_array_add(patients, p);
    }
    p->images++;
    p->stratum = MAX(p->stratum, stratum_of(image));
  }
  for (; test_patients != NULL && *test_patients != NULL; test_patients++) {
    g_autofree char *id = canonical(*test_patients);
    Patient *p = g_hash_table_lookup(by_id, id);
    if (p != NULL)
      p->forced = TRUE;
  }
  g_ptr_array_sort(patients, compare_patients);

  AxSplit *split = g_new0(AxSplit, 1);
  split->entries = g_new0(AxSplitEntry, patients->len + 1);
  double total[N_STRATA] = {0}, given[N_STRATA][AX_SPLIT_N] = {{0}};
  for (guint i = 0; i < patients->len; i++) {
    const Patient *p = g_ptr_array_index(patients, i);
    total[p->stratum] += p->images;
    int part = AX_SPLIT_TEST;
    for (int s = 0; !p->forced && s < AX_SPLIT_N; s++)
      if (s == 0 || shares[s] * total[p->stratum] - given[p->stratum][s] > shares[part] * total[p->stratum] - given[p->stratum][part])
        part = s;
    given[p->stratum][part] += p->images;
    split->entries[split->n++] = (AxSplitEntry){g_strdup(p->id), (AxSplitPart) part};
  }
  qsort(split->entries, split->n, sizeof *split->entries, compare_entries);
  index_entries(split);
  return split;
}

/* ---- the file ---- */

AxSplit *ax_split_load(const char *path, GError **error) {
  g_autoptr(AxCsv) csv = ax_csv_load(path, error);
  if (csv == NULL)
    return NULL;
  const int patient = ax_csv_column(csv, "patient_id", error), part = patient >= 0 ? ax_csv_column(csv, "split", error) : -1;
  if (part < 0)
    return NULL;
  g_autoptr(AxSplit) split = g_new0(AxSplit, 1);
  split->entries = g_new0(AxSplitEntry, csv->rows->len + 1);
  for (guint r = 0; r < csv->rows->len; r++) {
    const AxCsvRow *row = g_ptr_array_index(csv->rows, r);
    AxSplitEntry *entry = &split->entries[split->n++];
    entry->patient = canonical(row->fields[patient]);
    guint p = 0;
    while (p < AX_SPLIT_N && strcmp(part_names[p], row->fields[part]) != 0)
      p++;
    if (*entry->patient == '\0' || p == AX_SPLIT_N) {
      g_set_error(error, AX_DATA_ERROR, AX_DATA_ERROR_READ, "%s:%u: expected a patient and train, validation or test; found \"%s\" and \"%s\"", path, row->line, entry->patient, row->fields[part]);
      return NULL;
    }
    entry->part = (AxSplitPart) p;
  }
  index_entries(split);
  if (!ax_split_check(split, NULL, error)) {
    g_prefix_error(error, "%s: ", path);
    return NULL;
  }
  return g_steal_pointer(&split);
}

static void append_field(GString *s, const char *field) {
  if (strpbrk(field, ",\"\r\n") == NULL) {
    g_string_append(s, field);
    return;
  }
  g_string_append_c(s, '"');
  for (; *field != '\0'; field++) {
    if (*field == '"')
      g_string_append_c(s, '"');
    g_string_append_c(s, *field);
  }
  g_string_append_c(s, '"');
}

gboolean ax_split_save(const AxSplit *split, const char *path, GError **error) {
  g_autoptr(GString) s = g_string_new("patient_id,split\n");
  for (guint i = 0; i < split->n; i++) {
    append_field(s, split->entries[i].patient);
    g_string_append_printf(s, ",%s\n", part_names[split->entries[i].part]);
  }
  return g_file_set_contents(path, s->str, (gssize) s->len, error);
}

/* ---- use ---- */

gboolean ax_split_check(const AxSplit *split, const AxDataset *dataset, GError **error) {
  for (guint i = 0; i < split->n; i++) {
    const AxSplitEntry *entry = &split->entries[i], *first = g_hash_table_lookup(split->by_patient, entry->patient);
    if (first == entry)
      continue;
    if (first->part != entry->part)
      g_set_error(error, AX_DATA_ERROR, AX_DATA_ERROR_INCONSISTENT, "patient %s is both in %s and in %s; every patient may be on one side only", entry->patient, part_names[first->part], part_names[entry->part]);
    else
      g_set_error(error, AX_DATA_ERROR, AX_DATA_ERROR_INCONSISTENT, "patient %s is listed twice", entry->patient);
    return FALSE;
  }
  for (guint i = 0; dataset != NULL && i < dataset->n; i++)
    if (ax_split_part_of(split, dataset->images[i].patient) < 0) {
      g_set_error(error, AX_DATA_ERROR, AX_DATA_ERROR_INCONSISTENT, "patient %s of image %s is in no part of the split", dataset->images[i].patient, dataset->images[i].file);
      return FALSE;
    }
  return TRUE;
}

int ax_split_part_of(const AxSplit *split, const char *patient) {
  g_autofree char *id = canonical(patient);
  const AxSplitEntry *entry = g_hash_table_lookup(split->by_patient, id);
  return entry != NULL ? (int) entry->part : -1;
}

GPtrArray *ax_split_images(const AxSplit *split, const AxDataset *dataset, AxSplitPart part) {
  GPtrArray *images = g_ptr_array_new();
  for (guint i = 0; i < dataset->n; i++)
    if (ax_split_part_of(split, dataset->images[i].patient) == (int) part)
      g_ptr_array_add(images, &dataset->images[i]);
  return images;
}

void ax_split_free(AxSplit *split) {
  for (guint i = 0; i < split->n; i++)
    g_free(split->entries[i].patient);
  g_free(split->entries);
  g_clear_pointer(&split->by_patient, g_hash_table_unref);
  g_free(split);
}
