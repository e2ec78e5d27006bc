"""The page "Extend it": each example is one file of at most twenty lines outside the package, and works."""

import re
import runpy

import pytest
from bookfiles import ROOT

PAGE = (ROOT / "book" / "extend.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"\(extend-([\w-]+)\)=\n.*?```python\n(.*?)```", PAGE, flags=re.S))

#: What must hold after each of them.
CHECKS = {
    "modality": 'assert set(run.embeddings()) >= {"size of name", "joint"} and "frozen size of name" in run.history',
    "loss": 'assert run.history["loss pull"].notna().all() and type(run.model).__name__ == "Pulled"',
    "freezing": 'assert pmf.PRESETS["paper"].replace(freezing="slow") and run.model.freezing is FREEZING["slow"]',
    "matcher": 'assert run.matches()["left"].is_unique and 0 < len(run.matches()) < len(run.graphs.test)',
    "system": 'assert "loss joint" in run.history and "loss image" not in run.history',
    "data-set": 'assert run.graphs.name == "mine/rings" and run.graphs.num_nodes == 120 and len(run.matches())',
}


def test_six():
    assert set(EXAMPLES) == set(CHECKS)


@pytest.mark.parametrize("name", CHECKS)
def test_example(name, tmp_path, monkeypatch, new_process):
    code = EXAMPLES[name]
    assert len([line for line in code.splitlines() if line.strip()]) <= 20
    (tmp_path / "mine.py").write_text(code + "\n" + CHECKS[name] + "\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    process = new_process(runpy.run_path, "mine.py", run_name="__main__")
    process.join()
    assert process.exitcode == 0


def test_an_unknown_name_lists_the_known_ones():
    import pmf_minimal as pmf

    with pytest.raises(ValueError, match="choose one of greedy, .*sinkhorn"):
        pmf.PRESETS["quick"].replace(matching="nearest")
