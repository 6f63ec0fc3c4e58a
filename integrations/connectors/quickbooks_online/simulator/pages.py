"""The few pages that a person sees of the simulated vendor: consent, and a document in the web application."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from werkzeug.wrappers import Response

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; background: #f4f5f8; color: #393a3d; margin: 0 }
main { max-width: 44rem; margin: 4rem auto; background: #fff; padding: 2rem 2.5rem; border-radius: 8px; box-shadow: 0 1px 4px #0003 }
h1 { font-size: 1.4rem; margin-top: 0 } small { color: #6b6c72 }
label { display: block; padding: .6rem .8rem; border: 1px solid #d4d7dc; border-radius: 6px; margin: .5rem 0 }
button { font: inherit; padding: .5rem 1.4rem; border-radius: 6px; border: 1px solid #8d9096; background: #fff; margin: 1rem .5rem 0 0 }
button.main { background: #2c6e49; border-color: #2c6e49; color: #fff }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; vertical-align: top; padding: .25rem .5rem; border-bottom: 1px solid #eceef1 }
td.number { text-align: right; font-variant-numeric: tabular-nums }
"""


def consent(asked: Mapping[str, str], companies: Mapping[str, str]) -> Response:
    """Asks which company the app may use; `companies` is realm -> name."""
    hidden = "".join(f'<input type="hidden" name="{escape(k)}" value="{escape(v)}">' for k, v in asked.items())
    choices = "".join(
        f'<label><input type="radio" name="realm" value="{escape(realm)}"{" checked" if i == 0 else ""}>'
        f" {escape(name)} <small>{escape(realm)}</small></label>"
        for i, (realm, name) in enumerate(companies.items())
    )
    return _page(
        "Connect to QuickBooks (simulated)",
        f"<p>The app <b>{escape(asked['client_id'])}</b> asks to read and write the books of one company.</p>"
        f'<form method="post">{hidden}{choices}'
        '<button class="main" name="answer" value="connect">Connect</button>'
        '<button name="answer" value="cancel">No thanks</button></form>',
    )


def sorry(problem: str, status: int = 400) -> Response:
    """Tells a person why there is nothing to see."""
    return _page("Sorry, but the app didn't connect", f"<p>{escape(problem)}</p>", status)


def document(company: str, kind: str, body: Mapping[str, Any]) -> Response:
    """A document as the vendor's web application shows it to the user, as far as a simulator needs one."""
    title = f"{kind} {body.get('DocNumber') or body.get('DisplayName') or body.get('Name') or body['Id']}"
    head = {name: value for name, value in body.items() if name != "Line"}
    lines = "".join(
        f"<tr><td>{escape(str(line.get('LineNum', '')))}</td><td>{escape(str(line.get('Description', line.get('DetailType', ''))))}</td>"
        f'<td class="number">{escape(str(line.get("Amount", "")))}</td></tr>'
        for line in body.get("Line", [])
    )
    return _page(
        title,
        f"<p><small>{escape(company)} · simulated QuickBooks Online</small></p><table>{''.join(_rows(head.items()))}</table>"
        + (f"<h2>Lines</h2><table>{lines}</table>" if lines else ""),
    )


def _rows(members: Iterable[tuple[str, Any]], above: str = "") -> Iterable[str]:
    for name, value in members:
        if isinstance(value, Mapping):
            yield from _rows(value.items(), f"{above}{name}.")
        elif value not in ("", None, []):
            yield f"<tr><th>{escape(above + name)}</th><td>{escape(str(value))}</td></tr>"


def _page(title: str, inside: str, status: int = 200) -> Response:
    return Response(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style><main><h1>{escape(title)}</h1>{inside}</main>",
        status,
        mimetype="text/html",
    )
