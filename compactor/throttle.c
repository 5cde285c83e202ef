/* SPDX-License-Identifier: Apache-2.0 */
/* The bucket; see throttle.h. */
#include "compactor/throttle.h"

#include "common/base/clock.h"

#define BURST_US 100000.0
#define SLICE_US 50000u

void throttle_set(struct throttle *t, uint64_t rate)
{
	atomic_store(&t->rate, rate);
}

uint64_t throttle_take(struct throttle *t, uint64_t bytes, uint64_t now_us)
{
	double rate = (double)atomic_load(&t->rate) / 1e6, most = rate * BURST_US;

	if (rate == 0) {
		t->filled_us = now_us;
		t->bytes = 0;
		return 0;
	}
	if (t->filled_us)
		t->bytes += rate * (double)(now_us - t->filled_us);
	if (t->bytes > most)
		t->bytes = most;
	t->filled_us = now_us;
	t->bytes -= (double)bytes;
	return t->bytes < 0 ? (uint64_t)(-t->bytes / rate) + 1 : 0;
}

void throttle_pay(struct throttle *t, uint64_t bytes, const _Atomic bool *stop)
{
	uint64_t wait_us = throttle_take(t, bytes, clock_mono_us());

	while (wait_us > 0 && !atomic_load(stop)) {
		uint64_t slice_us = wait_us < SLICE_US ? wait_us : SLICE_US;

		clock_sleep_us(slice_us);
		atomic_fetch_add(&t->waited_us, slice_us);
		wait_us = throttle_take(t, 0, clock_mono_us());
	}
}
