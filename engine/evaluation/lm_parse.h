/* Answers read by the rules of the metrics. What lives here: the boxes and labels of an answer (the reference extractor of spec 9.10), the checks that make
 * an answer well formed, yes/no and option letters. May use engine/task's parser. */
#pragma once

#include "engine/evaluation/lm_requests.h"

G_BEGIN_DECLS

typedef struct {
  guint n;
  AxBox *boxes;  /* as written, corners not ordered */
  char **labels; /* [n]; a label may be NULL */
} AxLmBoxes;

/* Every "<box>(x1,y1),(x2,y2)</box>" with exactly four numbers (signed decimals). The label is the last <ref> before the box and behind the box before it,
 * else the visible text in between, else NULL. Clear with ax_lm_boxes_clear(). */
void ax_lm_boxes_read (const char *answer, AxLmBoxes *out);
void ax_lm_boxes_clear (AxLmBoxes *boxes);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (AxLmBoxes, ax_lm_boxes_clear)

/* NULL when the answer is well formed for its request: valid UTF-8, not empty, balanced <ref> and <box> tags of the grammar of spec 9.10, no other tag of
 * the vocabulary, corners in order and in (or just outside) the frame, and in the form of its task (options from the list, "Findings:" and "Impression:", boxes where boxes
 * are asked for). Else what is wrong, owned by the program. */
const char *ax_lm_malformed (const AxLmRequest *request, const char *answer);

/* 1: yes, 0: no, -1: neither. Words ("Yes, ...") or the option's tag. */
int ax_lm_yes (const AxLmRequest *request, const char *answer);

G_END_DECLS
