# SPDX-License-Identifier: Apache-2.0
"""Clients that dribble, do not read, do not speak, go away in the middle: each is ended by its own limit, nobody else
notices, and nothing of them stays. The slow ones are begun first and run along with everything else."""
import os
import resource
import select
import socket
import struct
import threading
import time

import harness

IDLE = 10000
SLOW = 20
VALUE_BYTES = 1 << 20
PATIENCE = 150                  # seconds; a body may be slow for 30, an idle connection stays for 30
with open(os.path.join(harness.BUILD, "config.h")) as f:        # AddressSanitizer keeps what was freed for a while
    SANITIZED = "#define SANITIZED 1" in f.read()
RESET = struct.pack("ii", 1, 0)

hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
server = harness.Server(MAX_CONNECTIONS=12000, MAX_UNSENT_BYTES=4 << 20, FRONTEND_WORKERS=1).start()
client = server.client()
frontend = server.pid_of("frontend.0")
client.write("canary", "alive")
client.write("large", "v" * VALUE_BYTES)

HEAD = b"GET /api/read/canary HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 4000
BODY = b"POST /api/write HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n"
CHUNKS = b"POST /api/write HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
LARGE = b"GET /api/read/large HTTP/1.1\r\nHost: a\r\n\r\n"
WRITE = b'POST /api/write HTTP/1.1\r\nHost: a\r\nContent-Length: 27\r\n\r\n{"key":"reset","value":"v"}'
READ = b"GET /api/read/large HTTP/1.1\r\nHost: a\r\n\r\n"


def connect(receive_bytes=0):
    s = socket.socket()
    s.settimeout(PATIENCE)
    if receive_bytes:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    s.connect(("127.0.0.1", server.port))
    return s


def memory_of_frontend():
    with open(f"/proc/{frontend}/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def the_others_are_served():
    client.close()                              # an idle one may have been ended meanwhile
    for _ in range(20):
        harness.equal(client.read("canary")[1]["value"], "alive")
    harness.equal(client.write("canary", "alive")[0], 200)
    harness.equal(server.pid_of("frontend.0"), frontend, "the frontend is the one it was")


def connections():
    return server.metric("lsm_http_connections")


class Dribblers(threading.Thread):
    """SLOW clients that send `first` at once, then `drop` again and again, a little every tenth of a second."""

    def __init__(self, first, drop):
        super().__init__(daemon=True)
        self.first, self.drop = first, drop
        self.answers = []

    def run(self):
        open_ones = {s: b"" for s in (connect() for _ in range(SLOW))}
        for s in open_ones:
            s.sendall(self.first)
        end = time.monotonic() + PATIENCE
        while open_ones and time.monotonic() < end:
            time.sleep(0.1)
            for s in select.select(list(open_ones), [], [], 0)[0]:
                data = self.hear(s)
                open_ones[s] += data
                if not data:
                    self.answers.append(open_ones.pop(s))
                    s.close()
            for s in open_ones:
                if not open_ones[s]:
                    self.say(s)
        for s in open_ones:
            s.close()

    @staticmethod
    def hear(s):
        try:
            return s.recv(65536)
        except OSError:
            return b""

    def say(self, s):
        try:
            s.sendall(self.drop)
        except OSError:
            pass


dribblers = {
    "line": Dribblers(b"G", b"E"),
    "head": Dribblers(HEAD, b"y"),
    "empty lines": Dribblers(b"GET /livez HTTP/1.1\r\n", b"X: y\r\n"),
    "body": Dribblers(BODY, b"{"),
    "chunks": Dribblers(CHUNKS, b"1\r\n{\r\n"),
    "extension": Dribblers(CHUNKS + b"1;", b"x"),
}


def slow_clients_begin():
    for d in dribblers.values():
        d.start()
    the_others_are_served()


def all_ended(sockets):
    poll = select.poll()
    for s in sockets:
        poll.register(s, select.POLLRDHUP)
    return len(poll.poll(0)) == len(sockets)


idle, greedy = [], []


def many_idle_connections_cost_little_and_disturb_nobody():
    wanted = min(IDLE, hard - 500)
    before = memory_of_frontend()
    idle.extend(connect() for _ in range(wanted))
    harness.wait_until(lambda: connections() >= wanted, 60, "all connections to be taken")
    grown = memory_of_frontend() - before
    print(f"# {wanted} idle connections: {grown / wanted:.0f} bytes of memory each", flush=True)
    assert grown / wanted < 16384, grown
    the_others_are_served()
    for s in idle[::100]:                       # any of them may still speak
        s.sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
        assert s.recv(4096).startswith(b"HTTP/1.1 200 OK\r\n")


def clients_that_never_read_begin_and_cost_what_is_allowed():
    before = memory_of_frontend()
    greedy.extend(connect(4096) for _ in range(10))
    for s in greedy:
        s.sendall(LARGE * 100)
    harness.wait_until(lambda: server.metric("lsm_http_unsent_bytes") > 0, 30, "answers that are not taken")
    the_others_are_served()
    grown = memory_of_frontend() - before
    print(f"# 10 clients asked for 1000 MiB and read nothing: {grown} bytes of memory", flush=True)
    assert grown < 64 << 20 or SANITIZED, grown


def resets_in_every_phase_leave_nothing_behind():
    harness.equal(len(WRITE) - WRITE.index(b"{"), 27)
    for text in (WRITE, READ, WRITE + READ, b"\r\n" + WRITE[:-1] + b"x" + READ):
        for n in range(len(text) + 1):
            s = connect()
            s.sendall(text[:n])
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            s.close()
    for n in (1, 1000, 100000):                 # while a large answer is on its way
        for _ in range(10):
            s = connect(4096)
            s.sendall(READ * 3)
            left = n
            while left:
                left -= len(s.recv(left))
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            s.close()
    the_others_are_served()


def clients_that_end_their_side_are_answered_first():
    for text, answers in ((WRITE + LARGE, 2), (LARGE * 3, 3), (WRITE * 50, 50), (b"", 0), (WRITE[:-1], 0)):
        with connect() as s:
            s.sendall(text)
            s.shutdown(socket.SHUT_WR)
            got = s.makefile("rb").read()
            harness.equal(got.count(b"HTTP/1.1 200 OK\r\n"), answers, repr(text[:60]))


def idle_connections_are_ended():
    harness.wait_until(lambda: all_ended(idle), PATIENCE, "the end of all idle connections")
    for s in idle:
        s.close()
    the_others_are_served()


def clients_that_never_read_are_cut_off():
    harness.wait_until(lambda: all_ended(greedy), PATIENCE, "the end of all that never read")
    for s in greedy:
        s.close()
    the_others_are_served()


def slow_clients_are_told_and_ended():
    for d in dribblers.values():
        d.join(PATIENCE)
    for name, d in dribblers.items():
        harness.equal(len(d.answers), SLOW, f"ended of those slow with the {name}")
        for answer in d.answers:
            assert answer.startswith((b"HTTP/1.1 408 ", b"HTTP/1.1 431 ")), (name, answer)
            assert b'"request_timeout"' in answer or b'"head_too_large"' in answer, (name, answer)


def nothing_of_them_stays():
    client.close()
    harness.wait_until(lambda: connections() <= 2, PATIENCE, "the end of all connections")
    the_others_are_served()
    harness.equal(server.metric("lsm_http_unsent_bytes"), 0)
    client.close()
    harness.equal(server.stop(), 0)


harness.run(slow_clients_begin, many_idle_connections_cost_little_and_disturb_nobody,
            clients_that_never_read_begin_and_cost_what_is_allowed, resets_in_every_phase_leave_nothing_behind,
            clients_that_end_their_side_are_answered_first, idle_connections_are_ended, clients_that_never_read_are_cut_off,
            slow_clients_are_told_and_ended, nothing_of_them_stays)
