#include "engine/image/image-private.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jerror.h>
#include <jpeglib.h>

/* A progressive file may repeat full-image scans without end: each costs a pass over all coefficients. Real ones have about 10. */
#define MAX_SCANS 100

typedef struct {
  struct jpeg_decompress_struct cinfo;
  struct jpeg_error_mgr errors;
  struct jpeg_progress_mgr progress;
  jmp_buf jump;
  GCancellable *cancellable;
  gboolean cancelled, truncated, too_many_scans;
  char message[JMSG_LENGTH_MAX];
  guint8 *row;
  AxImage *image;
  int orientation;
  GError *error;
  gboolean done;
} JpegState;

static void on_error(j_common_ptr cinfo) {
  JpegState *s = cinfo->client_data;
  cinfo->err->format_message(cinfo, s->message);
  longjmp(s->jump, 1);
}

/* libjpeg fills what is missing with grey and only warns; a diagnosis on half an image is worse than none. */
static void on_message(j_common_ptr cinfo, int level) {
  JpegState *s = cinfo->client_data;
  if (level >= 0) return;
  cinfo->err->num_warnings++;
  int code = cinfo->err->msg_code;
  if (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER) s->truncated = TRUE;
  if (s->truncated) longjmp(s->jump, 1);
}

static void on_output(j_common_ptr cinfo) {
  (void)cinfo;
}

static void on_progress(j_common_ptr cinfo) {
  JpegState *s = cinfo->client_data;
  if (s->cinfo.input_scan_number > MAX_SCANS) s->too_many_scans = TRUE;
  if (g_cancellable_is_cancelled(s->cancellable)) s->cancelled = TRUE;
  if (s->too_many_scans || s->cancelled) longjmp(s->jump, 1);
}

gboolean ax_jpeg_recognise(const guint8 *data, gsize size) {
  return size >= 3 && data[0] == 0xff && data[1] == 0xd8 && data[2] == 0xff;
}

/* Where the pixel (x, y) of the stored image goes in the upright one (EXIF 2.3, tag 0x0112). */
typedef struct {
  gsize origin;
  gssize step_x, step_y;
} Placement;

static Placement place(int orientation, int width, int height) {
  gssize w = width, h = height;
  switch (orientation) {
  case 2: return (Placement){(gsize)(w - 1), -1, w};
  case 3: return (Placement){(gsize)(w * h - 1), -1, -w};
  case 4: return (Placement){(gsize)((h - 1) * w), 1, -w};
  case 5: return (Placement){0, h, 1};
  case 6: return (Placement){(gsize)(h - 1), h, -1};
  case 7: return (Placement){(gsize)(w * h - 1), -h, -1};
  case 8: return (Placement){(gsize)((w - 1) * h), -h, 1};
  default: return (Placement){0, 1, w};
  }
}

static void take_row(JpegState *s, int y, Placement at) {
  int channels = s->cinfo.output_components, width = (int)s->cinfo.output_width;
  gboolean adobe = s->cinfo.saw_Adobe_marker;
  const guint8 *p = s->row;
  gssize to = (gssize)at.origin + y * at.step_y;
  for (int x = 0; x < width; x++, p += channels, to += at.step_x) {
    guint r = p[0], g = p[0], b = p[0];
    if (channels == 3) g = p[1], b = p[2];
    if (channels == 4) {
      /* Adobe stores inks inverted, so that the product with black is already light. */
      guint c = p[0], m = p[1], ye = p[2], k = p[3];
      if (!adobe) c = 255 - c, m = 255 - m, ye = 255 - ye, k = 255 - k;
      r = (c * k + 127) / 255, g = (m * k + 127) / 255, b = (ye * k + 127) / 255;
    }
    s->image->pixels[to] = (guint16)(channels == 1 ? r : ax_grey_of_rgb(r, g, b));
    if (s->image->model_pixels) s->image->model_pixels[to] = (guint16)r;
  }
}

static const char *colour_name(J_COLOR_SPACE space) {
  switch (space) {
  case JCS_GRAYSCALE: return "grey";
  case JCS_CMYK: return "CMYK";
  case JCS_YCCK: return "YCCK";
  default: return "colour";
  }
}

static gboolean read_image(JpegState *s) {
  struct jpeg_decompress_struct *c = &s->cinfo;
  jpeg_read_header(c, TRUE);
  for (jpeg_saved_marker_ptr m = c->marker_list; m; m = m->next) {
    if (m->marker != JPEG_APP0 + 1 || s->orientation != 0) continue;
    if (m->data_length >= 6 && memcmp(m->data, "Exif\0", 5) == 0) s->orientation = ax_exif_orientation(m->data, m->data_length);
  }
  if (!ax_image_check_size(c->image_width, c->image_height, &s->error)) return FALSE;
  if (c->jpeg_color_space == JCS_GRAYSCALE) c->out_color_space = JCS_GRAYSCALE;
  else if (c->jpeg_color_space == JCS_CMYK || c->jpeg_color_space == JCS_YCCK) c->out_color_space = JCS_CMYK;
  else if (c->num_components == 3) c->out_color_space = JCS_RGB;
  else {
    g_set_error(&s->error, AX_IMAGE_ERROR, AX_IMAGE_ERROR_UNSUPPORTED, "A JPEG with %d colour components is not read; save it as grey or RGB", c->num_components);
    return FALSE;
  }
  c->dct_method = JDCT_ISLOW;
  jpeg_start_decompress(c);
  gboolean turned = s->orientation >= 5;
  s->image = ax_image_alloc(turned ? c->output_height : c->output_width, turned ? c->output_width : c->output_height, 8, &s->error);
  if (s->image == NULL) return FALSE;
  if (c->output_components >= 3 && (s->image->model_pixels = ax_image_alloc_plane(s->image, &s->error)) == NULL) return FALSE;
  s->row = g_malloc0((gsize)c->output_width * c->output_components);
  Placement at = place(s->orientation, (int)c->output_width, (int)c->output_height);
  while (c->output_scanline < c->output_height) {
    int y = (int)c->output_scanline;
    JSAMPROW row = s->row;
    jpeg_read_scanlines(c, &row, 1);
    take_row(s, y, at);
  }
  jpeg_finish_decompress(c);
  return TRUE;
}

static void explain(JpegState *s) {
  if (s->error) return;
  if (s->cancelled)
    g_cancellable_set_error_if_cancelled(s->cancellable, &s->error);
  else if (s->truncated)
    g_set_error(&s->error, AX_IMAGE_ERROR, AX_IMAGE_ERROR_CORRUPT, "The JPEG file is truncated; copy or export it again");
  else if (s->too_many_scans)
    g_set_error(&s->error, AX_IMAGE_ERROR, AX_IMAGE_ERROR_TOO_LARGE, "The JPEG file has more than %d scans; save it again as baseline JPEG", MAX_SCANS);
  else if (s->cinfo.err->msg_code == JERR_EMPTY_IMAGE)
    g_set_error(&s->error, AX_IMAGE_ERROR, AX_IMAGE_ERROR_EMPTY, "The JPEG image has no pixels; export it again from its source");
  else if (s->cinfo.err->msg_code == JERR_IMAGE_TOO_BIG)
    g_set_error(&s->error, AX_IMAGE_ERROR, AX_IMAGE_ERROR_TOO_LARGE, "The JPEG image is too large (at most %d pixels on a side): scale it down first", AX_IMAGE_MAX_SIDE);
  else if (s->cinfo.err->msg_code == JERR_BAD_PRECISION || s->cinfo.err->msg_code == JERR_SOF_UNSUPPORTED || s->cinfo.err->msg_code == JERR_ARITH_NOTIMPL)
    g_set_error(&s->error, AX_IMAGE_ERROR, AX_IMAGE_ERROR_UNSUPPORTED, "This kind of JPEG is not read (%s); save it as 8-bit baseline JPEG or PNG", s->message);
  else
    g_set_error(&s->error, AX_IMAGE_ERROR, AX_IMAGE_ERROR_CORRUPT, "The JPEG file is broken (%s); copy or export it again", s->message);
}

AxImage *ax_jpeg_read(const guint8 *data, gsize size, GCancellable *cancellable, GError **error) {
  JpegState *s = g_new0(JpegState, 1);
  s->cancellable = cancellable;
  s->cinfo.err = jpeg_std_error(&s->errors);
  s->errors.error_exit = on_error;
  s->errors.emit_message = on_message;
  s->errors.output_message = on_output;
  s->cinfo.client_data = s;
  if (setjmp(s->jump) != 0) {
    explain(s);
  } else {
    jpeg_create_decompress(&s->cinfo);
    s->progress.progress_monitor = on_progress;
    s->cinfo.progress = &s->progress;
    s->cinfo.mem->max_memory_to_use = 1024l * 1024 * 1024;
    jpeg_mem_src(&s->cinfo, data, size);
    jpeg_save_markers(&s->cinfo, JPEG_APP0 + 1, 0xffff);
    s->done = read_image(s);
  }
  AxImage *result = s->image;
  if (s->done) {
    result->origin = AX_IMAGE_ORIGIN_UINT8;
    result->format = AX_IMAGE_FORMAT_JPEG;
    result->description = g_strdup_printf("JPEG, 8 bit %s%s", colour_name(s->cinfo.jpeg_color_space), s->cinfo.progressive_mode ? ", progressive" : "");
  } else {
    g_clear_object(&result);
  }
  jpeg_destroy_decompress(&s->cinfo);
  g_free(s->row);
  if (s->error) g_propagate_error(error, s->error);
  g_free(s);
  return result;
}
