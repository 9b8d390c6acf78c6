// DICOM files for the tests: data sets written by DCMTK, JPEG 2000 encoded by OpenJPEG and encapsulated by hand.
#include "tests/engine/image/samples.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcpixel.h>
#include <dcmtk/dcmdata/dcpixseq.h>
#include <dcmtk/dcmdata/dcpxitem.h>
#include <dcmtk/dcmdata/dcrleerg.h>
#include <dcmtk/dcmdata/dcrlerp.h>
#include <dcmtk/dcmdata/dctk.h>
#include <dcmtk/dcmimage/diregist.h> // the JPEG-LS encoder needs it for colour
#include <dcmtk/dcmjpeg/djencode.h>
#include <dcmtk/dcmjpeg/djrploss.h>
#include <dcmtk/dcmjpeg/djrplol.h>
#include <dcmtk/dcmjpls/djencode.h>
#include <dcmtk/dcmjpls/djrparam.h>
#include <openjpeg.h>

#include <cstring>
#include <unistd.h>
#include <vector>

static void start() {
  static bool started = false;
  if (started) return;
  started = true;
  OFLog::configure(OFLogger::OFF_LOG_LEVEL);
  DcmRLEEncoderRegistration::registerCodecs();
  // The encoder must keep the stored bits as they are: no windowing, no colour conversion on its own account.
  DJEncoderRegistration::registerCodecs(ECC_lossyRGB, EUC_never, OFFalse, 0, 0, 0, OFTrue);
  DJLSEncoderRegistration::registerCodecs();
}

static OPJ_SIZE_T on_write(void *data, OPJ_SIZE_T n, void *user) {
  auto *out = static_cast<std::vector<guint8> *>(user);
  out->insert(out->end(), static_cast<guint8 *>(data), static_cast<guint8 *>(data) + n);
  return n;
}

static std::vector<guint8> encode_jpeg2000(const AxSampleDicom *s, bool lossless) {
  opj_cparameters_t parameters;
  opj_set_default_encoder_parameters(&parameters);
  parameters.tcp_numlayers = 1;
  parameters.tcp_rates[0] = lossless ? 0 : 2;
  parameters.cp_disto_alloc = 1;
  parameters.irreversible = !lossless;
  parameters.numresolution = 2;
  parameters.tcp_mct = s->samples == 3;
  std::vector<opj_image_cmptparm_t> comps(s->samples);
  for (auto &c : comps) {
    c = {};
    c.dx = c.dy = 1;
    c.w = s->columns, c.h = s->rows;
    c.prec = s->stored;
    c.sgnd = s->is_signed;
  }
  opj_image_t *image = opj_image_create(s->samples, comps.data(), s->samples == 3 ? OPJ_CLRSPC_SRGB : OPJ_CLRSPC_GRAY);
  image->x1 = s->columns, image->y1 = s->rows;
  for (int i = 0; i < s->columns * s->rows * s->samples; i++) {
    int v = s->pixels[i];
    if (s->is_signed && v >> (s->stored - 1)) v -= 1 << s->stored;
    image->comps[i % s->samples].data[i / s->samples] = v;
  }
  std::vector<guint8> out;
  opj_codec_t *codec = opj_create_compress(OPJ_CODEC_J2K);
  opj_stream_t *stream = opj_stream_default_create(OPJ_FALSE);
  opj_stream_set_user_data(stream, &out, nullptr);
  opj_stream_set_write_function(stream, on_write);
  bool ok = opj_setup_encoder(codec, &parameters, image) && opj_start_compress(codec, image, stream) && opj_encode(codec, stream) &&
            opj_end_compress(codec, stream);
  opj_stream_destroy(stream);
  opj_destroy_codec(codec);
  opj_image_destroy(image);
  if (!ok) out.clear();
  return out;
}

static void put_lut(DcmDataset &d, const DcmTagKey &tag, const AxSampleLut &lut) {
  if (lut.entries == 0) return;
  DcmItem *item = nullptr;
  d.findOrCreateSequenceItem(tag, item, -2);
  Uint16 descriptor[3] = {(Uint16)lut.entries, (Uint16)lut.first, (Uint16)lut.bits};
  auto *element = new DcmUnsignedShort(DcmTag(DCM_LUTDescriptor, EVR_US));
  element->putUint16Array(descriptor, 3);
  item->insert(element, OFTrue);
  auto *data = new DcmUnsignedShort(DcmTag(DCM_LUTData, EVR_US));
  data->putUint16Array(lut.data, lut.entries);
  item->insert(data, OFTrue);
}

static void put_pixels(DcmDataset &d, const AxSampleDicom *s) {
  std::size_t n = (std::size_t)s->columns * s->rows * s->samples;
  int shift = s->high + 1 - s->stored;
  if (s->pixel_override) {
    d.putAndInsertUint8Array(DCM_PixelData, s->pixel_override, s->pixel_override_size);
  } else if (s->allocated == 16) {
    std::vector<Uint16> v(n);
    for (std::size_t i = 0; i < n; i++) v[i] = (Uint16)(s->pixels[i] << shift);
    d.putAndInsertUint16Array(DCM_PixelData, v.data(), n);
  } else {
    std::vector<Uint8> v(n + n % 2);
    for (std::size_t i = 0; i < n; i++) v[i] = (Uint8)s->pixels[i];
    d.putAndInsertUint8Array(DCM_PixelData, v.data(), v.size());
  }
}

static bool put_jpeg2000(DcmDataset &d, const AxSampleDicom *s, E_TransferSyntax xfer) {
  std::vector<guint8> code = encode_jpeg2000(s, xfer == EXS_JPEG2000LosslessOnly);
  if (code.empty()) return false;
  if (code.size() % 2) code.push_back(0);
  auto *sequence = new DcmPixelSequence(DcmTag(DCM_PixelData, EVR_OB));
  sequence->insert(new DcmPixelItem(DcmTag(DCM_Item, EVR_OB)));
  // Two fragments, so that putting them together is tested.
  std::size_t half = code.size() / 4 * 2;
  for (int part = 0; part < 2; part++) {
    auto *item = new DcmPixelItem(DcmTag(DCM_Item, EVR_OB));
    item->putUint8Array(code.data() + (part ? half : 0), part ? code.size() - half : half);
    sequence->insert(item);
  }
  auto *pixels = new DcmPixelData(DcmTag(DCM_PixelData, EVR_OB));
  pixels->putOriginalRepresentation(xfer, nullptr, sequence);
  return d.insert(pixels, OFTrue).good();
}

static bool encode(DcmDataset &d, const AxSampleDicom *s, E_TransferSyntax xfer) {
  switch (xfer) {
  case EXS_JPEG2000LosslessOnly:
  case EXS_JPEG2000: return put_jpeg2000(d, s, xfer);
  case EXS_LittleEndianImplicit:
  case EXS_LittleEndianExplicit:
  case EXS_BigEndianExplicit: return true;
  case EXS_RLELossless: {
    DcmRLERepresentationParameter p;
    return d.chooseRepresentation(xfer, &p).good() && d.canWriteXfer(xfer);
  }
  case EXS_JPEGLSLossless:
  case EXS_JPEGLSLossy: {
    DJLSRepresentationParameter p(2, xfer == EXS_JPEGLSLossless);
    return d.chooseRepresentation(xfer, &p).good() && d.canWriteXfer(xfer);
  }
  case EXS_JPEGProcess14:
  case EXS_JPEGProcess14SV1: {
    DJ_RPLossless p(6, 0);
    return d.chooseRepresentation(xfer, &p).good() && d.canWriteXfer(xfer);
  }
  default: {
    DJ_RPLossy p(95);
    return d.chooseRepresentation(xfer, &p).good() && d.canWriteXfer(xfer);
  }
  }
}

GBytes *ax_sample_dicom(const AxSampleDicom *s, const char **why) {
  start();
  DcmFileFormat file;
  DcmDataset &d = *file.getDataset();
  char uid[100];
  d.putAndInsertString(DCM_SOPClassUID, UID_DigitalXRayImageStorageForPresentation);
  d.putAndInsertString(DCM_SOPInstanceUID, dcmGenerateUniqueIdentifier(uid));
  d.putAndInsertString(DCM_Modality, "DX");
  d.putAndInsertUint16(DCM_SamplesPerPixel, s->samples);
  d.putAndInsertString(DCM_PhotometricInterpretation, s->photometric);
  if (s->samples > 1) d.putAndInsertUint16(DCM_PlanarConfiguration, 0);
  d.putAndInsertUint16(DCM_Rows, s->rows);
  d.putAndInsertUint16(DCM_Columns, s->columns);
  d.putAndInsertUint16(DCM_BitsAllocated, s->allocated);
  d.putAndInsertUint16(DCM_BitsStored, s->stored);
  d.putAndInsertUint16(DCM_HighBit, s->high);
  d.putAndInsertUint16(DCM_PixelRepresentation, s->is_signed);
  for (const AxSampleAttribute &a : s->attributes) {
    if (a.value == nullptr) continue;
    DcmTagKey key(a.group, a.element);
    if (a.group == 0x0028 && (a.element == 0x0120 || a.element == 0x0121)) d.putAndInsertUint16(DcmTag(key, EVR_US), (Uint16)std::atoi(a.value));
    else d.putAndInsertString(DcmTag(key), a.value);
  }
  put_lut(d, DCM_ModalityLUTSequence, s->modality);
  put_lut(d, DCM_VOILUTSequence, s->voi);
  put_pixels(d, s);
  E_TransferSyntax xfer = DcmXfer(s->syntax).getXfer();
  if (!encode(d, s, xfer)) {
    if (why) *why = "the encoder does not know this form";
    return nullptr;
  }
  char path[] = "/tmp/ax-sample-XXXXXX";
  int fd = mkstemp(path);
  close(fd);
  OFCondition status = file.saveFile(path, xfer);
  char *contents = nullptr;
  gsize length = 0;
  bool ok = status.good() && g_file_get_contents(path, &contents, &length, nullptr);
  unlink(path);
  if (!ok) {
    if (why) *why = status.text();
    return nullptr;
  }
  return g_bytes_new_take(contents, length);
}
