/* SPDX-License-Identifier: Apache-2.0 */
/* The interface told to machines, OpenAPI 3.1: the text of openapi.json, built into the program. */
#ifndef FRONTEND_OPENAPI_H
#define FRONTEND_OPENAPI_H

#include "common/base/slice.h"

struct slice openapi_document(void);

#endif
