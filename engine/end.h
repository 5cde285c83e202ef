/* SPDX-License-Identifier: Apache-2.0 */
/* Ends the engine at once, from any thread, without running anything at exit (threads of nng are still at work). */
#ifndef ENGINE_END_H
#define ENGINE_END_H

#include "common/base/status.h"

_Noreturn void engine_end(enum exit_code code);

#endif
