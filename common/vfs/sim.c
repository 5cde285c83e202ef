/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulated disk as a vfs: paths, open files, and the moment from which it is dead to the process.
 *
 * 1. Every change is carried out on the side that the process sees, and put on the list of what is not yet
 *    safe.
 * 2. An operation that is refused (missing file, name taken) changes nothing and is no event.
 * 3. A dead disk answers ST_IO to everything, unlogged: the test that killed it knows.
 *
 * Any thread; one lock.
 */
#include "common/vfs/sim.h"

#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/vfs/sim_priv.h"

#define SIM_FILE_MAGIC 0x51a0f11eu
#define SIM_FREE_BYTES (1ull << 40)
#define SIM_NAME_MAX 255u

struct sim_file {
	struct vfs_file head;
	uint32_t magic;
	struct sim *sim;
	uint32_t inode;
	bool writable;
};

static struct sim *sim_lock(struct vfs *v)
{
	struct sim *s = (struct sim *)v;

	obj_check(s, SIM_MAGIC);
	must(pthread_mutex_lock(&s->lock) == 0);
	return s;
}

static void sim_unlock(struct sim *s)
{
	must(pthread_mutex_unlock(&s->lock) == 0);
}

/* One more event, unless the disk dies of it or is dead. */
static enum st sim_event(struct sim *s)
{
	if (s->calls_in > 0 && --s->calls_in == 0) {
		sim_unlock(s);          /* whoever has a call made is the only user then */
		s->call(s->call_ctx);
		(void)sim_lock(&s->head);
	}
	if (s->dies_in > 0 && --s->dies_in == 0)
		s->is_dead = true;
	if (s->is_dead)
		return ST_IO;
	s->events++;
	return ST_OK;
}

/* ---- paths ---- */

/* Where a path leads: the directory, the last name, and the inode behind it (0: none). "/" has no name. */
struct place { uint32_t dir; char name[SIM_NAME_MAX + 1]; uint32_t inode; };

/* The next component of *pathp into name; false at the end of the path or when it is too long for a name. */
static bool path_next(const char **pathp, char *name)
{
	const char *p = *pathp + strspn(*pathp, "/");
	size_t n = strcspn(p, "/");

	if (n == 0 || n > SIM_NAME_MAX)
		return false;
	memcpy(name, p, n);
	name[n] = '\0';
	*pathp = p + n;
	return true;
}

/* Walks a path. ST_NOT_FOUND when a directory on the way is missing, not when the last name is. */
static enum st walk(const struct sim *s, const char *path, struct place *at)
{
	char name[SIM_NAME_MAX + 1];

	if (s->is_dead)
		return ST_IO;
	*at = (struct place){ .inode = SIM_ROOT };
	while (path_next(&path, name)) {
		if (strcmp(name, ".") == 0) {
			if (at->inode == 0 || !s->inodes[at->inode]->is_dir)
				return ST_NOT_FOUND;     /* "file/." is nothing */
			continue;
		}
		if (at->inode == 0)
			return ST_NOT_FOUND;
		if (!s->inodes[at->inode]->is_dir)
			return fail(ST_IO, "%s is no directory", at->name);
		at->dir = at->inode;
		memcpy(at->name, name, sizeof name);
		at->inode = sim__names_find(&s->inodes[at->dir]->names[SIM_NOW], name);
	}
	return ST_OK;
}

/* As walk, and the last name must be there. */
static enum st walk_to(const struct sim *s, const char *path, struct place *at)
{
	enum st st = walk(s, path, at);

	return st == ST_OK && at->inode == 0 ? ST_NOT_FOUND : st;
}

/* ---- changes ---- */

/* Carries op out for the process to see and remembers it; takes over what it owns, also on failure. */
static enum st change(struct sim *s, struct sim_op op)
{
	enum st st = sim_event(s);

	if (st) {
		sim__op_fini(&op);
		return st;
	}
	must(sim__apply(s, &op, SIM_NOW));
	sim__op_add(s, &op);
	return ST_OK;
}

static enum st add_name(struct sim *s, const struct place *at, uint32_t inode)
{
	return change(s, (struct sim_op){ .kind = SIM_OP_ADD, .inode = inode, .dir = at->dir,
					  .name = mem_strdup(at->name) });
}

static enum st remove_name(struct sim *s, const struct place *at)
{
	return change(s, (struct sim_op){ .kind = SIM_OP_REMOVE, .inode = at->inode, .dir = at->dir,
					  .name = mem_strdup(at->name) });
}

/* ---- open files ---- */

static struct sim_file *sim_file(struct vfs_file *f)
{
	struct sim_file *sf = (struct sim_file *)f;

	obj_check(sf, SIM_FILE_MAGIC);
	(void)sim_lock(&sf->sim->head);
	return sf;
}

static struct sim_content *content_of(const struct sim_file *sf)
{
	return &sf->sim->inodes[sf->inode]->content[SIM_NOW];
}

static void file_close(struct vfs_file *f)
{
	struct sim_file *sf = sim_file(f);

	sf->sim->inodes[sf->inode]->handles--;
	sim_unlock(sf->sim);
	obj_fini(sf);
	mem_free(sf);
}

static enum st file_read(struct vfs_file *f, void *p, size_t n, uint64_t offset, bool nowait, size_t *gotp)
{
	struct sim_file *sf = sim_file(f);
	const struct sim_content *c = content_of(sf);
	enum st st = sf->sim->is_dead ? ST_IO : ST_OK;

	(void)nowait;           /* everything is in memory */
	if (st == ST_OK && offset < c->size) {
		size_t got = c->size - offset < n ? (size_t)(c->size - offset) : n;
		size_t stored = offset >= c->n ? 0 : c->n - offset < got ? (size_t)(c->n - offset) : got;

		if (stored > 0)
			memcpy(p, c->p + offset, stored);
		memset((uint8_t *)p + stored, 0, got - stored);
		*gotp = got;
	}
	sim_unlock(sf->sim);
	return st;
}

/* A change of a file's content. */
static enum st file_change(struct vfs_file *f, struct sim_op op)
{
	struct sim_file *sf = sim_file(f);
	enum st st;

	op.inode = sf->inode;
	if (sf->writable) {
		st = change(sf->sim, op);
	} else {
		sim__op_fini(&op);
		st = fail(ST_IO, "cannot write to a file opened for reading");
	}
	sim_unlock(sf->sim);
	return st;
}

static enum st file_write(struct vfs_file *f, const void *p, size_t n, uint64_t offset)
{
	if (n == 0)
		return ST_OK;
	return file_change(f, (struct sim_op){ .kind = SIM_OP_WRITE, .offset = offset, .n = n,
					       .bytes = mem_dup(p, n) });
}

static enum st file_truncate(struct vfs_file *f, uint64_t size)
{
	return file_change(f, (struct sim_op){ .kind = SIM_OP_SIZE, .offset = size });
}

static enum st file_size(struct vfs_file *f, uint64_t *sizep)
{
	struct sim_file *sf = sim_file(f);
	enum st st = sf->sim->is_dead ? ST_IO : ST_OK;

	if (st == ST_OK)
		*sizep = content_of(sf)->size;
	sim_unlock(sf->sim);
	return st;
}

static enum st file_allocate(struct vfs_file *f, uint64_t size)
{
	uint64_t old;
	enum st st = file_size(f, &old);

	if (st || size <= old)
		return st;
	return file_truncate(f, size);
}

/* Blocks are not counted here; what is given back is looked at. */
static enum st file_release(struct vfs_file *f, uint64_t offset)
{
	struct sim_file *sf = sim_file(f);
	const struct sim_content *c = content_of(sf);
	enum st st = sf->sim->is_dead ? ST_IO : sf->writable ? ST_OK : fail(ST_IO, "cannot change a file opened for reading");

	for (uint64_t at = offset; at < c->n && !st; at++)
		must(c->p[at] == 0);
	sim_unlock(sf->sim);
	return st;
}

static enum st file_sync(struct vfs_file *f, bool data_only)
{
	struct sim_file *sf = sim_file(f);
	enum st st = sim_event(sf->sim);

	(void)data_only;        /* the difference is times, which this disk does not keep */
	if (st == ST_OK)
		sim__sync_file(sf->sim, sf->inode);
	sim_unlock(sf->sim);
	return st;
}

static void file_forget_cache(struct vfs_file *f, uint64_t offset, uint64_t n)
{
	(void)f;
	(void)offset;
	(void)n;
}

static const struct vfs_file_ops sim_file_ops = {
	.close = file_close, .read = file_read, .write = file_write, .sync = file_sync,
	.truncate = file_truncate, .allocate = file_allocate, .release = file_release, .size = file_size,
	.forget_cache = file_forget_cache,
};

/* ---- directories ---- */

static struct vfs_file *file_new(struct sim *s, uint32_t inode, bool writable)
{
	struct sim_file *sf = mem_zalloc(sizeof *sf);

	sf->head.ops = &sim_file_ops;
	obj_init(sf, SIM_FILE_MAGIC);
	sf->sim = s;
	sf->inode = inode;
	sf->writable = writable;
	s->inodes[inode]->handles++;
	return &sf->head;
}

static enum st open_new(struct sim *s, const char *path, struct place *at)
{
	enum st st;

	if (at->inode != 0)
		return fail(ST_IO, "cannot open %s: File exists", path);
	at->inode = sim__inode_new(s, false);
	st = add_name(s, at, at->inode);
	if (st)
		sim__sweep(s);
	return st;
}

static enum st sim_open(struct vfs *v, const char *path, enum vfs_open_flags flags, struct vfs_file **filep)
{
	struct sim *s = sim_lock(v);
	struct place at;
	enum st st = flags == VFS_CREATE ? walk(s, path, &at) : walk_to(s, path, &at);

	if (st == ST_OK && flags == VFS_CREATE)
		st = open_new(s, path, &at);
	else if (st == ST_OK && s->inodes[at.inode]->is_dir)
		st = fail(ST_IO, "cannot open %s: Is a directory", path);
	if (st == ST_OK)
		*filep = file_new(s, at.inode, flags != VFS_READ);
	sim_unlock(s);
	return st;
}

static enum st sim_mkdir(struct vfs *v, const char *path)
{
	struct sim *s = sim_lock(v);
	struct place at;
	enum st st = walk(s, path, &at);

	if (st == ST_OK && at.inode == 0) {
		st = add_name(s, &at, sim__inode_new(s, true));
		if (st)
			sim__sweep(s);
	} else if (st == ST_OK && !s->inodes[at.inode]->is_dir) {
		st = fail(ST_IO, "cannot make directory %s: File exists", path);
	}
	sim_unlock(s);
	return st;
}

/* May `from` be renamed to `to`? Files onto files or nothing, directories onto nothing. */
static bool may_rename(const struct sim *s, const struct place *from, const struct place *to)
{
	bool from_is_dir = s->inodes[from->inode]->is_dir;

	return from->name[0] != '\0' && to->name[0] != '\0'
	    && (to->inode == 0 || (!from_is_dir && !s->inodes[to->inode]->is_dir));
}

static enum st sim_rename(struct vfs *v, const char *from_path, const char *to_path)
{
	struct sim *s = sim_lock(v);
	struct place from, to;
	enum st st = walk_to(s, from_path, &from);

	if (st == ST_OK)
		st = walk(s, to_path, &to);
	if (st == ST_OK && !may_rename(s, &from, &to))
		st = fail(ST_IO, "cannot rename %s to %s", from_path, to_path);
	else if (st == ST_OK && to.inode != from.inode)
		st = change(s, (struct sim_op){ .kind = SIM_OP_RENAME, .inode = from.inode, .dir = to.dir,
						.name = mem_strdup(to.name), .from_dir = from.dir,
						.from_name = mem_strdup(from.name) });
	sim_unlock(s);
	return st;
}

static enum st sim_link(struct vfs *v, const char *from_path, const char *to_path)
{
	struct sim *s = sim_lock(v);
	struct place from, to;
	enum st st = walk_to(s, from_path, &from);

	if (st == ST_OK)
		st = walk(s, to_path, &to);
	if (st == ST_OK && (to.inode != 0 || s->inodes[from.inode]->is_dir))
		st = fail(ST_IO, "cannot link %s to %s", from_path, to_path);
	else if (st == ST_OK)
		st = add_name(s, &to, from.inode);
	sim_unlock(s);
	return st;
}

static enum st sim_unlink(struct vfs *v, const char *path)
{
	struct sim *s = sim_lock(v);
	struct place at;
	enum st st = walk_to(s, path, &at);

	if (st == ST_OK && s->inodes[at.inode]->is_dir)
		st = fail(ST_INVALID, "cannot remove %s: it is a directory", path);
	else if (st == ST_OK)
		st = remove_name(s, &at);
	sim_unlock(s);
	return st;
}

/* As walk_to, and it must be a directory. */
static enum st walk_to_dir(const struct sim *s, const char *path, struct place *at)
{
	enum st st = walk_to(s, path, at);

	if (st == ST_OK && !s->inodes[at->inode]->is_dir)
		st = fail(ST_IO, "%s is no directory", path);
	return st;
}

static enum st sim_sync_dir(struct vfs *v, const char *path)
{
	struct sim *s = sim_lock(v);
	struct place at;
	enum st st = walk_to_dir(s, path, &at);

	if (st == ST_OK)
		st = sim_event(s);
	if (st == ST_OK)
		sim__sync_dir(s, at.inode);
	sim_unlock(s);
	return st;
}

static enum st sim_rmdir(struct vfs *v, const char *path)
{
	struct sim *s = sim_lock(v);
	struct place at;
	enum st st = walk_to_dir(s, path, &at);

	if (st == ST_OK && (at.name[0] == '\0' || s->inodes[at.inode]->names[SIM_NOW].n > 0))
		st = fail(ST_IO, "cannot remove directory %s: Directory not empty", path);
	else if (st == ST_OK)
		st = remove_name(s, &at);
	sim_unlock(s);
	return st;
}

static enum st sim_exists(struct vfs *v, const char *path, bool *yesp)
{
	struct sim *s = sim_lock(v);
	struct place at;
	enum st st = walk(s, path, &at);

	*yesp = st == ST_OK && at.inode != 0;
	sim_unlock(s);
	return st == ST_NOT_FOUND ? ST_OK : st;
}

static enum st sim_free_bytes(struct vfs *v, const char *path, uint64_t *bytesp)
{
	struct sim *s = sim_lock(v);
	struct place at;
	enum st st = walk_to(s, path, &at);

	if (st == ST_OK)
		*bytesp = SIM_FREE_BYTES;
	sim_unlock(s);
	return st;
}

static enum st sim_list(struct vfs *v, const char *path, vfs_each_f *each, void *ctx)
{
	struct sim *s = sim_lock(v);
	struct sim_names names = { NULL, 0, 0 };
	struct place at;
	enum st st = walk_to_dir(s, path, &at);

	/* Told from a copy, without the lock: each may well change the directory. */
	if (st == ST_OK)
		sim__names_copy(&names, &s->inodes[at.inode]->names[SIM_NOW]);
	sim_unlock(s);
	for (size_t i = 0; st == ST_OK && i < names.n; i++)
		st = each(ctx, names.a[i].name);
	sim__names_copy(&names, &(struct sim_names){ NULL, 0, 0 });
	return st;
}

static const struct vfs_ops sim_ops = {
	.open = sim_open, .mkdir = sim_mkdir, .rename = sim_rename, .link = sim_link, .unlink = sim_unlink,
	.rmdir = sim_rmdir,
	.sync_dir = sim_sync_dir, .exists = sim_exists, .free_bytes = sim_free_bytes, .list = sim_list,
};

/* ---- the test's side ---- */

struct vfs *sim_new(void)
{
	struct sim *s = sim__new();

	s->head.ops = &sim_ops;
	must(sim__inode_new(s, true) == SIM_ROOT);
	return &s->head;
}

void sim_free(struct vfs **vp)
{
	struct sim *s = (struct sim *)*vp;

	*vp = NULL;
	if (s == NULL)
		return;
	obj_check(s, SIM_MAGIC);
	sim__free(s);
}

uint64_t sim_events(struct vfs *sim)
{
	struct sim *s = sim_lock(sim);
	uint64_t events = s->events;

	sim_unlock(s);
	return events;
}

void sim_die_at(struct vfs *sim, uint64_t n)
{
	struct sim *s = sim_lock(sim);

	s->dies_in = n;
	s->is_dead = false;
	sim_unlock(s);
}

void sim_call_at(struct vfs *sim, uint64_t n, sim_call_f *f, void *ctx)
{
	struct sim *s = sim_lock(sim);

	s->calls_in = n;
	s->call = f;
	s->call_ctx = ctx;
	sim_unlock(s);
}

bool sim_lose_unsynced(struct vfs_file *f)
{
	struct sim_file *sf;

	if (f->ops != &sim_file_ops)
		return false;
	sf = sim_file(f);
	sim__lose_file(sf->sim, sf->inode);
	sim_unlock(sf->sim);
	return true;
}

static void flip_byte(struct sim_content *c, uint64_t offset, uint8_t mask)
{
	if (offset < c->n) {
		c->p[offset] ^= mask;
	} else if (offset < c->size) {
		sim__content_write(c, offset, &mask, 1);
	}
}

/* On both sides, and in the writes between them. */
static void flip_everywhere(struct sim *s, uint32_t inode, uint64_t offset, uint8_t mask)
{
	flip_byte(&s->inodes[inode]->content[SIM_NOW], offset, mask);
	flip_byte(&s->inodes[inode]->content[SIM_SAFE], offset, mask);
	for (size_t i = 0; i < s->op_n; i++) {
		struct sim_op *op = &s->ops[i];

		if (op->kind == SIM_OP_WRITE && op->inode == inode && offset >= op->offset
		    && offset - op->offset < op->n)
			op->bytes[offset - op->offset] ^= mask;
	}
}

enum st sim_flip(struct vfs *sim, const char *path, uint64_t offset, uint8_t xor_mask)
{
	struct sim *s = sim_lock(sim);
	struct place at;
	enum st st = walk_to(s, path, &at);

	if (st == ST_OK && offset >= s->inodes[at.inode]->content[SIM_NOW].size)
		st = fail(ST_INVALID, "%s has no byte %llu", path, (unsigned long long)offset);
	else if (st == ST_OK)
		flip_everywhere(s, at.inode, offset, xor_mask);
	sim_unlock(s);
	return st;
}
