/* SPDX-License-Identifier: ISC */
#include "siege.h"
const struct attack bound_attacks[] = { { 0 } };
