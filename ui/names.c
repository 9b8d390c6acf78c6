#include "ui/names.h"

#include <glib/gi18n-lib.h>
#include <string.h>

/* In the order of the engine's indices; tests/ui/test-names.c holds them to its names. */
static const char *const structures[AX_N_ANATOMY] = {
  NC_("structure", "Abdominal cavity"),
  NC_("structure", "Aortic arch structure"),
  NC_("structure", "Apical zone of left lung"),
  NC_("structure", "Apical zone of right lung"),
  NC_("structure", "Cardiac shadow viewed radiologically or Heart"),
  NC_("structure", "Descending aorta"),
  NC_("structure", "Hilar Area of the Left Lung"),
  NC_("structure", "Hilar Area of the Right Lung"),
  NC_("structure", "Left clavicle"),
  NC_("structure", "Left hemidiaphragm"),
  NC_("structure", "Left lower lung zone"),
  NC_("structure", "Left lung"),
  NC_("structure", "Left mid lung zone"),
  NC_("structure", "Left upper lung zone"),
  NC_("structure", "Mediastinum"),
  NC_("structure", "Right atrial structure"),
  NC_("structure", "Right border of heart viewed radiologically"),
  NC_("structure", "Right clavicle"),
  NC_("structure", "Right hemidiaphragm"),
  NC_("structure", "Right lower lung zone"),
  NC_("structure", "Right lung"),
  NC_("structure", "Right mid lung zone"),
  NC_("structure", "Right upper lung zone"),
  NC_("structure", "Structure of carina"),
  NC_("structure", "Structure of left margin of heart"),
  NC_("structure", "Structure of left upper quadrant of abdomen"),
  NC_("structure", "Structure of right upper quadrant of abdomen"),
  NC_("structure", "Superior mediastinum"),
  NC_("structure", "Superior vena cava structure"),
  NC_("structure", "Trachea and Main Bronchus"),
  NC_("structure", "Vertebral column"),
  NC_("structure", "cavoatrial"),
  NC_("structure", "left cardiophrenic sulcus"),
  NC_("structure", "Left costodiaphragmatic recess"),
  NC_("structure", "right cardiophrenic sulcus"),
  NC_("structure", "Right costodiaphragmatic recess"),
};

/* Translators: short names of structures, for labels beside boxes; L and R are the patient's left and right. */
static const char *const short_structures[AX_N_ANATOMY] = {
  NC_("short name of a structure", "Abdomen"),
  NC_("short name of a structure", "Aortic arch"),
  NC_("short name of a structure", "L apex"),
  NC_("short name of a structure", "R apex"),
  NC_("short name of a structure", "Heart"),
  NC_("short name of a structure", "Desc. aorta"),
  NC_("short name of a structure", "L hilum"),
  NC_("short name of a structure", "R hilum"),
  NC_("short name of a structure", "L clavicle"),
  NC_("short name of a structure", "L diaphragm"),
  NC_("short name of a structure", "L lower zone"),
  NC_("short name of a structure", "L lung"),
  NC_("short name of a structure", "L mid zone"),
  NC_("short name of a structure", "L upper zone"),
  NC_("short name of a structure", "Mediastinum"),
  NC_("short name of a structure", "R atrium"),
  NC_("short name of a structure", "R heart border"),
  NC_("short name of a structure", "R clavicle"),
  NC_("short name of a structure", "R diaphragm"),
  NC_("short name of a structure", "R lower zone"),
  NC_("short name of a structure", "R lung"),
  NC_("short name of a structure", "R mid zone"),
  NC_("short name of a structure", "R upper zone"),
  NC_("short name of a structure", "Carina"),
  NC_("short name of a structure", "L heart border"),
  NC_("short name of a structure", "L upper abdomen"),
  NC_("short name of a structure", "R upper abdomen"),
  NC_("short name of a structure", "Sup. mediastinum"),
  NC_("short name of a structure", "SVC"),
  NC_("short name of a structure", "Trachea"),
  NC_("short name of a structure", "Spine"),
  NC_("short name of a structure", "Cavoatrial"),
  NC_("short name of a structure", "L cardiophrenic"),
  NC_("short name of a structure", "L costophrenic"),
  NC_("short name of a structure", "R cardiophrenic"),
  NC_("short name of a structure", "R costophrenic"),
};

/* In the order of ax_anatomy_pair(). */
static const char *const pairs[AX_N_PAIRS] = {
  NC_("pair of structures", "Apex"),         NC_("pair of structures", "Hilum"),         NC_("pair of structures", "Clavicle"),
  NC_("pair of structures", "Diaphragm"),    NC_("pair of structures", "Lower zone"),    NC_("pair of structures", "Lung"),
  NC_("pair of structures", "Mid zone"),     NC_("pair of structures", "Upper zone"),    NC_("pair of structures", "Heart border"),
  NC_("pair of structures", "Upper abdomen"), NC_("pair of structures", "Cardiophrenic"), NC_("pair of structures", "Costophrenic"),
};

/* The labels of the model (ax_task_label()), and what else readings name. */
static const char *const findings[] = {
  NC_("finding", "Atelectasis"),
  NC_("finding", "Cardiomegaly"),
  NC_("finding", "Consolidation"),
  NC_("finding", "Edema"),
  NC_("finding", "Enlarged Cardiomediastinum"),
  NC_("finding", "Fracture"),
  NC_("finding", "Lung Lesion"),
  NC_("finding", "Lung Opacity"),
  NC_("finding", "No Finding"),
  NC_("finding", "Pleural Effusion"),
  NC_("finding", "Pleural Other"),
  NC_("finding", "Pneumonia"),
  NC_("finding", "Pneumothorax"),
  NC_("finding", "Support Devices"),
  NC_("finding", "Calcification"),
  NC_("finding", "Emphysema"),
  NC_("finding", "Fibrosis"),
  NC_("finding", "Mass"),
  NC_("finding", "Nodule"),
  NC_("finding", "Pleural Thickening"),
};

/* What else the engine says and the window shows by _(): groups of structures and the stages of its work. */
G_GNUC_UNUSED static const char *const engine_words[] = {
  N_("Lungs"), N_("Heart"), N_("Mediastinum"), N_("Bones"), N_("Diaphragm and abdomen"), N_("Preparing the image"), N_("Seeing edges"), N_("Seeing shapes"),
  N_("Finding structures"), N_("Loading the model"), N_("Loading the language model"), N_("Placing boxes"), N_("Describing structures"),
  N_("Retrieving sentences"), N_("Reading the findings"), N_("Reading the question"),
};

static const char *translated(const char *context, const char *name) { return g_dpgettext2(GETTEXT_PACKAGE, context, name); }

const char *ax_shown_structure(guint index) {
  g_return_val_if_fail(index < AX_N_ANATOMY, "");
  return translated("structure", structures[index]);
}

const char *ax_shown_short_structure(guint index) {
  g_return_val_if_fail(index < AX_N_ANATOMY, "");
  return translated("short name of a structure", short_structures[index]);
}

const char *ax_shown_pair(guint pair) {
  g_return_val_if_fail(pair < AX_N_PAIRS, "");
  return translated("pair of structures", pairs[pair]);
}

static int find_finding(const char *english) {
  for (guint i = 0; i < G_N_ELEMENTS(findings); i++)
    if (g_ascii_strcasecmp(findings[i], english) == 0)
      return (int)i;
  return -1;
}

const char *ax_shown_name(const char *english) {
  const char *shown, *name = NULL;
  int index;

  if (!english)
    return NULL;
  if ((index = ax_anatomy_find(english)) >= 0)
    shown = ax_shown_structure((guint)index), name = structures[index];
  else if ((index = find_finding(english)) >= 0)
    shown = translated("finding", findings[index]), name = findings[index];
  else
    return english;
  /* Without a translation nobody's "heart" becomes "Cardiac shadow viewed radiologically or Heart". */
  return strcmp(shown, name) == 0 ? english : shown;
}

char *ax_shown_names(const char *const *english) {
  GString *text = g_string_new(NULL);

  for (guint i = 0; english && english[i]; i++)
    g_string_append_printf(text, "%s%s", i > 0 ? ", " : "", ax_shown_name(english[i]));
  return g_string_free(text, FALSE);
}

/* Names without a translation are English already, in whatever words. */
static gboolean is_called(const char *context, const char *name, const char *folded) {
  const char *shown = translated(context, name);
  g_autofree char *text = strcmp(shown, name) == 0 ? NULL : g_utf8_casefold(shown, -1);

  return g_strcmp0(text, folded) == 0;
}

const char *ax_english_name(const char *shown) {
  g_autofree char *text = shown ? g_strstrip(g_strdup(shown)) : NULL, *folded = text ? g_utf8_casefold(text, -1) : NULL;

  if (!folded)
    return NULL;
  for (guint i = 0; i < AX_N_ANATOMY; i++)
    if (is_called("structure", structures[i], folded) || is_called("short name of a structure", short_structures[i], folded))
      return structures[i];
  for (guint i = 0; i < G_N_ELEMENTS(findings); i++)
    if (is_called("finding", findings[i], folded))
      return findings[i];
  return shown;
}
