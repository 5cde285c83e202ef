/* SPDX-License-Identifier: Apache-2.0 */
/* The restart policy of restart.h; pure functions, run by the supervisor's only thread. */
#include "supervisor/restart.h"

#include "common/base/status.h"

bool restart_is_permanent(int exit_code)
{
	return exit_code == EXIT_CONFIG || exit_code == EXIT_DATA || exit_code == EXIT_LOCKED;
}

struct restart_verdict restart_after(struct restart *r, const struct restart_life *life)
{
	uint32_t pause = 0;

	if (life->permanent)
		return (struct restart_verdict){ true, 0 };
	if (life->no_room)
		return (struct restart_verdict){ false, RESTART_NO_ROOM_MS };
	if (life->was_ready && (life->was_killed || life->ready_ms >= RESTART_HEALTHY_MS)) {
		r->early_deaths = 0;
		return (struct restart_verdict){ false, 0 };
	}
	r->early_deaths++;
	if (r->early_deaths >= RESTART_EARLY_MAX)
		return (struct restart_verdict){ true, 0 };
	if (r->early_deaths > 1) {
		pause = 100u << (r->early_deaths - 2);
		if (pause > RESTART_PAUSE_MAX_MS)
			pause = RESTART_PAUSE_MAX_MS;
	}
	return (struct restart_verdict){ false, pause };
}
