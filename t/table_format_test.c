/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The format is open: a second reader, made here from nothing but the grammar in format.h, zlib and the code
 * that protoc-c generates, finds in a table exactly what was written.
 */
#include <zlib.h>

#include "common/base/coding.h"
#include "common/base/hash.h"
#include "common/table/block_builder.h"
#include "common/table/format.h"
#include "proto/lsm.pb-c.h"
#include "t/check_main.h"
#include "t/table_help.h"

struct file { uint8_t *p; size_t n; };

static struct file slurp(void)
{
	struct file f;

	ck_assert_int_eq(vfs_slurp(vfs_posix(), help_path(), 64u << 20, &f.p, &f.n), ST_OK);
	return f;
}

/* The bytes of a block, decompressed by zlib, its checksum made by zlib. The caller frees. */
static uint8_t *open_block(const struct file *f, uint64_t offset, uint64_t size, unsigned type, size_t *np)
{
	const uint8_t *stored = f->p + offset, *trailer = stored + size;
	uLongf raw_n = get_u32(trailer + 2);
	uint8_t more[22], *raw = mem_alloc(raw_n + 1);
	uLong crc;

	ck_assert_uint_eq(trailer[0], type);
	memcpy(more, trailer, 6);
	put_u64(more + 6, offset);
	put_u64(more + 14, 7);
	crc = crc32(crc32(0, stored, (uInt)size), more, sizeof(more));
	ck_assert_uint_eq(crc, get_u32(trailer + 6));
	if (trailer[1] == 1) {
		ck_assert_int_eq(uncompress(raw, &raw_n, stored, size), Z_OK);
	} else {
		ck_assert_uint_eq(trailer[1], 0);
		ck_assert_uint_eq(raw_n, size);
		memcpy(raw, stored, size);
	}
	ck_assert_uint_eq(raw_n, get_u32(trailer + 2));
	*np = raw_n;
	return raw;
}

static Lsm__Block *unpack_block(const struct file *f, uint64_t offset, uint64_t size, unsigned type)
{
	size_t n;
	uint8_t *raw = open_block(f, offset, size, type, &n);
	Lsm__Block *b = lsm__block__unpack(NULL, n, raw);

	ck_assert_ptr_nonnull(b);
	mem_free(raw);
	return b;
}

/* Puts the next key together in key (of *np bytes). */
static void next_key(const Lsm__BlockEntry *e, uint8_t *key, size_t *np)
{
	ck_assert_uint_le(e->shared, *np);
	if (e->key.len > 0)
		memcpy(key + e->shared, e->key.data, e->key.len);
	*np = e->shared + e->key.len;
}

static size_t expect_block(const Lsm__Block *b, const struct help_set *s, size_t at)
{
	uint8_t key[2048];
	size_t key_n = 0, restarts = 0;

	for (size_t i = 0; i < b->n_entries; i++, at++) {
		const Lsm__BlockEntry *e = b->entries[i];
		struct entry got = { .seq = seq(e->sequence), .timestamp_ms = e->timestamp,
				     .expires_at_ms = e->expires_at, .is_tombstone = e->is_tombstone };

		next_key(e, key, &key_n);
		got.key = slice_of(key, key_n);
		got.value = slice_of(e->value.data, e->value.len);
		ck_assert_uint_lt(at, s->n);
		ck_assert(help_same(&got, &s->e[at]));
		if (i % 16 == 0) {
			ck_assert_uint_eq(e->shared, 0);
			restarts++;
		}
	}
	ck_assert_uint_eq(b->n_restarts, restarts);
	return at;
}

/* How far a reading has come: how many entries, and the end of the blocks seen, of data [0] and of partitions [1]. */
struct reading { const struct file *f; const struct help_set *s; size_t at; uint64_t end[2]; unsigned partitions; };

/* Reads an index block, what it names, and checks that its entries stand where they should. */
static void expect_index(struct reading *r, uint64_t offset, uint64_t size, unsigned depth)
{
	Lsm__Block *index = unpack_block(r->f, offset, size, 4);
	const struct help_set *s = r->s;
	uint8_t key[2048];
	size_t key_n = 0;

	for (size_t i = 0; i < index->n_entries; i++) {
		const Lsm__BlockEntry *e = index->entries[i];
		Lsm__BlockHandle *h = lsm__block_handle__unpack(NULL, e->value.len, e->value.data);

		ck_assert_ptr_nonnull(h);
		if (r->end[depth - 1] || depth == 1)
			ck_assert_uint_eq(h->offset, r->end[depth - 1]);
		r->end[depth - 1] = h->offset + h->size + 10;
		if (depth == 1) {
			Lsm__Block *b = unpack_block(r->f, h->offset, h->size, 1);

			r->at = expect_block(b, s, r->at);
			lsm__block__free_unpacked(b, NULL);
		} else {
			r->partitions++;
			expect_index(r, h->offset, h->size, depth - 1);
		}
		next_key(e, key, &key_n);
		ck_assert_int_le(entry_cmp(s->e[r->at - 1].key, s->e[r->at - 1].seq, slice_of(key, key_n),
					   seq(e->sequence)), 0);
		if (r->at < s->n)
			ck_assert_int_gt(entry_cmp(s->e[r->at].key, s->e[r->at].seq, slice_of(key, key_n),
						   seq(e->sequence)), 0);
		lsm__block_handle__free_unpacked(h, NULL);
	}
	lsm__block__free_unpacked(index, NULL);
}

static void expect_data(const struct file *f, const uint8_t *footer, const struct help_set *s, bool partitioned)
{
	struct reading r = { .f = f, .s = s };
	unsigned depth = get_u32(footer + 72);

	ck_assert_uint_eq(depth, partitioned ? 2 : 1);
	expect_index(&r, get_u64(footer + 32), get_u64(footer + 40), depth);
	ck_assert_uint_eq(r.at, s->n);
	ck_assert_uint_eq(r.end[partitioned], get_u64(footer));
	ck_assert(!partitioned || r.partitions > 3);
}

static void expect_properties(const struct file *f, const uint8_t *footer, const struct help_set *s)
{
	size_t n;
	uint8_t *raw = open_block(f, get_u64(footer + 16), get_u64(footer + 24), 3, &n);
	Lsm__SSTable *t = lsm__sstable__unpack(NULL, n, raw);

	ck_assert_ptr_nonnull(t);
	ck_assert_uint_eq(t->id, 7);
	ck_assert(t->database == DATABASE);
	ck_assert_int_eq(t->level, 2);
	ck_assert_uint_eq((uint64_t)t->entry_count, s->n);
	ck_assert_uint_eq(t->n_entries, 0);
	ck_assert(slice_eq(slice_of(t->min_key.data, t->min_key.len), s->e[0].key));
	ck_assert(slice_eq(slice_of(t->max_key.data, t->max_key.len), s->e[s->n - 1].key));
	lsm__sstable__free_unpacked(t, NULL);
	mem_free(raw);
}

START_TEST(a_second_reader_finds_in_a_table_what_was_written)
{
	bool partitioned = _i == 3;
	struct table_options o = { .codec = (unsigned)_i % 3, .level = 2, .index_flat_bytes = partitioned ? 1000 : 0,
				   .index_partition_bytes = 300 };
	struct rnd rnd = { (uint64_t)_i };
	struct help_set s = { NULL, 0, 0 };
	struct table_summary sum;
	const uint8_t *footer;
	struct file f;

	help_begin();
	help_random(&s, &rnd, 4000, 60);
	sum = help_write_to(vfs_posix(), help_path(), &s, o, 7);
	f = slurp();
	ck_assert_uint_eq(f.n, sum.size_bytes);
	ck_assert_uint_eq(crc32(0, f.p, (uInt)f.n), sum.file_crc);
	footer = f.p + f.n - 128;
	ck_assert_mem_eq(footer + 120, "LSMTABLE", 8);
	ck_assert_uint_eq(crc32(0, footer, 116), get_u32(footer + 116));
	ck_assert_uint_eq(get_u64(footer + 48), 7);
	ck_assert(get_u64(footer + 56) == DATABASE);
	expect_data(&f, footer, &s, partitioned);
	expect_properties(&f, footer, &s);
	mem_free(f.p);
	help_free(&s);
	help_end();
}
END_TEST

START_TEST(a_block_is_what_protobuf_says_it_is)
{
	struct rnd rnd = { 77 };
	struct help_set s = { NULL, 0, 0 };
	struct block_builder b;
	struct slice bytes;
	Lsm__Block *block;
	size_t estimate;

	help_random(&s, &rnd, 500, 30);
	block_builder_init(&b, 16, true);
	for (size_t i = 0; i < s.n; i++)
		block_builder_add(&b, &s.e[i], hash64(s.e[i].key));
	estimate = block_builder_size(&b);
	bytes = block_builder_finish(&b);
	ck_assert_uint_eq(bytes.n, estimate);
	block = lsm__block__unpack(NULL, bytes.n, bytes.p);
	ck_assert_ptr_nonnull(block);
	ck_assert_uint_eq(expect_block(block, &s, 0), s.n);
	for (size_t i = 0; i < block->n_restarts; i++) {
		/* The tag of an entry stands where a restart points to. */
		ck_assert_uint_lt(block->restarts[i], bytes.n);
		ck_assert_uint_eq(bytes.p[block->restarts[i]], 0x0a);
	}
	ck_assert_uint_eq(block->hash_index.len, 1 + s.n);
	ck_assert_uint_eq(block->hash_index.data[0], 16);
	for (size_t i = 0; i < s.n; i++)
		ck_assert_uint_eq(block->hash_index.data[1 + i], hash64(s.e[i].key) >> 32 & 0xff);
	ck_assert_uint_eq(lsm__block__get_packed_size(block), bytes.n);
	lsm__block__free_unpacked(block, NULL);
	block_builder_fini(&b);
	help_free(&s);
}
END_TEST

static void put_footer_change(uint8_t *footer, size_t at, uint32_t value)
{
	put_u32(footer + at, value);
	put_u32(footer + 116, (uint32_t)crc32(0, footer, 116));
}

START_TEST(a_footer_that_says_what_this_program_does_not_know_is_refused)
{
	static const struct { size_t at; uint32_t value;
	} changes[] = {
		{ 64, 1 },  { 68, 1 },           { 68, 3 }, { 72, 0 }, { 72, 3 }, /* flags, version, depth */
		{ 0, 101 }, { 8, 49 },           { 12, 1 }, { 16, 1 }, { 36, 0x80000000u },
		{ 40, 0 },  { 44, 0xffffffffu },
	};
	struct table_footer f = { { 100, 50 }, { 160, 30 }, { 200, 40 }, 2, file_id(1), 2 }, got;
	struct buf b = BUF_INIT;

	format_put_footer(&b, &f);
	ck_assert_uint_eq(b.n, TABLE_FOOTER_BYTES);
	ck_assert_ptr_null(format_get_footer(b.p, 250 + TABLE_FOOTER_BYTES, &got));
	ck_assert_uint_eq(got.index.offset, 200);
	ck_assert_ptr_nonnull(format_get_footer(b.p, 251 + TABLE_FOOTER_BYTES, &got));
	ck_assert_ptr_nonnull(format_get_footer(b.p, 249 + TABLE_FOOTER_BYTES, &got));
	ck_assert_ptr_nonnull(format_get_footer(b.p, TABLE_FOOTER_BYTES, &got));
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		uint8_t copy[TABLE_FOOTER_BYTES];

		memcpy(copy, b.p, sizeof(copy));
		put_footer_change(copy, changes[i].at, changes[i].value);
		ck_assert_ptr_nonnull(format_get_footer(copy, 250 + TABLE_FOOTER_BYTES, &got));
	}
	buf_fini(&b);
}
END_TEST

/* A trailer with a right checksum that claims what cannot be: a writer gone mad, or a hand at work. */
START_TEST(a_trailer_that_claims_nonsense_is_refused)
{
	static const struct {
		enum block_type type;
		unsigned codec;
		uint32_t raw_n;
		enum block_fault fault;
	} claims[] = {
		{ BLOCK_DATA, CODEC_RAW, 5, BLOCK_SOUND },
		{ BLOCK_DATA, CODEC_ZLIB, 5000, BLOCK_SOUND },
		{ BLOCK_DATA, CODEC_RAW, 6, BLOCK_BAD_TRAILER },
		{ BLOCK_DATA, CODEC_ZLIB, BLOCK_RAW_MAX + 1, BLOCK_BAD_TRAILER },
		{ BLOCK_DATA, CODEC_ZSTD, 5000, BLOCK_SOUND },
		{ BLOCK_DATA, 3, 5, BLOCK_BAD_TRAILER },
		{ BLOCK_INDEX, CODEC_RAW, 5, BLOCK_SOUND },
		{ BLOCK_INDEX, CODEC_ZLIB, 5, BLOCK_BAD_TRAILER },
	};

	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		struct block_place place = { file_id(3), 10, claims[i].type };
		struct buf b = BUF_INIT;
		enum block_codec codec;
		uint32_t raw_n;

		buf_append_str(&b, "bytes");
		format_put_trailer(&b, 5, place, claims[i].codec, claims[i].raw_n);
		ck_assert_int_eq(format_check_block(buf_slice(&b), place, &codec, &raw_n), claims[i].fault);
		place.offset++;
		ck_assert_int_eq(format_check_block(buf_slice(&b), place, &codec, &raw_n), BLOCK_BAD_CRC);
		place.offset--;
		place.table = file_id(4);
		ck_assert_int_eq(format_check_block(buf_slice(&b), place, &codec, &raw_n), BLOCK_BAD_CRC);
		place.table = file_id(3);
		place.type = BLOCK_FILTER;
		ck_assert_int_ne(format_check_block(buf_slice(&b), place, &codec, &raw_n), BLOCK_SOUND);
		buf_fini(&b);
	}
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_loop_test(tc, a_second_reader_finds_in_a_table_what_was_written, 0, 4);
	tcase_add_test(tc, a_block_is_what_protobuf_says_it_is);
	tcase_add_test(tc, a_footer_that_says_what_this_program_does_not_know_is_refused);
	tcase_add_test(tc, a_trailer_that_claims_nonsense_is_refused);
}

CHECK_MAIN("table/format", suite)
