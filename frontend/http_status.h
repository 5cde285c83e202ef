/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP statuses this server answers, and their phrases (RFC 9110). */
#ifndef FRONTEND_HTTP_STATUS_H
#define FRONTEND_HTTP_STATUS_H

const char *http_status_phrase(unsigned status);     /* "Not Found"; "Unknown" for one we never send */

#endif
