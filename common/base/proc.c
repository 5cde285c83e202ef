/* SPDX-License-Identifier: Apache-2.0 */
/* The first steps of every worker (proc.h). proc_begin runs before any thread; the rest on any. */
#include "common/base/proc.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/must.h"

#define BEAT_EVERY_US 500000u
#define SETTINGS_MAX 65536

_Noreturn static void by_hand(const char *program)
{
	fprintf(stderr, "%s is started by lsm-supervisor, not by hand\n", program);
	exit(EXIT_CONFIG);
}

/* The inherited settings, or NULL when there are none. */
static char *inherited_text(void)
{
	struct stat sb;
	char *text;
	ssize_t n;

	if (fstat(HERITAGE_CONFIG, &sb) != 0 || !S_ISREG(sb.st_mode) ||
	    sb.st_size <= 0 || sb.st_size > SETTINGS_MAX)
		return NULL;
	text = mem_alloc((size_t)sb.st_size + 1);
	n = pread(HERITAGE_CONFIG, text, (size_t)sb.st_size, 0);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static bool read_settings(struct conf *c)
{
	char *text = inherited_text();
	struct buf complaint = BUF_INIT;
	bool ok = false;

	conf_defaults(c);
	if (text)
		ok = conf_read_text(c, "inherited settings", text, &complaint) == ST_OK;
	buf_fini(&complaint);
	mem_free(text);
	return ok;
}

static bool read_slot(struct heritage *h, enum role role, int argc, char **argv)
{
	uint64_t workers = role == ROLE_COMPACTOR ? h->conf.compactor_workers :
			   role == ROLE_FRONTEND ? 2 * h->conf.frontend_workers : 1;
	unsigned long first = heritage_slot(&h->conf, role, 0), slot;
	char *end;

	if (argc != 3 || strcmp(argv[1], role_name(role)) != 0)
		return false;
	slot = strtoul(argv[2], &end, 10);
	if (*end || end == argv[2] || slot < first || slot - first >= workers)
		return false;
	h->role = role;
	h->slot = (unsigned)slot;
	h->index = (unsigned)(slot - first);
	h->number = role == ROLE_FRONTEND ? h->index % (unsigned)h->conf.frontend_workers : h->index;
	if (role == ROLE_ENGINE)
		snprintf(h->name, sizeof h->name, "%s", role_name(role));
	else
		snprintf(h->name, sizeof h->name, "%s.%u", role_name(role), h->number);
	return true;
}

bool proc_orphaned(void)
{
	struct pollfd p = { .fd = HERITAGE_LIFELINE, .events = POLLIN | POLLRDHUP };

	return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLRDHUP | POLLERR | POLLNVAL));
}

/* Tables, connections and segments are files: as many as the system lets us have. */
static void raise_descriptors(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur < l.rlim_max) {
		l.rlim_cur = l.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &l);
	}
}

uint64_t proc_descriptors(void)
{
	struct rlimit l;

	return getrlimit(RLIMIT_NOFILE, &l) == 0 ? l.rlim_cur : 0;
}

void proc_begin(enum role role, int argc, char **argv, struct heritage *hp)
{
	memset(hp, 0, sizeof *hp);
	if (!read_settings(&hp->conf) || !read_slot(hp, role, argc, argv))
		by_hand(argc > 0 ? argv[0] : "lsm-engine");
	log_init(hp->name, conf_log_level(&hp->conf), conf_log_format(&hp->conf));
	raise_descriptors();
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (proc_orphaned())
		exit(EXIT_ORPHAN);
}

static void say(char c)
{
	(void)!send(HERITAGE_LIFELINE, &c, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void proc_ready(void)
{
	say('R');
}

void proc_beat(void)
{
	static _Atomic uint64_t last_us;        /* two loops may beat in turn */
	uint64_t now = clock_mono_us();

	if (now - atomic_load_explicit(&last_us, memory_order_relaxed) < BEAT_EVERY_US)
		return;
	atomic_store_explicit(&last_us, now, memory_order_relaxed);
	say('B');
}

int proc_signal_fd(void)
{
	return proc_signal_fd_also(NULL, 0);
}

int proc_signal_fd_also(const int *more, size_t n)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	for (size_t i = 0; i < n; i++)
		sigaddset(&set, more[i]);
	must(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0) {
		log_error("cannot make a signal descriptor: %s", strerror(errno));
		exit(EXIT_OSERR);
	}
	return fd;
}

pthread_t proc_thread(const char *name, void *(*run)(void *), void *arg)
{
	pthread_t t;
	char short_name[16];
	int err = pthread_create(&t, NULL, run, arg);

	if (err) {
		log_error("cannot start thread %s: %s", name, strerror(err));
		exit(EXIT_OSERR);
	}
	snprintf(short_name, sizeof short_name, "%s", name);
	pthread_setname_np(t, short_name);
	return t;
}
