/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leases: who reads an older view says so here, and the files of its tables stay until the lease ends. A segment of
 * memory made by the supervisor; every worker takes places in it, the engine looks at all of them.
 *
 * A view keeps its memtables by itself, but of its tables only those that are open. A lease lets the rest be opened by name
 * whenever the reader comes to them, however many there are and however long it takes.
 *
 * 1. A lease is on a generation of the board (view.h) and is taken while that is the current one. Before the engine removes
 *    a file it publishes a view without it and then looks at the leases; whoever takes one writes it and then looks at the
 *    generation. So one of the two sees the other, and a lease that was granted counts for every table of its view.
 * 2. A lease ends when it is released, when it was not renewed in time, an hour after it was taken, when the worker that
 *    holds it is started anew, or when the engine takes it back for want of room. So none of them is for ever.
 * 3. What an ended lease pinned may be gone: then a read answers ST_UNAVAILABLE, never something else (view.h rule 3).
 *    lease_renew() tells whether it has ended.
 * 4. Leases outlive the engine. While one starts, none is granted.
 * 5. Who took a lease holds it, until another worker takes it over from one that is about to leave and takes none any more.
 *    Any worker may renew or release one, as a frontend does for whom another one has begun a scan. The pinned bytes are written
 *    by the engine only. Nobody believes what stands there: the engine keeps no file for more than an hour, whatever it reads here.
 * 6. A lease stays where it stands, whoever holds it. There are LEASES_PER_WORKER places for each worker that there can be, and each
 *    holds no more than that of what it took and what it took over: so there is always a place for one that holds less.
 *
 * Any thread. Times are of clock_mono_us(), which all processes of a machine share.
 */
#ifndef VIEW_LEASE_H
#define VIEW_LEASE_H

#include "common/table/view_desc.h"
#include "common/view/board.h"

#define LEASES_PER_WORKER 64u
#define LEASE_TTL_MOST_MS 600000u         /* one renewal reaches as far as this */
#define LEASE_LIFE_MOST_US 3600000000ull  /* and all of them together */

struct leases;

struct lease {
	uint64_t id;                     /* never 0, never used again */
	unsigned worker;                 /* who holds it, by slot (heritage.h) */
	int shown;                       /* that one's descriptor which shows others what is read; -1: none does */
	bool ended;                      /* as lease_set_ended() told */
	uint64_t generation;
	struct seq seq;                  /* what is read; for people */
	struct file_id newest_table;     /* no table of its view has a higher id */
	uint64_t taken_us, expires_us;
	uint64_t pinned_bytes;           /* in files that only leases keep, as of the engine's last look */
};

/* A new segment, for the supervisor; the descriptor, -1 when refused. */
int leases_create(void);

/* Maps it; fd stays the caller's. What this worker held before it was started anew ends. ST_CORRUPT: it is no such segment. */
enum st leases_attach(int fd, unsigned worker, struct leases **lp) MUST_USE;
void leases_detach(struct leases **lp);          /* ends its own; NULL is fine */

/* ---- readers ---- */

/* Takes a lease on the view that d tells, for ttl_ms from now. ST_UNAVAILABLE: it is not the current one any more, or no
 * engine is there to know: load the current view and try again. ST_BUSY: this worker holds as many as it may. */
enum st lease_take(struct leases *l, const struct board *b, const struct view_desc *d, struct seq seq, uint64_t ttl_ms,
		   uint64_t *idp) MUST_USE;
/* What stands there now. ST_NOT_FOUND: it has ended. */
enum st lease_find(const struct leases *l, uint64_t id, struct lease *lease) MUST_USE;
/* For ttl_ms from now. ST_NOT_FOUND: it has ended. */
enum st lease_renew(struct leases *l, uint64_t id, uint64_t ttl_ms) MUST_USE;
void lease_release(struct leases *l, uint64_t id);       /* one that has ended is fine */
void lease_give_up(struct leases *l, uint64_t id);       /* the same, unless another worker has taken it over */
/* Tells where what is read is shown: fd of this process, which holds the lease. */
void lease_show(struct leases *l, uint64_t id, int fd);
/* Tells whoever holds it whether anybody waits for what more could be read, as far as is known. */
void lease_set_ended(struct leases *l, uint64_t id, bool ended);

/* ---- from one that leaves to one that stays ---- */

/* This worker takes no leases any more; until it ends others may take over those that it shows. */
void leases_leave(struct leases *l);
bool lease_is_held_here(const struct leases *l, const struct lease *lease);
bool leases_is_leaving(const struct leases *l, unsigned worker);
bool leases_any_leaving(const struct leases *l);         /* cheaper than a look at all leases */
/* This worker holds it from now on, and shows it as fd. false: it has ended, or what was seen is not so any more. */
bool lease_take_over(struct leases *l, const struct lease *seen, int fd);

/* All that count now, of every worker; heap memory of the caller. */
size_t leases_list(const struct leases *l, struct lease **listp);

/* ---- the engine ---- */

/* Does it need the file of a table that the view of generation `since` was the first not to name? */
bool lease_needs(const struct lease *lease, struct file_id table, uint64_t since);
void leases_shut(struct leases *l, bool shut);           /* none is granted while it starts */
void leases_revoke(struct leases *l, uint64_t generation);       /* ends all on this generation and on older ones */
void lease_set_pinned(struct leases *l, uint64_t id, uint64_t bytes);

#endif
