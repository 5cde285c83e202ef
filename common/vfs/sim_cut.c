/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The power cut: which of the pending operations are on disk afterwards.
 *
 * SIM_CUT_RANDOM decides piece by piece, as a disk with a write-back cache and a kernel in front of it may:
 *
 * 1. A sector of a file is what it was at some moment since the last sync: it holds the first so many of
 *    the pending writes to it. Sectors know nothing of each other.
 * 2. So is the size of a file, apart from its sectors: it may have grown over bytes that never came
 *    (zeros), or bytes that came may lie behind its end (invisible).
 * 3. Each name change survives by a chance of its own, as long as the outcome is one that directory
 *    operations can lead to: a file is not created over a name that was not removed. A rename between
 *    directories may survive as both names.
 *
 * Each cut draws first how likely survival is, so that nearly nothing, nearly everything and the middle all
 * occur.
 */
#include "common/vfs/sim.h"

#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/vfs/sim_priv.h"

/* How one file fares: operation i (its place in the list) has reached the size, or sector k, when i < the
 * number. */
struct fate {
	size_t size_until;
	size_t *sector_until;
	size_t sectors;
};

struct cut {
	struct sim *from, *to;
	struct rnd *rnd;
	unsigned chance;                /* of 8 */
	struct fate *fates;             /* by inode; made when first asked for */
};

/* ---- the disk without anything pending ---- */

static struct sim_inode *inode_copy_safe(const struct sim_inode *from)
{
	struct sim_inode *to;

	if (from == NULL)
		return NULL;
	to = mem_zalloc(sizeof *to);
	to->is_dir = from->is_dir;
	sim__content_copy(&to->content[SIM_SAFE], &from->content[SIM_SAFE]);
	sim__names_copy(&to->names[SIM_SAFE], &from->names[SIM_SAFE]);
	return to;
}

/* Inodes keep their numbers, so that the operations of the old disk fit the new one. */
static struct sim *copy_safe(const struct sim *from)
{
	struct sim *to = sim__new();

	to->head.ops = from->head.ops;
	to->inodes = mem_zalloc(from->inode_n * sizeof(struct sim_inode *));
	to->inode_n = to->inode_room = from->inode_n;
	for (size_t i = 0; i < from->inode_n; i++)
		to->inodes[i] = inode_copy_safe(from->inodes[i]);
	return to;
}

/* What is on disk is what the next process sees. */
static void start_from_safe(struct sim *s)
{
	for (size_t i = 0; i < s->inode_n; i++)
		if (s->inodes[i] != NULL) {
			sim__content_copy(&s->inodes[i]->content[SIM_NOW], &s->inodes[i]->content[SIM_SAFE]);
			sim__names_copy(&s->inodes[i]->names[SIM_NOW], &s->inodes[i]->names[SIM_SAFE]);
		}
	sim__sweep(s);
}

/* ---- pieces ---- */

static size_t sector_count(const struct sim_op *op)
{
	uint64_t first = op->offset / SIM_SECTOR, last = (op->offset + op->n - 1) / SIM_SECTOR;

	return (size_t)(last - first) + 1;
}

/* The part of a write that lies in its k-th sector. */
static struct slice sector_part(const struct sim_op *op, size_t k, uint64_t *offsetp)
{
	uint64_t begin = (op->offset / SIM_SECTOR + k) * SIM_SECTOR, end = begin + SIM_SECTOR;

	if (begin < op->offset)
		begin = op->offset;
	if (end > op->offset + op->n)
		end = op->offset + op->n;
	*offsetp = begin;
	return slice_of(op->bytes + (begin - op->offset), (size_t)(end - begin));
}

/* Writes what lies in front of the file's end. */
static void write_inside(struct sim_content *c, struct slice bytes, uint64_t offset)
{
	if (offset >= c->size)
		return;
	if (bytes.n > c->size - offset)
		bytes.n = (size_t)(c->size - offset);
	sim__content_write(c, offset, bytes.p, bytes.n);
}

/* ---- random ---- */

static bool is_lucky(struct cut *cut)
{
	return rnd_below(cut->rnd, 8) < cut->chance;
}

/* Up to which operation something on disk is current: all, none, or any moment between. */
static size_t draw_moment(struct cut *cut)
{
	size_t n = cut->from->op_n;

	if (is_lucky(cut))
		return n;
	return rnd_below(cut->rnd, 2) ? 0 : (size_t)rnd_below(cut->rnd, n + 1);
}

static void fate_grow(struct cut *cut, struct fate *fate, size_t sectors)
{
	if (sectors <= fate->sectors)
		return;
	fate->sector_until = mem_resize(fate->sector_until, sectors * sizeof(size_t));
	while (fate->sectors < sectors)
		fate->sector_until[fate->sectors++] = draw_moment(cut);
}

static void survive_write(struct cut *cut, size_t i)
{
	const struct sim_op *op = &cut->from->ops[i];
	struct sim_content *c = &cut->to->inodes[op->inode]->content[SIM_SAFE];
	struct fate *fate = &cut->fates[op->inode];
	size_t first = (size_t)(op->offset / SIM_SECTOR), n = sector_count(op);

	fate_grow(cut, fate, first + n);
	if (op->offset + op->n > c->size && i < fate->size_until)
		sim__content_resize(c, op->offset + op->n);
	for (size_t k = 0; k < n; k++) {
		uint64_t offset;
		struct slice part = sector_part(op, k, &offset);

		if (i < fate->sector_until[first + k])
			write_inside(c, part, offset);
	}
}

/* A rename between directories, caught in the middle: both names are there. */
static void survive_half_rename(struct cut *cut, const struct sim_op *op)
{
	struct sim_op add = { .kind = SIM_OP_ADD, .inode = op->inode, .dir = op->dir, .name = op->name };
	const struct sim_names *from = &cut->to->inodes[op->from_dir]->names[SIM_SAFE];

	if (sim__names_find(from, op->from_name) == op->inode)
		(void)sim__apply(cut->to, &add, SIM_SAFE);
}

static void survive_name(struct cut *cut, const struct sim_op *op)
{
	if (is_lucky(cut))
		(void)sim__apply(cut->to, op, SIM_SAFE);
	else if (op->kind == SIM_OP_RENAME && op->dir != op->from_dir && rnd_below(cut->rnd, 2))
		survive_half_rename(cut, op);
}

static void cut_random(struct cut *cut)
{
	static const unsigned chances[] = { 1, 4, 7 };
	size_t n = cut->from->inode_n;

	cut->chance = chances[rnd_below(cut->rnd, 3)];
	cut->fates = mem_zalloc(n * sizeof *cut->fates);
	for (size_t i = 0; i < n; i++)
		cut->fates[i].size_until = draw_moment(cut);
	for (size_t i = 0; i < cut->from->op_n; i++) {
		const struct sim_op *op = &cut->from->ops[i];

		if (op->kind == SIM_OP_WRITE)
			survive_write(cut, i);
		else if (op->kind != SIM_OP_SIZE)
			survive_name(cut, op);
		else if (i < cut->fates[op->inode].size_until)
			(void)sim__apply(cut->to, op, SIM_SAFE);
	}
	for (size_t i = 0; i < n; i++)
		mem_free(cut->fates[i].sector_until);
	mem_free(cut->fates);
}

/* ---- the plain ones ---- */

static void apply_first(struct cut *cut, size_t n)
{
	for (size_t i = 0; i < n; i++)
		(void)sim__apply(cut->to, &cut->from->ops[i], SIM_SAFE);
}

static void cut_prefix(struct cut *cut)
{
	size_t n = (size_t)rnd_below(cut->rnd, cut->from->op_n + 1), sectors;
	const struct sim_op *torn;

	apply_first(cut, n);
	if (n == cut->from->op_n)
		return;
	torn = &cut->from->ops[n];
	if (torn->kind != SIM_OP_WRITE)
		return;
	sectors = (size_t)rnd_below(cut->rnd, sector_count(torn));
	for (size_t k = 0; k < sectors; k++) {
		uint64_t offset;
		struct slice part = sector_part(torn, k, &offset);

		sim__content_write(&cut->to->inodes[torn->inode]->content[SIM_SAFE], offset, part.p, part.n);
	}
}

struct vfs *sim_after_power_cut(struct vfs *sim, enum sim_cut how, struct rnd *rnd)
{
	struct cut cut = { .from = (struct sim *)sim, .rnd = rnd };

	obj_check(cut.from, SIM_MAGIC);
	must(pthread_mutex_lock(&cut.from->lock) == 0);
	cut.to = copy_safe(cut.from);
	if (how == SIM_CUT_ALL)
		apply_first(&cut, cut.from->op_n);
	else if (how == SIM_CUT_RANDOM)
		cut_random(&cut);
	else if (how == SIM_CUT_PREFIX)
		cut_prefix(&cut);
	must(pthread_mutex_unlock(&cut.from->lock) == 0);
	start_from_safe(cut.to);
	return &cut.to->head;
}
