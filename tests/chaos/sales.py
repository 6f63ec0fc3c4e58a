"""What a company sold, in the file that it exports, and whether a vendor's own ledger holds exactly that."""

from __future__ import annotations

import random
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

from tests.chaos.tally import Tally

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"

Line = tuple[str, int, Decimal]


class Sales:
    """Documents by number, credit notes among them, written to one file."""

    def __init__(self, file: Path, chance: random.Random) -> None:
        self.file, self.chance = file, chance
        self.sold: dict[str, list[Line]] = {}

    def sell(self, round: int, documents: int) -> None:
        """So many more; every ninth is a credit note."""
        for n in range(documents):
            credit = "C" if n % 9 == 8 else ""
            self.sold[f"{credit}{round:03}{n:03}"] = [self._line() for _ in range(self.chance.randint(1, 3))]
        self.write()

    def _line(self) -> Line:
        sku, quantity = f"{20000 + self.chance.randrange(400)}", self.chance.randint(1, 9)
        return sku, quantity, Decimal(self.chance.randint(1, 999)) / 100

    def edit(self, number: str) -> None:
        """One more of the first line."""
        (sku, quantity, price), *others = self.sold[number]
        self.sold[number] = [(sku, quantity + 1, price), *others]
        self.write()

    def put_back(self, number: str, lines: list[Line]) -> None:
        """As it was before."""
        self.sold[number] = lines
        self.write()

    def write(self) -> None:
        """The file, replaced as a whole."""
        rows = [
            f"{number},{sku},ITEM {sku},{-quantity if number.startswith('C') else quantity},2011-03-0{int(number[-1]) % 9 + 1}"
            f" 10:00:00,{price},{12000 + int(number[-3:]) % 90}.0,United Kingdom"
            for number, lines in self.sold.items()
            for sku, quantity, price in lines
        ]
        draft = self.file.with_suffix(".draft")
        draft.write_text("\n".join([HEADER, *rows, ""]))
        draft.replace(self.file)

    def compare(self, booked: Iterable[tuple[str, Decimal]], made: int, tally: Tally) -> None:
        """Count what a ledger, as (number, total), holds otherwise than it was sold: each document once, to the cent.

        `made` is how many were ever made there, so that one that was made twice and removed counts, too.
        """
        totals_of: dict[str, list[Decimal]] = {}
        for number, total in booked:
            totals_of.setdefault(number, []).append(total)
        tally.documents, tally.lost, tally.doubled, tally.different = len(self.sold), 0, 0, 0
        for number, lines in self.sold.items():
            totals = totals_of.pop(number, [])
            due = sum((quantity * price for _, quantity, price in lines), Decimal(0))
            due = -due if number.startswith("C") else due
            tally.lost += not totals
            tally.doubled += len(totals) > 1
            tally.different += len(totals) == 1 and totals[0] != due
        tally.doubled = max(tally.doubled + len(totals_of), made - len(self.sold))
