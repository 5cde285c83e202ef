/* SPDX-License-Identifier: Apache-2.0 */
/* The board under a writer that never stops, and with damaged bytes. */
#include "common/view/board.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/base/rand.h"
#include "t/check_main.h"

static struct board *attach(int fd, bool writable)
{
	struct board *b;

	ck_assert_int_eq(board_attach(fd, writable, &b), ST_OK);
	return b;
}

static void publish(struct board *b, const char *view, uint64_t expected_generation)
{
	uint64_t generation;

	ck_assert_uint_eq(board_next_generation(b), expected_generation);
	ck_assert_int_eq(board_publish(b, slice_str(view), &generation), ST_OK);
	ck_assert_uint_eq(generation, expected_generation);
}

static void expect(struct board *b, const char *view, uint64_t expected_generation)
{
	struct buf out = BUF_INIT;
	uint64_t generation;

	buf_append(&out, "old", 3);
	ck_assert_int_eq(board_load(b, &out, &generation), ST_OK);
	ck_assert_uint_eq(generation, expected_generation);
	ck_assert(slice_eq(buf_slice(&out), slice_str(view)));
	buf_fini(&out);
}

/* ---- one thread ---- */

START_TEST(every_board_has_a_secret_of_its_own)
{
	int fds[2] = { board_create(), board_create() };
	struct board *a = attach(fds[0], true), *again = attach(fds[0], false), *b = attach(fds[1], false);

	ck_assert_uint_eq(board_secret(a).n, BOARD_SECRET_BYTES);
	publish(a, "view", 1);
	ck_assert(slice_eq(board_secret(a), board_secret(again)));
	ck_assert(!slice_eq(board_secret(a), board_secret(b)));
	board_detach(&a);
	board_detach(&again);
	board_detach(&b);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

START_TEST(fresh_board_has_no_view)
{
	int fd = board_create();
	struct board *b = attach(fd, false);
	struct buf out = BUF_INIT;
	uint64_t generation, done, total;

	ck_assert_int_eq(board_load(b, &out, &generation), ST_NOT_FOUND);
	ck_assert_uint_eq(generation, 0);
	ck_assert_uint_eq(board_generation(b), 0);
	ck_assert_uint_eq(board_visible(b).v, 0);
	ck_assert_uint_eq(board_incarnation(b), 0);
	ck_assert_int_eq(board_state(b), BOARD_STARTING);
	board_replay(b, &done, &total);
	ck_assert_uint_eq(done + total, 0);
	board_detach(&b);
	ck_assert_ptr_null(b);
	close(fd);
}
END_TEST

START_TEST(what_is_set_is_seen_through_another_mapping)
{
	int fd = board_create();
	struct board *w = attach(fd, true), *r = attach(fd, false);
	uint64_t done, total;

	close(fd);
	publish(w, "first view", 1);
	expect(r, "first view", 1);
	publish(w, "", 2);
	expect(r, "", 2);
	publish(w, "third", 3);
	expect(r, "third", 3);
	board_set_visible(w, seq(17));
	board_set_incarnation(w, 4);
	board_set_state(w, BOARD_SERVING);
	board_set_replay(w, 5, 9);
	ck_assert_uint_eq(board_visible(r).v, 17);
	ck_assert_uint_eq(board_incarnation(r), 4);
	ck_assert_int_eq(board_state(r), BOARD_SERVING);
	board_replay(r, &done, &total);
	ck_assert_uint_eq(done, 5);
	ck_assert_uint_eq(total, 9);
	board_detach(&w);
	board_detach(&r);
}
END_TEST

START_TEST(next_engine_goes_on_where_the_last_one_ended)
{
	int fd = board_create();
	struct board *b = attach(fd, true);

	publish(b, "one", 1);
	board_set_visible(b, seq(50));
	board_detach(&b);
	b = attach(fd, true);
	expect(b, "one", 1);
	publish(b, "two", 2);
	board_set_visible(b, seq(40));
	ck_assert_uint_eq(board_visible(b).v, 50);
	board_detach(&b);
	close(fd);
}
END_TEST

START_TEST(view_as_large_as_a_slot_fits_and_a_larger_one_does_not)
{
	const size_t most = (40u << 20) - 8;
	int fd = board_create();
	struct board *b = attach(fd, true);
	uint8_t *p = mem_zalloc(most + 1);
	struct buf out = BUF_INIT;
	uint64_t generation;

	memset(p, 'x', most + 1);
	ck_assert_int_eq(board_publish(b, slice_of(p, most + 1), &generation), ST_TOO_BIG);
	ck_assert_uint_eq(board_generation(b), 0);
	publish(b, "in the other slot", 1);
	ck_assert_int_eq(board_publish(b, slice_of(p, most), &generation), ST_OK);
	ck_assert_int_eq(board_load(b, &out, &generation), ST_OK);
	ck_assert(slice_eq(buf_slice(&out), slice_of(p, most)));
	publish(b, "behind it", 3);
	ck_assert_int_eq(board_publish(b, slice_of(p, 3), &generation), ST_OK);
	expect(b, "xxx", 4);
	buf_fini(&out);
	mem_free(p);
	board_detach(&b);
	close(fd);
}
END_TEST

START_TEST(segment_cannot_change_its_size)
{
	int fd = board_create();

	ck_assert_int_eq(ftruncate(fd, 4096), -1);
	ck_assert_int_eq(ftruncate(fd, 1l << 30), -1);
	close(fd);
}
END_TEST

/* A reader whose mapping is written to dies of it; that is what read-only means. */
START_TEST(reader_cannot_write)
{
	int fd = board_create(), status;
	struct board *b = attach(fd, false);
	pid_t pid = fork();

	if (pid == 0) {
		/* must() in board_set_visible() refuses first: SIGABRT, or the sanitizer's own end. */
		board_set_visible(b, seq(1));
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(!WIFEXITED(status) || WEXITSTATUS(status) != 0);
	ck_assert_uint_eq(board_visible(b).v, 0);
	board_detach(&b);
	close(fd);
}
END_TEST

START_TEST(what_is_no_board_is_refused)
{
	int plain = memfd_create("plain", 0), fd = board_create();
	struct board *b;

	ck_assert_int_eq(board_attach(plain, false, &b), ST_CORRUPT);
	ck_assert_ptr_null(b);
	ck_assert_int_eq((int)pwrite(fd, "x", 1, 8), 1);        /* the version */
	ck_assert_int_eq(board_attach(fd, false, &b), ST_CORRUPT);
	close(fd);
	close(plain);
}
END_TEST

START_TEST(length_beyond_the_slot_is_corrupt)
{
	int fd = board_create();
	struct board *b = attach(fd, true);
	uint64_t length = 40u << 20, generation;
	struct buf out = BUF_INIT;

	publish(b, "view", 1);
	ck_assert_int_eq((int)pwrite(fd, &length, 8, 4096 + (40l << 20)), 8);
	ck_assert_int_eq(board_load(b, &out, &generation), ST_CORRUPT);
	ck_assert_uint_eq(generation, 0);
	buf_fini(&out);
	board_detach(&b);
	close(fd);
}
END_TEST

START_TEST(slot_half_written_by_a_dead_writer_is_not_seen)
{
	int fd = board_create();
	struct board *b = attach(fd, true);
	uint8_t junk[100];

	memset(junk, 0xee, sizeof junk);
	publish(b, "one", 1);
	publish(b, "two", 2);
	/* Generation 3 was begun, in slot 1, and never published. */
	ck_assert_int_eq((int)pwrite(fd, junk, sizeof junk, 4096 + (40l << 20)), (int)sizeof junk);
	expect(b, "two", 2);
	publish(b, "three", 3);
	expect(b, "three", 3);
	board_detach(&b);
	close(fd);
}
END_TEST

/* ---- torture: a view is its generation, repeated; its length depends on it ---- */

#define VIEWS 3000u
#define SEQS_A_VIEW 10u

static size_t view_length(uint64_t generation)
{
	return (size_t)(generation * 7919 % 4099);
}

static void view_make(struct buf *out, uint64_t generation)
{
	buf_reset(out);
	for (size_t i = 0, n = view_length(generation); i < n; i++)
		buf_append_byte(out, (uint8_t)(generation + i));
}

static bool view_is(const struct buf *view, uint64_t generation)
{
	bool same = view->n == view_length(generation);

	for (size_t i = 0; same && i < view->n; i++)
		same = view->p[i] == (uint8_t)(generation + i);
	return same;
}

/* Reads until the last view. Sequence s is made visible after generation s / SEQS_A_VIEW (rule 4). */
static bool read_along(struct board *b)
{
	struct buf out = BUF_INIT;
	uint64_t generation = 0, last = 0;
	struct seq visible, before = seq(0);
	bool ok = true;

	while (ok && last < VIEWS) {
		enum st st;

		visible = board_visible(b);
		st = board_load(b, &out, &generation);
		if (st == ST_NOT_FOUND) {
			ok = visible.v == 0;
			continue;
		}
		ok = st == ST_OK && view_is(&out, generation) && generation >= last && visible.v >= before.v
		  && generation >= visible.v / SEQS_A_VIEW;
		last = generation;
		before = visible;
	}
	buf_fini(&out);
	return ok;
}

static void *reader_thread(void *arg)
{
	return (void *)(uintptr_t)read_along(arg);
}

static void write_along(struct board *b)
{
	struct buf view = BUF_INIT;
	uint64_t generation;

	for (uint64_t g = 1; g <= VIEWS; g++) {
		view_make(&view, g);
		ck_assert_int_eq(board_publish(b, buf_slice(&view), &generation), ST_OK);
		ck_assert_uint_eq(generation, g);
		for (uint64_t s = 0; s < SEQS_A_VIEW; s++)
			board_set_visible(b, seq(g * SEQS_A_VIEW + s));
	}
	buf_fini(&view);
}

START_TEST(threads_never_see_a_torn_view_nor_a_step_back)
{
	int fd = board_create();
	struct board *w = attach(fd, true), *r = attach(fd, false);
	pthread_t threads[3];

	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, reader_thread, i ? r : w), 0);
	write_along(w);
	for (int i = 0; i < 3; i++) {
		void *ok;

		ck_assert_int_eq(pthread_join(threads[i], &ok), 0);
		ck_assert_ptr_nonnull(ok);
	}
	board_detach(&w);
	board_detach(&r);
	close(fd);
}
END_TEST

START_TEST(another_process_never_sees_a_torn_view_nor_a_step_back)
{
	int fd = board_create(), status;
	struct board *w;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		struct board *r;
		bool ok = board_attach(fd, false, &r) == ST_OK && read_along(r);

		_exit(ok ? 0 : 1);
	}
	w = attach(fd, true);
	write_along(w);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	board_detach(&w);
	close(fd);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, every_board_has_a_secret_of_its_own);
	tcase_add_test(tc, fresh_board_has_no_view);
	tcase_add_test(tc, what_is_set_is_seen_through_another_mapping);
	tcase_add_test(tc, next_engine_goes_on_where_the_last_one_ended);
	tcase_add_test(tc, view_as_large_as_a_slot_fits_and_a_larger_one_does_not);
	tcase_add_test(tc, segment_cannot_change_its_size);
	tcase_add_test(tc, reader_cannot_write);
	tcase_add_test(tc, what_is_no_board_is_refused);
	tcase_add_test(tc, length_beyond_the_slot_is_corrupt);
	tcase_add_test(tc, slot_half_written_by_a_dead_writer_is_not_seen);
	tcase_add_test(tc, threads_never_see_a_torn_view_nor_a_step_back);
	tcase_add_test(tc, another_process_never_sees_a_torn_view_nor_a_step_back);
}

CHECK_MAIN("view/board", suite)
