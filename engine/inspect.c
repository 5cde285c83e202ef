/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inspector; see inspect.h.
 *
 *   suspicion -> still live? not on record? -> open -> look at the block (or at all) -> note all that is damaged, at once
 *                                               |--> damaged or unreadable end, or missing: note the whole table, move its file
 */
#include "engine/inspect.h"

#include <inttypes.h>
#include <pthread.h>

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/base/proc.h"
#include "common/stats/stats.h"
#include "common/table/filename.h"
#include "common/table/table_reader.h"
#include "engine/retired.h"

#define INSPECT_MAGIC 0x696e7370u
#define SUSPICIONS_MAX 256u
#define BLOCKS_MAX 1024u                 /* of one table on record; one with more is given up as a whole */
#define OTHERS_MOST 8u                   /* tables that are tried to see whether the disk reads any */
#define TELL_MAX 8u                      /* lines in the log about one look */

struct suspicion { struct file_id table; uint64_t offset; };

struct inspect {
	uint32_t magic;
	struct truth *truth;
	struct install_dir dir;
	pthread_t thread;

	/* guarded by lock */
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct suspicion queue[SUSPICIONS_MAX];
	size_t count;
	bool stop;
};

/* A live table being looked at. */
struct subject {
	struct inspect *inspect;
	struct arena keys;
	struct table_facts facts;        /* keys in the arena, as those of the rows */
	size_t noted;                    /* records there are of it */
	struct damage_row *rows;         /* found now; BLOCKS_MAX of them and one more at most */
	size_t row_count;
};

struct inspect *inspect_new(struct truth *t, const struct install_dir *dir)
{
	struct inspect *i = mem_zalloc(sizeof(*i));

	obj_init(i, INSPECT_MAGIC);
	i->truth = t;
	i->dir = *dir;
	pthread_mutex_init(&i->lock, NULL);
	pthread_cond_init(&i->more, NULL);
	return i;
}

void inspect_free(struct inspect **ip)
{
	struct inspect *i = *ip;

	*ip = NULL;
	if (!i)
		return;
	obj_check(i, INSPECT_MAGIC);
	pthread_cond_destroy(&i->more);
	pthread_mutex_destroy(&i->lock);
	obj_fini(i);
	mem_free(i);
}

/* ---- the queue ---- */

void inspect_suspect(void *inspect, struct file_id table, uint64_t offset)
{
	struct inspect *i = inspect;
	size_t k = 0;

	pthread_mutex_lock(&i->lock);
	while (k < i->count && (i->queue[k].table.v != table.v || i->queue[k].offset != offset))
		k++;
	if (k == i->count && k < SUSPICIONS_MAX)
		i->queue[i->count++] = (struct suspicion){ table, offset };
	pthread_cond_signal(&i->more);
	pthread_mutex_unlock(&i->lock);
}

/* The oldest one; false: there is none, or (wait) the thread is to stop. */
static bool next(struct inspect *i, bool wait, struct suspicion *sp)
{
	bool found;

	pthread_mutex_lock(&i->lock);
	while (wait && i->count == 0 && !i->stop)
		pthread_cond_wait(&i->more, &i->lock);
	found = i->count > 0 && !i->stop;
	if (found) {
		*sp = i->queue[0];
		i->count--;
		memmove(i->queue, i->queue + 1, i->count * sizeof(*i->queue));
	}
	pthread_mutex_unlock(&i->lock);
	return found;
}

/* ---- what is known of the table ---- */

/* False: the table is not live, or this very damage is on record. */
static bool find_subject(struct inspect *i, const struct suspicion *s, struct subject *out)
{
	const struct version *v = truth_lock(i->truth);
	const struct live_table *live = version_find(v, s->table);
	const struct damages *d = version_damages(v);
	bool found = live && (s->offset == DAMAGE_WHOLE || !damages_has(d, s->table, s->offset));

	*out = (struct subject){ .inspect = i, .noted = damages_of_table(d, s->table) };
	arena_init(&out->keys);
	if (found) {
		out->facts = live->facts;
		out->facts.min_key = arena_dup(&out->keys, live->facts.min_key);
		out->facts.max_key = arena_dup(&out->keys, live->facts.max_key);
	}
	truth_unlock(i->truth);
	return found;
}

/* ---- putting on record ---- */

static void tell(const struct damage_row *row)
{
	if (row->at.offset == DAMAGE_WHOLE)
		log_error("Table %" PRIu64 " cannot be read at all (%s): damage record %" PRIu64 ". Its keys are answered as corrupt "
			  "until they are written anew; see lsmctl damage.", row->at.table.v, row->what, row->at.record);
	else
		log_error("Table %" PRIu64 " is damaged at offset %" PRIu64 " (%s): damage record %" PRIu64 ". The keys of that block "
			  "are answered as corrupt until they are written anew; see lsmctl damage.", row->at.table.v,
			  row->at.offset, row->what, row->at.record);
}

static void tell_all(const struct damage_row *rows, size_t n, uint64_t first)
{
	for (size_t i = 0; i < n; i++) {
		struct damage_row row = rows[i];

		row.at.record = first + i;
		stats_add(M_corruption_detected, 1);
		if (table_is_bad_crc(row.what))
			stats_add(M_crc32_verification_failed, 1);
		if (i < TELL_MAX)
			tell(&row);
	}
	if (n > TELL_MAX)
		log_error("And %zu more blocks of table %" PRIu64 ": damage records to %" PRIu64 ".", n - TELL_MAX,
			  rows[0].at.table.v, first + n - 1);
}

static enum st note(struct subject *s, const struct damage_row *rows, size_t n, bool whole)
{
	uint64_t first;
	size_t count;
	enum st st = truth_note_damage(s->inspect->truth, rows, n, whole, &first, &count);

	if (st == ST_NOT_FOUND || st == ST_BUSY)
		return ST_OK;            /* merged away meanwhile, or not now: it will be met again */
	if (!st)
		tell_all(rows, count < n ? count : n, first);
	else if (st != ST_TOO_BIG)
		log_warn("The damage of table %" PRIu64 " could not be put on record; it will be met again.", s->facts.id.v);
	return st;
}

/* Nothing of the table can be read. */
static void note_whole(struct subject *s, const char *what)
{
	struct inspect *i = s->inspect;
	struct table_damage d = { .table = s->facts.id, .offset = DAMAGE_WHOLE, .min = s->facts.min_key,
				  .max = s->facts.max_key, .max_seq = s->facts.max_seq };
	struct damage_row row = { .at = d, .what = what, .found_ms = clock_wall_ms() };
	const struct version *v;
	bool live;

	if (note(s, &row, 1, true))
		return;
	v = truth_lock(i->truth);
	live = version_find(v, d.table) != NULL;
	truth_unlock(i->truth);
	if (!live && retired_table(&i->dir, i->truth, d.table))
		log_warn("Damaged table %" PRIu64 " could not be moved to quarantine/; the next start does.", d.table.v);
}

static bool is_on_record(struct subject *s, const struct table_damage *d)
{
	bool is = damages_has(version_damages(truth_lock(s->inspect->truth)), d->table, d->offset);

	truth_unlock(s->inspect->truth);
	return is;
}

static void on_found(void *ctx, const struct table_damage *d)
{
	struct subject *s = ctx;
	struct damage_row *row;

	if (s->noted + s->row_count > BLOCKS_MAX || is_on_record(s, d))
		return;
	s->rows = mem_resize(s->rows, (s->row_count + 1) * sizeof(*s->rows));
	row = &s->rows[s->row_count++];
	*row = (struct damage_row){ .at = *d, .what = d->what, .found_ms = clock_wall_ms() };
	row->at.min = arena_dup(&s->keys, d->min);
	row->at.max = arena_dup(&s->keys, d->max);
}

/* What was found in blocks of it; the whole table when that is too much. */
static void note_blocks(struct subject *s)
{
	enum st st = ST_TOO_BIG;

	if (s->row_count == 0)
		return;
	if (s->noted + s->row_count <= BLOCKS_MAX)
		st = note(s, s->rows, s->row_count, false);
	if (st == ST_TOO_BIG)
		note_whole(s, "too many of its blocks are damaged");
}

/* ---- missing ---- */

struct others { struct subject *subject; const struct version *version; bool found; };

static enum st is_another(void *ctx, const char *name)
{
	struct others *o = ctx;
	struct file_id id;

	o->found |= path_parse(name, &id) == DATA_NAME_SST && id.v != o->subject->facts.id.v;
	return ST_OK;
}

/* Are there other tables in the folder, or should there be none (4)? */
static bool folder_is_there(struct subject *s)
{
	struct inspect *i = s->inspect;
	struct others o = { .subject = s };
	size_t live = 0;

	for (unsigned level = 0; level < LEVEL_COUNT; level++) {
		live += version_level(truth_lock(i->truth), level).count;
		truth_unlock(i->truth);
	}
	return vfs_list(i->dir.vfs, path_sst_dir(i->dir.data_dir).s, is_another, &o) == ST_OK && (o.found || live == 1);
}

static void note_missing(struct subject *s)
{
	if (folder_is_there(s))
		note_whole(s, "its file is missing");
	else
		log_error("%s holds no tables at all: is a file system not mounted? Nothing is put on record.",
			  path_sst_dir(s->inspect->dir.data_dir).s);
}

/* ---- looking ---- */

static enum st open_table(const struct inspect *i, struct file_id id, struct table_reader **rp)
{
	return table_open(i->dir.vfs, path_sst(i->dir.data_dir, id).s, id, i->dir.database, NULL, rp);
}

/* Some live tables but this one. */
static size_t list_others(const struct subject *s, struct file_id *ids)
{
	const struct version *v = truth_lock(s->inspect->truth);
	size_t n = 0;

	for (unsigned level = 0; level < LEVEL_COUNT; level++) {
		struct level_list l = version_level(v, level);

		for (size_t i = 0; i < l.count && n < OTHERS_MOST; i++)
			if (l.tables[i]->facts.id.v != s->facts.id.v)
				ids[n++] = l.tables[i]->facts.id;
	}
	truth_unlock(s->inspect->truth);
	return n;
}

/* Can another one be opened? Then it is this table, and not the whole disk (5). */
static bool disk_reads_others(const struct subject *s)
{
	struct file_id ids[OTHERS_MOST];
	size_t n = list_others(s, ids);
	struct table_reader *r;

	for (size_t i = 0; i < n; i++) {
		if (open_table(s->inspect, ids[i], &r))
			continue;
		table_close(&r);
		return true;
	}
	return false;
}

static void look(struct subject *s, uint64_t offset)
{
	struct table_reader *r;
	enum st st = open_table(s->inspect, s->facts.id, &r);

	if (st == ST_IO && disk_reads_others(s)) {
		st = open_table(s->inspect, s->facts.id, &r);    /* once is no damage */
		if (st == ST_IO)
			note_whole(s, "the disk does not read its end");
	}
	if (st == ST_OK) {
		st = table_scrub(r, offset, on_found, s);
		table_close(&r);
		note_blocks(s);
	} else if (st == ST_CORRUPT) {
		note_whole(s, "its index, filter or footer is damaged");
	} else if (st == ST_NOT_FOUND) {
		note_missing(s);
	}
}

static void see_to(struct inspect *i, const struct suspicion *s)
{
	struct subject subject;

	if (find_subject(i, s, &subject))
		look(&subject, s->offset);
	mem_free(subject.rows);
	arena_fini(&subject.keys);
}

bool inspect_one(struct inspect *i)
{
	struct suspicion s;

	obj_check(i, INSPECT_MAGIC);
	if (!next(i, false, &s))
		return false;
	see_to(i, &s);
	return true;
}

static void *run(void *arg)
{
	struct inspect *i = arg;
	struct suspicion s;

	while (next(i, true, &s))
		see_to(i, &s);
	return NULL;
}

void inspect_start(struct inspect *i)
{
	i->thread = proc_thread("inspect", run, i);
}

void inspect_stop(struct inspect *i)
{
	pthread_mutex_lock(&i->lock);
	i->stop = true;
	pthread_cond_signal(&i->more);
	pthread_mutex_unlock(&i->lock);
	pthread_join(i->thread, NULL);
}
