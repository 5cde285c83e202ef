/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of the simulated disk: files and directories, each as it is now and as it is surely on disk,
 * and between the two the list of changes that a power cut may take back.
 *
 *	safe side + pending operations in their order = what the process sees, except after a lost sync
 *
 * 1. Syncing a file carries its pending writes and size changes over to the safe side; its name is another
 *    matter.
 * 2. Syncing a directory does so with the names in it. A rename from another directory: the new name is
 *    safe, the old one stays pending until its own directory is synced too (both names may be there after a
 *    cut). Syncing only the old name's directory makes nothing safe: a rename never loses the file.
 * 3. A directory whose own name is not safe goes with everything in it.
 *
 * Under sim.lock.
 */
#include "common/vfs/sim_priv.h"

#include "common/base/mem.h"
#include "common/base/must.h"

/* ---- content ---- */

void sim__content_write(struct sim_content *c, uint64_t offset, const uint8_t *p, size_t n)
{
	uint64_t end = offset + n;

	if (n == 0)
		return;
	if (end > c->room) {
		c->room = (size_t)end * 2;
		c->p = mem_resize(c->p, c->room);
	}
	if (offset > c->n)
		memset(c->p + c->n, 0, (size_t)offset - c->n);
	memcpy(c->p + offset, p, n);
	if (end > c->n)
		c->n = (size_t)end;
	if (end > c->size)
		c->size = end;
}

void sim__content_resize(struct sim_content *c, uint64_t size)
{
	if (size < c->n)
		c->n = (size_t)size;
	c->size = size;
}

void sim__content_copy(struct sim_content *to, const struct sim_content *from)
{
	mem_free(to->p);
	*to = *from;
	to->p = from->n > 0 ? mem_dup(from->p, from->n) : NULL;
	to->room = from->n;
}

/* ---- names ---- */

static struct sim_name *names_at(const struct sim_names *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++)
		if (strcmp(names->a[i].name, name) == 0)
			return &names->a[i];
	return NULL;
}

uint32_t sim__names_find(const struct sim_names *names, const char *name)
{
	const struct sim_name *at = names_at(names, name);

	return at ? at->inode : 0;
}

static void names_set(struct sim_names *names, const char *name, uint32_t inode)
{
	struct sim_name *at = names_at(names, name);

	if (at != NULL) {
		at->inode = inode;
		return;
	}
	if (names->n == names->room) {
		names->room = names->room ? names->room * 2 : 8;
		names->a = mem_resize(names->a, names->room * sizeof *names->a);
	}
	names->a[names->n++] = (struct sim_name){ mem_strdup(name), inode };
}

static void names_remove(struct sim_names *names, const char *name)
{
	struct sim_name *at = names_at(names, name);

	if (at == NULL)
		return;
	mem_free(at->name);
	*at = names->a[--names->n];
}

static void names_fini(struct sim_names *names)
{
	for (size_t i = 0; i < names->n; i++)
		mem_free(names->a[i].name);
	mem_free(names->a);
	*names = (struct sim_names){ NULL, 0, 0 };
}

void sim__names_copy(struct sim_names *to, const struct sim_names *from)
{
	names_fini(to);
	for (size_t i = 0; i < from->n; i++)
		names_set(to, from->a[i].name, from->a[i].inode);
}

/* ---- inodes ---- */

uint32_t sim__inode_new(struct sim *s, bool is_dir)
{
	if (s->inode_n == s->inode_room) {
		s->inode_room = s->inode_room ? s->inode_room * 2 : 16;
		s->inodes = mem_resize(s->inodes, s->inode_room * sizeof(struct sim_inode *));
	}
	if (s->inode_n == 0)
		s->inodes[s->inode_n++] = NULL;
	s->inodes[s->inode_n] = mem_zalloc(sizeof(struct sim_inode));
	s->inodes[s->inode_n]->is_dir = is_dir;
	return (uint32_t)s->inode_n++;
}

static void inode_free(struct sim_inode *inode)
{
	if (inode == NULL)
		return;
	for (int side = 0; side < 2; side++) {
		mem_free(inode->content[side].p);
		names_fini(&inode->names[side]);
	}
	mem_free(inode);
}

/* Sets seen[] for everything that names below inode lead to, on either side. */
static void mark(const struct sim *s, uint32_t inode, bool *seen)
{
	if (seen[inode])
		return;
	seen[inode] = true;
	for (int side = 0; side < 2; side++) {
		const struct sim_names *names = &s->inodes[inode]->names[side];

		for (size_t i = 0; i < names->n; i++)
			mark(s, names->a[i].inode, seen);
	}
}

static void mark_all(const struct sim *s, bool *seen)
{
	mark(s, SIM_ROOT, seen);
	for (size_t i = 0; i < s->op_n; i++) {
		const struct sim_op *op = &s->ops[i];

		if (op->kind != SIM_OP_WRITE && op->kind != SIM_OP_SIZE) {
			mark(s, op->inode, seen);
			mark(s, op->dir, seen);
			if (op->kind == SIM_OP_RENAME)
				mark(s, op->from_dir, seen);
		}
	}
	for (uint32_t i = SIM_ROOT; i < s->inode_n; i++)
		if (s->inodes[i] != NULL && s->inodes[i]->handles > 0)
			mark(s, i, seen);
}

void sim__sweep(struct sim *s)
{
	bool *seen = mem_zalloc(s->inode_n);

	mark_all(s, seen);
	for (uint32_t i = SIM_ROOT; i < s->inode_n; i++)
		if (!seen[i] && s->inodes[i] != NULL) {
			sim__lose_file(s, i);
			inode_free(s->inodes[i]);
			s->inodes[i] = NULL;
		}
	mem_free(seen);
}

/* ---- operations ---- */

void sim__op_fini(struct sim_op *op)
{
	mem_free(op->bytes);
	mem_free(op->name);
	mem_free(op->from_name);
}

void sim__op_add(struct sim *s, const struct sim_op *op)
{
	if (s->op_n == s->op_room) {
		s->op_room = s->op_room ? s->op_room * 2 : 64;
		s->ops = mem_resize(s->ops, s->op_room * sizeof *s->ops);
	}
	s->ops[s->op_n++] = *op;
}

static bool apply_name(struct sim *s, const struct sim_op *op, enum sim_side side)
{
	struct sim_names *names = &s->inodes[op->dir]->names[side], *from;

	if (op->kind == SIM_OP_ADD) {
		if (sim__names_find(names, op->name) != 0)
			return false;
		names_set(names, op->name, op->inode);
		return true;
	}
	from = op->kind == SIM_OP_RENAME ? &s->inodes[op->from_dir]->names[side] : names;
	if (sim__names_find(from, op->kind == SIM_OP_RENAME ? op->from_name : op->name) != op->inode)
		return false;
	names_remove(from, op->kind == SIM_OP_RENAME ? op->from_name : op->name);
	if (op->kind == SIM_OP_RENAME)
		names_set(names, op->name, op->inode);
	return true;
}

bool sim__apply(struct sim *s, const struct sim_op *op, enum sim_side side)
{
	struct sim_content *c = &s->inodes[op->inode]->content[side];

	if (op->kind == SIM_OP_WRITE)
		sim__content_write(c, op->offset, op->bytes, op->n);
	else if (op->kind == SIM_OP_SIZE)
		sim__content_resize(c, op->offset);
	else
		return apply_name(s, op, side);
	return true;
}

/* Takes the operations out of the list for which settle() says so. */
typedef bool sim_settle_f(struct sim *s, struct sim_op *op, uint32_t inode);

static void settle_ops(struct sim *s, sim_settle_f *settle, uint32_t inode)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->op_n; i++) {
		if (settle(s, &s->ops[i], inode))
			sim__op_fini(&s->ops[i]);
		else
			s->ops[kept++] = s->ops[i];
	}
	s->op_n = kept;
}

static bool is_data_of(const struct sim_op *op, uint32_t inode)
{
	return op->inode == inode && (op->kind == SIM_OP_WRITE || op->kind == SIM_OP_SIZE);
}

static bool settle_data(struct sim *s, struct sim_op *op, uint32_t inode)
{
	return is_data_of(op, inode) && sim__apply(s, op, SIM_SAFE);
}

static bool settle_loss(struct sim *s, struct sim_op *op, uint32_t inode)
{
	(void)s;
	return is_data_of(op, inode);
}

/* A rename between two directories of which the new one is synced: what remains is to remove the old name. */
static bool settle_rename(struct sim *s, struct sim_op *op)
{
	struct sim_names *from = &s->inodes[op->from_dir]->names[SIM_SAFE];

	names_set(&s->inodes[op->dir]->names[SIM_SAFE], op->name, op->inode);
	if (op->from_synced) {
		if (sim__names_find(from, op->from_name) == op->inode)
			names_remove(from, op->from_name);
		return true;
	}
	mem_free(op->name);
	op->kind = SIM_OP_REMOVE;
	op->dir = op->from_dir;
	op->name = op->from_name;
	op->from_name = NULL;
	return false;
}

static bool settle_names(struct sim *s, struct sim_op *op, uint32_t dir)
{
	if (op->kind == SIM_OP_WRITE || op->kind == SIM_OP_SIZE)
		return false;
	if (op->kind == SIM_OP_RENAME && op->dir != op->from_dir) {
		if (op->from_dir == dir)
			op->from_synced = true;
		return op->dir == dir && settle_rename(s, op);
	}
	if (op->dir != dir)
		return false;
	if (op->kind == SIM_OP_ADD)     /* also over a name that a pending rename has yet to take away */
		names_set(&s->inodes[dir]->names[SIM_SAFE], op->name, op->inode);
	else
		(void)sim__apply(s, op, SIM_SAFE);
	return true;
}

void sim__sync_file(struct sim *s, uint32_t inode)
{
	settle_ops(s, settle_data, inode);
}

void sim__lose_file(struct sim *s, uint32_t inode)
{
	settle_ops(s, settle_loss, inode);
}

void sim__sync_dir(struct sim *s, uint32_t dir)
{
	settle_ops(s, settle_names, dir);
	sim__sweep(s);
}

/* ---- the whole ---- */

struct sim *sim__new(void)
{
	struct sim *s = mem_zalloc(sizeof *s);

	obj_init(s, SIM_MAGIC);
	must(pthread_mutex_init(&s->lock, NULL) == 0);
	return s;
}

void sim__free(struct sim *s)
{
	for (size_t i = 0; i < s->op_n; i++)
		sim__op_fini(&s->ops[i]);
	for (size_t i = 0; i < s->inode_n; i++)
		inode_free(s->inodes[i]);
	mem_free(s->ops);
	mem_free(s->inodes);
	must(pthread_mutex_destroy(&s->lock) == 0);
	obj_fini(s);
	mem_free(s);
}
