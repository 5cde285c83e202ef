#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs tools/lint on the tree, and shows on small broken trees that each of its rules really fires."""

import os
import subprocess
import sys
import tempfile

SOURCE_DIR = os.environ.get("LSM_SOURCE_DIR") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
LINT = os.path.join(SOURCE_DIR, "tools", "lint")
RULES = ["rooms", "layers", "doors", "magic", "tops", "unlisted"]
TOP = "/* SPDX-License-Identifier: Apache-2.0 */\n/* A file of the example tree. */\n"

# A tree that keeps every rule; each case below breaks it in one place.
GOOD = {
    "common/base/local.mk": "libbase_a_SOURCES = common/base/first.h \\\n"
                            "\tcommon/base/low.c common/base/low.h common/base/low_priv.h \\\n"
                            "\tcommon/base/high.c common/base/high.h\n",
    "common/base/first.h": TOP,
    "common/base/low.h": TOP + "#define LOW_MAGIC 0x1234abcdu\n",
    "common/base/low_priv.h": TOP,
    "common/base/low.c": TOP + '#include "common/base/low.h"\n#include "common/base/low_priv.h"\n',
    "common/base/high.h": TOP + "#define HIGH_MAGIC 0x1234abceu\n",
    "common/base/high.c": TOP + '#include "common/base/high.h"\n#include "common/base/low.h"\n',
    "engine/local.mk": "libengine_a_SOURCES = engine/manifest.c engine/flush.c\nEXTRA_DIST += engine/README.md\n",
    "engine/manifest.c": TOP + '#include <sqlite3.h>\n#include "common/base/high.h"\n',
    "engine/flush.c": TOP,
    "engine/README.md": "# engine\n",
    "t/engine.mk": "t_engine_manifest_test_SOURCES = t/engine_manifest_test.c\n",
    "t/engine_manifest_test.c": TOP + "#include <check.h>\n#include <sqlite3.h>\n",
}

# (what is shown, rule that must fire, file, its new text or what is appended with "+")
CASES = [
    ("a_low_room_that_knows_a_process_room_is_found", "rooms", "common/base/low.c", '+#include "engine/flush.h"\n'),
    ("an_include_that_is_no_path_from_the_top_is_found", "rooms", "engine/flush.c", '+#include "manifest.h"\n'),
    ("a_source_that_includes_a_later_header_is_found", "layers", "common/base/low.c", '+#include "common/base/high.h"\n'),
    ("a_header_that_includes_a_later_header_is_found", "layers", "common/base/low.h", '+# include "common/base/high.h"\n'),
    ("a_header_alone_that_includes_a_later_one_is_found", "layers", "common/base/first.h", '+#include "common/base/low.h"\n'),
    ("a_private_header_that_includes_a_later_one_is_found", "layers", "common/base/low_priv.h",
     '+#include "common/base/high.h"\n'),
    ("a_second_door_to_sqlite_is_found", "doors", "engine/flush.c", "+#include <sqlite3.h>\n"),
    ("nng_outside_its_room_is_found", "doors", "engine/flush.c", "+#include <nng/nng.h>\n"),
    ("a_generated_header_outside_proto_is_found", "doors", "engine/flush.c", '+#include "proto/lsm.pb-c.h"\n'),
    ("a_test_through_the_door_of_another_room_is_found", "doors", "t/engine_manifest_test.c", "+#include <nng/nng.h>\n"),
    ("a_magic_word_used_twice_is_found", "magic", "engine/flush.c", "+#define FLUSH_MAGIC 0x1234ABCDu\n"),
    ("a_file_without_licence_tag_is_found", "tops", "engine/flush.c", "/* A file. */\n/* Of the tree. */\n"),
    ("a_file_without_top_comment_is_found", "tops", "engine/flush.c", TOP.split("\n", 1)[0] + "\n\nint x;\n/* late */\n"),
    ("a_source_in_no_mk_file_is_found", "unlisted", "engine/new.c", TOP),
    ("a_test_script_in_no_mk_file_is_found", "unlisted", "t/e2e_new.py", "print(1)\n"),
]


def lint(root):
    run = subprocess.run([sys.executable, LINT, root], capture_output=True, text=True, check=False)
    return run.returncode, run.stdout + run.stderr


def lint_files(files):
    """Lints a tree made of these files; the code and what was said."""
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as f:
                f.write(text)
        return lint(root)


def broken(path, text):
    files = dict(GOOD)
    files[path] = files.get(path, "") + text[1:] if text.startswith("+") else text
    return lint_files(files)


class Tap:
    def __init__(self):
        self.number = 0
        self.failed = 0

    def check(self, good, name, said=""):
        self.number += 1
        self.failed += not good
        print(f"{'ok' if good else 'not ok'} {self.number} - {name}")
        for line in said.splitlines():
            print(f"# {line}")


def main():
    tap = Tap()
    code, said = lint(SOURCE_DIR)
    for rule in RULES:
        findings = [line for line in said.splitlines() if f": [{rule}] " in line]
        tap.check(not findings, f"the_tree_keeps_the_rule_{rule}", "\n".join(findings))
    told = "\n".join(line for line in said.splitlines() if ": [" not in line)
    tap.check(code in (0, 1), "lint_reads_the_whole_tree", told)

    code, said = lint_files(GOOD)
    tap.check(code == 0 and said == "", "a_tree_that_keeps_the_rules_is_left_in_peace", said)
    for name, rule, path, text in CASES:
        code, said = broken(path, text)
        hits = [line for line in said.splitlines() if line.startswith(f"{path}:") and f" [{rule}] " in line]
        tap.check(code == 1 and len(hits) == 1 and len(said.splitlines()) == 1, name, "" if hits else said or "nothing said")

    code, said = broken("engine/flush.c", "+" + "\n" * 600)
    tap.check(code == 0 and "engine/flush.c:602: note: 602 lines" in said, "a_long_file_is_told_and_does_not_fail")
    code, said = broken("engine/flush.c", "+/*" + "\t" * 14 + "*/\n")
    tap.check(code == 0 and "engine/flush.c:3: note: first of 1 lines beyond" in said, "a_long_line_is_told_and_does_not_fail")
    code, _ = lint("/nonexistent")
    tap.check(code == 64, "a_directory_without_sources_is_refused")
    print(f"1..{tap.number}")
    return 0


sys.exit(main())
