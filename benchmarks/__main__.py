"""The command line of the benchmarks."""

import argparse
import json
import sys

from benchmarks import (
    accuracy,
    binning,
    channel,
    cv,
    histogram,
    job_overhead,
    kept,
    lr_epoch,
    modmul,
    ou_add,
    paillier_encrypt,
    psi,
    serving,
    upload,
)
from benchmarks.measure import Benchmark, as_dict

BENCHMARKS: dict[str, Benchmark] = {
    b.name: b
    for b in (
        accuracy.BENCHMARK,
        binning.BENCHMARK,
        channel.BENCHMARK,
        cv.BENCHMARK,
        histogram.BENCHMARK,
        job_overhead.BENCHMARK,
        lr_epoch.BENCHMARK,
        modmul.BENCHMARK,
        ou_add.BENCHMARK,
        paillier_encrypt.BENCHMARK,
        psi.ECDH,
        psi.FAST,
        psi.LARGE,
        serving.BENCHMARK,
        upload.BENCHMARK,
    )
}


def main() -> int:
    """List or run benchmarks, or show what was kept."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list", help="name every benchmark")
    one = verbs.add_parser("run", help="run one")
    one.add_argument("name", choices=sorted(BENCHMARKS))
    one.add_argument("--json", action="store_true", help="print JSON and nothing else")
    one.add_argument("--size", type=int, help="how many items, where that can be chosen")
    one.add_argument("--keep", action="store_true", help="keep the results beside the benchmarks")
    verbs.add_parser("plot", help="put what was kept into RESULTS.md, with a plot")
    arguments = parser.parse_args()
    if arguments.verb == "list":
        for benchmark in BENCHMARKS.values():
            print(f"{benchmark.name:24} {benchmark.doc}")
        return 0
    if arguments.verb == "plot":
        kept.publish(kept.kept())
        return 0
    benchmark = BENCHMARKS[arguments.name]
    figures = benchmark.figures(arguments.size)
    report = as_dict(benchmark, figures, arguments.size)
    if arguments.keep:
        kept.keep(report)
    if arguments.json:
        print(json.dumps(report, indent=2))
    else:
        for figure in figures:
            print(figure)
    return 0


if __name__ == "__main__":
    sys.exit(main())
