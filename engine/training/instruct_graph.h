/* Users' own collections. What lives here: the reader of MIMIC-CXR / Chest ImaGenome data as the authors keep it, a folder of scene graphs, one JSON an
 * image (spec 13.1), with the label table data_split_with_labels.csv (spec 13.2), into facts that the makers of instruction data understand: anatomy grounding
 * with the graphs' boxes, classification and closed questions with the table's labels. Collections that come as instruction JSON (VinDr, MS-CXR, PadChest-GR,
 * SLAKE, RaDialog: spec 13.3) need no making; instruct.h reads them. Files are hostile: sizes, nesting, types, numbers and names are checked.
 * May use instruct_facts.h, split.h, csv.h, engine/anatomix.h (names) and json-glib. */
#pragma once

#include "engine/training/instruct_facts.h"
#include "engine/training/split.h"

G_BEGIN_DECLS

/* Facts of one scene graph. Objects are known by display, raw or bbox name; one that is missing or has no area is not visible. `image_dir` goes before the
 * graph's image_path (NULL: nothing). Labels are unknown until ax_instruct_graphs_load() fills them. NULL with AX_DATA_ERROR_READ; `name` stands for the
 * file. */
AxImageFacts *ax_image_facts_from_scene_graph (const char *text, gsize size, const char *name, const char *image_dir, GError **error);

typedef struct {
  GPtrArray *facts[AX_SPLIT_N]; /* AxImageFacts *, freed with it; in the order of the table */
  guint without_graph;          /* rows of the table without a file */
} AxGraphSet;

/* Reads the table and for each row the graph SG_DIR/<dicom_id>.json. Labels: 1 is present; 0, -1 and blank are absent (as the authors count them). NULL with
 * AX_DATA_ERROR: a file that is malformed, a label that is none of these, a patient on two sides of the split, no graph at all. */
AxGraphSet *ax_instruct_graphs_load (const char *sg_dir, const char *csv_path, const char *image_dir, GError **error);
void ax_instruct_graphs_free (AxGraphSet *set);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AxGraphSet, ax_instruct_graphs_free)

G_END_DECLS
