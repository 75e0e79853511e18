"""Components that make and change features."""
