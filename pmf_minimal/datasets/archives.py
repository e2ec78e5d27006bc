"""Zip archives: unpacked whole, into a new folder, or not at all."""

from __future__ import annotations

import errno
import shutil
import stat
import zipfile
from pathlib import Path, PurePosixPath

from pmf_minimal.datasets.files import because, open_regular
from pmf_minimal.datasets.folders import MARK, check_new, make_part, publish
from pmf_minimal.datasets.lines import repeated
from pmf_minimal.errors import DamagedFile, DataError, DuplicateId, NotWritable, UnsafeArchive

# Text packs to a fifth, features hardly at all. An archive that grows more than this was made to fill a disk.
MAX_GROWTH = 100
SMALL = 2**20  # bytes; below it, growth is of no interest
# Python unpacks bzip2 and LZMA in pieces of any size, whatever the archive claims; of these two it takes what is asked for.
BOUNDED = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}

# Errors that are no fault of the archive; 0 is that of a folder that came meanwhile.
OF_THE_DISK = {0, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO}


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
            climbs out of the folder, is a link, is packed by another method than deflate, or the whole grows more than a hundredfold or beyond the free space.
        NotWritable: the folder exists, or the disk is full.
    """
    check_new(folder)
    part = make_part(folder)
    try:
        with open_regular(archive, 2**63, "check the path") as (file, size), zipfile.ZipFile(file) as zipped:
            total = check_members(zipped, size)
            free = shutil.disk_usage(part).free
            if total > free:
                raise UnsafeArchive(f"it unpacks to {total:,} bytes and {free:,} are free")
            zipped.extractall(part)
            count = sum(not member.is_dir() for member in zipped.infolist())
        publish(part, folder)
    except (UnsafeArchive, DuplicateId) as error:
        raise type(error)(f"{archive}: {error}; do not use it, get the file from its authors") from None
    except DataError:
        raise
    except Exception as error:  # whatever a hostile archive provokes
        if isinstance(error, OSError) and error.errno in OF_THE_DISK:
            raise NotWritable(f"{folder}: cannot be written ({error.strerror}); make room, or name another") from None
        raise DamagedFile(f"{archive}: cannot be unpacked ({because(error)}); get the file again") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return count


def check_members(archive: zipfile.ZipFile, size: int) -> int:
    """Look at the names, sizes and methods of all members before anything is read.

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
        if MARK in path.parts:
            raise UnsafeArchive(f"its member {name[:80]!r} has the name of a mark of ours")
        if member.compress_type not in BOUNDED:
            raise UnsafeArchive(f"its member {name[:80]!r} is not packed by deflate, and may unpack to any size")
    if len({member.filename for member in members}) < len(members):
        names = [member.filename for member in members]
        raise DuplicateId(f"two of its members are called {names[repeated(names)][:80]!r}")
    total = sum(member.file_size for member in members)
    if total > max(SMALL, MAX_GROWTH * size):
        raise UnsafeArchive(f"it has {size:,} bytes and unpacks to {total:,}")
    return total
