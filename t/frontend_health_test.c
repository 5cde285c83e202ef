/* SPDX-License-Identifier: Apache-2.0 */
/* The verdict of the health check by table, and the JSON of health and stats as a reader of JSON sees it. */
#include "frontend/health_json.h"

#include <jansson.h>

#include "common/base/mem.h"
#include "common/stats/running.h"
#include "common/stats/stats.h"
#include "frontend/stats_json.h"
#include "t/check_main.h"

static struct view_table tables[3] = {
	{ .id = { 7 }, .size_bytes = 100 },
	{ .id = { 5 }, .size_bytes = 200 },
	{ .id = { 12 }, .size_bytes = 300, .compacting = true },
};

static struct view_desc desc = { .levels = { [0] = { tables, 2 }, [2] = { tables + 2, 1 } } };

static struct health_facts well(void)
{
	return (struct health_facts){
		.now_s = 1705932000,
		.desc = &desc,
		.memtable_bytes = 10,
		.wal_bytes = 20,
		.disk_free = 1ull << 40,
		.disk_mark = 100,
		.disk_known = true,
		.directory_there = true,
		.engine_there = true,
		.engine_pid = 77,
		.engine_state = BOARD_SERVING,
	};
}

START_TEST(all_well_is_healthy)
{
	struct health_facts f = well();

	ck_assert_int_eq(health_judge(&f), HEALTH_HEALTHY);
	ck_assert_str_eq(health_engine_word(&f), "ok");
}
END_TEST

START_TEST(writes_that_a_start_lost_make_it_degraded_and_a_torn_tail_does_not)
{
	struct health_facts f = well();
	struct buf out = BUF_INIT;

	f.recovery = slice_str("{ \"kind\": \"torn_tail\", \"action\": \"cut\" }");
	ck_assert_int_eq(health_judge(&f), HEALTH_HEALTHY);
	f.recovery = slice_str("{ \"kind\": \"truncated\", \"action\": \"quarantined\" }");
	ck_assert_int_eq(health_judge(&f), HEALTH_DEGRADED);
	health_json_write(&out, &f);
	ck_assert_ptr_nonnull(strstr(buf_cstr(&out), "the last start lost acknowledged writes"));
	ck_assert_ptr_null(health_not_ready(&out, &f));
	buf_fini(&out);
}
END_TEST

START_TEST(readable_but_not_writable_is_degraded)
{
	struct health_facts f = well();

	f.engine_there = false;
	f.engine_pid = 0;
	ck_assert_int_eq(health_judge(&f), HEALTH_DEGRADED);
	ck_assert_str_eq(health_engine_word(&f), "down");
	f.engine_pid = 78;
	ck_assert_str_eq(health_engine_word(&f), "down");
	f.engine_state = BOARD_STARTING;
	ck_assert_str_eq(health_engine_word(&f), "starting");
	f.engine_state = BOARD_REPLAYING;
	ck_assert_str_eq(health_engine_word(&f), "replaying");
	f = well();
	f.engine_state = BOARD_REFUSING;
	ck_assert_int_eq(health_judge(&f), HEALTH_DEGRADED);
	ck_assert_str_eq(health_engine_word(&f), "refusing");
	f = well();
	f.disk_free = 199;
	ck_assert_int_eq(health_judge(&f), HEALTH_DEGRADED);
	f.disk_free = 200;
	ck_assert_int_eq(health_judge(&f), HEALTH_HEALTHY);
	f.disk_refuses = true;
	ck_assert_int_eq(health_judge(&f), HEALTH_DEGRADED);
	f = well();
	f.stalled = true;
	ck_assert_int_eq(health_judge(&f), HEALTH_DEGRADED);
	f = well();
	desc.damage_count = 1;
	ck_assert_int_eq(health_judge(&f), HEALTH_DEGRADED);
	desc.damage_count = 0;
}
END_TEST

START_TEST(unreadable_is_unhealthy)
{
	struct health_facts f = well();

	f.desc = NULL;
	ck_assert_int_eq(health_judge(&f), HEALTH_UNHEALTHY);
	f = well();
	f.directory_there = false;
	ck_assert_int_eq(health_judge(&f), HEALTH_UNHEALTHY);
}
END_TEST

START_TEST(not_ready_says_why)
{
	struct health_facts f = well();
	struct buf out = BUF_INIT;

	ck_assert_ptr_null(health_not_ready(&out, &f));
	f.engine_there = false;
	f.engine_state = BOARD_REPLAYING;
	f.replay_done = 5;
	f.replay_total = 9;
	ck_assert_ptr_nonnull(strstr(health_not_ready(&out, &f), "5 of 9 bytes"));
	f = well();
	f.stalled = true;
	buf_reset(&out);
	ck_assert_ptr_nonnull(strstr(health_not_ready(&out, &f), "refused as busy"));
	f.stalled = false;
	f.disk_refuses = true;
	buf_reset(&out);
	ck_assert_ptr_nonnull(strstr(health_not_ready(&out, &f), "disk is nearly full"));
	buf_fini(&out);
}
END_TEST

static json_t *parsed(struct buf *out)
{
	json_t *o = json_loadb((const char *)out->p, out->n, JSON_REJECT_DUPLICATES, NULL);

	ck_assert_msg(o != NULL, "no JSON: %s", buf_cstr(out));
	buf_fini(out);
	return o;
}

START_TEST(health_has_the_shape_of_the_feature_document)
{
	static const char *const names[] = { "memtable", "wal", "sstables", "damage", "disk", "directory", "engine" };
	struct health_facts f = well();
	struct buf out = BUF_INIT;
	json_t *o, *validators;
	size_t i;

	health_json_write(&out, &f);
	o = parsed(&out);
	ck_assert_str_eq(json_string_value(json_object_get(o, "status")), "healthy");
	ck_assert_int_eq(json_integer_value(json_object_get(o, "timestamp")), 1705932000);
	validators = json_object_get(o, "validators");
	for (i = 0; i < sizeof names / sizeof *names; i++) {
		json_t *v = json_object_get(validators, names[i]);

		ck_assert_str_eq(json_string_value(json_object_get(v, "status")), "ok");
	}
	ck_assert_int_eq(
		json_integer_value(json_object_get(json_object_get(validators, "sstables"), "value")), 3);
	json_decref(o);
}
END_TEST

START_TEST(what_is_not_healthy_says_why)
{
	struct health_facts full = well(), away = well(), blind = well(), damaged = well();
	const struct { const struct health_facts *facts; const char *why; } rows[] = {
		{ &full, "the disk is nearly full: writes are refused, reads and deletes go on" },
		{ &away, "the storage engine is replaying: 42 % of the write-ahead log, about 3 s to go" },
		{ &blind, "the data directory is missing" },
		{ &damaged, "2 ranges of keys are damaged and cannot be read: see lsmctl damage" },
	};

	full.disk_refuses = true;
	away.engine_there = false;
	away.engine_state = BOARD_REPLAYING;
	away.replay_done = 427;
	away.replay_total = 1000;
	away.replay_eta_us = 2100000;
	blind.directory_there = false;
	desc.damage_count = 2;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf out = BUF_INIT;
		json_t *o;

		health_json_write(&out, rows[i].facts);
		o = parsed(&out);
		ck_assert_str_eq(json_string_value(json_object_get(o, "reason")), rows[i].why);
		json_decref(o);
	}
	desc.damage_count = 0;
}
END_TEST

START_TEST(stats_have_the_shape_of_the_feature_document)
{
	struct buf out = BUF_INIT;
	json_t *o, *levels, *second, *metrics;

	stats_begin_private();
	stats_set(M_memtable_size, 11);
	stats_add(M_write_operations, 5);
	stats_add(M_table_raw_bytes, 100);
	stats_add(M_table_stored_bytes, 47);
	stats_json_write(&out, &desc, seq(99));
	o = parsed(&out);
	ck_assert_int_eq(json_integer_value(json_object_get(o, "memTableSize")), 11);
	levels = json_object_get(o, "levels");
	ck_assert_uint_eq(json_array_size(levels), 2);
	second = json_array_get(levels, 1);
	ck_assert_int_eq(json_integer_value(json_object_get(second, "level")), 2);
	ck_assert_int_eq(json_integer_value(json_object_get(second, "totalSize")), 300);
	ck_assert(json_is_true(json_object_get(second, "isCompacting")));
	ck_assert_str_eq(json_string_value(json_array_get(json_object_get(second, "files"), 0)),
			 "sstable_12.sst");
	ck_assert(json_is_false(json_object_get(o, "isCompacting")));
	metrics = json_object_get(o, "metrics");
	ck_assert_int_eq(json_integer_value(json_object_get(metrics, "totalWrites")), 5);
	ck_assert(json_real_value(json_object_get(metrics, "compressionRatio")) == 0.47);
	json_decref(o);
}
END_TEST

START_TEST(files_of_a_level_are_counted_but_only_the_first_thousand_named)
{
	struct view_table *many = mem_zalloc(1500 * sizeof *many);
	struct view_desc d = { .levels = { [1] = { many, 1500 } } };
	struct buf out = BUF_INIT;
	json_t *o, *level;

	stats_json_write(&out, &d, seq(1));
	o = parsed(&out);
	level = json_array_get(json_object_get(o, "levels"), 0);
	ck_assert_int_eq(json_integer_value(json_object_get(level, "fileCount")), 1500);
	ck_assert_uint_eq(json_array_size(json_object_get(level, "files")), STATS_FILES_PER_LEVEL);
	json_decref(o);
	mem_free(many);
}
END_TEST

START_TEST(stats_tell_of_each_running_compaction_how_far_it_is)
{
	const struct stats_job jobs[] = { { 7, 1000, 250, 0, 6, 2, "level 0 has \"4\" tables" }, { 9, 10, 10, 5, 6, 1, "b" } };
	struct buf out = BUF_INIT;
	json_t *o, *list, *job;

	stats_begin_private();
	stats_tell_jobs(jobs, 2);
	stats_json_write(&out, NULL, seq(0));
	o = parsed(&out);
	list = json_object_get(o, "compactions");
	ck_assert_uint_eq(json_array_size(list), 2);
	job = json_array_get(list, 0);
	ck_assert_int_eq(json_integer_value(json_object_get(job, "job")), 7);
	ck_assert_str_eq(json_string_value(json_object_get(job, "reason")), "level 0 has \"4\" tables");
	ck_assert_int_eq(json_integer_value(json_object_get(job, "inputLevel")), 0);
	ck_assert_int_eq(json_integer_value(json_object_get(job, "outputLevel")), 6);
	ck_assert_int_eq(json_integer_value(json_object_get(job, "bytes")), 1000);
	ck_assert(json_real_value(json_object_get(job, "progress")) == 0.25);
	ck_assert_int_eq(json_integer_value(json_object_get(job, "parts")), 2);
	ck_assert(json_real_value(json_object_get(json_array_get(list, 1), "progress")) == 1);
	json_decref(o);
}
END_TEST

START_TEST(stats_without_a_view_have_no_levels)
{
	struct buf out = BUF_INIT;
	json_t *o;

	stats_json_write(&out, NULL, seq(0));
	o = parsed(&out);
	ck_assert_uint_eq(json_array_size(json_object_get(o, "levels")), 0);
	json_decref(o);
}
END_TEST

static void add(TCase *tc)
{
	tcase_add_test(tc, all_well_is_healthy);
	tcase_add_test(tc, writes_that_a_start_lost_make_it_degraded_and_a_torn_tail_does_not);
	tcase_add_test(tc, readable_but_not_writable_is_degraded);
	tcase_add_test(tc, unreadable_is_unhealthy);
	tcase_add_test(tc, not_ready_says_why);
	tcase_add_test(tc, health_has_the_shape_of_the_feature_document);
	tcase_add_test(tc, what_is_not_healthy_says_why);
	tcase_add_test(tc, stats_have_the_shape_of_the_feature_document);
	tcase_add_test(tc, files_of_a_level_are_counted_but_only_the_first_thousand_named);
	tcase_add_test(tc, stats_tell_of_each_running_compaction_how_far_it_is);
	tcase_add_test(tc, stats_without_a_view_have_no_levels);
}

CHECK_MAIN("frontend/health", add)
