/* Serving: one token after another. See gemma_state.h and gemma_generate.h.
 *
 * A step is: embed the choice before, all layers at place[0], the head, the next greedy choice, and the next place into place[0]. On a card it reads nothing from the
 * host, so that it is recorded once and then repeated by one call, and the host waits for nothing but the id. */
#include "engine/model/gemma_state-private.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

void
ax_gemma_state_make_top (AxGemmaState *s)
{
  const AxLmHead head = ax_gemma_lm_head (s->gemma);
  if (s->made != AX_LOGITS_NONE)
    return;
  s->floor = ax_lm_head_top (&head, s->last, s->logits);
  s->made = isfinite (s->floor) ? AX_LOGITS_TOP : AX_LOGITS_ALL;
}

void
ax_gemma_state_make_all (AxGemmaState *s)
{
  const AxLmHead head = ax_gemma_lm_head (s->gemma);
  if (s->made != AX_LOGITS_ALL)
    ax_lm_head_logits (&head, 1, s->last, s->logits);
  s->made = AX_LOGITS_ALL;
}

/* ---- the choice ----------------------------------------------------------------------------------------------------------- */

static int
compare_ids (const void *a, const void *b)
{
  const gint32 x = *(const gint32 *) a, y = *(const gint32 *) b;
  return (x > y) - (x < y);
}

/* s->banned are these ids, in order. */
static void
set_banned (AxGemmaState *s, const gint32 *ids, int n)
{
  gint32 list[AX_GEMMA_MAX_BANNED];
  for (int i = 0; i < AX_GEMMA_MAX_BANNED; i++)
    list[i] = i < n && ids[i] >= 0 ? ids[i] : G_MAXINT32;
  qsort (list, AX_GEMMA_MAX_BANNED, sizeof *list, compare_ids);
  if (memcmp (list, s->banned_there, sizeof list) == 0)
    return;
  s->on->upload (s->banned, list, sizeof list);
  if (s->on->ok ())                      /* else nothing went there */
    memcpy (s->banned_there, list, sizeof list);
  s->chosen = FALSE;
}

static void
choose (AxGemmaState *s)
{
  s->on->choose_token ((gsize) s->gemma->vocabulary, s->logits, AX_GEMMA_MAX_BANNED, s->banned, &s->choice->id, &s->choice->log_p);
  s->chosen = TRUE;
  s->told = FALSE;
}

gint32
ax_gemma_state_choose (AxGemmaState *s, const gint32 *banned, int n, float *log_p)
{
  set_banned (s, banned, n);
  if (!s->chosen)
    {
      ax_gemma_state_make_top (s);
      choose (s);
      if (s->made == AX_LOGITS_TOP && s->logits[s->choice->id] < s->floor)
        {
          /* What could be chosen lies below the floor: all that is above is banned, or belongs to rows that others replace. */
          ax_gemma_state_make_all (s);
          choose (s);
        }
    }
  if (!s->told)
    s->on->download (&s->told_choice, s->choice, sizeof s->told_choice);
  s->told = TRUE;
  if (log_p != NULL)
    *log_p = s->told_choice.log_p;
  return s->told_choice.id;
}

/* ---- a step --------------------------------------------------------------------------------------------------------------- */

static void
run_step (AxGemmaState *s)
{
  const AxGemmaConfig *c = &s->gemma->config;
  s->on->step_begin ((gsize) c->head_dim, c->window, s->cos_sin[0], s->cos_sin[1], s->place, s->row_cos_sin, s->row_spans);
  const AxGemmaPass pass = { { s->row_cos_sin, s->row_cos_sin + c->head_dim }, { s->row_spans, s->row_spans + 1 },
                             (gsize) (s->on->host ? s->length + 1 : s->capacity) };
  ax_gemma_embed_rows (s->gemma, 1, &s->choice->id, s->x);
  for (int i = 0; i < c->layers; i++)
    ax_gemma_state_layer (s, &pass, i, 0, 1);
  ax_gemma_state_keep (s, 0);
  if (s->on->host)
    return;                              /* what is made of the logits depends on what is asked of them */
  ax_gemma_state_make_all (s);
  choose (s);
}

/* The recorded step, or NULL where it cannot be recorded (yet). */
static gpointer
recorded_step (AxGemmaState *s)
{
  if (s->graph != NULL && s->epoch == s->on->epoch ())
    return s->graph;
  if (s->graph != NULL)
    s->on->forget (g_steal_pointer (&s->graph));
  if (!s->stepped || !s->on->record ())
    return NULL;
  s->epoch = s->on->epoch ();
  run_step (s);
  return s->graph = s->on->recorded ();
}

void
ax_gemma_state_step (AxGemmaState *s, gint32 id)
{
  g_return_if_fail (s->length < s->capacity && ax_gemma_has_row (s->gemma, id));
  if (!s->chosen || !s->told || s->told_choice.id != id)
    s->on->upload (&s->choice->id, &id, sizeof id);
  if (s->placed != s->length)
    s->on->upload (s->place, (gint32[]){ s->length, s->length }, 2 * sizeof (gint32));
  gpointer graph = recorded_step (s);
  if (graph != NULL)
    {
      s->on->replay (graph);
      s->made = AX_LOGITS_ALL;
      s->chosen = TRUE;
      s->told = FALSE;
    }
  else
    run_step (s);
  s->stepped = s->on->ok ();
  s->length++;
  s->placed = s->stepped ? s->length : -1;
  s->has_logits = TRUE;
}
