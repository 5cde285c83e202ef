/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heap memory. Small allocations end the process when memory is out: it is one of four, the supervisor
 * restarts it and the WAL has the data. Sizes chosen by a client go through mem_try().
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

void *mem_alloc(size_t n) __attribute__((malloc, returns_nonnull));          /* uninitialised */
void *mem_zalloc(size_t n) __attribute__((malloc, returns_nonnull));         /* zeroed */
void *mem_resize(void *p, size_t n) __attribute__((returns_nonnull));        /* like realloc */
void *mem_dup(const void *p, size_t n) __attribute__((malloc, returns_nonnull));
char *mem_strdup(const char *s) __attribute__((malloc, returns_nonnull));
char *mem_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2), malloc, returns_nonnull));
void *mem_try(size_t n) __attribute__((malloc));                             /* NULL when refused */
void mem_free(void *p);                                                      /* NULL is fine */

/* Logs and ends the process: n bytes were refused. For allocators that are built on mem_try(). */
_Noreturn void mem_refused(size_t n);

/* Frees *pp (a pointer to any object pointer) and leaves NULL there. */
#define mem_drop(pp) do { mem_free(*(pp)); *(pp) = NULL; } while (0)

#endif
