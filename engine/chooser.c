/* SPDX-License-Identifier: Apache-2.0 */
/* Choosing within the room there is; see chooser.h. */
#include "engine/chooser.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "engine/pick.h"

#define LOOK_MS 30000
#define ROOM_LOOK_MS 1000

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

static bool pick_within(struct chooser *c, const struct chooser_scene *scene, struct compaction *job, uint64_t room)
{
	bool hurry = reserve_refuses(c->reserve), rest = at_rest(c), found;
	struct pick_question q = { .levels = c->levels, .table_size_target = c->table_size_target,
				   .running_count = scene->running_count, .now_ms = clock_wall_ms(), .at_rest = rest || hurry,
				   .hurry = hurry, .asked = scene->asked };
	uint64_t running_bytes;

	q.running = list_running(scene, &job->arena, &running_bytes);
	q.room_bytes = room_beside(room, running_bytes);
	q.version = truth_lock(c->truth);
	found = pick_next(&q, &job->arena, &job->pick);
	if (found)
		compaction_own(job, q.version);
	truth_unlock(c->truth);
	return found;
}

static bool pick_what_fits(struct chooser *c, const struct chooser_scene *scene, struct compaction *job)
{
	uint64_t room = reserve_room(c->reserve), ballast = reserve_ballast(c->reserve);

	c->held_for_room = false;
	if (pick_within(c, scene, job, room))
		return true;
	if (room == UINT64_MAX)
		return false;
	if (reserve_refuses(c->reserve) && ballast && scene->idle && pick_within(c, scene, job, room + ballast))
		return reserve_spend(c->reserve);
	c->held_for_room = pick_within(c, scene, job, UINT64_MAX);
	return false;
}

bool chooser_next(struct chooser *c, const struct chooser_scene *scene, struct compaction *job)
{
	bool before = c->held_for_room, found;

	c->asked = scene->asked;
	found = pick_what_fits(c, scene, job);
	if (c->held_for_room && !before)
		log_warn("Compaction waits: the disk has no room for the output of any job that is due.");
	if (found)
		compaction_set_inputs(job);
	return found;
}

int chooser_look_ms(const struct chooser *c)
{
	uint64_t now = clock_mono_us(), rest_at = c->rest_since_us + c->rest_us;

	if (c->held_for_room)
		return ROOM_LOOK_MS;
	return c->rest_us && rest_at > now ? (int)((rest_at - now) / 1000 + 1) : LOOK_MS;
}
