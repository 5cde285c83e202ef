/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An sqlite3 VFS on top of one of ours, for tests: the manifest lives on the simulated disk and meets its
 * power cuts and failures. It does what sqlite's unix VFS does, syncs included: the folder is synced after
 * the first sync of a new journal or log, and a failure of that is swallowed. One connection at a time: locks
 * are no-ops, shared memory is the heap.
 */
#ifndef T_ENGINE_SQLITEVFS_H
#define T_ENGINE_SQLITEVFS_H

#include <sqlite3.h>
#include <stdio.h>

#include "common/base/mem.h"
#include "common/vfs/vfs.h"

#define SQLITEVFS_NAME "lsm-test"
#define SQLITEVFS_REGIONS 64

struct sqlitevfs_file {
	sqlite3_file head;
	struct vfs *v;
	struct vfs_file *file;
	char path[256];
	bool sync_folder;
	void *regions[SQLITEVFS_REGIONS];
};

static inline int sqlitevfs_rc(enum st st, int failed)
{
	return st == ST_OK ? SQLITE_OK : st == ST_FULL ? SQLITE_FULL : failed;
}

static inline enum st sqlitevfs_sync_folder(struct vfs *v, const char *path)
{
	char folder[256];

	snprintf(folder, sizeof folder, "%s", path);
	*strrchr(folder, '/') = '\0';
	return vfs_sync_dir(v, folder[0] ? folder : "/");
}

/* ---- files ---- */

static inline int sqlitevfs_close(sqlite3_file *f)
{
	vfs_close(&((struct sqlitevfs_file *)f)->file);
	return SQLITE_OK;
}

static inline int sqlitevfs_read(sqlite3_file *f, void *p, int n, sqlite3_int64 offset)
{
	size_t got = 0;
	enum st st = vfs_read(((struct sqlitevfs_file *)f)->file, p, (size_t)n, (uint64_t)offset, false, &got);

	if (st)
		return SQLITE_IOERR_READ;
	memset((char *)p + got, 0, (size_t)n - got);
	return got < (size_t)n ? SQLITE_IOERR_SHORT_READ : SQLITE_OK;
}

static inline int sqlitevfs_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 offset)
{
	return sqlitevfs_rc(vfs_write(((struct sqlitevfs_file *)f)->file, p, (size_t)n, (uint64_t)offset),
			    SQLITE_IOERR_WRITE);
}

static inline int sqlitevfs_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	return sqlitevfs_rc(vfs_truncate(((struct sqlitevfs_file *)f)->file, (uint64_t)size), SQLITE_IOERR_TRUNCATE);
}

static inline int sqlitevfs_sync(sqlite3_file *f, int flags)
{
	struct sqlitevfs_file *sf = (struct sqlitevfs_file *)f;
	enum st st = vfs_sync(sf->file);

	(void)flags;
	if (st)
		return SQLITE_IOERR_FSYNC;
	if (sf->sync_folder) {
		st = sqlitevfs_sync_folder(sf->v, sf->path);
		(void)st;
		sf->sync_folder = false;
	}
	return SQLITE_OK;
}

static inline int sqlitevfs_size(sqlite3_file *f, sqlite3_int64 *sizep)
{
	uint64_t size = 0;
	enum st st = vfs_size(((struct sqlitevfs_file *)f)->file, &size);

	*sizep = (sqlite3_int64)size;
	return sqlitevfs_rc(st, SQLITE_IOERR_FSTAT);
}

static inline int sqlitevfs_lock(sqlite3_file *f, int how)
{
	(void)f;
	(void)how;
	return SQLITE_OK;
}

static inline int sqlitevfs_reserved(sqlite3_file *f, int *heldp)
{
	(void)f;
	*heldp = 0;
	return SQLITE_OK;
}

static inline int sqlitevfs_control(sqlite3_file *f, int op, void *arg)
{
	(void)f;
	(void)op;
	(void)arg;
	return SQLITE_NOTFOUND;
}

static inline int sqlitevfs_sector(sqlite3_file *f)
{
	(void)f;
	return 512;
}

static inline int sqlitevfs_traits(sqlite3_file *f)
{
	(void)f;
	return 0;
}

static inline int sqlitevfs_shm_map(sqlite3_file *f, int region, int bytes, int extend, void volatile **pp)
{
	struct sqlitevfs_file *sf = (struct sqlitevfs_file *)f;

	if (region >= SQLITEVFS_REGIONS)
		return SQLITE_IOERR_SHMMAP;
	if (!sf->regions[region] && extend)
		sf->regions[region] = mem_zalloc((size_t)bytes);
	*pp = sf->regions[region];
	return SQLITE_OK;
}

static inline int sqlitevfs_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
	(void)f;
	(void)offset;
	(void)n;
	(void)flags;
	return SQLITE_OK;
}

static inline void sqlitevfs_shm_barrier(sqlite3_file *f)
{
	(void)f;
}

static inline int sqlitevfs_shm_unmap(sqlite3_file *f, int remove)
{
	struct sqlitevfs_file *sf = (struct sqlitevfs_file *)f;

	(void)remove;
	for (int i = 0; i < SQLITEVFS_REGIONS; i++)
		mem_drop(&sf->regions[i]);
	return SQLITE_OK;
}

static const sqlite3_io_methods sqlitevfs_methods = {
	.iVersion = 2,
	.xClose = sqlitevfs_close,
	.xRead = sqlitevfs_read,
	.xWrite = sqlitevfs_write,
	.xTruncate = sqlitevfs_truncate,
	.xSync = sqlitevfs_sync,
	.xFileSize = sqlitevfs_size,
	.xLock = sqlitevfs_lock,
	.xUnlock = sqlitevfs_lock,
	.xCheckReservedLock = sqlitevfs_reserved,
	.xFileControl = sqlitevfs_control,
	.xSectorSize = sqlitevfs_sector,
	.xDeviceCharacteristics = sqlitevfs_traits,
	.xShmMap = sqlitevfs_shm_map,
	.xShmLock = sqlitevfs_shm_lock,
	.xShmBarrier = sqlitevfs_shm_barrier,
	.xShmUnmap = sqlitevfs_shm_unmap,
};

/* ---- names ---- */

static inline int sqlitevfs_open(sqlite3_vfs *s, const char *name, sqlite3_file *f, int flags, int *flagsp)
{
	struct sqlitevfs_file *sf = (struct sqlitevfs_file *)f;
	enum st st;

	memset(sf, 0, sizeof *sf);
	if (!name)
		return SQLITE_CANTOPEN;          /* the manifest has no temporary files */
	sf->v = s->pAppData;
	snprintf(sf->path, sizeof sf->path, "%s", name);
	st = vfs_open(sf->v, name, flags & SQLITE_OPEN_READONLY ? VFS_READ : VFS_WRITE, &sf->file);
	if (st == ST_NOT_FOUND && flags & SQLITE_OPEN_CREATE) {
		st = vfs_open(sf->v, name, VFS_CREATE, &sf->file);
		sf->sync_folder = flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL);
	}
	if (st)
		return SQLITE_CANTOPEN;
	sf->head.pMethods = &sqlitevfs_methods;
	if (flagsp)
		*flagsp = flags;
	return SQLITE_OK;
}

static inline int sqlitevfs_delete(sqlite3_vfs *s, const char *name, int sync_folder)
{
	enum st st = vfs_unlink(s->pAppData, name);

	if (st == ST_NOT_FOUND)
		return SQLITE_IOERR_DELETE_NOENT;
	if (!st && sync_folder)
		st = sqlitevfs_sync_folder(s->pAppData, name);
	return sqlitevfs_rc(st, SQLITE_IOERR_DELETE);
}

/* As in the unix VFS, an empty file does not exist. */
static inline int sqlitevfs_access(sqlite3_vfs *s, const char *name, int flags, int *yesp)
{
	struct vfs_file *f;
	uint64_t size = 0;
	enum st st = vfs_open(s->pAppData, name, VFS_READ, &f);

	(void)flags;
	*yesp = 0;
	if (st)
		return st == ST_NOT_FOUND ? SQLITE_OK : SQLITE_IOERR_ACCESS;
	st = vfs_size(f, &size);
	vfs_close(&f);
	*yesp = size > 0;
	return sqlitevfs_rc(st, SQLITE_IOERR_ACCESS);
}

static inline int sqlitevfs_full_path(sqlite3_vfs *s, const char *name, int n, char *out)
{
	(void)s;
	snprintf(out, (size_t)n, "%s", name);
	return SQLITE_OK;
}

/* Registers the VFS, on v from now on; clock and randomness are the system's. */
static inline void sqlitevfs_use(struct vfs *v)
{
	static sqlite3_vfs s;

	if (!s.iVersion) {
		s = *sqlite3_vfs_find(NULL);
		s.szOsFile = sizeof(struct sqlitevfs_file);
		s.mxPathname = 250;
		s.zName = SQLITEVFS_NAME;
		s.pNext = NULL;
		s.xOpen = sqlitevfs_open;
		s.xDelete = sqlitevfs_delete;
		s.xAccess = sqlitevfs_access;
		s.xFullPathname = sqlitevfs_full_path;
		sqlite3_vfs_register(&s, 0);
	}
	s.pAppData = v;
}

#endif
