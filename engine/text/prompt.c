#include "engine/text/prompt.h"

#include <string.h>

const char *ax_prompt_system(guint i) {
#define COMMON "You are given some possible findings about this chest X-ray image. Some of these findings might not be correct. Use the given findings to complete the task"
  /* Spec 8.2, the two spaces too. */
  static const char *const prompts[AX_PROMPT_N_SYSTEM] = {
      "You are a specialized AI radiology assistant trained to interpret chest X-ray images. " COMMON,
      "You are a professional radiology consultant with deep knowledge of thoracic imaging.  " COMMON,
      "You are a radiology assistant with strong reasoning skills for thoracic imaging.  " COMMON,
  };
#undef COMMON
  return i < AX_PROMPT_N_SYSTEM ? prompts[i] : NULL;
}

void ax_prompt_box_corners(double x1, double y1, double x2, double y2, char out[AX_PROMPT_BOX_SIZE]) {
  int corner[4];
  const double v[4] = {x1, y1, x2, y2};
  for (int i = 0; i < 4; i++) /* a network gone wrong must not overflow an int */
    corner[i] = v[i] == v[i] ? (int) CLAMP(v[i], -999999999.0, 999999999.0) : 0;
  g_snprintf(out, AX_PROMPT_BOX_SIZE, "(%d,%d),(%d,%d)", corner[0], corner[1], corner[2], corner[3]);
}

void ax_prompt_box(const float b[4], char out[AX_PROMPT_BOX_SIZE]) {
  /* Corners rounded to float32 before they are scaled, as the reference computes them; volatile, so that no wider arithmetic slips in. */
  volatile float x1 = b[0] - 0.5f * b[2], y1 = b[1] - 0.5f * b[3], x2 = b[0] + 0.5f * b[2], y2 = b[1] + 0.5f * b[3];
  ax_prompt_box_corners(x1 * 1024.0f, y1 * 1024.0f, x2 * 1024.0f, y2 * 1024.0f, out);
}

/* A sentence of the database on one line and without tags. */
static void append_sentence(GString *text, const char *sentence) {
  g_autofree char *clean = ax_prompt_sanitise(sentence, AX_SANITISE_ALL);
  g_string_append(text, g_strdelimit(clean, "\r\n", ' '));
}

char *ax_prompt_prefix(const AxPromptOptions *options, const AxPromptObjects *objects) {
  g_return_val_if_fail(options->n_image_tokens >= 0 && (objects != NULL || options->context == AX_PROMPT_IMAGE_ONLY), NULL);
  GString *text = g_string_sized_new(16384);
  g_string_append(text, "<bos><start_of_turn>user\n");
  if (options->system != NULL && *options->system != '\0') {
    g_autofree char *system = ax_prompt_sanitise(options->system, AX_SANITISE_ALL);
    g_string_append(text, system);
  }
  g_string_append(text, "\n\nImage: \n\n<image_start>");
  for (int i = 0; i < options->n_image_tokens; i++)
    g_string_append(text, "<image>");
  g_string_append(text, "<image_end>\n\n");
  if (options->context == AX_PROMPT_FULL)
    g_string_append(text, "\nLikely findings:");
  for (int i = 0; options->context != AX_PROMPT_IMAGE_ONLY && i < AX_PROMPT_N_OBJECTS; i++) {
    g_string_append_printf(text, "\nemb:<emb><obj_%d></emb>", i);
    if (options->context == AX_PROMPT_NO_TEXT)
      continue;
    char box[AX_PROMPT_BOX_SIZE];
    ax_prompt_box(objects->boxes[i], box);
    g_string_append_printf(text, " box:<box>%s</box> ", box);
    if (objects->sentences[i] != NULL)
      append_sentence(text, objects->sentences[i]);
  }
  g_string_append(text, options->extra_newline ? "\n\n" : "\n");
  return g_string_free(text, FALSE);
}

/* White space of Unicode at both ends off, as Python's strip() does. */
static char *strip(const char *text) {
  while (*text != '\0' && g_unichar_isspace(g_utf8_get_char(text)))
    text = g_utf8_next_char(text);
  const char *end = text + strlen(text);
  while (end > text) {
    const char *before = g_utf8_prev_char(end);
    if (!g_unichar_isspace(g_utf8_get_char(before)))
      break;
    end = before;
  }
  return g_strndup(text, (gsize) (end - text));
}

char *ax_prompt_task(const char *instruction, gboolean follow_up) {
  g_autofree char *inner = strip(instruction);
  return g_strconcat(follow_up ? "<end_of_turn>\n<start_of_turn>user\n" : "", "Task: ", inner, "<end_of_turn>\n<start_of_turn>model\n", NULL);
}

char *ax_prompt_answer(const char *text) {
  g_autofree char *inner = strip(text);
  return g_strconcat(inner, "<end_of_turn>", NULL);
}

void ax_prompt_encode(const AxGemmaTokenizer *tokenizer, const char *prefix, const char *task, GArray *ids, guint *n_prefix) {
  const guint before = ids->len;
  ax_gemma_tokenizer_encode(tokenizer, prefix, -1, TRUE, ids);
  if (n_prefix != NULL)
    *n_prefix = ids->len - before;
  if (task != NULL)
    ax_gemma_tokenizer_encode(tokenizer, task, -1, FALSE, ids);
}

/* ---- user text ---- */

/* Length of the tag that text begins with and that may not pass, or 0. */
static gsize forbidden(const char *text, AxSanitise mode) {
  static const char *const control[] = {"<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "<start_of_turn>", "<end_of_turn>", "<start_of_image>", "<end_of_image>",
                                        "<image_soft_token>", "[multimodal]", "__BOX"};
  for (gsize i = 0; i < G_N_ELEMENTS(control); i++)
    if (g_str_has_prefix(text, control[i]))
      return strlen(control[i]);
  if (*text != '<')
    return 0;
  if (g_str_has_prefix(text, "<unused")) {
    const gsize digits = strspn(text + 7, "0123456789");
    return digits > 0 && text[7 + digits] == '>' ? 8 + digits : 0;
  }
  for (guint i = 0; i < AX_N_ADDED_TOKENS; i++) {
    const gboolean region = i == AX_TOKEN_BOX || i == AX_TOKEN_BOX_END || i == AX_TOKEN_REF || i == AX_TOKEN_REF_END;
    if (!(region && mode == AX_SANITISE_REGION_TAGS) && g_str_has_prefix(text, ax_added_token_text((AxAddedToken) i)))
      return strlen(ax_added_token_text((AxAddedToken) i));
  }
  return 0;
}

char *ax_prompt_sanitise(const char *text, AxSanitise mode) {
  g_autofree char *valid = g_utf8_make_valid(text, -1);
  GString *out = g_string_sized_new(strlen(valid) + 16);
  for (const char *p = valid; *p != '\0'; p = g_utf8_next_char(p)) {
    const gunichar c = g_utf8_get_char(p);
    if (c == '\r' || (c != '\n' && c != '\t' && g_unichar_type(c) == G_UNICODE_CONTROL)) {
      if (!(c == '\r' && p[1] == '\n'))
        g_string_append_c(out, c == '\r' ? '\n' : ' ');
      continue;
    }
    g_string_append_len(out, p, g_utf8_next_char(p) - p);
    if ((c == '<' || c == '[' || c == '_') && forbidden(p, mode) > 0)
      g_string_append_c(out, ' '); /* "< obj_3>": a space is in none of the tags, so no new one can arise */
  }
  return g_string_free(out, FALSE);
}
