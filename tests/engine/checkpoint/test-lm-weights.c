/* Language model weights: dimensions from every source, the reference's tiny model in all its forms (names, shapes, checksums; lm.pt equal
 * to base and adapter), shards, a GGUF made from it, the real GGUF, and the shapes of 4B. */
#include <fcntl.h>
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "engine/checkpoint/lm_weights-private.h"
#include "engine/checkpoint/safetensors_writer.h"
#include "tests/engine/checkpoint/lm_maker.h"
#include "tests/engine/checkpoint/reference.h"

/* ---- dimensions ---- */

static void
assert_same_config(const AxLmConfig *a, const AxLmConfig *b)
{
  const int x[] = { a->layers, a->width, a->heads, a->kv_heads, a->head_dim, a->ffn, a->vocab, a->window, a->global_every, a->context, a->tied };
  const int y[] = { b->layers, b->width, b->heads, b->kv_heads, b->head_dim, b->ffn, b->vocab, b->window, b->global_every, b->context, b->tied };
  for (guint i = 0; i < G_N_ELEMENTS(x); i++)
    g_assert_cmpint(x[i], ==, y[i]);
  const double u[] = { a->theta_local, a->theta_global, a->rope_factor, a->query_scale, a->eps, a->embed_scale };
  const double v[] = { b->theta_local, b->theta_global, b->rope_factor, b->query_scale, b->eps, b->embed_scale };
  for (guint i = 0; i < G_N_ELEMENTS(u); i++)
    g_assert_cmpfloat(u[i], ==, v[i]);
}

static gboolean
config_of(const char *json, AxLmConfig *config, GError **error)
{
  g_autoptr(JsonObject) root = ax_json_parse_object(json, strlen(json), "config.json", error);
  return root != NULL && ax_lm_config_from_json(root, config, error);
}

static void
test_config(void)
{
  AxLmConfig c, table;
  g_autoptr(GError) error = NULL;
  g_assert_true(ax_lm_config_named("4b", &table));
  g_assert_cmpfloat(table.embed_scale, ==, 50.5); /* spec 6.1 */
  g_assert_cmpint(table.window, ==, 1024);
  g_assert_cmpint(table.vocab, ==, 262208);
  g_assert_cmpfloat(table.rope_factor, ==, 8);
  for (int i = 0, n = 0; i < 34; i++)
    if (ax_lm_config_is_global(&table, i))
      g_assert_cmpint(i, ==, 5 + 6 * n++);
  g_assert_false(ax_lm_config_named("7b", &c));
  /* The sparse config.json of the released 4B: absent members have the defaults of Gemma3TextConfig. */
  g_assert_true(config_of("{\"model_type\":\"gemma3\",\"text_config\":{\"hidden_size\":2560,\"intermediate_size\":10240,\"model_type\":\"gemma3_text\","
                          "\"num_hidden_layers\":34,\"rope_scaling\":{\"factor\":8.0,\"rope_type\":\"linear\"},\"sliding_window\":1024}}", &c, &error));
  c.embed_scale = table.embed_scale;
  assert_same_config(&c, &table);
  /* transformers 5 writes theta and scaling by kind of layer. */
  g_assert_true(config_of("{\"model_type\":\"gemma3_text\",\"hidden_size\":1152,\"intermediate_size\":6912,\"num_hidden_layers\":26,\"num_attention_heads\":4,"
                          "\"num_key_value_heads\":1,\"vocab_size\":262144,\"sliding_window\":512,\"max_position_embeddings\":32768,"
                          "\"rope_parameters\":{\"full_attention\":{\"rope_theta\":1000000.0,\"rope_type\":\"default\"},"
                          "\"sliding_attention\":{\"rope_theta\":10000.0,\"rope_type\":\"default\"}}}", &c, &error));
  g_assert_true(ax_lm_config_named("1b", &table));
  c.embed_scale = table.embed_scale;
  assert_same_config(&c, &table);
  g_assert_cmpfloat(ax_lm_embed_scale(640, AX_DTYPE_BF16, FALSE), ==, 25.25);
  g_assert_cmpfloat(ax_lm_embed_scale(640, AX_DTYPE_BF16, TRUE), ==, (double) sqrtf(640));
  g_assert_cmpfloat(ax_lm_embed_scale(640, AX_DTYPE_F16, FALSE), ==, 25.296875);

  static const struct {
    const char *json;
    AxCheckpointError code;
  } refused[] = {
    { "{\"model_type\":\"llama\"}", AX_CHECKPOINT_ERROR_UNSUPPORTED },
    { "{\"model_type\":\"gemma3\"}", AX_CHECKPOINT_ERROR_MISSING },
    { "{}", AX_CHECKPOINT_ERROR_MISSING },
    { "{\"model_type\":\"gemma3_text\",\"num_hidden_layers\":-1}", AX_CHECKPOINT_ERROR_MISMATCH },
    { "{\"model_type\":\"gemma3_text\",\"num_hidden_layers\":1e9}", AX_CHECKPOINT_ERROR_MISMATCH },
    { "{\"model_type\":\"gemma3_text\",\"hidden_size\":2147483647}", AX_CHECKPOINT_ERROR_MISMATCH },
    { "{\"model_type\":\"gemma3_text\",\"num_key_value_heads\":3}", AX_CHECKPOINT_ERROR_MISMATCH },
    { "{\"model_type\":\"gemma3_text\",\"query_pre_attn_scalar\":0}", AX_CHECKPOINT_ERROR_MISMATCH },
    { "{\"model_type\":\"gemma3_text\",\"final_logit_softcapping\":30}", AX_CHECKPOINT_ERROR_UNSUPPORTED },
    { "{\"model_type\":\"gemma3_text\",\"attention_bias\":true}", AX_CHECKPOINT_ERROR_UNSUPPORTED },
    { "{\"model_type\":\"gemma3_text\",\"hidden_activation\":\"relu\"}", AX_CHECKPOINT_ERROR_UNSUPPORTED },
    { "{\"model_type\":\"gemma3_text\",\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":2}}", AX_CHECKPOINT_ERROR_UNSUPPORTED },
    { "{\"model_type\":\"gemma3_text\",\"layer_types\":[]}", AX_CHECKPOINT_ERROR_UNSUPPORTED },
    { "{\"model_type\":\"gemma3_text\",\"num_hidden_layers\":3,\"layer_types\":[\"full_attention\",\"sliding_attention\",\"full_attention\"]}",
      AX_CHECKPOINT_ERROR_UNSUPPORTED },
    { "{\"model_type\":\"gemma3_text\",\"num_hidden_layers\":1,\"layer_types\":[7]}", AX_CHECKPOINT_ERROR_UNSUPPORTED },
  };
  for (guint i = 0; i < G_N_ELEMENTS(refused); i++) {
    g_assert_false(config_of(refused[i].json, &c, &error));
    g_assert_error(error, AX_CHECKPOINT_ERROR, refused[i].code);
    g_clear_error(&error);
  }
}

static void
test_names(void)
{
  static const char *const taken[][2] = {
    { "language_model.model.layers.0.mlp.up_proj.weight", "layers.0.mlp.up_proj.weight" },
    { "model.language_model.layers.33.self_attn.q_norm.weight", "layers.33.self_attn.q_norm.weight" },
    { "model.layers.7.input_layernorm.weight", "layers.7.input_layernorm.weight" },
    { "layers.7.input_layernorm.weight", "layers.7.input_layernorm.weight" },
    { "base_model.model.model.language_model.layers.1.self_attn.o_proj.lora_A.default.weight", "layers.1.self_attn.o_proj.lora_A.weight" },
    { "base_model.model.language_model.model.layers.1.self_attn.o_proj.lora_B.weight", "layers.1.self_attn.o_proj.lora_B.weight" },
    { "base_model.model.model.language_model.embed_tokens.modules_to_save.default.weight", "embed_tokens.weight" },
    { "base_model.model.lm_head.weight", "lm_head.weight" },
    { "language_model.lm_head.weight", "lm_head.weight" },
    { "model.language_model.norm.weight", "norm.weight" },
    { "image_projectionhead.proj.2.bias", "image_projectionhead.proj.2.bias" },
    { "added_tokens.weight", "added_tokens.weight" },
  };
  static const char *const ignored[] = { "vision_tower.vision_model.encoder.layers.0.mlp.fc1.weight", "model.vision_tower.x", "multi_modal_projector.mm_soft_emb_norm.weight",
                                         "base_model.model.lm_head.original_module.weight", "model.layers.0.self_attn.rotary_emb.inv_freq" };
  static const char *const unknown[] = { "model.layers.600.input_layernorm.weight", "model.layers.01.input_layernorm.weight", "model.layers.x.input_layernorm.weight",
                                         "model.layers.0.mlp.up_proj.bias", "model.layers.0.input_layernorm.lora_A.weight", "layers.", "", "norm.bias",
                                         "image_projectionhead.proj.1.weight", "xlayers.0.mlp.up_proj.weight", "q_norm.weight" };
  for (guint i = 0; i < G_N_ELEMENTS(taken); i++) {
    g_autofree char *name = NULL;
    g_assert_cmpint(ax_lm_name_from_hf(taken[i][0], &name), ==, AX_LM_NAME_TAKEN);
    g_assert_cmpstr(name, ==, taken[i][1]);
  }
  for (guint i = 0; i < G_N_ELEMENTS(ignored); i++) {
    g_autofree char *name = NULL;
    g_assert_cmpint(ax_lm_name_from_hf(ignored[i], &name), ==, AX_LM_NAME_IGNORED);
    g_assert_null(name);
  }
  for (guint i = 0; i < G_N_ELEMENTS(unknown); i++) {
    g_autofree char *name = NULL;
    if (ax_lm_name_from_hf(unknown[i], &name) != AX_LM_NAME_UNKNOWN)
      g_error("%s is taken for %s", unknown[i], name);
  }
}

/* ---- the reference's files ---- */

/* Every tensor that files.json lists is there under its canonical name, with its shape, type and checksum. */
static guint
compare_list(AxLmWeights *weights, JsonObject *list)
{
  JsonObjectIter iter;
  const char *name;
  JsonNode *node;
  guint n = 0;
  json_object_iter_init_ordered(&iter, list);
  while (json_object_iter_next_ordered(&iter, &name, &node)) {
    JsonArray *entry = json_node_get_array(node), *shape = json_array_get_array_element(entry, 1);
    g_autofree char *canonical = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) raw = NULL;
    const AxLmNameKind kind = ax_lm_name_from_hf(name, &canonical);
    g_assert_cmpint(kind, !=, AX_LM_NAME_UNKNOWN);
    if (kind == AX_LM_NAME_IGNORED)
      continue;
    const int i = ax_lm_weights_find(weights, canonical);
    if (i < 0)
      g_error("%s is not there", name);
    const AxTensorInfo *info = ax_lm_weights_info(weights, (guint) i);
    g_assert_cmpstr(ax_dtype_name(info->dtype), ==, dtype_of_torch(json_array_get_string_element(entry, 0)));
    g_assert_cmpint(info->ndim, ==, (int) json_array_get_length(shape));
    for (int d = 0; d < info->ndim; d++)
      g_assert_cmpint(info->shape[d], ==, json_array_get_int_element(shape, (guint) d));
    g_assert_true(ax_lm_weights_read_raw(weights, (guint) i, &raw, &error));
    gsize size;
    const void *data = g_bytes_get_data(raw, &size);
    g_assert_cmphex(bytes_crc(data, size), ==, parse_crc(json_array_get_string_element(entry, 2)));
    n++;
  }
  g_assert_cmpuint(ax_lm_weights_n(weights), ==, n);
  return n;
}

static void
test_reference(void)
{
  g_autoptr(JsonObject) files = reference_json("F_lm_tiny/files.json");
  if (files == NULL)
    return;
  g_autoptr(GError) error = NULL;
  g_autoptr(AxLmWeights) base = open_tiny_base(), peft = open_reference_adapter("F_lm_tiny/adapter"), pt = open_reference_adapter("F_lm_tiny/lm.pt");
  const AxLmConfig *c = ax_lm_weights_get_config(base);
  const AxLmConfig expected = { .layers = 8, .width = 128, .heads = 4, .kv_heads = 2, .head_dim = 32, .ffn = 256, .vocab = 557, .window = 16,
                                .global_every = 6, .context = 4096, .theta_local = 1e4, .theta_global = 1e6, .rope_factor = 8,
                                .query_scale = 1 / sqrt(32), .eps = 1e-6, .embed_scale = 11.3125, .tied = TRUE };
  assert_same_config(c, &expected);
  g_assert_cmpuint(compare_list(base, json_object_get_object_member(files, "base_safetensors")), ==, 8 * 13 + 2);
  g_assert_cmpuint(compare_list(peft, json_object_get_object_member(files, "adapter_safetensors")), ==, 8 * 14 + 2);
  /* lm.pt's two parts in one list. */
  JsonObject *lists = json_object_get_object_member(files, "lm_pt");
  g_autoptr(JsonObject) both = json_object_new();
  static const char *const parts[] = { "core_model", "wrapper" };
  for (guint p = 0; p < 2; p++) {
    JsonObjectIter iter;
    const char *name;
    JsonNode *node;
    json_object_iter_init(&iter, json_object_get_object_member(lists, parts[p]));
    while (json_object_iter_next(&iter, &name, &node))
      json_object_set_member(both, name, json_node_copy(node));
  }
  g_assert_cmpuint(compare_list(pt, both), ==, 8 * 14 + 2 + 12);

  const AxLmAdapterInfo *a = ax_lm_weights_get_adapter(peft), *b = ax_lm_weights_get_adapter(pt);
  g_assert_cmpint(a->rank, ==, 8);
  g_assert_cmpfloat(a->alpha, ==, 16);
  g_assert_cmpuint(a->lora, ==, 112);
  g_assert_cmpint(a->lora_layers, ==, 8);
  g_assert_cmpuint(a->heads, ==, 0);
  g_assert_cmpuint(a->vocabulary, ==, 2);
  g_assert_cmpint(b->rank, ==, 8);
  g_assert_cmpfloat(b->alpha, ==, 16); /* the published one: not in the file */
  g_assert_cmpuint(b->heads, ==, 12);
  g_assert_cmpuint(b->vocabulary, ==, 2);

  /* lm.pt over the base is the PEFT adapter over the base, and the heads. */
  g_autoptr(AxLmWeights) one = ax_lm_weights_stack(base, peft, &error), two = ax_lm_weights_stack(base, pt, &error);
  g_assert_no_error(error);
  g_assert_false(ax_lm_weights_get_config(one)->tied);
  g_assert_cmpuint(ax_lm_weights_n(two), ==, ax_lm_weights_n(one) + 12);
  for (guint i = 0; i < ax_lm_weights_n(one); i++)
    assert_same_lm_tensor(one, two, ax_lm_weights_info(one, i)->name);
  /* The vocabulary is the adapter's, not the base's. */
  assert_same_lm_tensor(one, peft, "embed_tokens.weight");
  g_assert_true(ax_lm_weights_verify(two, &error));

  /* Read as a model reads: by name, shape and rows. */
  gint64 rows, cols;
  gsize n;
  float row[2 * 128];
  g_autofree float *whole = lm_values(one, "embed_tokens.weight", &n);
  g_assert_true(ax_lm_weights_shape(one, "embed_tokens.weight", &rows, &cols) && rows == 557 && cols == 128);
  g_assert_true(ax_lm_weights_shape(one, "norm.weight", &rows, &cols) && rows == 1 && cols == 128);
  g_assert_false(ax_lm_weights_shape(one, "absent", &rows, &cols));
  g_assert_true(ax_lm_weights_read(one, "embed_tokens.weight", 555, 2, 557, 128, row, &error));
  g_assert_cmpmem(row, sizeof row, whole + 555 * 128, sizeof row);
  g_assert_false(ax_lm_weights_read(one, "embed_tokens.weight", 556, 2, 557, 128, row, &error));
  g_assert_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_ARGUMENT);
  g_clear_error(&error);
  g_assert_false(ax_lm_weights_read(one, "embed_tokens.weight", 0, 1, 128, 557, row, &error));
  g_assert_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISMATCH);
  g_clear_error(&error);
  g_assert_false(ax_lm_weights_read(one, "absent", 0, 1, 1, 1, row, &error));
  g_assert_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISSING);
}

/* ---- shards, the other naming scheme, and a GGUF, made from the tiny base ---- */

static void
copy_config(const char *dir)
{
  g_autofree char *from = reference_path("F_lm_tiny/base/config.json"), *text = NULL;
  g_assert_true(g_file_get_contents(from, &text, NULL, NULL));
  write_text(dir, "config.json", text);
}

/* In-memory names of transformers, odd tensors in the second file. `skip` is left out, where not negative. */
static void
write_shards(const char *dir, AxLmWeights *base, int skip)
{
  g_autoptr(GString) index = g_string_new("{\"metadata\":{},\"weight_map\":{");
  const char *comma = "";
  g_autoptr(GError) error = NULL;
  for (guint shard = 0; shard < 2; shard++) {
    g_autoptr(AxSafetensorsWriter) writer = ax_safetensors_writer_new();
    g_autofree char *name = g_strdup_printf("model-%05u-of-00002.safetensors", shard + 1), *path = g_build_filename(dir, name, NULL);
    for (guint i = shard; i < ax_lm_weights_n(base); i += 2) {
      const AxTensorInfo *info = ax_lm_weights_info(base, i);
      g_autofree char *tensor = g_strconcat("model.language_model.", info->name, NULL);
      g_autoptr(GBytes) raw = NULL;
      if ((int) i == skip)
        continue;
      g_assert_true(ax_lm_weights_read_raw(base, i, &raw, &error));
      g_assert_true(ax_safetensors_writer_add_bytes(writer, tensor, info->dtype, info->ndim, info->shape, raw, &error));
      g_string_append_printf(index, "%s\"%s\":\"%s\"", comma, tensor, name);
      comma = ",";
    }
    g_assert_true(ax_safetensors_writer_save(writer, path, &error));
  }
  g_string_append(index, "}}");
  write_text(dir, "model.safetensors.index.json", index->str);
}

static void
test_shards(void)
{
  g_autoptr(AxLmWeights) base = open_tiny_base();
  if (base == NULL)
    return;
  g_autofree char *dir = make_folder();
  g_autoptr(GError) error = NULL;
  copy_config(dir);
  write_shards(dir, base, -1);
  {
    g_autoptr(AxLmWeights) sharded = ax_lm_base_open(dir, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(ax_lm_weights_n(sharded), ==, ax_lm_weights_n(base));
    assert_same_config(ax_lm_weights_get_config(sharded), ax_lm_weights_get_config(base));
    for (guint i = 0; i < ax_lm_weights_n(base); i++)
      assert_same_lm_tensor(base, sharded, ax_lm_weights_info(base, i)->name);
  }
  /* A tensor that no file has; a file that is not there; files elsewhere. */
  write_shards(dir, base, 5);
  g_assert_null(ax_lm_base_open(dir, &error));
  g_assert_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISSING);
  g_assert_nonnull(strstr(error->message, ax_lm_weights_info(base, 5)->name));
  g_clear_error(&error);
  write_text(dir, "model.safetensors.index.json", "{\"weight_map\":{\"a\":\"absent.safetensors\"}}");
  g_assert_null(ax_lm_base_open(dir, &error));
  g_assert_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_READ);
  g_clear_error(&error);
  static const char *const hostile[] = { "\"../x.safetensors\"", "\"/etc/passwd\"", "\".x.safetensors\"", "7", "\"x.bin\"" };
  for (guint i = 0; i < G_N_ELEMENTS(hostile); i++) {
    g_autofree char *text = g_strdup_printf("{\"weight_map\":{\"a\":%s}}", hostile[i]);
    write_text(dir, "model.safetensors.index.json", text);
    g_assert_null(ax_lm_base_open(dir, &error));
    g_assert_error(error, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_REFUSED);
    g_clear_error(&error);
  }
  remove_tree(dir);
}

static void
test_gguf(void)
{
  g_autoptr(AxLmWeights) base = open_tiny_base();
  if (base == NULL)
    return;
  g_autofree char *dir = make_folder();
  g_autoptr(GError) error = NULL;
  {
    g_autofree char *path = write_tiny_gguf(dir, base, NULL);
    g_autoptr(AxLmWeights) gguf = ax_lm_base_open(path, &error), in_folder = ax_lm_base_open(dir, &error);
    g_assert_no_error(error);
    g_assert_cmpint(ax_lm_weights_get_source(gguf), ==, AX_LM_SOURCE_GGUF);
    g_assert_nonnull(ax_lm_weights_get_gguf(gguf));
    g_assert_cmpuint(ax_lm_weights_n(in_folder), ==, ax_lm_weights_n(gguf));
    AxLmConfig expected = *ax_lm_weights_get_config(base);
    expected.embed_scale = (double) sqrtf(128);
    assert_same_config(ax_lm_weights_get_config(gguf), &expected);
    for (guint i = 0; i < ax_lm_weights_n(base); i++) {
      const AxTensorInfo *info = ax_lm_weights_info(base, i);
      if (info->ndim == 2) {
        assert_same_lm_tensor(base, gguf, info->name);
        continue;
      }
      /* What a model multiplies by, 1 + w in float32, is the same; w itself lost what lies below the last bit of that sum. */
      gsize n;
      g_autofree float *x = lm_values(base, info->name, &n), *y = lm_values(gguf, info->name, &n);
      for (gsize e = 0; e < n; e++)
        if (1 + x[e] != 1 + y[e])
          g_error("%s, element %" G_GSIZE_FORMAT ": %.9g is not %.9g", info->name, e, (double) (1 + x[e]), (double) (1 + y[e]));
    }
  }
  static const struct {
    const char *spoil;
    AxCheckpointError code;
  } spoils[] = { { "architecture", AX_CHECKPOINT_ERROR_UNSUPPORTED },
                 { "width", AX_CHECKPOINT_ERROR_MISMATCH },
                 { "missing", AX_CHECKPOINT_ERROR_MISSING },
                 { "foreign", AX_CHECKPOINT_ERROR_MISMATCH } };
  for (guint i = 0; i < G_N_ELEMENTS(spoils); i++) {
    g_autofree char *path = write_tiny_gguf(dir, base, spoils[i].spoil);
    g_assert_null(ax_lm_base_open(path, &error));
    g_assert_error(error, AX_CHECKPOINT_ERROR, spoils[i].code);
    g_clear_error(&error);
  }
  remove_tree(dir);
}

/* The real base: dimensions of the table, norms that come back as stored, and the embedding of the oracle's last tokens. */
static void
test_real_gguf(void)
{
  g_autofree char *path = g_build_filename(g_get_user_cache_dir(), "anatomix", "gemma-3-270m", "gemma-3-270m-q4_k_m.gguf", NULL);
  if (!g_file_test(path, G_FILE_TEST_EXISTS)) {
    g_test_skip("the base language model is absent");
    return;
  }
  g_autoptr(GError) error = NULL;
  g_autoptr(AxLmWeights) base = ax_lm_base_open(path, &error);
  g_assert_no_error(error);
  AxLmConfig expected;
  g_assert_true(ax_lm_config_named("270m", &expected));
  expected.embed_scale = (double) sqrtf(640);
  assert_same_config(ax_lm_weights_get_config(base), &expected);
  g_assert_cmpuint(ax_lm_weights_n(base), ==, 18 * 13 + 2);
  for (guint i = 0; i < ax_lm_weights_n(base); i++) {
    const AxTensorInfo *info = ax_lm_weights_info(base, i);
    if (info->ndim != 1)
      continue;
    gsize n;
    g_autofree float *w = lm_values(base, info->name, &n);
    g_autoptr(GBytes) raw = NULL;
    g_assert_true(ax_lm_weights_read_raw(base, i, &raw, &error));
    const guint8 *stored = g_bytes_get_data(raw, NULL);
    for (gsize e = 0; e < n; e++) {
      float s;
      memcpy(&s, stored + 4 * e, 4);
      if (1 + w[e] != s)
        g_error("%s, element %" G_GSIZE_FORMAT ": 1 + (%.9g - 1) = %.9g", info->name, e, (double) s, (double) (1 + w[e]));
    }
  }
  const char *shared = g_getenv("AX_SHARED");
  g_autofree char *oracle_path = g_build_filename(shared != NULL ? shared : ".", "gemma270", "oracle_270m.json", NULL);
  if (!g_file_test(oracle_path, G_FILE_TEST_EXISTS)) {
    g_test_skip("gemma270/oracle_270m.json is absent");
    return;
  }
  g_autoptr(JsonObject) oracle = ax_json_load_object(oracle_path, &error);
  g_assert_no_error(error);
  JsonObject *prompts = json_object_get_object_member(oracle, "prompts");
  g_autoptr(GList) names = json_object_get_members(prompts);
  double worst = 0;
  for (GList *name = names; name != NULL; name = name->next) {
    JsonObject *prompt = json_object_get_object_member(prompts, name->data);
    JsonArray *ids = json_object_get_array_member(prompt, "ids");
    const gint64 id = json_array_get_int_element(ids, json_array_get_length(ids) - 1);
    float row[640];
    g_assert_true(ax_lm_weights_read(base, "embed_tokens.weight", id, 1, 262144, 640, row, &error));
    JsonArray *first = json_object_get_array_member(json_array_get_object_element(json_object_get_array_member(prompt, "residual_last"), 0), "first8");
    for (guint i = 0; i < 8; i++)
      worst = MAX(worst, fabs((double) row[i] * expected.embed_scale - json_array_get_double_element(first, i)));
  }
  g_test_message("embedding of the last tokens of %u prompts: off by at most %.2g of 5.1e-6 (five printed decimals)", g_list_length(names), worst);
  g_assert_cmpfloat(worst, <=, 5.1e-6);
}

/* ---- the 4B shapes ---- */

static void
append_tensor(GString *json, const char *name, gint64 rows, gint64 cols, gint64 *at)
{
  const gint64 size = MAX(rows, 1) * cols * 2;
  g_string_append_printf(json, "%s\"language_model.model.%s\":{\"dtype\":\"BF16\",\"shape\":[", json->len > 1 ? "," : "", name);
  if (rows > 0)
    g_string_append_printf(json, "%" G_GINT64_FORMAT ",", rows);
  g_string_append_printf(json, "%" G_GINT64_FORMAT "],\"data_offsets\":[%" G_GINT64_FORMAT ",%" G_GINT64_FORMAT "]}", cols, *at, *at + size);
  *at += size;
}

static gint64
resident_kb(void)
{
  g_autofree char *text = NULL;
  g_assert_true(g_file_get_contents("/proc/self/status", &text, NULL, NULL));
  const char *line = strstr(text, "VmHWM:");
  g_assert_nonnull(line);
  return g_ascii_strtoll(line + 6, NULL, 10);
}

/* 7.8 GB of bfloat16 in a file that is a hole: it opens, and rows of it are read with a few megabytes of memory. Only the ends of the model:
 * each page of a hole costs milliseconds. */
static void
test_4b(void)
{
  AxLmConfig c;
  g_assert_true(ax_lm_config_named("4b", &c));
  g_autofree char *dir = make_folder(), *path = g_build_filename(dir, "model.safetensors", NULL);
  g_autoptr(GString) json = g_string_new("{");
  g_autoptr(GError) error = NULL;
  gint64 size = 0, rows, cols;
  append_tensor(json, "embed_tokens.weight", c.vocab, c.width, &size);
  append_tensor(json, "norm.weight", 0, c.width, &size);
  for (int l = 0; l < c.layers; l++)
    for (int p = 0; p < AX_LM_N_PARTS; p++) {
      g_autofree char *name = g_strdup_printf("layers.%d.%s.weight", l, ax_lm_parts[p]);
      ax_lm_part_shape(&c, p, &rows, &cols);
      append_tensor(json, name, p < AX_LM_N_PROJECTIONS ? rows : 0, cols, &size);
    }
  g_string_append_c(json, '}');
  while (json->len % 8 != 0)
    g_string_append_c(json, ' ');
  write_text(dir, "config.json", "{\"model_type\":\"gemma3\",\"text_config\":{\"hidden_size\":2560,\"intermediate_size\":10240,\"num_hidden_layers\":34,"
                                 "\"rope_scaling\":{\"factor\":8.0,\"rope_type\":\"linear\"},\"sliding_window\":1024}}");
  const int fd = g_open(path, O_CREAT | O_RDWR, 0644);
  const guint64 header = GUINT64_TO_LE(json->len);
  g_assert_cmpint(size, ==, 2 * G_GINT64_CONSTANT(3880263168)); /* spec 6.1 */
  g_assert_cmpint(pwrite(fd, &header, 8, 0) + pwrite(fd, json->str, json->len, 8), ==, 8 + (gint64) json->len);
  const guint16 one = 0x3F80; /* 1 in bfloat16: the last number of the file */
  if (ftruncate(fd, 8 + (gint64) json->len + size) != 0 || pwrite(fd, &one, 2, 8 + (gint64) json->len + size - 2) != 2) {
    g_close(fd, NULL);
    remove_tree(dir);
    g_test_skip("this file system holds no file of 7.8 GB with a hole in it");
    return;
  }
  g_close(fd, NULL);

  const gint64 before = resident_kb();
  g_autoptr(AxLmWeights) base = ax_lm_base_open(dir, &error);
  g_assert_no_error(error);
  c.embed_scale = 50.5;
  assert_same_config(ax_lm_weights_get_config(base), &c);
  g_autofree float *row = g_new(float, (gsize) c.ffn);
  double sum = 0;
  guint n_rows = 0;
  for (guint i = 0; i < ax_lm_weights_n(base); i++) {
    const char *name = ax_lm_weights_info(base, i)->name, *tail;
    const int layer = ax_lm_name_layer(name, &tail);
    g_assert_true(ax_lm_weights_shape(base, name, &rows, &cols));
    if (layer > 0 && layer < c.layers - 1)
      continue;
    g_assert_true(ax_lm_weights_read(base, name, rows - 1, 1, rows, cols, row, &error));
    for (gint64 k = 0; k < cols; k++)
      sum += (double) row[k];
    n_rows++;
  }
  const gint64 grown = resident_kb() - before;
  g_test_message("7.8 GB of %u tensors opened, %u rows read: memory grew by %.1f of 64 MB", ax_lm_weights_n(base), n_rows, (double) grown / 1024);
  g_assert_cmpuint(n_rows, ==, 2 + 2 * AX_LM_N_PARTS);
  g_assert_cmpfloat(sum, ==, 1); /* the file's last number */
  g_assert_cmpint(grown, <, 64 * 1024);
  remove_tree(dir);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/lm-weights/config", test_config);
  g_test_add_func("/lm-weights/names", test_names);
  g_test_add_func("/lm-weights/reference", test_reference);
  g_test_add_func("/lm-weights/shards", test_shards);
  g_test_add_func("/lm-weights/gguf", test_gguf);
  g_test_add_func("/lm-weights/real-gguf", test_real_gguf);
  g_test_add_func("/lm-weights/4b-shapes", test_4b);
  return g_test_run();
}
