/* Requests to the language model. See serve.h. */
#include "engine/session/serve.h"
#include "engine/model/gemma_generate.h"
#include "engine/session/choose.h"
#include "engine/session/heart.h"
#include <math.h>
#include <string.h>

#define KEPT 4                           /* images with their rows; the states among them are bounded by bytes as well */
#define STATE_BYTES (160u << 20)         /* of all states together; one is always allowed */
#define ROOM 1536                        /* tokens behind the prefix: questions and answers of a conversation */
#define MAX_TOKENS_LIMIT 2048
#define CONVERSATIONS 16
#define PREFIX_SHARE 0.95                /* of the progress before the first token */

struct _AxServed {
  AxImage      *image;           /* strong: the pointer identifies the image only as long as it lives */
  gboolean      mirror;
  AxFrame       frame;
  AxPerception *perception;
  float        *image_rows, *object_rows;
  GArray       *prefix;          /* gint32 */
  AxGemmaState *state;           /* NULL: given up to make room */
  guint         done;            /* tokens of the prefix in the state */
  guint         conversation;    /* whose turns are in the state behind the prefix; 0: none */
  guint         turns;           /* how many of them */
};

/* One turn as it went into a state: tokens of the question in one step, those of the answer one by one. */
typedef struct {
  GArray *question, *answer;     /* gint32 */
  gint32  open;                  /* the answer's last token, which is not in the state yet, or -1 */
} Turn;

typedef struct {
  guint     number;
  GWeakRef  image;
  gboolean  mirror;
  GPtrArray *turns;              /* Turn */
} Conversation;

struct _AxServe {
  AxModel    *model;
  AxLanguage *language;
  GQueue      kept;              /* AxServed, the last used first */
  GQueue      conversations;     /* Conversation, the last used first */
};

static void
served_free (gpointer data)
{
  AxServed *s = data;
  g_object_unref (s->image);
  g_clear_pointer (&s->perception, ax_perception_unref);
  g_clear_pointer (&s->prefix, g_array_unref);
  g_clear_pointer (&s->state, ax_gemma_state_free);
  g_free (s->image_rows);
  g_free (s->object_rows);
  g_free (s);
}

static void
turn_free (gpointer data)
{
  Turn *t = data;
  g_array_unref (t->question);
  g_array_unref (t->answer);
  g_free (t);
}

static void
conversation_free (gpointer data)
{
  Conversation *c = data;
  g_weak_ref_clear (&c->image);
  g_ptr_array_unref (c->turns);
  g_free (c);
}

AxServe *
ax_serve_new (AxModel *model)
{
  AxServe *self = g_new0 (AxServe, 1);
  self->model = g_object_ref (model);
  g_queue_init (&self->kept);
  g_queue_init (&self->conversations);
  return self;
}

void
ax_serve_free (AxServe *self)
{
  g_queue_clear_full (&self->kept, served_free);
  g_queue_clear_full (&self->conversations, conversation_free);
  g_clear_pointer (&self->language, ax_language_free);
  g_object_unref (self->model);
  g_free (self);
}

gboolean
ax_serve_load (AxServe *self, GError **error)
{
  if (self->language == NULL)
    self->language = ax_language_load (self->model, error);
  return self->language != NULL;
}

void
ax_serve_memory (const AxServe *self, gsize *weights, gsize *sequences)
{
  *weights = *sequences = 0;
  if (self->language == NULL)
    return;
  const gsize row = (gsize) ax_gemma_config (self->language->gemma)->width * sizeof (float);
  *weights = ax_gemma_bytes (self->language->gemma);
  for (const GList *l = self->kept.head; l; l = l->next)
    {
      const AxServed *s = l->data;
      *sequences += ((gsize) ax_model_n_image_tokens (self->model) + AX_N_ANATOMY) * row + s->prefix->len * sizeof (gint32) +
                    (s->state ? ax_gemma_state_bytes (s->state) : 0);
    }
}

/* ---- images --------------------------------------------------------------------------------------------------------------- */

AxServed *
ax_serve_find (AxServe *self, AxImage *image, gboolean mirror)
{
  for (GList *l = self->kept.head; l; l = l->next)
    {
      AxServed *s = l->data;
      if (s->image == image && s->mirror == mirror)
        {
          g_queue_unlink (&self->kept, l);
          g_queue_push_head_link (&self->kept, l);
          return s;
        }
    }
  return NULL;
}

double ax_served_share (const AxServed *served) { return served->state ? (double) served->done / served->prefix->len : 0; }

static void
make_prefix (AxServe *self, AxServed *s, const float *boxes)
{
  AxLanguage *language = self->language;
  AxPromptOptions options = { .n_image_tokens = ax_model_n_image_tokens (self->model), .system = language->system, .context = language->context };
  AxPromptObjects objects;
  memcpy (objects.boxes, boxes, sizeof objects.boxes);
  for (guint i = 0; i < AX_N_ANATOMY; i++)
    objects.sentences[i] = s->perception->anatomy[i].n_retrieved > 0 ? s->perception->anatomy[i].retrieved[0].sentence : NULL;
  g_autofree char *text = ax_prompt_prefix (&options, &objects);
  s->prefix = g_array_new (FALSE, FALSE, sizeof (gint32));
  ax_prompt_encode (language->tokenizer, text, NULL, s->prefix, NULL);
}

AxServed *
ax_serve_image (AxServe *self, AxImage *image, gboolean mirror, AxPerception *perception, const AxPerceptionRaw *raw)
{
  g_return_val_if_fail (self->language != NULL, NULL);
  AxServed *s = ax_serve_find (self, image, mirror);
  if (s)
    return s;
  const int tokens = ax_model_n_image_tokens (self->model), width = ax_gemma_config (self->language->gemma)->width;
  s = g_new0 (AxServed, 1);
  s->image = g_object_ref (image);
  s->mirror = mirror;
  s->perception = ax_perception_ref (perception);
  ax_frame_init (&s->frame, perception->width, perception->height, FALSE, mirror);
  s->image_rows = g_new (float, (gsize) tokens * (gsize) width);
  s->object_rows = g_new (float, (gsize) AX_N_ANATOMY * (gsize) width);
  ax_gemma_project (self->language->gemma, FALSE, tokens, raw->image, s->image_rows);
  ax_gemma_project (self->language->gemma, TRUE, AX_N_ANATOMY, raw->objects, s->object_rows);
  make_prefix (self, s, raw->boxes);
  g_queue_push_head (&self->kept, s);
  if (self->kept.length > KEPT)
    served_free (g_queue_pop_tail (&self->kept));
  return s;
}

/* ---- the common prefix ---------------------------------------------------------------------------------------------------- */

/* A state for the image; those of the images used longest ago go until there is room. */
static gboolean
need_state (AxServe *self, AxServed *s, GError **error)
{
  if (s->state)
    return TRUE;
  const int capacity = MIN ((int) s->prefix->len + ROOM, self->language->context_length);
  if (capacity < (int) s->prefix->len + 64)
    {
      g_set_error (error, AX_ENGINE_ERROR, AX_ENGINE_ERROR_REQUEST, "The prompt has %u tokens, more than the model's %d positions leave room for", s->prefix->len,
                   self->language->context_length);
      return FALSE;
    }
  gsize wanted = ax_gemma_state_plan (self->language->gemma, capacity), used = 0;
  for (GList *l = self->kept.head; l; l = l->next)
    used += ((AxServed *) l->data)->state ? ax_gemma_state_bytes (((AxServed *) l->data)->state) : 0;
  for (GList *l = self->kept.tail; l && used > 0 && used + wanted > STATE_BYTES; l = l->prev)
    {
      AxServed *old = l->data;
      if (old == s || old->state == NULL)
        continue;
      used -= ax_gemma_state_bytes (old->state);
      g_clear_pointer (&old->state, ax_gemma_state_free);
      old->done = old->conversation = old->turns = 0;
    }
  s->state = ax_gemma_state_new (self->language->gemma, capacity, error);
  s->done = s->conversation = s->turns = 0;
  return s->state != NULL;
}

typedef struct { AxServeStage stage; gpointer user_data; double from, share; const char *name; } Watch;

static gboolean
watch (double done, gpointer data)
{
  Watch *w = data;
  return w->stage == NULL || w->stage (w->from + done * w->share, w->name, w->user_data);
}

gboolean
ax_serve_step (AxServe *self, AxServed *s, AxServeStage stage, gpointer user_data, gboolean *done, GError **error)
{
  if (!need_state (self, s, error))
    return FALSE;
  const gint32 *ids = (const gint32 *) (gpointer) s->prefix->data;
  const gint32 image = self->language->added_first + AX_TOKEN_IMAGE;
  const guint n = MIN (AX_SERVE_CHUNK, s->prefix->len - s->done);
  const int width = ax_gemma_config (self->language->gemma)->width;
  int before = 0, inside = 0;
  for (guint i = 0; i < s->done + n; i++)
    *(i < s->done ? &before : &inside) += ids[i] == image;
  if (n > 0)
    {
      const AxGemmaInput input = { .ids = ids + s->done, .n = (int) n, .image_rows = s->image_rows + (gsize) before * width, .n_image_rows = inside,
                                   .object_rows = s->object_rows };
      Watch w = { stage, user_data, PREFIX_SHARE * s->done / s->prefix->len, PREFIX_SHARE * n / s->prefix->len, "Reading the findings" };
      if (!ax_gemma_state_prefill (s->state, &input, FALSE, watch, &w, error))
        return FALSE;
      s->done += n;
    }
  *done = s->done == s->prefix->len;
  return TRUE;
}

/* ---- conversations -------------------------------------------------------------------------------------------------------- */

static Conversation *
find_conversation (AxServe *self, const AxServed *s, guint number)
{
  for (GList *l = self->conversations.head; l; l = l->next)
    {
      Conversation *c = l->data;
      g_autoptr (AxImage) image = g_weak_ref_get (&c->image);
      if (c->number == number && image == s->image && c->mirror == s->mirror)
        {
          g_queue_unlink (&self->conversations, l);
          g_queue_push_head_link (&self->conversations, l);
          return c;
        }
    }
  Conversation *c = g_new0 (Conversation, 1);
  c->number = number;
  c->mirror = s->mirror;
  c->turns = g_ptr_array_new_with_free_func (turn_free);
  g_weak_ref_init (&c->image, s->image);
  g_queue_push_head (&self->conversations, c);
  if (self->conversations.length > CONVERSATIONS)
    conversation_free (g_queue_pop_tail (&self->conversations));
  return c;
}

static gboolean
prefill (AxServed *s, const GArray *ids, gboolean logits, Watch *w, GError **error)
{
  const AxGemmaInput input = { .ids = (const gint32 *) (gpointer) ids->data, .n = (int) ids->len };
  return ax_gemma_state_prefill (s->state, &input, logits, w ? watch : NULL, w, error);
}

/* The state holds the prefix and the turns of the conversation before this one, in the steps in which they came. *kept: tokens that were there already. */
static gboolean
go_back (AxServed *s, Conversation *c, guint number, int *kept, GError **error)
{
  const gboolean there = c && s->conversation == number && s->turns == c->turns->len;
  if (!there)
    ax_gemma_state_rewind (s->state, (int) s->prefix->len);
  *kept = ax_gemma_state_length (s->state);
  if (there)
    return TRUE;
  s->conversation = s->turns = 0;
  for (guint i = 0; c && i < c->turns->len; i++)
    {
      const Turn *t = c->turns->pdata[i];
      if (!prefill (s, t->question, TRUE, NULL, error))
        return FALSE;
      for (guint k = 0; k < t->answer->len; k++)
        ax_gemma_state_step (s->state, g_array_index (t->answer, gint32, k));
    }
  if (c)
    {
      s->conversation = number;
      s->turns = c->turns->len;
    }
  return TRUE;
}

/* ---- one request ---------------------------------------------------------------------------------------------------------- */

/* The user's boxes in the model's frame; FALSE with REQUEST. */
static gboolean
boxes_in_frame (const AxServed *s, const AxRequest *r, AxBox *out, GError **error)
{
  AxFrame plain = s->frame;
  plain.mirror = FALSE;
  for (guint i = 0; i < r->n_boxes; i++)
    {
      const AxBox b = ax_box_clamp (r->boxes[i], s->frame.width, s->frame.height);
      if (ax_box_area (b) <= 0)
        {
          g_set_error (error, AX_ENGINE_ERROR, AX_ENGINE_ERROR_REQUEST, "Box %u lies outside the image of %d x %d pixels or has no area", i + 1, s->frame.width, s->frame.height);
          return FALSE;
        }
      out[i] = ax_frame_from_original (&plain, b);
    }
  return TRUE;
}

static char *
instruction_of (const AxServed *s, const AxRequest *r, GError **error)
{
  AxBox boxes[AX_TASK_MAX_BOXES];
  if (r->n_boxes > AX_TASK_MAX_BOXES)
    return ax_task_instruction (r->task, r->text, NULL, r->n_boxes, r->variant, error);
  if (!boxes_in_frame (s, r, boxes, error))
    return NULL;
  /* A structure is asked for by the name that the model knows best. */
  const int index = r->task == AX_TASK_ANATOMY && r->text ? ax_anatomy_find (r->text) : -1;
  return ax_task_instruction (r->task, index >= 0 ? ax_anatomy_name ((guint) index) : r->text, boxes, r->n_boxes, r->variant, error);
}

static AxGemmaSampling
sampling_of (const AxServe *self, const AxRequest *r)
{
  AxGemmaSampling s = ax_gemma_sampling_default ();
  const gint32 first = self->language->added_first;
  s.temperature = r->temperature;
  s.top_k = r->top_k;
  s.top_p = r->top_p > 0 ? r->top_p : 1;
  s.seed = r->seed;
  s.max_tokens = r->max_tokens > 0 ? MIN (r->max_tokens, MAX_TOKENS_LIMIT) : r->task == AX_TASK_REPORT ? 512 : 350;
  /* What only ever stands in a prompt. */
  for (gint32 t = 0; t < AX_N_ADDED_TOKENS; t++)
    if (t != AX_TOKEN_BOX && t != AX_TOKEN_BOX_END && t != AX_TOKEN_REF && t != AX_TOKEN_REF_END)
      s.banned[s.n_banned++] = first + t;
  return s;
}

typedef struct {
  AxAnswerMaker       *maker;
  const AxServeEvents *events;
  gint64               first;    /* when the first token came */
} Stream;

static void
give (Stream *s, const char *text)
{
  AxAnswerBox box;
  if (*text && s->events->text)
    s->events->text (text, s->events->user_data);
  while (ax_answer_maker_next_box (s->maker, &box))
    if (s->events->box)
      s->events->box (&box, s->events->user_data);
}

static gboolean
on_token (gint32 id, float probability, gpointer data)
{
  Stream *s = data;
  if (s->first == 0)
    s->first = g_get_monotonic_time ();
  give (s, ax_answer_maker_push (s->maker, id, probability));
  return TRUE;
}

static double
ms_since (gint64 start, gint64 end)
{
  return (double) (end - start) / 1000;
}

/* Tokens of the question; a later one of a conversation begins with the end of the answer before it. */
static GArray *
question_tokens (AxServe *self, const Conversation *c, const char *instruction)
{
  const Turn *last = c && c->turns->len > 0 ? c->turns->pdata[c->turns->len - 1] : NULL;
  GArray *ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  if (last && last->open >= 0)
    g_array_append_val (ids, last->open);
  g_autofree char *text = ax_prompt_task (instruction, last != NULL);
  ax_gemma_tokenizer_encode (self->language->tokenizer, text, -1, FALSE, ids);
  return ids;
}

/* A question with two options is answered with the one that is likelier in both orders together: its tag is given, the words behind it are the model's. ids has room
 * for max_tokens; returns how many were given. */
static int
begin_with (AxServe *self, AxServed *s, const char *tag, double p, int max_tokens, Stream *stream, gint32 *ids)
{
  g_autoptr (GArray) tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
  ax_gemma_tokenizer_encode (self->language->tokenizer, tag, -1, FALSE, tokens);
  if ((int) tokens->len >= max_tokens)
    return 0;
  for (guint i = 0; i < tokens->len; i++)
    {
      ids[i] = g_array_index (tokens, gint32, i);
      ax_gemma_state_step (s->state, ids[i]);
      on_token (ids[i], (float) pow (p, 1.0 / tokens->len), stream);
    }
  return (int) tokens->len;
}

static void
set_options (AxAnswer *answer, const AxOptions *choice, const double *p)
{
  answer->n_options = choice->n;
  answer->options = g_new0 (AxAnswerOption, choice->n);
  for (guint i = 0; i < choice->n; i++)
    answer->options[i] = (AxAnswerOption){ g_strdup (choice->tags[i]), g_strdup (choice->texts[i]), p[i] };
}

/* A label of which the model says itself that it was never learnt. */
static gboolean
is_unknown (AxModel *model, const char *label)
{
  for (guint i = 0; i < ax_model_n_labels (model); i++)
    if (strcmp (ax_model_label (model, i), label) == 0)
      return !ax_model_label_known (model, i);
  return FALSE;
}

/* The probability of each label by a question of its own behind the prefix; cancelled it keeps those that it has. */
static gboolean
score_labels (AxServe *self, AxServed *s, AxAnswer *answer, GCancellable *cancellable, GError **error)
{
  answer->options = g_new0 (AxAnswerOption, AX_TASK_N_LABELS);
  s->conversation = s->turns = 0;
  for (guint i = 0; i < AX_TASK_N_LABELS; i++)
    {
      if (is_unknown (self->model, ax_task_label (i)))
        continue;
      if (g_cancellable_is_cancelled (cancellable))
        {
          answer->stopped = AX_STOPPED_CANCELLED;
          break;
        }
      g_autofree char *text = ax_task_label_question (i);
      g_autoptr (AxOptions) choice = ax_options_parse (text);
      g_autofree char *turned = ax_options_reversed (choice);
      g_autoptr (GArray) given = question_tokens (self, NULL, text), reversed = question_tokens (self, NULL, turned);
      double p[AX_OPTIONS_MAX];
      ax_gemma_state_rewind (s->state, (int) s->prefix->len);
      if (!ax_choose (s->state, self->language->tokenizer, choice, given, reversed, p, error))
        return FALSE;
      answer->options[answer->n_options++] = (AxAnswerOption){ g_strdup_printf ("(%c)", 'A' + (int) i), g_strdup (ax_task_label (i)), p[0] };
    }
  ax_gemma_state_rewind (s->state, (int) s->prefix->len);
  return TRUE;
}

/* inside: how many of the n tokens are in the state; the last one is not when generation stopped right after choosing it. */
static void
remember (AxServed *s, Conversation *c, GArray *question, const gint32 *ids, int n, int inside)
{
  Turn *turn = g_new0 (Turn, 1);
  turn->question = g_array_ref (question);
  turn->answer = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_array_append_vals (turn->answer, ids, (guint) inside);
  turn->open = inside < n ? ids[inside] : -1;
  g_ptr_array_add (c->turns, turn);
  s->conversation = c->number;
  s->turns = c->turns->len;
}

AxAnswer *
ax_serve_run (AxServe *self, AxServed *s, const AxRequest *r, const AxServeEvents *events, GCancellable *cancellable, GError **error)
{
  const gint64 start = g_get_monotonic_time ();
  g_autofree char *instruction = instruction_of (s, r, error);
  gboolean ready = FALSE;
  if (instruction == NULL)
    return NULL;
  const guint had = s->state ? s->done : 0;
  while (!ready)
    if (!ax_serve_step (self, s, events->stage, events->user_data, &ready, error))
      return NULL;
  Conversation *c = r->conversation ? find_conversation (self, s, r->conversation) : NULL;
  int kept;
  if (!go_back (s, c, r->conversation, &kept, error))
    {
      ax_gemma_state_rewind (s->state, (int) s->prefix->len);
      return NULL;
    }
  g_autoptr (GArray) question = question_tokens (self, c, instruction);
  g_autoptr (AxOptions) choice = r->task == AX_TASK_ASK || r->task == AX_TASK_CHOOSE ? ax_options_parse (instruction) : NULL;
  g_autofree char *turned = choice ? ax_options_reversed (choice) : NULL;
  g_autoptr (GArray) reversed = choice ? question_tokens (self, c, turned) : NULL;
  double p[AX_OPTIONS_MAX];
  const int reused = had < s->prefix->len ? (int) had : kept;
  const guint twice = reversed ? reversed->len : 0;
  AxGemmaSampling sampling = sampling_of (self, r);
  const int room = ax_gemma_state_capacity (s->state) - ax_gemma_state_length (s->state) - (int) MAX (question->len, twice);
  if (room < 16)
    {
      g_set_error (error, AX_ENGINE_ERROR, AX_ENGINE_ERROR_REQUEST, c && c->turns->len > 0 ? "The conversation is full: begin a new one" : "The text is too long for the model");
      return NULL;
    }
  sampling.max_tokens = MIN (sampling.max_tokens, room);
  Watch w = { events->stage, events->user_data, PREFIX_SHARE, 1 - PREFIX_SHARE, "Reading the question" };
  s->conversation = s->turns = 0;     /* until this turn is complete */
  if (choice ? !ax_choose (s->state, self->language->tokenizer, choice, question, reversed, p, error) : !prefill (s, question, TRUE, &w, error))
    return NULL;
  const int prompt = ax_gemma_state_length (s->state);
  const gint64 filled = g_get_monotonic_time ();
  g_autoptr (AxAnswerMaker) maker = ax_answer_maker_new (r->task, &s->frame, self->language->tokenizer, sampling.max_tokens);
  Stream stream = { maker, events, 0 };
  g_autofree gint32 *ids = g_new (gint32, sampling.max_tokens);
  int n = 0, given = 0;
  if (choice && choice->n == 2 && sampling.temperature == 0 && !g_cancellable_is_cancelled (cancellable))
    {
      const guint best = ax_choose_best (choice, p);
      given = begin_with (self, s, choice->tags[best], p[best], sampling.max_tokens, &stream, ids);
      sampling.max_tokens -= given;
    }
  const AxGemmaStop stop = ax_gemma_generate (s->state, &sampling, cancellable, on_token, &stream, ids + given, NULL, &n);
  n += given;
  if (!ax_device_check (ax_gemma_device (self->language->gemma), error))
    {
      ax_gemma_state_rewind (s->state, (int) s->prefix->len);
      return NULL;
    }
  if (stop == AX_GEMMA_STOP_CANCELLED && n == 0)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "The request was cancelled");
      return NULL;
    }
  give (&stream, ax_answer_maker_finish (maker));
  const gint64 made = g_get_monotonic_time ();
  if (c)
    remember (s, c, question, ids, n, ax_gemma_state_length (s->state) - prompt);
  g_autoptr (AxAnswer) answer = ax_answer_maker_answer (maker, stop == AX_GEMMA_STOP_END ? AX_STOPPED_END : stop == AX_GEMMA_STOP_LENGTH ? AX_STOPPED_LENGTH : AX_STOPPED_CANCELLED);
  answer->instruction = g_steal_pointer (&instruction);
  answer->mirrored = s->mirror;
  answer->perception = ax_perception_ref (s->perception);
  ax_answer_check_heart (answer);
  answer->n_prompt = (guint) prompt;
  answer->n_reused = (guint) reused;
  answer->n_read = (guint) (prompt - reused) + twice;
  if (choice)
    set_options (answer, choice, p);
  else if (r->task == AX_TASK_CLASSIFY && r->probabilities && stop != AX_GEMMA_STOP_CANCELLED && !score_labels (self, s, answer, cancellable, error))
    return NULL;
  const gint64 end = g_get_monotonic_time ();
  answer->ms_prefill = ms_since (start, filled);
  answer->ms_first = ms_since (start, stream.first ? stream.first : end);
  answer->ms_generate = ms_since (filled, made);
  answer->ms_total = ms_since (start, end);
  return g_steal_pointer (&answer);
}
