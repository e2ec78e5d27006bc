"""The field's pickles without their danger: arrays, dicts, lists and numbers, and nothing else.

A pickle is a programme for a small machine. This is Python's own machine, the one written in Python, with most of its
instructions taken out: no import, no call of anything but five harmless stand-ins, no object built but arrays. What an
array claims to hold is compared with the bytes that are there, so a file cannot ask for more memory than it has itself.
"""

from __future__ import annotations

import pickle
import pickletools
from typing import BinaryIO

import numpy as np

from pmf_minimal.datasets.files import product
from pmf_minimal.errors import DuplicateId, UnsafePickle

_OPCODES = """
    PROTO FRAME STOP MARK POP POP_MARK MEMOIZE PUT BINPUT LONG_BINPUT GET BINGET LONG_BINGET
    NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT
    STRING BINSTRING SHORT_BINSTRING UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8
    BINBYTES SHORT_BINBYTES BINBYTES8 BYTEARRAY8
    EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_LIST LIST APPEND APPENDS EMPTY_DICT DICT SETITEM SETITEMS
    GLOBAL STACK_GLOBAL REDUCE BUILD
""".split()  # noqa: SIM905
MAX_STEPS = 2**23  # instructions: some forty for each array, and each may make an object far larger than itself
_NUMBERS = {kind + size for kind, sizes in (("f", "248"), ("i", "1248"), ("u", "1248")) for size in sizes}


class _DType:
    """What ``numpy.dtype("f4", …)`` leaves behind; BUILD tells it the byte order."""

    def __init__(self, code, align=False, copy=False):
        if type(code) is not str or code.lstrip("<>|=") not in _NUMBERS:
            raise ValueError("an array of something else than numbers")
        self.dtype = np.dtype(code)

    def build(self, state):
        if type(state[1]) is not str or state[1] not in ("<", ">", "|", "="):
            raise ValueError("a type of numbers without byte order")
        self.dtype = self.dtype.newbyteorder(state[1])


class _Array:
    """What ``_reconstruct(ndarray, (0,), b"b")`` leaves behind; BUILD gives it shape, type and bytes."""

    def __init__(self, *_):
        self.value = None

    def build(self, state):
        _, shape, dtype, fortran, data = state
        self.value = _array(data, dtype, shape, "F" if fortran else "C")


def _array(data, dtype, shape, order="C") -> np.ndarray:
    """The bytes as an array, not copied; exactly as many as the shape asks for.

    What a hostile pickle built is never printed: a tuple of tuples may be small and its text endless.
    """
    if not isinstance(data, bytes | bytearray) or not isinstance(dtype, _DType):
        raise ValueError("an array without bytes")
    if type(shape) is not tuple or not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError("an array without shape")
    count = product(shape, len(data))
    if count is None or count * dtype.dtype.itemsize != len(data):
        raise ValueError(f"an array of another shape than its {len(data)} bytes have")
    return np.frombuffer(data, dtype.dtype).reshape(shape, order=order)


def _from_buffer(data, dtype, shape, order) -> _Array:
    array = _Array()
    array.value = _array(data, dtype, shape, order)
    return array


def _scalar(dtype, data) -> int | float:
    return _array(data, dtype, ()).item()


# All that a pickled dict of NumPy arrays needs, under the names that NumPy 1 and 2 give it.
_ADMITTED = {
    ("numpy", "ndarray"): None,
    ("numpy", "dtype"): _DType,
    ("_codecs", "encode"): None,  # filled in below, for each file anew
}
for _package in ("numpy.core", "numpy._core"):
    _ADMITTED |= {
        (f"{_package}.multiarray", "_reconstruct"): _Array,
        (f"{_package}.multiarray", "scalar"): _scalar,
        (f"{_package}.numeric", "_frombuffer"): _from_buffer,
    }


class _Bounded:
    """A file that never tries to read more than it has: Python would reserve the memory first."""

    def __init__(self, file: BinaryIO, size: int):
        self.file, self.left, self.readline = file, size, file.readline

    def read(self, n):
        self.left -= n
        if self.left < 0:
            raise EOFError("it is cut off")
        return self.file.read(n)

    def readinto(self, buffer):
        return self.file.readinto(buffer)


class _Counted(dict):
    """Instructions by their code; so many may be looked up, that is, run."""

    left = MAX_STEPS

    def __getitem__(self, code):
        self.left -= 1
        if self.left < 0:
            raise ValueError(f"it has more than {MAX_STEPS:,} instructions")
        return super().__getitem__(code)


class _Unpickler(pickle._Unpickler):
    """Python's unpickler with the instructions above and these five stand-ins."""

    def __init__(self, file: BinaryIO, size: int):
        super().__init__(_Bounded(file, size))
        self.dispatch = _Counted(type(self).dispatch)
        self.left = size  # bytes that may be made of text: as many as there are

    def _latin1(self, text, encoding) -> bytes:
        if type(text) is not str or encoding != "latin1":
            raise ValueError("bytes in another encoding than latin1")
        self.left -= len(text)
        if self.left < 0:
            raise ValueError("it makes more bytes than it has")
        return text.encode("latin1")

    dispatch = {
        code: run
        for code, run in pickle._Unpickler.dispatch.items()
        if code in {getattr(pickle, n)[0] for n in _OPCODES}
    }

    def find_class(self, module, name):
        if (module, name) not in _ADMITTED:
            raise UnsafePickle(f"it asks for {module[:40]}.{name[:40]}, which is no array")
        return self._latin1 if name == "encode" else _ADMITTED[module, name]

    def load_reduce(self):
        arguments = self.stack.pop()
        call = self.stack[-1]
        if call is None or call not in (*_ADMITTED.values(), self._latin1) or type(arguments) is not tuple:
            raise UnsafePickle("it calls something that is no array")
        self.stack[-1] = call(*arguments)

    def load_build(self):
        state = self.stack.pop()
        if not isinstance(self.stack[-1], _Array | _DType):
            raise UnsafePickle("it changes something that is no array")
        self.stack[-1].build(state)

    def load_setitem(self):
        value, key = self.stack.pop(), self.stack.pop()
        self._fill(self.stack[-1], [(key, value)])

    def load_setitems(self):
        items = self.pop_mark()
        self._fill(self.stack[-1], zip(items[::2], items[1::2], strict=True))

    def load_dict(self):
        items = self.pop_mark()
        self._fill(table := {}, zip(items[::2], items[1::2], strict=True))
        self.append(table)

    def _fill(self, table, items):
        # Only numbers may be keys: looking up a deeply nested tuple can take forever.
        for key, value in items:
            if type(key) is not int:
                raise ValueError(f"a {type(key).__name__} instead of an entity's id, a whole number")
            if key in table:
                raise DuplicateId(f"id {key} for the second time")
            table[key] = value

    def load_bytearray8(self):
        size = int.from_bytes(self.read(8), "little")
        self.append(bytearray(self.read(size)))

    dispatch |= {
        pickle.REDUCE[0]: load_reduce,
        pickle.BUILD[0]: load_build,
        pickle.SETITEM[0]: load_setitem,
        pickle.SETITEMS[0]: load_setitems,
        pickle.DICT[0]: load_dict,
        pickle.BYTEARRAY8[0]: load_bytearray8,
    }


def load_arrays(file: BinaryIO, size: int) -> dict[int, np.ndarray]:
    """A pickled dict from whole numbers to arrays.

    Args:
        file: opened for reading bytes, at its start.
        size: number of bytes in it.

    Raises:
        UnsafePickle: it asks for anything but arrays, dicts, lists and numbers; nothing of it was run.
        DuplicateId: a key for the second time.
        Exception: whatever a damaged pickle provokes.
    """
    try:
        table = _Unpickler(file, size).load()
    except KeyError as error:  # an instruction that this machine has not
        known = pickletools.code2op.get(chr(error.args[0]))
        if known is None:
            raise ValueError("it is no pickle") from None
        raise UnsafePickle(f"it has the instruction {known.name}, which arrays do not need") from None
    if file.read(1):
        raise ValueError("it goes on after its end")
    if type(table) is not dict:
        raise ValueError(f"it holds a {type(table).__name__} instead of a dict from id to vector")
    strange = next((i for i, v in table.items() if not isinstance(v, _Array) or v.value is None), None)
    if strange is not None:
        raise ValueError(f"id {strange} has no array")
    return {i: array.value for i, array in table.items()}
