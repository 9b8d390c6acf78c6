/* The parameters of the Anatomy Perception Module: names and shapes of spec 2.7, and the random start of spec 4.5. */
#include "engine/model/apm-private.h"
#include <math.h>
#include <string.h>

AxApmConfig
ax_apm_config_default (void)
{
  return (AxApmConfig){ .depth = 50, .input_size = 1024, .hidden = 256, .heads = 4, .enc_layers = 4, .dec_layers = 4, .ffn = 1024,
                        .n_objects = 36, .proj_dim = 16, .n_labels = 14, .text_dim = 768, .text_hidden = 512, .dropout = 0.1 };
}

static AxParameter *
add (AxApm *apm, gboolean trainable, int ndim, const int *shape, const char *format, ...) G_GNUC_PRINTF (5, 6);

static AxParameter *
add (AxApm *apm, gboolean trainable, int ndim, const int *shape, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *name = g_strdup_vprintf (format, args);
  va_end (args);
  return ax_parameters_add (apm->params, name, trainable, ndim, shape);
}

static AxLinearLayer
linear (AxApm *apm, const char *name, int out, int in)
{
  AxLinearLayer l = { add (apm, TRUE, 2, (int[]){ out, in }, "%s.weight", name), add (apm, TRUE, 1, (int[]){ out }, "%s.bias", name) };
  return l;
}

static AxNormLayer
norm (AxApm *apm, const char *prefix, const char *name)
{
  int d[] = { apm->config.hidden };
  AxNormLayer l = { add (apm, TRUE, 1, d, "%s.%s.weight", prefix, name), add (apm, TRUE, 1, d, "%s.%s.bias", prefix, name) };
  return l;
}

static AxMhaLayer
mha (AxApm *apm, const char *prefix, const char *name, int heads)
{
  int d = apm->config.hidden;
  g_autofree char *out = g_strdup_printf ("%s.%s.out_proj", prefix, name);
  AxMhaLayer l = { add (apm, TRUE, 2, (int[]){ 3 * d, d }, "%s.%s.in_proj_weight", prefix, name),
                   add (apm, TRUE, 1, (int[]){ 3 * d }, "%s.%s.in_proj_bias", prefix, name), linear (apm, out, d, d), heads };
  return l;
}

static void
conv (AxApm *apm, AxConvLayer *l, const char *conv_name, const char *norm_name, int oc, int ic, int k, int stride, gboolean trainable)
{
  gboolean learn_norm = apm->config.train_norms;
  l->ic = ic;
  l->oc = oc;
  l->k = k;
  l->stride = stride;
  l->pad = k / 2;
  l->owner = apm->params;
  l->w = add (apm, trainable, 4, (int[]){ oc, ic, k, k }, "vis_model.backbone.0.body.%s.weight", conv_name);
  l->gamma = add (apm, learn_norm, 1, &oc, "vis_model.backbone.0.body.%s.weight", norm_name);
  l->beta = add (apm, learn_norm, 1, &oc, "vis_model.backbone.0.body.%s.bias", norm_name);
  l->mean = add (apm, FALSE, 1, &oc, "vis_model.backbone.0.body.%s.running_mean", norm_name);
  l->var = add (apm, FALSE, 1, &oc, "vis_model.backbone.0.body.%s.running_var", norm_name);
}

static void
block (AxApm *apm, int layer, int index, int ic, int planes, int stride)
{
  AxBlock *b = g_new0 (AxBlock, 1);
  gboolean bottleneck = apm->config.depth == 50, train = layer > 1 || apm->config.train_layer1;
  int oc = bottleneck ? 4 * planes : planes;
  b->n_convs = bottleneck ? 3 : 2;
  for (int i = 0; i < b->n_convs; i++)
    {
      g_autofree char *cn = g_strdup_printf ("layer%d.%d.conv%d", layer, index, i + 1);
      g_autofree char *bn = g_strdup_printf ("layer%d.%d.bn%d", layer, index, i + 1);
      int k = bottleneck && i != 1 ? 1 : 3;
      int in = i == 0 ? ic : planes, out = bottleneck && i == 2 ? oc : planes;
      /* torchvision's bottleneck strides in its 3x3 convolution, the basic block in its first. */
      int s = i == (bottleneck ? 1 : 0) ? stride : 1;
      conv (apm, &b->conv[i], cn, bn, out, in, k, s, train);
    }
  b->has_down = stride != 1 || ic != oc;
  if (b->has_down)
    {
      g_autofree char *cn = g_strdup_printf ("layer%d.%d.downsample.0", layer, index);
      g_autofree char *bn = g_strdup_printf ("layer%d.%d.downsample.1", layer, index);
      conv (apm, &b->down, cn, bn, oc, ic, 1, stride, train);
    }
  g_ptr_array_add (apm->layers[layer - 1], b);
}

static gboolean
config_valid (const AxApmConfig *c, GError **error)
{
  const char *why = NULL;
  if (c->depth != 18 && c->depth != 34 && c->depth != 50)
    why = "the backbone must be ResNet 18, 34 or 50";
  else if (c->input_size < 32 || c->input_size > 4096 || c->input_size % 32)
    why = "the input size must be a multiple of 32 from 32 to 4096";
  else if (c->hidden < 4 || c->hidden > 4096 || c->heads < 1 || c->hidden % (4 * c->heads))
    why = "the width must be a multiple of four times the number of heads";
  else if (c->enc_layers < 1 || c->enc_layers > AX_APM_MAX_LAYERS || c->dec_layers < 1 || c->dec_layers > AX_APM_MAX_LAYERS)
    why = "there must be 1 to 8 encoder and decoder layers";
  else if (c->ffn < 1 || c->ffn > 65536 || c->n_objects < 1 || c->n_objects > 1024 || c->proj_dim < 1 || c->proj_dim > 1024 ||
           c->n_labels < 1 || c->n_labels > 1024 || c->text_dim < 0 || c->text_dim > 65536 || c->text_hidden < 0 || c->text_hidden > 65536)
    why = "a size is out of range";
  else if (!(c->dropout >= 0 && c->dropout < 1))
    why = "dropout must be in [0, 1)";
  if (why != NULL)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "Not a usable configuration of the Anatomy Perception Module: %s", why);
  return why == NULL;
}

AxApm *
ax_apm_new (const AxApmConfig *config, GError **error)
{
  static const int blocks18[4] = { 2, 2, 2, 2 }, blocks34[4] = { 3, 4, 6, 3 };
  if (!config_valid (config, error))
    return NULL;
  AxApm *apm = g_new0 (AxApm, 1);
  apm->config = *config;
  apm->params = ax_parameters_new ();
  int d = config->hidden;

  conv (apm, &apm->stem, "conv1", "bn1", 64, 1, 7, 2, TRUE);
  int ic = 64;
  for (int l = 0; l < 4; l++)
    {
      const int *blocks = config->depth == 18 ? blocks18 : blocks34;
      int planes = 64 << l;
      apm->layers[l] = g_ptr_array_new_with_free_func (g_free);
      for (int i = 0; i < blocks[l]; i++)
        {
          block (apm, l + 1, i, ic, planes, i == 0 && l > 0 ? 2 : 1);
          ic = config->depth == 50 ? 4 * planes : planes;
        }
    }
  apm->input_proj = (AxConvLayer){ .ic = ic, .oc = d, .k = 1, .stride = 1, .owner = apm->params };
  apm->input_proj.w = add (apm, TRUE, 4, (int[]){ d, ic, 1, 1 }, "vis_model.input_proj.weight");
  apm->input_proj.bias = add (apm, TRUE, 1, &d, "vis_model.input_proj.bias");

  apm->cls_token = add (apm, TRUE, 3, (int[]){ 1, 1, d }, "vis_model.transformer.cls_token");
  apm->cls_pos = add (apm, TRUE, 3, (int[]){ 1, 1, d }, "vis_model.transformer.cls_pos");
  for (int i = 0; i < config->enc_layers; i++)
    {
      g_autofree char *p = g_strdup_printf ("vis_model.transformer.encoder.layers.%d", i);
      g_autofree char *l1 = g_strconcat (p, ".linear1", NULL), *l2 = g_strconcat (p, ".linear2", NULL);
      apm->enc[i].self = mha (apm, p, "self_attn", config->heads);
      apm->enc[i].linear1 = linear (apm, l1, config->ffn, d);
      apm->enc[i].linear2 = linear (apm, l2, d, config->ffn);
      apm->enc[i].norm1 = norm (apm, p, "norm1");
      apm->enc[i].norm2 = norm (apm, p, "norm2");
    }
  for (int i = 0; i < config->dec_layers; i++)
    {
      g_autofree char *p = g_strdup_printf ("vis_model.transformer.decoder.layers.%d", i);
      g_autofree char *l1 = g_strconcat (p, ".linear1", NULL), *l2 = g_strconcat (p, ".linear2", NULL);
      apm->dec[i].self = mha (apm, p, "self_attn", config->heads);
      apm->dec[i].cross = mha (apm, p, "multihead_attn", config->heads);
      apm->dec[i].linear1 = linear (apm, l1, config->ffn, d);
      apm->dec[i].linear2 = linear (apm, l2, d, config->ffn);
      apm->dec[i].norm1 = norm (apm, p, "norm1");
      apm->dec[i].norm2 = norm (apm, p, "norm2");
      apm->dec[i].norm3 = norm (apm, p, "norm3");
    }
  apm->dec_norm = norm (apm, "vis_model.transformer.decoder", "norm");
  apm->query = add (apm, TRUE, 2, (int[]){ config->n_objects, d }, "vis_model.query_embed.weight");
  apm->box[0] = linear (apm, "vis_model.bbox_embed.layers.0", d, d);
  apm->box[1] = linear (apm, "vis_model.bbox_embed.layers.1", d, d);
  apm->box[2] = linear (apm, "vis_model.bbox_embed.layers.2", 4, d);
  apm->feature_mha = mha (apm, "vis_model.anat_obj_embs", "mha", 2);
  apm->feature_linear = linear (apm, "vis_model.anat_obj_embs.linear", config->proj_dim, d);
  apm->labels = linear (apm, "vis_model.image_class_embed", config->n_labels, d);
  if (config->text_dim > 0)
    {
      apm->text[0] = linear (apm, "text_model.project_head.proj.0", config->text_hidden, config->text_dim);
      apm->text[1] = linear (apm, "text_model.project_head.proj.2", config->proj_dim, config->text_hidden);
    }
  for (guint i = 0; i < apm->params->list->len; i++)
    {
      AxParameter *p = apm->params->list->pdata[i];
      if (strstr (p->name, "backbone") != NULL)
        p->lr_scale = 0.1f;    /* spec 4.5: 1e-5 beside 1e-4; a training configuration may set another */
    }
  return apm;
}

void
ax_apm_clear_position (AxApm *apm)
{
  apm->params->device->free (apm->pos.data);
  apm->pos = (AxTensor){ 0 };
  apm->pos_side = 0;
}

/* What is packed for the device. */
static void
clear_packed (AxApm *apm)
{
  ax_conv_layer_clear (&apm->stem);
  ax_conv_layer_clear (&apm->input_proj);
  for (int l = 0; l < 4; l++)
    for (guint i = 0; i < apm->layers[l]->len; i++)
      {
        AxBlock *b = apm->layers[l]->pdata[i];
        for (int k = 0; k < b->n_convs; k++)
          ax_conv_layer_clear (&b->conv[k]);
        ax_conv_layer_clear (&b->down);
      }
  ax_apm_clear_position (apm);
}

gboolean
ax_apm_move (AxApm *apm, const AxDevice *device, GError **error)
{
  if (device != apm->params->device)
    clear_packed (apm);
  return ax_parameters_move (apm->params, device, error);
}

void
ax_apm_free (AxApm *apm)
{
  if (apm == NULL)
    return;
  clear_packed (apm);
  for (int l = 0; l < 4; l++)
    g_ptr_array_unref (apm->layers[l]);
  ax_parameters_free (apm->params);
  g_free (apm);
}

const AxApmConfig *ax_apm_config (AxApm *apm) { return &apm->config; }
AxParameters *ax_apm_parameters (AxApm *apm) { return apm->params; }

/* ---- random start ------------------------------------------------------------------------------------------------------- */

static double
uniform (guint64 *state)
{
  guint64 x = *state += 0x9E3779B97F4A7C15u;
  x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
  x = (x ^ x >> 27) * 0x94D049BB133111EBu;
  return (double) ((x ^ x >> 31) >> 11) * 0x1p-53;
}

static double
normal (guint64 *state)
{
  double u = 1 - uniform (state), v = uniform (state);
  return sqrt (-2 * log (u)) * cos (2 * M_PI * v);
}

void
ax_apm_init (AxApm *apm, guint64 seed)
{
  for (guint i = 0; i < apm->params->list->len; i++)
    {
      AxParameter *p = apm->params->list->pdata[i];
      AxTensor *t = &p->t;
      /* One stream per parameter: adding a parameter does not move the start of the others. */
      guint64 state = seed * 0x9E3779B97F4A7C15u ^ g_str_hash (p->name) * 0xD1B54A32D192ED03u;
      double fan_in = (double) (t->n / (gsize) t->shape[0]), fan_out = t->shape[0];
      gboolean transformer = strstr (p->name, ".transformer.") != NULL, bias = g_str_has_suffix (p->name, "bias");
      if (t->ndim == 4)
        {
          double std = strstr (p->name, "backbone") ? sqrt (2.0 / (t->shape[0] * t->shape[2] * t->shape[3])) : sqrt (1.0 / (3 * fan_in));
          for (gsize k = 0; k < t->n; k++)
            t->data[k] = (float) (std * normal (&state));
        }
      else if (g_str_has_suffix (p->name, "query_embed.weight"))
        for (gsize k = 0; k < t->n; k++)
          t->data[k] = (float) normal (&state);
      else if (t->ndim >= 2)
        {
          double bound = 1 / sqrt (fan_in);
          if (transformer || g_str_has_suffix (p->name, "in_proj_weight"))
            bound = sqrt (6.0 / (fan_in + fan_out));
          /* Queries and keys of the decoder and the feature module start three times larger than Xavier's: with plain weights attention
           * averages the whole image and all 36 objects begin (and long remain) alike. */
          gsize sharp = (strstr (p->name, ".decoder.") || strstr (p->name, ".anat_obj_embs.")) && g_str_has_suffix (p->name, "in_proj_weight")
                          ? t->n / 3 * 2 : 0;
          for (gsize k = 0; k < t->n; k++)
            t->data[k] = (float) ((k < sharp ? 3 : 1) * bound * (2 * uniform (&state) - 1));
        }
      else if (g_str_has_suffix (p->name, "decoder.layers.0.self_attn.out_proj.bias"))
        /* The first decoder LayerNorm would see exact zeros (tgt starts at 0) and multiply gradients by 1/sqrt(eps) = 316. */
        for (gsize k = 0; k < t->n; k++)
          t->data[k] = (float) (0.3 * normal (&state));
      else if (g_str_has_suffix (p->name, "running_var") || (!bias && !g_str_has_suffix (p->name, "running_mean")))
        for (gsize k = 0; k < t->n; k++)
          t->data[k] = 1;
    }
  apm->params->generation++;
}

/* ---- work --------------------------------------------------------------------------------------------------------------- */

double
ax_apm_flops (const AxApmConfig *c, int size)
{
  static const int blocks18[4] = { 2, 2, 2, 2 }, blocks34[4] = { 3, 4, 6, 3 };
  double side = size / 2.0, sum = 49.0 * 64 * side * side, d = c->hidden;
  int ic = 64, expansion = c->depth == 50 ? 4 : 1;
  side /= 2;
  for (int l = 0; l < 4; l++)
    for (int i = 0; i < (c->depth == 18 ? blocks18 : blocks34)[l]; i++)
      {
        double planes = 64 << l, oc = planes * expansion, in = side * side;
        if (i == 0 && l > 0)
          side /= 2;
        double out = side * side;
        sum += expansion == 4 ? ic * planes * in + 9 * planes * planes * out + planes * oc * out : 9 * ic * planes * out + 9 * planes * planes * out;
        if (ic != (int) oc)
          sum += ic * oc * out;
        ic = (int) oc;
      }
  double t = side * side, n = c->n_objects;
  sum += ic * d * t;
  sum += c->enc_layers * ((t + 1) * (4 * d * d + 2 * d * c->ffn) + 2 * (t + 1) * (t + 1) * d);
  sum += c->dec_layers * (n * (6 * d * d + 2 * d * c->ffn) + 2 * t * d * d + 2 * n * n * d + 2 * n * t * d);
  sum += n * 4 * d * d + 2 * t * d * d + 2 * n * t * d;
  return 2 * sum;
}

double
ax_apm_training_flops (const AxApmConfig *config, int size)
{
  return 3 * ax_apm_flops (config, size);
}
