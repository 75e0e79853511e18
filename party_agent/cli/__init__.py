"""The command `party-agent`, one file for each group of its verbs."""

from party_agent.cli.program import cli, main

__all__ = ["cli", "main"]
