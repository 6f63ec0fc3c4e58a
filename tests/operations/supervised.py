"""A supervisor over tiny parts, run as a process of its own: `supervised.py FOLDER NAME…`.

A part called `steady` beats; `doomed` ends at once; `deaf` ignores SIGTERM; `mute` says nothing, and cannot be asked.
Each notes its own process and one that it started, in FOLDER/NAME.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "platform"))

from plumbing.supervisor import Part, Supervisor

PLAY = """
import os, signal, sys, time
name, folder = sys.argv[1:]
if name == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = os.fork()
if child:
    with open(f"{folder}/{name}", "a") as notes:
        notes.write(f"{os.getpid()} {child}\\n")
if name == "doomed":
    sys.exit(3)
while True:
    if child and name != "mute":
        open(f"{folder}/{name}.beat", "w").close()
    time.sleep(0.05)
"""


def beat(folder: Path, name: str):
    last = 0

    def alive() -> bool:
        nonlocal last
        if name == "mute":
            raise ConnectionError("nobody can be asked")
        file = folder / f"{name}.beat"
        before, last = last, file.stat().st_mtime_ns if file.exists() else 0
        return last != before

    return alive


def part(folder: Path, name: str) -> Part:
    return Part(
        name=name,
        command=(sys.executable, "-S", "-c", PLAY, name, str(folder)),
        alive=beat(folder, name),
        silent=1.0,
        starting=10.0,
        stopping=1.0,
    )


if __name__ == "__main__":
    home, *names = sys.argv[1:]
    Supervisor([part(Path(home), name) for name in names], ask_every=0.2).run()
