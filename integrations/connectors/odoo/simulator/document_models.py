"""The models of documents: moves, payments and what makes them, orders."""

from __future__ import annotations

from .fields import Model, model

_MOVE_TYPES = "entry|out_invoice|out_refund|in_invoice|in_refund|out_receipt|in_receipt"
_PAYMENT_STATES = "not_paid|in_payment|paid|partial|reversed|blocked@18-|invoicing_legacy"

_MOVES: tuple[Model, ...] = (
    model("account.move", f"""
        char: name ref payment_reference invoice_origin invoice_partner_display_name! sequence_prefix!
        html: narration
        integer: sequence_number!
        date: date invoice_date invoice_date_due delivery_date@17-
        selection: move_type*({_MOVE_TYPES})=entry state(draft|posted|cancel)=draft
        selection: payment_state!({_PAYMENT_STATES})=not_paid auto_post(no|at_date|monthly|quarterly|yearly)=no
        boolean: posted_before! is_move_sent to_check@-17 checked@18-
        many2one: partner_id>res.partner commercial_partner_id!>res.partner partner_shipping_id>res.partner
        many2one: journal_id*>account.journal company_id>res.company currency_id*>res.currency
        many2one: company_currency_id^company_id.currency_id>res.currency fiscal_position_id>account.fiscal.position
        many2one: invoice_payment_term_id>account.payment.term invoice_user_id>res.users
        many2one: reversed_entry_id>account.move partner_bank_id>res.partner.bank
        many2one: payment_id!>account.payment@-17 origin_payment_id!>account.payment@18-
        monetary: amount_untaxed! amount_tax! amount_total! amount_residual! amount_untaxed_signed! amount_tax_signed!
        monetary: amount_total_signed! amount_residual_signed! amount_total_in_currency_signed!
        float: invoice_currency_rate!@18-
        boolean: has_reconciled_entries~
        many2many: duplicated_ref_ids~>account.move@16-
        one2many: line_ids>account.move.line:move_id invoice_line_ids>account.move.line:move_id
        one2many: reversal_move_id>account.move:reversed_entry_id@-17
        one2many: reversal_move_ids>account.move:reversed_entry_id@18-
        """, order="date desc, name desc, invoice_date desc, id desc"),
    model("account.move.line", """
        char: name ref^move_id.ref move_name^move_id.name matching_number!
        selection: parent_state^move_id.state move_type^move_id.move_type
        selection: display_type(product@16-|cogs@16-|tax@16-|discount@17-|rounding@16-|payment_term@16-|line_section|line_note|epd@16-)
        selection: account_internal_type~(other|receivable|payable|liquidity)@-15
        integer: sequence
        boolean: exclude_from_invoice_tab!@-15 reconciled! blocked is_downpayment
        date: date^move_id.date invoice_date^move_id.invoice_date@17- date_maturity
        float: quantity&qty price_unit&price discount&discount
        monetary: debit credit balance amount_currency price_subtotal! price_total! amount_residual!
        monetary: amount_residual_currency! tax_base_amount!
        json: analytic_distribution@16-
        many2one: analytic_account_id>account.analytic.account@-15
        many2one: move_id*>account.move journal_id^move_id.journal_id>account.journal
        many2one: company_id^move_id.company_id>res.company company_currency_id^move_id.company_currency_id>res.currency
        many2one: currency_id>res.currency account_id>account.account partner_id>res.partner product_id>product.product
        many2one: product_uom_id>uom.uom tax_line_id!>account.tax tax_group_id^tax_line_id.tax_group_id>account.tax.group
        many2one: payment_id^move_id.payment_id>account.payment@-17 purchase_line_id>purchase.order.line
        many2one: payment_id^move_id.origin_payment_id>account.payment@18-
        selection: account_type^account_id.account_type@16-
        many2many: tax_ids>account.tax sale_line_ids>sale.order.line
        one2many: matched_debit_ids>account.partial.reconcile:credit_move_id
        one2many: matched_credit_ids>account.partial.reconcile:debit_move_id
        """, order="date desc, move_name desc, id"),
    model("account.partial.reconcile", """
        monetary: amount debit_amount_currency credit_amount_currency
        date: max_date
        many2one: debit_move_id*>account.move.line credit_move_id*>account.move.line company_id>res.company
        many2one: debit_currency_id>res.currency credit_currency_id>res.currency exchange_move_id>account.move
        """, label="id"),
    model("account.move.reversal", """
        date: date
        char: reason
        many2one: journal_id>account.journal company_id>res.company
        selection: refund_method(refund|cancel|modify)=refund@-16 date_mode(custom|entry)=custom@-16
        many2many: move_ids>account.move new_move_ids>account.move
        """, label="reason"),
)  # fmt: skip

_PAYMENTS: tuple[Model, ...] = (
    model("account.payment", """
        selection: payment_type*(outbound|inbound)=inbound partner_type*(customer|supplier)=customer
        selection: state!(draft|in_process|paid|canceled|rejected)=draft@18-
        monetary: amount amount_company_currency_signed! amount_signed~
        char: payment_reference memo@18- name!@18-
        date: date@18-
        boolean: is_reconciled! is_matched!
        many2one: partner_id>res.partner currency_id>res.currency move_id!>account.move
        many2one: payment_method_line_id>account.payment.method.line destination_account_id>account.account
        many2one: outstanding_account_id!>account.account journal_id>account.journal@18- company_id>res.company@18-
        many2many: reconciled_invoice_ids~>account.move reconciled_bill_ids~>account.move invoice_ids~>account.move@18-
        integer: reconciled_invoices_count~ reconciled_bills_count~
        """, order="id desc", borrows="account.move", through="move_id", borrows_until=17),
    model("account.payment.register", """
        date: payment_date*
        monetary: amount source_amount! source_amount_currency! payment_difference~
        char: communication writeoff_label=Write-Off
        boolean: group_payment can_edit_wizard! can_group_payments!
        selection: payment_type!(outbound|inbound) partner_type!(customer|supplier)
        selection: payment_difference_handling(open|reconcile)=open
        many2one: journal_id>account.journal currency_id>res.currency partner_id!>res.partner company_id>res.company
        many2one: payment_method_line_id>account.payment.method.line writeoff_account_id>account.account
        many2one: source_currency_id!>res.currency
        many2many: line_ids>account.move.line
        """, label="id"),
)  # fmt: skip

_ORDERS: tuple[Model, ...] = (
    model("purchase.order", """
        char: name origin partner_ref
        html: notes
        datetime: date_order* date_approve! date_planned
        selection: state!(draft|sent|to approve|purchase|done|cancel)=draft
        selection: invoice_status!(no|to invoice|invoiced)=no priority(0|1)=0
        monetary: amount_untaxed! amount_tax! amount_total!
        integer: invoice_count~
        many2one: partner_id*>res.partner currency_id*>res.currency company_id*>res.company user_id>res.users
        many2one: payment_term_id>account.payment.term fiscal_position_id>account.fiscal.position
        many2many: invoice_ids~>account.move
        one2many: order_line>purchase.order.line:order_id
        """, order="priority desc, id desc"),
    model("purchase.order.line", """
        text: name
        integer: sequence=10
        float: product_qty*&qty=1 price_unit*&price discount&discount@17- price_tax! qty_received&qty qty_invoiced!
        float: qty_to_invoice!
        monetary: price_subtotal! price_total!
        datetime: date_planned
        json: analytic_distribution@16-
        many2one: account_analytic_id>account.analytic.account@-15
        selection: display_type(line_section|line_note) state^order_id.state
        many2one: order_id*>purchase.order product_id>product.product product_uom>uom.uom
        many2one: partner_id^order_id.partner_id>res.partner currency_id^order_id.currency_id>res.currency
        many2one: company_id^order_id.company_id>res.company
        many2many: taxes_id>account.tax
        one2many: invoice_lines>account.move.line:purchase_line_id
        """, order="order_id, sequence, id"),
    model("sale.order", """
        char: name origin client_order_ref reference
        html: note
        datetime: date_order* commitment_date
        date: validity_date
        selection: state!(draft|sent|sale|done@-16|cancel)=draft
        selection: invoice_status!(upselling|invoiced|to invoice|no)=no
        boolean: locked@17-
        monetary: amount_untaxed! amount_tax! amount_total!
        integer: invoice_count~
        many2one: partner_id*>res.partner partner_invoice_id>res.partner partner_shipping_id>res.partner
        many2one: currency_id!>res.currency company_id*>res.company user_id>res.users
        many2one: payment_term_id>account.payment.term fiscal_position_id>account.fiscal.position
        many2many: invoice_ids~>account.move
        one2many: order_line>sale.order.line:order_id
        """, order="date_order desc, id desc"),
    model("sale.order.line", """
        text: name
        integer: sequence=10
        float: product_uom_qty*&qty=1 price_unit*&price discount&discount price_tax! qty_delivered&qty qty_invoiced!
        float: qty_to_invoice!
        monetary: price_subtotal! price_total!
        json: analytic_distribution@16-
        selection: display_type(line_section|line_note) state^order_id.state
        boolean: is_downpayment
        many2one: order_id*>sale.order product_id>product.product product_uom>uom.uom
        many2one: currency_id^order_id.currency_id>res.currency company_id^order_id.company_id>res.company
        many2many: tax_id>account.tax invoice_lines~>account.move.line
        """, order="order_id, sequence, id"),
    model("sale.advance.payment.inv", """
        selection: advance_payment_method*(delivered|percentage|fixed)=delivered
        many2many: sale_order_ids>sale.order
        """, label="id"),
)  # fmt: skip

DOCUMENTS = (*_MOVES, *_PAYMENTS, *_ORDERS)
