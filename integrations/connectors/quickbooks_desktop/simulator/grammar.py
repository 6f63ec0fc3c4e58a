"""The language: what QuickBooks can parse, and the order in which it writes; facts in requests.txt and answers.txt."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from lxml import etree

Body = dict[
    str, Any
]  # child -> text, Body, or a list of these; "#" names the element of a list's member where it varies

_ATTRIBUTES = {
    "metaData": ("NoMetaData", "MetaDataOnly", "MetaDataAndResponseData"),
    "iterator": ("Start", "Continue", "Stop"),
    "onError": ("stopOnError", "continueOnError", "rollbackOnError"),
    "responseData": ("includeAll", "includeNone"),
}
_OF_THE_SET = ("onError", "newMessageSetID", "oldMessageSetID", "responseData")
_PATTERNS = {
    name: re.compile(pattern)
    for name, pattern in {
        "amt": r"[+\-]?[0-9]{1,13}(\.[0-9]{1,2})?",
        "bool": r"true|false|1|0",
        "date": r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
        "moment": r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2})?([+\-][0-9]{2}:[0-9]{2}|Z)?)?",
        "quan": r"[+\-]?[0-9]{0,10}(\.[0-9]{1,5})?",
        "price": r"[+\-]?[0-9]{0,13}(\.[0-9]{1,5})?",
        "percent": r"[+\-]?[0-9]{0,13}(\.[0-9]{1,5})?%?",
        "float": r"[+\-]?[0-9]*(\.[0-9]+)?([eE][+\-]?[0-9]+)?",
        "guid": r"0|\{[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\}",
        "interval": r"P(T)?([0-9]+H)?([0-9]+M)?([0-9]+S)?",
    }.items()
}
_INTEGERS = {"int": (None, None), "int1": (1, None), "month": (1, 12), "day": (1, 31)}
_BLANK = " \t\r\n"
_PROLOGUE = re.compile(r"^\s*<\?xml\s[^>]*\?>\s*")
_VERSION = re.compile(r'version="1[34]\.0"')


class Unparsable(Exception):
    """A document, or an element of it, that is not in the language; it says what is wrong where."""


@dataclass(frozen=True, slots=True)
class Child:
    """One child of a form: the form of its content, whether it comes as a list, and under which member it is kept.

    `needed`: it cannot be missing; `rivals` are the children in whose place it comes.
    """

    form: str
    many: bool
    into: str
    needed: bool
    rivals: frozenset[str]


@dataclass(slots=True)
class Form:
    """The content of an element that has children."""

    name: str
    attributes: tuple[str, ...]
    children: dict[str, Child] = field(default_factory=dict)
    pattern: str = ""  # of the names of the children, each with a comma after it


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of a message set: its name without Rq, its attributes, its content."""

    name: str
    attributes: dict[str, str]
    body: Body


@dataclass(frozen=True, slots=True)
class MessageSet:
    """All requests of one QBXMLMsgsRq, and how to go about them."""

    attributes: dict[str, str]
    requests: list[Asked]


class Language:
    """The forms of one file, and reading and writing by them."""

    def __init__(self, table: str) -> None:
        self.forms: dict[str, Form] = {}
        self.words: dict[str, frozenset[str]] = {}
        entries = list(_entries(table))
        defined = {name for name, _ in entries}
        for name, tokens in entries:
            if name.startswith("{"):
                self.words[name] = frozenset(tokens)
            elif len(tokens) == 1 and tokens[0] in defined and tokens[0].endswith(("Rq", "Rs", "Ret")):
                self.forms[name] = self.forms[tokens[0]]
            else:
                self.forms[name] = _form(name, tokens, defined)

    # reading

    def read(self, element: etree._Element, form: Form) -> Body:
        """The content of an element; raises Unparsable."""
        names = [str(child.tag) for child in element.iterchildren(tag=etree.Element)]
        if not re.fullmatch(form.pattern, "".join(f"{name}," for name in names)):
            raise Unparsable(f"the children of {element.tag} are not what may come there, in that order: {names}")
        if _loose_text(element):
            raise Unparsable(f"{element.tag} holds text beside its children")
        body: Body = {}
        for child in element.iterchildren(tag=etree.Element):
            known = form.children[str(child.tag)]
            value = self._value(child, known.form)
            if not known.many:
                body[known.into] = value
                continue
            if isinstance(value, dict):
                value["#"] = str(child.tag)
            body.setdefault(known.into, []).append(value)
        return body

    def _value(self, element: etree._Element, form: str) -> str | Body:
        if form in self.forms or form.startswith("ref"):
            inner = self.forms.get(form) or _reference(form)
            _check_attributes(element, inner.attributes)
            return self.read(element, inner)
        _check_attributes(element, ())
        if len(element.findall("*")):
            raise Unparsable(f"{element.tag} has no children")
        text = "".join(str(part) for part in element.itertext(with_tail=False) if part is not None)
        self._check(str(element.tag), form, text)
        return latin(text)

    def _check(self, name: str, form: str, text: str) -> None:
        if not form:
            return
        if form.isdigit():
            good = len(text) <= int(form)
        elif form in _INTEGERS:
            low, high = _INTEGERS[form]
            good = re.fullmatch(r"[+\-]?[0-9]+", text.strip(_BLANK)) is not None
            good = good and (low is None or int(text) >= low) and (high is None or int(text) <= high)
        elif form.startswith("{"):
            good = text in self.words[form]
        else:
            good = _PATTERNS[form].fullmatch(text) is not None
        if not good:
            raise Unparsable(f"{name} cannot be {text[:60]!r}")

    # writing

    def write(self, name: str, body: Body, only: Collection[str] = ()) -> str:
        """An element whose members come in the order of its form; with `only` just those members of it."""
        return self._written(name, self.forms[name], body, only)

    def _written(self, name: str, form: Form, body: Body, only: Collection[str] = ()) -> str:
        parts = [f"<{name}>"]
        for member, child in form.children.items():
            if member not in body or child.into != member or (only and member not in only):
                continue
            value = body[member]
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, dict):
                    tag = each.get("#", member)
                    inner = form.children[tag].form
                    parts.append(self._written(tag, self.forms.get(inner) or _reference(inner), each))
                else:
                    parts.append(f"<{member}>{escaped(each)}</{member}>")
        parts.append(f"</{name}>")
        return "".join(parts)


def message_sets(qbxml: str) -> list[MessageSet]:
    """What a document asks for; raises Unparsable for everything that is not in the language."""
    parser = etree.XMLParser(
        encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True
    )
    try:
        root = etree.fromstring(_PROLOGUE.sub("", qbxml, count=1).encode("utf-8", "replace"), parser)
    except etree.XMLSyntaxError as error:
        raise Unparsable(str(error)) from None
    if _has_doctype(root):
        raise Unparsable("a document type is not wanted")
    before = root.getprevious()
    if (
        before is None
        or before.tag is not etree.PI
        or before.target != "qbxml"
        or not _VERSION.search(str(before.text))
    ):
        raise Unparsable('the processing instruction <?qbxml version="13.0"?> (or 14.0) is missing')
    if root.tag != "QBXML" or root.attrib or _loose_text(root) or not len(root):
        raise Unparsable("the root is QBXML with QBXMLMsgsRq inside")
    return [_message_set(each) for each in root.iterchildren(tag=etree.Element)]


def _has_doctype(root: etree._Element) -> bool:
    return etree.ElementTree(root).docinfo.internalDTD is not None


def _message_set(element: etree._Element) -> MessageSet:
    if element.tag != "QBXMLMsgsRq":
        raise Unparsable(f"{element.tag} is not QBXMLMsgsRq")
    _check_attributes(element, _OF_THE_SET)
    if "onError" not in element.attrib:
        raise Unparsable("QBXMLMsgsRq says with onError what to do after an error")
    if _loose_text(element):
        raise Unparsable("QBXMLMsgsRq holds text beside its requests")
    asked = []
    for each in element.iterchildren(tag=etree.Element):
        name = str(each.tag)
        if not name.endswith("Rq") or name not in REQUESTS.forms:
            raise Unparsable(f"there is no request {name}")
        form = REQUESTS.forms[name]
        _check_attributes(each, form.attributes)
        asked.append(Asked(name.removesuffix("Rq"), _attributes(each), REQUESTS.read(each, form)))
    return MessageSet(_attributes(element), asked)


def latin(text: str) -> str:
    """What QuickBooks keeps of a text: everything outside ISO-8859-1 becomes a question mark."""
    return text.encode("latin-1", "replace").decode("latin-1")


def escaped(text: object) -> str:
    """Text as it stands in an answer: ASCII, everything else by its number."""
    plain = str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    return plain.encode("ascii", "xmlcharrefreplace").decode()


def _attributes(element: etree._Element) -> dict[str, str]:
    return {str(name): latin(str(value)) for name, value in element.attrib.items()}


def _check_attributes(element: etree._Element, known: Collection[str]) -> None:
    for name, value in element.attrib.items():
        words = _ATTRIBUTES.get(str(name))
        if name not in known or (words and value not in words):
            raise Unparsable(f"{element.tag!s} has no attribute {name!s} that can be {value!r}")


def _loose_text(element: etree._Element) -> bool:
    texts = [element.text, *(child.tail for child in element)]
    return any(text and str(text).strip(_BLANK) for text in texts)


def _reference(form: str) -> Form:
    """The form of a reference, by the longest FullName that it takes ("ref31")."""
    length = form.removeprefix("ref")
    if form not in _REFERENCES:
        _REFERENCES[form] = _form(form, ["ListID?", f"FullName?:{length}" if length else "FullName?"], set())
    return _REFERENCES[form]


_REFERENCES: dict[str, Form] = {}


# the notation


def _entries(table: str) -> Iterator[tuple[str, list[str]]]:
    """Name and tokens of every definition; what is indented goes on with the one above."""
    joined = re.sub(r"\n +", " ", table)
    for line in joined.splitlines():
        if line.strip() and not line.startswith("#"):
            name, _, rest = line.partition(" = ")
            yield name, rest.split()


def _form(name: str, tokens: list[str], defined: set[str]) -> Form:
    form = Form(name, tuple(token[1:] for token in tokens if token.startswith("@")))
    rest = [token for token in tokens if not token.startswith("@")]
    # A choice that repeats keeps the order of its members, whatever they are called, in one list under the first name.
    repeated, rivals = _repeated_choices(rest), _rivals(rest)
    pattern = []
    for place, token in enumerate(rest):
        if token[0] in "()|":
            pattern.append({"(": "(?:", "|": "|"}.get(token, token))
            continue
        child, _, kind = token.partition(":")
        mark = child[-1] if child[-1] in "?*+" else ""
        child = child.removesuffix(mark) if mark else child
        group = repeated.get(place)
        form.children[child] = Child(
            form=kind or (child if child in defined else ""),
            many=mark in ("*", "+") or group is not None,
            into=group or child,
            needed=not mark and place not in rivals,
            rivals=rivals.get(place, frozenset()),
        )
        pattern.append(f"(?:{child},){mark}")
    form.pattern = "".join(pattern)
    return form


def _repeated_choices(tokens: list[str]) -> dict[int, str]:
    """Place of a child -> the first name of the repeated choice that it stands in."""
    open_at: list[int] = []
    found: dict[int, str] = {}
    for place, token in enumerate(tokens):
        if token[0] == "(":
            open_at.append(place)
        elif token[0] == ")":
            begun = open_at.pop()
            if token[1:] in ("*", "+"):
                inside = [at for at in range(begun + 1, place) if tokens[at][0] not in "()|"]
                first = re.split(r"[?*+:]", tokens[inside[0]])[0]
                found |= dict.fromkeys(inside, first)
    return found


def _rivals(tokens: list[str]) -> dict[int, frozenset[str]]:
    """Place of a child in a choice -> the names in the other branches of that choice."""
    found: dict[int, frozenset[str]] = {}
    branches: list[list[list[int]]] = []
    for place, token in enumerate(tokens):
        if token[0] == "(":
            branches.append([[]])
        elif token[0] == "|":
            branches[-1].append([])
        elif token[0] == ")":
            closed = branches.pop()
            for branch in closed:
                others = [at for other in closed if other is not branch for at in other]
                names = frozenset(re.split(r"[?*+:]", tokens[at])[0] for at in others)
                found |= {at: found.get(at, frozenset()) | names for at in branch}
            if branches:
                branches[-1][-1] += [at for branch in closed for at in branch]
        elif branches:
            branches[-1][-1].append(place)
    return found


def _load(name: str) -> Language:
    return Language(files(__package__).joinpath(name).read_text(encoding="utf-8"))


REQUESTS = _load("requests.txt")
ANSWERS = _load("answers.txt")
