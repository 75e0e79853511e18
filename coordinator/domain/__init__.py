"""What the coordinator knows about jobs, tables and parties, without any I/O of its own.

The outside is reached through the protocols of `ports`: a store, and the parties' agents.
"""
