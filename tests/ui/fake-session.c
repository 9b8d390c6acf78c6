/* A session without a model, for the tests of ui/: implements the parts of engine/anatomix.h that ui/ uses. Answers come after
 * AX_FAKE_DELAY_MS (default 60) in ten steps, depend on the image's size and on the mirroring only, and move by one hundredth
 * on mirrored pixels so that no overlap is perfect. A model folder named "missing" fails to load. */
#include "engine/anatomix.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Boxes in 1024ths of the image: medians of the boxes of the spec's 36 structures over many films, in steps of four. */
static const struct {
  const char *name, *short_name;
  AxAnatomyGroup group;
  int box[4];
} table[AX_N_ANATOMY] = {
  {"Abdominal cavity", "Abdomen", AX_GROUP_DIAPHRAGM, {148, 692, 880, 1020}},
  {"Aortic arch structure", "Aortic arch", AX_GROUP_MEDIASTINUM, {488, 280, 604, 396}},
  {"Apical zone of left lung", "L apex", AX_GROUP_LUNGS, {564, 144, 772, 220}},
  {"Apical zone of right lung", "R apex", AX_GROUP_LUNGS, {272, 148, 480, 228}},
  {"Cardiac shadow viewed radiologically or Heart", "Heart", AX_GROUP_HEART, {404, 460, 776, 772}},
  {"Descending aorta", "Desc. aorta", AX_GROUP_MEDIASTINUM, {528, 360, 604, 728}},
  {"Hilar Area of the Left Lung", "L hilum", AX_GROUP_LUNGS, {608, 380, 708, 540}},
  {"Hilar Area of the Right Lung", "R hilum", AX_GROUP_LUNGS, {352, 404, 456, 584}},
  {"Left clavicle", "L clavicle", AX_GROUP_BONES, {564, 96, 972, 244}},
  {"Left hemidiaphragm", "L hemidiaphragm", AX_GROUP_DIAPHRAGM, {572, 732, 880, 808}},
  {"Left lower lung zone", "L lower zone", AX_GROUP_LUNGS, {668, 540, 884, 792}},
  {"Left lung", "L lung", AX_GROUP_LUNGS, {564, 144, 880, 792}},
  {"Left mid lung zone", "L mid zone", AX_GROUP_LUNGS, {596, 344, 860, 540}},
  {"Left upper lung zone", "L upper zone", AX_GROUP_LUNGS, {564, 144, 824, 344}},
  {"Mediastinum", "Mediastinum", AX_GROUP_MEDIASTINUM, {404, 168, 776, 772}},
  {"Right atrial structure", "R atrium", AX_GROUP_HEART, {404, 568, 536, 756}},
  {"Right border of heart viewed radiologically", "R heart border", AX_GROUP_HEART, {404, 460, 544, 772}},
  {"Right clavicle", "R clavicle", AX_GROUP_BONES, {56, 104, 468, 248}},
  {"Right hemidiaphragm", "R hemidiaphragm", AX_GROUP_DIAPHRAGM, {148, 680, 528, 768}},
  {"Right lower lung zone", "R lower zone", AX_GROUP_LUNGS, {144, 508, 440, 764}},
  {"Right lung", "R lung", AX_GROUP_LUNGS, {148, 148, 476, 764}},
  {"Right mid lung zone", "R mid zone", AX_GROUP_LUNGS, {180, 328, 468, 508}},
  {"Right upper lung zone", "R upper zone", AX_GROUP_LUNGS, {216, 148, 480, 328}},
  {"Structure of carina", "Carina", AX_GROUP_MEDIASTINUM, {460, 368, 564, 432}},
  {"Structure of left margin of heart", "L heart border", AX_GROUP_HEART, {544, 460, 776, 772}},
  {"Structure of left upper quadrant of abdomen", "L upper abdomen", AX_GROUP_DIAPHRAGM, {548, 744, 880, 1020}},
  {"Structure of right upper quadrant of abdomen", "R upper abdomen", AX_GROUP_DIAPHRAGM, {148, 692, 548, 1020}},
  {"Superior mediastinum", "Sup. mediastinum", AX_GROUP_MEDIASTINUM, {460, 168, 604, 460}},
  {"Superior vena cava structure", "SVC", AX_GROUP_MEDIASTINUM, {460, 240, 528, 528}},
  {"Trachea and Main Bronchus", "Trachea", AX_GROUP_MEDIASTINUM, {468, 52, 548, 396}},
  {"Vertebral column", "Spine", AX_GROUP_BONES, {472, 52, 600, 892}},
  {"cavoatrial", "Cavoatrial", AX_GROUP_HEART, {404, 492, 504, 568}},
  {"left cardiophrenic sulcus", "L cardiophrenic", AX_GROUP_DIAPHRAGM, {736, 704, 820, 780}},
  {"Left costodiaphragmatic recess", "L costophrenic", AX_GROUP_DIAPHRAGM, {808, 708, 892, 800}},
  {"right cardiophrenic sulcus", "R cardiophrenic", AX_GROUP_DIAPHRAGM, {344, 656, 432, 732}},
  {"Right costodiaphragmatic recess", "R costophrenic", AX_GROUP_DIAPHRAGM, {136, 684, 224, 772}},
};

static const guint pairs[AX_N_PAIRS][2] = {{2, 3},   {6, 7},   {8, 17},  {9, 18},  {10, 19}, {11, 20},
                                           {12, 21}, {13, 22}, {24, 16}, {25, 26}, {32, 34}, {33, 35}};

static const char *const labels[] = {"Atelectasis",   "Cardiomegaly",  "Consolidation",    "Edema",      "Enlarged Cardiomediastinum",
                                     "Fracture",      "Lung Lesion",   "Lung Opacity",     "No Finding", "Pleural Effusion",
                                     "Pleural Other", "Pneumonia",     "Pneumothorax",     "Support Devices"};

const char *ax_anatomy_name(guint index) { return table[index].name; }
const char *ax_anatomy_short_name(guint index) { return table[index].short_name; }
AxAnatomyGroup ax_anatomy_group(guint index) { return table[index].group; }

const char *ax_anatomy_group_name(AxAnatomyGroup group) {
  static const char *const names[] = {"Lungs", "Heart", "Mediastinum", "Bones", "Diaphragm and abdomen"};

  return names[group];
}

void ax_anatomy_pair(guint pair, guint *left, guint *right) {
  *left = pairs[pair][0];
  *right = pairs[pair][1];
}

void ax_anatomy_color(guint index, double rgb[3]) {
  /* Okabe and Ito's palette, one hue a group. */
  static const double hues[AX_N_GROUPS][3] = {{.34, .71, .91}, {.90, .62, 0}, {.80, .47, .65}, {.94, .89, .26}, {0, .62, .45}};

  memcpy(rgb, hues[table[index].group], 3 * sizeof *rgb);
}

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
    const int *b = table[i].box;

    a->index = i;
    a->name = table[i].name;
    a->box1024 = (AxBox){b[0] + shift, b[1], b[2] + shift, b[3]};
    if (mirror)
      a->box1024 = ax_box_mirror(a->box1024, 1024);
    a->box = (AxBox){a->box1024.x1 * sx, a->box1024.y1 * sy, a->box1024.x2 * sx, a->box1024.y2 * sy};
    a->n_retrieved = 2;
    a->retrieved = g_new0(AxRetrieved, 2);
    a->retrieved[0] = (AxRetrieved){i % 5 ? g_strdup_printf("%s is healthy.", table[i].name)
                                          : g_strdup_printf("%s shows lung opacity and pleural effusion.", table[i].name),
                                    0.95 - 0.01 * i};
    a->retrieved[1] = (AxRetrieved){g_strdup_printf("%s shows atelectasis.", table[i].name), 0.5};
  }
  p->n_findings = G_N_ELEMENTS(labels);
  p->findings = g_new0(AxFinding, p->n_findings);
  for (guint i = 0; i < p->n_findings; i++)
    p->findings[i] = (AxFinding){labels[i], fmod(0.12 + 0.31 * i, 1.0)};
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
    AxBox l = mirrored->anatomy[pairs[i][0]].box, r = mirrored->anatomy[pairs[i][1]].box;

    report->pairs[i] = (AxFlipPair){pairs[i][0], pairs[i][1], l.x1 + l.x2 < r.x1 + r.x2, report->iou[pairs[i][0]],
                                    report->iou[pairs[i][1]]};
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
