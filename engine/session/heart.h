/* heart.h: the heart's size, in words and in boxes.
 *
 * What lives here: what a sentence says of the heart's size, and the note that the boxes say otherwise. A language model copies what it saw often; the ratio of two
 * boxes is measured. May use anatomix.h.
 */
#pragma once
#include "engine/anatomix.h"

/* A ratio above AX_HEART_RATIO_LARGE contradicts a heart of usual size, one below AX_HEART_RATIO_USUAL an enlarged one; in between either may be said. The usual limit
 * is 0.50 on a posteroanterior film; films taken lying down magnify the heart, so the upper limit is higher. */
#define AX_HEART_RATIO_LARGE 0.55
#define AX_HEART_RATIO_USUAL 0.48

typedef enum { AX_HEART_UNSAID, AX_HEART_USUAL_SIZE, AX_HEART_ENLARGED } AxHeartSaid;

/* What an English sentence says of it; UNSAID also when it doubts, or says both. */
AxHeartSaid ax_heart_said (const char *sentence);

/* Fills heart_ratio of the answer's sentences from its perception. */
void        ax_answer_check_heart (AxAnswer *answer);
