/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asserts that are always on, and magic words for long-lived structs.
 *
 * must(x) says: only a bug of our own can make x false. Bytes from disk or socket never meet a must().
 * A struct that outlives a function starts with `uint32_t magic` set to its own X_MAGIC; obj_check()
 * proves a pointer before it is used, obj_fini() wipes it so that a stale pointer is found out.
 */
#ifndef BASE_MUST_H
#define BASE_MUST_H

#include <stdint.h>

_Noreturn void must_failed(const char *file, int line, const char *what);

#define must(x) \
	do { if (__builtin_expect(!(x), 0)) must_failed(__FILE__, __LINE__, #x); } while (0)

#define obj_init(p, m) ((p)->magic = (m))
#define obj_check(p, m) must((p) != NULL && (p)->magic == (m))
#define obj_fini(p) ((p)->magic = 0)

#endif
