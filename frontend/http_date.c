/* SPDX-License-Identifier: Apache-2.0 */
/* Server and Date as one piece of text (IMF-fixdate, RFC 9110 5.6.7). Event loop thread only. */
#include "frontend/http_date.h"

#include <time.h>

static char fields[96];
static size_t length;

void http_date_refresh(void)
{
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	length = strftime(fields, sizeof fields, "Server: lsm-engine\r\nDate: %a, %d %b %Y %H:%M:%S GMT\r\n",
			  &tm);
}

struct slice http_date_fields(void)
{
	if (length == 0)
		http_date_refresh();
	return slice_of(fields, length);
}
