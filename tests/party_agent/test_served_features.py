"""Whose word it is where a host's features are looked up for online predictions."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from federation.errors import InvalidPolicy
from federation.spec.orders import PrepareJob, RunTask, TableName, TaskBrief
from federation.spec.party import HOST
from federation.tables import Schema, Table
from party_agent.checks import Checks, with_features
from party_agent.home import Home
from party_agent.journal import Journal
from party_agent.peers import Peers
from party_agent.policy import Rules
from party_agent.tables import TableStore

NAMED = TableName(namespace="asked", name="rows")
OWNERS = TableName(namespace="live", name="customers")
STEPS = [{"component": "lr_0", "module": "HeteroLR", "inputs": {"test_data": "read_0"}}]
PARAMS: dict[str, Any] = {"model_id": "m", "model_version": "v", "steps": STEPS}
BRIEF = TaskBrief(
    task_id="j_serving_0",
    component="serving_0",
    module="Serving",
    role=HOST,
    index=0,
    params=PARAMS,
    tables=(NAMED,),
)


class Party:
    """A host without a process."""

    def __init__(self, root: Path, policy: str, *, standalone: bool = True) -> None:
        home = Home(root)
        home.policy.write_text(policy)
        self.rules = Rules(home.policy, home.root, standalone=standalone)
        self.tables = TableStore(home.tables)
        peers = Peers(Journal(home.database), self.rules, home)
        self.checks = Checks("2", self.rules, peers, self.tables, None)

    def upload(self, name: TableName) -> None:
        rows = Table(Schema("id", ("x",)), pa.table({"id": ["1"], "x": ["1"]}))
        self.tables.write(name.namespace, name.name, rows)

    def refusals(self) -> list[str]:
        order = PrepareJob(
            job_id="j",
            epoch=0,
            digest=bytes(32),
            initiator_role=HOST,
            initiator_party_id="2",
            roles={HOST: ("2",)},
            keys={},
            tasks=(BRIEF,),
        )
        return [reason.code for reason in self.checks.answer(order).reasons]


def test_without_a_word_of_the_owner_the_named_table_counts(tmp_path: Path) -> None:
    party = Party(tmp_path, "")
    assert with_features(BRIEF, party.rules).tables == (NAMED,)
    assert party.refusals() == ["table_not_found"]
    party.upload(NAMED)
    assert party.refusals() == []


def test_the_owners_table_counts_whatever_is_named(tmp_path: Path) -> None:
    party = Party(tmp_path, '[[serving]]\ntable = "live/customers"\n')
    party.upload(OWNERS)
    assert with_features(BRIEF, party.rules).tables == (OWNERS,)
    assert party.refusals() == []


@pytest.mark.parametrize(
    ("models", "fits"), [("*", True), ("m/*", True), ("m/v", True), ("n/*", False)]
)
def test_the_first_rule_that_fits_the_model_counts(tmp_path: Path, models: str, fits: bool) -> None:
    text = f'[[serving]]\nmodels = ["{models}"]\ntable = "live/customers"\n'
    assert (with_features(BRIEF, Party(tmp_path, text).rules).tables == (OWNERS,)) is fits


def test_a_guest_and_other_modules_keep_their_tables(tmp_path: Path) -> None:
    rules = Party(tmp_path, '[[serving]]\ntable = "live/customers"\n').rules
    reader = BRIEF.model_copy(update={"module": "Reader"})
    assert with_features(reader, rules).tables == (NAMED,)


def test_what_is_served_is_asked_about_as_if_it_ran_in_a_job(tmp_path: Path) -> None:
    allowed = '[[allow]]\ncomponents = ["Serving"]\n[[serving]]\ntable = "live/customers"\n'
    party = Party(tmp_path, allowed, standalone=False)
    party.upload(OWNERS)
    assert party.refusals() == ["policy_refused"]
    more = allowed.replace('"Serving"', '"Serving", "HeteroLR"')
    party = Party(tmp_path, more, standalone=False)
    assert party.refusals() == []


def test_nothing_is_served_while_the_policy_is_broken(tmp_path: Path) -> None:
    party = Party(tmp_path, '[[serving]]\ntable = "nowhere"\n')
    with pytest.raises(InvalidPolicy):
        with_features(BRIEF, party.rules)
    assert party.refusals() == ["invalid_policy"]


def test_a_promised_task_runs_with_the_owners_table(tmp_path: Path) -> None:
    rules = Party(tmp_path, '[[serving]]\ntable = "live/customers"\n').rules
    order = RunTask(
        job_id="j",
        epoch=0,
        task=BRIEF,
        version=0,
        roles={HOST: ("2",)},
        model_id="m",
        model_version="v",
    )
    assert with_features(order.task, rules).tables == (OWNERS,)
    assert order.task.tables == (NAMED,)
