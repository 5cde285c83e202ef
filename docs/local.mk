# SPDX-License-Identifier: Apache-2.0
# docs: manual pages and what operators read.

dist_man_MANS += docs/lsm-supervisor.8 docs/lsmctl.1 docs/lsm-bench.1
man_MANS += docs/lsm-engine.conf.5
CLEANFILES += docs/lsm-engine.conf.5
EXTRA_DIST += docs/api.md docs/containers.md docs/manifest.md docs/monitoring.md docs/operations.md docs/security.md docs/conf-man.awk \
	docs/benchmarks/README.md docs/benchmarks/2026-11-26.md docs/benchmarks/2026-11-26-20m.md \
	docs/benchmarks/2026-11-26-3k.md docs/benchmarks/2026-11-26-http.md \
	Dockerfile .dockerignore tools/image-test

docs/lsm-engine.conf.5: etc/lsm-engine.conf docs/conf-man.awk
	$(AM_V_GEN)$(MKDIR_P) docs && $(AWK) -f $(top_srcdir)/docs/conf-man.awk etc/lsm-engine.conf >$@.tmp && \
		mv $@.tmp $@
