# SPDX-License-Identifier: Apache-2.0
# systemd: service and socket units.
