/* SPDX-License-Identifier: Apache-2.0 */
/* What several tests of the engine's storage files need: a data directory, tables and batches made up. */
#ifndef T_ENGINE_TESTLIB_H
#define T_ENGINE_TESTLIB_H

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/table/filename.h"
#include "common/vfs/vfs.h"
#include "engine/edit.h"
#include "proto/write.h"
#include "t/check_main.h"

#define TESTLIB_DIR_MAX 200

#define ck_ok(call) ck_assert_int_eq((call), ST_OK)

/* A new data directory with its folders; on v, which may be a simulated disk. */
static inline void testlib_folders(struct vfs *v, const char *dir)
{
	struct path folders[] = { path_wal_dir(dir), path_sst_dir(dir), path_tmp_dir(dir) };

	ck_ok(vfs_mkdir(v, dir));
	for (size_t i = 0; i < 3; i++)
		ck_ok(vfs_mkdir(v, folders[i].s));
	ck_ok(vfs_sync_dir(v, dir));
}

static inline void testlib_dir(char dir[TESTLIB_DIR_MAX])
{
	const char *tmp = getenv("TMPDIR");

	snprintf(dir, TESTLIB_DIR_MAX, "%s/lsm-engine-test-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	testlib_folders(vfs_posix(), dir);
}

static inline void testlib_remove(const char *dir)
{
	char *command = mem_printf("rm -r -- '%s'", dir);

	ck_assert_int_eq(system(command), 0);
	mem_free(command);
}

static inline void testlib_put_file(struct vfs *v, const char *path, const void *bytes, size_t n)
{
	struct vfs_file *f;

	ck_ok(vfs_open(v, path, VFS_CREATE, &f));
	ck_ok(vfs_write(f, bytes, n, 0));
	ck_ok(vfs_sync(f));
	vfs_close(&f);
}

/* A table with keys first..last. */
static inline struct live_table testlib_table(uint64_t id, unsigned level, const char *first,
					      const char *last, uint64_t seq_from, uint64_t seq_to)
{
	return (struct live_table){
		.level = level,
		.created_ms = 1700000000000,
		.facts = {
			.id = file_id(id),
			.size_bytes = 1000 + id,
			.file_crc = 0xfedcba98,
			.min_key = slice_str(first),
			.max_key = slice_str(last),
			.min_seq = seq(seq_from),
			.max_seq = seq(seq_to),
			.entry_count = seq_to - seq_from + 1,
			.tombstone_count = 1,
			.uncompressed_bytes = 4000,
			.expiring_count = 1,
			.min_expires_ms = 1700000001000,
			.max_expires_ms = 1700000002000,
		},
	};
}

/* One request of n puts: the head and the batches of its WALBatch. */
static inline void testlib_batch(struct buf *head, struct buf *body, uint64_t first_seq, unsigned n,
				 uint64_t origin, uint64_t request)
{
	struct wal_batch b = {
		.first_sequence = seq(first_seq), .timestamp_ms = 1700000000000, .origin = origin, .request_id = request,
	};
	struct buf batch = BUF_INIT;

	buf_reset(head);
	buf_reset(body);
	for (unsigned i = 0; i < n; i++) {
		char key[32], value[64];

		snprintf(key, sizeof key, "key%06" PRIu64, first_seq + i);
		snprintf(value, sizeof value, "value of %" PRIu64, first_seq + i);
		write_batch_add(&batch, &(struct write_op){ .key = slice_str(key), .value = slice_str(value) });
	}
	write_request_add_batch(body, buf_slice(&batch));
	wal_batch_encode_head(&b, head);
	buf_fini(&batch);
}

#endif
