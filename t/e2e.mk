# SPDX-License-Identifier: Apache-2.0
# Whole-system tests: scripts that start lsm-supervisor from $LSM_BUILD_DIR.
# A script test is two lines:
#   TESTS += t/e2e_<what>.py
#   dist_check_SCRIPTS += t/e2e_<what>.py
