"""FATE-Serving's words: requests and answers of `/federation/v1/inference` and `batchInference`.

    {"head": {"serviceId": "s"},
     "body": {"featureData": {"x0": 1.5}, "sendToRemoteFeatureData": {"id": "7"}}}
    -> {"retcode": 0, "retmsg": "", "flag": 0,
        "data": {"score": 0.7, "modelId": ..., "modelVersion": ..., "timestamp": ...}}

A batch has `batchDataList` in its body, each entry with its `index`; the answer has one entry each.
Whatever goes wrong is told by `retcode` and `retmsg`. Source: FATE-Serving 2.x.
"""

import time
from collections.abc import Mapping
from enum import IntEnum
from typing import Any

from federation.errors import BadRequest, NotFound, TripactError, Unavailable
from party_agent.serving.desk import Asked, Service, ServingDesk

MOST_IN_A_BATCH = 1000

Document = Mapping[str, Any]


class Retcode(IntEnum):
    """FATE-Serving's status codes, as far as they are used."""

    SUCCESS = 0
    PARAM_ERROR = 100
    FEATURE_ERROR = 102
    MODEL_NULL = 104
    NET_ERROR = 105
    SYSTEM_ERROR = 110
    HOST_FEATURE_NOT_EXIST = 113
    SERVICE_NOT_FOUND = 122
    OVER_LOAD = 124


_RETCODES = {
    "ok": Retcode.SUCCESS,
    "bad_request": Retcode.PARAM_ERROR,
    "missing_features": Retcode.FEATURE_ERROR,
    "unfit_row": Retcode.FEATURE_ERROR,
    "unknown_id": Retcode.HOST_FEATURE_NOT_EXIST,
    "host_no_answer": Retcode.NET_ERROR,
    "serving_not_ready": Retcode.NET_ERROR,
    "model_not_loaded": Retcode.MODEL_NULL,
    "service_not_bound": Retcode.SERVICE_NOT_FOUND,
    "too_many_requests": Retcode.OVER_LOAD,
}

_ID_NAMES = ("id", "sid", "device_id")


async def inference(desk: ServingDesk, request: object) -> dict[str, Any]:
    """The answer to one request about one row."""
    try:
        service, body = _opened(desk, request)
        (told,) = await desk.predict(service, [_row(body, "body")])
    except TripactError as error:
        return _refusal(error)
    return {**_told(told), "data": {**_scored(told), **_model(service)}, "flag": 0}


async def batch_inference(desk: ServingDesk, request: object) -> dict[str, Any]:
    """The answer to one request about many rows."""
    try:
        service, body = _opened(desk, request)
        entries = body.get("batchDataList")
        if not isinstance(entries, list) or not entries:
            raise BadRequest("body.batchDataList must be a list of rows")
        if len(entries) > MOST_IN_A_BATCH:
            raise BadRequest(f"a batch holds at most {MOST_IN_A_BATCH} rows")
        rows = [_row(entry, f"body.batchDataList[{i}]") for i, entry in enumerate(entries)]
        told = await desk.predict(service, rows)
    except TripactError as error:
        return {**_refusal(error), "batchDataList": []}
    answers = [
        {"index": _index(entry, i), **_told(each), "data": _scored(each)}
        for i, (entry, each) in enumerate(zip(entries, told, strict=True))
    ]
    return {
        "retcode": int(Retcode.SUCCESS),
        "retmsg": "",
        "data": _model(service),
        "batchDataList": answers,
        "flag": 0,
    }


def _opened(desk: ServingDesk, request: object) -> tuple[Service, Document]:
    document = _object(request, "the request")
    head, body = _object(document.get("head"), "head"), _object(document.get("body"), "body")
    service_id = head.get("serviceId")
    if not isinstance(service_id, str) or not service_id:
        raise BadRequest("head.serviceId is missing: name the service")
    return desk.get(service_id), body


def _row(given: object, where: str) -> Asked:
    entry = _object(given, where)
    features = _object(entry.get("featureData", {}), f"{where}.featureData")
    wrong = [name for name, value in features.items() if not _is_plain(value)]
    if wrong:
        raise BadRequest(f"{where}.featureData: no number or text in {', '.join(wrong)}")
    remote = _object(entry.get("sendToRemoteFeatureData", {}), f"{where}.sendToRemoteFeatureData")
    return Asked(_id_of(remote, where), features)


def _id_of(remote: Document, where: str) -> str:
    """What hosts look the row up by: `id`, or whatever is the one thing that is sent."""
    names = [name for name in _ID_NAMES if name in remote] or list(remote)
    value = remote[names[0]] if names else ""
    if not names or not isinstance(value, str | int) or isinstance(value, bool):
        if not remote:
            return ""
        raise BadRequest(f"{where}.sendToRemoteFeatureData.id must be a text or a whole number")
    return str(value)


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, str | int | float | bool)


def _object(value: object, where: str) -> Document:
    if not isinstance(value, Mapping):
        raise BadRequest(f"{where} must be an object")
    return value


def _index(entry: Document, place: int) -> int:
    index = entry.get("index")
    return index if isinstance(index, int) else place


def _told(answer: Document) -> dict[str, Any]:
    code = str(answer["code"])
    return {
        "retcode": int(_RETCODES.get(code, Retcode.SYSTEM_ERROR)),
        "retmsg": str(answer.get("message", "")),
    }


def _scored(answer: Document) -> dict[str, Any]:
    if "score" not in answer:
        return {}
    return {"score": answer["score"], "label": answer["result"], "detail": answer["detail"]}


def _model(service: Service) -> dict[str, Any]:
    return {
        "modelId": service.model_id,
        "modelVersion": service.model_version,
        "timestamp": time.time_ns() // 1_000_000,
    }


def _refusal(error: TripactError) -> dict[str, Any]:
    known = {NotFound: Retcode.PARAM_ERROR, BadRequest: Retcode.PARAM_ERROR}
    family = next((code for kind, code in known.items() if isinstance(error, kind)), None)
    away = Retcode.NET_ERROR if isinstance(error, Unavailable) else Retcode.SYSTEM_ERROR
    retcode = _RETCODES.get(error.code, family or away)
    return {"retcode": int(retcode), "retmsg": error.message, "data": {}, "flag": 0}
