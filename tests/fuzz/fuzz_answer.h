/* What the fuzz target and the tests do with any bytes: parse them as an answer, whole and in pieces, and look at what must always hold. */
#pragma once

#include <string.h>

#include "engine/task/answer_parser.h"

static inline void fuzz_answer(const guint8 *data, gsize size) {
  g_autofree char *raw = g_strndup((const char *) data, size); /* up to a zero byte */
  g_autofree char *text = g_utf8_make_valid(raw, -1);
  const gsize n = strlen(text);
  g_autoptr(AxAnswerParser) whole = ax_answer_parser_new(), pieces = ax_answer_parser_new();
  ax_answer_parser_push(whole, text);
  ax_answer_parser_finish(whole, TRUE);
  gsize step = n > 20000 ? 1000 : 7;
  for (gsize at = 0; at < n; at += step) {
    g_autofree char *piece = g_strndup(text + at, MIN(step, n - at));
    ax_answer_parser_push(pieces, piece);
  }
  ax_answer_parser_finish(pieces, TRUE);
  g_assert_cmpstr(ax_answer_parser_plain(whole), ==, ax_answer_parser_plain(pieces));
  g_assert_cmpuint(ax_answer_parser_n_boxes(whole), ==, ax_answer_parser_n_boxes(pieces));
  const gsize n_plain = strlen(ax_answer_parser_plain(whole));
  for (guint i = 0; i < ax_answer_parser_n_boxes(whole); i++) {
    const AxParsedBox *a = ax_answer_parser_box(whole, i), *b = ax_answer_parser_box(pieces, i);
    g_assert_true(a->start < a->end && a->end <= n && a->plain_at <= n_plain);
    g_assert_true(memcmp(&a->box, &b->box, sizeof a->box) == 0 && g_strcmp0(a->label, b->label) == 0);
  }
  g_assert_cmpuint(ax_answer_parser_raw_offset(whole, n_plain), ==, n);
  for (gsize i = 0; i < n_plain; i++)
    if (text[ax_answer_parser_raw_offset(whole, i)] != '<') /* else it may be the comma before a <ref> */
      g_assert_cmpint(ax_answer_parser_plain(whole)[i], ==, text[ax_answer_parser_raw_offset(whole, i)]);
  g_autoptr(GArray) choices = ax_answer_choices(text), map = g_array_new(FALSE, FALSE, sizeof(guint32));
  g_autofree char *clean = ax_answer_postprocess_map(text, map);
  g_autofree char *again = ax_answer_postprocess(clean);
  g_assert_cmpuint(choices->len, <=, 64);
  g_assert_cmpuint(map->len, ==, strlen(clean));
  g_assert_true(g_utf8_validate(clean, -1, NULL));
  g_assert_cmpuint(strlen(again), <=, strlen(clean));
  if (ax_answer_is_nothing(text))
    g_assert_cmpuint(ax_answer_parser_n_boxes(whole), ==, 0);
  (void) ax_answer_fault(text, NULL);
}
