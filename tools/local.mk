# SPDX-License-Identifier: Apache-2.0
# tools: the operators' and developers' commands, and the scripts that look after the tree.

EXTRA_DIST += tools/lint tools/coverage tools/bench-http tools/bench-storage

noinst_LIBRARIES += libtools.a
libtools_a_SOURCES = \
	tools/backup_files.c tools/backup_files.h \
	tools/backup_damage.c tools/backup_damage.h \
	tools/backup.c tools/backup.h
TOOLS_LIBS = libtools.a libengine.a $(WAL_LIBS) $(PROTO_LIBS) $(TABLE_LIBS) $(SQLITE_LIBS) $(BASE_LIBS)

bin_PROGRAMS += lsmctl
lsmctl_SOURCES = tools/lsmctl_backup.c tools/lsmctl_backup.h tools/lsmctl.c
lsmctl_LDADD = $(TOOLS_LIBS)

bin_PROGRAMS += lsm-bench
lsm_bench_SOURCES = \
	tools/bench_data.c tools/bench_data.h \
	tools/bench_hist.c tools/bench_hist.h \
	tools/bench_dir.c tools/bench_dir.h \
	tools/bench_serial.c tools/bench_serial.h \
	tools/bench_db.c tools/bench_db.h tools/bench_db_priv.h \
	tools/bench_db_write.c \
	tools/bench_db_read.c \
	tools/bench_db_compact.c \
	tools/bench_opts.c tools/bench_opts.h \
	tools/bench_work.c tools/bench_work.h \
	tools/bench_run.c tools/bench_run.h \
	tools/lsm_bench.c
lsm_bench_LDADD = $(SUPERVISOR_LIBS) $(COMPACTOR_LIBS) $(ENGINE_LIBS) $(JANSSON_LIBS) $(ZLIB_LIBS)

# ---- make bench-storage: lsm-bench beside RocksDB's db_bench; NUMS, ROUNDS, BENCH_OUT and BENCH_FLAGS may be given ----

NUMS = 1000000,20000000
ROUNDS = 3,1
BENCH_OUT = bench-storage.md

bench-storage: lsm-bench$(EXEEXT) lsm-compactor$(EXEEXT)
	$(PYTHON) $(srcdir)/tools/bench-storage --build $(abs_builddir) --nums $(NUMS) --rounds $(ROUNDS) --out $(BENCH_OUT) \
		$(BENCH_FLAGS)

.PHONY: bench-storage
