/* SPDX-License-Identifier: Apache-2.0 */
/* The fault injector hits the operation it was told to, once or for good. */
#include "common/vfs/fault.h"

#include "common/base/mem.h"
#include "common/vfs/sim.h"
#include "t/check_main.h"

/* A small life of a file; the first outcome that is not ST_OK. */
static enum st life(struct vfs *v)
{
	struct vfs_file *f;
	char bytes[8];
	size_t got;
	enum st st = vfs_open(v, "new", VFS_CREATE, &f);

	if (st)
		return st;
	st = vfs_write(f, "content", 7, 0);
	st = st ? st : vfs_sync(f);
	st = st ? st : vfs_read(f, bytes, 7, 0, false, &got);
	vfs_close(&f);
	st = st ? st : vfs_rename(v, "new", "file");
	return st ? st : vfs_sync_dir(v, "/");
}

static void clean(struct vfs *v)
{
	fault_arm(v, FAULT_ALL, 0, false, ST_OK);
	(void)!vfs_unlink(v, "new");
	(void)!vfs_unlink(v, "file");
}

START_TEST(unarmed_injector_only_counts)
{
	struct vfs *sim = sim_new(), *v = fault_new(sim);
	static const unsigned counts[] = { [FAULT_READ] = 1, [FAULT_WRITE] = 1, [FAULT_SYNC] = 2,
					   [FAULT_META] = 2, [FAULT_ALL] = 6, [FAULT_READ | FAULT_SYNC] = 3 };

	for (unsigned kinds = 1; kinds < sizeof counts / sizeof counts[0]; kinds++) {
		if (counts[kinds] == 0)
			continue;
		clean(v);
		fault_arm(v, kinds, 0, true, ST_IO);
		ck_assert_int_eq(life(v), ST_OK);
		ck_assert_uint_eq(fault_count(v), counts[kinds]);
		ck_assert(!fault_fired(v));
	}
	fault_free(&v);
	ck_assert_ptr_null(v);
	sim_free(&sim);
}
END_TEST

START_TEST(every_operation_can_be_hit)
{
	struct vfs *sim = sim_new(), *v = fault_new(sim);
	uint64_t n;

	for (n = 1; n < 100; n++) {
		enum st st;

		clean(v);
		fault_arm(v, FAULT_ALL, n, _i, n % 2 ? ST_IO : ST_FULL);
		st = life(v);
		if (!fault_fired(v)) {
			ck_assert_int_eq(st, ST_OK);
			break;
		}
		ck_assert_int_eq(st, n % 2 ? ST_IO : ST_FULL);
		/* Once is a hiccup, for good is a broken disk. */
		(void)!vfs_unlink(sim, "new");
		(void)!vfs_unlink(sim, "file");
		ck_assert_int_eq(life(v) == ST_OK, !_i);
	}
	ck_assert_uint_eq(n, 7);
	fault_free(&v);
	sim_free(&sim);
}
END_TEST

START_TEST(failed_write_has_written_its_first_half)
{
	struct vfs *sim = sim_new(), *v = fault_new(sim);
	struct vfs_file *f;
	uint8_t *bytes;
	size_t n;

	ck_assert_int_eq(vfs_open(v, "f", VFS_CREATE, &f), ST_OK);
	fault_arm(v, FAULT_WRITE, 1, false, ST_FULL);
	ck_assert_int_eq(vfs_write(f, "12345678", 8, 0), ST_FULL);
	vfs_close(&f);
	ck_assert_int_eq(vfs_slurp(v, "f", 100, &bytes, &n), ST_OK);
	ck_assert(slice_eq(slice_of(bytes, n), slice_str("1234")));
	mem_free(bytes);
	fault_free(&v);
	sim_free(&sim);
}
END_TEST

START_TEST(after_a_failed_sync_the_disk_lacks_what_reads_show)
{
	struct vfs *sim = sim_new(), *v = fault_new(sim), *later;
	struct rnd rnd = { 1 };
	struct vfs_file *f;
	uint8_t *bytes;
	size_t n;

	ck_assert_int_eq(vfs_open(v, "f", VFS_CREATE, &f), ST_OK);
	ck_assert_int_eq(vfs_sync_dir(v, "/"), ST_OK);
	ck_assert_int_eq(vfs_write(f, "lost", 4, 0), ST_OK);
	fault_arm(v, FAULT_SYNC, 1, false, ST_IO);
	ck_assert_int_eq(vfs_sync_data(f), ST_IO);
	ck_assert_int_eq(vfs_sync_data(f), ST_OK);
	vfs_close(&f);
	ck_assert_int_eq(vfs_slurp(v, "f", 100, &bytes, &n), ST_OK);
	ck_assert_uint_eq(n, 4);
	mem_free(bytes);
	later = sim_after_power_cut(sim, SIM_CUT_ALL, &rnd);
	ck_assert_int_eq(vfs_slurp(later, "f", 100, &bytes, &n), ST_OK);
	ck_assert_uint_eq(n, 0);
	mem_free(bytes);
	sim_free(&later);
	fault_free(&v);
	sim_free(&sim);
}
END_TEST

START_TEST(everything_passes_through_unchanged)
{
	struct vfs *sim = sim_new(), *v = fault_new(sim);
	struct vfs_file *f;
	uint64_t size, free_bytes, same_bytes;
	bool yes;

	ck_assert_int_eq(vfs_mkdir(v, "d"), ST_OK);
	ck_assert_int_eq(vfs_open(v, "d/f", VFS_CREATE, &f), ST_OK);
	ck_assert_int_eq(vfs_allocate(f, 100), ST_OK);
	ck_assert_int_eq(vfs_truncate(f, 50), ST_OK);
	ck_assert_int_eq(vfs_size(f, &size), ST_OK);
	ck_assert_uint_eq(size, 50);
	vfs_forget_cache(f);
	vfs_close(&f);
	ck_assert_int_eq(vfs_link(v, "d/f", "g"), ST_OK);
	ck_assert_int_eq(vfs_exists(sim, "g", &yes), ST_OK);
	ck_assert(yes);
	ck_assert_int_eq(vfs_exists(v, "h", &yes), ST_OK);
	ck_assert(!yes);
	ck_assert_int_eq(vfs_open(v, "h", VFS_READ, &f), ST_NOT_FOUND);
	ck_assert_int_eq(vfs_free_bytes(v, "/", &free_bytes), ST_OK);
	ck_assert_int_eq(vfs_free_bytes(sim, "/", &same_bytes), ST_OK);
	ck_assert_uint_eq(free_bytes, same_bytes);
	fault_free(&v);
	sim_free(&sim);
}
END_TEST

START_TEST(narrowed_it_hits_only_files_whose_names_have_the_part)
{
	struct vfs *sim = sim_new(), *v = fault_new(sim);
	struct vfs_file *f, *other;
	size_t got;
	char c;

	ck_assert_int_eq(vfs_open(v, "table_1", VFS_CREATE, &f), ST_OK);
	ck_assert_int_eq(vfs_open(v, "table_2", VFS_CREATE, &other), ST_OK);
	fault_narrow(v, "le_2");
	fault_arm(v, FAULT_ALL, 1, true, ST_IO);
	ck_assert_int_eq(vfs_read(f, &c, 1, 0, false, &got), ST_OK);
	ck_assert_int_eq(vfs_rename(v, "table_1", "table_20"), ST_OK);
	ck_assert(!fault_fired(v) && fault_count(v) == 0);
	ck_assert_int_eq(vfs_read(other, &c, 1, 0, false, &got), ST_IO);
	ck_assert_int_eq(vfs_unlink(v, "table_2"), ST_IO);
	ck_assert_uint_eq(fault_count(v), 2);
	fault_narrow(v, NULL);
	ck_assert_int_eq(vfs_read(f, &c, 1, 0, false, &got), ST_IO);
	vfs_close(&f);
	vfs_close(&other);
	fault_free(&v);
	sim_free(&sim);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, unarmed_injector_only_counts);
	tcase_add_loop_test(tc, every_operation_can_be_hit, 0, 2);
	tcase_add_test(tc, failed_write_has_written_its_first_half);
	tcase_add_test(tc, after_a_failed_sync_the_disk_lacks_what_reads_show);
	tcase_add_test(tc, everything_passes_through_unchanged);
	tcase_add_test(tc, narrowed_it_hits_only_files_whose_names_have_the_part);
}

CHECK_MAIN("vfs/fault", suite)
