"""from_table: files and frames, what is taken for a class, what is refused in one sentence, and the spec."""

import numpy as np
import pandas as pd
import pytest

from alviz.data import create, from_table, table
from alviz.progress import Cancelled


@pytest.fixture
def csv(tmp_path):
    def write(text, name="table.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_table_with_everything(csv):
    dataset = from_table(csv("id,a,b,label,remark\np,1,2,cat,x\nq,3,4,dog,y\nr,5,6,,z\ns,7,8,NA,z\nt,9,1,cat,\n"), test=0)
    assert dataset.ids == ["p", "q", "r", "s", "t"]
    assert dataset.features.tolist() == [[1, 2], [3, 4], [5, 6], [7, 8], [9, 1]]
    assert dataset.class_names == ("NA", "cat", "dog")
    assert dataset.targets.tolist() == [1, 2, -1, 0, 1]
    assert dataset.test is None
    assert [(one.name, one.reason) for one in dataset.report.skipped] == [("column remark", "no numbers")]
    assert dataset.name == "table"


def test_named_columns_and_tabs(csv):
    path = csv("x\ty\tkind\n1\t2\t7\n3\t4\t10\n", "table.tsv")
    dataset = from_table(path, features=["y"], target="kind", test=0)
    assert dataset.features.tolist() == [[2], [4]]
    assert dataset.class_names == ("7", "10")  # numbers in their order
    assert from_table(path, features="x", test=0).features.tolist() == [[1], [3]]


@pytest.mark.parametrize(
    ("values", "targets", "class_names"),
    [
        (["b", "a", "", None, " b "], [1, 0, -1, -1, 1], ("a", "b")),
        ([3, -1, 10, 3, 3], [0, -1, 1, 0, 0], ("3", "10")),
        ([3.0, np.nan, 10.0, 3.0, 3.0], [0, -1, 1, 0, 0], ("3", "10")),
        ([True, False, True, True, True], [1, 0, 1, 1, 1], ("False", "True")),
        (pd.Categorical(["z", "y", None, "z", "z"]), [1, 0, -1, 1, 1], ("y", "z")),
        ([None] * 5, [-1] * 5, ()),
    ],
)
def test_what_is_a_class(values, targets, class_names):
    dataset = from_table(pd.DataFrame({"x": np.arange(5.0), "kind": values}), target="kind", features="x", test=0)
    assert dataset.targets.tolist() == targets
    assert dataset.class_names == class_names
    assert dataset.spec is None


def test_the_order_of_the_classes_can_be_said():
    dataset = from_table(pd.DataFrame({"x": [1.0, 2.0], "label": ["a", "b"]}), class_names=["c", "b"], test=0)
    assert dataset.class_names == ("c", "b", "a")
    assert dataset.targets.tolist() == [2, 1]


def test_a_column_of_embeddings():
    frame = pd.DataFrame({"embedding": [[1.0, 2.0], np.array([3.0, 4.0])], "label": ["a", "b"]})
    assert from_table(frame, test=0).features.tolist() == [[1, 2], [3, 4]]


def test_npz(tmp_path):
    path = tmp_path / "e.npz"
    np.savez(path, vectors=np.eye(4), label=np.array(["u", "v", "v", ""]), id=np.array(list("abcd")))
    dataset = from_table(path, test=0)
    assert np.array_equal(dataset.features, np.eye(4, dtype=np.float32))
    assert dataset.targets.tolist() == [0, 1, 1, -1]
    assert dataset.ids == list("abcd")
    np.savez(path, vectors=np.eye(4), label=np.arange(3))
    with pytest.raises(ValueError, match=r"'e.npz' cannot be read: its arrays must have one length"):
        from_table(path)


def test_parquet(tmp_path, monkeypatch):
    """Which package reads it is not ours to test: the reader is a stand-in."""
    path = tmp_path / "e.parquet"
    path.write_bytes(b"PAR1")
    frame = pd.DataFrame({"x": [1.0, 2.0, 3.0], "label": ["a", None, "b"]})
    monkeypatch.setattr(pd, "read_parquet", lambda given: frame if given == path else None)
    assert from_table(path, test=0).targets.tolist() == [0, -1, 1]

    def missing(given):
        raise ImportError("Unable to find a usable engine")

    monkeypatch.setattr(pd, "read_parquet", missing)
    with pytest.raises(ValueError, match=r"'e.parquet' needs a package that is not installed: pip install pyarrow"):
        from_table(path)


BAD = [
    ("1,2\n3,oops", "column 'b', row 1 holds the text 'oops', not a number; mend it"),
    ("1,2\n3,", "column 'b', row 1 holds NaN, not a number"),
    ("1,2\n3,nan", "column 'b', row 1 holds the text 'nan', not a number"),
    ("1,2\ninf,4\n-inf,3", r"column 'a', row 1 holds infinity, not a number \(2 rows like that\)"),
    ("1,2\n3,1e300", "column 'b', row 1 holds 1e.300, too large for float32, not a number"),
]


@pytest.mark.parametrize(("rows", "wanted"), BAD)
def test_rows_with_no_number_are_refused_or_left_out(csv, rows, wanted):
    path = csv(f"a,b\n{rows}\n")
    with pytest.raises(ValueError, match=wanted):
        from_table(path)
    rest = from_table(path, skip=True)
    assert rest.features.tolist() == [[1, 2]]
    skipped = rest.report.skipped
    assert [one.name for one in skipped] == [f"row {i + 1}" for i in range(len(rows.splitlines()) - 1)]
    assert skipped[0].reason.endswith(f"in column {wanted.split(chr(39))[1]!r}")


@pytest.mark.parametrize(
    ("text", "settings", "wanted"),
    [
        ("", {}, "'table.csv' cannot be read: it is empty"),
        ("0.5,1\n2,3\n", {}, "'table.csv' cannot be read: its first line holds numbers"),
        ("a,b\n1,2\n", {"features": []}, "features must be different columns"),
        ("a,label\n1,2\n", {"features": ["a", "label"]}, "none of them target or id"),
        ("a,b\n1,2\n", {"features": 3}, "features must be a column of the table, got 3"),
        ("a,b\n", {}, "'table' has no rows"),
        ("a,b\nx,y\n", {}, "no column of the table holds numbers"),
        ("a,b\n1,2\n", {"target": "B2"}, "target must be a column of the table, got 'B2'"),
        ("alpha,b\n1,2\n", {"features": ["alpa"]}, "features must be a column of the table, got 'alpa'; there are 'alpha'"),
        ("a,b\n1,2\n", {"id": "c"}, "id must be a column of the table, got 'c'"),
        ("a,b\n1,0.5\n", {"target": "b"}, "target column 'b', row 0 holds 0.5: a class is text or a whole number"),
        ("a,id\n1,u\n2,v\n3,u\n", {}, "id column 'id' holds 'u' in rows 0 and 2"),
        ("a,id\n1,u\n2,\n", {}, "id column 'id', row 1 is empty"),
        ("a,b\n,2\n", {"skip": True}, "'table' has no row without NaN, infinity or text"),
        ("a,b\n1,2\n", {"test": 2}, "test must be a number in 0 … 0.9"),
        ("a,b\n1,2\n", {"class_names": ["x", "x"]}, "class_names must differ"),
    ],
)
def test_tables_that_cannot_be_used(csv, text, settings, wanted):
    with pytest.raises(ValueError, match=wanted):
        from_table(csv(text), **settings)


def test_files_that_are_no_tables(tmp_path, csv):
    with pytest.raises(ValueError, match=r"there is no file .*nowhere.csv"):
        from_table(tmp_path / "nowhere.csv")
    with pytest.raises(ValueError, match=r"'x.docx' is no table that can be read: wanted a file that ends in .parquet, .csv, .tsv, .npz"):
        from_table(csv("a", "x.docx"))
    with pytest.raises(ValueError, match=r"'x.npz' cannot be read"):
        from_table(csv("no archive", "x.npz"))
    with pytest.raises(ValueError, match="table must be a file's name or a DataFrame, got list"):
        from_table([[1, 2]])
    objects = tmp_path / "objects.npz"
    np.savez(objects, x=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ValueError, match=r"'objects.npz' cannot be read: .*allow_pickle=False"):
        from_table(objects)


def test_the_split_stays_when_rows_are_added_and_the_spec_makes_it_again(csv, monkeypatch):
    def lines(n):
        return "a,label\n" + "".join(f"{i},{'xy'[i % 2]}\n" for i in range(n))

    path = csv(lines(20))
    before = from_table(path)
    assert np.bincount(before.test.targets).tolist() == [2, 2]
    csv(lines(40))
    after = from_table(path)
    assert set(after.test.ids) == set(before.test.ids)
    assert set(before.ids) < set(after.ids)
    assert after.report.new == 20
    monkeypatch.chdir("/")
    again = create(after.spec["name"], **after.spec["params"])
    assert again.ids == after.ids
    assert again.spec == after.spec


def test_semicolons_and_decimal_commas(csv):
    read = from_table(csv("a;b;label\n1,5;2;x\n3.25;4;y\n"), test=0)
    assert read.features.tolist() == [[1.5, 2.0], [3.25, 4.0]] and read.class_names == ("x", "y")
    assert from_table(csv('"a, b","c;d"\n1,2\n'), test=0).features.tolist() == [[1.0, 2.0]]


def test_row_numbers_that_were_saved_along_are_left_out(tmp_path):
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 5.0]})
    frame.to_csv(tmp_path / "t.csv")
    read = from_table(tmp_path / "t.csv")
    assert read.features.tolist() == frame.to_numpy().tolist()
    assert [one.reason for one in read.report.skipped] == ["no name"]


def test_text_in_other_encodings(tmp_path):
    (tmp_path / "t.csv").write_bytes("a,label\n1,café\n".encode("latin-1"))
    with pytest.raises(ValueError, match=r"'t.csv' is not text in UTF-8"):
        from_table(tmp_path / "t.csv")
    (tmp_path / "t.csv").write_bytes("a,label\n1,café\n".encode("utf-8-sig"))
    assert from_table(tmp_path / "t.csv").class_names == ("café",)


def test_reading_text_reports_progress_and_can_be_cancelled(csv, monkeypatch):
    monkeypatch.setattr(table, "CHUNK", 10)
    path = csv("a,label\n" + "".join(f"{i},{'xy'[i % 2]}\n" for i in range(100)))
    seen = []
    read = from_table(path, progress=seen.append)
    assert len(read) + len(read.test) == 100 and seen == sorted(seen) and len(seen) > 10 and seen[-1] == 1.0
    assert sorted(np.concatenate([read.features, read.test.features])[:, 0].tolist()) == list(range(100))

    def stop(done):
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        from_table(path, progress=stop)
