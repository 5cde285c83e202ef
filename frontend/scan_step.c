/* SPDX-License-Identifier: Apache-2.0 */
/* The loop from entry to bytes. */
#include "frontend/scan_step.h"

#include "common/base/clock.h"
#include "frontend/entry_text.h"

enum { LOOK_EVERY = 64 };                /* entries between two looks at the clock */

static void write_item(struct scan_step *s, const struct entry *e)
{
	struct entry bare = *e;

	if (s->form == SCAN_PROTOBUF) {
		if (s->keys_only)
			bare.value = slice_of(NULL, 0);
		entry_text_protobuf(&s->out, &bare);
		return;
	}
	if (s->form == SCAN_PAGE && s->any)
		buf_append_byte(&s->out, ',');
	entry_text_json(&s->out, e, s->keys_only);
	if (s->form == SCAN_LINES)
		buf_append_byte(&s->out, '\n');
}

/* Behind it a page goes on, whether it ends for want of room or because the next entry cannot be read. */
static void note_key(struct scan_step *s, struct slice key)
{
	if (s->form != SCAN_PAGE)
		return;
	buf_reset(&s->last_key);
	buf_append_slice(&s->last_key, key);
}

static bool is_full(const struct scan_step *s, size_t begin)
{
	return s->items == s->most_items || s->out.n - begin >= s->most_bytes;
}

static bool is_over(const struct scan_step *s)
{
	if (s->items % LOOK_EVERY)
		return false;
	return atomic_load_explicit(&s->cancelled, memory_order_relaxed) || (s->walk.until_us && clock_mono_us() >= s->walk.until_us);
}

/* A page that is full is the last one when nothing is behind it. */
static void look_ahead(struct scan_step *s)
{
	if (s->form == SCAN_PAGE)
		s->at_end = walk_next(&s->walk) == NULL && !s->walk.paused && s->walk.st == ST_OK;
}

void scan_step_run(struct scan_step *s)
{
	size_t begin = s->form == SCAN_PAGE ? 0 : s->out.n;
	const struct entry *e;

	s->items = 0;
	s->paused = false;
	s->walk.stop = &s->cancelled;
	s->walk.until_us = s->most_us ? clock_mono_us() + s->most_us : 0;
	while ((e = walk_next(&s->walk)) != NULL) {
		write_item(s, e);
		s->items++;
		s->any = true;
		note_key(s, e->key);
		if (is_full(s, begin)) {
			look_ahead(s);
			return;
		}
		if (is_over(s)) {
			s->paused = true;
			return;
		}
	}
	s->paused = s->walk.paused;
	s->at_end = !s->paused;
}

void scan_step_fini(struct scan_step *s)
{
	walk_end(&s->walk);
	buf_fini(&s->out);
	buf_fini(&s->last_key);
}
