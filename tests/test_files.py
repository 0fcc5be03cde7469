import os
import stat
import subprocess
import sys
import zipfile

import pytest

from keras_nst import files
from keras_nst.errors import InputError
from keras_nst.files import check_unpacked, new_folder, replacing


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


def test_file_appears_when_the_block_ends(tmp_path):
    path = tmp_path / "new" / "folder" / "result.txt"
    with replacing(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists()
        assert temporary.parent == path.parent  # Otherwise the rename would not be atomic.
    assert path.read_text() == "whole"
    assert names(path.parent) == ["result.txt"]


def test_the_size_of_an_archive_is_known_before_it_is_unpacked(tmp_path):
    path = tmp_path / "archive.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(9_000_000))
        archive.writestr("more", bytes(1_000_000))
    assert path.stat().st_size < 20_000
    check_unpacked(path, 10_000_000)
    with pytest.raises(InputError, match="unpacks to 10,000,000 bytes"):
        check_unpacked(path, 9_999_999)


def test_failing_block_leaves_what_was_there(tmp_path):
    path = tmp_path / "result.txt"
    path.write_text("old")

    def interrupted():
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["result.txt"]


def test_disk_that_fills_up_is_an_input_error(tmp_path):
    def filling():
        with replacing(tmp_path / "result.txt"):
            raise OSError(28, "No space left on device")

    with pytest.raises(
        InputError, match=r"Cannot write .*result\.txt: No space left on device\. Choose another place\.$"
    ):
        filling()
    assert names(tmp_path) == []


@pytest.mark.parametrize("name", ["model.weights.h5", "v1.2.png", "none", "ü" * 120 + ".png"])
def test_temporary_name_keeps_the_suffixes(tmp_path, name):
    with replacing(tmp_path / name) as temporary:
        temporary.write_text("whole")
        assert temporary.suffixes == (tmp_path / name).suffixes
    assert names(tmp_path) == [name]


def test_permissions_are_those_of_any_new_file(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_UMASK", 0o027)
    with replacing(tmp_path / "result.txt") as temporary:
        temporary.write_text("whole")
    assert stat.S_IMODE((tmp_path / "result.txt").stat().st_mode) == 0o640


def test_link_keeps_pointing(tmp_path):
    (tmp_path / "latest.txt").symlink_to(tmp_path / "result.txt")
    for text in ("first", "second"):
        with replacing(tmp_path / "latest.txt") as temporary:
            temporary.write_text(text)
        assert (tmp_path / "result.txt").read_text() == text
    assert (tmp_path / "latest.txt").is_symlink()


def test_only_files_are_replaced(tmp_path):
    (tmp_path / "file").write_text("")
    os.mkfifo(tmp_path / "pipe")

    def replace(path):
        with replacing(path):
            pass

    for path in (tmp_path, tmp_path / "pipe", tmp_path / "file" / "result.txt"):
        with pytest.raises(InputError, match=f"Cannot write {path}: "):
            replace(path)
    assert names(tmp_path) == ["file", "pipe"]


def test_folder_appears_with_its_parents_when_the_block_ends(tmp_path, monkeypatch):
    path = tmp_path / "new" / "folder"
    monkeypatch.setattr(files, "_UMASK", 0o027)
    with new_folder(path) as temporary:
        (temporary / "part").write_text("whole")
        assert names(tmp_path) == [temporary.name]
    assert (path / "part").read_text() == "whole"
    assert names(tmp_path) == ["new"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o750


def test_failing_block_leaves_no_folder(tmp_path):
    def interrupted():
        with new_folder(tmp_path / "new" / "folder") as temporary:
            (temporary / "part").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert names(tmp_path) == []


def test_folder_that_exists_is_left_alone(tmp_path):
    with pytest.raises(InputError, match=f"Cannot write {tmp_path}: it exists"), new_folder(tmp_path):
        pass


@pytest.mark.parametrize("make", [replacing, new_folder])
def test_a_file_that_cannot_be_read_meanwhile_is_told_as_such(tmp_path, make):
    def copying():
        with make(tmp_path / "result"):
            (tmp_path / "nowhere" / "input.txt").read_text()

    with pytest.raises(InputError, match=r"Cannot read .*input\.txt: No such file"):
        copying()
    assert names(tmp_path) == []


def test_a_lack_of_memory_is_none_of_the_disk(tmp_path):
    def filling():
        with replacing(tmp_path / "result.txt"):
            raise OSError(12, "Cannot allocate memory")

    with pytest.raises(OSError, match="allocate"):
        filling()


def test_the_mask_of_permissions_is_that_of_the_start():
    code = "import os; os.umask(0o027); from keras_nst import files; print(files._UMASK, os.umask(0))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(0o027)] * 2
