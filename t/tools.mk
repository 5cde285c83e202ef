# SPDX-License-Identifier: Apache-2.0
# Tests of the tools, and of the source tree itself.

noinst_HEADERS += t/check_main.h

TESTS += t/lint.py
dist_check_SCRIPTS += t/lint.py

check_PROGRAMS += t/tools_bench_hist_test
t_tools_bench_hist_test_SOURCES = t/tools_bench_hist_test.c tools/bench_hist.c
t_tools_bench_hist_test_LDADD = $(BASE_LIBS) $(CHECK_LIBS)

TESTS += t/tools_lsm_bench.py
dist_check_SCRIPTS += t/tools_lsm_bench.py

check_PROGRAMS += t/tools_backup_test
t_tools_backup_test_SOURCES = t/tools_backup_test.c t/engine_sqlitevfs.h t/engine_world.h t/engine_testlib.h
t_tools_backup_test_LDADD = libtools.a $(VFSTEST_LIBS) $(ENGINE_LIBS) $(CHECK_LIBS)

TESTS += t/tools_bench_storage.py
dist_check_SCRIPTS += t/tools_bench_storage.py
