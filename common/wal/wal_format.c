/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of a WAL segment; see wal_format.h for the grammar. Pure: no file is touched here. */
#include "common/wal/wal_format.h"

#include "common/base/coding.h"
#include "common/base/crc.h"

static const uint8_t magic_bytes[8] = { 'L', 'S', 'M', 'W', 'A', 'L', '\r', '\n' };

void wal_header_encode(const struct wal_header *h, uint8_t out[WAL_HEADER_BYTES])
{
	memset(out, 0, WAL_HEADER_BYTES);
	memcpy(out, magic_bytes, sizeof magic_bytes);
	put_u32(out + 8, h->version);
	put_u32(out + 12, WAL_HEADER_BYTES);
	put_u64(out + 16, h->database);
	put_u64(out + 24, h->id.v);
	put_u64(out + 32, h->last_seq.v);
	put_u64(out + 40, h->before.id.v);
	put_u64(out + 48, h->before.length);
	put_u64(out + 56, h->before.last_seq.v);
	put_u32(out + 64, h->least_kib);
	put_u32(out + 68, crc32_of(0, out, 68));
}

bool wal_header_decode(const uint8_t p[WAL_HEADER_BYTES], struct wal_header *hp)
{
	*hp = (struct wal_header){ 0 };
	if (memcmp(p, magic_bytes, sizeof magic_bytes) != 0 || get_u32(p + 68) != crc32_of(0, p, 68))
		return false;
	hp->version = get_u32(p + 8);
	hp->database = get_u64(p + 16);
	hp->id = file_id(get_u64(p + 24));
	hp->last_seq = seq(get_u64(p + 32));
	hp->before.id = file_id(get_u64(p + 40));
	hp->before.length = get_u64(p + 48);
	hp->before.last_seq = seq(get_u64(p + 56));
	hp->least_kib = get_u32(p + 64);
	return true;
}

uint32_t wal_crc_seed(uint64_t database, struct file_id segment)
{
	uint8_t p[16];

	put_u64(p, database);
	put_u64(p + 8, segment.v);
	return crc32_of(0, p, sizeof p);
}

void wal_record_encode(struct buf *out, uint32_t seed, const struct wal_record *r, struct slice head,
		       struct slice body)
{
	size_t length = head.n + body.n, total = wal_record_bytes((uint32_t)length);
	uint8_t *p = buf_reserve(out, total);

	put_u32(p + 4, (uint32_t)length);
	put_u32(p + 8, r->segment);
	put_u32(p + 12, r->count);
	put_u64(p + 16, r->first_seq.v);
	put_u64(p + 24, r->synced_upto);
	if (head.n)
		memcpy(p + WAL_HEAD_BYTES, head.p, head.n);
	if (body.n)
		memcpy(p + WAL_HEAD_BYTES + head.n, body.p, body.n);
	memset(p + WAL_HEAD_BYTES + length, 0, total - WAL_HEAD_BYTES - length);
	put_u32(p, crc32_of(seed, p + 4, total - 4));
	out->n += total;
}

void wal_closing_encode(uint64_t database, struct file_id id, struct seq last_seq, uint8_t out[WAL_HEAD_BYTES])
{
	struct wal_record r = { .segment = (uint32_t)id.v, .first_seq = seq(last_seq.v + 1) };
	struct buf b = BUF_INIT;

	wal_record_encode(&b, wal_crc_seed(database, id), &r, (struct slice){ 0 }, (struct slice){ 0 });
	memcpy(out, b.p, WAL_HEAD_BYTES);
	buf_fini(&b);
}

void wal_record_decode_head(const uint8_t p[WAL_HEAD_BYTES], struct wal_record *rp)
{
	*rp = (struct wal_record){
		.crc = get_u32(p),
		.length = get_u32(p + 4),
		.segment = get_u32(p + 8),
		.count = get_u32(p + 12),
		.first_seq = seq(get_u64(p + 16)),
		.synced_upto = get_u64(p + 24),
	};
}

bool wal_head_is_zero(const uint8_t p[WAL_HEAD_BYTES])
{
	return (get_u64(p) | get_u64(p + 8) | get_u64(p + 16) | get_u64(p + 24)) == 0;
}

bool wal_record_holds(const uint8_t *p, uint32_t seed, const struct wal_record *r)
{
	return crc32_of(seed, p + 4, (size_t)wal_record_bytes(r->length) - 4) == r->crc;
}

const char *wal_damage_text(enum wal_damage d)
{
	switch (d) {
	case WAL_DAMAGE_NONE:
		return "none";
	case WAL_DAMAGE_CHECKSUM:
		return "checksum mismatch";
	case WAL_DAMAGE_TRUNCATED:
		return "cut short";
	case WAL_DAMAGE_UNDECODABLE:
		return "undecodable record";
	case WAL_DAMAGE_GAP:
		return "gap in the sequence";
	}
	return "unknown";
}
