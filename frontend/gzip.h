/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gzip (RFC 1952), both ways, bit by bit; the only file that knows zlib here. Neither way waits for anything. One
 * thread at a time.
 */
#ifndef FRONTEND_GZIP_H
#define FRONTEND_GZIP_H

#include "common/base/buf.h"

struct gzip;
struct gunzip;

/* WIDE compresses better and holds about 256 KiB, NARROW about 32 KiB. */
enum gzip_width { GZIP_WIDE, GZIP_NARROW };

enum gzip_flush {
	GZIP_GATHER,                     /* keeps back what compresses better with what follows */
	GZIP_FLUSH,                      /* the reader can decode all that was written so far */
	GZIP_FINISH                      /* the end; only gzip_reset() or gzip_free() may follow */
};

struct gzip *gzip_new(enum gzip_width width);
void gzip_free(struct gzip **zp);
size_t gzip_bytes(enum gzip_width width);        /* memory of one, about */
void gzip_reset(struct gzip *z);                 /* a new document */
void gzip_write(struct gzip *z, struct slice in, enum gzip_flush flush, struct buf *out);

struct gunzip *gunzip_new(void);
void gunzip_free(struct gunzip **zp);
void gunzip_reset(struct gunzip *z);

/* Appends up to max > 0 bytes to out, taking from the beginning of *in. Less than max: all of *in was taken. false:
 * that is no gzip. One document may follow another. */
bool gunzip_read(struct gunzip *z, struct slice *in, size_t max, struct buf *out);

bool gunzip_at_end(const struct gunzip *z);      /* what was read ends with a whole document */

#endif
