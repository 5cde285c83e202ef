/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holding the database against the oracle: single keys, scans, old views; and the audit, which holds what the version,
 * the files and the counters say against each other.
 */
#ifndef T_MODEL_CHECK_H
#define T_MODEL_CHECK_H

#include "t/model_db.h"
#include "t/model_oracle.h"

/* ---- one key ---- */

/* The value that is found must be this version's. */
static inline void check_value(const struct oracle *o, const struct oracle_state *s, uint32_t key, const struct entry *e)
{
	struct buf want = BUF_INIT;
	struct slice value = oracle_value(o, s->version, &want);

	ck_assert_msg(slice_eq(e->value, value), "key %u: %zu bytes, wanted %zu bytes of version %llu", key, e->value.n,
		      value.n, (unsigned long long)s->version);
	ck_assert_msg(e->expires_at_ms == s->expires_ms, "key %u expires at %lld, wanted %lld", key,
		      (long long)e->expires_at_ms, (long long)s->expires_ms);
	buf_fini(&want);
}

static inline void check_key(const struct oracle *o, const struct model_view *v, const struct oracle_state *states,
			     uint32_t key, bool nowait)
{
	enum oracle_says says = oracle_says(o, &states[key]);
	uint8_t bytes[ORACLE_KEY_MAX];
	struct slice k = slice_of(bytes, oracle_key(o, key, bytes));
	struct read_cost cost = { 0 };
	struct view_pin pin;
	struct entry e;
	enum st st = view_get(v->view, k, v->seq, o->now_ms, nowait, &cost, &e, &pin);

	if (st == ST_BUSY && nowait)
		st = view_get(v->view, k, v->seq, o->now_ms, false, &cost, &e, &pin);
	ck_assert_msg(st == ST_OK || st == ST_NOT_FOUND, "key %u: %s", key, st_text(st));
	ck_assert_msg(st == ST_OK ? says != SAYS_ABSENT : says != SAYS_PRESENT, "key %u: %s, wanted %s (version %llu)", key,
		      st_text(st), says == SAYS_PRESENT ? "a value" : "none", (unsigned long long)states[key].version);
	if (st)
		return;
	check_value(o, &states[key], key, &e);
	view_pin_release(&pin);
}

static inline void check_keys(const struct oracle *o, const struct model_view *v, const struct oracle_state *states)
{
	for (uint32_t k = 0; k < o->count; k++)
		check_key(o, v, states, k, false);
}

/* ---- scans ---- */

/* The iterator has moved: what it shows must be the next key there is, from this rank on in this direction. Gives that
 * key's rank, or one outside of all. */
static inline int64_t check_arrival(const struct oracle *o, const struct oracle_state *states, const struct iter *it,
				    int64_t rank, int direction)
{
	uint8_t bytes[ORACLE_KEY_MAX];

	ck_assert_msg(it->valid || it->status == ST_OK, "scan: %s", st_text(it->status));
	for (; rank >= 0 && rank < o->count; rank += direction) {
		uint32_t key = o->order[rank];
		enum oracle_says says = oracle_says(o, &states[key]);
		struct slice k = slice_of(bytes, oracle_key(o, key, bytes));
		bool here = it->valid && slice_eq(it->entry.key, k);

		ck_assert_msg(says == SAYS_EITHER || here == (says == SAYS_PRESENT), "scan: key %u %s", key,
			      here ? "shows" : "is missing");
		if (!here)
			continue;
		check_value(o, &states[key], key, &it->entry);
		return rank;
	}
	ck_assert_msg(!it->valid, "scan: something behind the last key");
	return rank;
}

/* Puts the iterator somewhere at or beside the rank-th key, in one of the ways there are. */
static inline int64_t check_start(const struct oracle *o, const struct oracle_state *states, struct iter *it, int64_t rank,
				  unsigned way)
{
	uint8_t bytes[ORACLE_KEY_MAX + 1];
	size_t n = oracle_key(o, o->order[rank], bytes);

	bytes[n] = 0;
	switch (way) {
	case 0:
		iter_first(it);
		return check_arrival(o, states, it, 0, 1);
	case 1:
		iter_last(it);
		return check_arrival(o, states, it, (int64_t)o->count - 1, -1);
	case 2:
		iter_seek(it, slice_of(bytes, n), SEQ_MAX);
		return check_arrival(o, states, it, rank, 1);
	case 3:
		iter_seek(it, slice_of(bytes, n + 1), SEQ_MAX);
		return check_arrival(o, states, it, rank + 1, 1);
	case 4:
		iter_seek_last(it, slice_of(bytes, n), seq(0));
		return check_arrival(o, states, it, rank, -1);
	default:
		iter_seek_last(it, slice_of(bytes, n), SEQ_MAX);
		return check_arrival(o, states, it, rank - 1, -1);
	}
}

/* n steps from there, turning round now and then. */
static inline void check_scan(const struct oracle *o, const struct model_view *v, const struct oracle_state *states,
			      struct rnd *rnd, unsigned n)
{
	int64_t rank = (int64_t)rnd_below(rnd, o->count);
	int direction = rnd_below(rnd, 2) ? 1 : -1;
	struct iter *it;

	it = view_iter_new(v->view, v->seq, o->now_ms);
	rank = check_start(o, states, it, rank, (unsigned)rnd_below(rnd, 6));
	for (; n > 0 && it->valid; n--) {
		if (rnd_below(rnd, 8) == 0)
			direction = -direction;
		if (direction > 0)
			iter_next(it);
		else
			iter_prev(it);
		rank = check_arrival(o, states, it, rank + direction, direction);
	}
	iter_free(&it);
}

/* All of it, forwards or backwards. */
static inline void check_pass(const struct oracle *o, const struct model_view *v, const struct oracle_state *states,
			      int direction)
{
	struct iter *it;
	int64_t rank;

	it = view_iter_new(v->view, v->seq, o->now_ms);
	rank = check_start(o, states, it, 0, direction > 0 ? 0 : 1);
	while (it->valid) {
		if (direction > 0)
			iter_next(it);
		else
			iter_prev(it);
		rank = check_arrival(o, states, it, rank + direction, direction);
	}
	iter_free(&it);
}

static inline void check_all(struct model_db *db, const struct oracle *o)
{
	struct model_view v = model_view(db);

	check_keys(o, &v, o->now);
	check_pass(o, &v, o->now, 1);
	check_pass(o, &v, o->now, -1);
	view_unref(&v.view);
}

/* ---- the audit ---- */

struct audit {
	struct model_db *db;
	uint64_t tables, entries, bytes, fingerprint;
};

/* The file of a live table is what the version says, entry by entry. */
static inline void audit_file(struct audit *a, const struct live_table *t)
{
	const struct table_facts *f = &t->facts;
	uint64_t entries = 0, tombstones = 0;
	struct buf last = BUF_INIT;
	struct table_reader *r;
	struct iter *it;

	ck_ok(table_open(a->db->w.vfs, path_sst(a->db->w.dir, f->id).s, f->id, truth_database(a->db->w.db.truth), NULL, &r));
	ck_ok(table_verify_file(r, f->file_crc));
	ck_assert_uint_eq(table_props(r)->size_bytes, f->size_bytes);
	it = table_iter_new(r, true);
	for (iter_first(it); it->valid; iter_next(it), entries++) {
		struct slice k = it->entry.key;

		ck_assert(slice_cmp(f->min_key, k) <= 0 && slice_cmp(k, f->max_key) <= 0);
		ck_assert(f->min_seq.v <= it->entry.seq.v && it->entry.seq.v <= f->max_seq.v);
		ck_assert(entries == 0 || slice_cmp(buf_slice(&last), k) < 0);
		tombstones += it->entry.is_tombstone;
		buf_reset(&last);
		buf_append_slice(&last, k);
	}
	ck_ok(it->status);
	ck_assert_uint_eq(entries, f->entry_count);
	ck_assert_uint_eq(tombstones, f->tombstone_count);
	iter_free(&it);
	table_close(&r);
	buf_fini(&last);
}

static inline void audit_level(struct audit *a, unsigned n, struct level_list l)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < l.count; i++) {
		const struct live_table *t = l.tables[i];

		audit_file(a, t);
		ck_assert_uint_eq(t->level, n);
		if (n > 0 && i > 0)
			ck_assert(slice_cmp(l.tables[i - 1]->facts.max_key, t->facts.min_key) < 0);
		bytes += t->facts.size_bytes;
		a->tables++;
		a->entries += t->facts.entry_count;
		a->fingerprint = oracle_mix(a->fingerprint, t->facts.id.v * 31 + n) ^ t->facts.file_crc;
	}
	ck_assert_uint_eq(bytes, l.bytes);
	a->bytes += bytes;
}

static inline enum st audit_name(void *ctx, const char *name)
{
	struct audit *a = ctx;
	struct file_id id;

	ck_assert_msg(path_parse(name, &id) == DATA_NAME_SST, "a stray file in sst/: %s", name);
	ck_assert_msg(version_find(truth_lock(a->db->w.db.truth), id) != NULL, "no table of the version: %s", name);
	truth_unlock(a->db->w.db.truth);
	a->tables--;
	return ST_OK;
}

static inline enum st audit_stray(void *ctx, const char *name)
{
	(void)ctx;
	ck_abort_msg("a stray file in tmp/: %s", name);
	return ST_OK;
}

/* Nothing may run beside it. Gives what there is. */
static inline struct audit audit_files(struct model_db *db)
{
	struct audit a = { .db = db };
	uint64_t tables;

	for (unsigned n = 0; n < LEVEL_COUNT; n++) {
		audit_level(&a, n, version_level(truth_lock(db->w.db.truth), n));
		truth_unlock(db->w.db.truth);
	}
	ck_assert_uint_eq(truth_table_bytes(db->w.db.truth), a.bytes);
	tables = a.tables;
	ck_ok(vfs_list(db->w.vfs, path_sst_dir(db->w.dir).s, audit_name, &a));
	ck_assert_uint_eq(a.tables, 0);          /* each live table has its file, and there are no others */
	ck_ok(vfs_list(db->w.vfs, path_tmp_dir(db->w.dir).s, audit_stray, &a));
	a.tables = tables;
	return a;
}

/* Version, files and contents agree, and go on doing so through a restart, which changes nothing of them. */
static inline struct audit audit_all(struct model_db *db, const struct oracle *o)
{
	struct audit before = audit_files(db), after;

	check_all(db, o);
	model_close(db);
	model_open(db);
	after = audit_files(db);
	ck_assert(before.tables == after.tables && before.fingerprint == after.fingerprint);
	check_all(db, o);
	return after;
}

#endif
