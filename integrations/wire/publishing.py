"""Publishing: a file appears under its name at once and whole, or not at all.

UPLOAD <folder>   params: to (the file's path), draft (its name in the spool), size, digest
                  writes it under a temporary name, in the place of what a cut-off try left, and reads it back
RELEASE <folder>  params: to, size, digest: gives it its name, over the file that is there; once, however often it is asked
DIGEST <folder>   params: file: what stands there now
"""

from __future__ import annotations

import time
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

from .errors import ContractBroken, Missing, TryLater
from .folders import Folder, RenameRefused, Tick, check_path
from .message import Request

PIECE = 1 << 20
DRAFTS = "drafts"
IDLE_SECONDS = 24 * 3600  # after which a draft that a crash left is removed


def drafts(spool: Path) -> Path:
    """The directory for drafts, without those that crashes left."""
    folder = spool / DRAFTS
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for old in folder.iterdir():
        if time.time() - old.stat().st_mtime > IDLE_SECONDS:
            old.unlink(missing_ok=True)
    return folder


def temporary(path: str) -> str:
    """The name under which a file is written: the same each time, so that no try leaves litter behind the next one."""
    return f"{path}.tmp"


def upload(request: Request, folder: Folder, spool: Path, deadline: float | None) -> dict[str, Any]:
    """Answers {"size", "digest"} of what was read back. Raises TryLater where it was cut, ContractBroken where it differs."""
    wanted, name = _wanted(request), temporary(check_path(request.params["to"]))
    tick = _clock(deadline)
    with (spool / DRAFTS / request.params["draft"]).open("rb") as draft:
        folder.put(name, draft, tick=tick)
    found = _standing(folder, name, spool, tick)
    if found == wanted:
        return {"size": wanted[0], "digest": wanted[1]}
    folder.remove(name)
    if found is None or found[0] < wanted[0]:
        raise TryLater(sent=False, explanation=f"The file {name} did not arrive whole.")
    raise ContractBroken(
        explanation=f"What stands on the server after writing {name} is not what was sent.",
        advice="Look whether the server changes line ends or encodings, and have that switched off.",
    )


def release(request: Request, folder: Folder, spool: Path, deadline: float | None) -> dict[str, Any]:
    """Answers {"released": "now" or "before"}: before, where the temporary name is gone already."""
    (size, _), to = _wanted(request), check_path(request.params["to"])
    name = temporary(to)
    if folder.look(name) is None:
        return {"released": "before"}
    try:
        folder.rename(name, to)
    except RenameRefused as refused:
        folder.remove(to)
        try:
            folder.rename(name, to)
        except RenameRefused:
            raise TryLater(str(refused), sent=False, explanation=f"The server does not let {to} be replaced.") from None
    there = folder.look(to)
    if there is not None and there.size != size:
        raise TryLater(sent=False, explanation=f"The file {to} was changed while it was published.")
    return {"released": "now"}


def digest(request: Request, folder: Folder, spool: Path, deadline: float | None) -> dict[str, Any]:
    """Answers {"size", "digest"} of a file, both null where there is none."""
    size, found = _standing(folder, check_path(request.params["file"]), spool, _clock(deadline)) or (None, None)
    return {"size": size, "digest": found}


def digest_of(file: BinaryIO) -> str:
    """The sha256 of what is left to read of a file."""
    total = sha256()
    while piece := file.read(PIECE):
        total.update(piece)
    return total.hexdigest()


def _standing(folder: Folder, path: str, spool: Path, tick: Tick) -> tuple[int, str] | None:
    """Size and digest of what a folder holds under a name, read afresh."""
    file = folder.look(path)
    if file is None:
        return None
    try:
        with folder.held(file, room=spool, tick=tick) as opened, opened() as content:
            return file.size, digest_of(content)
    except Missing:
        return None


def _wanted(request: Request) -> tuple[int, str]:
    return int(request.params["size"]), request.params["digest"]


def _clock(deadline: float | None) -> Tick:
    def tick() -> None:
        if deadline is not None and time.monotonic() > deadline:
            raise TryLater(
                sent=False,
                explanation="The file is larger than the line to the server carries in the time that a worker has.",
                advice="It is tried again by itself; if it stays so, publish less at once, or mend the line.",
            )

    return tick
