"""The models of lists and settings: who, what, which account, and what the server knows about itself."""

from __future__ import annotations

from .fields import Model, model

_ACCOUNT_TYPES = (
    "asset_receivable|asset_cash|asset_current|asset_non_current|asset_prepayments|asset_fixed|liability_payable|"
    "liability_credit_card|liability_current|liability_non_current|equity|equity_unaffected|income|income_other|expense|"
    "expense_depreciation|expense_direct_cost|off_balance"
)

ACCOUNT_TYPES_TO_15 = {
    "Receivable": "asset_receivable", "Payable": "liability_payable", "Bank and Cash": "asset_cash",
    "Credit Card": "liability_credit_card", "Current Assets": "asset_current", "Non-current Assets": "asset_non_current",
    "Prepayments": "asset_prepayments", "Fixed Assets": "asset_fixed", "Current Liabilities": "liability_current",
    "Non-current Liabilities": "liability_non_current", "Equity": "equity", "Current Year Earnings": "equity_unaffected",
    "Other Income": "income_other", "Income": "income", "Depreciation": "expense_depreciation", "Expenses": "expense",
    "Cost of Revenue": "expense_direct_cost", "Off-Balance Sheet": "off_balance",
}  # fmt: skip
"""What accounts were called until 15, and what their types are from 16 on."""

_TECHNICAL: tuple[Model, ...] = (
    model("ir.model", "char: name* model* modules!\ntext: info\nselection: state(manual|base)=base\nboolean: transient!"
          "\none2many: field_id>ir.model.fields:model_id", order="model"),
    model("ir.model.fields", """
        char: name* model* relation relation_field field_description* related
        selection: ttype* state(manual|base)=base
        many2one: model_id*>ir.model
        boolean: required readonly store index
        """, order="name"),
    model("ir.model.data", """
        char: module* name* model* complete_name~ reference~
        many2one_reference: res_id
        boolean: noupdate
        """, order="module, model, name"),
    model("ir.module.module", "char: name* shortdesc author installed_version! latest_version\nselection: state",
          order="name"),
    model("ir.attachment", """
        char: name* url res_model res_name~ mimetype
        text: datas
        selection: type*(url|binary)=binary
        many2one_reference: res_id
        many2one: company_id>res.company
        """, order="id desc"),
    model("mail.message", """
        html: body
        char: subject model message_type
        many2one_reference: res_id
        datetime: date
        many2one: author_id>res.partner
        """, order="id desc", label="subject"),
    model("decimal.precision", "char: name*\ninteger: digits*=2"),
)  # fmt: skip

_PLACES: tuple[Model, ...] = (
    model("res.lang", "char: name* code*\nboolean: active=true"),
    model("res.country", "char: name* code\ninteger: phone_code\nmany2one: currency_id>res.currency\n"
          "one2many: state_ids>res.country.state:country_id", order="name"),
    model("res.country.state", "char: name* code*\nmany2one: country_id*>res.country", order="code"),
    model("res.currency", """
        char: name* full_name symbol* currency_unit_label currency_subunit_label
        boolean: active=true
        float: rounding=0.01 rate~ inverse_rate~
        integer: decimal_places!=2
        date: date~
        selection: position(after|before)=after
        one2many: rate_ids>res.currency.rate:currency_id
        """, order="active desc, name"),
    model("res.currency.rate", """
        date: name*
        float: rate company_rate~@15- inverse_company_rate~@15-
        many2one: currency_id*>res.currency company_id>res.company
        """, order="name desc, id"),
)  # fmt: skip

_PEOPLE: tuple[Model, ...] = (
    model("res.company", """
        char: name* email phone vat company_registry website street street2 city zip country_code^country_id.code
        many2one: partner_id!>res.partner currency_id*>res.currency country_id>res.country parent_id>res.company
        many2one: account_sale_tax_id>account.tax account_purchase_tax_id>account.tax
        many2one: account_fiscal_country_id>res.country transfer_account_id>account.account
        many2one: account_journal_payment_debit_account_id>account.account@15-17
        many2one: account_journal_payment_credit_account_id>account.account@15-17
        many2one: currency_exchange_journal_id>account.journal income_currency_exchange_account_id>account.account
        many2one: expense_currency_exchange_account_id>account.account
        boolean: active=true
        integer: sequence=10 fiscalyear_last_day=31
        selection: fiscalyear_last_month(1|2|3|4|5|6|7|8|9|10|11|12)=12
        selection: tax_calculation_rounding_method(round_per_line|round_globally)=round_per_line
        selection: po_double_validation(one_step|two_step)=one_step po_lock(edit|lock)=edit
        selection: chart_template(generic_coa)=generic_coa@17-
        selection: early_pay_discount_computation(included|excluded|mixed)=included@16-16
        date: fiscalyear_lock_date tax_lock_date period_lock_date@-17 sale_lock_date@18- purchase_lock_date@18-
        date: hard_lock_date@18-
        """, order="sequence, name"),
    model("res.users", """
        char: name* login* lang=en_US tz
        boolean: active=true share
        many2one: company_id*>res.company partner_id>res.partner
        many2many: company_ids>res.company groups_id>res.groups
        """, order="name, login"),
    model("res.groups", "char: name* full_name"),
    model("res.partner.bank", "char: acc_number*\nmany2one: partner_id*>res.partner currency_id>res.currency\nboolean: active=true",
          label="acc_number"),
    model("res.partner.category", "char: name*\nboolean: active=true"),
    model("res.partner", """
        char: name ref email phone mobile website street street2 city zip vat function barcode
        char: complete_name~@17- commercial_company_name~ country_code^country_id.code@16- company_registry@16-
        html: comment
        selection: lang(en_US)=en_US tz
        boolean: active=true is_company employee use_partner_credit_limit partner_share!=true
        integer: customer_rank supplier_rank color
        float: credit_limit
        monetary: credit~ debit~
        selection: type(contact|invoice|delivery|other|private@-16)=contact company_type(person|company)
        many2one: parent_id>res.partner state_id>res.country.state country_id>res.country company_id>res.company
        many2one: user_id>res.users commercial_partner_id!>res.partner currency_id~>res.currency
        many2one: property_account_receivable_id$>account.account property_account_payable_id$>account.account
        many2one: property_payment_term_id$>account.payment.term property_supplier_payment_term_id$>account.payment.term
        many2one: property_account_position_id$>account.fiscal.position
        many2one: property_purchase_currency_id$>res.currency
        many2many: category_id>res.partner.category
        one2many: child_ids>res.partner:parent_id
        """, order="name, id"),
)  # fmt: skip

_PRODUCTS: tuple[Model, ...] = (
    model("uom.category", "char: name*"),
    model("uom.uom", """
        char: name*
        many2one: category_id*>uom.category
        float: factor=1.0 factor_inv=1.0 rounding=0.01 ratio=1.0
        selection: uom_type(bigger|reference|smaller)=reference
        boolean: active=true
        """, order="id"),
    model("product.category", """
        char: name* complete_name~
        many2one: parent_id>product.category property_account_income_categ_id$>account.account
        many2one: property_account_expense_categ_id$>account.account
        one2many: child_id>product.category:parent_id
        """, order="id"),
    model("product.template", """
        char: name* default_code^product_variant_id.default_code barcode^product_variant_id.barcode
        html: description
        text: description_sale description_purchase
        boolean: active=true sale_ok=true purchase_ok=true is_storable@18-
        float: list_price&price=1.0 standard_price^product_variant_id.standard_price
        integer: sequence=1 product_variant_count~
        selection: detailed_type(consu|service)=consu@15-17 type(consu|service|combo@18-)=consu
        selection: invoice_policy(order|delivery)=order purchase_method(purchase|receive)=receive
        many2one: categ_id*>product.category=1 uom_id*>uom.uom=1 uom_po_id*>uom.uom=1 company_id>res.company
        many2one: product_variant_id!>product.product property_account_income_id$>account.account
        many2one: property_account_expense_id$>account.account currency_id~>res.currency
        many2many: taxes_id>account.tax supplier_taxes_id>account.tax
        one2many: product_variant_ids>product.product:product_tmpl_id
        """, order="name"),
    model("product.product", """
        char: default_code barcode code^default_code partner_ref~
        boolean: active=true
        float: standard_price&price lst_price~ volume weight price_extra~
        many2one: product_tmpl_id>product.template
        """, order="default_code, name, id", borrows="product.template", through="product_tmpl_id"),
)  # fmt: skip

_LEDGER: tuple[Model, ...] = (
    model("account.account.type", "char: name*\nselection: type(other|receivable|payable|liquidity)\n"
          "selection: internal_group(equity|asset|liability|income|expense|off_balance)"),
    model("account.account", f"""
        char: code* name*
        text: note
        selection: account_type*({_ACCOUNT_TYPES})@16- internal_group~@16- internal_type~@-15
        boolean: deprecated reconcile non_trade@16-
        many2one: user_type_id~>account.account.type@-15 currency_id>res.currency company_id>res.company@-17
        many2many: company_ids~>res.company@18- tax_ids>account.tax
        float: current_balance~
        """, order="code"),
    model("account.tax.group", "char: name*\ninteger: sequence=10\nmany2one: company_id>res.company@17-", order="sequence, id"),
    model("account.tax", """
        char: name* invoice_label@17-
        char: description
        float: amount*
        selection: amount_type*(group|fixed|percent|division)=percent type_tax_use*(sale|purchase|none)=sale
        selection: tax_scope(service|consu) tax_exigibility(on_invoice|on_payment)=on_invoice
        selection: price_include_override(tax_included|tax_excluded)@18-
        integer: sequence=1
        boolean: active=true price_include include_base_amount is_base_affected=true analytic
        many2one: company_id>res.company tax_group_id>account.tax.group country_id>res.country
        many2many: children_tax_ids>account.tax
        one2many: invoice_repartition_line_ids>account.tax.repartition.line:invoice_tax_id
        one2many: refund_repartition_line_ids>account.tax.repartition.line:refund_tax_id
        """, order="sequence, id"),
    model("account.tax.repartition.line", """
        float: factor_percent=100
        selection: repartition_type(base|tax)=tax document_type(invoice|refund)
        many2one: account_id>account.account invoice_tax_id>account.tax refund_tax_id>account.tax company_id>res.company
        """, label="repartition_type"),
    model("account.fiscal.position", "char: name*\nboolean: active=true auto_apply\nmany2one: company_id>res.company "
          "country_id>res.country", order="name"),
    model("account.journal", """
        char: name* code* bank_acc_number
        selection: type*(sale|purchase|cash|bank|general|credit@18-)
        boolean: active=true refund_sequence restrict_mode_hash_table payment_sequence
        integer: sequence=10
        many2one: company_id>res.company currency_id>res.currency default_account_id>account.account
        many2one: suspense_account_id>account.account
        one2many: inbound_payment_method_line_ids>account.payment.method.line:journal_id
        one2many: outbound_payment_method_line_ids>account.payment.method.line:journal_id
        """, order="sequence, type, code"),
    model("account.payment.method.line", """
        char: name* code
        integer: sequence=10
        selection: payment_type(inbound|outbound)
        many2one: journal_id>account.journal payment_account_id>account.account
        """, order="sequence, id"),
    model("account.payment.term", """
        char: name*
        html: note
        integer: sequence*=10 discount_days@17-
        boolean: active=true early_discount@17- display_on_invoice
        float: discount_percentage@17-
        many2one: company_id>res.company
        one2many: line_ids>account.payment.term.line:payment_id
        """, order="sequence, id"),
    model("account.payment.term.line", """
        selection: value(percent|fixed|balance)=percent
        selection: delay_type(days_after|days_after_end_of_month|days_after_end_of_next_month)=days_after@17-
        float: value_amount&terms=100
        selection: option~(day_after_invoice_date|day_following_month)@-15
        boolean: end_month~@16-16
        integer: nb_days@17- days~@-16 months~@16-16
        many2one: payment_id*>account.payment.term
        """, label="value"),
    model("account.analytic.plan", "char: name*"),
    model("account.analytic.account", "char: name* code\nboolean: active=true\nmany2one: plan_id*>account.analytic.plan@16- "
          "company_id>res.company partner_id>res.partner", order="code, name"),
    model("account.analytic.line", """
        char: name* ref
        date: date*
        float: unit_amount
        monetary: amount
        many2one: account_id>account.analytic.account company_id>res.company partner_id>res.partner
        many2one: product_id>product.product general_account_id>account.account
        """, order="date desc, id desc"),
)  # fmt: skip

LISTS = (*_TECHNICAL, *_PLACES, *_PEOPLE, *_PRODUCTS, *_LEDGER)
