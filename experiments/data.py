"""MNIST, CIFAR-10 and CIFAR-100 as tensors of bytes, from files that are known by their sha256.

    python -m experiments.data mnist cifar10 [--data DIR]

finds the sets, or downloads them, and says what they hold. Files are looked for in the folder that is given, or else in
the one that MOMENTUMLAB_DATA names: in a folder of it with the set's name, or directly in it. Only where neither is
given are they looked for in the repository's data/, and downloaded into it. An archive is decoded once, into
data/decoded. Nothing is unpickled.
"""

import argparse
import gzip
import hashlib
import lzma
import os
import re
import sys
import tarfile
import zlib
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from io import BytesIO
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from torch import Generator, Tensor
from tqdm import tqdm

from experiments.errors import Refused, command
from momentumlab.errors import unknown
from momentumlab.files import replacing

DATA = Path(__file__).parent.parent / "data"


@dataclass(frozen=True, eq=False)
class Split:
    """Images (N, C, H, W) of uint8 and their labels (N,) of int64."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: str | torch.device) -> "Split":
        return Split(self.images.to(device), self.labels.to(device))

    def first(self, n: int) -> "Split":
        if not 1 <= n <= len(self):
            raise Refused(f"the first {n:,} images cannot be taken of {len(self):,}; take from 1 to {len(self):,}")
        return Split(self.images[:n], self.labels[:n])

    def take(self, indices: Tensor) -> "Split":
        return Split(self.images[indices], self.labels[indices])


@dataclass(frozen=True, eq=False)
class Dataset:
    """A set to train on and one to test on; `note` says where they are not whole.

    mean and std are those of the official training set, by channel, of pixels in 0..1.
    """

    name: str
    train: Split
    test: Split
    classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    note: str = ""

    def to(self, device: str | torch.device) -> "Dataset":
        train, test = self.train.to(device), self.test.to(device)
        return Dataset(self.name, train, test, self.classes, self.mean, self.std, self.note)


# ------------------------------------------------------------------ what is known of the files


@dataclass(frozen=True)
class Known:
    """A file's size in bytes and its digest."""

    size: int
    sha256: str


TABLE = """\
  9912422 440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609 train-images-idx3-ubyte.gz
    28881 3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c train-labels-idx1-ubyte.gz
  1648877 8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6 t10k-images-idx3-ubyte.gz
     4542 f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6 t10k-labels-idx1-ubyte.gz
170052171 c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd cifar-10-binary.tar.gz
121299024 1809b29dec7828c2143710f4217446bd2f480d1e7fe0355efef2b38915ee78fe cifar-10-binary.tar.xz
 30730000 cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5 data_batch_1.bin
 30730000 a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed data_batch_2.bin
 30730000 bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67 data_batch_3.bin
 30730000 014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48 data_batch_4.bin
 30730000 755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add data_batch_5.bin
 30730000 8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b test_batch.bin
 30668540 20243591dbebc9e6ebeb9cc523dcd7efb3fbf00c08e71be49991b16db4157819 test_batch_9980.bin
168513733 58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec cifar-100-binary.tar.gz
 24332220 4a2864a0b03ed9e2dcaa080c3c9f9e2ee7c156e58f6c6a8b1277097f63b9c870 cifar-100-binary-first-10000.tar.xz
153700000 f31298fc616915fa142368359df1c4ca2ae984d6915ca468b998a5ec6aeebf29 train.bin
 30740000 d8b1e6b7b3bee4020055f0699b111f60b1af1e262aeb93a0b659061746f8224a test.bin
 30740000 dec9f86a9b84e30f90405464a32f9c71174dbb28f1c7e723cf62779e9e6f4843 train_first_10000.bin
  6148000 5419f58d97533a83824ed283042264f26e366b27ca8cf0cd534501ecba669a22 test_first_2000.bin
"""
"""Every file that is read: its size, its sha256, its name. Of the official ones the digests are the published ones."""
FILES = {name: Known(int(size), sha256) for size, sha256, name in map(str.split, TABLE.splitlines())}

Parts = tuple[tuple[str, ...], ...]
"""The files that make up a set, one of each tuple: the names in a tuple serve alike, the best one first."""


@dataclass(frozen=True)
class Source:
    """How a data set comes: in which files, packed in which archives, the best one first, and who reads them."""

    train: Parts
    test: Parts
    archives: tuple[str, ...]
    base: str
    read: Callable[[Sequence[bytes]], Split]
    whole: tuple[int, int]
    classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def parts(self) -> Parts:
        return self.train + self.test


def idx(contents: Sequence[bytes]) -> Split:
    """MNIST's two gzip files: images after a header of 16 bytes, labels after one of 8."""
    images, labels = map(gzip.decompress, contents)
    pixels = np.frombuffer(bytearray(images[16:]), np.uint8).reshape(-1, 1, 28, 28)
    return Split(torch.from_numpy(pixels), torch.from_numpy(np.frombuffer(labels[8:], np.uint8).astype(np.int64)))


def records(labels: int, contents: Sequence[bytes]) -> Split:
    """CIFAR's records: so many bytes of labels, of which the last one is the class, and three planes of 32 × 32."""
    rows = [np.frombuffer(content, np.uint8).reshape(-1, labels + 3072) for content in contents]
    pixels = np.concatenate([some[:, labels:] for some in rows]).reshape(-1, 3, 32, 32)
    classes = np.concatenate([some[:, labels - 1] for some in rows]).astype(np.int64)
    return Split(torch.from_numpy(pixels), torch.from_numpy(classes))


def of_255(*levels: float) -> tuple[float, ...]:
    return tuple(level / 255 for level in levels)


SOURCES = {
    "mnist": Source(
        train=(("train-images-idx3-ubyte.gz",), ("train-labels-idx1-ubyte.gz",)),
        test=(("t10k-images-idx3-ubyte.gz",), ("t10k-labels-idx1-ubyte.gz",)),
        archives=(),
        base="https://ossci-datasets.s3.amazonaws.com/mnist/",
        read=idx,
        whole=(60_000, 10_000),
        classes=10,
        mean=of_255(33.318421449829934),
        std=of_255(78.56748998339799),
    ),
    "cifar10": Source(
        train=tuple((f"data_batch_{i}.bin",) for i in range(1, 6)),
        test=(("test_batch.bin", "test_batch_9980.bin"),),
        archives=("cifar-10-binary.tar.gz", "cifar-10-binary.tar.xz"),
        base="https://www.cs.toronto.edu/~kriz/",
        read=partial(records, 1),
        whole=(50_000, 10_000),
        classes=10,
        mean=of_255(125.306918046875, 122.950394140625, 113.865383183594),
        std=of_255(62.99321928, 62.08870764, 66.70489964),
    ),
    "cifar100": Source(
        train=(("train.bin", "train_first_10000.bin"),),
        test=(("test.bin", "test_first_2000.bin"),),
        archives=("cifar-100-binary.tar.gz", "cifar-100-binary-first-10000.tar.xz"),
        base="https://www.cs.toronto.edu/~kriz/",
        read=partial(records, 2),
        whole=(50_000, 10_000),
        classes=100,
        mean=of_255(129.30416561, 124.0699627, 112.43405006),
        std=of_255(68.1702429, 65.39180804, 70.41837019),
    ),
}
DATASETS = tuple(SOURCES)


# ------------------------------------------------------------------ finding, fetching and loading


def load(name: str, folder: str | Path | None = None) -> Dataset:
    """A data set, from the folder, or else from where the head of this module says."""
    if name not in SOURCES:
        raise Refused(unknown("data set", name, DATASETS))
    source = SOURCES[name]
    given = folder or os.environ.get("MOMENTUMLAB_DATA")
    found = find(name, Path(given or DATA))
    missing = lacking(source, found)
    if missing and given:
        raise Refused(absent(name, Path(given), missing))
    found |= {file: download(source.base + file, DATA / name) for file in missing}
    parts = gathered(source, found)
    train, test = source.read(parts[: len(source.train)]), source.read(parts[len(source.train) :])
    counts = zip(("train", "test"), (train, test), source.whole, strict=True)
    note = "; ".join(f"{part}: {len(split):,} of {whole:,}" for part, split, whole in counts if len(split) < whole)
    return Dataset(name, train, test, source.classes, source.mean, source.std, note)


def find(name: str, folder: Path) -> dict[str, Path]:
    """Where each file of a set is, of those that are there."""
    source, found = SOURCES[name], {}
    for file in (*source.archives, *(file for part in source.parts for file in part)):
        for path in (folder / file, folder / name / file):
            if path.is_file():
                found[file] = path
    return found


def lacking(source: Source, found: dict[str, Path]) -> list[str]:
    """What has to be downloaded before a set can be loaded."""
    if any(archive in found for archive in source.archives):
        return []
    missing = [part[0] for part in source.parts if not any(file in found for file in part)]
    return list(source.archives[:1]) if missing and source.archives else missing


def absent(name: str, folder: Path, files: Sequence[str]) -> str:
    """Which files were looked for and where, and what to do."""
    if not folder.is_dir():
        return f"there is no folder {folder}; name another by --data or MOMENTUMLAB_DATA, or none, to download {name}"
    looked = " or ".join(SOURCES[name].archives) or ", ".join(files)
    return (
        f"{name} is not in {folder}: there is no {looked} in {folder / name}, nor in {folder} itself; "
        f"put it there, name another folder by --data or MOMENTUMLAB_DATA, or none, to download it"
    )


def download(url: str, folder: Path) -> Path:
    """The file at a URL, put into the folder once it is whole and its sha256 is the one that is known."""
    file = url.rpartition("/")[2]
    try:
        import pooch
        from requests import ConnectionError, HTTPError, RequestException
    except ImportError as error:
        how = "pip install 'momentumlab[experiments]' to have it downloaded"
        raise Refused(f"{file} is not in {folder}; put it there, from {url}, or {how}") from error
    elsewhere = f"run the command again, or put the file into {folder} yourself"
    fetch = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), chunk_size=2**16)
    try:
        return Path(pooch.retrieve(url, f"sha256:{FILES[file].sha256}", file, folder, downloader=fetch))
    except HTTPError as error:
        answer = f"{error.response.status_code} {error.response.reason}"
        raise Refused(f"{url} could not be downloaded: the server answers {answer}; {elsewhere}") from error
    except ConnectionError as error:
        raise Refused(f"{url} could not be downloaded: there is no connection; {elsewhere}") from error
    except RequestException as error:
        raise Refused(f"{url} could not be downloaded: it broke off ({type(error).__name__}); {elsewhere}") from error
    except ValueError as error:
        raise Refused(f"what came from {url} does not have the sha256 of {file}; {elsewhere}") from error
    except OSError as error:
        raise Refused(f"{file} could not be written into {folder}: {error.strerror or error}") from error


def gathered(source: Source, found: dict[str, Path]) -> list[bytes]:
    """What every part holds: the best file that is there, by itself or in an archive."""
    archive = next((found[file] for file in source.archives if file in found), None)
    whole = all(part[0] in found for part in source.parts)
    members = {} if whole or archive is None else unpacked(archive, source)
    contents = []
    for part in source.parts:
        file = next((file for file in part if file in found or file in members), None)
        if file is None:
            raise Refused(f"{archive} holds no {' or '.join(part)}; replace it")
        contents.append(read(found[file]) if file in found else members[file])
    return contents


# ------------------------------------------------------------------ reading what is known


def read(path: Path) -> bytes:
    """What a file holds, if it is the one that is known by its name."""
    try:
        with path.open("rb") as stream:
            return checked(stream.read(FILES[path.name].size + 1), path.name, str(path))
    except OSError as error:
        raise Refused(f"{path} could not be read: {error.strerror or error}") from error


def checked(content: bytes, file: str, where: str) -> bytes:
    """The content, if it is the one that is known by the file's name."""
    known = FILES[file]
    digest = hashlib.sha256(content).hexdigest()
    if digest == known.sha256:
        return content
    if kind := nature(content):
        flaw = f"it is {kind}"
    elif len(content) > known.size:
        flaw = f"it has more than {known.size:,} bytes"
    elif len(content) < known.size:
        flaw = f"it has {len(content):,} bytes of {known.size:,}"
    else:
        flaw = f"its sha256 is {digest}, not {known.sha256}"
    raise Refused(f"{where} is not the file that is known by this name: {flaw}; replace it, or move it away")


PICKLE = re.compile(rb"\x80[\x02-\x05]")
BROKEN = (tarfile.TarError, EOFError, OSError, lzma.LZMAError, zlib.error)


def nature(content: bytes) -> str:
    """What a wrong file is instead, where its first bytes tell."""
    if not content:
        return "empty"
    if re.match(rb"\s*<(!doctype|html)", content, re.IGNORECASE):
        return "a web page"
    if PICKLE.match(content):
        return "a pickle, and pickles are never loaded"
    with suppress(*BROKEN), tarfile.open(fileobj=BytesIO(content), mode="r|*") as archive:
        for member in filter(tarfile.TarInfo.isreg, archive):
            if PICKLE.match(archive.extractfile(member).read(2)):
                return f"an archive of pickles, such as {member.name}, and pickles are never loaded"
            if member.size > 2**20:
                break
    with suppress(*BROKEN), gzip.open(BytesIO(content)) as inner:
        if kind := nature(inner.read(64)):
            return f"a gzip file in which there is {kind}"
    return ""


def unpacked(path: Path, source: Source) -> dict[str, bytes]:
    """The members of an archive, which takes seconds to decode; they are kept for the next time."""
    packed = read(path)
    kept = DATA / "decoded" / FILES[path.name].sha256
    wanted = {file for part in source.parts for file in part}
    with suppress(Refused):  # where one of them is damaged
        found = {file: read(kept / file) for file in wanted if (kept / file).is_file()}
        if all(any(file in found for file in part) for part in source.parts):
            return found
    found = dict(members(packed, wanted, path))
    with suppress(OSError):
        kept.mkdir(parents=True, exist_ok=True)
        for file, content in found.items():
            with replacing(kept / file) as temporary:
                temporary.write_bytes(content)
    return found


def members(packed: bytes, wanted: Container[str], path: Path) -> Iterator[tuple[str, bytes]]:
    """The wanted members of an archive, which are read in passing and never extracted."""
    bar = dict(desc=f"decoding {path.name}", total=len(packed), unit_scale=True, delay=2, disable=None, leave=False)
    with tqdm.wrapattr(BytesIO(packed), "read", **bar) as stream, tarfile.open(fileobj=stream, mode="r|*") as archive:
        for member in archive:
            inside = PurePosixPath(member.name)
            if inside.is_absolute() or ".." in inside.parts:
                raise Refused(f"{path} has a member {member.name!r}, which is outside of it; replace it")
            if not (member.isreg() or member.isdir()):
                raise Refused(f"{path} has a member {member.name!r}, which is not a regular file; replace it")
            if member.isreg() and inside.name in wanted:
                content = archive.extractfile(member).read(FILES[inside.name].size + 1)
                yield inside.name, checked(content, inside.name, f"{inside.name} in {path}")


# ------------------------------------------------------------------ batches


@cache
def affine(
    mean: tuple[float, ...], std: tuple[float, ...], dtype: torch.dtype, device: torch.device
) -> tuple[Tensor, Tensor]:
    """What takes a byte to its normalised value: a factor, and what is added."""
    m, s = (torch.tensor(numbers, dtype=torch.float64)[:, None, None] for numbers in (mean, std))
    return (1 / (255 * s)).to(device, dtype), (-m / s).to(device, dtype)


def normalized(
    images: Tensor, mean: Sequence[float], std: Sequence[float], dtype: torch.dtype = torch.float32
) -> Tensor:
    """(x/255 − mean)/std of a batch of bytes, by channel; computed in float32 where dtype is narrower."""
    if images.dtype != torch.uint8:
        raise ValueError(f"images must be bytes (torch.uint8), not {images.dtype}")
    wide = torch.promote_types(dtype, torch.float32)
    factor, shift = affine(tuple(mean), tuple(std), wide, images.device)
    return torch.addcmul(shift, images.to(wide), factor).to(dtype)


def augmented(images: Tensor, generator: Generator, *, pad: int = 4, flip: bool = True, cutout: int = 0) -> Tensor:
    """Every image of a batch cropped at random out of itself with a border of zeros, and flipped or not.

    Then a square with this many pixels a side is set to zero; its centre is anywhere in the image, so it may be cut
    off. Zero is black before `normalized`, and the mean after it. An image takes the same five numbers from the
    generator, whatever is asked for; the generator may be on another device.
    """
    n, channels, height, width = images.shape
    numbers = torch.randint(2**31, (5, n, 1), generator=generator, device=generator.device).to(images.device)
    rows, columns = (torch.arange(side, device=images.device).expand(n, side) for side in (height, width))
    if flip:
        columns = torch.where(numbers[0] % 2 == 1, columns.flip(1), columns)
    y, x = rows + numbers[1] % (2 * pad + 1), columns + numbers[2] % (2 * pad + 1)
    spots = (y[:, :, None] * (width + 2 * pad) + x[:, None, :]).view(n, 1, -1).expand(-1, channels, -1)
    cropped = torch.nn.functional.pad(images, [pad] * 4).flatten(2).gather(2, spots).view(images.shape)
    if cutout:
        top, left = numbers[3] % height - cutout // 2, numbers[4] % width - cutout // 2
        columns = torch.arange(width, device=images.device)
        across, down = (columns >= left) & (columns < left + cutout), (rows >= top) & (rows < top + cutout)
        cropped.masked_fill_((down[:, :, None] & across[:, None, :])[:, None], 0)
    return cropped


def main() -> None:
    parser = argparse.ArgumentParser("python -m experiments.data", description="Find data sets, or download them.")
    parser.add_argument("names", nargs="+", choices=DATASETS, metavar="NAME", help=", ".join(DATASETS))
    parser.add_argument("--data", metavar="DIR", help="the folder they are in")
    args = parser.parse_args()
    for name in args.names:
        data = load(name, args.data)
        print(f"{name}: {len(data.train):,} to train on, {len(data.test):,} to test on; {data.note or 'whole'}")


if __name__ == "__main__":
    command(main)
