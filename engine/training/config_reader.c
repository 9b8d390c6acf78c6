/* Reading a configuration file member by member. See config_reader.h. */
#include "engine/training/config_reader.h"
#include "engine/checkpoint/json_read.h"
#include <gio/gio.h>
#include <string.h>

JsonObject *
ax_config_file_object (const char *path, GError **error)
{
  return ax_json_load_object (path, error);
}

AxConfigReader
ax_config_reader (JsonObject *object, const char *path, GHashTable *known, GError **error)
{
  return (AxConfigReader){ object, path, known, error, FALSE };
}

void
ax_config_fail (AxConfigReader *r, const char *format, ...)
{
  va_list args;
  if (r->failed)
    return;
  va_start (args, format);
  g_autofree char *text = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (r->error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s: %s", r->path, text);
  r->failed = TRUE;
}

/* The member, or NULL when it is absent or something failed before. */
static JsonNode *
member (AxConfigReader *r, const char *key)
{
  g_hash_table_add (r->known, (gpointer) key);
  return r->failed || !json_object_has_member (r->object, key) ? NULL : json_object_get_member (r->object, key);
}

static const char *
node_text (JsonNode *node)
{
  return node && JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_STRING ? json_node_get_string (node) : NULL;
}

double
ax_config_number (AxConfigReader *r, const char *key, double value, double lo, double hi)
{
  JsonNode *node = member (r, key);
  if (node == NULL)
    return value;
  if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) == G_TYPE_STRING)
    value = lo - 1;
  else
    value = json_node_get_value_type (node) == G_TYPE_BOOLEAN ? json_node_get_boolean (node) : json_node_get_double (node);
  if (!(value >= lo && value <= hi))
    {
      ax_config_fail (r, "\"%s\" must be a number from %g to %g", key, lo, hi);
      value = lo;
    }
  return value;
}

const char *
ax_config_text (AxConfigReader *r, const char *key)
{
  JsonNode *node = member (r, key);
  const char *text = node_text (node);
  if (node && !JSON_NODE_HOLDS_NULL (node) && text == NULL)
    ax_config_fail (r, "\"%s\" must be a text", key);
  return text;
}

static char *
absolute (AxConfigReader *r, const char *value)
{
  g_autofree char *dir = g_path_get_dirname (r->path), *full = g_canonicalize_filename (dir, NULL);
  return g_path_is_absolute (value) ? g_strdup (value) : g_canonicalize_filename (value, full);
}

char *
ax_config_path (AxConfigReader *r, const char *key, const char *fallback)
{
  const char *value = ax_config_text (r, key);
  if (value == NULL)
    value = fallback;
  return value ? absolute (r, value) : NULL;
}

/* A list of texts or one text, each as `take` makes it; NULL if absent. */
static char **
read_list (AxConfigReader *r, const char *key, char *(*take) (AxConfigReader *r, const char *value), const char *what)
{
  JsonNode *node = member (r, key);
  g_autoptr (GStrvBuilder) b = g_strv_builder_new ();
  if (node == NULL)
    return NULL;
  JsonArray *list = JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
  guint n = list ? json_array_get_length (list) : 1;
  for (guint i = 0; i < n; i++)
    {
      const char *value = node_text (list ? json_array_get_element (list, i) : node);
      if (value == NULL)
        {
          ax_config_fail (r, "\"%s\" must be %s", key, what);
          return NULL;
        }
      g_autofree char *item = take (r, value);
      g_strv_builder_add (b, item);
    }
  return g_strv_builder_end (b);
}

char **
ax_config_paths (AxConfigReader *r, const char *key)
{
  return read_list (r, key, absolute, "a path or a list of paths");
}

static char *
as_it_stands (AxConfigReader *r, const char *value)
{
  return g_strdup (value);
}

char **
ax_config_texts (AxConfigReader *r, const char *key)
{
  return read_list (r, key, as_it_stands, "a text or a list of texts");
}

int
ax_config_choice (AxConfigReader *r, const char *key, const char *const *choices, int value)
{
  const char *text = ax_config_text (r, key);
  if (text == NULL)
    return value;
  for (int i = 0; choices[i] != NULL; i++)
    if (strcmp (choices[i], text) == 0)
      return i;
  g_autofree char *list = g_strjoinv (", ", (char **) choices);
  ax_config_fail (r, "\"%s\" is \"%s\"; it must be one of %s", key, text, list);
  return value;
}

JsonObject *
ax_config_object (AxConfigReader *r, const char *key)
{
  JsonNode *node = member (r, key);
  if (node && !JSON_NODE_HOLDS_OBJECT (node))
    {
      ax_config_fail (r, "\"%s\" must be an object", key);
      return NULL;
    }
  return node ? json_node_get_object (node) : NULL;
}

gboolean
ax_config_finish (AxConfigReader *r)
{
  g_autoptr (GList) members = json_object_get_members (r->object);
  for (GList *l = members; l && !r->failed; l = l->next)
    if (!g_hash_table_contains (r->known, l->data) && !g_str_has_prefix (l->data, "//"))
      ax_config_fail (r, "unknown key \"%s\"", (char *) l->data);
  return !r->failed;
}
