#include "engine/checkpoint/describe_lm.h"

#include "engine/checkpoint/language_part.h"

static JsonObject *
describe_config(const AxLmConfig *c)
{
  JsonObject *o = json_object_new();
  json_object_set_int_member(o, "layers", c->layers);
  json_object_set_int_member(o, "width", c->width);
  json_object_set_int_member(o, "heads", c->heads);
  json_object_set_int_member(o, "kv_heads", c->kv_heads);
  json_object_set_int_member(o, "head_dim", c->head_dim);
  json_object_set_int_member(o, "ffn", c->ffn);
  json_object_set_int_member(o, "vocab", c->vocab);
  json_object_set_int_member(o, "window", c->window);
  json_object_set_int_member(o, "global_every", c->global_every);
  json_object_set_int_member(o, "context", c->context);
  json_object_set_double_member(o, "theta_local", c->theta_local);
  json_object_set_double_member(o, "theta_global", c->theta_global);
  json_object_set_double_member(o, "rope_factor", c->rope_factor);
  json_object_set_double_member(o, "embed_scale", c->embed_scale);
  json_object_set_boolean_member(o, "tied", c->tied);
  return o;
}

static JsonObject *
describe_adapter(const AxLmAdapterInfo *a)
{
  JsonObject *o = json_object_new();
  json_object_set_int_member(o, "rank", a->rank);
  json_object_set_double_member(o, "alpha", a->alpha);
  json_object_set_int_member(o, "lora_tensors", a->lora);
  json_object_set_int_member(o, "lora_layers", a->lora_layers);
  json_object_set_int_member(o, "head_tensors", a->heads);
  json_object_set_int_member(o, "vocabulary_tensors", a->vocabulary);
  json_object_set_int_member(o, "added_tensors", a->added);
  json_object_set_int_member(o, "added_first", a->added_first);
  return o;
}

JsonObject *
ax_describe_lm(const AxLmWeights *weights)
{
  JsonObject *o = json_object_new();
  json_object_set_string_member(o, "source", ax_lm_source_name(ax_lm_weights_get_source(weights)));
  if (ax_lm_weights_get_config(weights) != NULL)
    json_object_set_object_member(o, "config", describe_config(ax_lm_weights_get_config(weights)));
  if (ax_lm_weights_get_adapter(weights) != NULL)
    json_object_set_object_member(o, "adapter", describe_adapter(ax_lm_weights_get_adapter(weights)));
  return o;
}

JsonObject *
ax_describe_language_part(AxModelFolder *folder, GError **error)
{
  JsonObject *language = ax_model_folder_get_language(folder), *base = language != NULL ? ax_json_get_object(language, "base", error) : NULL;
  if (base == NULL)
    return NULL;
  g_autoptr(JsonObject) o = NULL;
  g_autoptr(GError) missing = NULL;
  g_autofree char *path = ax_language_part_find_base(folder, &missing);
  if (path == NULL) {
    /* A machine without the base still has a good model folder. */
    if (!g_error_matches(missing, AX_CHECKPOINT_ERROR, AX_CHECKPOINT_ERROR_MISSING)) {
      g_propagate_error(error, g_steal_pointer(&missing));
      return NULL;
    }
    o = json_object_new();
    json_object_set_string_member(o, "missing", missing->message);
  } else {
    g_autoptr(AxLanguagePart) part = ax_language_part_open(folder, error);
    if (part == NULL)
      return NULL;
    o = ax_describe_lm(ax_language_part_get_weights(part));
    json_object_set_string_member(o, "path", path);
  }
  json_object_set_object_member(o, "base", json_object_ref(base));
  return g_steal_pointer(&o);
}

void
ax_describe_append_safe(GString *text, const char *name, gsize width)
{
  const gsize before = text->len;
  for (const char *p = name; *p != 0; p = g_utf8_next_char(p)) {
    const gunichar c = g_utf8_get_char(p);
    g_string_append_unichar(text, g_unichar_isprint(c) ? c : 0xFFFD);
  }
  while (text->len - before < width)
    g_string_append_c(text, ' ');
}

static void
append_line(GString *text, const char *indent, const char *title, const char *line)
{
  if (line == NULL)
    return;
  g_string_append_printf(text, "%s%s", indent, title);
  ax_describe_append_safe(text, line, 0);
  g_string_append_c(text, '\n');
}

void
ax_describe_lm_text(GString *text, JsonObject *lm, const char *indent)
{
  JsonObject *config = ax_json_get_object(lm, "config", NULL), *adapter = ax_json_get_object(lm, "adapter", NULL);
  append_line(text, indent, "base: ", json_object_get_string_member_with_default(lm, "path", NULL));
  append_line(text, indent, "", json_object_get_string_member_with_default(lm, "missing", NULL));
  if (config != NULL)
    g_string_append_printf(text,
                           "%sGemma 3: %" G_GINT64_FORMAT " layers, width %" G_GINT64_FORMAT ", %" G_GINT64_FORMAT " query and %" G_GINT64_FORMAT
                           " key heads of %" G_GINT64_FORMAT ", feed-forward %" G_GINT64_FORMAT ", vocabulary %" G_GINT64_FORMAT
                           ", window %" G_GINT64_FORMAT ", %s head\n",
                           indent, json_object_get_int_member(config, "layers"), json_object_get_int_member(config, "width"),
                           json_object_get_int_member(config, "heads"), json_object_get_int_member(config, "kv_heads"),
                           json_object_get_int_member(config, "head_dim"), json_object_get_int_member(config, "ffn"),
                           json_object_get_int_member(config, "vocab"), json_object_get_int_member(config, "window"),
                           json_object_get_boolean_member(config, "tied") ? "tied" : "untied");
  if (adapter != NULL)
    g_string_append_printf(text,
                           "%sadapter: LoRA of rank %" G_GINT64_FORMAT " in %" G_GINT64_FORMAT " layers, alpha %g, %" G_GINT64_FORMAT
                           " tensors of projection heads, %" G_GINT64_FORMAT " vocabularies, %" G_GINT64_FORMAT " tables of added tokens\n",
                           indent, json_object_get_int_member(adapter, "rank"), json_object_get_int_member(adapter, "lora_layers"),
                           json_object_get_double_member(adapter, "alpha"), json_object_get_int_member(adapter, "head_tensors"),
                           json_object_get_int_member(adapter, "vocabulary_tensors"), json_object_get_int_member(adapter, "added_tensors"));
}
