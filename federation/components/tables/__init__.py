"""Components that bring tables in, hand them on, and match their rows."""
