# SPDX-License-Identifier: Apache-2.0
# Tests of the tools, and of the source tree itself.

noinst_HEADERS += t/check_main.h

TESTS += t/lint.py
dist_check_SCRIPTS += t/lint.py
