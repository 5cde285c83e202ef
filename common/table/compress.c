/* SPDX-License-Identifier: Apache-2.0 */
/* Block compression by libdeflate, whose only door this file is. Any thread. */
#include "common/table/compress.h"

#include <libdeflate.h>
#include <pthread.h>

#include "common/base/conf.h"
#include "common/base/mem.h"
#include "common/base/must.h"

enum { LEVEL_FAST = 1, LEVEL_SMALL = 6 };

/* Of one thread. */
struct codecs {
	struct libdeflate_compressor *fast, *small;
	struct libdeflate_decompressor *inflate;
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

size_t compress_block(unsigned codec, struct slice raw, uint8_t *out)
{
	struct codecs *c = codecs();
	bool small = codec == BLOCK_COMPRESSION_SMALL;
	struct libdeflate_compressor **which = small ? &c->small : &c->fast;

	if (!*which)
		*which = libdeflate_alloc_compressor(small ? LEVEL_SMALL : LEVEL_FAST);
	return libdeflate_zlib_compress(*which, raw.p, raw.n, out, raw.n - raw.n / 8);
}

bool decompress_block(struct slice stored, uint8_t *raw, size_t raw_n)
{
	struct codecs *c = codecs();
	size_t used;

	if (!c->inflate)
		c->inflate = libdeflate_alloc_decompressor();
	return libdeflate_zlib_decompress_ex(c->inflate, stored.p, stored.n, raw, raw_n, &used, NULL) ==
		       LIBDEFLATE_SUCCESS && used == stored.n;
}
