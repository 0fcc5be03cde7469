from types import SimpleNamespace

import pytest

from keras_nst import memory
from keras_nst.errors import InputError


@pytest.mark.parametrize(
    ("folder", "limit", "taken", "cache"),
    [
        ("", "memory.max", "memory.current", "inactive_file"),
        ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ],
)
def test_a_containers_limit_counts(tmp_path, monkeypatch, folder, limit, taken, cache):
    monkeypatch.setattr(memory, "CONTAINER", tmp_path)
    monkeypatch.setattr(memory.psutil, "virtual_memory", lambda: SimpleNamespace(available=8_000_000))
    assert memory.free_memory() == 8_000_000
    where = tmp_path / folder
    where.mkdir(exist_ok=True)
    (where / taken).write_text("3000000\n")
    (where / "memory.stat").write_text(f"anon 2000000\n{cache} 1000000\n")
    (where / limit).write_text("5000000\n")
    assert memory.free_memory() == 3_000_000  # A third of the used memory is file cache.
    (where / limit).write_text("1000000\n")
    assert memory.free_memory() == 0
    (where / limit).write_text("max\n" if not folder else "9223372036854771712\n")
    assert memory.free_memory() == 8_000_000


def test_what_will_not_fit_is_refused_in_one_line(monkeypatch):
    monkeypatch.setattr(memory, "free_memory", lambda: 3_000_000_000)
    memory.check_memory((400, 600), 3_000_000_000, str)
    with pytest.raises(InputError) as refused:
        memory.check_memory((400, 600), 3_100_000_000, lambda free: f"Take {free:.0e} bytes.")
    assert str(refused.value) == "600 x 400 pixels take about 3.1 GB, and 3.0 GB are free. Take 3e+09 bytes."
