/* SPDX-License-Identifier: Apache-2.0 */
/* The feed: every change once and in order for every seat, live and behind, by prefix, with bounded texts. */
#include "frontend/feed.h"

#include <inttypes.h>
#include <stdatomic.h>

#include "common/base/clock.h"
#include "common/stats/stats.h"
#include "common/vfs/vfs_impl.h"
#include "frontend/sse.h"
#include "t/engine_walhelp.h"

#define ROOM (1u << 20)

struct theatre {
	struct vfs *v;
	char dir[TESTLIB_DIR_MAX];
	struct pen pen;
	struct board *board;
	struct feed *feed;
	_Atomic unsigned rings;
};

struct guest {
	struct theatre *t;
	struct feed_seat *seat;
	struct buf text;
	struct feed_news news;
};

static void on_ring(void *ctx)
{
	struct theatre *t = ctx;

	t->rings++;
}

/* ---- files that tell when they are read ---- */

static struct guest *_Atomic settles;    /* with the next read */

static struct vfs_file_ops file_ops;     /* the system's, but for read */
static struct vfs_ops hooked_ops;        /* the system's, but for open */
static struct vfs hooked = { &hooked_ops };
static enum st (*system_read)(struct vfs_file *, void *, size_t, uint64_t, bool, size_t *);

static enum st hooked_read(struct vfs_file *f, void *p, size_t n, uint64_t offset, bool nowait, size_t *gotp)
{
	struct guest *g = atomic_exchange(&settles, NULL);

	if (g)
		feed_settle(g->t->feed, g->seat);
	return system_read(f, p, n, offset, nowait, gotp);
}

static enum st hooked_open(struct vfs *v, const char *path, enum vfs_open_flags flags, struct vfs_file **filep)
{
	enum st st = vfs_open(vfs_posix(), path, flags, filep);

	(void)v;
	if (st)
		return st;
	file_ops = *(*filep)->ops;
	system_read = file_ops.read;
	file_ops.read = hooked_read;
	(*filep)->ops = &file_ops;
	return ST_OK;
}

static struct vfs *hooked_vfs(void)
{
	hooked_ops = *vfs_posix()->ops;
	hooked_ops.open = hooked_open;
	return &hooked;
}

/* The next segment, its header on disk as the engine leaves it. */
static void turn(struct theatre *t, uint64_t id)
{
	ck_ok(pen_begin(&t->pen, id, ROOM));
	ck_ok(wal_write(t->pen.wal));
	ck_ok(wal_sync(t->pen.wal));
}

static void begin(struct theatre *t)
{
	struct feed_setup setup = { .vfs = hooked_vfs(), .data_dir = t->dir, .database = DB, .ring = on_ring, .ctx = t };
	int fd = board_create();

	stats_begin_private();
	*t = (struct theatre){ .v = vfs_posix() };
	testlib_dir(t->dir);
	ck_ok(vfs_mkdir(t->v, path_retained_dir(t->dir).s));
	ck_ok(board_attach(fd, true, &t->board));
	close(fd);
	t->pen = (struct pen){ .v = t->v, .dir = t->dir };
	turn(t, 1);
	board_set_state(t->board, BOARD_SERVING);
	setup.board = t->board;
	t->feed = feed_new(&setup);
}

static void end(struct theatre *t)
{
	feed_free(&t->feed);
	wal_close(&t->pen.wal);
	board_detach(&t->board);
	testlib_remove(t->dir);
}

static void publish(struct theatre *t)
{
	ck_ok(wal_write(t->pen.wal));
	ck_ok(wal_sync(t->pen.wal));
	board_set_visible(t->board, seq(t->pen.last));
}

static void write_groups(struct theatre *t, unsigned n)
{
	while (n--) {
		pen_append(&t->pen, 1);
		pen_append(&t->pen, 2);
		publish(t);
	}
}

/* A record of one put with a value of n bytes. */
static void write_large(struct theatre *t, size_t n)
{
	struct buf head = BUF_INIT, body = BUF_INIT, batch = BUF_INIT;
	struct wal_batch b = { .first_sequence = seq(t->pen.last + 1), .timestamp_ms = 5 };
	uint8_t *value = mem_alloc(n);

	memset(value, 'v', n);
	write_batch_add(&batch, &(struct write_op){ .key = slice_str("large"), .value = slice_of(value, n) });
	write_request_add_batch(&body, buf_slice(&batch));
	wal_batch_encode_head(&b, &head);
	wal_append(t->pen.wal, b.first_sequence, 1, buf_slice(&head), buf_slice(&body));
	t->pen.last++;
	publish(t);
	mem_free(value);
	buf_fini(&head);
	buf_fini(&body);
	buf_fini(&batch);
}

static void join(struct guest *g, struct theatre *t, int64_t since, const char *prefix)
{
	struct seq s = seq((uint64_t)since);

	*g = (struct guest){ .t = t };
	g->seat = feed_join(t->feed, since < 0 ? NULL : &s, slice_str(prefix), g);
}

static void leave(struct guest *g)
{
	feed_leave(g->t->feed, &g->seat);
	buf_fini(&g->text);
}

static void take(struct guest *g)
{
	g->news = feed_take(g->t->feed, g->seat, &g->text);
}

/* Until it has been told of everything up to here; takes and settles on the way. */
static void take_to(struct guest *g, uint64_t version)
{
	do {
		take(g);
		feed_settle(g->t->feed, g->seat);
		clock_sleep_us(500);
	} while (g->news.state <= FEED_OPEN && g->news.reached.v < version);
	take(g);
}

static void wait_state(struct guest *g, enum feed_state state)
{
	do {
		take(g);
		clock_sleep_us(500);
	} while (g->news.state != state);
}

/* The text is the puts from..to, each once, in order. */
static void expect(struct guest *g, uint64_t from, uint64_t to)
{
	struct buf want = BUF_INIT;

	for (uint64_t s = from; s <= to; s++) {
		char key[32], value[64];

		snprintf(key, sizeof key, "key%06" PRIu64, s);
		snprintf(value, sizeof value, "value of %" PRIu64, s);
		sse_change(&want, &(struct write_op){ .key = slice_str(key), .value = slice_str(value) }, s, 1700000000000);
	}
	ck_assert_str_eq(buf_cstr(&g->text), buf_cstr(&want));
	buf_fini(&want);
	buf_reset(&g->text);
}

START_TEST(seats_from_the_past_and_from_now_get_every_change_once)
{
	struct guest past, now, middle;
	struct theatre t;

	begin(&t);
	write_groups(&t, 10);
	join(&past, &t, 0, "");
	join(&middle, &t, 17, "");       /* in the middle of a batch */
	join(&now, &t, -1, "");
	wait_state(&now, FEED_OPEN);
	ck_assert_uint_eq(now.news.began.v, 30);
	for (unsigned i = 0; i < 20; i++) {
		write_groups(&t, 3);
		if (i % 4 == 3)
			turn(&t, i);
		take_to(&now, t.pen.last);
	}
	take_to(&past, t.pen.last);
	take_to(&middle, t.pen.last);
	expect(&past, 1, t.pen.last);
	expect(&middle, 18, t.pen.last);
	expect(&now, 31, t.pen.last);
	ck_assert_uint_gt(t.rings, 0);
	leave(&past);
	leave(&middle);
	leave(&now);
	end(&t);
}
END_TEST

START_TEST(a_prefix_hides_the_others_and_the_seat_moves_on_with_them)
{
	struct guest some, none;
	struct theatre t;

	begin(&t);
	write_groups(&t, 40);
	join(&some, &t, 0, "key00010");
	join(&none, &t, 0, "other");
	take_to(&some, 120);
	take_to(&none, 120);
	expect(&some, 100, 109);
	ck_assert_uint_eq(none.text.n, 0);
	write_groups(&t, 1);
	take_to(&none, 123);
	ck_assert_uint_eq(none.news.reached.v, 123);
	leave(&some);
	leave(&none);
	end(&t);
}
END_TEST

START_TEST(what_the_board_does_not_show_is_not_told)
{
	struct theatre t;
	struct guest g;

	begin(&t);
	write_groups(&t, 1);
	join(&g, &t, 0, "");
	take_to(&g, 3);
	pen_append(&t.pen, 5);
	ck_ok(wal_write(t.pen.wal));
	clock_sleep_us(3 * FEED_LOOK_MS * 1000);
	take(&g);
	expect(&g, 1, 3);
	publish(&t);
	take_to(&g, 8);
	expect(&g, 4, 8);
	leave(&g);
	end(&t);
}
END_TEST

START_TEST(who_does_not_take_is_left_behind_with_little_and_catches_up)
{
	struct guest slow, quick;
	struct theatre t;

	begin(&t);
	join(&slow, &t, -1, "");
	join(&quick, &t, -1, "");
	wait_state(&slow, FEED_OPEN);
	wait_state(&quick, FEED_OPEN);
	for (unsigned i = 0; i < 60; i++) {
		pen_append(&t.pen, 200);
		publish(&t);
		if (i % 9 == 8)
			turn(&t, 2 + i);
		take_to(&quick, t.pen.last);
	}
	expect(&quick, 1, t.pen.last);
	take(&slow);
	ck_assert_uint_gt(slow.text.n, FEED_SEAT_BYTES / 2);
	ck_assert_uint_le(slow.text.n, FEED_SEAT_BYTES + 200);   /* one change above it at most */
	clock_sleep_us(3 * FEED_LOOK_MS * 1000);
	take(&slow);
	ck_assert_uint_le(slow.text.n, FEED_SEAT_BYTES + 200);   /* taken, but not settled */
	take_to(&slow, t.pen.last);
	expect(&slow, 1, t.pen.last);
	write_groups(&t, 1);
	take_to(&slow, t.pen.last);
	expect(&slow, t.pen.last - 2, t.pen.last);
	leave(&slow);
	leave(&quick);
	end(&t);
}
END_TEST

START_TEST(changes_larger_than_a_seat_come_one_by_one)
{
	struct theatre t;
	struct guest g;

	begin(&t);
	for (unsigned i = 0; i < 4; i++)
		write_large(&t, 3 * FEED_SEAT_BYTES);
	join(&g, &t, 0, "large");
	for (unsigned i = 1; i <= 4; i++) {
		size_t before = g.text.n;

		while (g.text.n == before) {
			feed_settle(t.feed, g.seat);
			clock_sleep_us(500);
			take(&g);
		}
		ck_assert_uint_lt(g.text.n - before, 4 * FEED_SEAT_BYTES);
	}
	take_to(&g, 4);
	ck_assert_uint_eq(stats_sum(M_watch_events), 4);
	leave(&g);
	end(&t);
}
END_TEST

static bool leave_when_served(struct guest *g, size_t n)
{
	take(g);
	if (g->text.n <= n)
		return false;
	leave(g);
	return true;
}

START_TEST(room_that_is_made_while_the_log_is_read_is_not_overlooked)
{
	struct theatre t;
	struct guest g;

	begin(&t);
	join(&g, &t, -1, "");
	wait_state(&g, FEED_OPEN);
	write_large(&t, 2 * FEED_SEAT_BYTES);
	while (g.text.n < 2 * FEED_SEAT_BYTES)   /* taken and not settled: it is full, and not behind yet */
		take(&g);
	buf_reset(&g.text);
	settles = &g;
	pen_append(&t.pen, 3);
	publish(&t);                     /* the last one for long */
	while (g.news.reached.v < t.pen.last) {
		take(&g);
		clock_sleep_us(500);
	}
	expect(&g, 2, 4);
	leave(&g);
	end(&t);
}
END_TEST

START_TEST(all_seats_together_are_bounded)
{
	enum { GUESTS = 40, LARGE = 4 << 20 };
	struct guest g[GUESTS];
	size_t held = 0;
	struct theatre t;

	begin(&t);
	write_large(&t, LARGE);
	for (unsigned i = 0; i < GUESTS; i++) {
		join(&g[i], &t, 0, "");
		if (i == GUESTS / 2)             /* some are served before others come */
			clock_sleep_us(2 * FEED_LOOK_MS * 1000);
	}
	for (unsigned quiet = 0; quiet < 20 || held < FEED_BYTES - 2 * (LARGE + 1000); quiet++) {        /* nobody settles */
		size_t before = held;

		clock_sleep_us(FEED_LOOK_MS * 1000);
		held = 0;
		for (unsigned i = 0; i < GUESTS; i++) {
			take(&g[i]);
			held += g[i].text.n;
		}
		if (held != before)
			quiet = 0;
	}
	ck_assert_uint_ge(held, FEED_BYTES - 2 * (LARGE + 1000));
	ck_assert_uint_le(held, FEED_BYTES);
	for (unsigned left = GUESTS; left > 0; clock_sleep_us(500))      /* who was served makes room, whoever that was */
		for (unsigned i = 0; i < GUESTS; i++)
			left -= g[i].seat && leave_when_served(&g[i], LARGE);
	end(&t);
}
END_TEST

START_TEST(what_is_not_kept_is_gone_before_and_while_it_is_told)
{
	struct guest early, slow;
	struct theatre t;

	begin(&t);
	write_groups(&t, 1);
	join(&slow, &t, 0, "");
	take_to(&slow, 3);
	for (unsigned i = 0; i < 4; i++) {
		pen_append(&t.pen, 2000);
		publish(&t);
		turn(&t, 5 + i);
	}
	write_groups(&t, 1);
	clock_sleep_us(3 * FEED_LOOK_MS * 1000);         /* the slow one is full somewhere in the first of them */
	for (uint64_t id = 1; id <= 6; id++)
		(void)!vfs_unlink(t.v, path_wal(t.dir, file_id(id)).s);
	join(&early, &t, 5, "");
	wait_state(&early, FEED_GONE);
	ck_assert_uint_eq(early.news.oldest.v, 4004 + 2000);
	do {
		take(&slow);
		feed_settle(t.feed, slow.seat);
		clock_sleep_us(500);
	} while (slow.news.state == FEED_OPEN);
	ck_assert_int_eq(slow.news.state, FEED_GONE);
	ck_assert_uint_eq(slow.news.oldest.v, 4004 + 2000);
	leave(&early);
	leave(&slow);
	end(&t);
}
END_TEST

START_TEST(a_version_that_never_was_is_ahead)
{
	struct theatre t;
	struct guest g;

	begin(&t);
	write_groups(&t, 1);
	join(&g, &t, 4, "");
	wait_state(&g, FEED_AHEAD);
	ck_assert_uint_eq(g.news.reached.v, 3);
	leave(&g);
	end(&t);
}
END_TEST

START_TEST(before_the_database_is_there_a_seat_waits)
{
	struct theatre t;
	struct guest g;

	begin(&t);
	board_set_state(t.board, BOARD_REPLAYING);
	join(&g, &t, 2, "");
	clock_sleep_us(3 * FEED_LOOK_MS * 1000);
	take(&g);
	ck_assert_int_eq(g.news.state, FEED_NEW);
	pen_append(&t.pen, 3);
	publish(&t);
	take_to(&g, 3);
	expect(&g, 3, 3);
	leave(&g);
	end(&t);
}
END_TEST

START_TEST(news_are_told_by_owner_and_not_after_leaving)
{
	struct guest a, b;
	struct theatre t;
	void *first, *second;

	begin(&t);
	write_groups(&t, 1);
	join(&a, &t, 0, "");
	join(&b, &t, 0, "");
	do
		first = feed_next(t.feed);
	while (!first);
	do
		second = feed_next(t.feed);
	while (!second);
	ck_assert(first != second && (first == &a || first == &b) && (second == &a || second == &b));
	write_groups(&t, 1);
	take_to(&a, 6);
	take_to(&b, 6);
	leave(&b);                       /* the last to come is the first in the list */
	ck_assert_ptr_eq(feed_next(t.feed), &a);
	ck_assert_ptr_null(feed_next(t.feed));
	leave(&a);
	write_groups(&t, 1);
	clock_sleep_us(3 * FEED_LOOK_MS * 1000);
	ck_assert_ptr_null(feed_next(t.feed));
	end(&t);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, seats_from_the_past_and_from_now_get_every_change_once);
	tcase_add_test(tc, a_prefix_hides_the_others_and_the_seat_moves_on_with_them);
	tcase_add_test(tc, what_the_board_does_not_show_is_not_told);
	tcase_add_test(tc, who_does_not_take_is_left_behind_with_little_and_catches_up);
	tcase_add_test(tc, changes_larger_than_a_seat_come_one_by_one);
	tcase_add_test(tc, room_that_is_made_while_the_log_is_read_is_not_overlooked);
	tcase_add_test(tc, all_seats_together_are_bounded);
	tcase_add_test(tc, what_is_not_kept_is_gone_before_and_while_it_is_told);
	tcase_add_test(tc, a_version_that_never_was_is_ahead);
	tcase_add_test(tc, before_the_database_is_there_a_seat_waits);
	tcase_add_test(tc, news_are_told_by_owner_and_not_after_leaving);
}

CHECK_MAIN("frontend/feed", suite)
