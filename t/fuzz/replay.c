/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fuzz target without a fuzzer, for any compiler. As a test: every seed, cut at every length, and with every byte changed
 * in four ways; then every input that was once found. With a directory as argument: writes the seeds there.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "t/fuzz/fuzz.h"

enum { PATH_BYTES = 4096, FOUND_MAX_BYTES = 1 << 20 };

/* From heap memory of exactly the size, so that a sanitizer sees any step outside. */
static void try(const void *bytes, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);

	must(copy != NULL);
	if (n)
		memcpy(copy, bytes, n);
	LLVMFuzzerTestOneInput(copy, n);
	free(copy);
}

static void try_changed(const struct fuzz_seed *seed)
{
	static const uint8_t values[] = { 0, '\n', ' ', 0xff };
	uint8_t *copy = malloc(seed->n ? seed->n : 1);
	size_t i, k;

	must(copy != NULL);
	memcpy(copy, seed->bytes, seed->n);
	for (i = 0; i < seed->n; i++) {
		for (k = 0; k < sizeof values; k++) {
			copy[i] = values[k];
			try(copy, seed->n);
		}
		copy[i] = ((const uint8_t *)seed->bytes)[i];
	}
	free(copy);
}

static void try_seeds(void)
{
	size_t i, n;

	for (i = 0; i < fuzz_seed_count; i++) {
		for (n = 0; n <= fuzz_seeds[i].n; n++)
			try(fuzz_seeds[i].bytes, n);
		try_changed(&fuzz_seeds[i]);
	}
}

static void try_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *bytes = malloc(FOUND_MAX_BYTES);

	must(f && bytes);
	try(bytes, fread(bytes, 1, FOUND_MAX_BYTES, f));
	fclose(f);
	free(bytes);
}

static void try_found(void)
{
	const char *source = getenv("LSM_SOURCE_DIR");
	char path[PATH_BYTES];
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof path, "%s/t/fuzz/found/%s", source ? source : ".", fuzz_name);
	d = opendir(path);
	while (d && (e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "%s/t/fuzz/found/%s/%s", source ? source : ".", fuzz_name, e->d_name);
		try_file(path);
	}
	if (d)
		closedir(d);
}

static void write_seeds(const char *dir)
{
	char path[PATH_BYTES];
	size_t i;

	for (i = 0; i < fuzz_seed_count; i++) {
		FILE *f;

		snprintf(path, sizeof path, "%s/seed-%zu", dir, i);
		f = fopen(path, "wb");
		must(f != NULL && fwrite(fuzz_seeds[i].bytes, 1, fuzz_seeds[i].n, f) == fuzz_seeds[i].n);
		fclose(f);
	}
}

int main(int argc, char **argv)
{
	if (argc == 2) {
		write_seeds(argv[1]);
		return 0;
	}
	printf("1..2\n");
	try_seeds();
	printf("ok 1 - %s: every seed, cut and changed\n", fuzz_name);
	try_found();
	printf("ok 2 - %s: what was found before\n", fuzz_name);
	return 0;
}
