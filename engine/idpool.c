/* SPDX-License-Identifier: Apache-2.0 */
/* File ids in blocks; see idpool.h for what holds. */
#include "engine/idpool.h"

#include "common/base/must.h"

void idpool_init(struct idpool *p, struct manifest *m, struct file_id first)
{
	must(first.v > 0);
	*p = (struct idpool){ .manifest = m, .next = first.v, .reserved = first.v };
}

void idpool_skip_below(struct idpool *p, struct file_id id)
{
	if (id.v > p->next)
		p->next = id.v;
	if (p->next > p->reserved)
		p->reserved = p->next;
}

enum st idpool_take(struct idpool *p, uint32_t n, struct file_id *firstp)
{
	uint64_t upto = p->next + n;
	enum st st;

	*firstp = file_id(0);
	if (upto > p->reserved) {
		st = manifest_reserve_ids(p->manifest, file_id(upto + IDPOOL_BLOCK));
		if (st)
			return st;
		p->reserved = upto + IDPOOL_BLOCK;
	}
	*firstp = file_id(p->next);
	p->next = upto;
	return ST_OK;
}
