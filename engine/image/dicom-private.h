/* Between the parts of the DICOM reader: the scan of the file's structure (dicom-scan.c), the data set as DCMTK reads it (dicom.cpp), the
 * JPEG 2000 frame (jpeg2000.c) and the grey pipeline (dicom-grey.c). Only those files include this. */
#pragma once

#include "engine/image/image-private.h"

G_BEGIN_DECLS

typedef enum {
  AX_DICOM_IMPLICIT,
  AX_DICOM_EXPLICIT,
  AX_DICOM_BIG_ENDIAN,
  AX_DICOM_RLE,
  AX_DICOM_JPEG, /* baseline, extended, lossless */
  AX_DICOM_JPEG_LS,
  AX_DICOM_JPEG_2000,
} AxDicomCoding;

typedef struct {
  AxDicomCoding coding;
  const char *uid;         /* transfer syntax */
  const char *coding_name; /* for people */
  const guint8 *dataset;   /* from the first element after the file meta information ... */
  gsize dataset_size;      /* ... to the end of the pixel data */
  GByteArray *fragments;   /* encapsulated pixel data put together without its offset table, or NULL */
} AxDicomScan;

/* Walks the whole structure with every length checked against the file, nesting and number of elements capped, before DCMTK sees it: DCMTK
 * allocates what an element announces and recurses as deep as a file asks. FALSE with AX_IMAGE_ERROR. Clear with ax_dicom_scan_clear(). */
gboolean ax_dicom_scan(const guint8 *data, gsize size, AxDicomScan *scan, GError **error);
void ax_dicom_scan_clear(AxDicomScan *scan);

/* TRUE if the JPEG or JPEG-LS stream announces exactly this image, so that the decoder's buffers fit what it will write. */
gboolean ax_dicom_check_jpeg(const guint8 *data, gsize size, int width, int height, int samples, GError **error);

/* A look-up table of PS3.3 C.11.1 (modality) or C.11.2 (VOI). */
typedef struct {
  guint32 entries; /* 0: there is none */
  gint32 first;
  int bits;
  guint16 *data;
} AxDicomLut;

/* One frame with all that the grey pipeline needs. `raw` [rows, columns] holds the stored bits, right-aligned, not sign-extended. */
typedef struct {
  int rows, columns, bits_stored;
  gboolean is_signed;
  guint16 *raw;
  guint8 *red; /* colour files: channel 0 for the model; raw is then the grey of the three channels */
  gboolean inverse;
  gboolean has_padding;
  gint32 padding_low, padding_high;
  double slope, intercept;
  AxDicomLut modality, voi;
  AxNamedWindow *windows; /* in modality units */
  int n_windows;
} AxDicomFrame;

void ax_dicom_frame_clear(AxDicomFrame *frame);

/* The finished image: pixels, padding mask, windows, model plane. Takes frame->windows' texts. NULL with AX_IMAGE_ERROR_TOO_LARGE. */
AxImage *ax_dicom_frame_render(AxDicomFrame *frame, GError **error);

/* Decodes a JPEG 2000 code stream (a JP2 wrapper is skipped) of exactly width x height with `samples` components of at most 16 bits into
 * out[samples][height * width], each value masked to `bits` bits. FALSE with AX_IMAGE_ERROR. */
gboolean ax_jpeg2000_decode(const guint8 *data, gsize size, int width, int height, int samples, int bits, guint16 *out, GError **error);

G_END_DECLS
