/* SPDX-License-Identifier: Apache-2.0 */
/* Which request fields are known, by name (http_fields.def). Pure. */
#ifndef FRONTEND_HTTP_FIELDS_H
#define FRONTEND_HTTP_FIELDS_H

#include "common/base/slice.h"

enum http_field_id {
	HTTP_FIELD_OTHER,                /* none of ours */
#define HTTP_FIELD(id, name, kind) HTTP_FIELD_##id,
#include "frontend/http_fields.def"
#undef HTTP_FIELD
	HTTP_FIELD_COUNT
};

enum http_field_kind { HTTP_KIND_FRAME, HTTP_KIND_ONE, HTTP_KIND_LIST };

enum http_field_id http_field_find(struct slice name);   /* in any case of letters */
enum http_field_kind http_field_kind(enum http_field_id id);
const char *http_field_name(enum http_field_id id);      /* in lower case */

#endif
