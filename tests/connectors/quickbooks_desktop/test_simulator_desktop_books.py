"""The simulated QuickBooks Desktop as its user knows it: lists, documents, what they post and what they refuse."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from integrations.connectors.quickbooks_desktop.simulator import QuickBooksDesktop
from tests.connectors.quickbooks_desktop.simulated import Books, code, line, plain


@pytest.fixture
def books() -> Books:
    """A company in pounds with a customer and something to sell."""
    found = Books(QuickBooksDesktop(currency="GBP"))
    found.customer()
    found.item()
    return found


def payment(invoice: str, amount: str, *, total: str = "", customer: str = "Okafor Garden", more: str = "") -> str:
    return (
        f"<ReceivePaymentAddRq><ReceivePaymentAdd><CustomerRef><FullName>{customer}</FullName></CustomerRef>"
        f"<TotalAmount>{total or amount}</TotalAmount><AppliedToTxnAdd><TxnID>{invoice}</TxnID>"
        f"<PaymentAmount>{amount}</PaymentAmount>{more}</AppliedToTxnAdd></ReceivePaymentAdd></ReceivePaymentAddRq>"
    )


def only(books: Books, kind: str, id: str) -> dict[str, object]:
    (found,) = books.rets(f"<{kind}QueryRq><TxnID>{id}</TxnID></{kind}QueryRq>")
    return found


# lists


def test_a_name_is_taken_across_customers_vendors_and_others(books: Books) -> None:
    assert books.status("<VendorAddRq><VendorAdd><Name>OKAFOR garden</Name></VendorAdd></VendorAddRq>") == 3100
    assert (
        books.status("<OtherNameAddRq><OtherNameAdd><Name>Okafor Garden</Name></OtherNameAdd></OtherNameAddRq>") == 3100
    )


def test_an_inactive_element_still_blocks_its_name_and_hides_from_queries(books: Books) -> None:
    (customer,) = books.rets("<CustomerQueryRq/>")
    books.ret(
        f"<CustomerModRq><CustomerMod><ListID>{customer['ListID']}</ListID><EditSequence>{customer['EditSequence']}"
        "</EditSequence><IsActive>false</IsActive></CustomerMod></CustomerModRq>"
    )
    assert books.status("<CustomerQueryRq/>") == 1
    assert len(books.rets("<CustomerQueryRq><ActiveStatus>All</ActiveStatus></CustomerQueryRq>")) == 1
    assert books.status("<CustomerAddRq><CustomerAdd><Name>Okafor Garden</Name></CustomerAdd></CustomerAddRq>") == 3100


def test_an_old_edit_sequence_is_refused_with_the_record_as_it_is(books: Books) -> None:
    (customer,) = books.rets("<CustomerQueryRq/>")
    mod = (
        f"<CustomerModRq><CustomerMod><ListID>{customer['ListID']}</ListID><EditSequence>{customer['EditSequence']}"
        "</EditSequence><Phone>{}</Phone></CustomerMod></CustomerModRq>"
    )
    changed = books.ret(mod.format("1"))
    answer = books.ask(mod.format("2"))
    assert code(answer) == 3200
    assert plain(answer[0])["Phone"] == "1"
    assert plain(answer[0])["EditSequence"] == changed["EditSequence"] != customer["EditSequence"]


def test_a_job_stands_below_its_customer_and_follows_its_name(books: Books) -> None:
    (customer,) = books.rets("<CustomerQueryRq/>")
    job = books.customer("Pond", "<ParentRef><FullName>Okafor Garden</FullName></ParentRef>")
    assert (job["FullName"], job["Sublevel"]) == ("Okafor Garden:Pond", "1")
    books.ret(
        f"<CustomerModRq><CustomerMod><ListID>{customer['ListID']}</ListID><EditSequence>{customer['EditSequence']}"
        "</EditSequence><Name>Okafor &amp; Sons</Name></CustomerMod></CustomerModRq>"
    )
    assert (
        books.rets("<CustomerQueryRq><FullName>Okafor &amp; Sons:Pond</FullName></CustomerQueryRq>")[0]["Name"]
        == "Pond"
    )


def test_an_unknown_name_is_a_warning_and_an_unknown_id_an_error(books: Books) -> None:
    answer = books.ask(
        "<CustomerQueryRq><FullName>Okafor Garden</FullName><FullName>Bleak</FullName></CustomerQueryRq>"
    )
    assert (code(answer), answer.get("statusSeverity"), len(answer)) == (500, "Warn", 1)
    assert 'There was a required element ("Bleak") that could not be found' in str(answer.get("statusMessage"))
    answer = books.ask("<CustomerQueryRq><ListID>8000001B-1405768916</ListID></CustomerQueryRq>")
    assert (code(answer), answer.get("statusSeverity"), len(answer)) == (3120, "Error", 0)


def test_a_used_element_cannot_be_deleted_and_an_unused_one_is_remembered(books: Books) -> None:
    invoice = books.invoice(line())
    customer = invoice["CustomerRef"]["ListID"]
    spare = books.customer("Spare")
    delete = "<ListDelRq><ListDelType>Customer</ListDelType><ListID>{}</ListID></ListDelRq>"
    assert books.status(delete.format(customer)) == 3160
    assert plain(books.ask(delete.format(spare["ListID"])))["FullName"] == "Spare"
    (gone,) = books.rets("<ListDeletedQueryRq><ListDelType>Customer</ListDelType></ListDeletedQueryRq>")
    assert (gone["ListID"], gone["FullName"]) == (spare["ListID"], "Spare")
    assert books.customer("Spare")["ListID"] != spare["ListID"]


def test_a_reference_to_nothing_is_refused(books: Books) -> None:
    answer = books.ask(
        "<InvoiceAddRq><InvoiceAdd><CustomerRef><FullName>Nobody</FullName></CustomerRef></InvoiceAdd></InvoiceAddRq>"
    )
    assert code(answer) == 3140
    assert '"Nobody"' in str(answer.get("statusMessage"))


def test_text_outside_latin_1_becomes_question_marks(books: Books) -> None:
    assert books.customer("Café Ωmega €")["Name"] == "Café ?mega ?"


def test_a_sales_representative_points_at_a_vendor_or_another_name(books: Books) -> None:
    who = "<Initial>{}</Initial><SalesRepEntityRef><FullName>{}</FullName></SalesRepEntityRef>"
    add = f"<SalesRepAddRq><SalesRepAdd>{who}</SalesRepAdd></SalesRepAddRq>"
    books.vendor()
    assert books.status(add.format("PS", "Okafor Garden")) == 3140
    assert books.ret(add.format("PS", "Pine Supplies"))["Initial"] == "PS"
    assert books.status(add.format("ps", "Robin Reed")) == 3180


def test_an_item_needs_its_accounts(books: Books) -> None:
    inside = "<Name>Pump</Name><IncomeAccountRef><FullName>Sales</FullName></IncomeAccountRef>"
    assert (
        books.status(f"<ItemInventoryAddRq><ItemInventoryAdd>{inside}</ItemInventoryAdd></ItemInventoryAddRq>") == 3150
    )


# sales


def test_an_invoice_is_added_up_taxed_and_posted(books: Books) -> None:
    invoice = books.invoice(
        line(quantity="3", rate="3.335", tax="Tax"),
        line(tax="Non"),
        "<InvoiceLineAdd><Desc>Thanks</Desc></InvoiceLineAdd>",
    )

    assert [each.get("Amount") for each in invoice["InvoiceLineRet"]] == ["10.01", "20.00", None]
    assert (invoice["Subtotal"], invoice["SalesTaxTotal"], invoice["BalanceRemaining"]) == ("30.01", "0.83", "30.84")
    assert invoice["IsPaid"] == "false"
    trial = books.program.trial()
    assert trial["sum"] == 0
    assert trial["accounts"] == {
        "Sales": Decimal("-30.01"), "Sales Tax Payable": Decimal("-0.83"), "Accounts Receivable": Decimal("30.84"),
    }  # fmt: skip
    (customer,) = books.rets("<CustomerQueryRq/>")
    assert customer["Balance"] == "30.84"


def test_who_pays_no_tax_is_not_taxed(books: Books) -> None:
    books.customer("Town Hall", "<SalesTaxCodeRef><FullName>Non</FullName></SalesTaxCodeRef>")
    invoice = books.invoice(line(tax="Tax"), customer="Town Hall")
    assert invoice["SalesTaxTotal"] == "0.00"


def test_what_the_customer_and_the_item_know_is_taken(books: Books) -> None:
    books.customer("Terms", "<TermsRef><FullName>Net 30</FullName></TermsRef>")
    bare = "<InvoiceLineAdd><ItemRef><FullName>Lantern</FullName></ItemRef><Quantity>4</Quantity></InvoiceLineAdd>"
    invoice = books.invoice(bare, head="<TxnDate>2026-01-31</TxnDate>", customer="Terms")
    assert (invoice["DueDate"], invoice["Subtotal"]) == ("2026-03-02", "40.00")


def test_an_amount_that_contradicts_its_price_is_refused(books: Books) -> None:
    head = "<CustomerRef><FullName>Okafor Garden</FullName></CustomerRef>"
    figures = "<Quantity>2</Quantity><Rate>3.00</Rate><Amount>7.00</Amount>"
    wrong = f"<InvoiceLineAdd><ItemRef><FullName>Lantern</FullName></ItemRef>{figures}</InvoiceLineAdd>"
    assert books.status(f"<InvoiceAddRq><InvoiceAdd>{head}{wrong}</InvoiceAdd></InvoiceAddRq>") == 3210


def test_an_invoice_of_less_than_nothing_is_refused(books: Books) -> None:
    inside = f"<CustomerRef><FullName>Okafor Garden</FullName></CustomerRef>{line(quantity='-1')}"
    assert books.status(f"<InvoiceAddRq><InvoiceAdd>{inside}</InvoiceAdd></InvoiceAddRq>") == 3210


def test_a_discount_takes_a_part_of_the_line_above(books: Books) -> None:
    books.ret(
        "<ItemDiscountAddRq><ItemDiscountAdd><Name>Ten</Name><DiscountRatePercent>10</DiscountRatePercent>"
        "<AccountRef><FullName>Discounts Given</FullName></AccountRef></ItemDiscountAdd></ItemDiscountAddRq>"
    )
    invoice = books.invoice(line(), "<InvoiceLineAdd><ItemRef><FullName>Ten</FullName></ItemRef></InvoiceLineAdd>")
    assert (invoice["InvoiceLineRet"][1]["Amount"], invoice["Subtotal"]) == ("-2.00", "18.00")


def test_lines_that_a_change_does_not_list_are_gone_and_minus_one_is_new(books: Books) -> None:
    invoice = books.invoice(line(), line(quantity="5"))
    kept = invoice["InvoiceLineRet"][1]["TxnLineID"]
    changed = books.ret(
        f"<InvoiceModRq><InvoiceMod><TxnID>{invoice['TxnID']}</TxnID><EditSequence>{invoice['EditSequence']}</EditSequence>"
        f"<InvoiceLineMod><TxnLineID>{kept}</TxnLineID></InvoiceLineMod><InvoiceLineMod><TxnLineID>-1</TxnLineID>"
        "<ItemRef><FullName>Lantern</FullName></ItemRef><Amount>5.00</Amount></InvoiceLineMod></InvoiceMod></InvoiceModRq>"
    )
    assert [each["Amount"] for each in changed["InvoiceLineRet"]] == ["50.00", "5.00"]
    assert changed["InvoiceLineRet"][0]["TxnLineID"] == kept
    assert changed["Subtotal"] == "55.00"


def test_a_change_of_the_head_leaves_the_lines_alone(books: Books) -> None:
    invoice = books.invoice(line())
    changed = books.ret(
        f"<InvoiceModRq><InvoiceMod><TxnID>{invoice['TxnID']}</TxnID><EditSequence>{invoice['EditSequence']}</EditSequence>"
        "<Memo>corrected</Memo></InvoiceMod></InvoiceModRq>"
    )
    assert changed["InvoiceLineRet"] == invoice["InvoiceLineRet"]
    assert changed["Memo"] == "corrected"


def test_a_pending_invoice_posts_nothing(books: Books) -> None:
    books.invoice(line(), head="<IsPending>true</IsPending>")
    assert books.program.trial()["accounts"] == {}


def test_an_invoice_made_from_an_order_takes_its_lines_and_closes_it(books: Books) -> None:
    order = books.invoice(line(kind="SalesOrder", quantity="3"), kind="SalesOrder")
    assert (order["TotalAmount"], order["IsFullyInvoiced"]) == ("30.00", "false")
    invoice = books.invoice(head=f"<LinkToTxnID>{order['TxnID']}</LinkToTxnID>")
    assert invoice["Subtotal"] == "30.00"
    order = only(books, "SalesOrder", order["TxnID"])
    assert order["IsFullyInvoiced"] == "true"
    (again,) = books.rets(
        f"<InvoiceQueryRq><TxnID>{invoice['TxnID']}</TxnID><IncludeLinkedTxns>1</IncludeLinkedTxns></InvoiceQueryRq>"
    )
    assert again["LinkedTxn"][0]["TxnType"] == "SalesOrder"


def test_an_edition_without_sales_orders_says_so(books: Books) -> None:
    books.program.set_preferences(edition="Pro")
    assert books.status("<SalesOrderQueryRq/>") == 3250


# payments


def test_a_payment_settles_an_invoice_to_the_cent(books: Books) -> None:
    invoice = books.invoice(line())
    first = books.ret(payment(invoice["TxnID"], "12.50"))
    assert first["AppliedToTxnRet"][0]["BalanceRemaining"] == "7.50"
    found = only(books, "Invoice", invoice["TxnID"])
    assert (found["AppliedAmount"], found["BalanceRemaining"], found["IsPaid"]) == ("-12.50", "7.50", "false")
    assert books.status(payment(invoice["TxnID"], "7.51")) == 3210
    books.ret(payment(invoice["TxnID"], "7.50", total="10.00"))
    assert only(books, "Invoice", invoice["TxnID"])["IsPaid"] == "true"
    assert books.rets("<ReceivePaymentQueryRq/>")[1]["UnusedPayment"] == "2.50"
    assert books.program.trial()["accounts"]["Accounts Receivable"] == Decimal("-2.50")


def test_more_cannot_be_applied_than_was_paid(books: Books) -> None:
    invoice = books.invoice(line())
    assert books.status(payment(invoice["TxnID"], "20.00", total="19.00")) == 3210
    assert books.status("<ReceivePaymentQueryRq/>") == 1


def test_a_payment_of_somebody_else_settles_nothing(books: Books) -> None:
    invoice = books.invoice(line())
    books.customer("Other")
    assert books.status(payment(invoice["TxnID"], "1.00", customer="Other")) == 3210


def test_a_payment_that_applies_itself_takes_the_oldest_first(books: Books) -> None:
    new = books.invoice(line(), head="<TxnDate>2026-03-01</TxnDate>")
    old = books.invoice(line(), head="<TxnDate>2026-02-01</TxnDate>")
    made = books.ret(
        "<ReceivePaymentAddRq><ReceivePaymentAdd><CustomerRef><FullName>Okafor Garden</FullName></CustomerRef>"
        "<TotalAmount>25.00</TotalAmount><IsAutoApply>true</IsAutoApply></ReceivePaymentAdd></ReceivePaymentAddRq>"
    )
    assert [(each["TxnID"], each["Amount"]) for each in made["AppliedToTxnRet"]] == [
        (old["TxnID"], "20.00"),
        (new["TxnID"], "5.00"),
    ]


def test_a_deleted_payment_opens_its_invoice_again(books: Books) -> None:
    invoice = books.invoice(line())
    made = books.ret(payment(invoice["TxnID"], "20.00"))
    books.ask(f"<TxnDelRq><TxnDelType>ReceivePayment</TxnDelType><TxnID>{made['TxnID']}</TxnID></TxnDelRq>")
    assert only(books, "Invoice", invoice["TxnID"])["BalanceRemaining"] == "20.00"
    (gone,) = books.rets("<TxnDeletedQueryRq><TxnDelType>ReceivePayment</TxnDelType></TxnDeletedQueryRq>")
    assert gone["TxnID"] == made["TxnID"]


def test_a_credit_memo_settles_an_invoice(books: Books) -> None:
    invoice = books.invoice(line())
    credit = books.invoice(line(kind="CreditMemo", quantity="1"), kind="CreditMemo")
    assert (credit["TotalAmount"], credit["CreditRemaining"]) == ("10.00", "10.00")
    credits = f"<SetCredit><CreditTxnID>{credit['TxnID']}</CreditTxnID><AppliedAmount>{{}}</AppliedAmount></SetCredit>"
    assert books.status(payment(invoice["TxnID"], "5.00", more=credits.format("10.01"))) == 3210
    books.ret(payment(invoice["TxnID"], "5.00", more=credits.format("10.00")))
    assert only(books, "Invoice", invoice["TxnID"])["BalanceRemaining"] == "5.00"
    assert only(books, "CreditMemo", credit["TxnID"])["CreditRemaining"] == "0.00"


def test_a_voided_invoice_stays_with_zeros_and_a_note(books: Books) -> None:
    invoice = books.invoice(line(), head="<Memo>first</Memo>")
    books.ask(f"<TxnVoidRq><TxnVoidType>Invoice</TxnVoidType><TxnID>{invoice['TxnID']}</TxnID></TxnVoidRq>")
    found = only(books, "Invoice", invoice["TxnID"])
    assert (found["Subtotal"], found["BalanceRemaining"], found["Memo"]) == ("0.00", "0.00", "VOID: first")
    assert books.program.trial()["accounts"] == {}


# purchases


def bill(books: Books, *, head: str = "") -> dict[str, object]:
    books.vendor()
    expense = (
        "<ExpenseLineAdd><AccountRef><FullName>Rent</FullName></AccountRef><Amount>100.00</Amount></ExpenseLineAdd>"
    )
    item = "<ItemLineAdd><ItemRef><FullName>Lantern</FullName></ItemRef><Quantity>2</Quantity><Cost>4.00</Cost></ItemLineAdd>"
    return books.ret(
        f"<BillAddRq><BillAdd><VendorRef><FullName>Pine Supplies</FullName></VendorRef>{head}{expense}{item}</BillAdd></BillAddRq>"
    )


def test_a_bill_is_posted_and_paid(books: Books) -> None:
    made = bill(books)
    assert (made["AmountDue"], made["IsPaid"]) == ("108.00", "false")
    pay = (
        "<BillPaymentCheckAddRq><BillPaymentCheckAdd><PayeeEntityRef><FullName>Pine Supplies</FullName></PayeeEntityRef>"
        "<BankAccountRef><FullName>Checking</FullName></BankAccountRef><RefNumber>101</RefNumber><AppliedToTxnAdd>"
        f"<TxnID>{made['TxnID']}</TxnID><PaymentAmount>{{}}</PaymentAmount></AppliedToTxnAdd></BillPaymentCheckAdd></BillPaymentCheckAddRq>"
    )
    assert books.status(pay.format("108.01")) == 3210
    assert books.ret(pay.format("108.00"))["Amount"] == "108.00"
    assert only(books, "Bill", str(made["TxnID"]))["IsPaid"] == "true"
    accounts = books.program.trial()["accounts"]
    assert (accounts["Checking"], accounts["Accounts Payable"]) == (Decimal("-108.00"), Decimal())


def test_a_bill_made_from_a_purchase_order_receives_it(books: Books) -> None:
    books.vendor()
    order = books.ret(
        "<PurchaseOrderAddRq><PurchaseOrderAdd><VendorRef><FullName>Pine Supplies</FullName></VendorRef>"
        "<PurchaseOrderLineAdd><ItemRef><FullName>Lantern</FullName></ItemRef><Quantity>5</Quantity><Rate>4.00</Rate>"
        "</PurchaseOrderLineAdd></PurchaseOrderAdd></PurchaseOrderAddRq>"
    )
    made = books.ret(
        "<BillAddRq><BillAdd><VendorRef><FullName>Pine Supplies</FullName></VendorRef>"
        f"<LinkToTxnID>{order['TxnID']}</LinkToTxnID></BillAdd></BillAddRq>"
    )
    assert made["AmountDue"] == "20.00"
    assert only(books, "PurchaseOrder", order["TxnID"])["IsFullyReceived"] == "true"


def test_goods_come_in_with_a_bill_and_go_out_at_cost_with_an_invoice(books: Books) -> None:
    accounts = {"Income": "Sales", "COGS": "Cost of Goods Sold", "Asset": "Inventory Asset"}
    refs = {
        role: f"<{role}AccountRef><FullName>{name}</FullName></{role}AccountRef>" for role, name in accounts.items()
    }
    inside = f"<Name>Pump</Name>{refs['Income']}<PurchaseCost>4.00</PurchaseCost>{refs['COGS']}{refs['Asset']}"
    books.ret(f"<ItemInventoryAddRq><ItemInventoryAdd>{inside}</ItemInventoryAdd></ItemInventoryAddRq>")
    books.vendor()
    bought = "<ItemRef><FullName>Pump</FullName></ItemRef><Quantity>5</Quantity><Cost>4.00</Cost>"
    who = "<VendorRef><FullName>Pine Supplies</FullName></VendorRef>"
    books.ret(f"<BillAddRq><BillAdd>{who}<ItemLineAdd>{bought}</ItemLineAdd></BillAdd></BillAddRq>")
    invoice = books.invoice(line("Pump", quantity="2"))

    (pump,) = books.rets("<ItemInventoryQueryRq/>")
    assert pump["QuantityOnHand"] == "3"
    posted = books.program.trial()["accounts"]
    assert (posted["Inventory Asset"], posted["Cost of Goods Sold"]) == (Decimal("12.00"), Decimal("8.00"))
    books.ask(f"<TxnVoidRq><TxnVoidType>Invoice</TxnVoidType><TxnID>{invoice['TxnID']}</TxnID></TxnVoidRq>")
    assert books.rets("<ItemInventoryQueryRq/>")[0]["QuantityOnHand"] == "5"


# entries


def entry(debit: str, credit: str, account: str = "Rent", entity: str = "") -> str:
    who = f"<EntityRef><FullName>{entity}</FullName></EntityRef>" if entity else ""
    return (
        "<JournalEntryAddRq><JournalEntryAdd>"
        f"<JournalDebitLine><AccountRef><FullName>{account}</FullName></AccountRef><Amount>{debit}</Amount>{who}</JournalDebitLine>"
        f"<JournalCreditLine><AccountRef><FullName>Checking</FullName></AccountRef><Amount>{credit}</Amount></JournalCreditLine>"
        "</JournalEntryAdd></JournalEntryAddRq>"
    )


def test_a_journal_entry_must_balance_and_keeps_its_sides(books: Books) -> None:
    assert books.status(entry("10.00", "9.99")) == 3210
    made = books.ret(entry("10.00", "10.00"))
    assert made["JournalDebitLine"][0]["Amount"] == made["JournalCreditLine"][0]["Amount"] == "10.00"
    assert books.program.trial()["accounts"] == {"Rent": Decimal("10.00"), "Checking": Decimal("-10.00")}
    debit, credit = made["JournalDebitLine"][0]["TxnLineID"], made["JournalCreditLine"][0]["TxnLineID"]
    changed = books.ret(
        f"<JournalEntryModRq><JournalEntryMod><TxnID>{made['TxnID']}</TxnID><EditSequence>{made['EditSequence']}</EditSequence>"
        f"<JournalLineMod><TxnLineID>{credit}</TxnLineID><Amount>11.00</Amount></JournalLineMod>"
        f"<JournalLineMod><TxnLineID>{debit}</TxnLineID><Amount>11.00</Amount></JournalLineMod></JournalEntryMod></JournalEntryModRq>"
    )
    assert changed["JournalDebitLine"][0]["Amount"] == "11.00"


def test_a_line_on_receivables_says_whose(books: Books) -> None:
    assert books.status(entry("10.00", "10.00", "Accounts Receivable")) == 3150
    books.ret(entry("10.00", "10.00", "Accounts Receivable", "Okafor Garden"))
    assert books.rets("<CustomerQueryRq/>")[0]["Balance"] == "10.00"


# the company


def test_nothing_is_done_in_a_closed_period(books: Books) -> None:
    old = books.invoice(line(), head="<TxnDate>2025-12-31</TxnDate>")
    books.program.set_preferences(closing_date="2025-12-31")
    inside = f"<CustomerRef><FullName>Okafor Garden</FullName></CustomerRef><TxnDate>2025-12-30</TxnDate>{line()}"
    assert books.status(f"<InvoiceAddRq><InvoiceAdd>{inside}</InvoiceAdd></InvoiceAddRq>") == 3171
    assert books.status(f"<TxnDelRq><TxnDelType>Invoice</TxnDelType><TxnID>{old['TxnID']}</TxnID></TxnDelRq>") == 3161


def test_an_invoice_is_in_the_currency_of_its_customer() -> None:
    books = Books(QuickBooksDesktop())
    books.item()
    books.customer("Harbour", "<CurrencyRef><FullName>British Pound Sterling</FullName></CurrencyRef>")
    invoice = books.invoice(line(), head="<ExchangeRate>1.25</ExchangeRate>", customer="Harbour")
    assert invoice["CurrencyRef"]["FullName"] == "British Pound Sterling"
    assert (invoice["BalanceRemaining"], invoice["BalanceRemainingInHomeCurrency"]) == ("20.00", "25.00")
    assert invoice["ARAccountRef"]["FullName"] == "Accounts Receivable - GBP"
    assert books.program.trial()["accounts"]["Sales"] == Decimal("-25.00")
    assert books.program.totals("Invoice")["sums"] == {"GBP": Decimal("20.00")}


def test_without_currencies_none_can_be_named() -> None:
    books = Books(QuickBooksDesktop(multicurrency=False))
    books.item()
    assert "CurrencyRef" not in books.customer()
    assert "CurrencyRef" not in books.invoice(line())
    inside = "<Name>Harbour</Name><CurrencyRef><FullName>Euro</FullName></CurrencyRef>"
    assert books.status(f"<CustomerAddRq><CustomerAdd>{inside}</CustomerAdd></CustomerAddRq>") == 3250
    assert books.status("<CurrencyQueryRq/>") == 3250


def test_a_field_of_ones_own_is_seen_by_its_owner_only(books: Books) -> None:
    owner = "{5F0C1F0A-6F5E-4D7A-9C4A-0F7B6C0F9D11}"
    who = f"<OwnerID>{owner}</OwnerID><DataExtName>Source</DataExtName>"
    where = "<ListDataExtType>Customer</ListDataExtType><ListObjRef><FullName>Okafor Garden</FullName></ListObjRef>"
    put = f"<DataExtAddRq><DataExtAdd>{who}{where}<DataExtValue>crm/7</DataExtValue></DataExtAdd></DataExtAddRq>"
    assert books.status(put) == 3140
    define = f"{who}<DataExtType>STR255TYPE</DataExtType><AssignToObject>Customer</AssignToObject>"
    assert books.status(f"<DataExtDefAddRq><DataExtDefAdd>{define}</DataExtDefAdd></DataExtDefAddRq>") == 0
    assert books.status(put) == 0
    assert "DataExtRet" not in books.rets("<CustomerQueryRq><OwnerID>0</OwnerID></CustomerQueryRq>")[0]
    (found,) = books.rets(f"<CustomerQueryRq><OwnerID>{owner}</OwnerID></CustomerQueryRq>")
    assert found["DataExtRet"][0]["DataExtValue"] == "crm/7"


def test_a_second_start_finds_everything_again(tmp_path: Path) -> None:
    path = str(tmp_path / "books.sqlite3")
    first = Books(QuickBooksDesktop(state=path, currency="GBP"))
    first.customer()
    first.item()
    made = first.invoice(line())
    again = Books(QuickBooksDesktop(state=path))
    assert only(again, "Invoice", made["TxnID"])["BalanceRemaining"] == "20.00"
    assert again.program.company.settings.currency == "GBP"


def test_what_changed_since_is_told_by_the_clock_of_the_pc(books: Books) -> None:
    books.program.clock.stop()
    books.program.move_clock(timedelta(hours=1))
    moment = books.customer("Late")["TimeCreated"]
    assert [
        each["Name"]
        for each in books.rets(f"<CustomerQueryRq><FromModifiedDate>{moment}</FromModifiedDate></CustomerQueryRq>")
    ] == ["Late"]
    local = moment[:19]
    assert [
        each["Name"]
        for each in books.rets(f"<CustomerQueryRq><FromModifiedDate>{local}</FromModifiedDate></CustomerQueryRq>")
    ] == ["Late"]
    assert books.status("<CustomerQueryRq><FromModifiedDate>2026-13-01</FromModifiedDate></CustomerQueryRq>") == 3030


@pytest.mark.parametrize("touches", [True, False])
def test_whether_a_payment_counts_as_a_change_of_the_invoice_can_be_chosen(books: Books, touches: bool) -> None:
    books.program.set_preferences(payments_touch_documents=touches)
    invoice = books.invoice(line())
    books.ret(payment(invoice["TxnID"], "1.00"))
    assert (only(books, "Invoice", invoice["TxnID"])["EditSequence"] != invoice["EditSequence"]) == touches


def test_transactions_of_all_kinds_are_listed_lightly(books: Books) -> None:
    invoice = books.invoice(line(), head="<RefNumber>A-1</RefNumber>")
    books.ret(payment(invoice["TxnID"], "20.00"))
    bill(books)
    kinds = [each["TxnType"] for each in books.rets("<TransactionQueryRq/>")]
    assert kinds == ["Invoice", "ReceivePayment", "Bill"]
    (found,) = books.rets("<TransactionQueryRq><RefNumber>a-1</RefNumber></TransactionQueryRq>")
    assert (found["TxnID"], found["Amount"]) == (invoice["TxnID"], "20.00")


def test_a_sale_for_cash_needs_no_customer_and_is_money_at_once(books: Books) -> None:
    inside = line(kind="SalesReceipt", tax="Tax")
    made = books.ret(f"<SalesReceiptAddRq><SalesReceiptAdd>{inside}</SalesReceiptAdd></SalesReceiptAddRq>")
    assert made["TotalAmount"] == "21.65"
    assert books.program.trial()["accounts"]["Undeposited Funds"] == Decimal("21.65")
