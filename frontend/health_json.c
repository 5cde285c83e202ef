/* SPDX-License-Identifier: Apache-2.0 */
/* The verdict of GET /api/health and its JSON. Pure; any thread. */
#include "frontend/health_json.h"

#include <string.h>

static size_t count_tables(const struct view_desc *d)
{
	size_t n = 0, level;

	for (level = 0; d && level < LEVEL_COUNT; level++)
		n += d->levels[level].count;
	return n;
}

static bool disk_is_low(const struct health_facts *f)
{
	return f->disk_refuses || (f->disk_known && f->disk_free < 2 * f->disk_mark);
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

static bool replays(const struct health_facts *f)
{
	return f->engine_state == BOARD_REPLAYING && !f->engine_there && f->engine_pid;
}

static unsigned replay_percent(const struct health_facts *f)
{
	return f->replay_total ? (unsigned)((double)f->replay_done * 100 / (double)f->replay_total) : 0;
}

/* Rounded up: nobody is told that it is over. */
static unsigned replay_eta_s(const struct health_facts *f)
{
	return (unsigned)((f->replay_eta_us + 999999) / 1000000);
}

static bool engine_serves(const struct health_facts *f)
{
	return f->engine_there && f->engine_state == BOARD_SERVING;
}

/* Did the last start lose acknowledged writes? The report says so, which stays until the next start, or until somebody who has
 * seen it removes it. */
static bool writes_were_lost(const struct health_facts *f)
{
	static const char word[] = "\"action\": \"quarantined\"";

	return f->recovery.n > 0 && memmem(f->recovery.p, f->recovery.n, word, sizeof word - 1) != NULL;
}

enum health health_judge(const struct health_facts *f)
{
	if (!f->desc || !f->directory_there)
		return HEALTH_UNHEALTHY;
	if (!engine_serves(f) || disk_is_low(f) || f->stalled || f->desc->damage_count ||
	    writes_were_lost(f))
		return HEALTH_DEGRADED;
	return HEALTH_HEALTHY;
}

static const char *disk_word(const struct health_facts *f)
{
	if (!f->disk_known)
		return "unknown";
	if (f->disk_refuses)
		return "full";
	return disk_is_low(f) ? "low" : "ok";
}

static void write_disk_reason(struct buf *out, const struct health_facts *f)
{
	buf_append_str(out, "the disk is nearly full: writes are refused, reads and deletes go on");
	if (f->disk_resume)
		buf_printf(out, "; %llu bytes are free, writes begin again at %llu", (unsigned long long)f->disk_free,
			   (unsigned long long)f->disk_resume);
}

/* Why writes are refused although the engine serves; false when they are not. */
static bool write_refusal(struct buf *out, const struct health_facts *f)
{
	if (f->disk_refuses)
		write_disk_reason(out, f);
	else if (f->stalled)
		buf_append_str(out, "flush or compaction is behind: writes are refused as busy, reads go on");
	return f->disk_refuses || f->stalled;
}

/* Why it is not healthy: the first thing to look at. */
static void write_reason(struct buf *out, const struct health_facts *f)
{
	if (!f->directory_there)
		buf_append_str(out, "the data directory is missing");
	else if (replays(f))
		buf_printf(out, "the storage engine is replaying: %u %% of the write-ahead log, about %u s to go", replay_percent(f),
			   replay_eta_s(f));
	else if (!engine_serves(f))
		buf_printf(out, "the storage engine is %s", health_engine_word(f));
	else if (!f->desc)
		buf_append_str(out, "the engine's view is not attached yet");
	else if (write_refusal(out, f))
		return;
	else if (f->desc->damage_count)
		buf_printf(out, "%zu ranges of keys are damaged and cannot be read: see lsmctl damage", f->desc->damage_count);
	else if (writes_were_lost(f))
		buf_append_str(out, "the last start lost acknowledged writes, see recovery: until the next start, or until recovery.json "
			       "in RUN_DIR is removed");
	else if (disk_is_low(f))
		buf_append_str(out, "the disk is getting full");
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
	if (replays(f))
		buf_printf(out, ",\"replayedBytes\":%llu,\"replayTotalBytes\":%llu,\"percent\":%u,\"etaSeconds\":%u",
			   (unsigned long long)f->replay_done, (unsigned long long)f->replay_total, replay_percent(f),
			   replay_eta_s(f));
	buf_append_byte(out, '}');
}

static const char *wal_word(const struct health_facts *f)
{
	if (!f->engine_there)
		return "unavailable";
	return engine_serves(f) && !f->stalled ? "ok" : "refusing";
}

static const char *damage_word(const struct health_facts *f)
{
	if (!f->desc)
		return "unavailable";
	return f->desc->damage_count ? "found" : "ok";
}

void health_json_write(struct buf *out, const struct health_facts *f)
{
	static const char *const words[] = { "healthy", "degraded", "unhealthy" };
	bool readable = f->desc != NULL;

	buf_printf(out, "{\"status\":\"%s\",\"timestamp\":%lld,", words[health_judge(f)], (long long)f->now_s);
	if (health_judge(f) != HEALTH_HEALTHY) {
		buf_append_str(out, "\"reason\":\"");
		write_reason(out, f);
		buf_append_str(out, "\",");
	}
	if (f->recovery.n > 2 && f->recovery.p[0] == '{') {
		buf_append_str(out, "\"recovery\":");
		buf_append_slice(out, f->recovery);
		buf_append_byte(out, ',');
	}
	buf_append_str(out, "\"validators\":{");
	validator(out, "memtable", readable ? "ok" : "unavailable", f->memtable_bytes);
	validator(out, "wal", wal_word(f), f->wal_bytes);
	validator(out, "sstables", readable ? "ok" : "unavailable", count_tables(f->desc));
	validator(out, "damage", damage_word(f), readable ? f->desc->damage_count : 0);
	validator(out, "disk", disk_word(f), f->disk_free);
	buf_printf(out, "\"directory\":{\"status\":\"%s\"},", f->directory_there ? "ok" : "missing");
	write_engine(out, f);
	buf_append_str(out, "}}\n");
}

const char *health_not_ready(struct buf *out, const struct health_facts *f)
{
	if (f->desc && engine_serves(f))
		return write_refusal(out, f) ? buf_cstr(out) : NULL;
	buf_printf(out, "The storage engine is %s", health_engine_word(f));
	if (engine_serves(f))
		buf_append_str(out, ", but its view is not attached yet");
	else if (replays(f))
		buf_printf(out, ": %llu of %llu bytes of the write-ahead log are replayed, %u %%, about %u s to go",
			   (unsigned long long)f->replay_done, (unsigned long long)f->replay_total, replay_percent(f),
			   replay_eta_s(f));
	buf_append_byte(out, '.');
	return buf_cstr(out);
}
