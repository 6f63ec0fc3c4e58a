"""Picking up: files whose content is kept are moved out of the way or removed, as set; a file is never lost.

PICK_UP <folder>  params: pattern, reading, edition (as for READ), marks (JSON list: what each stream has kept),
                  how ("move" or "delete"), leave (JSON list of paths)

A file is touched only where every stream has kept the very content that stands there now. It is moved first and looked
at again, so that one that was replaced in that moment goes back unread; only then is it removed, if it is to be.
A crash anywhere leaves it where it was or in the folder for what was picked up.
"""

from __future__ import annotations

from typing import Any

import msgspec

from .folders import File, Folder, RenameRefused
from .message import Request
from .spool import Spool

PICKED_UP = "processed"
"""The folder, below that of the files, for what was picked up."""


def pick_up(request: Request, folder: Folder, rows: Spool) -> dict[str, Any]:
    """Answers {"picked_up": [paths], "left": [paths]}; nothing where what was kept is not known here any more."""
    marks = msgspec.json.decode(request.params["marks"], type=list[str])
    left = msgspec.json.decode(request.params.get("leave", "[]"), type=set[str])
    picked: list[str] = []
    if not marks or not all(rows.knows(mark) for mark in marks):
        return {"picked_up": picked, "left": []}
    kept = set.intersection(*({(file["path"], file["digest"]) for file in rows.files(mark)} for mark in marks))
    made: set[str] = set()
    left |= {trouble.path for mark in marks for trouble in rows.troubles(mark, fresh=None)}
    for path, digest in sorted(kept):
        file = None if path in left else folder.look(path)
        if file is None:
            continue
        if rows.digest_of(path, stamp=file.stamp) != digest:
            left.add(path)
            continue
        away = _room(folder, path, made)
        if _move(folder, file, f"{away}/{path.rpartition('/')[2]}", digest, request.params["how"]):
            picked.append(path)
        else:
            left.add(path)
    return {"picked_up": picked, "left": sorted(left)}


def _room(folder: Folder, path: str, made: set[str]) -> str:
    """The folder into which a file is moved, made once with those above it."""
    away = PICKED_UP
    for part in ("", *path.split("/")[:-1]):
        away = f"{away}/{part}" if part else away
        if away not in made:
            folder.make(away)
            made.add(away)
    return away


def _move(folder: Folder, file: File, there: str, digest: str, how: str) -> bool:
    """Move a file away; False where it was replaced in that moment, and stands where it stood."""
    if folder.look(there) is not None:
        away, _, name = there.rpartition("/")
        there = f"{away}/{digest[:12]}-{name}"
        folder.remove(there)  # the same content, left by an earlier try
    try:
        folder.rename(file.path, there)
    except RenameRefused:
        return False
    moved = folder.look(there)
    if moved is None or (moved.size, moved.modified) != (file.size, file.modified):
        if folder.look(file.path) is None:
            folder.rename(there, file.path)
        return False
    if how == "delete":
        folder.remove(there)
    return True
