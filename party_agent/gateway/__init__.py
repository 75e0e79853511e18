"""The party's own door: `/v1` for its own users, on its own machine; no coordinator sees a byte."""
