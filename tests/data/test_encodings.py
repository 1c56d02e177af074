"""A file that is not UTF-8 text is reported as what it is, at the first wrong byte, including in the header."""

import gzip
import io
import zipfile

import pytest
from test_text_files import listed, rows

from raytemplate.data.sources.text.source import JSONL
from raytemplate.errors import DataError

TEXT = "day,town,y\n" + "".join(
    f"2024-04-{1 + n % 28:02},{'Orléans' if n % 9 == 5 else 'Nice'},{n}\n" for n in range(900)
)
HEAD = TEXT.replace("town", "rue_numéro").replace("Orléans", "Metz")


def zipped():
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("a.csv", TEXT)
    return made.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (TEXT.encode("utf-16"), "b.csv:1: not UTF-8 (UTF-16, byte 0xff); iconv -f utf-16 -t utf-8"),
        (TEXT.replace("é", "e").encode("utf-16"), "b.csv:1: not UTF-8 (UTF-16, byte 0xff); iconv -f utf-16 -t utf-8"),
        ("\ufeff".encode("utf-16-be") + TEXT.encode("utf-16-be"), "(UTF-16, byte 0xfe); iconv -f utf-16 -t utf-8"),
        (TEXT.encode("utf-16-le"), "b.csv:1: not UTF-8 (UTF-16LE, byte 0x64); iconv -f utf-16le -t utf-8"),
        (TEXT.encode("utf-16-be"), "iconv -f utf-16be -t utf-8"),
        (TEXT.encode("utf-32"), "b.csv:1: not UTF-8 (UTF-32, byte 0xff); iconv -f utf-32 -t utf-8"),
        (TEXT.encode("utf-32-le"), "iconv -f utf-32le -t utf-8"),
        (HEAD.encode("latin1"), "b.csv:1: not UTF-8 (byte 0xe9); iconv -f latin1 -t utf-8"),
        (TEXT.encode("latin1"), "b.csv:7: not UTF-8 (byte 0xe9); iconv -f latin1 -t utf-8"),
        (TEXT.replace("é", "€").encode("cp1252"), "b.csv:7: not UTF-8 (byte 0x80); iconv -f windows-1252 -t utf-8"),
        (TEXT.encode() + b"2024-04-01,\xc3", "b.csv:902: not UTF-8 (byte 0xc3)"),
        (gzip.compress(TEXT.encode()), "not a text file: a gzip file"),
        (zipped(), "not a text file: a zip file"),
        (b"day,town,y\n2024-04-01,a\0b,1\n", "b.csv:2: not a text file: it contains zero bytes"),
    ],
)
def test_a_later_file_in_another_encoding_is_told_as_that(tmp_path, content, said):
    (tmp_path / "a.csv").write_text(TEXT)
    (tmp_path / "b.csv").write_bytes(content)
    with pytest.raises(DataError) as refused:
        listed(tmp_path, name="*.csv")
    assert said in str(refused.value) and refused.value.exit_code == 2


def test_a_header_in_utf_8_with_a_mark_is_text(tmp_path):
    table = listed(tmp_path, "\ufeff".encode() + HEAD.encode())
    assert len(rows(table, ["rue_numéro"])) == 900


def test_a_letter_cut_by_the_first_look_is_no_fault(tmp_path):
    table = listed(tmp_path, ("t\n" + "x" * (2**20 - 3) + "é\n").encode())
    assert rows(table)[0]["t"].endswith("é")


def test_json_lines_in_another_encoding_are_told_as_that(tmp_path):
    with pytest.raises(DataError, match=r"a\.jsonl:1: not UTF-8 \(UTF-16, byte 0xff\); iconv -f utf-16 -t utf-8"):
        listed(tmp_path, '{"a": "é"}\n'.encode("utf-16"), name="a.jsonl", source=JSONL)
