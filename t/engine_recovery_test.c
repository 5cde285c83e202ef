/* SPDX-License-Identifier: Apache-2.0 */
/* Recovery of a write-ahead log that a crash tore, or that something damaged: what is kept, cut, refused. */
#include <sys/stat.h>

#include "common/base/rand.h"
#include "common/wal/wal_reader.h"
#include "t/engine_walhelp.h"

static char dir[TESTLIB_DIR_MAX];
static struct vfs *v;

static void setup(void)
{
	v = vfs_posix();
	testlib_dir(dir);
}

static void teardown(void)
{
	testlib_remove(dir);
}

static enum st replay(unsigned mode, struct replayed *r)
{
	return replay_from(v, dir, mode, 0, 0, r);
}

static bool in_quarantine(const char *name)
{
	struct path p = path_join(path_quarantine_dir(dir).s, name);
	bool yes;

	ck_ok(vfs_exists(v, p.s, &yes));
	return yes;
}

static void empty_quarantine(void)
{
	char *command = mem_printf("rm -rf -- '%s'", path_quarantine_dir(dir).s);

	ck_assert_int_eq(system(command), 0);
	mem_free(command);
}

/* Segment id with n groups; the pen stays open for more segments. */
static struct pen written(uint64_t id, int groups)
{
	struct pen p = { .v = v, .dir = dir };

	ck_ok(pen_begin(&p, id, 4096));
	for (int i = 0; i < groups; i++)
		ck_ok(pen_group(&p));
	return p;
}

static void next_segment(struct pen *p, uint64_t id, int groups)
{
	ck_ok(pen_begin(p, id, 4096));
	for (int i = 0; i < groups; i++)
		ck_ok(pen_group(p));
}

START_TEST(what_was_synced_is_replayed_in_order_over_segments)
{
	struct pen p = written(3, 2);
	struct replayed r;

	next_segment(&p, 4, 3);
	next_segment(&p, 9, 1);
	wal_close(&p.wal);
	ck_ok(replay(WAL_RECOVERY_ABSOLUTE, &r));
	check_dense(&r);
	ck_assert_uint_eq(r.count, 18);
	ck_assert_uint_eq(r.segments, 3);
	ck_assert_uint_eq(r.last_request, 12);
	ck_assert_uint_eq(r.report.records, 12);
	ck_assert_uint_eq(r.report.entries, 18);
	ck_assert_uint_eq(r.report.last_seq.v, 18);
	ck_assert_uint_eq(r.report.highest_id.v, 9);
	ck_assert_uint_eq(r.report.end.id.v, 9);
	ck_assert(!r.report.torn_tail);
	ck_assert_str_eq(r.report.sentence, "");
	ck_assert_uint_eq(r.progress_done, r.progress_total);
}
END_TEST

START_TEST(an_empty_folder_and_a_missing_one_are_an_empty_log)
{
	struct replayed r;

	ck_ok(replay_from(v, dir, WAL_RECOVERY_STRICT, 0, 41, &r));
	ck_assert_uint_eq(r.report.last_seq.v, 41);
	ck_assert_int_eq(rmdir(path_wal_dir(dir).s), 0);
	ck_ok(replay(WAL_RECOVERY_STRICT, &r));
	ck_assert_uint_eq(r.report.end.id.v, 0);
}
END_TEST

/* Invariant 8: what one recovery returned, the next one returns too, and more can be written behind it. */
START_TEST(a_recovered_log_goes_on_in_a_new_segment)
{
	struct pen p = written(1, 2);
	struct replayed r, again;

	pen_append(&p, 1);
	ck_ok(wal_write(p.wal));                 /* never synced */
	wal_close(&p.wal);
	ck_ok(replay(WAL_RECOVERY_STRICT, &r));
	p.before = r.report.end;
	p.last = r.report.last_seq.v;
	next_segment(&p, 2, 1);
	wal_close(&p.wal);
	ck_ok(replay(WAL_RECOVERY_ABSOLUTE, &again));
	check_dense(&again);
	ck_assert_uint_eq(again.count, 10);
}
END_TEST

/* RELIABILITY rule: bad at X, nothing behind it promises more than X. All groups before are there, of the
 * torn group whole records at most, and a second recovery finds the same and no tear. */
START_TEST(a_tail_torn_at_every_byte_of_the_last_group_is_cut)
{
	struct path file = path_wal(dir, file_id(1));
	struct pen p = written(1, 3);
	uint64_t from = wal_bytes(p.wal), upto;
	struct image whole;

	ck_ok(pen_group(&p));
	upto = wal_bytes(p.wal);
	wal_close(&p.wal);
	whole = image_of(v, file.s);
	ck_assert_uint_lt(upto, whole.n);
	for (uint64_t cut = from; cut < upto; cut++) {
		struct image torn = { mem_dup(whole.p, whole.n), whole.n };
		struct replayed r, again;
		bool intact;

		memset(torn.p + cut, 0, torn.n - cut);
		intact = memcmp(torn.p, whole.p, whole.n) == 0;
		image_put(v, file.s, torn.p, torn.n);
		ck_ok(replay(WAL_RECOVERY_STRICT, &r));
		check_dense(&r);
		ck_assert(intact ? r.count == 12 : r.count == 9 || r.count == 10);
		ck_ok(replay(WAL_RECOVERY_ABSOLUTE, &again));
		ck_assert_uint_eq(again.count, r.count);
		ck_assert(!again.report.torn_tail);
		ck_assert_uint_eq(again.report.end.length, r.report.end.length);
		mem_free(torn.p);
	}
	mem_free(whole.p);
}
END_TEST

/* The room of a segment was on disk before its header was: no crash makes the file shorter. */
START_TEST(a_newest_segment_shorter_than_it_was_prepared_is_damage_at_every_length)
{
	struct path file = path_wal(dir, file_id(1));
	struct pen p = written(1, 3);
	struct image whole;

	wal_close(&p.wal);
	whole = image_of(v, file.s);
	for (size_t n = WAL_HEADER_BYTES; n < 3 * 1024; n += n % 16 ? 8 : 3) {
		struct replayed r, again;

		image_put(v, file.s, whole.p, n);
		ck_assert_int_eq(replay(WAL_RECOVERY_STRICT, &r), ST_CORRUPT);
		ck_assert_int_eq(r.report.damage, WAL_DAMAGE_TRUNCATED);
		ck_assert(image_is(v, file.s, whole.p, n));
		ck_ok(replay(WAL_RECOVERY_TRUNCATE, &r));
		ck_ok(replay(WAL_RECOVERY_ABSOLUTE, &again));
		ck_assert_uint_eq(again.count, r.count);
		ck_assert_uint_eq(again.report.end.length, r.report.end.length);
		empty_quarantine();
	}
	image_put(v, file.s, whole.p, 3 * 1024);
	ck_ok(replay(WAL_RECOVERY_ABSOLUTE, &(struct replayed){ 0 }));
	mem_free(whole.p);
}
END_TEST

/* The floor's was begun before the manifest named it: wiped, emptied or with half a header it is damaged, and alone in the log
 * it has no successor to tell. */
START_TEST(an_empty_floor_is_damage_and_not_a_prepared_segment)
{
	const size_t sizes[] = { 0, 40, 4096 };
	struct path file = path_wal(dir, file_id(1));
	uint8_t zeros[4096] = { 0 };
	struct replayed r;

	for (size_t i = 0; i < 3; i++) {
		struct pen p = { .v = v, .dir = dir, .last = 6 };

		image_put(v, file.s, zeros, sizes[i]);
		ck_assert_int_eq(replay_from(v, dir, WAL_RECOVERY_STRICT, 1, 6, &r), ST_CORRUPT);
		ck_assert_uint_eq(r.report.damaged_segment.v, 1);
		ck_assert_uint_eq(r.report.lost_from.v, 7);
		ck_assert_ptr_nonnull(strstr(r.report.sentence, "it is empty"));
		ck_assert(image_is(v, file.s, zeros, sizes[i]));
		ck_ok(replay_from(v, dir, WAL_RECOVERY_TRUNCATE, 1, 6, &r));
		ck_assert(in_quarantine("wal_1.log"));
		p.before = r.report.end;
		next_segment(&p, 2, 1);
		wal_close(&p.wal);
		ck_ok(replay_from(v, dir, WAL_RECOVERY_ABSOLUTE, 1, 6, &r));
		ck_assert_uint_eq(r.count, 3);
		ck_assert_int_eq(unlink(path_wal(dir, file_id(2)).s), 0);
		empty_quarantine();
	}
}
END_TEST

START_TEST(a_flipped_byte_in_the_last_group_is_a_torn_tail)
{
	struct path file = path_wal(dir, file_id(1));
	struct pen p = written(1, 3);
	uint64_t from = wal_bytes(p.wal), upto;
	struct image whole;

	ck_ok(pen_group(&p));
	upto = wal_bytes(p.wal);
	wal_close(&p.wal);
	whole = image_of(v, file.s);
	for (uint64_t at = from; at < upto; at++) {
		struct replayed r;

		whole.p[at] ^= 0x41;
		image_put(v, file.s, whole.p, whole.n);
		ck_assert_int_eq(replay(WAL_RECOVERY_ABSOLUTE, &r), ST_CORRUPT);
		ck_assert(image_is(v, file.s, whole.p, whole.n));
		ck_ok(replay(WAL_RECOVERY_STRICT, &r));
		check_dense(&r);
		ck_assert(r.count == 9 || r.count == 10);
		ck_assert(r.report.torn_tail);
		ck_assert_ptr_nonnull(strstr(r.report.sentence, "torn tail"));
		whole.p[at] ^= 0x41;
	}
	mem_free(whole.p);
}
END_TEST

/* A log whose first segment is complete and whose second has a promise over everything but its last group. */
static void two_segments(struct image images[2], uint64_t *promisedp)
{
	struct pen p = written(1, 2);

	next_segment(&p, 2, 2);
	*promisedp = wal_bytes(p.wal);
	ck_ok(pen_group(&p));
	wal_close(&p.wal);
	for (uint64_t id = 1; id <= 2; id++)
		images[id - 1] = image_of(v, path_wal(dir, file_id(id)).s);
}

static void put_two(const struct image images[2])
{
	for (uint64_t id = 1; id <= 2; id++)
		image_put(v, path_wal(dir, file_id(id)).s, images[id - 1].p, images[id - 1].n);
}

/* How many bytes of the image are content. */
static size_t content(const struct image *i)
{
	size_t n = i->n;

	while (n > 0 && i->p[n - 1] == 0)
		n--;
	return (n + 7) & ~(size_t)7;
}

START_TEST(damage_at_every_byte_of_acknowledged_data_is_refused_untouched)
{
	struct image images[2];
	uint64_t promised;

	two_segments(images, &promised);
	for (int i = 0; i < 2; i++) {
		size_t end = i == 0 ? content(&images[0]) : promised;

		for (size_t at = 0; at < end; at++) {
			struct replayed r;

			images[i].p[at] ^= 0x10;
			put_two(images);
			ck_assert_int_eq(replay(WAL_RECOVERY_STRICT, &r), ST_CORRUPT);
			check_dense(&r);
			ck_assert_int_ne(r.report.damage, WAL_DAMAGE_NONE);
			ck_assert_uint_eq(r.report.damaged_segment.v, (uint64_t)i + 1);
			ck_assert_uint_le(r.report.damaged_offset, at);
			ck_assert_ptr_nonnull(strstr(r.report.sentence, "WAL_RECOVERY_MODE=truncate"));
			ck_assert(image_is(v, path_wal(dir, file_id(1)).s, images[0].p, images[0].n));
			ck_assert(image_is(v, path_wal(dir, file_id(2)).s, images[1].p, images[1].n));
			ck_assert(!in_quarantine(""));
			images[i].p[at] ^= 0x10;
		}
	}
	mem_free(images[0].p);
	mem_free(images[1].p);
}
END_TEST

/* Flips a byte, recovers in truncate mode, and starts again in strict mode: the same prefix, nothing amiss. */
static void truncate_at(const struct image images[2], int i, size_t at)
{
	struct replayed r, again;
	char name[64];

	images[i].p[at] ^= 0x10;
	put_two(images);
	images[i].p[at] ^= 0x10;
	ck_ok(replay(WAL_RECOVERY_TRUNCATE, &r));
	check_dense(&r);
	ck_assert_int_ne(r.report.damage, WAL_DAMAGE_NONE);
	ck_assert_uint_eq(r.report.lost_from.v, r.count + 1);
	snprintf(name, sizeof name, "wal_%d_at_%" PRIu64 ".json", i + 1, r.report.damaged_offset);
	ck_assert(in_quarantine(name));
	ck_assert(i == 1 || in_quarantine("wal_2.log"));
	snprintf(name, sizeof name, "wal_%d_at_%" PRIu64 ".bin", i + 1, r.report.damaged_offset);
	ck_assert(in_quarantine(name) == (r.report.damaged_offset > 0));
	ck_ok(replay(WAL_RECOVERY_ABSOLUTE, &again));
	ck_assert_uint_eq(again.count, r.count);
	ck_assert_uint_eq(again.report.end.id.v, r.report.end.id.v);
	ck_assert_uint_eq(again.report.end.length, r.report.end.length);
	empty_quarantine();
}

START_TEST(truncate_mode_keeps_everything_before_the_damage_and_sets_the_rest_aside)
{
	struct image images[2];
	uint64_t promised;

	two_segments(images, &promised);
	for (int i = 0; i < 2; i++)
		for (size_t at = 0; at < (i == 0 ? content(&images[0]) : promised); at += 11)
			truncate_at(images, i, at);
	mem_free(images[0].p);
	mem_free(images[1].p);
}
END_TEST

/* n bytes of p, and a closing record. */
static bool image_is_cut(struct vfs *vfs, const char *path, const uint8_t *p, size_t n)
{
	struct image now = image_of(vfs, path);
	bool same = now.n == n + WAL_HEAD_BYTES && memcmp(now.p, p, n) == 0;

	mem_free(now.p);
	return same;
}

/* A checkpoint has the segments under names of its own. */
START_TEST(truncate_mode_cuts_here_and_not_in_what_a_checkpoint_shares)
{
	struct path file = path_wal(dir, file_id(1)), copy = path_join(dir, "elsewhere");
	struct image images[2];
	struct replayed r;
	uint64_t promised;

	two_segments(images, &promised);
	images[0].p[200] ^= 1;
	put_two(images);
	ck_ok(vfs_link(v, file.s, copy.s));
	ck_ok(replay(WAL_RECOVERY_TRUNCATE, &r));
	ck_assert(image_is_cut(v, file.s, images[0].p, r.report.damaged_offset));
	ck_assert(image_is(v, copy.s, images[0].p, images[0].n));
	mem_free(images[0].p);
	mem_free(images[1].p);
}
END_TEST

START_TEST(cut_bytes_are_kept_as_they_were)
{
	struct path file = path_wal(dir, file_id(1)), kept;
	struct image images[2], bin;
	struct replayed r;
	uint64_t promised;
	char name[64];

	two_segments(images, &promised);
	images[0].p[200] ^= 1;
	put_two(images);
	ck_ok(replay(WAL_RECOVERY_TRUNCATE, &r));
	snprintf(name, sizeof name, "wal_1_at_%" PRIu64 ".bin", r.report.damaged_offset);
	kept = path_join(path_quarantine_dir(dir).s, name);
	bin = image_of(v, kept.s);
	ck_assert_uint_gt(bin.n, 100);
	ck_assert_mem_eq(bin.p, images[0].p + r.report.damaged_offset, bin.n);
	ck_assert(image_is_cut(v, file.s, images[0].p, r.report.damaged_offset));
	mem_free(bin.p);
	mem_free(images[0].p);
	mem_free(images[1].p);
}
END_TEST

/* A hole is a hole in quarantine/, too: there may be terabytes of it, and no room for as many zeros. */
START_TEST(a_hole_among_the_cut_bytes_takes_no_room)
{
	static const uint64_t far = UINT64_C(1) << 30;
	struct pen p = written(1, 3);
	struct replayed r;
	struct vfs_file *f;
	struct stat sb;
	char name[64];

	wal_close(&p.wal);
	ck_ok(vfs_open(v, path_wal(dir, file_id(1)).s, VFS_WRITE, &f));
	ck_ok(vfs_write(f, "x", 1, WAL_HEADER_BYTES + 30));
	ck_ok(vfs_write(f, "behind", 6, far));
	vfs_close(&f);
	ck_ok(replay(WAL_RECOVERY_TRUNCATE, &r));
	snprintf(name, sizeof name, "wal_1_at_%" PRIu64 ".bin", r.report.damaged_offset);
	ck_assert_int_eq(stat(path_join(path_quarantine_dir(dir).s, name).s, &sb), 0);
	ck_assert_uint_eq((uint64_t)sb.st_size, far + 6 - r.report.damaged_offset);
	ck_assert_int_lt(sb.st_blocks, 1 << 17);
}
END_TEST

/* Damage of a kind, in strict mode, that names segment id. */
static void expect_damage(enum wal_damage kind, uint64_t id, const char *word)
{
	struct replayed r;

	ck_assert_int_eq(replay(WAL_RECOVERY_STRICT, &r), ST_CORRUPT);
	ck_assert_int_eq(r.report.damage, kind);
	ck_assert_uint_eq(r.report.damaged_segment.v, id);
	if (!strstr(r.report.sentence, word))
		ck_abort_msg("\"%s\" does not say \"%s\"", r.report.sentence, word);
}

static void three_segments(void)
{
	struct pen p = written(1, 2);

	next_segment(&p, 2, 2);
	next_segment(&p, 3, 2);
	wal_close(&p.wal);
}

START_TEST(a_missing_middle_segment_is_a_gap)
{
	three_segments();
	ck_assert_int_eq(unlink(path_wal(dir, file_id(2)).s), 0);
	expect_damage(WAL_DAMAGE_GAP, 3, "segment 2, which it follows, is missing");
}
END_TEST

START_TEST(a_missing_first_segment_is_a_gap)
{
	struct replayed r;

	three_segments();
	ck_assert_int_eq(unlink(path_wal(dir, file_id(1)).s), 0);
	expect_damage(WAL_DAMAGE_GAP, 2, "segment 1, which it follows, is missing");
	ck_assert_int_eq(replay_from(v, dir, WAL_RECOVERY_STRICT, 1, 0, &r), ST_CORRUPT);
	ck_assert_ptr_nonnull(strstr(r.report.sentence, "the first one needed"));
}
END_TEST

START_TEST(a_floor_lets_older_segments_be_absent_or_damaged)
{
	struct replayed r;

	three_segments();
	image_put(v, path_wal(dir, file_id(1)).s, (const uint8_t *)"rubbish", 7);
	ck_ok(replay_from(v, dir, WAL_RECOVERY_STRICT, 2, 6, &r));
	ck_assert_uint_eq(r.count, 12);
	ck_assert_uint_eq(r.seqs[0], 7);
	ck_assert_int_eq(unlink(path_wal(dir, file_id(1)).s), 0);
	ck_ok(replay_from(v, dir, WAL_RECOVERY_STRICT, 2, 6, &r));
	ck_assert_uint_eq(r.report.highest_id.v, 3);
}
END_TEST

START_TEST(a_first_segment_that_begins_behind_what_was_flushed_is_a_gap)
{
	struct replayed r;

	three_segments();
	ck_assert_int_eq(replay_from(v, dir, WAL_RECOVERY_STRICT, 2, 5, &r), ST_CORRUPT);
	ck_assert_int_eq(r.report.damage, WAL_DAMAGE_GAP);
	ck_assert_uint_eq(r.report.lost_from.v, 6);
	ck_assert_uint_eq(r.report.lost_to.v, 18);       /* all that follows goes with it */
}
END_TEST

START_TEST(a_wiped_segment_is_a_gap_and_not_a_prepared_one)
{
	uint8_t zeros[2048] = { 0 };

	three_segments();
	image_put(v, path_wal(dir, file_id(2)).s, zeros, sizeof zeros);
	expect_damage(WAL_DAMAGE_GAP, 3, "is missing");
}
END_TEST

START_TEST(swapped_segments_are_found_out)
{
	struct path one = path_wal(dir, file_id(1)), two = path_wal(dir, file_id(2)), aside = path_join(dir, "aside");

	three_segments();
	ck_assert_int_eq(rename(one.s, aside.s), 0);
	ck_assert_int_eq(rename(two.s, one.s), 0);
	ck_assert_int_eq(rename(aside.s, two.s), 0);
	expect_damage(WAL_DAMAGE_GAP, 1, "it was written as segment 2");
}
END_TEST

START_TEST(a_segment_of_another_database_is_found_out)
{
	struct wal_link none = { 0 };
	struct wal *w;

	ck_ok(wal_prepare(v, dir, file_id(1), 2048, &w));
	ck_ok(wal_begin(w, DB + 1, seq(0), &none, (struct slice){ 0 }));
	ck_ok(wal_write(w));
	ck_ok(wal_sync(w));
	wal_close(&w);
	expect_damage(WAL_DAMAGE_GAP, 1, "another database");
}
END_TEST

START_TEST(a_segment_cut_at_a_record_boundary_is_found_out_by_its_successor)
{
	struct path one = path_wal(dir, file_id(1));
	struct pen p = written(1, 1);
	uint64_t boundary = wal_bytes(p.wal);

	ck_ok(pen_group(&p));
	next_segment(&p, 2, 1);
	wal_close(&p.wal);
	ck_assert_int_eq(truncate(one.s, (off_t)boundary), 0);
	expect_damage(WAL_DAMAGE_TRUNCATED, 1, "cut short");
}
END_TEST

/* Writes a segment's bytes from made-up records. */
static void put_made_up_as(uint32_t version, uint64_t id, struct buf *records)
{
	struct wal_header h = { .version = version, .database = DB, .id = file_id(id) };
	struct buf all = BUF_INIT;

	wal_header_encode(&h, buf_reserve(&all, WAL_HEADER_BYTES));
	all.n += WAL_HEADER_BYTES;
	buf_append_slice(&all, buf_slice(records));
	image_put(v, path_wal(dir, file_id(id)).s, all.p, all.n);
	buf_fini(&all);
	buf_fini(records);
}

static void put_made_up(uint64_t id, struct buf *records)
{
	put_made_up_as(WAL_VERSION, id, records);
}

static void make_up(struct buf *records, uint64_t id, uint64_t first_seq, uint32_t count, uint32_t real_count)
{
	struct wal_record r = { .segment = (uint32_t)id, .count = count, .first_seq = seq(first_seq) };
	struct buf head = BUF_INIT, body = BUF_INIT;

	testlib_batch(&head, &body, first_seq, real_count, ORIGIN, 1);
	wal_record_encode(records, wal_crc_seed(DB, file_id(id)), &r, buf_slice(&head), buf_slice(&body));
	buf_fini(&head);
	buf_fini(&body);
}

START_TEST(a_hole_or_a_repetition_in_the_sequence_is_damage_even_at_the_end)
{
	struct buf records = BUF_INIT;

	make_up(&records, 1, 1, 2, 2);
	make_up(&records, 1, 4, 1, 1);
	put_made_up(1, &records);
	expect_damage(WAL_DAMAGE_GAP, 1, "sequence 4 follows 2");
	make_up(&records, 1, 1, 2, 2);
	make_up(&records, 1, 2, 1, 1);
	put_made_up(1, &records);
	expect_damage(WAL_DAMAGE_GAP, 1, "sequence 2 follows 2");
}
END_TEST

START_TEST(a_record_that_does_not_decode_is_damage_even_at_the_end)
{
	struct wal_record r = { .segment = 1, .count = 1, .first_seq = seq(1) };
	struct buf records = BUF_INIT;

	wal_record_encode(&records, wal_crc_seed(DB, file_id(1)), &r, slice_str("\xff\xff\xff"), (struct slice){ 0 });
	put_made_up(1, &records);
	expect_damage(WAL_DAMAGE_UNDECODABLE, 1, "does not decode");
	make_up(&records, 1, 1, 3, 2);
	put_made_up(1, &records);
	expect_damage(WAL_DAMAGE_UNDECODABLE, 1, "does not decode");
}
END_TEST

START_TEST(a_segment_of_the_format_before_is_read)
{
	struct buf records = BUF_INIT;
	struct replayed r;

	make_up(&records, 1, 1, 2, 2);
	put_made_up_as(2, 1, &records);
	ck_ok(replay(WAL_RECOVERY_STRICT, &r));
	ck_assert_uint_eq(r.count, 2);
	make_up(&records, 1, 1, 2, 2);
	put_made_up_as(1, 1, &records);
	ck_assert_int_eq(replay(WAL_RECOVERY_STRICT, &r), ST_CORRUPT);
}
END_TEST

START_TEST(a_newer_format_is_refused_in_every_mode)
{
	struct wal_header h = { .version = WAL_VERSION + 1, .database = DB, .id = file_id(1) };
	uint8_t p[WAL_HEADER_BYTES];
	struct replayed r;

	wal_header_encode(&h, p);
	image_put(v, path_wal(dir, file_id(1)).s, p, sizeof p);
	for (unsigned mode = WAL_RECOVERY_STRICT; mode <= WAL_RECOVERY_ABSOLUTE; mode++) {
		ck_assert_int_eq(replay(mode, &r), ST_CORRUPT);
		ck_assert_ptr_nonnull(strstr(r.report.sentence, "format 4"));
		ck_assert(image_is(v, path_wal(dir, file_id(1)).s, p, sizeof p));
	}
}
END_TEST

START_TEST(prepared_segments_that_were_never_begun_mean_nothing)
{
	struct pen p = written(2, 1);
	struct replayed r;
	struct wal *spare;

	ck_ok(wal_prepare(v, dir, file_id(1), 4096, &spare));
	wal_close(&spare);
	ck_ok(wal_prepare(v, dir, file_id(3), 4096, &spare));
	wal_close(&spare);
	ck_ok(wal_prepare(v, dir, file_id(5), 4096, &spare));
	wal_close(&spare);
	next_segment(&p, 4, 1);
	wal_close(&p.wal);
	ck_ok(replay(WAL_RECOVERY_ABSOLUTE, &r));
	ck_assert_uint_eq(r.count, 6);
	ck_assert_uint_eq(r.report.end.id.v, 4);
	ck_assert_uint_eq(r.report.highest_id.v, 5);
}
END_TEST

static void lengthen(uint64_t id, uint64_t size)
{
	struct vfs_file *f;

	ck_ok(vfs_open(v, path_wal(dir, file_id(id)).s, VFS_WRITE, &f));
	ck_ok(vfs_truncate(f, size));
	vfs_close(&f);
}

/* Nobody can wait until they are read. */
START_TEST(terabytes_of_nothing_behind_a_segment_or_in_one_that_was_never_begun_hold_nothing_up)
{
	struct pen p = written(1, 2);
	struct replayed r;
	struct wal *spare;

	wal_close(&p.wal);
	ck_ok(wal_prepare(v, dir, file_id(2), 4096, &spare));
	wal_close(&spare);
	lengthen(1, UINT64_C(4) << 40);
	lengthen(2, UINT64_C(4) << 40);
	ck_ok(replay(WAL_RECOVERY_STRICT, &r));
	ck_assert_uint_eq(r.count, 6);
	ck_assert(!r.report.torn_tail);
}
END_TEST

/* As much of nothing between a segment's end and what shows that more of it was on the disk. */
START_TEST(what_lies_behind_terabytes_of_nothing_is_found)
{
	static uint8_t bytes[16384];
	struct pen p = written(1, 1);
	struct replayed r;
	struct vfs_file *f;
	size_t got;

	ck_ok(pen_group(&p));
	wal_close(&p.wal);
	ck_ok(vfs_open(v, path_wal(dir, file_id(1)).s, VFS_WRITE, &f));
	ck_ok(vfs_read(f, bytes, sizeof(bytes), 0, false, &got));
	ck_ok(vfs_write(f, bytes, got, UINT64_C(1) << 40));
	vfs_close(&f);
	ck_ok(replay(WAL_RECOVERY_STRICT, &r));
	ck_assert(r.report.torn_tail && r.report.damaged_bytes >= UINT64_C(1) << 39);
}
END_TEST

/* The newest segment's header reached the disk in part: nothing in it was acknowledged. */
START_TEST(a_torn_header_of_the_newest_segment_is_cut)
{
	struct path two = path_wal(dir, file_id(2));
	struct pen p = written(1, 2);
	struct image whole;
	struct replayed r;

	next_segment(&p, 2, 1);
	wal_close(&p.wal);
	whole = image_of(v, two.s);
	for (size_t cut = 1; cut < WAL_HEADER_BYTES; cut++) {
		image_put(v, two.s, whole.p, cut);
		ck_assert_int_eq(replay(WAL_RECOVERY_ABSOLUTE, &r), ST_CORRUPT);
		ck_ok(replay(WAL_RECOVERY_STRICT, &r));
		ck_assert_uint_eq(r.count, 6);
		ck_assert(r.report.torn_tail);
		ck_assert_uint_eq(r.report.end.id.v, 1);
		ck_ok(replay(WAL_RECOVERY_ABSOLUTE, &r));
		ck_assert_uint_eq(r.count, 6);
	}
	mem_free(whole.p);
}
END_TEST

START_TEST(flushed_records_only_tell_their_origin)
{
	struct pen p = written(1, 3);
	struct replayed r;

	wal_close(&p.wal);
	ck_ok(replay_from(v, dir, WAL_RECOVERY_STRICT, 1, 6, &r));
	ck_assert_uint_eq(r.records, 6);
	ck_assert_uint_eq(r.silent, 4);
	ck_assert_uint_eq(r.count, 3);
	ck_assert_uint_eq(r.seqs[0], 7);
	ck_assert_uint_eq(r.last_request, 6);
}
END_TEST

/* After truncate mode cut below what was flushed, sequences go on behind the flushed ones; that is no gap. */
START_TEST(sequences_skip_flushed_ones_after_a_cut_below_them)
{
	struct image images[2];
	struct replayed r, again;
	struct pen p = { .v = v, .dir = dir };
	uint64_t promised;

	two_segments(images, &promised);
	images[0].p[100] ^= 1;
	put_two(images);
	ck_ok(replay_from(v, dir, WAL_RECOVERY_TRUNCATE, 1, 12, &r));
	ck_assert_uint_eq(r.report.last_seq.v, 12);
	p.before = r.report.end;
	p.last = 12;
	next_segment(&p, 3, 1);
	wal_close(&p.wal);
	ck_ok(replay_from(v, dir, WAL_RECOVERY_ABSOLUTE, 1, 12, &again));
	ck_assert_uint_eq(again.count, 3);
	ck_assert_uint_eq(again.seqs[0], 13);
	mem_free(images[0].p);
	mem_free(images[1].p);
}
END_TEST

START_TEST(the_floor_keeps_its_name_when_truncate_mode_moves_it_away)
{
	struct replayed r;
	struct image one;

	three_segments();
	one = image_of(v, path_wal(dir, file_id(1)).s);
	one.p[20] ^= 1;
	image_put(v, path_wal(dir, file_id(1)).s, one.p, one.n);
	ck_ok(replay_from(v, dir, WAL_RECOVERY_TRUNCATE, 1, 0, &r));
	ck_assert_uint_eq(r.count, 0);
	ck_assert(in_quarantine("wal_1.log") && in_quarantine("wal_2.log") && in_quarantine("wal_3.log"));
	ck_ok(replay_from(v, dir, WAL_RECOVERY_STRICT, 1, 0, &r));
	ck_ok(recovery_tidy(v, dir, file_id(1), NULL, 0));
	ck_ok(replay_from(v, dir, WAL_RECOVERY_STRICT, 1, 0, &r));
	mem_free(one.p);
}
END_TEST

static bool there(struct path p)
{
	bool yes;

	ck_ok(vfs_exists(v, p.s, &yes));
	return yes;
}

/* Invariants 4 and 6: what the manifest does not name goes, what it names stays. */
START_TEST(tidying_removes_orphans_and_nothing_else)
{
	struct file_id live[] = { { 5 }, { 2 } };
	struct path left[] = { path_sst(dir, file_id(2)), path_sst(dir, file_id(5)), path_wal(dir, file_id(20)),
			       path_join(path_sst_dir(dir).s, "notes.txt") };
	struct path gone[] = { path_sst(dir, file_id(3)), path_tmp_sst(dir, file_id(7)), path_wal(dir, file_id(8)),
			       path_wal(dir, file_id(21)) };
	struct pen p = written(20, 1);
	struct wal *spare;

	wal_close(&p.wal);
	ck_ok(wal_prepare(v, dir, file_id(21), 4096, &spare));
	wal_close(&spare);
	testlib_put_file(v, left[0].s, "ab", 2);
	testlib_put_file(v, left[1].s, "abcde", 5);
	testlib_put_file(v, left[3].s, "mine", 4);
	for (size_t i = 0; i < 3; i++)
		testlib_put_file(v, gone[i].s, "x", 1);
	ck_ok(recovery_tidy(v, dir, file_id(9), live, 2));
	for (size_t i = 0; i < 4; i++) {
		ck_assert(there(left[i]));
		ck_assert(!there(gone[i]));
	}
}
END_TEST

/* Somebody put it there; it is no reason not to start. */
START_TEST(a_segment_that_leads_nowhere_is_refused_with_a_sentence)
{
	struct replayed r;

	ck_assert_int_eq(symlink("/nonexistent/disk/wal_3.log", path_wal(dir, file_id(3)).s), 0);
	ck_assert_int_eq(replay(WAL_RECOVERY_TRUNCATE, &r), ST_CORRUPT);
	ck_assert_ptr_nonnull(strstr(r.report.sentence, "wal_3.log is a link that leads nowhere"));
}
END_TEST

START_TEST(tidying_leaves_folders_that_are_not_ours)
{
	struct path folders[] = { path_join(path_tmp_dir(dir).s, "x"), path_sst(dir, file_id(3)), path_wal(dir, file_id(8)) };
	struct path behind = path_tmp_sst(dir, file_id(7));

	for (size_t i = 0; i < 3; i++)
		ck_ok(vfs_mkdir(v, folders[i].s));
	testlib_put_file(v, behind.s, "x", 1);
	ck_ok(recovery_tidy(v, dir, file_id(9), NULL, 0));
	for (size_t i = 0; i < 3; i++)
		ck_assert(there(folders[i]));
	ck_assert(!there(behind));
}
END_TEST

START_TEST(a_live_table_that_is_missing_or_has_another_size_is_told)
{
	struct path one = path_sst(dir, file_id(1));

	ck_assert_int_eq(recovery_check_table(v, dir, file_id(1), 10), ST_CORRUPT);
	testlib_put_file(v, one.s, "short", 5);
	ck_assert_int_eq(recovery_check_table(v, dir, file_id(1), 10), ST_CORRUPT);
	ck_ok(recovery_check_table(v, dir, file_id(1), 5));
}
END_TEST

/* Any bytes are a legal input: an outcome, a dense prefix, no crash. */
START_TEST(random_damage_never_yields_more_than_a_prefix)
{
	struct rnd rnd = { (uint64_t)_i + 1 };
	struct image images[2];
	uint64_t promised;

	two_segments(images, &promised);
	for (int round = 0; round < 150; round++) {
		struct image hurt[2] = { { mem_dup(images[0].p, images[0].n), images[0].n },
					 { mem_dup(images[1].p, images[1].n), images[1].n } };
		struct replayed r;
		enum st st;

		for (uint64_t n = rnd_below(&rnd, 4); n < 4; n++) {
			struct image *i = &hurt[rnd_below(&rnd, 2)];
			size_t at = (size_t)rnd_below(&rnd, i->n), len = (size_t)rnd_below(&rnd, 40);

			if (rnd_below(&rnd, 8) == 0)
				i->n = at + 1;
			for (size_t k = at; k < at + len && k < i->n; k++)
				i->p[k] = (uint8_t)(rnd_below(&rnd, 2) ? rnd_next(&rnd) : 0);
		}
		put_two(hurt);
		st = replay((unsigned)rnd_below(&rnd, 3), &r);
		ck_assert(st == ST_OK || st == ST_CORRUPT);
		check_dense(&r);
		ck_assert_uint_le(r.count, 15);
		empty_quarantine();
		mem_free(hurt[0].p);
		mem_free(hurt[1].p);
	}
	mem_free(images[0].p);
	mem_free(images[1].p);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, what_was_synced_is_replayed_in_order_over_segments);
	tcase_add_test(tc, an_empty_folder_and_a_missing_one_are_an_empty_log);
	tcase_add_test(tc, a_recovered_log_goes_on_in_a_new_segment);
	tcase_add_test(tc, a_tail_torn_at_every_byte_of_the_last_group_is_cut);
	tcase_add_test(tc, a_newest_segment_shorter_than_it_was_prepared_is_damage_at_every_length);
	tcase_add_test(tc, an_empty_floor_is_damage_and_not_a_prepared_segment);
	tcase_add_test(tc, a_flipped_byte_in_the_last_group_is_a_torn_tail);
	tcase_add_test(tc, damage_at_every_byte_of_acknowledged_data_is_refused_untouched);
	tcase_add_test(tc, truncate_mode_keeps_everything_before_the_damage_and_sets_the_rest_aside);
	tcase_add_test(tc, truncate_mode_cuts_here_and_not_in_what_a_checkpoint_shares);
	tcase_add_test(tc, cut_bytes_are_kept_as_they_were);
	tcase_add_test(tc, a_hole_among_the_cut_bytes_takes_no_room);
	tcase_add_test(tc, a_missing_middle_segment_is_a_gap);
	tcase_add_test(tc, a_missing_first_segment_is_a_gap);
	tcase_add_test(tc, a_floor_lets_older_segments_be_absent_or_damaged);
	tcase_add_test(tc, a_first_segment_that_begins_behind_what_was_flushed_is_a_gap);
	tcase_add_test(tc, a_wiped_segment_is_a_gap_and_not_a_prepared_one);
	tcase_add_test(tc, swapped_segments_are_found_out);
	tcase_add_test(tc, a_segment_of_another_database_is_found_out);
	tcase_add_test(tc, a_segment_cut_at_a_record_boundary_is_found_out_by_its_successor);
	tcase_add_test(tc, a_hole_or_a_repetition_in_the_sequence_is_damage_even_at_the_end);
	tcase_add_test(tc, a_record_that_does_not_decode_is_damage_even_at_the_end);
	tcase_add_test(tc, a_segment_of_the_format_before_is_read);
	tcase_add_test(tc, a_newer_format_is_refused_in_every_mode);
	tcase_add_test(tc, prepared_segments_that_were_never_begun_mean_nothing);
	tcase_add_test(tc, terabytes_of_nothing_behind_a_segment_or_in_one_that_was_never_begun_hold_nothing_up);
	tcase_add_test(tc, what_lies_behind_terabytes_of_nothing_is_found);
	tcase_add_test(tc, a_torn_header_of_the_newest_segment_is_cut);
	tcase_add_test(tc, flushed_records_only_tell_their_origin);
	tcase_add_test(tc, sequences_skip_flushed_ones_after_a_cut_below_them);
	tcase_add_test(tc, the_floor_keeps_its_name_when_truncate_mode_moves_it_away);
	tcase_add_test(tc, tidying_removes_orphans_and_nothing_else);
	tcase_add_test(tc, a_segment_that_leads_nowhere_is_refused_with_a_sentence);
	tcase_add_test(tc, tidying_leaves_folders_that_are_not_ours);
	tcase_add_test(tc, a_live_table_that_is_missing_or_has_another_size_is_told);
	tcase_add_loop_test(tc, random_damage_never_yields_more_than_a_prefix, 0, 4);
}

CHECK_MAIN("engine/recovery", suite)
