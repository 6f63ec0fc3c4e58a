"""A shape: one two-way table between a vendor's payload and a canonical record, so reading and writing cannot drift.

    CONTACT = Shape(Customer, key="id", version="etag", fields=(
        F("name", "display_name"),
        F("email", "primary_email.address"),
        F("balance", "balances.receivable", write=None),    # theirs to compute, ours to read
        F("is_person", "", read=has_family_name, write=None, uses=("family",)),   # "" = the whole payload
        Fixed("type", "contact"),                           # always written, carries nothing when read
    ))

Dotted paths lead into nested members at both ends. The table is compiled once; reading a small record takes some 20 µs.
What the table does not name is kept in `extra`, by the vendor's own names and nesting, so that it stays mappable; the
`extra` of a record that is written is written as it stands. Their members are JSON values, fractions as Decimal.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from . import leaves, nested, undecoded
from .errors import ShapeError
from .reading import UNFIT, Reading, said

R = TypeVar("R", bound=msgspec.Struct)
Payload = nested.Payload


def as_usual(value: Any) -> Any:
    """The mark of a field that crosses as the type at our end says; see `leaves`."""
    return value


@dataclass(frozen=True, slots=True)
class F:
    """A field: our dotted path, their dotted path, and how a value crosses.

    `read` gets their value, never an empty one, and gives ours; `write` the other way round. `write=None`: theirs to
    compute, ours to read. `read=None`: ours to say, never read. With `theirs=""`, `read` gets the whole payload (or
    line) and may give None, and `write` gets the whole record (or line) and gives members to be merged in. `uses` names
    further members of theirs that this field explains, so that they are not kept in `extra`.
    """

    ours: str
    theirs: str
    read: Callable[[Any], Any] | None = field(default=as_usual, kw_only=True)
    write: Callable[[Any], Any] | None = field(default=as_usual, kw_only=True)
    uses: tuple[str, ...] = field(default=(), kw_only=True)


@dataclass(frozen=True, slots=True)
class Fixed:
    """A member that always has this value when a record or line is made, and says nothing when it is read."""

    theirs: str
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class LineEdit:
    """What becomes of one line of theirs.

    `raw` is the line as it stands there; None = a new one. `values` holds the members that we change, none for a line
    that stays as it is; None = the line goes. `whole` is the line as it shall be, for vendors that replace lists.
    """

    raw: Payload | None
    values: Payload | None
    whole: Payload


def replaced_whole(edits: Sequence[LineEdit]) -> list[Payload]:
    """The list for a vendor that replaces all its lines by those it gets."""
    return [edit.whole for edit in edits if edit.values is not None]


@dataclass(frozen=True, slots=True)
class Lines:
    """A list of lines: our field, their dotted path, and a table of its own.

    `key` is the member with their line's id. Where one list of theirs holds several kinds of line, give one `Lines` for
    each: `when` tells by their line which it is, `fits` tells by ours; the first that says yes takes it. Lines that
    none takes go to `extra` and are left alone by a patch. `put` writes the list: from what becomes of each line to
    what the vendor takes; the first table's holds for the list.
    """

    ours: str
    theirs: str
    key: str | None = field(default=None, kw_only=True)
    fields: tuple[F | Fixed | Lines, ...] = field(kw_only=True)
    when: Callable[[Payload], bool] = field(default=lambda raw: True, kw_only=True)
    fits: Callable[[Any], bool] = field(default=lambda line: True, kw_only=True)
    put: Callable[[Sequence[LineEdit]], Any] = field(default=replaced_whole, kw_only=True)


class Shape(Generic[R]):
    """The two-way table of one record type.

    `key`, `version`, `changed_at`, `created_at` and `url` say where theirs stand (a path, or an F for an odd form);
    they are read and never written: the dialect knows where a vendor wants them. `ignore` names members that carry
    nothing. `false_is_empty`: the vendor says false for any empty value. `cleared` is sent for a field that was
    emptied. `edition` is raised when reading changes, so that kept records are read again.
    """

    def __init__(
        self,
        record_type: type[R],
        *,
        key: str | F,
        fields: Sequence[F | Fixed | Lines],
        version: str | F | None = None,
        changed_at: str | F | None = None,
        created_at: str | F | None = None,
        url: str | F | None = None,
        ignore: tuple[str, ...] = (),
        false_is_empty: bool = False,
        cleared: Any = None,
        edition: int = 1,
    ) -> None:
        self.record_type = record_type
        self.edition = edition
        identity = [_read_only("external_id", key), *([] if version is None else [_read_only("version", version)])]
        others = {"changed_at": changed_at, "created_at": created_at, "url": url}
        told = [*identity, *(_read_only(ours, theirs) for ours, theirs in others.items() if theirs is not None)]
        self.fields: tuple[F | Fixed | Lines, ...] = (*told, *fields)
        self._identity = frozenset(part.theirs for part in identity)
        ways = _Ways(false_is_empty, cleared)
        self._table = _Table(record_type, self.fields, ignore, ways)
        self._name = _Table(record_type, identity[:1], (), ways)
        self._name.has_extra = False
        # One that is read from more than a single member needs the whole payload.
        self._id_path = identity[0].theirs.split(".") if identity[0].theirs and not identity[0].uses else []
        self._id_member = undecoded.member(self._id_path)

    def __repr__(self) -> str:
        return f"<Shape of {self.record_type.__name__}, edition {self.edition}>"

    def read(self, payload: Payload) -> R:
        """The record in a payload. Raises ShapeError that names the member which cannot be read."""
        values = self._table.values(payload, "")
        try:
            return msgspec.convert(values, self.record_type)
        except msgspec.ValidationError as error:
            path, message = _place_of(error)
            raise ShapeError(self._table.theirs_of(path) or self.record_type.__name__, message) from error
        except (TypeError, ValueError) as error:  # a record's own checks
            raise ShapeError(self.record_type.__name__, str(error)) from error

    def external_id(self, payload: Payload | msgspec.Raw) -> str:
        """The id in a payload, decoded or not, without reading the rest. Raises ShapeError where it has none."""
        if isinstance(payload, msgspec.Raw):
            payload = self._with_id_only(payload)
        name = self._name.values(payload, "").get("external_id")
        if not name:
            raise ShapeError(self.fields[0].theirs or "the record", "the record has no id")
        return str(name)

    def _with_id_only(self, text: msgspec.Raw) -> Payload:
        path = self._id_path
        if path:
            try:
                payload: Payload = {}
                nested.put(payload, path, self._id_member(text))
                return payload
            except (msgspec.DecodeError, UnicodeDecodeError):
                pass  # whatever it is, decoding all of it tells it in the usual words
        return undecoded.decoded(text)

    def write(self, record: R, *, only: Collection[str] | None = None) -> Payload:
        """The payload that makes this record, or only the members of those top-level fields of ours.

        With `only`, a field that is empty is sent as `cleared`; without, it is left out. Raises ShapeError.
        """
        return self._table.written(record, only)

    def patch(self, raw: Payload, record: R, *, only: Collection[str], whole: bool = False) -> Payload:
        """What to send so that those top-level fields change and everything that we do not map stays as it is.

        Sparse by default: the members that change, each with what else `raw` holds inside it. `whole`: all of `raw`
        with the changes, less what the vendor computes, for vendors that replace the record. Lines are matched to raw
        lines by their id; a raw line of a kind that we do not map is kept, and so is what a line of ours leaves empty.
        Raises ShapeError.
        """
        if whole:
            return self._table.patched(self._table.without_computed(raw, keep=self._identity), raw, record, only)
        # A nested member that changes goes with what else it holds, as vendors replace it whole.
        nested = self._table.nested_members(only)
        begun = self._table.without_computed({name: raw[name] for name in nested if name in raw})
        return self._table.patched(begun, raw, record, only)


class _Ways(NamedTuple):
    """A vendor's ways with empty values."""

    false_is_empty: bool
    cleared: Any


class _Writing(NamedTuple):
    theirs: tuple[str, ...]
    ours: tuple[str, ...]
    give: Callable[[Any], Any] | None


class _Table:
    """The compiled table of one record or line type."""

    def __init__(
        self, struct: type[msgspec.Struct], fields: Sequence[F | Fixed | Lines], ignore: tuple[str, ...], ways: _Ways
    ) -> None:
        self.struct = struct
        self.ways = ways
        self.has_extra = "extra" in struct.__struct_fields__
        self.readings: list[Reading] = []
        self.writings: list[_Writing] = []
        self.fixed = [(tuple(part.theirs.split(".")), part.value) for part in fields if isinstance(part, Fixed)]
        self.known: dict[str, Any] = {}
        computed = [tuple(name.split(".")) for name in ignore]
        kinds: dict[str, list[tuple[Lines, _Table]]] = {}
        for part in fields:
            if isinstance(part, F):
                self._add(part)
                if part.write is None and part.theirs:
                    computed.append(tuple(part.theirs.split(".")))
            elif isinstance(part, Lines):
                keyed = () if part.key is None else (_read_only("external_id", part.key),)
                element = leaves.element_type(struct, part.ours)
                kinds.setdefault(part.theirs, []).append((part, _Table(element, (*keyed, *part.fields), (), ways)))
        self.takes = [reading.take() for reading in self.readings]
        self.lists = [_LineList(theirs, tables) for theirs, tables in kinds.items()]
        for path in (*ignore, *(part.theirs for part in fields), *_used(fields)):
            if path:
                self._explain(path)
        written = {writing.theirs for writing in self.writings}
        self.computed = [path for path in computed if path not in written]

    def _add(self, part: F) -> None:
        kind = leaves.leaf_type(self.struct, part.ours)
        ours, theirs = tuple(part.ours.split(".")), tuple(part.theirs.split(".")) if part.theirs else ()
        if part.read is not None:
            usual = part.read is as_usual
            convert, fitting = (leaves.reader(kind), leaves.fitting(kind)) if usual else (part.read, None)
            false_is_empty = self.ways.false_is_empty and kind is not bool
            self.readings.append(Reading(theirs, ours, convert, fitting, false_is_empty))
        if part.write is not None:
            if not theirs and part.write is as_usual:
                raise TypeError(f"{part.ours}: a field of the whole payload needs a write of its own, or write=None")
            give = leaves.writer(kind) if part.write is as_usual else part.write
            self.writings.append(_Writing(theirs, ours, give))

    def _explain(self, path: str) -> None:
        """Note a member of theirs as known; None in the tree says that all below it is known."""
        *way, last = path.split(".")
        node = self.known
        for step in way:
            below = node.setdefault(step, {})
            if below is None:
                return
            node = below
        node[last] = None

    # Reading

    def values(self, payload: Any, where: str) -> Payload:
        """Our values by our names, nested, ready for the record type; `where` is the prefix of their paths."""
        if type(payload) is not dict:
            raise ShapeError(where.rstrip(".") or "the record", f"an object was expected, not {_kind(payload)}")
        values: Payload = {}
        for take in self.takes:
            take(payload, values, where)
        extra = nested.unknown(payload, self.known, self.ways.false_is_empty) if self.has_extra else {}
        for lines in self.lists:
            lines.read(payload, values, extra, where)
        if extra:
            values["extra"] = extra
        return values

    def theirs_of(self, path: str) -> str:
        """Their path of one of ours such as lines[2].quantity; ours where the table names none."""
        head, bracket, rest = path.partition("[")
        if bracket:
            index, _, below = rest.partition("]")
            for lines in self.lists:
                for part, table in lines.kinds:
                    if part.ours == head:
                        return f"{part.theirs}[{index}].{table.theirs_of(below.lstrip('.'))}".rstrip(".")
        for reading in self.readings:
            ours = ".".join(reading.ours)
            if reading.theirs and (path == ours or path.startswith(ours + ".")):
                return ".".join(reading.theirs)
        return path

    # Writing

    def written(self, record: Any, only: Collection[str] | None) -> Payload:
        """The members that say `record`, or those fields of it."""
        payload: Payload = {}
        if self.has_extra and (only is None or "extra" in only):
            payload = nested.copied(record.extra)
        if only is None:
            for path, value in self.fixed:
                nested.put(payload, path, value)
        self._put(payload, record, only)
        for lines in self.lists:
            if lines.concerned(only) and ((edits := lines.edits(None, record, only)) or only is not None):
                nested.put(payload, lines.path, lines.put(edits))
        return payload

    def patched(self, payload: Payload, raw: Payload, record: Any, only: Collection[str]) -> Payload:
        """`payload` with those fields of `record` laid over it; lines after the raw ones."""
        if self.has_extra and "extra" in only:
            nested.lay_over(payload, record.extra)
        self._put(payload, record, only)
        for lines in self.lists:
            if lines.concerned(only):
                nested.put(payload, lines.path, lines.put(lines.edits(raw, record, only)))
        return payload

    def edit(self, raw: Payload, line: Any, *, key: str | None) -> LineEdit:
        """What becomes of a raw line of this kind when it shall say what `line` says."""
        values = nested.difference(raw, self.written(line, None))
        if not values:
            return LineEdit(raw=raw, values={}, whole=nested.copied(raw))
        whole = self.without_computed(raw, keep={key} if key else ())
        nested.lay_over(whole, values)
        return LineEdit(raw=raw, values=values, whole=whole)

    def without_computed(self, raw: Payload, *, keep: Collection[str] = ()) -> Payload:
        """A copy of `raw` without what the vendor computes and what carries nothing, but with the paths in `keep`."""
        payload: Payload = nested.copied(raw)
        for path in self.computed:
            if ".".join(path) not in keep:
                nested.drop(payload, path)
        return payload

    def nested_members(self, only: Collection[str]) -> set[str]:
        """The members of theirs inside which those fields of ours are written."""
        return {theirs[0] for theirs, ours, _ in self.writings if len(theirs) > 1 and ours[0] in only}

    def _put(self, payload: Payload, record: Any, only: Collection[str] | None) -> None:
        for theirs, ours, give in self.writings:
            if only is not None and ours[0] not in only:
                continue
            value = record
            if theirs:
                for step in ours:
                    value = getattr(value, step)
                    if value is None:
                        break
            try:
                if theirs and (value is None or value == ""):
                    if only is not None:
                        nested.put(payload, theirs, self.ways.cleared)
                    continue
                given = value if give is None else give(value)
            except UNFIT as error:
                raise ShapeError(".".join(ours), said(error)) from error
            if theirs:
                nested.put(payload, theirs, given)
            else:
                nested.lay_over(payload, given)


class _LineList:
    """One list of theirs, and the tables of the kinds of line in it."""

    def __init__(self, theirs: str, kinds: Sequence[tuple[Lines, _Table]]) -> None:
        self.theirs = theirs
        self.path = tuple(theirs.split("."))
        self.kinds = kinds
        self.put = kinds[0][0].put

    def read(self, payload: Payload, values: Payload, extra: Payload, where: str) -> None:
        """Put the lines into `values`, and those that no table takes into `extra`."""
        raws = nested.at(payload, self.path)
        if raws is None or raws is False:
            return
        if type(raws) is not list:
            raise ShapeError(where + self.theirs, f"a list was expected, not {_kind(raws)}")
        for part, _ in self.kinds:
            values.setdefault(part.ours, [])
        strange = []
        for index, raw in enumerate(raws):
            found = self._kind_of(raw)
            if found is None:
                strange.append(raw)
            else:
                part, table = found
                values[part.ours].append(table.values(raw, f"{where}{self.theirs}[{index}]."))
        if strange:
            nested.put(extra, self.path, strange)

    def concerned(self, only: Collection[str] | None) -> bool:
        """Whether a change of those fields changes this list."""
        return only is None or any(part.ours in only for part, _ in self.kinds)

    def edits(self, raw: Payload | None, record: Any, only: Collection[str] | None) -> list[LineEdit]:
        """What becomes of each line: theirs in the order of ours, new ones where ours have them, then those that go."""
        theirs = nested.at(raw, self.path) if raw else None
        groups = _Groups(theirs or [], self._key_of, lambda line: self._taken(line, only))
        edits = [_left_alone(line) for line in groups.head]
        for ours in dict.fromkeys(part.ours for part, _ in self.kinds if only is None or part.ours in only):
            for index, line in enumerate(getattr(record, ours)):
                part, table = self._table_for(line, ours, index)
                old, followers = groups.take(line.external_id if part.key else None)
                if old is None:
                    values = table.written(line, None)
                    edits.append(LineEdit(raw=None, values=values, whole=values))
                elif self._kind_of(old) == (part, table):
                    edits.append(table.edit(old, line, key=part.key))
                else:  # it became another kind of line: only its id goes on
                    values = table.written(line, None)
                    whole = nested.copied(values)
                    nested.put(whole, tuple(str(part.key).split(".")), line.external_id)
                    edits.append(LineEdit(raw=old, values=values, whole=whole))
                edits.extend(_left_alone(follower) for follower in followers)
        for old, followers in groups.rest():
            edits.append(LineEdit(raw=old, values=None, whole={}))
            edits.extend(_left_alone(follower) for follower in followers)
        return edits

    def _kind_of(self, raw: Any) -> tuple[Lines, _Table] | None:
        if type(raw) is not dict:
            return None
        try:
            for kind in self.kinds:
                if kind[0].when(raw):
                    return kind
            return None
        except UNFIT as error:
            raise ShapeError(self.theirs, f"a line does not tell of what kind it is: {said(error)}") from error

    def _taken(self, raw: Any, only: Collection[str] | None) -> bool:
        found = self._kind_of(raw)
        return found is not None and (only is None or found[0].ours in only)

    def _key_of(self, raw: Payload) -> str | None:
        found = self._kind_of(raw)
        value = nested.at(raw, tuple(found[0].key.split("."))) if found and found[0].key else None
        return None if value is None else str(value)

    def _table_for(self, line: Any, ours: str, index: int) -> tuple[Lines, _Table]:
        for part, table in self.kinds:
            if part.ours == ours and part.fits(line):
                return part, table
        raise ShapeError(f"{ours}[{index}]", "the vendor has no such kind of line")


class _Groups:
    """Raw lines by id, each with the unmapped lines that follow it, so that those keep their place."""

    def __init__(
        self, raws: Sequence[Any], key_of: Callable[[Any], str | None], is_mapped: Callable[[Any], bool]
    ) -> None:
        self.head: list[Any] = []
        self._groups: list[tuple[Any, list[Any]]] = []
        self._by_key: dict[str, int] = {}
        self._taken: set[int] = set()
        for raw in raws:
            if is_mapped(raw):
                if (key := key_of(raw)) is not None:
                    self._by_key.setdefault(key, len(self._groups))
                self._groups.append((raw, []))
            else:
                (self._groups[-1][1] if self._groups else self.head).append(raw)

    def take(self, key: str | None) -> tuple[Any, list[Any]]:
        """The raw line with that id and its followers, once; (None, []) where there is none."""
        at = None if key is None else self._by_key.get(key)
        if at is None or at in self._taken:
            return None, []
        self._taken.add(at)
        return self._groups[at]

    def rest(self) -> list[tuple[Any, list[Any]]]:
        """The groups that nobody took."""
        return [group for at, group in enumerate(self._groups) if at not in self._taken]


def _left_alone(raw: Any) -> LineEdit:
    return LineEdit(raw=raw, values={}, whole=nested.copied(raw))


def _read_only(ours: str, theirs: str | F) -> F:
    return F(ours, theirs, write=None) if isinstance(theirs, str) else theirs


def _used(fields: Iterable[F | Fixed | Lines]) -> Iterable[str]:
    for part in fields:
        if isinstance(part, F):
            yield from part.uses


def _place_of(error: msgspec.ValidationError) -> tuple[str, str]:
    """Our path and the words of what msgspec found wrong."""
    message, _, place = str(error).partition(" - at `$")
    path = place.rstrip("`").lstrip(".")
    missing = message.partition("missing required field `")[2].rstrip("`")
    return (".".join(filter(None, (path, missing))), "it is missing") if missing else (path, message)


def _kind(value: Any) -> str:
    return "a list" if type(value) is list else f"{str(value)[:40]!r}"
