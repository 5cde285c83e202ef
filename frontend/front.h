/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frontend put together: from a parsed request to whoever answers it.
 *
 *	http_server -> front -> routes -+-> writes: json -> pending -> engine
 *	                                +-> reads: attach -> view
 *	                                +-> watchers: watch -> feed -> the log's files
 *	                                `-> stats, health, metrics: scoreboard, view, board
 *
 * Event loop thread only.
 */
#ifndef FRONTEND_FRONT_H
#define FRONTEND_FRONT_H

#include "common/base/conf.h"
#include "frontend/http_server.h"

struct loop;
struct front;

struct front_setup {
	struct loop *loop;
	const struct conf *conf;
	unsigned index, number;          /* as in struct heritage */
	int board_fd, listener;
	struct leases *leases;           /* on loan; NULL: no snapshots are held (tests) */
	uint64_t max_connections;
	size_t max_open_tables, snapshot_descriptors;
};

enum st front_new(const struct front_setup *setup, struct front **fp) MUST_USE;
struct http_server *front_server(struct front *f);
void front_reload(struct front *f);              /* takes its files anew */
/* Its successor serves and no connection is left. True: what it kept for later requests others have taken over. */
bool front_leave(struct front *f);
void front_end(struct front *f);                 /* the loop has ended: writes what is left to write */
bool front_can_read(const struct front *f);      /* a view was attached */

#endif
