/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The main program of a unit test.  A test file is a list of START_TEST bodies, named after the property they
 * hold, a function that registers them, and one line:
 *
 *	static void
 *	suite(TCase *tc)
 *	{
 *		tcase_add_test(tc, get_sees_newest_visible_version);
 *	}
 *
 *	CHECK_MAIN("view/get", suite)
 *
 * Results go to stdout as TAP and nothing else may go there; the code under test logs to stderr.  check runs
 * every test in a process of its own, so threads and nng are begun inside a test body, never in an unchecked
 * fixture.  CK_FORK=no runs all tests in one process, for a debugger.
 * A failure message must not contain "# TODO" or "# SKIP": TAP would read them.
 */
#ifndef T_CHECK_MAIN_H
#define T_CHECK_MAIN_H

#undef fail                  /* check has a macro of this name; in this house it is the one of status.h */
#include <check.h>
#undef fail
#include <stdlib.h>

#include "common/base/status.h"

#ifndef fail
#define fail(st, ...) fail_at(__FILE__, __LINE__, (st), __VA_ARGS__)
#endif

/* Ends a test that hangs; far beyond what any test takes, so that a busy machine fails nothing. */
#define CHECK_MAIN_TIMEOUT_S 120

/* Runs the tests that `add` registers; the exit code of the program. */
static inline int check_main_run(const char *name, void (*add)(TCase *))
{
	Suite *s = suite_create(name);
	TCase *tc = tcase_create(name);
	SRunner *sr;
	int failed;

	tcase_set_timeout(tc, CHECK_MAIN_TIMEOUT_S);
	add(tc);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return (failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}

#define CHECK_MAIN(name, add) \
	int main(void) \
	{ \
		return (check_main_run(name, add)); \
	}

#endif /* T_CHECK_MAIN_H */
