"""How any vendor is spoken to: plain Python and requests, no vendor's name, no database.

Read in this order: `message` (what goes over), `stream` and `shape` (what it means), `connector` (what a vendor is),
`exchange` (one question, one answer), then the drivers that carry it: `http`, `files`.
"""
