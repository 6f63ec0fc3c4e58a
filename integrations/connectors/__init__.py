"""One folder a vendor; see `registry` for how they are found."""
