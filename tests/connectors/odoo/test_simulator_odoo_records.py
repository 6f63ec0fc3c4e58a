"""The object layer of the simulated server: domains, orders, commands, faults, external ids."""

from __future__ import annotations

from datetime import timedelta

import pytest

from .asking import Caller, Fault, fresh


@pytest.fixture
def odoo(tmp_path):
    return Caller(fresh(tmp_path))


def names(odoo: Caller, domain: list, **options) -> list[str]:
    return [
        row["name"]
        for row in odoo.ask("res.partner", "search_read", [*domain, ["ref", "=like", "T%"]], ["name"], **options)
    ]


@pytest.fixture
def three(odoo):
    group = odoo.partner("Group", ref="T0")
    odoo.partner("Ada", ref="T1", email="ada@example.com", customer_rank=2, parent_id=group)
    odoo.partner("Bob_1", ref="T2", customer_rank=1)
    odoo.partner("Čapek 100%", ref="T3", active=False)
    return odoo


@pytest.mark.parametrize(
    ("domain", "found"),
    [
        ([], ["Ada", "Bob_1", "Group"]),
        ([["email", "=", False]], ["Bob_1", "Group"]),
        ([["email", "!=", False]], ["Ada"]),
        ([["email", "!=", "x"]], ["Ada", "Bob_1", "Group"]),
        ([["name", "ilike", "aDA"]], ["Ada"]),
        ([["name", "like", "aDA"]], []),
        ([["name", "=like", "B_b%"]], ["Bob_1"]),
        ([["name", "not ilike", "b"]], ["Ada", "Group"]),
        (["|", ["name", "=", "Ada"], ["ref", "=", "T2"]], ["Ada", "Bob_1"]),
        (["!", ["name", "=", "Ada"]], ["Bob_1", "Group"]),
        (["&", "!", ["name", "=", "Ada"], "|", ["ref", "=", "T2"], ["ref", "=", "T9"]], ["Bob_1"]),
        ([["customer_rank", ">=", 1]], ["Ada", "Bob_1"]),
        ([["ref", "in", ["T0", "T2"]]], ["Bob_1", "Group"]),
        ([["ref", "not in", ["T0", False]]], ["Ada", "Bob_1"]),
        ([["active", "in", [True, False]]], ["Ada", "Bob_1", "Group", "Čapek 100%"]),
        ([["active", "=", False]], ["Čapek 100%"]),
        ([["parent_id", "=", "Group"]], ["Ada"]),
        ([["parent_id.ref", "=", "T0"]], ["Ada"]),
        ([["parent_id", "=", False]], ["Bob_1", "Group"]),
        ([["child_ids.name", "=", "Ada"]], ["Group"]),
        ([["child_ids", "=", False]], ["Ada", "Bob_1"]),
        ([["child_ids", "any", [["email", "ilike", "ADA@"]]]], ["Group"]),
        ([["parent_id", "not any", [["ref", "=", "T0"]]]], ["Bob_1", "Group"]),
        ([["parent_id.ref", "=", "T0"], ["name", "like", "d"], ["customer_rank", "<", 3]], ["Ada"]),
        ([["email", "=?", False]], ["Ada", "Bob_1", "Group"]),
        ([[1, "=", 1]], ["Ada", "Bob_1", "Group"]),
        ([[0, "=", 1]], []),
    ],
)  # fmt: skip
def test_domains_find_what_they_say(three, domain, found):
    assert names(three, domain, order="name") == found


def test_child_of_finds_the_record_and_everything_below(three):
    group = three.ask("res.partner", "search", [["ref", "=", "T0"]])
    assert names(three, [["id", "child_of", group]], order="name desc") == ["Group", "Ada"]
    ada = three.ask("res.partner", "search", [["ref", "=", "T1"]])
    assert names(three, [["id", "parent_of", ada]], order="name") == ["Ada", "Group"]


def test_archived_records_show_when_the_context_says_so(three):
    assert len(three.ask("res.partner", "search", [["ref", "=like", "T%"]], context={"active_test": False})) == 4


def test_pages_by_limit_offset_and_key_meet_without_gap_or_overlap(odoo):
    ids = [odoo.partner(f"P{number:02}", ref=f"T{number}") for number in range(7)]
    domain, order = [["ref", "=like", "T%"]], "write_date, id"
    pages = [odoo.ask("res.partner", "search", domain, offset=offset, limit=3, order=order) for offset in (0, 3, 6)]
    assert [id for page in pages for id in page] == ids
    assert odoo.ask("res.partner", "search", [*domain, ["id", ">", ids[3]]], order="id") == ids[4:]
    assert odoo.ask("res.partner", "search_count", domain) == 7


@pytest.mark.parametrize(
    ("domain", "refused"),
    [
        ([["nope", "=", 1]], "ValueError"),
        ([["name", "~", 1]], "ValueError"),
        (["|", ["id", "=", 1]], "ValueError"),
        ([["name"]], "ValueError"),
    ],
)
def test_what_is_no_domain_is_refused(odoo, domain, refused):
    assert odoo.refused("res.partner", "search", domain) == refused


def test_write_date_has_whole_seconds_on_the_wire_and_fractions_behind_it(odoo):
    odoo.vendor.clock.move(timedelta(milliseconds=300))
    partner = odoo.partner(ref="T1")
    assert odoo.read("res.partner", partner, "write_date") == "2026-11-20 12:00:00"
    assert odoo.ask("res.partner", "search", [["ref", "=", "T1"], ["write_date", ">", "2026-11-20 12:00:00"]]) == [
        partner
    ]
    assert odoo.ask("res.partner", "search", [["ref", "=", "T1"], ["write_date", "=", "2026-11-20 12:00:00"]]) == []


def test_each_write_moves_write_date_and_so_does_a_payment_of_the_invoice(odoo):
    move = odoo.posted()
    before = odoo.read("account.move", move, "write_date")
    odoo.vendor.move_clock(timedelta(seconds=5))
    odoo.pay([move])
    assert odoo.read("account.move", move, "write_date") > before


def test_empty_reads_as_false_and_references_with_their_names(odoo):
    row = odoo.read("res.partner", odoo.partner(country_id=2), "email", "country_id", "category_id", "customer_rank")
    assert row["email"] is False
    assert row["country_id"] == [2, "United Kingdom"]
    assert (row["category_id"], row["customer_rank"]) == ([], 0)


def test_records_that_are_gone_are_left_out_of_reading_and_refuse_writing(odoo):
    assert odoo.ask("res.partner", "read", [999], ["name"]) == []
    assert odoo.refused("res.partner", "write", [999], {"name": "x"}) == "MissingError"


@pytest.mark.parametrize(
    ("model", "method", "args", "refused"),
    [
        ("res.partner", "create", [{"name": "x", "nope": 1}], "ValueError"),
        ("res.partner", "read", [[1], ["nope"]], "ValueError"),
        ("res.partner", "create", [{"name": "x", "country_id": "GB"}], "ValueError"),
        ("res.partner", "create", [{"name": "x", "country_id": 9999}], "MissingError"),
        ("res.partner", "create", [{"email": "x@example.com"}], "ValidationError"),
        ("account.move", "create", [{"move_type": "invoice"}], "ValueError"),
        ("account.move", "create", [{"invoice_date": "03/11/2026"}], "ValueError"),
        (
            "account.account",
            "create",
            [{"code": "121000", "name": "again", "account_type": "income"}],
            "ValidationError",
        ),
        ("sale.order", "_create_invoices", [[1]], "AccessError"),
        ("sale.order", "dance", [[1]], "AttributeError"),
        ("no.model", "search", [[]], "UserError"),
        ("res.partner", "write", [[1]], "TypeError"),
    ],
)
def test_faults_have_the_servers_names(odoo, model, method, args, refused):
    assert odoo.refused(model, method, *args) == refused


def test_a_refused_call_leaves_nothing_behind(odoo):
    before = odoo.ask("res.partner", "search_count", [])
    assert odoo.refused("res.partner", "create", [{"name": "good"}, {"nope": 1}]) == "ValueError"
    assert odoo.ask("res.partner", "search_count", []) == before
    assert "create res.partner" not in odoo.vendor.journal.counts()


def test_two_partners_may_have_one_name_and_any_vat(odoo):
    assert odoo.partner("Twin", vat="no vat") != odoo.partner("Twin", vat="no vat")


def test_a_product_is_a_variant_of_a_template_that_keeps_its_price(odoo):
    product = odoo.product(list_price=12.345, default_code="W1", standard_price=3)
    row = odoo.read(
        "product.product", product, "list_price", "lst_price", "taxes_id", "product_tmpl_id", "display_name", "uom_id"
    )
    assert (row["list_price"], row["lst_price"], row["taxes_id"]) == (12.35, 12.35, [1])
    assert row["display_name"] == "[W1] Widget"
    template = row["product_tmpl_id"][0]
    assert odoo.read("product.template", template, "default_code", "standard_price") == {
        "id": template,
        "default_code": "W1",
        "standard_price": 3.0,
    }
    odoo.ask("product.product", "write", [product], {"name": "Gadget", "list_price": 20})
    assert odoo.read("product.template", template, "name", "list_price")["name"] == "Gadget"
    assert odoo.ask("product.product", "search", [["name", "=", "Gadget"], ["list_price", ">", 19.5]]) == [product]


def test_a_template_made_directly_gets_its_variant(odoo):
    template = odoo.ask("product.template", "create", {"name": "T", "default_code": "T1"})
    variant = odoo.read("product.template", template, "product_variant_id")[0]
    assert odoo.read("product.product", variant, "default_code") == "T1"


def test_a_used_partner_cannot_be_deleted_only_archived(odoo):
    partner = odoo.partner()
    odoo.move(partner_id=partner)
    assert odoo.refused("res.partner", "unlink", [partner]) == "ValidationError"
    assert odoo.ask("res.partner", "write", [partner], {"active": False}) is True


def test_line_commands_create_change_and_delete(odoo):
    move = odoo.move(lines=[{"name": "a", "price_unit": 1}, {"name": "b", "price_unit": 2}])
    first, second = odoo.read("account.move", move, "invoice_line_ids")
    odoo.ask(
        "account.move",
        "write",
        [move],
        {"invoice_line_ids": [[1, first, {"price_unit": 5}], [2, second, 0], [0, 0, {"name": "c", "price_unit": 7}]]},
    )
    assert odoo.read("account.move", move, "amount_untaxed") == 12.0
    line = odoo.read("account.move", move, "invoice_line_ids")[0]
    odoo.ask("account.move.line", "write", [line], {"tax_ids": [[5, 0, 0]]})
    odoo.ask("account.move.line", "write", [line], {"tax_ids": [[4, 1, 0]]})
    assert odoo.read("account.move.line", line, "tax_ids") == [1]
    assert odoo.read("account.move", move, "amount_tax") == 1.8


FIELDS = ["id", "move_type", "partner_id/.id", "invoice_date", "ref", "invoice_line_ids/name", "invoice_line_ids/quantity",
          "invoice_line_ids/price_unit", "invoice_line_ids/tax_ids/.id"]  # fmt: skip


def rows(partner: int) -> list[list[str]]:
    return [
        ["tieout.s1", "out_invoice", str(partner), "2026-11-03", "S-1", "a", "2", "3", "1"],
        ["", "", "", "", "", "b", "1", "15", ""],
    ]


def test_load_makes_a_document_of_several_rows_with_an_external_id(odoo):
    answer = odoo.ask("account.move", "load", FIELDS, rows(odoo.partner()))
    assert (answer["messages"], answer["nextrow"]) == ([], 0)
    found = odoo.ask(
        "ir.model.data", "search_read", [["module", "=", "tieout"], ["name", "=", "s1"]], ["model", "res_id"]
    )
    assert (found[0]["model"], found[0]["res_id"]) == ("account.move", answer["ids"][0])
    assert odoo.read("account.move", answer["ids"][0], "amount_untaxed", "ref") == {
        "id": answer["ids"][0],
        "amount_untaxed": 21.0,
        "ref": "S-1",
    }


def test_the_same_load_again_makes_no_second_document_but_appends_its_lines(odoo):
    partner = odoo.partner()
    first = odoo.ask("account.move", "load", FIELDS, rows(partner))
    again = odoo.ask("account.move", "load", FIELDS, rows(partner))
    assert first["ids"] == again["ids"]
    assert odoo.read("account.move", first["ids"][0], "amount_untaxed") == 42.0


def test_lines_with_external_ids_of_their_own_are_not_appended(odoo):
    partner = odoo.partner()
    fields = [*FIELDS, "invoice_line_ids/id"]
    body = [[*row, f"tieout.s1_{number}"] for number, row in enumerate(rows(partner))]
    ids = [odoo.ask("account.move", "load", fields, body)["ids"] for _ in range(2)]
    assert ids[0] == ids[1]
    assert odoo.read("account.move", ids[0][0], "amount_untaxed") == 21.0


def test_one_bad_row_keeps_all_of_them_out_and_says_which(odoo):
    before = odoo.ask("account.move", "search_count", [])
    bad = ["tieout.s2", "out_invoice", "99999", "2026-11-03", "S-2", "x", "1", "1", ""]
    answer = odoo.ask("account.move", "load", FIELDS, [*rows(odoo.partner()), bad])
    assert answer["ids"] is False
    assert [(each["record"], each["rows"], each["field"]) for each in answer["messages"]] == [
        (1, {"from": 2, "to": 2}, "partner_id")
    ]
    assert odoo.ask("account.move", "search_count", []) == before
    assert odoo.ask("ir.model.data", "search_count", [["module", "=", "tieout"]]) == 0


def test_an_external_id_is_unique_without_spaces_and_dies_with_its_record(odoo):
    partner = odoo.partner()
    row = {"module": "tieout", "name": "p1", "model": "res.partner", "res_id": partner}
    odoo.ask("ir.model.data", "create", row)
    assert odoo.refused("ir.model.data", "create", row) == "ValidationError"
    assert odoo.refused("ir.model.data", "create", row | {"name": "p 2"}) == "ValidationError"
    odoo.ask("res.partner", "unlink", [partner])
    assert odoo.ask("ir.model.data", "search_count", [["module", "=", "tieout"]]) == 0


def test_name_search_read_group_and_the_models_own_description(odoo):
    partner = odoo.partner("Ada Ltd", ref="T1")
    assert odoo.ask("res.partner", "name_search", "ada") == [[partner, "Ada Ltd"]]
    odoo.posted(partner_id=partner)
    odoo.posted(partner_id=partner)
    groups = odoo.ask("account.move", "read_group", [["state", "=", "posted"]], ["amount_total"], ["partner_id"])
    assert [(group["partner_id"], group["amount_total"], group["partner_id_count"]) for group in groups] == [
        ([partner, "Ada Ltd"], 230.0, 2)
    ]
    assert odoo.ask("ir.model", "search_count", [["model", "=", "account.move"]]) == 1
    assert (
        odoo.ask(
            "ir.model.fields",
            "search_read",
            [["model", "=", "account.move"], ["name", "=", "partner_id"]],
            ["ttype", "relation"],
        )[0]["relation"]
        == "res.partner"
    )
    assert odoo.ask("decimal.precision", "search_read", [["name", "=", "Product Price"]], ["digits"])[0]["digits"] == 2


def test_a_note_on_a_document_is_kept_as_a_message(odoo):
    move = odoo.move()
    message = odoo.ask("account.move", "message_post", [move], body="from the shop")
    assert odoo.read("mail.message", message, "body", "res_id") == {
        "id": message,
        "body": "<p>from the shop</p>",
        "res_id": move,
    }


def test_only_the_company_currency_is_active_in_a_fresh_database(odoo):
    assert [row["name"] for row in odoo.ask("res.currency", "search_read", [], ["name"])] == ["USD"]
    assert odoo.read("res.currency", odoo.currency("GBP"), "rate") == 1.0


def test_from_18_on_accounts_belong_to_companies_and_locks_are_several(odoo):
    odoo.vendor.set_version(18)
    account = odoo.ask(
        "account.account",
        "create",
        {"code": "700000", "name": "New", "account_type": "income", "company_ids": [[6, 0, [1]]]},
    )
    assert odoo.read("account.account", account, "company_ids") == [1]
    assert odoo.refused("account.account", "read", [account], ["company_id"]) == "ValueError"
    odoo.vendor.lock("2026-11-10", kind="sale_lock_date")
    assert odoo.read("account.move", odoo.posted(), "date") == "2026-11-20"


def test_until_15_accounts_have_a_user_type_and_no_account_type(odoo):
    odoo.vendor.set_version(15)
    account = odoo.account("121000")
    assert odoo.read("account.account", account, "user_type_id", "internal_type")["internal_type"] == "receivable"
    with pytest.raises(Fault, match="account_type"):
        odoo.ask("account.account", "read", [account], ["account_type"])
