/* Deterministic mutations of a file, for the tests that readers of hostile files pass. */
#pragma once

#include <gio/gio.h>

typedef enum { MUTATION_FLIP, MUTATION_TRUNCATE, MUTATION_LENGTH, MUTATION_SPLICE } Mutation;
#define N_MUTATIONS (MUTATION_SPLICE + 1)

/* A mutated copy, in memory of exactly its size so that a sanitizer sees one byte too far. Never equal to the original. */
GBytes *mutate(GRand *rand, const guint8 *original, gsize size, Mutation kind);
