"""Trains FATE's CoordinatedLR beside ours; run by FATE's Python, with its server running.

Reads one number of epochs a line, and answers with the seconds that the training task took.
"""

import contextlib
import json
import sys
from pathlib import Path
from typing import Any

import requests

NAMESPACE = "tripact-benchmark"
GUEST, HOST, ARBITER = "9999", "10000", "10001"
META = {
    "delimiter": ",",
    "dtype": "float64",
    "input_format": "dense",
    "match_id_name": "id",
    "match_id_range": 0,
    "tag_value_delimiter": ":",
    "tag_with_value": False,
    "weight_type": "float64",
}


def upload(role: str, file: str) -> None:
    """Hand a party's CSV file to FATE."""
    from fate_client.pipeline import FateFlowPipeline  # type: ignore[import-not-found]

    label = {"label_type": "int64", "label_name": "y"} if role == "guest" else {}
    pipeline = FateFlowPipeline().set_parties(local="0")
    pipeline.set_site_role("local")
    pipeline.set_site_party_id("0")
    pipeline.transform_local_file_to_dataframe(
        file=str(Path(file).resolve()),
        meta=META | label,
        head=True,
        extend_sid=True,
        namespace=NAMESPACE,
        name=role,
    )


def fit(url: str, epochs: int, key_bits: int) -> float:
    """Seconds of one training in full batches.

    Raises:
        RuntimeError: FATE says that it did not succeed.
    """
    from fate_client.pipeline import FateFlowPipeline
    from fate_client.pipeline.components.fate import (  # type: ignore[import-not-found]
        PSI,
        CoordinatedLR,
        Reader,
    )

    pipeline: Any = FateFlowPipeline().set_parties(guest=GUEST, host=HOST, arbiter=ARBITER)
    reader = Reader("reader_0", runtime_parties={"guest": GUEST, "host": HOST})
    reader.guest.task_parameters(namespace=NAMESPACE, name="guest")
    reader.hosts[0].task_parameters(namespace=NAMESPACE, name="host")
    joined = PSI("psi_0", input_data=reader.outputs["output_data"])
    model = CoordinatedLR(
        "lr_0",
        train_data=joined.outputs["output_data"],
        epochs=epochs,
        batch_size=None,
        early_stop="diff",
        tol=1e-12,
        he_param={"kind": "paillier", "key_length": key_bits},
        learning_rate_scheduler={
            "method": "constant",
            "scheduler_params": {"factor": 1.0, "total_iters": 100},
        },
        optimizer={
            "method": "rmsprop",
            "penalty": "L2",
            "alpha": 0.01,
            "optimizer_params": {"lr": 0.15},
        },
        init_param={"fit_intercept": True, "method": "zeros"},
    )
    pipeline.add_tasks([reader, joined, model])
    pipeline.compile()
    pipeline.fit()
    job = pipeline.model_info.job_id
    asked = {"job_id": job, "role": "guest", "party_id": GUEST, "task_name": "lr_0"}
    tasks = requests.get(f"{url}/v2/job/task/query", params=asked, timeout=60).json()["data"]
    if not tasks or tasks[0]["status"] != "success":
        raise RuntimeError(f"FATE's job {job} did not succeed")
    return float(tasks[0]["elapsed"]) / 1000


def main() -> None:
    """Upload, then answer until there are no more questions; FATE's own words go to stderr."""
    url, key_bits, guest, host = sys.argv[1:5]
    answers, sys.stdout = sys.stdout, sys.stderr
    with contextlib.redirect_stdout(sys.stderr):
        upload("guest", guest)
        upload("host", host)
        answers.write("ready\n")
        answers.flush()
        for line in sys.stdin:
            answers.write(json.dumps(fit(url, int(line), int(key_bits))) + "\n")
            answers.flush()


if __name__ == "__main__":
    main()
