/* SPDX-License-Identifier: Apache-2.0 */
/* Dates as IMF-fixdate (RFC 9110 5.6.7); Server, Date and Cache-Control as one piece of text. Event loop thread only. */
#include "frontend/http_date.h"

#include <time.h>

#define LAST_SECOND 253402300799ll       /* of the year 9999 */

#define NOT_FROM_A_CACHE "Cache-Control: no-cache\r\n"

static char fields[128];                 /* the last of them NOT_FROM_A_CACHE */
static size_t length;

void http_date_refresh(void)
{
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	length = strftime(fields, sizeof fields, "Server: lsm-engine\r\nDate: %a, %d %b %Y %H:%M:%S GMT\r\n"
			  NOT_FROM_A_CACHE, &tm);
}

struct slice http_date_fields(bool read)
{
	if (length == 0)
		http_date_refresh();
	return slice_of(fields, read ? length : length - (sizeof NOT_FROM_A_CACHE - 1));
}

static uint8_t *put_two(uint8_t *o, int64_t v)
{
	o[0] = (uint8_t)('0' + v / 10);
	o[1] = (uint8_t)('0' + v % 10);
	return o + 2;
}

/* The year, month (0 is March) and day of a day since 1970: Howard Hinnant's civil_from_days, for days not before it. */
struct civil { int64_t year, month, day; };

static struct civil civil_of(int64_t days)
{
	int64_t shifted = days + 719468, era = shifted / 146097, in_era = shifted % 146097;
	int64_t year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	int64_t in_year = in_era - (365 * year + year / 4 - year / 100), month = (5 * in_year + 2) / 153;

	return (struct civil){ year + era * 400 + (month >= 10), month, in_year - (153 * month + 2) / 5 + 1 };
}

void http_date_append(struct buf *out, int64_t seconds)
{
	static const char days[] = "ThuFriSatSunMonTueWed", months[] = "MarAprMayJunJulAugSepOctNovDecJanFeb";
	enum { LENGTH = 29 };
	int64_t s = seconds < 0 ? 0 : seconds > LAST_SECOND ? LAST_SECOND : seconds, day = s / 86400;
	struct civil c = civil_of(day);
	uint8_t *o = buf_reserve(out, LENGTH);

	s %= 86400;
	memcpy(o, days + day % 7 * 3, 3);
	memcpy(o + 3, ", ", 2);
	o = put_two(o + 5, c.day);
	*o++ = ' ';
	memcpy(o, months + c.month * 3, 3);
	o[3] = ' ';
	o = put_two(o + 4, c.year / 100);
	o = put_two(o, c.year % 100);
	*o++ = ' ';
	o = put_two(o, s / 3600);
	*o++ = ':';
	o = put_two(o, s / 60 % 60);
	*o++ = ':';
	o = put_two(o, s % 60);
	memcpy(o, " GMT", 4);
	out->n += LENGTH;
}
