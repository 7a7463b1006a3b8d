// SPDX-License-Identifier: GPL-2.0
#include "harness.h"
#include "group.h"
TEST(nothing) { }
TEST_HARNESS_MAIN
