"""A job of twelve light components over three parties, for tests that run it many times."""

from typing import Any

Json = dict[str, Any]

GUEST, HOST, LATER = "9999", "10000", "10001"
PARTIES = (GUEST, HOST, LATER)
_SCALE = {"method": "min_max_scale", "scale_col_indexes": -1}

# Two chains of scalings side by side between a reader and a fit that an arbiter takes part in.
COMPONENTS = (
    "reader_0",
    "data_transform_0",
    "intersection_0",
    "feature_scale_0",
    "feature_scale_1",
    "feature_scale_2",
    "feature_scale_3",
    "feature_scale_4",
    "feature_scale_5",
    "feature_scale_6",
    "hetero_lr_0",
    "evaluation_0",
)
_SCALED = {
    "feature_scale_0": "intersection_0",
    "feature_scale_1": "feature_scale_0",
    "feature_scale_2": "feature_scale_1",
    "feature_scale_3": "intersection_0",
    "feature_scale_4": "feature_scale_3",
    "feature_scale_5": "feature_scale_4",
    "feature_scale_6": "feature_scale_2",
}


def _component(module: str, slot: str = "", source: str = "", *, model: bool = True) -> Json:
    made: Json = {"module": module, "output": {"data": ["data"]}}
    if source:
        made["input"] = {"data": {slot: [f"{source}.data"]}}
    if model:
        made["output"]["model"] = ["model"]
    return made


DSL: Json = {
    "components": {
        "reader_0": _component("Reader", model=False),
        "data_transform_0": _component("DataTransform", "data", "reader_0"),
        "intersection_0": _component("Intersection", "data", "data_transform_0", model=False),
        **{name: _component("FeatureScale", "data", before) for name, before in _SCALED.items()},
        "hetero_lr_0": _component("HeteroLR", "train_data", "feature_scale_6"),
        "evaluation_0": _component("Evaluation", "data", "hetero_lr_0", model=False),
    }
}


def conf(**job_parameters: Any) -> Json:
    """The conf of a job; every table is `breast.<party id>`."""

    def table(party_id: str, **transform: Any) -> Json:
        return {
            "reader_0": {"table": {"namespace": "lives", "name": party_id}},
            "data_transform_0": {"output_format": "dense", **transform},
        }

    labelled = {"with_label": True, "label_name": "y"}
    return {
        "dsl_version": 2,
        "initiator": {"role": "guest", "party_id": int(GUEST)},
        "role": {"guest": [int(GUEST)], "host": [int(HOST)], "arbiter": [int(LATER)]},
        "job_parameters": {"common": {"job_type": "train", **job_parameters}},
        "component_parameters": {
            "common": {
                "intersection_0": {"intersect_method": "ecdh"},
                **dict.fromkeys(_SCALED, _SCALE),
                "hetero_lr_0": {"max_iter": 1, "batch_size": -1},
                "evaluation_0": {"eval_type": "binary"},
            },
            "role": {
                "guest": {"0": table(GUEST, **labelled)},
                "host": {"0": table(HOST, with_label=False)},
            },
        },
    }


def csv_of(party_id: str, rows: int = 24) -> str:
    """The table of a party: ids that all parties have, and a column that is its own."""
    label = party_id == GUEST
    lines = ["id,y,x" if label else "id,x"]
    for row in range(rows):
        value = (row * 7919 + int(party_id)) % 101 / 101
        lines.append(f"{row},{row % 2},{value}" if label else f"{row},{value}")
    return "\n".join(lines) + "\n"
