"""Zip archives: unpacked whole, into a new folder, or not at all."""

from __future__ import annotations

import shutil
import stat
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

from pmf_minimal.errors import DamagedFile, DataError, DuplicateId, MissingFile, UnsafeArchive

# Text packs to a fifth, features hardly at all. An archive that grows more than this was made to fill a disk.
MAX_GROWTH = 100
SMALL = 2**20  # bytes; below it, growth is of no interest


def unpack(archive: Path, folder: Path) -> int:
    """Unpack a zip archive into a new folder.

    It is unpacked beside the folder and renamed at the end: whatever happens, nothing half-written bears its name.

    Args:
        archive: the zip file.
        folder: must not exist yet.

    Returns:
        Number of files.

    Raises:
        MissingFile: no such archive. DamagedFile: no zip archive, or cut off. UnsafeArchive: a member has an absolute path,
            climbs out of the folder, is a link, or the whole grows more than a hundredfold or beyond the free space.
        DataError: the folder exists.
    """
    if folder.exists():
        raise DataError(f"{folder}: already there; name a new folder, so that nothing is overwritten")
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = None
    try:
        with zipfile.ZipFile(archive) as zipped:
            total = check_members(zipped, archive.stat().st_size)
            free = shutil.disk_usage(folder.parent).free
            if total > free:
                raise UnsafeArchive(f"it unpacks to {total:,} bytes and {free:,} are free")
            partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
            zipped.extractall(partial)
            count = sum(not member.is_dir() for member in zipped.infolist())
        partial.chmod(0o755)
        partial.rename(folder)
    except DataError as error:
        raise type(error)(f"{archive}: {error}; do not use it, get the file from its authors") from None
    except FileNotFoundError:
        raise MissingFile(f"{archive}: no such archive; check the path") from None
    except Exception as error:  # whatever a hostile archive provokes
        raise DamagedFile(f"{archive}: cannot be unpacked ({error}); get the file again") from None
    finally:
        if partial is not None and partial.exists():
            shutil.rmtree(partial)
    return count


def check_members(archive: zipfile.ZipFile, size: int) -> int:
    """Look at the names and sizes of all members before anything is read.

    Args:
        size: bytes of the archive itself.

    Returns:
        Bytes of all members unpacked.

    Raises:
        UnsafeArchive, DuplicateId: with a message that does not name the archive yet.
    """
    members = archive.infolist()
    for member in members:
        name = member.orig_filename
        path = PurePosixPath(name)
        if not path.parts or path.is_absolute() or ".." in path.parts or "\\" in name or ":" in path.parts[0]:
            raise UnsafeArchive(f"its member {name[:80]!r} would be written outside the folder")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise UnsafeArchive(f"its member {name[:80]!r} is a link")
    if len({member.filename for member in members}) < len(members):
        raise DuplicateId("two of its members have the same name")
    total = sum(member.file_size for member in members)
    if total > max(SMALL, MAX_GROWTH * size):
        raise UnsafeArchive(f"it has {size:,} bytes and unpacks to {total:,}")
    return total
