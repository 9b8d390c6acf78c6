/* lm_answerer.c: see lm_answerer.h. */
#include "engine/evaluation/lm_answerer.h"

#include <math.h>
#include <string.h>

#include "engine/checkpoint/language_part.h"
#include "engine/checkpoint/lm_adapter.h"
#include "engine/model/gemma_generate.h"
#include "engine/session/choose.h"
#include "engine/session/model.h"
#include "engine/task/answer_parser.h"
#include "engine/text/prompt.h"

#define CAPACITY 3072     /* prefix of about 1,500 tokens, a list of options, an answer */
#define MAX_TOKENS 350    /* of an answer, as the authors' benchmark (spec 8.3) */

struct _AxLmModelAnswerer {
  AxModel *model;
  AxTape *tape;
  AxLmWeights *weights;
  AxGemmaTokenizer *tokenizer;
  AxGemma *gemma;
  AxGemmaState *state;
  AxGemmaSampling sampling;
  GArray *ids;           /* scratch, gint32 */
  int n_prefix;          /* tokens of the open image's prefix in the state */
};

void
ax_lm_model_answerer_free (AxLmModelAnswerer *a)
{
  if (a == NULL)
    return;
  g_clear_pointer (&a->state, ax_gemma_state_free);
  g_clear_pointer (&a->gemma, ax_gemma_free);
  g_clear_pointer (&a->tokenizer, ax_gemma_tokenizer_unref);
  g_clear_pointer (&a->weights, ax_lm_weights_unref);
  g_clear_pointer (&a->tape, ax_tape_free);
  g_clear_pointer (&a->ids, g_array_unref);
  g_free (a);
}

/* The weights and where their tokenizer is. */
static AxLmWeights *
open_weights (AxModel *model, const char *adapter_path, char **tokenizer_path, GError **error)
{
  *tokenizer_path = NULL;
  if (adapter_path == NULL) {
    g_autoptr (AxModelFolder) folder = ax_model_folder_open (ax_model_folder (model), error);
    g_autoptr (AxLanguagePart) part = folder != NULL ? ax_language_part_open (folder, error) : NULL;
    if (part == NULL)
      return NULL;
    *tokenizer_path = g_strdup (ax_language_part_get_tokenizer_path (part));
    return ax_lm_weights_ref (ax_language_part_get_weights (part));
  }
  g_autofree char *path = g_build_filename (g_get_user_cache_dir (), "anatomix", "gemma-3-270m", "gemma-3-270m-q4_k_m.gguf", NULL);
  g_autoptr (AxLmWeights) base = ax_lm_base_open (path, error);
  g_autoptr (AxLmWeights) adapter = base != NULL ? ax_lm_adapter_open (adapter_path, 0, error) : NULL;
  return adapter != NULL ? ax_lm_weights_stack (base, adapter, error) : NULL;
}

AxLmModelAnswerer *
ax_lm_model_answerer_new (AxModel *model, const char *adapter, GError **error)
{
  g_autoptr (AxLmModelAnswerer) a = g_new0 (AxLmModelAnswerer, 1);
  g_autofree char *tokenizer_path = NULL;
  if (ax_model_get_sentences (model) == NULL) {
    g_set_error (error, AX_ENGINE_ERROR, AX_ENGINE_ERROR_MODEL, "%s has no sentence database for its prompts", ax_model_name (model));
    return NULL;
  }
  a->model = model;
  a->tape = ax_tape_new (FALSE);
  a->ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  a->weights = open_weights (model, adapter, &tokenizer_path, error);
  if (a->weights == NULL)
    return NULL;
  AxGguf *gguf = ax_lm_weights_get_gguf (a->weights);
  a->tokenizer = tokenizer_path != NULL ? ax_gemma_tokenizer_open (tokenizer_path, error)
                 : gguf != NULL ? ax_gemma_tokenizer_open_gguf (gguf, error) : ax_gemma_tokenizer_open (ax_lm_weights_get_path (a->weights), error);
  if (a->tokenizer == NULL)
    return NULL;
  const gint32 first = ax_gemma_tokenizer_added_first (a->tokenizer);
  const AxApmConfig *apm = ax_apm_config (ax_model_get_apm (model));
  const AxGemmaOptions options = {
    .store = AX_GEMMA_QUANTISED, .merge_lora = TRUE, .added_first = first, .added_count = AX_N_ADDED_TOKENS, .added_tied = TRUE, .heads = TRUE,
    .image_dim = apm->hidden, .object_dim = apm->proj_dim, .head_hidden = 512,
  };
  const AxGemmaInjection injection = { first + AX_TOKEN_IMAGE, first + AX_TOKEN_OBJ_0, AX_N_ANATOMY };
  a->gemma = ax_gemma_new_from_weights (a->weights, &options, &injection, error);
  a->state = a->gemma != NULL ? ax_gemma_state_new (a->gemma, CAPACITY, error) : NULL;
  if (a->state == NULL)
    return NULL;
  if (ax_gemma_options (a->gemma)->image_dim != apm->hidden || ax_gemma_options (a->gemma)->object_dim != apm->proj_dim) {
    g_set_error (error, AX_ENGINE_ERROR, AX_ENGINE_ERROR_MODEL, "the projection heads of the adapter do not fit %s", ax_model_name (model));
    return NULL;
  }
  a->sampling = ax_gemma_sampling_default ();
  a->sampling.max_tokens = MAX_TOKENS;
  /* Tokens that mean input are never an answer. */
  for (gint32 t = 0; t < AX_N_ADDED_TOKENS; t++)
    if (t != AX_TOKEN_BOX && t != AX_TOKEN_BOX_END && t != AX_TOKEN_REF && t != AX_TOKEN_REF_END)
      a->sampling.banned[a->sampling.n_banned++] = first + t;
  return g_steal_pointer (&a);
}

/* ---- an image ---- */

/* Perceives and computes the prefix. */
static gboolean
open_image (gpointer self, const AxImageFacts *facts, gboolean flip, AxLmContext context, GCancellable *cancellable, GError **error)
{
  AxLmModelAnswerer *a = self;
  AxPreprocessOptions options = AX_PREPROCESS_DEFAULT;
  AxFrame frame;
  AxApmOutput out;
  options.size = ax_model_input_size (a->model);
  options.mirror = flip;
  g_autoptr (AxImage) image = ax_image_load (facts->path, cancellable, error);
  g_autofree guint8 *pixels = g_malloc ((gsize) options.size * (gsize) options.size);
  if (image == NULL || !ax_preprocess (image, &options, pixels, &frame, error))
    return FALSE;
  ax_tape_reset (a->tape);
  AxTensor *input = ax_tensor_new (a->tape, FALSE, 4, (int[]) { 1, options.size, options.size, 1 });
  for (gsize i = 0; i < input->n; i++)
    input->data[i] = pixels[i] / 255.0f;
  ax_apm_forward (ax_model_get_apm (a->model), a->tape, input, FALSE, NULL, NULL, &out);

  AxPromptObjects objects;
  AxHit hits[AX_PROMPT_N_OBJECTS];
  const gsize dim = ax_tensor_cols (out.objects);
  memcpy (objects.boxes, out.boxes->data, sizeof objects.boxes);
  for (guint o = 0; o < AX_PROMPT_N_OBJECTS; o++) {
    hits[o] = (AxHit) { 0 };
    objects.sentences[o] = ax_sentence_db_query (ax_model_get_sentences (a->model), o, out.objects->data + o * dim, 1, &hits[o]) > 0 ? hits[o].sentence : NULL;
  }
  const int width = ax_gemma_config (a->gemma)->width, tokens = (int) (out.image_embedding->n / ax_tensor_cols (out.image_embedding));
  g_autofree float *image_rows = g_new (float, (gsize) tokens * (gsize) width), *object_rows = g_new (float, AX_PROMPT_N_OBJECTS * (gsize) width);
  ax_gemma_project (a->gemma, FALSE, tokens, out.image_embedding->data, image_rows);
  ax_gemma_project (a->gemma, TRUE, AX_PROMPT_N_OBJECTS, out.objects->data, object_rows);

  static const AxPromptContext contexts[AX_CONTEXT_N] = { AX_PROMPT_FULL, AX_PROMPT_NO_TEXT, AX_PROMPT_IMAGE_ONLY };
  const AxPromptOptions prompt = { .n_image_tokens = tokens, .context = contexts[context] };
  g_autofree char *prefix = ax_prompt_prefix (&prompt, &objects);
  g_array_set_size (a->ids, 0);
  ax_prompt_encode (a->tokenizer, prefix, NULL, a->ids, NULL);
  a->n_prefix = (int) a->ids->len;
  ax_gemma_state_rewind (a->state, 0);
  const AxGemmaInput in = { (const gint32 *) a->ids->data, a->n_prefix, image_rows, tokens, object_rows };
  return ax_gemma_state_prefill (a->state, &in, FALSE, NULL, NULL, error);
}

/* ---- a request ---- */

static GArray *
encode_task (AxLmModelAnswerer *a, const char *instruction)
{
  GArray *ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autofree char *task = ax_prompt_task (instruction, FALSE);
  ax_gemma_tokenizer_encode (a->tokenizer, task, -1, FALSE, ids);
  return ids;
}

/* As a session answers (engine/session/serve.c): options are asked for in either order, and of two the likelier one begins the answer. */
static gboolean
answer (gpointer self, const AxLmRequest *r, AxLmReply *reply, GCancellable *cancellable, GError **error)
{
  AxLmModelAnswerer *a = self;
  g_autoptr (AxOptions) choice = r->task == AX_INSTRUCT_CLASSIFICATION || r->task == AX_INSTRUCT_CLOSED ? ax_options_parse (r->text) : NULL;
  gint32 made[MAX_TOKENS];
  int given = 0, n = 0;
  ax_gemma_state_rewind (a->state, a->n_prefix);
  if (choice != NULL) {
    double p[AX_OPTIONS_MAX];
    g_autofree char *turned = ax_options_reversed (choice);
    g_autoptr (GArray) reversed = encode_task (a, turned), question = encode_task (a, r->text);
    if (!ax_choose (a->state, a->tokenizer, choice, question, reversed, p, error))
      return FALSE;
    const guint best = ax_choose_best (choice, p);
    reply->yes = choice->n == 2 ? p[r->option_yes] : NAN;
    if (r->ask == AX_ASK_LABEL) {
      reply->text = g_strdup (choice->tags[best]);
      reply->ended = TRUE;
      return TRUE;
    }
    g_array_set_size (a->ids, 0);
    if (choice->n == 2)
      ax_gemma_tokenizer_encode (a->tokenizer, choice->tags[best], -1, FALSE, a->ids);
    for (; given < (int) a->ids->len; given++) {
      made[given] = g_array_index (a->ids, gint32, given);
      ax_gemma_state_step (a->state, made[given]);
    }
  } else {
    g_autoptr (GArray) question = encode_task (a, r->text);
    const AxGemmaInput in = { (const gint32 *) question->data, (int) question->len, NULL, 0, NULL };
    if (!ax_gemma_state_prefill (a->state, &in, TRUE, NULL, NULL, error))
      return FALSE;
  }
  AxGemmaSampling sampling = a->sampling;
  sampling.max_tokens -= given;
  const AxGemmaStop stop = ax_gemma_generate (a->state, &sampling, cancellable, NULL, NULL, made + given, NULL, &n);
  if (stop == AX_GEMMA_STOP_CANCELLED) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "The evaluation was cancelled");
    return FALSE;
  }
  n += given;
  g_autofree char *text = ax_gemma_tokenizer_decode (a->tokenizer, made, (gsize) n, TRUE);
  reply->text = ax_answer_postprocess (text);
  reply->ended = stop == AX_GEMMA_STOP_END;
  reply->tokens = (guint) n;
  return TRUE;
}

AxLmAnswerer
ax_lm_model_answerer_get (AxLmModelAnswerer *self)
{
  return (AxLmAnswerer) { self, open_image, answer };
}
