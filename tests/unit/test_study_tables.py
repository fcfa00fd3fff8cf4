from __future__ import annotations

from datetime import date

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from densitometry.errors import TableError
from densitometry.study import cells, columns
from densitometry.study.tables import TableForm, read_table, write_text

TABLE = "participant\tage\tdiagnosis\nsub-007\t31.5\tAGA\n"


def read(tmp_path, content, known=columns.PARTICIPANTS, name="participants.tsv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(path, name, known)


@pytest.mark.parametrize("separator", ["\t", ";", ","])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_every_form_reads_alike(tmp_path, separator, encoding, newline):
    text = "participant\tage\tcentre\nsub-007\t31.5\tKöln\n\n".replace("\t", separator).replace("\n", newline)
    table = read(tmp_path, text.encode(encoding))
    assert [row.cells for row in table.rows] == [{"participant": "sub-007", "age": "31.5", "centre": "Köln"}]
    assert table.rows[0].line == 2
    assert table.form == TableForm(encoding, separator, ".", newline)


def test_the_form_found_is_said_where_it_is_not_what_the_name_promises(tmp_path):
    assert read(tmp_path, TABLE).problems == ()
    semicolons = read(tmp_path, TABLE.replace("\t", ";"))
    assert "semicolons" in semicolons.problems[0].what
    assert semicolons.problems[0].severity == "warning"
    windows = read(tmp_path, TABLE.replace("AGA", "Müller").encode("cp1252"))
    assert "Windows-1252" in windows.problems[0].what


def test_decimal_commas_are_told_by_the_table(tmp_path):
    table = read(tmp_path, "participant;age\n01;31,5\n02;40\n", name="participants.csv")
    assert table.form.decimal == ","
    assert table.problems == ()
    assert cells.number(table.rows[0].cells["age"], ",", 0, 120) == 31.5


def test_two_decimal_marks_are_refused_with_both_places(tmp_path):
    with pytest.raises(TableError) as caught:
        read(tmp_path, "participant;age\n01;31,5\n02;40.5\n")
    assert "'31,5'" in caught.value.what
    assert "'40.5'" in caught.value.what
    assert "line 2" in caught.value.why
    assert "line 3" in caught.value.why


@pytest.mark.parametrize(
    ("separator", "dose", "refused"),
    [
        (";", "1,500", "1500 or as 1,5"),
        ("\t", "1,500", "1500 or as 1,5"),
        (";", "1.500", "1500 or as 1.5"),
        ("\t", "1,000", "1000 or as 1,0"),
        ("\t", "1,234", "1234 or as 1,2340"),
        ("\t", "1.500", None),
    ],
)
def test_a_number_with_two_readings_is_refused_with_both(tmp_path, separator, dose, refused):
    text = f"participant\tagent\tdose\tunit\n01\tPRP\t{dose}\tml\n".replace("\t", separator)
    if refused is None:
        assert read(tmp_path, text, columns.TREATMENTS).form.decimal == "."
        return
    with pytest.raises(TableError, match=refused):
        read(tmp_path, text, columns.TREATMENTS)


def test_a_plain_decimal_comma_elsewhere_settles_the_reading(tmp_path):
    text = "participant;agent;dose;unit\n01;PRP;1,500;ml\n02;PRP;2,5;ml\n"
    assert read(tmp_path, text, columns.TREATMENTS).form.decimal == ","


def test_an_unquoted_decimal_comma_in_a_comma_table_is_named(tmp_path):
    table = read(tmp_path, "participant,age\n01,31,5\n02,40\n", name="participants.csv")
    assert [row.cells["participant"] for row in table.rows] == ["02"]
    assert table.problems[0].line == 2
    assert '"5,5"' in table.problems[0].fix


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"PK\x03\x04\x00\x00\x81\x8d", "not a text table"),
        (b"name\tage\n", "cannot be told apart|no column 'participant'"),
        (b"participant;age,sex\n01;3,f\n", "cannot be told apart"),
        (b"participant\tage\tage\n", "two columns 'age'"),
        (b"particpant\tage\n01\t3\n", "no column 'participant'"),
    ],
)
def test_tables_that_cannot_be_read(tmp_path, content, words):
    with pytest.raises(TableError, match=words):
        read(tmp_path, content)


def test_a_misspelt_column_is_an_error_and_a_foreign_one_a_warning(tmp_path):
    table = read(tmp_path, "participant\tdiagnose\tphone\n01\tAGA\t1\n")
    found = {problem.column: problem for problem in table.problems}
    assert found["diagnose"].severity == "error"
    assert found["diagnose"].fix == "rename it to diagnosis"
    assert found["phone"].severity == "warning"


def test_an_open_quotation_mark_is_named_with_its_line(tmp_path):
    table = read(tmp_path, 'participant\tnote\n01\tfine\n02\t"open\n03\tlost\n')
    assert [row.cells["participant"] for row in table.rows] == ["01"]
    assert table.problems[0].line == 3


def test_quoted_line_breaks_keep_the_line_numbers(tmp_path):
    table = read(tmp_path, 'participant\tnote\n01\t"two\nlines"\n02\tx\n')
    assert [row.line for row in table.rows] == [2, 4]


@pytest.mark.parametrize(
    ("text", "readings"),
    [
        ("03/04/2026", ["2026-04-03", "2026-03-04"]),
        ("3.4.26", ["2026-04-03", "2026-03-04"]),
        ("13.04.2026", ["2026-04-13"]),
        ("2026/04/03", ["2026-04-03"]),
        ("20260403", ["2026-04-03"]),
        ("2026-04-03 00:00:00", ["2026-04-03"]),
        ("46115", ["2026-04-03"]),
        ("3 April", []),
        ("2026-4-3", ["2026-04-03"]),
    ],
)
def test_other_dates_are_refused_with_their_readings(text, readings):
    with pytest.raises(TableError) as caught:
        cells.iso_date(text)
    for reading in readings:
        assert reading in caught.value.what + caught.value.fix


@pytest.mark.parametrize("text", ["2026-02-30", "0202-01-01", "2026-13-01"])
def test_days_that_do_not_exist(text):
    with pytest.raises(TableError, match="calendar"):
        cells.iso_date(text)


@given(st.dates(date(1900, 1, 1), date(2199, 12, 31)))
def test_iso_dates_are_read(day):
    assert cells.iso_date(day.isoformat()) == day
    assert cells.moment(day.isoformat()) == day


def test_labels_keep_their_zeros_and_refuse_the_rest():
    assert cells.label("sub-007", "sub-") == "007"
    with pytest.raises(TableError) as caught:
        cells.label("sub-0 7", "sub-")
    assert caught.value.fix == "write sub-07"


@pytest.mark.parametrize("text", ["1_000", "5 mg", "nan", "inf", "0x10", "٣"])
def test_what_is_no_number(text):
    with pytest.raises(TableError):
        cells.number(text, ".", 0, 100)


TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12)


@example([("Â\xa0Ort", "")], "\t", "cp1252")  # its bytes are UTF-8, too
@given(
    st.lists(st.tuples(TEXTS.filter(str.strip), TEXTS), max_size=4),
    st.sampled_from(["\t", ";", ","]),
    st.sampled_from(["utf-8", "utf-8-sig", "cp1252", "utf-16"]),
)
def test_what_is_written_is_read_back(tmp_path_factory, rows, separator, encoding):
    path = tmp_path_factory.getbasetemp() / "written.csv"
    path.write_bytes(write_text(("participant", "note"), rows, TableForm(encoding, separator)))
    table = read_table(path, "written.csv", columns.PARTICIPANTS)
    assert [row.values for row in table.rows] == [tuple(row) for row in rows]
