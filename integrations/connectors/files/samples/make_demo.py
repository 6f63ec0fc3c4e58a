"""Writes the shipped sample beside this file: a year of made-up sales of a made-up shop, and what it adds up to.

    python integrations/connectors/files/samples/make_demo.py

Always the same file: all figures come from the running number of the document. Products, customers and prices are
invented; the columns are those of the layout `online_retail`.
"""

import csv
import json
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

HERE = Path(__file__).parent
COLUMNS = ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country")

COLOURS = ("BLUE", "GREEN", "OCHRE", "GREY", "ROSE", "WHITE")
THINGS = (
    ("ENAMEL MUG", "4.95"), ("LINEN TEA TOWEL", "6.50"), ("OAK COAT HOOK", "8.25"), ("STONEWARE BOWL", "11.40"),
    ("WOOL THROW", "39.00"), ("BEESWAX CANDLE", "7.20"), ("PAPER GARLAND", "2.85"), ("GLASS CARAFE", "14.60"),
    ("SEED TIN", "3.35"), ("JUTE BASKET", "12.15"),
)  # fmt: skip
COUNTRIES = ("United Kingdom",) * 5 + ("France", "Germany", "EIRE", "Netherlands", "Channel Islands")

ITEMS = [
    (
        f"{3100 + 10 * number + shade}{'A' if shade % 2 else ''}",
        f"{colour} {thing}",
        Decimal(price) + shade * Decimal("0.05"),
    )
    for number, (thing, price) in enumerate(THINGS)
    for shade, colour in enumerate(COLOURS)
]
CUSTOMERS = [(f"{20001 + 7 * number}.0", COUNTRIES[number % len(COUNTRIES)]) for number in range(40)]

DOCUMENTS = 300
OPENING = datetime(2025, 1, 6, 9, 5)  # noqa: DTZ001 - the shop's own clock, as exports write it


def rows() -> list[tuple[str, ...]]:
    """All rows in the order of time."""
    written: list[tuple[str, ...]] = []
    sold: dict[int, tuple[tuple[str, str, int, Decimal], str, str]] = {}
    for number in range(DOCUMENTS):
        moment = OPENING + timedelta(days=number * 6 // 5, minutes=(number * 47) % 480)
        customer, country = CUSTOMERS[(number * 13) % len(CUSTOMERS)]
        if number % 25 == 9:
            customer, country = "", "United Kingdom"  # sold over the counter
        if number % 20 == 19:
            # Goods of an earlier document come back: half of its first line that was paid for.
            (code, name, quantity, price), customer, country = sold[number - 12]
            written += _written(
                f"C{700000 + number}", moment, customer, country, [(code, name, -max(1, quantity // 2), price)]
            )
            continue
        lines = _lines(number)
        sold[number] = (next((line for line in lines if line[3]), lines[0]), customer, country)
        written += _written(str(700000 + number), moment, customer, country, lines)
    return written


def _lines(number: int) -> list[tuple[str, str, int, Decimal]]:
    if number % 90 == 44:
        return [("BANK CHARGES", "Bank charges", 1, Decimal("15.00"))]
    if number % 60 == 31:
        code, name, _ = ITEMS[number % len(ITEMS)]
        return [(code, name, 10, Decimal(0))]  # a sample given away: a document that comes to nothing
    lines = []
    for place in range(2 + (number * 7) % 8):
        code, name, price = ITEMS[(number * 11 + place * 17) % len(ITEMS)]
        if (number + place) % 40 == 7:
            code = code.lower()  # typed by hand
        quantity = 1 + (number * 5 + place * 3) % 24
        lines.append(
            (code, name + " " * (place % 9 == 8), quantity, Decimal(0) if (number + place) % 97 == 50 else price)
        )
    if number % 12 == 5:
        lines.append(("POST", "POSTAGE", 1, Decimal("9.50")))
    if number % 50 == 23:
        lines.append(("M", "Manual", 1, Decimal("24.75")))
    return lines


def _written(
    key: str, moment: datetime, customer: str, country: str, lines: list[tuple[str, str, int, Decimal]]
) -> list[tuple[str, ...]]:
    when = moment.strftime("%Y-%m-%d %H:%M:%S")
    return [
        (key, code, name, str(quantity), when, str(price), customer, country) for code, name, quantity, price in lines
    ]


def totals(table: list[tuple[str, ...]]) -> dict[str, object]:
    """What the rows add up to, counted from the rows alone."""
    credit = [row for row in table if row[0].startswith("C")]
    sales = [row for row in table if not row[0].startswith("C")]
    return {
        "lines": len(table),
        "documents": len({row[0] for row in table}),
        "invoices": len({row[0] for row in sales}),
        "credit_notes": len({row[0] for row in credit}),
        "customers": len({row[6] for row in table if row[6]}),
        "documents_without_customer": len({row[0] for row in table if not row[6]}),
        "items": len({row[1].upper() for row in table}),
        "currency": "GBP",
        "invoice_total": str(sum((int(row[3]) * Decimal(row[5]) for row in sales), Decimal(0))),
        "credit_note_total": str(-sum((int(row[3]) * Decimal(row[5]) for row in credit), Decimal(0))),
    }


def main() -> None:
    """Write the table and its totals."""
    table = rows()
    with (HERE / "online_retail_demo.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(table)
    stated = json.dumps(totals(table), indent=2) + "\n"
    (HERE / "online_retail_demo.json").write_text(stated, encoding="utf-8")


if __name__ == "__main__":
    main()
