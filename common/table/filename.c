/* SPDX-License-Identifier: Apache-2.0 */
/* All names under DATA_DIR and RUN_DIR, made and parsed in one place. Pure; any thread. */
#include "common/table/filename.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/must.h"

static struct path make(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static struct path make(const char *fmt, ...)
{
	struct path path;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(path.s, sizeof(path.s), fmt, ap);
	va_end(ap);
	must(n > 0 && (size_t)n < sizeof(path.s));
	return path;
}

struct path path_join(const char *dir, const char *name) { return make("%s/%s", dir, name); }

struct path path_parent(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? make("%.*s", (int)(slash == path ? 1 : slash - path), path) : make(".");
}

struct path path_manifest(const char *data_dir) { return path_join(data_dir, "manifest.db"); }
struct path path_wal_dir(const char *data_dir) { return path_join(data_dir, "wal"); }
struct path path_retained_dir(const char *data_dir) { return path_join(data_dir, "wal/retained"); }
struct path path_sst_dir(const char *data_dir) { return path_join(data_dir, "sst"); }
struct path path_tmp_dir(const char *data_dir) { return path_join(data_dir, "tmp"); }
struct path path_quarantine_dir(const char *data_dir) { return path_join(data_dir, "quarantine"); }
struct path path_ballast(const char *data_dir) { return path_join(data_dir, "ballast"); }
struct path path_lock(const char *data_dir) { return path_join(data_dir, "LOCK"); }

struct path path_checkpoints_dir(const char *data_dir) { return path_join(data_dir, "checkpoints"); }

struct path path_wal(const char *data_dir, struct file_id id)
{
	return make("%s/wal/wal_%" PRIu64 ".log", data_dir, id.v);
}

struct path path_retained(const char *data_dir, struct file_id id)
{
	return make("%s/wal/retained/wal_%" PRIu64 ".log", data_dir, id.v);
}

struct path path_sst(const char *data_dir, struct file_id id)
{
	return make("%s/sst/sstable_%" PRIu64 ".sst", data_dir, id.v);
}

struct path path_tmp_sst(const char *data_dir, struct file_id id)
{
	return make("%s/tmp/sstable_%" PRIu64 ".sst", data_dir, id.v);
}

struct path path_quarantine_sst(const char *data_dir, struct file_id id)
{
	return make("%s/quarantine/sstable_%" PRIu64 ".sst", data_dir, id.v);
}

struct path path_recovery_report(const char *run_dir) { return path_join(run_dir, "recovery.json"); }
struct path path_control_socket(const char *run_dir) { return path_join(run_dir, "control.sock"); }
struct path path_engine_socket(const char *run_dir) { return path_join(run_dir, "engine.sock"); }
struct path path_handoff_socket(const char *run_dir) { return path_join(run_dir, "memtables.sock"); }

struct path path_frontend_socket(const char *run_dir, unsigned index)
{
	return make("%s/frontend-%u.ipc", run_dir, index);
}

struct path path_compactor_socket(const char *run_dir, unsigned index)
{
	return make("%s/compactor-%u.ipc", run_dir, index);
}

/* name is prefix, decimal digits without a leading zero, suffix, and the number fits 64 bits. */
static bool parse_numbered(const char *name, const char *prefix, const char *suffix, struct file_id *idp)
{
	size_t n = strlen(prefix);
	uint64_t v = 0;

	if (strncmp(name, prefix, n) != 0 || name[n] < '1' || name[n] > '9')
		return false;
	for (name += n; *name >= '0' && *name <= '9'; name++)
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*name - '0'), &v))
			return false;
	if (strcmp(name, suffix) != 0)
		return false;
	*idp = file_id(v);
	return true;
}

enum data_name path_parse(const char *name, struct file_id *idp)
{
	*idp = file_id(0);
	if (parse_numbered(name, "wal_", ".log", idp))
		return DATA_NAME_WAL;
	if (parse_numbered(name, "sstable_", ".sst", idp))
		return DATA_NAME_SST;
	return DATA_NAME_OTHER;
}
