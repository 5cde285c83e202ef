/* SPDX-License-Identifier: Apache-2.0 */
/*
 *	memory        MEMORY_LIMIT = memtables + engine + frontends x { indexes and filters + blocks }
 *	descriptors   limit = RESERVE (sockets to other processes, epoll, logs) + snapshots + connections + tables
 *
 * 1. Memtables come first: they hold what is not in a table yet. Then what the engine reads by, a tenth at most (engine/sight.c);
 *    then what open tables need, up to 7/8 of the rest.
 *    Blocks get what is left, and never less than 1/8.
 * 2. Tables get at least TABLES_LEAST_BYTES, whatever was set: without an index nothing is read.
 * 3. Snapshots get an eighth of what is not reserved, at least SNAPSHOTS_LEAST, and no more than they can ever hold.
 * 4. Connections get what was asked for, as long as a quarter of the rest is left for tables.
 */
#include "frontend/shares.h"

#include "common/view/lease.h"

#define PARTS 8u
#define TABLES_LEAST_BYTES (8u << 20)
#define MEMTABLES 4u                         /* the active one and those that wait for flush */
#define RESERVE 64u
#define SNAPSHOTS_LEAST 16u
#define SNAPSHOTS_MOST (LEASES_PER_WORKER * (1u + MEMTABLES))    /* what shows each, and its memtables */

static uint64_t within(uint64_t n, uint64_t least, uint64_t most)
{
	return n < least ? least : n > most ? most : n;
}

static uint64_t without(uint64_t all, uint64_t taken)
{
	return all > taken ? all - taken : 0;
}

struct memory_share memory_share(const struct memory_setup *m, const struct memory_taken *taken)
{
	uint64_t all = m->memory_limit ? without(m->memory_limit, taken->memtable_bytes) : m->cache_size_limit;
	uint64_t mine = without(all, taken->engine_bytes) / m->workers, least;
	struct memory_share s;

	least = mine / PARTS;
	s.table_bytes = mine - least > TABLES_LEAST_BYTES ? mine - least : TABLES_LEAST_BYTES;
	s.block_bytes = mine > taken->held_bytes + least ? mine - taken->held_bytes : least;
	return s;
}

uint64_t memory_budget_part(const struct memory_setup *m)
{
	uint64_t all = m->memory_limit ? m->memory_limit : m->cache_size_limit + MEMTABLES * m->memtable_size_limit;

	return all / m->workers + (m->index == 0 ? all % m->workers : 0);
}

bool descriptor_share(uint64_t limit, uint64_t max_connections, struct descriptor_share *sp)
{
	uint64_t rest;

	*sp = (struct descriptor_share){ 0 };
	if (limit < DESCRIPTORS_LEAST)
		return false;
	rest = limit - RESERVE;
	sp->snapshots = (size_t)within(rest / PARTS, SNAPSHOTS_LEAST, SNAPSHOTS_MOST);
	rest -= sp->snapshots;
	sp->connections = max_connections < rest - rest / 4 ? max_connections : rest - rest / 4;
	sp->tables = (size_t)(rest - sp->connections);
	return true;
}
