"""`seglam procedures` on files, as a subprocess."""

from __future__ import annotations

import json
from pathlib import Path

from tests.commands import MULTIPLICATION, run, write


def test_valid_documents(tmp_path: Path) -> None:
    write(tmp_path / "m.yaml", MULTIPLICATION)
    done = run("procedures", "validate", str(tmp_path))
    assert (done.returncode, done.stdout) == (0, "1 documents read, 0 errors, 0 warnings\n")


def test_a_fault_is_told_with_its_place_in_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "m.yaml", MULTIPLICATION.replace("(times|x)", "(times|x"))
    done = run("procedures", "validate", str(path))
    line = 1 + MULTIPLICATION[: MULTIPLICATION.index("(times|x)")].count("\n")
    assert done.returncode == 1
    assert done.stdout.startswith(f"error: {path}:{line}:")
    assert "'(' is not closed; add ')'" in done.stdout


def test_faults_as_json(tmp_path: Path) -> None:
    path = write(tmp_path / "m.yaml", MULTIPLICATION.replace("type: decimal", "type: number", 1))
    done = run("procedures", "validate", "--json", str(path))
    content = json.loads(done.stdout)
    assert done.returncode == 1 and content["documents"] == 1 and content["errors"] == len(content["problems"]) > 0
    problem = content["problems"][0]
    assert problem["file"] == str(path) and problem["field"] == "spec.parameters[0].type" and problem["line"] > 0


def test_a_name_is_taken_once(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", MULTIPLICATION)
    write(tmp_path / "b.yaml", MULTIPLICATION)
    done = run("procedures", "validate", str(tmp_path))
    assert done.returncode == 1 and "the name 'multiplication' is taken by" in done.stdout


def test_examples_and_refusals_hold(tmp_path: Path) -> None:
    path = write(tmp_path / "m.yaml", MULTIPLICATION)
    done = run("procedures", "test", "--json", str(path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout) == {
        "documents": 1, "examples": 1, "refusals": 1, "errors": 0, "passed": ["multiplication"], "problems": [],
    }  # fmt: skip


def test_an_example_that_does_not_hold_is_exit_code_1(tmp_path: Path) -> None:
    path = write(tmp_path / "m.yaml", MULTIPLICATION.replace('answer: "84"', 'answer: "85"'))
    done = run("procedures", "test", str(path))
    line = 1 + MULTIPLICATION[: MULTIPLICATION.index('answer: "84"')].count("\n")
    assert done.returncode == 1
    assert done.stdout.startswith(f"error: {path}:{line}:16: spec.examples[0].answer: the code answers '84'")


def test_procedures_that_answer_one_request_overlap(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", MULTIPLICATION)
    other = MULTIPLICATION.replace("name: multiplication", "name: product")
    write(tmp_path / "b.yaml", other)
    write(tmp_path / "c.yaml", other.replace("name: product", "name: times").replace("[what is]", "[compute]"))
    done = run("procedures", "test", str(tmp_path))
    assert done.returncode == 1
    assert "this is the procedure multiplication under another name (" in done.stdout
    assert "pattern 0 matches what multiplication (pattern 0) does" in done.stdout


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    done = run("procedures", "validate", str(tmp_path / "none.yaml"), "--json")
    assert done.returncode == 4
    assert json.loads(done.stdout)["error"] == {
        "message": "there is no such file or directory",
        "where": str(tmp_path / "none.yaml"),
        "remedy": "correct the path",
        "exit_code": 4,
    }
    assert done.stderr == f"seglam: {tmp_path}/none.yaml: there is no such file or directory; correct the path\n"


def test_without_an_engine_the_error_says_how_to_get_one(tmp_path: Path) -> None:
    path = write(tmp_path / "m.yaml", MULTIPLICATION)
    done = run("procedures", "test", str(path), SEGLAM_ENGINE_DIR=str(tmp_path / "engines"))
    assert done.returncode == 3
    assert "make engine" in done.stderr and done.stderr.count("\n") == 1 and done.stdout == ""


def test_hygiene_finds_what_computes_the_same(tmp_path: Path) -> None:
    other = MULTIPLICATION.replace("name: multiplication", "name: area")
    other = other.replace("return a * b", "return b * a")
    assert other.count("return b * a") == 1
    unlike = MULTIPLICATION.replace("name: multiplication", "name: addition").replace("return a * b", "return a + b")
    for name, text in (("a", MULTIPLICATION), ("b", other), ("c", unlike)):
        write(tmp_path / f"{name}.yaml", text)
    done = run("procedures", "hygiene", "--procedures", str(tmp_path), "--json")
    content = json.loads(done.stdout)
    assert done.returncode == 0 and content["procedures"] == 3
    (found,) = content["duplicates"]
    assert (found["keep"], found["merge"], found["covers"]) == ("area", "multiplication", True)
    assert found["arguments"] == {"a": "a", "b": "b"} and found["shared"] >= 10


def test_a_merge_is_written_and_leads_to_one_procedure(tmp_path: Path) -> None:
    other = MULTIPLICATION.replace("name: multiplication", "name: product", 1).replace("(times|x)", "(by|into)")
    write(tmp_path / "a.yaml", MULTIPLICATION)
    write(tmp_path / "b.yaml", other.replace("12 times 7", "12 by 7"))
    asked = ("procedures", "merge", "multiplication", "product", "--procedures", str(tmp_path))
    missing = run(*asked, "--out", str(tmp_path / "none"))
    assert missing.returncode == 4 and "none is no directory" in missing.stderr
    (tmp_path / "out").mkdir()
    done = run(*asked, "--out", str(tmp_path / "out"), "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    made = Path(json.loads(done.stdout)["file"]).read_text(encoding="utf-8")
    assert "(times|x)" in made and "(by|into)" in made
