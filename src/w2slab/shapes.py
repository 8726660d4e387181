"""Shapes in annotations of arrays and tensors: `Float[Array, "N K"]` is a floating-point array of N rows and K columns.

For users and type checkers these say what the array is and nothing about its shape, at no cost. Tests put the classes
of jaxtyping in their place (`tests/shape_checks.py`), and every call of an annotated function is checked: the same
letter is the same number in all arguments of a call and in what it returns; `*S` is any number of leading dimensions,
`...` any dimensions at all, and `""` a scalar.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Annotated as Bool
from typing import Annotated as Float
from typing import Annotated as Float32
from typing import Annotated as Float64
from typing import Annotated as Int
from typing import Annotated as Int64
from typing import Annotated as Num
from typing import Annotated as Shaped

from numpy import ndarray as Array

if TYPE_CHECKING:
    from torch import Tensor
else:
    Tensor = object  # torch is imported where jobs run

__all__ = ["Array", "Bool", "Float", "Float32", "Float64", "Int", "Int64", "Num", "Shaped", "Tensor"]
