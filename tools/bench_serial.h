/* SPDX-License-Identifier: Apache-2.0 */
/* The same entries as protobuf and as JSON: how many bytes, plain and gzipped, and how long encode and decode take. */
#ifndef TOOLS_BENCH_SERIAL_H
#define TOOLS_BENCH_SERIAL_H

#include <stdint.h>

/* Measures and prints a table; every decoded entry is compared with the one that was encoded. */
void bench_serialization(uint64_t seed);

#endif
