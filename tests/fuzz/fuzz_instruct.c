/* Fuzz target: users' instruction data, scene graphs and phantoms' truths. What can be read is written and read again, and asked for its answers. */
#include <string.h>

#include "engine/training/instruct_build.h"
#include "engine/training/instruct_graph.h"
#include "tests/fuzz/fuzz_weights.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  g_log_set_always_fatal(G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING); /* a library that complains was misused */
  const char *text = (const char *) data;
  g_autoptr(GError) error = NULL;
  g_autoptr(GPtrArray) samples = ax_instruct_parse(text, size, "fuzz", &error);
  g_assert((samples == NULL) == (error != NULL));
  for (guint i = 0; samples != NULL && i < samples->len; i++) {
    const AxInstructSample *s = samples->pdata[i];
    g_autofree char *question = NULL, *answer = NULL;
    g_assert(s->instruction[0] != NULL && s->response[0] != NULL && s->image_path[0] != '\0');
    if (!ax_instruct_sample_pick(s, i, i + 1, NULL, &question, &answer))
      g_assert(!s->has_boxes && question == NULL);
  }
  AxInstructConfig config = { 0 };
  ax_instruct_config_defaults(&config);
  g_autoptr(AxImageFacts) graph = ax_image_facts_from_scene_graph(text, size, "fuzz", "/i", NULL);
  g_autoptr(AxImageFacts) phantom = ax_image_facts_from_phantom(text, size, "fuzz", "p.png", NULL);
  AxImageFacts *all[] = { graph, phantom };
  for (guint i = 0; i < G_N_ELEMENTS(all); i++) {
    if (all[i] == NULL)
      continue;
    /* Whatever was read can be put into words, mirrored too. */
    g_autoptr(GPtrArray) made = g_ptr_array_new_with_free_func((GDestroyNotify) ax_instruct_sample_free);
    g_autoptr(AxImageFacts) mirrored = ax_image_facts_mirror(all[i]);
    ax_instruct_image(all[i], "train", &config, made);
    ax_instruct_image(mirrored, "train", &config, made);
  }
  return 0;
}
