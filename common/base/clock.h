/* SPDX-License-Identifier: Apache-2.0 */
/* Time: a monotonic clock for durations and deadlines, the wall clock for what people read. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

uint64_t clock_mono_us(void);
uint64_t clock_mono_ns(void);
int64_t clock_wall_ms(void);           /* milliseconds since 1970 */
void clock_sleep_us(uint64_t us);

#endif
