/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing byte buffer that owns its bytes. Appending cannot fail (memory ends the process, see mem.h);
 * pointers into it are good until the next append.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "common/base/slice.h"

struct buf {
	uint8_t *p;
	size_t n;         /* bytes used */
	size_t capacity;  /* bytes held */
};

#define BUF_INIT ((struct buf){ NULL, 0, 0 })

void buf_fini(struct buf *b);                            /* frees the bytes; b is empty and usable again */
void buf_reset(struct buf *b);                           /* empty, memory kept */
uint8_t *buf_reserve(struct buf *b, size_t n);           /* room for n more at the end; n is not yet used */
void buf_append(struct buf *b, const void *p, size_t n);
void buf_append_slice(struct buf *b, struct slice s);
void buf_append_str(struct buf *b, const char *s);
void buf_append_byte(struct buf *b, uint8_t c);
void buf_append_readable(struct buf *b, struct slice s);  /* "..." for people: what is not printable as \xNN */
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_append_u64(struct buf *b, uint64_t v);          /* decimal digits */
struct slice buf_slice(const struct buf *b);
const char *buf_cstr(struct buf *b);                     /* NUL-terminates behind n; good until the next append */

#endif
