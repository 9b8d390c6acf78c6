/* A session without a model, for the tests of ui/: implements the parts of engine/anatomix.h that ui/ uses, beside the engine's own names. Answers come after
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
