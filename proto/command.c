/* SPDX-License-Identifier: Apache-2.0 */
/* Commands to the engine: between plain structs and protobuf-c's. Runs in the engine's control thread and in lsmctl. */
#include "proto/command.h"

#include "proto/control.pb-c.h"
#include "proto/fields.h"
#include "proto/limits.h"
#include "proto/unpack.h"

#define CUT_TEXT "... (cut: too long for an answer)\n"

const struct command_row command_rows[] = {
#define COMMAND(name, arguments, least, most, prose) { #name, arguments, least, most, prose },
#include "proto/commands.def"
#undef COMMAND
};
const size_t command_row_count = sizeof command_rows / sizeof *command_rows;

const struct command_row *command_find(const char *name)
{
	for (size_t i = 0; i < command_row_count; i++)
		if (strcmp(command_rows[i].name, name) == 0)
			return &command_rows[i];
	return NULL;
}

void command_encode(const struct command *c, struct buf *out)
{
	Lsm__Command m = LSM__COMMAND__INIT;
	struct arena a;

	arena_init(&a);
	m.n_words = c->count;
	m.words = arena_alloc(&a, (c->count + 1) * sizeof *m.words);
	for (size_t i = 0; i < c->count; i++)
		m.words[i] = unpack_text(&a, slice_str(c->words[i]));
	unpack_reverse(&m.base, out);
	arena_fini(&a);
}

enum st command_decode(struct slice message, struct arena *a, struct command *cp)
{
	ProtobufCMessage *base;
	Lsm__Command *m;
	enum st st;

	*cp = (struct command){ 0 };
	st = unpack_strict(&lsm__command__descriptor, message, CONTROL_MESSAGE_MAX, a, &base);
	if (st)
		return st;
	m = (Lsm__Command *)base;
	if (m->n_words < 1 || m->n_words > COMMAND_WORDS_MAX)
		return fail(ST_INVALID, "command of %zu words", m->n_words);
	*cp = (struct command){ m->words, m->n_words };
	return ST_OK;
}

/* Whole lines only, if there are any. */
static char *reply_text(struct arena *a, const char *text)
{
	struct slice s = slice_str(text ? text : "");
	struct buf cut = BUF_INIT;
	char *kept;

	if (s.n <= COMMAND_TEXT_MAX)
		return unpack_text(a, s);
	s.n = COMMAND_TEXT_MAX - sizeof CUT_TEXT;
	while (s.n > 0 && s.p[s.n - 1] != '\n')
		s.n--;
	buf_append_slice(&cut, s);
	buf_append_str(&cut, CUT_TEXT);
	kept = unpack_text(a, buf_slice(&cut));
	buf_fini(&cut);
	return kept;
}

void command_reply_encode(const struct command_reply *r, struct buf *out)
{
	Lsm__CommandReply m = LSM__COMMAND_REPLY__INIT;
	struct arena a;

	arena_init(&a);
	m.status = (uint32_t)r->status;
	m.text = reply_text(&a, r->text);
	unpack_reverse(&m.base, out);
	arena_fini(&a);
}

enum st command_reply_decode(struct slice message, struct arena *a, struct command_reply *rp)
{
	ProtobufCMessage *base;
	Lsm__CommandReply *m;
	enum st st;

	*rp = (struct command_reply){ .text = "" };
	st = unpack_strict(&lsm__command_reply__descriptor, message, CONTROL_MESSAGE_MAX, a, &base);
	if (st)
		return st;
	m = (Lsm__CommandReply *)base;
	if (!fields_status_known(m->status))
		return fail(ST_INVALID, "command reply with unknown status %u", m->status);
	*rp = (struct command_reply){ (enum st)m->status, m->text };
	return ST_OK;
}
