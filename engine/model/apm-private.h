/* The layers of the Anatomy Perception Module: pointers to named parameters. Used by apm.c and apm_params.c only. */
#pragma once
#include "engine/model/apm.h"

typedef struct { AxParameter *w, *b; } AxLinearLayer;
typedef struct { AxParameter *gamma, *beta; } AxNormLayer;
typedef struct { AxParameter *in_w, *in_b; AxLinearLayer out; int heads; } AxMhaLayer;
typedef struct { AxMhaLayer self; AxLinearLayer linear1, linear2; AxNormLayer norm1, norm2; } AxEncoderLayer;
typedef struct { AxMhaLayer self, cross; AxLinearLayer linear1, linear2; AxNormLayer norm1, norm2, norm3; } AxDecoderLayer;

/* A residual block: two 3x3 convolutions (ResNet-18, 34) or 1x1, 3x3, 1x1 (ResNet-50). */
typedef struct {
  int         n_convs;
  AxConvLayer conv[3];
  gboolean    has_down;
  AxConvLayer down;
} AxBlock;

#define AX_APM_MAX_LAYERS 8

struct _AxApm {
  AxApmConfig    config;
  AxParameters  *params;
  AxConvLayer    stem, input_proj;
  GPtrArray     *layers[4];    /* AxBlock* */
  AxParameter   *cls_token, *cls_pos, *query;
  AxEncoderLayer enc[AX_APM_MAX_LAYERS];
  AxDecoderLayer dec[AX_APM_MAX_LAYERS];
  AxNormLayer    dec_norm;
  AxLinearLayer  box[3], labels, feature_linear, text[2];
  AxMhaLayer     feature_mha;
  AxTensor       pos;          /* position code of the last map size */
  int            pos_side;
};

void ax_apm_position_code (int side, int hidden, float *pos);
void ax_apm_clear_position (AxApm *apm);
