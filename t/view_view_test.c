/* SPDX-License-Identifier: Apache-2.0 */
/* The view: which version answers, what never falls through, and that scans and gets tell the same. */
#include "common/view/view.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/base/rand.h"
#include "common/table/filename.h"
#include "common/table/table_writer.h"
#include "common/view/read_trace.h"
#include "t/check_main.h"
#include "t/iter_walk.h"

#define DATABASE 77u
#define NOW 1000                /* the time of all reads here, ms */
#define MEMTABLES_MAX 4
#define TABLES_MAX 40

/* A place for a view: a directory, a table cache, and the description that grows as the test adds to it. */
struct place {
	char dir[200];
	struct block_cache *blocks;
	struct table_cache *cache;
	struct view_desc desc;
	struct memtable *memtables[MEMTABLES_MAX];
	struct file_id memtable_ids[MEMTABLES_MAX];
	struct view_table tables[LEVEL_COUNT][TABLES_MAX];
	uint64_t next_id;
};

static struct place *place_new(void)
{
	struct place *p = mem_zalloc(sizeof *p);
	const char *tmp = getenv("TMPDIR");

	snprintf(p->dir, sizeof p->dir, "%s/view_test.XXXXXX", tmp ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(p->dir));
	ck_assert_int_eq(vfs_mkdir(vfs_posix(), path_sst_dir(p->dir).s), ST_OK);
	p->blocks = block_cache_new(1 << 20);
	p->cache = table_cache_new(vfs_posix(), p->dir, DATABASE, p->blocks, 100);
	p->desc.memtables = p->memtable_ids;
	for (unsigned i = 0; i < LEVEL_COUNT; i++)
		p->desc.levels[i].tables = p->tables[i];
	p->next_id = 1;
	return p;
}

static void place_free(struct place *p)
{
	char command[300];

	for (size_t i = 0; i < p->desc.memtable_count; i++)
		memtable_unref(&p->memtables[i]);
	for (unsigned level = 0; level < LEVEL_COUNT; level++)
		for (size_t i = 0; i < p->desc.levels[level].count; i++) {
			mem_free((void *)(uintptr_t)p->tables[level][i].min_key.p);
			mem_free((void *)(uintptr_t)p->tables[level][i].max_key.p);
		}
	table_cache_free(&p->cache);
	block_cache_free(&p->blocks);
	snprintf(command, sizeof command, "rm -rf '%s'", p->dir);
	ck_assert_int_eq(system(command), 0);
	mem_free(p);
}

/* A memtable older than those added before. */
static struct memtable *add_memtable(struct place *p)
{
	size_t i = p->desc.memtable_count++;

	p->memtable_ids[i] = file_id(p->next_id++);
	ck_assert_int_eq(memtable_new(p->memtable_ids[i], 1 << 20, &p->memtables[i]), ST_OK);
	return p->memtables[i];
}

/* A table of n entries in entry order, behind those of its level. */
static struct file_id add_table(struct place *p, unsigned level, const struct entry *e, size_t n)
{
	struct table_options o = { .database = DATABASE, .level = level, .block_bytes = 200 };
	struct view_table *t = &p->tables[level][p->desc.levels[level].count++];
	struct table_summary sum;
	struct table_writer *w;

	t->id = file_id(p->next_id++);
	ck_assert_int_eq(table_writer_begin(vfs_posix(), path_sst(p->dir, t->id).s, t->id, &o, &w), ST_OK);
	for (size_t i = 0; i < n; i++)
		table_writer_add(w, &e[i]);
	ck_assert_int_eq(table_writer_finish(w, &sum), ST_OK);
	t->size_bytes = sum.size_bytes;
	t->entry_count = n;
	t->min_key = slice_of(mem_dup(sum.min_key.p, sum.min_key.n), sum.min_key.n);
	t->max_key = slice_of(mem_dup(sum.max_key.p, sum.max_key.n), sum.max_key.n);
	t->max_seq = sum.max_seq;
	table_writer_free(&w);
	return t->id;
}

static struct entry put_of(const char *key, uint64_t s, const char *value)
{
	return (struct entry){ .key = slice_str(key), .value = slice_str(value), .seq = seq(s) };
}

static struct entry delete_of(const char *key, uint64_t s)
{
	return (struct entry){ .key = slice_str(key), .seq = seq(s), .is_tombstone = true };
}

static struct entry expiring(const char *key, uint64_t s, const char *value, int64_t at_ms)
{
	struct entry e = put_of(key, s, value);

	e.expires_at_ms = at_ms;
	return e;
}

static void insert(struct memtable *m, struct entry e)
{
	memtable_insert(m, &e);
}

/* A table of one entry. */
static struct file_id add_one(struct place *p, unsigned level, struct entry e)
{
	return add_table(p, level, &e, 1);
}

static struct memtable *find_in_place(void *ctx, struct file_id id)
{
	struct place *p = ctx;

	for (size_t i = 0; i < p->desc.memtable_count; i++)
		if (p->memtables[i] && p->memtable_ids[i].v == id.v)
			return memtable_ref(p->memtables[i]);
	return NULL;
}

static struct view *view_of(struct place *p)
{
	struct view *v;

	ck_assert_int_eq(view_new(&p->desc, find_in_place, p, p->cache, &v), ST_OK);
	return v;
}

/* Must the get of key at s answer this value (NULL: not found)? */
static void expect(struct view *v, const char *key, uint64_t s, const char *value)
{
	struct read_cost cost = { 0 };
	struct view_pin pin;
	struct entry e;
	enum st st = view_get(v, slice_str(key), seq(s), NOW, false, &cost, &e, &pin);

	ck_assert_int_eq(st, value ? ST_OK : ST_NOT_FOUND);
	if (value)
		ck_assert(slice_eq(e.value, slice_str(value)) && slice_eq(e.key, slice_str(key)));
	else
		ck_assert(pin.view == NULL && pin.block.block == NULL);
	view_pin_release(&pin);
}

static enum st outcome(struct view *v, const char *key, bool nowait)
{
	struct read_cost cost = { 0 };
	struct view_pin pin;
	struct entry e;
	enum st st = view_get(v, slice_str(key), SEQ_MAX, NOW, nowait, &cost, &e, &pin);

	view_pin_release(&pin);
	return st;
}

/* ---- which version answers ---- */

START_TEST(empty_view_finds_nothing)
{
	struct place *p = place_new();
	struct view *v = view_of(p);
	struct iter *it;

	expect(v, "k", SEQ_MAX.v, NULL);
	it = view_iter_new(v, SEQ_MAX, NOW);
	iter_first(it);
	ck_assert(!it->valid && it->status == ST_OK);
	iter_free(&it);
	view_unref(&v);
	ck_assert_ptr_null(v);
	place_free(p);
}
END_TEST

/* key "k" in every place, newest on top: sequences 90, 80 in memtables, 70, 60 in level 0, 50 ... 0 below. */
static void stack(struct place *p)
{
	insert(add_memtable(p), put_of("k", 90, "m0"));
	insert(add_memtable(p), put_of("k", 80, "m1"));
	add_one(p, 0, put_of("k", 70, "l0a"));
	add_one(p, 0, put_of("k", 60, "l0b"));
	add_one(p, 1, put_of("k", 50, "l1"));
	add_one(p, 6, put_of("k", 10, "l6"));
}

START_TEST(get_sees_newest_visible_version)
{
	struct place *p = place_new();
	struct view *v;

	stack(p);
	v = view_of(p);
	expect(v, "k", SEQ_MAX.v, "m0");
	expect(v, "k", 90, "m0");
	expect(v, "k", 89, "m1");
	expect(v, "k", 79, "l0a");
	expect(v, "k", 69, "l0b");
	expect(v, "k", 59, "l1");
	expect(v, "k", 49, "l6");
	expect(v, "k", 9, NULL);
	expect(v, "j", 90, NULL);
	expect(v, "kk", 90, NULL);
	view_unref(&v);
	place_free(p);
}
END_TEST

START_TEST(tombstone_hides_everything_older_wherever_it_lies)
{
	/* Places 0 and 1 are memtables, 2 is level 0, then one a level; the value lies in the lowest. */
	struct place *p = place_new();
	struct view *v;

	if (_i < 2) {
		add_memtable(p);
		insert(add_memtable(p), put_of("other", 1, "x"));
		insert(p->memtables[_i], delete_of("k", 50));
	} else {
		add_one(p, (unsigned)_i - 2, delete_of("k", 50));
	}
	add_one(p, 6, put_of("k", 10, "old"));
	v = view_of(p);
	expect(v, "k", SEQ_MAX.v, NULL);
	expect(v, "k", 50, NULL);
	expect(v, "k", 49, "old");
	view_unref(&v);
	place_free(p);
}
END_TEST

START_TEST(expired_entry_hides_everything_older)
{
	struct place *p = place_new();
	struct view *v;

	insert(add_memtable(p), expiring("in memory", 50, "gone", NOW));
	insert(p->memtables[0], expiring("lives", 51, "still", NOW + 1));
	add_one(p, 0, expiring("in table", 40, "gone", NOW - 1));
	add_table(p, 1, (struct entry[]){ put_of("in memory", 1, "old"), put_of("in table", 2, "old"),
					  put_of("lives", 3, "old") }, 3);
	v = view_of(p);
	expect(v, "in memory", SEQ_MAX.v, NULL);
	expect(v, "in memory", 49, "old");
	expect(v, "in table", SEQ_MAX.v, NULL);
	expect(v, "in table", 39, "old");
	expect(v, "lives", SEQ_MAX.v, "still");
	view_unref(&v);
	place_free(p);
}
END_TEST

START_TEST(view_stays_as_it_was_when_the_description_goes)
{
	struct place *p = place_new();
	struct view_desc kept;
	struct view *v;

	stack(p);
	v = view_of(p);
	kept = p->desc;
	memset(&p->desc.levels, 0, sizeof p->desc.levels);
	ck_assert_uint_eq(view_desc(v)->levels[0].count, 2);
	ck_assert(slice_eq(view_desc(v)->levels[6].tables[0].max_key, slice_str("k")));
	expect(v, "k", 49, "l6");
	p->desc = kept;
	memtable_unref(&p->memtables[0]);
	expect(v, "k", 90, "m0");
	view_unref(&v);
	place_free(p);
}
END_TEST

START_TEST(found_bytes_stay_while_pinned)
{
	struct place *p = place_new();
	struct read_cost cost = { 0 };
	struct view_pin in_memory, in_table;
	struct entry a, b;
	struct view *v;

	insert(add_memtable(p), put_of("a", 2, "memory"));
	add_one(p, 3, put_of("b", 1, "table"));
	v = view_of(p);
	ck_assert_int_eq(view_get(v, slice_str("a"), SEQ_MAX, NOW, false, &cost, &a, &in_memory), ST_OK);
	ck_assert_int_eq(view_get(v, slice_str("b"), SEQ_MAX, NOW, false, &cost, &b, &in_table), ST_OK);
	ck_assert_uint_eq(cost.tables, 1);
	view_unref(&v);
	memtable_unref(&p->memtables[0]);
	ck_assert(slice_eq(a.value, slice_str("memory")) && slice_eq(b.value, slice_str("table")));
	view_pin_release(&in_memory);
	view_pin_release(&in_table);
	ck_assert_ptr_null(in_table.view);
	place_free(p);
}
END_TEST

/* ---- what never falls through ---- */

/* Turns a byte near the front of the file, which lies in the first data block. */
static void damage(struct place *p, struct file_id id)
{
	int fd = open(path_sst(p->dir, id).s, O_RDWR);
	uint8_t c;

	ck_assert_int_eq((int)pread(fd, &c, 1, 10), 1);
	c ^= 0x40;
	ck_assert_int_eq((int)pwrite(fd, &c, 1, 10), 1);
	close(fd);
}

START_TEST(damaged_block_never_falls_through)
{
	struct place *p = place_new();
	struct iter *it;
	struct view *v;

	damage(p, add_one(p, (unsigned)_i, put_of("k", 50, "new, but its block is damaged")));
	add_one(p, 6, put_of("k", 10, "old"));
	v = view_of(p);
	ck_assert_int_eq(outcome(v, "k", false), ST_CORRUPT);
	ck_assert_int_eq(outcome(v, "not in the range", false), ST_NOT_FOUND);
	it = view_iter_new(v, SEQ_MAX, NOW);
	iter_first(it);
	ck_assert(!it->valid);
	ck_assert_int_eq(it->status, ST_CORRUPT);
	iter_last(it);
	ck_assert(!it->valid);
	ck_assert_int_eq(it->status, ST_CORRUPT);
	iter_free(&it);
	view_unref(&v);
	place_free(p);
}
END_TEST

START_TEST(good_blocks_of_a_damaged_table_still_answer)
{
	struct place *p = place_new();
	struct entry e[200];
	char keys[200][8];
	struct view *v;

	for (unsigned i = 0; i < 200; i++) {
		snprintf(keys[i], sizeof keys[i], "k%05u", i);
		e[i] = put_of(keys[i], i + 1, keys[i]);
	}
	damage(p, add_table(p, 2, e, 200));
	v = view_of(p);
	ck_assert_int_eq(outcome(v, "k00000", false), ST_CORRUPT);
	expect(v, "k00199", SEQ_MAX.v, "k00199");
	expect(v, "k00150x", SEQ_MAX.v, NULL);
	view_unref(&v);
	place_free(p);
}
END_TEST

/* The outcome for a key and, on ST_CORRUPT, what is told of the damage. */
static enum st blamed(struct view *v, const char *key, bool nowait, struct table_damage *dp)
{
	struct read_cost cost = { 0 };
	struct view_pin pin;
	struct entry e;
	enum st st = view_get(v, slice_str(key), SEQ_MAX, NOW, nowait, &cost, &e, &pin);

	view_pin_release(&pin);
	*dp = cost.damage;
	return st;
}

START_TEST(a_damaged_block_is_told_with_its_exact_bounds)
{
	struct table_damage d;
	struct place *p = place_new();
	struct entry e[3] = { put_of("a", 5, "1"), put_of("kilo", 7, "2"), put_of("z", 6, "3") };
	struct file_id id;
	struct view *v;
	char big[200];

	memset(big, 'x', sizeof big - 1);
	big[sizeof big - 1] = 0;
	e[0].value = e[1].value = e[2].value = slice_str(big);          /* a block each */
	id = add_table(p, 3, e, 3);
	damage(p, id);
	v = view_of(p);
	ck_assert_int_eq(blamed(v, "a", false, &d), ST_CORRUPT);
	ck_assert(d.record == 0 && d.table.v == id.v && d.offset == 0 && d.max_seq.v == 7);
	ck_assert(slice_eq(d.min, slice_str("a")) && slice_eq(d.max, slice_str("a")));
	expect(v, "kilo", SEQ_MAX.v, big);
	view_unref(&v);
	place_free(p);
}
END_TEST

START_TEST(a_table_that_cannot_be_opened_is_told_with_its_range)
{
	struct table_damage d;
	struct place *p = place_new();
	struct entry e[2] = { put_of("b", 5, "1"), put_of("y", 7, "2") };
	struct file_id id = add_table(p, (unsigned)_i, e, 2);
	struct view *v = view_of(p);
	struct iter *it;

	ck_assert_int_eq(truncate(path_sst(p->dir, id).s, 20), 0);
	ck_assert_int_eq(blamed(v, "k", false, &d), ST_CORRUPT);
	ck_assert(d.record == 0 && d.table.v == id.v && d.offset == DAMAGE_WHOLE && d.max_seq.v == 7);
	ck_assert(slice_eq(d.min, slice_str("b")) && slice_eq(d.max, slice_str("y")));
	expect(v, "a", SEQ_MAX.v, NULL);
	it = view_iter_new(v, SEQ_MAX, NOW);
	for (int back = 0; back < 2; back++) {
		if (back)
			iter_last(it);
		else
			iter_first(it);
		ck_assert(!it->valid && it->status == ST_CORRUPT && view_iter_found(it)->table.v == id.v);
		ck_assert(view_iter_found(it)->offset == DAMAGE_WHOLE && slice_eq(view_iter_found(it)->max, slice_str("y")));
	}
	iter_free(&it);
	view_unref(&v);
	place_free(p);
}
END_TEST

/* Record 3: the keys d to f of table 99, which is long gone; none of its sequences was above 50. */
START_TEST(damage_on_record_hides_all_that_is_not_newer_than_its_table)
{
	static const struct { const char *key; uint64_t seq; bool gone; enum st st; } cases[] = {
		{ "d", 50, false, ST_CORRUPT },         { "d", 51, false, ST_OK },
		{ "e", 20, true, ST_CORRUPT },          { "e", 51, true, ST_NOT_FOUND },
		{ "f", 0, false, ST_CORRUPT },          { "f", 90, false, ST_OK },
		{ "c", 20, false, ST_OK },              { "f0", 20, false, ST_OK },
		{ "f0", 0, false, ST_NOT_FOUND },       { "c", 20, true, ST_NOT_FOUND },
	};
	struct table_damage record = { .record = 3, .table = file_id(99), .offset = 4096, .min = slice_str("d"),
				       .max = slice_str("f"), .max_seq = seq(50) }, d;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (int place = 0; place < 3; place++) {
			struct place *p = place_new();
			struct entry e = cases[i].gone ? delete_of(cases[i].key, cases[i].seq)
						       : put_of(cases[i].key, cases[i].seq, "v");
			struct view *v;

			p->desc.damage = &record;
			p->desc.damage_count = 1;
			if (cases[i].seq && place == 0)
				insert(add_memtable(p), e);
			else if (cases[i].seq)
				add_one(p, place == 1 ? 0 : 4, e);
			v = view_of(p);
			ck_assert_int_eq(blamed(v, cases[i].key, false, &d), cases[i].st);
			if (cases[i].st == ST_CORRUPT)
				ck_assert(d.record == 3 && d.table.v == 99 && d.offset == 4096 &&
					  slice_eq(d.min, slice_str("d")) && slice_eq(d.max, slice_str("f")));
			view_unref(&v);
			place_free(p);
		}
}
END_TEST

START_TEST(a_block_on_record_is_not_read_again)
{
	struct place *p = place_new();
	struct table_damage record = { .record = 1, .offset = 0, .min = slice_str("k"), .max = slice_str("k"), .max_seq = seq(50) };
	struct table_damage d;
	struct view *v;

	record.table = add_one(p, 2, put_of("k", 50, "damaged"));
	p->desc.damage = &record;
	p->desc.damage_count = 1;
	v = view_of(p);
	ck_assert_int_eq(blamed(v, "k", true, &d), ST_CORRUPT);        /* not ST_BUSY: nothing was to be opened */
	ck_assert_uint_eq(d.record, 1);
	view_unref(&v);
	place_free(p);
}
END_TEST

/* a, c, e (newer than the damage), g; record 3 over d .. f. What each way shows: keys, and ! where it ends as corrupt. */
START_TEST(a_scan_ends_at_damage_on_record_and_goes_on_behind_it)
{
	static const struct { const char *from; bool back; const char *shows; } cases[] = {
		{ NULL, false, "ac!" }, { "b", false, "c!" }, { "cc", false, "!" }, { "d", false, "!" }, { "e", false, "e!" },
		{ "ee", false, "!" }, { "f", false, "!" }, { "f0", false, "g" }, { "h", false, "" },
		{ NULL, true, "g!" }, { "h", true, "g!" }, { "f0", true, "!" }, { "f", true, "!" }, { "e", true, "e!" },
		{ "d", true, "!" }, { "cz", true, "ca" }, { "a", true, "a" }, { "0", true, "" },
	};
	struct entry e[] = { put_of("a", 1, "v"), put_of("c", 2, "v"), put_of("g", 3, "v") };
	struct table_damage record = { .record = 3, .table = file_id(99), .min = slice_str("d"), .max = slice_str("f"),
				       .max_seq = seq(50) };
	struct place *p = place_new();
	struct iter *it;
	struct view *v;

	p->desc.damage = &record;
	p->desc.damage_count = 1;
	insert(add_memtable(p), put_of("e", 60, "v"));
	add_table(p, 2, e, 3);
	v = view_of(p);
	it = view_iter_new(v, SEQ_MAX, NOW);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char shown[16] = "";
		size_t n = 0;

		if (!cases[i].from)
			cases[i].back ? iter_last(it) : iter_first(it);
		else if (cases[i].back)
			iter_seek_last(it, slice_str(cases[i].from), seq(0));
		else
			iter_seek(it, slice_str(cases[i].from), SEQ_MAX);
		for (; it->valid; cases[i].back ? iter_prev(it) : iter_next(it))
			shown[n++] = (char)it->entry.key.p[0];
		if (it->status == ST_CORRUPT) {
			shown[n++] = '!';
			ck_assert_uint_eq(view_iter_damage(it)->record, 3);
		} else {
			ck_assert_int_eq(it->status, ST_OK);
			ck_assert_ptr_null(view_iter_damage(it));
		}
		shown[n] = 0;
		ck_assert_msg(strcmp(shown, cases[i].shows) == 0, "case %zu: %s, not %s", i, shown, cases[i].shows);
	}
	iter_free(&it);
	view_unref(&v);
	place_free(p);
}
END_TEST

/* What was below the damage must not show, what lies around it must, all of it. */
START_TEST(a_scan_shows_all_keys_around_a_damaged_block_on_record_and_nothing_below_it)
{
	struct place *p = place_new();
	struct table_damage d;
	struct entry e[200];
	char keys[200][8];
	unsigned shown = 0, hidden = 0;
	struct file_id id;
	struct iter *it;
	struct view *v;

	for (unsigned i = 0; i < 200; i++) {
		snprintf(keys[i], sizeof keys[i], "k%05u", i);
		e[i] = put_of(keys[i], 1000 + i, keys[i]);
	}
	id = add_table(p, (unsigned)_i, e, 200);
	for (unsigned i = 0; i < 200; i++)
		e[i] = put_of(keys[i], 1 + i, "old");
	add_table(p, 5, e, 200);
	damage(p, id);
	v = view_of(p);
	it = view_iter_new(v, SEQ_MAX, NOW);
	iter_first(it);
	ck_assert(!it->valid && it->status == ST_CORRUPT && view_iter_damage(it) == NULL);
	ck_assert(view_iter_found(it)->table.v == id.v && view_iter_found(it)->offset != DAMAGE_WHOLE &&
		  slice_eq(view_iter_found(it)->min, slice_str(keys[0])));
	iter_last(it);
	ck_assert(it->valid && view_iter_found(it) == NULL);
	iter_free(&it);
	ck_assert_int_eq(blamed(v, "k00000", false, &d), ST_CORRUPT);
	d.record = 1;
	p->desc.damage = &d;
	p->desc.damage_count = 1;
	{
		struct view *with = view_of(p);          /* copies d, whose keys lie in the first view */

		view_unref(&v);
		v = with;
	}
	for (unsigned i = 0; i < 200; i++)
		hidden += slice_cmp(view_desc(v)->damage[0].min, slice_str(keys[i])) <= 0 &&
			  slice_cmp(slice_str(keys[i]), view_desc(v)->damage[0].max) <= 0;
	ck_assert(hidden > 0 && hidden < 100);
	it = view_iter_new(v, SEQ_MAX, NOW);
	iter_first(it);
	ck_assert(!it->valid && it->status == ST_CORRUPT);
	iter_seek(it, view_desc(v)->damage[0].max, seq(0));
	ck_assert(!it->valid && it->status == ST_CORRUPT);      /* that key is in the range */
	for (iter_last(it); it->valid; iter_prev(it), shown++)
		ck_assert(slice_eq(it->entry.value, it->entry.key));
	ck_assert_int_eq(it->status, ST_CORRUPT);
	ck_assert_uint_eq(shown, 200 - hidden);
	iter_seek(it, slice_str(keys[hidden]), SEQ_MAX);
	for (shown = 0; it->valid; iter_next(it), shown++)
		ck_assert(slice_eq(it->entry.value, it->entry.key));
	ck_assert_int_eq(it->status, ST_OK);
	ck_assert_uint_eq(shown, 200 - hidden);
	iter_free(&it);
	view_unref(&v);
	place_free(p);
}
END_TEST

START_TEST(missing_file_is_unavailable_not_old)
{
	struct place *p = place_new();
	struct iter *it;
	struct view *v;
	struct file_id id = add_one(p, (unsigned)_i, put_of("k", 50, "new"));

	ck_assert_int_eq(unlink(path_sst(p->dir, id).s), 0);
	add_one(p, 6, put_of("k", 10, "old"));
	v = view_of(p);
	ck_assert_int_eq(outcome(v, "k", false), ST_UNAVAILABLE);
	ck_assert_int_eq(view_pin_tables(v), ST_UNAVAILABLE);
	it = view_iter_new(v, SEQ_MAX, NOW);
	iter_first(it);
	ck_assert(!it->valid && it->status == ST_UNAVAILABLE && view_iter_found(it) == NULL);
	iter_last(it);
	ck_assert(!it->valid && it->status == ST_UNAVAILABLE);
	iter_free(&it);
	view_unref(&v);
	place_free(p);
}
END_TEST

START_TEST(unknown_memtable_makes_the_view_unavailable)
{
	struct place *p = place_new();
	struct view *v;

	add_memtable(p);
	add_memtable(p);
	memtable_unref(&p->memtables[1]);
	ck_assert_int_eq(view_new(&p->desc, find_in_place, p, p->cache, &v), ST_UNAVAILABLE);
	ck_assert_ptr_null(v);
	place_free(p);
}
END_TEST

/* ---- tables stay open ---- */

START_TEST(pinned_tables_answer_after_their_files_are_gone)
{
	struct place *p = place_new();
	struct view *v;
	struct file_id id;

	id = add_one(p, 1, put_of("k", 50, "still here"));
	v = view_of(p);
	ck_assert_int_eq(view_pin_tables(v), ST_OK);
	ck_assert_int_eq(unlink(path_sst(p->dir, id).s), 0);
	table_cache_evict(p->cache, id);
	expect(v, "k", SEQ_MAX.v, "still here");
	view_unref(&v);
	v = view_of(p);
	ck_assert_int_eq(outcome(v, "k", false), ST_UNAVAILABLE);
	view_unref(&v);
	place_free(p);
}
END_TEST

/* One key a table: 30 tables on each of two levels, two on level 0, and a cache that may hold five open. */
static struct place *crowded_place(char keys[60][8])
{
	struct place *p = place_new();

	table_cache_free(&p->cache);
	p->cache = table_cache_new(vfs_posix(), p->dir, DATABASE, p->blocks, 5);
	for (unsigned i = 0; i < 60; i++) {
		snprintf(keys[i], sizeof keys[i], "k%02u", i);
		add_one(p, 1 + i / 30, put_of(keys[i], i + 1, keys[i]));
	}
	add_one(p, 0, put_of("k10", 100, "above"));
	add_one(p, 0, put_of("k40", 99, "above"));
	return p;
}

START_TEST(a_crowded_cache_lends_tables_and_closes_the_least_recently_used)
{
	char keys[60][8];
	struct place *p = crowded_place(keys);
	struct view *v = view_of(p);
	struct iter *it;
	unsigned n = 0;

	for (unsigned round = 0; round < 3; round++)
		for (unsigned i = 0; i < 60; i++) {
			expect(v, keys[i], SEQ_MAX.v, i % 30 == 10 ? "above" : keys[i]);
			ck_assert_uint_le(table_cache_use(p->cache).open, 5);
		}
	it = view_iter_new(v, SEQ_MAX, NOW);
	for (iter_first(it); it->valid; iter_next(it), n++) {
		ck_assert(slice_eq(it->entry.key, slice_str(keys[n])));
		ck_assert_uint_le(table_cache_use(p->cache).open, 5 + 2 + 2);    /* level 0 and one a level while it scans */
	}
	ck_assert(n == 60 && it->status == ST_OK);
	iter_free(&it);
	view_unref(&v);
	ck_assert_uint_le(table_cache_use(p->cache).open, 5);
	place_free(p);
}
END_TEST

START_TEST(a_view_made_when_too_many_tables_are_expected_keeps_none)
{
	char keys[60][8];
	struct place *p = crowded_place(keys);
	struct view *v = view_of(p);

	(void)table_cache_expect(p->cache, 62);
	expect(v, keys[0], SEQ_MAX.v, keys[0]);
	table_cache_evict(p->cache, p->tables[1][0].id);
	ck_assert_uint_eq(table_cache_use(p->cache).open, 0);
	view_unref(&v);
	place_free(p);
}
END_TEST

START_TEST(get_that_may_not_wait_opens_no_table)
{
	struct place *p = place_new();
	struct view *v, *later;

	insert(add_memtable(p), put_of("m", 60, "memory"));
	add_one(p, 1, put_of("k", 50, "table"));
	v = view_of(p);
	ck_assert_int_eq(outcome(v, "m", true), ST_OK);
	ck_assert_int_eq(outcome(v, "k", true), ST_BUSY);
	expect(v, "k", SEQ_MAX.v, "table");
	ck_assert_int_eq(outcome(v, "k", true), ST_OK);
	/* What one view opened the next one finds. */
	later = view_of(p);
	ck_assert_int_eq(outcome(later, "k", true), ST_OK);
	view_unref(&v);
	view_unref(&later);
	place_free(p);
}
END_TEST

static void *get_thread(void *arg)
{
	struct view *v = arg;
	char key[8];

	for (unsigned i = 0; i < 400; i++) {
		snprintf(key, sizeof key, "k%02u", i % 40);
		if (outcome(v, key, false) != ST_OK)
			return NULL;
	}
	view_unref(&v);
	return arg;
}

START_TEST(threads_open_the_same_tables_at_once)
{
	struct place *p = place_new();
	pthread_t threads[4];
	struct view *v;
	char key[8];

	for (unsigned i = 0; i < 40; i++) {
		snprintf(key, sizeof key, "k%02u", i);
		add_one(p, 1, put_of(key, i + 1, "v"));
	}
	v = view_of(p);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, get_thread, view_ref(v)), 0);
	for (int i = 0; i < 4; i++) {
		void *ok;

		ck_assert_int_eq(pthread_join(threads[i], &ok), 0);
		ck_assert_ptr_nonnull(ok);
	}
	view_unref(&v);
	place_free(p);
}
END_TEST

/* ---- random views against plain search in all entries ---- */

#define KEYS 150u
#define ENTRIES 1200u

struct world {
	char keys[KEYS][12];
	struct entry e[ENTRIES];        /* rising sequence */
	char values[ENTRIES][12];
};

static struct world *world_new(struct rnd *rnd)
{
	struct world *w = mem_zalloc(sizeof *w);

	for (unsigned i = 0; i < KEYS; i++)
		snprintf(w->keys[i], sizeof w->keys[i], "key%04u", i * 3);
	for (unsigned i = 0; i < ENTRIES; i++) {
		const char *key = w->keys[rnd_below(rnd, KEYS)];

		snprintf(w->values[i], sizeof w->values[i], "v%u", i);
		w->e[i] = rnd_below(rnd, 4) ? put_of(key, i + 1, w->values[i]) : delete_of(key, i + 1);
		if (rnd_below(rnd, 4) == 0)
			w->e[i].expires_at_ms = NOW - 3 + (int64_t)rnd_below(rnd, 6);
	}
	return w;
}

/* The visible entry of a key at s, NULL when it has none. */
static const struct entry *world_get(const struct world *w, const char *key, uint64_t s)
{
	for (unsigned i = ENTRIES; i-- > 0;)
		if (w->e[i].seq.v <= s && slice_eq(w->e[i].key, slice_str(key))) {
			const struct entry *e = &w->e[i];

			return e->is_tombstone || (e->expires_at_ms && e->expires_at_ms <= NOW) ? NULL : e;
		}
	return NULL;
}

static int by_entry(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return entry_cmp(x->key, x->seq, y->key, y->seq);
}

/* Spreads entries from..to over tables of one level, keys never split among two. */
static void fill_level(struct place *p, unsigned level, const struct world *w, unsigned from, unsigned to,
		       size_t tables)
{
	struct entry *e = mem_dup(&w->e[from], (to - from) * sizeof *e);
	size_t n = to - from, begin = 0, end;

	qsort(e, n, sizeof *e, by_entry);
	for (size_t t = 1; t <= tables && begin < n; t++) {
		for (end = n * t / tables; end < n && end > 0 && slice_eq(e[end].key, e[end - 1].key); end++)
			;
		if (end > begin)
			add_table(p, level, e + begin, end - begin);
		begin = end > begin ? end : begin;
	}
	mem_free(e);
}

/* Oldest entries deepest, newest in memory; the borders drawn at random. */
static void fill_place(struct place *p, const struct world *w, struct rnd *rnd)
{
	unsigned cut[8] = { 0 };

	for (unsigned i = 1; i < 8; i++)
		cut[i] = cut[i - 1] + (unsigned)rnd_below(rnd, (ENTRIES - cut[i - 1]) / 2 + 1);
	fill_level(p, 6, w, cut[0], cut[1], 1 + rnd_below(rnd, 10));
	fill_level(p, 3, w, cut[1], cut[2], 1 + rnd_below(rnd, 5));
	fill_level(p, 1, w, cut[2], cut[3], 1 + rnd_below(rnd, 3));
	fill_level(p, 0, w, cut[4], cut[5], 1);
	fill_level(p, 0, w, cut[3], cut[4], 1);
	add_memtable(p);
	for (unsigned i = cut[6]; i < ENTRIES; i++)
		insert(p->memtables[0], w->e[i]);
	add_memtable(p);
	for (unsigned i = cut[5]; i < cut[6]; i++)
		insert(p->memtables[1], w->e[i]);
}

static void scan_agrees(struct view *v, const struct world *w, uint64_t s, unsigned from)
{
	struct iter *it;

	it = view_iter_new(v, seq(s), NOW);
	if (from == 0)
		iter_first(it);
	else
		iter_seek(it, slice_str(w->keys[from]), SEQ_MAX);
	for (unsigned i = from; i < KEYS; i++) {
		const struct entry *want = world_get(w, w->keys[i], s);

		if (want == NULL)
			continue;
		ck_assert(it->valid);
		ck_assert(slice_eq(it->entry.key, want->key) && slice_eq(it->entry.value, want->value));
		ck_assert_uint_eq(it->entry.seq.v, want->seq.v);
		iter_next(it);
	}
	ck_assert(!it->valid);
	ck_assert_int_eq(it->status, ST_OK);
	iter_free(&it);
}

/* Every way through a scan shows the visible entries and nothing else. */
static void walks_agree(struct view *v, const struct world *w, uint64_t s, struct rnd *rnd)
{
	struct entry visible[KEYS];
	struct iter *it;
	size_t n = 0;

	for (unsigned i = 0; i < KEYS; i++) {
		const struct entry *e = world_get(w, w->keys[i], s);

		if (e != NULL)
			visible[n++] = *e;
	}
	it = view_iter_new(v, seq(s), NOW);
	walk_agrees(it, visible, n, rnd, 3000);
	iter_free(&it);
}

START_TEST(gets_and_scans_agree_with_plain_search)
{
	struct rnd rnd = { (uint64_t)_i };
	struct place *p = place_new();
	struct world *w = world_new(&rnd);
	struct view *v;

	fill_place(p, w, &rnd);
	v = view_of(p);
	for (int round = 0; round < 6; round++) {
		uint64_t s = round ? rnd_below(&rnd, ENTRIES + 2) : ENTRIES;

		for (unsigned i = 0; i < KEYS; i++) {
			const struct entry *want = world_get(w, w->keys[i], s);
			char value[16];

			snprintf(value, sizeof value, "%.*s", want ? (int)want->value.n : 0,
				 want ? (const char *)want->value.p : "");
			expect(v, w->keys[i], s, want ? value : NULL);
		}
		scan_agrees(v, w, s, 0);
		scan_agrees(v, w, s, 1 + (unsigned)rnd_below(&rnd, KEYS - 1));
		walks_agree(v, w, s, &rnd);
	}
	view_unref(&v);
	mem_free(w);
	place_free(p);
}
END_TEST

START_TEST(seek_between_versions_goes_to_the_next_key)
{
	struct place *p = place_new();
	struct view *v;
	struct iter *it;

	insert(add_memtable(p), put_of("a", 10, "a10"));
	insert(p->memtables[0], put_of("a", 5, "a5"));
	insert(p->memtables[0], put_of("b", 3, "b3"));
	v = view_of(p);
	it = view_iter_new(v, SEQ_MAX, NOW);
	iter_seek(it, slice_str("a"), seq(10));
	ck_assert(it->valid && slice_eq(it->entry.value, slice_str("a10")));
	/* (a, 7) lies behind the visible version of a; its older one does not become visible by that. */
	iter_seek(it, slice_str("a"), seq(7));
	ck_assert(it->valid && slice_eq(it->entry.value, slice_str("b3")));
	iter_seek(it, slice_str("c"), SEQ_MAX);
	ck_assert(!it->valid && it->status == ST_OK);
	iter_seek(it, slice_str(""), SEQ_MAX);
	ck_assert(it->valid && slice_eq(it->entry.value, slice_str("a10")));
	iter_free(&it);
	view_unref(&v);
	place_free(p);
}
END_TEST

START_TEST(iterator_keeps_its_view)
{
	struct place *p = place_new();
	struct view *v;
	struct iter *it;

	stack(p);
	v = view_of(p);
	it = view_iter_new(v, seq(55), NOW);
	view_unref(&v);
	iter_first(it);
	ck_assert(it->valid && slice_eq(it->entry.value, slice_str("l1")));
	iter_next(it);
	ck_assert(!it->valid && it->status == ST_OK);
	iter_free(&it);
	place_free(p);
}
END_TEST

/* Which places a read of key at s looked into, as letters: m t memtable or table, and what came of it. */
static void traced(struct view *v, const char *key, uint64_t s, const char *want)
{
	static const char letters[] = { [READ_NOTHING] = '-', [READ_FILTERED] = 'f', [READ_VALUE] = 'v', [READ_TOMBSTONE] = 'd',
					[READ_EXPIRED] = 'e', [READ_UNREADABLE] = '!' };
	static struct read_trace t;
	struct read_cost cost = { .trace = &t };
	struct view_pin pin;
	struct entry e;
	char got[3 * READ_TRACE_STEPS + 1] = "";
	enum st st = view_get(v, slice_str(key), seq(s), NOW, false, &cost, &e, &pin);

	for (unsigned i = 0; i < t.count; i++)
		snprintf(got + 2 * i, 3, "%c%c", t.steps[i].level == READ_TRACE_MEMTABLE ? 'm' : (char)('0' + t.steps[i].level),
			 letters[t.steps[i].found]);
	ck_assert_str_eq(got, want);
	ck_assert_uint_eq(cost.blocks_read + cost.blocks_cached > 0, strchr(got, '1') && st == ST_OK);
	view_pin_release(&pin);
}

START_TEST(a_trace_tells_every_place_that_was_asked)
{
	struct place *p = place_new();
	struct entry low[2] = { put_of("a", 1, "old"), put_of("z", 2, "last") };
	struct view *v;

	insert(add_memtable(p), put_of("m", 9, "new"));
	insert(p->memtables[0], delete_of("z", 8));
	insert(p->memtables[0], expiring("x", 7, "gone", NOW - 1));
	(void)add_memtable(p);
	(void)add_one(p, 0, put_of("m", 5, "older"));
	(void)add_table(p, 1, low, 2);
	v = view_of(p);
	traced(v, "m", 9, "mv");
	traced(v, "z", 9, "md");
	traced(v, "x", 9, "me");
	traced(v, "a", 9, "m-m-1v");
	traced(v, "m", 3, "m-m-0f1f");
	traced(v, "zz", 9, "m-m-");
	view_unref(&v);
	place_free(p);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, a_trace_tells_every_place_that_was_asked);
	tcase_add_test(tc, empty_view_finds_nothing);
	tcase_add_test(tc, get_sees_newest_visible_version);
	tcase_add_loop_test(tc, tombstone_hides_everything_older_wherever_it_lies, 0, 8);
	tcase_add_test(tc, expired_entry_hides_everything_older);
	tcase_add_test(tc, view_stays_as_it_was_when_the_description_goes);
	tcase_add_test(tc, found_bytes_stay_while_pinned);
	tcase_add_loop_test(tc, damaged_block_never_falls_through, 0, 6);
	tcase_add_test(tc, good_blocks_of_a_damaged_table_still_answer);
	tcase_add_test(tc, a_damaged_block_is_told_with_its_exact_bounds);
	tcase_add_loop_test(tc, a_table_that_cannot_be_opened_is_told_with_its_range, 0, 3);
	tcase_add_test(tc, damage_on_record_hides_all_that_is_not_newer_than_its_table);
	tcase_add_test(tc, a_block_on_record_is_not_read_again);
	tcase_add_test(tc, a_scan_ends_at_damage_on_record_and_goes_on_behind_it);
	tcase_add_loop_test(tc, a_scan_shows_all_keys_around_a_damaged_block_on_record_and_nothing_below_it, 0, 3);
	tcase_add_loop_test(tc, missing_file_is_unavailable_not_old, 0, 6);
	tcase_add_test(tc, unknown_memtable_makes_the_view_unavailable);
	tcase_add_test(tc, pinned_tables_answer_after_their_files_are_gone);
	tcase_add_test(tc, a_crowded_cache_lends_tables_and_closes_the_least_recently_used);
	tcase_add_test(tc, a_view_made_when_too_many_tables_are_expected_keeps_none);
	tcase_add_test(tc, get_that_may_not_wait_opens_no_table);
	tcase_add_test(tc, threads_open_the_same_tables_at_once);
	tcase_add_loop_test(tc, gets_and_scans_agree_with_plain_search, 1, 9);
	tcase_add_test(tc, seek_between_versions_goes_to_the_next_key);
	tcase_add_test(tc, iterator_keeps_its_view);
}

CHECK_MAIN("view/view", suite)
