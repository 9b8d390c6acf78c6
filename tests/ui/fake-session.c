/* A session without a model or a language model, for the tests of ui/: implements the parts of engine/anatomix.h that ui/ uses, beside the engine's own names. Answers come after
 * AX_FAKE_DELAY_MS (default 60) in ten steps, depend on the image's size and on the mirroring only, and move by one hundredth
 * on mirrored pixels so that no overlap is perfect. A model folder named "missing" fails to load. */
#include "engine/anatomix.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Boxes in 1024ths of the image, in index order: medians over many films, in steps of four. */
static const int boxes[AX_N_ANATOMY][4] = {
  {148, 692, 880, 1020}, /* Abdominal cavity */
  {488, 280, 604, 396}, /* Aortic arch structure */
  {564, 144, 772, 220}, /* Apical zone of left lung */
  {272, 148, 480, 228}, /* Apical zone of right lung */
  {404, 460, 776, 772}, /* Cardiac shadow viewed radiologically or Heart */
  {528, 360, 604, 728}, /* Descending aorta */
  {608, 380, 708, 540}, /* Hilar Area of the Left Lung */
  {352, 404, 456, 584}, /* Hilar Area of the Right Lung */
  {564, 96, 972, 244}, /* Left clavicle */
  {572, 732, 880, 808}, /* Left hemidiaphragm */
  {668, 540, 884, 792}, /* Left lower lung zone */
  {564, 144, 880, 792}, /* Left lung */
  {596, 344, 860, 540}, /* Left mid lung zone */
  {564, 144, 824, 344}, /* Left upper lung zone */
  {404, 168, 776, 772}, /* Mediastinum */
  {404, 568, 536, 756}, /* Right atrial structure */
  {404, 460, 544, 772}, /* Right border of heart viewed radiologically */
  {56, 104, 468, 248}, /* Right clavicle */
  {148, 680, 528, 768}, /* Right hemidiaphragm */
  {144, 508, 440, 764}, /* Right lower lung zone */
  {148, 148, 476, 764}, /* Right lung */
  {180, 328, 468, 508}, /* Right mid lung zone */
  {216, 148, 480, 328}, /* Right upper lung zone */
  {460, 368, 564, 432}, /* Structure of carina */
  {544, 460, 776, 772}, /* Structure of left margin of heart */
  {548, 744, 880, 1020}, /* Structure of left upper quadrant of abdomen */
  {148, 692, 548, 1020}, /* Structure of right upper quadrant of abdomen */
  {460, 168, 604, 460}, /* Superior mediastinum */
  {460, 240, 528, 528}, /* Superior vena cava structure */
  {468, 52, 548, 396}, /* Trachea and Main Bronchus */
  {472, 52, 600, 892}, /* Vertebral column */
  {404, 492, 504, 568}, /* cavoatrial */
  {736, 704, 820, 780}, /* left cardiophrenic sulcus */
  {808, 708, 892, 800}, /* Left costodiaphragmatic recess */
  {344, 656, 432, 732}, /* right cardiophrenic sulcus */
  {136, 684, 224, 772}, /* Right costodiaphragmatic recess */
};

static const char *const labels[] = {"Atelectasis",   "Cardiomegaly",  "Consolidation",    "Edema",      "Enlarged Cardiomediastinum",
                                     "Fracture",      "Lung Lesion",   "Lung Opacity",     "No Finding", "Pleural Effusion",
                                     "Pleural Other", "Pneumonia",     "Pneumothorax",     "Support Devices"};

const char *ax_version(void) { return AX_VERSION; }
void ax_engine_set_threads(int n) {}
void ax_engine_set_nice(int steps) {}
char *ax_model_default_folder(void) { return g_strdup("data/models/anatomix-mini"); }

GQuark ax_engine_error_quark(void) { return g_quark_from_static_string("ax-engine-error-quark"); }

/* ---- perception ---- */

G_DEFINE_BOXED_TYPE(AxPerception, ax_perception, ax_perception_ref, ax_perception_unref)

AxPerception *ax_perception_ref(AxPerception *p) {
  g_atomic_int_inc(&p->ref_count);
  return p;
}

void ax_perception_unref(AxPerception *p) {
  if (!g_atomic_int_dec_and_test(&p->ref_count))
    return;
  for (guint i = 0; i < AX_N_ANATOMY; i++) {
    for (guint k = 0; k < p->anatomy[i].n_retrieved; k++)
      g_free(p->anatomy[i].retrieved[k].sentence);
    g_free(p->anatomy[i].retrieved);
  }
  for (guint i = 0; i < p->n_findings; i++)
    g_free((char *)p->findings[i].name);
  g_free(p->findings);
  g_free(p);
}

static AxPerception *answer(AxImage *image, gboolean mirror) {
  AxPerception *p = g_new0(AxPerception, 1);

  p->ref_count = 1;
  p->width = ax_image_get_width(image);
  p->height = ax_image_get_height(image);
  p->mirrored = mirror;
  for (guint i = 0; i < AX_N_ANATOMY; i++) {
    AxAnatomy *a = &p->anatomy[i];
    double sx = p->width / 1024.0, sy = p->height / 1024.0, shift = mirror ? 10 : 0;
    const int *b = boxes[i];

    a->index = i;
    a->name = ax_anatomy_name(i);
    a->box1024 = (AxBox){b[0] + shift, b[1], b[2] + shift, b[3]};
    if (mirror)
      a->box1024 = ax_box_mirror(a->box1024, 1024);
    a->box = (AxBox){a->box1024.x1 * sx, a->box1024.y1 * sy, a->box1024.x2 * sx, a->box1024.y2 * sy};
    a->n_retrieved = 2;
    a->retrieved = g_new0(AxRetrieved, 2);
    a->retrieved[0] = (AxRetrieved){i % 5 ? g_strdup_printf("%s is healthy.", ax_anatomy_name(i))
                                          : g_strdup_printf("%s shows lung opacity and pleural effusion.", ax_anatomy_name(i)),
                                    0.95 - 0.01 * i};
    a->retrieved[1] = (AxRetrieved){g_strdup_printf("%s shows atelectasis.", ax_anatomy_name(i)), 0.5};
  }
  p->n_findings = G_N_ELEMENTS(labels);
  p->findings = g_new0(AxFinding, p->n_findings);
  for (guint i = 0; i < p->n_findings; i++)
    p->findings[i] = (AxFinding){g_strdup(labels[i]), fmod(0.12 + 0.31 * i, 1.0)};
  p->ms_preprocess = 8;
  p->ms_perceive = 300;
  p->ms_retrieve = 2;
  p->ms_total = 310;
  return p;
}

void ax_flip_compare(const AxPerception *plain, const AxPerception *mirrored, AxFlipReport *report) {
  memset(report, 0, sizeof *report);
  for (guint i = 0; i < AX_N_ANATOMY; i++) {
    report->iou[i] = ax_box_iou(plain->anatomy[i].box, ax_box_mirror(mirrored->anatomy[i].box, plain->width));
    report->mean_iou += report->iou[i] / AX_N_ANATOMY;
  }
  for (guint i = 0; i < AX_N_PAIRS; i++) {
    guint left, right;
    AxBox l, r;

    ax_anatomy_pair(i, &left, &right);
    l = mirrored->anatomy[left].box, r = mirrored->anatomy[right].box;
    report->pairs[i] = (AxFlipPair){left, right, l.x1 + l.x2 < r.x1 + r.x2, report->iou[left], report->iou[right]};
    report->n_kept += report->pairs[i].kept;
  }
}

/* ---- model ---- */

struct _AxModel {
  GObject parent_instance;
};
G_DEFINE_FINAL_TYPE(AxModel, ax_model, G_TYPE_OBJECT)
static void ax_model_class_init(AxModelClass *klass) {}
static void ax_model_init(AxModel *self) {}

const char *ax_model_name(AxModel *model) { return "phantom-boxes"; }
const char *ax_model_sha256(AxModel *model) { return "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"; }
const char *ax_model_caution(AxModel *model) { return "Makes up its answers. Not for clinical use."; }

/* ---- session ---- */

struct _AxSession {
  GObject parent_instance;
  AxModel *model;
  GError *error;
  AxDeviceChoice choice, from;
  gint64 there_at; /* when the last move is over */
};
G_DEFINE_FINAL_TYPE(AxSession, ax_session, G_TYPE_OBJECT)

static void ax_session_finalize(GObject *object) {
  AxSession *self = AX_SESSION(object);

  g_clear_object(&self->model);
  g_clear_error(&self->error);
  G_OBJECT_CLASS(ax_session_parent_class)->finalize(object);
}

static void ax_session_class_init(AxSessionClass *klass) { G_OBJECT_CLASS(klass)->finalize = ax_session_finalize; }
static void ax_session_init(AxSession *self) {}

AxSession *ax_session_new(const char *model_folder) {
  AxSession *self = g_object_new(AX_TYPE_SESSION, NULL);

  if (g_str_has_suffix(model_folder, "missing"))
    self->error = g_error_new(AX_ENGINE_ERROR, AX_ENGINE_ERROR_MODEL, "There is no model.json in “%s”.", model_folder);
  else
    self->model = g_object_new(AX_TYPE_MODEL, NULL);
  return self;
}

AxModel *ax_session_get_model(AxSession *session) { return session->model; }
GError *ax_session_get_error(AxSession *session) { return session->error; }

typedef struct {
  AxImage *image;
  gboolean mirror;
  AxProgressFn progress;
  gpointer progress_data;
  int step;
} Work;

static void work_free(gpointer data) {
  g_object_unref(((Work *)data)->image);
  g_free(data);
}

static gboolean on_step(gpointer data) {
  GTask *task = data;
  Work *work = g_task_get_task_data(task);

  if (g_task_return_error_if_cancelled(task))
    return G_SOURCE_REMOVE;
  if (++work->step < 10) {
    if (work->progress)
      work->progress(work->step / 10.0, "Finding structures", work->progress_data);
    return G_SOURCE_CONTINUE;
  }
  g_task_return_pointer(task, answer(work->image, work->mirror), (GDestroyNotify)ax_perception_unref);
  return G_SOURCE_REMOVE;
}

void ax_session_perceive_async(AxSession *session, AxImage *image, gboolean mirror, AxProgressFn progress, gpointer progress_data,
                               GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data) {
  GTask *task = g_task_new(session, cancellable, callback, user_data);
  const char *delay = g_getenv("AX_FAKE_DELAY_MS");
  Work *work;

  if (session->error) {
    g_task_return_error(task, g_error_copy(session->error));
    g_object_unref(task);
    return;
  }
  work = g_new0(Work, 1);
  *work = (Work){g_object_ref(image), mirror, progress, progress_data, 0};
  g_task_set_task_data(task, work, work_free);
  g_timeout_add_full(G_PRIORITY_DEFAULT, (delay ? atoi(delay) : 60) / 10, on_step, task, g_object_unref);
}

AxPerception *ax_session_perceive_finish(AxSession *session, GAsyncResult *result, GError **error) {
  return g_task_propagate_pointer(G_TASK(result), error);
}

/* ---- what the inspector shows ---- */

void ax_session_get_memory(AxSession *session, AxMemory *memory) {
  *memory = (AxMemory){.perception = 52 << 20, .activations = 9 << 20, .kept = 300 << 10, .language = 190 << 20, .sequences = 31 << 20};
}

/* A card is there when AX_FAKE_CARD is set; a move takes 200 ms. */
void ax_session_get_device(AxSession *session, AxDeviceUse *use) {
  gboolean card = g_getenv("AX_FAKE_CARD") != NULL;
  gboolean moving = g_get_monotonic_time() < session->there_at;
  AxDeviceChoice choice = moving ? session->from : session->choice;

  *use = (AxDeviceUse){.title = "CPU", .moving = moving};
  if (choice == AX_DEVICE_CPU)
    return;
  if (card)
    *use = (AxDeviceUse){.card = TRUE, .title = "NVIDIA H200", .taken = 3200000000, .total = 150000000000, .moving = moving};
  else
    g_strlcpy(use->note, "no NVIDIA driver is installed", sizeof use->note);
}

void ax_session_set_device(AxSession *session, AxDeviceChoice choice) {
  session->from = session->choice;
  session->choice = choice;
  session->there_at = g_get_monotonic_time() + 200000;
}

void ax_engine_set_device(AxDeviceChoice choice) {}

/* Grey from left to right, the other way round when mirrored. */
guint8 *ax_model_input_frame(AxModel *model, AxImage *image, gboolean mirror, GError **error) {
  guint8 *pixels = g_malloc(64 * 64);

  for (int i = 0; i < 64 * 64; i++)
    pixels[i] = (guint8)(4 * (mirror ? 63 - i % 64 : i % 64));
  return pixels;
}

int ax_model_input_size(AxModel *model) { return 64; }

/* ---- requests ----
 * Answers are written down here and come word by word, AX_FAKE_WORD_MS apart (default 5). A phrase with "unicorn" finds nothing. */

gboolean ax_model_has_language(AxModel *model, char **why) {
  if (!g_getenv("AX_FAKE_NO_LANGUAGE"))
    return TRUE;
  if (why)
    *why = g_strdup("The base language model is not here; run ./app/fetch-language-model.");
  return FALSE;
}

const char *ax_model_language_title(AxModel *model) { return "words"; }
void ax_session_prepare(AxSession *session, AxImage *image, gboolean mirror) {}
double ax_session_prepared(AxSession *session, AxImage *image, gboolean mirror) { return 1; }

G_DEFINE_BOXED_TYPE(AxAnswer, ax_answer, ax_answer_ref, ax_answer_unref)

AxAnswer *ax_answer_ref(AxAnswer *a) {
  g_atomic_int_inc(&a->ref_count);
  return a;
}

void ax_answer_unref(AxAnswer *a) {
  if (!g_atomic_int_dec_and_test(&a->ref_count))
    return;
  for (guint i = 0; i < a->n_boxes; i++)
    g_free((char *)a->boxes[i].label);
  for (guint i = 0; i < a->n_options; i++) {
    g_free(a->options[i].tag);
    g_free(a->options[i].text);
  }
  g_free(a->options);
  g_free(a->boxes);
  g_free(a->sentences);
  g_free(a->instruction);
  g_free(a->text);
  g_free(a->plain);
  g_clear_pointer(&a->perception, ax_perception_unref);
  g_free(a);
}

const char *ax_stopped_name(AxStopped stopped) {
  static const char *const names[] = {"end", "length", "cancelled"};

  return names[stopped];
}

static void add_sentence(AxAnswer *a, GString *plain, const char *text, double confidence, const char *structure, const AxBox *box) {
  AxAnswerSentence *s = &a->sentences[a->n_sentences++];
  int index = structure ? ax_anatomy_find(structure) : -1;

  if (plain->len)
    g_string_append_c(plain, ' ');
  s->start = plain->len;
  g_string_append(plain, text);
  s->end = plain->len;
  s->confidence = confidence;
  if (index >= 0)
    s->structures[s->n_structures++] = (guint8)index;
  if (box)
    a->boxes[a->n_boxes++] = (AxAnswerBox){g_strdup(structure ? ax_anatomy_short_name(index) : "region"), *box, *box, confidence, s->end - 1};
}

static AxAnswer *make_answer(AxImage *image, const AxRequest *request) {
  AxAnswer *a = g_new0(AxAnswer, 1);
  GString *plain = g_string_new(NULL);
  double w = ax_image_get_width(image), h = ax_image_get_height(image);
  AxBox heart = {0.4 * w, 0.45 * h, 0.75 * w, 0.75 * h}, sulcus = {0.8 * w, 0.7 * h, 0.88 * w, 0.8 * h};
  g_autofree char *said = NULL;

  a->ref_count = 1;
  a->task = request->task;
  a->sentences = g_new0(AxAnswerSentence, 8);
  a->boxes = g_new0(AxAnswerBox, 8);
  a->instruction = g_strdup(ax_task_word(request->task));
  a->perception = answer(image, request->mirror);
  switch (request->task) {
  case AX_TASK_REPORT:
    add_sentence(a, plain, "The heart is enlarged.", 0.9, "Heart", &heart);
    add_sentence(a, plain, "There is a small left pleural effusion.", 0.7, "Left costodiaphragmatic recess", &sulcus);
    add_sentence(a, plain, "No pneumothorax.", 0.3, NULL, NULL);
    break;
  case AX_TASK_CHOOSE:
    a->options = g_new0(AxAnswerOption, 2);
    a->options[a->n_options++] = (AxAnswerOption){g_strdup("(a)"), g_strdup("yes"), 0.75};
    a->options[a->n_options++] = (AxAnswerOption){g_strdup("(b)"), g_strdup("no"), 0.25};
    add_sentence(a, plain, "(a) yes", 0.75, NULL, NULL);
    break;
  case AX_TASK_LOCATE:
    a->nothing = strstr(request->text, "unicorn") != NULL;
    add_sentence(a, plain, a->nothing ? "Nothing." : "It is here.", 0.8, NULL, a->nothing ? NULL : &sulcus);
    break;
  case AX_TASK_ANATOMY: /* as the parser leaves it: the boxes are taken out of the text */
    add_sentence(a, plain, "The heart is located at the coordinates on the image.", 0.8, "Heart", &heart);
    a->boxes[0].at = strlen("The heart is located at the coordinates ");
    add_sentence(a, plain, "Its apex is given by .", 0.8, NULL, &sulcus);
    a->boxes[1].at = plain->len - 1;
    break;
  case AX_TASK_DESCRIBE:
  case AX_TASK_DIAGNOSE:
    for (guint i = 0; i < request->n_boxes; i++)
      add_sentence(a, plain, "This region is denser than its surroundings.", 0.8, NULL, &request->boxes[i]);
    break;
  default:
    said = g_strdup_printf("In conversation %u you asked: %s", request->conversation, request->text ? request->text : "nothing");
    add_sentence(a, plain, said, 0.6, NULL, NULL);
  }
  a->plain = g_string_free(plain, FALSE);
  a->text = g_strdup(a->plain);
  a->confidence = 0.75;
  a->ms_total = 1200;
  a->n_tokens = 20;
  a->n_prompt = 1400;
  a->n_reused = 1380;
  a->n_read = 20;
  a->ms_prefill = 16;
  a->ms_generate = 125;
  return a;
}

typedef struct {
  AxAnswer *answer;
  AxEventFn event;
  gpointer event_data;
  char **words;
  guint word;
} Speech;

static void speech_free(gpointer data) {
  Speech *speech = data;

  ax_answer_unref(speech->answer);
  g_strfreev(speech->words);
  g_free(speech);
}

static gboolean on_word(gpointer data) {
  GTask *task = data;
  Speech *speech = g_task_get_task_data(task);
  gboolean cancelled = g_cancellable_is_cancelled(g_task_get_cancellable(task));

  if (cancelled && speech->word == 0) {
    g_task_return_error_if_cancelled(task);
    return G_SOURCE_REMOVE;
  }
  if (cancelled)
    speech->answer->stopped = AX_STOPPED_CANCELLED;
  if (!cancelled && speech->words[speech->word]) {
    g_autofree char *text = g_strconcat(speech->word ? " " : "", speech->words[speech->word], NULL);

    speech->event(&(AxEvent){.type = AX_EVENT_TEXT, .text = text}, speech->event_data);
    if (speech->word++ < speech->answer->n_boxes)
      speech->event(&(AxEvent){.type = AX_EVENT_BOX, .box = speech->answer->boxes[speech->word - 1]}, speech->event_data);
    return G_SOURCE_CONTINUE;
  }
  g_task_return_pointer(task, ax_answer_ref(speech->answer), (GDestroyNotify)ax_answer_unref);
  return G_SOURCE_REMOVE;
}

void ax_session_run_async(AxSession *session, AxImage *image, const AxRequest *request, AxEventFn event, gpointer event_data, GCancellable *cancellable,
                          GAsyncReadyCallback callback, gpointer user_data) {
  GTask *task = g_task_new(session, cancellable, callback, user_data);
  const char *delay = g_getenv("AX_FAKE_WORD_MS");
  Speech *speech = g_new0(Speech, 1);

  g_task_set_check_cancellable(task, FALSE);
  speech->answer = make_answer(image, request);
  speech->event = event;
  speech->event_data = event_data;
  speech->words = g_strsplit(speech->answer->plain, " ", -1);
  g_task_set_task_data(task, speech, speech_free);
  g_timeout_add_full(G_PRIORITY_DEFAULT, delay ? (guint)atoi(delay) : 5, on_word, task, g_object_unref);
}

AxAnswer *ax_session_run_finish(AxSession *session, GAsyncResult *result, GError **error) { return g_task_propagate_pointer(G_TASK(result), error); }
