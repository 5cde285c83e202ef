# SPDX-License-Identifier: Apache-2.0
"""Bytes as they go over the wire, and what a strict server answers: the table that e2e_http_raw.py plays against a server.

case(name, answers, after, bytes):
  answers  what is answered, in order: "200", "400 framing_invalid" (status and code), "200 head" (no body follows), "" (nothing)
  after    LIVES: the next request on the connection is served. ENDS: the connection ends, whatever follows is thrown away.
           HALF: the client ends its side behind the bytes, and the server ends the connection.
Wherever a reader could take a part of a body for a request, that part writes the key "smuggled" or deletes the key
"canary": the test looks at both. After RFC 9112 and RFC 9110; where they leave a choice, the stricter one.
"""
LIVES, ENDS, HALF = "lives", "ends", "half"

MAX_BODY = 65536
HOST = b"Host: a\r\n"
BODY = b'{"key":"raw","value":"v"}'                     # 25 bytes, 0x19
SMUGGLED = b'{"key":"smuggled","value":"v"}'
EVIL = b"POST /api/write HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s" % (len(SMUGGLED), SMUGGLED)
KILLER = b"DELETE /api/delete/canary HTTP/1.1\r\nHost: a\r\n\r\n"
CASES = []
SECTIONS = {}

MALFORMED, FRAMING, TARGET, HOSTS = "400 malformed_request", "400 framing_invalid", "400 target_invalid", "400 host_invalid"
VERSION, METHOD, CODING, LARGE = "505 version_unsupported", "501 method_unknown", "501 transfer_coding_unsupported", "431 head_too_large"
LONG, TOO_MUCH, REPEATED, NO_ROUTE = "414 target_too_long", "413 body_too_large", "400 header_repeated", "404 route_not_found"
NO_KEY, BAD_KEY, BAD_JSON, WRONG = "404 not_found", "400 key_invalid", "400 json_invalid", "405 method_not_allowed"


def section(name):
    SECTIONS[name] = len(CASES)


def case(name, answers, after, data):
    CASES.append((name, [a.strip() for a in answers.split(",")] if answers else [], after, data))


def get(target=b"/api/read/canary", fields=b"", version=b"HTTP/1.1", method=b"GET"):
    return method + b" " + target + b" " + version + b"\r\n" + HOST + fields + b"\r\n"


def post(fields, body=b"", target=b"/api/write", version=b"HTTP/1.1"):
    return b"POST " + target + b" " + version + b"\r\n" + HOST + fields + b"\r\n" + body


def sized(value, body=BODY):
    return post(b"Content-Length: " + value + b"\r\n", body)


def coded(value, body=b"19\r\n" + BODY + b"\r\n0\r\n\r\n", name=b"Transfer-Encoding: "):
    return post(name + value + b"\r\n", body)


def chunks(body):
    return coded(b"chunked", body)


def line(first):
    return first + b"\r\n" + HOST + b"\r\n"


def printable(byte):
    return f"x{byte:02x}"


section("request line")
case("plain", "200", LIVES, get())
case("no_space_at_all", MALFORMED, ENDS, line(b"GET/api/read/canaryHTTP/1.1"))
case("no_space_after_method", MALFORMED, ENDS, line(b"GET/api/read/canary HTTP/1.1"))
case("no_version", MALFORMED, ENDS, line(b"GET /api/read/canary"))
case("simple_request_of_http09", MALFORMED, ENDS, b"GET /api/read/canary\r\n")
case("empty_method", MALFORMED, ENDS, line(b" /api/read/canary HTTP/1.1"))
case("space_before_method", MALFORMED, ENDS, line(b" GET /api/read/canary HTTP/1.1"))
case("tab_before_method", MALFORMED, ENDS, line(b"\tGET /api/read/canary HTTP/1.1"))
case("two_spaces_before_target", MALFORMED, ENDS, line(b"GET  /api/read/canary HTTP/1.1"))
case("two_spaces_before_version", MALFORMED, ENDS, line(b"GET /api/read/canary  HTTP/1.1"))
case("space_at_the_end", MALFORMED, ENDS, line(b"GET /api/read/canary HTTP/1.1 "))
case("tab_at_the_end", MALFORMED, ENDS, line(b"GET /api/read/canary HTTP/1.1\t"))
case("tab_for_the_first_space", MALFORMED, ENDS, line(b"GET\t/api/read/canary HTTP/1.1"))
case("tab_for_the_second_space", MALFORMED, ENDS, line(b"GET /api/read/canary\tHTTP/1.1"))
case("vertical_tab_for_a_space", MALFORMED, ENDS, line(b"GET\v/api/read/canary HTTP/1.1"))
case("form_feed_for_a_space", MALFORMED, ENDS, line(b"GET /api/read/canary\fHTTP/1.1"))
case("cr_for_a_space", MALFORMED, ENDS, line(b"GET\r/api/read/canary HTTP/1.1"))
case("four_words", MALFORMED, ENDS, line(b"GET /api/read/canary x HTTP/1.1"))
case("version_twice", MALFORMED, ENDS, line(b"GET /api/read/canary HTTP/1.1 HTTP/1.1"))
case("lf_ends_it", MALFORMED, ENDS, b"GET /api/read/canary HTTP/1.1\n" + HOST + b"\r\n")
case("lf_ends_every_line", MALFORMED, ENDS, b"GET /api/read/canary HTTP/1.1\nHost: a\n\n")
case("cr_alone_ends_it", MALFORMED, ENDS, b"GET /api/read/canary HTTP/1.1\r" + HOST + b"\r\n")
case("cr_cr_lf", MALFORMED, ENDS, b"GET /api/read/canary HTTP/1.1\r\r\n" + HOST + b"\r\n")
case("lf_cr", MALFORMED, ENDS, b"GET /api/read/canary HTTP/1.1\n\rHost: a\n\r\n\r")
case("nul_behind_it", MALFORMED, ENDS, line(b"GET /api/read/canary HTTP/1.1\0"))
case("field_before_it", MALFORMED, ENDS, HOST + get())
case("response_instead", MALFORMED, ENDS, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

section("empty lines before a request")
case("one_empty_line", "200", LIVES, b"\r\n" + get())
case("an_empty_line_alone", "", LIVES, b"\r\n")
case("two_empty_lines", MALFORMED, ENDS, b"\r\n\r\n" + get())
case("lf_alone_before", MALFORMED, ENDS, b"\n" + get())
case("cr_alone_before", MALFORMED, ENDS, b"\r" + get())
case("nul_before", MALFORMED, ENDS, b"\0" + get())
case("byte_order_mark_before", MALFORMED, ENDS, b"\xef\xbb\xbf" + get())
case("empty_line_between_requests", "200, 200", LIVES, get() + b"\r\n" + get())
case("empty_line_behind_a_body", "200, 200", LIVES, sized(b"25") + b"\r\n" + get())
case("two_empty_lines_behind_a_body", "200, " + MALFORMED, ENDS, sized(b"25") + b"\r\n\r\n" + get())

section("methods")
case("head", "200 head", LIVES, get(method=b"HEAD"))
case("head_of_nothing", NO_ROUTE + " head", LIVES, get(b"/nothing", method=b"HEAD"))
case("options", "204", LIVES, get(method=b"OPTIONS"))
case("options_of_the_server", "204", LIVES, get(b"*", method=b"OPTIONS"))
case("options_with_a_body", "204", LIVES, get(b"*", b"Content-Length: %d\r\n" % len(EVIL), method=b"OPTIONS") + EVIL)
case("put_where_there_is_none", WRONG, LIVES, get(b"/api/write", b"Content-Length: %d\r\n" % len(EVIL), method=b"PUT") + EVIL)
case("patch", WRONG, LIVES, get(method=b"PATCH"))
case("trace", WRONG, LIVES, get(method=b"TRACE"))
case("trace_of_nothing", NO_ROUTE, LIVES, get(b"/nothing", method=b"TRACE"))
case("connect", METHOD, ENDS, line(b"CONNECT a:443 HTTP/1.1") + EVIL)
case("connect_to_a_path", METHOD, ENDS, get(method=b"CONNECT") + EVIL)
case("unknown", METHOD, ENDS, get(method=b"BREW"))
case("unknown_with_a_body", METHOD, ENDS, get(fields=b"Content-Length: %d\r\n" % len(EVIL), method=b"BREW") + EVIL)
case("lower_case", METHOD, ENDS, get(method=b"get"))
case("mixed_case", METHOD, ENDS, get(method=b"Get"))
case("prefix_of_one", METHOD, ENDS, get(method=b"GE"))
case("one_and_more", METHOD, ENDS, get(method=b"GETX"))
case("of_webdav", METHOD, ENDS, get(method=b"PROPFIND"))
case("of_upnp", METHOD, ENDS, get(b"*", method=b"M-SEARCH"))
case("of_rtsp", METHOD, ENDS, get(method=b"DESCRIBE"))
case("query", METHOD, ENDS, get(method=b"QUERY"))
case("long_method", METHOD, ENDS, get(method=b"X" * 2000))
case("all_token_bytes", METHOD, ENDS, get(method=b"!#$%&'*+-.^_`|~09azAZ"))
for c in b"()<>@,;:\\\"/[]?={}":
    case("method_with_" + printable(c), MALFORMED, ENDS, get(method=b"G" + bytes([c]) + b"T"))
case("method_with_nul", MALFORMED, ENDS, get(method=b"GE\0T"))
case("method_with_8_bits", MALFORMED, ENDS, get(method=b"G\xc3\x8aT"))

section("versions")
case("http10", "200", ENDS, get(version=b"HTTP/1.0"))
case("http10_without_host", "200", ENDS, b"GET /api/read/canary HTTP/1.0\r\n\r\n")
case("http10_keeps_alive", "200", LIVES, get(fields=b"Connection: keep-alive\r\n", version=b"HTTP/1.0"))
case("http10_keeps_alive_in_capitals", "200", LIVES, get(fields=b"Connection: Keep-Alive\r\n", version=b"HTTP/1.0"))
case("http10_post", "200", ENDS, post(b"Content-Length: 25\r\n", BODY, version=b"HTTP/1.0"))
case("http10_post_keeps_alive", "200", LIVES, post(b"Connection: keep-alive\r\nContent-Length: 25\r\n", BODY, version=b"HTTP/1.0"))
case("http10_post_without_length", BAD_JSON, ENDS, post(b"", EVIL, version=b"HTTP/1.0"))
case("http10_two_hosts", HOSTS, ENDS, get(fields=HOST, version=b"HTTP/1.0"))
for v in (b"HTTP/0.9", b"HTTP/1.2", b"HTTP/1.9", b"HTTP/2.0", b"HTTP/3.0", b"HTTP/9.9", b"HTTP/0.0"):
    case("version_" + v.decode()[5:], VERSION, ENDS, get(version=v))
for v in (b"HTTP/1", b"HTTP/1.", b"HTTP/.1", b"HTTP/11", b"HTTP/1.1.1", b"HTTP/01.1", b"HTTP/1.01", b"HTTP/1.10", b"HTTP/1,1", b"HTTP/1 1", b"HTTP/a.b",
          b"HTTP/-1.1", b"HTTP/+1.1", b"HTTP/1.1x", b"HTTP/0x1.1", b"HTTP/4294967297.1", b"HTTP\\1.1", b"HTTP//1.1", b"HTTP1.1", b"HTTP", b"http/1.1",
          b"Http/1.1", b"HTTPS/1.1", b"HTP/1.1", b"ICE/1.1", b"RTSP/1.0", b"SIP/2.0", b"1.1", b"HTTP/1.\xb9"):
    case("version_" + v.decode("latin-1"), MALFORMED, ENDS, get(version=v))

section("other protocols")
case("http2_preface", VERSION, ENDS, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0")
case("tls", MALFORMED, ENDS, b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n\n")
case("ssh", MALFORMED, ENDS, b"SSH-2.0-OpenSSH_9.2\r\n")
case("redis", MALFORMED, ENDS, b"*1\r\n$4\r\nPING\r\n")
case("memcached", MALFORMED, ENDS, b"get canary\r\n")
case("mail", MALFORMED, ENDS, b"EHLO a.example\r\n")
case("proxy_protocol_1", MALFORMED, ENDS, b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + get())
case("proxy_protocol_2", MALFORMED, ENDS, b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + b"\x7f\0\0\1" * 2 + b"\0\1\0\2" + get())
case("zeros", MALFORMED, ENDS, b"\0" * 512 + b"\n")
case("text", MALFORMED, ENDS, b"hello\r\n\r\n")

section("targets")
case("query_without_anything", "200", LIVES, get(b"/api/read/canary?"))
case("escaped_letter_in_a_key", "200", LIVES, get(b"/api/read/can%61ry"))
case("escaped_slash_in_a_key", NO_KEY, LIVES, get(b"/api/read/a%2Fb"))
case("escaped_letter_in_a_route", NO_ROUTE, LIVES, get(b"/%61pi/read/canary"))
case("dots_are_not_resolved", NO_ROUTE, LIVES, get(b"/x/../api/read/canary"))
case("dots_are_a_key", NO_KEY, LIVES, get(b"/api/read/../read/canary"))
case("slashes_are_not_merged", NO_ROUTE, LIVES, get(b"//api/read/canary"))
case("root", NO_ROUTE, LIVES, get(b"/"))
case("empty_key", "400 key_empty", LIVES, get(b"/api/read/"))
case("other_case_of_route", NO_ROUTE, LIVES, get(b"/API/read/canary"))
case("route_and_more", NO_ROUTE, LIVES, get(b"/api/statsx"))
case("route_and_slash", NO_ROUTE, LIVES, get(b"/api/stats/"))
for bad in (b"%", b"%4", b"%zz", b"%4g", b"%%41", b"%u0041", b"%00", b"a%00b", b"%-1", b"%+4", b"a%"):
    case("key_" + bad.decode(), BAD_KEY, LIVES, get(b"/api/read/" + bad))
for c in b"\"<>\\^`{|}":
    case("key_with_" + printable(c), BAD_KEY, LIVES, get(b"/api/read/a" + bytes([c]) + b"b"))
case("key_that_is_not_utf8", NO_KEY, LIVES, get(b"/api/read/%ff%fe"))
case("key_of_control_bytes", NO_KEY, LIVES, get(b"/api/read/%0d%0aX:%20y"))
case("key_as_long_as_may_be", NO_KEY, LIVES, get(b"/api/read/" + b"k" * 1024))
case("key_too_long", "400 key_too_long", LIVES, get(b"/api/read/" + b"k" * 1025))
case("key_of_escapes_as_long_as_may_be", NO_KEY, LIVES, get(b"/api/read/" + b"%6b" * 1024))
case("key_of_7_kib", "400 key_too_long", LIVES, get(b"/api/read/" + b"k" * 7168))
case("target_of_8_kib", LONG, ENDS, get(b"/api/read/" + b"k" * 8192))
case("target_of_60_kib", LONG, ENDS, get(b"/api/read/" + b"k" * 60000))
case("target_that_never_ends", LONG, ENDS, b"GET /" + b"k" * 20000)
case("fragment", TARGET, ENDS, get(b"/api/read/canary#x"))
case("fragment_in_the_query", TARGET, ENDS, get(b"/api/read/canary?x#y"))
case("no_slash", TARGET, ENDS, get(b"api/read/canary"))
case("query_alone", TARGET, ENDS, get(b"?x"))
case("backslash_for_a_slash", TARGET, ENDS, get(b"\\api\\read\\canary"))
case("authority_form", TARGET, ENDS, get(b"a:80"))
case("asterisk_to_get", TARGET, ENDS, get(b"*"))
case("asterisk_to_post", TARGET, ENDS, get(b"*", method=b"POST"))
case("asterisk_and_more", TARGET, ENDS, get(b"*a", method=b"OPTIONS"))
case("asterisk_and_query", TARGET, ENDS, get(b"*?a", method=b"OPTIONS"))
for c in (1, 9, 11, 12, 27, 31, 127, 128, 255):
    case("target_with_" + printable(c), TARGET, ENDS, get(b"/api/read/a" + bytes([c]) + b"b"))
case("target_with_nul", TARGET, ENDS, get(b"/api/read/canary\0x"))
case("target_in_utf8", TARGET, ENDS, get(b"/api/read/\xc3\xa4"))

section("absolute targets")
case("absolute", "200", LIVES, get(b"http://a/api/read/canary"))
case("absolute_upper_case_scheme", "200", LIVES, get(b"HTTP://a/api/read/canary"))
case("absolute_upper_case_host", "200", LIVES, get(b"http://A/api/read/canary"))
case("absolute_without_path", NO_ROUTE, LIVES, get(b"http://a"))
case("absolute_query_without_path", NO_ROUTE, LIVES, get(b"http://a?x=/y"))
case("absolute_with_the_port_of_host", "200", LIVES, b"GET http://a:81/api/read/canary HTTP/1.1\r\nHost: a:81\r\n\r\n")
case("absolute_options", "204", LIVES, get(b"http://a/api/write", method=b"OPTIONS"))
case("absolute_http10", "200", ENDS, get(b"http://a/api/read/canary", version=b"HTTP/1.0"))
case("absolute_foreign", TARGET, ENDS, get(b"http://b/api/read/canary"))
case("absolute_foreign_port", TARGET, ENDS, get(b"http://a:81/api/read/canary"))
case("absolute_prefix_of_host", TARGET, ENDS, b"GET http://a/api/read/canary HTTP/1.1\r\nHost: ab\r\n\r\n")
case("absolute_host_and_more", TARGET, ENDS, get(b"http://ab/api/read/canary"))
case("absolute_user", TARGET, ENDS, get(b"http://u@a/api/read/canary"))
case("absolute_no_host", TARGET, ENDS, get(b"http:///api/read/canary"))
case("absolute_empty", TARGET, ENDS, get(b"http://"))
case("absolute_one_slash", TARGET, ENDS, get(b"http:/a/api/read/canary"))
case("absolute_scheme_alone", TARGET, ENDS, get(b"http:"))
case("absolute_ftp", TARGET, ENDS, get(b"ftp://a/api/read/canary"))
case("absolute_file", TARGET, ENDS, get(b"file:///etc/passwd"))
case("absolute_without_host_field", HOSTS, ENDS, b"GET http://a/api/read/canary HTTP/1.1\r\n\r\n")
case("no_scheme", NO_ROUTE, LIVES, get(b"//a/api/read/canary"))

section("field lines")
case("no_space_behind_colon", "200", LIVES, get(fields=b"X:y\r\n"))
case("tabs_around_a_value", "200", LIVES, get(fields=b"X: \t y \t \r\n"))
case("empty_value", "200", LIVES, get(fields=b"X:\r\nY: \r\n"))
case("colons_in_a_value", "200", LIVES, get(fields=b"X: a: b: c\r\n"))
case("value_of_8_bits", "200", LIVES, get(fields=b"X: \xc3\xa4\xff\x80\r\n"))
case("name_of_all_token_bytes", "200", LIVES, get(fields=b"!#$%&'*+-.^_`|~09azAZ: y\r\n"))
case("long_name", "200", LIVES, get(fields=b"X" * 2000 + b": y\r\n"))
case("long_value", "200", LIVES, get(fields=b"X: " + b"y" * 7000 + b"\r\n"))
case("names_in_any_case", "200", LIVES, b"POST /api/write HTTP/1.1\r\nhOsT: a\r\ncOnTeNt-LeNgTh: 25\r\n\r\n" + BODY)
case("unknown_field_twice", "200", LIVES, get(fields=b"X: a\r\nX: b\r\n"))
case("list_field_twice", "200", LIVES, get(fields=b"Accept: a/b\r\nAccept: */*\r\n"))
case("64_fields", "200", LIVES, get(fields=b"X: y\r\n" * 63))
case("65_fields", LARGE, ENDS, get(fields=b"X: y\r\n" * 64))
case("1000_fields", LARGE, ENDS, get(fields=b"X: y\r\n" * 1000))
case("value_of_8_kib", LARGE, ENDS, get(fields=b"X: " + b"y" * 8192 + b"\r\n"))
case("value_that_never_ends", LARGE, ENDS, b"GET /livez HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 60000)
case("name_that_never_ends", LARGE, ENDS, b"GET /livez HTTP/1.1\r\nHost: a\r\n" + b"X" * 60000)
case("fold_with_space", MALFORMED, ENDS, get(fields=b"X: a\r\n b\r\n"))
case("fold_with_tab", MALFORMED, ENDS, get(fields=b"X: a\r\n\tb\r\n"))
case("fold_of_host", MALFORMED, ENDS, b"GET /livez HTTP/1.1\r\nHost:\r\n a\r\n\r\n")
case("fold_of_length", MALFORMED, ENDS, post(b"Content-Length:\r\n 25\r\n", BODY))
case("fold_of_coding", MALFORMED, ENDS, post(b"Transfer-Encoding:\r\n chunked\r\n", b"0\r\n\r\n" + EVIL))
case("fold_before_the_first_field", MALFORMED, ENDS, b"GET /livez HTTP/1.1\r\n Host: a\r\n\r\n")
case("line_of_one_space", MALFORMED, ENDS, get(fields=b" \r\n"))
case("space_before_colon", MALFORMED, ENDS, get(fields=b"X : y\r\n"))
case("tab_before_colon", MALFORMED, ENDS, get(fields=b"X\t: y\r\n"))
case("space_in_a_name", MALFORMED, ENDS, get(fields=b"X Y: z\r\n"))
case("empty_name", MALFORMED, ENDS, get(fields=b": y\r\n"))
case("colon_alone", MALFORMED, ENDS, get(fields=b":\r\n"))
case("no_colon", MALFORMED, ENDS, get(fields=b"Xyz\r\n"))
case("another_request_line", MALFORMED, ENDS, get(fields=b"GET /livez HTTP/1.1\r\n"))
for c in b"()<>@,;\\\"/[]?={}":
    case("name_with_" + printable(c), MALFORMED, ENDS, get(fields=b"X" + bytes([c]) + b"Y: z\r\n"))
for c in (0, 1, 8, 11, 12, 13, 127, 128, 255):
    case("name_with_" + printable(c), MALFORMED, ENDS, get(fields=b"X" + bytes([c]) + b"Y: z\r\n"))
for c in (0, 1, 7, 8, 11, 12, 13, 14, 27, 31, 127):
    case("value_with_" + printable(c), MALFORMED, ENDS, get(fields=b"X: y" + bytes([c]) + b"z\r\n"))
case("nul_begins_a_line", MALFORMED, ENDS, get(fields=b"\0X: y\r\n"))
case("lf_ends_a_field", MALFORMED, ENDS, get(fields=b"X: y\n"))
case("lf_hides_a_field", MALFORMED, ENDS, post(b"X: y\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n", b"0\r\n\r\n" + EVIL))
case("cr_hides_a_field", MALFORMED, ENDS, post(b"X: y\rTransfer-Encoding: chunked\r\nContent-Length: 5\r\n", b"0\r\n\r\n" + EVIL))
case("cr_at_the_end_of_a_value", MALFORMED, ENDS, get(fields=b"X: y\r\r\n"))
case("lf_for_the_empty_line", MALFORMED, ENDS, b"GET /livez HTTP/1.1\r\nHost: a\r\n\n")
case("cr_cr_lf_for_the_empty_line", FRAMING, ENDS, b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\r\n")
case("byte_order_mark_in_a_name", MALFORMED, ENDS, get(fields=b"\xef\xbb\xbfX: y\r\n"))
for name in (b"Content-Type: a/b\r\n", b"Authorization: a\r\n", b"Origin: http://a\r\n", b"Last-Event-ID: 1\r\n"):
    case("twice_" + name.split(b":")[0].decode(), REPEATED, ENDS, get(fields=name * 2))

section("host")
case("no_host", HOSTS, ENDS, b"GET /livez HTTP/1.1\r\n\r\n")
case("no_host_but_others", HOSTS, ENDS, b"GET /livez HTTP/1.1\r\nX-Host: a\r\nForwarded: host=a\r\n\r\n")
case("two_hosts", HOSTS, ENDS, get(fields=HOST))
case("two_different_hosts", HOSTS, ENDS, get(fields=b"host: b\r\n"))
for h in (b"a:80", b"a:", b"127.0.0.1:5000", b"[::1]", b"[::1]:5000", b"localhost", b"a_b.example", b"A.EXAMPLE.", b"a%20b", b"xn--nxasmq6b"):
    case("host_" + h.decode(), "200", LIVES, b"GET /livez HTTP/1.1\r\nHost: " + h + b"\r\n\r\n")
for h in (b"", b" ", b"a b", b"a/b", b"http://a", b"u@a", b"a, b", b"a,b", b"a:5x", b"a:-1", b"a:80:80", b"a:123456", b":80", b"[::1", b"::1", b"[::1]x", b"[]",
          b"a?b", b"a#b", b"a\\b", b"<a>", b"\"a\"", b"a\xc3\xa4"):
    case("host_" + h.decode("latin-1"), HOSTS, ENDS, b"GET /livez HTTP/1.1\r\nHost: " + h + b"\r\n\r\n")

section("content length")
case("length", "200", LIVES, sized(b"25"))
case("length_spaces_around", "200", LIVES, sized(b"  25  "))
case("length_tabs_around", "400", ENDS, sized(b"\t25\t"))
case("length_leading_zeros", "200", LIVES, sized(b"0025"))
case("length_zero", BAD_JSON, LIVES, sized(b"0", b""))
case("no_length_is_no_body", BAD_JSON, LIVES, post(b""))
case("no_length_and_a_request", BAD_JSON + ", 200", LIVES, post(b"") + get())
case("body_with_a_request_inside", BAD_JSON, LIVES, sized(b"%d" % len(EVIL), EVIL))
case("get_with_a_body", "200", LIVES, get(fields=b"Content-Length: %d\r\n" % len(EVIL)) + EVIL)
case("head_with_a_body", "200 head", LIVES, get(fields=b"Content-Length: %d\r\n" % len(EVIL), method=b"HEAD") + EVIL)
case("delete_with_a_body", "200", LIVES, get(b"/api/delete/raw", b"Content-Length: %d\r\n" % len(KILLER), method=b"DELETE") + KILLER)
case("body_for_nothing", NO_ROUTE, LIVES, post(b"Content-Length: %d\r\n" % len(EVIL), EVIL, b"/nothing"))
case("body_as_large_as_may_be", BAD_JSON, LIVES, sized(b"%d" % MAX_BODY, b"x" * MAX_BODY))
case("body_too_large", TOO_MUCH, ENDS, sized(b"%d" % (MAX_BODY + 1), b"x" * 100))
case("body_far_too_large", TOO_MUCH, ENDS, sized(b"999999999999999999", EVIL))
case("body_of_64_bits", TOO_MUCH, ENDS, sized(b"18446744073709551615", EVIL))
case("underscore_is_another_field", BAD_JSON, LIVES, post(b"Content_Length: 25\r\n"))
for v in (b"", b" ", b"+25", b"-25", b"-0", b"0x19", b"25,", b",25", b"25,25", b"25, 25", b"25 25", b"2 5", b"25;", b"25.0", b"25e0", b"2_5", b"'25'", b"\"25\"",
          b"25a", b"a25", b"NaN", b"25\xa0", b"\xc2\xb225", b"18446744073709551641", b"9" * 30, b"25\0", b"\v25", b"25\f", b"25#"):
    case("length_" + v.decode("latin-1"), "400", ENDS, sized(v))
case("two_equal_lengths", FRAMING, ENDS, post(b"Content-Length: 25\r\n" * 2, BODY))
case("two_lengths", FRAMING, ENDS, post(b"Content-Length: 25\r\nContent-Length: %d\r\n" % (25 + len(EVIL)), BODY + EVIL))
case("two_lengths_larger_first", FRAMING, ENDS, post(b"Content-Length: %d\r\nContent-Length: 25\r\n" % (25 + len(EVIL)), BODY + EVIL))
case("two_lengths_in_other_case", FRAMING, ENDS, post(b"Content-Length: 0\r\nCONTENT-LENGTH: 25\r\n", BODY))
case("length_space_before_colon", MALFORMED, ENDS, post(b"Content-Length : 25\r\n", BODY))
case("length_vertical_tab_before_colon", MALFORMED, ENDS, post(b"Content-Length\v: 25\r\n", BODY))
case("length_nul_before_colon", MALFORMED, ENDS, post(b"Content-Length\0: 25\r\n", BODY))
case("length_without_colon", MALFORMED, ENDS, post(b"Content-Length 25\r\n", BODY))

section("transfer coding")
case("chunked", "200", LIVES, coded(b"chunked"))
case("chunked_no_space", "200", LIVES, coded(b"chunked", name=b"Transfer-Encoding:"))
case("chunked_in_capitals", "200", LIVES, coded(b"CHUNKED"))
case("chunked_spaces_around", "200", LIVES, coded(b"  chunked  "))
case("chunked_tabs_around", "400|501", ENDS, coded(b"\t chunked \t"))
case("chunked_in_a_get", "200", LIVES, get(fields=b"Transfer-Encoding: chunked\r\n") + b"%x\r\n" % len(EVIL) + EVIL + b"\r\n0\r\n\r\n")
case("te_is_another_field", "200", LIVES, get(fields=b"TE: trailers, chunked\r\n"))
case("underscore_coding_is_another_field", BAD_JSON, LIVES, post(b"Transfer_Encoding: chunked\r\n"))
case("length_and_chunked", FRAMING, ENDS, post(b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n" + EVIL))
case("chunked_and_length", FRAMING, ENDS, post(b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", b"0\r\n\r\n" + EVIL))
case("length_zero_and_chunked", FRAMING, ENDS, post(b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n" + EVIL))
case("length_and_unknown_coding", "400|501", ENDS, post(b"Content-Length: 25\r\nTransfer-Encoding: x\r\n", BODY))
case("unknown_coding_and_length", "501", ENDS, post(b"Transfer-Encoding: x\r\nContent-Length: 25\r\n", BODY))
for v in (b"", b"identity", b"gzip", b"deflate", b"x", b"xchunked", b"chunkedx", b"chunke", b"gzip, chunked", b"identity, chunked", b",chunked",
          b"chunked;", b"chunked;q=1", b"chunked; a=b", b"\"chunked\"", b"'chunked'", b"chunked\xa0", b"chun\xc4\xb8ed", b"chunked-0", b"chunked=1"):
    case("coding_" + v.decode("latin-1"), CODING, ENDS, coded(v))
for v in (b"chunked,", b"chunked, chunked", b"chunked, gzip", b"chunked, identity", b"chunked chunked"):
    case("coding_" + v.decode(), "400|501", ENDS, coded(v))
for v in (b"\0chunked", b"chunked\0", b"\vchunked", b"chunked\v", b"\x01chunked", b"chunked\x7f", b"chun\rked", b"\rchunked"):
    case("coding_" + v.decode(), "400|501", ENDS, coded(v))
case("coding_twice", "400", ENDS, post(b"Transfer-Encoding: chunked\r\n" * 2, b"0\r\n\r\n" + EVIL))
case("coding_identity_then_chunked", "501", ENDS, post(b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n" + EVIL))
case("coding_chunked_then_identity", "400|501", ENDS, post(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", b"0\r\n\r\n" + EVIL))
case("coding_space_before_colon", MALFORMED, ENDS, coded(b"chunked", name=b"Transfer-Encoding : "))
case("coding_tab_before_colon", MALFORMED, ENDS, coded(b"chunked", name=b"Transfer-Encoding\t:"))
case("coding_nul_before_colon", MALFORMED, ENDS, coded(b"chunked", name=b"Transfer-Encoding\0: "))
case("coding_space_in_the_name", MALFORMED, ENDS, coded(b"chunked", name=b"Transfer Encoding: "))
case("coding_behind_a_space", MALFORMED, ENDS, coded(b"chunked", name=b" Transfer-Encoding: "))
case("coding_in_http10", FRAMING, ENDS, post(b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n" + EVIL, version=b"HTTP/1.0"))
case("coding_in_http10_kept_alive", FRAMING, ENDS, post(b"Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n" + EVIL, version=b"HTTP/1.0"))
case("coding_named_in_connection", FRAMING, ENDS, post(b"Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n", b"0\r\n\r\n" + EVIL))

section("chunks")
DATA = BODY + b"\r\n0\r\n\r\n"
case("two_chunks", "200", LIVES, chunks(b"1\r\n{\r\n18\r\n" + BODY[1:] + b"\r\n0\r\n\r\n"))
case("chunks_of_one_byte", "200", LIVES, chunks(b"".join(b"1\r\n%c\r\n" % c for c in BODY) + b"0\r\n\r\n"))
case("no_chunk_but_the_last", BAD_JSON, LIVES, chunks(b"0\r\n\r\n"))
case("size_leading_zeros", "200", LIVES, chunks(b"00000000000000000000000019\r\n" + DATA))
case("size_in_capitals", BAD_JSON, LIVES, chunks(b"A\r\n0123456789\r\n0\r\n\r\n"))
case("last_of_many_zeros", "200", LIVES, chunks(b"19\r\n" + BODY + b"\r\n0000\r\n\r\n"))
case("chunk_with_a_request_inside", BAD_JSON, LIVES, chunks(b"%x\r\n" % len(EVIL) + EVIL + b"\r\n0\r\n\r\n"))
for e in (b";a", b";a=b", b";a=\"b\"", b";a=\"b;c\""):
    case("extension_" + e.decode(), "200", LIVES, chunks(b"19" + e + b"\r\n" + DATA))
case("extension_of_the_last", "200", LIVES, chunks(b"19\r\n" + BODY + b"\r\n0;a=b\r\n\r\n"))
case("extension_of_1_kib", "200", LIVES, chunks(b"19;a=" + b"b" * 1000 + b"\r\n" + DATA))
case("extension_of_60_kib", FRAMING, ENDS, chunks(b"19;a=" + b"b" * 60000 + b"\r\n" + DATA))
case("size_of_60000_zeros", FRAMING, ENDS, chunks(b"0" * 60000 + b"19\r\n" + DATA))
case("many_extensions", FRAMING, ENDS, chunks(b"".join(b"1;a=" + b"b" * 1000 + b"\r\nx\r\n" for _ in range(100)) + b"0\r\n\r\n"))
for s in (b"", b"0x19", b"+19", b"-1", b"-0", b" 19", b"\t19", b"19 ", b"19\t", b"1 9", b"19h", b"g", b"1.9", b"19,", b"\"19\"", b"19\0", b"\x0019", b"19\v",
          b"10000000000000019", b"ffffffffffffffffff", b"19\r", b"19\r;a"):
    case("size_" + s.decode(), FRAMING, ENDS, chunks(s + b"\r\n" + DATA))
for e in (b";a=b;c=d", b";a=\"\\\"\"", b";\0", b";a\rb", b";a=\x01", b";\x7f"):
    case("extension_" + e.decode(), FRAMING, ENDS, chunks(b"19" + e + b"\r\n" + DATA))
case("size_too_large", TOO_MUCH, ENDS, chunks(b"%x\r\n" % (MAX_BODY + 1) + DATA))
case("size_too_large_in_sum", TOO_MUCH, ENDS, chunks(b"8000\r\n" + b"x" * 0x8000 + b"\r\n8001\r\n" + DATA))
case("size_of_63_bits", TOO_MUCH, ENDS, chunks(b"7fffffffffffffff\r\n" + DATA))
case("size_of_64_bits", TOO_MUCH, ENDS, chunks(b"ffffffffffffffff\r\n" + DATA))
case("size_line_ends_in_lf", FRAMING, ENDS, chunks(b"19\n" + DATA))
case("extension_ends_in_lf", FRAMING, ENDS, chunks(b"19;a\n" + DATA))
case("extension_hides_a_line", FRAMING, ENDS, chunks(b"2;\nxx\r\n%x\r\n0\r\n\r\n" % len(EVIL) + EVIL))
case("data_ends_in_lf", FRAMING, ENDS, chunks(b"19\r\n" + BODY + b"\n0\r\n\r\n"))
case("data_ends_in_cr", FRAMING, ENDS, chunks(b"19\r\n" + BODY + b"\r0\r\n\r\n"))
case("data_ends_in_nothing", FRAMING, ENDS, chunks(b"19\r\n" + BODY + b"0\r\n\r\n"))
case("data_longer_than_told", FRAMING, ENDS, chunks(b"19\r\n" + BODY + b"x\r\n0\r\n\r\n"))
case("data_shorter_than_told", FRAMING, ENDS, chunks(b"1a\r\n" + BODY + b"\r\n0\r\n\r\n"))
case("empty_line_before_a_size", FRAMING, ENDS, chunks(b"19\r\n" + BODY + b"\r\n\r\n0\r\n\r\n"))
case("last_ends_in_lf", FRAMING, ENDS, chunks(b"19\r\n" + BODY + b"\r\n0\n\r\n"))
case("end_is_lf", MALFORMED, ENDS, chunks(b"19\r\n" + BODY + b"\r\n0\r\n\n"))
case("end_is_cr_and_a_byte", "400", ENDS, chunks(b"19\r\n" + BODY + b"\r\n0\r\n\rX"))
case("last_is_lf_lf", FRAMING, ENDS, chunks(b"0\n\n" + EVIL))

section("trailers")
LAST = b"19\r\n" + BODY + b"\r\n0\r\n"
case("a_trailer", "200", LIVES, chunks(LAST + b"X: y\r\n\r\n"))
case("three_trailers", "200", LIVES, chunks(LAST + b"X: y\r\nY:\r\nZ: \xc3\xa4\r\n\r\n"))
case("authority_in_a_trailer_counts_for_nothing", "200", LIVES, chunks(LAST + b"Authorization: x\r\nHost: b\r\nExpect: y\r\n\r\n"))
case("connection_in_a_trailer_counts_for_nothing", "200", LIVES, chunks(LAST + b"Connection: close\r\n\r\n"))
case("length_in_a_trailer", "400", ENDS, chunks(LAST + b"Content-Length: %d\r\n\r\n" % len(EVIL) + EVIL))
case("coding_in_a_trailer", "400", ENDS, chunks(LAST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"))
case("request_instead_of_the_end", "400", ENDS, chunks(LAST + EVIL))
case("trailer_folded", "400", ENDS, chunks(LAST + b"X: y\r\n z\r\n\r\n"))
case("trailer_behind_a_space", "400", ENDS, chunks(LAST + b" X: y\r\n\r\n"))
case("trailer_space_before_colon", "400", ENDS, chunks(LAST + b"X : y\r\n\r\n"))
case("trailer_without_colon", "400", ENDS, chunks(LAST + b"Xyz\r\n\r\n"))
case("trailer_without_name", "400", ENDS, chunks(LAST + b": y\r\n\r\n"))
case("trailer_with_nul", "400", ENDS, chunks(LAST + b"X: y\0\r\n\r\n"))
case("trailer_with_cr", "400", ENDS, chunks(LAST + b"X: y\rz\r\n\r\n"))
case("trailer_ends_in_lf", "400", ENDS, chunks(LAST + b"X: y\n\r\n"))
case("trailers_end_in_lf", "400", ENDS, chunks(LAST + b"X: y\r\n\n"))
case("trailer_of_60_kib", LARGE, ENDS, chunks(LAST + b"X: " + b"y" * 60000 + b"\r\n\r\n"))
case("65_trailers", LARGE, ENDS, chunks(LAST + b"X: y\r\n" * 65 + b"\r\n"))

section("connection, expect, upgrade")
for v in (b"close", b"Close", b"CLOSE", b"close, foo", b"foo, close", b"keep-alive, close", b"close, keep-alive", b" close ", b"foo,close"):
    case("connection_" + v.decode(), "200", ENDS, get(fields=b"Connection: " + v + b"\r\n"))
case("connection_close_on_a_second_line", "200", ENDS, get(fields=b"Connection: foo\r\nConnection: close\r\n"))
for v in (b"keep-alive", b"foo", b"closed", b"x-close", b"close-x", b"", b",", b"Host", b"Content-Length"):
    case("connection_" + v.decode(), "200", LIVES, get(fields=b"Connection: " + v + b"\r\n"))
case("connection_close_after_a_body", "200", ENDS, post(b"Connection: close\r\nContent-Length: 25\r\n", BODY + KILLER))
case("http10_keep_alive_and_close", "200", ENDS, get(fields=b"Connection: keep-alive, close\r\n", version=b"HTTP/1.0"))
case("continue", "200", LIVES, post(b"Expect: 100-continue\r\nContent-Length: 25\r\n", BODY))
case("continue_in_capitals", "200", LIVES, post(b"Expect: 100-Continue\r\nContent-Length: 25\r\n", BODY))
case("continue_chunked", "200", LIVES, post(b"Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n", LAST + b"\r\n"))
case("continue_without_a_body", "200", LIVES, get(fields=b"Expect: 100-continue\r\n"))
case("continue_in_http10", "200", ENDS, post(b"Expect: 100-continue\r\nContent-Length: 25\r\n", BODY, version=b"HTTP/1.0"))
case("continue_too_large", TOO_MUCH, ENDS, post(b"Expect: 100-continue\r\nContent-Length: %d\r\n" % (MAX_BODY + 1)))
for v in (b"200-ok", b"", b"100-continue, x", b"100", b"continue", b"100-continue;q=1"):
    case("expect_" + v.decode(), "417 expectation_failed", ENDS, post(b"Expect: " + v + b"\r\nContent-Length: 25\r\n", BODY))
case("upgrade_h2c", "200", LIVES, get(fields=b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"))
case("upgrade_websocket", "200", LIVES, get(fields=b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"))
case("upgrade_with_a_body", "200", LIVES, post(b"Connection: upgrade\r\nUpgrade: x\r\nContent-Length: 25\r\n", BODY))
case("upgrade_chunked", "200", LIVES, post(b"Connection: upgrade\r\nUpgrade: x\r\nTransfer-Encoding: chunked\r\n", LAST + b"\r\n"))
case("upgrade_without_connection", "200", LIVES, get(fields=b"Upgrade: h2c\r\n"))
case("upgrade_and_close", "200", ENDS, get(fields=b"Connection: upgrade, close\r\nUpgrade: x\r\n"))
case("proxy_connection_is_another_field", "200", LIVES, get(fields=b"Proxy-Connection: close\r\n"))
case("override_is_another_field", "200", LIVES, get(fields=b"X-HTTP-Method-Override: DELETE\r\nX-Original-URL: /api/delete/canary\r\n"))

section("pipelines")
case("three_gets", "200, 200, 200", LIVES, get() * 3)
case("write_read_head_options", "200, 200, 200 head, 204", LIVES,
     sized(b"25") + get(b"/api/read/raw") + get(b"/api/read/raw", method=b"HEAD") + get(method=b"OPTIONS"))
case("refused_softly_in_between", "200, " + NO_ROUTE + ", " + BAD_JSON + ", 200", LIVES, get() + get(b"/nothing") + sized(b"3", b"abc") + get())
case("refused_hard_in_between", "200, " + MALFORMED, ENDS, get() + get(fields=b"X : y\r\n") + KILLER)
case("closed_in_between", "200, 200", ENDS, get() + get(fields=b"Connection: close\r\n") + KILLER)
case("http10_in_between", "200, 200", ENDS, get() + get(version=b"HTTP/1.0") + KILLER)
case("length_and_chunks_by_turns", "200, 200, 200, 200", LIVES, (sized(b"25") + chunks(b"19\r\n" + DATA)) * 2)
case("300_gets", ", ".join(["200"] * 300), LIVES, get() * 300)
case("100_writes", ", ".join(["200"] * 100), LIVES, sized(b"25") * 100)

section("the client ends its side")
case("at_once", "", HALF, b"")
case("behind_an_empty_line", "", HALF, b"\r\n")
case("behind_a_request", "200", HALF, get())
case("behind_three_requests", "200, 200, 200", HALF, get() * 3)
case("behind_a_write", "200", HALF, sized(b"25"))
case("in_the_request_line", "", HALF, b"GET /api/read/can")
case("in_a_field", "", HALF, b"GET /livez HTTP/1.1\r\nHost: a\r\nX: y")
case("before_the_empty_line", "", HALF, b"GET /livez HTTP/1.1\r\nHost: a\r\n")
case("in_the_empty_line", "", HALF, b"GET /livez HTTP/1.1\r\nHost: a\r\n\r")
case("in_a_body", "", HALF, sized(b"30"))
case("in_a_chunk", "", HALF, chunks(b"1a\r\n" + BODY))
case("before_the_last_chunk", "", HALF, chunks(b"19\r\n" + BODY + b"\r\n"))
case("in_the_trailers", "", HALF, chunks(LAST))
case("in_the_request_behind_one", "200", HALF, get() + b"GET /api/re")
