/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much compaction has before it, told to writers and to people once a second; the main thread.
 *
 * What one look finds: debt in bytes for the writer's pace (drain.h), and the gauges of debt, of a stall,
 * and of the seconds to one.
 */
#ifndef ENGINE_DEBT_H
#define ENGINE_DEBT_H

#include "common/base/conf.h"
#include "engine/drain.h"
#include "engine/pressure.h"
#include "engine/truth.h"

struct debt_watch {
	struct pressure_trend trend;     /* all 0 at first */
	uint64_t looked_us;
};

/* Bytes that compaction has to read and write until every level is within its size, if nothing more is written. */
uint64_t debt_of(const struct version *v, const struct conf *c);

/* Looks when the last look was a second ago. */
void debt_look(struct debt_watch *w, struct truth *t, const struct conf *c, struct drain *d);

#endif
