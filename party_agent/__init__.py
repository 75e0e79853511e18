"""One party's machine: owns its data, its keys and its say, and runs its share of every job."""
