/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads one WAL segment from front to back, and says what stands behind the place where reading stopped. It
 * judges bytes only; what a stop means (clean end, torn tail, damage) is recovery's business.
 *
 * A segment may also be read while it is written: what was not there yet is found after wal_reader_renew().
 *
 * One thread at a time. Never trusts: any bytes are a legal input.
 */
#ifndef WAL_WAL_READER_H
#define WAL_WAL_READER_H

#include "common/vfs/vfs.h"
#include "common/wal/wal_format.h"

struct wal_reader;

enum wal_opening {
	WAL_OPENING_HEADER,      /* a header; whether it is the right one is for the caller */
	WAL_OPENING_ZERO,        /* nothing but zeros where the header would be, or no bytes at all */
	WAL_OPENING_BAD
};

/* Opens the segment and reads its header; records are checked against database and id. */
enum st wal_reader_open(struct vfs *v, const char *path, uint64_t database, struct file_id id,
			struct wal_reader **rp) MUST_USE;
/* The same for one that may still be written: reads it in small pieces, and leaves the page cache alone. */
enum st wal_reader_open_live(struct vfs *v, const char *path, uint64_t database, struct file_id id,
			     struct wal_reader **rp) MUST_USE;
void wal_reader_close(struct wal_reader **rp);

uint64_t wal_reader_size(const struct wal_reader *r);            /* of the file */
enum wal_opening wal_reader_header(const struct wal_reader *r, struct wal_header *hp);
uint64_t wal_reader_offset(const struct wal_reader *r);          /* where the next record would begin */

void wal_reader_go_to(struct wal_reader *r, uint64_t offset);    /* where a record begins, or would */
/* Forgets what it has seen of the file: its end, and the bytes in memory. */
enum st wal_reader_renew(struct wal_reader *r) MUST_USE;

bool wal_reader_is_closed(const struct wal_reader *r);           /* wal_reader_next() came to the closing record */

/* The next record, its payload good until the next call. ST_NOT_FOUND: there is none; *whyp says why: NONE
 * for the end of the file, a head of zeros or behind the closing record, CHECKSUM, TRUNCATED. */
enum st wal_reader_next(struct wal_reader *r, struct wal_record *recp, enum wal_damage *whyp) MUST_USE;

/* What follows an offset at which no record is. */
struct wal_rest {
	bool promised;               /* a later record says that bytes behind the offset were on disk */
	uint64_t promised_at;        /* that record's offset */
	struct seq last_seq;         /* highest of the whole records there; 0: there is none */
	uint64_t content_end;        /* behind the last byte that is not zero; the offset itself when all are */
};
enum st wal_reader_rest(struct wal_reader *r, uint64_t offset, struct wal_rest *restp) MUST_USE;

#endif
