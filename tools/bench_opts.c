/* SPDX-License-Identifier: Apache-2.0 */
/* The options of lsm-bench, one row each; see bench_opts.h. */
#include "tools/bench_opts.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/conf.h"
#include "proto/limits.h"

enum kind { KIND_NUMBER, KIND_FLAG, KIND_TEXT, KIND_RATIO, KIND_COMPRESSION };

struct option {
	const char *name;
	enum kind kind;
	size_t at;                       /* in struct bench_opts */
	uint64_t min, max;               /* of a number */
	const char *help;
};

#define NUMBER(name, field, min, max, help) { name, KIND_NUMBER, offsetof(struct bench_opts, field), min, max, help }
#define FLAG(name, field, help) { name, KIND_FLAG, offsetof(struct bench_opts, field), 0, 0, help }
#define TEXT(name, field, help) { name, KIND_TEXT, offsetof(struct bench_opts, field), 0, 0, help }

static const struct option options[] = {
	TEXT("benchmarks", benchmarks, "what to run, with commas between (fillseq,fillrandom,overwrite,readrandom,readseq)"),
	TEXT("db", db, "folder of the database (a fresh one in TMPDIR, removed at the end)"),
	FLAG("use-existing-db", use_existing_db, "keep what is in --db; what begins with an empty database is skipped"),
	NUMBER("num", num, 1, UINT64_C(1) << 40, "keys (1000000)"),
	NUMBER("writes", writes, 1, UINT64_C(1) << 40, "writes of each thread (as many as --num; fillsync: a thousandth)"),
	NUMBER("reads", reads, 1, UINT64_C(1) << 40, "reads of each thread (as many as --num)"),
	NUMBER("threads", threads, 1, 256, "threads that work (1)"),
	NUMBER("key-size", key_size, 8, KEY_MAX_BYTES, "bytes of a key (16)"),
	NUMBER("value-size", value_size, 0, VALUE_MAX_BYTES, "bytes of a value (100)"),
	NUMBER("batch-size", batch_size, 1, BATCH_MAX_OPS, "entries a write (1)"),
	NUMBER("seek-nexts", seek_nexts, 0, UINT32_MAX, "steps behind each seek (0)"),
	{ "compression", KIND_COMPRESSION, offsetof(struct bench_opts, compression), 0, 0, "none, fast or small (fast)" },
	{ "compression-ratio", KIND_RATIO, offsetof(struct bench_opts, compression_ratio), 0, 0,
	  "how far values can shrink (0.5)" },
	NUMBER("cache-size", cache_size, 0, UINT64_C(1) << 40, "bytes for decompressed blocks (256M)"),
	NUMBER("write-buffer-size", write_buffer_size, 4096, UINT64_C(1) << 30, "bytes of a memtable (50M)"),
	NUMBER("compactors", compactors, 1, 16, "compactor processes (1)"),
	NUMBER("seed", seed, 0, UINT64_MAX, "of all random choices (1)"),
	FLAG("sync", sync, "sync the log before each write is answered"),
	FLAG("histogram", histogram, "time every operation and show how the times are spread"),
	FLAG("progress", progress, "draw a bar while working (when stderr is a terminal)"),
};
#define OPTION_COUNT (sizeof options / sizeof options[0])

_Noreturn static void refuse(const char *what, const char *detail)
{
	fprintf(stderr, "lsm-bench: %s%s%s\nTry lsm-bench --help.\n", what, detail ? ": " : "", detail ? detail : "");
	exit(EXIT_CONFIG);
}

void bench_opts_help(void)
{
	puts("Options, defaults in brackets:\n");
	for (size_t i = 0; i < OPTION_COUNT; i++)
		printf("  --%-18s %s\n", options[i].name, options[i].help);
}

/* ---- values ---- */

static uint64_t number(const struct option *o, const char *text)
{
	static const char units[] = "KMG";
	char *end;
	unsigned long long v;
	const char *unit;

	errno = 0;
	v = strtoull(text, &end, 10);
	if (end == text || *text == '-' || errno)
		refuse("not a number", text);
	unit = *end ? strchr(units, *end & ~0x20) : NULL;
	if (unit) {
		unsigned shift = 10 * ((unsigned)(unit - units) + 1);

		if (v > UINT64_MAX >> shift)
			refuse("too large", text);
		v <<= shift;
		end++;
	}
	if (*end || v < o->min || v > o->max) {
		fprintf(stderr, "lsm-bench: --%s takes a number from %llu to %llu, not %s\n", o->name,
			(unsigned long long)o->min, (unsigned long long)o->max, text);
		exit(EXIT_CONFIG);
	}
	return v;
}

static double ratio(const char *text)
{
	char *end;
	double v = strtod(text, &end);

	if (end == text || *end || !(v > 0 && v <= 1))
		refuse("--compression-ratio takes a number above 0, at most 1", text);
	return v;
}

static unsigned compression(const char *text)
{
	static const char *const words[] = { "none", "fast", "small" };

	for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++)
		if (strcmp(text, words[i]) == 0)
			return i;
	refuse("--compression takes none, fast or small", text);
}

static bool flag(const struct option *o, const char *text)
{
	if (!text || strcmp(text, "1") == 0 || strcmp(text, "true") == 0)
		return true;
	if (strcmp(text, "0") != 0 && strcmp(text, "false") != 0)
		refuse("a flag takes true or false", o->name);
	return false;
}

/* ---- the command line ---- */

static bool same_name(const char *name, const char *given, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (name[i] != (given[i] == '_' ? '-' : given[i]))
			return false;
	return name[n] == '\0';
}

static const struct option *find(const char *given, size_t n)
{
	for (size_t i = 0; i < OPTION_COUNT; i++)
		if (same_name(options[i].name, given, n))
			return &options[i];
	return NULL;
}

static void set(struct bench_opts *o, const struct option *option, const char *text)
{
	void *field = (char *)o + option->at;

	switch (option->kind) {
	case KIND_NUMBER:
		*(uint64_t *)field = number(option, text);
		break;
	case KIND_FLAG:
		*(bool *)field = flag(option, text);
		break;
	case KIND_TEXT:
		*(const char **)field = text;
		break;
	case KIND_RATIO:
		*(double *)field = ratio(text);
		break;
	case KIND_COMPRESSION:
		*(unsigned *)field = compression(text);
		break;
	}
}

/* Takes argv[i], and its value from argv[i + 1] when none is in it; the index of the last one used. */
static int take(struct bench_opts *o, int argc, char **argv, int i)
{
	const char *given = argv[i], *name = given + strspn(given, "-"), *equals = strchr(name, '=');
	const struct option *option = find(name, equals ? (size_t)(equals - name) : strlen(name));

	if (name == given)
		refuse("not an option", given);
	if (!option)
		refuse("no such option", given);
	if (!equals && option->kind != KIND_FLAG && ++i == argc)
		refuse("this option takes a value", given);
	set(o, option, equals ? equals + 1 : option->kind == KIND_FLAG ? NULL : argv[i]);
	return i;
}

void bench_opts_parse(struct bench_opts *o, int argc, char **argv)
{
	*o = (struct bench_opts){ .benchmarks = "fillseq,fillrandom,overwrite,readrandom,readseq", .num = 1000000,
				  .key_size = 16, .value_size = 100, .threads = 1, .batch_size = 1, .cache_size = 256u << 20,
				  .write_buffer_size = 50u << 20, .compactors = 1, .seed = 1, .compression_ratio = 0.5,
				  .compression = BLOCK_COMPRESSION_FAST, .progress = isatty(STDERR_FILENO) };
	for (int i = 1; i < argc; i++)
		i = take(o, argc, argv, i);
	if (o->reads == 0)
		o->reads = o->num;
	if (o->use_existing_db && !o->db)
		refuse("--use-existing-db needs --db", NULL);
	if (o->batch_size * (o->key_size + o->value_size + 32) > WRITE_MESSAGE_MAX / 2)
		refuse("--batch-size entries of that size are too much for one write", NULL);
}
