/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of compactor/ share: a data directory, an order over random inputs, and the oracle's answer
 * to it. */
#ifndef T_COMPACTOR_HELP_H
#define T_COMPACTOR_HELP_H

#include "common/table/filename.h"
#include "common/vfs/vfs.h"
#include "compactor/job.h"
#include "t/table_help.h"

#define HELP_NOW_MS ((int64_t)1 << 41)    /* half of help_random()'s expiry times lie before it */
#define HELP_FIRST_OUTPUT 1000u
#define HELP_FIRST_INPUT 11u
#define HELP_INPUTS_MAX 8u

/* Random entries, cut into inputs; what a job must make of them under the order. */
struct help_job {
	struct vfs *vfs;
	const char *dir;
	int64_t now_ms;                      /* what the job takes for now */
	struct help_set all;                 /* everything, in entry order */
	unsigned char *dealt;                /* the input that each of these is in */
	struct compact_order order;
	struct compact_input inputs[HELP_INPUTS_MAX];
	struct key_range deeper[2];
	char bounds[4][16];
};

static inline void help_folders(struct vfs *v, const char *dir)
{
	ck_assert_int_eq(vfs_mkdir(v, dir), ST_OK);
	ck_assert_int_eq(vfs_mkdir(v, path_sst_dir(dir).s), ST_OK);
	ck_assert_int_eq(vfs_mkdir(v, path_tmp_dir(dir).s), ST_OK);
}

/* Deals the entries out to n inputs and writes these; an input that gets none is not there. */
static inline void help_write_inputs(struct help_job *h, struct rnd *rnd, size_t n, unsigned codec)
{
	struct help_set parts[HELP_INPUTS_MAX] = { { NULL, 0, 0 } };

	h->dealt = mem_alloc(h->all.n + 1);
	for (size_t i = 0; i < h->all.n; i++) {
		struct help_set *p = &parts[h->dealt[i] = (unsigned char)rnd_below(rnd, n)];

		if (p->n == p->room) {
			p->room = p->room ? p->room * 2 : 64;
			p->e = mem_resize(p->e, p->room * sizeof *p->e);
		}
		p->e[p->n++] = h->all.e[i];
	}
	h->order.inputs = h->inputs;
	for (size_t i = 0; i < n; i++) {
		struct file_id id = file_id(HELP_FIRST_INPUT + i);
		struct table_summary s;

		if (parts[i].n > 0) {
			s = help_write_to(h->vfs, path_sst(h->dir, id).s, &parts[i],
					  (struct table_options){ .codec = codec }, id.v);
			h->inputs[h->order.input_count++] = (struct compact_input){ id, i > 0, s.size_bytes };
		}
		mem_free(parts[i].e);
	}
}

/* Two ranges over about half of help_random()'s keys. */
static inline void help_deeper(struct help_job *h, struct rnd *rnd, size_t entries)
{
	for (int i = 0; i < 2; i++) {
		uint64_t sixth = entries / 18 + 1, from = (uint64_t)(3 * i) * sixth + rnd_below(rnd, sixth);

		char *min = h->bounds[2 * i], *max = h->bounds[2 * i + 1];

		snprintf(min, sizeof h->bounds[0], "key/%06u", (unsigned)from % 1000000);
		snprintf(max, sizeof h->bounds[0], "key/%06u", (unsigned)(from + 2 * sixth) % 1000000);
		h->deeper[i] = (struct key_range){ slice_str(min), slice_str(max) };
	}
	h->order.deeper = h->deeper;
	h->order.deeper_count = 2;
}

static inline void help_job_begin(struct help_job *h, struct vfs *v, const char *dir, struct rnd *rnd,
				  size_t entries)
{
	*h = (struct help_job){ .vfs = v, .dir = dir, .now_ms = HELP_NOW_MS };
	help_folders(v, dir);
	help_random(&h->all, rnd, entries, 300);
	h->order = (struct compact_order){
		.incarnation = 5, .job = 9, .database = DATABASE, .output_level = 1,
		.first_output_id = file_id(HELP_FIRST_OUTPUT), .output_id_count = 50,
		.table_size_target = 8192, .codec = BLOCK_COMPRESSION_FAST,
	};
	help_write_inputs(h, rnd, 1 + rnd_below(rnd, HELP_INPUTS_MAX), (unsigned)rnd_below(rnd, 3));
	help_deeper(h, rnd, entries);
}

static inline void help_job_end(struct help_job *h)
{
	help_free(&h->all);
	mem_free(h->dealt);
}

/* Is the i-th entry one that the job rewrites, and none of a cover? */
static inline bool help_is_own(const struct help_job *h, size_t i)
{
	return h->order.cover_count == 0 || HELP_FIRST_INPUT + h->dealt[i] == h->inputs[h->order.cover_count].id.v;
}

static inline bool help_covered(const struct help_job *h, struct slice key)
{
	for (size_t i = 0; i < h->order.deeper_count; i++)
		if (slice_cmp(h->deeper[i].min, key) <= 0 && slice_cmp(key, h->deeper[i].max) <= 0)
			return true;
	return false;
}

/* The oracle: the newest version of a key stays, unless it hides nothing that is left. */
static inline bool help_stays(const struct help_job *h, size_t i)
{
	const struct entry *e = &h->all.e[i];

	if (!help_is_own(h, i) || (i > 0 && slice_eq(h->all.e[i - 1].key, e->key)))
		return false;
	if (!e->is_tombstone && !entry_has_expired(e, h->now_ms))
		return true;
	return help_covered(h, e->key);
}

/* As what the i-th entry stays. */
static inline struct entry help_remains(const struct help_job *h, size_t i)
{
	const struct entry *e = &h->all.e[i];

	return !e->is_tombstone && entry_has_expired(e, h->now_ms) ? entry_buried(e) : *e;
}

/* The i-th and following entries that stay, held against one output; gives the index behind the last one. */
static inline size_t help_check_output(struct help_job *h, const char *path, const struct table_facts *f,
				       size_t i)
{
	const struct table_props *p;
	struct table_reader *r;
	uint64_t entries = 0, tombstones = 0, expiring = 0;
	struct entry remains;
	struct iter *it;

	ck_assert_int_eq(table_open(h->vfs, path, f->id, DATABASE, NULL, &r), ST_OK);
	ck_assert_int_eq(table_verify_file(r, f->file_crc), ST_OK);
	it = table_iter_new(r, true);
	for (iter_first(it); it->valid; iter_next(it), i++) {
		while (i < h->all.n && !help_stays(h, i))
			i++;
		ck_assert(i < h->all.n);
		remains = help_remains(h, i);
		ck_assert(help_same(&it->entry, &remains));
		entries++;
		tombstones += it->entry.is_tombstone;
		expiring += it->entry.expires_at_ms != 0 && !it->entry.is_tombstone;
	}
	ck_assert_int_eq(it->status, ST_OK);
	p = table_props(r);
	ck_assert(slice_eq(p->min_key, f->min_key) && slice_eq(p->max_key, f->max_key));
	ck_assert(p->min_seq.v == f->min_seq.v && p->max_seq.v == f->max_seq.v);
	ck_assert_uint_eq(p->level, h->order.output_level);
	ck_assert(f->size_bytes == p->size_bytes && f->uncompressed_bytes == p->uncompressed_bytes);
	ck_assert(f->expiring_count == expiring && p->expiring_count == expiring);
	ck_assert(f->min_expires_ms == p->min_expires_ms && f->max_expires_ms == p->max_expires_ms);
	ck_assert(f->entry_count == entries && f->tombstone_count == tombstones && entries > 0);
	iter_free(&it);
	table_close(&r);
	return i;
}

/* The outputs of a successful report are exactly what the oracle says, in order, as reported. */
static inline void help_check_outputs(struct help_job *h, const struct compact_report *r)
{
	size_t i = 0;

	for (size_t t = 0; t < r->output_count; t++) {
		const struct table_facts *f = &r->outputs[t];

		ck_assert_uint_eq(f->id.v, h->order.first_output_id.v + t);
		if (t > 0)
			ck_assert(slice_cmp(f[-1].max_key, f->min_key) < 0);
		i = help_check_output(h, path_tmp_sst(h->dir, f->id).s, f, i);
	}
	for (; i < h->all.n; i++)
		ck_assert(!help_stays(h, i));
}

static inline enum st help_count_name(void *ctx, const char *name)
{
	(void)name;
	++*(unsigned *)ctx;
	return ST_OK;
}

static inline unsigned help_files_in_tmp(const struct help_job *h)
{
	unsigned n = 0;

	ck_assert_int_eq(vfs_list(h->vfs, path_tmp_dir(h->dir).s, help_count_name, &n), ST_OK);
	return n;
}

#endif
