"""CacheLoader and ModelLoader: what is bound is handed on, what is not named is asked for."""

from typing import Any

import pytest

from federation.components.component import Model
from federation.components.tables.loaders import (
    CacheLoaderParams,
    ModelLoaderParams,
    cache_loader,
    model_loader,
)
from federation.errors import BadRequest, InvalidParameters
from federation.spec.party import ARBITER, GUEST, HOST, Party

G, H, A = Party(GUEST, "9999"), Party(HOST, "10000"), Party(ARBITER, "10001")


async def test_each_party_hands_its_own_cache_on(play: Any) -> None:
    caches = {seat: {"side": seat.role.value} for seat in (G, H)}
    ports = {seat: {"cache": cache} for seat, cache in caches.items()}
    played = await play(cache_loader, {}, ports)
    for seat, cache in caches.items():
        assert played[seat].cache == cache
    assert not played.ledger


async def test_each_party_hands_its_own_model_on(play: Any) -> None:
    models = {seat: Model("HeteroLR", {}, {}, {"of": str(seat)}) for seat in (G, H, A)}
    played = await play(model_loader, {}, {seat: {"model": m} for seat, m in models.items()})
    for seat, model in models.items():
        assert played[seat].model == model
    assert not played.ledger


@pytest.mark.parametrize(
    ("component", "message"), [(cache_loader, "no cache is named"), (model_loader, "no model is")]
)
async def test_what_is_not_named_is_asked_for(play: Any, component: Any, message: str) -> None:
    with pytest.raises(BadRequest, match=message):
        await play(component, {}, {G: {}})


def test_fates_fields_are_read_and_others_named() -> None:
    CacheLoaderParams.parse({"cache_key": "k", "job_id": "1", "component_name": "intersection_0"})
    ModelLoaderParams.parse({"model_alias": "model", "step_index": None, "step_name": "epoch_3"})
    with pytest.raises(InvalidParameters) as refused:
        ModelLoaderParams.parse({"step_index": -1, "modelid": "x"})
    assert {problem.path for problem in refused.value.problems} == {"step_index", "modelid"}
