/* instruct_build.c: see instruct_build.h and instruct-private.h. */
#include "engine/training/instruct_build.h"

#include <glib/gstdio.h>
#include <string.h>

#include "engine/image/png-write.h"
#include "engine/training/instruct-private.h"
#include "engine/training/instruct_graph.h"
#include "engine/training/instruct_module.h"
#include "engine/training/phantom.h"

/* ---- the sink ---- */

AxInstructSample *
instruct_add (AxInstructSink *sink, AxInstructTask task, char *instruction, char *response, double weight)
{
  const AxImageFacts *f = sink->facts;
  AxInstructSample *s = ax_instruct_sample_new (task, f->path);
  s->image_id = g_strdup (f->id);
  s->dataset = g_strdup (f->dataset);
  s->split = g_strdup (sink->split);
  s->study_id = g_strdup (f->patient);
  s->unique_id = g_strdup_printf ("%s%s-%u", f->id, f->flip ? "-mirrored" : "", sink->serial++);
  s->instruction = g_new0 (char *, 2);
  s->instruction[0] = instruction;
  s->response = g_new0 (char *, 2);
  s->response[0] = response;
  s->paired = TRUE;
  s->flip = f->flip;
  s->weight = weight;
  g_ptr_array_add (sink->samples, s);
  return s;
}

gboolean
instruct_chance (AxInstructSink *sink, double p)
{
  return ax_random_uniform (&sink->random) < p;
}

void
instruct_shuffle (AxInstructSink *sink, guint8 *order, guint n)
{
  for (guint i = 0; i < n; i++)
    order[i] = (guint8) i;
  for (guint i = n; i > 1; i--) {
    const guint k = (guint) ax_random_below (&sink->random, i);
    const guint8 t = order[i - 1];
    order[i - 1] = order[k];
    order[k] = t;
  }
}

char *
instruct_box (AxInstructSink *sink, AxBox b, double jitter)
{
  const double w = b.x2 - b.x1, h = b.y2 - b.y1;
  double moved[4] = { b.x1, b.y1, b.x2, b.y2 };
  for (guint k = 0; k < 4 && jitter > 0; k++)
    moved[k] += ax_random_range (&sink->random, -jitter, jitter) * (k % 2 == 0 ? w : h);
  const AxBox out = ax_box_clamp ((AxBox) { moved[0], moved[1], moved[2], moved[3] }, AX_DATASET_FRAME, AX_DATASET_FRAME);
  g_autofree char *corners = ax_instruct_box_text (out);
  return g_strdup_printf ("<box>%s</box>", corners);
}

/* ---- one image ---- */

void
ax_instruct_image (const AxImageFacts *facts, const char *split, const AxInstructConfig *config, GPtrArray *samples)
{
  static void (*const makers[AX_INSTRUCT_N_TASKS]) (AxInstructSink *, guint) = {
    [AX_INSTRUCT_REPORT] = instruct_make_reports, [AX_INSTRUCT_CLASSIFICATION] = instruct_make_classification, [AX_INSTRUCT_DETECTION] = instruct_make_detection,
    [AX_INSTRUCT_PHRASE] = instruct_make_phrases, [AX_INSTRUCT_DIAGNOSIS] = instruct_make_diagnosis, [AX_INSTRUCT_CAPTION] = instruct_make_captions,
    [AX_INSTRUCT_ANATOMY] = instruct_make_anatomy, [AX_INSTRUCT_OPEN] = instruct_make_open, [AX_INSTRUCT_CLOSED] = instruct_make_closed,
  };
  AxInstructSink sink = { .samples = samples, .facts = facts, .split = split, .weak = config->weak };
  for (guint t = 0; t < AX_INSTRUCT_N_TASKS; t++) {
    /* One stream a task, so that another count of one task changes no other. */
    sink.random = ax_random_init (config->seed, g_str_hash (facts->id), (guint64) t * 2 + facts->flip);
    if (config->count[t] > 0)
      makers[t] (&sink, config->count[t]);
  }
}

static void
count_samples (const GPtrArray *samples, AxInstructCounts *counts)
{
  g_autoptr (GHashTable) patients = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GHashTable) images = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  memset (counts, 0, sizeof *counts);
  for (guint i = 0; i < samples->len; i++) {
    const AxInstructSample *s = samples->pdata[i];
    counts->samples[s->task]++;
    counts->total++;
    g_hash_table_add (patients, s->study_id);
    if (g_hash_table_add (images, g_strdup_printf ("%s %d", s->image_id, s->flip)) && s->flip)
      counts->mirrored++;
  }
  counts->patients = g_hash_table_size (patients);
  counts->images = g_hash_table_size (images);
}

static void
add_both (const AxImageFacts *facts, const char *split, const AxInstructConfig *config, GPtrArray *samples)
{
  ax_instruct_image (facts, split, config, samples);
  if (!config->flip)
    return;
  g_autoptr (AxImageFacts) mirrored = ax_image_facts_mirror (facts);
  ax_instruct_image (mirrored, split, config, samples);
}

static const char *const file_names[AX_SPLIT_N] = { [AX_SPLIT_TRAIN] = "train", [AX_SPLIT_VALIDATION] = "val", [AX_SPLIT_TEST] = "test" };

GPtrArray *
ax_instruct_part (const AxDataset *dataset, const AxSplit *split, AxSplitPart part, const AxInstructConfig *config, AxInstructCounts *counts)
{
  GPtrArray *samples = g_ptr_array_new_with_free_func ((GDestroyNotify) ax_instruct_sample_free);
  g_autoptr (GPtrArray) images = ax_split_images (split, dataset, part);
  for (guint i = 0; i < images->len; i++) {
    const AxDatasetImage *image = images->pdata[i];
    AxRandom random = ax_random_init (config->seed, g_str_hash (image->file), 0xD1CE);
    if (part == AX_SPLIT_TRAIN && !ax_dataset_image_is_read (image) && image->n_findings == 0 && ax_random_uniform (&random) >= config->unread)
      continue;
    g_autofree char *path = ax_dataset_image_path (dataset, image);
    g_autoptr (AxImageFacts) facts = ax_image_facts_new (image, path);
    add_both (facts, file_names[part], config, samples);
  }
  if (counts != NULL)
    count_samples (samples, counts);
  return samples;
}

/* ---- phantoms ---- */

/* Renders one phantom unless its two files are there; *text is its truth. */
static gboolean
phantom_files (const char *folder, guint64 seed, guint size, char **image, char **text, gsize *length, GError **error)
{
  g_autofree char *base = g_strdup_printf ("%s/phantom-%06" G_GUINT64_FORMAT, folder, seed), *json = g_strconcat (base, ".json", NULL);
  *image = g_strconcat (base, ".png", NULL);
  if (g_file_test (*image, G_FILE_TEST_IS_REGULAR) && g_file_test (json, G_FILE_TEST_IS_REGULAR))
    return (*text = ax_data_file_read (json, 1u << 20, length, error)) != NULL;
  AxPhantomParams params;
  AxPhantomTruth truth;
  ax_phantom_params_draw (&params, seed, (int) size);
  g_autofree guint8 *pixels = g_malloc ((gsize) size * size);
  ax_phantom_render (&params, pixels, NULL, &truth);
  *text = ax_phantom_truth_to_json (&params, &truth);
  *length = strlen (*text);
  ax_phantom_truth_clear (&truth);
  /* The picture first: a truth without a picture would be taken for a finished pair. */
  return ax_png_write (*image, (int) size, (int) size, 1, 8, pixels, error) && g_file_set_contents (json, *text, -1, error);
}

static gboolean
add_phantoms (const AxInstructConfig *config, GPtrArray *samples, AxInstructProgress progress, gpointer user_data, GCancellable *cancellable, GError **error)
{
  if (config->phantoms == 0)
    return TRUE;
  g_autofree char *folder = g_build_filename (config->out, "phantoms", NULL);
  if (g_mkdir_with_parents (folder, 0777) != 0) {
    g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "%s: the folder cannot be made", folder);
    return FALSE;
  }
  for (guint i = 0; i < config->phantoms; i++) {
    const guint64 seed = config->phantom_seed + i;
    g_autofree char *id = g_strdup_printf ("phantom-%06" G_GUINT64_FORMAT, seed), *image = NULL, *text = NULL;
    gsize length;
    if (g_cancellable_set_error_if_cancelled (cancellable, error) || !phantom_files (folder, seed, config->phantom_size, &image, &text, &length, error))
      return FALSE;
    g_autoptr (AxImageFacts) facts = ax_image_facts_from_phantom (text, length, id, image, error);
    if (facts == NULL)
      return FALSE;
    add_both (facts, file_names[AX_SPLIT_TRAIN], config, samples);
    if (progress != NULL)
      progress ((i + 1.0) / config->phantoms, user_data);
  }
  return TRUE;
}

/* ---- images that nobody read, as the module sees them ---- */

static gboolean
add_seen (const AxDataset *dataset, const AxSplit *split, const AxInstructConfig *config, GPtrArray *samples, GCancellable *cancellable, GError **error)
{
  g_autoptr (GPtrArray) images = ax_split_images (split, dataset, AX_SPLIT_TRAIN), unread = g_ptr_array_new ();
  for (guint i = 0; i < images->len; i++) {
    const AxDatasetImage *image = images->pdata[i];
    if (!ax_dataset_image_is_read (image) && image->n_findings == 0)
      g_ptr_array_add (unread, images->pdata[i]);
  }
  g_autofree char *cache = g_build_filename (config->out, "perceptions.safetensors", NULL);
  g_autoptr (GPtrArray) facts = ax_image_facts_of_unread (unread, dataset, config->model, cache, config->flip, cancellable, error);
  for (guint i = 0; facts != NULL && i < facts->len; i++)
    ax_instruct_image (facts->pdata[i], file_names[AX_SPLIT_TRAIN], config, samples);
  return facts != NULL;
}

/* ---- patients that the module never learnt from ---- */

/* Whether this validation patient's images are to be learnt from. By the patient alone, so that no patient is on both sides. */
static gboolean
is_lent (const AxInstructConfig *config, const char *patient)
{
  AxRandom random = ax_random_init (config->seed, g_str_hash (patient), 0x1E27);
  return ax_random_uniform (&random) < config->lent;
}

/* Leaves the samples of lent patients, or all others. What is lent is of the data set "lent", so that a training run can weight it. */
static void
keep_lent (const AxInstructConfig *config, GPtrArray *samples, gboolean lent)
{
  for (guint i = samples->len; i-- > 0;) {
    AxInstructSample *s = samples->pdata[i];
    if (is_lent (config, s->study_id) != lent)
      g_ptr_array_remove_index (samples, i);
    else if (lent) {
      g_free (s->dataset);
      s->dataset = g_strdup ("lent");
      g_free (s->split);
      s->split = g_strdup (file_names[AX_SPLIT_TRAIN]);
    }
  }
}

/* Where the images come from: one of the two. */
typedef struct {
  AxDataset *dataset;
  AxSplit *split;
  AxGraphSet *graphs;
} Source;

static void
source_clear (Source *s)
{
  g_clear_pointer (&s->dataset, ax_dataset_free);
  g_clear_pointer (&s->split, ax_split_free);
  g_clear_pointer (&s->graphs, ax_instruct_graphs_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Source, source_clear)

static gboolean
source_open (Source *s, const AxInstructConfig *config, GError **error)
{
  if (config->scene_graphs != NULL)
    return (s->graphs = ax_instruct_graphs_load (config->scene_graphs, config->labels, config->images, error)) != NULL;
  s->dataset = ax_dataset_load (config->data, error);
  s->split = s->dataset != NULL ? ax_split_load (config->split_file, error) : NULL;
  return s->split != NULL && ax_split_check (s->split, s->dataset, error);
}

static GPtrArray *
source_part (const Source *s, AxSplitPart part, const AxInstructConfig *config)
{
  if (s->graphs == NULL)
    return ax_instruct_part (s->dataset, s->split, part, config, NULL);
  GPtrArray *samples = g_ptr_array_new_with_free_func ((GDestroyNotify) ax_instruct_sample_free);
  for (guint i = 0; i < s->graphs->facts[part]->len; i++)
    add_both (s->graphs->facts[part]->pdata[i], file_names[part], config, samples);
  return samples;
}

gboolean
ax_instruct_build (const AxInstructConfig *config, AxInstructProgress progress, gpointer user_data, GCancellable *cancellable, AxInstructCounts *counts,
                   GError **error)
{
  g_auto (Source) source = { 0 };
  if (!source_open (&source, config, error))
    return FALSE;
  if (g_mkdir_with_parents (config->out, 0777) != 0) {
    g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "%s: the folder cannot be made", config->out);
    return FALSE;
  }
  for (guint p = 0; p < AX_SPLIT_N; p++) {
    g_autoptr (GPtrArray) samples = source_part (&source, (AxSplitPart) p, config);
    if (p == AX_SPLIT_TRAIN && !add_phantoms (config, samples, progress, user_data, cancellable, error))
      return FALSE;
    if (p == AX_SPLIT_TRAIN && config->model != NULL && source.graphs == NULL &&
        !add_seen (source.dataset, source.split, config, samples, cancellable, error))
      return FALSE;
    if (config->lent > 0 && p == AX_SPLIT_TRAIN) {
      g_autoptr (GPtrArray) lent = source_part (&source, AX_SPLIT_VALIDATION, config);
      keep_lent (config, lent, TRUE);
      g_ptr_array_extend_and_steal (samples, g_steal_pointer (&lent));
    }
    if (config->lent > 0 && p == AX_SPLIT_VALIDATION)
      keep_lent (config, samples, FALSE);
    if (p == AX_SPLIT_TRAIN)
      instruct_balance (samples);
    g_autofree char *name = g_strconcat (file_names[p], ".json", NULL), *path = g_build_filename (config->out, name, NULL);
    if (g_cancellable_set_error_if_cancelled (cancellable, error) || !ax_instruct_save (samples, path, error))
      return FALSE;
    if (counts != NULL)
      count_samples (samples, &counts[p]);
  }
  return TRUE;
}
