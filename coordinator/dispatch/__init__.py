"""Links to the parties' agents: orders out, reports in, letters across, and the clock."""
