import os
import signal
import sys
import threading
import time

import pytest

from keras_nst.errors import InputError
from keras_nst.infer.bulk import AHEAD, on_ray, pipeline


def test_results_come_in_order_with_the_errors_among_them():
    def read(job):
        if job == 3:
            raise InputError("cannot read 3")
        return 10 * job

    def process(picture):
        if picture == 50:
            raise InputError("cannot process 50")
        return picture + 1

    def write(job, picture):
        if job == 7:
            raise InputError("cannot write 7")
        return picture

    told = dict(pipeline(range(10), read, process, write))
    assert list(told) == list(range(10))
    assert {job: str(result) for job, result in told.items() if isinstance(result, InputError)} == {
        3: "cannot read 3",
        5: "cannot process 50",
        7: "cannot write 7",
    }
    assert [told[job] for job in (0, 1, 9)] == [1, 11, 91]


def test_reading_processing_and_writing_overlap():
    def step(*_):
        time.sleep(0.02)

    began = time.perf_counter()
    assert len(list(pipeline(range(20), step, step, step))) == 20
    assert time.perf_counter() - began < 0.7 * 3 * 20 * 0.02


def test_no_more_is_read_than_can_be_processed():
    read, most = [], 0

    def process(picture):
        nonlocal most
        time.sleep(0.005)
        most = max(most, len(read) - picture)
        return picture

    list(pipeline(range(40), lambda job: read.append(job) or job, process, lambda job, picture: None))
    assert most <= AHEAD + 1


def test_any_other_error_ends_it():
    def fail(picture):
        raise ZeroDivisionError

    before = threading.active_count()
    with pytest.raises(ZeroDivisionError):
        list(pipeline(range(40), lambda job: job, fail, lambda job, picture: None))
    assert threading.active_count() == before


def test_without_ray_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"keras_nst\[ray\]"):
        next(on_ray([("a", "b")], None))


@pytest.mark.parametrize("address", ["127.0.0.1:9", "nowhere"])
@pytest.mark.filterwarnings("default")  # Ray's own warnings.
def test_a_cluster_that_is_not_there_is_told_at_once(address):
    pytest.importorskip("ray")
    with pytest.raises(InputError, match=address):
        next(on_ray([("a", "b")], None, address=address))


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # Ray's own warnings.
def test_a_killed_worker_loses_nothing(tmp_path):
    def run(jobs):  # Defined here, since workers do not know this file.
        import os
        import time

        from keras_nst.errors import InputError
        from keras_nst.files import replacing

        for source, output in jobs:
            time.sleep(0.02)
            if source.endswith("bad"):
                yield (source, output), InputError(f"Cannot read {source}.")
                continue
            with replacing(output) as temporary:
                temporary.write_text(source)
            yield (source, output), {"pid": os.getpid()}

    pytest.importorskip("ray")
    jobs = [(f"{number}{'bad' if number == 50 else ''}", str(tmp_path / str(number))) for number in range(96)]
    told, killed = {}, None
    for job, result in on_ray(jobs, run, workers=2):
        told[job] = result
        if killed is None and not isinstance(result, InputError):
            killed = result["pid"]
            os.kill(killed, signal.SIGKILL)
    assert set(told) == set(jobs)
    assert [job for job, result in told.items() if isinstance(result, InputError)] == [jobs[50]]
    assert len({result["pid"] for result in told.values() if not isinstance(result, InputError)}) >= 2
    written = sorted(path.name for path in tmp_path.glob("[!.]*"))
    assert written == sorted(str(number) for number in range(96) if number != 50)
    assert len([*tmp_path.glob(".*")]) <= 1  # The file that the killed worker may have been writing.
    assert all((tmp_path / str(number)).read_text() == str(number) for number in range(96) if number != 50)
