/* SPDX-License-Identifier: Apache-2.0 */
/* Compaction from the engine's side: the test is the compactor, honest or not. */
#include "t/engine_world.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "common/stats/running.h"
#include "common/stats/stats.h"
#include "compactor/job.h"
#include "engine/crew.h"
#include "t/engine_peer.h"

#define LOOK_EVERY_US 2000
#define STUCK_US 300000
#define RETRY_US 600000                  /* longer than the first pause after a failure */
#define GONE_US 300000                   /* by then a link knows that its peer is gone */

struct bench {
	struct world w;
	struct jobs *jobs;
	struct peer peer;
	struct arena arena;              /* of the order */
	struct compact_order order;
};

/* stuck_us: when a job is given up that comes no further; 0: as ever. */
static void start_as(struct bench *b, unsigned workers, uint64_t stuck_us)
{
	struct install_dir dir;

	*b = (struct bench){ .jobs = NULL };
	arena_init(&b->arena);
	world_prepare(&b->w, vfs_posix());
	b->w.conf.compaction_rest_ms = 0;
	b->w.conf.compactor_workers = workers;
	if (workers > 1)
		b->w.conf.table_size_target = 1;         /* everything is worth being cut */
	ck_ok(jobs_listen(&b->w.conf, &b->jobs));
	if (stuck_us)
		jobs_set_patience(b->jobs, stuck_us);
	b->w.changed = jobs_wake;
	b->w.changed_ctx = b->jobs;
	world_open(&b->w);
	dir = (struct install_dir){ b->w.vfs, b->w.dir, truth_database(b->w.db.truth) };
	jobs_set_world(b->jobs, NULL, &b->w.db.drain);
	jobs_start(b->jobs, b->w.db.truth, &dir, b->w.db.next_job);
}

static void start_with(struct bench *b, unsigned workers)
{
	start_as(b, workers, 0);
}

static void start(struct bench *b)
{
	start_as(b, 1, 0);
}

static void end(struct bench *b)
{
	jobs_stop(b->jobs);
	peer_drop(&b->peer);
	arena_fini(&b->arena);
	world_end(&b->w);
}

static void dial(struct bench *b)
{
	peer_dial(&b->peer, path_compactor_socket(b->w.dir, 0).s, COMPACT_MESSAGE_MAX);
}

/* Four tables on level 0, each newer one with other values of the same keys. */
static void four_tables(struct bench *b)
{
	for (unsigned i = 0; i < 4; i++) {
		char value[16];

		snprintf(value, sizeof(value), "value%u", i);
		world_put1(&b->w, "apple", value);
		world_put1(&b->w, "pear", i == 2 ? "to be deleted" : value);
		world_rotate(&b->w);
		world_flush_all(&b->w);
	}
}

static void next_order(struct bench *b)
{
	arena_reset(&b->arena);
	ck_ok(compact_order_decode(peer_receive(&b->peer), &b->arena, &b->order));
}

static void report(struct bench *b, const struct compact_report *r)
{
	struct buf bytes = BUF_INIT;

	compact_report_encode(r, &bytes);
	peer_send(&b->peer, buf_slice(&bytes));
	buf_fini(&bytes);
}

/* Of all inputs. */
static uint64_t entries_in(const struct bench *b)
{
	const struct version *v = truth_lock(b->w.db.truth);
	uint64_t n = 0;

	for (size_t i = 0; i < b->order.input_count; i++)
		n += version_find(v, b->order.inputs[i].id)->facts.entry_count;
	truth_unlock(b->w.db.truth);
	return n;
}

static struct compact_report done(const struct bench *b, enum st st)
{
	return (struct compact_report){ .incarnation = b->order.incarnation, .job = b->order.job, .done = true, .status = st,
					.entries_in = entries_in(b) };
}

/* Merges the order's inputs into one table with its first id. The writer owns the keys. */
static struct table_facts do_order(struct bench *b, struct table_writer **outp)
{
	const struct compact_order *o = &b->order;
	struct table_reader *readers[16];
	struct pick_job job = { .input_count = o->input_count };
	struct table_options options = { .database = o->database, .level = o->output_level };
	struct table_summary summary;

	ck_assert_uint_le(o->input_count, 16);
	for (size_t i = 0; i < o->input_count; i++)
		ck_ok(table_open(b->w.vfs, path_sst(b->w.dir, o->inputs[i].id).s, o->inputs[i].id, o->database, NULL,
				 &readers[i]));
	ck_ok(table_writer_begin(b->w.vfs, path_tmp_sst(b->w.dir, o->first_output_id).s, o->first_output_id, &options, outp));
	world_merge(&job, readers, *outp);
	ck_ok(table_writer_finish(*outp, &summary));
	for (size_t i = 0; i < o->input_count; i++)
		table_close(&readers[i]);
	return world_facts(o->first_output_id, &summary);
}

static size_t tables_on(struct bench *b, unsigned level)
{
	size_t n = version_level(truth_lock(b->w.db.truth), level).count;

	truth_unlock(b->w.db.truth);
	return n;
}

static void wait_for_compactors(uint64_t n)
{
	while (stats_sum(M_compactors) != n)
		usleep(LOOK_EVERY_US);
}

/* Waits for the engine; a test that would wait for ever is ended by check. */
static void wait_for_tables(struct bench *b, unsigned level, size_t n)
{
	while (tables_on(b, level) != n)
		usleep(LOOK_EVERY_US);
}

static bool exists(struct bench *b, struct path p)
{
	bool yes;

	ck_ok(vfs_exists(b->w.vfs, p.s, &yes));
	return yes;
}

static void wait_until_gone(struct bench *b, struct path p)
{
	while (exists(b, p))
		usleep(LOOK_EVERY_US);
}

static void finish_order(struct bench *b)
{
	struct compact_report r = done(b, ST_OK);
	struct table_writer *out;
	struct table_facts facts = do_order(b, &out);

	r.outputs = &facts;
	r.output_count = 1;
	r.dropped_overwritten = r.entries_in - facts.entry_count;
	report(b, &r);
	wait_for_tables(b, LEVEL_LAST, 1);
	table_writer_free(&out);
}

static void check_installed(struct bench *b)
{
	ck_assert_uint_eq(tables_on(b, 0), 0);
	ck_assert(exists(b, path_sst(b->w.dir, b->order.first_output_id)));
	for (size_t i = 0; i < b->order.input_count; i++)
		wait_until_gone(b, path_sst(b->w.dir, b->order.inputs[i].id));
	world_check1(&b->w, "apple", "value3");
	world_check1(&b->w, "pear", "value3");
}

START_TEST(an_ordered_compaction_replaces_its_inputs_once_it_is_reported)
{
	struct bench b;

	start(&b);
	four_tables(&b);
	dial(&b);
	next_order(&b);
	ck_assert_uint_eq(b.order.incarnation, truth_incarnation(b.w.db.truth));
	ck_assert_uint_eq(b.order.input_count, 4);
	ck_assert_uint_eq(b.order.output_level, LEVEL_LAST);
	ck_assert_uint_eq(b.w.conf.block_compression, BLOCK_COMPRESSION_FAST);
	ck_assert_uint_eq(b.order.codec, BLOCK_COMPRESSION_SMALL);       /* nothing older lies below */
	for (size_t i = 1; i < 4; i++)   /* newest first */
		ck_assert_uint_lt(b.order.inputs[i].id.v, b.order.inputs[i - 1].id.v);
	finish_order(&b);
	check_installed(&b);
	end(&b);
}
END_TEST

START_TEST(an_installed_job_is_counted_and_its_bytes_are_left_to_the_compactor)
{
	struct bench b;

	stats_begin_private();
	start(&b);
	four_tables(&b);
	dial(&b);
	next_order(&b);
	finish_order(&b);
	end(&b);
	ck_assert_uint_eq(stats_sum(M_compactions), 1);
	ck_assert_uint_eq(stats_sum(M_compaction_bytes_read), 0);
	ck_assert_uint_eq(stats_sum(M_compaction_bytes_written), 0);
	ck_assert_uint_eq(stats_sum(M_compaction_in_progress), 0);
}
END_TEST

static void wait_for_progress(struct stats_job *told, double progress)
{
	while (stats_look_jobs(told) != 1 || stats_job_progress(told) != progress)
		usleep(LOOK_EVERY_US);
}

START_TEST(what_runs_is_told_from_its_order_to_its_end_with_its_progress)
{
	struct stats_job told[STATS_JOBS_MOST];
	struct compact_report r = { .done = false };
	struct bench b;

	stats_begin_private();
	stats_tell_jobs(&(struct stats_job){ .number = 99 }, 1);         /* of an engine that was killed */
	start(&b);
	ck_assert_uint_eq(stats_look_jobs(told), 0);
	four_tables(&b);
	dial(&b);
	next_order(&b);
	wait_for_progress(told, 0);
	ck_assert_uint_eq(told[0].number, b.order.job);
	ck_assert_str_eq(told[0].reason, "level 0 has 4 tables");
	ck_assert(told[0].input_level == 0 && told[0].output_level == LEVEL_LAST && told[0].parts == 1);
	r.incarnation = b.order.incarnation;
	r.job = b.order.job;
	r.bytes_read = told[0].bytes / 2;
	report(&b, &r);
	wait_for_progress(told, (double)r.bytes_read / (double)told[0].bytes);
	finish_order(&b);
	end(&b);
	ck_assert_uint_eq(stats_look_jobs(told), 0);
}
END_TEST

START_TEST(a_report_for_another_incarnation_or_job_changes_nothing)
{
	/* invariant 7 */
	struct compact_report r;
	struct bench b;

	start(&b);
	four_tables(&b);
	dial(&b);
	next_order(&b);
	r = done(&b, ST_OK);             /* "everything was dropped" would lose all of it */
	r.incarnation++;
	report(&b, &r);
	r = done(&b, ST_OK);
	r.job++;
	report(&b, &r);
	finish_order(&b);                /* reports are taken in order: the strays were seen by now */
	check_installed(&b);
	end(&b);
}
END_TEST

/* Does the order and reports the table with another fact than is true, one by one. */
static void report_a_lie(struct bench *b, int which)
{
	struct table_writer *out;
	struct table_facts facts = do_order(b, &out);
	struct compact_report r = done(b, ST_OK);

	r.outputs = &facts;
	r.output_count = 1;
	r.dropped_overwritten = r.entries_in - facts.entry_count;
	if (which == 0) {
		facts.file_crc ^= 1;
	} else if (which == 1) {
		r.dropped_overwritten--;         /* one got lost on the way */
	} else if (which == 2) {
		r.entries_in--;
		r.dropped_overwritten--;
	} else {
		facts.expiring_count = 1;
		facts.min_expires_ms = facts.max_expires_ms = 1;
	}
	report(b, &r);
	next_order(b);
	table_writer_free(&out);
}

START_TEST(a_result_that_is_not_what_it_says_is_thrown_away_and_ordered_again)
{
	/* invariant 6 */
	struct file_id first;
	struct bench b;

	start(&b);
	four_tables(&b);
	dial(&b);
	next_order(&b);
	first = b.order.first_output_id;
	report_a_lie(&b, 0);
	for (int which = 1; which < 4; which++)
		report_a_lie(&b, which);
	ck_assert_uint_gt(b.order.first_output_id.v, first.v);       /* ids are never used again */
	ck_assert(!exists(&b, path_tmp_sst(b.w.dir, first)));
	ck_assert(!exists(&b, path_sst(b.w.dir, first)));
	ck_assert_uint_eq(tables_on(&b, 0), 4);
	finish_order(&b);
	check_installed(&b);
	end(&b);
}
END_TEST

START_TEST(a_report_of_tables_that_were_not_ordered_is_refused)
{
	struct live_table live;
	struct compact_report r;
	struct bench b;

	start(&b);
	four_tables(&b);
	dial(&b);
	next_order(&b);
	live = *version_find(truth_lock(b.w.db.truth), b.order.inputs[0].id);
	truth_unlock(b.w.db.truth);
	r = done(&b, ST_OK);
	r.outputs = &live.facts;         /* an input as output */
	r.output_count = 1;
	report(&b, &r);
	next_order(&b);
	ck_assert_uint_eq(tables_on(&b, 0), 4);
	ck_assert(exists(&b, path_sst(b.w.dir, live.facts.id)));
	finish_order(&b);
	check_installed(&b);
	end(&b);
}
END_TEST

START_TEST(a_job_of_a_compactor_that_dies_is_ordered_from_the_next_one)
{
	int go[2], status;
	struct bench b;
	pid_t pid;

	ck_assert_int_eq(pipe(go), 0);
	pid = fork();                    /* before this process touches nng */
	if (pid == 0) {
		(void)!read(go[0], b.w.dir, sizeof(b.w.dir));
		dial(&b);
		(void)peer_receive(&b.peer);
		_exit(0);
	}
	start(&b);
	four_tables(&b);
	(void)!write(go[1], b.w.dir, sizeof(b.w.dir));
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	dial(&b);
	next_order(&b);
	finish_order(&b);
	check_installed(&b);
	end(&b);
}
END_TEST

/* A child that dials as the only compactor when it is told to, and stays until it is killed. */
static pid_t fork_idle_compactor(struct bench *b, int go[2])
{
	pid_t pid;

	ck_assert_int_eq(pipe(go), 0);
	pid = fork();                    /* before this process touches nng */
	if (pid == 0) {
		(void)!read(go[0], b->w.dir, sizeof(b->w.dir));
		dial(b);
		for (;;)
			pause();
	}
	return pid;
}

START_TEST(a_compactor_that_dies_before_its_order_is_sent_takes_the_job_with_it)
{
	struct truth_cut cut;
	struct bench b;
	int go[2], status;
	pid_t pid = fork_idle_compactor(&b, go);

	stats_begin_private();
	start(&b);
	four_tables(&b);
	truth_hold(b.w.db.truth, &cut);          /* orders wait for ids */
	(void)!write(go[1], b.w.dir, sizeof(b.w.dir));
	wait_for_compactors(1);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	usleep(GONE_US);
	truth_release(b.w.db.truth, &cut);
	wait_for_compactors(0);
	dial(&b);
	next_order(&b);
	finish_order(&b);
	check_installed(&b);
	end(&b);
}
END_TEST

/* The oldest table, which all others meet, has a damaged block: found by the compactor, put on record, passed over by the next
 * order. */
START_TEST(a_block_that_a_compactor_finds_damaged_is_passed_over_by_the_next_order)
{
	struct table_damage record = { .offset = 0 };
	struct compact_report r;
	struct file_id damaged;
	struct inspect *inspect;
	struct install_dir dir;
	struct bench b;
	int fd;

	start(&b);
	dir = (struct install_dir){ b.w.vfs, b.w.dir, truth_database(b.w.db.truth) };
	inspect = inspect_new(b.w.db.truth, &dir);
	jobs_set_inspect(b.jobs, inspect);
	four_tables(&b);
	dial(&b);
	next_order(&b);
	ck_assert_uint_eq(b.order.passed_count, 0);
	damaged = b.order.inputs[3].id;
	fd = open(path_sst(b.w.dir, damaged).s, O_RDWR | O_CLOEXEC);
	ck_assert(pwrite(fd, "?", 1, 12) == 1);
	close(fd);
	while (b.order.passed_count == 0) {      /* again, should its rest be over before it is on record */
		r = done(&b, ST_CORRUPT);
		r.damaged_input = damaged;
		report(&b, &r);
		while (!inspect_one(inspect))
			usleep(LOOK_EVERY_US);
		next_order(&b);
	}
	ck_assert_uint_eq(b.order.passed_count, 1);
	ck_assert_uint_eq(b.order.passed[0].table.v, damaged.v);
	ck_assert_uint_eq(b.order.passed[0].offset, record.offset);
	ck_assert(b.order.deeper_count > 0 && slice_cmp(b.order.deeper[0].min, slice_str("apple")) <= 0 &&
		  slice_cmp(slice_str("pear"), b.order.deeper[b.order.deeper_count - 1].max) <= 0);
	jobs_stop(b.jobs);
	inspect_free(&inspect);
	peer_drop(&b.peer);
	arena_fini(&b.arena);
	world_end(&b.w);
}
END_TEST

/* Two tables of some keys, two of others. */
static void two_pairs(struct bench *b)
{
	for (unsigned i = 0; i < 4; i++) {
		world_put1(&b->w, i < 2 ? "apple" : "quince", "v");
		world_put1(&b->w, i < 2 ? "pear" : "raisin", "v");
		world_rotate(&b->w);
		world_flush_all(&b->w);
	}
}

/* 0: the disk does not read it; 1: it is damaged; 2: it is not there. */
START_TEST(an_input_that_made_a_job_fail_rests_and_others_go_on)
{
	static const enum st failures[] = { ST_IO, ST_CORRUPT, ST_NOT_FOUND };
	struct compact_report r;
	struct file_id oldest;
	struct bench b;

	start(&b);
	two_pairs(&b);
	dial(&b);
	next_order(&b);
	ck_assert_uint_eq(b.order.input_count, 4);
	oldest = b.order.inputs[3].id;
	r = done(&b, failures[_i]);
	r.damaged_input = oldest;
	report(&b, &r);
	do
		next_order(&b);
	while (b.order.cancel);
	ck_assert_uint_eq(b.order.input_count, 2);       /* what meets it waits, too */
	ck_assert(b.order.inputs[0].id.v > oldest.v && b.order.inputs[1].id.v > oldest.v);
	finish_order(&b);
	ck_assert_uint_eq(tables_on(&b, 0), 2);
	world_put1(&b.w, "apple", "newer");              /* its time comes again */
	world_rotate(&b.w);
	world_put1(&b.w, "pear", "newer");
	world_rotate(&b.w);
	world_flush_all(&b.w);
	next_order(&b);
	ck_assert_uint_eq(b.order.input_count, 4);
	ck_assert_uint_eq(b.order.inputs[3].id.v, oldest.v);
	end(&b);
}
END_TEST

START_TEST(inputs_of_a_job_that_fails_for_no_known_reason_rest_from_the_second_time_on)
{
	struct compact_report r;
	struct bench b;

	start(&b);
	four_tables(&b);
	dial(&b);
	for (unsigned i = 0; i < 2; i++) {
		do
			next_order(&b);
		while (b.order.cancel);
		ck_assert_uint_eq(b.order.input_count, 4);
		if (i == 1) {
			world_put1(&b.w, "quince", "v");         /* meets none of them */
			world_rotate(&b.w);
			world_put1(&b.w, "quince", "v");
			world_rotate(&b.w);
			world_flush_all(&b.w);
		}
		r = done(&b, ST_INTERNAL);
		report(&b, &r);
	}
	do
		next_order(&b);
	while (b.order.cancel);
	ck_assert_uint_eq(b.order.input_count, 2);
	finish_order(&b);
	do
		next_order(&b);
	while (b.order.cancel);
	ck_assert_uint_eq(b.order.input_count, 4);       /* their rest is over */
	end(&b);
}
END_TEST

START_TEST(tables_that_meet_nothing_move_down_without_a_compactor)
{
	struct bench b;

	start(&b);
	for (unsigned i = 0; i < 6; i++) {
		char key[8];

		snprintf(key, sizeof(key), "k%u", i);
		world_put1(&b.w, key, "v");
		world_rotate(&b.w);
		world_flush_all(&b.w);
	}
	wait_for_tables(&b, LEVEL_LAST, 3);
	ck_assert_uint_eq(tables_on(&b, 0), 3);
	for (unsigned i = 0; i < 6; i++) {
		char key[8];

		snprintf(key, sizeof(key), "k%u", i);
		world_check1(&b.w, key, "v");
	}
	jobs_stop(b.jobs);
	world_close(&b.w);
	world_forget_memtables(&b.w);
	world_open(&b.w);                        /* the manifest knows of the moves */
	ck_assert_uint_eq(tables_on(&b, LEVEL_LAST), 3);
	world_check1(&b.w, "k0", "v");
	arena_fini(&b.arena);
	world_end(&b.w);
}
END_TEST

/* ---- a job in parts ---- */

/* Three tables on the last level, four on level 0, the newest of which meets them all. */
static void seven_tables(struct bench *b)
{
	for (unsigned i = 0; i < 7; i++) {
		struct world_batch batch = { .bytes = BUF_INIT };
		char key[8];

		for (unsigned k = i < 6 ? i : 0; k < (i < 6 ? i + 1 : 6); k++) {
			snprintf(key, sizeof(key), "k%u", k);
			world_put(&batch, key, i < 6 ? "old" : "new");
		}
		(void)world_commit(&b->w, &batch);
		world_rotate(&b->w);
		world_flush_all(&b->w);
		if (i == 5)
			wait_for_tables(b, LEVEL_LAST, 3);
	}
}

/* What the compactor makes of the order at hand; its report good until job_free(). */
static struct job *carry_out(struct bench *b, struct compact_report *rp)
{
	struct job *job = job_new(b->w.vfs, b->w.dir, &b->order, 0);

	job_run(job, rp);
	ck_ok(rp->status);
	return job;
}

static void check_keys(struct bench *b)
{
	for (unsigned k = 0; k < 6; k++) {
		char key[8];

		snprintf(key, sizeof(key), "k%u", k);
		world_check1(&b->w, key, "new");
	}
}

START_TEST(a_large_job_is_cut_for_all_who_are_idle_and_installed_at_once)
{
	struct compact_order first;
	struct compact_report r;
	struct arena keys;
	struct peer other;
	struct bench b;
	struct job *job;

	stats_begin_private();
	start_with(&b, 2);
	dial(&b);
	peer_dial(&other, path_compactor_socket(b.w.dir, 1).s, COMPACT_MESSAGE_MAX);
	wait_for_compactors(2);
	seven_tables(&b);
	arena_init(&keys);
	next_order(&b);
	ck_ok(compact_order_decode(peer_receive(&other), &keys, &first));
	ck_assert(b.order.begin.n == 0 && first.end.n == 0 && slice_eq(b.order.end, first.begin));
	ck_assert(b.order.job == first.job && b.order.first_output_id.v + b.order.output_id_count == first.first_output_id.v);
	job = carry_out(&b, &r);
	report(&b, &r);
	job_free(&job);
	b.order = first;
	job = carry_out(&b, &r);
	ck_assert_uint_eq(tables_on(&b, 0), 4);          /* nothing of it counts before all of it does */
	{
		struct buf bytes = BUF_INIT;

		compact_report_encode(&r, &bytes);
		peer_send(&other, buf_slice(&bytes));
		buf_fini(&bytes);
	}
	wait_for_tables(&b, 0, 0);
	job_free(&job);
	check_keys(&b);
	peer_drop(&other);
	arena_fini(&keys);
	end(&b);
}
END_TEST

START_TEST(when_one_of_its_compactors_dies_nothing_of_a_job_is_left)
{
	struct compact_report r;
	struct file_id first;
	int go[2], status;
	struct bench b;
	struct job *job;
	pid_t pid;

	ck_assert_int_eq(pipe(go), 0);
	pid = fork();                            /* before this process touches nng */
	if (pid == 0) {
		(void)!read(go[0], b.w.dir, sizeof(b.w.dir));
		peer_dial(&b.peer, path_compactor_socket(b.w.dir, 1).s, COMPACT_MESSAGE_MAX);
		(void)peer_receive(&b.peer);
		(void)!read(go[0], b.w.dir, 1);
		_exit(0);
	}
	stats_begin_private();
	start_with(&b, 2);
	dial(&b);
	(void)!write(go[1], b.w.dir, sizeof(b.w.dir));
	wait_for_compactors(2);
	seven_tables(&b);
	next_order(&b);
	first = b.order.first_output_id;
	job = carry_out(&b, &r);
	report(&b, &r);
	ck_assert(exists(&b, path_tmp_sst(b.w.dir, first)));
	(void)!write(go[1], "x", 1);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	job_free(&job);
	do
		next_order(&b);
	while (b.order.cancel);                  /* when the death was heard of before the report */
	/* all of it, for the one who is left */
	ck_assert(b.order.begin.n == 0 && b.order.end.n == 0 && b.order.input_count == 7);
	ck_assert(!exists(&b, path_tmp_sst(b.w.dir, first)) && !exists(&b, path_sst(b.w.dir, first)));
	job = carry_out(&b, &r);
	report(&b, &r);
	wait_for_tables(&b, 0, 0);
	job_free(&job);
	check_keys(&b);
	end(&b);
}
END_TEST

START_TEST(a_part_that_fails_takes_the_others_with_it)
{
	struct compact_report r;
	struct peer other;
	struct arena keys;
	struct compact_order second;
	struct bench b;
	struct buf bytes = BUF_INIT;

	stats_begin_private();
	start_with(&b, 2);
	dial(&b);
	peer_dial(&other, path_compactor_socket(b.w.dir, 1).s, COMPACT_MESSAGE_MAX);
	wait_for_compactors(2);
	seven_tables(&b);
	arena_init(&keys);
	next_order(&b);
	ck_ok(compact_order_decode(peer_receive(&other), &keys, &second));
	r = (struct compact_report){ .incarnation = second.incarnation, .job = second.job, .done = true, .status = ST_IO };
	compact_report_encode(&r, &bytes);
	peer_send(&other, buf_slice(&bytes));
	buf_fini(&bytes);
	next_order(&b);
	ck_assert(b.order.cancel && b.order.job == second.job);
	ck_assert_uint_eq(tables_on(&b, 0), 4);
	peer_drop(&other);
	arena_fini(&keys);
	end(&b);
}
END_TEST

/* The job is given up because of the other's part; this one's compactor finished at that very moment. */
START_TEST(what_is_made_of_a_job_that_was_given_up_goes_with_the_last_word_about_it)
{
	struct compact_report mine, r;
	struct compact_order second;
	struct buf bytes = BUF_INIT;
	struct peer other;
	struct arena keys;
	struct bench b;
	struct job *job;

	stats_begin_private();
	start_with(&b, 2);
	dial(&b);
	peer_dial(&other, path_compactor_socket(b.w.dir, 1).s, COMPACT_MESSAGE_MAX);
	wait_for_compactors(2);
	seven_tables(&b);
	arena_init(&keys);
	next_order(&b);
	ck_ok(compact_order_decode(peer_receive(&other), &keys, &second));
	r = (struct compact_report){ .incarnation = second.incarnation, .job = second.job, .done = true, .status = ST_IO };
	compact_report_encode(&r, &bytes);
	peer_send(&other, buf_slice(&bytes));
	while (stats_sum(M_compaction_in_progress) > 0)
		usleep(LOOK_EVERY_US);
	job = carry_out(&b, &mine);
	ck_assert(exists(&b, path_tmp_sst(b.w.dir, b.order.first_output_id)));
	buf_reset(&bytes);
	arena_reset(&keys);                      /* after its pause the engine orders anew, from who is idle only: all of it */
	ck_ok(compact_order_decode(peer_receive(&other), &keys, &second));
	ck_assert(second.job != b.order.job && second.begin.n == 0 && second.end.n == 0);
	report(&b, &mine);
	wait_until_gone(&b, path_tmp_sst(b.w.dir, b.order.first_output_id));
	job_free(&job);
	buf_fini(&bytes);
	peer_drop(&other);
	arena_fini(&keys);
	end(&b);
}
END_TEST

/* As above, but it never speaks: it dies of what it was still writing. */
START_TEST(what_is_made_of_a_job_that_was_given_up_goes_with_a_compactor_that_dies_without_a_word)
{
	struct compact_report r;
	struct path left;
	int go[2], status;
	struct bench b;
	pid_t pid;
	FILE *f;

	ck_assert_int_eq(pipe(go), 0);
	pid = fork();                            /* before this process touches nng */
	if (pid == 0) {
		(void)!read(go[0], b.w.dir, sizeof(b.w.dir));
		peer_dial(&b.peer, path_compactor_socket(b.w.dir, 1).s, COMPACT_MESSAGE_MAX);
		(void)peer_receive(&b.peer);
		(void)!read(go[0], b.w.dir, 1);
		_exit(0);
	}
	stats_begin_private();
	start_with(&b, 2);
	dial(&b);
	(void)!write(go[1], b.w.dir, sizeof(b.w.dir));
	wait_for_compactors(2);
	seven_tables(&b);
	next_order(&b);
	left = path_tmp_sst(b.w.dir, file_id(b.order.first_output_id.v + b.order.output_id_count));
	r = done(&b, ST_IO);
	report(&b, &r);
	while (stats_sum(M_compaction_in_progress) > 0)
		usleep(LOOK_EVERY_US);
	f = fopen(left.s, "w");
	ck_assert_ptr_nonnull(f);
	fclose(f);
	(void)!write(go[1], "x", 1);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	wait_until_gone(&b, left);
	end(&b);
}
END_TEST

static void nobody(void *ctx)
{
	(void)ctx;
}

/* The first of three is gone when he is to be told: the others never hear of the job, and can say nothing about it. */
START_TEST(whom_an_order_did_not_reach_owes_no_word_about_it)
{
	struct compaction_part parts[3] = { { .id_count = 0 } };
	struct compaction job = { .number = 7, .parts = parts, .part_count = 3 };
	struct compact_order common = { .database = 1, .table_size_target = 1 };
	static struct crew crew;                 /* its links live as long as the process */
	struct world w;

	world_prepare(&w, vfs_posix());
	w.conf.compactor_workers = 3;
	ck_ok(crew_listen(&crew, &w.conf, nobody, NULL));
	for (unsigned i = 0; i < 3; i++)
		crew.workers[i].connection = 1;  /* who is not there any more */
	crew_seat(&crew, &job);
	ck_assert_uint_eq(crew_idle(&crew), 0);
	ck_assert_int_eq(crew_order(&crew, &job, &common), ST_UNAVAILABLE);
	crew_cancel(&crew, &job);
	ck_assert_uint_eq(crew_idle(&crew), 3);
	board_detach(&w.board);
	leases_detach(&w.leases);
	testlib_remove(w.dir);
}
END_TEST

START_TEST(a_job_that_comes_no_further_is_given_up_and_its_compactor_gets_nothing_before_it_speaks)
{
	struct compact_report r;
	uint64_t stuck;
	struct bench b;

	stats_begin_private();
	start_as(&b, 1, STUCK_US);
	four_tables(&b);
	dial(&b);
	next_order(&b);
	stuck = b.order.job;
	r = done(&b, ST_OK);
	r.done = false;
	report(&b, &r);                          /* as far as it came */
	report(&b, &r);
	next_order(&b);
	ck_assert(b.order.cancel && b.order.job == stuck);
	usleep(RETRY_US);
	ck_assert_uint_eq(stats_sum(M_compaction_in_progress), 0);
	r.done = true;
	r.status = ST_CANCELLED;
	report(&b, &r);
	next_order(&b);
	ck_assert(!b.order.cancel && b.order.job > stuck && b.order.input_count == 4);
	end(&b);
}
END_TEST

START_TEST(a_rate_limit_is_shared_and_changes_while_a_job_runs)
{
	struct bench b;

	start(&b);
	jobs_set_rate(b.jobs, 1000000);
	ck_assert_uint_eq(drain_get(&b.w.db.drain.byte_limit), 1000000);   /* writers know */
	four_tables(&b);
	dial(&b);
	next_order(&b);
	ck_assert_uint_eq(b.order.rate_limit, 1000001);
	jobs_set_rate(b.jobs, 0);
	next_order(&b);
	ck_assert(b.order.adjust && b.order.rate_limit == 0);
	ck_assert_uint_eq(drain_get(&b.w.db.drain.byte_limit), 0);
	end(&b);
}
END_TEST

static struct asked_status wait_for_end(struct bench *b)
{
	while (jobs_asked(b->jobs).state == ASKED_UNDER_WAY)
		usleep(LOOK_EVERY_US);
	return jobs_asked(b->jobs);
}

/* Less than what triggers level 0, one more than what was asked for. */
static struct seq three_tables(struct bench *b)
{
	struct seq second = { 0 };

	for (unsigned i = 0; i < 3; i++) {
		if (i == 2)
			second = truth_visible(b->w.db.truth);
		world_put1(&b->w, "apple", "v");
		world_rotate(&b->w);
		world_flush_all(&b->w);
	}
	return second;
}

START_TEST(what_was_asked_for_goes_to_the_last_level_and_then_it_is_over)
{
	struct asked_status s;
	struct seq up_to;
	struct bench b;

	start(&b);
	dial(&b);
	up_to = three_tables(&b);
	ck_assert_int_eq(jobs_asked(b.jobs).state, ASKED_NEVER);
	jobs_compact(b.jobs, up_to);
	next_order(&b);
	ck_assert_uint_eq(b.order.input_count, 3);
	ck_assert_uint_eq(b.order.output_level, LEVEL_LAST);
	ck_assert_int_eq(jobs_asked(b.jobs).state, ASKED_UNDER_WAY);
	finish_order(&b);
	s = wait_for_end(&b);
	ck_assert(s.state == ASKED_DONE && s.jobs == 1 && s.left == 0 && s.bytes_in > s.bytes_out && s.bytes_out > 0);
	jobs_compact(b.jobs, up_to);             /* nothing is left of it: done at once, without a job */
	s = wait_for_end(&b);
	ck_assert(s.state == ASKED_DONE && s.jobs == 0);
	end(&b);
}
END_TEST

START_TEST(what_was_asked_for_ends_when_jobs_fail_again_and_again)
{
	struct asked_status s;
	struct compact_report r;
	struct bench b;

	start(&b);
	dial(&b);
	jobs_compact(b.jobs, three_tables(&b));
	for (unsigned i = 0; i < ASKED_FAILURES_MOST; i++) {
		do
			next_order(&b);
		while (b.order.cancel);          /* a word to all who were at the one that failed */
		r = done(&b, ST_IO);
		report(&b, &r);
	}
	s = wait_for_end(&b);
	ck_assert_int_eq(s.state, ASKED_ENDED_EARLY);
	ck_assert_uint_eq(s.left, 2);
	ck_assert_uint_eq(tables_on(&b, 0), 3);
	end(&b);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, what_was_asked_for_goes_to_the_last_level_and_then_it_is_over);
	tcase_add_test(tc, what_was_asked_for_ends_when_jobs_fail_again_and_again);
	tcase_add_test(tc, a_large_job_is_cut_for_all_who_are_idle_and_installed_at_once);
	tcase_add_test(tc, when_one_of_its_compactors_dies_nothing_of_a_job_is_left);
	tcase_add_test(tc, a_part_that_fails_takes_the_others_with_it);
	tcase_add_test(tc, what_is_made_of_a_job_that_was_given_up_goes_with_the_last_word_about_it);
	tcase_add_test(tc, what_is_made_of_a_job_that_was_given_up_goes_with_a_compactor_that_dies_without_a_word);
	tcase_add_test(tc, whom_an_order_did_not_reach_owes_no_word_about_it);
	tcase_add_test(tc, a_job_that_comes_no_further_is_given_up_and_its_compactor_gets_nothing_before_it_speaks);
	tcase_add_test(tc, a_rate_limit_is_shared_and_changes_while_a_job_runs);
	tcase_add_test(tc, an_ordered_compaction_replaces_its_inputs_once_it_is_reported);
	tcase_add_test(tc, an_installed_job_is_counted_and_its_bytes_are_left_to_the_compactor);
	tcase_add_test(tc, what_runs_is_told_from_its_order_to_its_end_with_its_progress);
	tcase_add_test(tc, a_report_for_another_incarnation_or_job_changes_nothing);
	tcase_add_test(tc, a_result_that_is_not_what_it_says_is_thrown_away_and_ordered_again);
	tcase_add_test(tc, a_report_of_tables_that_were_not_ordered_is_refused);
	tcase_add_test(tc, a_job_of_a_compactor_that_dies_is_ordered_from_the_next_one);
	tcase_add_test(tc, a_compactor_that_dies_before_its_order_is_sent_takes_the_job_with_it);
	tcase_add_test(tc, a_block_that_a_compactor_finds_damaged_is_passed_over_by_the_next_order);
	tcase_add_loop_test(tc, an_input_that_made_a_job_fail_rests_and_others_go_on, 0, 3);
	tcase_add_test(tc, inputs_of_a_job_that_fails_for_no_known_reason_rest_from_the_second_time_on);
	tcase_add_test(tc, tables_that_meet_nothing_move_down_without_a_compactor);
}

CHECK_MAIN("engine/jobs", suite)
