/* start.h: why a card cannot be used, in words for the user. Pure: device.cu fills in what it found, tests what they like. */
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
  AX_CUDA_ANSWERS,      /* the first card is there and was asked for its properties */
  AX_CUDA_DRIVER,       /* the driver is missing or older than this program's run-time library */
  AX_CUDA_NO_CARD,
  AX_CUDA_NO_MEMORY,    /* not even for what starting takes */
  AX_CUDA_BUSY,         /* another program has it to itself */
  AX_CUDA_MISMATCH,     /* the driver's parts are of different versions */
  AX_CUDA_OTHER,
} AxCudaAnswer;

typedef struct {
  AxCudaAnswer answer;
  int driver, runtime;  /* versions of CUDA as the library numbers them (13000: 13.0); a driver of 0 is none */
  const char *name;     /* the card's, and its compute capability, where it answers */
  int major, minor;
  const char *other;    /* the library's words for AX_CUDA_OTHER */
} AxCudaFound;

/* NULL when the card can be used; else valid until the next call. */
const char *ax_cuda_problem (const AxCudaFound *found);

#ifdef __cplusplus
}
#endif
