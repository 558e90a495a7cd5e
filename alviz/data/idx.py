"""The IDX format of MNIST and its relatives."""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_IDX_UINT8 = 0x08


def read_idx(path: Path) -> NDArray[np.uint8]:
    """The uint8 array in an IDX file (two zero bytes, type 0x08, number of axes, their lengths as big-endian int32, then the bytes), gzipped or not.

    Raises ValueError when the file is something else or is cut short.
    """
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    if len(content) < 4 or content[:3] != bytes([0, 0, _IDX_UINT8]):
        raise ValueError(f"{path} is not an IDX file of bytes: it starts with {content[:4].hex() or 'nothing'}, not 000008")
    header = 4 + 4 * content[3]
    if len(content) < header:
        raise ValueError(f"{path} is cut short: {len(content)} bytes, its header alone has {header}")
    shape = struct.unpack(f">{content[3]}i", content[4:header])
    if len(content) - header != math.prod(shape):
        raise ValueError(f"{path} does not hold what it says: {len(content) - header} bytes of data for the shape {shape}")
    return np.frombuffer(content, dtype=np.uint8, offset=header).reshape(shape)
