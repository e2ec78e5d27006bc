"""The kernels of the tests: forks that know no more than a kernel of their own would."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import warm_kernel
from jupyter_client.manager import start_new_kernel
from warm_kernel import warm


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    if not warm_kernel.FORKS:
        pytest.skip("here each kernel is a process of its own")
    folder = tmp_path_factory.mktemp("warm")
    with warm(folder, "tried", environment={"PMF_TRIED": "yes"}):
        yield folder


@pytest.fixture
def kernel(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("JUPYTER_PATH", str(folder))
    manager, client = start_new_kernel(kernel_name="tried", cwd=str(tmp_path))
    yield manager, client
    client.stop_channels()
    if manager.has_kernel:
        manager.shutdown_kernel()


def said(client, code):
    """What a cell prints, or the name of its error."""
    heard = []
    reply = client.execute_interactive(code, timeout=100, output_hook=heard.append)["content"]
    return reply.get("ename") or "".join(m["content"]["text"] for m in heard if m["msg_type"] == "stream")


def test_it_has_the_folder_and_environment_of_who_asked_and_no_names(kernel, tmp_path):
    _, client = kernel
    assert said(client, "import os, sys; print(os.getcwd(), os.environ['PMF_TRIED'])") == f"{tmp_path} yes\n"
    assert said(client, "print(sys.executable)") == f"{sys.executable}\n"
    assert said(client, "torch") == "NameError"
    # Who asks at import whether this is a notebook is not asked too early.
    asked = "[name for name in ('pandas', 'tqdm.auto', 'pmf_minimal') if name in sys.modules]"
    assert said(client, f"print('torch' in sys.modules, {asked})") == "True []\n"
    assert said(client, "import pandas; print(pandas.options.display.max_columns)") == "20\n"


def test_two_kernels_share_nothing(kernel, folder):
    _, client = kernel
    said(client, "import torch; torch.changed = 1; import os; os.environ['PMF_TRIED'] = 'no'")
    manager, other = start_new_kernel(kernel_name="tried")
    assert said(other, "import os, torch; print(hasattr(torch, 'changed'), os.environ['PMF_TRIED'])") == "False yes\n"
    other.stop_channels()
    if manager.has_kernel:
        manager.shutdown_kernel()


def test_it_can_be_interrupted_and_ends_with_who_asked(kernel):
    manager, client = kernel
    number = int(said(client, "import os, time; print(os.getpid())"))
    client.execute("print('asleep', flush=True); time.sleep(100)")
    while "asleep" not in client.get_iopub_msg(timeout=100)["content"].get("text", ""):
        pass
    manager.interrupt_kernel()
    assert client.get_shell_msg(timeout=100)["content"].get("ename") == "KeyboardInterrupt"
    manager.shutdown_kernel(now=True)
    assert ended(number), "the kernel outlives who asked for it"


def ended(number):
    """Whether a process ends within a minute."""
    for _ in range(600):
        path = Path(f"/proc/{number}/stat")
        if not path.exists() or path.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.1)
    return False


def test_it_ends_with_a_parent_that_is_killed(folder):
    script = """
import pathlib, subprocess, sys, tempfile, time, warm_kernel
start, warm_kernel.subprocess.Popen = subprocess.Popen, lambda *a, **k: print((p := start(*a, **k)).pid, flush=True) or p
with warm_kernel.warm(pathlib.Path(tempfile.mkdtemp(dir=sys.argv[1])), "left"):
    time.sleep(100)"""
    command = [sys.executable, "-c", script, str(folder)]
    here = os.environ | {"PYTHONPATH": str(Path(warm_kernel.__file__).parent)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=here) as parent:
        number = int(parent.stdout.readline())
        assert Path(f"/proc/{number}").exists()
        parent.kill()
    assert ended(number), "the server outlives its parent"


def test_where_nothing_may_be_forked_it_is_a_kernel_like_any_other(tmp_path, monkeypatch):
    monkeypatch.setattr(warm_kernel, "FORKS", False)
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    with warm(tmp_path, "plain", environment={"PMF_TRIED": "yes"}):
        manager, client = start_new_kernel(kernel_name="plain")
        assert said(client, "import os, sys; print(os.environ['PMF_TRIED'], 'torch' in sys.modules)") == "yes False\n"
        client.stop_channels()
        manager.shutdown_kernel()
