/* SPDX-License-Identifier: Apache-2.0 */
/* Names and slots of workers (heritage.h). Pure. */
#include "common/base/heritage.h"

#include "common/base/must.h"

const char *role_name(enum role role)
{
	static const char *const names[] = { "supervisor", "engine", "compactor", "frontend" };

	must((unsigned)role < sizeof names / sizeof names[0]);
	return names[role];
}

unsigned heritage_slot(const struct conf *c, enum role role, unsigned index)
{
	switch (role) {
	case ROLE_SUPERVISOR:
		return SLOT_SUPERVISOR;
	case ROLE_ENGINE:
		return SLOT_ENGINE;
	case ROLE_COMPACTOR:
		return SLOT_ENGINE + 1 + index;
	case ROLE_FRONTEND:
		return SLOT_ENGINE + 1 + (unsigned)c->compactor_workers + index;
	}
	must_failed(__FILE__, __LINE__, "role is a role");
}
