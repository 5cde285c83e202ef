/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's control door: commands with all threads running, what it refuses, and that it ends when told to. */
#include "t/engine_world.h"

#include <pthread.h>

#include "common/base/door.h"
#include "common/stats/running.h"
#include "common/stats/stats.h"
#include "engine/control.h"
#include "proto/limits.h"

#define ANSWER_S 60

struct house {
	struct world w;
	struct commit *commit;
	struct control *control;
	struct path socket;
};

static void begin(struct house *h)
{
	struct commands c;

	world_begin(&h->w, vfs_posix());
	ck_ok(commit_listen(&h->w.conf, &h->commit));
	world_put1(&h->w, "k", "v");             /* before the writer is the commit thread's */
	commit_start(h->commit, &h->w.db.writer, truth_incarnation(h->w.db.truth));
	c = (struct commands){ .vfs = h->w.vfs, .conf = &h->w.conf, .truth = h->w.db.truth, .commit = h->commit };
	h->socket = path_engine_socket(h->w.dir);
	ck_ok(control_start(h->socket.s, &c, &h->control));
}

static void end(struct house *h)
{
	control_stop(&h->control);
	ck_assert_ptr_null(h->control);
	ck_assert_int_ne(access(h->socket.s, F_OK), 0);
	commit_stop(h->commit);
	flush_stop(h->w.flush);
	world_end(&h->w);
}

/* The status of the answer; its text, allocated. */
static enum st tell(struct house *h, const char *words, char **textp)
{
	struct buf question = BUF_INIT, answer = BUF_INIT;
	char *copy = mem_strdup(words), *rest = copy, *list[COMMAND_WORDS_MAX];
	struct command c = { list, 0 };
	struct command_reply r;
	struct arena a;

	for (char *word; (word = strsep(&rest, " ")) != NULL;)
		list[c.count++] = word;
	arena_init(&a);
	command_encode(&c, &question);
	ck_ok(door_ask(h->socket.s, buf_slice(&question), CONTROL_MESSAGE_MAX, ANSWER_S, &answer));
	ck_ok(command_reply_decode(buf_slice(&answer), &a, &r));
	*textp = mem_strdup(r.text);
	arena_fini(&a);
	buf_fini(&question);
	buf_fini(&answer);
	mem_free(copy);
	return r.status;
}

static void expect(struct house *h, const char *words, enum st st, const char *has)
{
	char *text;
	enum st got = tell(h, words, &text);

	ck_assert_msg(got == st && strstr(text, has), "%s: %s, \"%s\"", words, st_text(got), text);
	mem_free(text);
}

START_TEST(flush_returns_when_everything_is_in_tables)
{
	struct house h;

	begin(&h);
	flush_start(h.w.flush);
	expect(&h, "flush", ST_OK, "up to sequence 1 ");
	ck_assert_uint_eq(truth_frozen_count(h.w.db.truth), 0);
	ck_assert_uint_eq(truth_level0_count(h.w.db.truth), 1);
	world_check1(&h.w, "k", "v");
	expect(&h, "flush", ST_OK, "up to sequence 1 ");         /* nothing to do is done at once */
	ck_assert_uint_eq(truth_level0_count(h.w.db.truth), 1);
	end(&h);
}
END_TEST

START_TEST(running_compactions_are_shown_with_their_progress)
{
	const struct stats_job job = { 12, 3 << 20, 1 << 20, 0, 5, 2, "level 0 has 4 tables" };
	struct house h;

	stats_begin_private();
	begin(&h);
	expect(&h, "compactions", ST_OK, "REASON\n");
	stats_tell_jobs(&job, 1);
	expect(&h, "compactions", ST_OK, "\n      12  0 > 5      2        3.0    33%  level 0 has 4 tables\n");
	stats_tell_jobs(NULL, 0);
	flush_start(h.w.flush);
	end(&h);
}
END_TEST

START_TEST(what_is_no_command_is_refused_with_a_list_of_those_there_are)
{
	struct house h;

	begin(&h);
	expect(&h, "flsh", ST_INVALID, "\n  flush ");
	expect(&h, "flush now", ST_INVALID, "wrong number of words");
	end(&h);
}
END_TEST

START_TEST(what_is_not_of_the_treaty_is_answered_too)
{
	struct buf answer = BUF_INIT;
	struct command_reply r;
	struct house h;
	struct arena a;

	begin(&h);
	arena_init(&a);
	ck_ok(door_ask(h.socket.s, slice_str("GET / HTTP/1.1\r\n"), CONTROL_MESSAGE_MAX, ANSWER_S, &answer));
	ck_ok(command_reply_decode(buf_slice(&answer), &a, &r));
	ck_assert_int_eq(r.status, ST_INVALID);
	arena_fini(&a);
	buf_fini(&answer);
	end(&h);
}
END_TEST

static void *stop_soon(void *arg)
{
	struct house *h = arg;

	while (truth_frozen_count(h->w.db.truth) == 0)
		usleep(1000);
	control_stop(&h->control);
	return NULL;
}

/* Nobody flushes here, so the command would wait for minutes. */
START_TEST(a_stop_ends_a_command_that_waits)
{
	struct house h;
	pthread_t t;

	begin(&h);
	ck_assert_int_eq(pthread_create(&t, NULL, stop_soon, &h), 0);
	expect(&h, "flush", ST_UNAVAILABLE, "stopping");
	pthread_join(t, NULL);
	end(&h);
}
END_TEST

/* before and after: what is written around the data directory's name. */
static void expect_no_place(struct house *h, const char *before, const char *after, const char *has)
{
	char words[600];

	snprintf(words, sizeof(words), "checkpoint %s%s%s", before, h->w.dir, after);
	expect(h, words, ST_INVALID, has);
}

/* A checkpoint among the engine's own files would be tidied away, or worse. */
START_TEST(a_checkpoint_stays_out_of_the_engines_folders_by_whatever_name_they_are_called)
{
	const char *elsewhere[] = { "/tmp/x", "//tmp/x", "/./tmp/x", "/checkpoints/../tmp/x", "/x", "/link/x" };
	struct path made, link;
	struct house h;
	bool there;

	begin(&h);
	ck_ok(vfs_mkdir(h.w.vfs, path_checkpoints_dir(h.w.dir).s));
	made = path_join(path_tmp_dir(h.w.dir).s, "x");
	link = path_join(h.w.dir, "link");
	ck_assert_int_eq(symlink("tmp", link.s), 0);
	for (unsigned i = 0; i < 6; i++)
		expect_no_place(&h, "", elsewhere[i], "checkpoints may only lie in");
	expect_no_place(&h, "/", "/tmp/x", "checkpoints may only lie in");
	expect_no_place(&h, "", "/checkpoints/..", "plain");
	expect_no_place(&h, "", "/checkpoints/", "plain");
	expect_no_place(&h, "", "/nowhere/x", "No such file");
	ck_ok(vfs_exists(h.w.vfs, made.s, &there));
	ck_assert(!there);
	ck_assert_int_eq(unlink(link.s), 0);
	flush_start(h.w.flush);
	end(&h);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, flush_returns_when_everything_is_in_tables);
	tcase_add_test(tc, running_compactions_are_shown_with_their_progress);
	tcase_add_test(tc, what_is_no_command_is_refused_with_a_list_of_those_there_are);
	tcase_add_test(tc, what_is_not_of_the_treaty_is_answered_too);
	tcase_add_test(tc, a_stop_ends_a_command_that_waits);
	tcase_add_test(tc, a_checkpoint_stays_out_of_the_engines_folders_by_whatever_name_they_are_called);
}

CHECK_MAIN("engine/control", suite)
