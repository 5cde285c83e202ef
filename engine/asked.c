/* SPDX-License-Identifier: Apache-2.0 */
/* The compaction that was asked for; see asked.h. */
#include "engine/asked.h"

#include "common/base/log.h"
#include "engine/levels.h"

void asked_init(struct asked *a)
{
	*a = (struct asked){ .status = { .state = ASKED_NEVER } };
	pthread_mutex_init(&a->lock, NULL);
}

void asked_begin(struct asked *a, struct seq up_to, uint64_t now_us)
{
	pthread_mutex_lock(&a->lock);
	if (a->status.state != ASKED_UNDER_WAY)
		a->status = (struct asked_status){ .state = ASKED_UNDER_WAY, .began_us = now_us };
	a->status.up_to = up_to;
	a->progress_us = now_us;
	a->failures = 0;
	pthread_mutex_unlock(&a->lock);
}

/* The lock is held. */
static void end(struct asked *a, enum asked_state state, const char *why, uint64_t now_us)
{
	a->status.state = state;
	a->status.why = why;
	a->status.ended_us = now_us;
	if (state == ASKED_DONE)
		log_info("The compaction that was asked for is done.");
	else
		log_warn("The compaction that was asked for ends early: %s.", why);
}

void asked_note(struct asked *a, uint64_t bytes_in, uint64_t bytes_out, uint64_t now_us)
{
	pthread_mutex_lock(&a->lock);
	if (a->status.state == ASKED_UNDER_WAY) {
		a->status.jobs++;
		a->status.bytes_in += bytes_in;
		a->status.bytes_out += bytes_out;
		a->progress_us = now_us;
		a->failures = 0;
	}
	pthread_mutex_unlock(&a->lock);
}

void asked_fail(struct asked *a, uint64_t now_us)
{
	pthread_mutex_lock(&a->lock);
	if (a->status.state == ASKED_UNDER_WAY && ++a->failures >= ASKED_FAILURES_MOST)
		end(a, ASKED_ENDED_EARLY, "jobs fail; the log says why", now_us);
	pthread_mutex_unlock(&a->lock);
}

void asked_look(struct asked *a, const struct asked_view *v, uint64_t now_us)
{
	pthread_mutex_lock(&a->lock);
	if (a->status.state == ASKED_UNDER_WAY) {
		a->status.left = v->left;
		a->status.left_bytes = v->left_bytes;
		if (v->running)
			a->progress_us = now_us;
		if (v->left == 0)
			end(a, ASKED_DONE, "", now_us);
		else if (v->stuck && !v->running)
			end(a, ASKED_ENDED_EARLY, "nothing of what is left can be merged", now_us);
		else if (now_us - a->progress_us >= ASKED_PATIENCE_US)
			end(a, ASKED_ENDED_EARLY, "nothing could be done for a minute: no compactor is there, or no room on "
			    "the disk", now_us);
	}
	pthread_mutex_unlock(&a->lock);
}

struct asked_status asked_status(struct asked *a)
{
	struct asked_status s;

	pthread_mutex_lock(&a->lock);
	s = a->status;
	pthread_mutex_unlock(&a->lock);
	return s;
}

void asked_count(const struct version *v, struct seq up_to, struct asked_view *view)
{
	view->left = 0;
	view->left_bytes = 0;
	for (unsigned n = 0; n < LEVEL_LAST; n++) {
		struct level_list l = version_level(v, n);

		for (size_t i = 0; i < l.count; i++) {
			if (l.tables[i]->facts.min_seq.v > up_to.v)
				continue;
			view->left++;
			view->left_bytes += l.tables[i]->facts.size_bytes;
		}
	}
}
