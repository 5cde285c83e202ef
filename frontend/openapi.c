/* SPDX-License-Identifier: Apache-2.0 */
/* openapi.json as a string literal, which make writes from the file (local.mk). */
#include "frontend/openapi.h"

static const char document[] =
#include "frontend/openapi_text.inc"
	;

struct slice openapi_document(void)
{
	return slice_of(document, sizeof document - 1);
}
