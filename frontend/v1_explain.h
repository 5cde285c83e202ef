/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answer to a read with ?explain=1: how it went, in place of the value. Pure.
 *
 *	{"key":"a","found":true,"version":17,"timestamp":1705932000,"value_bytes":5,
 *	 "memtables":2,"tables":3,"tombstones":0,"filter":{"checks":3,"negatives":1,"false_positives":1},
 *	 "blocks":{"cache":1,"disk":1},"microseconds":{"wait":3.1,"memory":1.9,"disk":88.0,"total":93.0},
 *	 "steps":[{"memtable":9,"outcome":"nothing","microseconds":0.4},
 *	          {"table":22,"level":0,"outcome":"filtered","blocks_cache":0,"blocks_disk":0,"microseconds":0.2}, ...]}
 *
 * outcome: nothing, filtered, value, tombstone, expired, unreadable. Steps are in the order in which places were asked.
 */
#ifndef FRONTEND_V1_EXPLAIN_H
#define FRONTEND_V1_EXPLAIN_H

#include "frontend/reads.h"

void v1_explain_write(struct buf *out, struct slice key, const struct read_outcome *o, const struct read_trace *t);

#endif
