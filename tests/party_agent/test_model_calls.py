"""What the coordinator may ask about models: under the policy, and with what effect."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from federation.components.common.conversion import NotConvertible
from federation.components.component import Model
from federation.errors import CheckpointNotFound, PolicyRefused
from federation.wire.frames import Frame
from party_agent.archives import BadArchive, ModelExists
from party_agent.home import Home
from party_agent.model_calls import ArchiveNotFound, ModelCalls
from party_agent.models import ModelName, Models
from party_agent.policy import Rules
from party_agent.streams import Stream

NAME = ModelName("m", "v", "guest", "lr_0")
EXPECTED = {"model_id": "m", "model_version": "d", "role": "guest", "party_id": "1"}
PART = {"model_id": "m", "model_version": "v", "component": "lr_0", "output": "model"}
SHARE = {"role": "guest", "parts": [PART], "about": EXPECTED, "archive": "a"}
STEP = {"model_id": "m", "model_version": "v", "role": "guest", "component": "lr_0"}


class Asked:
    """A party's model calls, over a home of its own."""

    def __init__(self, root: Path, *, standalone: bool = True, policy: str = "") -> None:
        home = Home(root)
        home.policy.write_text(policy)
        self.root = root
        self.models = Models(home.models)
        self.sent: list[Frame] = []
        self._calls = ModelCalls(home, Rules(home.policy, root, standalone=standalone))

    def keep(self, module: str = "HomoLR", weight: float = 0.5) -> None:
        state: dict[str, Any] = {
            "names": ["x"],
            "intercept": True,
            "classes": [0.0, 1.0],
            "weights": np.array([[weight, 1.0]]),
            "iters": [1],
        }
        self.models.save(NAME, Model(module, {}, {}, state))
        self.models.save_checkpoint(NAME, 2, "epoch_2", Model(module, {}, {}, state))

    async def __call__(self, method: str, args: dict[str, Any]) -> Any:
        return await self._calls.methods[method](args, Stream("c", self.sent.append))


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    made = Asked(tmp_path)
    made.keep()
    return made


@pytest.mark.parametrize(
    ("method", "args"),
    [
        ("export_model", SHARE),
        ("import_model", {"expected": EXPECTED}),
        ("checkpoints", STEP),
        ("checkpoint", {**STEP, "step_index": 2}),
    ],
)
async def test_nothing_learned_leaves_or_comes_unless_the_owner_grants_it(
    tmp_path: Path, method: str, args: dict[str, Any]
) -> None:
    party = Asked(tmp_path, standalone=False)
    party.keep()
    with pytest.raises(PolicyRefused, match=r"party-agent grant --what (model|import)"):
        await party(method, args)
    assert party.sent == []


async def test_a_granted_export_is_a_zip(tmp_path: Path) -> None:
    rule = '[[allow]]\nwhat = "model"\nmodels = ["m/*"]\n'
    party = Asked(tmp_path, standalone=False, policy=rule)
    party.keep()
    told = await party("export_model", SHARE)
    content = b"".join(bytes(frame.body) for frame in party.sent)
    assert (content[:2], told["size_bytes"]) == (b"PK", len(content))


async def test_what_was_stored_comes_back_and_only_whole(asked: Asked) -> None:
    stored = await asked("store_model", SHARE)
    asked.keep(weight=9.0)
    taking = {"archive": "a", "expected": EXPECTED, "sha256": stored["sha256"]}
    with pytest.raises(ModelExists):
        await asked("restore_model", taking)
    with pytest.raises(BadArchive, match="SHA-256"):
        await asked("restore_model", {**taking, "sha256": "0" * 64})
    with pytest.raises(ArchiveNotFound):
        await asked("restore_model", {**taking, "archive": "b"})
    told = await asked("restore_model", {**taking, "force": True})
    assert told["manifest"]["components"][0]["component"] == "lr_0"
    assert asked.models.get(NAME).state["weights"][0, 0] == 0.5


async def test_files_for_other_software_travel_with_the_next_archive(asked: Asked) -> None:
    made = await asked("convert_model", {**SHARE, "framework": "sklearn"})
    assert made == {"components": {"lr_0": ["load.py", "model.json"]}}
    await asked("export_model", SHARE)
    content = b"".join(bytes(frame.body) for frame in asked.sent)
    assert b"converted/lr_0/sklearn/model.json" in content


async def test_a_vertical_model_is_not_converted(asked: Asked) -> None:
    asked.keep("HeteroLR")
    with pytest.raises(NotConvertible):
        await asked("convert_model", SHARE)


async def test_a_copy_stands_under_both_names(asked: Asked) -> None:
    await asked("copy_model", {**SHARE, "to": ["n", "w"]})
    copied = asked.models.get(ModelName("n", "w", "guest", "lr_0"))
    np.testing.assert_array_equal(copied.state["weights"], [[0.5, 1.0]])
    assert asked.models.find(NAME) is not None


async def test_a_step_becomes_a_model_of_another_version(asked: Asked) -> None:
    use = {**STEP, "to": ["m", "w"], "step_index": 2}
    saved = await asked("use_checkpoint", use)
    assert saved["size_bytes"] > 0
    assert asked.models.find(ModelName("m", "w", "guest", "lr_0")) is not None
    with pytest.raises(CheckpointNotFound):
        await asked("use_checkpoint", {**use, "step_index": 3})
    assert await asked("use_checkpoint", {**use, "step_index": 3, "or_last": True})


async def test_steps_are_told_and_shown(asked: Asked) -> None:
    (step,) = await asked("checkpoints", STEP)
    shown = await asked("checkpoint", {**STEP, "step_name": "epoch_2"})
    assert (step["step_index"], shown["step_name"]) == (2, "epoch_2")
    assert list(shown["models"]) == ["HomoLRModel"]
