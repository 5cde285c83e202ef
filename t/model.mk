# SPDX-License-Identifier: Apache-2.0
# The engine against an oracle: under options drawn at random, and for long.
#   make model SEEDS=1000 SEED=1        make longrun OPS=10000000

noinst_HEADERS += t/model_oracle.h t/model_db.h t/model_check.h

MODEL_LIBS = libcompactor.a libvfstest.a $(ENGINE_LIBS)

check_PROGRAMS += t/model_test
t_model_test_SOURCES = t/model_test.c
t_model_test_LDADD = $(MODEL_LIBS) $(CHECK_LIBS)
t_model_test_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=clock_wall_ms -Wl,--wrap=rand_id

check_PROGRAMS += t/longrun_test
t_longrun_test_SOURCES = t/longrun_test.c
t_longrun_test_LDADD = $(MODEL_LIBS) $(CHECK_LIBS)

SEED = 1
SEEDS = 200
model: t/model_test
	LSM_MODEL_SEED=$(SEED) LSM_MODEL_SEEDS=$(SEEDS) t/model_test

OPS = 10000000
longrun: t/longrun_test
	CK_TIMEOUT_MULTIPLIER=1000 LSM_LONGRUN_OPS=$(OPS) t/longrun_test

.PHONY: model longrun
