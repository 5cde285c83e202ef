# SPDX-License-Identifier: Apache-2.0
# Tests of engine.  A unit test is three lines:
#   check_PROGRAMS += t/engine_<file>_test
#   t_engine_<file>_test_SOURCES = t/engine_<file>_test.c
#   t_engine_<file>_test_LDADD = $(ENGINE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/engine_manifest_test
t_engine_manifest_test_SOURCES = t/engine_manifest_test.c t/engine_manifest1.h t/engine_testlib.h
t_engine_manifest_test_LDADD = $(ENGINE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/engine_pick_test
t_engine_pick_test_SOURCES = t/engine_pick_test.c
t_engine_pick_test_LDADD = $(ENGINE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/engine_pick_hidden_test
t_engine_pick_hidden_test_SOURCES = t/engine_pick_hidden_test.c
t_engine_pick_hidden_test_LDADD = $(ENGINE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/engine_levels_test
t_engine_levels_test_SOURCES = t/engine_levels_test.c
t_engine_levels_test_LDADD = $(ENGINE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/engine_setback_test
t_engine_setback_test_SOURCES = t/engine_setback_test.c
t_engine_setback_test_LDADD = $(ENGINE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/engine_garbage_test
t_engine_garbage_test_SOURCES = t/engine_garbage_test.c
t_engine_garbage_test_LDADD = $(ENGINE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/engine_parts_test
t_engine_parts_test_SOURCES = t/engine_parts_test.c
t_engine_parts_test_LDADD = $(ENGINE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/engine_compaction_test
t_engine_compaction_test_SOURCES = t/engine_compaction_test.c t/engine_world.h t/engine_testlib.h
t_engine_compaction_test_LDADD = libvfstest.a $(COMPACTOR_LIBS) $(ENGINE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/engine_picksim_test
t_engine_picksim_test_SOURCES = t/engine_picksim_test.c
t_engine_picksim_test_LDADD = $(ENGINE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/engine_pressure_test
t_engine_pressure_test_SOURCES = t/engine_pressure_test.c
t_engine_pressure_test_LDADD = $(ENGINE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/engine_retain_test
t_engine_retain_test_SOURCES = t/engine_retain_test.c t/engine_testlib.h t/engine_walhelp.h
t_engine_retain_test_LDADD = $(VFSTEST_LIBS) $(ENGINE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/engine_reserve_test
t_engine_reserve_test_SOURCES = t/engine_reserve_test.c t/engine_testlib.h
t_engine_reserve_test_LDADD = $(ENGINE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/engine_group_test
t_engine_group_test_SOURCES = t/engine_group_test.c
t_engine_group_test_LDADD = $(ENGINE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/engine_recovery_test
t_engine_recovery_test_SOURCES = t/engine_recovery_test.c t/engine_testlib.h t/engine_walhelp.h
t_engine_recovery_test_LDADD = $(ENGINE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/engine_drill_test
t_engine_drill_test_SOURCES = t/engine_drill_test.c t/engine_testlib.h t/engine_walhelp.h
t_engine_drill_test_LDADD = $(ENGINE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/engine_origins_test
t_engine_origins_test_SOURCES = t/engine_origins_test.c t/engine_testlib.h
t_engine_origins_test_LDADD = $(ENGINE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/engine_version_test
t_engine_version_test_SOURCES = t/engine_version_test.c t/engine_testlib.h
t_engine_version_test_LDADD = $(ENGINE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/engine_wal_test
t_engine_wal_test_SOURCES = t/engine_wal_test.c t/engine_testlib.h t/engine_walhelp.h
t_engine_wal_test_LDADD = $(ENGINE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/engine_model_test
t_engine_model_test_SOURCES = t/engine_model_test.c t/engine_world.h t/engine_testlib.h
t_engine_model_test_LDADD = $(ENGINE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/engine_rebuild_test
t_engine_rebuild_test_SOURCES = t/engine_rebuild_test.c t/engine_testlib.h
t_engine_rebuild_test_LDADD = $(ENGINE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/engine_restore_test
t_engine_restore_test_SOURCES = t/engine_restore_test.c t/engine_world.h t/engine_testlib.h
t_engine_restore_test_LDADD = $(ENGINE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/engine_commit_test
t_engine_commit_test_SOURCES = t/engine_commit_test.c t/engine_askhelp.h t/engine_peer.h t/engine_world.h t/engine_testlib.h
t_engine_commit_test_LDADD = $(ENGINE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/engine_control_test
t_engine_control_test_SOURCES = t/engine_control_test.c t/engine_world.h t/engine_testlib.h
t_engine_control_test_LDADD = $(ENGINE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/engine_debt_test
t_engine_debt_test_SOURCES = t/engine_debt_test.c t/engine_world.h t/engine_testlib.h
t_engine_debt_test_LDADD = $(ENGINE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/engine_jobs_test
t_engine_jobs_test_SOURCES = t/engine_jobs_test.c t/engine_peer.h t/engine_world.h t/engine_testlib.h
t_engine_jobs_test_LDADD = $(COMPACTOR_LIBS) $(ENGINE_LIBS) $(CHECK_LIBS)

# On a simulated disk.
check_PROGRAMS += t/engine_walcrash_test
t_engine_walcrash_test_SOURCES = t/engine_walcrash_test.c t/engine_testlib.h t/engine_walhelp.h
t_engine_walcrash_test_LDADD = $(VFSTEST_LIBS) $(ENGINE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/engine_flush_test
t_engine_flush_test_SOURCES = t/engine_flush_test.c t/engine_world.h t/engine_testlib.h
t_engine_flush_test_LDADD = libvfstest.a $(ENGINE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/engine_full_test
t_engine_full_test_SOURCES = t/engine_full_test.c t/engine_world.h t/engine_testlib.h
t_engine_full_test_LDADD = libvfstest.a $(ENGINE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/engine_checkpoint_test
t_engine_checkpoint_test_SOURCES = t/engine_checkpoint_test.c t/engine_sqlitevfs.h t/engine_world.h t/engine_testlib.h
t_engine_checkpoint_test_LDADD = $(VFSTEST_LIBS) $(ENGINE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/engine_manifestcrash_test
t_engine_manifestcrash_test_SOURCES = t/engine_manifestcrash_test.c t/engine_manifest1.h t/engine_sqlitevfs.h t/engine_testlib.h
t_engine_manifestcrash_test_LDADD = $(VFSTEST_LIBS) $(ENGINE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/engine_inspect_test
t_engine_inspect_test_SOURCES = t/engine_inspect_test.c t/engine_world.h t/engine_testlib.h
t_engine_inspect_test_LDADD = $(ENGINE_LIBS) $(VFSTEST_LIBS) $(CHECK_LIBS)

# The engine's orders carried out by the compactor's code.
check_PROGRAMS += t/engine_damagelife_test
t_engine_damagelife_test_SOURCES = t/engine_damagelife_test.c t/engine_peer.h t/engine_world.h t/engine_testlib.h
t_engine_damagelife_test_LDADD = libvfstest.a libcompactor.a $(ENGINE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/engine_sweep_test
t_engine_sweep_test_SOURCES = t/engine_sweep_test.c t/engine_world.h t/engine_testlib.h
t_engine_sweep_test_LDADD = $(ENGINE_LIBS) $(CHECK_LIBS)
t_engine_sweep_test_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc

# The whole of t/engine_sweep_test, of which make check does a part.
sweep: t/engine_sweep_test
	LSM_SWEEP=1 t/engine_sweep_test

.PHONY: sweep

check_PROGRAMS += t/engine_asked_test
t_engine_asked_test_SOURCES = t/engine_asked_test.c
t_engine_asked_test_LDADD = $(ENGINE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/engine_retired_test
t_engine_retired_test_SOURCES = t/engine_retired_test.c
t_engine_retired_test_LDADD = $(MODEL_LIBS) $(CHECK_LIBS)
t_engine_retired_test_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=clock_mono_us

check_PROGRAMS += t/engine_damages_test
t_engine_damages_test_SOURCES = t/engine_damages_test.c
t_engine_damages_test_LDADD = $(ENGINE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/engine_decide_test
t_engine_decide_test_SOURCES = t/engine_decide_test.c
t_engine_decide_test_LDADD = $(ENGINE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/engine_asks_test
t_engine_asks_test_SOURCES = t/engine_asks_test.c t/engine_askhelp.h t/engine_world.h t/engine_testlib.h
t_engine_asks_test_LDADD = $(ENGINE_LIBS) $(CHECK_LIBS)

# On a simulated disk.
check_PROGRAMS += t/engine_askcrash_test
t_engine_askcrash_test_SOURCES = t/engine_askcrash_test.c t/engine_sqlitevfs.h t/engine_askhelp.h t/engine_world.h t/engine_testlib.h
t_engine_askcrash_test_LDADD = $(VFSTEST_LIBS) $(ENGINE_LIBS) $(CHECK_LIBS)
