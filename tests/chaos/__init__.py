"""A campaign that kills and breaks real things while documents flow, and asks the vendors' own ledgers what became of them."""
