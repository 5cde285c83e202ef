/* SPDX-License-Identifier: Apache-2.0 */
/* The operators' commands; see commands.h. On the control thread. */
#include "engine/commands.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/stats/running.h"
#include "common/table/filename.h"
#include "engine/checkpoint.h"
#include "engine/pressure.h"

#define SLICE_MS 100u                    /* waiting is done in pieces of this size */
#define ROTATE_WAIT_MS 30000u
#define FLUSH_WAIT_MS 120000u
#define RATE_MOST (UINT64_C(1) << 40)    /* as in config.def */

/* ---- what several need ---- */

static bool asked_to_stop(const struct commands *c, struct buf *text)
{
	if (!atomic_load(c->stop))
		return false;
	buf_append_str(text, "the engine is stopping\n");
	return true;
}

/* Everything answered so far is in sealed segments and frozen memtables. */
static enum st seal(const struct commands *c, struct seq *lastp, struct buf *text)
{
	uint64_t until = clock_mono_us() + ROTATE_WAIT_MS * 1000ull;
	struct write_reply refusal = { 0 };
	enum st st = ST_BUSY;

	while (st == ST_BUSY && clock_mono_us() < until) {
		if (asked_to_stop(c, text))
			return ST_UNAVAILABLE;
		if (truth_wait_below(c->truth, PRESSURE_FROZEN_MAX, SLICE_MS))
			st = commit_rotate(c->commit, lastp, &refusal);
	}
	if (st == ST_BUSY)
		buf_printf(text, "flush is behind: %u memtables wait for it; try again when writes have calmed down\n",
			   PRESSURE_FROZEN_MAX);
	else if (st)
		buf_printf(text, "%s\n", refusal.detail);
	return st;
}

/* ---- the commands ---- */

/* Everything answered so far, up to *lastp, is in tables. */
static enum st flush_all(const struct commands *c, struct seq *lastp, struct buf *text)
{
	uint64_t until = clock_mono_us() + FLUSH_WAIT_MS * 1000ull;
	enum st st = seal(c, lastp, text);

	if (st)
		return st;
	while (!truth_wait_flushed(c->truth, *lastp, SLICE_MS)) {
		if (asked_to_stop(c, text))
			return ST_UNAVAILABLE;
		if (clock_mono_us() >= until) {
			buf_append_str(text, "the flush has not come to its end yet; it goes on, see the log\n");
			return ST_TIMEOUT;
		}
	}
	return ST_OK;
}

static enum st do_flush(const struct commands *c, const struct command *q, struct buf *text)
{
	struct seq last;
	enum st st = flush_all(c, &last, text);

	(void)q;
	if (st == ST_OK)
		buf_printf(text, "everything up to sequence %" PRIu64 " is in tables\n", last.v);
	return st;
}

static bool is_below(const char *dir, const char *root)
{
	size_t n = strlen(root);

	return strncmp(dir, root, n) == 0 && (dir[n] == '/' || dir[n] == '\0');
}

static enum st refuse_dir(const char *dir, const char *why, struct buf *text)
{
	buf_printf(text, "%s: %s\n", dir, why);
	return ST_INVALID;
}

/* The name without links, "." and doubled slashes in it, as far as there is something of that name. */
static enum st resolve(const char *dir, struct path *wholep, struct buf *text)
{
	char parent[PATH_MAX];
	const char *name = strrchr(dir, '/');

	if (dir[0] != '/' || strlen(dir) > CHECKPOINT_DIR_MAX || name[1] == '\0' || strcmp(name, "/.") == 0 ||
	    strcmp(name, "/..") == 0)
		return refuse_dir(dir, "the directory's name must be absolute, plain, and not too long", text);
	if (!realpath(path_parent(dir).s, parent))
		return refuse_dir(dir, strerror(errno), text);
	if (strlen(parent) + strlen(name) > CHECKPOINT_DIR_MAX || strlen(name + 1) + strlen(CHECKPOINT_PARTIAL) > NAME_MAX)
		return refuse_dir(parent, "the directory's name is too long", text);
	*wholep = path_join(strcmp(parent, "/") == 0 ? "" : parent, name + 1);
	return ST_OK;
}

/* In a data directory of ours only checkpoints/ takes one: the other folders are tidied at every start. */
static enum st check_dir(const struct commands *c, const char *dir, struct path *wholep, struct buf *text)
{
	char data[PATH_MAX];
	enum st st = resolve(dir, wholep, text);

	if (st)
		return st;
	if (!realpath(c->conf->data_dir, data) || strlen(data) > CONF_STR_MAX)
		return fail(ST_INTERNAL, "the data directory's name cannot be resolved");
	if (is_below(wholep->s, data) && !is_below(path_parent(wholep->s).s, path_checkpoints_dir(data).s)) {
		buf_printf(text, "inside the data directory checkpoints may only lie in %s/\n", path_checkpoints_dir(data).s);
		return ST_INVALID;
	}
	return ST_OK;
}

static void tell_checkpoint(const char *dir, const struct checkpoint_result *r, uint64_t took_us, struct buf *text)
{
	buf_printf(text, "%s: everything up to sequence %" PRIu64 "; %zu tables (%.1f MiB), %zu log segments; %.3f s, of which "
		   "%.1f ms kept flush and compaction waiting\n", dir, r->last_seq.v, r->tables,
		   (double)r->table_bytes / (1 << 20), r->segments, (double)took_us / 1e6, (double)r->held_us / 1e3);
}

static enum st do_checkpoint(const struct commands *c, const struct command *q, struct buf *text)
{
	struct checkpoint_config conf = { c->vfs, c->conf->data_dir, c->truth };
	uint64_t began_us = clock_mono_us();
	struct checkpoint_result r;
	const char *dir = q->words[1];
	struct path whole;
	struct seq last;
	enum st st = check_dir(c, dir, &whole, text);

	if (!st)
		st = seal(c, &last, text);
	if (st)
		return st;
	st = checkpoint_make(&conf, whole.s, &r, text);
	if (st == ST_OK)
		tell_checkpoint(dir, &r, clock_mono_us() - began_us, text);
	else if (st == ST_INVALID && text->n == 0)
		buf_printf(text, "%s lies on another file system than the data, so no links can lead there; lsmctl backup "
			   "copies\n", dir);
	else if (text->n == 0)
		buf_printf(text, "no checkpoint was made: %s; the log of the engine says more\n", st_text(st));
	return st;
}

/* A number with K, M or G behind it. */
static enum st parse_bytes(const char *word, uint64_t *np)
{
	unsigned shift = 0;
	char *end;

	errno = 0;
	*np = strtoull(word, &end, 10);
	if (word[0] < '0' || word[0] > '9')
		return ST_INVALID;
	if (*end == 'K' || *end == 'M' || *end == 'G')
		shift = *end == 'K' ? 10 : *end == 'M' ? 20 : 30;
	if (end[shift > 0] != '\0')
		return ST_INVALID;
	if (errno || *np > RATE_MOST >> shift)
		return ST_TOO_BIG;
	*np <<= shift;
	return ST_OK;
}

static enum st do_set(const struct commands *c, const struct command *q, struct buf *text)
{
	enum st st;
	uint64_t rate;

	if (strcmp(q->words[1], "compaction-rate-limit") != 0) {
		buf_printf(text, "no setting \"%.40s\" that can be changed; there are compaction-rate-limit and slow-request-ms\n", q->words[1]);
		return ST_INVALID;
	}
	st = parse_bytes(q->words[2], &rate);
	if (st) {
		buf_printf(text, st == ST_TOO_BIG ? "\"%.40s\" is too much, 1024G is the most\n" :
			   "\"%.40s\" is not a number of bytes, as 0, 4096, 20M\n", q->words[2]);
		return ST_INVALID;
	}
	jobs_set_rate(c->jobs, rate);
	if (rate)
		buf_printf(text, "compaction reads and writes at most %" PRIu64 " bytes per second\n", rate);
	else
		buf_append_str(text, "compaction is not limited\n");
	return ST_OK;
}

static void tell_asked(const struct asked_status *s, struct buf *text)
{
	uint64_t until = s->state == ASKED_UNDER_WAY ? clock_mono_us() : s->ended_us;

	buf_printf(text, "everything up to sequence %" PRIu64 ": %" PRIu64 " job%s, %.1f MiB merged to %.1f MiB, %.1f s", s->up_to.v,
		   s->jobs, s->jobs == 1 ? "" : "s", (double)s->bytes_in / (1 << 20), (double)s->bytes_out / (1 << 20),
		   (double)(until - s->began_us) / 1e6);
	if (s->state != ASKED_DONE)
		buf_printf(text, "; %zu tables (%.1f MiB) are left", s->left, (double)s->left_bytes / (1 << 20));
	if (s->state == ASKED_ENDED_EARLY)
		buf_printf(text, ": %s", s->why);
	buf_append_byte(text, '\n');
}

/* ST_BUSY: it is under way. */
static enum st compact_status(const struct commands *c, struct buf *text)
{
	struct asked_status s = jobs_asked(c->jobs);

	if (s.state == ASKED_NEVER) {
		buf_append_str(text, "no compaction was asked for since the engine began\n");
		return ST_NOT_FOUND;
	}
	tell_asked(&s, text);
	return s.state == ASKED_UNDER_WAY ? ST_BUSY : s.state == ASKED_DONE ? ST_OK : ST_UNAVAILABLE;
}

/* Begins it only: lsmctl asks for its status until it is over, so that other commands get their turn. */
static enum st do_compact(const struct commands *c, const struct command *q, struct buf *text)
{
	struct seq last;
	enum st st;

	if (q->count == 2 && strcmp(q->words[1], "status") == 0)
		return compact_status(c, text);
	if (q->count == 2) {
		buf_printf(text, "nothing is known of \"%.40s\"; there is: compact status\n", q->words[1]);
		return ST_INVALID;
	}
	st = flush_all(c, &last, text);
	if (st)
		return st;
	jobs_compact(c->jobs, last);
	buf_printf(text, "begun, for everything up to sequence %" PRIu64 "; lsmctl compact status\n", last.v);
	return ST_OK;
}

static enum st do_compactions(const struct commands *c, const struct command *q, struct buf *text)
{
	struct stats_job jobs[STATS_JOBS_MOST];
	size_t n = stats_look_jobs(jobs);

	(void)c;
	(void)q;
	buf_printf(text, "%8s  %-6s %5s %10s %6s  %s\n", "JOB", "LEVELS", "PARTS", "MIB", "DONE", "REASON");
	for (size_t i = 0; i < n; i++)
		buf_printf(text, "%8" PRIu64 "  %" PRIu32 " > %" PRIu32 "  %5" PRIu32 " %10.1f %5.0f%%  %s\n", jobs[i].number,
			   jobs[i].input_level, jobs[i].output_level, jobs[i].parts, (double)jobs[i].bytes / (1 << 20),
			   100 * stats_job_progress(&jobs[i]), jobs[i].reason);
	return ST_OK;
}

/* ---- damage ---- */

static void write_time(struct buf *out, int64_t ms)
{
	time_t s = (time_t)(ms / 1000);
	struct tm tm;
	char text[32];

	if (gmtime_r(&s, &tm) && strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm))
		buf_append_str(out, text);
}

static void write_damage(void *ctx, const struct damage_row *row)
{
	struct buf *out = ctx;

	buf_printf(out, "record %" PRIu64 ": table %" PRIu64, row->at.record, row->at.table.v);
	if (row->at.offset == DAMAGE_WHOLE)
		buf_append_str(out, ", all of it");
	else
		buf_printf(out, ", block at offset %" PRIu64, row->at.offset);
	buf_printf(out, " (%s), found ", row->what);
	write_time(out, row->found_ms);
	buf_append_str(out, "\n  keys ");
	buf_append_readable(out, row->at.min);
	buf_append_str(out, " to ");
	buf_append_readable(out, row->at.max);
	buf_printf(out, ", unless written after sequence %" PRIu64 "\n", row->at.max_seq.v);
}

static enum st list_damage(const struct commands *c, struct buf *text)
{
	size_t before = text->n;
	enum st st = truth_list_damage(c->truth, write_damage, text);

	if (!st && text->n == before)
		buf_append_str(text, "no damage is on record\n");
	return st;
}

static enum st do_damage(const struct commands *c, const struct command *q, struct buf *text)
{
	uint64_t record = 0;
	char *end = NULL;
	enum st st;

	if (q->count == 1)
		return list_damage(c, text);
	if (q->count == 3)
		record = strtoull(q->words[2], &end, 10);
	if (q->count != 3 || strcmp(q->words[1], "forget") != 0 || end == q->words[2] || *end) {
		buf_append_str(text, "say: damage, or: damage forget RECORD\n");
		return ST_INVALID;
	}
	st = truth_forget_damage(c->truth, record);
	if (st == ST_NOT_FOUND)
		buf_printf(text, "there is no record %" PRIu64 " of damage\n", record);
	else if (st)
		buf_printf(text, "not now: %s\n", st_text(st));
	else
		buf_printf(text, "record %" PRIu64 " is settled: its keys answer what is left of them\n", record);
	return st;
}

/* ---- the table ---- */

static const struct {
	const char *name;
	enum st (*run)(const struct commands *c, const struct command *q, struct buf *text);
} commands[] = {
#define COMMAND(name, arguments, least, most, prose) { #name, do_##name },
#include "proto/commands.def"
#undef COMMAND
};

static enum st refuse(const char *what, const char *name, struct buf *text)
{
	buf_printf(text, "%s \"%.40s\"; there are:\n", what, name);
	for (size_t i = 0; i < command_row_count; i++)
		buf_printf(text, "  %s %s\n", command_rows[i].name, command_rows[i].arguments);
	return ST_INVALID;
}

enum st commands_run(const struct commands *c, const struct command *q, struct buf *text)
{
	const struct command_row *row = command_find(q->words[0]);
	uint64_t began_us = clock_mono_us();
	enum st st;

	if (!row)
		return refuse("no command", q->words[0], text);
	if (q->count - 1 < row->least || q->count - 1 > row->most)
		return refuse("wrong number of words for", row->name, text);
	st = commands[row - command_rows].run(c, q, text);
	if (st != ST_BUSY)               /* lsmctl asks again, many times */
		log_info("Command %s: %s, %" PRIu64 " ms.", row->name, st_text(st), (clock_mono_us() - began_us) / 1000);
	return st;
}
