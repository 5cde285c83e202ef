# SPDX-License-Identifier: Apache-2.0
# engine: sources in layer order, headers beside them.  ENGINE_LIBS is what a program links to use this room.

noinst_LIBRARIES += libengine.a
libengine_a_SOURCES = \
	engine/edit.h \
	engine/damages.c engine/damages.h \
	engine/version.c engine/version.h \
	engine/origins.c engine/origins.h \
	engine/wal.c engine/wal.h \
	engine/report.c engine/report.h \
	engine/recovery_repair.c engine/recovery_repair.h \
	engine/recovery.h engine/recovery_priv.h \
	engine/recovery_settle.c \
	engine/recovery.c \
	engine/recovery_tidy.c \
	engine/manifest_schema.c engine/manifest_schema.h \
	engine/manifest_db.c engine/manifest_db.h \
	engine/manifest_setup.c engine/manifest_setup.h \
	engine/manifest_state.c engine/manifest_state.h \
	engine/manifest_image.c engine/manifest_image.h \
	engine/manifest.c engine/manifest.h
ENGINE_LIBS = libengine.a $(WAL_LIBS) $(PROTO_LIBS) $(VIEW_LIBS) $(STATS_LIBS) $(IPC_LIBS) $(SQLITE_LIBS)

libengine_a_SOURCES += \
	engine/end.c engine/end.h \
	engine/datalock.c engine/datalock.h \
	engine/idpool.c engine/idpool.h \
	engine/publish.c engine/publish.h \
	engine/truth.c engine/truth.h engine/truth_priv.h \
	engine/truth_memtables.c \
	engine/truth_edits.c \
	engine/retain.c engine/retain.h \
	engine/reserve.c engine/reserve.h \
	engine/spare.c engine/spare.h \
	engine/journal.c engine/journal.h \
	engine/pressure.c engine/pressure.h \
	engine/drain.h \
	engine/levels.c engine/levels.h \
	engine/debt.c engine/debt.h \
	engine/known.c engine/known.h \
	engine/decide.c engine/decide.h \
	engine/sight.c engine/sight.h \
	engine/prepare.c engine/prepare.h \
	engine/group.c engine/group.h \
	engine/writer.c engine/writer.h \
	engine/asks.c engine/asks.h \
	engine/install.c engine/install.h \
	engine/flush.c engine/flush.h \
	engine/retired.c engine/retired.h \
	engine/inspect.c engine/inspect.h \
	engine/rebuild.c engine/rebuild.h \
	engine/restore.c engine/restore.h \
	engine/commit.c engine/commit.h engine/commit_priv.h engine/commit_asks.c \
	engine/setback.c engine/setback.h \
	engine/garbage.c engine/garbage.h \
	engine/pick_job.c engine/pick_job.h \
	engine/pick_hidden.c engine/pick_hidden.h \
	engine/pick.c engine/pick.h \
	engine/parts.c engine/parts.h \
	engine/compaction.c engine/compaction.h \
	engine/asked.c engine/asked.h \
	engine/chooser.c engine/chooser.h \
	engine/crew.c engine/crew.h \
	engine/jobnews.c engine/jobnews.h \
	engine/underway.c engine/underway.h \
	engine/jobs.c engine/jobs.h \
	engine/copydir.c engine/copydir.h \
	engine/checkpoint.c engine/checkpoint.h \
	engine/commands.c engine/commands.h \
	engine/control.c engine/control.h

pkglibexec_PROGRAMS += lsm-engine
lsm_engine_SOURCES = engine/main.c
lsm_engine_LDADD = $(ENGINE_LIBS)

EXTRA_DIST += engine/README.md
