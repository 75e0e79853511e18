"""The command line of the benchmarks."""

import argparse
import json
import sys

from benchmarks import (
    channel,
    histogram,
    job_overhead,
    lr_epoch,
    modmul,
    ou_add,
    paillier_encrypt,
    psi,
)
from benchmarks.measure import Benchmark, as_dict

BENCHMARKS: dict[str, Benchmark] = {
    b.name: b
    for b in (
        channel.BENCHMARK,
        histogram.BENCHMARK,
        job_overhead.BENCHMARK,
        lr_epoch.BENCHMARK,
        modmul.BENCHMARK,
        ou_add.BENCHMARK,
        paillier_encrypt.BENCHMARK,
        psi.ECDH,
        psi.FAST,
    )
}


def main() -> int:
    """List or run benchmarks."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list", help="name every benchmark")
    one = verbs.add_parser("run", help="run one")
    one.add_argument("name", choices=sorted(BENCHMARKS))
    one.add_argument("--json", action="store_true", help="print JSON and nothing else")
    one.add_argument("--size", type=int, help="how many items, where that can be chosen")
    arguments = parser.parse_args()
    if arguments.verb == "list":
        for benchmark in BENCHMARKS.values():
            print(f"{benchmark.name:24} {benchmark.doc}")
        return 0
    benchmark = BENCHMARKS[arguments.name]
    figures = benchmark.figures(arguments.size)
    if arguments.json:
        print(json.dumps(as_dict(benchmark, figures), indent=2))
    else:
        for figure in figures:
            print(figure)
    return 0


if __name__ == "__main__":
    sys.exit(main())
