#include "ui/exchange.h"

#include <glib/gi18n-lib.h>
#include <math.h>
#include <string.h>

typedef struct {
  AxVerdict verdict;
  AxReason reason;
  char *edited;
} Word;

struct _AxExchange {
  GObject parent_instance;
  AxTask task;
  char *text, *message;
  AxBox boxes[AX_TASK_MAX_BOXES];
  guint n_boxes;
  AxExchangeState state;
  GString *plain;
  GArray *came; /* AxAnswerBox, while it runs; labels are ours */
  AxAnswer *answer;
  GArray *words; /* Word, one for each sentence that something was said to */
};

static const char *const verdict_words[AX_N_VERDICTS] = {"none", "accepted", "edited", "rejected"};
static const char *const reason_words[AX_N_REASONS] = {"none", "absent finding", "wrong place", "wrong severity"};
static guint changed_signal;

G_DEFINE_FINAL_TYPE(AxExchange, ax_exchange, G_TYPE_OBJECT)

static void changed(AxExchange *self) { g_signal_emit(self, changed_signal, 0); }
static void clear_came(gpointer data) { g_free((char *)((AxAnswerBox *)data)->label); }
static void clear_word(gpointer data) { g_free(((Word *)data)->edited); }

AxTask ax_exchange_get_task(AxExchange *self) { return self->task; }
const char *ax_exchange_get_text(AxExchange *self) { return self->text; }
AxExchangeState ax_exchange_get_state(AxExchange *self) { return self->state; }
const char *ax_exchange_get_plain(AxExchange *self) { return self->answer ? self->answer->plain : self->plain->str; }
AxAnswer *ax_exchange_get_answer(AxExchange *self) { return self->answer; }
const char *ax_exchange_get_message(AxExchange *self) { return self->message; }
guint ax_exchange_get_n_boxes(AxExchange *self) { return self->answer ? self->answer->n_boxes : self->came->len; }

const AxBox *ax_exchange_get_boxes(AxExchange *self, guint *n_boxes) {
  *n_boxes = self->n_boxes;
  return self->boxes;
}

const AxAnswerBox *ax_exchange_get_box(AxExchange *self, guint i) {
  return self->answer ? &self->answer->boxes[i] : &g_array_index(self->came, AxAnswerBox, i);
}

static void say(AxExchange *self, const char *message) {
  g_free(self->message);
  self->message = g_strdup(message);
}

void ax_exchange_take_event(AxExchange *self, const AxEvent *event) {
  AxAnswerBox box;

  g_return_if_fail(AX_IS_EXCHANGE(self));
  switch (event->type) {
  case AX_EVENT_PROGRESS:
    say(self, event->stage ? _(event->stage) : NULL);
    break;
  case AX_EVENT_TEXT:
    self->state = AX_EXCHANGE_RUNNING;
    say(self, NULL);
    g_string_append(self->plain, event->text);
    break;
  case AX_EVENT_BOX:
    box = event->box;
    box.label = g_strdup(box.label);
    g_array_append_val(self->came, box);
    break;
  }
  changed(self);
}

void ax_exchange_finish(AxExchange *self, AxAnswer *answer, const GError *error) {
  g_return_if_fail(AX_IS_EXCHANGE(self));
  say(self, NULL);
  if (answer) {
    self->answer = ax_answer_ref(answer);
    self->state = answer->stopped == AX_STOPPED_CANCELLED ? AX_EXCHANGE_CANCELLED : AX_EXCHANGE_DONE;
  } else if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
    self->state = AX_EXCHANGE_CANCELLED;
  } else {
    self->state = AX_EXCHANGE_FAILED;
    say(self, error ? error->message : NULL);
  }
  changed(self);
}

/* ---- verdicts ---- */

static Word *word_at(AxExchange *self, guint sentence) {
  if (!self->answer || sentence >= self->answer->n_sentences)
    return NULL;
  if (self->words->len < self->answer->n_sentences)
    g_array_set_size(self->words, self->answer->n_sentences);
  return &g_array_index(self->words, Word, sentence);
}

AxVerdict ax_exchange_get_verdict(AxExchange *self, guint sentence, AxReason *reason, const char **edited) {
  const Word *word = word_at(self, sentence);

  if (reason)
    *reason = word ? word->reason : AX_REASON_NONE;
  if (edited)
    *edited = word ? word->edited : NULL;
  return word ? word->verdict : AX_VERDICT_NONE;
}

void ax_exchange_set_verdict(AxExchange *self, guint sentence, AxVerdict verdict, AxReason reason, const char *edited) {
  Word *word;

  g_return_if_fail(AX_IS_EXCHANGE(self) && (guint)verdict < AX_N_VERDICTS && (guint)reason < AX_N_REASONS);
  word = word_at(self, sentence);
  if (!word)
    return;
  word->verdict = verdict;
  word->reason = verdict == AX_VERDICT_REJECTED ? reason : AX_REASON_NONE;
  g_free(word->edited);
  word->edited = verdict == AX_VERDICT_EDITED ? g_strdup(edited) : NULL;
  changed(self);
}

char *ax_exchange_get_sentence(AxExchange *self, guint sentence) {
  const AxAnswerSentence *s;
  const char *edited;

  g_return_val_if_fail(self->answer && sentence < self->answer->n_sentences, NULL);
  ax_exchange_get_verdict(self, sentence, NULL, &edited);
  s = &self->answer->sentences[sentence];
  return edited ? g_strdup(edited) : g_strstrip(g_strndup(self->answer->plain + s->start, s->end - s->start));
}

/* Whether a space belongs between the number of a box and what follows it. */
static gboolean needs_space(const char *text) { return *text && *text != ' ' && !strchr(".,;:!?)\n", *text); }

char *ax_exchange_get_marked_sentence(AxExchange *self, guint sentence, guint first, const char *prefix) {
  g_autofree char *plain = ax_exchange_get_sentence(self, sentence);
  const AxAnswerSentence *s;
  const char *edited, *text;
  GString *marked;
  gsize at, end;

  g_return_val_if_fail(plain != NULL, NULL);
  ax_exchange_get_verdict(self, sentence, NULL, &edited);
  s = &self->answer->sentences[sentence];
  text = self->answer->plain;
  marked = g_string_new(edited);
  at = edited ? s->end : s->start;
  for (guint i = 0; i < ax_exchange_get_n_boxes(self); i++) {
    const AxAnswerBox *box = ax_exchange_get_box(self, i);

    if (box->at < s->start || box->at > s->end || (box->at == s->end && sentence + 1 < self->answer->n_sentences && s[1].start == s->end))
      continue;
    end = MAX(box->at, at);
    while (end < s->end && ((guchar)text[end] & 0xc0) == 0x80) /* a file may say anything, but letters stay whole */
      end++;
    g_string_append_len(marked, text + at, (gssize)(end - at));
    at = end;
    g_string_append_printf(marked, "%s[%s%u]", marked->len > 0 && marked->str[marked->len - 1] != ' ' ? " " : "", prefix, first + i);
    if (!edited && at < s->end && needs_space(text + at))
      g_string_append_c(marked, ' ');
  }
  g_string_append_len(marked, text + at, (gssize)(s->end - at));
  return g_strstrip(g_string_free(marked, FALSE));
}

/* ---- JSON ---- */

static void add_box(JsonBuilder *b, AxBox box) {
  json_builder_begin_array(b);
  json_builder_add_double_value(b, box.x1);
  json_builder_add_double_value(b, box.y1);
  json_builder_add_double_value(b, box.x2);
  json_builder_add_double_value(b, box.y2);
  json_builder_end_array(b);
}

static void add_string(JsonBuilder *b, const char *name, const char *value) {
  if (!value)
    return;
  json_builder_set_member_name(b, name);
  json_builder_add_string_value(b, value);
}

static void add_number(JsonBuilder *b, const char *name, double value) {
  json_builder_set_member_name(b, name);
  json_builder_add_double_value(b, isfinite(value) ? value : 0);
}

static void add_sentences(JsonBuilder *b, AxExchange *self) {
  json_builder_set_member_name(b, "sentences");
  json_builder_begin_array(b);
  for (guint i = 0; i < self->answer->n_sentences; i++) {
    const AxAnswerSentence *s = &self->answer->sentences[i];
    const Word *word = word_at(self, i);

    json_builder_begin_object(b);
    add_number(b, "start", s->start);
    add_number(b, "end", s->end);
    add_number(b, "confidence", s->confidence);
    if (s->heart_ratio > 0)
      add_number(b, "heart_ratio", s->heart_ratio);
    json_builder_set_member_name(b, "structures");
    json_builder_begin_array(b);
    for (guint k = 0; k < s->n_structures; k++)
      json_builder_add_int_value(b, s->structures[k]);
    json_builder_end_array(b);
    if (word->verdict != AX_VERDICT_NONE) {
      add_string(b, "verdict", verdict_words[word->verdict]);
      if (word->reason != AX_REASON_NONE)
        add_string(b, "reason", reason_words[word->reason]);
      add_string(b, "edited", word->edited);
    }
    json_builder_end_object(b);
  }
  json_builder_end_array(b);
}

static void add_options(JsonBuilder *b, const AxAnswer *a) {
  if (a->n_options == 0)
    return;
  json_builder_set_member_name(b, "options");
  json_builder_begin_array(b);
  for (guint i = 0; i < a->n_options; i++) {
    json_builder_begin_object(b);
    add_string(b, "tag", a->options[i].tag);
    add_string(b, "text", a->options[i].text);
    add_number(b, "probability", a->options[i].probability);
    json_builder_end_object(b);
  }
  json_builder_end_array(b);
}

static void add_answer(JsonBuilder *b, AxExchange *self) {
  const AxAnswer *a = self->answer;

  json_builder_set_member_name(b, "answer");
  json_builder_begin_object(b);
  add_string(b, "instruction", a->instruction);
  add_string(b, "text", a->text);
  add_string(b, "plain", a->plain);
  json_builder_set_member_name(b, "boxes");
  json_builder_begin_array(b);
  for (guint i = 0; i < a->n_boxes; i++) {
    json_builder_begin_object(b);
    add_string(b, "label", a->boxes[i].label);
    json_builder_set_member_name(b, "box");
    add_box(b, a->boxes[i].box);
    json_builder_set_member_name(b, "box1024");
    add_box(b, a->boxes[i].box1024);
    add_number(b, "confidence", a->boxes[i].confidence);
    add_number(b, "at", a->boxes[i].at);
    json_builder_end_object(b);
  }
  json_builder_end_array(b);
  add_sentences(b, self);
  add_options(b, a);
  json_builder_set_member_name(b, "nothing");
  json_builder_add_boolean_value(b, a->nothing);
  add_string(b, "stopped", ax_stopped_name(a->stopped));
  add_number(b, "tokens", a->n_tokens);
  add_number(b, "confidence", a->confidence);
  add_number(b, "prompt_tokens", a->n_prompt);
  add_number(b, "prompt_reused", a->n_reused);
  add_number(b, "prompt_read", a->n_read);
  add_number(b, "ms_perceive", a->ms_perceive);
  add_number(b, "ms_prefill", a->ms_prefill);
  add_number(b, "ms_first", a->ms_first);
  add_number(b, "ms_generate", a->ms_generate);
  add_number(b, "ms_total", a->ms_total);
  json_builder_end_object(b);
}

JsonNode *ax_exchange_to_json(AxExchange *self) {
  g_autoptr(JsonBuilder) b = json_builder_new();

  json_builder_begin_object(b);
  add_string(b, "task", ax_task_word(self->task));
  add_string(b, "text", self->text);
  json_builder_set_member_name(b, "boxes");
  json_builder_begin_array(b);
  for (guint i = 0; i < self->n_boxes; i++)
    add_box(b, self->boxes[i]);
  json_builder_end_array(b);
  add_string(b, "message", self->message);
  if (self->answer)
    add_answer(b, self);
  json_builder_end_object(b);
  return json_builder_get_root(b);
}

static JsonNode *member(JsonObject *object, const char *name, JsonNodeType type) {
  JsonNode *node = object ? json_object_get_member(object, name) : NULL;

  return node && JSON_NODE_TYPE(node) == type ? node : NULL;
}

static double number(JsonNode *node) {
  GType type = node && JSON_NODE_HOLDS_VALUE(node) ? json_node_get_value_type(node) : G_TYPE_INVALID;
  double value = type == G_TYPE_DOUBLE ? json_node_get_double(node) : type == G_TYPE_INT64 ? (double)json_node_get_int(node) : 0;

  return isfinite(value) ? CLAMP(value, -1e9, 1e9) : 0;
}

static double get_number(JsonObject *object, const char *name) { return number(member(object, name, JSON_NODE_VALUE)); }

static const char *get_string(JsonObject *object, const char *name) {
  JsonNode *node = member(object, name, JSON_NODE_VALUE);

  return node && json_node_get_value_type(node) == G_TYPE_STRING ? json_node_get_string(node) : NULL;
}

static JsonArray *get_array(JsonObject *object, const char *name) {
  JsonNode *node = member(object, name, JSON_NODE_ARRAY);

  return node ? json_node_get_array(node) : NULL;
}

static guint length_of(JsonArray *array, guint most) { return array ? MIN(json_array_get_length(array), most) : 0; }

static JsonObject *object_at(JsonArray *array, guint i) {
  JsonNode *node = json_array_get_element(array, i);

  return JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

static AxBox read_box(JsonArray *array) {
  if (length_of(array, 4) != 4)
    return (AxBox){0};
  return (AxBox){number(json_array_get_element(array, 0)), number(json_array_get_element(array, 1)), number(json_array_get_element(array, 2)),
                 number(json_array_get_element(array, 3))};
}

static int find_word(const char *const *words, int n, const char *word) {
  for (int i = 0; i < n; i++)
    if (g_strcmp0(words[i], word) == 0)
      return i;
  return 0;
}

static void read_sentences(AxExchange *self, AxAnswer *a, JsonArray *array) {
  gsize length = strlen(a->plain);

  a->sentences = g_new0(AxAnswerSentence, MAX(length_of(array, 1000), 1));
  for (guint i = 0; i < length_of(array, 1000); i++) {
    JsonObject *object = object_at(array, i);
    AxAnswerSentence *s = &a->sentences[a->n_sentences];
    JsonArray *structures = get_array(object, "structures");

    s->start = (gsize)CLAMP(get_number(object, "start"), 0, (double)length);
    s->end = (gsize)CLAMP(get_number(object, "end"), (double)s->start, (double)length);
    /* not in the middle of a letter */
    while (s->start < length && (a->plain[s->start] & 0xc0) == 0x80)
      s->start++;
    while (s->end < length && (a->plain[s->end] & 0xc0) == 0x80)
      s->end++;
    s->end = MAX(s->end, s->start);
    s->confidence = CLAMP(get_number(object, "confidence"), 0, 1);
    s->heart_ratio = CLAMP(get_number(object, "heart_ratio"), 0, 1);
    for (guint k = 0; k < length_of(structures, G_N_ELEMENTS(s->structures)); k++) {
      double index = number(json_array_get_element(structures, k));

      if (index >= 0 && index < AX_N_ANATOMY)
        s->structures[s->n_structures++] = (guint8)index;
    }
    a->n_sentences++;
  }
}

static void read_options(AxAnswer *a, JsonArray *array) {
  a->options = g_new0(AxAnswerOption, MAX(length_of(array, AX_OPTIONS_MAX), 1));
  for (guint i = 0; i < length_of(array, AX_OPTIONS_MAX); i++) {
    JsonObject *object = object_at(array, i);
    const char *tag = get_string(object, "tag"), *text = get_string(object, "text");

    if (tag && text)
      a->options[a->n_options++] = (AxAnswerOption){g_strdup(tag), g_strdup(text), CLAMP(get_number(object, "probability"), 0, 1)};
  }
}

static void read_verdicts(AxExchange *self, JsonArray *array) {
  for (guint i = 0; self->answer && i < self->answer->n_sentences && i < length_of(array, 1000); i++) {
    JsonObject *object = object_at(array, i);
    AxVerdict verdict = (AxVerdict)find_word(verdict_words, AX_N_VERDICTS, get_string(object, "verdict"));

    if (verdict != AX_VERDICT_NONE)
      ax_exchange_set_verdict(self, i, verdict, (AxReason)find_word(reason_words, AX_N_REASONS, get_string(object, "reason")), get_string(object, "edited"));
  }
}

static AxAnswer *read_answer(AxExchange *self, JsonObject *object) {
  AxAnswer *a = g_new0(AxAnswer, 1);
  JsonArray *boxes = get_array(object, "boxes");
  const char *stopped = get_string(object, "stopped");
  JsonNode *nothing = member(object, "nothing", JSON_NODE_VALUE);

  a->ref_count = 1;
  a->task = self->task;
  a->instruction = g_strdup(get_string(object, "instruction"));
  a->text = g_strdup(get_string(object, "text"));
  a->plain = g_strdup(get_string(object, "plain") ? get_string(object, "plain") : "");
  a->boxes = g_new0(AxAnswerBox, MAX(length_of(boxes, 200), 1));
  for (guint i = 0; i < length_of(boxes, 200); i++) {
    JsonObject *box = object_at(boxes, i);

    a->boxes[a->n_boxes++] = (AxAnswerBox){g_strdup(get_string(box, "label")), read_box(get_array(box, "box")), read_box(get_array(box, "box1024")),
                                           CLAMP(get_number(box, "confidence"), 0, 1), (gsize)CLAMP(get_number(box, "at"), 0, (double)strlen(a->plain))};
  }
  read_sentences(self, a, get_array(object, "sentences"));
  read_options(a, get_array(object, "options"));
  a->nothing = nothing && json_node_get_value_type(nothing) == G_TYPE_BOOLEAN && json_node_get_boolean(nothing);
  for (int s = AX_STOPPED_END; s <= AX_STOPPED_CANCELLED; s++)
    if (g_strcmp0(stopped, ax_stopped_name((AxStopped)s)) == 0)
      a->stopped = (AxStopped)s;
  a->n_tokens = (guint)MAX(get_number(object, "tokens"), 0);
  a->confidence = CLAMP(get_number(object, "confidence"), 0, 1);
  a->n_prompt = (guint)MAX(get_number(object, "prompt_tokens"), 0);
  a->n_reused = (guint)CLAMP(get_number(object, "prompt_reused"), 0, (double)a->n_prompt);
  a->n_read = (guint)MAX(get_number(object, "prompt_read"), 0);
  a->ms_perceive = MAX(get_number(object, "ms_perceive"), 0);
  a->ms_prefill = MAX(get_number(object, "ms_prefill"), 0);
  a->ms_generate = MAX(get_number(object, "ms_generate"), 0);
  a->ms_first = get_number(object, "ms_first");
  a->ms_total = get_number(object, "ms_total");
  return a;
}

AxExchange *ax_exchange_from_json(JsonNode *node) {
  JsonObject *object = JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
  const char *word = get_string(object, "task");
  int task = word ? ax_task_find(word) : -1;
  JsonArray *boxes = get_array(object, "boxes");
  JsonNode *answer = member(object, "answer", JSON_NODE_OBJECT);
  AxBox regions[AX_TASK_MAX_BOXES];
  guint n = length_of(boxes, AX_TASK_MAX_BOXES);
  AxExchange *self;

  if (task < 0)
    return NULL;
  for (guint i = 0; i < n; i++) {
    JsonNode *box = json_array_get_element(boxes, i);

    regions[i] = JSON_NODE_HOLDS_ARRAY(box) ? read_box(json_node_get_array(box)) : (AxBox){0};
  }
  self = ax_exchange_new((AxTask)task, get_string(object, "text"), regions, n);
  if (answer) {
    g_autoptr(AxAnswer) a = read_answer(self, json_node_get_object(answer));

    ax_exchange_finish(self, a, NULL);
    read_verdicts(self, get_array(json_node_get_object(answer), "sentences"));
  } else {
    say(self, get_string(object, "message"));
    self->state = self->message ? AX_EXCHANGE_FAILED : AX_EXCHANGE_CANCELLED;
  }
  return self;
}

/* ---- GObject ---- */

static void ax_exchange_finalize(GObject *object) {
  AxExchange *self = AX_EXCHANGE(object);

  g_free(self->text);
  g_free(self->message);
  g_string_free(self->plain, TRUE);
  g_array_unref(self->came);
  g_array_unref(self->words);
  g_clear_pointer(&self->answer, ax_answer_unref);
  G_OBJECT_CLASS(ax_exchange_parent_class)->finalize(object);
}

static void ax_exchange_class_init(AxExchangeClass *klass) {
  G_OBJECT_CLASS(klass)->finalize = ax_exchange_finalize;
  changed_signal = g_signal_new("changed", G_TYPE_FROM_CLASS(klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void ax_exchange_init(AxExchange *self) {
  self->plain = g_string_new(NULL);
  self->came = g_array_new(FALSE, TRUE, sizeof(AxAnswerBox));
  self->words = g_array_new(FALSE, TRUE, sizeof(Word));
  g_array_set_clear_func(self->came, clear_came);
  g_array_set_clear_func(self->words, clear_word);
}

AxExchange *ax_exchange_new(AxTask task, const char *text, const AxBox *boxes, guint n_boxes) {
  AxExchange *self = g_object_new(AX_TYPE_EXCHANGE, NULL);

  self->task = task;
  self->text = g_strdup(text);
  self->n_boxes = MIN(n_boxes, AX_TASK_MAX_BOXES);
  for (guint i = 0; i < self->n_boxes; i++)
    self->boxes[i] = boxes[i];
  return self;
}
