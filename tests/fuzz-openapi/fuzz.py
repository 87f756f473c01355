"""Fuzzes `bulla serve`, with a vendor in a box behind it, by docs/openapi.json.

Every answer must have a status, media type, headers and body that are described; the service must
neither break nor grow. See tests/fuzz-openapi/run.
"""

import contextlib
import json
import os
import pathlib
import secrets
import subprocess
import sys
import tempfile
import urllib.request

HERE = pathlib.Path(__file__).parent
DOCUMENT = HERE.parent.parent / "docs" / "openapi.json"

# The same requests each time.
SEEDS = (1, 2)
# Requests of each operation in the fuzzing phase: the first run fills caches and pools.
EXAMPLES = (10, 40)
# At the most, each, in seconds.
TIME = (90, 120)
# By how much the second run may let the service grow: the store keeps a part of what was written in
# memory, and the allocator what was freed.
MEMORY = 16 * 1024 * 1024
DESCRIPTORS = 8


def start(bulla, *arguments, **options):
    """Starts a command that tells in JSON where it listens, and goes on."""
    process = subprocess.Popen(
        [bulla, *arguments, "--format", "json"], stdout=subprocess.PIPE, text=True, **options
    )
    text = ""
    for line in process.stdout:
        text += line
        if line == "}\n":
            return process, json.loads(text)
    raise SystemExit(f"it ended: {arguments} {text}")


def memory(process):
    """Resident memory in bytes."""
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


def descriptors(process):
    """Open files."""
    return len(os.listdir(f"/proc/{process.pid}/fd"))


def fuzz(address, folder, seed, examples, time, environment):
    command = [
        pathlib.Path(sys.executable).with_name("schemathesis"),
        "run",
        DOCUMENT,
        f"--url=http://{address}",
        f"--seed={seed}",
        f"--max-examples={examples}",
        f"--max-time={time}",
        # Wrong tokens are looked at ten times only, and then no other is.
        "--exclude-path=/page/sign-in",
        "--phases=examples,coverage,fuzzing",
        "--checks=status_code_conformance,content_type_conformance,response_headers_conformance,"
        "response_schema_conformance,nothing_broke,it_says_that_it_is_simulated",
        "--generation-deterministic",
        "--no-shrink",
        "--suppress-health-check=all",
        "--request-timeout=30",
        "--continue-on-failure",
        "--warnings=off",
        "--no-color",
    ]
    # In a folder of its own: what it remembers of a run is no part of this tree.
    if subprocess.run(command, cwd=folder, env=environment).returncode:
        raise SystemExit("the fuzzer found something")


def main(bulla):
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        folder = pathlib.Path(folder)
        box = str(folder / "box")

        def vendor(*words):
            command = [bulla, "vendor", *words, "--dir", box]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

        def running(*arguments, **options):
            process, told = start(bulla, *arguments, **options)
            stack.callback(process.wait)
            stack.callback(process.terminate)
            return process, told

        vendor("init", "--public-url", "http://vendor.test.invalid", "--platform", "one")
        vendor("quote", "--platform", "one", "--kind", "sgx-v3", "--out", str(folder / "attested"))
        _, told = running("vendor", "serve", "--listen", "127.0.0.1:0", "--dir", box)
        tokens = {role: secrets.token_hex(32) for role in ("user", "administrator")}
        rows = []
        for role, token in tokens.items():
            hashed = subprocess.run(
                [bulla, "serve", "--hash-token"], input=token, check=True, text=True, stdout=subprocess.PIPE
            )
            rows.append(f'{role}s = [{{ name = "fuzzer", {hashed.stdout.strip()} }}]\n')
        config = folder / "bulla.toml"
        config.write_text(
            "[log]\naccess = false\nlevel = \"error\"\n\n"
            "[gate]\nenabled = true\nplace = \"owner\"\n\n[tokens]\n" + "".join(rows)
        )
        service, told = running(
            *["serve", "--listen", "127.0.0.1:0", "--config", str(config)],
            *["--upstream", f"http://{told['address']}", "--store", str(folder / "state")],
            *["--trust-root", str(folder / "attested" / "root.pem"), "--simulated"],
        )
        environment = {
            **os.environ,
            "SCHEMATHESIS_HOOKS": "hooks",
            "PYTHONPATH": str(HERE),
            "PYTHONDONTWRITEBYTECODE": "1",
            "FUZZ_USER": tokens["user"],
            "FUZZ_ADMINISTRATOR": tokens["administrator"],
        }
        sizes = []
        for seed, examples, time in zip(SEEDS, EXAMPLES, TIME):
            fuzz(told["address"], folder, seed, examples, time, environment)
            sizes.append((memory(service), descriptors(service)))
            print(f"memory {sizes[-1][0] >> 20} MiB, open files {sizes[-1][1]}")
        with urllib.request.urlopen(f"http://{told['address']}/healthz", timeout=30) as answer:
            assert answer.status == 200
        (memory_before, files_before), (memory_after, files_after) = sizes
        assert memory_after <= memory_before + MEMORY, "memory grows"
        assert files_after <= files_before + DESCRIPTORS, "open files grow"


if __name__ == "__main__":
    main(os.path.abspath(sys.argv[1]))
