/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which write requests were applied, per origin.
 *
 *   origin a: floor 7   applied 8 10 11        ids below 7: settled at the asker; 9 was never applied
 *   origin b: floor 1   applied (none)
 *
 * 1. The applied ids of an origin rise, and are all >= its floor.
 * 2. An id below the floor counts as applied, with no result to tell: its asker has had an answer, so whoever
 *    sends it now is late (a leftover of an older connection), and applying it again would be wrong.
 * 3. At most ORIGIN_WINDOW_MAX ids are kept; beyond that the smallest is settled by force.
 * 4. Results of requests that were decided are owned here, ORIGINS_RESULTS_MAX bytes of them at most: beyond that results
 *    are lost, those of the least recently seen origin first, of the smallest ids first. The ids stay applied: a repeat is
 *    never applied again, and its asker is told that the outcome is not known any more.
 *
 * There are few origins (one per frontend process, ever), so they are searched one by one.
 */
#include "engine/origins.h"

#include "common/base/mem.h"
#include "common/base/must.h"

#define ORIGINS_MAGIC 0x0419e5a7u

struct origin {
	uint64_t id, floor;
	uint64_t last_seen;              /* of origins.clock */
	struct applied_request *applied; /* [begin, end) are in use */
	size_t begin, end, capacity;
	size_t result_bytes;             /* of those */
};

struct origins {
	uint32_t magic;
	uint64_t clock;
	size_t count, result_bytes;
	struct origin list[ORIGINS_MAX];
};

struct origins *origins_new(void)
{
	struct origins *o = mem_zalloc(sizeof *o);

	obj_init(o, ORIGINS_MAGIC);
	return o;
}

static void drop_results(struct origins *o, struct origin *g, struct applied_request *a)
{
	o->result_bytes -= a->results.n;
	g->result_bytes -= a->results.n;
	mem_free((void *)(uintptr_t)a->results.p);
	a->results = slice_of(NULL, 0);
}

static void forget(struct origins *o, struct origin *g)
{
	for (size_t i = g->begin; i < g->end; i++)
		drop_results(o, g, &g->applied[i]);
	mem_free(g->applied);
}

static void forget_all(struct origins *o)
{
	for (size_t i = 0; i < o->count; i++)
		forget(o, &o->list[i]);
	o->count = 0;
}

void origins_free(struct origins **op)
{
	if (!*op)
		return;
	obj_check(*op, ORIGINS_MAGIC);
	forget_all(*op);
	obj_fini(*op);
	mem_drop(op);
}

static const struct origin *look_up(const struct origins *o, uint64_t id)
{
	for (size_t i = 0; i < o->count; i++)
		if (o->list[i].id == id)
			return &o->list[i];
	return NULL;
}

static struct origin *least_seen(struct origins *o)
{
	struct origin *oldest = &o->list[0];

	for (size_t i = 1; i < o->count; i++)
		if (o->list[i].last_seen < oldest->last_seen)
			oldest = &o->list[i];
	return oldest;
}

/* A free place: the next one, or that of the least recently seen. */
static struct origin *make_room(struct origins *o)
{
	struct origin *oldest;

	if (o->count < ORIGINS_MAX)
		return &o->list[o->count++];
	oldest = least_seen(o);
	forget(o, oldest);
	return oldest;
}

static struct origin *touch(struct origins *o, uint64_t id)
{
	struct origin *g = (struct origin *)(uintptr_t)look_up(o, id);

	obj_check(o, ORIGINS_MAGIC);
	if (!g) {
		g = make_room(o);
		*g = (struct origin){ .id = id };
	}
	g->last_seen = ++o->clock;
	return g;
}

/* The first place whose id is >= request_id. */
static size_t place_of(const struct origin *g, uint64_t request_id)
{
	size_t lo = g->begin, hi = g->end;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (g->applied[mid].request_id < request_id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

bool origins_find(const struct origins *o, uint64_t origin, uint64_t request_id, struct applied_request *ap)
{
	const struct origin *g = look_up(o, origin);
	size_t at;

	*ap = (struct applied_request){ .request_id = request_id };
	if (!g)
		return false;
	if (request_id < g->floor)
		return true;
	at = place_of(g, request_id);
	if (at == g->end || g->applied[at].request_id != request_id)
		return false;
	*ap = g->applied[at];
	return true;
}

/* Forgets ids below floor. The floor never goes back. */
static void raise_floor(struct origins *o, struct origin *g, uint64_t floor)
{
	size_t begin;

	if (floor <= g->floor)
		return;
	g->floor = floor;
	begin = place_of(g, floor);
	for (; g->begin < begin; g->begin++)
		if (g->applied[g->begin].results.n)
			drop_results(o, g, &g->applied[g->begin]);
	if (g->begin == g->end)
		g->begin = g->end = 0;
}

/* One more place at the end: moves the ids to the front when half is unused, so that each moves O(1) times. */
static void room_at_end(struct origin *g)
{
	size_t n = g->end - g->begin;

	if (g->end < g->capacity)
		return;
	if (n <= g->capacity / 2 && n > 0) {
		memmove(g->applied, g->applied + g->begin, n * sizeof *g->applied);
		g->begin = 0;
		g->end = n;
		return;
	}
	g->capacity = g->capacity ? g->capacity * 2 : 16;
	g->applied = mem_resize(g->applied, g->capacity * sizeof *g->applied);
}

/* The origin least recently seen, but for g, that keeps results; NULL: none. */
static struct origin *oldest_with_results(struct origins *o, const struct origin *g)
{
	struct origin *oldest = NULL;

	for (size_t i = 0; i < o->count; i++)
		if (&o->list[i] != g && o->list[i].result_bytes && (!oldest || o->list[i].last_seen < oldest->last_seen))
			oldest = &o->list[i];
	return oldest;
}

/* Lets go of the results of the smallest id that has some; the id stays applied. */
static void lose_results(struct origins *o, struct origin *g)
{
	size_t i = g->begin;

	while (i < g->end && g->applied[i].results.n == 0)
		i++;
	must(i < g->end);
	drop_results(o, g, &g->applied[i]);
}

/* Sees to it that not too many bytes of results are kept; g, which was just seen, has more. */
static void bound_results(struct origins *o, struct origin *g)
{
	while (o->result_bytes > ORIGINS_RESULTS_MAX) {
		struct origin *oldest = oldest_with_results(o, g);

		lose_results(o, oldest ? oldest : g);
	}
}

static void keep_results(struct origins *o, struct origin *g, size_t at, struct slice results)
{
	if (results.n == 0)
		return;
	g->applied[at].results = slice_of(mem_dup(results.p, results.n), results.n);
	o->result_bytes += results.n;
	g->result_bytes += results.n;
	bound_results(o, g);
}

void origins_record(struct origins *o, uint64_t origin, const struct applied_request *a)
{
	struct origin *g = touch(o, origin);
	size_t at;

	if (a->request_id < g->floor)
		return;
	room_at_end(g);
	at = place_of(g, a->request_id);
	if (at == g->end || g->applied[at].request_id != a->request_id) {
		memmove(g->applied + at + 1, g->applied + at, (g->end - at) * sizeof *g->applied);
		g->end++;
	} else {
		drop_results(o, g, &g->applied[at]);
	}
	g->applied[at] = *a;
	g->applied[at].results = slice_of(NULL, 0);
	keep_results(o, g, at, a->results);
	g = touch(o, origin);
	if (g->end - g->begin > ORIGIN_WINDOW_MAX)
		raise_floor(o, g, g->applied[g->begin].request_id + 1);
}

void origins_settle(struct origins *o, uint64_t origin, uint64_t oldest_unanswered)
{
	raise_floor(o, touch(o, origin), oldest_unanswered);
}

/* Least recently seen first, so that restoring in this order keeps the order of forgetting. */
void origins_encode(const struct origins *o, struct buf *out)
{
	uint64_t done = 0;

	obj_check(o, ORIGINS_MAGIC);
	for (size_t i = 0; i < o->count; i++) {
		const struct origin *next = NULL;
		const struct applied_request *first;

		for (size_t j = 0; j < o->count; j++)
			if (o->list[j].last_seen > done && (!next || o->list[j].last_seen < next->last_seen))
				next = &o->list[j];
		must(next != NULL);
		done = next->last_seen;
		first = next->applied ? next->applied + next->begin : NULL;
		origin_state_encode(next->id, next->floor, first, next->end - next->begin, out);
	}
}

void origins_restore(struct origins *o, struct slice encoded)
{
	struct origin_walk w = { encoded };
	struct applied_request *applied;
	uint64_t id, floor;
	size_t n;

	obj_check(o, ORIGINS_MAGIC);
	forget_all(o);
	while (origin_walk_next(&w, &id, &floor, &applied, &n)) {
		origins_settle(o, id, floor);
		for (size_t i = 0; i < n; i++)
			origins_record(o, id, &applied[i]);
		mem_free(applied);
	}
}
