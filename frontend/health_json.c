/* SPDX-License-Identifier: Apache-2.0 */
/* The verdict of GET /api/health and its JSON. Pure; any thread. */
#include "frontend/health_json.h"

static size_t count_tables(const struct view_desc *d, bool quarantined_only)
{
	size_t n = 0, level, i;

	for (level = 0; d && level < LEVEL_COUNT; level++) {
		if (!quarantined_only)
			n += d->levels[level].count;
		for (i = 0; quarantined_only && i < d->levels[level].count; i++)
			n += d->levels[level].tables[i].quarantined;
	}
	return n;
}

static bool disk_is_low(const struct health_facts *f)
{
	return f->disk_known && f->disk_free < HEALTH_DISK_LOW_BYTES;
}

const char *health_engine_word(const struct health_facts *f)
{
	if (f->engine_there)
		return f->engine_state == BOARD_REFUSING ? "refusing" : "ok";
	if (f->engine_pid == 0)
		return "down";
	if (f->engine_state == BOARD_REPLAYING)
		return "replaying";
	return f->engine_state == BOARD_STARTING ? "starting" : "down";
}

static bool engine_serves(const struct health_facts *f)
{
	return f->engine_there && f->engine_state == BOARD_SERVING;
}

enum health health_judge(const struct health_facts *f)
{
	if (!f->desc || !f->directory_there)
		return HEALTH_UNHEALTHY;
	if (!engine_serves(f) || disk_is_low(f) || count_tables(f->desc, true))
		return HEALTH_DEGRADED;
	return HEALTH_HEALTHY;
}

static void validator(struct buf *out, const char *name, const char *status, uint64_t value)
{
	buf_printf(out, "\"%s\":{\"status\":\"%s\",\"value\":%llu},", name, status,
		   (unsigned long long)value);
}

static void write_engine(struct buf *out, const struct health_facts *f)
{
	buf_printf(out, "\"engine\":{\"status\":\"%s\"", health_engine_word(f));
	if (f->engine_pid)
		buf_printf(out, ",\"value\":%d", f->engine_pid);
	if (f->engine_state == BOARD_REPLAYING && !f->engine_there)
		buf_printf(out, ",\"replayedBytes\":%llu,\"replayTotalBytes\":%llu",
			   (unsigned long long)f->replay_done, (unsigned long long)f->replay_total);
	buf_append_byte(out, '}');
}

static const char *wal_word(const struct health_facts *f)
{
	if (!f->engine_there)
		return "unavailable";
	return engine_serves(f) ? "ok" : "refusing";
}

static const char *tables_word(const struct health_facts *f)
{
	if (!f->desc)
		return "unavailable";
	return count_tables(f->desc, true) ? "quarantined" : "ok";
}

void health_json_write(struct buf *out, const struct health_facts *f)
{
	static const char *const words[] = { "healthy", "degraded", "unhealthy" };
	bool readable = f->desc != NULL;

	buf_printf(out, "{\"status\":\"%s\",\"timestamp\":%lld,\"validators\":{", words[health_judge(f)],
		   (long long)f->now_s);
	validator(out, "memtable", readable ? "ok" : "unavailable", f->memtable_bytes);
	validator(out, "wal", wal_word(f), f->wal_bytes);
	validator(out, "sstables", tables_word(f), count_tables(f->desc, false));
	validator(out, "disk", !f->disk_known ? "unknown" : disk_is_low(f) ? "low" : "ok", f->disk_free);
	buf_printf(out, "\"directory\":{\"status\":\"%s\"},", f->directory_there ? "ok" : "missing");
	write_engine(out, f);
	buf_append_str(out, "}}\n");
}

const char *health_not_ready(struct buf *out, const struct health_facts *f)
{
	if (f->desc && engine_serves(f))
		return NULL;
	buf_printf(out, "The storage engine is %s", health_engine_word(f));
	if (engine_serves(f))
		buf_append_str(out, ", but its view is not attached yet");
	else if (f->engine_state == BOARD_REPLAYING && !f->engine_there)
		buf_printf(out, ": %llu of %llu bytes of the write-ahead log are replayed",
			   (unsigned long long)f->replay_done, (unsigned long long)f->replay_total);
	buf_append_byte(out, '.');
	return buf_cstr(out);
}
