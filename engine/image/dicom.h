/* DICOM files: CR, DX, RG and SC images of one frame. What lives here: the C face of the one C++ file (dicom.cpp, over DCMTK). Only
 * engine/image uses it; everybody else calls ax_image_load(). */
#pragma once

#include "engine/image/image.h"

G_BEGIN_DECLS

/* TRUE for a file with the "DICM" mark, and for a bare data set that begins with group 0002 or 0008. */
gboolean ax_dicom_recognise(const guint8 *data, gsize size);

/* The image of a DICOM file, through the grey pipeline of PS3.3 C.11: stored value, modality, VOI, presentation shape, MONOCHROME1
 * inversion last. Errors: AX_IMAGE_ERROR; a lateral view is refused with AX_IMAGE_ERROR_LATERAL. */
AxImage *ax_dicom_read(const guint8 *data, gsize size, GCancellable *cancellable, GError **error);

G_END_DECLS
