/* SPDX-License-Identifier: Apache-2.0 */
/* Outcome codes and the birth of unexpected ones (status.h). Any thread. */
#include "common/base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/must.h"

const char *st_text(enum st st)
{
	switch (st) {
#define ST(name, number, text) case ST_##name: return text;
#include "common/base/status.def"
#undef ST
	}
	return "unknown";
}

enum st fail_at(const char *file, int line, enum st st, const char *fmt, ...)
{
	char sentence[3000];
	va_list ap;

	must(st != ST_OK);
	va_start(ap, fmt);
	vsnprintf(sentence, sizeof sentence, fmt, ap);
	va_end(ap);
	log_error("%s:%d: %s (%s)", log_source(file), line, sentence, st_text(st));
	return st;
}
