/* instruct_words.c: tables, see instruct_words.h. */
#include "engine/training/instruct_words.h"

#include <string.h>

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

/* ---- wordings ---- */

static const char *const anatomy_question[] = {
  /* spec 9.7 */
  "Where is the {} located in this Chest X-ray?", "Can you point out the {}'s position on the image?", "What's the location of the {} in the X-ray?",
  "Identify where the {} is on this Chest X-ray, please.", "Where on this image is the {} located?", "Describe where to find the {} on this Chest X-ray.",
  /* ours */
  "Where is the {}?", "Locate the {}.", "Find the {} in this chest X-ray.", "Show me the {}.", "Please locate the {} in the image.",
  "Give the bounding box of the {}.", "What are the coordinates of the {}?", "Mark the {} on this radiograph.", "Highlight the {} in this image.",
  "Draw a box around the {}.", "Point to the {} on the chest radiograph.", "{}", "Where can I see the {} on this film?", "Localize the {}.",
  "Which region of the image contains the {}?", "Outline the {} with a bounding box.", "Please show the position of the {}.", "In which area is the {}?",
  NULL,
};

static const char *const anatomy_answer[] = {
  "The <ref>{}</ref> is located at the coordinates <box>{}</box> on the image.", "You'll find the <ref>{}</ref> at <box>{}</box> in the X-ray.",
  "For the <ref>{}</ref>, the coordinates are <box>{}</box> on the X-ray.", "The <ref>{}</ref> is at <box>{}</box> on the X-ray.",
  "The <ref>{}</ref>'s  location is at <box>{}</box> on the Chest X-ray.", "For identifying the <ref>{}</ref>, look at <box>{}</box> on the Chest X-ray.",
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
  "Please locate the following phrase: {}", "Identify the position of the following finding in the CXR: {}",
  "Please locate the following sentence: {}", "Identify the position of the following phrase in the CXR: {}", "Please show me the location of: {}",
  "Highlight the area of the following observation on the image: {}", "Where on the image can you see the following observation: {}",
  "Find the region corresponding to: {}", "Please indicate where this finding is located: {}", "Mark the area where you observe: {}",
  /* ours; "Where is the {}?" asks for words where it is about a finding (open questions), for a box where it is about a structure */
  "Locate: {}", "Show me the {}.", "Find the {} in this chest X-ray.", "{}", "Show where there is {}.", "Give the bounding box of the {}.",
  NULL,
};

static const char *const class_question[] = {
  "Detect {} in the given image.", "Locate areas in the chest X-ray where {} is present, using bounding box coordinates",
  "Localize {} in the bounding box format for the given image.", "Find the locations of {} in the bounding box format for the given image.",
  "Locate {} for the given image.", "Show where {} is seen.", "Find {}.", "Draw boxes around {}.",
  NULL,
};

static const char *const detection_question[] = {
  "Detect abnormalities in the given image.", "Locate areas in the chest X-ray where abnormalities are present, using bounding box coordinates",
  "Perform abnormality detection (in the bounding box format) for the given image.", "Find the locations of abnormalities in the bounding box format for the given image.",
  "Locate abnormalities for the given image.", "Mark everything abnormal on this chest X-ray.", "Find all abnormal findings and give their boxes.",
  "Which abnormalities do you see, and where?",
  NULL,
};

static const char *const diagnosis_question[] = {
  "Please give the corresponding diagnosis for the following region(s): {}", "Provide a diagnosis based on the content of the following region(s): {}",
  "What is the diagnosis for this region: {}", "Which finding is in the region {}?", "Name the abnormality in {}.",
  NULL,
};

static const char *const caption_question[] = {
  "Please generate a caption for the following region(s): {}", "Describe the content of the following region(s): {}", "Describe the region {}.",
  "What is seen in {}?", "Caption this region: {}",
  NULL,
};

static const char *const report_question[] = {
  "Generate report:", "Write a comprehensive report:", "Write findings and impressions:", "Generate findings and impressions:",
  "Write a radiology report for this chest X-ray.", "Please report this radiograph.", "Describe this chest X-ray.",
  NULL,
};

static const char *const list_question[] = {
  "Please review the chest X-ray(s) and classify any diseases from the following list that are present in the image. Options:\n{}",
  "Given the CXR, identify any diseases. Options:\n{}", "Identify any diseases visible in the given CXR. Options:\n{}",
  NULL,
};

static const char *const set_question[] = {
  "Which findings are in this chest X-ray? Options:\n{}", "Which diseases are represented in this image:\n{}",
  "Perform disease classification given the following label set:\n{}",
  NULL,
};

static const struct { const char *const *list; guint n, spec; } lists[AX_WORDS_N] = {
#define LIST(name, from_spec) { name, G_N_ELEMENTS (name) - 1, from_spec }
  [AX_WORDS_ANATOMY_QUESTION] = LIST (anatomy_question, 6), [AX_WORDS_ANATOMY_ANSWER] = LIST (anatomy_answer, 6),
  [AX_WORDS_ANATOMY_PARAPHRASE] = LIST (anatomy_paraphrase, 0), [AX_WORDS_PHRASE_QUESTION] = LIST (phrase_question, 10),
  [AX_WORDS_CLASS_QUESTION] = LIST (class_question, 5), [AX_WORDS_DETECTION_QUESTION] = LIST (detection_question, 5),
  [AX_WORDS_DIAGNOSIS_QUESTION] = LIST (diagnosis_question, 2), [AX_WORDS_CAPTION_QUESTION] = LIST (caption_question, 2),
  [AX_WORDS_REPORT_QUESTION] = LIST (report_question, 4), [AX_WORDS_LIST_QUESTION] = LIST (list_question, 3), [AX_WORDS_SET_QUESTION] = LIST (set_question, 3),
#undef LIST
};

const char *const *
ax_words (AxWords list)
{
  g_return_val_if_fail (list < AX_WORDS_N, NULL);
  return lists[list].list;
}

guint
ax_words_count (AxWords list)
{
  g_return_val_if_fail (list < AX_WORDS_N, 0);
  return lists[list].n;
}

guint
ax_words_from_spec (AxWords list)
{
  g_return_val_if_fail (list < AX_WORDS_N, 0);
  return lists[list].spec;
}

const char *
ax_words_pick (AxWords list, AxRandom *random)
{
  return lists[list].list[ax_random_below (random, lists[list].n)];
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
