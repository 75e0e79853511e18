import shlex
from pathlib import Path

import pytest

from federation.errors import InvalidPolicy, PolicyRefused
from party_agent.policy import Ask, Rule, Rules, append_grant, parse_policy

JOB = Ask("job", "HeteroLR", "guest", ("10000",), ("breast/guest",))


def rules(home: Path, text: str = "", *, standalone: bool = False) -> Rules:
    path = home / "policy.toml"
    path.write_text(text)
    return Rules(path, home, standalone=standalone)


def refusal(checked: Rules, ask: Ask) -> str:
    with pytest.raises(PolicyRefused) as caught:
        checked.check(ask)
    return caught.value.message


def test_without_a_file_standalone_allows_and_a_cluster_refuses(tmp_path: Path) -> None:
    Rules(tmp_path / "none.toml", tmp_path, standalone=True).check(JOB)
    refusal(Rules(tmp_path / "none.toml", tmp_path, standalone=False), JOB)


def test_the_file_says_otherwise_than_the_mode(tmp_path: Path) -> None:
    rules(tmp_path, 'default = "allow"').check(JOB)
    refusal(rules(tmp_path, 'default = "refuse"', standalone=True), JOB)


def test_a_refusal_names_the_question_the_rule_and_the_command(tmp_path: Path) -> None:
    said = refusal(rules(tmp_path), JOB)
    assert "HeteroLR as guest reading breast/guest with party 10000" in said
    assert 'default = "refuse"' in said
    assert "party-agent grant --component HeteroLR --role guest --table breast/guest" in said


@pytest.mark.parametrize(
    "asked",
    [
        JOB,
        Ask("upload", tables=("n/t",)),
        Ask("job", "HeteroLR", "host", ("9999",), models=("guest-9999#host-10000#model/1",)),
        Ask("read", tables=("output_data_1/*",)),
        Ask("model", "hetero_lr_0", "host", models=("m/1",)),
        Ask("log"),
    ],
)
def test_the_command_of_a_refusal_grants_what_was_asked(tmp_path: Path, asked: Ask) -> None:
    checked = rules(tmp_path)
    words = shlex.split(refusal(checked, asked).split("party-agent grant ")[1])
    flags = dict(zip(words[::2], words[1::2], strict=True))
    assert flags.pop("--home") == str(tmp_path)
    given = {f"{name[2:]}s": (value,) for name, value in flags.items() if name != "--what"}
    append_grant(tmp_path / "policy.toml", Rule(what=asked.what, **given))
    checked.check(asked)


@pytest.mark.parametrize("table", ["*/*", "n/$(touch x)", "n/t --table *", "n/t'; echo '"])
def test_a_name_that_a_stranger_chose_grants_nothing_else(tmp_path: Path, table: str) -> None:
    checked = rules(tmp_path)
    asked = Ask("read", tables=(table,))
    words = shlex.split(refusal(checked, asked).split("party-agent grant ")[1])
    assert words[0::2] == ["--what", "--table", "--home"]
    append_grant(tmp_path / "policy.toml", Rule(what="read", tables=(words[3],)))
    checked.check(asked)
    refusal(checked, Ask("read", tables=("salaries/2024",)))


@pytest.mark.parametrize(
    "line",
    [
        'components = ["Intersection"]',
        'roles = ["host"]',
        'parties = ["9998", "1000?0"]',
        'tables = ["breast/host"]',
        'what = "read"',
    ],
)
def test_an_allow_that_differs_in_one_thing_does_not_fit(tmp_path: Path, line: str) -> None:
    refusal(rules(tmp_path, f"[[allow]]\n{line}\n"), JOB)


def test_an_allow_fits_every_table_and_every_party_or_none(tmp_path: Path) -> None:
    checked = rules(tmp_path, '[[allow]]\ntables = ["breast/*"]\nparties = ["10000"]\n')
    checked.check(JOB)
    refusal(checked, Ask("job", "HeteroLR", "guest", ("10000",), ("breast/guest", "other/t")))
    refusal(checked, Ask("job", "HeteroLR", "guest", ("10000", "10001"), ("breast/guest",)))


def test_a_refuse_wins_over_every_allow(tmp_path: Path) -> None:
    text = '[[allow]]\n[[refuse]]\ntables = ["payroll/*"]\n'
    checked = rules(tmp_path, text, standalone=True)
    checked.check(JOB)
    said = refusal(checked, Ask("job", "HeteroLR", "guest", (), ("breast/guest", "payroll/2024")))
    assert "[[refuse]] rule 1" in said


def test_a_grant_counts_at_once_and_leaves_what_was_written(tmp_path: Path) -> None:
    checked = rules(tmp_path, '# ours\nleast_rows = 5\n\n[peers]\npin = "listed"\n')
    refusal(checked, JOB)
    added = append_grant(tmp_path / "policy.toml", Rule(components=("HeteroLR",)))
    assert added == '[[allow]]\ncomponents = ["HeteroLR"]\n'
    checked.check(JOB)
    assert (tmp_path / "policy.toml").read_text().startswith("# ours\nleast_rows = 5\n")
    assert checked.policy.least_rows == 5


def test_a_grant_makes_the_file_where_there_is_none(tmp_path: Path) -> None:
    append_grant(tmp_path / "policy.toml", Rule(tables=("breast/*",)))
    Rules(tmp_path / "policy.toml", tmp_path, standalone=False).check(JOB)


def test_nothing_is_allowed_while_the_file_is_broken(tmp_path: Path) -> None:
    checked = rules(tmp_path, 'default = "allow"')
    checked.check(JOB)
    (tmp_path / "policy.toml").write_text("default = ")
    with pytest.raises(InvalidPolicy, match="not TOML"):
        checked.check(JOB)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("minimum = 3", "minimum"),
        ("least_row = 3", "did you mean 'least_rows'"),
        ("[[allow]]\ncomponent = ['x']", "did you mean 'components'"),
        ('default = "maybe"', "default"),
        ("least_rows = -1", "least_rows"),
        ('[[allow]]\nwhat = "everything"', "what"),
    ],
)
def test_a_slip_in_the_file_is_named(text: str, said: str) -> None:
    with pytest.raises(InvalidPolicy) as caught:
        parse_policy(text)
    assert said in caught.value.message


@pytest.mark.parametrize(("standalone", "pinned"), [(True, True), (False, False)])
def test_keys_are_pinned_on_first_use_only_where_all_parties_are_one_machine(
    tmp_path: Path, standalone: bool, pinned: bool
) -> None:
    assert rules(tmp_path, standalone=standalone).first_use is pinned
    assert not rules(tmp_path, '[peers]\npin = "listed"', standalone=standalone).first_use


def test_the_policy_that_comes_along_is_a_policy_that_refuses() -> None:
    example = Path(__file__).parents[2] / "conf" / "policy.toml"
    policy = parse_policy(example.read_text(encoding="utf-8"))
    assert policy.default == "refuse"
    assert not policy.allow
