/* Writes seeds for the fuzz targets of instruction data and of answers: seeds_text instruct|answer_metrics FOLDER. */
#include <string.h>

#include "engine/training/instruct_build.h"
#include "engine/training/phantom.h"

static void
write_seed(const char *folder, const char *name, const char *text)
{
  g_autofree char *path = g_build_filename(folder, name, NULL);
  g_autoptr(GError) error = NULL;
  if (!g_file_set_contents(path, text, -1, &error))
    g_error("%s", error->message);
}

static void
seed_instruct(const char *folder)
{
  AxPhantomParams params;
  AxPhantomTruth truth;
  ax_phantom_params_draw(&params, 5, 64);
  ax_phantom_render(&params, NULL, NULL, &truth);
  g_autofree char *json = ax_phantom_truth_to_json(&params, &truth);
  write_seed(folder, "phantom", json);
  ax_phantom_truth_clear(&truth);
  write_seed(folder, "sample", "[{\"task\": \"Anatomy Grounding\", \"image_path\": \"a\", \"paired\": true, \"flip\": true, \"weight\": 0.5, \"messages\": [{\"role\": \"user\", \"content\": "
                               "{\"context\": \"\", \"instruction\": [\"Where?\"]}}, {\"role\": \"assistant\", \"content\": [\"<box>__BOX3__</box>\"]}]}]");
  write_seed(folder, "graph", "{\"image_id\": \"d\", \"patient_id\": 1, \"image_path\": \"p\", \"viewpoint\": \"PA\", \"objects\": [{\"name\": \"Left lung\", \"bbox\": [550, 100, 900, 700]}, "
                              "{\"name\": \"Right lung\", \"bbox\": [100, 100, 450, 700]}, {\"bbox_name\": \"cardiac silhouette\", \"bbox\": [300, 400, 700, 800]}]}");
}

static void
seed_answers(const char *folder)
{
  write_seed(folder, "box", "The <ref>Left lung</ref> is at <box>(1,2),(30,40)</box> on the X-ray.");
  write_seed(folder, "report", "Findings:\nSmall right pleural effusion, no pneumothorax. The heart is mildly enlarged.\n\nImpression:\nPneumonia cannot be excluded.");
  write_seed(folder, "choice", "(B) no, (A) yes");
}

int
main(int argc, char **argv)
{
  if (argc != 3 || g_mkdir_with_parents(argv[2], 0777) != 0)
    return 2;
  if (strcmp(argv[1], "instruct") == 0)
    seed_instruct(argv[2]);
  else
    seed_answers(argv[2]);
  return 0;
}
