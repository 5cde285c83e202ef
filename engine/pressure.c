/* SPDX-License-Identifier: Apache-2.0 */
/* The back-pressure of level 0; see pressure.h. */
#include "engine/pressure.h"

#define STEP_US 100u

uint64_t pressure_delay_us(unsigned level0_tables)
{
	uint64_t excess;

	if (level0_tables < PRESSURE_DELAY_TABLES)
		return 0;
	if (level0_tables > PRESSURE_STOP_TABLES - 1)
		level0_tables = PRESSURE_STOP_TABLES - 1;
	excess = level0_tables - PRESSURE_DELAY_TABLES + 1;
	return excess * excess * STEP_US;
}

bool pressure_stops(unsigned level0_tables)
{
	return level0_tables >= PRESSURE_STOP_TABLES;
}
