"""XML as vendors speak it: read without trusting it, written in the order that a grammar wants, exchanged as plain values.

    <Invoice><Number>7</Number><Line><Item>A</Item></Line></Invoice>
        ⇄  {"Number": "7", "Line": [{"Item": "A"}]}            with lists={"Line"}

An element that holds only text is that text; one that holds elements is a dict of them, by their names without
namespaces. What may repeat is a list even where it stands once, if `lists` names it. Elements of several names whose
order among each other matters share one list, if `shared` says so: each then tells its kind under `KIND`. Attributes
are left to those who read them. Nothing is a number or a day before a shape has read it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeAlias

from lxml import etree

Element: TypeAlias = etree._Element
Plain: TypeAlias = str | dict[str, Any]
Ordered: TypeAlias = str | Sequence[tuple[str, Any]]
"""The content of an element to be written: its text, or its elements in their order, each a name and its content."""

KIND = "#"
"""The member that tells of which kind an element of a shared list is."""

MOST_BYTES = 64_000_000


class BadXml(ValueError):
    """A document that is no sound XML, or tries more than data may; the text says where, and holds nothing of it."""


def parse(document: bytes, *, most_bytes: int = MOST_BYTES) -> Element:
    """The root of a document. No entity is expanded, no address opened, no type definition taken. Raises BadXml."""
    if len(document) > most_bytes:
        raise BadXml(f"it has {len(document):,} bytes, and at most {most_bytes:,} are read")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(document, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise BadXml(f"it cannot be read as XML: {_place(error)}") from None
    about: Any = root.getroottree().docinfo  # the stubs do not know all of it
    if about.doctype:
        raise BadXml("it brings a type definition of its own (DOCTYPE), which is never taken")
    return root


def local(element: Element) -> str:
    """An element's name without its namespace."""
    return etree.QName(element).localname


def text_of(element: Element) -> str:
    """The text of an element, empty where it has none."""
    return "".join(str(piece) for piece in element.itertext())


def to_plain(
    element: Element,
    *,
    lists: Collection[str] = frozenset(),
    shared: Mapping[str, tuple[str, str]] | None = None,
) -> Plain:
    """An element as plain values; `shared` is element name -> (name of the shared list, kind)."""
    children = [child for child in element if isinstance(child.tag, str)]
    if not children:
        return text_of(element)
    plain: dict[str, Any] = {}
    for child in children:
        name = local(child)
        value = to_plain(child, lists=lists, shared=shared)
        if shared is not None and name in shared:
            name, kind = shared[name]
            value = {KIND: kind, **(value if isinstance(value, dict) else {})}
            plain.setdefault(name, []).append(value)
        elif name in lists:
            plain.setdefault(name, []).append(value)
        elif name not in plain:
            plain[name] = value
        elif isinstance(plain[name], list):
            plain[name].append(value)
        else:  # nobody said that it repeats, and it does
            plain[name] = [plain[name], value]
    return plain


def build(
    name: str,
    content: Ordered = "",
    attributes: Mapping[str, str] | None = None,
    *,
    namespace: str | None = None,
    prefix: str | None = None,
) -> Element:
    """An element and all in it, in a namespace that is the default one, or has a prefix.

    Elements without a namespace fit into those with a prefix only. Raises ValueError for text that XML cannot hold
    (control characters).
    """
    qualified = f"{{{namespace}}}{name}" if namespace else name
    spaces: Any = {prefix: namespace} if namespace else None  # the stubs know no default namespace
    element = etree.Element(qualified, dict(attributes or {}), nsmap=spaces)
    _fill(element, content, namespace)
    return element


def serialise(root: Element, *, prolog: str = '<?xml version="1.0" encoding="utf-8"?>') -> bytes:
    """The document: `prolog`, then the root. Everything outside ASCII is written as a character reference."""
    return prolog.encode() + etree.tostring(root, encoding="us-ascii", xml_declaration=False)


def _fill(element: Element, content: Ordered, namespace: str | None) -> None:
    if isinstance(content, str):
        element.text = content
        return
    for name, inner in content:
        _fill(etree.SubElement(element, f"{{{namespace}}}{name}" if namespace else name), inner, namespace)


def _place(error: Exception) -> str:
    """What the parser says, without what it quotes of the document."""
    line = getattr(error, "lineno", None)
    code = getattr(error, "code", None)
    return f"line {line}, fault {code}" if line else "it is empty or in no known encoding"
