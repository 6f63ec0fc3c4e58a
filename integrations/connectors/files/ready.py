"""Layouts that are ready for use."""

from integrations.connectors.files.layout import Column, KindRule, Layout

# The "Online Retail" data set of the UCI Machine Learning Repository (DOI 10.24432/C5BW33), as CSV.
ONLINE_RETAIL = Layout(
    name="online_retail",
    title="Online Retail order lines (UCI)",
    pattern="*.csv",
    dates=("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d"),
    key="InvoiceNo",
    key_transforms=("strip", "upper"),
    columns=(
        Column(column="InvoiceNo", to="document.number", transforms=("strip", "upper")),
        Column(column="InvoiceDate", to="document.issued_on"),
        # Written by a program that knew the numbers only as floats.
        Column(column="CustomerID", to="customer.key", transforms=("strip", "whole_number")),
        Column(column="Country", to="customer.country"),
        Column(column="StockCode", to="item.key", transforms=("strip", "upper")),
        Column(column="Description", to="item.name", transforms=("one_space",)),
        Column(column="Quantity", to="line.quantity"),
        Column(column="UnitPrice", to="line.unit_price"),
    ),
    kinds=(
        KindRule(starts="C", becomes="credit_note"),
        KindRule(
            starts="A",
            becomes="reject",
            because="bad debt is adjusted by the bookkeeper, it is no sale",
        ),
    ),
    currency="GBP",
    charges={
        "AMAZONFEE": "Amazon fee",
        "B": "Bad debt adjustment",
        "BANK CHARGES": "Bank charges",
        "C2": "Carriage",
        "CRUK": "Commission to charity",
        "D": "Discount",
        "DOT": "Dotcom postage",
        "M": "Manual entry",
        "POST": "Postage",
        "S": "Samples",
    },
    country_codes={"EIRE": "IE", "RSA": "ZA", "USA": "US", "Unspecified": ""},
)

READY = {layout.name: layout for layout in (ONLINE_RETAIL,)}
