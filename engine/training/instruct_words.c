/* instruct_words.c: tables, see instruct_words.h. */
#include "engine/training/instruct_words.h"

#include <string.h>

#include "engine/task/task.h"
#include "engine/training/dataset.h"
#include "engine/training/phantom.h"

/* ---- the structures ---- */

/* "@" stands for the side, "left"/"right", or "L"/"R" with "%". */
static const struct { guint8 left, right; const char *name; } sided[] = {
  { 2, 3, "@ apical zone" }, { 2, 3, "@ lung apex" }, { 2, 3, "@ apex" }, { 2, 3, "apex of the @ lung" }, { 2, 3, "% apex" }, { 2, 3, "@ pulmonary apex" },
  { 6, 7, "@ hilum" }, { 6, 7, "@ hilar area" }, { 6, 7, "@ hilar structures" }, { 6, 7, "@ hilar region" }, { 6, 7, "% hilum" }, { 6, 7, "hilum of the @ lung" },
  { 6, 7, "@ lung hilum" },
  { 8, 17, "@ clavicle" }, { 8, 17, "@ collarbone" }, { 8, 17, "% clavicle" }, { 8, 17, "clavicle on the @" },
  { 9, 18, "@ hemidiaphragm" }, { 9, 18, "@ diaphragm" }, { 9, 18, "% hemidiaphragm" }, { 9, 18, "@ dome of the diaphragm" }, { 9, 18, "% diaphragm" },
  { 10, 19, "@ lower lung zone" }, { 10, 19, "@ lower zone" }, { 10, 19, "@ lung base" }, { 10, 19, "@ lower lobe zone" }, { 10, 19, "% lower zone" },
  { 10, 19, "lower zone of the @ lung" }, { 10, 19, "lower third of the @ lung" }, { 10, 19, "base of the @ lung" },
  { 11, 20, "@ lung" }, { 11, 20, "% lung" }, { 11, 20, "lung on the @" }, { 11, 20, "@ lung field" }, { 11, 20, "whole @ lung" },
  { 12, 21, "@ mid lung zone" }, { 12, 21, "@ mid zone" }, { 12, 21, "@ middle lung zone" }, { 12, 21, "% mid zone" }, { 12, 21, "mid zone of the @ lung" },
  { 12, 21, "middle third of the @ lung" },
  { 13, 22, "@ upper lung zone" }, { 13, 22, "@ upper zone" }, { 13, 22, "@ upper lobe zone" }, { 13, 22, "% upper zone" }, { 13, 22, "upper zone of the @ lung" },
  { 13, 22, "upper third of the @ lung" },
  { 24, 16, "@ heart border" }, { 24, 16, "@ cardiac border" }, { 24, 16, "@ margin of the heart" }, { 24, 16, "% heart border" }, { 24, 16, "@ border of the heart" },
  { 24, 16, "@ cardiac silhouette" },
  { 25, 26, "@ upper quadrant of the abdomen" }, { 25, 26, "@ upper abdomen" }, { 25, 26, "@ upper quadrant" }, { 25, 26, "% upper quadrant" },
  { 32, 34, "@ cardiophrenic angle" }, { 32, 34, "@ cardiophrenic recess" }, { 32, 34, "% cardiophrenic angle" },
  { 33, 35, "@ costophrenic angle" }, { 33, 35, "@ costophrenic sulcus" }, { 33, 35, "@ costophrenic recess" }, { 33, 35, "@ costodiaphragmatic recess" },
  { 33, 35, "@ CP angle" }, { 33, 35, "% costophrenic angle" },
};

static const struct { guint8 object; const char *name; } single[] = {
  { 0, "abdominal cavity" }, { 0, "abdomen" },
  { 1, "aortic arch" }, { 1, "aortic knob" }, { 1, "arch of the aorta" }, { 1, "aortic knuckle" },
  { 4, "heart" }, { 4, "cardiac silhouette" }, { 4, "cardiac shadow" }, { 4, "Heart" }, { 4, "heart shadow" }, { 4, "cardiac contour" },
  { 5, "descending aorta" }, { 5, "descending thoracic aorta" },
  { 14, "mediastinum" }, { 14, "mediastinal contour" },
  { 15, "right atrium" }, { 15, "RA" }, { 15, "right atrial structure" },
  { 23, "carina" }, { 23, "tracheal bifurcation" }, { 23, "tracheal carina" },
  { 27, "superior mediastinum" }, { 27, "upper mediastinum" },
  { 28, "superior vena cava" }, { 28, "SVC" },
  { 29, "trachea and main bronchus" }, { 29, "trachea" }, { 29, "windpipe" }, { 29, "trachea and main bronchi" },
  { 30, "vertebral column" }, { 30, "spine" }, { 30, "thoracic spine" }, { 30, "vertebrae" },
  { 31, "cavoatrial junction" }, { 31, "SVC-RA junction" },
};

static char *
side_filled (const char *pattern, gboolean left)
{
  GString *s = g_string_new (NULL);
  for (const char *c = pattern; *c != '\0'; c++)
    if (*c == '@')
      g_string_append (s, left ? "left" : "right");
    else if (*c == '%')
      g_string_append (s, left ? "L" : "R");
    else
      g_string_append_c (s, *c);
  return g_string_free (s, FALSE);
}

static gpointer
make_names (gpointer unused)
{
  char ***names = g_new0 (char **, AX_DATASET_N_OBJECTS);
  for (guint o = 0; o < AX_DATASET_N_OBJECTS; o++) {
    g_autoptr (GStrvBuilder) b = g_strv_builder_new ();
    g_strv_builder_add (b, ax_phantom_object_name ((int) o));
    for (guint i = 0; i < G_N_ELEMENTS (sided); i++)
      if (sided[i].left == o || sided[i].right == o) {
        g_autofree char *name = side_filled (sided[i].name, sided[i].left == o);
        if (strcmp (name, ax_phantom_object_name ((int) o)) != 0)
          g_strv_builder_add (b, name);
      }
    for (guint i = 0; i < G_N_ELEMENTS (single); i++)
      if (single[i].object == o && strcmp (single[i].name, ax_phantom_object_name ((int) o)) != 0)
        g_strv_builder_add (b, single[i].name);
    names[o] = g_strv_builder_end (b);
  }
  return names;
}

const char *const *
ax_structure_names (guint object)
{
  static GOnce once = G_ONCE_INIT;
  g_return_val_if_fail (object < AX_DATASET_N_OBJECTS, NULL);
  return ((const char *const **) g_once (&once, make_names, NULL))[object];
}

/* ---- wordings beside those of the templates ---- */

static const char *const anatomy_question[] = {
  "Where is the {}?", "Locate the {}.", "Find the {} in this chest X-ray.", "Show me the {}.", "Please locate the {} in the image.",
  "Give the bounding box of the {}.", "What are the coordinates of the {}?", "Mark the {} on this radiograph.", "Highlight the {} in this image.",
  "Draw a box around the {}.", "Point to the {} on the chest radiograph.", "{}", "Where can I see the {} on this film?", "Localize the {}.",
  "Which region of the image contains the {}?", "Outline the {} with a bounding box.", "Please show the position of the {}.", "In which area is the {}?",
  "Can you find the {}?", "Could you mark the {} in this X-ray?", "Can you show me where the {} is?", "Would you outline the {}, please?", "I want to see the {}.",
  "Do you find the {} in this image?", "Where in this film is the {}?", "Tell me where the {} is.",
  NULL,
};

static const char *const anatomy_paraphrase[] = {
  "Could you tell me where the {} lies in this radiograph?", "I would like to see the {}, where is it?", "Where exactly do you see the {}?",
  "Try to find the {} and give its box.", "Which pixels belong to the {}?", "Box the {} for me.", "Return the coordinates of the {} in this film.",
  "Please point at the {}.", "Do you see the {}? Where?", "Tell me the position of the {} on this chest film.", "Report the bounding box for the {}.",
  "What region does the {} occupy?", "Where does the {} lie?", "Where should I look for the {} in this picture?", "Indicate the {} on this chest radiograph.",
  "Give me the location of the {}, please.", "I need the box of the {}.", "Can you localise the {} on this X-ray?", "Find me the {}.",
  "Place a rectangle over the {}.", "Provide the coordinates for the {} in the given CXR.", "Help me find the {} on this X-ray.",
  "Where in the thorax is the {} on this image?", "The {}: where is it in this image?", "Where would I find the {} here?", "Detect the {} in the radiograph.",
  "Please identify the {} in this CXR.", "Let me see where the {} is.", "In this CXR, where is the {}?", "What is the bounding box around the {}?",
  "Position of the {}?", "Coordinates of the {}, please.", "Zoom to the {}.", "Can the {} be seen? If so, give its coordinates.",
  "On the given chest X-ray, mark where the {} is.", "Please draw the outline box for the {}.", "At which coordinates is the {} found?",
  "Select the {} in this radiograph.", "Please find and box the {}.", "Where has the {} been imaged?", "Pinpoint the {} on the image.",
  "Looking at this film, where is the {}?", "Give its box: {}.", "Could you highlight where the {} is?", "Which part of this picture shows the {}?",
  "Trace a box for the {} on this chest image.", "Name the coordinates at which the {} lies.", "I cannot find the {}, can you?",
  "Spot the {} in this frontal chest X-ray.", "Display the location of the {}.",
  NULL,
};

static const char *const phrase_question[] = {
  /* "Where is the {}?" asks for words where it is about a finding (open questions), for a box where it is about a structure */
  "Locate: {}", "Show me the {}.", "Find the {} in this chest X-ray.", "{}", "Show where there is {}.", "Give the bounding box of the {}.",
  NULL,
};

static const char *const class_question[] = {
  "Show where {} is seen.", "Find {}.", "Draw boxes around {}.",
  NULL,
};

static const char *const detection_question[] = {
  "Mark everything abnormal on this chest X-ray.", "Find all abnormal findings and give their boxes.",
  "Which abnormalities do you see, and where?",
  NULL,
};

static const char *const diagnosis_question[] = {
  "What is the diagnosis for this region: {}", "Which finding is in the region {}?", "Name the abnormality in {}.",
  NULL,
};

static const char *const caption_question[] = {
  "Describe the region {}.",
  "What is seen in {}?", "Caption this region: {}",
  NULL,
};

static const char *const report_question[] = {
  "Write a radiology report for this chest X-ray.", "Please report this radiograph.", "Describe this chest X-ray.",
  NULL,
};

/* Each list begins with templates of the program (spec 9), `spec` of them from the sets named, and ends with ours. */
static const struct {
  AxTask task;
  const char *sets[2];
  guint spec;
  const char *const *ours;
} sources[AX_WORDS_N] = {
  [AX_WORDS_ANATOMY_QUESTION] = { AX_TASK_ANATOMY, { "imagenome" }, 6, anatomy_question }, [AX_WORDS_ANATOMY_ANSWER] = { AX_TASK_ANATOMY, { "imagenome" }, 6, NULL },
  [AX_WORDS_ANATOMY_PARAPHRASE] = { AX_TASK_ANATOMY, { NULL }, 0, anatomy_paraphrase }, [AX_WORDS_PHRASE_QUESTION] = { AX_TASK_LOCATE, { "mscxr", "padchest" }, 10, phrase_question },
  [AX_WORDS_CLASS_QUESTION] = { AX_TASK_LOCATE, { "vindr" }, 5, class_question }, [AX_WORDS_DETECTION_QUESTION] = { AX_TASK_DETECT, { "vindr" }, 5, detection_question },
  [AX_WORDS_DIAGNOSIS_QUESTION] = { AX_TASK_DIAGNOSE, { "mscxr" }, 2, diagnosis_question }, [AX_WORDS_CAPTION_QUESTION] = { AX_TASK_DESCRIBE, { "mscxr" }, 2, caption_question },
  [AX_WORDS_REPORT_QUESTION] = { AX_TASK_REPORT, { "mimic" }, 4, report_question }, [AX_WORDS_LIST_QUESTION] = { AX_TASK_CLASSIFY, { "list" }, 3, NULL },
  [AX_WORDS_SET_QUESTION] = { AX_TASK_CLASSIFY, { "sets" }, 3, NULL },
};

/* A template as a wording: every place is "{}", and a box's tags are written out. */
static char *
as_wording (const char *template)
{
  g_autofree char *boxed = ax_task_fill (template, "box", "<box>{}</box>", NULL);
  GString *s = g_string_new (NULL);
  for (const char *c = boxed; *c != '\0'; c++) {
    const char *close = *c == '{' ? strchr (c, '}') : NULL;
    if (close != NULL) {
      g_string_append (s, "{}");
      c = close;
    } else
      g_string_append_c (s, *c);
  }
  return g_string_free (s, FALSE);
}

static gpointer
make_lists (gpointer unused)
{
  char ***lists = g_new0 (char **, AX_WORDS_N);
  for (guint w = 0; w < AX_WORDS_N; w++) {
    g_autoptr (GStrvBuilder) b = g_strv_builder_new ();
    const AxTask task = sources[w].task;
    guint left = sources[w].spec;
    for (guint s = 0; s < G_N_ELEMENTS (sources[w].sets) && sources[w].sets[s] != NULL; s++) {
      const guint set = (guint) ax_task_find_set (task, sources[w].sets[s]);
      const AxTemplateKind kind = w == AX_WORDS_ANATOMY_ANSWER ? AX_TEMPLATE_RESPONSE : AX_TEMPLATE_INSTRUCTION;
      for (guint i = 0; i < ax_task_n_templates (task, set, kind) && left > 0; i++, left--) {
        g_autofree char *wording = as_wording (ax_task_template (task, set, kind, i));
        g_strv_builder_add (b, wording);
      }
    }
    for (const char *const *ours = sources[w].ours; ours != NULL && *ours != NULL; ours++)
      g_strv_builder_add (b, *ours);
    lists[w] = g_strv_builder_end (b);
  }
  return lists;
}

const char *const *
ax_words (AxWords list)
{
  static GOnce once = G_ONCE_INIT;
  g_return_val_if_fail (list < AX_WORDS_N, NULL);
  return ((const char *const **) g_once (&once, make_lists, NULL))[list];
}

guint
ax_words_count (AxWords list)
{
  return g_strv_length ((char **) ax_words (list));
}

guint
ax_words_from_spec (AxWords list)
{
  g_return_val_if_fail (list < AX_WORDS_N, 0);
  return sources[list].spec;
}

const char *
ax_words_pick (AxWords list, AxRandom *random)
{
  return ax_words (list)[ax_random_below (random, ax_words_count (list))];
}

char *
ax_words_fill (const char *wording, const char *a, const char *b)
{
  GString *s = g_string_new (NULL);
  const char *values[2] = { a, b };
  guint used = 0;
  for (const char *c = wording; *c != '\0'; c++)
    if (c[0] == '{' && c[1] == '}') {
      const char *value = values[MIN (used, 1u)] != NULL ? values[MIN (used, 1u)] : a;
      g_string_append (s, value);
      used++;
      c++;
    } else
      g_string_append_c (s, *c);
  return g_string_free (s, FALSE);
}
