/* SPDX-License-Identifier: Apache-2.0 */
/* Heap memory that dies on refusal (mem.h). Any thread. */
#include "common/base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/must.h"

void mem_refused(size_t n)
{
	log_error("out of memory: %zu bytes were refused", n);
	abort();
}

static void *or_die(void *p, size_t n)
{
	if (__builtin_expect(p == NULL, 0))
		mem_refused(n);
	return p;
}

void *mem_alloc(size_t n)
{
	return or_die(malloc(n ? n : 1), n);
}

void *mem_zalloc(size_t n)
{
	return or_die(calloc(1, n ? n : 1), n);
}

void *mem_resize(void *p, size_t n)
{
	return or_die(realloc(p, n ? n : 1), n);
}

void *mem_dup(const void *p, size_t n)
{
	void *copy = mem_alloc(n);

	return n ? memcpy(copy, p, n) : copy;
}

char *mem_strdup(const char *s)
{
	return mem_dup(s, strlen(s) + 1);
}

char *mem_printf(const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	return or_die(n < 0 ? NULL : s, 0);
}

void *mem_try(size_t n)
{
	return malloc(n ? n : 1);
}

void mem_free(void *p)
{
	free(p);
}
