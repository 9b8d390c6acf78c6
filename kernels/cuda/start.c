/* See start.h. */
#include "kernels/cuda/start.h"

#include <stdio.h>

#define OLDEST 8 /* compute capability: the matrix instructions for bfloat16 */

const char *
ax_cuda_problem (const AxCudaFound *f)
{
  static char text[256];
  switch (f->answer) {
  case AX_CUDA_DRIVER:
    if (f->driver == 0)
      return "no NVIDIA driver is installed";
    snprintf (text, sizeof text, "the NVIDIA driver serves CUDA %d.%d and this program needs %d.%d: update the driver", f->driver / 1000, f->driver / 10 % 100,
              f->runtime / 1000, f->runtime / 10 % 100);
    return text;
  case AX_CUDA_NO_CARD:
    return "there is no NVIDIA graphics processor";
  case AX_CUDA_NO_MEMORY:
    return "the graphics processor has no free memory";
  case AX_CUDA_BUSY:
    return "another program has the graphics processor to itself";
  case AX_CUDA_MISMATCH:
    return "the NVIDIA driver was updated: restart the computer";
  case AX_CUDA_OTHER:
    snprintf (text, sizeof text, "the graphics processor does not answer: %s", f->other);
    return text;
  case AX_CUDA_ANSWERS:
    break;
  }
  if (f->major >= OLDEST)
    return NULL;
  snprintf (text, sizeof text, "%s is too old: compute capability %d.%d, at least %d.0 is needed", f->name, f->major, f->minor, OLDEST);
  return text;
}
