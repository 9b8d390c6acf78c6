// The one C++ file: reads a scanned DICOM data set with DCMTK into an AxDicomFrame. DCMTK's exceptions and logging end here.
#include "engine/image/dicom.h"
#include "engine/image/dicom-private.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcistrmb.h>
#include <dcmtk/dcmdata/dcrledrg.h>
#include <dcmtk/dcmdata/dctk.h>
#include <dcmtk/dcmjpeg/djdecode.h>
#include <dcmtk/dcmjpls/djdecode.h>

#include <cmath>
#include <cstdarg>
#include <cstring>
#include <mutex>
#include <string>

namespace {

void start_dcmtk() {
  static std::once_flag once;
  std::call_once(once, [] {
    OFLog::configure(OFLogger::OFF_LOG_LEVEL);
    DcmRLEDecoderRegistration::registerCodecs();
    DJDecoderRegistration::registerCodecs();
    DJLSDecoderRegistration::registerCodecs();
  });
}

E_TransferSyntax transfer_syntax(const AxDicomScan &scan) {
  return DcmXfer(scan.uid).getXfer();
}

G_GNUC_PRINTF(3, 4) bool refuse(GError **error, AxImageError code, const char *format, ...) {
  if (error == nullptr) return false;
  va_list arguments;
  va_start(arguments, format);
  *error = g_error_new_valist(AX_IMAGE_ERROR, code, format, arguments);
  va_end(arguments);
  return false;
}

int number(DcmItem &item, const DcmTagKey &tag, int missing) {
  Uint16 v;
  return item.findAndGetUint16(tag, v).good() ? v : missing;
}

double decimal(DcmItem &item, const DcmTagKey &tag, unsigned long at, double missing) {
  Float64 v;
  return item.findAndGetFloat64(tag, v, at).good() && std::isfinite(v) ? v : missing;
}

std::string text(DcmItem &item, const DcmTagKey &tag, unsigned long at = 0) {
  OFString v;
  if (item.findAndGetOFString(tag, v, at).bad()) return "";
  std::string s(v.c_str());
  while (!s.empty() && (s.back() == ' ' || s.back() == '\0')) s.pop_back();
  return s;
}

char *copy_or_null(const std::string &s) {
  return s.empty() ? nullptr : g_utf8_make_valid(s.c_str(), (gssize)s.size());
}

// A value whose representation is US or SS by context: the bits decide, `is_signed` says how they are read.
bool get_short(DcmItem &item, const DcmTagKey &tag, unsigned long at, bool is_signed, gint32 *out) {
  Uint16 u;
  Sint16 s;
  if (item.findAndGetUint16(tag, u, at).good()) *out = is_signed ? (gint32)(gint16)u : (gint32)u;
  else if (item.findAndGetSint16(tag, s, at).good()) *out = is_signed ? (gint32)s : (gint32)(guint16)s;
  else return false;
  return true;
}

// A LUT Descriptor and its data (C.11.1.1 and C.11.2.1.1). FALSE and an error when it contradicts itself; no entries when absent.
bool get_lut(DcmItem &dataset, const DcmTagKey &sequence, bool first_is_signed, AxDicomLut *lut, GError **error) {
  DcmItem *item = nullptr;
  if (dataset.findAndGetSequenceItem(sequence, item, 0).bad() || item == nullptr) return true;
  gint32 entries, first, bits;
  if (!get_short(*item, DCM_LUTDescriptor, 0, false, &entries) || !get_short(*item, DCM_LUTDescriptor, 1, first_is_signed, &first) ||
      !get_short(*item, DCM_LUTDescriptor, 2, false, &bits))
    return refuse(error, AX_IMAGE_ERROR_CORRUPT, "The DICOM file is broken (a look-up table without descriptor); export it again");
  if (entries == 0) entries = 65536;
  const Uint16 *words = nullptr;
  const Uint8 *bytes = nullptr;
  unsigned long count = 0;
  if (item->findAndGetUint16Array(DCM_LUTData, words, &count).bad() || words == nullptr) {
    words = nullptr;
    if (item->findAndGetUint8Array(DCM_LUTData, bytes, &count).bad()) bytes = nullptr;
  }
  // Tables of 8 bits are often packed two to a word; some writers say 8 and mean 16.
  bool packed = words && bits <= 8 && count < (unsigned long)entries && count * 2 >= (unsigned long)entries;
  if (packed) bytes = reinterpret_cast<const Uint8 *>(words), count *= 2;
  if (bits < 1 || bits > 16 || (words == nullptr && bytes == nullptr) || count < (unsigned long)entries)
    return refuse(error, AX_IMAGE_ERROR_CORRUPT, "The DICOM file is broken (a look-up table is shorter than it says); export it again");
  lut->data = g_new(guint16, entries);
  lut->entries = (guint32)entries;
  lut->first = first;
  lut->bits = bits;
  for (gint32 i = 0; i < entries; i++) {
    lut->data[i] = bytes ? bytes[i] : words[i];
    while (lut->data[i] >> lut->bits) lut->bits++;
  }
  return true;
}

void get_windows(DcmItem &dataset, AxDicomFrame *f) {
  std::string name = text(dataset, DCM_VOILUTFunction);
  AxWindowFunction function = name == "SIGMOID" ? AX_WINDOW_SIGMOID : name == "LINEAR_EXACT" ? AX_WINDOW_LINEAR_EXACT : AX_WINDOW_LINEAR;
  enum { MOST = 32 };
  f->windows = g_new0(AxNamedWindow, MOST);
  for (int i = 0; i < MOST; i++) {
    double center = decimal(dataset, DCM_WindowCenter, i, NAN), width = decimal(dataset, DCM_WindowWidth, i, NAN);
    if (std::isnan(center) || std::isnan(width)) break;
    // PS3.3: at least 1 for LINEAR, above 0 for the others. A window that breaks this is left out, as if it were missing.
    if (function == AX_WINDOW_LINEAR ? width < 1 : width <= 0) continue;
    f->windows[f->n_windows].window = AxWindow{center, width, function};
    f->windows[f->n_windows].explanation = copy_or_null(text(dataset, DCM_WindowCenterWidthExplanation, i));
    f->n_windows++;
  }
}

// A lateral view says so by its view position or code, or by rows that run from front to back.
bool is_lateral(DcmItem &dataset) {
  std::string view = text(dataset, DCM_ViewPosition), row = text(dataset, DCM_PatientOrientation, 0);
  if (view == "LL" || view == "RL" || view == "LAT" || view == "LATERAL") return true;
  DcmItem *code = nullptr;
  if (dataset.findAndGetSequenceItem(DCM_ViewCodeSequence, code, 0).good() && code) {
    // SNOMED CT: lateral, left lateral, right lateral projection. Older code schemes are known by their meaning.
    static const char *const lateral[] = {"399067008", "399173006", "399198007"};
    std::string value = text(*code, DCM_CodeValue);
    for (const char *known : lateral)
      if (value == known) return true;
    g_autofree char *meaning = g_ascii_strdown(text(*code, DCM_CodeMeaning).c_str(), -1);
    if (strstr(meaning, "lateral") && !strstr(meaning, "decubitus")) return true;
  }
  return !row.empty() && (row[0] == 'A' || row[0] == 'P');
}

// What is asked of a file before its pixels are decoded.
struct Shape {
  int rows, columns, samples, allocated, stored, high, planar;
  bool is_signed;
  std::string photometric;
};

bool get_shape(DcmItem &dataset, Shape *s, GError **error) {
  std::string frames = text(dataset, DCM_NumberOfFrames);
  if (!frames.empty() && std::strtol(frames.c_str(), nullptr, 10) > 1)
    return refuse(error, AX_IMAGE_ERROR_MULTI_FRAME, "The DICOM file holds %ld frames; export the one frame that is to be read",
                  std::strtol(frames.c_str(), nullptr, 10));
  s->rows = number(dataset, DCM_Rows, 0);
  s->columns = number(dataset, DCM_Columns, 0);
  if (!ax_image_check_size((guint64)s->columns, (guint64)s->rows, error)) return false;
  s->samples = number(dataset, DCM_SamplesPerPixel, 1);
  s->allocated = number(dataset, DCM_BitsAllocated, 0);
  s->stored = number(dataset, DCM_BitsStored, s->allocated);
  s->high = number(dataset, DCM_HighBit, s->stored - 1);
  s->planar = number(dataset, DCM_PlanarConfiguration, 0);
  s->is_signed = number(dataset, DCM_PixelRepresentation, 0) == 1;
  s->photometric = text(dataset, DCM_PhotometricInterpretation);
  if (s->allocated != 8 && s->allocated != 16)
    return refuse(error, AX_IMAGE_ERROR_UNSUPPORTED, "A DICOM image with %d bits for each pixel is not read; export it with 8 or 16 bits", s->allocated);
  if (s->stored < 1 || s->stored > s->allocated || s->high >= s->allocated || s->high < s->stored - 1)
    return refuse(error, AX_IMAGE_ERROR_CORRUPT, "The DICOM file is broken (%d of %d bits stored below bit %d); export it again", s->stored, s->allocated, s->high);
  const std::string &p = s->photometric;
  bool grey = s->samples == 1 && (p == "MONOCHROME1" || p == "MONOCHROME2" || p.empty());
  bool colour = s->samples == 3 && s->allocated == 8 && (p == "RGB" || p == "YBR_FULL" || p == "YBR_FULL_422" || p == "YBR_RCT" || p == "YBR_ICT");
  if (!grey && !colour) {
    std::string shown = p.substr(0, 16);
    return refuse(error, AX_IMAGE_ERROR_UNSUPPORTED, "A DICOM image of the kind %s with %d channels of %d bits is not read; export it as grey or 8-bit RGB",
                  shown.c_str(), s->samples, s->allocated);
  }
  return true;
}

// Decoded samples in row order: `samples` values a pixel, or planes when `planar`.
bool get_samples(DcmDataset &dataset, const AxDicomScan &scan, Shape *s, guint16 *out, GError **error) {
  gsize pixels = (gsize)s->rows * s->columns, wanted = pixels * s->samples;
  guint mask = (1u << s->stored) - 1;
  if (scan.coding == AX_DICOM_JPEG_2000) {
    if (s->photometric == "YBR_RCT" || s->photometric == "YBR_ICT") s->photometric = "RGB";
    s->planar = 1;
    return ax_jpeg2000_decode(scan.fragments->data, scan.fragments->len, s->columns, s->rows, s->samples, s->stored, out, error);
  }
  if (scan.fragments) {
    if (scan.coding != AX_DICOM_RLE && !ax_dicom_check_jpeg(scan.fragments->data, scan.fragments->len, s->columns, s->rows, s->samples, error)) return false;
    if (dataset.chooseRepresentation(EXS_LittleEndianExplicit, nullptr).bad())
      return refuse(error, AX_IMAGE_ERROR_CORRUPT, "The DICOM file is broken (its %s pixel data cannot be decoded); export it again", scan.coding_name);
    // Decoders may change these, for instance to RGB; the shape must stay.
    Shape after = *s;
    if (!get_shape(dataset, &after, error)) return false;
    if (after.rows != s->rows || after.columns != s->columns || after.samples != s->samples || after.stored > 16)
      return refuse(error, AX_IMAGE_ERROR_CORRUPT, "The DICOM file is broken (its pixel data has another shape than its header); export it again");
    *s = after;
    mask = (1u << s->stored) - 1;
  }
  DcmElement *element = nullptr;
  const Uint16 *words = nullptr;
  const Uint8 *bytes = nullptr;
  Uint16 *w = nullptr;
  Uint8 *b = nullptr;
  gsize length = 0;
  if (dataset.findAndGetElement(DCM_PixelData, element).good() && element) {
    length = element->getLength();
    if (element->ident() == EVR_OB || element->getVR() == EVR_OB) {
      if (element->getUint8Array(b).good()) bytes = b;
    } else if (element->getUint16Array(w).good()) {
      words = w;
    }
    if (!words && !bytes && element->getUint8Array(b).good()) bytes = b;
  }
  if (bytes == nullptr) bytes = reinterpret_cast<const Uint8 *>(words);
  gsize sample_bytes = (gsize)s->allocated / 8;
  bool halved = s->photometric == "YBR_FULL_422";
  if (halved)
    return refuse(error, AX_IMAGE_ERROR_UNSUPPORTED, "A DICOM image with halved colour (YBR_FULL_422) that is not compressed is not read; export it as RGB");
  if (bytes == nullptr || length < wanted * sample_bytes)
    return refuse(error, AX_IMAGE_ERROR_CORRUPT, "The DICOM file is truncated (%" G_GSIZE_FORMAT " bytes of pixels where %" G_GSIZE_FORMAT " belong); copy or export it again",
                  length, wanted * sample_bytes);
  int shift = s->high + 1 - s->stored;
  for (gsize i = 0; i < wanted; i++) {
    guint16 v = bytes[i];
    if (sample_bytes == 2) std::memcpy(&v, bytes + 2 * i, 2);
    out[i] = (guint16)((v >> shift) & mask);
  }
  return true;
}

guint8 cut(double v) {
  return v <= 0 ? 0 : v >= 255 ? 255 : (guint8)(v + 0.5);
}

// Grey (PIL's weights) and channel 0 of a colour image; YBR_FULL by PS3.3 C.7.6.3.1.2.
void to_grey(const Shape &s, const guint16 *samples, AxDicomFrame *f) {
  gsize n = (gsize)s.rows * s.columns, step = s.planar ? 1 : 3, plane = s.planar ? n : 1;
  for (gsize i = 0; i < n; i++) {
    const guint16 *p = samples + i * step;
    guint r = p[0] & 255, g = p[plane] & 255, b = p[2 * plane] & 255;
    if (s.photometric != "RGB") {
      double y = r, cb = g - 128.0, cr = b - 128.0;
      r = cut(y + 1.402 * cr), g = cut(y - 0.344136 * cb - 0.714136 * cr), b = cut(y + 1.772 * cb);
    }
    f->raw[i] = (guint16)ax_grey_of_rgb(r, g, b);
    f->red[i] = (guint8)r;
  }
}

bool get_pixels(DcmDataset &dataset, const AxDicomScan &scan, Shape *s, AxDicomFrame *f, GError **error) {
  gsize n = (gsize)s->rows * s->columns;
  f->rows = s->rows;
  f->columns = s->columns;
  f->raw = (guint16 *)g_try_malloc_n(n, sizeof(guint16));
  guint16 *samples = s->samples == 1 ? f->raw : (guint16 *)g_try_malloc_n(n, 3 * sizeof(guint16));
  bool ok = f->raw && samples;
  if (s->samples == 3) ok = (f->red = (guint8 *)g_try_malloc(n)) != nullptr && ok;
  if (!ok) refuse(error, AX_IMAGE_ERROR_TOO_LARGE, "Not enough memory for an image of %d x %d pixels: close other programs", s->columns, s->rows);
  ok = ok && get_samples(dataset, scan, s, samples, error);
  f->bits_stored = s->samples == 3 ? 8 : s->stored;
  f->is_signed = s->samples == 1 && s->is_signed;
  if (ok && s->samples == 3) to_grey(*s, samples, f);
  if (samples != f->raw) g_free(samples);
  return ok;
}

bool get_grey_attributes(DcmItem &dataset, const Shape &s, AxDicomFrame *f, GError **error) {
  f->slope = 1;
  if (s.samples == 3) return true;
  f->inverse = s.photometric == "MONOCHROME1" || text(dataset, DCM_PresentationLUTShape) == "INVERSE";
  if (!get_lut(dataset, DCM_ModalityLUTSequence, s.is_signed, &f->modality, error)) return false;
  f->slope = decimal(dataset, DCM_RescaleSlope, 0, 1);
  f->intercept = decimal(dataset, DCM_RescaleIntercept, 0, 0);
  // A slope of zero, or one beyond all reason, would leave nothing to see.
  if (!(std::fabs(f->slope) > 1e-12 && std::fabs(f->slope) < 1e12 && std::fabs(f->intercept) < 1e15)) f->slope = 1, f->intercept = 0;
  bool below_zero = f->modality.entries == 0 && (s.is_signed || f->intercept < 0 || f->slope < 0);
  if (!get_lut(dataset, DCM_VOILUTSequence, below_zero, &f->voi, error)) return false;
  get_windows(dataset, f);
  gint32 value;
  if (get_short(dataset, DCM_PixelPaddingValue, 0, s.is_signed, &value)) {
    f->has_padding = TRUE;
    f->padding_low = f->padding_high = value;
    if (get_short(dataset, DCM_PixelPaddingRangeLimit, 0, s.is_signed, &value)) {
      f->padding_low = MIN(f->padding_low, value);
      f->padding_high = MAX(f->padding_high, value);
    }
  }
  return true;
}

void describe(DcmItem &dataset, const AxDicomScan &scan, const Shape &s, AxImage *image) {
  image->format = AX_IMAGE_FORMAT_DICOM;
  image->origin = AX_IMAGE_ORIGIN_UINT8;
  image->modality = copy_or_null(text(dataset, DCM_Modality));
  image->view = copy_or_null(text(dataset, DCM_ViewPosition));
  std::string side = text(dataset, DCM_ImageLaterality);
  image->laterality = copy_or_null(side.empty() ? text(dataset, DCM_Laterality) : side);
  image->orientation_row = copy_or_null(text(dataset, DCM_PatientOrientation, 0));
  image->orientation_column = copy_or_null(text(dataset, DCM_PatientOrientation, 1));
  for (int i = 0; i < 2; i++) {
    image->pixel_spacing[i] = decimal(dataset, DCM_PixelSpacing, i, 0);
    image->imager_spacing[i] = decimal(dataset, DCM_ImagerPixelSpacing, i, 0);
  }
  image->description = g_strdup_printf("DICOM%s%s, %d bit %s, %s", image->modality ? " " : "", image->modality ? image->modality : "", s.stored,
                                       s.samples == 3 ? "colour" : "grey", scan.coding_name);
}

AxImage *read_dataset(const AxDicomScan &scan, GCancellable *cancellable, AxDicomFrame *f, GError **error) {
  // Without its dictionary DCMTK cannot tell the type of any element of an implicit data set.
  if (scan.coding == AX_DICOM_IMPLICIT && !dcmDataDict.isDictionaryLoaded()) {
    refuse(error, AX_IMAGE_ERROR_READ, "The DICOM dictionary is missing on this machine; install the package libdcmtk17 again or unset DCMDICTPATH");
    return nullptr;
  }
  DcmInputBufferStream stream;
  stream.setBuffer(scan.dataset, (offile_off_t)scan.dataset_size);
  stream.setEos();
  DcmDataset dataset;
  dataset.transferInit();
  OFCondition status = dataset.read(stream, transfer_syntax(scan), EGL_noChange, DCM_MaxReadLength);
  dataset.transferEnd();
  if (status.bad()) {
    refuse(error, AX_IMAGE_ERROR_CORRUPT, "The DICOM file is broken (%s); export it again", status.text());
    return nullptr;
  }
  if (g_cancellable_set_error_if_cancelled(cancellable, error)) return nullptr;
  Shape shape;
  if (!get_shape(dataset, &shape, error)) return nullptr;
  if (is_lateral(dataset)) {
    refuse(error, AX_IMAGE_ERROR_LATERAL, "This is a lateral view; the model reads frontal (PA or AP) chest radiographs only, choose the frontal image of the study");
    return nullptr;
  }
  if (!get_pixels(dataset, scan, &shape, f, error) || !get_grey_attributes(dataset, shape, f, error)) return nullptr;
  if (g_cancellable_set_error_if_cancelled(cancellable, error)) return nullptr;
  AxImage *image = ax_dicom_frame_render(f, error);
  if (image) describe(dataset, scan, shape, image);
  return image;
}

} // namespace

AxImage *ax_dicom_read(const guint8 *data, gsize size, GCancellable *cancellable, GError **error) {
  AxDicomScan scan;
  if (!ax_dicom_scan(data, size, &scan, error)) return nullptr;
  AxDicomFrame frame = {};
  AxImage *image = nullptr;
  try {
    start_dcmtk();
    image = read_dataset(scan, cancellable, &frame, error);
  } catch (...) {
    if (error == nullptr || *error == nullptr)
      refuse(error, AX_IMAGE_ERROR_CORRUPT, "The DICOM file is broken (it cannot be decoded); export it again");
  }
  ax_dicom_frame_clear(&frame);
  ax_dicom_scan_clear(&scan);
  return image;
}
