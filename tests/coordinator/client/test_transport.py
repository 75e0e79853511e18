"""The client's HTTP, against a live coordinator and against servers that are none."""

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from coordinator.client import FlowClient, FlowError, Unreachable
from coordinator.client.archives import fetch
from coordinator.client.client import WaitedTooLong
from coordinator.client.transport import Transport

Serve = Callable[..., str]


@pytest.fixture
def answering() -> Iterator[Serve]:
    """Serves one raw answer to whoever connects."""
    threads: list[threading.Thread] = []

    def serve(answer: bytes, read_bytes: int = 1) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listener.settimeout(20)

        def once() -> None:
            with listener, listener.accept()[0] as connection:
                connection.settimeout(20)
                got = connection.recv(65536)
                while len(got) < read_bytes:
                    got += connection.recv(65536)
                connection.sendall(answer)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass

        threads.append(threading.Thread(target=once))
        threads[-1].start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield serve
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()


def response(body: bytes, length: int | None = None, head: bytes = b"") -> bytes:
    size = len(body) if length is None else length
    return b"HTTP/1.1 200 OK\r\n%bContent-Length: %d\r\n\r\n%b" % (head, size, body)


def test_a_large_file_is_streamed_unaltered_with_its_progress(live: Any, tmp_path: Path) -> None:
    content = b"id,x\r\n" + b"--row,1\r\n" * 300_000
    file = tmp_path / 'a "quoted" + größe & 100%.csv'
    file.write_bytes(content)
    seen: list[tuple[int, int]] = []
    job = live.client.upload(
        file, namespace="big", name="a+b & c", progress=lambda *told: seen.append(told)
    )
    assert live.client.wait(job, timeout_s=20) == "success"
    assert live.agents.tables[("big", "a+b & c")] == content
    assert seen[-1] == (len(content), len(content))
    assert len(seen) > 5
    assert sorted(seen) == seen


def test_an_empty_file_can_be_sent(live: Any, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").touch()
    job = live.client.upload(tmp_path / "empty.csv", namespace="big", name="empty")
    assert live.client.wait(job, timeout_s=20) == "success"


def test_a_refusal_in_the_middle_of_a_long_file_is_heard(live: Any, tmp_path: Path) -> None:
    file = tmp_path / "long.csv"
    file.write_bytes(b"1,2,3\n" * 3_000_000)
    with pytest.raises(FlowError, match="31337"):
        live.client.upload(file, namespace="n", name="t", party_id=31337)


def test_a_file_that_is_not_there_is_an_os_error(live: Any, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        live.client.upload(tmp_path / "none.csv", namespace="n", name="t")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"7", b'{"a": ', b"[" * 100_000, b"\xff"])
def test_what_does_not_answer_in_json_is_no_coordinator(answering: Serve, body: bytes) -> None:
    client = FlowClient(answering(response(body)), timeout_s=20)
    with pytest.raises(Unreachable, match="is not a coordinator"):
        client.call("version/get")


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200 OK\r\nA:"])
def test_what_does_not_speak_http_is_unreachable(answering: Serve, answer: bytes) -> None:
    with pytest.raises(Unreachable):
        FlowClient(answering(answer), timeout_s=20).call("version/get")


def test_a_download_that_breaks_off_leaves_no_file(answering: Serve, tmp_path: Path) -> None:
    head = b"Content-Disposition: attachment; filename=x\r\n"
    transport = Transport(answering(response(b"part", 1000, head)), 20)
    with pytest.raises(Unreachable, match="996 bytes are missing"):
        transport.download("/v1/x", {}, tmp_path / "x.tar.gz")
    assert not list(tmp_path.iterdir())


def test_an_archive_that_is_none_is_told(answering: Serve, tmp_path: Path) -> None:
    head = b"Content-Disposition: attachment; filename=x\r\n"
    url = answering(response(b"no archive", head=head))
    with pytest.raises(Unreachable, match="broken archive"):
        fetch(url, "x", {}, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_a_path_before_v1_is_kept(answering: Serve) -> None:
    transport = Transport(f"{answering(response(b'{}'))}/behind/proxy/", 20)
    assert transport.url.endswith("/behind/proxy")
    assert transport.post_json("/v1/x", {}) == {}


@pytest.mark.parametrize("url", ["127.0.0.1:9380", "http://127.0.0.1:9380/", "HTTP://127.0.0.1"])
def test_addresses_may_be_short(url: str) -> None:
    assert Transport(url, 1).url.startswith("http://127.0.0.1")


@pytest.mark.parametrize("url", ["", "http://", "ftp://x", "http://x:99999", "http://:80", "://"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="is not an address like"):
        Transport(url, 1)


def test_a_client_waits_no_longer_than_it_was_told(live: Any, lr_dsl: Any, lr_conf: Any) -> None:
    live.agents.busy.add("reader_0")
    job = live.client.submit(lr_dsl, lr_conf)
    with pytest.raises(WaitedTooLong, match="is still running after 0 s"):
        live.client.wait(job, timeout_s=0)
    live.client.stop(job.job_id)
    assert live.client.wait(job.job_id, timeout_s=20) == "canceled"


def test_verbs_give_data_and_raise_a_no(live: Any, done_job: str) -> None:
    client = live.client
    assert client.job(done_job)["f_is_initiator"]
    assert client.metrics(done_job, "evaluation_0")["train"]["hetero_lr_0"]["data"][0][0] == "auc"
    assert client.summary(done_job, "evaluation_0") == {"auc": 0.9}
    assert len(client.tasks(done_job, role="guest")) == 4
    assert client.table("n", "none")["exist"] == 0
    with pytest.raises(FlowError, match="no job J"):
        client.job("J")
    with pytest.raises(FlowError) as raised:
        client.stop("J")
    assert raised.value.retcode == 102
