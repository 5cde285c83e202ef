/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recovery drills: every kind of damage in every recovery mode. What is found, counted and reported, with file, offset and
 * the sequences that are lost; what is kept; and that a refusal changes nothing.
 */
#include <stdarg.h>

#include "common/stats/stats.h"
#include "common/wal/wal_reader.h"
#include "t/engine_walhelp.h"

static char dir[TESTLIB_DIR_MAX];
static struct vfs *v;

static void setup(void)
{
	v = vfs_posix();
	testlib_dir(dir);
	stats_begin_private();
}

static void teardown(void)
{
	testlib_remove(dir);
}

/* ---- damage ---- */

/* Segments 1 and 2 of sequences 1..6 and 7..12; in the middle of 1 a record that does not decode when garbage. */
static void write_log(bool garbage)
{
	struct pen p = { .v = v, .dir = dir };

	ck_ok(pen_begin(&p, 1, 2048));
	ck_ok(pen_group(&p));
	if (garbage) {
		wal_append(p.wal, seq(++p.last), 1, slice_str("this is no message"), (struct slice){ 0 });
		pen_append(&p, 2);
		ck_ok(wal_write(p.wal));
		ck_ok(wal_sync(p.wal));
	} else {
		ck_ok(pen_group(&p));
	}
	ck_ok(pen_begin(&p, 2, 2048));
	ck_ok(pen_group(&p));
	ck_ok(pen_group(&p));
	wal_close(&p.wal);
}

/* Where the record with sequence 4 begins in segment 1. */
static uint64_t behind_first_group(void)
{
	struct wal_reader *r;
	struct wal_record rec;
	enum wal_damage why;
	uint64_t offset;

	ck_ok(wal_reader_open(v, path_wal(dir, file_id(1)).s, DB, file_id(1), &r));
	for (unsigned i = 0; i < 2; i++)
		ck_ok(wal_reader_next(r, &rec, &why));
	offset = wal_reader_offset(r);
	wal_reader_close(&r);
	return offset;
}

static void flip(const char *path, uint64_t offset)
{
	struct vfs_file *f;
	uint8_t byte = 0;                /* behind the end of the file, too */
	size_t got;

	ck_ok(vfs_open(v, path, VFS_WRITE, &f));
	ck_ok(vfs_read(f, &byte, 1, offset, false, &got));
	byte ^= 0x40;
	ck_ok(vfs_write(f, &byte, 1, offset));
	vfs_close(&f);
}

static void damage_checksum(void)
{
	write_log(false);
	flip(path_wal(dir, file_id(1)).s, behind_first_group() + WAL_HEAD_BYTES + 3);
}

static void damage_truncated(void)
{
	write_log(false);
	ck_assert_int_eq(truncate(path_wal(dir, file_id(1)).s, (off_t)behind_first_group() + 20), 0);
}

static void damage_undecodable(void)
{
	write_log(true);
}

static void damage_gap(void)
{
	struct pen p = { .v = v, .dir = dir };

	ck_ok(pen_begin(&p, 1, 2048));
	ck_ok(pen_group(&p));
	ck_ok(pen_begin(&p, 2, 2048));
	ck_ok(pen_group(&p));
	ck_ok(pen_begin(&p, 3, 2048));
	ck_ok(pen_group(&p));
	ck_ok(pen_group(&p));
	wal_close(&p.wal);
	ck_assert_int_eq(unlink(path_wal(dir, file_id(2)).s), 0);
}

/* ---- drills ---- */

struct drill {
	const char *kind;
	void (*damage)(void);
	enum metric counter;
	uint64_t segment;                /* in which it is found: behind the first group of 1, or at the head of 3 */
	const char *aside;               /* a file that truncate puts aside */
};

static const struct drill drills[] = {
	{ "checksum_mismatch", damage_checksum, M_wal_checksum_mismatches, 1, "wal_2.log" },
	{ "truncated", damage_truncated, M_wal_truncated_entries, 1, "wal_2.log" },
	{ "undecodable", damage_undecodable, M_wal_undecodable_entries, 1, "wal_2.log" },
	{ "sequence_gap", damage_gap, M_wal_sequence_gaps, 3, "wal_3.log" },
};

static struct buf slurped(const char *path)
{
	struct buf b = BUF_INIT;
	uint8_t *bytes;
	size_t n;

	ck_ok(vfs_slurp(v, path, 1 << 20, &bytes, &n));
	buf_append(&b, bytes, n);
	mem_free(bytes);
	return b;
}

static void says(struct buf *text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void says(struct buf *text, const char *fmt, ...)
{
	char want[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(want, sizeof(want), fmt, ap);
	va_end(ap);
	ck_assert_msg(strstr(buf_cstr(text), want) != NULL, "%s is not in %s", want, buf_cstr(text));
}

static void check_report(const struct drill *d, struct buf *text, uint64_t offset, const char *mode, const char *action)
{
	says(text, "\"kind\": \"%s\"", d->kind);
	says(text, "\"file\": \"wal_%" PRIu64 ".log\"", d->segment);
	says(text, "\"offset\": %" PRIu64 ",", offset);
	says(text, "\"last_sequence_kept\": 3,");
	says(text, "\"lost_from_sequence\": 4,");
	says(text, "\"lost_to_sequence\": 12,");
	says(text, "\"mode\": \"%s\"", mode);
	says(text, "\"action\": \"%s\"", action);
	says(text, "\"what_to_do\": \"C");
	says(text, "\"time_ms\": 1");
}

/* Strict and absolute: the same refusal, and not one byte of the log is changed. */
static void check_refused(const struct drill *d, unsigned mode, const char *word, uint64_t offset)
{
	struct path run = path_recovery_report(dir), log = path_wal(dir, file_id(d->segment));
	uint64_t counted = stats_sum(d->counter);
	struct buf before = slurped(log.s), after, text;
	struct replayed r;
	bool there;

	ck_assert_int_eq(replay_from(v, dir, mode, 1, 0, &r), ST_CORRUPT);
	ck_assert(r.report.refused);
	ck_assert_str_eq(report_kind(&r.report), d->kind);
	ck_assert_uint_eq(stats_sum(d->counter), counted + 1);
	after = slurped(log.s);
	ck_assert(slice_eq(buf_slice(&before), buf_slice(&after)));
	ck_ok(vfs_exists(v, path_quarantine_dir(dir).s, &there));
	ck_assert(!there);
	report_leave(&r.report, v, dir, dir);
	text = slurped(run.s);
	check_report(d, &text, offset, word, "refused");
	buf_fini(&before);
	buf_fini(&after);
	buf_fini(&text);
}

/* Truncate: what was before is there, the rest lies aside, and the next start finds nothing amiss. */
static void check_truncated(const struct drill *d, uint64_t offset)
{
	struct replayed r, again;
	struct buf text, left;
	char name[64];
	bool there;

	ck_ok(replay_from(v, dir, WAL_RECOVERY_TRUNCATE, 1, 0, &r));
	ck_assert_uint_eq(r.report.last_seq.v, 3);
	ck_assert_uint_eq(r.count, 3);
	snprintf(name, sizeof(name), "wal_%" PRIu64 "_at_%" PRIu64 ".json", d->segment, offset);
	text = slurped(path_join(path_quarantine_dir(dir).s, name).s);
	check_report(d, &text, offset, "truncate", "quarantined");
	says(&text, "\"%s\"", d->aside);
	ck_ok(vfs_exists(v, path_join(path_quarantine_dir(dir).s, d->aside).s, &there));
	ck_assert(there);
	report_leave(&r.report, v, dir, dir);
	left = slurped(path_recovery_report(dir).s);
	ck_assert(slice_eq(buf_slice(&left), buf_slice(&text)));        /* with the names of what was set aside */
	buf_fini(&left);
	ck_ok(replay_from(v, dir, WAL_RECOVERY_ABSOLUTE, 1, 0, &again));
	ck_assert_uint_eq(again.count, 3);
	report_leave(&again.report, v, dir, dir);
	ck_ok(vfs_exists(v, path_recovery_report(dir).s, &there));
	ck_assert(!there);
	buf_fini(&text);
}

START_TEST(each_kind_of_damage_in_each_mode_is_found_counted_reported_and_dealt_with)
{
	const struct drill *d = &drills[_i];
	uint64_t offset;

	d->damage();
	offset = d->segment == 1 ? behind_first_group() : 0;
	check_refused(d, WAL_RECOVERY_STRICT, "strict", offset);
	check_refused(d, WAL_RECOVERY_ABSOLUTE, "absolute", offset);
	check_truncated(d, offset);
}
END_TEST

/* Nobody was answered for it: strict and truncate cut it and say so, absolute refuses and changes nothing. */
START_TEST(a_torn_tail_in_each_mode_is_told_from_damage)
{
	const struct { unsigned mode; enum st st; const char *action; } rows[] = {
		{ WAL_RECOVERY_ABSOLUTE, ST_CORRUPT, "refused" }, { WAL_RECOVERY_STRICT, ST_OK, "cut" },
		{ WAL_RECOVERY_TRUNCATE, ST_OK, "cut" },
	};
	struct pen p = { .v = v, .dir = dir };

	ck_ok(pen_begin(&p, 1, 2048));
	ck_ok(pen_group(&p));
	wal_close(&p.wal);
	for (unsigned i = 0; i < 3; i++) {
		uint64_t torn = stats_sum(M_wal_torn_tails);
		struct replayed r;
		struct buf text;

		if (i != 1) {            /* the first is left for the second */
			struct replayed clean;

			ck_ok(replay_from(v, dir, WAL_RECOVERY_ABSOLUTE, 1, 0, &clean));
			flip(path_wal(dir, file_id(1)).s, clean.report.end.length);
			flip(path_wal(dir, file_id(1)).s, clean.report.end.length + 40);
		}
		ck_assert_int_eq(replay_from(v, dir, rows[i].mode, 1, 0, &r), rows[i].st);
		ck_assert_uint_eq(stats_sum(M_wal_torn_tails), torn + 1);
		ck_assert_uint_eq(r.count, 3);
		report_leave(&r.report, v, dir, dir);
		text = slurped(path_recovery_report(dir).s);
		says(&text, "\"kind\": \"torn_tail\"");
		says(&text, "\"file\": \"wal_1.log\"");
		says(&text, "\"bytes\": 41,");
		says(&text, "\"acknowledged\": false");
		says(&text, "\"action\": \"%s\"", rows[i].action);
		buf_fini(&text);
	}
	ck_assert_uint_eq(stats_sum(M_corruption_detected), 0);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, each_kind_of_damage_in_each_mode_is_found_counted_reported_and_dealt_with, 0,
			    (int)(sizeof(drills) / sizeof(drills[0])));
	tcase_add_test(tc, a_torn_tail_in_each_mode_is_told_from_damage);
}

CHECK_MAIN("engine/drill", suite)
