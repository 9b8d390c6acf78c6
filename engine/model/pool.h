/* pool.h: the memory that passes work in.
 *
 * What lives here: AxPool, which takes large chunks from a device and hands out parts of them. Passes over batches of different size ask for arrays of different
 * size each time: parts are split and grow together again, so that what one pass gave back serves the next one whatever its sizes, and all chunks together stay
 * close to what the largest pass needs at once. It never gives a pass other values, only other addresses. May use kernels/device.h and GLib.
 */
#pragma once
#include "kernels/device.h"
#include <glib.h>

typedef struct _AxPool AxPool;

AxPool  *ax_pool_new   (const AxDevice *device);
void     ax_pool_free  (AxPool *pool);

/* At least `bytes`, aligned to a page of 4096 within its chunk; contents undefined. Out of memory ends the program on the host; elsewhere the device keeps an error
 * and the address is one that nothing may follow (no work is done from there on). */
gpointer ax_pool_take  (AxPool *pool, gsize bytes);
/* Gives a part back; nothing happens if it is none, or was given back already. */
void     ax_pool_give  (AxPool *pool, gpointer mem);
/* Takes all parts back. */
void     ax_pool_reset (AxPool *pool);
/* The most that the chunks took together. */
gsize    ax_pool_peak  (const AxPool *pool);
