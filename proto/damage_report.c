/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The report of damage, written and read in place.
 *
 *   report = block+                 field 16, at least one
 *   block  = [table] [offset]
 */
#include "proto/damage_report.h"

#include "proto/fields.h"

#define BLOCKS_FIELD 16u

void damage_report_add(struct buf *out, struct damaged_block b)
{
	struct buf block = BUF_INIT;

	wire_put_varint(&block, 1, b.table.v);
	wire_put_varint(&block, 2, b.offset);
	wire_put_bytes(out, BLOCKS_FIELD, buf_slice(&block));
	buf_fini(&block);
}

bool damage_report_is(struct slice message)
{
	struct wire_reader r = wire_reader(message);
	struct wire_field f;

	return wire_next(&r, &f) > 0 && f.number == BLOCKS_FIELD;
}

static bool take_block_field(void *into, const struct wire_field *f)
{
	struct damaged_block *b = into;

	switch (f->number) {
	case 1:
		return fields_file_id(f, &b->table);
	case 2:
		return fields_u64(f, &b->offset);
	default:
		return false;
	}
}

enum st damage_report_decode(struct slice message, struct damaged_block *blocks, size_t *np)
{
	struct wire_reader r = wire_reader(message);
	struct wire_field f;
	int more;

	*np = 0;
	while ((more = wire_next(&r, &f)) > 0) {
		struct damaged_block *b = &blocks[*np];

		if (*np == DAMAGE_REPORT_MAX)
			return fail(ST_TOO_BIG, "a report of damage names more than %u blocks", DAMAGE_REPORT_MAX);
		*b = (struct damaged_block){ .offset = 0 };
		if (f.number != BLOCKS_FIELD || f.type != WIRE_BYTES || fields_read_all(f.bytes, take_block_field, b) ||
		    b->table.v == 0)
			return fail(ST_INVALID, "a report of damage makes no sense");
		++*np;
	}
	return more < 0 ? fail(ST_INVALID, "a report of damage is cut short") : ST_OK;
}
