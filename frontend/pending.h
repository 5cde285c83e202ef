/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes on their way to the engine and back.
 *
 *	             end of turn, engine there,            reply
 *	  gathered --------------------------> in flight ---------> answered
 *	      |        fewer than 2 in flight      |  ^
 *	      | held 2 s without an engine         |  | engine came back: repeated under the same id
 *	      v                                    |  +---
 *	  503 engine_unavailable                   +--> 503 outcome_unknown, when it stays away for 2 s
 *
 * 1. What arrives while two messages are in flight goes together into the next one.
 *    Plain writes, those that are decided at commit, and range deletes travel in lanes of their own, each with its own
 *    origin: no one waits for what the engine has to read before it can decide another's.
 * 2. A message keeps its origin and request id when it is repeated, so that the engine applies it once.
 * 3. A message that was given up is never repeated.
 * 4. No more than PENDING_MAX_REQUESTS and PENDING_MAX_BYTES wait; further ones are refused at once.
 *
 * Between lanes there is no order. So a decided write is to its connection a read and a write: its handler refuses it
 * (returns false) while http_request_must_wait(), says http_request_decides(), and what comes behind it on the connection
 * is not begun before it is answered (front.c sees to that). Order among plain writes is kept without waiting.
 *
 * Event loop thread only; the link wakes it through an eventfd.
 */
#ifndef FRONTEND_PENDING_H
#define FRONTEND_PENDING_H

#include "frontend/gather.h"
#include "frontend/problem.h"
#include "proto/write.h"

struct loop;
struct pending;

enum {
	PENDING_HOLD_US = 2000000,       /* how long a write waits for an engine that is away */
	PENDING_SLOW_US = 30000000,      /* how long for one that is there but does not answer */
	PENDING_MAX_REQUESTS = 20000,
	PENDING_MAX_BYTES = 32 << 20,
	PENDING_IN_FLIGHT = 2            /* of each lane */
};

enum pending_lane { PENDING_PLAIN, PENDING_DECIDED, PENDING_RANGE, PENDING_LANES };

/* What came of one request's batch, which the callee answers and so ends; p: what it is to the client, PROBLEM_NONE when
 * the status is OK. result NULL: there is no answer, and p says why. */
typedef void pending_done_f(void *ctx, struct http_request *r, const struct write_result *result,
			    enum problem p);
typedef void pending_flush_f(void *ctx);         /* after a run of done calls */

enum st pending_new(struct loop *loop, const char *socket_path, pending_done_f *done, pending_flush_f *flush,
		    void *ctx, struct pending **pp) MUST_USE;

/* Sends r's operations (the inside of a WriteBatch) with the next message; done is called once, maybe at
 * once. */
void pending_submit(struct pending *p, struct http_request *r, struct slice batch);

/* The same for what asks more. PENDING_DECIDED: with conditions or an increment (write_batch_add_ask); PENDING_RANGE: one
 * range delete. sync: answered after a sync, whatever WAL_SYNC says. */
struct pending_ask { struct slice batch; enum pending_lane lane; bool sync; };
void pending_submit_ask(struct pending *p, struct http_request *r, const struct pending_ask *ask);

/* Sends a message that is not answered (no WriteRequest); false: there is no engine. */
bool pending_tell(struct pending *p, struct slice message);

void pending_tick(struct pending *p);                    /* every 50 ms or so: gives up what is too old */
bool pending_engine_there(const struct pending *p);      /* greeted by an engine on the present connection */

#endif
