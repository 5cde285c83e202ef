/* SPDX-License-Identifier: Apache-2.0 */
/* Leases: when one is granted, every way in which it ends, and that none is granted for what was removed. */
#include "common/view/lease.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "t/check_main.h"

#define READER 5u
#define ANOTHER 6u
#define ENGINE 1u

static _Atomic uint64_t now_us = 1000000;

/* The time is the test's to set. */
uint64_t __wrap_clock_mono_us(void);
uint64_t __wrap_clock_mono_us(void)
{
	return atomic_load(&now_us);
}

/* A board and leases, and the view that is current: one table, of the id of its generation. */
struct place {
	int fd;
	struct board *board;
	struct leases *reader, *another, *engine;
	struct view_table table;
	struct view_desc desc;
};

static void publish(struct place *p)
{
	ck_assert_int_eq(board_publish(p->board, slice_str("view"), &p->desc.generation), ST_OK);
	p->table.id = file_id(p->desc.generation);
}

static void place_begin(struct place *p)
{
	int fd = board_create();

	*p = (struct place){ .fd = leases_create() };
	ck_assert_int_eq(board_attach(fd, true, &p->board), ST_OK);
	close(fd);
	ck_assert_int_eq(leases_attach(p->fd, READER, &p->reader), ST_OK);
	ck_assert_int_eq(leases_attach(p->fd, ANOTHER, &p->another), ST_OK);
	ck_assert_int_eq(leases_attach(p->fd, ENGINE, &p->engine), ST_OK);
	p->desc.levels[3] = (struct view_level){ &p->table, 1 };
	publish(p);
}

static void place_end(struct place *p)
{
	leases_detach(&p->reader);
	leases_detach(&p->another);
	leases_detach(&p->engine);
	board_detach(&p->board);
	close(p->fd);
}

static uint64_t take(struct place *p, uint64_t ttl_ms)
{
	uint64_t id;

	ck_assert_int_eq(lease_take(p->reader, p->board, &p->desc, seq(17), ttl_ms, &id), ST_OK);
	ck_assert_uint_ne(id, 0);
	return id;
}

static size_t count(struct place *p)
{
	struct lease *list;
	size_t n = leases_list(p->engine, &list);

	mem_free(list);
	return n;
}

static void pass(uint64_t us)
{
	atomic_fetch_add(&now_us, us);
}

/* ---- granting ---- */

START_TEST(a_lease_tells_what_it_is_on)
{
	struct place p;
	struct lease *list;
	uint64_t id;

	place_begin(&p);
	id = take(&p, 5000);
	lease_set_pinned(p.engine, id, 4096);
	ck_assert_uint_eq(leases_list(p.another, &list), 1);
	ck_assert_uint_eq(list[0].id, id);
	ck_assert_uint_eq(list[0].worker, READER);
	ck_assert_uint_eq(list[0].generation, 1);
	ck_assert_uint_eq(list[0].seq.v, 17);
	ck_assert_uint_eq(list[0].newest_table.v, 1);
	ck_assert_uint_eq(list[0].taken_us, now_us);
	ck_assert_uint_eq(list[0].expires_us, now_us + 5000000);
	ck_assert_uint_eq(list[0].pinned_bytes, 4096);
	mem_free(list);
	place_end(&p);
}
END_TEST

START_TEST(none_is_granted_on_a_view_that_was_replaced)
{
	struct place p;
	struct view_desc older;
	uint64_t id = 1;

	place_begin(&p);
	older = p.desc;
	publish(&p);
	ck_assert_int_eq(lease_take(p.reader, p.board, &older, seq(1), 1000, &id), ST_UNAVAILABLE);
	ck_assert_uint_eq(id, 0);
	ck_assert_uint_eq(count(&p), 0);
	(void)take(&p, 1000);
	ck_assert_uint_eq(count(&p), 1);
	place_end(&p);
}
END_TEST

START_TEST(none_is_granted_while_the_engine_starts)
{
	struct place p;
	uint64_t id, before;

	place_begin(&p);
	before = take(&p, 1000);
	leases_shut(p.engine, true);
	ck_assert_int_eq(lease_take(p.reader, p.board, &p.desc, seq(1), 1000, &id), ST_UNAVAILABLE);
	ck_assert_int_eq(lease_renew(p.reader, before, 1000), ST_OK);
	leases_shut(p.engine, false);
	(void)take(&p, 1000);
	place_end(&p);
}
END_TEST

START_TEST(a_worker_has_so_many_and_others_have_theirs)
{
	struct place p;
	uint64_t id, first = 0;

	place_begin(&p);
	for (unsigned i = 0; i < LEASES_PER_WORKER; i++)
		first = take(&p, 1000 + i);
	ck_assert_int_eq(lease_take(p.reader, p.board, &p.desc, seq(1), 1000, &id), ST_BUSY);
	ck_assert_int_eq(lease_take(p.another, p.board, &p.desc, seq(1), 1000, &id), ST_OK);
	ck_assert_uint_eq(count(&p), LEASES_PER_WORKER + 1);
	lease_release(p.reader, first);
	(void)take(&p, 1000);
	pass(1001000);                   /* some have run out: their places are free, and there are new ids */
	ck_assert_uint_lt(count(&p), LEASES_PER_WORKER);
	ck_assert_uint_ne(take(&p, 1000), first);
	place_end(&p);
}
END_TEST

START_TEST(what_a_lease_needs)
{
	struct lease l = { .id = 1, .generation = 10, .newest_table = { 50 } };

	ck_assert(lease_needs(&l, file_id(50), 11));
	ck_assert(lease_needs(&l, file_id(3), 1000));
	ck_assert(!lease_needs(&l, file_id(51), 11));    /* made later */
	ck_assert(!lease_needs(&l, file_id(50), 10));    /* its view did not name it any more */
}
END_TEST

/* ---- ending ---- */

START_TEST(any_worker_may_look_at_a_lease_and_renew_and_release_it)
{
	struct lease lease;
	struct place p;
	uint64_t id;

	place_begin(&p);
	id = take(&p, 1000);
	ck_assert_int_eq(lease_find(p.another, id, &lease), ST_OK);
	ck_assert(lease.id == id && lease.worker == READER && lease.seq.v == 17 && lease.taken_us == now_us);
	ck_assert_int_eq(lease_renew(p.another, id, 2000), ST_OK);
	now_us += 1999999;
	ck_assert_uint_eq(count(&p), 1);
	now_us += 1;
	ck_assert_int_eq(lease_find(p.another, id, &lease), ST_NOT_FOUND);
	ck_assert_int_eq(lease_renew(p.another, id, 2000), ST_NOT_FOUND);
	id = take(&p, 1000);
	lease_release(p.another, id);
	ck_assert_uint_eq(count(&p), 0);
	ck_assert_int_eq(lease_find(p.reader, id, &lease), ST_NOT_FOUND);
	ck_assert_int_eq(lease_find(p.reader, 0, &lease), ST_NOT_FOUND);
	ck_assert_int_eq(lease_find(p.reader, UINT64_MAX, &lease), ST_NOT_FOUND);
	place_end(&p);
}
END_TEST

START_TEST(a_lease_ends_when_it_is_released_once)
{
	struct place p;
	uint64_t id, next;

	place_begin(&p);
	id = take(&p, 1000);
	lease_release(p.reader, id);
	ck_assert_uint_eq(count(&p), 0);
	ck_assert_int_eq(lease_renew(p.reader, id, 1000), ST_NOT_FOUND);
	next = take(&p, 1000);
	ck_assert_uint_ne(next, id);
	lease_release(p.reader, id);     /* of the slot's former lease */
	lease_release(p.reader, 0);
	lease_release(p.reader, UINT64_MAX);
	ck_assert_uint_eq(count(&p), 1);
	place_end(&p);
}
END_TEST

START_TEST(a_lease_ends_when_nobody_renews_it)
{
	struct place p;
	uint64_t id;

	place_begin(&p);
	id = take(&p, 1000);
	pass(999000);
	ck_assert_uint_eq(count(&p), 1);
	ck_assert_int_eq(lease_renew(p.reader, id, 1000), ST_OK);
	pass(999000);
	ck_assert_uint_eq(count(&p), 1);
	pass(1000);
	ck_assert_uint_eq(count(&p), 0);
	ck_assert_int_eq(lease_renew(p.reader, id, 1000), ST_NOT_FOUND);        /* it does not come back */
	ck_assert_uint_eq(count(&p), 0);
	place_end(&p);
}
END_TEST

START_TEST(no_renewal_makes_a_lease_last_for_ever)
{
	struct place p;
	uint64_t id, began = now_us;

	place_begin(&p);
	id = take(&p, UINT64_MAX);
	while (lease_renew(p.reader, id, UINT64_MAX) == ST_OK)
		pass(LEASE_TTL_MOST_MS * 1000 - 1);
	ck_assert_uint_le(now_us - began, LEASE_LIFE_MOST_US + LEASE_TTL_MOST_MS * 1000ull);
	ck_assert_uint_eq(count(&p), 0);
	place_end(&p);
}
END_TEST

START_TEST(leases_end_with_their_worker)
{
	struct place p;
	struct leases *anew;

	place_begin(&p);
	(void)take(&p, 1000);
	ck_assert_int_eq(leases_attach(p.fd, READER, &anew), ST_OK);
	ck_assert_uint_eq(count(&p), 0);
	leases_detach(&anew);
	(void)take(&p, 1000);
	leases_detach(&p.reader);
	ck_assert_uint_eq(count(&p), 0);
	place_end(&p);
}
END_TEST

START_TEST(leases_that_keep_something_can_be_taken_back)
{
	struct place p;
	uint64_t older, newer;

	place_begin(&p);
	older = take(&p, 1000);
	publish(&p);
	newer = take(&p, 1000);
	leases_revoke(p.engine, 1);
	ck_assert_int_eq(lease_renew(p.reader, older, 1000), ST_NOT_FOUND);
	ck_assert_int_eq(lease_renew(p.reader, newer, 1000), ST_OK);
	leases_revoke(p.engine, 0);      /* never goes back */
	ck_assert_uint_eq(count(&p), 1);
	place_end(&p);
}
END_TEST

/* ---- the segment ---- */

START_TEST(what_is_no_segment_of_leases_is_refused)
{
	int fds[] = { memfd_create("plain", 0), board_create(), leases_create() };
	struct leases *l;

	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(leases_attach(fds[i], READER, &l), ST_CORRUPT);
	ck_assert_int_eq(pwrite(fds[2], "x", 1, 0), 1);
	ck_assert_int_eq(leases_attach(fds[2], READER, &l), ST_CORRUPT);
	ck_assert_ptr_null(l);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
}
END_TEST

/* Whatever a broken worker writes into the segment: nothing faults, and what it tells is at most so many leases. */
START_TEST(rubbish_in_the_segment_harms_nobody)
{
	struct place p;
	uint8_t bytes[4096];

	place_begin(&p);
	for (unsigned i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i * 131);
	for (off_t at = 4096; at < 4096 + (off_t)sizeof bytes * 64; at += (off_t)sizeof bytes)
		ck_assert_int_eq(pwrite(p.fd, bytes, sizeof bytes, at), sizeof bytes);
	ck_assert_uint_le(count(&p), 64 * LEASES_PER_WORKER);
	(void)take(&p, 1000);
	place_end(&p);
}
END_TEST

/* ---- granting against removing ---- */

#define RACE_GENERATIONS 40000u

struct race {
	struct place p;
	atomic_bool removed[RACE_GENERATIONS + 1];       /* the file of this generation is not there any more */
	atomic_bool over;
};

static void *remove_along(void *ctx)
{
	struct race *r = ctx;

	for (uint64_t g = 1; g < RACE_GENERATIONS; g++) {
		struct lease *list;
		uint64_t next;
		size_t n;
		bool needed = false;

		ck_assert_int_eq(board_publish(r->p.board, slice_str("view"), &next), ST_OK);
		n = leases_list(r->p.engine, &list);
		for (size_t i = 0; i < n; i++)
			needed |= lease_needs(&list[i], file_id(g), next);
		mem_free(list);
		if (!needed)
			atomic_store(&r->removed[g], true);
	}
	atomic_store(&r->over, true);
	return NULL;
}

START_TEST(a_lease_that_was_granted_is_on_files_that_are_there)
{
	static struct race r;
	pthread_t engine;
	unsigned granted = 0;

	place_begin(&r.p);
	ck_assert_int_eq(pthread_create(&engine, NULL, remove_along, &r), 0);
	while (!atomic_load(&r.over)) {
		struct view_table table;
		struct view_desc d = { .generation = board_generation(r.p.board), .levels = { [2] = { &table, 1 } } };
		uint64_t id;

		table.id = file_id(d.generation);
		if (lease_take(r.p.reader, r.p.board, &d, seq(1), 1000, &id))
			continue;
		granted++;
		for (unsigned i = 0; i < 20; i++)
			ck_assert(!atomic_load(&r.removed[d.generation]));
		lease_release(r.p.reader, id);
	}
	ck_assert_int_eq(pthread_join(engine, NULL), 0);
	ck_assert_uint_gt(granted, 0);
	place_end(&r.p);
}
END_TEST

START_TEST(one_that_leaves_hands_its_leases_over_and_each_goes_to_one)
{
	struct place p;
	struct lease lease, other;
	uint64_t id, unshown;

	place_begin(&p);
	id = take(&p, 60000);
	unshown = take(&p, 60000);
	lease_show(p.another, id, 9);                    /* not its to show */
	ck_assert_int_eq(lease_find(p.another, id, &lease), ST_OK);
	ck_assert(lease.worker == READER && lease.shown == -1);
	lease_show(p.reader, id, 8);
	ck_assert(!leases_is_leaving(p.another, READER) && !leases_any_leaving(p.another));
	leases_leave(p.reader);
	ck_assert(leases_any_leaving(p.another) && leases_is_leaving(p.another, READER) && !leases_is_leaving(p.another, ANOTHER));
	ck_assert_int_eq(lease_find(p.another, id, &lease), ST_OK);
	ck_assert(lease.worker == READER && lease.shown == 8 && !lease_is_held_here(p.another, &lease));
	ck_assert(lease_take_over(p.another, &lease, 20));
	ck_assert(!lease_take_over(p.engine, &lease, 21));       /* came second */
	ck_assert_int_eq(lease_find(p.reader, id, &other), ST_OK);
	ck_assert(other.worker == ANOTHER && other.shown == 20 && other.taken_us == lease.taken_us);
	leases_detach(&p.reader);
	ck_assert(!leases_any_leaving(p.another));
	ck_assert_int_eq(lease_find(p.another, id, &lease), ST_OK);
	ck_assert_int_eq(lease_find(p.another, unshown, &lease), ST_NOT_FOUND);
	ck_assert_int_eq(leases_attach(p.fd, READER, &p.reader), ST_OK);
	ck_assert(!leases_is_leaving(p.another, READER));
	ck_assert_uint_ne(take(&p, 60000), id);
	ck_assert_int_eq(lease_renew(p.reader, id, 60000), ST_OK);
	leases_detach(&p.another);
	ck_assert_int_eq(lease_find(p.reader, id, &lease), ST_NOT_FOUND);
	place_end(&p);
}
END_TEST

/* All that a worker has, taken over by another; the next one in its place begins. */
static void hand_all_over(struct place *p, struct leases **from, unsigned worker, struct leases *to)
{
	for (unsigned i = 0; i < LEASES_PER_WORKER; i++) {
		struct lease lease;
		uint64_t id;

		ck_assert_int_eq(lease_take(*from, p->board, &p->desc, seq(17), 60000, &id), ST_OK);
		lease_show(*from, id, 8);
		ck_assert_int_eq(lease_find(to, id, &lease), ST_OK);
		ck_assert(lease_take_over(to, &lease, 20));
	}
	leases_detach(from);
	ck_assert_int_eq(leases_attach(p->fd, worker, from), ST_OK);
}

/* What others have taken over takes no room away from who comes next, wherever it stands. */
START_TEST(a_worker_has_as_many_when_others_hold_those_in_its_stripe)
{
	struct place p;
	uint64_t id, other, last = 0;

	place_begin(&p);
	hand_all_over(&p, &p.reader, READER, p.another);
	for (unsigned i = 0; i < LEASES_PER_WORKER; i++) {
		id = take(&p, 1000);
		ck_assert_uint_ne(id, last);
		last = id;
	}
	ck_assert_int_eq(lease_take(p.reader, p.board, &p.desc, seq(1), 1000, &id), ST_BUSY);
	ck_assert_uint_eq(count(&p), 2 * LEASES_PER_WORKER);
	lease_release(p.another, last);
	last = take(&p, 60000);
	pass(1001000);                   /* all but the last have run out */
	ck_assert_uint_eq(count(&p), LEASES_PER_WORKER + 1);
	ck_assert_int_eq(lease_take(p.another, p.board, &p.desc, seq(1), 1000, &other), ST_OK);
	leases_detach(&p.reader);        /* which ends what it holds in the stripes of others, too */
	ck_assert_int_eq(lease_find(p.another, last, &(struct lease){ 0 }), ST_NOT_FOUND);
	ck_assert_uint_eq(count(&p), LEASES_PER_WORKER + 1);
	place_end(&p);
}
END_TEST

struct taker { struct place *p; struct leases *leases; unsigned granted; };

static void *take_and_release(void *ctx)
{
	struct taker *t = ctx;

	for (unsigned i = 0; i < 20000; i++) {
		uint64_t id[3];

		for (unsigned k = 0; k < 3; k++) {
			ck_assert_int_eq(lease_take(t->leases, t->p->board, &t->p->desc, seq(1), 60000, &id[k]), ST_OK);
			t->granted++;
		}
		for (unsigned k = 0; k < 3; k++) {
			struct lease lease;

			ck_assert_int_eq(lease_find(t->leases, id[k], &lease), ST_OK);
			ck_assert(lease_is_held_here(t->leases, &lease));
			lease_release(t->leases, id[k]);
		}
	}
	return NULL;
}

/* Two whose stripes are full look for places elsewhere, and find the same ones. */
START_TEST(no_two_workers_take_the_same_place)
{
	struct place p;
	struct taker one = { .p = &p }, two = { .p = &p };
	pthread_t thread;

	place_begin(&p);
	hand_all_over(&p, &p.reader, READER, p.engine);
	hand_all_over(&p, &p.another, ANOTHER, p.engine);
	one.leases = p.reader;
	two.leases = p.another;
	ck_assert_int_eq(pthread_create(&thread, NULL, take_and_release, &one), 0);
	take_and_release(&two);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_uint_eq(one.granted, two.granted);
	ck_assert_uint_eq(count(&p), 2 * LEASES_PER_WORKER);
	place_end(&p);
}
END_TEST

/* The next lease in its slot may have the same holder and the same descriptor. */
START_TEST(what_was_seen_is_taken_over_and_not_what_came_after_it)
{
	struct place p;
	struct lease seen, now;
	uint64_t id;

	place_begin(&p);
	id = take(&p, 60000);
	lease_show(p.reader, id, 8);
	leases_leave(p.reader);
	ck_assert_int_eq(lease_find(p.another, id, &seen), ST_OK);
	leases_detach(&p.reader);
	ck_assert(!lease_take_over(p.another, &seen, 20));       /* ended */
	ck_assert_int_eq(leases_attach(p.fd, READER, &p.reader), ST_OK);
	id = take(&p, 60000);
	lease_show(p.reader, id, 8);
	ck_assert(!lease_take_over(p.another, &seen, 20));
	ck_assert_int_eq(lease_find(p.another, id, &now), ST_OK);
	ck_assert(now.worker == READER && now.shown == 8);
	lease_release(p.another, id);
	ck_assert(!lease_take_over(p.another, &now, 20));
	place_end(&p);
}
END_TEST

START_TEST(who_gives_a_lease_up_ends_only_what_it_holds)
{
	struct place p;
	struct lease lease;
	uint64_t id, other;

	place_begin(&p);
	id = take(&p, 60000);
	other = take(&p, 60000);
	lease_show(p.reader, id, 8);
	leases_leave(p.reader);
	ck_assert_int_eq(lease_find(p.another, id, &lease), ST_OK);
	ck_assert(lease_take_over(p.another, &lease, 20));
	lease_give_up(p.reader, id);
	lease_give_up(p.another, other);
	ck_assert_uint_eq(count(&p), 2);
	lease_give_up(p.another, id);
	lease_give_up(p.reader, other);
	lease_give_up(p.reader, other);
	lease_give_up(p.reader, 0);
	lease_give_up(p.reader, UINT64_MAX);
	ck_assert_uint_eq(count(&p), 0);
	place_end(&p);
}
END_TEST

#define LEAVES 300u

struct leave {
	struct place *p;
	struct lease seen[LEASES_PER_WORKER];
	bool got[LEASES_PER_WORKER];
};

static void *take_all_over(void *ctx)
{
	struct leave *v = ctx;

	for (unsigned i = 0; i < LEASES_PER_WORKER; i++)
		v->got[i] = lease_take_over(v->p->another, &v->seen[i], 20);
	return NULL;
}

/* A worker ends while another takes over what it shows: either one ends the lease, or the other has it. */
START_TEST(what_was_taken_over_in_the_last_moment_stays)
{
	struct place p;
	struct leave v = { .p = &p };

	place_begin(&p);
	for (unsigned n = 0; n < LEAVES; n++) {
		pthread_t thread;

		for (unsigned i = 0; i < LEASES_PER_WORKER; i++) {
			uint64_t id = take(&p, 60000);

			lease_show(p.reader, id, 8);
			ck_assert_int_eq(lease_find(p.another, id, &v.seen[i]), ST_OK);
		}
		leases_leave(p.reader);
		ck_assert_int_eq(pthread_create(&thread, NULL, take_all_over, &v), 0);
		leases_detach(&p.reader);
		ck_assert_int_eq(pthread_join(thread, NULL), 0);
		for (unsigned i = 0; i < LEASES_PER_WORKER; i++) {
			struct lease lease;

			ck_assert_int_eq(lease_find(p.another, v.seen[i].id, &lease), v.got[i] ? ST_OK : ST_NOT_FOUND);
			lease_release(p.another, v.seen[i].id);
		}
		ck_assert_int_eq(leases_attach(p.fd, READER, &p.reader), ST_OK);
	}
	place_end(&p);
}
END_TEST

/* Killed between choosing a place and standing there. */
START_TEST(a_place_that_a_worker_died_over_is_free_when_it_starts_anew)
{
	const uint64_t mark = READER + 1;
	const off_t stripe = 4096 + READER * LEASES_PER_WORKER * 128;
	struct place p;
	uint64_t id;

	place_begin(&p);
	id = take(&p, 60000);
	lease_release(p.reader, id);
	for (unsigned i = 0; i < LEASES_PER_WORKER; i++)
		ck_assert_int_eq(pwrite(p.fd, &mark, sizeof mark, stripe + 128 * (off_t)i), sizeof mark);
	ck_assert_uint_eq(count(&p), 0);
	ck_assert_uint_ne(take(&p, 60000) & 8191, id & 8191);
	leases_detach(&p.reader);
	ck_assert_int_eq(leases_attach(p.fd, READER, &p.reader), ST_OK);
	ck_assert_uint_eq(take(&p, 60000) & 8191, id & 8191);
	place_end(&p);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, a_lease_tells_what_it_is_on);
	tcase_add_test(tc, none_is_granted_on_a_view_that_was_replaced);
	tcase_add_test(tc, none_is_granted_while_the_engine_starts);
	tcase_add_test(tc, a_worker_has_so_many_and_others_have_theirs);
	tcase_add_test(tc, what_a_lease_needs);
	tcase_add_test(tc, any_worker_may_look_at_a_lease_and_renew_and_release_it);
	tcase_add_test(tc, a_lease_ends_when_it_is_released_once);
	tcase_add_test(tc, a_lease_ends_when_nobody_renews_it);
	tcase_add_test(tc, no_renewal_makes_a_lease_last_for_ever);
	tcase_add_test(tc, leases_end_with_their_worker);
	tcase_add_test(tc, leases_that_keep_something_can_be_taken_back);
	tcase_add_test(tc, what_is_no_segment_of_leases_is_refused);
	tcase_add_test(tc, rubbish_in_the_segment_harms_nobody);
	tcase_add_test(tc, a_lease_that_was_granted_is_on_files_that_are_there);
	tcase_add_test(tc, one_that_leaves_hands_its_leases_over_and_each_goes_to_one);
	tcase_add_test(tc, a_worker_has_as_many_when_others_hold_those_in_its_stripe);
	tcase_add_test(tc, no_two_workers_take_the_same_place);
	tcase_add_test(tc, what_was_seen_is_taken_over_and_not_what_came_after_it);
	tcase_add_test(tc, who_gives_a_lease_up_ends_only_what_it_holds);
	tcase_add_test(tc, what_was_taken_over_in_the_last_moment_stays);
	tcase_add_test(tc, a_place_that_a_worker_died_over_is_free_when_it_starts_anew);
}

CHECK_MAIN("view/lease", suite)
