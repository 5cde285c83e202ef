#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The README's first minutes, as somebody types them in: every command works, and answers what stands below it."""
import os
import re
import subprocess
import tempfile

import harness

README = os.path.join(harness.HERE, "..", "README.md")


def tour():
    """(command, what it answers or None) in order, from the block of shell that talks to the server."""
    with open(README, encoding="utf-8") as f:
        block = next(b for b in re.findall(r"```sh\n(.*?)```", f.read(), re.S) if "curl" in b)
    steps, command = [], ""
    for line in block.splitlines():
        if line.startswith("#") and not command:
            steps[-1] = (steps[-1][0], line[1:].strip())
            continue
        command += line + "\n"
        if command.count("'") % 2 == 0:
            steps.append((command.strip(), None))
            command = ""
    assert not command and len(steps) > 10, f"a block of another form: {block}"
    return steps


def without_times(text):
    return re.sub(r'"timestamp":\d+', '"timestamp":0', text.strip())


def every_command_of_the_tour_answers_as_it_says():
    server = harness.Server().start()
    env = {**server.environment(), "PATH": os.environ["PATH"]}
    with tempfile.TemporaryDirectory() as d:
        for name in ("photo.jpg", "other.jpg"):
            with open(os.path.join(d, name), "wb") as f:
                f.write(bytes(range(256)))
        for command, answer in tour():
            here = command.replace("localhost:5000", f"localhost:{server.port}").replace("build/lsmctl", harness.LSMCTL)
            got = subprocess.run(["sh", "-c", here.replace("curl ", "curl -sS --fail-with-body ", 1)], cwd=d, env=env,
                                 capture_output=True, text=True, timeout=60)
            harness.equal(got.returncode, 0, f"{command}: {got.stdout} {got.stderr}")
            if answer is not None:
                harness.equal(without_times(got.stdout), without_times(answer), command)
    server.stop()


harness.run(every_command_of_the_tour_answers_as_it_says)
