from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import pytest

from outcrop import Outcrop
from outcrop.cli.program import program

Captured = pytest.CaptureFixture[str]


def run(capsys: Captured, *arguments: str, code: int = 0) -> tuple[str, str]:
    assert program(["keys", *arguments]) == code
    spoken = capsys.readouterr()
    return spoken.out, spoken.err


def document(capsys: Captured, *arguments: str) -> Any:
    return json.loads(run(capsys, *arguments, "--json")[0])


def test_a_shell_takes_what_is_printed(home: str, capsys: Captured) -> None:
    lines = run(capsys, "create")[0] + run(capsys, "create", "--bearer")[0]
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_BEARER_TOKEN_BEDROCK")
    script = f"{lines}\necho ${' $'.join(names)}"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True, env={**os.environ})
    key_id, secret, word = done.stdout.split()
    with Outcrop() as outcrop:
        access, bearer = outcrop.keys.list()
        assert (access.id, outcrop.keys.secret(access)) == (key_id, secret)
    assert word.startswith("outcrop-")
    assert bearer.kind.value == "bearer"


def test_a_secret_is_shown_once(home: str, capsys: Captured) -> None:
    made = document(capsys, "create", "--name", "CI", "--expires", "36h")
    assert made["key"]["expires"] == made["key"]["created"] + 36 * 3600
    listed = run(capsys, "list", "--json")[0] + run(capsys, "list")[0]
    assert made["key"]["id"] in listed
    assert made["secret"] not in listed
    assert "sealed" not in listed
    assert "can't be shown again" in run(capsys, "create")[1]


def test_the_list_says_what_holds(home: str, capsys: Captured) -> None:
    assert "outcrop keys create" in run(capsys, "list")[0]
    one, two = document(capsys, "create", "--name", "one"), document(capsys, "create", "--name", "two")
    assert run(capsys, "revoke", two["key"]["id"])[0] == f"key {two['key']['id']} is revoked\n"
    rows = {line.split()[2]: line for line in run(capsys, "list")[0].splitlines() if "AKIA" in line}
    assert "holds" in rows["one"]
    assert one["key"]["id"] in rows["one"]
    assert "revoked" in rows["two"]


@pytest.mark.parametrize("text", ["30", "d", "", "1.5h", "-1d", "3y", "٣d", "9999999999d", " 1d"])
def test_a_length_of_time_that_is_none(home: str, capsys: Captured, text: str) -> None:
    assert "--expires: found" in run(capsys, "create", "--expires", text, code=2)[1]
    assert "lifetime: found 0.0; expected" in run(capsys, "create", "--expires", "0d", code=2)[1]


def test_an_unknown_key_can_not_be_revoked(home: str, capsys: Captured) -> None:
    assert "no key with the id 'none'; `outcrop keys list`" in run(capsys, "revoke", "none", code=2)[1]
