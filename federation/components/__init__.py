"""One file per DSL module, grouped by family."""
