"""Python that the documents show runs as it stands, against a coordinator."""

import re
from pathlib import Path
from typing import Any

DOCUMENT = Path(__file__).parents[3] / "docs" / "from_fate.md"


def test_the_python_of_the_guide_submits_waits_and_tells(
    live: Any, lr_dsl: dict[str, Any], lr_conf: dict[str, Any], capsys: Any
) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), flags=re.DOTALL)
    code = block.replace("http://127.0.0.1:9380", live.url)
    exec(compile(code, str(DOCUMENT), "exec"), {"dsl": lr_dsl, "conf": lr_conf})
    assert capsys.readouterr().out.startswith("success {")
    exec(compile(code, str(DOCUMENT), "exec"), {"dsl": {}, "conf": {}})
    assert "job_dsl" in capsys.readouterr().out
