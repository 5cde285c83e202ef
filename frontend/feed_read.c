/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading for the seats of a feed: the live ones together, those behind one after the other, a piece each. What comes out
 * is text in `made` and the state `now`; feed.c hands it over. The feed's thread; no lock.
 *
 * A record is given change by change: a seat that has no room in the middle of one is behind, and goes on there.
 */
#include "common/stats/stats.h"
#include "frontend/feed_priv.h"
#include "frontend/sse.h"

#define PIECE_BYTES (1u << 20)           /* of log read for the live seats, or one behind, before the others' turn */

static enum feed_state state_of(enum history_got got)
{
	return got == HISTORY_GONE ? FEED_GONE : FEED_BROKEN;
}

/* ---- giving changes ---- */

static bool wants(const struct feed_seat *s, struct slice key)
{
	return key.n >= s->prefix.n && (s->prefix.n == 0 || memcmp(key.p, s->prefix.p, s->prefix.n) == 0);
}

static bool has_room(const struct feed *f, const struct feed_seat *s, size_t n)
{
	size_t held = s->held + s->made.n;

	if (held + n <= FEED_SEAT_BYTES)
		return true;
	return held < FEED_SEAT_BYTES && (f->left >= n || f->left == FEED_BYTES);
}

/* A change, its text made when the first one wants it. */
struct change { const struct write_op *op; uint64_t version; int64_t timestamp_ms; bool has_text; };

/* False: there is no room, and the change was not given. */
static bool give(struct feed *f, struct feed_seat *s, struct change *c)
{
	if (s->seen.v >= c->version)
		return true;
	if (wants(s, c->op->key)) {
		if (!c->has_text) {
			buf_reset(&f->event);
			sse_change(&f->event, c->op, c->version, c->timestamp_ms);
			c->has_text = true;
		}
		if (!has_room(f, s, f->event.n))
			return false;
		buf_append_slice(&s->made, buf_slice(&f->event));
		f->left -= f->event.n < f->left ? f->event.n : f->left;
		stats_add(M_watch_events, 1);
	}
	s->seen = seq(c->version);
	return true;
}

/* ---- live ---- */

static void go_live(struct feed *f, struct feed_seat *s)
{
	s->live = true;
	f->live_count++;
}

static void fall_behind(struct feed *f, struct feed_seat *s, const struct history_place *place)
{
	s->live = false;
	s->place = *place;
	f->live_count--;
}

static void give_to_live(struct feed *f, const struct wal_batch *b, const struct history_place *before)
{
	struct write_walk w = write_walk_begin(b->batches);
	uint64_t version = b->first_sequence.v;
	struct write_op op;

	while (write_walk_next(&w, &op)) {
		struct change c = { &op, version++, b->timestamp_ms, false };

		for (struct feed_seat *s = f->seats; s; s = s->next)
			if (s->live && !give(f, s, &c))
				fall_behind(f, s, before);
	}
}

static void end_live(struct feed *f, enum history_got got)
{
	struct history_place place;

	for (struct feed_seat *s = f->seats; s; s = s->next) {
		if (!s->live)
			continue;
		fall_behind(f, s, &f->live);
		s->now = state_of(got);
		if (s->now == FEED_GONE)
			(void)history_find(f->history, s->seen, &place, &s->oldest);
	}
}

static bool read_live(struct feed *f)
{
	for (size_t budget = PIECE_BYTES; f->live_count > 0;) {
		struct history_place before = f->live;
		struct wal_batch b;
		uint32_t count;
		enum history_got got = history_next(f->history, &f->live, f->visible, &b, &count);

		if (got == HISTORY_END) {
			f->waiting |= f->live.last.v < f->visible.v;
			return false;
		}
		if (got != HISTORY_OK) {
			end_live(f, got);
			return false;
		}
		give_to_live(f, &b, &before);
		if (b.batches.n >= budget)
			return true;
		budget -= b.batches.n;
	}
	return false;
}

/* ---- behind ---- */

/* Everything visible was read: it goes on with the live ones. */
static void catch_up(struct feed *f, struct feed_seat *s)
{
	if (f->live_count == 0)
		f->live = s->place;
	else if (s->place.last.v < f->live.last.v)
		return;
	go_live(f, s);
}

static bool give_all(struct feed *f, struct feed_seat *s, const struct wal_batch *b)
{
	struct write_walk w = write_walk_begin(b->batches);
	uint64_t version = b->first_sequence.v;
	struct write_op op;

	while (write_walk_next(&w, &op)) {
		struct change c = { &op, version++, b->timestamp_ms, false };

		if (!give(f, s, &c))
			return false;
	}
	return true;
}

static bool read_behind(struct feed *f, struct feed_seat *s)
{
	for (size_t budget = PIECE_BYTES;;) {
		struct history_place before = s->place;
		struct wal_batch b;
		uint32_t count;
		enum history_got got = history_next(f->history, &s->place, f->visible, &b, &count);

		if (got == HISTORY_END) {
			f->waiting |= s->place.last.v < f->visible.v;
			catch_up(f, s);
			return false;
		}
		if (got != HISTORY_OK) {
			s->now = state_of(got);
			if (s->now == FEED_GONE)
				(void)history_find(f->history, s->seen, &before, &s->oldest);
			return false;
		}
		if (!give_all(f, s, &b)) {
			s->place = before;
			return false;
		}
		if (b.batches.n >= budget)
			return true;
		budget -= b.batches.n;
	}
}

/* ---- opening ---- */

static void open_seat(struct feed *f, struct feed_seat *s)
{
	enum history_got got;

	if (!f->ready)
		return;
	if (s->from_now)
		s->seen = f->visible;
	s->began = s->seen;
	if (s->seen.v > f->visible.v) {
		s->now = FEED_AHEAD;
		return;
	}
	if (f->live_count > 0 && s->seen.v >= f->live.last.v) {
		s->now = FEED_OPEN;
		go_live(f, s);
		return;
	}
	got = history_find(f->history, s->seen, &s->place, &s->oldest);
	if (got == HISTORY_OK)
		s->now = FEED_OPEN;
	else if (got != HISTORY_END)
		s->now = state_of(got);
}

bool feed__read(struct feed *f)
{
	bool more;

	f->waiting = false;
	for (struct feed_seat *s = f->seats; s; s = s->next) {
		if (s->now == FEED_NEW)
			open_seat(f, s);
		f->waiting |= s->now == FEED_NEW;
	}
	more = read_live(f);
	for (struct feed_seat *s = f->seats; s; s = s->next)
		if (s->now == FEED_OPEN && !s->live && s->held + s->made.n < FEED_SEAT_BYTES)
			more |= read_behind(f, s);
	return more;
}
