/* SPDX-License-Identifier: Apache-2.0 */
/* The commit thread's insides, for commit.c and commit_asks.c. */
#ifndef ENGINE_COMMIT_PRIV_H
#define ENGINE_COMMIT_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "common/ipc/link.h"
#include "engine/asks.h"
#include "engine/commit.h"

/* A frontend's link; owned by the commit thread. */
struct asker {
	struct link *link;
	uint64_t connection;             /* the present one; 0: none */
	struct buf replies;              /* an EngineMessage in the making, for that connection */
};

/* Other threads' wish for a rotation: wishes are numbered, one rotation fulfils all that were made before it. */
struct wish {
	pthread_mutex_t lock;
	pthread_cond_t fulfilled;
	/* guarded by lock */
	uint64_t made, done;
	enum st st;                      /* of the last rotation, as are the next two */
	struct seq last_seq;
	struct write_reply refusal;
	_Atomic bool any;                /* a wish waits */
};

/* A received request while it is in the group. */
struct held {
	struct asker *asker;
	uint64_t connection;
	struct link_msg *msg;
};

struct commit {
	uint32_t magic;

	/* fixed after start */
	const char *data_dir;
	uint64_t read_bytes;             /* budget of the server for reading tables */
	struct sight *sight;
	struct prepare *prepare;
	struct asker *askers;
	unsigned asker_count, first_slot;        /* of the frontends, as many as askers */
	struct writer *writer;
	uint64_t incarnation;
	commit_damage_f *tell_damage;    /* NULL: nobody */
	void *damage_ctx;
	pthread_t thread;

	/* the commit thread's */
	struct held *held;               /* item i of the group came as held[i] */
	size_t held_count, held_capacity;
	unsigned first_asker;            /* whose turn it is to be drained first */
	unsigned parked_count;           /* that are read for, or were and wait to be weighed again */
	uint64_t parked_bytes;

	/* anybody's */
	struct wish wish;
	int wake_fd;
	_Atomic bool woken, stop, waiting;
	_Atomic uint64_t turn_us;
};

/* Adds an answer to those that the frontend gets next. */
void commit__reply(struct asker *a, const struct write_reply *r);

/* Makes durable and answers what is in the group, which is empty afterwards. */
void commit__finish_group(struct commit *c);

/* The message of the item that was added last. */
void commit__hold(struct commit *c, struct asker *a, uint64_t connection, struct link_msg *m);

/* Sees to room for the request: of the memtable, and bytes of the log; false: it is refused, and *rp says why. */
bool commit__admit(struct commit *c, const struct write_request *r, const struct write_counts *counts, uint64_t cost,
		   uint64_t bytes, struct write_reply *rp);

/* ---- commit_asks.c ---- */

/* Takes the message of a request that asks over: it is decided, refused or read for. */
void commit__take_asks(struct commit *c, struct asker *a, const struct link_event *ev, const struct write_request *r,
		       const struct write_counts *counts);
/* Decides what was read for meanwhile. */
void commit__weigh_again(struct commit *c);
void commit__asks_start(struct commit *c, void (*wake)(void *ctx));
void commit__asks_stop(struct commit *c);        /* the commit thread is gone */

#endif
