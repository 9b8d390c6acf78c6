/* The JSON object of the text tasks. Two runs on the same image, model and device differ in "timing_ms" only. */
#include "engine/session/json-parts.h"

static void
write_structure (AxJson *json, const AxPerception *p, guint index)
{
  ax_json_begin_inline_object (json, NULL);
  ax_json_string (json, "label", p->anatomy[index].name);
  ax_json_write_box (json, "box", p->anatomy[index].box);
  ax_json_write_box (json, "box1024", p->anatomy[index].box1024);
  ax_json_end (json);
}

static void
write_sentences (AxJson *json, const AxAnswer *a)
{
  ax_json_begin_array (json, "sentences");
  for (guint i = 0; i < a->n_sentences; i++) {
    const AxAnswerSentence *s = &a->sentences[i];
    g_autofree char *words = g_strndup (a->plain + s->start, s->end - s->start);
    ax_json_begin_object (json, NULL);
    ax_json_string (json, "text", words);
    ax_json_number (json, "confidence", s->confidence, SCORE_DECIMALS);
    ax_json_begin_array (json, "boxes");
    for (guint k = 0; k < s->n_structures && a->perception != NULL; k++)
      write_structure (json, a->perception, s->structures[k]);
    ax_json_end (json);
    if (s->heart_ratio > 0) { /* what the boxes say against it */
      ax_json_begin_inline_object (json, "measured");
      ax_json_number (json, "cardiothoracic_ratio", s->heart_ratio, RATIO_DECIMALS);
      ax_json_end (json);
    }
    ax_json_end (json);
  }
  ax_json_end (json);
}

/* Where the question had none there is no such member. */
static void
write_options (AxJson *json, const AxAnswer *a)
{
  if (a->n_options == 0)
    return;
  ax_json_begin_array (json, "options");
  for (guint i = 0; i < a->n_options; i++) {
    ax_json_begin_inline_object (json, NULL);
    ax_json_string (json, "tag", a->options[i].tag);
    ax_json_string (json, "text", a->options[i].text);
    ax_json_number (json, "probability", a->options[i].probability, SCORE_DECIMALS);
    ax_json_end (json);
  }
  ax_json_end (json);
}

char *
ax_answer_to_json (const AxAnswer *a, const char *path, AxModel *model, gboolean pretty)
{
  g_return_val_if_fail (a != NULL, NULL);
  AxJson *json = ax_json_new (pretty);
  ax_json_begin_object (json, NULL);
  if (a->perception != NULL)
    ax_json_write_image (json, a->perception, path);
  ax_json_string (json, "task", ax_task_word (a->task));
  ax_json_string (json, "instruction", a->instruction);
  ax_json_string (json, "text", a->text);
  ax_json_string (json, "plain", a->plain);
  ax_json_bool (json, "nothing", a->nothing);
  ax_json_begin_array (json, "boxes");
  for (guint i = 0; i < a->n_boxes; i++) {
    ax_json_begin_inline_object (json, NULL);
    ax_json_string (json, "label", a->boxes[i].label);
    ax_json_write_box (json, "box", a->boxes[i].box);
    ax_json_write_box (json, "box1024", a->boxes[i].box1024);
    ax_json_number (json, "confidence", a->boxes[i].confidence, SCORE_DECIMALS);
    ax_json_end (json);
  }
  ax_json_end (json);
  write_sentences (json, a);
  write_options (json, a);
  ax_json_number (json, "confidence", a->confidence, SCORE_DECIMALS);
  ax_json_int (json, "tokens", a->n_tokens);
  ax_json_begin_inline_object (json, "prompt");
  ax_json_int (json, "tokens", a->n_prompt);
  ax_json_int (json, "reused", a->n_reused);
  ax_json_end (json);
  ax_json_begin_inline_object (json, "timing_ms");
  ax_json_number (json, "perceive", a->ms_perceive, MS_DECIMALS);
  ax_json_number (json, "prefill", a->ms_prefill, MS_DECIMALS);
  ax_json_number (json, "first", a->ms_first, MS_DECIMALS);
  ax_json_number (json, "generate", a->ms_generate, MS_DECIMALS);
  ax_json_number (json, "total", a->ms_total, MS_DECIMALS);
  ax_json_end (json);
  ax_json_string (json, "stopped", ax_stopped_name (a->stopped));
  ax_json_write_model (json, model);
  ax_json_end (json);
  return ax_json_finish (json);
}
