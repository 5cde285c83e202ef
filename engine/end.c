/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one way out of the engine. Everything that matters is on disk before or is recovered after, so nothing is tidied
 * here: an orderly end and a kill need the same recovery.
 */
#include "engine/end.h"

#include <unistd.h>

#ifdef COVERAGE
void __gcov_dump(void);
#endif

_Noreturn void engine_end(enum exit_code code)
{
#ifdef COVERAGE
	__gcov_dump();
#endif
	_exit((int)code);
}
