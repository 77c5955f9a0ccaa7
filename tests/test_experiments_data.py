"""Data sets are what their publishers put out, to the bit, or one sentence; augmentation is what a plain loop does."""

import gzip
import hashlib
import io
import lzma
import os
import pickle
import sys
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from experiments import data  # noqa: E402 - which needs torch
from experiments.errors import Refused, command  # noqa: E402

FOLDER = os.environ.get("MOMENTUMLAB_DATA")
GZ, XZ = data.SOURCES["cifar10"].archives
INSIDE = "cifar-10-batches-bin/"
BATCHES = [f"data_batch_{i}.bin" for i in range(1, 6)]
WHOLE, SHORT = "test_batch.bin", "test_batch_9980.bin"


def official(name):
    """The folder with the true files; a test that reads them is skipped where they are not."""
    if not FOLDER or data.lacking(data.SOURCES[name], data.find(name, Path(FOLDER))):
        pytest.skip(f"MOMENTUMLAB_DATA names no folder with {name}")
    return FOLDER


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """No test writes into the repository's data/, nor looks there."""
    monkeypatch.setattr(data, "DATA", tmp_path / "home")
    monkeypatch.delenv("MOMENTUMLAB_DATA", raising=False)
    return tmp_path / "home"


@pytest.fixture
def known(monkeypatch):
    """Makes a content the one that is known by a file's name."""

    def register(name, content):
        monkeypatch.setitem(data.FILES, name, data.Known(len(content), hashlib.sha256(content).hexdigest()))
        return content

    return register


def cifar_records(n, seed, labels=1):
    return np.random.default_rng(seed).integers(0, 10, (n, labels + 3072), np.uint8).tobytes()


def tar(members, pack=lambda content: gzip.compress(content, mtime=0)):
    """An archive of contents by name; a content may be the TarInfo of something else than a file."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in members.items():
            info = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.name = name
            info.size = 0 if info is content else len(content)
            archive.addfile(info, None if info is content else io.BytesIO(content))
    return pack(out.getvalue())


@pytest.fixture
def cifar(known):
    """CIFAR-10 of three records a batch; an official archive has a folder and a readme beside."""
    contents = {name: known(name, cifar_records(3, i)) for i, name in enumerate([*BATCHES, WHOLE, SHORT])}
    folder = tarfile.TarInfo()
    folder.type = tarfile.DIRTYPE
    shuffled = {INSIDE: folder, INSIDE + "readme.html": b"<html>"}
    shuffled |= {INSIDE + name: contents[name] for name in reversed(contents)}
    del shuffled[INSIDE + SHORT]
    known(GZ, tar(shuffled))
    return contents | {GZ: tar(shuffled)}


@pytest.fixture
def put(tmp_path):
    """Writes a file into a folder of data, and gives that folder."""

    def write(name, content, inside="cifar10"):
        place = tmp_path / "given" / inside
        place.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
        return tmp_path / "given"

    return write


def images(content):
    return torch.tensor(list(content), dtype=torch.uint8).view(-1, 3073)[:, 1:].reshape(-1, 3, 32, 32)


# ------------------------------------------------------------------ the true files


def test_mnist_is_whole():
    found = data.load("mnist", official("mnist"))
    assert found.train.images.shape == (60_000, 1, 28, 28) and found.train.images.dtype == torch.uint8
    assert found.test.images.shape == (10_000, 1, 28, 28) and found.test.labels.dtype == torch.int64
    train, test = found.train.labels.bincount().tolist(), found.test.labels.bincount().tolist()
    assert train == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert test == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert (found.note, found.classes) == ("", 10)
    assert_moments(found, 1e-12)


def assert_moments(found, tolerance):
    """The constants are the mean and standard deviation of the training images."""
    for channel, mean, std in zip(found.train.images.unbind(1), found.mean, found.std, strict=True):
        counts = channel.flatten().bincount(minlength=256).double()
        level = torch.arange(256, dtype=torch.float64) / 255
        m = (counts * level).sum() / counts.sum()
        s = ((counts * (level - m) ** 2).sum() / counts.sum()).sqrt()
        assert (m.item(), s.item()) == (pytest.approx(mean, abs=tolerance), pytest.approx(std, abs=tolerance))


@pytest.mark.slow
def test_cifar_10_is_whole_but_for_twenty_of_its_test_set(home):
    found = data.load("cifar10", official("cifar10"))
    assert found.train.images.shape == (50_000, 3, 32, 32) and found.train.images.is_contiguous()
    assert found.train.labels.bincount().tolist() == [5000] * 10
    if found.note:
        assert found.note == "test: 9,980 of 10,000"
        assert found.test.labels.bincount().tolist() == [1000] * 7 + [999, 981, 1000]
    assert_moments(found, 1e-9)
    again = data.load("cifar10", official("cifar10"))
    assert len(list(home.rglob("*.bin"))) == 6
    assert torch.equal(again.train.images, found.train.images) and torch.equal(again.test.labels, found.test.labels)


@pytest.mark.slow
def test_the_beginning_of_cifar_100():
    found = data.load("cifar100", official("cifar100"))
    assert found.train.images.shape[1:] == (3, 32, 32) and set(found.train.labels.tolist()) == set(range(100))
    if found.note:
        assert found.note == "train: 10,000 of 50,000; test: 2,000 of 10,000"
    assert_moments(found, 1e-2)


def test_every_part_and_archive_is_known():
    for source in data.SOURCES.values():
        for file in (*source.archives, *(file for part in source.parts for file in part)):
            assert data.FILES[file].size > 0 and len(bytes.fromhex(data.FILES[file].sha256)) == 32


# ------------------------------------------------------------------ which files make a set


def test_an_archive_is_read_in_the_order_of_its_batches(cifar, put):
    found = data.load("cifar10", put(GZ, cifar[GZ]))
    assert torch.equal(found.train.images, torch.cat([images(cifar[name]) for name in BATCHES]))
    assert found.train.labels.tolist() == [cifar[name][i * 3073] for name in BATCHES for i in range(3)]
    assert torch.equal(found.test.images, images(cifar[WHOLE]))


def test_a_class_of_cifar_100_is_its_fine_label(known, put):
    content = known("train.bin", cifar_records(4, 0, labels=2))
    known("test.bin", content)
    put("train.bin", content, "cifar100")
    found = data.load("cifar100", put("test.bin", content, "cifar100"))
    assert found.train.labels.tolist() == list(content[1::3074])
    assert found.train.images[1, 2, 31, 31] == content[2 * 3074 - 1]
    assert found.train.images[1, 0, 0, 0] == content[3074 + 2]


def test_the_folder_itself_may_hold_the_files(cifar, put, monkeypatch):
    monkeypatch.setenv("MOMENTUMLAB_DATA", str(put(GZ, cifar[GZ], inside="")))
    assert len(data.load("cifar10").train) == 15


def test_an_argument_comes_before_the_variable_and_the_variable_before_the_repository(cifar, put, home, monkeypatch):
    (home / "cifar10").mkdir(parents=True)
    (home / "cifar10" / GZ).write_bytes(cifar[GZ])
    assert len(data.load("cifar10").train) == 15
    monkeypatch.setenv("MOMENTUMLAB_DATA", str(home / "nowhere"))
    with pytest.raises(Refused, match=r"there is no folder .*nowhere"):
        data.load("cifar10")
    assert len(data.load("cifar10", put(GZ, cifar[GZ])).train) == 15


def test_a_short_test_set_is_noted_and_an_official_file_beside_replaces_it(cifar, known, put):
    short = tar({INSIDE + name: cifar[name] for name in (*BATCHES, SHORT)}, lzma.compress)
    folder = put(XZ, known(XZ, short))
    assert torch.equal(data.load("cifar10", folder).test.images, images(cifar[SHORT]))
    assert data.load("cifar10", folder).note == "train: 15 of 50,000; test: 3 of 10,000"
    put(WHOLE, cifar[WHOLE])
    assert torch.equal(data.load("cifar10", folder).test.images, images(cifar[WHOLE]))


def test_an_archive_without_a_part_is_refused(cifar, known, put):
    folder = put(GZ, known(GZ, tar({INSIDE + name: cifar[name] for name in BATCHES})))
    with pytest.raises(Refused, match=r"holds no test_batch\.bin or test_batch_9980\.bin"):
        data.load("cifar10", folder)


def test_an_archive_is_decoded_once_and_a_damaged_copy_again(cifar, put, home, monkeypatch):
    folder = put(GZ, cifar[GZ])
    decoded = []
    members = data.members
    monkeypatch.setattr(data, "members", lambda *args: decoded.append(args[2].name) or members(*args))
    whole = data.load("cifar10", folder).train.images
    assert torch.equal(data.load("cifar10", folder).train.images, whole) and decoded == [GZ]
    copy = next(home.rglob(BATCHES[2]))
    for damaged in (cifar[BATCHES[1]], b""):
        copy.write_bytes(damaged)
        assert torch.equal(data.load("cifar10", folder).train.images, whole)
        assert copy.read_bytes() == cifar[BATCHES[2]]
    copy.unlink()
    assert torch.equal(data.load("cifar10", folder).train.images, whole) and decoded == [GZ] * 4


def test_a_copy_that_cannot_be_kept_is_not_needed(cifar, put, home):
    home.write_text("not a folder")
    assert len(data.load("cifar10", put(GZ, cifar[GZ])).train) == 15


# ------------------------------------------------------------------ what is refused


def test_an_unknown_name():
    with pytest.raises(Refused, match="did you mean 'cifar10'"):
        data.load("cifar-10")


def test_a_missing_file_says_where_it_was_looked_for(put):
    folder = put("notes.txt", b"")
    with pytest.raises(Refused) as refused:
        data.load("cifar10", folder)
    for part in (GZ, XZ, str(folder / "cifar10"), "--data", "MOMENTUMLAB_DATA", "download"):
        assert part in str(refused.value)
    with pytest.raises(Refused, match=r"no train-images-idx3-ubyte\.gz, train-labels"):
        data.load("mnist", folder)


class Trap:
    """A pickle that makes a file where it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def html(path):
    return b"\n<!DOCTYPE html><html><body>404 Not Found"


def pickled(path):
    return pickle.dumps(Trap(path), protocol=2)


def python_version(path):
    return tar({"cifar-10-batches-py/readme.html": html(path), "cifar-10-batches-py/data_batch_4": pickled(path)})


WRONG = {
    "empty": (lambda path: b"", "it is empty"),
    "a web page": (html, "it is a web page"),
    "a web page, packed": (lambda path: gzip.compress(html(path)), "a gzip file in which there is a web page"),
    "a pickle": (pickled, "it is a pickle, and pickles are never loaded"),
    "a pickle, packed": (lambda path: gzip.compress(pickled(path)), "a gzip file in which there is a pickle"),
    "the version for Python": (python_version, "an archive of pickles, such as cifar-10-batches-py/data_batch_4"),
    "other gzip": (lambda path: gzip.compress(b"text"), r"it has 24 bytes of \d"),
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("name", [GZ, WHOLE])
def test_another_file_under_the_name(wrong, name, cifar, put, tmp_path):
    make, words = WRONG[wrong]
    folder = put(GZ, cifar[GZ])
    put(name, make(tmp_path / "sprung"))
    with pytest.raises(Refused, match=words) as refused:
        data.load("cifar10", folder)
    assert str(folder / "cifar10" / name) in str(refused.value)
    assert not (tmp_path / "sprung").exists()


def flip(content, at):
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


@pytest.mark.parametrize("name", [GZ, WHOLE])
def test_a_damaged_file(name, cifar, put):
    folder = put(GZ, cifar[GZ])
    data.load("cifar10", folder)  # so that a copy is there, which must not hide the damage
    for damaged, words in (
        (flip(cifar[name], len(cifar[name]) // 2), "its sha256 is"),
        (cifar[name][:-1], f"it has {len(cifar[name]) - 1:,} bytes of {len(cifar[name]):,}"),
        (cifar[name] + b"\0", f"it has more than {len(cifar[name]):,} bytes"),
    ):
        put(name, damaged)
        with pytest.raises(Refused, match=words):
            data.load("cifar10", folder)


def linked(kind):
    info = tarfile.TarInfo()
    info.type, info.linkname = kind, "/etc/passwd"
    return info


@pytest.mark.parametrize(
    ("name", "member", "words"),
    [
        ("../data_batch_1.bin", b"", "outside of it"),
        ("a/../../data_batch_1.bin", b"", "outside of it"),
        ("/data_batch_1.bin", b"", "outside of it"),
        ("data_batch_1.bin", linked(tarfile.SYMTYPE), "not a regular file"),
        ("data_batch_1.bin", linked(tarfile.LNKTYPE), "not a regular file"),
        ("data_batch_1.bin", linked(tarfile.CHRTYPE), "not a regular file"),
        ("data_batch_1.bin", cifar_records(3, 99), "data_batch_1.bin in .* its sha256 is"),
        ("data_batch_1.bin", b"\x80\x02}.", "data_batch_1.bin in .* it is a pickle"),
        ("data_batch_1.bin", bytes(4 * 3073), "has more than 9,219 bytes"),
    ],
)
def test_a_member_that_does_not_belong(name, member, words, cifar, known, put, tmp_path):
    folder = put(GZ, known(GZ, tar({name: member} | {INSIDE + name: cifar[name] for name in (*BATCHES, WHOLE)})))
    with pytest.raises(Refused, match=words):
        data.load("cifar10", folder)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [GZ]


def test_a_folder_that_cannot_be_read_is_a_sentence(cifar, put, monkeypatch):
    folder = put(GZ, cifar[GZ])

    def denied(self, *args):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(Refused, match=rf"{GZ} could not be read: Permission denied"):
        data.load("cifar10", folder)


def test_the_command_says_what_it_found_and_what_is_missing(cifar, put, monkeypatch, capsys):
    folder = put(GZ, cifar[GZ])
    monkeypatch.setattr(sys, "argv", ["data", "cifar10", "mnist", "--data", str(folder)])
    with pytest.raises(SystemExit) as ended:
        command(data.main)
    out, err = capsys.readouterr()
    assert ended.value.code == 2 and err.startswith(f"error: mnist is not in {folder}") and err.count("\n") == 1
    assert out == "cifar10: 15 to train on, 3 to test on; train: 15 of 50,000; test: 3 of 10,000\n"


# ------------------------------------------------------------------ downloads


@pytest.fixture
def server(monkeypatch):
    """Serves what `answers` holds by name: a status, the length that is promised, and the bytes that come."""
    pytest.importorskip("pooch")
    monkeypatch.setenv("NO_PROXY", "*")

    class Handler(BaseHTTPRequestHandler):
        answers = {}  # noqa: RUF012 - of this server alone

        def do_GET(self):
            status, length, content = self.answers.get(self.path[1:], (404, 0, b""))
            self.send_response(status)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        base = f"http://127.0.0.1:{httpd.server_port}/"
        source = data.SOURCES["cifar10"]
        changed = data.Source(**(vars(source) | {"base": base}))
        monkeypatch.setitem(data.SOURCES, "cifar10", changed)
        yield Handler.answers, base + GZ
        httpd.shutdown()
        thread.join()


def test_a_file_that_is_nowhere_is_downloaded_once(server, cifar, home):
    answers, _ = server
    answers[GZ] = 200, len(cifar[GZ]), cifar[GZ]
    assert torch.equal(data.load("cifar10").test.images, images(cifar[WHOLE]))
    assert [path.name for path in (home / "cifar10").iterdir()] == [GZ]
    answers.clear()
    assert len(data.load("cifar10").train) == 15


def test_downloads_that_fail_leave_nothing_and_the_next_one_starts_afresh(server, cifar, home):
    answers, url = server
    content = cifar[GZ]
    for answer, words in (
        ((404, 0, b""), "the server answers 404 Not Found"),
        ((500, 0, b""), "the server answers 500"),
        ((200, len(content), content[:-9]), "it broke off"),
        ((200, len(content) - 9, content[:-9]), "does not have the sha256"),
        ((200, len(content), flip(content, 99)), "does not have the sha256"),
        ((200, len(html("")), html("")), "does not have the sha256"),
    ):
        answers[GZ] = answer
        with pytest.raises(Refused, match=words) as refused:
            data.load("cifar10")
        assert url in str(refused.value)
        assert not list((home / "cifar10").iterdir())
    answers[GZ] = 200, len(content), content
    assert len(data.load("cifar10").train) == 15


def test_no_connection(server, cifar, home, monkeypatch):
    changed = data.Source(**(vars(data.SOURCES["cifar10"]) | {"base": "http://127.0.0.1:9/"}))
    monkeypatch.setitem(data.SOURCES, "cifar10", changed)
    with pytest.raises(Refused, match=rf"http://127\.0\.0\.1:9/{GZ} could not be downloaded: there is no connection"):
        data.load("cifar10")
    assert not list(home.rglob("*.gz"))


def test_a_folder_that_is_given_is_never_downloaded_into(server, cifar, put):
    answers, _ = server
    answers[GZ] = 200, len(cifar[GZ]), cifar[GZ]
    with pytest.raises(Refused, match="is not in"):
        data.load("cifar10", put("notes.txt", b""))


def test_a_place_that_cannot_be_written(server, cifar, home):
    answers, _ = server
    answers[GZ] = 200, len(cifar[GZ]), cifar[GZ]
    home.write_text("not a folder")
    with pytest.raises(Refused, match="could not be written into"):
        data.load("cifar10")


def test_without_pooch_it_says_what_to_install(cifar, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(Refused, match=r"pip install 'momentumlab\[experiments\]'"):
        data.load("cifar10")


# ------------------------------------------------------------------ splits and batches


def test_parts_of_a_split():
    split = data.Split(torch.arange(5, dtype=torch.uint8).view(5, 1, 1, 1), torch.arange(5))
    assert split.first(2).labels.tolist() == [0, 1] and split.first(5).images.flatten().tolist() == list(range(5))
    picked = split.take(torch.tensor([4, 0, 4]))
    assert picked.labels.tolist() == picked.images.flatten().tolist() == [4, 0, 4] and len(picked) == 3
    for n in (0, 6, -1):
        with pytest.raises(Refused, match=f"the first {n} images"):
            split.first(n)
    moved = data.Dataset("some", split, split, 5, (0.0,), (1.0,), "note").to("meta")
    assert moved.train.images.is_meta and moved.test.labels.is_meta and moved.note == "note"


def test_normalized_bytes():
    batch = torch.arange(256, dtype=torch.uint8).view(2, 2, 8, 8)
    mean, std = (0.1, 0.5), (0.2, 0.3)
    m, s = (torch.tensor(numbers, dtype=torch.float64).view(2, 1, 1) for numbers in (mean, std))
    exact = (batch.double() / 255 - m) / s
    assert torch.allclose(data.normalized(batch, mean, std, torch.float64), exact, rtol=0, atol=1e-14)
    assert torch.allclose(data.normalized(batch, mean, std).double(), exact, rtol=0, atol=1e-6)
    assert torch.equal(data.normalized(batch, mean, std, torch.bfloat16), exact.bfloat16())
    with pytest.raises(ValueError, match=r"must be bytes \(torch\.uint8\), not torch\.float32"):
        data.normalized(batch.float(), mean, std)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def some(n=64, shape=(3, 12, 10), dtype=torch.uint8):
    return torch.randint(1, 256, (n, *shape), generator=generator(7)).to(dtype)  # no zero but the border's


def crops(image, pad):
    """Every crop by its place, and flipped."""
    channels, height, width = image.shape
    wide = torch.zeros(channels, height + 2 * pad, width + 2 * pad, dtype=image.dtype)
    wide[:, pad : pad + height, pad : pad + width] = image
    for y in range(2 * pad + 1):
        for x in range(2 * pad + 1):
            crop = wide[:, y : y + height, x : x + width]
            yield (y, x, False), crop
            yield (y, x, True), crop.flip(2)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_an_augmented_image_is_a_crop_flipped_or_not(dtype):
    batch = some(dtype=dtype)
    before = batch.clone()
    out = data.augmented(batch, generator(), pad=3)
    assert out.dtype == dtype and torch.equal(batch, before)
    places = []
    for image, made in zip(batch, out, strict=True):
        matching = [place for place, crop in crops(image, 3) if torch.equal(made, crop)]
        assert len(matching) == 1
        places += matching
    ys, xs, flips = zip(*places, strict=True)
    assert set(ys) == set(xs) == set(range(7)) and 0.25 < sum(flips) / len(flips) < 0.75
    assert len(set(places)) > 30  # every image its own
    pairs = np.corrcoef(np.array(places, float).T)
    assert np.abs(pairs - np.eye(3)).max() < 0.4  # and none from another of its numbers


def test_augmentation_goes_by_the_generator_alone():
    batch = some()
    one = generator()
    first, second = data.augmented(batch, one), data.augmented(batch, one)
    torch.manual_seed(99)
    assert torch.equal(data.augmented(batch, generator()), first) and not torch.equal(first, second)
    assert not torch.equal(data.augmented(batch, generator(1)), first)
    assert torch.equal(data.augmented(batch, generator(), pad=0, flip=False), batch)
    straight = data.augmented(batch, generator(), flip=False)
    flipped = torch.tensor([not torch.equal(a, b) for a, b in zip(first, straight, strict=True)])
    assert 16 < flipped.sum() < 48  # the crops are the same, whether or not some are flipped
    state = one.get_state()
    data.augmented(batch, one, pad=1, flip=False, cutout=3)
    other = generator()
    other.set_state(state)
    data.augmented(batch, other)
    assert torch.equal(one.get_state(), other.get_state())


@pytest.mark.parametrize("side", [1, 4, 5])
def test_cutout_is_a_square_about_a_place_in_the_image(side):
    batch = some(512)
    holes = data.augmented(batch, generator(), pad=0, flip=False, cutout=side) == 0
    assert torch.equal(holes.all(1), holes.any(1))
    centres = set()
    for hole in holes.all(1):
        rows, columns = hole.any(1).nonzero().flatten(), hole.any(0).nonzero().flatten()
        assert hole.sum() == len(rows) * len(columns)
        for places, size in ((rows, 12), (columns, 10)):
            assert torch.equal(places, torch.arange(places[0], places[-1] + 1))
            inside = 0 < places[0] and places[-1] < size - 1
            assert len(places) == side if inside else side // 2 <= len(places) <= side
        centres.add((rows[0].item(), columns[0].item()))
    whole = holes.all(1).sum((1, 2)) == side**2
    assert whole.any() and len(centres) > 60
    assert side == 1 or not whole.all()
