/* Which findings an English text names. What lives here: a rule-based labeller for radiology sentences (a lexicon of findings, sides and zones, the scope
 * of negations and of words of doubt), used to score reports, captions and answers. No model, no dictionary file; validated on 200 sentences
 * (tests/engine/evaluation/labelled-sentences.txt). In the spirit of NegEx (Chapman 2001) and the CheXpert labeller (Irvin 2019), written anew.
 * May use engine/training/instruct_facts.h (marks, sides, zones) and GLib. */
#pragma once

#include "engine/training/instruct_facts.h"

G_BEGIN_DECLS

typedef struct {
  AxMark mark;
  gboolean negated;  /* said to be absent */
  gboolean doubtful; /* possible, suspected, cannot be excluded; counts as present */
  guint sides;       /* bits 1 << AX_SIDE_RIGHT and 1 << AX_SIDE_LEFT; 0: none said */
  AxZoneSet zones;   /* as far as said */
  guint start, end;  /* bytes of the finding's own words in the text */
} AxNamedFinding;

/* All findings in the order of the text: array of AxNamedFinding. Text that is not UTF-8 names nothing. */
GArray *ax_report_findings (const char *text);

/* The marks that are said to be there, and those said to be absent (and nowhere to be there). Either may be NULL. */
void ax_report_marks (const char *text, AxMarkSet *present, AxMarkSet *absent);

/* Bits of the sides on which the text sees the mark (bit AX_SIDE_NONE when it says no side); 0 when it does not see it. */
guint ax_report_sides (const char *text, AxMark mark);

/* TRUE when the text speaks of something that the image alone cannot tell here: tubes, lines and other devices; or an earlier study. */
gboolean ax_report_names_device (const char *text);
gboolean ax_report_names_prior (const char *text);

G_END_DECLS
