/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines as they leave, outcomes and failed asserts. Every test runs in a process of its own. */
#include "common/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/must.h"
#include "common/base/status.h"
#include "t/check_main.h"

static int captured;
static char text[32768];

/* From here on stderr is a pipe of ours. */
static void capture(enum log_level level, enum log_format format)
{
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	close(ends[1]);
	captured = ends[0];
	log_init("engine", level, format);
}

/* What was logged since; ends the capture. */
static const char *logged(void)
{
	int null = open("/dev/null", O_WRONLY);
	size_t n = 0;
	ssize_t got;

	ck_assert_int_eq(dup2(null, STDERR_FILENO), STDERR_FILENO);
	close(null);
	while ((got = read(captured, text + n, sizeof(text) - 1 - n)) > 0)
		n += (size_t)got;
	text[n] = '\0';
	return text;
}

/* The value of "msg" of one JSON line, quotes included. */
static const char *message_of(const char *line)
{
	char *begin = strstr(line, "\"msg\":"), *end;

	ck_assert_ptr_nonnull(begin);
	end = strstr(begin, "}\n");
	ck_assert_ptr_nonnull(end);
	ck_assert_str_eq(end, "}\n");
	*end = '\0';
	return begin + 6;
}

static const struct { const char *in, *json, *pretty; } escapes[] = {
	{ "plain", "\"plain\"", "plain" },
	{ "a \"b\" \\c", "\"a \\\"b\\\" \\\\c\"", "a \"b\" \\c" },
	{ "line\nbreak\ttab\r", "\"line\\nbreak\\ttab\\r\"", "line\\nbreak\\ttab\\r" },
	{ "\x1b[31m\x7f", "\"\\u001b[31m\\u007f\"", "\\u001b[31m\\u007f" },
	{ "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\"",
	    "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80" },
	{ "\xc2\x9b" "31m", "\"\\u009b31m\"", "\\u009b31m" },
	{ "\xff|\xc3|\xc3", "\"\\ufffd|\\ufffd|\\ufffd\"", "\xef\xbf\xbd|\xef\xbf\xbd|\xef\xbf\xbd" },
	{ "\xc0\xaf", "\"\\ufffd\\ufffd\"", "\xef\xbf\xbd\xef\xbf\xbd" },
	{ "\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
	{ "\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"",
	    "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
};

START_TEST(json_messages_are_valid_utf8_and_escaped)
{
	capture(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	log_info("%s", escapes[_i].in);
	ck_assert_str_eq(message_of(logged()), escapes[_i].json);
}
END_TEST

START_TEST(pretty_messages_cannot_steer_a_terminal)
{
	capture(LOG_LEVEL_INFO, LOG_FORMAT_PRETTY);
	log_info("%s", escapes[_i].in);
	logged();
	text[strcspn(text, "\n")] = '\0';
	ck_assert_uint_ge(strlen(text), strlen(escapes[_i].pretty));
	ck_assert_str_eq(text + strlen(text) - strlen(escapes[_i].pretty), escapes[_i].pretty);
	ck_assert_ptr_nonnull(strstr(text, " engine "));
}
END_TEST

START_TEST(a_json_line_names_level_time_process_and_worker)
{
	int level, year, pid;
	char name[16];

	capture(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	log_warn("%d tables", 3);
	ck_assert_int_eq(sscanf(logged(),
	    "{\"level\":%d,\"time\":\"%d-%*d-%*dT%*d:%*d:%*d.%*3dZ\",\"pid\":%d,"
	    "\"name\":\"%15[a-z]\",", &level, &year, &pid, name), 4);
	ck_assert_int_eq(level, 40);
	ck_assert_int_ge(year, 2024);
	ck_assert_int_eq(pid, (int)getpid());
	ck_assert_str_eq(name, "engine");
	ck_assert_str_eq(message_of(text), "\"3 tables\"");
}
END_TEST

START_TEST(a_line_below_the_level_is_not_written)
{
	capture(LOG_LEVEL_WARN, LOG_FORMAT_PRETTY);
	log_debug("one");
	log_info("two");
	log_warn("three");
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("four");
	ck_assert_ptr_null(strstr(logged(), "one"));
	ck_assert_ptr_null(strstr(text, "two"));
	ck_assert_ptr_nonnull(strstr(text, "three"));
	ck_assert_ptr_nonnull(strstr(text, "four"));
}
END_TEST

/* Messages of one repeated character: each way in which a line can be too long. */
static const char *const fillers[] = { "x", "\x01", "\xff", "\"", "\xe2\x82\xac" };

START_TEST(a_long_line_is_cut_between_characters_and_stays_json)
{
	char message[9000] = "";
	size_t unit = strlen(fillers[_i]), n, shift = 0;
	const char *m;

	/* One byte more in front each time, so that the cut meets every place inside a character. */
	for (shift = 0; shift < 6; shift++) {
		memset(message, 'a', shift);
		for (n = shift; n + unit < sizeof(message); n += unit)
			memcpy(message + n, fillers[_i], unit);
		message[n] = '\0';
		capture(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
		log_info("%s", message);
		ck_assert_uint_le(strlen(logged()), 4096);
		ck_assert_uint_ge(strlen(text), 4000);
		m = message_of(text) + 1 + shift;
		n = strlen(m);
		ck_assert_str_eq(m + n - 4, "\xe2\x80\xa6\"");
		unit = strlen(fillers[_i]) == 1 && _i > 0 ? (_i == 3 ? 2 : 6) : unit;   /* as it is written */
		ck_assert_uint_eq((n - 4) % unit, 0);
		unit = strlen(fillers[_i]);
		close(captured);
	}
}
END_TEST

START_TEST(logging_leaves_errno_alone)
{
	log_init("engine", LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	close(STDERR_FILENO);           /* the write fails */
	errno = ENOSPC;
	log_info("nobody hears this");
	ck_assert_int_eq(errno, ENOSPC);
}
END_TEST

static enum st fails(void)
{
	return fail(ST_CORRUPT, "block %d of %s", 7, "x.sst");
}

START_TEST(an_unexpected_outcome_is_logged_once_with_place_and_code)
{
	capture(LOG_LEVEL_ERROR, LOG_FORMAT_JSON);
	ck_assert_int_eq(fails(), ST_CORRUPT);
	logged();
	ck_assert_ptr_nonnull(strstr(text, "\"level\":50,"));
	ck_assert_ptr_nonnull(strstr(text, "\"msg\":\"t/base_log_test.c:"));
	ck_assert_ptr_nonnull(strstr(text, ": block 7 of x.sst (corrupt)\"}\n"));
	ck_assert_ptr_eq(strchr(text, '\n'), strrchr(text, '\n'));
}
END_TEST

START_TEST(a_failed_must_says_what_and_aborts)
{
	pid_t pid;
	int status;

	capture(LOG_LEVEL_ERROR, LOG_FORMAT_PRETTY);
	pid = fork();
	if (pid == 0) {
		must(1 + 1 == 3);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	ck_assert_ptr_nonnull(strstr(logged(), "1 + 1 == 3"));
}
END_TEST

START_TEST(every_code_has_its_sentence_and_number)
{
	ck_assert_str_eq(st_text(ST_OK), "ok");
	ck_assert_str_eq(st_text(ST_INTERNAL), "internal error");
	ck_assert_str_eq(st_text((enum st)99), "unknown");
	ck_assert_str_eq(st_text((enum st)-1), "unknown");
	ck_assert_int_eq(ST_CORRUPT, 7);
	ck_assert_int_eq(ST_INTERNAL, 11);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_loop_test(tc, json_messages_are_valid_utf8_and_escaped, 0, 10);
	tcase_add_loop_test(tc, pretty_messages_cannot_steer_a_terminal, 0, 10);
	tcase_add_test(tc, a_json_line_names_level_time_process_and_worker);
	tcase_add_test(tc, a_line_below_the_level_is_not_written);
	tcase_add_loop_test(tc, a_long_line_is_cut_between_characters_and_stays_json, 0, 5);
	tcase_add_test(tc, logging_leaves_errno_alone);
	tcase_add_test(tc, an_unexpected_outcome_is_logged_once_with_place_and_code);
	tcase_add_test(tc, a_failed_must_says_what_and_aborts);
	tcase_add_test(tc, every_code_has_its_sentence_and_number);
}

CHECK_MAIN("base/log", suite)
