#include "engine/task/task.h"

#include <json-glib/json-glib.h>
#include <stdlib.h>
#include <string.h>

#include "ax-task-resources.h"
#include "engine/text/prompt.h"

G_DEFINE_QUARK(ax-task-error-quark, ax_task_error)

static const struct {
  const char *word, *name;
  gboolean text, boxes;
} tasks[AX_N_TASKS] = {
    [AX_TASK_REPORT] = {"report", "Report Generation", FALSE, FALSE},
    [AX_TASK_CLASSIFY] = {"classify", "Image Classification", FALSE, FALSE},
    [AX_TASK_DETECT] = {"detect", "Abnormality Detection", FALSE, FALSE},
    [AX_TASK_LOCATE] = {"locate", "Phrase Grounding", TRUE, FALSE},
    [AX_TASK_DIAGNOSE] = {"diagnose", "Grounded Diagnosis", FALSE, TRUE},
    [AX_TASK_DESCRIBE] = {"describe", "Grounded Captioning", FALSE, TRUE},
    [AX_TASK_ANATOMY] = {"anatomy", "Anatomy Grounding", TRUE, FALSE},
    [AX_TASK_ASK] = {"ask", "Open-ended VQA", TRUE, FALSE},
    [AX_TASK_CHOOSE] = {"choose", "Close-ended VQA", TRUE, FALSE},
};

const char *ax_task_word(AxTask task) { return (guint) task < AX_N_TASKS ? tasks[task].word : NULL; }
const char *ax_task_name(AxTask task) { return (guint) task < AX_N_TASKS ? tasks[task].name : NULL; }
gboolean ax_task_needs_text(AxTask task) { return tasks[task].text; }
gboolean ax_task_needs_boxes(AxTask task) { return tasks[task].boxes; }

static gboolean same_words(const char *a, const char *b) {
  for (;; a++, b++) {
    const char x = *a == '-' || *a == '_' ? ' ' : g_ascii_tolower(*a), y = *b == '-' || *b == '_' ? ' ' : g_ascii_tolower(*b);
    if (x != y)
      return FALSE;
    if (x == '\0')
      return TRUE;
  }
}

int ax_task_find(const char *text) {
  for (int i = 0; i < AX_N_TASKS; i++)
    if (same_words(text, tasks[i].word) || same_words(text, tasks[i].name))
      return i;
  return -1;
}

const char *ax_task_label(guint i) {
  static const char *const labels[AX_TASK_N_LABELS] = {"Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Enlarged Cardiomediastinum", "Fracture", "Lung Lesion",
                                                       "Lung Opacity", "No Finding", "Pleural Effusion", "Pleural Other", "Pneumonia", "Pneumothorax", "Support Devices"};
  return i < AX_TASK_N_LABELS ? labels[i] : NULL;
}

/* ---- templates ---- */

typedef struct {
  char *name;
  char **lists[AX_N_TEMPLATE_KINDS]; /* NULL-terminated, never NULL */
} Set;

static Set *sets[AX_N_TASKS];
static guint n_sets[AX_N_TASKS];

static char **read_list(JsonObject *set, const char *key) {
  GPtrArray *list = g_ptr_array_new();
  JsonArray *array = json_object_has_member(set, key) ? json_object_get_array_member(set, key) : NULL;
  for (guint i = 0; array != NULL && i < json_array_get_length(array); i++)
    g_ptr_array_add(list, g_strdup(json_array_get_string_element(array, i)));
  g_ptr_array_add(list, NULL);
  return (char **) g_ptr_array_free(list, FALSE);
}

/* The data are bound into the program: anything wrong with them is a mistake of ours, and a test looks at every one. */
static void load_templates(void) {
  static const char *const kinds[AX_N_TEMPLATE_KINDS] = {"instruction", "response", "nothing", "suffix"};
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) bytes = g_resource_lookup_data(ax_task_get_resource(), "/org/anatomix/task/templates.json", G_RESOURCE_LOOKUP_FLAGS_NONE, &error);
  g_autoptr(JsonParser) parser = json_parser_new();
  gsize size;
  const char *text = bytes != NULL ? g_bytes_get_data(bytes, &size) : NULL;
  if (text == NULL || !json_parser_load_from_data(parser, text, (gssize) size, &error))
    g_error("templates.json: %s", error->message);
  JsonObject *top = json_node_get_object(json_parser_get_root(parser));
  for (guint task = 0; task < AX_N_TASKS; task++) {
    JsonArray *list = json_object_get_array_member(top, tasks[task].word);
    n_sets[task] = json_array_get_length(list);
    sets[task] = g_new0(Set, n_sets[task]);
    for (guint i = 0; i < n_sets[task]; i++) {
      JsonObject *object = json_array_get_object_element(list, i);
      sets[task][i].name = g_strdup(json_object_get_string_member(object, "set"));
      for (guint k = 0; k < AX_N_TEMPLATE_KINDS; k++)
        sets[task][i].lists[k] = read_list(object, kinds[k]);
    }
  }
}

static const Set *get_set(AxTask task, guint set) {
  static gsize loaded;
  if (g_once_init_enter(&loaded)) {
    load_templates();
    g_once_init_leave(&loaded, 1);
  }
  return (guint) task < AX_N_TASKS && set < n_sets[task] ? &sets[task][set] : NULL;
}

guint ax_task_n_sets(AxTask task) { return get_set(task, 0) != NULL ? n_sets[task] : 0; }

const char *ax_task_set_name(AxTask task, guint set) {
  const Set *s = get_set(task, set);
  return s != NULL ? s->name : NULL;
}

int ax_task_find_set(AxTask task, const char *name) {
  for (guint i = 0; i < ax_task_n_sets(task); i++)
    if (strcmp(ax_task_set_name(task, i), name) == 0)
      return (int) i;
  return -1;
}

guint ax_task_n_templates(AxTask task, guint set, AxTemplateKind kind) {
  const Set *s = get_set(task, set);
  return s != NULL ? g_strv_length(s->lists[kind]) : 0;
}

const char *ax_task_template(AxTask task, guint set, AxTemplateKind kind, guint i) {
  return i < ax_task_n_templates(task, set, kind) ? get_set(task, set)->lists[kind][i] : NULL;
}

const char *ax_task_pick(AxTask task, guint set, AxTemplateKind kind, guint64 seed) {
  const guint n = ax_task_n_templates(task, set, kind);
  guint64 x = seed + G_GUINT64_CONSTANT(0x9E3779B97F4A7C15); /* splitmix64 */
  x = (x ^ x >> 30) * G_GUINT64_CONSTANT(0xBF58476D1CE4E5B9);
  x = (x ^ x >> 27) * G_GUINT64_CONSTANT(0x94D049BB133111EB);
  return n > 0 ? ax_task_template(task, set, kind, (guint) ((x ^ x >> 31) % n)) : NULL;
}

char *ax_task_fill(const char *text, ...) {
  const char *places[8], *values[8];
  guint n = 0;
  va_list args;
  va_start(args, text);
  for (const char *place; n < G_N_ELEMENTS(places) && (place = va_arg(args, const char *)) != NULL; n++) {
    places[n] = place;
    values[n] = va_arg(args, const char *);
  }
  va_end(args);
  GString *out = g_string_new(NULL);
  while (*text != '\0') {
    const char *close = *text == '{' ? strchr(text, '}') : NULL;
    guint i = n;
    if (close != NULL)
      for (i = 0; i < n && !(strlen(places[i]) == (gsize) (close - text - 1) && strncmp(places[i], text + 1, strlen(places[i])) == 0); i++)
        ;
    if (i < n) {
      g_string_append(out, values[i]);
      text = close + 1;
    } else
      g_string_append_c(out, *text++);
  }
  return g_string_free(out, FALSE);
}

/* ---- boxes ---- */

static int compare_boxes(const void *a, const void *b) {
  const AxBox *x = a, *y = b;
  if (x->x1 != y->x1)
    return x->x1 < y->x1 ? -1 : 1;
  return x->y1 < y->y1 ? -1 : x->y1 > y->y1;
}

char *ax_task_boxes_text(const AxBox *boxes, guint n) {
  g_autofree AxBox *sorted = g_memdup2(boxes, n * sizeof *boxes);
  if (n > 1)
    qsort(sorted, n, sizeof *sorted, compare_boxes);
  GString *text = g_string_new(NULL);
  for (guint i = 0; i < n; i++) {
    char corners[AX_PROMPT_BOX_SIZE];
    ax_prompt_box_corners(sorted[i].x1, sorted[i].y1, sorted[i].x2, sorted[i].y2, corners);
    g_string_append_printf(text, "<box>%s</box>", corners);
  }
  return g_string_free(text, FALSE);
}

/* ---- requests ---- */

/* The 14 labels as options "(A) Atelectasis", one a line. */
static char *label_options(void) {
  GString *text = g_string_new(NULL);
  for (guint i = 0; i < AX_TASK_N_LABELS; i++)
    g_string_append_printf(text, "%s(%c) %s", i > 0 ? "\n" : "", 'A' + (int) i, ax_task_label(i));
  return g_string_free(text, FALSE);
}

char *ax_task_label_question(guint i) {
  const int set = ax_task_find_set(AX_TASK_CLASSIFY, "single");
  g_return_val_if_fail(i < AX_TASK_N_LABELS && set >= 0, NULL);
  g_autofree char *disease = g_ascii_strdown(ax_task_label(i), -1);
  return ax_task_fill(ax_task_template(AX_TASK_CLASSIFY, (guint) set, AX_TEMPLATE_INSTRUCTION, 1), "disease", disease, "options", "(A) Yes\n(B) No", NULL);
}

static gboolean check(AxTask task, const char *text, guint n, GError **error) {
  if (tasks[task].text && (text == NULL || *text == '\0'))
    g_set_error(error, AX_TASK_ERROR, AX_TASK_ERROR_TEXT, "%s needs a text: %s", tasks[task].word,
                task == AX_TASK_ANATOMY ? "the name of a structure" : task == AX_TASK_LOCATE ? "the phrase to look for" : "the question");
  else if (tasks[task].text && g_utf8_strlen(text, -1) > AX_TASK_MAX_TEXT)
    g_set_error(error, AX_TASK_ERROR, AX_TASK_ERROR_TEXT, "the text is longer than %d characters", AX_TASK_MAX_TEXT);
  else if (tasks[task].boxes && n == 0)
    g_set_error(error, AX_TASK_ERROR, AX_TASK_ERROR_BOXES, "%s needs a region: at least one box", tasks[task].word);
  else if (n > AX_TASK_MAX_BOXES)
    g_set_error(error, AX_TASK_ERROR, AX_TASK_ERROR_BOXES, "more than %d boxes", AX_TASK_MAX_BOXES);
  else
    return TRUE;
  return FALSE;
}

char *ax_task_instruction(AxTask task, const char *text, const AxBox *boxes, guint n, guint variant, GError **error) {
  g_return_val_if_fail((guint) task < AX_N_TASKS, NULL);
  g_autofree char *valid = text != NULL ? g_utf8_make_valid(text, -1) : NULL;
  if (!check(task, valid, n, error))
    return NULL;
  g_autofree char *clean = valid != NULL ? ax_prompt_sanitise(valid, AX_SANITISE_ALL) : g_strdup("");
  g_strstrip(clean);
  if (tasks[task].text && *clean == '\0') {
    check(task, "", n, error);
    return NULL;
  }
  const guint set = task == AX_TASK_CHOOSE && (strstr(clean, "Options:") != NULL || strstr(clean, "\n(") != NULL) ? 1 : 0;
  const guint n_templates = ax_task_n_templates(task, set, AX_TEMPLATE_INSTRUCTION);
  const char *chosen = ax_task_template(task, set, AX_TEMPLATE_INSTRUCTION, variant % n_templates);
  g_autofree char *regions = ax_task_boxes_text(boxes, n);
  g_autofree char *options = task == AX_TASK_CLASSIFY ? label_options() : g_strdup("(a) yes\n(b) no");
  g_autofree char *filled = ax_task_fill(chosen, "phrase", clean, "disease", clean, "name", clean, "question", clean, "boxes", regions, "options", options, NULL);
  const char *suffix = ax_task_template(task, set, AX_TEMPLATE_SUFFIX, 0);
  return g_strconcat(filled, suffix != NULL ? suffix : "", NULL);
}
