/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vfs of the operating system.
 *
 * 1. Every descriptor is opened O_CLOEXEC: workers inherit only what is listed.
 * 2. Reads and writes carry their own offset (pread, pwrite), so any thread may read a file.
 * 3. nowait is preadv2(RWF_NOWAIT). Where the file system cannot do that the answer is ST_BUSY, never a
 *    silent wait: the caller then asks again on a thread that may wait.
 * 4. EINTR is retried here, except after close(2), where Linux has given the descriptor back already.
 */
#include "common/vfs/vfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/vfs/vfs_impl.h"

#define POSIX_FILE_MAGIC 0x70f11e01u
#define POSIX_MAX_OFFSET INT64_MAX
#define POSIX_IO_BYTES (1u << 30)       /* one system call moves at most this much */
#define POSIX_ZERO_BYTES (64u << 10)

struct posix_file {
	struct vfs_file head;
	uint32_t magic;
	int fd;
	char *path;                     /* for messages; as it was when opened */
};

/* The outcome of a failed system call that did `what` to path. */
static enum st posix_fail(int err, const char *what, const char *path)
{
	if (err == ENOENT)
		return ST_NOT_FOUND;
	if (err == ENOSPC || err == EDQUOT)
		return fail(ST_FULL, "cannot %s %s: %s", what, path, strerror(err));
	if (err == EXDEV)
		return fail(ST_INVALID, "cannot %s %s: %s", what, path, strerror(err));
	return fail(ST_IO, "cannot %s %s: %s", what, path, strerror(err));
}

/* Opening for reading: what the system refuses to this process says nothing about the file and the disk it is on. */
static enum st posix_fail_open(int err, const char *path)
{
	if (err == EMFILE || err == ENFILE || err == ENOMEM || err == EACCES || err == EPERM)
		return fail(ST_INTERNAL, "cannot open %s: %s", path, strerror(err));
	return posix_fail(err, "open", path);
}

static struct posix_file *posix_file(struct vfs_file *f)
{
	struct posix_file *pf = (struct posix_file *)f;

	obj_check(pf, POSIX_FILE_MAGIC);
	return pf;
}

static enum st out_of_range(const struct posix_file *pf, uint64_t offset)
{
	return fail(ST_INVALID, "offset %llu of %s is out of range", (unsigned long long)offset, pf->path);
}

static void posix_close(struct vfs_file *f)
{
	struct posix_file *pf = posix_file(f);

	if (close(pf->fd) != 0 && errno != EINTR)
		log_error("cannot close %s: %s", pf->path, strerror(errno));
	obj_fini(pf);
	mem_free(pf->path);
	mem_free(pf);
}

static enum st posix_read(struct vfs_file *f, void *p, size_t n, uint64_t offset, bool nowait, size_t *gotp)
{
	struct posix_file *pf = posix_file(f);
	size_t got = 0;

	if (offset > POSIX_MAX_OFFSET - n)
		return out_of_range(pf, offset);
	while (got < n) {
		struct iovec v = { (uint8_t *)p + got, n - got < POSIX_IO_BYTES ? n - got : POSIX_IO_BYTES };
		ssize_t r = preadv2(pf->fd, &v, 1, (off_t)(offset + got), nowait ? RWF_NOWAIT : 0);

		if (r == 0)
			break;
		if (r > 0) {
			got += (size_t)r;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (nowait && (errno == EAGAIN || errno == EOPNOTSUPP || errno == ENOSYS))
			return ST_BUSY;
		return posix_fail(errno, "read", pf->path);
	}
	*gotp = got;
	return ST_OK;
}

static enum st posix_write(struct vfs_file *f, const void *p, size_t n, uint64_t offset)
{
	struct posix_file *pf = posix_file(f);
	const uint8_t *at = p;

	if (offset > POSIX_MAX_OFFSET - n)
		return out_of_range(pf, offset);
	while (n > 0) {
		ssize_t w = pwrite(pf->fd, at, n < POSIX_IO_BYTES ? n : POSIX_IO_BYTES, (off_t)offset);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return posix_fail(errno, "write", pf->path);
		if (w == 0)
			return fail(ST_IO, "cannot write %s: nothing was written", pf->path);
		at += w;
		offset += (uint64_t)w;
		n -= (size_t)w;
	}
	return ST_OK;
}

static enum st posix_sync(struct vfs_file *f, bool data_only)
{
	struct posix_file *pf = posix_file(f);
	int r;

	do
		r = data_only ? fdatasync(pf->fd) : fsync(pf->fd);
	while (r != 0 && errno == EINTR);
	return r == 0 ? ST_OK : posix_fail(errno, "sync", pf->path);
}

static enum st posix_size(struct vfs_file *f, uint64_t *sizep)
{
	struct posix_file *pf = posix_file(f);
	struct stat sb;

	if (fstat(pf->fd, &sb) != 0)
		return posix_fail(errno, "stat", pf->path);
	*sizep = (uint64_t)sb.st_size;
	return ST_OK;
}

static enum st posix_truncate(struct vfs_file *f, uint64_t size)
{
	struct posix_file *pf = posix_file(f);
	int r;

	do
		r = ftruncate(pf->fd, (off_t)size);
	while (r != 0 && errno == EINTR);
	return r == 0 ? ST_OK : posix_fail(errno, "truncate", pf->path);
}

/* Zeros from the file's end to size, for file systems that cannot reserve blocks. */
static enum st posix_write_zeros(struct vfs_file *f, uint64_t size)
{
	uint8_t *zeros;
	uint64_t at;
	enum st st = posix_size(f, &at);

	if (st)
		return st;
	zeros = mem_zalloc(POSIX_ZERO_BYTES);
	while (!st && at < size) {
		size_t n = size - at < POSIX_ZERO_BYTES ? (size_t)(size - at) : POSIX_ZERO_BYTES;

		st = posix_write(f, zeros, n, at);
		at += n;
	}
	mem_free(zeros);
	return st;
}

static enum st posix_allocate(struct vfs_file *f, uint64_t size)
{
	struct posix_file *pf = posix_file(f);
	int r;

	if (size == 0)
		return ST_OK;
	do
		r = fallocate(pf->fd, 0, 0, (off_t)size);
	while (r != 0 && errno == EINTR);
	if (r != 0 && (errno == EOPNOTSUPP || errno == ENOSYS))
		return posix_write_zeros(f, size);
	return r == 0 ? ST_OK : posix_fail(errno, "allocate", pf->path);
}

static enum st posix_release(struct vfs_file *f, uint64_t offset)
{
	struct posix_file *pf = posix_file(f);
	uint64_t size;
	enum st st = posix_size(f, &size);
	int r;

	if (st || offset >= size)
		return st;
	do
		r = fallocate(pf->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)(size - offset));
	while (r != 0 && errno == EINTR);
	if (r != 0 && (errno == EOPNOTSUPP || errno == ENOSYS))
		return ST_INVALID;
	return r == 0 ? ST_OK : posix_fail(errno, "give back blocks of", pf->path);
}

static void posix_forget_cache(struct vfs_file *f, uint64_t offset, uint64_t n)
{
	uint64_t into = offset % (uint64_t)sysconf(_SC_PAGESIZE);

	/* The kernel drops whole pages only: without its first one a row of pieces would leave one page of each. Advice only:
	 * what the kernel keeps in spite of it costs memory, not truth. */
	if (offset <= POSIX_MAX_OFFSET && n <= POSIX_MAX_OFFSET - offset)
		(void)posix_fadvise(posix_file(f)->fd, (off_t)(offset - into), (off_t)(n ? n + into : 0), POSIX_FADV_DONTNEED);
}

static void posix_read_exactly(struct vfs_file *f)
{
	(void)posix_fadvise(posix_file(f)->fd, 0, 0, POSIX_FADV_RANDOM);
}

/* The position that this moves is nobody's: all reads and writes name theirs. */
static uint64_t posix_next_data(struct vfs_file *f, uint64_t offset)
{
	off_t at = lseek(posix_file(f)->fd, (off_t)offset, SEEK_DATA);
	uint64_t size;

	if (at >= 0)
		return (uint64_t)at;
	return errno == ENXIO && posix_size(f, &size) == ST_OK && size > offset ? size : offset;
}

static const struct vfs_file_ops posix_file_ops = {
	.close = posix_close, .read = posix_read, .write = posix_write, .sync = posix_sync,
	.truncate = posix_truncate, .allocate = posix_allocate, .release = posix_release, .size = posix_size,
	.forget_cache = posix_forget_cache, .read_exactly = posix_read_exactly,
	.next_data = posix_next_data,
};

static int posix_open_fd(const char *path, int flags)
{
	int fd;

	do
		fd = open(path, flags | O_CLOEXEC, 0640);
	while (fd < 0 && errno == EINTR);
	return fd;
}

static enum st posix_open(struct vfs *v, const char *path, enum vfs_open_flags flags, struct vfs_file **filep)
{
	int how = flags == VFS_CREATE ? O_RDWR | O_CREAT | O_EXCL : flags == VFS_WRITE ? O_RDWR : O_RDONLY;
	int fd = posix_open_fd(path, how);
	struct posix_file *pf;

	(void)v;
	if (fd < 0)
		return flags == VFS_READ ? posix_fail_open(errno, path) : posix_fail(errno, "open", path);
	pf = mem_zalloc(sizeof *pf);
	pf->head.ops = &posix_file_ops;
	obj_init(pf, POSIX_FILE_MAGIC);
	pf->fd = fd;
	pf->path = mem_strdup(path);
	*filep = &pf->head;
	return ST_OK;
}

static enum st posix_mkdir(struct vfs *v, const char *path)
{
	struct stat sb;
	int err;

	(void)v;
	if (mkdir(path, 0750) == 0)
		return ST_OK;
	err = errno;
	if (err == EEXIST && stat(path, &sb) == 0 && S_ISDIR(sb.st_mode))
		return ST_OK;
	return posix_fail(err, "make directory", path);
}

static enum st posix_rename(struct vfs *v, const char *from, const char *to)
{
	(void)v;
	return rename(from, to) == 0 ? ST_OK : posix_fail(errno, "rename", from);
}

static enum st posix_link(struct vfs *v, const char *from, const char *to)
{
	(void)v;
	if (link(from, to) == 0)
		return ST_OK;
	return errno == EXDEV ? ST_INVALID : posix_fail(errno, "link", from);    /* whoever named the place is told */
}

static enum st posix_unlink(struct vfs *v, const char *path)
{
	(void)v;
	if (unlink(path) == 0)
		return ST_OK;
	return errno == EISDIR ? fail(ST_INVALID, "cannot remove %s: it is a directory", path) : posix_fail(errno, "remove", path);
}

static enum st posix_rmdir(struct vfs *v, const char *path)
{
	(void)v;
	return rmdir(path) == 0 ? ST_OK : posix_fail(errno, "remove directory", path);
}

static enum st posix_sync_dir(struct vfs *v, const char *path)
{
	int fd = posix_open_fd(path, O_RDONLY | O_DIRECTORY), r, err;

	(void)v;
	if (fd < 0)
		return posix_fail(errno, "open directory", path);
	do
		r = fsync(fd);
	while (r != 0 && errno == EINTR);
	err = errno;
	(void)close(fd);
	return r == 0 ? ST_OK : posix_fail(err, "sync directory", path);
}

static enum st posix_exists(struct vfs *v, const char *path, bool *yesp)
{
	struct stat sb;

	(void)v;
	if (stat(path, &sb) == 0)
		*yesp = true;
	else if (errno != ENOENT && errno != ENOTDIR)
		return posix_fail(errno, "stat", path);
	return ST_OK;
}

static enum st posix_free_bytes(struct vfs *v, const char *path, uint64_t *bytesp)
{
	struct statvfs sb;

	(void)v;
	while (statvfs(path, &sb) != 0)
		if (errno != EINTR)
			return posix_fail(errno, "ask the free space of", path);
	*bytesp = (uint64_t)sb.f_bavail * sb.f_frsize;
	return ST_OK;
}

static enum st posix_list(struct vfs *v, const char *path, vfs_each_f *each, void *ctx)
{
	int fd = posix_open_fd(path, O_RDONLY | O_DIRECTORY);
	struct dirent *d;
	enum st st = ST_OK;
	DIR *dir;

	(void)v;
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (dir == NULL) {
		st = posix_fail(errno, "list", path);
		if (fd >= 0)
			(void)close(fd);
		return st;
	}
	while (st == ST_OK && (errno = 0, d = readdir(dir)) != NULL)
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			st = each(ctx, d->d_name);
	if (st == ST_OK && errno != 0)
		st = posix_fail(errno, "list", path);
	(void)closedir(dir);
	return st;
}

static const struct vfs_ops posix_ops = {
	.open = posix_open, .mkdir = posix_mkdir, .rename = posix_rename, .link = posix_link,
	.unlink = posix_unlink, .rmdir = posix_rmdir, .sync_dir = posix_sync_dir, .exists = posix_exists,
	.free_bytes = posix_free_bytes, .list = posix_list,
};

static struct vfs posix_vfs = { &posix_ops };

struct vfs *vfs_posix(void)
{
	return &posix_vfs;
}
