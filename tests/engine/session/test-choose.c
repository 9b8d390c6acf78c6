/* Probabilities of options on a model of random weights: they are what the logits of both orders say, and exchanging the options changes nothing. */
#include "engine/model/gemma_generate.h"
#include "engine/session/choose.h"
#include "engine/session/language.h"
#include "tests/engine/session/tiny-model.h"
#include <math.h>
#include <string.h>

static char *scratch, *folder;

#define QUESTION "Is the heart enlarged? Options:\n"

/* ---- the arithmetic ------------------------------------------------------------------------------------------------------------ */

typedef struct { AxModel *model; AxLanguage *language; AxGemmaState *state; } Bench;

static void
bench_open (Bench *b)
{
  g_autoptr (GError) error = NULL;
  b->model = ax_model_load (folder, &error);
  g_assert_no_error (error);
  b->language = ax_language_load (b->model, &error);
  g_assert_no_error (error);
  b->state = ax_gemma_state_new (b->language->gemma, 512, &error);
  g_assert_no_error (error);
}

static void
bench_close (Bench *b)
{
  ax_gemma_state_free (b->state);
  ax_language_free (b->language);
  g_object_unref (b->model);
}

static GArray *
encode (const Bench *b, const char *text)
{
  GArray *ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  ax_gemma_tokenizer_encode (b->language->tokenizer, text, -1, FALSE, ids);
  return ids;
}

static void
prefill (const Bench *b, const GArray *ids)
{
  g_autoptr (GError) error = NULL;
  const AxGemmaInput input = { .ids = (const gint32 *) (gpointer) ids->data, .n = (int) ids->len };
  g_assert_true (ax_gemma_state_prefill (b->state, &input, TRUE, NULL, NULL, &error));
  g_assert_no_error (error);
}

/* log p of the tag, token by token from the logits. */
static double
tag_log_p (const Bench *b, const char *question, const char *tag)
{
  const int before = ax_gemma_state_length (b->state), n = ax_gemma_vocabulary (b->language->gemma);
  g_autoptr (GArray) asked = encode (b, question), ids = encode (b, tag);
  prefill (b, asked);
  double sum = 0;
  for (guint i = 0; i < ids->len; i++)
    {
      const float *logits = ax_gemma_state_logits (b->state);
      const gint32 id = g_array_index (ids, gint32, i);
      double top = -INFINITY, total = 0;
      for (int k = 0; k < n; k++)
        top = fmax (top, (double) logits[k]);
      for (int k = 0; k < n; k++)
        total += exp ((double) logits[k] - top);
      sum += (double) logits[id] - top - log (total);
      ax_gemma_state_step (b->state, id);
    }
  ax_gemma_state_rewind (b->state, before);
  return sum;
}

static void
choose (const Bench *b, const char *question, double *p)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (AxOptions) choice = ax_options_parse (question);
  g_autofree char *turned = ax_options_reversed (choice);
  g_autoptr (GArray) given = encode (b, question), reversed = encode (b, turned);
  const int before = ax_gemma_state_length (b->state);
  g_assert_true (ax_choose (b->state, b->language->tokenizer, choice, given, reversed, p, &error));
  g_assert_no_error (error);
  g_assert_cmpint (ax_gemma_state_length (b->state), ==, before + (int) given->len);
  ax_gemma_state_rewind (b->state, before);
}

static void
test_arithmetic (void)
{
  Bench b;
  bench_open (&b);
  g_autoptr (GArray) prefix = encode (&b, "A prefix. ");
  prefill (&b, prefix);
  double p[3], q[3], lean = 0;
  choose (&b, QUESTION "(A) yes\n(B) no", p);
  choose (&b, QUESTION "(A) no\n(B) yes", q);
  g_assert_cmpfloat_with_epsilon (p[0] + p[1], 1, 1e-12);
  g_assert_cmpfloat (p[0], ==, q[1]);
  g_assert_cmpfloat (p[1], ==, q[0]);
  /* By the definition: the mean of the log odds of both orders. log p is a float32 sum over the vocabulary of 310 rows: 2^-24 times a few dozen, for 3 tokens; 1e-4
   * is generous, but far below what a mistake would make. */
  const double plain = tag_log_p (&b, QUESTION "(A) yes\n(B) no", "(A)") - tag_log_p (&b, QUESTION "(A) yes\n(B) no", "(B)");
  const double turned = tag_log_p (&b, QUESTION "(A) no\n(B) yes", "(B)") - tag_log_p (&b, QUESTION "(A) no\n(B) yes", "(A)");
  lean = plain - turned;
  const double off = fabs (log (p[0] / p[1]) - (plain + turned) / 2);
  g_test_message ("log odds %.4f in one order, %.4f in the other; mean off by %.2g (%.1f %% of the tolerance)", plain, turned, off, 100 * off / 1e-4);
  g_assert_cmpfloat (off, <, 1e-4);
  g_assert_cmpfloat (fabs (lean), >, 1e-3);     /* else this model could not show the mistake that is guarded against */
  /* Three options: each against its place in both orders. */
  choose (&b, QUESTION "(A) one\n(B) two\n(C) three", p);
  choose (&b, QUESTION "(A) three\n(B) two\n(C) one", q);
  for (int i = 0; i < 3; i++)
    g_assert_cmpfloat_with_epsilon (p[i], q[2 - i], 1e-12);
  g_assert_cmpfloat_with_epsilon (p[0] + p[1] + p[2], 1, 1e-12);
  bench_close (&b);
}

/* ---- in a session -------------------------------------------------------------------------------------------------------------- */

static void
on_done (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  *(AxAnswer **) data = ax_session_run_finish (AX_SESSION (source), result, &error);
  g_assert_no_error (error);
}

static void
on_event (const AxEvent *e, gpointer data)
{
  if (e->type == AX_EVENT_TEXT)
    g_string_append (data, e->text);
}

static AxAnswer *
run (AxSession *session, AxImage *image, const AxRequest *request)
{
  AxAnswer *answer = NULL;
  g_autoptr (GString) streamed = g_string_new (NULL);
  ax_session_run_async (session, image, request, on_event, streamed, NULL, on_done, &answer);
  while (answer == NULL)
    g_main_context_iteration (NULL, TRUE);
  if (answer->n_options == 2)
    g_assert_true (g_str_has_prefix (streamed->str, answer->options[answer->options[1].probability > answer->options[0].probability].tag));
  return answer;
}

#define CHOOSE(words) ((AxRequest){ .task = AX_TASK_CHOOSE, .text = words, .max_tokens = 12, .conversation = 3 })

static void
test_session (void)
{
  g_autoptr (AxSession) session = ax_session_new (folder), other = ax_session_new (folder);
  g_autoptr (AxImage) image = tiny_image (256, 200, 3);
  const AxRequest plain = CHOOSE (QUESTION "(A) yes\n(B) no"), turned = CHOOSE (QUESTION "(A) no\n(B) yes"), free_text = { .task = AX_TASK_ASK, .text = "And now?", .max_tokens = 8, .conversation = 3 };
  g_autoptr (AxAnswer) a = run (session, image, &plain), b = run (other, image, &turned);
  g_assert_cmpuint (a->n_options, ==, 2);
  g_assert_cmpstr (a->options[0].text, ==, "yes");
  g_assert_cmpstr (b->options[1].text, ==, "yes");
  g_assert_cmpstr (b->options[1].tag, ==, "(B)");
  g_assert_cmpfloat (a->options[0].probability, ==, b->options[1].probability);
  g_test_message ("yes %.4f: \"%s\" and \"%s\"", a->options[0].probability, a->text, b->text);
  /* The answers choose the same, so their letters differ. */
  g_assert_cmpint (a->text[1] == 'A', ==, b->text[1] == 'B');
  g_assert_cmpuint (a->n_tokens, <=, 12);
  /* The conversation goes on behind the answer, whether the state was kept or is made again. */
  g_autoptr (AxAnswer) next = run (session, image, &free_text), first = run (other, image, &(AxRequest){ .task = AX_TASK_REPORT, .max_tokens = 8 });
  g_autoptr (AxSession) third = ax_session_new (folder);
  g_autoptr (AxAnswer) c = run (third, image, &plain), between = run (third, image, &(AxRequest){ .task = AX_TASK_REPORT, .max_tokens = 8 }), again = run (third, image, &free_text);
  g_assert_cmpstr (c->text, ==, a->text);
  g_assert_cmpstr (again->text, ==, next->text);
  g_assert_cmpuint (next->n_prompt, ==, again->n_prompt);
  g_assert_cmpstr (first->text, ==, between->text);
  g_assert_cmpuint (next->n_options, ==, 0);
  g_assert_cmpuint (first->n_options, ==, 0);
  /* Drawn at random it says what it likes; with too little room for a tag it says what fits. */
  AxRequest warm = plain, brief = plain;
  warm.temperature = 1;
  warm.conversation = brief.conversation = 0;
  brief.max_tokens = 1;
  AxAnswer *w = NULL;
  ax_session_run_async (session, image, &warm, NULL, NULL, NULL, on_done, &w);
  while (w == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpfloat (w->options[0].probability, ==, a->options[0].probability);
  ax_answer_unref (w);
  w = NULL;
  ax_session_run_async (session, image, &brief, NULL, NULL, NULL, on_done, &w);
  while (w == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (w->n_tokens, <=, 1);
  ax_answer_unref (w);
}

static void
test_labels (void)
{
  g_autoptr (AxSession) session = ax_session_new (folder);
  g_autoptr (AxImage) image = tiny_image (256, 200, 3);
  AxRequest request = { .task = AX_TASK_CLASSIFY, .max_tokens = 6 };
  g_autoptr (AxAnswer) plain = run (session, image, &request);
  g_assert_cmpuint (plain->n_options, ==, 0);
  request.probabilities = TRUE;
  g_autoptr (AxAnswer) a = run (session, image, &request), again = run (session, image, &request);
  g_assert_cmpstr (a->text, ==, plain->text);
  g_assert_cmpuint (a->n_options, ==, AX_TASK_N_LABELS);
  double least = 1, most = 0;
  for (guint i = 0; i < a->n_options; i++)
    {
      g_assert_cmpstr (a->options[i].text, ==, ax_task_label (i));
      g_assert_cmpfloat (a->options[i].probability, ==, again->options[i].probability);
      least = fmin (least, a->options[i].probability);
      most = fmax (most, a->options[i].probability);
      /* The same question, asked by hand. */
      g_autofree char *text = ax_task_label_question (i);
      g_autoptr (AxAnswer) asked = i % 5 == 0 ? run (session, image, &(AxRequest){ .task = AX_TASK_CHOOSE, .text = text, .max_tokens = 4 }) : NULL;
      if (asked)
        g_assert_cmpfloat (asked->options[0].probability, ==, a->options[i].probability);
    }
  g_assert_true (least > 0 && most < 1 && least < most);
  g_autofree char *json = ax_answer_to_json (a, NULL, ax_session_get_model (session), FALSE), *without = ax_answer_to_json (plain, NULL, ax_session_get_model (session), FALSE);
  g_assert_nonnull (strstr (json, "\"options\":[{\"tag\":\"(A)\",\"text\":\"Atelectasis\",\"probability\":0."));
  g_assert_null (strstr (without, "\"options\""));
}

int
main (int argc, char **argv)
{
  scratch = g_dir_make_tmp ("ax-choose-XXXXXX", NULL);
  g_autofree char *cache = g_build_filename (scratch, "cache", NULL);
  g_setenv ("XDG_CACHE_HOME", cache, TRUE);
  g_unsetenv ("ANATOMIX_LM");
  g_test_init (&argc, &argv, NULL);
  folder = tiny_model_new (scratch, FALSE);
  g_test_add_func ("/choose/arithmetic", test_arithmetic);
  g_test_add_func ("/choose/session", test_session);
  g_test_add_func ("/choose/labels", test_labels);
  const int status = g_test_run ();
  tiny_model_remove (scratch);
  g_free (folder);
  g_free (scratch);
  return status;
}
