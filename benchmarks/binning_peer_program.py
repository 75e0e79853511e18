"""Runs FATE 2.2's binning and selection once; started by `binning.py` with FATE's Python.

Arguments: the server's URL, the guest's and the host's CSV files, bins, bits of the key, threshold.
Prints JSON: seconds of the whole job as its client sees it, and of the two tasks.
"""

import contextlib
import json
import sys
import time
from typing import Any

import requests

from benchmarks.fate_peer_program import GUEST, HOST, NAMESPACE, upload


def measured(url: str, bins: int, key_bits: int, threshold: float) -> dict[str, float]:
    """Seconds of one job.

    Raises:
        RuntimeError: FATE says that it did not succeed.
    """
    from fate_client.pipeline import FateFlowPipeline  # type: ignore[import-not-found]
    from fate_client.pipeline.components.fate import (  # type: ignore[import-not-found]
        PSI,
        HeteroFeatureBinning,
        HeteroFeatureSelection,
        Reader,
    )

    pipeline: Any = FateFlowPipeline().set_parties(guest=GUEST, host=HOST)
    reader = Reader("reader_0", runtime_parties={"guest": GUEST, "host": HOST})
    reader.guest.task_parameters(namespace=NAMESPACE, name="guest")
    reader.hosts[0].task_parameters(namespace=NAMESPACE, name="host")
    joined = PSI("psi_0", input_data=reader.outputs["output_data"])
    binning = HeteroFeatureBinning(
        "binning_0",
        train_data=joined.outputs["output_data"],
        method="quantile",
        n_bins=bins,
        he_param={"kind": "paillier", "key_length": key_bits},
    )
    selection = HeteroFeatureSelection(
        "selection_0",
        train_data=joined.outputs["output_data"],
        input_models=[binning.outputs["output_model"]],
        method=["iv"],
        iv_param={"metrics": "iv", "filter_type": "threshold", "threshold": threshold},
    )
    pipeline.add_tasks([reader, joined, binning, selection])
    pipeline.compile()
    started = time.perf_counter()
    pipeline.fit()
    wall_s = time.perf_counter() - started
    steps_s = 0.0
    for name in ("binning_0", "selection_0"):
        job = pipeline.model_info.job_id
        asked = {"job_id": job, "role": "guest", "party_id": GUEST, "task_name": name}
        tasks = requests.get(f"{url}/v2/job/task/query", params=asked, timeout=60).json()["data"]
        if not tasks or tasks[0]["status"] != "success":
            raise RuntimeError(f"FATE's job {job} did not succeed")
        steps_s += float(tasks[0]["elapsed"]) / 1000
    return {"wall_s": wall_s, "steps_s": steps_s}


def main() -> None:
    """Upload and measure; FATE's own words go to stderr."""
    url, guest, host, bins, key_bits, threshold = sys.argv[1:7]
    with contextlib.redirect_stdout(sys.stderr):
        upload("guest", guest)
        upload("host", host)
        found = measured(url, int(bins), int(key_bits), float(threshold))
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
