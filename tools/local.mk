# SPDX-License-Identifier: Apache-2.0
# tools: the four commands, and the scripts that look after the tree.

EXTRA_DIST += tools/lint tools/coverage
