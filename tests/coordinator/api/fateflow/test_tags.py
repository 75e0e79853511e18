"""Tags on models, as FATE's clients put and read them."""

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture
def tag(live: Any) -> Iterator[str]:
    live.client.ask("model/tag/create", {"tag_name": "good", "tag_desc": "was checked"})
    yield "good"
    for name in ("good", "better"):
        live.client.call("model/tag/destroy", {"tag_name": name})


def named(live: Any) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in live.client.ask("model/tag/list", {"limit": 0})["tags"]}


def test_a_tag_is_listed_until_it_is_destroyed(live: Any, tag: str) -> None:
    assert named(live)[tag] == {"name": tag, "description": "was checked", "model_count": 0}
    assert live.client.call("model/tag/destroy", {"tag_name": tag})["retcode"] == 0
    assert tag not in named(live)
    assert live.client.call("model/tag/destroy", {"tag_name": tag})["retcode"] == 100


def test_a_list_has_as_many_tags_as_asked_for(live: Any, tag: str) -> None:
    live.client.ask("model/tag/create", {"tag_name": "better"})
    assert len(live.client.ask("model/tag/list", {"limit": 1})["tags"]) == 1


def test_a_tag_is_not_made_twice(live: Any, tag: str) -> None:
    answer = live.client.call("model/tag/create", {"tag_name": tag})
    assert answer["retcode"] == 100
    assert tag in answer["retmsg"]


def test_a_model_keeps_a_tag_that_is_renamed(live: Any, done_job: str, tag: str) -> None:
    body = {"job_id": done_job, "tag_name": tag}
    assert live.client.call("model/model_tag/create", body)["retcode"] == 0
    assert live.client.call("model/model_tag/create", body)["retcode"] == 100
    renamed = {"tag_name": tag, "new_tag_name": "better", "new_tag_desc": "twice"}
    assert live.client.call("model/tag/update", renamed)["retcode"] == 0
    mine = live.client.ask("model/model_tag/retrieve", {"job_id": done_job})
    assert mine == {"tags": [{"name": "better", "description": "twice"}], "count": 1}
    models = live.client.ask("model/tag/retrieve", {"tag_name": "better", "with_model": True})
    assert {row["model_version"] for row in models["models"]} == {done_job}
    assert models["count"] == 3
    gone = {"job_id": done_job, "tag_name": "better"}
    assert live.client.call("model/model_tag/remove", gone)["retcode"] == 0
    assert live.client.call("model/model_tag/remove", gone)["retcode"] == 100
    assert named(live)["better"]["model_count"] == 0


def test_a_tag_takes_no_name_that_another_has(live: Any, tag: str) -> None:
    live.client.ask("model/tag/create", {"tag_name": "better"})
    answer = live.client.call("model/tag/update", {"tag_name": tag, "new_tag_name": "better"})
    assert answer["retcode"] == 100
    assert tag in named(live)


@pytest.mark.parametrize("route", ["retrieve", "update", "destroy"])
def test_a_tag_that_is_not_there_is_told(live: Any, route: str) -> None:
    answer = live.client.call(f"model/tag/{route}", {"tag_name": "nobody made this"})
    assert answer["retcode"] == 100
    assert "nobody made this" in answer["retmsg"]


def test_what_is_no_model_gets_no_tag(live: Any, tag: str) -> None:
    assert live.client.call("model/model_tag/create", {"job_id": "1", "tag_name": tag})["retcode"]
    assert live.client.call("model/model_tag/retrieve", {"job_id": "1"})["retcode"] == 100
