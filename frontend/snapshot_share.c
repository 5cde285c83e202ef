/* SPDX-License-Identifier: Apache-2.0 */
/*
 *	file  := head fd:i32 * memtables view        the descriptors in the order of the view's memtables
 *	head  := magic lease taken_us seq now_ms memtables:u64
 *
 * All 64 bits, little-endian, but for the descriptors.
 */
#include "frontend/snapshot_share.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/coding.h"
#include "proto/view_msg.h"

#define SHARE_MAGIC 0x6570616873736d6cu          /* "lmsshape" in a dump */

enum { HEAD = 48, SHARE_MAX = 64 << 20 };

static const int share_seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;

static void encode(const struct snapshot_facts *facts, const struct view *v, struct buf *out)
{
	const struct view_desc *d = view_desc(v);
	uint8_t *p = buf_reserve(out, HEAD + 4 * d->memtable_count);

	put_u64(p, SHARE_MAGIC);
	put_u64(p + 8, facts->lease);
	put_u64(p + 16, facts->taken_us);
	put_u64(p + 24, facts->seq.v);
	put_u64(p + 32, (uint64_t)facts->now_ms);
	put_u64(p + 40, d->memtable_count);
	for (size_t i = 0; i < d->memtable_count; i++)
		put_u32(p + HEAD + 4 * i, (uint32_t)memtable_fd(view_memtable(v, i)));
	out->n = HEAD + 4 * d->memtable_count;
	view_desc_encode(d, out);
}

int snapshot_share_new(const struct snapshot_facts *facts, const struct view *v)
{
	int fd = memfd_create("lsm-snapshot", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct buf b = BUF_INIT;
	bool good;

	if (fd < 0)
		return -1;
	encode(facts, v, &b);
	good = pwrite(fd, b.p, b.n, 0) == (ssize_t)b.n && fcntl(fd, F_ADD_SEALS, share_seals) == 0;
	buf_fini(&b);
	if (good)
		return fd;
	close(fd);
	return -1;
}

/* Opens for reading what another process has open. */
static enum st open_theirs(pid_t pid, int theirs, int *fdp)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%ld/fd/%d", (long)pid, theirs);
	*fdp = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (*fdp >= 0)
		return ST_OK;
	return errno == EMFILE || errno == ENFILE || errno == ENOMEM ? ST_BUSY : ST_NOT_FOUND;
}

/* The bytes of a file that nobody can change any more; false: it is something else. */
static bool read_sealed(int fd, struct buf *out)
{
	struct stat sb;
	size_t n;

	if ((fcntl(fd, F_GET_SEALS) & share_seals) != share_seals || fstat(fd, &sb) != 0 || sb.st_size < HEAD ||
	    sb.st_size > SHARE_MAX)
		return false;
	n = (size_t)sb.st_size;
	if (pread(fd, buf_reserve(out, n), n, 0) != (ssize_t)n)
		return false;
	out->n = n;
	return true;
}

static enum st decode(struct slice s, uint64_t lease, struct arena *arena, struct snapshot_found *found)
{
	uint64_t count = get_u64(s.p + 40);
	struct slice view;

	if (get_u64(s.p) != SHARE_MAGIC || get_u64(s.p + 8) != lease || count > (s.n - HEAD) / 4)
		return ST_NOT_FOUND;
	found->facts = (struct snapshot_facts){ lease, get_u64(s.p + 16), seq(get_u64(s.p + 24)), (int64_t)get_u64(s.p + 32) };
	view = slice_of(s.p + HEAD + 4 * count, s.n - HEAD - 4 * count);
	if (view_desc_decode(view, arena, &found->desc) != ST_OK || found->desc.memtable_count != count)
		return ST_NOT_FOUND;
	return ST_OK;
}

static enum st map_memtables(pid_t pid, const uint8_t *fds, struct arena *arena, struct snapshot_found *found)
{
	const struct view_desc *d = &found->desc;

	found->memtables = arena_alloc(arena, (d->memtable_count + 1) * sizeof *found->memtables);
	memset(found->memtables, 0, (d->memtable_count + 1) * sizeof *found->memtables);
	for (size_t i = 0; i < d->memtable_count; i++) {
		int fd;
		enum st st = open_theirs(pid, (int)get_u32(fds + 4 * i), &fd);

		if (!st)
			st = memtable_map(d->memtables[i], fd, &found->memtables[i]);
		if (st)
			return st == ST_BUSY || st == ST_FULL ? ST_BUSY : ST_NOT_FOUND;
	}
	return ST_OK;
}

enum st snapshot_share_open(pid_t pid, int theirs, uint64_t lease, struct arena *arena, struct snapshot_found *found)
{
	struct buf b = BUF_INIT;
	int fd;
	enum st st = open_theirs(pid, theirs, &fd);

	*found = (struct snapshot_found){ .memtables = NULL };
	if (st)
		return st;
	st = read_sealed(fd, &b) ? decode(buf_slice(&b), lease, arena, found) : ST_NOT_FOUND;
	close(fd);
	if (!st)
		st = map_memtables(pid, b.p + HEAD, arena, found);
	buf_fini(&b);
	if (st)
		snapshot_found_release(found);
	return st;
}

struct memtable *snapshot_share_find(void *ctx, struct file_id id)
{
	struct snapshot_found *found = ctx;

	for (size_t i = 0; i < found->desc.memtable_count; i++)
		if (found->desc.memtables[i].v == id.v)
			return memtable_ref(found->memtables[i]);
	return NULL;
}

void snapshot_found_release(struct snapshot_found *found)
{
	for (size_t i = 0; found->memtables && i < found->desc.memtable_count; i++)
		memtable_unref(&found->memtables[i]);
	found->memtables = NULL;
}
