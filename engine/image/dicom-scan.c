#include "engine/image/dicom-private.h"
#include "engine/image/dicom.h"

#include <string.h>

#define MAX_DEPTH 16         /* sequences in sequences; radiographs have 3 or 4 */
#define MAX_ELEMENTS 100000  /* in all; DCMTK keeps some 200 bytes for each */
#define UNDEFINED 0xffffffffu

enum { TAG_ITEM = 0xfffee000u, TAG_ITEM_END = 0xfffee00du, TAG_SEQUENCE_END = 0xfffee0ddu, TAG_PIXEL_DATA = 0x7fe00010u };

static const struct { const char *uid; AxDicomCoding coding; const char *name; } syntaxes[] = {
  {"1.2.840.10008.1.2", AX_DICOM_IMPLICIT, "uncompressed"},
  {"1.2.840.10008.1.2.1", AX_DICOM_EXPLICIT, "uncompressed"},
  {"1.2.840.10008.1.2.2", AX_DICOM_BIG_ENDIAN, "uncompressed, big endian"},
  {"1.2.840.10008.1.2.5", AX_DICOM_RLE, "RLE"},
  {"1.2.840.10008.1.2.4.50", AX_DICOM_JPEG, "JPEG baseline"},
  {"1.2.840.10008.1.2.4.51", AX_DICOM_JPEG, "JPEG extended"},
  {"1.2.840.10008.1.2.4.57", AX_DICOM_JPEG, "JPEG lossless"},
  {"1.2.840.10008.1.2.4.70", AX_DICOM_JPEG, "JPEG lossless"},
  {"1.2.840.10008.1.2.4.80", AX_DICOM_JPEG_LS, "JPEG-LS"},
  {"1.2.840.10008.1.2.4.81", AX_DICOM_JPEG_LS, "JPEG-LS, near lossless"},
  {"1.2.840.10008.1.2.4.90", AX_DICOM_JPEG_2000, "JPEG 2000"},
  {"1.2.840.10008.1.2.4.91", AX_DICOM_JPEG_2000, "JPEG 2000"},
};

typedef struct {
  const guint8 *data;
  gsize size, at;
  gboolean explicit_vr, big_endian;
  guint elements;
  const char *problem; /* NULL while all is well */
  AxDicomScan *scan;
} Walk;

typedef struct {
  guint32 tag, length;
  char vr[3];
} Element;

static guint get16(const Walk *w, gsize at) {
  const guint8 *p = w->data + at;
  return w->big_endian ? (guint)p[0] << 8 | p[1] : (guint)p[1] << 8 | p[0];
}

static guint32 get32(const Walk *w, gsize at) {
  return w->big_endian ? (guint32)get16(w, at) << 16 | get16(w, at + 2) : (guint32)get16(w, at + 2) << 16 | get16(w, at);
}

static gboolean fail(Walk *w, const char *problem) {
  if (w->problem == NULL) w->problem = problem;
  return FALSE;
}

static gboolean is_vr(const guint8 *p) {
  static const char known[] = "AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN UR US UT UV ";
  for (const char *v = known; *v; v += 3)
    if (memcmp(p, v, 2) == 0) return TRUE;
  return FALSE;
}

/* The head of the element at w->at, which then points to its value. */
static gboolean next_element(Walk *w, gsize end, Element *e) {
  if (++w->elements > MAX_ELEMENTS) return fail(w, "it has too many elements");
  if (end - w->at < 8) return fail(w, "it ends inside an element");
  e->tag = (guint32)get16(w, w->at) << 16 | get16(w, w->at + 2);
  w->at += 4;
  e->vr[0] = e->vr[1] = e->vr[2] = 0;
  if (!w->explicit_vr || e->tag >> 16 == 0xfffe) {
    e->length = get32(w, w->at);
    w->at += 4;
    return TRUE;
  }
  if (!is_vr(w->data + w->at)) return fail(w, "an element has no known value representation");
  memcpy(e->vr, w->data + w->at, 2);
  static const char long_forms[] = "OB OD OF OL OV OW SQ SV UC UN UR UT UV ";
  if (strstr(long_forms, e->vr) == NULL) {
    e->length = get16(w, w->at + 2);
    w->at += 4;
    return TRUE;
  }
  if (end - w->at < 8) return fail(w, "it ends inside an element");
  e->length = get32(w, w->at + 4);
  w->at += 8;
  return TRUE;
}

static gboolean walk_items(Walk *w, gsize end, gboolean undefined, int depth);

/* Elements up to `end`, or up to an item's end mark when its length is undefined. At depth 0 it stops behind the pixel data. */
static gboolean walk_elements(Walk *w, gsize end, gboolean undefined, int depth);

/* Fragments of encapsulated pixel data; the first item is the offset table. */
static gboolean walk_fragments(Walk *w, gsize end, gboolean keep) {
  gboolean first = TRUE;
  Element e;
  while (next_element(w, end, &e)) {
    if (e.tag == TAG_SEQUENCE_END) return TRUE;
    if (e.tag != TAG_ITEM) return fail(w, "its pixel data holds something that is not a fragment");
    if (e.length > end - w->at) return fail(w, "its pixel data is truncated");
    if (keep && !first) g_byte_array_append(w->scan->fragments, w->data + w->at, e.length);
    w->at += e.length;
    first = FALSE;
  }
  return FALSE;
}

static gboolean walk_value(Walk *w, gsize end, const Element *e, int depth) {
  if (e->tag == TAG_PIXEL_DATA && e->length == UNDEFINED) {
    if (depth == 0) w->scan->fragments = g_byte_array_new();
    return walk_fragments(w, end, depth == 0);
  }
  if (e->length == UNDEFINED) {
    /* A sequence of unknown type is written in implicit form whatever the file's form is (PS3.5 6.2.2). */
    gboolean was = w->explicit_vr;
    if (strcmp(e->vr, "UN") == 0) w->explicit_vr = FALSE;
    else if (w->explicit_vr && strcmp(e->vr, "SQ") != 0) return fail(w, "an element has no length");
    gboolean ok = walk_items(w, end, TRUE, depth + 1);
    w->explicit_vr = was;
    return ok;
  }
  if (e->length > end - w->at) return fail(w, e->tag == TAG_PIXEL_DATA ? "its pixel data is truncated" : "an element is longer than the file");
  gsize value_end = w->at + e->length;
  gboolean item_inside = e->length >= 8 && ((guint32)get16(w, w->at) << 16 | get16(w, w->at + 2)) == TAG_ITEM;
  if (item_inside && e->tag != TAG_PIXEL_DATA && !walk_items(w, value_end, FALSE, depth + 1)) return FALSE;
  w->at = value_end;
  return TRUE;
}

static gboolean walk_items(Walk *w, gsize end, gboolean undefined, int depth) {
  if (depth > MAX_DEPTH) return fail(w, "its sequences are nested too deeply");
  Element e;
  while (undefined || w->at < end) {
    if (!next_element(w, end, &e)) return FALSE;
    if (undefined && e.tag == TAG_SEQUENCE_END) return TRUE;
    if (e.tag != TAG_ITEM) return fail(w, "a sequence holds something that is not an item");
    if (e.length != UNDEFINED && e.length > end - w->at) return fail(w, "an item is longer than its sequence");
    gsize item_end = e.length == UNDEFINED ? end : w->at + e.length;
    if (!walk_elements(w, item_end, e.length == UNDEFINED, depth)) return FALSE;
  }
  return TRUE;
}

static gboolean walk_elements(Walk *w, gsize end, gboolean undefined, int depth) {
  Element e;
  while (undefined || w->at < end) {
    if (!next_element(w, end, &e)) return FALSE;
    if (undefined && e.tag == TAG_ITEM_END) return TRUE;
    if (e.tag >> 16 == 0xfffe) return fail(w, "an item mark stands where an element belongs");
    if (!walk_value(w, end, &e, depth)) return FALSE;
    if (depth == 0 && e.tag == TAG_PIXEL_DATA) return TRUE;
  }
  return depth > 0 ? TRUE : fail(w, NULL);
}

gboolean ax_dicom_recognise(const guint8 *data, gsize size) {
  if (size >= 132 && memcmp(data + 128, "DICM", 4) == 0) return TRUE;
  if (size < 12) return FALSE;
  static const guint8 heads[][2] = {{0x02, 0x00}, {0x08, 0x00}, {0x00, 0x08}};
  for (gsize i = 0; i < G_N_ELEMENTS(heads); i++) {
    if (memcmp(data, heads[i], 2) != 0) continue;
    gboolean big = data[0] == 0;
    guint element = big ? (guint)data[2] << 8 | data[3] : (guint)data[3] << 8 | data[2];
    guint32 length = (guint32)data[7] << 24 | (guint32)data[6] << 16 | (guint32)data[5] << 8 | data[4];
    if (is_vr(data + 4)) return element <= 0x0102;
    return !big && element <= 0x0070 && length < 1024;
  }
  return FALSE;
}

/* Reads group 0002; leaves w->at at the data set and the transfer syntax in scan. */
static gboolean read_meta(Walk *w, char *uid, gsize uid_size) {
  w->explicit_vr = TRUE;
  uid[0] = 0;
  while (w->size - w->at >= 8 && get16(w, w->at) == 2) {
    Element e;
    if (!next_element(w, w->size, &e)) return FALSE;
    if (e.length > w->size - w->at) return fail(w, "its header is truncated");
    if (e.tag == 0x00020010u) {
      gsize n = MIN(e.length, uid_size - 1);
      memcpy(uid, w->data + w->at, n);
      uid[n] = 0;
      g_strchomp(uid);
    }
    w->at += e.length;
  }
  return TRUE;
}

/* A data set without a header says its form by its first element. */
static const char *guess_syntax(const Walk *w) {
  if (w->size - w->at < 8) return "";
  const guint8 *p = w->data + w->at;
  gboolean explicit_vr = is_vr(p + 4);
  if (p[0] == 0 && p[1] != 0) return explicit_vr ? "1.2.840.10008.1.2.2" : "";
  return explicit_vr ? "1.2.840.10008.1.2.1" : "1.2.840.10008.1.2";
}

gboolean ax_dicom_scan(const guint8 *data, gsize size, AxDicomScan *scan, GError **error) {
  *scan = (AxDicomScan){0};
  Walk w = {data, size, 0, TRUE, FALSE, 0, NULL, scan};
  if (size >= 132 && memcmp(data + 128, "DICM", 4) == 0) w.at = 132;
  char uid[72];
  if (read_meta(&w, uid, sizeof uid)) {
    const char *wanted = uid[0] ? uid : guess_syntax(&w);
    gsize i = 0;
    while (i < G_N_ELEMENTS(syntaxes) && strcmp(syntaxes[i].uid, wanted) != 0) i++;
    if (i == G_N_ELEMENTS(syntaxes)) {
      g_autofree char *shown = g_utf8_make_valid(wanted, -1);
      g_set_error(error, AX_IMAGE_ERROR, AX_IMAGE_ERROR_UNSUPPORTED,
                  "This DICOM file is coded in a way that is not read (transfer syntax %s); export it uncompressed or as JPEG 2000", *shown ? shown : "unknown");
      return FALSE;
    }
    scan->coding = syntaxes[i].coding;
    scan->uid = syntaxes[i].uid;
    scan->coding_name = syntaxes[i].name;
    scan->dataset = data + w.at;
    w.explicit_vr = scan->coding != AX_DICOM_IMPLICIT;
    w.big_endian = scan->coding == AX_DICOM_BIG_ENDIAN;
    gsize start = w.at;
    if (walk_elements(&w, size, FALSE, 0)) {
      scan->dataset_size = w.at - start;
      gboolean encapsulated = scan->coding >= AX_DICOM_RLE;
      if (encapsulated == (scan->fragments != NULL)) return TRUE;
      fail(&w, "its pixel data is not coded as its header says");
    }
    if (w.problem == NULL) {
      g_set_error(error, AX_IMAGE_ERROR, AX_IMAGE_ERROR_EMPTY, "This DICOM file holds no image; choose the file of the radiograph itself");
      ax_dicom_scan_clear(scan);
      return FALSE;
    }
  }
  g_set_error(error, AX_IMAGE_ERROR, AX_IMAGE_ERROR_CORRUPT, "The DICOM file is broken (%s); export it again", w.problem);
  ax_dicom_scan_clear(scan);
  return FALSE;
}

void ax_dicom_scan_clear(AxDicomScan *scan) {
  g_clear_pointer(&scan->fragments, g_byte_array_unref);
}

gboolean ax_dicom_check_jpeg(const guint8 *data, gsize size, int width, int height, int samples, GError **error) {
  gsize at = 2;
  if (size >= 4 && data[0] == 0xff && data[1] == 0xd8)
    while (size - at >= 4 && data[at] == 0xff) {
      guint8 marker = data[at + 1];
      if (marker == 0xff) {
        at++;
        continue;
      }
      gsize length = (gsize)data[at + 2] << 8 | data[at + 3];
      if (length < 2 || length > size - at - 2) break;
      gboolean frame = (marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc) || marker == 0xf7;
      if (frame) {
        if (length < 8) break;
        const guint8 *p = data + at + 4;
        int bits = p[0], h = p[1] << 8 | p[2], wd = p[3] << 8 | p[4], components = p[5];
        if (h == height && wd == width && components == samples && bits >= 2 && bits <= 16) return TRUE;
        g_set_error(error, AX_IMAGE_ERROR, AX_IMAGE_ERROR_CORRUPT,
                    "The DICOM file is broken (its header says %d x %d with %d channels, its pixel data %d x %d with %d); export it again", width, height,
                    samples, wd, h, components);
        return FALSE;
      }
      if (marker == 0xda) break;
      at += 2 + length;
    }
  g_set_error(error, AX_IMAGE_ERROR, AX_IMAGE_ERROR_CORRUPT, "The DICOM file is broken (its pixel data is no JPEG stream); export it again");
  return FALSE;
}
