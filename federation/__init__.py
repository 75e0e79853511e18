"""What all parties agree on: the job language, the letters, the protocols and the components."""
