"""All measurements of the chapter on speed, one after the other, each in a process of its own; `make bench` calls it.

    python tests/benchmarks/measure.py              # goes on where it was interrupted
    python tests/benchmarks/measure.py --fresh      # measures everything again
    python tests/benchmarks/measure.py --up-to 16000 --store
    python tests/benchmarks/measure.py --only align --up-to 1000000

Results of each part lie in _build/bench. At the end the table is printed; with ``--store`` they become the ones that the book shows
(speed.json and own_growth.csv in pmf_minimal/experiments/stored).
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
from growth import OPERATIONS
from worlds import machine

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
STORED = ROOT / "pmf_minimal" / "experiments" / "stored"
SIZES = (1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 100_000)
OWN_SIZES = (1000, 3000, 10_000, 30_000, 100_000, 300_000, 1_000_000)


def call(*command):
    """What a script prints on its last line, as JSON."""
    paths = os.pathsep.join([str(ROOT), str(HERE)])
    out = subprocess.run(
        [sys.executable, *map(str, command)], cwd=ROOT, env=os.environ | {"PYTHONPATH": paths}, stdout=subprocess.PIPE, text=True
    )  # fmt: skip
    if out.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}: ends with status {out.returncode}")
    return out.stdout.strip().splitlines()[-1] if out.stdout.strip() else ""


def operations(file):
    call("-m", "pytest", "-q", "-p", "no:cacheprovider", HERE / "bench_operations.py", f"--benchmark-json={file}",
         "--benchmark-timer=time.process_time", "--benchmark-disable-gc")  # fmt: skip
    found = json.loads(file.read_text())["benchmarks"]
    return [
        {"group": b["group"], "kind": b["params"]["kind"], "cpu seconds": b["stats"]["min"]} | b["extra_info"]
        for b in found
    ]


def epochs(file):
    call(HERE / "epoch.py", "--json", file)
    return json.loads(file.read_text())


def processes():
    launch = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node")
    return [json.loads(call(*launch, count, HERE / "processes.py")) for count in (1, 2)]


def plan(folder, largest):
    """Name of each part, and how it is measured."""
    parts = {
        "operations": lambda: operations(folder / "pytest-benchmark.json"),
        "epochs": lambda: epochs(folder / "epoch.json"),
        "processes": processes,
        "large": lambda: [json.loads(call(HERE / "large.py", min(largest, SIZES[-1])))],
    }
    for n in (n for n in SIZES if n <= largest):
        for name in OPERATIONS:
            parts[f"growth {name} {n}"] = lambda name=name, n=n: [json.loads(call(HERE / "growth.py", name, n))]
    for n in (n for n in OWN_SIZES if n <= largest):
        parts[f"align {n}"] = lambda n=n: [json.loads(call(HERE / "own_growth.py", n))]
    return {"machine": machine} | parts


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fresh", action="store_true", help="Forget what was measured before.")
    parser.add_argument("--up-to", type=int, default=SIZES[-1], metavar="N", help="Largest graphs, entities a side.")
    parser.add_argument(
        "--only", default="", metavar="PART", help="Parts whose name begins so, such as growth or align."
    )
    parser.add_argument("--store", action="store_true", help="Make this what the book shows (for its authors).")
    args = parser.parse_args()
    folder = ROOT / "_build" / "bench"
    if args.fresh:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    results = {"growth": [], "align": []}
    parts = plan(folder, args.up_to)
    for name, work in ((name, work) for name, work in parts.items() if name.startswith(args.only)):
        part = folder / f"{name.replace(' ', '-').replace(',', '')}.part.json"
        if not part.exists():
            print(f"{name} …", flush=True)
            found = work()
            part.write_text(json.dumps(found))
        found = json.loads(part.read_text())
        if (kind := name.split()[0]) in results:
            results[kind] += found
        else:
            results[name] = found
    if aligned := results.pop("align"):
        table = pd.DataFrame(aligned)
        print(f"\nalign\n{table.round(3).to_string(index=False)}")
        if args.store:
            table.to_csv(STORED / "own_growth.csv", index=False, float_format="%.4g")
    if args.only:
        return
    show(results)
    if args.store:
        (STORED / "speed.json").write_text(json.dumps(results, indent=1) + "\n")
        print(f"\nStored in {STORED.relative_to(ROOT)}")


def show(results):
    from pmf_minimal.experiments.speed import growth, ratios

    print("\n" + "\n".join(f"{k}: {v}" for k, v in results["machine"].items()))
    for title, table in (
        ("Operations: processor's seconds, and how many times longer than ours", ratios(results)),
        ("Epochs at DBP15K's size", pd.DataFrame(results["epochs"]).set_index("stage").T),
        ("Growth with the number of entities", growth(results)),
        ("One process and two", pd.DataFrame(results["processes"])),
        ("Large graphs", pd.DataFrame(results["large"]).T),
    ):
        print(f"\n{title}\n{table.round(3).to_string()}")


if __name__ == "__main__":
    main()
