/* SPDX-License-Identifier: ISC */
/*
 * Read before each source by the analysers alone: they see one file at a time
 * and would think that err_set() may answer with something that is no failure.
 */
#include "base/err.h"

#define err_set(code, ...) ((err_set)(code, __VA_ARGS__), (code))
#define err_sys(code, ...) ((err_sys)(code, __VA_ARGS__), (code))
