/* SPDX-License-Identifier: Apache-2.0 */
/* What happens when a must() fails: one line in the log, then SIGABRT, which the supervisor tells of. */
#include "common/base/must.h"

#include <stdlib.h>

#include "common/base/log.h"

void must_failed(const char *file, int line, const char *what)
{
	log_error("%s:%d: a bug of this program: must(%s) does not hold", log_source(file), line, what);
	abort();
}
