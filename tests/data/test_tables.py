"""Tables: what is read, what is guessed, and where a bad cell is."""

import csv
import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule import data
from chainrule.errors import DataError, OptionError

IRISES = "length,width,kind\n5.1,3.5,setosa\n6.2,2.9,virginica\n4.9,3.0,setosa\n"


@pytest.fixture
def table(tmp_path):
    """Write a table and read it."""

    def read(text: str | bytes, **options) -> data.Dataset:
        path = tmp_path / "table.csv"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return data.read_csv(path, **options)

    return read


def test_text_is_classes_and_a_header_is_seen(table) -> None:
    made = table(IRISES)
    assert made.x.dtype == np.float32
    np.testing.assert_allclose(made.x, [[5.1, 3.5], [6.2, 2.9], [4.9, 3.0]], rtol=1e-6)
    assert made.classes == ("setosa", "virginica")
    assert made.y.tolist() == [0, 1, 0]
    assert made.name == "table"


@pytest.mark.parametrize("label", ["kind", 0, -3])
def test_the_label_is_found_by_name_and_by_place(table, label) -> None:
    made = table("kind,a,b\nx,1,2\ny,3,4\n", label=label)
    assert made.x.tolist() == [[1, 2], [3, 4]]
    assert made.classes == ("x", "y")


def test_a_label_in_the_middle(table) -> None:
    assert table("1,a,2\n3,b,4\n", label=1).x.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("delimiter", list(",;\t|"))
def test_the_delimiter_is_seen(table, delimiter: str) -> None:
    assert table(IRISES.replace(",", delimiter)).x.shape == (3, 2)


def test_another_delimiter_is_told(table) -> None:
    assert table("1 2 a\n3 4 b\n", delimiter=" ").x.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("header", [True, False])
def test_the_header_is_told(table, header: bool) -> None:
    assert len(table("1,0\n2,1\n3,1\n", header=header)) == (2 if header else 3)


def test_whole_numbers_that_repeat_are_classes(table) -> None:
    made = table("0.5,10\n1.5,9\n2.5,10\n")
    assert made.classes == ("9", "10")
    assert made.y.tolist() == [1, 0, 1]


def test_numbers_with_a_fraction_are_a_regression(table) -> None:
    made = table("1,0.5\n2,1\n3,2\n")
    assert made.classes == ()
    assert made.y.tolist() == [[0.5], [1.0], [2.0]]


def test_a_class_may_be_called_none(table) -> None:
    assert table("1,none\n2,scratch\n").classes == ("none", "scratch")


def test_the_target_is_told(table) -> None:
    text = "1,3\n2,3\n3,4\n"
    assert table(text, target="numbers").y.tolist() == [[3], [3], [4]]
    assert table("1,0.5\n2,1.5\n", target="classes").classes == ("0.5", "1.5")


def test_many_whole_numbers_are_asked_about(table) -> None:
    text = "a,price\n" + "".join(f"{i},{100 * i}\n" for i in range(40))
    with pytest.raises(DataError, match=r"'price' has 40 different whole numbers in 40 lines"):
        table(text)
    assert len(table(text, target="classes").classes) == 40
    assert table(text, target="numbers").y.shape == (40, 1)


def test_classes_of_the_training_part_number_the_test_part(table) -> None:
    made = table("1,c\n2,a\n", classes=("a", "b", "c"))
    assert made.y.tolist() == [2, 0]
    assert made.classes == ("a", "b", "c")
    assert table("1,2.0\n", classes=("1", "2")).y.tolist() == [1]
    with pytest.raises(DataError, match="row 1 has the label 'z'"):
        table("1,c\n2,z\n", classes=("a", "b", "c"))


def test_blank_lines_spaces_quotes_windows_and_a_byte_order_mark(table) -> None:
    text = '\ufefflength,kind\r\n\r\n 1.5 ,"a, b"\r\n2,c\r\n\r\n'
    made = table(text)
    assert made.x.tolist() == [[1.5], [2.0]]
    assert made.classes == ("a, b", "c")


def test_a_packed_table(tmp_path) -> None:
    path = tmp_path / "irises.csv.gz"
    path.write_bytes(gzip.compress(IRISES.encode()))
    made = data.read_csv(path)
    assert (len(made), made.name) == (3, "irises")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b,c\n1,,x\n", r"line 2, column 'b' is missing \(''\); expected a number"),
        ("a,b,c\n1,2,x\n1,NA,x\n", r"line 3, column 'b' is missing \('NA'\)"),
        ("a,b,c\n1,nan,x\n", "line 2, column 'b' is missing"),
        ("a,b,c\n1,-inf,x\n", "line 2, column 'b' is infinite or too large"),
        ("a,b,c\n1,2,x\n1e300,2,x\n", "line 3, column 'a' is infinite or too large"),
        ("a,b,c\n1,two,x\n", r"line 2, column 'b' holds 'two'.*label='b'"),
        ("a;c\n1,5;x\n", "line 2, column 'a' holds '1,5'; write its fraction with a point"),
        ("a,c\n1,\n", r"line 2, column 'c' is missing \(''\); expected a label"),
        ("1,x\n?,y\n", r"line 2, column '0' is missing"),
        ("1,x\n1,2,y\n", "line 2 has 3 cells; expected 2"),
        ('a,c\n1,"x\ny"\noops,z\n', "line 4, column 'a' holds 'oops'"),
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("a,b\n", "has a header and no samples"),
        ("1\n2\n", "has one column, '1' in its first line"),
        (b"a,b\n\xff\xfe,1\n", "not text in UTF-8"),
    ],
)
def test_bad_tables(table, text, message: str) -> None:
    with pytest.raises(DataError, match=message):
        table(text)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label": "knd"}, "no column 'knd'. Did you mean 'kind'"),
        ({"label": 3}, "label is 3, but .* has 3 columns.*from -3 to 2"),
        ({"label": -4}, "label is -4"),
        ({"target": "class"}, "unknown target 'class'. Did you mean 'classes'"),
        ({"delimiter": ", "}, "delimiter is ', '; expected one character"),
    ],
)
def test_bad_options(table, options, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        table(IRISES, **options)


def test_numbers_that_are_none(table) -> None:
    with pytest.raises(DataError, match="line 3, column '1' holds 'x'; expected a finite number"):
        table("1,2\n\n3,x\n", target="numbers")


def test_a_missing_or_damaged_file(tmp_path) -> None:
    with pytest.raises(DataError, match=r"cannot read .*none\.csv as a table"):
        data.read_csv(tmp_path / "none.csv")
    broken = tmp_path / "t.csv.gz"
    broken.write_bytes(gzip.compress(IRISES.encode())[:-9])
    with pytest.raises(DataError, match=r"cannot read .*t\.csv\.gz as a table"):
        data.read_csv(broken)


@given(
    rows=st.lists(
        st.tuples(st.floats(width=32, allow_nan=False, allow_infinity=False), st.text("ab ,;\"'")),
        min_size=1,
    )
)
def test_what_the_csv_module_writes_is_read(tmp_path_factory, rows) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    named = [(value, f"x{name}x") for value, name in rows]
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([("value", "name"), *named])
    made = data.read_csv(path, delimiter=",")
    np.testing.assert_array_equal(made.x[:, 0], np.array([value for value, _ in named], np.float32))
    assert [made.classes[number] for number in made.y] == [name for _, name in named]
