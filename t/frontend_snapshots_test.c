/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshots of two frontends in one process, over a view of one memtable: found by cursors at either of them, and every way
 * in which they end. What attach.c does is done here.
 */
#include "frontend/snapshots.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/stats/stats.h"
#include "common/view/lease.h"
#include "t/check_main.h"

enum { OWNER = 5, OTHER = 6, THIRD = 7, IDLE_MS = 60000, LIFE_MS = 200000 };

static _Atomic uint64_t now_us = 1000000;

uint64_t __wrap_clock_mono_us(void);
uint64_t __wrap_clock_mono_us(void)
{
	return atomic_load(&now_us);
}

/* Done once, between looking at a lease and opening what its holder shows. */
static void (*meanwhile)(void);

int __wrap_stats_worker_pid(unsigned slot);
int __wrap_stats_worker_pid(unsigned slot)
{
	void (*now)(void) = meanwhile;

	ck_assert(slot == OWNER || slot == OTHER || slot == THIRD);
	meanwhile = NULL;
	if (now)
		now();
	return (int)getpid();
}

static void pass(uint64_t ms)
{
	atomic_fetch_add(&now_us, ms * 1000);
}

/* ---- in attach.c's place ---- */

struct attach { struct leases *leases; };

static struct board *board;
static struct memtable *memtable;
static struct file_id memtable_ids[1] = { { 1 } };
static struct view_desc desc, newest;

static struct memtable *find(void *ctx, struct file_id id)
{
	(void)ctx;
	return id.v == memtable_ids[0].v ? memtable_ref(memtable) : NULL;
}

struct leases *attach_leases(struct attach *a)
{
	return a->leases;
}

enum st attach_lease(struct attach *a, uint64_t ttl_ms, struct view **vp, struct seq *seqp, uint64_t *leasep)
{
	*seqp = seq(50);
	ck_assert_int_eq(view_new(&desc, find, NULL, NULL, vp), ST_OK);
	return lease_take(a->leases, board, &desc, *seqp, ttl_ms, leasep);
}

enum st attach_view(struct attach *a, const struct view_desc *d, view_find_f *f, void *ctx, struct view **vp)
{
	(void)a;
	return view_new(d, f, ctx, NULL, vp);
}

const struct view_desc *attach_desc(const struct attach *a)
{
	(void)a;
	return &newest;
}

/* ---- the two ---- */

struct place {
	int fd;
	struct attach owner_attach, other_attach;
	struct snapshots *owner, *other;
	size_t max_descriptors;          /* 0: many */
};

static void begin_owner(struct place *p, size_t max)
{
	struct snapshots_setup setup = { .attach = &p->owner_attach, .idle_ms = IDLE_MS, .life_ms = LIFE_MS, .max = max,
					 .max_bytes = UINT64_MAX, .max_descriptors = 1000 };

	ck_assert_int_eq(leases_attach(p->fd, OWNER, &p->owner_attach.leases), ST_OK);
	snapshots_new(&setup, &p->owner);
}

static void begin_other(struct place *p, size_t max, uint64_t max_bytes)
{
	struct snapshots_setup setup = { .attach = &p->other_attach, .idle_ms = IDLE_MS, .life_ms = LIFE_MS, .max = max,
					 .max_bytes = max_bytes,
					 .max_descriptors = p->max_descriptors ? p->max_descriptors : 1000 };

	snapshots_new(&setup, &p->other);
}

static void begin(struct place *p, size_t max, uint64_t other_bytes)
{
	struct entry e = { .key = slice_str("k"), .value = slice_str("v"), .seq = seq(7) };
	int fd = board_create();

	stats_begin_private();
	*p = (struct place){ .fd = leases_create() };
	ck_assert_int_eq(board_attach(fd, true, &board), ST_OK);
	close(fd);
	ck_assert_int_eq(leases_attach(p->fd, OTHER, &p->other_attach.leases), ST_OK);
	memtable_ids[0] = file_id(1);
	ck_assert_int_eq(memtable_new(memtable_ids[0], 1 << 20, &memtable), ST_OK);
	memtable_insert(memtable, &e);
	newest = desc = (struct view_desc){ .incarnation = 1, .memtables = memtable_ids, .memtable_count = 1 };
	ck_assert_int_eq(board_publish(board, slice_str("view"), &desc.generation), ST_OK);
	begin_owner(p, max);
	begin_other(p, max, other_bytes);
}

static void end(struct place *p)
{
	snapshots_free(&p->owner);
	snapshots_free(&p->other);
	leases_detach(&p->owner_attach.leases);
	leases_detach(&p->other_attach.leases);
	memtable_unref(&memtable);
	board_detach(&board);
	close(p->fd);
}

/* A snapshot that waits for its next page. */
static struct cursor keep_at(struct snapshots *s)
{
	struct snapshot *snap;
	struct cursor c = { 0 };

	ck_assert_int_eq(snapshots_take(s, &snap), ST_OK);
	ck_assert(snapshots_name(s, snap, &c));
	snapshots_done(s, &snap, true);
	ck_assert_ptr_null(snap);
	return c;
}

static struct cursor keep_one(struct place *p)
{
	return keep_at(p->owner);
}

/* Is it to be found? */
static bool finds(struct snapshots *s, const struct cursor *c)
{
	struct snapshot *snap;
	enum st st = snapshots_find(s, c, &snap);

	if (st == ST_OK)
		snapshots_done(s, &snap, true);
	else
		ck_assert_int_eq(st, ST_NOT_FOUND);
	return st == ST_OK;
}

START_TEST(a_cursor_finds_its_snapshot_at_every_frontend)
{
	struct place p;
	struct cursor c, wrong;
	struct snapshot *snap;

	begin(&p, 4, UINT64_MAX);
	c = keep_one(&p);
	ck_assert(finds(p.owner, &c));
	ck_assert_int_eq(snapshots_find(p.other, &c, &snap), ST_OK);
	ck_assert(!snap->own && snap->facts.lease == c.lease && snap->facts.seq.v == 50);
	ck_assert_uint_eq(view_desc(snap->view)->memtables[0].v, 1);
	ck_assert(view_memtable(snap->view, 0) != memtable);     /* mapped anew */
	snapshots_done(p.other, &snap, true);
	wrong = c;
	wrong.seq = seq(51);
	ck_assert(!finds(p.owner, &wrong) && !finds(p.other, &wrong));
	wrong = c;
	wrong.taken_us++;
	ck_assert(!finds(p.owner, &wrong) && !finds(p.other, &wrong));
	ck_assert(finds(p.other, &c) && finds(p.owner, &c));
	end(&p);
}
END_TEST

START_TEST(what_another_process_shows_is_not_believed)
{
	struct place p;
	struct cursor c;
	struct lease lease;

	begin(&p, 4, UINT64_MAX);
	c = keep_one(&p);
	ck_assert_int_eq(lease_find(p.owner_attach.leases, c.lease, &lease), ST_OK);
	for (int fd = -1; fd < 64; fd++) {
		lease_show(p.owner_attach.leases, c.lease, fd);
		ck_assert(fd == lease.shown || !finds(p.other, &c));
	}
	lease_show(p.owner_attach.leases, c.lease, lease.shown);
	ck_assert(finds(p.other, &c));
	end(&p);
}
END_TEST

START_TEST(each_use_renews_it_for_a_while_and_never_beyond_its_life)
{
	struct place p;
	struct cursor c;

	begin(&p, 4, UINT64_MAX);
	c = keep_one(&p);
	for (unsigned i = 0; i < 3; i++) {
		pass(IDLE_MS - 1000);
		snapshots_tick(p.owner);
		ck_assert(finds(i % 2 ? p.owner : p.other, &c));
	}
	pass(LIFE_MS - 3 * (IDLE_MS - 1000));
	ck_assert(!finds(p.owner, &c) && !finds(p.other, &c));
	c = keep_one(&p);
	pass(IDLE_MS + 1);
	snapshots_tick(p.owner);
	ck_assert(!finds(p.owner, &c) && !finds(p.other, &c));
	end(&p);
}
END_TEST

START_TEST(of_those_that_wait_the_one_not_used_for_longest_goes)
{
	struct place p;
	struct cursor c[3];

	begin(&p, 2, UINT64_MAX);
	for (unsigned i = 0; i < 2; i++, pass(10))
		c[i] = keep_one(&p);
	ck_assert(finds(p.owner, &c[0]));
	pass(10);
	c[2] = keep_one(&p);
	ck_assert(finds(p.owner, &c[0]) && !finds(p.owner, &c[1]) && finds(p.owner, &c[2]));
	end(&p);
}
END_TEST

/* A scan that has come to its end waits for nothing: its cursors are good for who asks once more, as long as there is room. */
START_TEST(those_of_scans_that_ended_go_before_those_that_wait)
{
	struct snapshot *snap;
	struct cursor waits, ended[3];
	struct place p;

	begin(&p, 2, UINT64_MAX);
	waits = keep_one(&p);
	for (unsigned i = 0; i < 3; i++) {
		pass(10);
		ended[i] = keep_one(&p);
		ck_assert_int_eq(snapshots_find(p.owner, &ended[i], &snap), ST_OK);
		snapshots_done(p.owner, &snap, false);
	}
	ck_assert(finds(p.owner, &waits) && !finds(p.owner, &ended[0]) && !finds(p.owner, &ended[1]));
	pass(10);
	ck_assert(finds(p.owner, &ended[2]));            /* and waits again */
	pass(10);
	ended[0] = keep_one(&p);
	ck_assert(!finds(p.owner, &waits) && finds(p.owner, &ended[2]) && finds(p.owner, &ended[0]));
	end(&p);
}
END_TEST

START_TEST(one_that_is_released_ends_while_it_is_used)
{
	struct place p;
	struct cursor c;
	struct snapshot *snap;

	begin(&p, 4, UINT64_MAX);
	c = keep_one(&p);
	ck_assert_int_eq(snapshots_find(p.owner, &c, &snap), ST_OK);
	ck_assert(snapshots_renew(p.owner, snap));
	ck_assert(snapshots_release(p.other, c.lease) && !snapshots_release(p.other, c.lease));
	ck_assert(!snapshots_renew(p.owner, snap));
	snapshots_done(p.owner, &snap, false);
	ck_assert(!finds(p.owner, &c));
	end(&p);
}
END_TEST

START_TEST(who_has_no_descriptors_cannot_open_it_now_but_later)
{
	struct place p;
	struct cursor c;
	struct snapshot *snap;
	struct rlimit all, few;

	begin(&p, 4, UINT64_MAX);
	c = keep_one(&p);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &all), 0);
	few = all;
	few.rlim_cur = 3;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	ck_assert_int_eq(snapshots_find(p.other, &c, &snap), ST_BUSY);
	ck_assert_ptr_null(snap);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &all), 0);
	ck_assert(finds(p.other, &c));
	end(&p);
}
END_TEST

/* The memtable is flushed by now: only snapshots hold it. */
START_TEST(who_has_no_room_gives_up_its_own_part_only)
{
	struct place p;
	struct cursor c;
	struct snapshot *snap;

	begin(&p, 4, 0);
	c = keep_one(&p);
	ck_assert_int_eq(snapshots_find(p.other, &c, &snap), ST_OK);
	newest.memtable_count = 0;
	snapshots_tick(p.other);
	ck_assert(!snapshots_renew(p.other, snap));
	snapshots_done(p.other, &snap, true);
	ck_assert(finds(p.owner, &c));
	end(&p);
}
END_TEST

/* The owner was replaced: its cursors go on at those that stay, and its end takes none of them along. */
START_TEST(what_one_that_leaves_keeps_is_taken_over)
{
	struct place p;
	struct cursor c[3];
	struct lease lease;

	begin(&p, 4, UINT64_MAX);
	for (unsigned i = 0; i < 3; i++)
		c[i] = keep_one(&p);
	ck_assert(finds(p.other, &c[1]));                /* opened there already */
	snapshots_tick(p.other);
	ck_assert_int_eq(lease_find(p.other_attach.leases, c[0].lease, &lease), ST_OK);
	ck_assert_uint_eq(lease.worker, OWNER);          /* nobody leaves */
	ck_assert(snapshots_release(p.other, c[2].lease));
	ck_assert(!snapshots_leave(p.owner));
	snapshots_tick(p.owner);                         /* it takes nothing over from itself */
	ck_assert(!snapshots_leave(p.owner));
	snapshots_tick(p.other);
	ck_assert(snapshots_leave(p.owner));
	snapshots_free(&p.owner);
	leases_detach(&p.owner_attach.leases);
	ck_assert(finds(p.other, &c[0]) && finds(p.other, &c[1]) && !finds(p.other, &c[2]));
	snapshots_tick(p.other);

	begin_owner(&p, 4);                              /* the next in its place, which leases stand in that are not its own */
	ck_assert(finds(p.owner, &c[0]) && finds(p.owner, &c[1]));
	snapshots_free(&p.other);
	ck_assert(!finds(p.owner, &c[0]));
	begin_other(&p, 4, UINT64_MAX);
	end(&p);
}
END_TEST

START_TEST(what_is_taken_over_goes_by_when_it_was_used)
{
	struct place p;
	struct cursor recent, middle, here;

	begin(&p, 2, UINT64_MAX);
	recent = keep_one(&p);
	pass(10);
	here = keep_at(p.other);
	pass(10);
	middle = keep_one(&p);
	pass(10);
	ck_assert(finds(p.other, &here));
	pass(10);
	ck_assert(finds(p.owner, &recent));
	ck_assert(!snapshots_leave(p.owner));
	snapshots_tick(p.other);
	ck_assert(snapshots_leave(p.owner));
	ck_assert(finds(p.other, &recent) && finds(p.other, &here) && !finds(p.other, &middle));
	end(&p);
}
END_TEST

/* The last page of a cursor's scan is read. */
static void end_scan(struct snapshots *s, const struct cursor *c)
{
	struct snapshot *snap;

	ck_assert_int_eq(snapshots_find(s, c, &snap), ST_OK);
	snapshots_done(s, &snap, false);
}

START_TEST(of_what_is_taken_over_that_of_scans_that_ended_goes_first)
{
	struct place p;
	struct cursor waits, ended, here;

	begin(&p, 2, UINT64_MAX);
	waits = keep_one(&p);
	pass(10);
	here = keep_at(p.other);
	pass(10);
	ended = keep_one(&p);
	end_scan(p.owner, &ended);
	ck_assert(!snapshots_leave(p.owner));
	snapshots_tick(p.other);
	ck_assert(snapshots_leave(p.owner));
	ck_assert(finds(p.other, &waits) && finds(p.other, &here) && !finds(p.other, &ended));
	end(&p);
}
END_TEST

/* Wherever that was. */
START_TEST(a_scan_that_ended_at_another_frontend_has_ended)
{
	struct place p;
	struct cursor waits, ended, more;

	begin(&p, 2, UINT64_MAX);
	waits = keep_one(&p);
	pass(10);
	ended = keep_one(&p);
	end_scan(p.other, &ended);
	snapshots_tick(p.owner);
	more = keep_one(&p);
	ck_assert(finds(p.owner, &waits) && !finds(p.owner, &ended));
	pass(10);
	ck_assert(finds(p.owner, &more));
	ended = more;
	end_scan(p.other, &ended);
	pass(10);
	ck_assert(finds(p.other, &ended));               /* and waits again */
	snapshots_tick(p.owner);
	more = keep_one(&p);
	ck_assert(finds(p.owner, &ended) && finds(p.owner, &more) && !finds(p.owner, &waits));
	end(&p);
}
END_TEST

START_TEST(one_that_is_used_at_another_frontend_is_used)
{
	struct place p;
	struct cursor c[3];

	begin(&p, 2, UINT64_MAX);
	for (unsigned i = 0; i < 2; i++, pass(10))
		c[i] = keep_one(&p);
	ck_assert(finds(p.other, &c[0]));
	snapshots_tick(p.owner);
	pass(10);
	c[2] = keep_one(&p);
	ck_assert(finds(p.other, &c[0]) && !finds(p.owner, &c[1]) && finds(p.owner, &c[2]));
	end(&p);
}
END_TEST

static struct place *in_turn;
static struct snapshots *third;

static void the_third_takes_over(void)
{
	ck_assert(!snapshots_leave(in_turn->owner));
	snapshots_tick(third);
	ck_assert(snapshots_leave(in_turn->owner));
}

START_TEST(what_is_taken_over_while_it_is_opened_is_found_at_its_new_holder)
{
	struct place p;
	struct attach attach;
	struct snapshots_setup setup = { .attach = &attach, .idle_ms = IDLE_MS, .life_ms = LIFE_MS, .max = 4, .max_bytes = UINT64_MAX,
					 .max_descriptors = 1000 };
	struct cursor c;

	begin(&p, 4, UINT64_MAX);
	ck_assert_int_eq(leases_attach(p.fd, THIRD, &attach.leases), ST_OK);
	snapshots_new(&setup, &third);
	c = keep_one(&p);
	in_turn = &p;
	meanwhile = the_third_takes_over;
	ck_assert(finds(p.other, &c));
	ck_assert_ptr_null(meanwhile);
	snapshots_free(&third);
	leases_detach(&attach.leases);
	ck_assert(!finds(p.other, &c));
	end(&p);
}
END_TEST

/* It ends before it has looked once more at what became of its snapshots. */
START_TEST(who_ends_in_haste_ends_nothing_that_was_taken_over)
{
	struct place p;
	struct cursor c[2];

	begin(&p, 4, UINT64_MAX);
	for (unsigned i = 0; i < 2; i++)
		c[i] = keep_one(&p);
	ck_assert(!snapshots_leave(p.owner));
	snapshots_tick(p.other);
	snapshots_free(&p.owner);
	leases_detach(&p.owner_attach.leases);
	ck_assert(finds(p.other, &c[0]) && finds(p.other, &c[1]));
	begin_owner(&p, 4);
	end(&p);
}
END_TEST

/* Whoever takes over decides whether there is room. */
START_TEST(who_leaves_gives_up_nothing_for_want_of_room)
{
	struct place p;
	struct cursor kept, used[2];
	struct snapshot *snap[2];

	begin(&p, 1, UINT64_MAX);
	snapshots_free(&p.other);
	begin_other(&p, 4, UINT64_MAX);
	kept = keep_one(&p);
	for (unsigned i = 0; i < 2; i++) {
		pass(10);
		ck_assert_int_eq(snapshots_take(p.owner, &snap[i]), ST_OK);
		ck_assert(snapshots_name(p.owner, snap[i], &used[i]));
	}
	ck_assert(!snapshots_leave(p.owner));
	snapshots_done(p.owner, &snap[0], true);         /* two wait now, and may be taken over */
	snapshots_tick(p.owner);
	snapshots_tick(p.other);
	snapshots_done(p.owner, &snap[1], true);         /* three, which have been */
	snapshots_tick(p.owner);
	ck_assert(snapshots_leave(p.owner));
	ck_assert(finds(p.other, &kept) && finds(p.other, &used[0]) && finds(p.other, &used[1]));
	end(&p);
}
END_TEST

/* What is given up here as soon as it is not used any more is left to those that have room for it. */
START_TEST(who_has_given_one_up_does_not_take_it_over)
{
	struct place p;
	struct cursor c;
	struct snapshot *snap;
	struct lease lease;

	begin(&p, 4, 0);
	c = keep_one(&p);
	ck_assert_int_eq(snapshots_find(p.other, &c, &snap), ST_OK);
	newest.memtable_count = 0;
	snapshots_tick(p.other);
	ck_assert(!snapshots_renew(p.other, snap));
	ck_assert(!snapshots_leave(p.owner));
	snapshots_tick(p.other);
	ck_assert_int_eq(lease_find(p.other_attach.leases, c.lease, &lease), ST_OK);
	ck_assert_uint_eq(lease.worker, OWNER);
	snapshots_done(p.other, &snap, true);
	ck_assert_int_eq(lease_find(p.other_attach.leases, c.lease, &lease), ST_OK);
	end(&p);
}
END_TEST

enum { KEPT_MOST = 32, USED_MOST = 32 };

/* Restart after restart: those that were taken over stand where their first holder had them. */
START_TEST(what_is_taken_over_takes_no_room_from_scans)
{
	struct place p;
	struct snapshot *used[USED_MOST];
	struct cursor c[KEPT_MOST];

	begin(&p, KEPT_MOST, UINT64_MAX);
	for (unsigned i = 0; i < KEPT_MOST; i++)
		c[i] = keep_one(&p);
	ck_assert(!snapshots_leave(p.owner));
	snapshots_tick(p.other);
	ck_assert(snapshots_leave(p.owner));
	snapshots_free(&p.owner);
	leases_detach(&p.owner_attach.leases);
	begin_owner(&p, KEPT_MOST);
	for (unsigned i = 0; i < KEPT_MOST; i++)
		(void)keep_one(&p);
	for (unsigned i = 0; i < USED_MOST; i++)
		ck_assert_int_eq(snapshots_take(p.owner, &used[i]), ST_OK);
	for (unsigned i = 0; i < KEPT_MOST; i++)
		ck_assert(finds(p.other, &c[i]));
	for (unsigned i = 0; i < USED_MOST; i++)
		snapshots_done(p.owner, &used[i], false);
	end(&p);
}
END_TEST

/* What was written is in a table now: only snapshots hold the memtable. */
static void flush(void)
{
	memtable_unref(&memtable);
	memtable_ids[0].v++;
	ck_assert_int_eq(memtable_new(memtable_ids[0], 1 << 20, &memtable), ST_OK);
}

static size_t open_files(void)
{
	size_t n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void begin_other_with(struct place *p, size_t max_descriptors)
{
	snapshots_free(&p->other);
	p->max_descriptors = max_descriptors;
	begin_other(p, 100, UINT64_MAX);
}

/* Each has a memtable of its own and a file that shows it. */
START_TEST(what_snapshots_that_wait_hold_open_is_bounded)
{
	struct place p;
	struct cursor c[20];
	size_t before;

	begin(&p, 4, UINT64_MAX);
	begin_other_with(&p, 10);
	before = open_files();
	for (unsigned i = 0; i < 20; i++, pass(10), flush()) {
		c[i] = keep_at(p.other);
		ck_assert_uint_le(open_files(), before + 10);
	}
	for (unsigned i = 0; i < 20; i++)
		ck_assert(finds(p.other, &c[i]) == (i >= 15));
	end(&p);
}
END_TEST

START_TEST(who_may_hold_no_more_open_takes_and_opens_none_that_is_used)
{
	struct place p;
	struct cursor c[2];
	struct snapshot *snap[6], *adopted;
	struct lease lease;
	size_t before;

	begin(&p, 4, UINT64_MAX);
	begin_other_with(&p, 10);
	for (unsigned i = 0; i < 2; i++, flush())
		c[i] = keep_one(&p);
	before = open_files();
	for (unsigned i = 0; i < 4; i++, flush())
		ck_assert_int_eq(snapshots_take(p.other, &snap[i]), ST_OK);
	ck_assert_int_eq(snapshots_find(p.other, &c[0], &adopted), ST_OK);
	ck_assert_int_eq(snapshots_find(p.other, &c[1], &snap[5]), ST_BUSY);
	ck_assert_int_eq(snapshots_take(p.other, &snap[5]), ST_BUSY);
	ck_assert_ptr_null(snap[5]);
	ck_assert_uint_le(open_files(), before + 10);
	ck_assert_int_eq(lease_find(p.other_attach.leases, c[1].lease, &lease), ST_OK);
	ck_assert(!lease.ended);                         /* who was refused comes again */
	snapshots_done(p.other, &adopted, true);         /* it waits: one that is used goes before it */
	ck_assert_int_eq(snapshots_find(p.other, &c[1], &adopted), ST_OK);
	snapshots_done(p.other, &adopted, true);
	ck_assert_int_eq(snapshots_take(p.other, &snap[4]), ST_OK);
	ck_assert_uint_le(open_files(), before + 10);
	for (unsigned i = 0; i < 5; i++)
		snapshots_done(p.other, &snap[i], false);
	ck_assert(finds(p.other, &c[0]) && finds(p.other, &c[1]));
	end(&p);
}
END_TEST

START_TEST(those_of_one_memtable_hold_it_open_once)
{
	struct place p;
	struct cursor c[10];

	begin(&p, 4, UINT64_MAX);
	begin_other_with(&p, 11);
	for (unsigned i = 0; i < 10; i++, pass(10)) {
		c[i] = keep_at(p.other);
	}
	for (unsigned i = 0; i < 10; i++)
		ck_assert(finds(p.other, &c[i]));
	end(&p);
}
END_TEST

START_TEST(of_what_is_taken_over_as_much_stays_as_may_be_open)
{
	struct place p;
	struct cursor c[20];
	size_t before;

	begin(&p, 20, UINT64_MAX);
	begin_other_with(&p, 10);
	for (unsigned i = 0; i < 20; i++, pass(10), flush())
		c[i] = keep_one(&p);
	before = open_files();
	ck_assert(!snapshots_leave(p.owner));
	snapshots_tick(p.other);
	ck_assert_uint_le(open_files(), before + 10);
	ck_assert(snapshots_leave(p.owner));
	for (unsigned i = 0; i < 20; i++)
		ck_assert(finds(p.other, &c[i]) == (i >= 15));
	end(&p);
}
END_TEST

static void add(TCase *tc)
{
	tcase_add_test(tc, a_cursor_finds_its_snapshot_at_every_frontend);
	tcase_add_test(tc, what_another_process_shows_is_not_believed);
	tcase_add_test(tc, each_use_renews_it_for_a_while_and_never_beyond_its_life);
	tcase_add_test(tc, of_those_that_wait_the_one_not_used_for_longest_goes);
	tcase_add_test(tc, those_of_scans_that_ended_go_before_those_that_wait);
	tcase_add_test(tc, one_that_is_released_ends_while_it_is_used);
	tcase_add_test(tc, who_has_no_room_gives_up_its_own_part_only);
	tcase_add_test(tc, who_has_no_descriptors_cannot_open_it_now_but_later);
	tcase_add_test(tc, what_is_taken_over_goes_by_when_it_was_used);
	tcase_add_test(tc, what_is_taken_over_while_it_is_opened_is_found_at_its_new_holder);
	tcase_add_test(tc, what_one_that_leaves_keeps_is_taken_over);
	tcase_add_test(tc, who_ends_in_haste_ends_nothing_that_was_taken_over);
	tcase_add_test(tc, who_leaves_gives_up_nothing_for_want_of_room);
	tcase_add_test(tc, who_has_given_one_up_does_not_take_it_over);
	tcase_add_test(tc, of_what_is_taken_over_that_of_scans_that_ended_goes_first);
	tcase_add_test(tc, a_scan_that_ended_at_another_frontend_has_ended);
	tcase_add_test(tc, one_that_is_used_at_another_frontend_is_used);
	tcase_add_test(tc, what_is_taken_over_takes_no_room_from_scans);
	tcase_add_test(tc, what_snapshots_that_wait_hold_open_is_bounded);
	tcase_add_test(tc, who_may_hold_no_more_open_takes_and_opens_none_that_is_used);
	tcase_add_test(tc, those_of_one_memtable_hold_it_open_once);
	tcase_add_test(tc, of_what_is_taken_over_as_much_stays_as_may_be_open);
}

CHECK_MAIN("frontend/snapshots", add)
