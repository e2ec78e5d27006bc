"""Kernels that start at once: one process imports what takes seconds, and each kernel is a fork of it.

    python warm_kernel.py serve NUMBER PARENT       # the process that has imported it all; an open socket's number
    python warm_kernel.py ADDRESS CONNECTION_FILE   # what Jupyter starts; it lives as long as its kernel

A kernel has the folder and the environment of whoever asked for it. Names are bound by the notebook's own imports alone,
so one that is missing there is missed here.
"""

import contextlib
import importlib
import json
import os
import signal
import site
import socket
import subprocess
import sys
import threading

#: Not pmf_minimal: which one a notebook gets is what some tests look at. Nor pandas or tqdm, which ask when they are imported
#: whether they are in a notebook.
SLOW = (
    "torch._dynamo",
    "scipy.stats",
    "matplotlib.pyplot",
    "IPython.display",
    "jsonschema",  # a second and a half where a grammar for addresses is installed too, as it is with Jupyter
    "ipykernel.kernelapp",
    "ipykernel.ipkernel",
)
FORKS = sys.platform == "linux"  # elsewhere a process with these libraries had better not be copied


def serve(number, parent):
    """Answer each request with a kernel, as long as the parent lives."""
    del sys.path[0]  # the folder of this file
    # A kernel sets this before it imports anything.
    os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
    for name in SLOW:
        importlib.import_module(name)
    with socket.socket(fileno=int(number)) as server:
        server.settimeout(2)
        while os.getppid() == int(parent):  # a worker that is ended at once does not end this
            try:
                client, _ = server.accept()
            except TimeoutError:
                continue
            if os.fork() == 0:
                server.close()
                os._exit(kernel(client))
            client.close()
            with contextlib.suppress(ChildProcessError):  # those that have ended
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass


def kernel(client):
    """In the fork: be the kernel, until it is shut down or whoever asked for it is gone."""
    asked = json.loads(client.makefile().readline())
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    for folder in site.getsitepackages():  # what has been put there since
        site.addsitedir(folder)
    importlib.invalidate_caches()

    def listen():
        while client.recv(1):
            os.kill(os.getpid(), signal.SIGINT)
        os._exit(1)

    threading.Thread(target=listen, daemon=True).start()
    from ipykernel.kernelapp import IPKernelApp

    IPKernelApp.launch_instance(argv=asked["arguments"])
    return 0


def ask(address, connection_file, *further):
    """Stand for the kernel: pass on what interrupts it, and end when it ends."""
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(address)
        asked = {"folder": os.getcwd(), "environment": dict(os.environ)}
        asked["arguments"] = ["-f", connection_file, *further]
        signal.signal(signal.SIGINT, lambda *_: server.send(b"!"))
        server.sendall(json.dumps(asked).encode() + b"\n")
        with contextlib.suppress(ConnectionResetError):
            server.recv(1)


@contextlib.contextmanager
def warm(folder, name, python=sys.executable, environment=None):
    """Meanwhile Jupyter finds a kernel of that name, if its JUPYTER_PATH has the folder; who asks early waits."""
    address, environment = folder / f"{name}.socket", environment or {}
    argv = (
        [str(python), "-I", "-S", __file__, str(address)] if FORKS else [str(python), "-m", "ipykernel_launcher", "-f"]
    )
    spec = {"argv": [*argv, "{connection_file}"], "display_name": name, "language": "python", "env": environment}
    (folder / "kernels" / name).mkdir(parents=True)
    (folder / "kernels" / name / "kernel.json").write_text(json.dumps(spec))
    if not FORKS:
        yield
        return
    with socket.socket(socket.AF_UNIX) as place:
        place.bind(str(address))
        place.listen()
        serving, number = [str(python), __file__, "serve"], place.fileno()
        server = subprocess.Popen(
            [*serving, str(number), str(os.getpid())],
            env=os.environ | environment,
            pass_fds=[number],
            stdout=subprocess.DEVNULL,
        )
    try:
        yield
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    serve(*sys.argv[2:]) if sys.argv[1] == "serve" else ask(*sys.argv[1:])
