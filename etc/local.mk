# SPDX-License-Identifier: Apache-2.0
# etc: the documented configuration file.
