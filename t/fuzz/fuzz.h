/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fuzz target: one function that takes any bytes, and seeds that show the fuzzer the way. A property that does not hold
 * ends the program by must(). The same file is linked with libFuzzer (make fuzz) and with replay.c (make check).
 */
#ifndef T_FUZZ_FUZZ_H
#define T_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/must.h"

struct fuzz_seed {
	const void *bytes;
	size_t n;
};

#define FUZZ_SEED(text) { text, sizeof(text) - 1 }
#define FUZZ_SEEDS(name, ...) \
	const char fuzz_name[] = name; \
	const struct fuzz_seed fuzz_seeds[] = { __VA_ARGS__ }; \
	const size_t fuzz_seed_count = sizeof fuzz_seeds / sizeof *fuzz_seeds

extern const char fuzz_name[];           /* regressions are in t/fuzz/found/<name>/ */
extern const struct fuzz_seed fuzz_seeds[];
extern const size_t fuzz_seed_count;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

#endif
