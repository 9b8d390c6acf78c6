/* Perceptions of the training pictures. See lm_perceptions.h. */
#include "engine/training/lm_perceptions.h"
#include "engine/checkpoint/model_folder.h"
#include "engine/checkpoint/safetensors_writer.h"
#include "engine/checkpoint/sha256.h"
#include "engine/text/prompt.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define MAX_IMAGE ((gsize) 256 << 20)

/* Numbers kept of a picture, one row of the file: image tokens, objects, boxes as the network gives them (centre and size, 0..1), the place of each
 * sentence in its sub-database (whole numbers far below 2^24, exact in float32), and the labels' logits. */
typedef struct { gsize image, objects, boxes, sentences, labels, total; } Layout;

static Layout
layout_of (int tokens, int image_dim, int object_dim, int labels)
{
  Layout l = { (gsize) tokens * (gsize) image_dim, (gsize) AX_N_ANATOMY * (gsize) object_dim, 4 * AX_N_ANATOMY, AX_N_ANATOMY, (gsize) labels, 0 };
  l.total = l.image + l.objects + l.boxes + l.sentences + l.labels;
  return l;
}

static float *
labels_of (const Layout *l, float *row)
{
  return row + l->total - l->labels;
}

void
ax_lm_perceptions_free (AxLmPerceptions *p)
{
  if (p == NULL)
    return;
  g_free (p->items);
  g_free (p->memory);
  g_free (p->probabilities);
  g_clear_pointer (&p->sentences, ax_sentence_db_unref);
  g_free (p);
}

/* The identity of the module and its database, not of model.json: that one changes with every figure measured. */
static char *
model_key (AxModel *model, GError **error)
{
  g_autoptr (AxModelFolder) folder = ax_model_folder_open (ax_model_folder (model), error);
  static const char *const roles[] = { "apm", "sentences" };
  GString *key = g_string_new (NULL);
  for (guint i = 0; folder && i < G_N_ELEMENTS (roles); i++)
    {
      const char *path = ax_model_folder_get_file (folder, roles[i]);
      if (path == NULL)
        {
          g_set_error (error, AX_ENGINE_ERROR, AX_ENGINE_ERROR_MODEL, "%s has no file for \"%s\"", ax_model_folder (model), roles[i]);
          g_clear_pointer (&folder, ax_model_folder_unref);
          break;
        }
      g_autoptr (GMappedFile) map = g_mapped_file_new (path, FALSE, error);
      char hex[AX_SHA256_HEX_SIZE];
      if (map == NULL)
        {
          g_clear_pointer (&folder, ax_model_folder_unref);
          break;
        }
      ax_sha256_hex (g_mapped_file_get_contents (map), g_mapped_file_get_length (map), hex);
      g_string_append_printf (key, "%s ", hex);
    }
  if (folder == NULL)
    {
      g_string_free (key, TRUE);
      return NULL;
    }
  return g_string_free (key, FALSE);
}

/* ---- the file ----------------------------------------------------------------------------------------------------------- */

/* Key of a picture -> its row (freed with the table); empty when there is no file or it is another model's. */
static GHashTable *
cache_read (const char *path, const char *key, const Layout *l)
{
  GHashTable *rows = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_autoptr (AxWeights) w = g_file_test (path, G_FILE_TEST_EXISTS) ? ax_weights_open (path, NULL) : NULL;
  if (w == NULL || g_strcmp0 (ax_weights_get_metadata (w, "model"), key) != 0 || ax_weights_get_metadata (w, "pictures") == NULL)
    return rows;
  g_auto (GStrv) names = g_strsplit (ax_weights_get_metadata (w, "pictures"), "\n", -1);
  gsize n = g_strv_length (names);
  g_autofree float *all = g_new (float, MAX (n * l->total, 1));
  if (n == 0 || !ax_weights_read_named_f32 (w, "perceptions", 2, (gint64[]){ (gint64) n, (gint64) l->total }, all, NULL))
    return rows;
  for (gsize i = 0; i < n; i++)
    g_hash_table_insert (rows, g_strdup (names[i]), g_memdup2 (all + i * l->total, l->total * sizeof (float)));
  return rows;
}

static gboolean
cache_write (const char *path, const char *key, GPtrArray *names, const float *all, const Layout *l, GError **error)
{
  g_autoptr (AxSafetensorsWriter) w = ax_safetensors_writer_new ();
  g_ptr_array_add (names, NULL);
  g_autofree char *joined = g_strjoinv ("\n", (char **) names->pdata);
  g_ptr_array_set_size (names, (int) names->len - 1);
  ax_safetensors_writer_set_metadata (w, "model", key);
  ax_safetensors_writer_set_metadata (w, "pictures", joined);
  return ax_safetensors_writer_add_f32 (w, "perceptions", AX_DTYPE_F32, 2, (gint64[]){ names->len, (gint64) l->total }, all, error) &&
         ax_safetensors_writer_save (w, path, error);
}

/* ---- one picture -------------------------------------------------------------------------------------------------------- */

static gboolean
perceive (AxModel *model, AxTape *tape, const char *data, gsize size, const char *path, gboolean mirror, const Layout *l, float *row, GError **error)
{
  AxApm *apm = ax_model_get_apm (model);
  AxSentenceDb *db = ax_model_get_sentences (model);
  AxPreprocessOptions options = AX_PREPROCESS_DEFAULT;
  AxFrame frame;
  AxApmOutput out;
  options.size = ax_model_input_size (model);
  options.mirror = mirror;
  g_autoptr (AxImage) image = ax_image_load (path, NULL, error);
  g_autofree guint8 *pixels = g_malloc ((gsize) options.size * (gsize) options.size);
  if (image == NULL || !ax_preprocess (image, &options, pixels, &frame, error))
    return FALSE;
  ax_tape_reset (tape);
  AxTensor *input = ax_tensor_new (tape, FALSE, 4, (int[]){ 1, options.size, options.size, 1 });
  for (gsize i = 0; i < input->n; i++)
    input->data[i] = pixels[i] / 255.0f;
  if (!ax_apm_forward (apm, tape, input, FALSE, NULL, NULL, &out))
    return FALSE;
  memcpy (row, out.image_embedding->data, l->image * sizeof (float));
  memcpy (row + l->image, out.objects->data, l->objects * sizeof (float));
  memcpy (row + l->image + l->objects, out.boxes->data, l->boxes * sizeof (float));
  gsize dim = ax_tensor_cols (out.objects);
  for (guint i = 0; i < AX_N_ANATOMY; i++)
    {
      AxHit hit = { 0 };
      if (ax_sentence_db_query (db, i, out.objects->data + i * dim, 1, &hit) == 0)
        {
          g_set_error (error, AX_ENGINE_ERROR, AX_ENGINE_ERROR_MODEL, "%s: no sentence for structure %u", path, i);
          return FALSE;
        }
      row[l->image + l->objects + l->boxes + i] = (float) hit.index;
    }
  memcpy (labels_of (l, row), out.image_logits->data, l->labels * sizeof (float));
  return TRUE;
}

static gboolean
item_set (AxLmPerception *item, AxModel *model, const Layout *l, float *row)
{
  const float *boxes = row + l->image + l->objects, *index = boxes + l->boxes;
  AxSentenceDb *db = ax_model_get_sentences (model);
  item->image = row;
  item->objects = row + l->image;
  item->cxcywh = boxes;
  for (guint i = 0; i < l->labels; i++)
    item->probability[i] = ax_model_label_known (model, i) ? (float) ax_model_probability (model, i, (double) labels_of (l, row)[i]) : NAN;
  for (guint i = 0; i < AX_N_ANATOMY; i++)
    {
      char text[AX_PROMPT_BOX_SIZE];
      int c[4];
      guint first, count;
      ax_prompt_box (boxes + 4 * i, text);
      if (sscanf (text, "(%d,%d),(%d,%d)", &c[0], &c[1], &c[2], &c[3]) != 4)
        return FALSE;
      item->boxes[i] = (AxBox){ c[0], c[1], c[2], c[3] };
      ax_sentence_file_range (ax_sentence_db_get_file (db), i, &first, &count);
      if (!(index[i] >= 0 && index[i] < count))
        return FALSE;
      item->sentences[i] = ax_sentence_file_text (ax_sentence_db_get_file (db), first + (guint) index[i]);
    }
  return TRUE;
}

AxLmPerceptions *
ax_lm_perceptions_load (AxModel *model, const AxLmSamples *a, const AxLmSamples *b, const char *cache_path, AxLmPerceptionsFn progress,
                        gpointer user_data, GCancellable *cancellable, GError **error)
{
  const AxApmConfig *c = ax_apm_config (ax_model_get_apm (model));
  int side = c->input_size / 32;
  AxSentenceDb *db = ax_model_get_sentences (model);
  if (db == NULL)
    {
      g_set_error (error, AX_ENGINE_ERROR, AX_ENGINE_ERROR_MODEL, "%s has no sentence database; the prompt needs one", ax_model_folder (model));
      return NULL;
    }
  Layout l = layout_of (side * side, c->hidden, c->proj_dim, c->n_labels);
  g_autofree char *key = model_key (model, error);
  if (key == NULL)
    return NULL;
  g_autoptr (GHashTable) cached = cache_read (cache_path, key, &l);
  g_autoptr (AxLmPerceptions) p = g_new0 (AxLmPerceptions, 1);
  g_autoptr (AxTape) tape = ax_tape_new (FALSE);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  guint computed = 0;
  p->sentences = ax_sentence_db_ref (db);
  p->n = a->pictures->len + (b ? b->pictures->len : 0);
  p->n_labels = (guint) c->n_labels;
  p->items = g_new0 (AxLmPerception, p->n);
  p->memory = g_new (float, p->n * l.total);
  p->probabilities = g_new (float, p->n * l.labels + 1);
  for (guint i = 0; i < p->n; i++)
    {
      const AxLmPicture *picture = i < a->pictures->len ? a->pictures->pdata[i] : b->pictures->pdata[i - a->pictures->len];
      float *row = p->memory + i * l.total;
      p->items[i].probability = p->probabilities + i * l.labels;
      gsize size;
      char hex[AX_SHA256_HEX_SIZE];
      g_autofree char *data = ax_data_file_read (picture->path, MAX_IMAGE, &size, error);
      if (data == NULL || g_cancellable_set_error_if_cancelled (cancellable, error))
        return NULL;
      ax_sha256_hex (data, size, hex);
      char *name = g_strdup_printf ("%s %d", hex, picture->flip);
      g_ptr_array_add (names, name);
      const float *known = g_hash_table_lookup (cached, name);
      if (known)
        memcpy (row, known, l.total * sizeof (float));
      if (known == NULL || !item_set (&p->items[i], model, &l, row))
        {
          if (!perceive (model, tape, data, size, picture->path, picture->flip, &l, row, error) || !item_set (&p->items[i], model, &l, row))
            return NULL;
          computed++;
        }
      p->items[i].tokens = side * side;
      p->items[i].image_dim = c->hidden;
      p->items[i].object_dim = c->proj_dim;
      if (progress)
        progress (i + 1, p->n, user_data);
    }
  if (computed > 0 && !cache_write (cache_path, key, names, p->memory, &l, error))
    return NULL;
  return g_steal_pointer (&p);
}
