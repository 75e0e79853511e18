"""`python -m party_agent` is the command `party-agent`."""

from party_agent.cli import main

if __name__ == "__main__":
    main()
