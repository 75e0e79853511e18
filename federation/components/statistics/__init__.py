"""Components that describe tables and predictions rather than learn from them."""
