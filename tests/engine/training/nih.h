/* The real data set with its split, for the tests that go over it. Test code only. */
#pragma once

#include "engine/training/dataset.h"
#include "engine/training/split.h"

/* FALSE after g_test_skip() where ../shared/data/nih is absent; aborts when it is there and cannot be read. Both belong to the caller. */
gboolean nih_load (AxDataset **dataset, AxSplit **split);
