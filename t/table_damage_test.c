/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Damaged tables: every answer is the right one or ST_CORRUPT, never a wrong value, never not-found for a key
 * that is there, never a crash (invariant 8).
 */
#include <fcntl.h>

#include "common/base/coding.h"
#include "common/base/hash.h"
#include "common/table/block.h"
#include "common/table/block_builder.h"
#include "common/table/format.h"
#include "common/vfs/fault.h"
#include "t/check_main.h"
#include "t/table_help.h"

/* Asks for everything in s; gives how many answers were ST_CORRUPT. */
static size_t ask_everything(struct table_reader *r, const struct help_set *s)
{
	size_t refused = 0;

	for (size_t i = 0; i < s->n; i++) {
		struct read_cost cost = { .tables = 0 };
		struct block_pin pin;
		struct entry e;
		enum st st = table_get(r, s->e[i].key, s->e[i].seq, false, &cost, &e, &pin);

		ck_quick(st == ST_OK || st == ST_CORRUPT);
		ck_quick(cost.corrupt_blocks == (st == ST_CORRUPT));
		ck_quick(st != ST_OK || help_same(&e, &s->e[i]));
		refused += st == ST_CORRUPT;
		block_pin_release(&pin);
	}
	return refused;
}

static bool iterates_or_stops_as_corrupt(struct table_reader *r, const struct help_set *s, bool readahead)
{
	struct iter *it = table_iter_new(r, readahead);
	enum st st;
	size_t i = 0;

	for (iter_first(it); it->valid; iter_next(it))
		ck_quick(i < s->n && help_same(&it->entry, &s->e[i++]));
	st = it->status;
	ck_assert(st == ST_CORRUPT || (st == ST_OK && i == s->n));
	iter_free(&it);
	return st == ST_OK;
}

static void small_set(struct help_set *s)
{
	for (uint64_t i = 0; i < 24; i++) {
		char key[32], value[48];

		snprintf(key, sizeof(key), "user/%u", (unsigned)(i / 2 * 7));
		snprintf(value, sizeof(value), "value %u aaaaaaaaaaaaaaaaaaaaaaaaaaaa", (unsigned)i);
		help_add(s, slice_str(key), slice_str(value), 100 + i, i == 5, 1700000000000 + (int64_t)i,
			 i == 6);
	}
	help_sort(s);
}

START_TEST(a_flipped_byte_anywhere_gives_the_same_answers_or_corrupt)
{
	static const uint8_t masks[] = { 0x01, 0x80, 0xff };
	struct table_options o = { .codec = _i == 1 ? BLOCK_COMPRESSION_FAST : BLOCK_COMPRESSION_NONE,
				   .block_bytes = 200, .index_flat_bytes = _i == 2, .index_partition_bytes = 30 };
	struct help_set s = { NULL, 0, 0 };
	struct table_reader *r;
	uint64_t size;
	int fd;

	help_begin();
	small_set(&s);
	r = help_table(&s, o, NULL);
	size = table_props(r)->size_bytes;
	table_close(&r);
	fd = open(help_path(), O_RDWR | O_CLOEXEC);
	for (uint64_t at = 0; at < size; at++) {
		uint8_t byte, changed;
		enum st st;

		ck_assert_int_eq(pread(fd, &byte, 1, (off_t)at), 1);
		changed = byte ^ masks[at % 3];
		ck_assert_int_eq(pwrite(fd, &changed, 1, (off_t)at), 1);
		st = table_open(vfs_posix(), help_path(), file_id(7), DATABASE, NULL, &r);
		ck_assert(st == ST_OK || st == ST_CORRUPT);
		if (st == ST_OK) {
			size_t refused = ask_everything(r, &s);

			/* No byte of a table is without a checksum. */
			ck_assert_uint_gt(refused, 0);
			ck_assert_uint_lt(refused, s.n);
			ck_assert(!iterates_or_stops_as_corrupt(r, &s, false));
			ck_assert(!iterates_or_stops_as_corrupt(r, &s, true));
			table_close(&r);
		}
		ck_assert_int_eq(pwrite(fd, &byte, 1, (off_t)at), 1);
	}
	close(fd);
	ck_assert_int_eq(table_open(vfs_posix(), help_path(), file_id(7), DATABASE, NULL, &r), ST_OK);
	ck_assert_uint_eq(ask_everything(r, &s), 0);
	table_close(&r);
	help_free(&s);
	help_end();
}
END_TEST

START_TEST(a_table_cut_to_any_length_is_refused)
{
	struct help_set s = { NULL, 0, 0 };
	struct table_reader *r;
	uint64_t size;

	help_begin();
	small_set(&s);
	r = help_table(&s, (struct table_options){ .codec = BLOCK_COMPRESSION_FAST }, NULL);
	size = table_props(r)->size_bytes;
	table_close(&r);
	while (size-- > 0) {
		ck_assert_int_eq(truncate(help_path(), (off_t)size), 0);
		ck_assert_int_eq(table_open(vfs_posix(), help_path(), file_id(7), DATABASE, NULL, &r),
				 ST_CORRUPT);
	}
	help_free(&s);
	help_end();
}
END_TEST

START_TEST(a_table_cut_while_open_answers_corrupt)
{
	struct help_set s = { NULL, 0, 0 };
	struct read_cost cost = { .tables = 0 };
	struct table_reader *r;
	struct block_pin pin;
	struct entry e;

	help_begin();
	small_set(&s);
	r = help_table(&s, (struct table_options){ .codec = BLOCK_COMPRESSION_NONE, .block_bytes = 200 },
		       NULL);
	ck_assert_int_eq(truncate(help_path(), 10), 0);
	ck_assert_uint_eq(ask_everything(r, &s), s.n);
	ck_assert(!iterates_or_stops_as_corrupt(r, &s, true));
	/* It is the missing bytes that are found out, not a checksum of what happened to lie in memory. */
	ck_assert_int_eq(table_get(r, s.e[0].key, SEQ_MAX, false, &cost, &e, &pin), ST_CORRUPT);
	ck_assert_uint_eq(cost.corrupt_blocks, 1);
	ck_assert_uint_eq(cost.crc_failures, 0);
	table_close(&r);
	help_free(&s);
	help_end();
}
END_TEST

START_TEST(a_sound_block_in_the_wrong_place_is_refused)
{
	struct help_set s = { NULL, 0, 0 };
	struct table_reader *r;
	uint8_t first[64];
	int fd;

	help_begin();
	for (unsigned i = 0; i < 2; i++)
		help_add(&s, slice_str(i ? "b" : "a"), slice_str("same length"), 100, false, 1, 0);
	r = help_table(&s, (struct table_options){ .codec = BLOCK_COMPRESSION_NONE, .block_bytes = 1 }, NULL);
	table_close(&r);
	fd = open(help_path(), O_RDWR | O_CLOEXEC);
	/* Each block: restarts 6, tags 4, entry 2, key 3, value 13, sequence 2, timestamp 2; its trailer: 10. */
	ck_assert_int_eq(pread(fd, first, 42, 0), 42);
	ck_assert_int_eq(pwrite(fd, first, 42, 42), 42);
	close(fd);
	ck_assert_int_eq(table_open(vfs_posix(), help_path(), file_id(7), DATABASE, NULL, &r), ST_OK);
	ck_assert_uint_eq(ask_everything(r, &s), 1);
	table_close(&r);
	help_free(&s);
	help_end();
}
END_TEST

/* Every key of the set must be in the range of the block it lies in, and no range may hold a key of another block. */
START_TEST(the_range_of_a_damaged_block_holds_its_keys_and_no_others)
{
	struct help_set s = { NULL, 0, 0 };
	struct rnd rnd = { (uint64_t)_i };
	struct table_reader *r;
	struct table_damage *found;
	int fd;

	help_begin();
	help_random(&s, &rnd, 300, 60);
	r = help_table(&s, (struct table_options){ .codec = BLOCK_COMPRESSION_NONE, .block_bytes = 300,
						   .index_flat_bytes = (size_t)_i % 2, .index_partition_bytes = 100 }, NULL);
	fd = open(help_path(), O_RDWR | O_CLOEXEC);
	for (uint64_t at = 0; at < table_props(r)->size_bytes / 2; at += 97)      /* most blocks, and not the end of the file */
		ck_assert_int_eq(pwrite(fd, "?", 1, (off_t)at), 1);
	close(fd);
	found = mem_zalloc(s.n * sizeof(*found));
	for (size_t i = 0; i < s.n; i++) {
		struct read_cost cost = { .tables = 0 };
		struct block_pin pin;
		struct entry e;

		if (table_get(r, s.e[i].key, s.e[i].seq, false, &cost, &e, &pin) == ST_CORRUPT) {
			found[i] = cost.damage;
			ck_assert(slice_cmp(cost.damage.min, s.e[i].key) <= 0 && slice_cmp(s.e[i].key, cost.damage.max) <= 0);
			ck_assert_uint_eq(cost.damage.max_seq.v, table_props(r)->max_seq.v);
		}
		block_pin_release(&pin);
	}
	for (size_t i = 0; i < s.n; i++)
		for (size_t j = 0; found[i].table.v && j < s.n; j++) {
			bool inside = slice_cmp(found[i].min, s.e[j].key) <= 0 && slice_cmp(s.e[j].key, found[i].max) <= 0;
			bool shares = j > 0 && slice_eq(s.e[j].key, s.e[j - 1].key);

			shares |= j + 1 < s.n && slice_eq(s.e[j].key, s.e[j + 1].key);
			if (inside && !shares)           /* versions of one key may fill several blocks */
				ck_assert_uint_eq(found[j].offset, found[i].offset);
		}
	mem_free(found);
	table_close(&r);
	help_free(&s);
	help_end();
}
END_TEST

START_TEST(what_was_damaged_in_memory_only_is_read_once_more_and_served)
{
	struct vfs *v = fault_new(vfs_posix());
	struct help_set s = { NULL, 0, 0 };
	struct table_reader *r;

	help_begin();
	small_set(&s);
	r = help_table(&s, (struct table_options){ .codec = BLOCK_COMPRESSION_FAST, .block_bytes = 200 }, NULL);
	table_close(&r);
	for (uint64_t n = 1; n <= 2; n++) {              /* footer, the rest of the end */
		fault_arm(v, FAULT_READ, n, false, ST_CORRUPT);
		ck_assert_int_eq(table_open(v, help_path(), file_id(7), DATABASE, NULL, &r), ST_OK);
		ck_assert(fault_fired(v));
		for (size_t i = 0; i < s.n; i++) {
			struct read_cost cost = { .tables = 0 };
			struct block_pin pin;
			struct entry e;

			fault_arm(v, FAULT_READ, 1, false, ST_CORRUPT);
			ck_assert_int_eq(table_get(r, s.e[i].key, s.e[i].seq, true, &cost, &e, &pin), ST_BUSY);
			ck_assert(fault_fired(v));       /* whoever may not wait leaves the second look to the next one */
			fault_arm(v, FAULT_READ, 1, false, ST_CORRUPT);
			ck_assert_int_eq(table_get(r, s.e[i].key, s.e[i].seq, false, &cost, &e, &pin), ST_OK);
			ck_assert(fault_fired(v) && help_same(&e, &s.e[i]) && cost.corrupt_blocks == 0);
			block_pin_release(&pin);
		}
		for (int readahead = 0; readahead < 2; readahead++) {
			fault_arm(v, FAULT_READ, 1, false, ST_CORRUPT);
			ck_assert(iterates_or_stops_as_corrupt(r, &s, readahead));
			ck_assert(fault_fired(v));
		}
		table_close(&r);
	}
	help_free(&s);
	help_end();
	fault_free(&v);
}
END_TEST

START_TEST(a_block_found_damaged_is_not_read_again_by_an_open_table)
{
	struct help_set s = { NULL, 0, 0 };
	struct read_cost cost = { .tables = 0 };
	struct table_reader *r;
	struct block_pin pin;
	struct entry e;
	uint8_t byte;
	int fd;

	help_begin();
	small_set(&s);
	r = help_table(&s, (struct table_options){ .codec = BLOCK_COMPRESSION_NONE, .block_bytes = 200 }, NULL);
	fd = open(help_path(), O_RDWR | O_CLOEXEC);
	ck_assert_int_eq(pread(fd, &byte, 1, 20), 1);
	ck_assert_int_eq(pwrite(fd, "\xff", 1, 20), 1);
	ck_assert_int_eq(table_get(r, s.e[0].key, s.e[0].seq, false, &cost, &e, &pin), ST_CORRUPT);
	ck_assert_uint_eq(cost.crc_failures, 1);
	ck_assert_int_eq(pwrite(fd, &byte, 1, 20), 1);
	ck_assert_int_eq(table_get(r, s.e[0].key, s.e[0].seq, true, &cost, &e, &pin), ST_CORRUPT);
	ck_assert_uint_eq(cost.crc_failures, 1);
	table_close(&r);
	ck_assert_int_eq(table_open(vfs_posix(), help_path(), file_id(7), DATABASE, NULL, &r), ST_OK);
	ck_assert_int_eq(table_get(r, s.e[0].key, s.e[0].seq, false, &cost, &e, &pin), ST_OK);
	block_pin_release(&pin);
	table_close(&r);
	close(fd);
	help_free(&s);
	help_end();
}
END_TEST

#define RECORDS_MAX 256u

struct records { struct table_damage list[RECORDS_MAX]; size_t n; struct damage_index index; };

static void on_record(void *ctx, const struct table_damage *d)
{
	struct records *r = ctx;

	ck_assert_uint_lt(r->n, RECORDS_MAX);
	r->list[r->n++] = *d;
}

static bool is_covered(const struct records *r, struct slice key)
{
	return damage_hides(&r->index, key, seq(0)) != NULL;
}

/* Entries of keys that no record covers must all come, in order; of the others some may. */
static void expect_all_around(struct iter *it, const struct help_set *s, const struct records *r)
{
	size_t i = 0;

	for (; it->valid; iter_next(it), i++) {
		while (i < s->n && !help_same(&it->entry, &s->e[i])) {
			ck_assert(is_covered(r, s->e[i].key));
			i++;
		}
		ck_assert_uint_lt(i, s->n);
	}
	ck_assert_int_eq(it->status, ST_OK);
	for (; i < s->n; i++)
		ck_assert(is_covered(r, s->e[i].key));
}

/* The same backwards. */
static void expect_all_around_back(struct iter *it, const struct help_set *s, const struct records *r)
{
	size_t i = s->n;

	for (; it->valid; iter_prev(it), i--) {
		while (i > 0 && !help_same(&it->entry, &s->e[i - 1])) {
			ck_assert(is_covered(r, s->e[i - 1].key));
			i--;
		}
		ck_assert_uint_gt(i, 0);
	}
	ck_assert_int_eq(it->status, ST_OK);
	for (; i > 0; i--)
		ck_assert(is_covered(r, s->e[i - 1].key));
}

/* Even: the index in one piece; odd: in partitions, some of which are damaged too. */
START_TEST(an_iterator_passes_over_what_is_on_record_and_shows_all_that_is_not)
{
	struct table_options o = { .codec = BLOCK_COMPRESSION_NONE, .block_bytes = 300,
				   .index_flat_bytes = (size_t)_i % 2, .index_partition_bytes = 100 };
	struct help_set s = { NULL, 0, 0 };
	struct records records = { .n = 0 };
	struct rnd rnd = { (uint64_t)_i };
	struct arena a;
	struct table_reader *r;
	uint64_t end;
	int fd;

	help_begin();
	help_random(&s, &rnd, 600, 60);
	r = help_table(&s, o, NULL);
	end = table_props(r)->size_bytes;
	fd = open(help_path(), O_RDWR | O_CLOEXEC);
	for (int i = 0; i < 12; i++)     /* what lies behind the data is loaded already, but for the partitions */
		ck_assert_int_eq(pwrite(fd, "?!", 2, (off_t)rnd_below(&rnd, end - 200)), 2);
	close(fd);
	ck_assert_int_eq(table_scrub(r, DAMAGE_WHOLE, on_record, &records), ST_OK);
	ck_assert_uint_gt(records.n, 0);
	arena_init(&a);
	damage_index_init(&records.index, records.list, records.n, &a);
	for (int readahead = 0; readahead < 2; readahead++) {
		struct iter *it = table_iter_new(r, readahead);

		iter_first(it);
		while (it->valid)
			iter_next(it);
		ck_assert_int_eq(it->status, ST_CORRUPT);        /* without the record */
		table_iter_pass_over(it, &records.index);
		iter_first(it);
		expect_all_around(it, &s, &records);
		iter_first(it);          /* it stands somewhere else when it is sent to the end */
		iter_last(it);
		expect_all_around_back(it, &s, &records);
		iter_first(it);
		iter_seek_last(it, slice_str("\xff\xff\xff"), seq(0));
		expect_all_around_back(it, &s, &records);
		for (size_t i = 0; i < s.n; i++) {
			iter_seek_last(it, s.e[i].key, s.e[i].seq);
			ck_assert(it->status == ST_OK && (it->valid ? is_covered(&records, s.e[i].key) || help_same(&it->entry, &s.e[i])
							   : is_covered(&records, s.e[i].key)));
		}
		iter_seek(it, s.e[s.n / 2].key, SEQ_MAX);
		ck_assert(it->status == ST_OK && (!it->valid || slice_cmp(it->entry.key, s.e[s.n / 2].key) >= 0));
		iter_free(&it);
	}
	table_close(&r);
	arena_fini(&a);
	help_free(&s);
	help_end();
}
END_TEST

static void walk_damaged(struct slice bytes, const struct help_set *s, struct rnd *rnd)
{
	const struct entry *any = &s->e[rnd_below(rnd, s->n)];
	struct block_cursor c;
	struct block b;
	struct entry e;

	block_cursor_init(&c);
	if (block_cursor_open(&c, bytes)) {
		for (enum block_step step = block_cursor_first(&c); step == BLOCK_AT;
		     step = block_cursor_next(&c))
			ck_quick(c.entry.value.n == 0 ||
				  (c.entry.value.p >= bytes.p &&
				   c.entry.value.p + c.entry.value.n <= bytes.p + bytes.n));
		block_cursor_seek(&c, any->key, any->seq);
	}
	block_cursor_fini(&c);
	if (block_parse(bytes, &b) && block_find(&b, any->key, hash64(any->key), any->seq, &e) == BLOCK_AT)
		ck_quick(e.value.n == 0 ||
			  (e.value.p >= bytes.p && e.value.p + e.value.n <= bytes.p + bytes.n));
}

/* What a checksum would have caught, without the checksum: the block code alone must stay inside the
 * bytes. */
START_TEST(a_block_of_any_bytes_is_walked_inside_its_bytes)
{
	struct rnd rnd = { (uint64_t)_i };
	struct help_set s = { NULL, 0, 0 };
	struct block_builder b;
	struct slice block;

	help_random(&s, &rnd, 60, 40);
	block_builder_init(&b, 4, true);
	for (size_t i = 0; i < s.n; i++)
		block_builder_add(&b, &s.e[i], hash64(s.e[i].key));
	block = block_builder_finish(&b);
	for (int i = 0; i < 6000; i++) {
		size_t n = rnd_below(&rnd, 4) ? block.n : (size_t)rnd_below(&rnd, block.n + 1);
		uint8_t *bytes = mem_dup(block.p, n + (n == 0));

		for (uint64_t j = 1 + rnd_below(&rnd, 3); j > 0 && n > 0; j--) {
			size_t at = (size_t)(rnd_below(&rnd, 2) ? rnd_below(&rnd, n)
								: rnd_below(&rnd, n < 80 ? n : 80));

			bytes[at] = (uint8_t)rnd_next(&rnd);
		}
		walk_damaged(slice_of(bytes, n), &s, &rnd);
		mem_free(bytes);
	}
	block_builder_fini(&b);
	help_free(&s);
}
END_TEST

/* Seals a block anew after its bytes were changed: a hand at work, or a writer gone mad. */
static void reseal(uint8_t *file, uint64_t offset, uint64_t size, unsigned type)
{
	struct buf b = BUF_INIT;
	uint8_t *trailer = file + offset + size;

	buf_append(&b, file + offset, size);
	format_put_trailer(&b, size, (struct block_place){ file_id(7), offset, type }, trailer[1],
			   get_u32(trailer + 2));
	memcpy(trailer, b.p + size, BLOCK_TRAILER_BYTES);
	buf_fini(&b);
}

START_TEST(a_damaged_index_partition_costs_its_keys_and_no_others)
{
	struct table_options o = { .codec = BLOCK_COMPRESSION_NONE, .block_bytes = 1, .index_flat_bytes = 1,
				   .index_partition_bytes = 200 };
	struct help_set s = { NULL, 0, 0 };
	struct table_damage d = { .offset = 0 };
	struct table_reader *r;
	size_t damaged = 0;
	int fd;

	help_begin();
	for (uint64_t i = 0; i < 300; i++) {
		char key[16];

		snprintf(key, sizeof(key), "k%05u", (unsigned)i);
		help_add(&s, slice_str(key), slice_str("v"), 1 + i, false, 0, 0);
	}
	r = help_table(&s, o, NULL);
	fd = open(help_path(), O_RDWR | O_CLOEXEC);
	/* 300 blocks of 37 bytes and their trailers; the third partition or so. */
	ck_assert_int_eq(pwrite(fd, "????", 4, 300 * 37 + 600), 4);
	close(fd);
	for (size_t i = 0; i < s.n; i++) {
		struct read_cost cost = { .tables = 0 };
		struct block_pin pin;
		struct entry e;
		enum st st = table_get(r, s.e[i].key, SEQ_MAX, false, &cost, &e, &pin);

		block_pin_release(&pin);
		if (st == ST_CORRUPT) {
			ck_assert(damaged++ == 0 || cost.damage.offset == d.offset);
			d = cost.damage;
		}
		ck_assert(st == (damaged && slice_cmp(d.min, s.e[i].key) <= 0 && slice_cmp(s.e[i].key, d.max) <= 0 ? ST_CORRUPT
														  : ST_OK));
	}
	ck_assert(damaged > 1 && damaged < 50);
	ck_assert(slice_cmp(d.min, s.e[0].key) > 0 && slice_cmp(d.max, s.e[s.n - 1].key) < 0);
	ck_assert(!iterates_or_stops_as_corrupt(r, &s, true));
	table_close(&r);
	help_free(&s);
	help_end();
}
END_TEST

/* A file with a sound footer that claims a filter of this size. */
static enum st open_claim(uint64_t filter_bytes)
{
	struct table_footer f = { .filter = { 0, filter_bytes }, .index_depth = 1, .id = file_id(7), .database = DATABASE };
	uint64_t end = filter_bytes + BLOCK_TRAILER_BYTES;
	struct buf b = BUF_INIT;
	struct table_reader *r;
	int fd = open(help_path(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	enum st st;

	f.properties = (struct block_handle){ end, 10 };
	f.index = (struct block_handle){ end + 10 + BLOCK_TRAILER_BYTES, 10 };
	format_put_footer(&b, &f);
	ck_assert_int_eq(pwrite(fd, b.p, b.n, (off_t)(f.index.offset + 10 + BLOCK_TRAILER_BYTES)), (ssize_t)b.n);
	close(fd);
	buf_fini(&b);
	st = table_open(vfs_posix(), help_path(), file_id(7), DATABASE, NULL, &r);
	ck_assert_ptr_null(r);
	return st;
}

/* Sparse, so that only a reader that believes the claim pays for it: that of 1 TiB would be out of memory. */
START_TEST(a_footer_that_claims_more_than_a_table_has_is_refused)
{
	help_begin();
	ck_assert_int_eq(open_claim(1u << 20), ST_CORRUPT);
	ck_assert_int_eq(open_claim(65u << 20), ST_CORRUPT);
	ck_assert_int_eq(open_claim(1ull << 40), ST_CORRUPT);
	help_end();
}
END_TEST

/* The size of the first data block, which is stored raw. */
static uint64_t first_block(const uint8_t *file)
{
	uint64_t size = 37;

	while (file[size] != BLOCK_DATA || file[size + 1] != CODEC_RAW || get_u32(file + size + 2) != size)
		size++;
	return size;
}

/* Changes some bytes of one block, mostly by little, so that the result is often nearly right. */
static void tamper(uint8_t *file, size_t n, struct rnd *rnd)
{
	const uint8_t *footer = file + n - TABLE_FOOTER_BYTES;
	unsigned which = (unsigned)rnd_below(rnd, 5);
	uint64_t offset = 0, size = 0;

	if (which == 4) {                    /* the last block before the filter: of data, or a partition of the index */
		offset = get_u64(footer) - BLOCK_TRAILER_BYTES;
		size = get_u32(file + offset + 2);
		offset -= size;
	} else if (which > 0) {
		offset = get_u64(footer + 16 * (which - 1));
		size = get_u64(footer + 16 * (which - 1) + 8);
	} else {
		size = first_block(file);
	}
	for (uint64_t i = 1 + rnd_below(rnd, 3); i > 0; i--) {
		uint8_t *at = &file[offset + rnd_below(rnd, rnd_below(rnd, 2) || size < 16 ? size : 16)];

		*at = (uint8_t)(rnd_below(rnd, 2) ? *at + 1 - rnd_below(rnd, 3) : rnd_next(rnd));
	}
	if (rnd_below(rnd, 8) == 0)
		file[offset + size + 1] = (uint8_t)rnd_below(rnd, 4);      /* another codec, or size */
	if (rnd_below(rnd, 8) == 0)
		file[offset + size + 2 + rnd_below(rnd, 4)] ^= (uint8_t)(1u << rnd_below(rnd, 8));
	reseal(file, offset, size, file[offset + size]);
}

static void survive(const struct help_set *s)
{
	enum st unknown_codec = codec_is_built(CODEC_ZSTD) ? ST_CORRUPT : ST_INTERNAL;
	struct table_reader *r;
	enum st st = table_open(vfs_posix(), help_path(), file_id(7), DATABASE, NULL, &r);

	ck_quick(st == ST_OK || st == ST_CORRUPT);
	if (st)
		return;
	for (size_t i = 0; i < s->n; i++) {
		struct read_cost cost = { .tables = 0 };
		struct block_pin pin;
		struct entry e;

		st = table_get(r, s->e[i].key, s->e[i].seq, false, &cost, &e, &pin);
		ck_quick(st == ST_OK || st == ST_CORRUPT || st == ST_NOT_FOUND || st == unknown_codec);
		block_pin_release(&pin);
	}
	for (int readahead = 0; readahead < 2; readahead++) {
		struct iter *it = table_iter_new(r, readahead);

		for (iter_last(it); it->valid; iter_prev(it))
			;
		for (iter_first(it); it->valid; iter_next(it))
			;
		ck_quick(it->status == ST_OK || it->status == ST_CORRUPT || it->status == unknown_codec);
		iter_seek(it, s->e[s->n / 2].key, s->e[s->n / 2].seq);
		iter_free(&it);
	}
	table_close(&r);
}

START_TEST(a_sound_block_of_a_codec_that_is_not_built_in_is_no_damage)
{
	enum st want = codec_is_built(CODEC_ZSTD) ? ST_CORRUPT : ST_INTERNAL;
	struct help_set s = { NULL, 0, 0 };
	struct read_cost cost = { .tables = 0 };
	struct table_reader *r;
	struct block_pin pin;
	struct entry e;
	uint64_t first;
	uint8_t *bytes;
	struct iter *it;
	size_t n;
	int fd;

	help_begin();
	small_set(&s);
	r = help_table(&s, (struct table_options){ .codec = BLOCK_COMPRESSION_NONE, .block_bytes = 200 }, NULL);
	table_close(&r);
	ck_assert_int_eq(vfs_slurp(vfs_posix(), help_path(), 1 << 20, &bytes, &n), ST_OK);
	first = first_block(bytes);
	bytes[first + 1] = CODEC_ZSTD;
	reseal(bytes, 0, first, BLOCK_DATA);
	fd = open(help_path(), O_RDWR | O_CLOEXEC);
	ck_assert_int_eq(pwrite(fd, bytes, n, 0), (ssize_t)n);
	close(fd);
	ck_assert_int_eq(table_open(vfs_posix(), help_path(), file_id(7), DATABASE, NULL, &r), ST_OK);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(table_get(r, s.e[0].key, SEQ_MAX, false, &cost, &e, &pin), want);
	ck_assert_uint_eq(cost.corrupt_blocks, want == ST_CORRUPT ? 2 : 0);
	ck_assert_int_eq(table_get(r, s.e[s.n - 1].key, SEQ_MAX, false, &cost, &e, &pin), ST_OK);
	block_pin_release(&pin);
	for (int readahead = 0; readahead < 2; readahead++) {
		it = table_iter_new(r, readahead);
		iter_first(it);
		ck_assert(!it->valid);
		ck_assert_int_eq(it->status, want);
		iter_free(&it);
	}
	table_close(&r);
	mem_free(bytes);
	help_free(&s);
	help_end();
}
END_TEST

START_TEST(a_forged_table_with_right_checksums_does_no_harm)
{
	struct rnd rnd = { (uint64_t)_i };
	struct help_set s = { NULL, 0, 0 };
	struct table_reader *r;
	uint8_t *bytes;
	size_t n;
	int fd;

	help_begin();
	small_set(&s);
	r = help_table(&s, (struct table_options){ .codec = BLOCK_COMPRESSION_NONE, .block_bytes = 200,
						   .index_flat_bytes = (size_t)_i % 2, .index_partition_bytes = 30 }, NULL);
	table_close(&r);
	ck_assert_int_eq(vfs_slurp(vfs_posix(), help_path(), 1 << 20, &bytes, &n), ST_OK);
	fd = open(help_path(), O_RDWR | O_CLOEXEC);
	for (int i = 0; i < 1500; i++) {
		uint8_t *copy = mem_dup(bytes, n);

		tamper(copy, n, &rnd);
		ck_quick(pwrite(fd, copy, n, 0) == (ssize_t)n);
		survive(&s);
		mem_free(copy);
	}
	close(fd);
	mem_free(bytes);
	help_free(&s);
	help_end();
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_loop_test(tc, a_flipped_byte_anywhere_gives_the_same_answers_or_corrupt, 0, 3);
	tcase_add_test(tc, a_table_cut_to_any_length_is_refused);
	tcase_add_test(tc, a_table_cut_while_open_answers_corrupt);
	tcase_add_test(tc, a_sound_block_in_the_wrong_place_is_refused);
	tcase_add_loop_test(tc, the_range_of_a_damaged_block_holds_its_keys_and_no_others, 0, 8);
	tcase_add_loop_test(tc, an_iterator_passes_over_what_is_on_record_and_shows_all_that_is_not, 0, 30);
	tcase_add_test(tc, what_was_damaged_in_memory_only_is_read_once_more_and_served);
	tcase_add_test(tc, a_block_found_damaged_is_not_read_again_by_an_open_table);
	tcase_add_test(tc, a_damaged_index_partition_costs_its_keys_and_no_others);
	tcase_add_test(tc, a_footer_that_claims_more_than_a_table_has_is_refused);
	tcase_add_test(tc, a_sound_block_of_a_codec_that_is_not_built_in_is_no_damage);
	tcase_add_loop_test(tc, a_forged_table_with_right_checksums_does_no_harm, 0, 4);
	tcase_add_loop_test(tc, a_block_of_any_bytes_is_walked_inside_its_bytes, 0, 3);
}

CHECK_MAIN("table/damage", suite)
