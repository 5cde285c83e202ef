/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of a WAL segment, made and read in one place. Numbers are little-endian.
 *
 *   segment  := header record* zero*                         file DATA_DIR/wal/wal_<id>.log
 *   header   := magic:"LSMWAL\r\n" version:u32 bytes:u32     72 bytes; version 3
 *               database:u64 segment:u64 last_seq:u64        last_seq: of everything before this segment
 *               before_id:u64 before_length:u64              the segment before; all 0 = there is none
 *               before_last_seq:u64
 *               least:u32 crc:u32                            least: KiB that the file has until it is closed;
 *                                                            crc: CRC-32 of the 68 bytes before it
 *   record   := crc:u32 length:u32                           32 bytes, then the payload
 *               segment:u32 count:u32                        low half of the id; entries in the payload
 *               first_seq:u64 synced_upto:u64
 *               payload:byte[length] zero[-length mod 8]     a serialized lsm.WALBatch
 *
 * crc of a record: CRC-32 of database:u64, segment:u64, then of the record from `length` to the end of its
 * padding. Neither number is in the sum by chance: a record of another database or segment never counts as
 * one of ours, and nobody who does not know the database's id can write a value that looks like a record.
 *
 * 1. Records begin at multiples of 8. A head of 32 zero bytes is the end (the rest was only preallocated).
 * 2. Sequences are dense: first_seq = last sequence before + 1. A record of count 0 (origin state) uses up
 *    none.
 * 3. A record has at most 64 MiB (WAL_PAYLOAD_MAX); what claims more is none.
 * 4. A record of count 0 without a payload closes the segment: recovery wrote it before it cut the file behind it.
 *    A file of less than `least` KiB that is not closed has lost its end: the room was on disk before the header.
 * 5. synced_upto: all bytes below this offset were known to be on disk when the record was written.
 */
#ifndef WAL_WAL_FORMAT_H
#define WAL_WAL_FORMAT_H

#include "common/base/buf.h"
#include "common/base/ids.h"
#include "common/base/status.h"

#define WAL_VERSION 3u                                       /* what is written; 3 may have results in a payload, 2 has not */
#define WAL_VERSION_LEAST 2u                                 /* what is read, too */
#define WAL_HEADER_BYTES 72u
#define WAL_HEAD_BYTES 32u                                   /* of a record */
/* A request's batches and the head around them, or the state of all origins (a quarter of it at most). What a record says
 * of its length is believed up to here before its checksum is: no reader takes more than 64 MiB for it. */
#define WAL_PAYLOAD_MAX ((64u << 20) - WAL_HEAD_BYTES)

struct wal_link {                        /* what a header says of the segment before; id 0 = there is none */
	struct file_id id;
	uint64_t length;
	struct seq last_seq;
};

struct wal_header {
	uint32_t version;
	uint64_t database;
	struct file_id id;
	struct seq last_seq;
	struct wal_link before;
	uint32_t least_kib;
};

void wal_header_encode(const struct wal_header *h, uint8_t out[WAL_HEADER_BYTES]);
/* false: these bytes are no header (magic or CRC). The version is the caller's to judge. */
bool wal_header_decode(const uint8_t p[WAL_HEADER_BYTES], struct wal_header *hp);

struct wal_record {
	uint64_t offset;                 /* of its head */
	uint32_t crc, length, segment, count;
	struct seq first_seq;
	uint64_t synced_upto;
	struct slice payload;            /* set by the reader */
};

/* Bytes of a record on disk: head, payload, padding. */
static inline uint64_t wal_record_bytes(uint32_t length)
{
	return WAL_HEAD_BYTES + (((uint64_t)length + 7) & ~(uint64_t)7);
}

/* What every record's CRC begins with. */
uint32_t wal_crc_seed(uint64_t database, struct file_id segment);

/* Appends a whole record; the payload is head and body, one behind the other. r: segment, count, first_seq,
 * synced_upto. */
void wal_record_encode(struct buf *out, uint32_t seed, const struct wal_record *r, struct slice head,
		       struct slice body);

/* The record that closes a segment behind last_seq. */
void wal_closing_encode(uint64_t database, struct file_id id, struct seq last_seq, uint8_t out[WAL_HEAD_BYTES]);
static inline bool wal_record_closes(const struct wal_record *r)
{
	return r->count == 0 && r->length == 0;
}

/* Takes a head apart; nothing is believed yet. */
void wal_record_decode_head(const uint8_t p[WAL_HEAD_BYTES], struct wal_record *rp);
bool wal_head_is_zero(const uint8_t p[WAL_HEAD_BYTES]);

/* Does the CRC of the whole record at p (wal_record_bytes of its length) hold? */
bool wal_record_holds(const uint8_t *p, uint32_t seed, const struct wal_record *r);

/* How a segment can be wrong. */
enum wal_damage { WAL_DAMAGE_NONE, WAL_DAMAGE_CHECKSUM, WAL_DAMAGE_TRUNCATED, WAL_DAMAGE_UNDECODABLE, WAL_DAMAGE_GAP };
const char *wal_damage_text(enum wal_damage d);      /* "checksum mismatch" ... */

#endif
