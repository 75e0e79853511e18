import subprocess
import sys

PROGRAM = """
import resource
import numpy as np
from federation.program.memory import keep_freed_blocks

def faults(rounds):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(rounds):
        one, other = np.ones(1 << 20, np.uint8), np.ones(3 << 20, np.uint8)
        del one, other
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

able = keep_freed_blocks()
faults(3)
print(faults(50) / 50 if able else 0)
"""


def test_a_freed_block_is_used_again_without_asking_the_system_for_its_pages() -> None:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=True
    )
    assert float(run.stdout) < 100  # of 1024 pages a round
