/* SPDX-License-Identifier: ISC */
/* Compiler attributes and the two macros every floor needs. */
#ifndef BASE_ATTR_H
#define BASE_ATTR_H

#define MUST_USE         __attribute__((warn_unused_result))
#define PRINTFLIKE(f, a) __attribute__((format(printf, f, a)))
#define ARRAY_LEN(a)     (sizeof(a) / sizeof((a)[0]))

#endif
