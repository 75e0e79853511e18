import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from federation.components.component import Model
from federation.errors import CheckpointNotFound, ModelNotFound, TableNotFound, Unavailable
from federation.spec.orders import TableName
from party_agent.models import ModelName, Models

NAME = ModelName(
    "arbiter-10000#guest-9999#host-10000#model", "202611210000000000000", "guest", "lr"
)
CACHE = TableName(namespace="output_cache_1", name="c")


def model(weight: float = 0.5) -> Model:
    return Model(
        "HeteroLR",
        meta={"penalty": "L2", "alpha": np.float64(0.01)},
        param={"weight": {"x0": np.float64(weight)}, "iters": np.int64(5)},
        state={"weights": np.array([weight, -1.0]), "key": 2**2048 + 1, "none": None},
    )


def test_a_model_comes_back_with_the_same_bits(tmp_path: Path) -> None:
    Models(tmp_path).save(NAME, model(0.1))
    again = Models(tmp_path).get(NAME)
    np.testing.assert_array_equal(again.state["weights"], np.array([0.1, -1.0]))
    assert again.state["key"] == 2**2048 + 1
    assert (again.module, again.component) == ("HeteroLR", "lr")


def test_what_is_shown_of_a_model_is_plain_json(tmp_path: Path) -> None:
    Models(tmp_path).save(NAME, model())
    again = Models(tmp_path).get(NAME)
    assert again.param == {"weight": {"x0": 0.5}, "iters": 5}
    assert {type(again.param["iters"]), type(again.meta["alpha"])} == {int, float}


@pytest.mark.parametrize("field", ["model_id", "model_version", "role", "component"])
def test_models_that_differ_in_one_name_are_different(tmp_path: Path, field: str) -> None:
    models, other = Models(tmp_path), replace(NAME, **{field: "../other"})
    models.save(NAME, model(1.0))
    models.save(other, model(2.0))
    assert models.get(NAME).param["weight"] == {"x0": 1.0}
    assert models.get(other).param["weight"] == {"x0": 2.0}
    assert {path.name for path in tmp_path.iterdir()} == {"models"}


def test_saving_again_replaces(tmp_path: Path) -> None:
    models = Models(tmp_path)
    models.save(NAME, model(1.0))
    models.save(NAME, model(2.0))
    assert models.get(NAME).param["weight"] == {"x0": 2.0}
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


def test_the_digest_is_that_of_the_file(tmp_path: Path) -> None:
    saved = Models(tmp_path).save(NAME, model())
    (file,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert saved.digest == hashlib.sha256(file.read_bytes()).hexdigest()
    assert saved.size_bytes == file.stat().st_size


def test_only_the_owner_of_the_machine_reads_a_model(tmp_path: Path) -> None:
    Models(tmp_path).save(NAME, model())
    (file,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert file.stat().st_mode & 0o077 == 0


def test_a_model_that_was_never_saved_is_not_found(tmp_path: Path) -> None:
    assert Models(tmp_path).find(NAME) is None
    with pytest.raises(ModelNotFound, match="there is no model"):
        Models(tmp_path).get(NAME)


def test_a_damaged_model_is_named(tmp_path: Path) -> None:
    models = Models(tmp_path)
    models.save(NAME, model())
    (file,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(Unavailable, match="damaged"):
        models.get(NAME)


def test_an_object_that_has_no_place_in_the_codec_is_not_saved(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        Models(tmp_path).save(NAME, replace(model(), state={"call": object()}))
    assert Models(tmp_path).find(NAME) is None


def test_a_cache_comes_back_until_it_is_dropped(tmp_path: Path) -> None:
    models = Models(tmp_path)
    models.save_cache(CACHE, {"ids": np.arange(3), "method": "rsa"})
    cache = models.get_cache(CACHE)
    np.testing.assert_array_equal(cache["ids"], np.arange(3))
    models.drop_cache(CACHE)
    models.drop_cache(CACHE)
    with pytest.raises(TableNotFound):
        models.get_cache(CACHE)


def test_checkpoints_are_listed_in_the_order_of_their_steps(tmp_path: Path) -> None:
    models = Models(tmp_path)
    for index in (10, 2, 0):
        models.save_checkpoint(NAME, index, f"epoch_{index}", model(float(index)))
    assert [(s.index, s.name) for s in models.checkpoints(NAME)] == [
        (0, "epoch_0"),
        (2, "epoch_2"),
        (10, "epoch_10"),
    ]


def test_a_checkpoint_is_found_by_its_index_and_by_its_name(tmp_path: Path) -> None:
    models = Models(tmp_path)
    models.save_checkpoint(NAME, 0, "epoch_0", model(1.0))
    models.save_checkpoint(NAME, 3, "epoch_3", model(2.0))
    by_index = models.get_checkpoint(NAME, 3)[1]
    by_name = models.get_checkpoint(NAME, step_name="epoch_3")[1]
    assert by_index.param["weight"] == by_name.param["weight"] == {"x0": 2.0}


def test_a_checkpoint_that_was_not_kept_is_named(tmp_path: Path) -> None:
    Models(tmp_path).save_checkpoint(NAME, 0, "epoch_0", model())
    with pytest.raises(CheckpointNotFound, match="step 7"):
        Models(tmp_path).get_checkpoint(NAME, 7)


def test_checkpoints_of_an_earlier_attempt_are_let_go(tmp_path: Path) -> None:
    models = Models(tmp_path)
    models.save_checkpoint(NAME, 0, "epoch_0", model())
    models.save(NAME, model(2.0))
    models.drop_checkpoints(NAME)
    assert models.checkpoints(NAME) == []
    assert models.get(NAME).param["weight"] == {"x0": 2.0}
