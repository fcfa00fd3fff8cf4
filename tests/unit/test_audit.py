from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest

from densitometry.errors import OutputError
from densitometry.study.audit import ERASED, AuditLog, Keys
from densitometry.study.fingerprints import (
    Print,
    by_subject,
    file_findings,
    print_of_file,
    read_prints,
    table_findings,
    write_prints,
)

LINES = 5


@pytest.fixture
def log(tmp_path: Path) -> AuditLog:
    written = AuditLog(tmp_path / "logs")
    for number in range(LINES):
        written.append("something", f"reason {number}", {"n_pictures": number})
    return written


def test_a_log_that_nobody_touched_is_whole(log):
    assert log.findings() == []
    records = log.records()
    assert [record["n"] for record in records] == list(range(1, LINES + 1))
    assert {"when", "what", "why", "by", "before"} <= set(records[0])


def test_every_changed_byte_is_named(log):
    content = log.path.read_bytes()
    for place in range(len(content)):
        log.path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        assert log.findings(), (place, content[max(0, place - 9) : place + 9])


def test_every_removed_and_swapped_line_is_named(log):
    lines = log.path.read_bytes().splitlines(keepends=True)
    for number in range(LINES):
        log.path.write_bytes(b"".join(lines[:number] + lines[number + 1 :]))
        assert any(f"line {number + 1} is missing" in item.what for item in log.findings())
    for first, second in combinations(range(LINES), 2):
        swapped = list(lines)
        swapped[first], swapped[second] = swapped[second], swapped[first]
        log.path.write_bytes(b"".join(swapped))
        assert any(f"line {first + 1} is missing or stands elsewhere" in i.what for i in log.findings())
    log.path.unlink()
    assert log.findings()


def test_a_line_that_was_torn_by_a_kill_or_a_full_disk_is_written_over(log):
    with log.path.open("ab") as stream:
        stream.write(b'{"n": 6, "wh')
    assert log.findings() == []
    log.append("after")
    assert log.findings() == []
    assert log.records()[-1]["what"] == "after"
    assert len(log.records()) == LINES + 1


@pytest.mark.parametrize("moment", [0, 1, 2])
def test_a_kill_at_any_step_leaves_the_chain_whole(moment, log, monkeypatch):
    """Before the line is announced, before it is written, before the head is written."""
    steps = iter(range(9))

    def until_killed(step):
        def call(self, *arguments):
            if next(steps) == moment:
                raise KeyboardInterrupt
            return step(self, *arguments)

        return call

    for name in ("_write", "_write_head"):
        monkeypatch.setattr(AuditLog, name, until_killed(getattr(AuditLog, name)))
    with pytest.raises(KeyboardInterrupt):
        log.append("then killed")
    monkeypatch.undo()
    assert log.findings() == []
    log.append("again")
    assert log.findings() == []
    assert len(log.records()) == LINES + 1 + (moment == 2)


def test_a_kill_before_the_first_line_is_no_finding(tmp_path, monkeypatch):
    log = AuditLog(tmp_path / "logs")
    monkeypatch.setattr(AuditLog, "_write", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        log.append("killed")
    monkeypatch.undo()
    assert log.findings() == []
    log.append("first")
    assert [record["n"] for record in log.records()] == [1]
    assert log.findings() == []


def test_an_added_line_is_named_though_it_is_chained(log, tmp_path):
    head = (log.folder / "audit.head").read_bytes()
    log.append("added by hand")
    (log.folder / "audit.head").write_bytes(head)
    assert [item.what for item in log.findings()] == [f"line {LINES + 1} was added: {LINES} were written"]


def test_a_log_cut_short_is_named(log):
    content = log.path.read_bytes()
    for length in range(0, len(content), 7):
        log.path.write_bytes(content[:length])
        assert any("missing" in item.what for item in log.findings())


def test_people_and_subjects_stand_as_keys_and_erasing_leaves_the_chain_whole(log):
    keys = Keys.read(log.folder)
    key = keys.key_of("subject", "01")
    keys.write()
    log.append("run", details={"subjects": {key: "digest"}})
    text = log.path.read_text()
    assert all(label not in text for _, label in keys.labels.values() if len(label) > 2)
    assert Keys.read(log.folder).key_of("subject", "01") == key
    keys.labels[key] = ("subject", ERASED)
    keys.write()
    assert Keys.read(log.folder).is_erased(key)
    assert log.findings() == []


def test_a_log_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "logs").write_text("a file")
    with pytest.raises(OutputError):
        AuditLog(tmp_path / "logs").append("what")


def test_prints_name_what_was_altered_and_pass_over_what_was_erased(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    prints = [print_of_file(tmp_path, name, "study", f"key-{name}") for name in ("a", "b")]
    keys = Keys.read(tmp_path)
    table = tmp_path / "files.tsv"
    write_prints(table, prints)
    recorded = by_subject(prints)
    assert read_prints(table) == prints
    assert table_findings(table, recorded, keys) == file_findings(prints, {"study": tmp_path}, keys) == []
    (tmp_path / "a").write_text("c")
    (tmp_path / "b").unlink()
    found = file_findings(prints, {"study": tmp_path}, keys)
    assert [item.what for item in found] == ["was altered", "is missing"]
    content = table.read_bytes()
    for place in range(len(content)):
        table.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        same = by_subject(read_prints(table)) == recorded
        assert not same or read_prints(table) == prints or _only_times(read_prints(table), prints)
    keys.labels["key-b"] = ("subject", ERASED)
    write_prints(table, prints[:1])
    assert table_findings(table, recorded, keys) == []
    assert len(file_findings(prints, {"study": tmp_path}, keys)) == 1


def _only_times(now: list[Print], before: list[Print]) -> bool:
    """Size and time only spare reading a file again; `verify` reads it."""
    return [(p.subject, p.name, p.sha256) for p in now] == [(p.subject, p.name, p.sha256) for p in before]


def test_an_unchanged_file_is_not_read_again(tmp_path):
    (tmp_path / "a").write_text("a")
    known = print_of_file(tmp_path, "a", "study", "-")
    pretended = Print("-", "study", "a", "known", known.size, known.mtime_ns)
    assert print_of_file(tmp_path, "a", "study", "-", {("study", "a"): pretended}).sha256 == "known"
