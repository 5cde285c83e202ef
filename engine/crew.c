/* SPDX-License-Identifier: Apache-2.0 */
/* The compactors' places, and messages to them; see crew.h. */
#include "engine/crew.h"

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/table/filename.h"
#include "proto/limits.h"

enum st crew_listen(struct crew *c, const struct conf *conf, link_notify_f *notify, void *ctx)
{
	enum st st = ST_OK;

	c->count = (unsigned)conf->compactor_workers;
	c->workers = mem_zalloc(c->count * sizeof(*c->workers));
	for (unsigned i = 0; i < c->count && !st; i++)
		st = link_listen(path_compactor_socket(conf->run_dir, i).s, COMPACT_MESSAGE_MAX, notify, ctx, &c->workers[i].link);
	return st;
}

void crew_guard(struct crew *c)
{
	for (unsigned i = 0; i < c->count; i++)
		link_guard(c->workers[i].link);
}

size_t crew_there(const struct crew *c)
{
	size_t n = 0;

	for (unsigned i = 0; i < c->count; i++)
		n += c->workers[i].connection != 0;
	return n;
}

static bool is_idle(const struct worker *w)
{
	return w->connection && !w->job && !w->owes;
}

size_t crew_idle(const struct crew *c)
{
	size_t n = 0;

	for (unsigned i = 0; i < c->count; i++)
		n += is_idle(&c->workers[i]);
	return n;
}

void crew_seat(struct crew *c, struct compaction *job)
{
	size_t part = 0;

	for (unsigned i = 0; i < c->count && part < job->part_count; i++) {
		if (!is_idle(&c->workers[i]))
			continue;
		c->workers[i].job = job;
		c->workers[i].part = part++;
	}
}

/* ---- messages ---- */

static enum st send(struct worker *w, const struct buf *b)
{
	struct link_msg *m = link_msg_new(b->n);

	memcpy(link_msg_body(m), b->p, b->n);
	return link_send(w->link, w->connection, &m);
}

static enum st send_part(struct worker *w, const struct compaction *job, const struct compact_order *common)
{
	struct buf b = BUF_INIT;
	enum st st;

	compaction_encode(job, w->part, common, &b);
	st = send(w, &b);
	buf_fini(&b);
	return st;
}

/* Those from this one on have heard nothing of the job: they owe no word about it. */
static void unseat(struct crew *c, unsigned from, const struct compaction *job)
{
	for (unsigned i = from; i < c->count; i++)
		if (c->workers[i].job == job)
			c->workers[i].job = NULL;
}

enum st crew_order(struct crew *c, const struct compaction *job, const struct compact_order *common)
{
	struct compact_order o = *common;
	enum st st = ST_OK;

	o.incarnation = c->incarnation;
	o.rate_limit = c->rate_told;
	for (unsigned i = 0; i < c->count && !st; i++) {
		if (c->workers[i].job == job)
			st = send_part(&c->workers[i], job, &o);
		if (st)
			unseat(c, i, job);
	}
	return st;
}

/* A word about the job that the worker is at. Whether it arrives does not matter: one that is gone needs no word. */
static void send_word(const struct crew *c, struct worker *w, const struct compact_order *word)
{
	struct compact_order o = *word;
	struct buf b = BUF_INIT;

	o.incarnation = c->incarnation;
	o.job = w->job->number;
	compact_order_encode(&o, &b);
	if (send(w, &b))
		log_debug("a compactor is gone before it could be told");
	buf_fini(&b);
}

static void cancel(const struct crew *c, struct worker *w)
{
	const struct compaction_part *part = &w->job->parts[w->part];

	send_word(c, w, &(struct compact_order){ .cancel = true });
	w->owes = w->job->number;
	w->owes_first = part->first_output;
	w->owes_count = part->id_count;
}

void crew_cancel(struct crew *c, const struct compaction *job)
{
	for (unsigned i = 0; i < c->count; i++) {
		struct worker *w = &c->workers[i];

		if (w->job != job)
			continue;
		if (w->connection)
			cancel(c, w);
		w->job = NULL;
	}
}

static uint64_t share_of(const struct crew *c, uint64_t rate)
{
	uint64_t working = 0;

	for (unsigned i = 0; i < c->count; i++)
		working += c->workers[i].job != NULL;
	return rate == 0 ? 0 : rate / (working ? working : 1) + 1;
}

void crew_share_rate(struct crew *c, uint64_t rate, const struct compaction *fresh)
{
	struct compact_order word = { .adjust = true, .rate_limit = share_of(c, rate) };

	if (word.rate_limit == c->rate_told)
		return;
	c->rate_told = word.rate_limit;
	for (unsigned i = 0; i < c->count; i++)
		if (c->workers[i].job && c->workers[i].job != fresh)
			send_word(c, &c->workers[i], &word);
}
