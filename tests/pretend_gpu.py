"""A pretend GPU: a rehearsal of device handling where there is none.

Its tensors say that they are on another device (``meta``), compute on the CPU, and refuse to meet CPU tensors as CUDA's
would. So a forgotten ``.to(device)``, a CPU generator that draws for a device tensor, or ``.numpy()`` of a device tensor is
an error. It says nothing of kernels, memory, speed or determinism on a real GPU.

PyTorch's own traps on the way: indexing and ``.to`` need a device guard, which a CPU build has for ``meta`` only; modules must
overwrite their parameters when they are converted; PyG asks wrappers for their layout; ``tolist``, ``new_tensor`` and
``numpy`` do not reach the dispatcher.
"""

import contextlib

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

DEVICE = torch.device("meta")
MAY_MIX = {"index", "index_put", "index_put_", "_index_put_impl_", "copy_", "_to_copy"}  # CUDA allows a CPU tensor here


class Pretend(torch.Tensor):
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, inner):
        strides = inner.stride() if inner.layout == torch.strided else None
        self = torch.Tensor._make_wrapper_subclass(cls, inner.shape, dtype=inner.dtype, device=DEVICE, strides=strides)
        self.inner = inner
        return self

    def __repr__(self):
        return f"Pretend({self.inner})"

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return _run(func, args, kwargs or {})


def _run(func, args, kwargs):
    name = func._schema.name.split("::")[1]
    leaves = tree_leaves((args, kwargs))
    ours = [x for x in leaves if isinstance(x, Pretend)]
    plain = [x for x in leaves if isinstance(x, torch.Tensor) and not isinstance(x, Pretend)]
    may_mix = name in MAY_MIX and (name in ("copy_", "_to_copy") or isinstance(args[0], Pretend))
    if ours and any(x.dim() for x in plain) and not may_mix:
        raise RuntimeError(f"{name}: a device tensor meets CPU tensors {[tuple(x.shape) for x in plain]}")
    asked = [x for x in leaves if isinstance(x, torch.device)]
    on_device = asked[0] == DEVICE if asked else isinstance(args[0], Pretend) if name == "copy_" else bool(ours)
    generator = kwargs.get("generator")
    if on_device and generator is not None and generator.device.type == "cpu":
        raise RuntimeError(f"{name}: a CPU generator draws for a device tensor")

    def inner(x):
        return x.inner if isinstance(x, Pretend) else torch.device("cpu") if isinstance(x, torch.device) else x

    out = func(*tree_map(inner, args), **{k: v for k, v in tree_map(inner, kwargs).items() if k != "pin_memory"})
    if name.endswith("_") and not name.startswith("_"):
        return args[0]
    if isinstance(kwargs.get("out"), torch.Tensor):
        return kwargs["out"]
    if on_device and name not in ("_local_scalar_dense", "equal"):
        return tree_map(lambda x: Pretend(x) if isinstance(x, torch.Tensor) else x, out)
    return out


class _ToDevice(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return Pretend(x.detach())

    @staticmethod
    def backward(ctx, grad):
        return grad.inner


class _ToCPU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.inner

    @staticmethod
    def backward(ctx, grad):
        return Pretend(grad)


def _to_device(x):
    if x.requires_grad and not x.is_leaf:
        return _ToDevice.apply(x)
    return Pretend(x.detach()).requires_grad_(x.requires_grad)


class _Calls(TorchFunctionMode):
    """Calls that name the device, before PyTorch looks for it."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs, name, x = dict(kwargs or {}), getattr(func, "__name__", ""), args[0] if args else None
        if isinstance(x, Pretend):
            if func is torch.Tensor.layout.__get__:
                return x.inner.layout
            if name == "tolist":
                return x.inner.tolist()
            if name in ("numpy", "__array__"):
                raise TypeError("a device tensor has no NumPy form; call .cpu() first")
            if name == "new_tensor":
                return _to_device(torch.tensor(args[1], dtype=kwargs.get("dtype", x.dtype)))
        if name == "to":
            where = kwargs.get("device", args[1] if len(args) > 1 else None)
            where = where.device if isinstance(where, torch.Tensor) else where
            if isinstance(where, str | torch.device):
                if torch.device(where) == DEVICE:
                    return x if isinstance(x, Pretend) else _to_device(x)
                if isinstance(x, Pretend):
                    return _ToCPU.apply(x) if x.requires_grad else x.inner
        where = kwargs.get("device")
        if isinstance(where, str | torch.device) and torch.device(where) == DEVICE:
            if kwargs.get("generator") is not None:
                raise RuntimeError(f"{name}: a CPU generator draws for a device tensor")
            return _to_device(func(*args, **kwargs | {"device": "cpu"}))
        return func(*args, **kwargs)


class _Dispatch(TorchDispatchMode):
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return _run(func, args, kwargs or {})


@contextlib.contextmanager
def pretend():
    import torch_geometric.nn.conv.message_passing as conv
    import torch_geometric.utils.sparse as sparse

    before, known = torch.__future__.get_overwrite_module_params_on_conversion(), sparse.is_torch_sparse_tensor

    def is_sparse(x):
        return x.inner.layout != torch.strided if isinstance(x, Pretend) else known(x)

    patched = [
        (m, n, getattr(m, n)) for m in (conv, sparse) for n in ("is_torch_sparse_tensor", "is_sparse") if hasattr(m, n)
    ]
    for module, attribute, _ in patched:
        setattr(module, attribute, is_sparse)
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    try:
        with _Calls(), _Dispatch():
            yield DEVICE
    finally:
        torch.__future__.set_overwrite_module_params_on_conversion(before)
        for module, attribute, old in patched:
            setattr(module, attribute, old)
