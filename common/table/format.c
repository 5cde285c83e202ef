/* SPDX-License-Identifier: Apache-2.0 */
/* The frame of a table file: trailers, handles, footer. The grammar stands in format.h. Pure; any thread. */
#include "common/table/format.h"

#include "common/base/coding.h"
#include "common/base/crc.h"

enum {
	TRAILER_TYPE = 0, TRAILER_CODEC = 1, TRAILER_RAW = 2, TRAILER_CRC = 6,

	FOOTER_FILTER = 0, FOOTER_PROPERTIES = 16, FOOTER_INDEX = 32, FOOTER_ID = 48, FOOTER_DATABASE = 56,
	FOOTER_FLAGS = 64, FOOTER_VERSION = 68, FOOTER_DEPTH = 72, FOOTER_CRC = 116, FOOTER_MAGIC = 120,

	FORMAT_VERSION = 2, INDEX_DEPTH_MAX = 2
};

static const char magic[8] = { 'L', 'S', 'M', 'T', 'A', 'B', 'L', 'E' };

/* crc is that of the stored bytes, trailer the bytes behind them. */
static uint32_t seal(uint32_t crc, const uint8_t *trailer, struct block_place place)
{
	uint8_t more[TRAILER_CRC + 16];

	memcpy(more, trailer, TRAILER_CRC);
	put_u64(more + TRAILER_CRC, place.offset);
	put_u64(more + TRAILER_CRC + 8, place.table.v);
	return crc32_of(crc, more, sizeof(more));
}

void format_put_trailer(struct buf *out, size_t stored_n, struct block_place place, enum block_codec codec,
			uint32_t raw_n)
{
	uint8_t *p = buf_reserve(out, BLOCK_TRAILER_BYTES);

	p[TRAILER_TYPE] = (uint8_t)place.type;
	p[TRAILER_CODEC] = (uint8_t)codec;
	put_u32(p + TRAILER_RAW, raw_n);
	put_u32(p + TRAILER_CRC, seal(crc32_of(0, p - stored_n, stored_n), p, place));
	out->n += BLOCK_TRAILER_BYTES;
}

enum block_fault format_check_block(struct slice stored_and_trailer, struct block_place place,
				    enum block_codec *codecp, uint32_t *raw_np)
{
	size_t n = stored_and_trailer.n - BLOCK_TRAILER_BYTES;
	const uint8_t *p = stored_and_trailer.p + n;
	bool raw = p[TRAILER_CODEC] == CODEC_RAW;

	if (get_u32(p + TRAILER_CRC) != seal(crc32_of(0, stored_and_trailer.p, n), p, place))
		return BLOCK_BAD_CRC;
	*codecp = p[TRAILER_CODEC];
	*raw_np = get_u32(p + TRAILER_RAW);
	if (p[TRAILER_TYPE] != place.type || (!raw && place.type != BLOCK_DATA) ||
	    p[TRAILER_CODEC] > CODEC_ZSTD || (raw && *raw_np != n) || (!raw && *raw_np > BLOCK_RAW_MAX))
		return BLOCK_BAD_TRAILER;
	return BLOCK_SOUND;
}

size_t format_put_handle(uint8_t *p, struct block_handle h)
{
	uint8_t *begin = p;

	if (h.offset > 0) {
		*p++ = 1 << 3 | WIRE_VARINT;
		p = put_varint(p, h.offset);
	}
	if (h.size > 0) {
		*p++ = 2 << 3 | WIRE_VARINT;
		p = put_varint(p, h.size);
	}
	return (size_t)(p - begin);
}

bool format_get_handle(struct slice message, struct block_handle *hp)
{
	struct wire_reader r = wire_reader(message);
	struct wire_field f;
	int more;

	*hp = (struct block_handle){ 0, 0 };
	while ((more = wire_next(&r, &f)) > 0) {
		if (f.type != WIRE_VARINT || f.number > 2)
			return false;
		*(f.number == 1 ? &hp->offset : &hp->size) = f.value;
	}
	return more == 0;
}

static void put_fixed_handle(uint8_t *p, struct block_handle h)
{
	put_u64(p, h.offset);
	put_u64(p + 8, h.size);
}

static struct block_handle get_fixed_handle(const uint8_t *p)
{
	return (struct block_handle){ get_u64(p), get_u64(p + 8) };
}

void format_put_footer(struct buf *out, const struct table_footer *f)
{
	uint8_t *p = buf_reserve(out, TABLE_FOOTER_BYTES);

	memset(p, 0, TABLE_FOOTER_BYTES);
	put_fixed_handle(p + FOOTER_FILTER, f->filter);
	put_fixed_handle(p + FOOTER_PROPERTIES, f->properties);
	put_fixed_handle(p + FOOTER_INDEX, f->index);
	put_u64(p + FOOTER_ID, f->id.v);
	put_u64(p + FOOTER_DATABASE, f->database);
	put_u32(p + FOOTER_VERSION, FORMAT_VERSION);
	put_u32(p + FOOTER_DEPTH, f->index_depth);
	put_u32(p + FOOTER_CRC, crc32_of(0, p, FOOTER_CRC));
	memcpy(p + FOOTER_MAGIC, magic, sizeof(magic));
	out->n += TABLE_FOOTER_BYTES;
}

/* Moves *atp from the beginning of a block to that of the next; false when h is not the block at *atp. */
static bool skip_block(uint64_t *atp, uint64_t end, struct block_handle h)
{
	if (h.offset != *atp || h.size > end - *atp || end - *atp - h.size < BLOCK_TRAILER_BYTES)
		return false;
	*atp += h.size + BLOCK_TRAILER_BYTES;
	return true;
}

const char *format_get_footer(const uint8_t *p, uint64_t file_bytes, struct table_footer *fp)
{
	uint64_t end = file_bytes - TABLE_FOOTER_BYTES, at;

	if (memcmp(p + FOOTER_MAGIC, magic, sizeof(magic)) != 0)
		return "it does not end like a table";
	if (get_u32(p + FOOTER_CRC) != crc32_of(0, p, FOOTER_CRC))
		return "the footer's checksum is wrong";
	fp->index_depth = get_u32(p + FOOTER_DEPTH);
	if (get_u32(p + FOOTER_VERSION) != FORMAT_VERSION || fp->index_depth < 1 ||
	    fp->index_depth > INDEX_DEPTH_MAX || get_u32(p + FOOTER_FLAGS) != 0)
		return "it was written in a format that this program does not know";
	fp->filter = get_fixed_handle(p + FOOTER_FILTER);
	fp->properties = get_fixed_handle(p + FOOTER_PROPERTIES);
	fp->index = get_fixed_handle(p + FOOTER_INDEX);
	fp->id = file_id(get_u64(p + FOOTER_ID));
	fp->database = get_u64(p + FOOTER_DATABASE);
	at = fp->filter.offset;
	if (at > end || !skip_block(&at, end, fp->filter) || !skip_block(&at, end, fp->properties) ||
	    !skip_block(&at, end, fp->index) || at != end)
		return "the footer's handles do not fit the file";
	return NULL;
}
