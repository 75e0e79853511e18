"""Which path is taken, and that it says so."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from federation.crypto import kernels
from federation.crypto.kernels import choice
from federation.crypto.kernels.limb_ring import LimbRing
from federation.crypto.kernels.machine import missing, set_threads
from federation.crypto.kernels.portable import PortableRing
from federation.crypto.kernels.shape import Shape, shape_of

ROOT = Path(__file__).parents[4]
N_1024 = (1 << 1024) - 105


@pytest.fixture(autouse=True)
def no_gpu_and_nobody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(choice.SWITCH, raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


def test_the_status_says_why() -> None:
    status = kernels.status()
    assert status.path == ("portable" if missing() else "ifma")
    assert status.reason
    assert status.threads >= 1


def test_the_portable_path_is_taken_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(choice.SWITCH, "portable")
    assert isinstance(kernels.ring(N_1024), PortableRing)
    assert kernels.status().path == "portable"
    assert choice.SWITCH in kernels.status().reason


@pytest.mark.parametrize("modulus", [97, 1 << 1024, (1 << 9000) + 1])
def test_what_the_machine_code_is_not_for_is_counted_by_gmpy2(modulus: int) -> None:
    assert isinstance(kernels.ring(modulus), PortableRing)


def test_a_process_without_llvmlite_counts_all_the_same() -> None:
    program = (
        "import sys; sys.modules['llvmlite'] = None\n"
        "from federation.crypto import kernels\n"
        "ring = kernels.ring((1 << 1024) - 105)\n"
        "assert ring.to_ints(ring.multiply(ring.from_ints([6]), ring.from_ints([7]))) == [42]\n"
        "kernels.warm()\n"
        "print(kernels.status().reason)\n"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=ROOT, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "llvmlite is not installed" in done.stdout


def test_importing_the_kernels_compiles_nothing() -> None:
    program = (
        "import sys, federation.crypto.kernels\n"
        "print(sorted(name for name in sys.modules if name.startswith('llvmlite')))\n"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=ROOT, timeout=60
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_a_thread_count_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="thread"):
        set_threads(0)


@pytest.mark.parametrize("bits", [512, 683, 1024, 1536, 2048, 3072, 4096])
def test_a_shape_has_room_to_spare_and_an_even_number_of_limbs(bits: int) -> None:
    limbs = shape_of((1 << bits) - 1, pair=False).limbs
    assert bits + 8 <= 52 * limbs < bits + 8 + 104
    assert limbs % 2 == 0


def test_forked_children_have_what_their_parent_compiled() -> None:
    program = (
        "import os\n"
        "from federation.crypto import kernels\n"
        "from federation.crypto.kernels import machine\n"
        "kernels.warm()\n"
        "before = machine._compiled.cache_info().misses\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    n = (1 << 2048) - 1942289\n"
        "    ring = kernels.ring(n * n, n)\n"
        "    right = ring.to_ints(ring.squares(ring.from_ints([3] * 900), 2)) == [81] * 900\n"
        "    os._exit(0 if right and machine._compiled.cache_info().misses == before else 1)\n"
        "raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=ROOT, timeout=60
    )
    assert done.returncode == 0, done.stderr


if missing() is None:

    def test_the_machine_code_takes_less_than_a_second_and_is_kept() -> None:
        ring = kernels.ring(N_1024)
        assert isinstance(ring, LimbRing)
        assert kernels.ring(N_1024).kernels is ring.kernels

    def test_the_self_test_finds_a_kernel_that_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
        shape = Shape(10, False)
        assert choice.fault_of(shape) is None

        def wrong(ring: LimbRing, a: object, times: int) -> object:
            return a

        monkeypatch.setattr(LimbRing, "squares", wrong)
        fault = choice.fault_of(shape)
        assert fault is not None
        assert "squares" in fault

    @pytest.mark.parametrize("shape", [Shape(10, False), Shape(10, True)], ids=str)
    def test_the_machine_code_branches_on_counts_alone(shape: Shape) -> None:
        """Every conditional jump closes a loop over a count or skips a chain of length one."""
        text = assembly_of(shape)
        jumps = re.findall(r"\n\t(j[a-z]+)\t", text)
        assert set(jumps) <= {"jne", "je", "jb", "jae", "jbe", "ja", "jmp", "jl", "jge"}
        bodies = dict(
            re.findall(r"\n(\w+):[^\n]*\n\t\.cfi_startproc(.*?)\.cfi_endproc", text, re.S)
        )
        loops = {"mul": 2 if shape.pair else 1, "select": 1, "lookup": 1, "scatter": 0, "gather": 0}
        for name, expected in loops.items():
            assert len(re.findall(r"\n\tj(?!mp)[a-z]+\t", bodies[name])) == expected
        assert "vpgather" not in text

    def assembly_of(shape: Shape) -> str:
        import llvmlite.binding as llvm

        from federation.crypto.kernels.codegen import module_text

        kernels.warm()
        module = llvm.parse_assembly(module_text(shape, llvm.get_default_triple()))
        target = llvm.Target.from_default_triple().create_target_machine(
            cpu=llvm.get_host_cpu_name(),
            features=llvm.get_host_cpu_features().flatten(),
            opt=2,
        )
        text: str = target.emit_assembly(module)
        return text
