/* SPDX-License-Identifier: Apache-2.0 */
/* pressure by table. */
#include "t/check_main.h"

#include "engine/pressure.h"

START_TEST(a_healthy_level_0_delays_nobody)
{
	for (unsigned n = 0; n < PRESSURE_DELAY_TABLES; n++)
		ck_assert_uint_eq(pressure_delay_us(n), 0);
}
END_TEST

START_TEST(the_delay_grows_with_every_table_and_stays_small)
{
	for (unsigned n = PRESSURE_DELAY_TABLES; n + 1 < PRESSURE_STOP_TABLES; n++)
		ck_assert_uint_lt(pressure_delay_us(n), pressure_delay_us(n + 1));
	ck_assert_uint_gt(pressure_delay_us(PRESSURE_DELAY_TABLES), 0);
	ck_assert_uint_le(pressure_delay_us(100000), 26000);
}
END_TEST

START_TEST(writes_stop_at_the_last_table_and_not_before)
{
	ck_assert(!pressure_stops(PRESSURE_STOP_TABLES - 1));
	ck_assert(pressure_stops(PRESSURE_STOP_TABLES));
	ck_assert(pressure_stops(100000));
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, a_healthy_level_0_delays_nobody);
	tcase_add_test(tc, the_delay_grows_with_every_table_and_stays_small);
	tcase_add_test(tc, writes_stop_at_the_last_table_and_not_before);
}

CHECK_MAIN("engine/pressure", suite)
