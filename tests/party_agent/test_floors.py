"""Whose word it is how small a bin may be that a host answers for: the owner's, or the job's."""

from pathlib import Path
from typing import Any

import pytest

from federation.errors import InvalidPolicy
from federation.spec.orders import PrepareJob, TaskBrief
from federation.spec.party import GUEST, HOST
from party_agent.checks import Checks, as_owner_has_it
from party_agent.home import Home
from party_agent.journal import Journal
from party_agent.peers import Peers
from party_agent.policy import Rules, parse_policy
from party_agent.tables import TableStore

BRIEF = TaskBrief(
    task_id="j_binning_0",
    component="binning_0",
    module="HeteroFeatureBinning",
    role=HOST,
    index=0,
    params={"bin_num": 5},
)


def asked(**params: Any) -> TaskBrief:
    return BRIEF.model_copy(update={"params": {**BRIEF.params, **params}})


def rules(root: Path, policy: str) -> Rules:
    path = root / "policy.toml"
    path.write_text(policy)
    return Rules(path, root, standalone=True)


@pytest.mark.parametrize(
    ("policy", "params", "least"),
    [
        ("least_bin_rows = 20", {}, 20),
        ("least_bin_rows = 20", {"least_bin_rows": 5}, 20),
        ("least_bin_rows = 20", {"least_bin_rows": None}, 20),
        ("least_bin_rows = 20", {"least_bin_rows": "5"}, 20),
        ("least_bin_rows = 20", {"least_bin_rows": 5.0}, 20),
        ("least_bin_rows = 20", {"least_bin_rows": 50}, 50),
        ("", {"least_bin_rows": 5}, 5),
    ],
)
def test_the_larger_floor_of_job_and_owner_counts(
    tmp_path: Path, policy: str, params: dict[str, Any], least: int
) -> None:
    found = as_owner_has_it(asked(**params), rules(tmp_path, policy))
    assert found.params == {"bin_num": 5, "least_bin_rows": least}


def test_a_guest_and_modules_without_bins_run_as_the_job_says(tmp_path: Path) -> None:
    checked = rules(tmp_path, "least_bin_rows = 20")
    guest = BRIEF.model_copy(update={"role": GUEST})
    assert as_owner_has_it(guest, checked) is guest
    other = BRIEF.model_copy(update={"module": "FeatureScale", "params": {}})
    assert as_owner_has_it(other, checked) is other


def test_a_ready_host_tells_the_floor_it_will_keep(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.policy.write_text("least_bin_rows = 20")
    checked = Rules(home.policy, home.root, standalone=True)
    peers = Peers(Journal(home.database), checked, home)
    checks = Checks("2", checked, peers, TableStore(home.tables), None)

    def answer(brief: TaskBrief) -> Any:
        return checks.answer(
            PrepareJob(
                job_id="j",
                epoch=0,
                digest=bytes(32),
                initiator_role=HOST,
                initiator_party_id="2",
                roles={HOST: ("2",)},
                keys={},
                tasks=(brief,),
            )
        )

    assert answer(BRIEF).params["binning_0/host"]["least_bin_rows"] == 20
    wrong = answer(asked(least_bin_rows="few"))
    assert [reason.path for reason in wrong.reasons] == ["binning_0.least_bin_rows"]


def test_a_floor_below_one_row_is_no_floor() -> None:
    with pytest.raises(InvalidPolicy, match="least_bin_rows"):
        parse_policy("least_bin_rows = 0")
