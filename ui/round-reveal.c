#include "ui/round-reveal.h"

#include "ui/round-layer.h"
#include "ui/round-words.h"
#include <glib/gi18n-lib.h>

struct _AxRoundReveal {
  GtkBox parent_instance;
};

G_DEFINE_FINAL_TYPE(AxRoundReveal, ax_round_reveal, GTK_TYPE_BOX)

static void empty(GtkWidget *box) {
  GtkWidget *child;

  while ((child = gtk_widget_get_first_child(box)))
    gtk_box_remove(GTK_BOX(box), child);
}

static GtkWidget *add_label(GtkWidget *box, const char *text, const char *css) {
  GtkWidget *label = gtk_label_new(text);

  gtk_label_set_wrap(GTK_LABEL(label), TRUE);
  gtk_label_set_wrap_mode(GTK_LABEL(label), PANGO_WRAP_WORD_CHAR);
  gtk_label_set_xalign(GTK_LABEL(label), 0);
  gtk_label_set_selectable(GTK_LABEL(label), FALSE);
  gtk_widget_set_hexpand(label, TRUE);
  if (css)
    gtk_widget_add_css_class(label, css);
  gtk_box_append(GTK_BOX(box), label);
  return label;
}

static void add_verdict(GtkWidget *box, const AxRoundCase *c, const AxRoundScore *score) {
  g_autofree char *verdict = ax_round_verdict(c, score);
  GtkWidget *line = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 6);

  gtk_widget_add_css_class(line, "verdict");
  gtk_widget_add_css_class(line, score->passed ? "passed" : "missed");
  gtk_box_append(GTK_BOX(line), gtk_image_new_from_icon_name(score->passed ? "emblem-ok-symbolic" : "dialog-warning-symbolic"));
  add_label(line, verdict, NULL);
  gtk_box_append(GTK_BOX(box), line);
}

static void add_voice(GtkWidget *box, AxVoice voice, const char *name, const char *words) {
  static const char *const css[AX_N_VOICES] = {"question", "learner", "accepted", "model"};
  /* Translators: who says what, e.g. "Model: Left lung". */
  g_autofree char *text = g_strdup_printf(_("%s: %s"), name, words);

  gtk_widget_add_css_class(add_label(box, text, "voice"), css[voice]);
}

static void add_findings(GtkWidget *box, const AxRoundScore *score) {
  g_autofree char *missed = score->missed ? g_strdup_printf(_("Not named: %s"), score->missed) : NULL;
  g_autofree char *extra = score->extra ? g_strdup_printf(_("Named beyond the accepted: %s"), score->extra) : NULL;

  if (missed)
    add_label(box, missed, NULL);
  if (extra)
    add_label(box, extra, NULL);
}

static void add_pairs(GtkWidget *box, int kept) {
  g_autofree char *text = g_strdup_printf(_("Mirror test: on the mirrored pixels the model kept the side of %d of the %d pairs of structures."), kept, AX_N_PAIRS);

  add_label(box, text, NULL);
}

static void add_model(GtkWidget *box, AxRoundPlayer *player, const AxRoundCase *c, const AxRoundEntry *entry, gboolean looking) {
  const AxRoundLog *log = ax_round_player_get_log(player);
  const char *name = ax_voice_name(AX_VOICE_MODEL);
  g_autofree char *words = NULL;

  if (!ax_round_player_is_model_shown(player)) {
    add_voice(box, AX_VOICE_MODEL, name, _("waits for the key M"));
  } else if (entry && entry->voice) {
    words = ax_round_answer_words(c, entry->voice, &entry->voice_score);
    add_voice(box, AX_VOICE_MODEL, name, words);
    if (entry->pairs_kept >= 0)
      add_pairs(box, entry->pairs_kept);
    if (log->model)
      add_label(box, log->model, "dim-label");
  } else {
    add_voice(box, AX_VOICE_MODEL, name, looking ? _("is still looking") : _("has no answer to this case"));
  }
}

void ax_round_reveal_update(AxRoundReveal *self, AxRoundPlayer *player, gboolean looking) {
  AxRoundPhase phase = ax_round_player_get_phase(player);
  const AxRoundCase *c = ax_round_player_get_case(player);
  const AxRoundEntry *entry = ax_round_player_get_entry(player);
  const AxRound *round = ax_round_player_get_log(player)->round;
  GtkWidget *box = GTK_WIDGET(self);
  g_autofree char *accepted = NULL, *own = NULL, *source = NULL;

  empty(box);
  if (!c || phase == AX_ROUND_ASKING)
    return;
  accepted = ax_round_accepted_words(c);
  if (entry) {
    own = ax_round_answer_words(c, entry->answer, &entry->score);
    add_verdict(box, c, &entry->score);
    add_voice(box, AX_VOICE_LEARNER, ax_voice_name(AX_VOICE_LEARNER), own);
  } else {
    add_label(box, _("This case was not answered."), NULL);
  }
  add_voice(box, AX_VOICE_ACCEPTED, ax_voice_name(AX_VOICE_ACCEPTED), accepted);
  add_model(box, player, c, entry, looking);
  if (entry)
    add_findings(box, &entry->score);
  if (c->mirror)
    add_label(box, _("The picture was mirrored: the patient’s left is on its left. The heart’s apex and the stomach bubble tell."), NULL);
  if (c->explanation)
    add_label(box, c->explanation, "explanation");
  if (round->source) {
    source = g_strdup_printf(_("The accepted answers are boxes of %s, not a person’s."), round->source);
    add_label(box, source, "dim-label");
  }
}

char *ax_round_reveal_get_text(AxRoundReveal *self) {
  GString *text = g_string_new(NULL);

  for (GtkWidget *child = gtk_widget_get_first_child(GTK_WIDGET(self)); child; child = gtk_widget_get_next_sibling(child)) {
    GtkWidget *label = GTK_IS_LABEL(child) ? child : gtk_widget_get_last_child(child);

    g_string_append_printf(text, "%s\n", gtk_label_get_text(GTK_LABEL(label)));
  }
  return g_string_free(text, FALSE);
}

static void ax_round_reveal_class_init(AxRoundRevealClass *klass) {}

static void ax_round_reveal_init(AxRoundReveal *self) {
  gtk_orientable_set_orientation(GTK_ORIENTABLE(self), GTK_ORIENTATION_VERTICAL);
  gtk_box_set_spacing(GTK_BOX(self), 6);
}

GtkWidget *ax_round_reveal_new(void) { return g_object_new(AX_TYPE_ROUND_REVEAL, NULL); }

/* ---- the end of a round ---- */

struct _AxRoundResults {
  GtkBox parent_instance;
  GtkWidget *totals, *model, *list;
};

G_DEFINE_FINAL_TYPE(AxRoundResults, ax_round_results, GTK_TYPE_BOX)

static void add_row(AxRoundResults *self, const AxRoundLog *log, guint number) {
  const AxRoundCase *c = ax_round_get_case(log->round, number);
  const AxRoundEntry *entry = ax_round_log_find(log, number);
  g_autofree char *question = ax_round_question(c), *verdict = entry ? ax_round_verdict(c, &entry->score) : g_strdup(_("Not answered"));
  g_autofree char *title = g_strdup_printf("%u. %s", number + 1, question), *spoken = g_strdup_printf("%s %s", title, verdict);
  GtkWidget *row = gtk_list_box_row_new(), *line = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 10), *words = gtk_box_new(GTK_ORIENTATION_VERTICAL, 2);
  gboolean passed = entry && entry->score.passed;

  gtk_box_append(GTK_BOX(line), gtk_image_new_from_icon_name(passed ? "emblem-ok-symbolic" : "dialog-warning-symbolic"));
  add_label(words, title, NULL);
  add_label(words, verdict, "dim-label");
  gtk_box_append(GTK_BOX(line), words);
  gtk_widget_add_css_class(row, passed ? "passed" : "missed");
  gtk_list_box_row_set_child(GTK_LIST_BOX_ROW(row), line);
  gtk_list_box_row_set_activatable(GTK_LIST_BOX_ROW(row), FALSE);
  gtk_accessible_update_property(GTK_ACCESSIBLE(row), GTK_ACCESSIBLE_PROPERTY_LABEL, spoken, -1);
  gtk_list_box_append(GTK_LIST_BOX(self->list), row);
}

void ax_round_results_update(AxRoundResults *self, AxRoundPlayer *player) {
  const AxRoundLog *log = ax_round_player_get_log(player);
  AxRoundTotals totals = ax_round_log_totals(log);
  g_autofree char *words = ax_round_totals_words(&totals), *model = ax_round_model_totals_words(&totals);
  GtkWidget *row;

  gtk_label_set_text(GTK_LABEL(self->totals), words);
  gtk_label_set_text(GTK_LABEL(self->model), model ? model : "");
  gtk_widget_set_visible(self->model, model != NULL);
  while ((row = gtk_widget_get_first_child(self->list)))
    gtk_list_box_remove(GTK_LIST_BOX(self->list), row);
  for (guint i = 0; i < ax_round_n_cases(log->round); i++)
    add_row(self, log, i);
}

static void ax_round_results_class_init(AxRoundResultsClass *klass) {}

static void ax_round_results_init(AxRoundResults *self) {
  GtkWidget *box = GTK_WIDGET(self);

  gtk_orientable_set_orientation(GTK_ORIENTABLE(self), GTK_ORIENTATION_VERTICAL);
  gtk_box_set_spacing(GTK_BOX(self), 10);
  add_label(box, _("The round is over"), "title-1");
  self->totals = add_label(box, "", "title-4");
  self->model = add_label(box, "", NULL);
  self->list = gtk_list_box_new();
  gtk_list_box_set_selection_mode(GTK_LIST_BOX(self->list), GTK_SELECTION_NONE);
  gtk_widget_add_css_class(self->list, "boxed-list");
  gtk_widget_set_valign(self->list, GTK_ALIGN_START);
  gtk_accessible_update_property(GTK_ACCESSIBLE(self->list), GTK_ACCESSIBLE_PROPERTY_LABEL, _("Cases of the round"), -1);
  gtk_box_append(GTK_BOX(self), self->list);
}

GtkWidget *ax_round_results_new(void) { return g_object_new(AX_TYPE_ROUND_RESULTS, NULL); }
