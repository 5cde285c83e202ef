# SPDX-License-Identifier: Apache-2.0
# The engine against an oracle, under options drawn at random.  `make model SEEDS=1000 SEED=1` for a long run.

noinst_HEADERS += t/model_oracle.h t/model_db.h t/model_check.h

MODEL_LIBS = libcompactor.a libvfstest.a $(ENGINE_LIBS)

check_PROGRAMS += t/model_test
t_model_test_SOURCES = t/model_test.c
t_model_test_LDADD = $(MODEL_LIBS) $(CHECK_LIBS)

SEED = 1
SEEDS = 200
model: t/model_test
	LSM_MODEL_SEED=$(SEED) LSM_MODEL_SEEDS=$(SEEDS) t/model_test

.PHONY: model
