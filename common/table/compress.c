/* SPDX-License-Identifier: Apache-2.0 */
/* Block compression by libdeflate and, where it is built in, zstd; this file is their only door. Any thread. */
#include "common/table/compress.h"

#include <libdeflate.h>
#include <pthread.h>
#ifdef HAVE_LIBZSTD
#include <zstd.h>
#endif

#include "common/base/conf.h"
#include "common/base/mem.h"
#include "common/base/must.h"

enum { LEVEL_FAST = 1, LEVEL_SMALL = 6, LEVEL_ZSTD = 3 };

/* Of one thread. */
struct codecs {
	struct libdeflate_compressor *fast, *small;
	struct libdeflate_decompressor *inflate;
#ifdef HAVE_LIBZSTD
	ZSTD_CCtx *zstd;
	ZSTD_DCtx *unzstd;
#endif
};

static _Thread_local struct codecs *mine;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t at_thread_end;

static void free_codecs(void *p)
{
	struct codecs *c = p;

	libdeflate_free_compressor(c->fast);
	libdeflate_free_compressor(c->small);
	libdeflate_free_decompressor(c->inflate);
#ifdef HAVE_LIBZSTD
	ZSTD_freeCCtx(c->zstd);
	ZSTD_freeDCtx(c->unzstd);
#endif
	mem_free(c);
}

static void init_once(void)
{
	libdeflate_set_memory_allocator(mem_alloc, mem_free);   /* never NULL: memory out ends the process */
	must(pthread_key_create(&at_thread_end, free_codecs) == 0);
}

static struct codecs *codecs(void)
{
	if (!mine) {
		pthread_once(&once, init_once);
		mine = mem_zalloc(sizeof(*mine));
		must(pthread_setspecific(at_thread_end, mine) == 0);
	}
	return mine;
}

/* ---- zlib format ---- */

static size_t deflate_block(bool small, struct slice raw, uint8_t *out, size_t room)
{
	struct codecs *c = codecs();
	struct libdeflate_compressor **which = small ? &c->small : &c->fast;

	if (!*which)
		*which = libdeflate_alloc_compressor(small ? LEVEL_SMALL : LEVEL_FAST);
	return libdeflate_zlib_compress(*which, raw.p, raw.n, out, room);
}

static bool inflate_block(struct slice stored, uint8_t *raw, size_t raw_n)
{
	struct codecs *c = codecs();
	size_t used;

	if (!c->inflate)
		c->inflate = libdeflate_alloc_decompressor();
	return libdeflate_zlib_decompress_ex(c->inflate, stored.p, stored.n, raw, raw_n, &used, NULL) ==
		       LIBDEFLATE_SUCCESS && used == stored.n;
}

/* ---- zstd ---- */

#ifdef HAVE_LIBZSTD

static size_t zstd_block(struct slice raw, uint8_t *out, size_t room)
{
	struct codecs *c = codecs();
	size_t n;

	if (!c->zstd)
		c->zstd = ZSTD_createCCtx();
	must(c->zstd);
	n = ZSTD_compressCCtx(c->zstd, out, room, raw.p, raw.n, LEVEL_ZSTD);
	return ZSTD_isError(n) ? 0 : n;      /* what else can go wrong than that it does not fit? */
}

/* One frame and nothing behind it: zstd itself would take several. */
static bool unzstd_block(struct slice stored, uint8_t *raw, size_t raw_n)
{
	struct codecs *c = codecs();

	if (!c->unzstd)
		c->unzstd = ZSTD_createDCtx();
	must(c->unzstd);
	return ZSTD_findFrameCompressedSize(stored.p, stored.n) == stored.n &&
	       ZSTD_decompressDCtx(c->unzstd, raw, raw_n, stored.p, stored.n) == raw_n;
}

#else

static size_t zstd_block(struct slice raw, uint8_t *out, size_t room)
{
	(void)raw, (void)out, (void)room;
	return 0;                            /* conf_finish() refuses the setting */
}

static bool unzstd_block(struct slice stored, uint8_t *raw, size_t raw_n)
{
	(void)stored, (void)raw, (void)raw_n;
	return false;
}

#endif

/* ---- any ---- */

bool codec_is_built(enum block_codec codec)
{
#ifdef HAVE_LIBZSTD
	return codec <= CODEC_ZSTD;
#else
	return codec <= CODEC_ZLIB;
#endif
}

size_t compress_block(unsigned setting, struct slice raw, uint8_t *out, enum block_codec *codecp)
{
	size_t room = raw.n - raw.n / 8, n = 0;

	*codecp = setting == BLOCK_COMPRESSION_ZSTD ? CODEC_ZSTD : CODEC_ZLIB;
	if (setting == BLOCK_COMPRESSION_ZSTD)
		n = zstd_block(raw, out, room);
	else if (setting != BLOCK_COMPRESSION_NONE)
		n = deflate_block(setting == BLOCK_COMPRESSION_SMALL, raw, out, room);
	if (n == 0)
		*codecp = CODEC_RAW;
	return n;
}

bool decompress_block(enum block_codec codec, struct slice stored, uint8_t *raw, size_t raw_n)
{
	return codec == CODEC_ZSTD ? unzstd_block(stored, raw, raw_n) : inflate_block(stored, raw, raw_n);
}
