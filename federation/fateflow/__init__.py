"""How FATE-Flow's `/v1` is read and answered: what the coordinator and a party's gateway share."""
