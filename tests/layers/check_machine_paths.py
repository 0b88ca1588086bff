#!/usr/bin/env python3
"""Fails where a file that git tracks names a folder of somebody's machine: check_machine_paths.py SOURCE_FOLDER

Ends with 77 (skipped) where the folder is no git checkout.
"""

import re
import subprocess
import sys
from pathlib import Path

# After a letter, a dot or the like it is the middle of a longer path or of an address.
MACHINE_PATH = re.compile(rb"(?<![\w.:/~$}>)-])/(?:work|root|(?:home|Users)/[\w.-]+)/[\w.-]")


def lines_with_machine_paths(data):
    """Numbers of the lines, and what was found there."""
    for match in MACHINE_PATH.finditer(data):
        yield data.count(b"\n", 0, match.start()) + 1, match.group().decode()


def tracked_files(root):
    listing = subprocess.run(["git", "-C", root, "ls-files", "-z", "--cached"], capture_output=True, check=False)
    return None if listing.returncode else [Path(name.decode()) for name in listing.stdout.split(b"\0") if name]


def self_test():
    # An @ stands for a slash, so that this file passes its own check.
    for bad in (b"x\n@root@a", b'"@home@ann@pictures"', b"=@work@x", b"cd @Users@ann@x", b" @home@ann-b@c"):
        assert list(lines_with_machine_paths(bad.replace(b"@", b"/"))), bad
    for good in (b"net@work@a", b".@root@x", b"example.org@home@ann@x", b"${prefix}@root@a", b"@usr@lib@x", b"@work"):
        assert not list(lines_with_machine_paths(good.replace(b"@", b"/"))), good


def main(arguments):
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    self_test()
    root = Path(arguments[0])
    files = tracked_files(root)
    if not files:
        print(f"skipped: {root} is no git checkout")
        return 77
    found = 0
    for path in files:
        if not (root / path).is_file():  # deleted, and not committed yet
            continue
        for line, text in lines_with_machine_paths((root / path).read_bytes()):
            print(f"{path}:{line}: {text}... is a folder of one machine")
            found += 1
    print(f"{len(files)} files, {found} machine paths")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
