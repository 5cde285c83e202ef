/* SPDX-License-Identifier: Apache-2.0 */
/* The operators' commands; see commands.h. On the control thread. */
#include "engine/commands.h"

#include <inttypes.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "engine/pressure.h"

#define SLICE_MS 100u                    /* waiting is done in pieces of this size */
#define ROTATE_WAIT_MS 30000u
#define FLUSH_WAIT_MS 120000u

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

static enum st do_flush(const struct commands *c, const struct command *q, struct buf *text)
{
	uint64_t until = clock_mono_us() + FLUSH_WAIT_MS * 1000ull;
	struct seq last;
	enum st st = seal(c, &last, text);

	(void)q;
	if (st)
		return st;
	while (!truth_wait_flushed(c->truth, last, SLICE_MS)) {
		if (asked_to_stop(c, text))
			return ST_UNAVAILABLE;
		if (clock_mono_us() >= until) {
			buf_append_str(text, "the flush has not come to its end yet; it goes on, see the log\n");
			return ST_TIMEOUT;
		}
	}
	buf_printf(text, "everything up to sequence %" PRIu64 " is in tables\n", last.v);
	return ST_OK;
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
	log_info("Command %s: %s, %" PRIu64 " ms.", row->name, st_text(st), (clock_mono_us() - began_us) / 1000);
	return st;
}
