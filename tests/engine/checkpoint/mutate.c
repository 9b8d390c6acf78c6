#include "tests/engine/checkpoint/mutate.h"

#include <string.h>

static const guint64 extremes[] = { 0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, G_MAXINT64, G_MAXUINT64 };

static guint32
pick(GRand *rand, gsize n)
{
  return n > 0 ? (guint32) (g_rand_double(rand) * (double) n) : 0;
}

GBytes *
mutate(GRand *rand, const guint8 *original, gsize size, Mutation kind)
{
  for (;;) {
    g_autoptr(GByteArray) bytes = g_byte_array_sized_new((guint) size + 64);
    g_byte_array_append(bytes, original, (guint) size);
    switch (kind) {
    case MUTATION_FLIP: {
      const guint32 at = pick(rand, size);
      bytes->data[at] ^= (guint8) (1u << pick(rand, 8));
      break;
    }
    case MUTATION_TRUNCATE:
      g_byte_array_set_size(bytes, pick(rand, size));
      break;
    case MUTATION_LENGTH: {
      /* Wherever a number stands it may be a length: small ones nearby are what the formats store. */
      static const guint widths[] = { 1, 2, 4, 8 };
      const guint width = widths[pick(rand, 4)];
      if (size < width)
        continue;
      const gsize at = pick(rand, 2) ? pick(rand, size - width + 1) : pick(rand, MIN(size - width + 1, 256));
      guint64 value = 0;
      memcpy(&value, bytes->data + at, width);
      switch (pick(rand, 4)) {
      case 0:
        value++;
        break;
      case 1:
        value--;
        break;
      case 2:
        value <<= 1;
        break;
      default:
        value = extremes[pick(rand, G_N_ELEMENTS(extremes))];
      }
      memcpy(bytes->data + at, &value, width);
      break;
    }
    default: {
      const gsize from = pick(rand, size), to = pick(rand, size), length = 1 + pick(rand, MIN(size - from, 64));
      g_autofree guint8 *piece = g_memdup2(original + from, length);
      switch (pick(rand, 3)) {
      case 0: /* over something else */
        memcpy(bytes->data + to, piece, MIN(length, size - to));
        break;
      case 1: /* in between */
        g_byte_array_append(bytes, piece, (guint) length);
        memmove(bytes->data + to + length, bytes->data + to, size - to);
        memcpy(bytes->data + to, piece, length);
        break;
      default: /* taken out */
        g_byte_array_remove_range(bytes, (guint) from, (guint) MIN(length, size - from));
      }
    }
    }
    if (bytes->len != size || memcmp(bytes->data, original, size) != 0)
      return g_bytes_new_take(g_memdup2(bytes->data, bytes->len), bytes->len);
  }
}
