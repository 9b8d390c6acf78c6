#include "engine/image/dicom-private.h"

#include <openjpeg.h>
#include <string.h>

/* OpenJPEG keeps some kilobytes for each tile that a file announces, so the number is checked first. */
#define MAX_TILES 4096

typedef struct {
  const guint8 *data;
  gsize size, at;
} Source;

static OPJ_SIZE_T on_read(void *buffer, OPJ_SIZE_T bytes, void *user) {
  Source *s = user;
  if (s->at >= s->size) return (OPJ_SIZE_T)-1;
  OPJ_SIZE_T n = MIN(bytes, s->size - s->at);
  memcpy(buffer, s->data + s->at, n);
  s->at += n;
  return n;
}

static OPJ_OFF_T on_skip(OPJ_OFF_T bytes, void *user) {
  Source *s = user;
  if (bytes < 0) return -1;
  gsize n = MIN((gsize)bytes, s->size - s->at);
  s->at += n;
  return (OPJ_OFF_T)n;
}

static OPJ_BOOL on_seek(OPJ_OFF_T to, void *user) {
  Source *s = user;
  if (to < 0 || (gsize)to > s->size) return OPJ_FALSE;
  s->at = (gsize)to;
  return OPJ_TRUE;
}

static void on_message(const char *message, void *user) {
  (void)message, (void)user;
}

static guint32 be32(const guint8 *p) {
  return (guint32)p[0] << 24 | (guint32)p[1] << 16 | (guint32)p[2] << 8 | p[3];
}

/* The SIZ segment (ISO 15444-1 A.5.1), which must come first. */
static gboolean check_size(const guint8 *p, gsize size, int width, int height, int samples) {
  if (size < 42) return FALSE;
  guint32 x1 = be32(p + 8), y1 = be32(p + 12), x0 = be32(p + 16), y0 = be32(p + 20), tw = be32(p + 24), th = be32(p + 28);
  guint components = (guint)p[40] << 8 | p[41];
  if (x1 <= x0 || y1 <= y0 || x1 - x0 != (guint32)width || y1 - y0 != (guint32)height || components != (guint)samples) return FALSE;
  if (tw == 0 || th == 0) return FALSE;
  guint64 tiles = (((guint64)x1 + tw - 1) / tw) * (((guint64)y1 + th - 1) / th);
  return tiles <= MAX_TILES;
}

static gboolean take(const opj_image_t *image, int width, int height, int samples, int bits, guint16 *out) {
  gsize n = (gsize)width * height;
  if (image->numcomps != (OPJ_UINT32)samples) return FALSE;
  for (int c = 0; c < samples; c++) {
    const opj_image_comp_t *comp = &image->comps[c];
    if (comp->data == NULL || comp->w != (OPJ_UINT32)width || comp->h != (OPJ_UINT32)height || comp->prec > 16) return FALSE;
    guint32 mask = (1u << bits) - 1;
    for (gsize i = 0; i < n; i++) out[c * n + i] = (guint16)((guint32)comp->data[i] & mask);
  }
  return TRUE;
}

gboolean ax_jpeg2000_decode(const guint8 *data, gsize size, int width, int height, int samples, int bits, guint16 *out, GError **error) {
  static const guint8 start[4] = {0xff, 0x4f, 0xff, 0x51};
  const guint8 *code = memmem(data, size, start, sizeof start);
  gsize code_size = code ? size - (gsize)(code - data) : 0;
  gboolean ok = FALSE;
  if (code && check_size(code, code_size, width, height, samples)) {
    Source source = {code, code_size, 0};
    opj_stream_t *stream = opj_stream_create(MIN(code_size, 1u << 20) + 1, OPJ_TRUE);
    opj_codec_t *codec = opj_create_decompress(OPJ_CODEC_J2K);
    opj_image_t *image = NULL;
    opj_dparameters_t parameters;
    opj_set_default_decoder_parameters(&parameters);
    if (stream && codec) {
      opj_stream_set_user_data(stream, &source, NULL);
      opj_stream_set_user_data_length(stream, code_size);
      opj_stream_set_read_function(stream, on_read);
      opj_stream_set_skip_function(stream, on_skip);
      opj_stream_set_seek_function(stream, on_seek);
      opj_set_error_handler(codec, on_message, NULL);
      opj_set_warning_handler(codec, on_message, NULL);
      opj_set_info_handler(codec, on_message, NULL);
      ok = opj_setup_decoder(codec, &parameters) && opj_decoder_set_strict_mode(codec, OPJ_TRUE) && opj_read_header(stream, codec, &image) &&
           opj_decode(codec, stream, image) && opj_end_decompress(codec, stream) && take(image, width, height, samples, bits, out);
    }
    if (image) opj_image_destroy(image);
    if (codec) opj_destroy_codec(codec);
    if (stream) opj_stream_destroy(stream);
  }
  if (!ok)
    g_set_error(error, AX_IMAGE_ERROR, AX_IMAGE_ERROR_CORRUPT, "The DICOM file is broken (its JPEG 2000 data cannot be decoded or is not %d x %d with %d channels); export it again",
                width, height, samples);
  return ok;
}
