/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A memtable's memory file: made, sealed, mapped, given back.
 *
 * 1. A new file is mapped for writing first and sealed then: F_SEAL_FUTURE_WRITE spares the mapping that is
 *    there and refuses every later one, in this process and in all others.
 * 2. A file that came from outside must be sealed in size, or whoever holds it could make reads fault.
 *
 * Any thread.
 */
#include "common/view/memtable.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/view/memtable_priv.h"

#define MT_FILE_MAGIC 0x656c626174656d6cu       /* "lmetable" in a dump */
#define MT_VERSION 2u
#define MT_CAPACITY_MAX (32ull << 30)

static uint64_t file_bytes(uint64_t capacity_bytes)
{
	uint64_t n = MT_PAGE + capacity_bytes + MT_TALLEST;

	return (n + MT_PAGE - 1) / MT_PAGE * MT_PAGE;
}

/* A memtable around a mapping, referenced once. */
static struct memtable *wrap(struct file_id id, void *map, uint64_t capacity_bytes, int fd)
{
	struct memtable *m = mem_zalloc(sizeof *m);

	obj_init(m, MEMTABLE_MAGIC);
	m->id = id;
	m->header = map;
	m->arena = (uint8_t *)map + MT_PAGE;
	m->map_bytes = file_bytes(capacity_bytes);
	m->capacity_bytes = capacity_bytes;
	m->last_bytes = capacity_bytes;
	m->fd = fd;
	m->damaged = &m->is_damaged;
	m->rnd.state = id.v;
	atomic_init(&m->refs, 1);
	return m;
}

/* A memory file of that size, mapped for writing and sealed against everybody else's. NULL when refused. */
static void *make_file(uint64_t bytes, int fd)
{
	void *map;

	if (ftruncate(fd, (off_t)bytes) != 0)
		return NULL;
	map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return NULL;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) != 0) {
		(void)munmap(map, bytes);
		return NULL;
	}
	return map;
}

enum st memtable_new(struct file_id id, uint64_t capacity_bytes, struct memtable **mp)
{
	struct mt_header *h;
	int fd;

	*mp = NULL;
	if (capacity_bytes > MT_CAPACITY_MAX)
		return fail(ST_INVALID, "a memtable of %llu bytes is too large",
			    (unsigned long long)capacity_bytes);
	capacity_bytes = capacity_bytes / MT_UNIT * MT_UNIT;
	fd = memfd_create("lsm-memtable", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	h = fd < 0 ? NULL : make_file(file_bytes(capacity_bytes), fd);
	if (h == NULL) {
		enum st st = fail(ST_FULL, "cannot make a memory file of %llu bytes: %s",
				  (unsigned long long)capacity_bytes, strerror(errno));
		if (fd >= 0)
			(void)close(fd);
		return st;
	}
	h->magic = MT_FILE_MAGIC;
	h->version = MT_VERSION;
	h->id = id.v;
	h->capacity_bytes = capacity_bytes;
	*mp = wrap(id, h, capacity_bytes, fd);
	(*mp)->writable = true;
	return ST_OK;
}

/* Is the mapped header that of memtable id in a file of file_size bytes? */
static bool header_is_sound(const struct mt_header *h, struct file_id id, uint64_t file_size)
{
	return h->magic == MT_FILE_MAGIC && h->version == MT_VERSION && h->id == id.v
	    && h->capacity_bytes <= MT_CAPACITY_MAX && h->capacity_bytes % MT_UNIT == 0
	    && file_bytes(h->capacity_bytes) == file_size;
}

static enum st map_file(struct file_id id, int fd, struct memtable **mp)
{
	const int sealed = F_SEAL_SHRINK | F_SEAL_GROW;
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat sb;
	void *map;

	if (seals < 0 || (seals & sealed) != sealed || fstat(fd, &sb) != 0 || sb.st_size < (off_t)MT_PAGE)
		return fail(ST_CORRUPT, "what came as memtable %llu is no sealed memory file",
			    (unsigned long long)id.v);
	map = mmap(NULL, (size_t)sb.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return fail(ST_FULL, "cannot map memtable %llu: %s", (unsigned long long)id.v,
			    strerror(errno));
	if (!header_is_sound(map, id, (uint64_t)sb.st_size)) {
		(void)munmap(map, (size_t)sb.st_size);
		return fail(ST_CORRUPT, "what came as memtable %llu is none", (unsigned long long)id.v);
	}
	*mp = wrap(id, map, ((const struct mt_header *)map)->capacity_bytes, fd);
	return ST_OK;
}

enum st memtable_map(struct file_id id, int fd, struct memtable **mp)
{
	enum st st;

	*mp = NULL;
	st = map_file(id, fd, mp);
	if (st)
		(void)close(fd);
	return st;
}

struct memtable *memtable_ref(struct memtable *m)
{
	obj_check(m, MEMTABLE_MAGIC);
	atomic_fetch_add_explicit(&m->refs, 1, memory_order_relaxed);
	return m;
}

void memtable_unref(struct memtable **mp)
{
	struct memtable *m = *mp;

	*mp = NULL;
	if (m == NULL)
		return;
	obj_check(m, MEMTABLE_MAGIC);
	if (atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel) != 1)
		return;
	(void)munmap(m->header, m->map_bytes);
	if (m->fd >= 0)
		(void)close(m->fd);
	obj_fini(m);
	mem_free(m);
}
