/* SPDX-License-Identifier: Apache-2.0 */
/* A job on a disk that fails, and its outputs after a power cut. */
#include "common/vfs/fault.h"
#include "common/vfs/sim.h"
#include "t/compactor_help.h"

#define DIR "/db"

static struct vfs *disk_new(void)
{
	struct vfs *sim = sim_new();

	help_folders(sim, DIR);
	ck_assert_int_eq(vfs_sync_dir(sim, "/"), ST_OK);
	ck_assert_int_eq(vfs_sync_dir(sim, DIR), ST_OK);
	return sim;
}

/* Runs the job on v and gives its status; what a success made is held against the oracle. */
static enum st run(struct help_job *h, struct vfs *v)
{
	struct compact_report r;
	struct job *j = job_new(v, DIR, &h->order, HELP_NOW_MS);
	enum st st;

	job_run(j, &r);
	st = r.status;
	if (st == ST_OK)
		help_check_outputs(h, &r);
	else
		ck_assert_uint_eq(r.output_count, 0);
	job_free(&j);
	h->order.first_output_id.v += h->order.output_id_count;
	return st;
}

START_TEST(any_single_failure_ends_the_job_and_leaves_no_file)
{
	static const unsigned kinds[] = { FAULT_READ, FAULT_WRITE, FAULT_SYNC, FAULT_META };
	static const enum st failures[] = { ST_IO, ST_FULL };
	struct rnd rnd = { 1 };

	for (unsigned i = 0; i < 8; i++) {
		struct vfs *sim = disk_new(), *faulty = fault_new(sim);
		struct help_job h;

		help_job_begin(&h, sim, DIR, &rnd, 600);
		for (uint64_t nth = 1;; nth++) {
			enum st st;

			fault_arm(faulty, kinds[i % 4], nth, false, failures[i / 4]);
			st = run(&h, faulty);
			if (!fault_fired(faulty)) {
				ck_assert_int_eq(st, ST_OK);
				ck_assert_uint_gt(nth, 1);
				break;
			}
			ck_assert_int_eq(st, failures[i / 4]);
			ck_assert_uint_eq(help_files_in_tmp(&h), 0);
		}
		help_job_end(&h);
		fault_free(&faulty);
		sim_free(&sim);
	}
}
END_TEST

START_TEST(disk_that_broke_for_good_never_yields_a_success)
{
	struct vfs *sim = disk_new(), *faulty = fault_new(sim);
	struct rnd rnd = { 2 };
	struct help_job h;

	help_job_begin(&h, sim, DIR, &rnd, 600);
	for (uint64_t nth = 1;; nth++) {
		enum st st;

		fault_arm(faulty, FAULT_ALL, nth, true, ST_IO);
		st = run(&h, faulty);
		if (!fault_fired(faulty))
			break;
		ck_assert_int_eq(st, ST_IO);
	}
	help_job_end(&h);
	fault_free(&faulty);
	sim_free(&sim);
}
END_TEST

/* Whatever it is that cannot be read of it: its end, or a block. */
START_TEST(input_that_the_disk_does_not_read_is_named)
{
	struct vfs *sim = disk_new(), *faulty = fault_new(sim);
	struct rnd rnd = { 4 };
	struct help_job h;
	char name[32];
	uint64_t nth;

	help_job_begin(&h, sim, DIR, &rnd, 600);
	snprintf(name, sizeof(name), "sst/sstable_%llu.", (unsigned long long)h.inputs[1].id.v);
	fault_narrow(faulty, name);
	for (nth = 1;; nth++) {
		struct compact_report r;
		struct job *j = job_new(faulty, DIR, &h.order, HELP_NOW_MS);

		fault_arm(faulty, FAULT_READ, nth, true, ST_IO);
		job_run(j, &r);
		job_free(&j);
		if (!fault_fired(faulty))
			break;
		ck_assert_int_eq(r.status, ST_IO);
		ck_assert_uint_eq(r.damaged_input.v, h.inputs[1].id.v);
		ck_assert_uint_eq(help_files_in_tmp(&h), 0);
	}
	ck_assert_uint_gt(nth, 4);
	help_job_end(&h);
	fault_free(&faulty);
	sim_free(&sim);
}
END_TEST

/* Invariant 3's first half, as far as it is the compactor's. */
START_TEST(reported_outputs_survive_a_power_cut)
{
	static const enum sim_cut cuts[] = { SIM_CUT_SYNCED_ONLY, SIM_CUT_RANDOM, SIM_CUT_RANDOM, SIM_CUT_PREFIX };
	struct rnd rnd = { 3 };

	for (unsigned round = 0; round < 12; round++) {
		struct vfs *sim = disk_new(), *after;
		struct compact_report r;
		struct help_job h;
		struct job *j;

		help_job_begin(&h, sim, DIR, &rnd, 1500);
		j = job_new(sim, DIR, &h.order, HELP_NOW_MS);
		job_run(j, &r);
		ck_assert(r.status == ST_OK && r.output_count > 0);
		after = sim_after_power_cut(sim, cuts[round % 4], &rnd);
		h.vfs = after;
		help_check_outputs(&h, &r);
		job_free(&j);
		help_job_end(&h);
		sim_free(&after);
		sim_free(&sim);
	}
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, any_single_failure_ends_the_job_and_leaves_no_file);
	tcase_add_test(tc, input_that_the_disk_does_not_read_is_named);
	tcase_add_test(tc, disk_that_broke_for_good_never_yields_a_success);
	tcase_add_test(tc, reported_outputs_survive_a_power_cut);
}

CHECK_MAIN("compactor/fault", suite)
