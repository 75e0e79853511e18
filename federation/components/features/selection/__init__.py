"""Which features stay: filters by own rows, or by what earlier components found."""
