/* SPDX-License-Identifier: Apache-2.0 */
/* The flush thread; see flush.h. */
#include "engine/flush.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/base/proc.h"
#include "common/stats/stats.h"
#include "common/table/filename.h"
#include "common/table/table_writer.h"

#define FLUSH_MAGIC 0x666c7573u
#define IDLE_MS 1000u
#define RETRY_FIRST_MS 100u
#define RETRY_MOST_MS 2000u              /* writes go on within 5 s of room coming back */
#define STOP_CHECK_ENTRIES 4096u

struct flush {
	uint32_t magic;
	struct flush_config conf;        /* fixed after new */
	_Atomic bool stop;
	pthread_t thread;
	bool started;
};

struct flush *flush_new(const struct flush_config *c)
{
	struct flush *f = mem_zalloc(sizeof(*f));

	obj_init(f, FLUSH_MAGIC);
	f->conf = *c;
	if (!f->conf.wall_ms)
		f->conf.wall_ms = clock_wall_ms;
	return f;
}

void flush_free(struct flush **fp)
{
	struct flush *f = *fp;

	*fp = NULL;
	if (!f)
		return;
	obj_check(f, FLUSH_MAGIC);
	must(!f->started);
	obj_fini(f);
	mem_free(f);
}

/* ---- one flush ---- */

static bool any_table(struct truth *t)
{
	const struct version *v = truth_lock(t);
	size_t tables = 0;

	for (unsigned n = 0; n < LEVEL_COUNT; n++)
		tables += version_level(v, n).count;
	tables += version_damages(v)->count;     /* a tombstone shows that there is nothing newer in a damaged block */
	truth_unlock(t);
	return tables > 0;
}

/* What an entry is worth at now_ms: as it is, a tombstone in its place, or, with nothing below, nothing (2). */
static void write_entry(struct table_writer *w, const struct entry *e, bool something_below, int64_t now_ms)
{
	bool expired = !e->is_tombstone && entry_has_expired(e, now_ms);
	struct entry grave;

	if (!something_below && (expired || e->is_tombstone))
		return;
	if (!expired) {
		table_writer_add(w, e);
		return;
	}
	grave = entry_buried(e);
	table_writer_add(w, &grave);
}

/* Newest version of each key (1). */
static enum st write_entries(struct flush *f, struct memtable *m, struct table_writer *w, bool something_below)
{
	int64_t now_ms = f->conf.wall_ms();
	struct iter *it = memtable_iter_new(m);
	struct slice last = { NULL, 0 };         /* lies in the memtable */
	uint32_t seen = 0;
	enum st st;

	for (iter_first(it); it->valid; iter_next(it)) {
		bool older = last.p && slice_eq(last, it->entry.key);

		if (++seen % STOP_CHECK_ENTRIES == 0 && atomic_load(&f->stop))
			break;
		last = it->entry.key;
		if (!older)
			write_entry(w, &it->entry, something_below, now_ms);
	}
	st = it->valid ? ST_CANCELLED : it->status;
	iter_free(&it);
	return st;
}

static struct table_facts facts_of(struct file_id id, const struct table_summary *s)
{
	return (struct table_facts){ .id = id, .size_bytes = s->size_bytes, .file_crc = s->file_crc,
				     .min_key = s->min_key, .max_key = s->max_key, .min_seq = s->min_seq,
				     .max_seq = s->max_seq, .entry_count = s->entry_count,
				     .tombstone_count = s->tombstone_count,
				     .uncompressed_bytes = s->uncompressed_bytes,
				     .expiring_count = s->expiring_count, .min_expires_ms = s->min_expires_ms,
				     .max_expires_ms = s->max_expires_ms };
}

/* Writes and installs the table, keeping the writer for the keys in *tp. entry_count 0: there was nothing to write. */
static enum st make_table(struct flush *f, struct memtable *m, struct table_writer **wp, struct live_table *tp)
{
	const struct install_dir *d = &f->conf.dir;
	struct table_options o = { .codec = f->conf.codec, .database = d->database,
				   .expected_entries = memtable_entries(m) };
	struct table_summary summary;
	struct file_id id;
	enum st st = truth_take_ids(f->conf.truth, 1, &id);

	*wp = NULL;
	*tp = (struct live_table){ .level = 0, .created_ms = clock_wall_ms() };
	if (st)
		return st;
	st = table_writer_begin(d->vfs, path_tmp_sst(d->data_dir, id).s, id, &o, wp);
	if (!st)
		st = write_entries(f, m, *wp, any_table(f->conf.truth));
	if (st || table_writer_entries(*wp) == 0)
		return st;
	st = table_writer_finish(*wp, &summary);
	if (st)
		return st;
	tp->facts = facts_of(id, &summary);
	st = install_table(d, &tp->facts, false);
	if (!st)
		st = install_sync_dirs(d);
	if (st)
		install_remove(d, id, 1);
	return st;
}

static void tell(const struct live_table *t, const struct frozen *from, uint64_t began_us)
{
	uint64_t took_ms = (clock_mono_us() - began_us) / 1000;

	stats_add(M_flushes, 1);
	stats_add(M_flush_bytes, t->facts.size_bytes);
	stats_add(M_table_raw_bytes, t->facts.uncompressed_bytes);
	stats_add(M_table_stored_bytes, t->facts.size_bytes);
	log_info("Flushed memtable %" PRIu64 ": %" PRIu64 " entries, table %" PRIu64 " of %" PRIu64 " KiB, %" PRIu64 " ms.",
		 memtable_id(from->memtable).v, t->facts.entry_count, t->facts.id.v, t->facts.size_bytes >> 10, took_ms);
}

/* The manifest takes it over, then the segment goes (invariant 4). */
static enum st commit_flush(struct flush *f, struct live_table *table, const struct frozen *from,
			    struct file_id next_wal)
{
	struct file_id id = memtable_id(from->memtable);
	struct version_edit edit = { .added = table, .added_count = table->facts.entry_count > 0,
				     .wal_floor = next_wal, .flushed_seq = from->last_seq };
	enum st st = truth_commit_flush(f->conf.truth, &edit, id);

	if (st) {
		if (edit.added_count)
			install_remove(&f->conf.dir, table->facts.id, 1);
		return st;
	}
	if (!reserve_refuses(f->conf.reserve) && retain_take(f->conf.retain, from->wal_id, from->wal_bytes))
		return ST_OK;
	if (vfs_unlink(f->conf.dir.vfs, path_wal(f->conf.dir.data_dir, from->wal_id).s))
		log_warn("WAL segment %" PRIu64 " is no longer needed and could not be removed; the next start does.",
			 from->wal_id.v);
	return ST_OK;
}

enum st flush_oldest(struct flush *f)
{
	uint64_t began_us = clock_mono_us();
	struct live_table table = { 0 };
	struct table_writer *w = NULL;
	struct frozen from;
	struct file_id next_wal;
	enum st st = ST_OK;

	if (!truth_oldest(f->conf.truth, &from, &next_wal))
		return ST_NOT_FOUND;
	if (memtable_entries(from.memtable) > 0)
		st = make_table(f, from.memtable, &w, &table);
	if (!st)
		st = commit_flush(f, &table, &from, next_wal);
	if (!st && f->conf.drain)
		drain_note(&f->conf.drain->flush_rate, memtable_used(from.memtable), clock_mono_us() - began_us);
	if (!st && table.facts.entry_count > 0)
		tell(&table, &from, began_us);
	if (w)
		table_writer_free(&w);
	memtable_unref(&from.memtable);
	return st;
}

/* ---- the thread ---- */

/* Sleeps, but not through a stop. */
static void back_off(struct flush *f, unsigned *msp)
{
	uint64_t until = clock_mono_us() + *msp * 1000ull;

	while (!atomic_load(&f->stop) && clock_mono_us() < until)
		clock_sleep_us(20000);
	*msp = *msp * 2 > RETRY_MOST_MS ? RETRY_MOST_MS : *msp * 2;
}

/* First the next segment, so that the commit thread has it at the next rotation; a full disk must not keep the flush
 * from freeing the old one, and on one that is nearly full a segment is made when it is needed, not before. */
static enum st turn(struct flush *f)
{
	enum st fill = reserve_refuses(f->conf.reserve) ? ST_OK : spare_fill(f->conf.spare);
	enum st st = flush_oldest(f);

	return st == ST_OK || st == ST_NOT_FOUND || st == ST_CANCELLED ? fill : st;
}

static void fall_back(struct flush *f, enum st st, unsigned *msp)
{
	if (st == ST_FULL && reserve_spend(f->conf.reserve))
		return;                  /* there is room now */
	log_error("Flush: %s; trying again in %u ms. Nothing is lost, writes may have to wait.", st_text(st), *msp);
	back_off(f, msp);
}

static void *run(void *arg)
{
	struct flush *f = arg;
	unsigned retry_ms = RETRY_FIRST_MS;

	while (!atomic_load(&f->stop)) {
		enum st st = turn(f);

		if (st) {
			fall_back(f, st, &retry_ms);
		} else {
			retry_ms = RETRY_FIRST_MS;
			(void)truth_wait_frozen(f->conf.truth, IDLE_MS);
		}
	}
	return NULL;
}

void flush_start(struct flush *f)
{
	f->started = true;
	f->thread = proc_thread("flush", run, f);
}

void flush_stop(struct flush *f)
{
	atomic_store(&f->stop, true);
	truth_wake(f->conf.truth);
	if (f->started)
		pthread_join(f->thread, NULL);
	f->started = false;
}
