/* SPDX-License-Identifier: Apache-2.0 */
/* Choosing within the room there is; see chooser.h. */
#include "engine/chooser.h"

#include <inttypes.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/stats/stats.h"
#include "engine/pick.h"
#include "engine/pick_hidden.h"

#define LOOK_MS 30000
#define ROOM_LOOK_MS 1000
#define RETRY_FIRST_US 500000u
#define RETRY_MOST_US 30000000u
#define RETRY_FULL_US 2000000u           /* at most, on a full disk: room may come back at any time */
#define DOUBTED_MOST 128u                /* inputs of one job: if one of them rests it is not picked again */

/* Has nobody written for a while? */
static bool at_rest(struct chooser *c)
{
	struct seq newest = truth_visible(c->truth);
	uint64_t now = clock_mono_us();

	if (newest.v != c->rest_seq.v || truth_frozen_count(c->truth) > 0) {
		c->rest_seq = newest;
		c->rest_since_us = now;
	}
	return c->rest_us && now - c->rest_since_us >= c->rest_us;
}

/* What is under way, and how much it reads. */
static struct pick_running *list_running(const struct chooser_scene *scene, struct arena *a, uint64_t *bytesp)
{
	struct pick_running *running = arena_alloc(a, (scene->running_count + 1) * sizeof(*running));

	*bytesp = 0;
	for (size_t i = 0; i < scene->running_count; i++) {
		const struct pick_job *other = &scene->running[i]->pick;

		running[i] = (struct pick_running){ other->input_level, other->output_level, other->min, other->max };
		*bytesp += other->input_bytes;
	}
	return running;
}

/* Room for a further job, where those that run may still write as much as they read. */
static uint64_t room_beside(uint64_t room, uint64_t running_bytes)
{
	return room == UINT64_MAX ? 0 : room > running_bytes ? room - running_bytes : 1;
}

/* Who rests; the version's lock is held. */
static void go_round(struct chooser *c, const struct version *v, struct arena *a, struct pick_question *q)
{
	uint64_t now = clock_mono_us();

	setback_heed(&c->setback, v, now);
	if (c->setback.count > 0) {
		struct file_id *ids = arena_alloc(a, SETBACK_ROWS * sizeof(*ids));

		q->resting_count = setback_resting(&c->setback, now, ids);
		q->resting = ids;
	}
	stats_set(M_compaction_resting, q->resting_count);
}

/* pick_next() or pick_hidden(). */
typedef bool pick_f(const struct pick_question *q, struct arena *a, struct pick_job *jobp);

static bool pick_within(struct chooser *c, const struct chooser_scene *scene, struct compaction *job, pick_f *pick, uint64_t room,
			bool hopeful)
{
	bool hurry = reserve_refuses(c->reserve), rest = at_rest(c), found;
	struct pick_question q = { .levels = c->levels, .table_size_target = c->table_size_target,
				   .running_count = scene->running_count, .now_ms = clock_wall_ms(), .at_rest = rest || hurry,
				   .hopeful = hopeful, .hurry = hurry, .asked = scene->asked };
	uint64_t running_bytes;

	q.running = list_running(scene, &job->arena, &running_bytes);
	q.room_bytes = room_beside(room, running_bytes);
	q.version = truth_lock(c->truth);
	go_round(c, q.version, &job->arena, &q);
	found = pick(&q, &job->arena, &job->pick);
	if (found)
		compaction_own(job, q.version);
	truth_unlock(c->truth);
	return found;
}

/* What room there is, and what the ballast makes of it, which it is then given back for. */
static bool pick_for_certain(struct chooser *c, const struct chooser_scene *scene, struct compaction *job, pick_f *pick,
			     uint64_t room)
{
	bool spendable = room != UINT64_MAX && reserve_refuses(c->reserve) && scene->idle;
	uint64_t ballast = spendable ? reserve_ballast(c->reserve) : 0;

	if (pick_within(c, scene, job, pick, room, false))
		return true;
	return ballast && pick_within(c, scene, job, pick, room + ballast, false) && reserve_spend(c->reserve);
}

/* With nothing under way that may make room. For certain comes before hope: that does not fail. */
static bool pick_last_resort(struct chooser *c, const struct chooser_scene *scene, struct compaction *job, uint64_t room)
{
	bool refuses = reserve_refuses(c->reserve);

	if ((refuses || c->held_for_room) && pick_for_certain(c, scene, job, pick_hidden, room))
		return true;
	return refuses && (pick_within(c, scene, job, pick_next, room, true) || pick_within(c, scene, job, pick_hidden, room, true));
}

static bool pick_what_fits(struct chooser *c, const struct chooser_scene *scene, struct compaction *job)
{
	uint64_t room = reserve_room(c->reserve);

	c->held_for_room = false;
	if (pick_for_certain(c, scene, job, pick_next, room))
		return true;
	if (room == UINT64_MAX)
		return false;
	c->held_for_room = pick_within(c, scene, job, pick_next, UINT64_MAX, false);
	return scene->idle && scene->running_count == 0 && pick_last_resort(c, scene, job, room);
}

bool chooser_next(struct chooser *c, const struct chooser_scene *scene, struct compaction *job)
{
	bool found, waits;

	c->asked = scene->asked;
	found = pick_what_fits(c, scene, job);
	waits = !found && c->held_for_room && scene->running_count == 0;
	if (waits && !c->waits)
		log_warn("Compaction waits: the disk has no room for the output of any job that is due.");
	c->waits = waits;
	if (found)
		compaction_set_inputs(job);
	return found;
}

/* ---- failures ---- */

static bool blame(struct chooser *c, const struct compaction *job, struct file_id culprit)
{
	if (!compaction_reads(job, culprit))
		return false;
	log_warn("Table %" PRIu64 " made compaction %" PRIu64 " fail; it rests, and others go on.", culprit.v, job->number);
	return setback_blame(&c->setback, culprit, compaction_passes(job, culprit), true, clock_mono_us());
}

/* Nobody knows which input it was: do any rest? */
static bool doubt(struct chooser *c, const struct compaction *job)
{
	uint64_t now = clock_mono_us();
	size_t resting = 0;

	for (size_t i = 0; i < job->pick.input_count && i < DOUBTED_MOST; i++)
		resting += setback_blame(&c->setback, job->inputs[i], compaction_passes(job, job->inputs[i]), false, now);
	if (resting)
		log_warn("It is not the first job to fail with these tables: %zu of them rest, and others go on.", resting);
	return resting > 0;
}

/* May it be what was read? A compactor that dies of it or hangs cannot say so, and a result that makes no sense does not. What a
 * disk or a compactor refuses to do has nothing to do with the inputs. */
static bool is_doubtful(enum st st)
{
	return st != ST_FULL && st != ST_IO && st != ST_BUSY && st != ST_CANCELLED;
}

void chooser_failed(struct chooser *c, const struct compaction *job, enum st st, struct file_id culprit)
{
	if (!blame(c, job, culprit) && !(is_doubtful(st) && doubt(c, job)))
		chooser_back_off(c);
}

void chooser_back_off(struct chooser *c)
{
	uint64_t most = reserve_refuses(c->reserve) ? RETRY_FULL_US : RETRY_MOST_US;

	c->retry_us = c->retry_us ? c->retry_us * 2 : RETRY_FIRST_US;
	if (c->retry_us > most)
		c->retry_us = most;
	c->retry_at_us = clock_mono_us() + c->retry_us;
}

void chooser_went_well(struct chooser *c)
{
	c->retry_us = 0;
}

int chooser_held_ms(const struct chooser *c)
{
	uint64_t now = clock_mono_us();

	return c->retry_us && c->retry_at_us > now ? (int)((c->retry_at_us - now) / 1000 + 1) : 0;
}

bool chooser_goes_round(const struct chooser *c)
{
	return setback_next_us(&c->setback, clock_mono_us()) > 0;
}

/* The sooner of the two. */
static int until(int ms, uint64_t at_us, uint64_t now_us)
{
	return at_us > now_us && (at_us - now_us) / 1000 + 1 < (uint64_t)ms ? (int)((at_us - now_us) / 1000 + 1) : ms;
}

int chooser_look_ms(const struct chooser *c)
{
	uint64_t now = clock_mono_us();
	int ms = c->held_for_room ? ROOM_LOOK_MS : LOOK_MS;

	if (c->rest_us)
		ms = until(ms, c->rest_since_us + c->rest_us, now);
	return until(ms, setback_next_us(&c->setback, now), now);
}
