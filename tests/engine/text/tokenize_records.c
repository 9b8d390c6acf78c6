/* For compare_tokenizers.py: standard input has records of a length (4 bytes, little-endian) and that many bytes of UTF-8; standard output gets for each
 * the number of ids and the ids with <bos>, 4 bytes each, then the length and the bytes of the decoded ids.
 *   tokenize_records SOURCE        a .gguf, a tokenizer.json or a folder with one; the time that opening took goes to stderr */
#include <stdio.h>
#include <string.h>

#include "engine/text/gemma_tokenizer.h"

int main(int argc, char **argv) {
  g_autoptr(GError) error = NULL;
  if (argc != 2) {
    fprintf(stderr, "usage: tokenize_records SOURCE < records\n");
    return 2;
  }
  const gint64 before = g_get_monotonic_time();
  g_autoptr(AxGemmaTokenizer) tokenizer = ax_gemma_tokenizer_open(argv[1], &error);
  if (tokenizer == NULL) {
    fprintf(stderr, "%s\n", error->message);
    return 1;
  }
  fprintf(stderr, "%s: opened in %.3f s, %u ids\n", argv[1], (double) (g_get_monotonic_time() - before) * 1e-6, ax_gemma_tokenizer_size(tokenizer));
  g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(gint32));
  guint32 length;
  while (fread(&length, sizeof length, 1, stdin) == 1) {
    g_autofree char *text = g_malloc((gsize) length + 1);
    if (fread(text, 1, length, stdin) != length)
      return 1;
    text[length] = '\0';
    g_array_set_size(ids, 0);
    ax_gemma_tokenizer_encode(tokenizer, text, length, TRUE, ids);
    g_autofree char *decoded = ax_gemma_tokenizer_decode(tokenizer, (const gint32 *) (gpointer) ids->data, ids->len, TRUE);
    const guint32 n = ids->len, bytes = (guint32) strlen(decoded);
    if (fwrite(&n, sizeof n, 1, stdout) != 1 || fwrite(ids->data, sizeof(gint32), n, stdout) != n || fwrite(&bytes, sizeof bytes, 1, stdout) != 1 ||
        fwrite(decoded, 1, bytes, stdout) != bytes)
      return 1;
  }
  return 0;
}
