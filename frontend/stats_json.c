/* SPDX-License-Identifier: Apache-2.0 */
/* The object of GET /api/stats, written by hand. Reads the scoreboard; any thread. */
#include "frontend/stats_json.h"

#include "common/stats/running.h"
#include "common/stats/stats.h"
#include "frontend/text.h"

static void number(struct buf *out, const char *name, uint64_t v)
{
	buf_printf(out, "\"%s\":%llu,", name, (unsigned long long)v);
}

static const char *boolean(bool yes)
{
	return yes ? "true" : "false";
}

static void write_files(struct buf *out, const struct view_level *level)
{
	size_t i, n = level->count < STATS_FILES_PER_LEVEL ? level->count : STATS_FILES_PER_LEVEL;

	for (i = 0; i < n; i++)
		buf_printf(out, "%s\"sstable_%llu.sst\"", i ? "," : "",
			   (unsigned long long)level->tables[i].id.v);
}

static void write_level(struct buf *out, unsigned number_of_level, const struct view_level *level)
{
	uint64_t total = 0;
	bool compacting = false;
	size_t i;

	for (i = 0; i < level->count; i++) {
		total += level->tables[i].size_bytes;
		compacting |= level->tables[i].compacting;
	}
	buf_append_byte(out, '{');
	number(out, "level", number_of_level);
	number(out, "fileCount", level->count);
	number(out, "totalSize", total);
	buf_append_str(out, "\"files\":[");
	write_files(out, level);
	buf_printf(out, "],\"isCompacting\":%s}", boolean(compacting));
}

static void write_levels(struct buf *out, const struct view_desc *desc)
{
	bool first = true;
	unsigned level;

	buf_append_str(out, "\"levels\":[");
	for (level = 0; desc && level < LEVEL_COUNT; level++) {
		if (desc->levels[level].count == 0)
			continue;
		if (!first)
			buf_append_byte(out, ',');
		first = false;
		write_level(out, level, &desc->levels[level]);
	}
	buf_append_str(out, "],");
}

static void write_metrics(struct buf *out)
{
	uint64_t raw = stats_sum(M_table_raw_bytes), stored = stats_sum(M_table_stored_bytes);

	buf_append_str(out, "\"metrics\":{");
	number(out, "totalWrites", stats_sum(M_write_operations));
	number(out, "totalReads", stats_sum(M_read_operations));
	number(out, "totalBatches", stats_sum(M_batch_operations));
	number(out, "cacheHits", stats_sum(M_cache_hits));
	number(out, "cacheMisses", stats_sum(M_cache_misses));
	number(out, "totalCompactions", stats_sum(M_compactions));
	buf_printf(out, "\"compressionRatio\":%.4f}", raw ? (double)stored / (double)raw : 1.0);
}

static void write_memory(struct buf *out)
{
	buf_append_str(out, "\"memory\":{");
	number(out, "memtables", stats_sum(M_memory_memtables));
	number(out, "indexes", stats_sum(M_memory_indexes));
	number(out, "filters", stats_sum(M_memory_filters));
	number(out, "blockCache", stats_sum(M_memory_block_cache));
	buf_printf(out, "\"budget\":%llu},", (unsigned long long)stats_sum(M_memory_budget));
}

static void write_job(struct buf *out, const struct stats_job *job)
{
	buf_append_byte(out, '{');
	number(out, "job", job->number);
	buf_append_str(out, "\"reason\":");
	text_quote_any(out, slice_str(job->reason));
	buf_append_byte(out, ',');
	number(out, "inputLevel", job->input_level);
	number(out, "outputLevel", job->output_level);
	number(out, "bytes", job->bytes);
	buf_printf(out, "\"progress\":%.4f,\"parts\":%u}", stats_job_progress(job), job->parts);
}

/* Those that run now. */
static void write_compactions(struct buf *out)
{
	struct stats_job jobs[STATS_JOBS_MOST];
	size_t n = stats_look_jobs(jobs);

	buf_append_str(out, "\"compactions\":[");
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			buf_append_byte(out, ',');
		write_job(out, &jobs[i]);
	}
	buf_append_str(out, "],");
}

void stats_json_write(struct buf *out, const struct view_desc *desc, struct seq visible)
{
	buf_append_byte(out, '{');
	number(out, "memTableSize", stats_sum(M_memtable_size));
	number(out, "walSize", stats_sum(M_wal_size));
	number(out, "lastSequence", visible.v);
	write_levels(out, desc);
	buf_printf(out, "\"isCompacting\":%s,", boolean(stats_sum(M_compaction_in_progress) > 0));
	write_compactions(out);
	write_memory(out);
	write_metrics(out);
	buf_append_str(out, "}\n");
}
