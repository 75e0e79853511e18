"""A floor of a party's own policy stops what a job would have asked for, and says whose it is."""

from coordinator.client import FlowClient
from examples.running import standalone
from examples.stories import DEADLINE_S, HERE, Story, upload


def test_a_job_whose_bins_are_below_an_owners_floor_fails_by_name() -> None:
    story = Story(HERE / "hetero_binning")
    with standalone() as strict:
        client = FlowClient(strict.url)
        upload(client, [story])
        (strict.home / "parties" / "10000" / "policy.toml").write_text("least_bin_rows = 500\n")
        job = client.submit(story.read("dsl"), story.read("conf"))
        assert client.wait(job, timeout_s=DEADLINE_S) == "failed"
        reason = client.ask("tripact/job/why", {"job_id": job.job_id})["reason"]
    assert (reason["code"], reason["facts"]["party"]) == ("bin_too_small", "host:10000")
    assert "fewer than 500 rows" in reason["message"]
