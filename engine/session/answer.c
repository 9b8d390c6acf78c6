/* Answers. See answer.h and anatomix.h. */
#include "engine/session/answer.h"
#include <math.h>
#include <string.h>

G_DEFINE_BOXED_TYPE (AxAnswer, ax_answer, ax_answer_ref, ax_answer_unref)

AxAnswer *
ax_answer_ref (AxAnswer *answer)
{
  g_atomic_int_inc (&answer->ref_count);
  return answer;
}

void
ax_answer_unref (AxAnswer *answer)
{
  if (!g_atomic_int_dec_and_test (&answer->ref_count))
    return;
  for (guint i = 0; i < answer->n_boxes; i++)
    g_free ((char *) answer->boxes[i].label);
  for (guint i = 0; i < answer->n_options; i++)
    {
      g_free (answer->options[i].tag);
      g_free (answer->options[i].text);
    }
  g_free (answer->options);
  g_free (answer->boxes);
  g_free (answer->sentences);
  g_free (answer->instruction);
  g_free (answer->text);
  g_free (answer->plain);
  g_clear_pointer (&answer->perception, ax_perception_unref);
  g_free (answer);
}

const char *
ax_stopped_name (AxStopped stopped)
{
  static const char *const names[] = { "end", "length", "cancelled" };
  return names[stopped];
}

/* ---- tokens -------------------------------------------------------------------------------------------------------------- */

typedef struct {
  guint32 end;                   /* of the raw text with this token */
  float   log_p;
} Token;

struct _AxAnswerMaker {
  AxTask          task;
  AxFrame         frame;
  AxDetokenizer   detokenizer;
  AxAnswerParser *parser;
  GArray         *tokens;        /* Token */
  GString        *tail;          /* what finish() gave */
  guint           boxes_given;
};

AxAnswerMaker *
ax_answer_maker_new (AxTask task, const AxFrame *frame, const AxGemmaTokenizer *tokenizer, int max_tokens)
{
  AxAnswerMaker *self = g_new0 (AxAnswerMaker, 1);
  self->task = task;
  self->frame = *frame;
  self->frame.mirror = FALSE;    /* boxes stay in the mirrored picture */
  self->parser = ax_answer_parser_new ();
  self->tokens = g_array_sized_new (FALSE, FALSE, sizeof (Token), (guint) MAX (max_tokens, 1));
  self->tail = g_string_new (NULL);
  ax_detokenizer_init (&self->detokenizer, tokenizer, TRUE);
  return self;
}

void
ax_answer_maker_free (AxAnswerMaker *self)
{
  ax_answer_parser_free (self->parser);
  g_array_unref (self->tokens);
  g_string_free (self->tail, TRUE);
  g_free (self);
}

const char *
ax_answer_maker_push (AxAnswerMaker *self, gint32 id, float probability)
{
  const char *plain = ax_answer_parser_push (self->parser, ax_detokenizer_push (&self->detokenizer, id));
  const Token token = { (guint32) strlen (ax_answer_parser_raw (self->parser)), logf (MAX (probability, 1e-30f)) };
  g_array_append_val (self->tokens, token);
  return plain;
}

/* Only tasks that answer with boxes look for numbers without tags. */
static gboolean
is_tolerant (AxTask task)
{
  return task == AX_TASK_LOCATE || task == AX_TASK_ANATOMY || task == AX_TASK_DETECT;
}

const char *
ax_answer_maker_finish (AxAnswerMaker *self)
{
  g_string_assign (self->tail, ax_answer_parser_push (self->parser, ax_detokenizer_finish (&self->detokenizer)));
  g_string_append (self->tail, ax_answer_parser_finish (self->parser, is_tolerant (self->task)));
  if (self->tokens->len > 0)
    g_array_index (self->tokens, Token, self->tokens->len - 1).end = (guint32) strlen (ax_answer_parser_raw (self->parser));
  return self->tail->str;
}

/* Geometric mean of the probabilities of the tokens that touch raw[from, to); 0 if none does. */
static double
confidence (const AxAnswerMaker *self, gsize from, gsize to)
{
  double sum = 0;
  guint n = 0;
  guint32 start = 0;
  for (guint i = 0; i < self->tokens->len; i++)
    {
      const Token *t = &g_array_index (self->tokens, Token, i);
      if (t->end > from && start < to && t->end > start)
        {
          sum += t->log_p;
          n++;
        }
      start = t->end;
    }
  return n > 0 ? exp (sum / n) : 0;
}

static AxBox
ordered (AxBox b)
{
  return (AxBox){ MIN (b.x1, b.x2), MIN (b.y1, b.y2), MAX (b.x1, b.x2), MAX (b.y1, b.y2) };
}

static AxAnswerBox
make_box (const AxAnswerMaker *self, const AxParsedBox *parsed, gsize raw_start, gsize raw_end)
{
  const AxBox original = ax_frame_to_original (&self->frame, ordered (ax_box_clamp (parsed->box, AX_FRAME_SIDE, AX_FRAME_SIDE)));
  return (AxAnswerBox){ .label = parsed->label, .box = ax_box_clamp (original, self->frame.width, self->frame.height), .box1024 = parsed->box,
                        .confidence = confidence (self, raw_start, raw_end), .at = parsed->plain_at };
}

gboolean
ax_answer_maker_next_box (AxAnswerMaker *self, AxAnswerBox *box)
{
  const AxParsedBox *parsed = ax_answer_parser_box (self->parser, self->boxes_given);
  if (parsed == NULL)
    return FALSE;
  self->boxes_given++;
  *box = make_box (self, parsed, parsed->start, parsed->end);
  return TRUE;
}

/* ---- sentences ------------------------------------------------------------------------------------------------------------ */

/* The end of the sentence that begins at p: behind its full stop, or at the line's end. */
static const char *
sentence_end (const char *p)
{
  for (; *p != '\0' && *p != '\n'; p++)
    if ((*p == '.' || *p == '!' || *p == '?') && (p[1] == '\0' || p[1] == ' ' || p[1] == '\n'))
      return p + 1;
  return p;
}

static void
add_structure (AxAnswerSentence *s, int index)
{
  for (guint i = 0; i < s->n_structures; i++)
    if (s->structures[i] == index)
      return;
  if (index >= 0 && s->n_structures < G_N_ELEMENTS (s->structures))
    s->structures[s->n_structures++] = (guint8) index;
}

/* raw_at: offset in the raw text of byte i of the plain text. */
static void
add_sentences (const AxAnswerMaker *self, AxAnswer *answer, const AxAnswerParser *parser, const GArray *map)
{
  g_autoptr (GArray) list = g_array_new (FALSE, TRUE, sizeof (AxAnswerSentence));
  const char *plain = answer->plain;
  for (const char *p = plain; *p != '\0';)
    {
      p += strspn (p, " \n");
      const char *end = sentence_end (p);
      if (end == p)
        break;
      /* "Findings:" is a heading. */
      if (end[-1] != ':')
        {
          AxAnswerSentence s = { .start = (gsize) (p - plain), .end = (gsize) (end - plain) };
          const gsize first = ax_answer_parser_raw_offset (parser, s.start), last = ax_answer_parser_raw_offset (parser, s.end - 1);
          const guint32 *raw = (const guint32 *) (gpointer) map->data;
          if (last < map->len)
            s.confidence = confidence (self, raw[first], (gsize) raw[last] + 1);
          g_autofree char *words = g_strndup (p, (gsize) (end - p));
          s.n_structures = ax_anatomy_mentions (words, s.structures, G_N_ELEMENTS (s.structures));
          for (guint b = 0; b < answer->n_boxes; b++)
            if (answer->boxes[b].at >= s.start && answer->boxes[b].at <= s.end && answer->boxes[b].label)
              add_structure (&s, ax_anatomy_find (answer->boxes[b].label));
          g_array_append_val (list, s);
        }
      p = end;
    }
  answer->n_sentences = list->len;
  answer->sentences = g_memdup2 (list->data, list->len * sizeof (AxAnswerSentence));
}

/* ---- the whole ------------------------------------------------------------------------------------------------------------ */

AxAnswer *
ax_answer_maker_answer (AxAnswerMaker *self, AxStopped stopped)
{
  AxAnswer *answer = g_new0 (AxAnswer, 1);
  g_autoptr (GArray) map = g_array_new (FALSE, FALSE, sizeof (guint32));
  g_autoptr (AxAnswerParser) parser = ax_answer_parser_new ();
  answer->ref_count = 1;
  answer->task = self->task;
  answer->stopped = stopped;
  answer->n_tokens = self->tokens->len;
  answer->mirrored = FALSE;
  answer->text = ax_answer_postprocess_map (ax_answer_parser_raw (self->parser), map);
  ax_answer_parser_push (parser, answer->text);
  ax_answer_parser_finish (parser, is_tolerant (self->task));
  answer->plain = g_strdup (ax_answer_parser_plain (parser));
  answer->nothing = ax_answer_is_nothing (answer->text);
  answer->n_boxes = ax_answer_parser_n_boxes (parser);
  answer->boxes = g_new0 (AxAnswerBox, MAX (answer->n_boxes, 1));
  for (guint i = 0; i < answer->n_boxes; i++)
    {
      const AxParsedBox *parsed = ax_answer_parser_box (parser, i);
      const guint32 *raw = (const guint32 *) (gpointer) map->data;
      answer->boxes[i] = make_box (self, parsed, raw[parsed->start], (gsize) raw[parsed->end - 1] + 1);
      answer->boxes[i].label = g_strdup (parsed->label);
    }
  answer->confidence = confidence (self, 0, G_MAXSIZE);
  add_sentences (self, answer, parser, map);
  return answer;
}
