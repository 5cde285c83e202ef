/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bound on bytes per second: a bucket that fills at the rate and holds a tenth of a second's worth. Whoever takes more
 * than it holds owes, and waits until the debt is paid; so a large piece is let through at once and paid for afterwards.
 *
 * throttle_set: any thread, at any time; it holds within a slice of the wait. The rest: one thread.
 */
#ifndef COMPACTOR_THROTTLE_H
#define COMPACTOR_THROTTLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct throttle {
	_Atomic uint64_t rate;           /* bytes per second; 0: no limit */
	uint64_t filled_us;              /* when it was filled last; 0: never */
	double bytes;                    /* in the bucket; below 0: owed */
	_Atomic uint64_t waited_us;      /* so far; any thread may look */
};

void throttle_set(struct throttle *t, uint64_t rate);

/* What is to be waited after taking so many bytes at this time, in microseconds; 0: go on. Pure but for the bucket. */
uint64_t throttle_take(struct throttle *t, uint64_t bytes, uint64_t now_us);

/* Takes, and sleeps as long as it has to, in slices; ends early when *stop is set. */
void throttle_pay(struct throttle *t, uint64_t bytes, const _Atomic bool *stop);

#endif
