# SPDX-License-Identifier: Apache-2.0
# End-to-end tests: a whole server in a temporary directory.  harness.py is what they share.

E2E_TESTS = \
	t/e2e_access_log.py \
	t/e2e_api.py \
	t/e2e_auth.py \
	t/e2e_backup.py \
	t/e2e_checkpoint.py \
	t/e2e_compact.py \
	t/e2e_damage.py \
	t/e2e_dataset.py \
	t/e2e_disk.py \
	t/e2e_http.py \
	t/e2e_http_hostile.py \
	t/e2e_http_raw.py \
	t/e2e_import.py \
	t/e2e_limits.py \
	t/e2e_linear.py \
	t/e2e_manifest.py \
	t/e2e_reads_survive.py \
	t/e2e_watch.py \
	t/e2e_openapi.py \
	t/e2e_readme.py \
	t/e2e_recovery.py \
	t/e2e_restart.py \
	t/e2e_scan.py \
	t/e2e_table_reader.py \
	t/e2e_tls.py \
	t/e2e_v1_kv.py \
	t/e2e_workers.py
TESTS += $(E2E_TESTS) t/harness_test.py
dist_check_SCRIPTS += $(E2E_TESTS) t/table_reader.py t/http_raw_cases.py t/openapi_client.py t/linear.py t/harness.py t/harness_test.py

# They need the programs; make check builds them anyway.
$(E2E_TESTS:.py=.log): lsm-supervisor lsm-engine lsm-frontend lsm-compactor lsmctl

# The same test of linearizability, for longer: make linear KILLS=200
KILLS = 200
linear:
	$(MAKE) check-TESTS TESTS=t/e2e_linear.py LSM_TEST_KILLS=$(KILLS)
.PHONY: linear
