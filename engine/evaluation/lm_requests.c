/* lm_requests.c: see lm_requests.h. */
#include "engine/evaluation/lm_requests.h"

#include <string.h>

#include "engine/task/task.h"
#include "engine/training/instruct_words.h"

#define BIT(x) (1u << (x))

typedef struct {
  AxImageFacts *const *facts;
  guint n;
  const AxLmPlan *plan;
  GPtrArray *out;
  AxRandom random;
} Maker;

static void
request_free (gpointer data)
{
  AxLmRequest *r = data;
  g_free (r->text);
  g_free (r);
}

void
ax_lm_plan_full (AxLmPlan *p)
{
  *p = (AxLmPlan) { .seed = 2025, .anatomy = 110, .negatives = 110, .labels = 1000, .lists = 50, .reports = 1000, .closed = 150, .open = 120, .mirrored = 26 };
}

void
ax_lm_plan_quick (AxLmPlan *p)
{
  *p = (AxLmPlan) { .seed = 2025, .anatomy = 20, .negatives = 20, .labels = 15, .lists = 8, .reports = 15, .closed = 30, .open = 25, .mirrored = 4 };
}

/* Takes `text`. */
static AxLmRequest *
add (Maker *m, AxAsk ask, guint image, char *text)
{
  static const AxInstructTask tasks[AX_ASK_N] = {
    [AX_ASK_ANATOMY] = AX_INSTRUCT_ANATOMY, [AX_ASK_PHRASE] = AX_INSTRUCT_PHRASE, [AX_ASK_DETECT] = AX_INSTRUCT_DETECTION, [AX_ASK_DIAGNOSE] = AX_INSTRUCT_DIAGNOSIS,
    [AX_ASK_CAPTION] = AX_INSTRUCT_CAPTION, [AX_ASK_LIST] = AX_INSTRUCT_CLASSIFICATION, [AX_ASK_LABEL] = AX_INSTRUCT_CLASSIFICATION, [AX_ASK_REPORT] = AX_INSTRUCT_REPORT,
    [AX_ASK_PRESENT] = AX_INSTRUCT_CLOSED, [AX_ASK_ON_SIDE] = AX_INSTRUCT_CLOSED, [AX_ASK_NORMAL] = AX_INSTRUCT_CLOSED, [AX_ASK_HEART] = AX_INSTRUCT_CLOSED,
    [AX_ASK_WHICH_SIDE] = AX_INSTRUCT_OPEN, [AX_ASK_WHERE] = AX_INSTRUCT_OPEN, [AX_ASK_ABNORMALITIES] = AX_INSTRUCT_OPEN, [AX_ASK_STRUCTURE] = AX_INSTRUCT_OPEN,
  };
  AxLmRequest *r = g_new0 (AxLmRequest, 1);
  r->ask = ask;
  r->task = tasks[ask];
  r->image = image;
  r->text = text;
  g_ptr_array_add (m->out, r);
  return r;
}

static const char *
nth (AxWords list, guint i)
{
  return ax_words (list)[i % ax_words_count (list)];
}

static void
shuffle (AxRandom *random, guint *order, guint n)
{
  for (guint i = 0; i < n; i++)
    order[i] = i;
  for (guint i = n; i > 1; i--) {
    const guint k = (guint) ax_random_below (random, i), t = order[i - 1];
    order[i - 1] = order[k];
    order[k] = t;
  }
}

/* ---- grounding ---- */

static void
make_anatomy (Maker *m)
{
  g_autofree guint *images = g_new (guint, m->n + 1);
  guint order[AX_DATASET_N_OBJECTS];
  shuffle (&m->random, images, m->n);
  shuffle (&m->random, order, AX_DATASET_N_OBJECTS);
  const guint spec = ax_words_from_spec (AX_WORDS_ANATOMY_QUESTION), ours = ax_words_count (AX_WORDS_ANATOMY_QUESTION) - spec;
  for (guint made = 0, tried = 0; m->n > 0 && made < m->plan->anatomy && tried < 20 * m->plan->anatomy + m->n; tried++) {
    const guint image = images[tried % m->n], object = order[(tried + tried / AX_DATASET_N_OBJECTS) % AX_DATASET_N_OBJECTS];
    const AxImageFacts *f = m->facts[image];
    if (!f->ok || !f->visible[object])
      continue;
    const char *const *names = ax_structure_names (object);
    const guint others = g_strv_length ((char **) names) - 1;
    const char *wordings[AX_WORDING_N] = {
      [AX_WORDING_SPEC] = nth (AX_WORDS_ANATOMY_QUESTION, made % spec), [AX_WORDING_FREE] = nth (AX_WORDS_ANATOMY_QUESTION, spec + made % ours),
      [AX_WORDING_PARAPHRASE] = nth (AX_WORDS_ANATOMY_PARAPHRASE, made), [AX_WORDING_SYNONYM] = nth (AX_WORDS_ANATOMY_QUESTION, made % spec),
    };
    for (guint w = 0; w < AX_WORDING_N; w++) {
      const char *name = w == AX_WORDING_SYNONYM ? names[1 + (made / AX_DATASET_N_OBJECTS + made) % others] : names[0];
      AxLmRequest *r = add (m, AX_ASK_ANATOMY, image, ax_words_fill (wordings[w], name, NULL));
      r->object = object;
      r->wording = (AxWording) w;
      r->present = TRUE;
    }
    made++;
  }
}

static AxLmRequest *
add_phrase (Maker *m, guint image, const AxKnownFinding *finding, AxPhraseStyle style, gboolean by_class, gboolean present)
{
  AxLmRequest *r;
  if (by_class) {
    g_autofree char *lower = g_ascii_strdown (ax_finding_class (finding->label), -1);
    r = add (m, AX_ASK_PHRASE, image, ax_words_fill (nth (AX_WORDS_CLASS_QUESTION, m->out->len % ax_words_from_spec (AX_WORDS_CLASS_QUESTION)), lower, NULL));
  } else {
    g_autofree char *phrase = ax_finding_phrase (finding, style, ax_finding_noun (finding, NULL));
    r = add (m, AX_ASK_PHRASE, image, ax_words_fill (nth (AX_WORDS_PHRASE_QUESTION, m->out->len % ax_words_from_spec (AX_WORDS_PHRASE_QUESTION)), phrase, NULL));
  }
  r->style = style;
  r->finding = *finding;
  r->mark = finding->mark;
  r->present = present;
  return r;
}

static void
make_phrases (Maker *m)
{
  /* Every finding once by its class and once by its full phrase, but no question twice. */
  for (guint i = 0; i < m->n; i++) {
    const AxImageFacts *f = m->facts[i];
    guint32 by_class = 0, by_phrase = 0;
    for (guint k = 0; k < f->n; k++) {
      const guint32 same = ax_phrase_matches (f, k, AX_PHRASE_NOUN), alike = ax_phrase_matches (f, k, AX_PHRASE_FULL);
      if (!(by_class & BIT (k))) {
        add_phrase (m, i, &f->findings[k], AX_PHRASE_NOUN, TRUE, TRUE);
        by_class |= same;
      }
      if (f->ok && f->findings[k].place.side != AX_SIDE_NONE && !(by_phrase & BIT (k))) {
        add_phrase (m, i, &f->findings[k], AX_PHRASE_FULL, FALSE, TRUE);
        by_phrase |= alike;
      }
    }
  }
  /* Absent findings: the kinds in turn, so that rare ones do not drown the common ones. */
  static const AxBoxLabel kinds[] = { AX_BOX_LUNG_OPACITY, AX_BOX_EFFUSION, AX_BOX_CARDIOMEGALY, AX_BOX_FRACTURE, AX_BOX_PNEUMOTHORAX, AX_BOX_NODULE, AX_BOX_ATELECTASIS };
  g_autofree guint *images = g_new (guint, m->n + 1);
  shuffle (&m->random, images, m->n);
  for (guint made = 0, tried = 0; m->n > 0 && made < m->plan->negatives && tried < m->n * G_N_ELEMENTS (kinds); tried++) {
    const guint image = images[tried / G_N_ELEMENTS (kinds)];
    const AxBoxLabel label = kinds[(tried + tried / G_N_ELEMENTS (kinds)) % G_N_ELEMENTS (kinds)];
    const AxMark mark = (AxMark) ax_mark_of_box (label);
    if (!m->facts[image]->read || !(m->facts[image]->absent & BIT (mark)) || (m->plan->negatives < m->n * 3 && ax_random_uniform (&m->random) < 0.5))
      continue;
    const AxKnownFinding finding = { .label = label, .mark = mark };
    add_phrase (m, image, &finding, AX_PHRASE_NOUN, made % 2 == 0, FALSE);
    made++;
  }
}

guint32
ax_lm_request_matches (const AxLmRequest *r, const AxImageFacts *f)
{
  guint32 set = 0;
  for (guint i = 0; i < f->n; i++) {
    const AxKnownFinding *k = &f->findings[i];
    if (k->mark != r->mark || (r->finding.label != AX_BOX_LUNG_OPACITY && strcmp (ax_finding_class (k->label), ax_finding_class (r->finding.label)) != 0))
      continue;
    if (r->style == AX_PHRASE_FULL && (k->place.side != r->finding.place.side || k->place.zones != r->finding.place.zones || k->size != r->finding.size))
      continue;
    set |= BIT (i);
  }
  return set;
}

/* ---- regions ---- */

static void
add_region (Maker *m, AxAsk ask, guint image, AxBox box, AxWords words)
{
  g_autofree char *corners = ax_instruct_box_text (box), *tag = g_strdup_printf ("<box>%s</box>", corners);
  AxLmRequest *r = add (m, ask, image, ax_words_fill (nth (words, m->out->len % ax_words_from_spec (words)), tag, NULL));
  r->regions[r->n_regions++] = box;
}

static void
make_regions (Maker *m)
{
  for (guint i = 0; i < m->n; i++)
    for (guint k = 0; k < m->facts[i]->n_drawn; k++) {
      add_region (m, AX_ASK_DIAGNOSE, i, m->facts[i]->drawn[k].box, AX_WORDS_DIAGNOSIS_QUESTION);
      add_region (m, AX_ASK_CAPTION, i, m->facts[i]->drawn[k].box, AX_WORDS_CAPTION_QUESTION);
    }
}

/* ---- labels, reports, detection ---- */

static void
make_labels (Maker *m)
{
  g_autofree guint *images = g_new (guint, m->n + 1);
  for (guint l = 0; l < AX_DATASET_N_LABELS; l++) {
    guint positives = 0, negatives = 0;
    for (guint i = 0; i < m->n; i++)
      if (m->facts[i]->known[l])
        *(m->facts[i]->value[l] ? &positives : &negatives) += 1;
    if (l == AX_LABEL_NO_FINDING || positives < 10 || negatives < 10) /* as the figures of the APM: too few say nothing */
      continue;
    shuffle (&m->random, images, m->n);
    for (guint i = 0, made = 0; i < m->n && made < m->plan->labels; i++) {
      const AxImageFacts *f = m->facts[images[i]];
      if (!f->known[l])
        continue;
      g_autofree char *disease = g_ascii_strdown (ax_label_name (l), -1);
      const guint yes = made % 2;
      AxLmRequest *r = add (m, AX_ASK_LABEL, images[i], g_strdup_printf ("Does this chest X-ray show %s? Options:\n(A) %s\n(B) %s", disease, yes == 0 ? "Yes" : "No", yes == 1 ? "Yes" : "No"));
      r->label = (AxLabel) l;
      r->option_yes = yes;
      made++;
    }
  }
}

static void
make_lists (Maker *m)
{
  for (guint i = 0, made = 0; i < m->n && made < m->plan->lists; i++) {
    if (!m->facts[i]->read)
      continue;
    guint order[AX_DATASET_N_LABELS];
    shuffle (&m->random, order, AX_DATASET_N_LABELS);
    g_autoptr (GString) options = g_string_new (NULL);
    for (guint k = 0; k < AX_DATASET_N_LABELS; k++)
      g_string_append_printf (options, "%s(%c) %s", k > 0 ? "\n" : "", 'A' + (char) k, ax_label_name (order[k]));
    g_string_append (options, ax_task_template (AX_TASK_CLASSIFY, 0, AX_TEMPLATE_SUFFIX, 0));
    add (m, AX_ASK_LIST, i, ax_words_fill (nth (AX_WORDS_LIST_QUESTION, made++), options->str, NULL));
  }
}

static void
make_whole_images (Maker *m)
{
  guint reports = 0;
  for (guint pass = 0; pass < 2; pass++) /* read images first: they alone can be scored */
    for (guint i = 0; i < m->n; i++) {
      const AxImageFacts *f = m->facts[i];
      if (pass == 0 && f->read && (f->n > 0 || f->normal))
        add (m, AX_ASK_DETECT, i, g_strdup (nth (AX_WORDS_DETECTION_QUESTION, i % ax_words_from_spec (AX_WORDS_DETECTION_QUESTION))));
      if (f->read == (pass == 0) && reports < m->plan->reports) {
        add (m, AX_ASK_REPORT, i, g_strdup (nth (AX_WORDS_REPORT_QUESTION, i % ax_words_from_spec (AX_WORDS_REPORT_QUESTION))));
        reports++;
      }
    }
}

/* ---- questions ---- */

static void
set_options (AxLmRequest *r, guint yes)
{
  char *text = g_strdup_printf ("%s Options:\n(A) %s\n(B) %s", r->text, yes == 0 ? "yes" : "no", yes == 1 ? "yes" : "no");
  g_free (r->text);
  r->text = text;
  r->option_yes = yes;
}

static void
make_closed (Maker *m)
{
  g_autofree guint *images = g_new (guint, m->n + 1);
  shuffle (&m->random, images, m->n);
  guint made = 0;
  for (guint i = 0; i < m->n && made < m->plan->closed; i++) {
    const AxImageFacts *f = m->facts[images[i]];
    if (!f->read)
      continue;
    guint order[AX_MARK_N], yes = 0, no = 0;
    shuffle (&m->random, order, AX_MARK_N);
    for (guint pass = 0; pass < 2; pass++) /* what is there, then as much that is not */
      for (guint k = 0; k < AX_MARK_N; k++) {
        const guint mark = order[k];
        const gboolean there = (f->present & BIT (mark)) != 0;
        if (there != (pass == 0) || (!there && !(f->absent & BIT (mark))) || (!there && no >= MAX (yes, 1u)))
          continue;
        g_autofree char *question = g_strdup_printf (made % 2 == 0 ? "Is there evidence of %s?" : "Is there any %s?", ax_mark_noun ((AxMark) mark));
        AxLmRequest *r = add (m, AX_ASK_PRESENT, images[i], g_steal_pointer (&question));
        r->mark = (AxMark) mark;
        r->present = there;
        if (made % 3 != 0)
          set_options (r, made % 2);
        *(there ? &yes : &no) += 1;
        made++;
      }
    for (guint k = 0; k < f->n && f->ok && f->complete; k++) {
      const AxSide side = f->findings[k].place.side;
      guint sides = 0;
      for (guint o = 0; o < f->n; o++)
        if (f->findings[o].mark == f->findings[k].mark)
          sides |= BIT (f->findings[o].place.side);
      if ((side != AX_SIDE_RIGHT && side != AX_SIDE_LEFT) || sides != BIT (side))
        continue;
      for (guint s = AX_SIDE_RIGHT; s <= AX_SIDE_LEFT; s++) {
        AxLmRequest *r = add (m, AX_ASK_ON_SIDE, images[i], g_strdup_printf ("Is there %s on the %s?", ax_mark_noun (f->findings[k].mark), s == AX_SIDE_LEFT ? "left" : "right"));
        r->mark = f->findings[k].mark;
        r->side = (AxSide) s;
        r->present = s == side;
        set_options (r, made++ % 2);
      }
      break;
    }
    if (f->known[AX_LABEL_NO_FINDING]) {
      AxLmRequest *r = add (m, AX_ASK_NORMAL, images[i], g_strdup ("Is this chest X-ray normal?"));
      r->present = f->value[AX_LABEL_NO_FINDING];
      set_options (r, made++ % 2);
    }
    if (f->known[AX_LABEL_CARDIOMEGALY]) {
      AxLmRequest *r = add (m, AX_ASK_HEART, images[i], g_strdup ("Is the heart enlarged?"));
      r->present = f->value[AX_LABEL_CARDIOMEGALY];
      if (made % 2 == 0)
        set_options (r, made % 4 / 2);
      made++;
    }
  }
}

static void
make_open (Maker *m)
{
  g_autofree guint *images = g_new (guint, m->n + 1);
  shuffle (&m->random, images, m->n);
  guint made = 0;
  for (guint i = 0; i < m->n && made < m->plan->open; i++) {
    const AxImageFacts *f = m->facts[images[i]];
    AxMarkSet asked = 0;
    for (guint k = 0; k < f->n && f->ok; k++) {
      if (f->findings[k].place.side == AX_SIDE_NONE || (asked & BIT (f->findings[k].mark)))
        continue;
      asked |= BIT (f->findings[k].mark);
      const char *noun = ax_mark_noun (f->findings[k].mark);
      AxLmRequest *r = add (m, AX_ASK_WHICH_SIDE, images[i], g_strdup_printf ("On which side is the %s?", noun));
      r->mark = f->findings[k].mark;
      r = add (m, AX_ASK_WHERE, images[i], g_strdup_printf ("Where is the %s?", noun));
      r->mark = f->findings[k].mark;
      made += 2;
    }
    if (f->read && f->complete && (f->n > 0 || f->normal)) {
      add (m, AX_ASK_ABNORMALITIES, images[i], g_strdup ("What abnormalities are seen in this image?"));
      made++;
    }
    if (f->ok && i % 4 == 0) {
      const guint o = (guint) ax_random_below (&m->random, AX_DATASET_N_OBJECTS);
      if (!f->visible[o])
        continue;
      g_autofree char *corners = ax_instruct_box_text (f->boxes[o]);
      AxLmRequest *r = add (m, AX_ASK_STRUCTURE, images[i], g_strdup_printf ("Which anatomical structure is in <box>%s</box>?", corners));
      r->regions[r->n_regions++] = f->boxes[o];
      r->object = o;
      made++;
    }
  }
}

/* ---- mirrored ---- */

/* The grounding questions of some images once more: same words, mirrored pixels. Only the plainest wording of anatomy. */
static void
make_mirrored (Maker *m)
{
  g_autofree guint8 *chosen = g_new0 (guint8, m->n + 1);
  guint images = 0;
  for (guint pass = 0; pass < 2; pass++) /* images with findings first */
    for (guint i = 0; i < m->n && images < m->plan->mirrored; i++)
      if (m->facts[i]->ok && !chosen[i] && (m->facts[i]->n > 0) == (pass == 0)) {
        chosen[i] = 1;
        images++;
      }
  const guint n = m->out->len;
  for (guint i = 0; i < n; i++) {
    const AxLmRequest *r = m->out->pdata[i];
    const gboolean grounding = (r->ask == AX_ASK_ANATOMY && (r->wording == AX_WORDING_SPEC || r->wording == AX_WORDING_SYNONYM)) || (r->ask == AX_ASK_PHRASE && r->present);
    if (!chosen[r->image] || !grounding)
      continue;
    AxLmRequest *copy = g_memdup2 (r, sizeof *r);
    copy->text = g_strdup (r->text);
    copy->flip = TRUE;
    copy->plain = i; /* made an index of the sorted list below */
    g_ptr_array_add (m->out, copy);
  }
}

static int
compare (gconstpointer a, gconstpointer b)
{
  const AxLmRequest *p = *(AxLmRequest *const *) a, *q = *(AxLmRequest *const *) b;
  if (p->image != q->image)
    return p->image < q->image ? -1 : 1;
  if (p->flip != q->flip)
    return p->flip ? 1 : -1;
  if (p->ask != q->ask)
    return p->ask < q->ask ? -1 : 1;
  if (p->wording != q->wording)
    return p->wording < q->wording ? -1 : 1;
  return strcmp (p->text, q->text);
}

GPtrArray *
ax_lm_requests_new (AxImageFacts *const *facts, guint n, const AxLmPlan *plan)
{
  Maker m = { .facts = facts, .n = n, .plan = plan, .out = g_ptr_array_new_with_free_func (request_free), .random = ax_random_init (plan->seed, 0x1A16, n) };
  make_anatomy (&m);
  make_phrases (&m);
  make_regions (&m);
  make_labels (&m);
  make_lists (&m);
  make_whole_images (&m);
  make_closed (&m);
  make_open (&m);
  make_mirrored (&m);
  g_autofree AxLmRequest **before = g_memdup2 (m.out->pdata, m.out->len * sizeof (gpointer));
  g_ptr_array_sort (m.out, compare);
  g_autoptr (GHashTable) index = g_hash_table_new (NULL, NULL);
  for (guint i = 0; i < m.out->len; i++)
    g_hash_table_insert (index, m.out->pdata[i], GUINT_TO_POINTER (i));
  for (guint i = 0; i < m.out->len; i++) {
    AxLmRequest *r = m.out->pdata[i];
    if (r->flip)
      r->plain = GPOINTER_TO_UINT (g_hash_table_lookup (index, before[r->plain]));
  }
  return m.out;
}
