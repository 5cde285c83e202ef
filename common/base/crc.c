/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32 by libdeflate (crc.h). Pure. */
#include "common/base/crc.h"

#include <libdeflate.h>

uint32_t crc32_of(uint32_t crc, const void *p, size_t n)
{
	return n ? libdeflate_crc32(crc, p, n) : crc;
}
