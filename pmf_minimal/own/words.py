"""Texts as sparse vectors: the rarer a word or a piece of a word, the more it counts.

A text is folded first: case, accents and punctuation say nothing of what it names. It is then described twice, by its words and by pieces
of two to four letters of them, which survive typing errors. Weights are those of Spärck Jones (A statistical interpretation of term
specificity, 1972), the cosine of two vectors their similarity.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence

import numpy as np
from scipy.sparse import csr_array, hstack, vstack

#: Letters in a piece of a word.
SIZES = (2, 3, 4)
#: Letters of a text of which pieces are made; of a longer one its words tell enough.
SHORT = 80
#: Letters of a word and of a text that are looked at.
MAX_WORD, MAX_TEXT = 64, 4000
#: Texts that are taken apart at a time.
CHUNK = 2**15
PRIME = np.uint64(1099511628211)  # of the hash FNV-1a
_ASCII = {code: " " for code in range(128) if not chr(code).isalnum()}
_HUMP = re.compile(r"(?<=[^\W\d_A-Z])(?=[A-Z])")


def fold(text: str) -> str:
    """Lower case, no accents, words of letters and digits with one blank between them; humps of one word part it.

    >>> fold("hasReview_Élan,  No. 7")
    'hasreview elan no 7'
    >>> fold("hasReview")
    'has review'
    """
    text = text[:MAX_TEXT]  # to put accents in order takes a time that grows with its square
    if text.split() == [text]:
        text = _HUMP.sub(" ", text)
    if text.isascii():
        return " ".join(text.lower().translate(_ASCII).split())
    text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return " ".join("".join(c if c.isalnum() else " " for c in text[:MAX_TEXT].casefold()).split())


def vectors(left: Sequence[str], right: Sequence[str], pieces: bool = True) -> list[csr_array]:
    """Sparse float32 ``[n, W]`` and ``[n', W]`` of folded texts, rows of length 1; an empty text is a zero row.

    Args:
        left, right: folded texts.
        pieces: by words and pieces of words, each half of the cosine; else by words alone.
    """
    return vectors_by([_words, _pieces] if pieces else [_words], left, right)


def vectors_by(splits: Sequence[Callable], left: Sequence[str], right: Sequence[str]) -> list[csr_array]:
    """The same by any ways of taking texts apart, each of which gives the number of the text, and hash, of every part."""
    texts = [*left, *right]
    parts = [weighted(_counts(texts, split)) for split in splits]
    both = csr_array(hstack(parts, format="csr")) * np.float32(len(parts) ** -0.5)
    return [both[: len(left)], both[len(left) :]]


def weighted(counts: csr_array) -> csr_array:
    """Counts of words ``[n, W]`` to vectors of length 1, the rare words heavy; a word that one row alone has stays, for the length."""
    frequency = np.bincount(counts.indices, minlength=counts.shape[1])
    weight = np.log1p(counts.shape[0] / np.maximum(frequency, 1)).astype(np.float32)
    data = (1 + np.log(counts.data)) * weight[counts.indices]
    out = csr_array((data.astype(np.float32), counts.indices, counts.indptr), shape=counts.shape)
    words = np.diff(out.indptr)
    lengths = np.sqrt(np.add.reduceat(np.append(out.data**2, 0), out.indptr[:-1]))
    out.data /= np.repeat(np.where(words > 0, lengths, 1), words).astype(np.float32)
    return out


def _counts(texts: Sequence[str], split: Callable) -> csr_array:
    """How often each text has each word; sparse float32 ``[n, W]``. Some texts at a time, as their parts take much room."""
    parts = []
    for start in range(0, len(texts), CHUNK):
        owner, code = split(texts[start : start + CHUNK])
        some, place = np.unique(code, return_inverse=True)  # to look up sorted ones, each once, is much faster
        parts.append((start, owner.astype(np.int32), some, place.astype(np.int32)))
    every = np.sort(np.concatenate([np.zeros(0, np.uint64), *(some for _, _, some, _ in parts)]))
    every = every[np.r_[True, every[1:] != every[:-1]][: len(every)]]
    rows, parts = [], parts[::-1]
    while parts:  # each is given up once it is used: together they are the largest thing here
        start, owner, some, place = parts.pop()
        column = np.searchsorted(every, some).astype(np.int32)[place]
        shape = min(CHUNK, len(texts) - start), len(every)
        rows.append(csr_array((np.ones(len(column), np.float32), (owner, column)), shape=shape))
        rows[-1].sum_duplicates()
    return csr_array(vstack(rows, format="csr")) if rows else csr_array((0, 0), dtype=np.float32)


def letters_of(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """uint64 letters of all texts, each with a blank around every word, and int32 the number of the text of each."""
    padded = [f" {text} " for text in texts]
    letters = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    return letters, np.repeat(np.arange(len(texts), dtype=np.int32), [len(text) for text in padded])


def _words(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Number of the text, and hash, of every word."""
    letters, owner = letters_of(texts)
    inside = letters != 32
    start = np.flatnonzero(inside & ~np.roll(inside, 1)) if len(letters) else np.zeros(0, int)
    if not len(start):
        return np.zeros(0, int), np.zeros(0, np.uint64)
    place = np.arange(len(letters)) - np.maximum.accumulate(
        np.where(inside & ~np.roll(inside, 1), np.arange(len(letters)), 0)
    )
    power = np.cumprod(np.full(MAX_WORD, PRIME))[np.minimum(place, MAX_WORD - 1)]
    return owner[start], np.add.reduceat(np.where(inside, (letters + np.uint64(7)) * power, np.uint64(0)), start)


def _pieces(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Number of the text, and hash, of every piece of a word; its beginning and end count as letters."""
    letters, owner = letters_of([text[:SHORT] for text in texts])
    blank = letters == 32
    found, of = [], []
    for size in SIZES:
        last = len(letters) - size + 1
        code, good = np.full(max(last, 0), np.uint64(size)), np.ones(max(last, 0), bool)
        for k in range(size):
            code = code * PRIME + letters[k : last + k] if last > 0 else code
            if 0 < k < size - 1:
                good &= ~blank[k : last + k]
        if last > 0:
            good &= ~(blank[:last] & blank[size - 1 :]) & (owner[:last] == owner[size - 1 :])
            found.append(code[good])
            of.append(owner[:last][good])
    return np.concatenate([*of, np.zeros(0, int)]), np.concatenate([*found, np.zeros(0, np.uint64)])
