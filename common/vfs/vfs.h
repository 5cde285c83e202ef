/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files as the storage code sees them: a table of functions, so that tests can put a simulated disk with
 * power cuts and a fault injector underneath. Everything durable goes through here; sqlite joins in tests
 * by a shim.
 *
 * 1. A write is on disk only after a sync of the file; a new, renamed or removed name only after
 *    vfs_sync_dir().
 * 2. A short write is completed or reported, never half-believed; EINTR is never seen.
 * 3. After a failed sync the file's content on disk is unknown: the caller must not trust it (invariant 9).
 * 4. Every error is born here: logged once with path and system text. ST_FULL for no space, ST_NOT_FOUND
 *    (not logged) for a missing file, ST_INVALID (not logged) for a link to another file system, ST_INTERNAL
 *    when the system refuses to open a file for reading (descriptors, memory, rights), else ST_IO.
 *
 * A vfs may be used by any thread; a vfs_file's reads too; its writes and syncs by one thread at a time.
 */
#ifndef VFS_VFS_H
#define VFS_VFS_H

#include "common/base/slice.h"
#include "common/base/status.h"

struct vfs;
struct vfs_file;

enum vfs_open_flags {
	VFS_READ = 0,        /* existing file, read only */
	VFS_CREATE = 1,      /* new file (an existing one is an error), read and write */
	VFS_WRITE = 2        /* existing file, read and write */
};

/* The operating system's files. One for the process; never freed. */
struct vfs *vfs_posix(void);

enum st vfs_open(struct vfs *v, const char *path, enum vfs_open_flags flags,
		 struct vfs_file **filep) MUST_USE;
void vfs_close(struct vfs_file **filep);                 /* a failed close is logged; NULL is fine */

/* Up to n bytes at offset; *gotp < n only at end of file. nowait: ST_BUSY when they are not in memory. */
enum st vfs_read(struct vfs_file *f, void *p, size_t n, uint64_t offset, bool nowait, size_t *gotp) MUST_USE;
enum st vfs_write(struct vfs_file *f, const void *p, size_t n, uint64_t offset) MUST_USE;   /* all of it */
enum st vfs_sync_data(struct vfs_file *f) MUST_USE;      /* fdatasync: content and size */
enum st vfs_sync(struct vfs_file *f) MUST_USE;           /* fsync */
enum st vfs_truncate(struct vfs_file *f, uint64_t size) MUST_USE;
/* Blocks for [0, size); the file grows to size if it is shorter, new bytes are zero. */
enum st vfs_allocate(struct vfs_file *f, uint64_t size) MUST_USE;
/* Gives the blocks behind offset back; what lies there must be zeros, and is read as zeros for ever after. ST_INVALID: this
 * file system cannot, and nothing has changed. */
enum st vfs_release(struct vfs_file *f, uint64_t offset) MUST_USE;
enum st vfs_size(struct vfs_file *f, uint64_t *sizep) MUST_USE;
/* Advice: these pages will not be needed again, all of them or those that begin in [offset, offset + n) or hold offset. */
void vfs_forget_cache(struct vfs_file *f);
void vfs_forget_range(struct vfs_file *f, uint64_t offset, uint64_t n);
/* Where the next byte may lie, from offset on, that is no hole of the file: what is before it is read as zeros. The size when
 * there is none, and offset itself when nobody knows. */
uint64_t vfs_next_data(struct vfs_file *f, uint64_t offset);
void vfs_read_exactly(struct vfs_file *f);               /* advice: from now on read what is asked for, nothing ahead of it */

enum st vfs_mkdir(struct vfs *v, const char *path) MUST_USE;                 /* fine when it exists */
enum st vfs_rename(struct vfs *v, const char *from, const char *to) MUST_USE;
enum st vfs_link(struct vfs *v, const char *from, const char *to) MUST_USE;
enum st vfs_unlink(struct vfs *v, const char *path) MUST_USE;                /* ST_INVALID: it is a directory */
enum st vfs_rmdir(struct vfs *v, const char *path) MUST_USE;                 /* an empty directory */
enum st vfs_sync_dir(struct vfs *v, const char *path) MUST_USE;
enum st vfs_exists(struct vfs *v, const char *path, bool *yesp) MUST_USE;
enum st vfs_free_bytes(struct vfs *v, const char *path, uint64_t *bytesp) MUST_USE;

/* Calls each with every name in the directory (no dots), in no order; what each returns other than ST_OK
 * ends it and is the outcome. */
typedef enum st vfs_each_f(void *ctx, const char *name);
enum st vfs_list(struct vfs *v, const char *path, vfs_each_f *each, void *ctx) MUST_USE;

/* Reads a whole file of at most max bytes into heap memory the caller frees; ST_TOO_BIG beyond. */
enum st vfs_slurp(struct vfs *v, const char *path, size_t max, uint8_t **bytesp, size_t *np) MUST_USE;

#endif
