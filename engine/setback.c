/* SPDX-License-Identifier: Apache-2.0 */
/* Who made jobs fail, in no order: there are few; see setback.h. */
#include "engine/setback.h"

#include <stdlib.h>

#define DOUBLINGS_MOST 16u               /* enough to come to SETBACK_MOST_US, too few to overflow */

static struct setback_row *find(struct setback *s, struct file_id table)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->rows[i].table.v == table.v)
			return &s->rows[i];
	return NULL;
}

/* A row for one more table, at the expense of the one whose rest ends first when all are taken (3). */
static struct setback_row *add(struct setback *s, struct file_id table)
{
	struct setback_row *row = &s->rows[0];

	if (s->count < SETBACK_ROWS)
		row = &s->rows[s->count++];
	else
		for (size_t i = 1; i < s->count; i++)
			if (s->rows[i].until_us < row->until_us)
				row = &s->rows[i];
	*row = (struct setback_row){ .table = table };
	return row;
}

static uint64_t rest_us(unsigned failures)
{
	unsigned doublings = failures - 1 < DOUBLINGS_MOST ? failures - 1 : DOUBLINGS_MOST;
	uint64_t us = (uint64_t)SETBACK_FIRST_US << doublings;

	return us < SETBACK_MOST_US ? us : SETBACK_MOST_US;
}

bool setback_blame(struct setback *s, struct file_id table, size_t known, bool certain, uint64_t now_us)
{
	struct setback_row *row = find(s, table);

	if (!row)
		row = add(s, table);
	row->failures++;
	row->known = known;
	row->blamed_us = now_us;
	row->until_us = certain || row->failures > 1 ? now_us + rest_us(row->failures) : 0;
	return row->until_us > 0;
}

static bool is_over(const struct setback_row *row, const struct version *v, uint64_t now_us)
{
	uint64_t since_us = row->until_us ? row->until_us : row->blamed_us;

	return now_us > since_us + SETBACK_FORGET_US || !version_find(v, row->table) ||
	       damages_of_table(version_damages(v), row->table) > row->known;
}

void setback_heed(struct setback *s, const struct version *v, uint64_t now_us)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->count; i++)
		if (!is_over(&s->rows[i], v, now_us))
			s->rows[kept++] = s->rows[i];
	s->count = kept;
}

static int id_order(const void *a, const void *b)
{
	uint64_t x = ((const struct file_id *)a)->v, y = ((const struct file_id *)b)->v;

	return (x > y) - (x < y);
}

size_t setback_resting(const struct setback *s, uint64_t now_us, struct file_id *ids)
{
	size_t n = 0;

	for (size_t i = 0; i < s->count; i++)
		if (s->rows[i].until_us > now_us)
			ids[n++] = s->rows[i].table;
	if (n > 1)
		qsort(ids, n, sizeof(*ids), id_order);
	return n;
}

uint64_t setback_next_us(const struct setback *s, uint64_t now_us)
{
	uint64_t next = 0;

	for (size_t i = 0; i < s->count; i++)
		if (s->rows[i].until_us > now_us && (!next || s->rows[i].until_us < next))
			next = s->rows[i].until_us;
	return next;
}
