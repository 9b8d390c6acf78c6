/* json-parts.h: what the JSON objects of results have in common. May use json-writer.h and anatomix.h. */
#pragma once
#include "engine/anatomix.h"
#include "engine/session/json-writer.h"

/* A hundredth of a pixel and four digits of a probability or similarity are finer than what the model can tell. */
#define BOX_DECIMALS 2
#define SCORE_DECIMALS 4
#define MS_DECIMALS 1
#define RATIO_DECIMALS 2

void ax_json_write_box   (AxJson *json, const char *key, AxBox box);
void ax_json_write_image (AxJson *json, const AxPerception *p, const char *path);
void ax_json_write_model (AxJson *json, AxModel *model);
