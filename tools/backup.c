/* SPDX-License-Identifier: Apache-2.0 */
/* A set of backups; see backup.h. */
#include "tools/backup.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "engine/copydir.h"
#include "tools/backup_damage.h"
#include "tools/backup_files.h"

#define PARTIAL ".partial"

/* ---- names ---- */

struct path backup_path(const struct backup_set *s, uint64_t number)
{
	char name[32];

	snprintf(name, sizeof(name), "%06" PRIu64, number);
	return path_join(s->dir, name);
}

static struct path partial_path(const struct backup_set *s, uint64_t number)
{
	char name[40];

	snprintf(name, sizeof(name), "%06" PRIu64 PARTIAL, number);
	return path_join(s->dir, name);
}

/* Digits, as many as printing them gives, then the ending. */
static bool parse(const char *name, const char *ending, uint64_t *numberp)
{
	char again[40];
	char *end;

	*numberp = strtoull(name, &end, 10);
	snprintf(again, sizeof(again), "%06" PRIu64 "%s", *numberp, ending);
	return *numberp > 0 && strcmp(name, again) == 0;
}

struct numbers { const char *ending; uint64_t *list; size_t count; };

static enum st note(void *ctx, const char *name)
{
	struct numbers *n = ctx;
	uint64_t number;

	if (!parse(name, n->ending, &number))
		return ST_OK;
	n->list = mem_resize(n->list, (n->count + 1) * sizeof(*n->list));
	n->list[n->count++] = number;
	return ST_OK;
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static enum st list(const struct backup_set *s, const char *ending, uint64_t **numbersp, size_t *np)
{
	struct numbers n = { .ending = ending };
	enum st st = vfs_list(s->vfs, s->dir, note, &n);

	if (n.count > 1)
		qsort(n.list, n.count, sizeof(*n.list), by_number);
	*numbersp = n.list;
	*np = n.count;
	return st;
}

enum st backup_list(const struct backup_set *s, uint64_t **numbersp, size_t *np)
{
	return list(s, "", numbersp, np);
}

/* Lists of damage whose backup is gone. */
static enum st tidy_lists(const struct backup_set *s)
{
	uint64_t *numbers;
	size_t n;
	enum st st = list(s, BACKUP_DAMAGED, &numbers, &n);

	for (size_t i = 0; i < n && !st; i++) {
		bool there;

		st = vfs_exists(s->vfs, backup_path(s, numbers[i]).s, &there);
		if (!st && !there)
			st = backup_damage_write(s->vfs, backup_path(s, numbers[i]), slice_str(""));
	}
	mem_free(numbers);
	return st;
}

enum st backup_tidy(const struct backup_set *s)
{
	uint64_t *numbers;
	size_t n;
	enum st st = list(s, PARTIAL, &numbers, &n);

	for (size_t i = 0; i < n && !st; i++)
		st = copydir_clear(s->vfs, partial_path(s, numbers[i]).s);
	mem_free(numbers);
	return st ? st : tidy_lists(s);
}

/* ---- looking ---- */

static struct backup_report report_of(uint64_t number, const struct manifest_state *m)
{
	struct backup_report r = { .number = number, .last_seq = m->promised_seq, .tables = m->table_count };

	for (size_t i = 0; i < m->table_count; i++)
		r.table_bytes += m->tables[i].facts.size_bytes;
	return r;
}

static enum st expect_file(struct vfs *v, struct path file, struct buf *complaint)
{
	bool there;
	enum st st = vfs_exists(v, file.s, &there);

	if (st || there)
		return st;
	buf_printf(complaint, "%s is missing", file.s);
	return fail(ST_CORRUPT, "%s is missing", file.s);
}

static enum st look(const struct backup_set *s, uint64_t number, struct manifest_state *mp, struct buf *complaint)
{
	struct path file = path_manifest(backup_path(s, number).s);
	enum st st = expect_file(s->vfs, file, complaint);

	*mp = (struct manifest_state){ 0 };
	return st ? st : manifest_look(file.s, s->sqlite_vfs, mp, complaint);
}

static enum st expect_files(const struct backup_set *s, uint64_t number, const struct manifest_state *m,
			    struct buf *complaint)
{
	struct path dir = backup_path(s, number);
	enum st st = expect_file(s->vfs, path_wal(dir.s, m->wal_floor), complaint);

	for (size_t i = 0; i < m->table_count && !st; i++)
		st = expect_file(s->vfs, path_sst(dir.s, m->tables[i].facts.id), complaint);
	return st;
}

static enum st count_damaged(const struct backup_set *s, struct backup_report *r)
{
	struct buf list = BUF_INIT;
	enum st st = backup_damage_read(s->vfs, backup_path(s, r->number), &list);

	r->damaged = backup_damage_count(buf_slice(&list));
	buf_fini(&list);
	return st;
}

enum st backup_look(const struct backup_set *s, uint64_t number, struct backup_report *rp, struct buf *complaint)
{
	struct manifest_state m;
	enum st st = look(s, number, &m, complaint);

	if (!st)
		st = expect_files(s, number, &m, complaint);
	*rp = report_of(number, &m);
	manifest_state_fini(&m);
	return st ? st : count_damaged(s, rp);
}

/* Reads a table of the backup; what is wrong with it is logged. */
static enum st verify_table(const struct backup_set *s, struct path dir, const struct table_facts *f)
{
	struct path file = path_sst(dir.s, f->id);
	struct buf wrong = BUF_INIT;
	enum st st = backup_table_copy(s->vfs, file.s, NULL, f, &wrong);

	buf_fini(&wrong);
	return st == ST_NOT_FOUND ? fail(ST_CORRUPT, "%s is missing", file.s) : st;
}

enum st backup_verify(const struct backup_set *s, uint64_t number, struct backup_report *rp, struct buf *complaint)
{
	struct path dir = backup_path(s, number);
	struct manifest_state m;
	enum st st = look(s, number, &m, complaint), log;

	*rp = report_of(number, &m);
	if (st)
		return st;
	for (size_t i = 0; i < m.table_count && (!st || st == ST_CORRUPT); i++) {
		enum st one = verify_table(s, dir, &m.tables[i].facts);

		st = one ? one : st;
	}
	log = backup_log_check(s->vfs, dir.s, &m);
	manifest_state_fini(&m);
	if (!log)
		log = count_damaged(s, rp);
	return st ? st : log;
}

/* ---- taking ---- */

struct taking {
	const struct backup_set *set;
	const char *from;
	struct path partial;
	struct manifest_state now, before;       /* before: of the newest backup; no tables when there is none */
	uint64_t before_number;
	struct buf damage_before, damage;        /* the lists of that one, and of the one that is made */
	struct backup_report report;
};

static int table_order(const void *a, const void *b)
{
	uint64_t x = ((const struct live_table *)a)->facts.id.v, y = ((const struct live_table *)b)->facts.id.v;

	return (x > y) - (x < y);
}

/* In the newest backup, and the same file as far as the manifests can tell. */
static bool is_there_already(const struct taking *t, const struct live_table *table)
{
	const struct manifest_state *m = &t->before;
	const struct live_table *old = m->table_count == 0 ? NULL :
		bsearch(table, m->tables, m->table_count, sizeof(*m->tables), table_order);

	return old && old->facts.size_bytes == table->facts.size_bytes && old->facts.file_crc == table->facts.file_crc &&
	       m->database == t->now.database && !backup_damage_names(buf_slice(&t->damage_before), table->facts.id);
}

/* As it is when its bytes do not check: that is noted. */
static enum st copy_table(struct taking *t, const struct live_table *table, struct path to)
{
	struct path from = path_sst(t->from, table->facts.id);
	struct buf wrong = BUF_INIT;
	enum st st = backup_table_copy(t->set->vfs, from.s, to.s, &table->facts, &wrong);

	t->report.copied++;
	t->report.copied_bytes += table->facts.size_bytes;
	if (st == ST_NOT_FOUND) {
		st = fail(ST_CORRUPT, "%s is missing", from.s);
	} else if (st == ST_CORRUPT) {
		backup_damage_add(&t->damage, table, buf_slice(&wrong));
		t->report.damaged++;
		st = ST_OK;
	}
	buf_fini(&wrong);
	return st;
}

static enum st take_table(struct taking *t, const struct live_table *table)
{
	const struct table_facts *f = &table->facts;
	struct vfs *v = t->set->vfs;
	struct path to = path_sst(t->partial.s, f->id);
	enum st st = ST_NOT_FOUND;

	if (is_there_already(t, table)) {
		st = vfs_link(v, path_sst(backup_path(t->set, t->before_number).s, f->id).s, to.s);
		t->report.linked += !st;
		t->report.linked_bytes += st ? 0 : f->size_bytes;
	}
	if (st == ST_NOT_FOUND || st == ST_INVALID)    /* new, or the last backup was moved to another disk */
		return copy_table(t, table, to);
	return st;
}

static enum st take_file(struct taking *t, struct path from, struct path to)
{
	uint64_t bytes;
	uint32_t crc;
	enum st st = backup_file_copy(t->set->vfs, from.s, to.s, &crc, &bytes);

	t->report.copied++;
	t->report.copied_bytes += bytes;
	return st;
}

static enum st take_log(struct taking *t)
{
	struct file_id *ids;
	size_t n;
	enum st st = backup_segments(t->set->vfs, t->from, t->now.wal_floor, &ids, &n);

	for (size_t i = 0; i < n && !st; i++)
		st = take_file(t, path_wal(t->from, ids[i]), path_wal(t->partial.s, ids[i]));
	mem_free(ids);
	return st ? st : backup_log_check(t->set->vfs, t->partial.s, &t->now);
}

static enum st take_files(struct taking *t)
{
	enum st st = copydir_make(t->set->vfs, t->partial.s);

	for (size_t i = 0; i < t->now.table_count && !st; i++)
		st = take_table(t, &t->now.tables[i]);
	if (!st)
		st = take_log(t);
	if (!st)
		st = take_file(t, path_manifest(t->from), path_manifest(t->partial.s));
	return st ? st : copydir_sync_names(t->set->vfs, t->partial.s);
}

/* The newest one, if there is any. One that cannot be read is no base for another, but no reason against it. */
static enum st find_before(struct taking *t)
{
	struct buf complaint = BUF_INIT;
	uint64_t *numbers;
	size_t n;
	enum st st = backup_list(t->set, &numbers, &n), unread;

	if (!st && n > 0) {
		t->before_number = numbers[n - 1];
		unread = look(t->set, t->before_number, &t->before, &complaint);
		if (unread)
			log_warn("%s cannot be read, so nothing is shared with it. %s", backup_path(t->set, t->before_number).s,
				 buf_cstr(&complaint));
		else if (t->before.table_count)
			qsort(t->before.tables, t->before.table_count, sizeof(*t->before.tables), table_order);
		st = backup_damage_read(t->set->vfs, backup_path(t->set, t->before_number), &t->damage_before);
	}
	buf_fini(&complaint);
	mem_free(numbers);
	return st;
}

static enum st take(struct taking *t)
{
	const struct backup_set *s = t->set;
	enum st st = find_before(t), undo;

	if (st)
		return st;
	t->report = report_of(t->before_number + 1, &t->now);
	t->partial = partial_path(s, t->report.number);
	st = take_files(t);
	if (!st)
		st = backup_damage_write(s->vfs, backup_path(s, t->report.number), buf_slice(&t->damage));
	if (!st)
		st = copydir_name(s->vfs, t->partial.s, backup_path(s, t->report.number).s);
	if (st) {
		undo = copydir_clear(s->vfs, t->partial.s);
		(void)undo;              /* what stays is tidied by the next one */
	}
	return st;
}

enum st backup_take(const struct backup_set *s, const char *from, struct backup_report *rp, struct buf *complaint)
{
	struct taking t = { .set = s, .from = from, .damage_before = BUF_INIT, .damage = BUF_INIT };
	enum st st = backup_tidy(s);

	*rp = (struct backup_report){ 0 };
	if (!st)
		st = manifest_look(path_manifest(from).s, s->sqlite_vfs, &t.now, complaint);
	if (!st)
		st = take(&t);
	if (!st)
		*rp = t.report;
	manifest_state_fini(&t.now);
	manifest_state_fini(&t.before);
	buf_fini(&t.damage_before);
	buf_fini(&t.damage);
	return st;
}

/* ---- removing ---- */

enum st backup_remove(const struct backup_set *s, uint64_t number)
{
	struct path dir = backup_path(s, number), partial = partial_path(s, number);
	enum st st = vfs_rename(s->vfs, dir.s, partial.s);

	if (!st)
		st = vfs_sync_dir(s->vfs, s->dir);
	if (!st)
		st = copydir_clear(s->vfs, partial.s);
	return st ? st : backup_damage_write(s->vfs, dir, slice_str(""));
}

static bool can_be_looked_at(const struct backup_set *s, uint64_t number, bool *soundp)
{
	struct buf complaint = BUF_INIT;
	struct backup_report r;
	enum st st = backup_look(s, number, &r, &complaint);

	buf_fini(&complaint);
	*soundp = st == ST_OK && r.damaged == 0;
	return st == ST_OK;
}

/* Of one beyond those that are kept. */
static enum backup_fate fate_of(bool readable, bool sound, bool sound_before)
{
	if (!readable)
		return BACKUP_UNREADABLE;
	return sound && !sound_before ? BACKUP_LAST_SOUND : BACKUP_REMOVED;
}

enum st backup_prune(const struct backup_set *s, uint64_t keep, backup_pruned_f *tell, void *ctx)
{
	uint64_t *numbers, good = 0;
	bool sound, sound_before = false;
	size_t n;
	enum st st = backup_list(s, &numbers, &n);

	for (size_t i = n; i-- > 0 && !st;) {
		bool readable = can_be_looked_at(s, numbers[i], &sound);
		enum backup_fate fate = fate_of(readable, sound, sound_before);

		good += readable;
		sound_before |= sound;
		if (readable && good <= keep)
			continue;
		if (fate == BACKUP_REMOVED)
			st = backup_remove(s, numbers[i]);
		if (!st)
			tell(ctx, numbers[i], fate);
	}
	mem_free(numbers);
	return !st && n > 0 && good == 0 ? ST_NOT_FOUND : st;
}
