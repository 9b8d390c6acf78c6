/* A made-up film for the tests of teaching rounds: boxes on both sides of the middle of 1000 x 1000 pixels, and what a model could say of it. */
#pragma once
#include "engine/teaching/anatomy_round.h"
#include "engine/teaching/log.h"

/* Every structure has a box of its own; those of a pair mirror each other. */
AxBox film_box (guint index);
/* A perception with these boxes and "NAME is healthy."; `mirrored`: of the mirrored picture. Nothing of it needs to be freed but by film_perception_free(). */
AxPerception *film_perception (gboolean mirrored);
void film_say (AxPerception *p, guint index, const char *sentence);
void film_perception_free (AxPerception *p);
/* A round with one case of each task and one mirrored one. */
AxRound *film_round (void);
