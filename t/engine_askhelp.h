/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that ask, decided and committed in one thread, reading at once what the commit thread would set aside. */
#ifndef T_ENGINE_ASKHELP_H
#define T_ENGINE_ASKHELP_H

#include "engine/asks.h"
#include "t/engine_world.h"

/* A request in the making, and its answer. */
struct asking {
	struct buf batches, results;
	struct write_reply reply;
	struct write_results rest;
	unsigned readings;               /* how often something had to be read */
};

static inline void asking_fini(struct asking *a)
{
	buf_fini(&a->batches);
	buf_fini(&a->results);
}

static inline void asking_batch(struct asking *a, const struct write_ask *asks, size_t n)
{
	struct buf batch = BUF_INIT;

	for (size_t i = 0; i < n; i++)
		write_batch_add_ask(&batch, &asks[i]);
	write_request_add_batch(&a->batches, buf_slice(&batch));
	buf_fini(&batch);
}

static inline void asking_one(struct asking *a, struct write_ask ask)
{
	asking_batch(a, &ask, 1);
}

static inline struct write_ask ask_put(const char *key, const char *value, enum write_condition c, uint64_t version)
{
	return (struct write_ask){ .op = { .key = slice_str(key), .value = slice_str(value) }, .condition = c, .version = seq(version) };
}

static inline struct write_ask ask_increment(const char *key, int64_t by)
{
	return (struct write_ask){ .op = { .key = slice_str(key) }, .verb = WRITE_INCREMENT, .by = by };
}

static inline struct write_ask ask_range(const char *begin, const char *end)
{
	return (struct write_ask){ .op = { .key = slice_str(begin) }, .verb = WRITE_DELETE_RANGE, .end = slice_str(end) };
}

static inline struct sight *asking_sight(struct world *w, sight_damage_f *tell, void *ctx)
{
	return sight_new(&(struct sight_config){ .truth = w->db.truth, .vfs = w->vfs, .data_dir = w->dir, .budget_bytes = 256u << 20,
						.tell_damage = tell, .damage_ctx = ctx });
}

static inline enum st asking_decide(struct world *w, const struct write_request *r, bool range, struct prepare_job *j, struct decided *d)
{
	return range ? asks_decide_range(&w->db.writer, r, j, d) : asks_decide(&w->db.writer, r, j, d);
}

/* Decides and commits what was asked, under this id; the answer is in a. */
static inline void asking_commit_as(struct world *w, struct sight *s, struct asking *a, uint64_t request)
{
	struct write_request r = { .origin = w->origin, .request_id = request, .oldest_unanswered = 1, .batches = buf_slice(&a->batches) };
	struct buf message = BUF_INIT;
	struct group *g = &w->db.writer.group;
	struct applied_request before;
	struct write_counts counts;
	struct prepare_job j;
	struct decided d;

	write_request_encode(&r, &message);
	ck_ok(write_request_decode(buf_slice(&message), &r, &counts));
	prepare_job_init(&j, r.batches, counts.ranges > 0);
	a->readings = 0;
	if (origins_find(w->db.writer.origins, r.origin, r.request_id, &before)) {
		group_add(g, &r, &counts, 0, NULL);
	} else {
		for (; asking_decide(w, &r, counts.ranges > 0, &j, &d) == ST_BUSY; a->readings++)
			prepare_run(s, &j, NULL);
		group_add_decided(g, &r, &d, NULL);
	}
	ck_ok(group_commit(g));
	a->reply = g->items[0].reply;
	buf_reset(&a->results);
	buf_append_slice(&a->results, a->reply.results);
	a->reply.results = buf_slice(&a->results);
	a->rest = write_results_begin(&a->reply, buf_slice(&a->batches));
	group_reset(g);
	prepare_job_fini(&j);
	buf_fini(&message);
}

static inline void asking_commit(struct world *w, struct sight *s, struct asking *a)
{
	asking_commit_as(w, s, a, ++w->request);
}

static inline struct write_result asking_next(struct asking *a)
{
	struct write_result r;

	ck_assert_int_eq(a->reply.status, ST_OK);
	ck_assert(write_results_next(&a->rest, &r));
	return r;
}

/* One request of one batch of one operation. */
static inline struct write_result ask1(struct world *w, struct sight *s, struct write_ask ask)
{
	struct asking a = { .readings = 0 };
	struct write_result r;

	asking_one(&a, ask);
	asking_commit(w, s, &a);
	r = asking_next(&a);
	asking_fini(&a);
	return r;
}

#endif
