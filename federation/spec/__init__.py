"""The language of jobs: parties, ids, DSL and conf, ports, plan, status. Pure."""
