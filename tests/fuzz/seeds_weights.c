/* Writes seeds for a fuzz target of the weight readers: seeds_weights safetensors|pt|gguf|lm|model_json FOLDER. */
#include <stdio.h>
#include <string.h>

#include "engine/checkpoint/lm_adapter.h"
#include "engine/checkpoint/safetensors_writer.h"
#include "tests/engine/checkpoint/gguf_maker.h"
#include "tests/engine/checkpoint/reference.h"

static void
write_seed(const char *folder, const char *name, const void *data, gsize size)
{
  g_autofree char *path = g_build_filename(folder, name, NULL);
  g_autoptr(GError) error = NULL;
  if (!g_file_set_contents(path, data, (gssize) size, &error))
    g_error("%s", error->message);
}

static void
seed_safetensors(const char *folder)
{
  static const float values[6] = { 1, 2, 3, 4, 5, 6 };
  static const gint64 shape[2] = { 2, 3 }, empty[1] = { 0 };
  g_autoptr(AxSafetensorsWriter) writer = ax_safetensors_writer_new();
  g_autofree char *path = g_build_filename(folder, "full", NULL);
  g_autoptr(GError) error = NULL;
  ax_safetensors_writer_set_metadata(writer, "format", "anatomix-\"\\\n");
  if (!ax_safetensors_writer_add_f32(writer, "a.weight", AX_DTYPE_F32, 2, shape, values, &error)
      || !ax_safetensors_writer_add_f32(writer, "b", AX_DTYPE_F16, 2, shape, values, &error)
      || !ax_safetensors_writer_add_f32(writer, "c", AX_DTYPE_BF16, 1, empty, NULL, &error)
      || !ax_safetensors_writer_save(writer, path, &error))
    g_error("%s", error->message);
  write_seed(folder, "empty", "\2\0\0\0\0\0\0\0{}", 10);
}

static void
seed_pt(const char *folder)
{
  static const char tensor[] = "\x80\2}X\1\0\0\0actorch._utils\n_rebuild_tensor_v2\nq\1((X\7\0\0\0storageq\2ctorch\nFloatStorage\nq\3X\1\0\0\0"
                               "0q\4X\3\0\0\0cpuq\5K\x10tQK\1K\3K\5\x86K\5K\1\x86\x89" "ccollections\nOrderedDict\n)RtRs.";
  static const char objects[] = "\x80\2}(X\4\0\0\0argscargparse\nNamespace\n)\x81}(X\1\0\0\0pcpathlib\nPosixPath\n(X\1\0\0\0atRX\1\0\0\0fG?\xf0\0\0\0\0\0\0"
                                "X\1\0\0\0lJ\xff\xff\xff\xff" "X\1\0\0\0nNub" "X\5\0\0\0model](K\1M\1\1\x88\x89" "eu.";
  static const char modern[] = "\x80\4\x95\5\0\0\0\0\0\0\0\x8c\x0b" "collections\x94\x8c\x0bOrderedDict\x94\x93)R\x94\x8f(K\1\x90\x86\x8a\2\0\1C\2ab\x87.";
  write_seed(folder, "tensor", tensor, sizeof tensor - 1);
  write_seed(folder, "objects", objects, sizeof objects - 1);
  write_seed(folder, "modern", modern, sizeof modern - 1);
  const ZipSpoil zip64 = { .zip64 = TRUE };
  for (int k = 0; k < 2; k++) {
    ZipMaker *zip = zip_maker_new();
    const float storage[16] = { 1 };
    zip_maker_add(zip, "archive/data.pkl", tensor, sizeof tensor - 1, NULL);
    zip_maker_add(zip, "archive/byteorder", "little", 6, NULL);
    zip_maker_add(zip, "archive/data/0", storage, sizeof storage, k == 1 ? &zip64 : NULL);
    g_autoptr(GBytes) bytes = zip_maker_finish(zip, k == 1);
    gsize size;
    const void *data = g_bytes_get_data(bytes, &size);
    write_seed(folder, k == 1 ? "zip64" : "zip", data, size);
  }
}

static void
seed_gguf(const char *folder)
{
  g_autoptr(GBytes) bytes = make_gguf_of_everything();
  gsize size;
  const void *data = g_bytes_get_data(bytes, &size);
  write_seed(folder, "everything", data, size);
  GgufMaker *maker = gguf_maker_new();
  gguf_maker_pair_u32(maker, "n", 7);
  g_autoptr(GBytes) small = gguf_maker_finish(maker);
  data = g_bytes_get_data(small, &size);
  write_seed(folder, "small", data, size);
}

static void
seed_lm(const char *folder)
{
  static const char config[] = "{\"model_type\":\"gemma3\",\"text_config\":{\"hidden_size\":64,\"num_hidden_layers\":2,\"layer_types\":[\"sliding_attention\","
                               "\"full_attention\"],\"rope_scaling\":{\"factor\":8.0,\"rope_type\":\"linear\"},\"final_logit_softcapping\":null,"
                               "\"attention_bias\":false,\"hidden_activation\":\"gelu_pytorch_tanh\"},\"tie_word_embeddings\":true}";
  static const char rope[] = "{\"model_type\":\"gemma3_text\",\"rope_parameters\":{\"full_attention\":{\"rope_theta\":1e6,\"rope_type\":\"default\"},"
                             "\"sliding_attention\":{\"rope_theta\":1e4,\"rope_type\":\"default\"}}}";
  static const float rows[40] = { 1, -2, 3 };
  const AxLmTensor added = { .name = "added_tokens.weight", .ndim = 2, .shape = { 1, 40 }, .data = rows };
  g_autofree char *path = g_build_filename(folder, "adapter", NULL);
  g_autoptr(GError) error = NULL;
  write_seed(folder, "config", config, sizeof config - 1);
  write_seed(folder, "rope", rope, sizeof rope - 1);
  if (!ax_lm_adapter_save(path, &added, 1, 1, 7, AX_LM_STORE_8BIT, &error))
    g_error("%s", error->message);
  GgufMaker *maker = gguf_maker_new();
  static const char *const keys[] = { "block_count", "embedding_length", "attention.head_count", "feed_forward_length", "attention.sliding_window" };
  gguf_maker_pair_string(maker, "general.architecture", "gemma3");
  for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
    g_autofree char *key = g_strconcat("gemma3.", keys[i], NULL);
    gguf_maker_pair_u32(maker, key, 1 + i % 2);
  }
  gguf_maker_tensor(maker, "token_embd.weight", 0, 2, (const gint64[2]) { 1, 2 }, rows, 8);
  gguf_maker_tensor(maker, "output_norm.weight", 0, 1, (const gint64[1]) { 2 }, rows, 8);
  g_autoptr(GBytes) bytes = gguf_maker_finish(maker);
  gsize size;
  const void *data = g_bytes_get_data(bytes, &size);
  write_seed(folder, "gguf", data, size);
}

static void
seed_model_json(const char *folder)
{
  static const char text[] = "{\"format\":\"anatomix-model\",\"version\":1,\"name\":\"n\",\"config\":{\"depth\":18,\"a\":1.5e1,\"s\":\"\\u00e4\"},"
                             "\"files\":{\"apm\":{\"path\":\"w\",\"bytes\":0,\"sha256\":"
                             "\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"}},\"licences\":[{\"name\":\"x\"}],"
                             "\"trained_on\":[],\"quality\":{\"iou\":null,\"t\":true}}";
  write_seed(folder, "model", text, sizeof text - 1);
  static const char language[] = "{\"format\":\"anatomix-model\",\"version\":1,\"name\":\"n\",\"config\":{},\"files\":{},\"licences\":[],\"trained_on\":[],"
                                 "\"quality\":{},\"language\":{\"base\":{\"title\":\"t\",\"name\":\"b.gguf\",\"bytes\":7,\"sha256\":\"00\",\"fetch\":\"f\"},"
                                 "\"adapter\":\"lm_adapter\",\"rank\":8,\"alpha\":16.0,\"prompt\":{}}}";
  write_seed(folder, "language", language, sizeof language - 1);
  write_seed(folder, "empty", "{}", 2);
}

int
main(int argc, char **argv)
{
  if (argc != 3 || g_mkdir_with_parents(argv[2], 0755) != 0) {
    fprintf(stderr, "usage: seeds_weights safetensors|pt|gguf|lm|model_json FOLDER\n");
    return 2;
  }
  if (strcmp(argv[1], "safetensors") == 0)
    seed_safetensors(argv[2]);
  else if (strcmp(argv[1], "pt") == 0)
    seed_pt(argv[2]);
  else if (strcmp(argv[1], "gguf") == 0)
    seed_gguf(argv[2]);
  else if (strcmp(argv[1], "lm") == 0)
    seed_lm(argv[2]);
  else if (strcmp(argv[1], "model_json") == 0)
    seed_model_json(argv[2]);
  else
    return 2;
  return 0;
}
