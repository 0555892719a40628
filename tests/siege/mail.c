/* SPDX-License-Identifier: ISC */
#include "siege.h"
const struct attack mail_attacks[] = { { 0 } };
