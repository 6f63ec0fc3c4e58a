"""From rows to documents, customers and items, by a layout: plain values with the place where they were found.

What is read here becomes the raw record that is kept. `@place` (file, its digest, line numbers) says where it stood and
does not belong to its content: a row inserted above leaves every other record as it was.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from integrations.canonical.countries import code_of
from integrations.canonical.money import UnknownCurrency, round_to_minor
from integrations.connectors.files.layout import TARGETS, Choice, Column, Layout
from integrations.wire.cells import day, number, tidy
from integrations.wire.stream import Problem

Row = Mapping[str, str]
Seen = Mapping[str, Any]  # one combination of cells under a key: cells, times, path, line, last
Raw = dict[str, Any]
T = TypeVar("T")

# The id of the customer whom the tenant names for rows that name none.
WITHOUT_CUSTOMER = "without-customer"

SEEN_SHOWN = 20


class Unfit(Exception):
    """A document that cannot be taken over whole."""

    def __init__(self, what: str, advice: str, *, row: int = 0) -> None:
        super().__init__(what)
        self.what = what
        self.advice = advice
        self.row = row  # which of the document's rows shows it


# Documents


def document(found: Mapping[str, Any], layout: Layout, *, default_customer: str, home_currency: str) -> Raw | Problem:
    """The raw record of a document, or why it is held back whole. `found` is a document of the files driver."""
    try:
        return _document(found, layout, default_customer=default_customer, home_currency=home_currency)
    except Unfit as unfit:
        line = found["lines"][unfit.row][0]
        return Problem(
            where=f"{found['path']}, line {line}",
            what=f"{unfit.what} The document {found['key']} is held back whole.",
            advice=unfit.advice,
            raw=layout.format.delimiter.join(found["rows"][unfit.row].values())[:200],
        )


def _document(found: Mapping[str, Any], layout: Layout, *, default_customer: str, home_currency: str) -> Raw:
    key, rows = found["key"], found["rows"]
    rule = layout.kind_rule(key)
    if rule is not None and rule.becomes == "reject":
        raise Unfit(f"Documents whose {layout.key} starts with “{rule.starts}” are not taken over: {rule.because}.",
                    "Enter it by hand where it belongs, or change the layout's rule.")  # fmt: skip
    kind = rule.becomes if rule else layout.otherwise
    is_credit = kind == "credit_note"
    turned = is_credit and layout.credit_notes_are_negative
    noted: list[str] = []
    header = _header(rows, layout, noted)
    currency = header.pop("currency", "").upper() or layout.currency or home_currency
    if not currency:
        raise Unfit(
            "No currency is known for it.", "Name the currency in the layout, or a home currency in the settings."
        )
    try:
        lines = _lines(rows, layout, currency=currency, turned=turned)
    except UnknownCurrency as error:
        raise Unfit(f"{error}.", "Correct the currency in the file or in the layout.") from None
    total = sum((Decimal(line["net_amount"]) for line in lines), Decimal(0))
    if total < 0:
        called = f"{'an' if kind == 'invoice' else 'a'} {kind.replace('_', ' ')}"
        raise Unfit(f"It is {called}, but its total is {total} {currency}.",
                    "Check the signs in the file, or the layout's rule that tells invoices from credit notes.")  # fmt: skip
    return {
        "key": key,
        "number": header.pop("number", key),
        **header,
        "customer": _customer_of(rows, layout, default_customer),
        "currency": currency,
        "line_amounts": layout.line_amounts,
        "lines": lines,
        "total": _digits(total),
        **({"noted": noted} if noted else {}),
        "rows": rows,
        "figures": _figures(layout),
        "@place": place(found["path"], found["digest"], found["lines"]),
    }


def _header(rows: Sequence[Row], layout: Layout, noted: list[str]) -> dict[str, str]:
    """What the document's rows say about all of it; the first that says something is right."""
    header: dict[str, str] = {}
    for column in layout.columns:
        group, _, name = column.to.partition(".")
        if group != "document":
            continue
        given = [tidy(row[column.column], column.transforms) for row in rows]
        said = [text for text in given if text]
        if TARGETS[column.to] == "day":
            if not said and name != "issued_on":
                continue
            first = given.index(said[0]) if said else 0
            header[name] = _cell(rows, column, first, lambda text: day(text, layout.dates)).isoformat()
        elif said:
            header[name] = said[0]
        if len(set(said)) > 1:
            if name == "currency":
                other = next(at for at, text in enumerate(given) if text and text != said[0])
                raise Unfit("Its rows name several currencies.", "Split it into one document a currency.", row=other)
            noted.append(f"{column.column}: {len(set(said))} values, the first was taken ({said[0]})")
    return header


def _customer_of(rows: Sequence[Row], layout: Layout, default_customer: str) -> dict[str, str]:
    column = _needed(layout, "customer.key")
    keys = [tidy(row[column.column], column.transforms) for row in rows]
    for at, key in enumerate(keys):
        if key != keys[0]:
            shown = f"“{keys[0]}” and “{key}”"
            raise Unfit(f"Its rows name two customers, {shown}.", f"Correct {column.column} in the file.", row=at)
    if keys[0]:
        return {"key": keys[0]}
    if not default_customer:
        raise Unfit(
            f"It names no customer ({column.column} is empty).",
            "Name a default customer for such rows in the connection's settings, or fill the column.",
        )
    return {"key": WITHOUT_CUSTOMER, "name": default_customer}


def _lines(rows: Sequence[Row], layout: Layout, *, currency: str, turned: bool) -> list[Raw]:
    sign = -1 if turned else 1
    mapped = {column.column for column in layout.columns} | {layout.key}
    item, name, unit, text = (
        layout.column_for(to) for to in ("item.key", "item.name", "item.unit", "line.description")
    )
    times: Counter[str] = Counter()
    lines = []
    for at, row in enumerate(rows):
        quantity = _number(rows, layout, "line.quantity", at)
        price = _number(rows, layout, "line.unit_price", at)
        net = _number(rows, layout, "line.net_amount", at)
        _check_price(price, layout, at)
        if net is None:
            if quantity is None or price is None:
                raise Unfit("Its row has no amount.", "Fill in quantity and price.", row=at)
            net = quantity * price
        code = tidy(row[item.column], item.transforms) if item else ""
        times[code] += 1
        line: Raw = {"key": f"{code or 'line'}/{times[code]}"}
        if code:
            line["item"] = code
        if said := _said(row, text) or _said(row, name):
            line["description"] = said
        if quantity is not None:
            line["quantity"] = _digits(sign * quantity)
        if uom := _said(row, unit):
            line["unit"] = uom
        if price is not None:
            line["unit_price"] = _digits(price)
        line["net_amount"] = _digits(round_to_minor(sign * net, currency))
        if others := {column: cell for column, cell in row.items() if column not in mapped and cell.strip()}:
            line["columns"] = others
        lines.append(line)
    return lines


def _check_price(price: Decimal | None, layout: Layout, at: int) -> None:
    if price is None:
        return
    if price < 0 and layout.negative_prices == "reject":
        raise Unfit(f"A price is negative ({price}).",
                    "Enter it by hand where it belongs, or let the layout keep negative prices.", row=at)  # fmt: skip
    if price == 0 and layout.zero_prices == "reject":
        raise Unfit("A price is zero.", "Correct the price, or let the layout keep prices of zero.", row=at)


def _number(rows: Sequence[Row], layout: Layout, target: str, at: int) -> Decimal | None:
    column = layout.column_for(target)
    if column is None:
        return None
    return _cell(rows, column, at, lambda text: number(text, decimal=layout.decimal, thousands=layout.thousands))


def _cell(rows: Sequence[Row], column: Column, at: int, read: Callable[[str], T]) -> T:
    try:
        return read(tidy(rows[at][column.column], column.transforms))
    except ValueError as error:
        advice = f"Correct {column.column} in that row and send the file again."
        raise Unfit(f"{column.column}: {error}.", advice, row=at) from None


def _digits(value: Decimal) -> str:
    """The number as text: no exponent, and no minus before a zero."""
    return f"{value + 0:f}"


def _figures(layout: Layout) -> Raw:
    """Which cells a control total multiplies, so that it can be made from the rows alone."""
    net = layout.column_for("line.net_amount")
    columns = [net] if net else [layout.column_for("line.quantity"), layout.column_for("line.unit_price")]
    return {
        "multiply": [column.column for column in columns if column],
        "decimal": layout.decimal,
        "thousands": layout.thousands,
    }


def place(path: str, digest: str, lines: Sequence[Sequence[int]]) -> Raw:
    """Where something stands: the file as it was, and its lines there."""
    return {"file": path, "digest": digest, "lines": [first for first, _ in lines], "url": link(path, lines)}


def link(path: str, lines: Sequence[Sequence[int]]) -> str:
    """The address of these lines: file:<path>#L12-L30."""
    first, last = min(line[0] for line in lines), max(line[1] for line in lines)
    return f"file:{path}#L{first}" if first == last else f"file:{path}#L{first}-L{last}"


# Customers and items


def customer(group: Mapping[str, Any], layout: Layout, *, default_customer: str) -> Raw | None:
    """The raw record of a customer from what was seen under the key; None where nobody named the one without a key."""
    key, seen = group["key"], group["seen"]
    if not key:
        if not default_customer:
            return None
        return {"key": WITHOUT_CUSTOMER, "name": default_customer, "@place": _seen_at(seen)}
    noted: list[str] = []
    values: dict[str, str] = {}
    for column in layout.columns:
        area, _, name = column.to.partition(".")
        if area != "customer" or name == "key":
            continue
        told = [one for one in seen if name != "country" or layout.country_codes.get(_said(one["cells"], column)) != ""]
        chosen = _chosen(told, column, layout.customer_values)
        if not chosen:
            continue
        values[name] = chosen
        if others := sorted({_said(one["cells"], column) for one in told} - {chosen, ""}):
            noted.append(f"{column.column}: also {', '.join(others)}")
    country = values.pop("country", "")
    code = layout.country_codes.get(country) or code_of(country)
    parts = ("line1", "line2", "city", "region", "postal_code")
    address: dict[str, str] = {name: values.pop(name) for name in parts if name in values}
    if country:
        address |= {"country": code} if code else {"country_name": country}
    return {
        "key": key,
        "name": values.pop("name", "") or layout.customer_name.format(key=key),
        **values,
        **({"address": address} if address else {}),
        **({"noted": noted} if noted else {}),
        "@place": _seen_at(seen),
    }


def item(group: Mapping[str, Any], layout: Layout) -> Raw | None:
    """The raw record of an item from what was seen under its code; None where there is no code."""
    key, seen = group["key"], group["seen"]
    if not key:
        return None
    name, unit = layout.column_for("item.name"), layout.column_for("item.unit")
    called, measured = _chosen(seen, name, layout.item_name), _chosen(seen, unit, layout.item_name)
    is_charge = key in layout.charges
    return {
        "key": key,
        "name": (layout.charges.get(key) or called or key),
        "item_type": "charge" if is_charge else layout.item_type,
        **({"description": called} if called else {}),
        **({"unit": measured} if measured else {}),
        "@place": _seen_at(seen),
    }


def _chosen(seen: Sequence[Seen], column: Column | None, choice: Choice) -> str:
    """Which of the texts seen in a column counts; "" where none was seen. `seen` is in the order of first sight."""
    if column is None:
        return ""
    texts = [(text, one) for one in seen if (text := tidy(one["cells"][column.column], column.transforms))]
    if not texts:
        return ""
    times: Counter[str] = Counter()
    for text, one in texts:
        times[text] += one["times"]
    match choice:
        case "first":
            return texts[0][0]
        case "latest":
            newest = texts[-1][1]["path"]
            return max((one["last"], text) for text, one in texts if one["path"] == newest)[1]
        case "longest":
            return max(times, key=lambda text: (len(text), text))
        case "most_frequent":
            return max(times, key=lambda text: (times[text], len(text), text))


def _seen_at(seen: Sequence[Seen]) -> Raw:
    """Where the newest of the rows stands that this came from, and what was seen how often."""
    newest = seen[-1]["path"]
    last = max(one["last"] for one in seen if one["path"] == newest)
    often = sorted(seen, key=lambda one: -one["times"])
    return {
        "file": newest,
        "url": link(newest, [(last, last)]),
        "seen": [{"cells": one["cells"], "times": one["times"]} for one in often[:SEEN_SHOWN]],
    }


def _said(row: Row, column: Column | None) -> str:
    return tidy(row[column.column], column.transforms) if column else ""


def _needed(layout: Layout, target: str) -> Column:
    column = layout.column_for(target)
    if column is None:
        raise LookupError(f"The layout {layout.name} has no column for {target}.")
    return column
