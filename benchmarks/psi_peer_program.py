"""A set intersection of SecretFlow's libpsi, both parties; run by the peer's Python, not by ours.

Arguments: protocol (RR22, KKRT, ECDH-25519), and a folder with guest.csv and host.csv.
Prints seconds and the number of common ids as one line of JSON. Needs spu 0.9.5 alone.
"""

import json
import multiprocessing
import queue
import socket
import sys
import time
from typing import Any

BUCKET = 1 << 20
ROLES = ("guest", "host")


def party(rank: int, ports: list[int], protocol: str, folder: str, answers: Any) -> None:
    """One party, in a process of its own."""
    from spu import psi  # type: ignore[import-not-found]
    from spu.libspu import link  # type: ignore[import-not-found]

    description = link.Desc()
    description.recv_timeout_ms = 600_000
    for number, port in enumerate(ports):
        description.add_party(f"p{number}", f"127.0.0.1:{port}")
    connected = link.create_brpc(description, rank)
    name, options = f"PROTOCOL_{protocol}", {}
    if protocol == "ECDH-25519":
        name = "PROTOCOL_ECDH"
        options = {"ecdh_params": psi.EcdhParams(curve=psi.parse_curve_type("CURVE_25519"))}
    elif protocol == "RR22":
        options = {"rr22_params": psi.Rr22Rarams(low_comm_mode=False)}
    conf = psi.PsiExecuteConfig(
        protocol_conf=psi.PsiProtocolConfig(
            protocol=psi.parse_protocol(name),
            receiver_rank=0,
            broadcast_result=True,
            bucket_size=BUCKET,
            **options,
        ),
        input_params=psi.InputParams(
            path=f"{folder}/{ROLES[rank]}.csv", selected_keys=["id"], keys_unique=True
        ),
        output_params=psi.OutputParams(
            path=f"{folder}/{ROLES[rank]}.peer.csv", disable_alignment=False
        ),
    )
    started = time.perf_counter()
    report = psi.psi_execute(conf, connected)
    answers.put((time.perf_counter() - started, report.intersection_count))
    connected.stop_link()


def main() -> None:
    """Run both parties and print the slower one's time."""
    protocol, folder = sys.argv[1:3]
    doors = [socket.create_server(("127.0.0.1", 0)) for _ in ROLES]
    ports = [door.getsockname()[1] for door in doors]
    for door in doors:
        door.close()
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    parties = [
        context.Process(target=party, args=(rank, ports, protocol, folder, answers))
        for rank in range(len(ROLES))
    ]
    for process in parties:
        process.start()
    said: list[tuple[float, int]] = []
    while len(said) < len(parties):
        try:
            said.append(answers.get(timeout=1))
        except queue.Empty:
            if any(process.exitcode for process in parties):
                sys.exit("a party failed")
    for process in parties:
        process.join()
    print(json.dumps({"wall_s": max(wall for wall, _ in said), "common": said[0][1]}), flush=True)


if __name__ == "__main__":
    main()
