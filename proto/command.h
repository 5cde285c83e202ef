/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands to the engine as plain structs (control.proto, commands.def). Texts of decoded messages live in the given
 * arena.
 */
#ifndef PROTO_COMMAND_H
#define PROTO_COMMAND_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/status.h"

/* words[0] is the command's name. */
struct command { char **words; size_t count; };

struct command_reply { enum st status; const char *text; };

/* The treaty's row of a name, or NULL. */
struct command_row { const char *name, *arguments; unsigned least, most; const char *prose; };
extern const struct command_row command_rows[];
extern const size_t command_row_count;
const struct command_row *command_find(const char *name);

void command_encode(const struct command *c, struct buf *out);
/* ST_INVALID: no words, too many (COMMAND_WORDS_MAX), or not of the treaty. */
enum st command_decode(struct slice message, struct arena *a, struct command *cp) MUST_USE;
/* A text that is longer than COMMAND_TEXT_MAX is cut, and says so. */
void command_reply_encode(const struct command_reply *r, struct buf *out);
enum st command_reply_decode(struct slice message, struct arena *a, struct command_reply *rp) MUST_USE;

#endif
