"""Other people's clients drive the simulated server over a real connection: the vendor's own, OdooRPC, and Python's for XML-RPC."""

from __future__ import annotations

import threading
import xmlrpc.client
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import odoolib
import odoorpc
import pytest
import requests
from werkzeug.serving import WSGIRequestHandler, make_server

from integrations.connectors.odoo.simulator import Odoo
from integrations.simulation.simulator import ConnectionCut

from .asking import Caller, fresh


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        """Nobody reads it."""


@pytest.fixture
def vendor(tmp_path) -> Odoo:
    return fresh(tmp_path)


@pytest.fixture
def port(vendor) -> Iterator[int]:
    server = make_server("127.0.0.1", 0, vendor, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()


class Xml:
    """Python's own client of the two XML-RPC addresses."""

    def __init__(self, port: int, secret: str = "admin") -> None:  # noqa: S107 a fresh database's own
        self.common = xmlrpc.client.ServerProxy(f"http://127.0.0.1:{port}/xmlrpc/2/common")
        self.object = xmlrpc.client.ServerProxy(f"http://127.0.0.1:{port}/xmlrpc/2/object")
        self.secret = secret
        self.uid: Any = self.common.authenticate("books", "admin", secret, {})

    def ask(self, model: str, method: str, *args: Any, **kwargs: Any) -> Any:
        return self.object.execute_kw("books", self.uid, self.secret, model, method, args, kwargs)


@pytest.fixture
def xml(port) -> Xml:
    return Xml(port)


def test_odoorpc_browses_creates_posts_and_pays(port):
    odoo = odoorpc.ODOO("127.0.0.1", port=port)
    assert odoo.version == "17.0"
    odoo.login("books", "admin", "admin")
    partners, moves = odoo.env["res.partner"], odoo.env["account.move"]
    partner = partners.create({"name": "Ada Ltd", "is_company": True})
    move = moves.create(
        {
            "move_type": "out_invoice",
            "partner_id": partner,
            "invoice_line_ids": [(0, 0, {"name": "Work", "price_unit": 100.0})],
        }
    )
    moves.action_post([move])
    record = moves.browse(move)
    assert (record.state, record.amount_total, record.partner_id.name) == ("posted", 115.0, "Ada Ltd")
    assert [line.price_unit for line in record.invoice_line_ids] == [100.0]
    register = odoo.env["account.payment.register"].with_context(active_model="account.move", active_ids=[move])
    register.action_create_payments([register.create({})])
    assert moves.read([move], ["payment_state"])[0]["payment_state"] == "paid"
    partners.browse(partner).name = "Ada & Co"
    assert partners.search_count([("name", "=", "Ada & Co")]) == 1
    assert odoo.env.ref("base.main_company").name == "My Company"
    assert "account.move" in odoo.env
    with pytest.raises(odoorpc.error.RPCError, match="Invalid field 'nope'"):
        partners.create({"name": "x", "nope": 1})
    odoo.logout()


def test_odoorpc_is_told_when_the_password_is_wrong(port):
    with pytest.raises(odoorpc.error.RPCError, match="Wrong login"):
        odoorpc.ODOO("127.0.0.1", port=port).login("books", "admin", "guess")


def test_xml_rpc_tells_its_version_to_anybody(xml):
    assert xml.common.version()["server_version_info"] == [17, 0, 0, "final", 0, ""]


def test_xml_rpc_answers_false_to_a_wrong_password_and_a_fault_to_an_unknown_database(xml):
    assert xml.common.authenticate("books", "admin", "guess", {}) is False
    with pytest.raises(xmlrpc.client.Fault, match='database "nope" does not exist'):
        xml.common.authenticate("nope", "admin", "admin", {})


def test_a_void_method_over_xml_rpc_is_done_and_fails_all_the_same(xml):
    move = xml.ask("account.move", "create", {"move_type": "out_invoice", "partner_id": xml.ask("res.partner", "create", {"name": "Ada"}),
                                              "invoice_line_ids": [(0, 0, {"name": "x", "price_unit": 1.5})]})  # fmt: skip
    assert xml.ask("account.move", "action_post", [move]) is False
    with pytest.raises(xmlrpc.client.Fault, match="cannot marshal None") as caught:
        xml.ask("account.move", "button_draft", [move])
    assert caught.value.faultCode == 1
    assert xml.ask("account.move", "read", [move], ["state", "amount_total"]) == [
        {"id": move, "state": "draft", "amount_total": 1.73}
    ]


@pytest.mark.parametrize(
    ("model", "method", "args", "code"),
    [
        ("res.partner", "create", [{"name": "x", "nope": 1}], 1),
        ("res.partner", "write", [[999], {"name": "x"}], 2),
        ("no.model", "search", [[]], 2),
        ("sale.order", "_create_invoices", [[1]], 4),
    ],
)
def test_xml_rpc_faults_carry_the_servers_codes(xml, model, method, args, code):
    with pytest.raises(xmlrpc.client.Fault) as caught:
        xml.ask(model, method, *args)
    assert caught.value.faultCode == code


def test_an_unknown_field_is_named_in_the_traceback_of_the_fault(xml):
    with pytest.raises(xmlrpc.client.Fault) as caught:
        xml.ask("res.partner", "create", {"name": "x", "nope": 1})
    assert "ValueError: Invalid field 'nope' on model 'res.partner'" in caught.value.faultString


def test_a_wrong_secret_in_a_call_is_fault_3(xml):
    xml.secret = "guess"
    with pytest.raises(xmlrpc.client.Fault, match="Access Denied") as caught:
        xml.ask("res.partner", "search", [])
    assert caught.value.faultCode == 3


def test_an_api_key_works_in_the_passwords_place_until_it_is_revoked(vendor, port):
    xml = Xml(port, vendor.api_key())
    assert xml.uid == 2
    vendor.revoke_consent()
    with pytest.raises(xmlrpc.client.Fault, match="Access Denied"):
        xml.ask("res.partner", "search", [])


def test_a_session_by_cookie_calls_methods_until_it_expires(vendor, port):
    web = requests.Session()

    def call(path: str, **params: Any) -> Any:
        return web.post(
            f"http://127.0.0.1:{port}{path}", json={"jsonrpc": "2.0", "id": 1, "params": params}, timeout=10
        ).json()

    assert call("/web/session/authenticate", db="books", login="admin", password="admin")["result"]["uid"] == 2
    ask = {"model": "res.partner", "method": "search_count", "args": [[]], "kwargs": {}}
    assert call("/web/dataset/call_kw", **ask)["result"] == 2
    vendor.expire_tokens()
    assert call("/web/dataset/call_kw", **ask)["error"]["code"] == 100


def test_a_wrong_address_is_not_found_and_a_record_has_a_page(vendor, port):
    assert requests.get(f"http://127.0.0.1:{port}/nothing", timeout=10).status_code == 404
    partner = Caller(vendor).partner("Ada <Ltd>")
    page = requests.get(f"http://127.0.0.1:{port}/mail/view?model=res.partner&res_id={partner}", timeout=10).text
    assert "Ada &lt;Ltd&gt;" in page


def test_json_rpc_leaves_the_result_out_where_there_is_none(vendor):
    odoo = Caller(vendor)
    move = odoo.posted()
    assert odoo.call("object", "execute_kw", "books", 2, "admin", "account.move", "button_draft", [[move]]) == {
        "jsonrpc": "2.0",
        "id": 7,
    }


def test_no_secret_is_kept_in_the_journal_and_what_was_asked_is(vendor):
    odoo = Caller(vendor, secret="admin")
    odoo.partner("Ada")
    assert all(call.body is None for call in vendor.journal.calls())
    assert vendor.asked(model="res.partner", method="create")[0]["args"] == [{"name": "Ada", "is_company": True}]
    assert vendor.journal.counts()["create res.partner"] == 1


def test_a_lost_reply_leaves_the_document_which_its_reference_finds_again(vendor):
    odoo = Caller(vendor)
    partner = odoo.partner()
    vendor.drop_reply_after_next_write()
    with pytest.raises(ConnectionCut):
        odoo.move(partner_id=partner, ref="key-1")
    assert len(odoo.ask("account.move", "search", [["ref", "=", "key-1"]])) == 1


def test_a_server_that_is_down_answers_html_and_has_done_nothing(vendor, port):
    vendor.fail_next(503)
    answer = requests.post(f"http://127.0.0.1:{port}/jsonrpc", json={}, timeout=10)
    assert (answer.status_code, answer.headers["Content-Type"].partition(";")[0]) == (503, "text/html")


def test_what_a_person_changes_is_noted_as_done_by_hand(vendor):
    odoo = Caller(vendor)
    partner = odoo.partner()
    vendor.change("res.partner", partner, {"name": "Renamed"})
    assert odoo.read("res.partner", partner, "name") == "Renamed"
    assert vendor.journal.calls(wrote=True)[-1].method == "HAND"


def test_the_state_outlives_the_process(tmp_path):
    odoo = Caller(fresh(tmp_path))
    move = odoo.posted()
    again = Caller(Odoo(state=str(tmp_path / "odoo.sqlite3"), limits=0))
    assert again.read("account.move", move, "name") == "INV/2026/00001"


@pytest.mark.parametrize("protocol", ["xmlrpc", "jsonrpc"])
def test_the_vendors_own_client_creates_posts_and_reads(port, protocol):
    odoo = odoolib.get_connection(
        hostname="127.0.0.1", protocol=protocol, port=port, database="books", login="admin", password="admin"
    )
    odoo.check_login()
    assert odoo.get_user_context()["lang"] == "en_US"
    partners, moves = odoo.get_model("res.partner"), odoo.get_model("account.move")
    partner = partners.create({"name": "Ada Ltd", "is_company": True})
    line = {"name": "Work", "price_unit": 100.0}
    move = moves.create({"move_type": "out_invoice", "partner_id": partner, "invoice_line_ids": [(0, 0, line)]})
    assert moves.action_post([move]) is False
    (read,) = moves.search_read([("partner_id", "=", partner)], ["state", "amount_total", "partner_id"])
    assert (read["state"], read["amount_total"], read["partner_id"]) == ("posted", 115.0, [partner, "Ada Ltd"])
    assert partners.search([("name", "=", "Nobody")]) == []


@pytest.mark.parametrize(("protocol", "fails"), [("xmlrpc", True), ("jsonrpc", False)])
def test_the_vendors_own_client_resets_a_document_which_only_json_rpc_can_answer(vendor, port, protocol, fails):
    odoo = odoolib.get_connection(
        hostname="127.0.0.1", protocol=protocol, port=port, database="books", login="admin", password="admin"
    )
    move = Caller(vendor).posted()
    # XML-RPC cannot carry an answer without a value, so that the call fails after it was done.
    with pytest.raises(xmlrpc.client.Fault, match="cannot marshal None") if fails else nullcontext():
        odoo.get_model("account.move").button_draft([move])
    assert vendor.documents("account.move", [["id", "=", move]], ["state"])[0]["state"] == "draft"
