/* SPDX-License-Identifier: Apache-2.0 */
/* A recovery's report as JSON; see report.h. Written by hand: every text in it is ours and needs no escaping. */
#include "engine/report.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/base/clock.h"
#include "common/base/conf.h"
#include "common/base/mem.h"
#include "common/table/filename.h"

#define REPORT_MAX (1u << 20)

const char *report_kind(const struct recovery_report *r)
{
	switch (r->damage) {
	case WAL_DAMAGE_CHECKSUM:
		return "checksum_mismatch";
	case WAL_DAMAGE_TRUNCATED:
		return "truncated";
	case WAL_DAMAGE_UNDECODABLE:
		return "undecodable";
	case WAL_DAMAGE_GAP:
		return "sequence_gap";
	case WAL_DAMAGE_NONE:
		break;
	}
	return r->torn_tail ? "torn_tail" : "none";
}

static const char *mode_word(unsigned mode)
{
	return mode == WAL_RECOVERY_TRUNCATE ? "truncate" : mode == WAL_RECOVERY_ABSOLUTE ? "absolute" : "strict";
}

static const char *action_word(const struct recovery_report *r)
{
	return r->refused ? "refused" : r->damage ? "quarantined" : "cut";
}

static const char *advice(const struct recovery_report *r)
{
	if (r->refused && !r->damage)
		return "Start with WAL_RECOVERY_MODE=strict: nothing vouches for these bytes, they are cut.";
	if (r->refused)
		return "Copy the data directory. Restore the file from a backup, or start once with WAL_RECOVERY_MODE=truncate: "
		       "everything before is kept, the rest is moved to quarantine/.";
	if (r->damage)
		return "Compare what is missing with a backup or with the clients; the cut bytes are in quarantine/. Go on with "
		       "WAL_RECOVERY_MODE=strict.";
	return "Nothing after a crash or a power cut, which leave such an end. Without one, the last group may have been damaged: "
	       "it looks the same. Compare with the clients then.";
}

static void print_lost(const struct recovery_report *r, struct buf *out)
{
	if (!r->damage)
		buf_append_str(out, "  \"lost_from_sequence\": null,\n");
	else
		buf_printf(out, "  \"lost_from_sequence\": %" PRIu64 ",\n", r->lost_from.v);
	if (!r->damage || r->lost_to.v == 0)
		buf_append_str(out, "  \"lost_to_sequence\": null,\n");
	else
		buf_printf(out, "  \"lost_to_sequence\": %" PRIu64 ",\n", r->lost_to.v);
}

void report_print(const struct recovery_report *r, const struct buf *names, struct buf *out)
{
	buf_printf(out, "{\n  \"kind\": \"%s\",\n", report_kind(r));
	buf_printf(out, "  \"file\": \"wal_%" PRIu64 ".log\",\n  \"offset\": %" PRIu64 ",\n  \"bytes\": %" PRIu64 ",\n",
		   r->damaged_segment.v, r->damaged_offset, r->damaged_bytes);
	buf_printf(out, "  \"acknowledged\": %s,\n", r->damage ? "true" : "false");
	buf_printf(out, "  \"last_sequence_kept\": %" PRIu64 ",\n", r->last_seq.v);
	print_lost(r, out);
	buf_printf(out, "  \"mode\": \"%s\",\n  \"action\": \"%s\",\n", mode_word(r->mode), action_word(r));
	buf_append_str(out, "  \"quarantined\": [");
	if (names)
		buf_append_slice(out, buf_slice(names));
	buf_printf(out, "],\n  \"time_ms\": %" PRId64 ",\n", clock_wall_ms());
	buf_printf(out, "  \"summary\": \"%s\",\n  \"what_to_do\": \"%s\"\n}\n", r->sentence, advice(r));
}

struct path report_set_aside(const struct recovery_report *r, const char *data_dir, const char *ext)
{
	struct path dir = path_quarantine_dir(data_dir);
	char name[96];

	snprintf(name, sizeof name, "wal_%" PRIu64 "_at_%" PRIu64 ".%s", r->damaged_segment.v, r->damaged_offset, ext);
	return path_join(dir.s, name);
}

/* The report as it lies in quarantine/; false: there is none. */
static bool read_set_aside(const struct recovery_report *r, struct vfs *v, const char *data_dir, struct buf *text)
{
	uint8_t *bytes;
	size_t n;

	if (!r->damage || r->refused || vfs_slurp(v, report_set_aside(r, data_dir, "json").s, REPORT_MAX, &bytes, &n))
		return false;
	buf_append(text, bytes, n);
	mem_free(bytes);
	return n > 0;
}

static enum st write_file(struct vfs *v, const char *path, const struct buf *text)
{
	struct vfs_file *f;
	enum st st = vfs_open(v, path, VFS_CREATE, &f);

	if (st)
		return st;
	st = vfs_write(f, text->p, text->n, 0);
	vfs_close(&f);
	return st;
}

void report_leave(const struct recovery_report *r, struct vfs *v, const char *data_dir, const char *run_dir)
{
	struct path p = path_recovery_report(run_dir);
	struct buf text = BUF_INIT;
	enum st st = vfs_unlink(v, p.s);

	if (st && st != ST_NOT_FOUND)
		return;                  /* logged; the log has the sentence too */
	if (!r->damage && !r->torn_tail)
		return;
	if (!read_set_aside(r, v, data_dir, &text))
		report_print(r, NULL, &text);
	st = write_file(v, p.s, &text);
	(void)st;                        /* logged; so too */
	buf_fini(&text);
}
