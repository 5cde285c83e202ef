/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much writes are held back when flush or compaction is behind. Pure: tested by table.
 *
 * Level 0 grows by one table a flush and every read may look into all of it. From PRESSURE_DELAY_TABLES on each group of
 * writes waits a little, growing with the square of the excess, so that writers feel it before PRESSURE_STOP_TABLES,
 * where writes are refused until compaction has caught up.
 */
#ifndef ENGINE_PRESSURE_H
#define ENGINE_PRESSURE_H

#include <stdbool.h>
#include <stdint.h>

#define PRESSURE_DELAY_TABLES 20u
#define PRESSURE_STOP_TABLES 36u
#define PRESSURE_FROZEN_MAX 3u           /* frozen memtables beyond which no further rotation is made */
#define PRESSURE_RETRY_MS 1000u          /* what a refused client is told to wait */

uint64_t pressure_delay_us(unsigned level0_tables);      /* for each group; at most 26 ms */
bool pressure_stops(unsigned level0_tables);

#endif
