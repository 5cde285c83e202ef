/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The limits that two processes must agree on. A number here is part of the interface: docs name it.
 */
#ifndef PROTO_LIMITS_H
#define PROTO_LIMITS_H

#define KEY_MAX_BYTES        1024u                 /* a key is 1 to this many bytes of any kind */
#define VALUE_MAX_BYTES      (8u << 20)
#define BATCH_MAX_OPS        10000u
#define TTL_MAX_SECONDS      3153600000            /* 100 years of 365 days */
#define WRITE_MESSAGE_MAX    ((64u << 20) - 512)   /* a WriteRequest, encoded: its record in the log has at most 64 MiB */
#define WRITE_BATCH_MAX      (WRITE_MESSAGE_MAX - 512)   /* one client's operations in it, encoded */
#define WRITE_DECIDED_ROOM   128u                  /* a batch that is decided takes so much more in the log, at most */
#define WRITE_GATHER_BYTES   (1u << 20)            /* a frontend sends what it gathered at this size */
#define WRITE_GATHER_BATCHES 4096u                 /* and at so many; beyond it no message may hold conditions */
#define ENGINE_MESSAGE_MAX   (1u << 20)
#define COMPACT_MESSAGE_MAX  (16u << 20)
#define CONTROL_MESSAGE_MAX  (64u << 10)
#define COMMAND_WORDS_MAX    16u                   /* of a command to the engine */
#define COMMAND_TEXT_MAX     (60u << 10)           /* of its answer */
#define LIST_MAX             100000u               /* elements of a list in a message: tables of a database */
#define ORIGIN_WINDOW_MAX    1024u                 /* unanswered requests of one origin */

#endif
