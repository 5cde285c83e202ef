/* SPDX-License-Identifier: Apache-2.0 */
/* The control edge as plain structs (control.proto). Texts of decoded messages live in the given arena. */
#ifndef PROTO_CONTROL_H
#define PROTO_CONTROL_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/status.h"

enum control_verb { CONTROL_NONE, CONTROL_STATUS, CONTROL_RESTART, CONTROL_RELOAD, CONTROL_SET };

struct control_request {
	enum control_verb verb;
	const char *worker;             /* RESTART */
	const char *setting, *value;    /* SET */
};

struct worker_status {
	const char *name, *state, *last_end;
	int pid;
	uint64_t uptime_ms;
	uint32_t restarts;
};

struct control_reply {
	enum st status;
	const char *detail, *listen, *data_dir, *version;
	int supervisor_pid;
	uint64_t uptime_ms;
	struct worker_status *workers;  size_t worker_count;
	bool tls;
	uint64_t reloads, reload_failures;
};

void control_request_encode(const struct control_request *r, struct buf *out);
enum st control_request_decode(struct slice message, struct arena *a, struct control_request *rp) MUST_USE;
void control_reply_encode(const struct control_reply *r, struct buf *out);
enum st control_reply_decode(struct slice message, struct arena *a, struct control_reply *rp) MUST_USE;

#endif
