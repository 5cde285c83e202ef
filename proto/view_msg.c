/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The published view, written and read in place (view.proto). It is published whole at every change and may
 * name LIST_MAX tables, so both ways are one pass over the tables with no intermediate structs; sizes of
 * nested messages are computed, not found by writing twice.
 *
 *   view  = [incarnation] [generation] memtable* level* [database] damage*
 *   level = [number] table*
 *
 * Runs in the engine's publishing thread (encode), and wherever a view is attached (decode).
 */
#include "proto/view_msg.h"

#include "proto/fields.h"
#include "proto/limits.h"

#define MEMTABLES_FIELD 3u
#define LEVELS_FIELD 4u
#define DATABASE_FIELD 5u
#define DAMAGE_FIELD 6u
#define TABLES_FIELD 2u              /* of ViewLevel */
#define DAMAGE_KEY_MAX (KEY_MAX_BYTES + 1)      /* the smallest key behind the longest one is one longer */

/* ---- writing ---- */

static size_t number_size(uint64_t v)
{
	return v ? 1 + varint_size(v) : 0;
}

static size_t bytes_size(size_t n)
{
	return 1 + varint_size(n) + n;
}

static size_t table_size(const struct view_table *t)
{
	size_t n = number_size(t->id.v) + number_size(t->size_bytes);

	n += t->min_key.n ? bytes_size(t->min_key.n) : 0;
	n += t->max_key.n ? bytes_size(t->max_key.n) : 0;
	n += number_size(t->max_seq.v) + number_size(t->entry_count);
	return n + number_size(t->compacting);
}

static size_t level_size(unsigned number, const struct view_level *l)
{
	size_t n = number_size(number);

	for (size_t i = 0; i < l->count; i++)
		n += bytes_size(table_size(&l->tables[i]));
	return n;
}

/* Tag and length of a nested message. */
static void put_head(struct buf *out, uint32_t field, size_t n)
{
	uint8_t *begin = buf_reserve(out, 2 * VARINT_MAX_BYTES), *p = begin;

	p = put_varint(p, (uint64_t)field << 3 | WIRE_BYTES);
	p = put_varint(p, n);
	out->n += (size_t)(p - begin);
}

static void put_table(struct buf *out, const struct view_table *t)
{
	put_head(out, TABLES_FIELD, table_size(t));
	wire_put_varint(out, 1, t->id.v);
	wire_put_varint(out, 2, t->size_bytes);
	wire_put_bytes(out, 3, t->min_key);
	wire_put_bytes(out, 4, t->max_key);
	wire_put_varint(out, 5, t->max_seq.v);
	wire_put_varint(out, 6, t->entry_count);
	wire_put_varint(out, 7, t->compacting);
}

static void put_level(struct buf *out, unsigned number, const struct view_level *l)
{
	put_head(out, LEVELS_FIELD, level_size(number, l));
	wire_put_varint(out, 1, number);
	for (size_t i = 0; i < l->count; i++)
		put_table(out, &l->tables[i]);
}

static size_t damage_size(const struct table_damage *d)
{
	size_t n = number_size(d->record) + number_size(d->table.v) + number_size(d->offset);

	n += d->min.n ? bytes_size(d->min.n) : 0;
	n += d->max.n ? bytes_size(d->max.n) : 0;
	return n + number_size(d->max_seq.v);
}

static void put_damage(struct buf *out, const struct table_damage *d)
{
	put_head(out, DAMAGE_FIELD, damage_size(d));
	wire_put_varint(out, 1, d->record);
	wire_put_varint(out, 2, d->table.v);
	wire_put_varint(out, 3, d->offset);
	wire_put_bytes(out, 4, d->min);
	wire_put_bytes(out, 5, d->max);
	wire_put_varint(out, 6, d->max_seq.v);
}

void view_desc_encode(const struct view_desc *v, struct buf *out)
{
	wire_put_fixed64(out, 1, v->incarnation);
	wire_put_varint(out, 2, v->generation);
	for (size_t i = 0; i < v->memtable_count; i++) {
		put_head(out, MEMTABLES_FIELD, number_size(v->memtables[i].v));
		wire_put_varint(out, 1, v->memtables[i].v);
	}
	for (unsigned i = 0; i < LEVEL_COUNT; i++)
		if (v->levels[i].count)
			put_level(out, i, &v->levels[i]);
	wire_put_fixed64(out, DATABASE_FIELD, v->database);
	for (size_t i = 0; i < v->damage_count; i++)
		put_damage(out, &v->damage[i]);
}

/* ---- reading ---- */

/* Counts the fields of a run and leaves its bytes in *runp; false: more than a list may have. */
static bool take_run(struct wire_reader *r, uint32_t number, struct slice *runp, size_t *np)
{
	struct wire_reader in;
	struct wire_field f;

	*runp = fields_run(r, number);
	*np = 0;
	in = wire_reader(*runp);
	while (wire_next(&in, &f) > 0)
		++*np;
	return *np <= LIST_MAX;
}

static bool take_table_field(void *into, const struct wire_field *f)
{
	struct view_table *t = into;

	switch (f->number) {
	case 1:
		return fields_file_id(f, &t->id);
	case 2:
		return fields_u64(f, &t->size_bytes);
	case 3:
		return fields_bytes(f, &t->min_key);
	case 4:
		return fields_bytes(f, &t->max_key);
	case 5:
		return fields_seq(f, &t->max_seq);
	case 6:
		return fields_u64(f, &t->entry_count);
	case 7:
		return fields_bool(f, &t->compacting);
	default:
		return false;
	}
}

static bool key_ok(struct slice key)
{
	return key.n >= 1 && key.n <= KEY_MAX_BYTES;
}

/* A table by itself, and behind the one before it (NULL: none) on its level. */
static const char *check_table(const struct view_table *t, const struct view_table *before, unsigned level)
{
	if (t->id.v == 0 || !key_ok(t->min_key) || !key_ok(t->max_key) ||
	    slice_cmp(t->min_key, t->max_key) > 0)
		return "names a table that cannot be";
	if (!before)
		return NULL;
	if (level == 0 ? before->max_seq.v < t->max_seq.v : slice_cmp(before->max_key, t->min_key) >= 0)
		return "has tables out of order";
	return NULL;
}

static const char *read_tables(struct slice run, unsigned level, struct view_level *l)
{
	struct wire_reader r = wire_reader(run);
	struct wire_field f;
	const char *wrong = NULL;

	for (size_t i = 0; i < l->count && !wrong && wire_next(&r, &f) > 0; i++) {
		l->tables[i] = (struct view_table){ .size_bytes = 0 };
		wrong = fields_read_all(f.bytes, take_table_field, &l->tables[i]);
		if (!wrong)
			wrong = check_table(&l->tables[i], i ? &l->tables[i - 1] : NULL, level);
	}
	return wrong;
}

static bool take_level_number(void *into, const struct wire_field *f)
{
	return f->number == 1 && fields_u32(f, into);
}

/* One level into its place; *nextp is the lowest number it may have. */
static const char *read_level(struct slice message, struct arena *a, struct view_desc *v, uint32_t *nextp)
{
	struct wire_reader r = wire_reader(message);
	struct view_level *l;
	struct slice run;
	uint32_t number = 0;
	const char *wrong = fields_read(&r, TABLES_FIELD, take_level_number, &number);

	if (wrong)
		return wrong;
	if (number < *nextp || number >= LEVEL_COUNT)
		return "has a level out of order";
	*nextp = number + 1;
	l = &v->levels[number];
	if (!take_run(&r, TABLES_FIELD, &run, &l->count))
		return "has too many tables";
	if (r.at != r.end || l->count == 0)
		return "has a level with no tables or more than tables";
	l->tables = arena_alloc(a, l->count * sizeof *l->tables);
	return read_tables(run, number, l);
}

static const char *read_levels(struct slice run, struct arena *a, struct view_desc *v)
{
	struct wire_reader r = wire_reader(run);
	struct wire_field f;
	const char *wrong = NULL;
	uint32_t next = 0;

	while (!wrong && wire_next(&r, &f) > 0)
		wrong = read_level(f.bytes, a, v, &next);
	return wrong;
}

static bool take_memtable_field(void *into, const struct wire_field *f)
{
	return f->number == 1 && fields_file_id(f, into);
}

static const char *read_memtables(struct slice run, struct arena *a, struct view_desc *v)
{
	struct wire_reader r = wire_reader(run);
	struct wire_field f;
	const char *wrong;

	v->memtables = arena_alloc(a, v->memtable_count * sizeof *v->memtables);
	for (size_t i = 0; i < v->memtable_count && wire_next(&r, &f) > 0; i++) {
		v->memtables[i] = file_id(0);
		wrong = fields_read_all(f.bytes, take_memtable_field, &v->memtables[i]);
		if (wrong)
			return wrong;
		if (v->memtables[i].v == 0)
			return "names a memtable that cannot be";
	}
	return NULL;
}

static bool take_damage_field(void *into, const struct wire_field *f)
{
	struct table_damage *d = into;

	switch (f->number) {
	case 1:
		return fields_u64(f, &d->record);
	case 2:
		return fields_file_id(f, &d->table);
	case 3:
		return fields_u64(f, &d->offset);
	case 4:
		return fields_bytes(f, &d->min);
	case 5:
		return fields_bytes(f, &d->max);
	case 6:
		return fields_seq(f, &d->max_seq);
	default:
		return false;
	}
}

static const char *check_damage(const struct table_damage *d, const struct table_damage *before)
{
	if (d->record == 0 || d->table.v == 0 || d->min.n == 0 || d->max.n == 0 || d->min.n > DAMAGE_KEY_MAX ||
	    d->max.n > DAMAGE_KEY_MAX || slice_cmp(d->min, d->max) > 0)
		return "names damage that cannot be";
	return before && slice_cmp(before->min, d->min) > 0 ? "has damage out of order" : NULL;
}

static const char *read_damage(struct slice run, struct arena *a, struct view_desc *v)
{
	struct wire_reader r = wire_reader(run);
	struct wire_field f;
	const char *wrong = NULL;

	v->damage = arena_alloc(a, v->damage_count * sizeof *v->damage);
	for (size_t i = 0; i < v->damage_count && !wrong && wire_next(&r, &f) > 0; i++) {
		v->damage[i] = (struct table_damage){ .record = 0 };
		wrong = fields_read_all(f.bytes, take_damage_field, &v->damage[i]);
		if (!wrong)
			wrong = check_damage(&v->damage[i], i ? &v->damage[i - 1] : NULL);
	}
	return wrong;
}

static bool take_view_field(void *into, const struct wire_field *f)
{
	struct view_desc *v = into;

	switch (f->number) {
	case 1:
		return fields_fixed64(f, &v->incarnation);
	case 2:
		return fields_u64(f, &v->generation);
	default:
		return false;
	}
}

static bool take_database(void *into, const struct wire_field *f)
{
	return f->number == DATABASE_FIELD && fields_fixed64(f, into);
}

static const char *read_view(struct slice message, struct arena *a, struct view_desc *v)
{
	struct wire_reader r = wire_reader(message);
	struct slice memtables, levels, damage;
	size_t level_count;
	const char *wrong = fields_read(&r, MEMTABLES_FIELD, take_view_field, v);

	if (wrong)
		return wrong;
	if (!take_run(&r, MEMTABLES_FIELD, &memtables, &v->memtable_count) ||
	    !take_run(&r, LEVELS_FIELD, &levels, &level_count))
		return "has too long a list";
	wrong = fields_read(&r, DAMAGE_FIELD, take_database, &v->database);
	if (wrong)
		return wrong;
	if (!take_run(&r, DAMAGE_FIELD, &damage, &v->damage_count))
		return "has too long a list";
	if (r.at != r.end)
		return "has more than a view";
	wrong = read_memtables(memtables, a, v);
	if (!wrong)
		wrong = read_levels(levels, a, v);
	return wrong ? wrong : read_damage(damage, a, v);
}

enum st view_desc_decode(struct slice message, struct arena *a, struct view_desc *vp)
{
	const char *wrong;

	*vp = (struct view_desc){ .generation = 0 };
	wrong = read_view(arena_dup(a, message), a, vp);
	if (wrong)
		*vp = (struct view_desc){ .generation = 0 };
	return wrong ? fail(ST_INVALID, "view %s", wrong) : ST_OK;
}
