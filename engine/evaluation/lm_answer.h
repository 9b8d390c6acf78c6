/* Answers without a language model. What lives here: the answer that follows from an image's facts. With the true facts it is what a perfect model would
 * say (and the evaluation's own test); with facts read off the Anatomy Perception Module's output it is the rule that a language model has to beat.
 * May use lm_requests.h, engine/anatomix.h (AxPerception). */
#pragma once

#include "engine/anatomix.h"
#include "engine/evaluation/lm_requests.h"

G_BEGIN_DECLS

/* The answer in the words of the training data. Free with g_free(). yes_probability (may be NULL) gets that of option_yes for AX_ASK_LABEL. */
char *ax_lm_answer_from_facts (const AxLmRequest *request, const AxImageFacts *facts, double *yes_probability);

/* Facts as the Anatomy Perception Module sees them: its 36 boxes; a finding wherever the best sentence of a lung zone, recess, hemidiaphragm, clavicle or
 * the heart names one, with the hull of those structures as its box, one a side; its probabilities as labels. Nothing of the truth goes in but the
 * image's name. A finding that no sentence names but whose label is more likely than not is present without a box. */
AxImageFacts *ax_lm_facts_from_perception (const AxPerception *perception, const AxImageFacts *of);

G_END_DECLS
