"""How an Odoo from 17 on can tell that something changed: an automation rule that a customer sets up, unsigned and sent once.

It names the record and its model, but neither the event nor what was done. Its server action *webhook* posts after the
transaction, waits for a second (memory), ignores errors and tries no second time, so it is a hint and no more.
"""

from __future__ import annotations

from integrations.wire.knocks import Form, Knocks, SecretAddress

KNOCKS = Knocks(
    proof=SecretAddress(),
    forms=(Form(says=("_model",), pattern=r"(?P<entity>[\w.]+)", id="_id"),),
    objects={
        "account.account": ("account",),
        "account.tax": ("tax_rate",),
        "account.payment.term": ("payment_term",),
        "res.currency.rate": ("exchange_rate",),
        "account.analytic.account": ("dimension",),
        "account.journal": ("journal",),
        # One model is several of our streams.
        "res.partner": ("customer", "vendor"),
        "product.product": ("item",),
        "sale.order": ("sales_order",),
        "purchase.order": ("purchase_order",),
        "account.move": ("invoice", "credit_note", "bill", "journal_entry"),
        "account.payment": ("payment", "refund", "bill_payment"),
    },
    within=1,
    # A read by ids knows neither the type of a document nor the company.
    direct=False,
    setup="From Odoo 17 on: Settings, Technical, Automation Rules; one for each model that matters, on save, with the action "
    "Send Webhook Notification and this address. Whoever knows the address can make us look; so keep it to yourself.",
)
