/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zlib's deflate at its fastest level: the event loop waits for it, and what is sent is text, which shrinks to a fifth
 * at any level. zlib counts in 32 bits, so long inputs go in parts.
 */
#include "frontend/gzip.h"

#include <zlib.h>

#include "common/base/mem.h"
#include "common/base/must.h"

#define GZIP_MAGIC 0x477a6901u
#define GUNZIP_MAGIC 0x47756e01u

enum { LEVEL = 1, GZIP_HEADER = 16, WINDOW_MAX = 15, PART = 1 << 20, ROOM = 4096 };

struct gzip {
	uint32_t magic;
	z_stream zs;
};

struct gunzip {
	uint32_t magic;
	z_stream zs;
	bool at_end;
};

static int window_bits(enum gzip_width width)
{
	return width == GZIP_WIDE ? 15 : 12;
}

static int memory_level(enum gzip_width width)
{
	return width == GZIP_WIDE ? 8 : 5;
}

size_t gzip_bytes(enum gzip_width width)
{
	return ((size_t)1 << (window_bits(width) + 2)) + ((size_t)1 << (memory_level(width) + 9)) + 6144;
}

struct gzip *gzip_new(enum gzip_width width)
{
	struct gzip *z = mem_zalloc(sizeof *z);

	obj_init(z, GZIP_MAGIC);
	must(deflateInit2(&z->zs, LEVEL, Z_DEFLATED, window_bits(width) + GZIP_HEADER, memory_level(width),
			  Z_DEFAULT_STRATEGY) == Z_OK);
	return z;
}

void gzip_free(struct gzip **zp)
{
	struct gzip *z = *zp;

	*zp = NULL;
	obj_check(z, GZIP_MAGIC);
	deflateEnd(&z->zs);
	obj_fini(z);
	mem_free(z);
}

void gzip_reset(struct gzip *z)
{
	must(deflateReset(&z->zs) == Z_OK);
}

/* Runs deflate until it has nothing more to say. */
static void deflate_all(z_stream *zs, int flush, struct buf *out)
{
	do {
		zs->next_out = buf_reserve(out, ROOM);
		zs->avail_out = ROOM;
		must(deflate(zs, flush) != Z_STREAM_ERROR);
		out->n += ROOM - zs->avail_out;
	} while (zs->avail_out == 0);
	must(zs->avail_in == 0);
}

void gzip_write(struct gzip *z, struct slice in, enum gzip_flush flush, struct buf *out)
{
	static const int flags[] = { [GZIP_GATHER] = Z_NO_FLUSH, [GZIP_FLUSH] = Z_SYNC_FLUSH, [GZIP_FINISH] = Z_FINISH };
	static uint8_t nothing[1];

	obj_check(z, GZIP_MAGIC);
	do {
		size_t n = in.n < PART ? in.n : PART;

		z->zs.next_in = n ? (uint8_t *)(uintptr_t)in.p : nothing;
		z->zs.avail_in = (unsigned)n;
		in = slice_of(in.p + n, in.n - n);
		deflate_all(&z->zs, in.n ? Z_NO_FLUSH : flags[flush], out);
	} while (in.n);
}

struct gunzip *gunzip_new(void)
{
	struct gunzip *z = mem_zalloc(sizeof *z);

	obj_init(z, GUNZIP_MAGIC);
	must(inflateInit2(&z->zs, WINDOW_MAX + GZIP_HEADER) == Z_OK);
	return z;
}

void gunzip_free(struct gunzip **zp)
{
	struct gunzip *z = *zp;

	*zp = NULL;
	obj_check(z, GUNZIP_MAGIC);
	inflateEnd(&z->zs);
	obj_fini(z);
	mem_free(z);
}

void gunzip_reset(struct gunzip *z)
{
	must(inflateReset(&z->zs) == Z_OK);
	z->at_end = false;
}

/* One call of inflate; false when it found something wrong. */
static bool inflate_some(struct gunzip *z, struct slice *in, size_t room, struct buf *out)
{
	size_t n = in->n < PART ? in->n : PART;
	int rc;

	room = room < PART ? room : PART;
	if (z->at_end && in->n)
		gunzip_reset(z);
	z->zs.next_in = (uint8_t *)(uintptr_t)in->p;
	z->zs.avail_in = (unsigned)n;
	z->zs.next_out = buf_reserve(out, room);
	z->zs.avail_out = (unsigned)room;
	rc = inflate(&z->zs, Z_NO_FLUSH);
	n -= z->zs.avail_in;
	*in = slice_of(in->p + n, in->n - n);
	out->n += room - z->zs.avail_out;
	z->at_end = rc == Z_STREAM_END;
	return rc == Z_OK || rc == Z_STREAM_END || rc == Z_BUF_ERROR;
}

bool gunzip_read(struct gunzip *z, struct slice *in, size_t max, struct buf *out)
{
	size_t end = out->n + max;

	obj_check(z, GUNZIP_MAGIC);
	while (out->n < end) {
		size_t left = in->n, before = out->n;

		if (z->at_end && in->n == 0)
			break;
		if (!inflate_some(z, in, end - out->n, out))
			return false;
		if (in->n == left && out->n == before)
			break;
	}
	return true;
}

bool gunzip_at_end(const struct gunzip *z)
{
	return z->at_end;
}
