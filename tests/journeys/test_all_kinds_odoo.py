"""The shipped templates between QuickBooks and Odoo: every kind that both have, to the cent, one way and both ways."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from integrations.connections.models import Connection, VendorApp
from integrations.connections.services import save_connection
from integrations.connections.services import test as try_out
from integrations.connectors.odoo.simulator import Odoo
from integrations.connectors.quickbooks_online.simulator import QuickBooksOnline
from integrations.mapping.models import Template, ValueTable
from tenants.models import Tenant
from tests.journeys.conftest import SANDBOX, ledger, moved
from tests.journeys.ledgers import Company, Move, enter, posting, proven, settling
from tests.mount import mounted

pytestmark = pytest.mark.django_db(transaction=True)

LISTS = ("accounts", "customers", "vendors", "items")


@pytest.fixture
def odoo(quickbooks: QuickBooksOnline) -> Iterator[Odoo]:
    """A freshly made server beside QuickBooks: dollars, the generic chart."""
    simulator = Odoo(limits=0)
    with mounted(simulator, f"{SANDBOX}/odoo"):
        yield simulator


@pytest.fixture
def there(tenant: Tenant, odoo: Odoo) -> Connection:
    """A connection to the server."""
    connection = Connection(
        name="Odoo",
        connector="odoo",
        environment="simulator",
        settings={"url": SANDBOX, "database": "books", "login": "admin", "settle_seconds": 0},
    )
    save_connection(connection, secrets={"api_key": odoo.api_key()}, by=None)
    try_out(connection, by=None)
    return connection


@pytest.fixture
def here(tenant: Tenant, quickbooks: QuickBooksOnline) -> Company:
    """The American company, whose dollars Odoo keeps its books in too."""
    VendorApp.objects.create(
        connector="quickbooks_online", environment="simulator", client_id="client", client_secret="sandbox"
    )
    return ledger(quickbooks, "QuickBooks", next(iter(quickbooks.companies)))


@pytest.fixture
def move(here: Company, there: Connection, odoo: Odoo) -> Move:
    """The template set up, its value tables filled in: what is called otherwise, and taxes by the rate they have."""
    flows = moved(template("quickbooks_online_to_odoo"), here.connection, there)
    income, expense, bank = (id_of(odoo, "account.account", code=code) for code in ("400000", "600000", "101401"))
    enter("accounts_in_odoo", **{"Sales": income, "Services": income, "Office Expenses": expense, "Checking": bank})
    enter("sales_taxes_in_odoo", NON="", TAX=tax(odoo, "sale", "8"))
    enter("purchase_taxes_in_odoo", NON="")
    return flows


@transaction.atomic
def template(slug: str) -> Template:
    return Template.objects.get(slug=slug)


def id_of(odoo: Odoo, model: str, **fields: str) -> str:
    (found,) = odoo.documents(model, [[name, "=", value] for name, value in fields.items()], ["id"])
    return str(found["id"])


def tax(odoo: Odoo, use: str, percent: str) -> str:
    """A tax of that rate."""
    usual = odoo.documents("account.tax", [["type_tax_use", "=", use]], ["id"])[0]["id"]
    made = odoo.by_hand("account.tax", "copy", usual, {"name": f"{percent} %", "amount": Decimal(percent)})
    return str(made)


def moves(odoo: Odoo, move_type: str) -> dict[str, Any]:
    """Reference -> document, of a type."""
    return {each["ref"]: each for each in odoo.documents("account.move", [["move_type", "=", move_type]])}


def test_documents_of_every_kind_that_both_have_tie_out_to_the_cent(here: Company, move: Move, odoo: Odoo) -> None:
    alder, birch = here.customer("Alder & Sons"), here.supplier("Birch Paper")
    owed = here.invoice("1001", "100.10", alder, Line=[here.sold("40.05", quantity=5), here.sold("60.05")])
    here.hand("CreditMemo", DocNumber="C-1", CustomerRef=alder, TxnDate="2026-09-15", Line=[here.sold("9.99")])
    here.hand(
        "Estimate", DocNumber="E-1", CustomerRef=alder, TxnDate="2026-09-01", TxnStatus="Accepted", Line=[here.sold("70")]
    )  # fmt: skip
    here.hand("Estimate", DocNumber="E-2", CustomerRef=alder, TxnDate="2026-09-02", Line=[here.sold("80")])
    bill = here.bill("F-1", "33", birch, Line=[here.bought("33")])
    garden = {"value": here.hand("Class", Name="Garden")["Id"]}
    here.hand(
        "JournalEntry", DocNumber="J-1", TxnDate="2026-09-30",
        Line=[posting("5.55", "Debit", here.account("Office Expenses"), ClassRef=garden), posting("5.55", "Credit", here.account("Checking"))],
    )  # fmt: skip
    here.hand(
        "Payment", CustomerRef=alder, TotalAmt=Decimal("100.10"), TxnDate="2026-09-20", PaymentRefNum="W-77",
        Line=[settling("100.10", "Invoice", owed["Id"])],
    )  # fmt: skip
    here.hand(
        "BillPayment", VendorRef=birch, TotalAmt=33, TxnDate="2026-09-21", PayType="Check", DocNumber="131",
        CheckPayment={"BankAccountRef": here.account("Checking")}, Line=[settling("33", "Bill", bill["Id"])],
    )  # fmt: skip

    move.green(*LISTS, "classes")
    runs = move.run(
        "sales_orders", "invoices", "credit_notes", "bills", "journal_entries", "payments", "bill_payments"
    )  # fmt: skip

    assert {name: proven(run) for name, run in runs.items()} == {
        "sales_orders": {"USD": Decimal(70)},
        "invoices": {"USD": Decimal("100.10")},
        "credit_notes": {"USD": Decimal("9.99")},
        "bills": {"USD": Decimal(33)},
        "journal_entries": {"USD": Decimal("5.55")},
        "payments": {"USD": Decimal("100.10")},
        "bill_payments": {"USD": Decimal(33)},
    }
    assert moves(odoo, "out_invoice")["1001"]["amount_residual"] == 0
    assert moves(odoo, "in_invoice")["F-1"]["amount_residual"] == 0
    (analytic,) = odoo.documents("account.analytic.account", [["name", "=", "Garden"]], ["id"])
    (debited,) = odoo.documents("account.move.line", [["move_id.ref", "=", "J-1"], ["debit", ">", 0]])
    assert debited["analytic_distribution"] == {str(analytic["id"]): 100}


def test_tax_that_odoo_rounds_by_the_line_is_held_with_both_figures_and_posted_by_nobody(
    here: Company, move: Move, odoo: Odoo
) -> None:
    alder = here.customer("Alder & Sons", BillAddr={"CountrySubDivisionCode": "CA"})
    here.invoice("1001", "9.99", alder, Line=[here.sold("3.33", tax="TAX") for _ in range(3)])

    run = move.run(*LISTS, "invoices")["invoices"]

    assert run.colour == "amber"
    (issue,) = move.issues("invoices")
    told = f"{issue.words} {issue.explanation} {issue.advice}"
    assert "10.79" in told
    assert "10.8 " in told
    assert moves(odoo, "out_invoice")["1001"]["state"] == "draft"


def test_a_tax_that_nobody_named_holds_the_invoice_and_is_never_invented(here: Company, move: Move, odoo: Odoo) -> None:
    with transaction.atomic():
        ValueTable.objects.filter(name="sales_taxes_in_odoo").update(entries={})
    before = len(odoo.documents("account.tax"))
    here.invoice("1001", "10", here.customer("Alder & Sons"))

    run = move.run(*LISTS, "invoices")["invoices"]

    assert (run.colour, moves(odoo, "out_invoice")) == ("amber", {})
    (issue,) = move.issues("invoices")
    assert "the value table 'sales_taxes_in_odoo' has no entry for 'NON'" in issue.words
    assert len(odoo.documents("account.tax")) == before

    enter("sales_taxes_in_odoo", NON="")
    move.green("invoices")
    assert moves(odoo, "out_invoice")["1001"]["state"] == "posted"


def stocked(here: Company, amount: str, quantity: int, **more: Any) -> dict[str, Any]:
    """A line of a purchase, of an item."""
    kind = "ItemBasedExpenseLineDetail"
    inner = {"ItemRef": here.item("Paper"), "Qty": quantity, "UnitPrice": Decimal(amount) / quantity}
    return {"Amount": Decimal(amount), "DetailType": kind, kind: inner, **more}


def test_a_bill_bills_the_lines_of_its_order_and_a_class_is_an_analytic_account(
    here: Company, move: Move, odoo: Odoo
) -> None:
    garden = {"value": here.hand("Class", Name="Garden")["Id"]}
    here.hand(
        "Item", Name="Paper", Type="NonInventory", IncomeAccountRef=here.account("Sales"),
        ExpenseAccountRef=here.account("Office Expenses"),
    )  # fmt: skip
    birch = here.supplier("Birch Paper")
    order = here.hand(
        "PurchaseOrder", DocNumber="PO-7", VendorRef=birch, TxnDate="2026-09-03",
        Line=[stocked(here, "30", 3), stocked(here, "8", 2)],
    )  # fmt: skip
    second = {"TxnId": order["Id"], "TxnType": "PurchaseOrder", "TxnLineId": order["Line"][1]["Id"]}
    line = stocked(here, "8", 2, LinkedTxn=[second])
    line["ItemBasedExpenseLineDetail"]["ClassRef"] = garden
    here.bill("F-1", "8", birch, Line=[line])

    move.green("accounts", "classes", "vendors", "items", "purchase_orders")
    run = move.run("bills")["bills"]

    assert proven(run) == {"USD": Decimal(8)}
    (made,) = odoo.documents("purchase.order")
    lines = {
        each["product_qty"]: each for each in odoo.documents("purchase.order.line", [["order_id", "=", made["id"]]])
    }
    assert (lines[3]["qty_invoiced"], lines[2]["qty_invoiced"]) == (0, 2)
    (analytic,) = odoo.documents("account.analytic.account", [["name", "=", "Garden"]], ["id"])
    bill = moves(odoo, "in_invoice")["F-1"]
    (billed,) = odoo.documents("account.move.line", [["move_id", "=", bill["id"]], ["display_type", "=", "product"]])
    assert billed["analytic_distribution"] == {str(analytic["id"]): 100}


def test_one_payment_for_three_invoices_of_which_one_in_part_arrives_to_the_cent(
    here: Company, move: Move, odoo: Odoo
) -> None:
    alder = here.customer("Alder & Sons")
    owed = {n: here.invoice(n, a, alder)["Id"] for n, a in {"1": "120.01", "2": "79.99", "3": "100"}.items()}
    parts = {"1": "120.01", "2": "79.99", "3": "50.33"}
    here.hand(
        "Payment", CustomerRef=alder, TotalAmt=Decimal("250.33"), TxnDate="2026-09-20",
        Line=[settling(amount, "Invoice", owed[number]) for number, amount in parts.items()],
    )  # fmt: skip

    assert move.run(*LISTS, "payments")["payments"].colour == "amber"
    runs = move.run("invoices", "payments")

    assert proven(runs["payments"]) == {"USD": Decimal("250.33")}
    left = {number: each["amount_residual"] for number, each in moves(odoo, "out_invoice").items()}
    assert left == {"1": 0, "2": 0, "3": Decimal("49.67")}


@pytest.fixture
def back(here: Company, there: Connection, odoo: Odoo, move: Move) -> Move:
    """The template the other way."""
    answers = {"income_account": here.account("Sales")["value"], "bank_account": here.account("Checking")["value"]}
    untaxed = {"other_item": here.item()["value"], "untaxed": here.tax()["value"]}
    flows = moved(template("odoo_to_quickbooks_online"), there, here.connection, **answers, **untaxed)
    enter("accounts_in_quickbooks", **{"400000 Product Sales": here.account("Sales")["value"]})
    return flows


def test_both_ways_nothing_comes_back_and_edits_of_both_sides_meet(
    here: Company, move: Move, back: Move, odoo: Odoo
) -> None:
    alder = here.customer("Alder & Sons", Notes="From the fair")
    here.invoice("1001", "60", alder)
    here.hand(
        "Estimate", DocNumber="E-1", CustomerRef=alder, TxnDate="2026-09-01", TxnStatus="Accepted", Line=[here.sold("70")]
    )  # fmt: skip
    move.green(*LISTS, "sales_orders", "invoices")
    elm = odoo.by_hand("res.partner", "create", {"name": "Elm Ltd", "customer_rank": 1})
    partner = int(id_of(odoo, "res.partner", name="Alder & Sons"))
    odoo.change("res.partner", partner, {"phone": "555 0100"})
    here.change("Customer", alder["value"], PrimaryEmailAddr={"Address": "office@example.com"})

    for _ in range(2):
        back.green("accounts", "customers", "items", "quotes", "invoices")
        move.green("customers", "items", "sales_orders", "invoices")

    assert sorted(each["DisplayName"] for each in here.all("Customer")) == ["Alder & Sons", "Elm Ltd"]
    assert here.one("Customer", Id=alder["value"])["PrimaryPhone"] == {"FreeFormNumber": "555 0100"}
    (met,) = odoo.documents("res.partner", [["id", "=", partner]], ["email", "phone"])
    assert (met["email"], met["phone"]) == ("office@example.com", "555 0100")
    assert ([each["DocNumber"] for each in here.all("Estimate")], len(odoo.documents("sale.order"))) == (["E-1"], 1)
    assert ([each["DocNumber"] for each in here.all("Invoice")], len(moves(odoo, "out_invoice"))) == (["1001"], 1)
    assert elm


def test_an_order_of_odoo_is_an_estimate_and_the_invoice_made_from_it_one_invoice(
    here: Company, back: Move, odoo: Odoo
) -> None:
    partner = odoo.by_hand("res.partner", "create", {"name": "Elm Ltd", "customer_rank": 1})
    hedge = odoo.by_hand("product.product", "create", {"name": "Hedge trimming", "detailed_type": "service"})
    line = {"product_id": hedge, "name": "Hedge", "product_uom_qty": 2, "price_unit": 40, "tax_id": [[6, 0, []]]}
    head = {"partner_id": partner, "date_order": "2026-09-14 12:00:00"}
    order = odoo.by_hand("sale.order", "create", {**head, "order_line": [[0, 0, line]]})
    odoo.by_hand("sale.order", "action_confirm", [order])

    back.green("accounts", "customers", "items", "quotes", "invoices")

    assert [(each["TxnStatus"], each["TotalAmt"]) for each in here.all("Estimate")] == [("Accepted", 80)]
    assert here.all("Invoice") == []

    wizard = odoo.by_hand(
        "sale.advance.payment.inv",
        "create",
        {"advance_payment_method": "delivered", "sale_order_ids": [[6, 0, [order]]]},
    )
    odoo.by_hand("sale.advance.payment.inv", "create_invoices", [wizard])
    (made,) = odoo.documents("account.move", [["move_type", "=", "out_invoice"]], ["id"])
    odoo.by_hand("account.move", "action_post", [made["id"]])
    for _ in range(2):
        back.green("quotes", "invoices")

    assert [each["TxnStatus"] for each in here.all("Estimate")] == ["Closed"]
    assert [each["TotalAmt"] for each in here.all("Invoice")] == [80]
