/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protobuf against JSON on 1000 entries. The protobuf side is one lsm.SSTable message with its entries, as protobuf-c
 * packs and unpacks it; the JSON side an array of {"key","value","timestamp","tombstone"}, as jansson writes and parses
 * it. Decoding ends with the entries as plain structs on both sides. Times are medians over rounds.
 */
#include "tools/bench_serial.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/base/rand.h"
#include "common/base/slice.h"
#include "proto/lsm.pb-c.h"

#define ENTRIES 1000u
#define ROUNDS 101u
#define BEGAN_MS INT64_C(1769076000000)
#define GZIP_WINDOW (15 + 16)

struct plain {
	char key[16], value[32];
	int64_t timestamp;
	bool is_tombstone;
};

struct bytes {
	uint8_t *p;
	size_t n;
};

/* A form of writing entries down. encode gives heap memory; decode fills ENTRIES structs and says how many there were. */
struct form {
	const char *name;
	struct bytes (*encode)(const struct plain *entries);
	size_t (*decode)(const struct bytes *b, struct plain *entries);
};

static void make_entries(struct plain *e, uint64_t seed)
{
	static const char *const words[] = { "active", "pending", "closed", "premium", "trial", "blocked" };
	struct rnd rnd = { seed };

	for (unsigned i = 0; i < ENTRIES; i++) {
		e[i].is_tombstone = rnd_below(&rnd, 10) == 0;
		e[i].timestamp = BEGAN_MS + (int64_t)(i * 7 + rnd_below(&rnd, 7));
		(void)snprintf(e[i].key, sizeof e[i].key, "user:%06u", i * 3);
		(void)snprintf(e[i].value, sizeof e[i].value, "%s-%u", e[i].is_tombstone ? "" : words[rnd_below(&rnd, 6)],
			       (unsigned)rnd_below(&rnd, 1000));
		if (e[i].is_tombstone)
			e[i].value[0] = '\0';
	}
}

/* ---- protobuf ---- */

static ProtobufCBinaryData binary(const char *s)
{
	return (ProtobufCBinaryData){ strlen(s), (uint8_t *)(uintptr_t)s };
}

static struct bytes protobuf_encode(const struct plain *e)
{
	Lsm__LSMEntry *entries = mem_alloc(ENTRIES * sizeof *entries), *pointers[ENTRIES];
	Lsm__SSTable table = LSM__SSTABLE__INIT;
	struct bytes b;

	for (unsigned i = 0; i < ENTRIES; i++) {
		lsm__lsmentry__init(&entries[i]);
		entries[i].key = binary(e[i].key);
		entries[i].value = binary(e[i].value);
		entries[i].timestamp = e[i].timestamp;
		entries[i].is_tombstone = e[i].is_tombstone;
		pointers[i] = &entries[i];
	}
	table.n_entries = ENTRIES;
	table.entries = pointers;
	b.p = mem_alloc(lsm__sstable__get_packed_size(&table));
	b.n = lsm__sstable__pack(&table, b.p);
	mem_free(entries);
	return b;
}

static void copy_text(char *to, size_t room, const void *from, size_t n)
{
	must(n < room);
	if (n)
		memcpy(to, from, n);
	to[n] = '\0';
}

static size_t protobuf_decode(const struct bytes *b, struct plain *e)
{
	Lsm__SSTable *table = lsm__sstable__unpack(NULL, b->n, b->p);
	size_t n = table ? table->n_entries : 0;

	must(n <= ENTRIES);
	for (size_t i = 0; i < n; i++) {
		const Lsm__LSMEntry *m = table->entries[i];

		copy_text(e[i].key, sizeof e[i].key, m->key.data, m->key.len);
		copy_text(e[i].value, sizeof e[i].value, m->value.data, m->value.len);
		e[i].timestamp = m->timestamp;
		e[i].is_tombstone = m->is_tombstone;
	}
	lsm__sstable__free_unpacked(table, NULL);
	return n;
}

/* ---- JSON ---- */

static struct bytes json_encode(const struct plain *e)
{
	json_t *array = json_array();
	struct bytes b;
	char *text;

	for (unsigned i = 0; i < ENTRIES; i++)
		json_array_append_new(array, json_pack("{s:s, s:s, s:I, s:b}", "key", e[i].key, "value", e[i].value, "timestamp",
						       (json_int_t)e[i].timestamp, "tombstone", (int)e[i].is_tombstone));
	text = json_dumps(array, JSON_COMPACT);
	must(text != NULL);
	b = (struct bytes){ mem_dup(text, strlen(text)), strlen(text) };
	free(text);
	json_decref(array);
	return b;
}

static size_t json_decode(const struct bytes *b, struct plain *e)
{
	json_t *array = json_loadb((const char *)b->p, b->n, 0, NULL);
	size_t n = json_array_size(array);

	must(n <= ENTRIES);
	for (size_t i = 0; i < n; i++) {
		const json_t *o = json_array_get(array, i);
		const json_t *key = json_object_get(o, "key"), *value = json_object_get(o, "value");

		copy_text(e[i].key, sizeof e[i].key, json_string_value(key), json_string_length(key));
		copy_text(e[i].value, sizeof e[i].value, json_string_value(value), json_string_length(value));
		e[i].timestamp = json_integer_value(json_object_get(o, "timestamp"));
		e[i].is_tombstone = json_is_true(json_object_get(o, "tombstone"));
	}
	json_decref(array);
	return n;
}

/* ---- measuring ---- */

static size_t gzip_size(const struct bytes *b)
{
	z_stream z = { 0 };
	uint8_t *out;
	size_t n;

	must(deflateInit2(&z, 6, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) == Z_OK);
	n = deflateBound(&z, b->n);
	out = mem_alloc(n);
	z.next_in = b->p;
	z.avail_in = (unsigned)b->n;
	z.next_out = out;
	z.avail_out = (unsigned)n;
	must(deflate(&z, Z_FINISH) == Z_STREAM_END);
	n = z.total_out;
	deflateEnd(&z);
	mem_free(out);
	return n;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static double median_us(uint64_t *ns)
{
	qsort(ns, ROUNDS, sizeof *ns, compare);
	return (double)ns[ROUNDS / 2] / 1000;
}

static bool same(const struct plain *a, const struct plain *b)
{
	for (unsigned i = 0; i < ENTRIES; i++)
		if (strcmp(a[i].key, b[i].key) != 0 || strcmp(a[i].value, b[i].value) != 0 ||
		    a[i].timestamp != b[i].timestamp || a[i].is_tombstone != b[i].is_tombstone)
			return false;
	return true;
}

struct measured {
	double raw, gzip, encode_us, decode_us;
};

static struct measured measure(const struct form *f, const struct plain *entries)
{
	struct plain *back = mem_zalloc(ENTRIES * sizeof *back);
	uint64_t encode_ns[ROUNDS], decode_ns[ROUNDS];
	struct measured m = { 0 };

	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t began = clock_mono_ns(), between;
		struct bytes b = f->encode(entries);

		between = clock_mono_ns();
		must(f->decode(&b, back) == ENTRIES);
		decode_ns[i] = clock_mono_ns() - between;
		encode_ns[i] = between - began;
		m.raw = (double)b.n;
		if (i == 0)
			m.gzip = (double)gzip_size(&b);
		mem_free(b.p);
	}
	must(same(entries, back));
	m.encode_us = median_us(encode_ns);
	m.decode_us = median_us(decode_ns);
	mem_free(back);
	return m;
}

void bench_serialization(uint64_t seed)
{
	static const struct form json = { "JSON", json_encode, json_decode };
	static const struct form protobuf = { "protobuf", protobuf_encode, protobuf_decode };
	struct plain *entries = mem_zalloc(ENTRIES * sizeof *entries);
	struct measured j, p;

	make_entries(entries, seed);
	j = measure(&json, entries);
	p = measure(&protobuf, entries);
	printf("serialization of %u entries  %10s %10s %12s\n", ENTRIES, json.name, protobuf.name, "JSON / pb");
	printf("  bytes                      %10.0f %10.0f %12.2f\n", j.raw, p.raw, j.raw / p.raw);
	printf("  bytes, gzip level 6        %10.0f %10.0f %12.2f\n", j.gzip, p.gzip, j.gzip / p.gzip);
	printf("  encode, microseconds       %10.1f %10.1f %12.2f\n", j.encode_us, p.encode_us, j.encode_us / p.encode_us);
	printf("  decode, microseconds       %10.1f %10.1f %12.2f\n", j.decode_us, p.decode_us, j.decode_us / p.decode_us);
	mem_free(entries);
}
