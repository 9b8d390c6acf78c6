/* Between the makers of the nine tasks. What lives here: the sink that samples go into and one function a task. Each maker looks at one image's facts and
 * adds as many samples as `count` says at most; question and answer always belong together. */
#pragma once

#include "engine/task/task.h"
#include "engine/training/instruct.h"
#include "engine/training/instruct_facts.h"
#include "engine/training/instruct_phrases.h"
#include "engine/training/instruct_words.h"

typedef struct {
  GPtrArray *samples;
  const AxImageFacts *facts;
  const char *split;
  AxRandom random;
  double weak;      /* weight of answers that only the text program gave; 0: none are made */
  guint style;      /* of a report: which request it answers */
  guint serial;     /* of the image's samples, for their ids */
} AxInstructSink;

/* Takes both texts. */
AxInstructSample *instruct_add (AxInstructSink *sink, AxInstructTask task, char *instruction, char *response, double weight);

/* Says which question the sample is an instance of and which of its possible answers it gives, so that a training set can be balanced (instruct_balance.c). */
void instruct_topic (AxInstructSample *sample, const char *topic, guint answer);

/* Weights answers of one topic so that none is right by habit: "no" would be, of most findings. */
void instruct_balance (GPtrArray *samples);

/* TRUE with that probability. */
gboolean instruct_chance (AxInstructSink *sink, double p);

/* A random order of 0..n-1, n <= 64. */
void instruct_shuffle (AxInstructSink *sink, guint8 *order, guint n);

/* "<box>(x1,y1),(x2,y2)</box>", corners moved by up to `jitter` of the box's size; free with g_free(). */
char *instruct_box (AxInstructSink *sink, AxBox box, double jitter);

/* A lung zone, a lung or a recess in which nothing was found although everything was looked for; -1 if there is none. */
int instruct_empty_structure (AxInstructSink *sink);

/* A region over one lung (now and then over both) of any size, as a user might draw it. FALSE where the structures' boxes are not trusted. */
gboolean instruct_region (AxInstructSink *sink, AxBox *region);

/* A part of a box, at least two fifths of either side. */
AxBox instruct_part_of (AxInstructSink *sink, AxBox box);

/* Takes `question`. Plain, or with its two options, half of these in both orders. `because` may follow a plain answer ("Yes, small right pleural effusion."); the
 * topic is that of instruct_topic(). */
void instruct_add_closed (AxInstructSink *sink, char *question, gboolean yes, const char *because, const char *topic);

/* Questions about the place of regions, whatever is in them: what side, which zones. */
void instruct_make_places (AxInstructSink *sink, guint count, gboolean closed);

void instruct_make_anatomy (AxInstructSink *sink, guint count);
void instruct_make_phrases (AxInstructSink *sink, guint count);
void instruct_make_detection (AxInstructSink *sink, guint count);
void instruct_make_diagnosis (AxInstructSink *sink, guint count);
void instruct_make_captions (AxInstructSink *sink, guint count);
void instruct_make_classification (AxInstructSink *sink, guint count);
void instruct_make_reports (AxInstructSink *sink, guint count);
void instruct_make_open (AxInstructSink *sink, guint count);
void instruct_make_closed (AxInstructSink *sink, guint count);
