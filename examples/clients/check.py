"""Runs each consumer against the broker of `cargo xtask broker run` and lets the oracle compare its state with that of the
control in Rust; then breaks its idle connection, as a move does, and compares again. ORACLE names the oracle's program if it
is not where cargo puts it. Needs a Python that has both libraries."""

import base64
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
ORACLE = os.environ.get("ORACLE", str(HERE.parent.parent / "target/debug/orders-oracle"))
PORT = 18_080
# What a consumer logs when it has heard SIGTERM; it then answers for the lame-duck time.
STOPS = "stopping: no more messages"


def main():
    for program in ("with_pika.py", "with_aio_pika.py"):
        with tempfile.TemporaryDirectory() as folder:
            check(program, Path(folder))


def check(program, folder):
    pod = f"check-{os.getpid()}-{program.removeprefix('with_').removesuffix('.py').replace('_', '')}"
    (folder / "hostname").write_text(pod + "\n")
    told = ["--amqp-uri", os.environ["SHADOW_TEST_AMQP_URI"], "--hostname-file", str(folder / "hostname")]
    told += ["--http-port", str(PORT), "--work", "1ms", "--lame-duck", "2s"]
    log = folder / "log"
    with log.open("wb") as written:
        consumer = subprocess.Popen([sys.executable, str(HERE / program), *told], stderr=written)
    try:
        until("it consumes", lambda: brief()["queue"] == f"orders.{pod}")
        judge(pod)
        break_connection()
        until("it has noticed", lambda: brief()["lastLoss"] is not None)
        until("it consumes again", lambda: brief()["queue"] is not None and brief()["generation"] == 2)
        judge(pod)
        print(f"{program}: exact, and again {brief()['lastReconnectMs']} ms after a lost connection", flush=True)
        consumer.terminate()
        until("it says after SIGTERM that it stops", lambda: STOPS in log.read_text(errors="replace"))
        assert asked("/healthz") == b"ok\n", "it does not answer after SIGTERM"
        assert consumer.wait(timeout=10) == 0, "it does not end well"
        management("DELETE", f"queues/%2F/orders.{pod}")
    finally:
        consumer.kill()
        consumer.wait()
        sys.stderr.write(log.read_text(errors="replace"))


def judge(pod):
    url = f"http://127.0.0.1:{PORT}"
    command = [ORACLE, "run", "--amqp", os.environ["SHADOW_TEST_AMQP_URI"], "--routing-key", pod, "--pod-url", url]
    command += ["--probe-url", f"{url}/healthz", "--probe-tail", "0", "--publishers", "3", "--rate", "300"]
    # More than a book holds of open orders.
    subprocess.run([*command, "--count", "4500"], check=True)


def asked(path):
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}{path}", timeout=2) as answer:
        return answer.read()


def brief():
    return json.loads(asked("/state?brief"))


def until(what, met):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            if met():
                return
        except (urllib.error.URLError, ConnectionError):
            pass
        time.sleep(0.05)
    raise AssertionError(f"not within 30 s: {what}")


def break_connection():
    """Closes every connection of the broker; the oracle's are gone by then."""
    until("the broker lists the connection", lambda: management("GET", "connections"))
    for connection in management("GET", "connections"):
        management("DELETE", "connections/" + urllib.parse.quote(connection["name"], safe=""))


def management(method, path):
    uri = urllib.parse.urlsplit(os.environ["SHADOW_TEST_MANAGEMENT_URI"])
    request = urllib.request.Request(f"http://{uri.hostname}:{uri.port}/api/{path}", method=method)
    user = base64.b64encode(f"{uri.username}:{uri.password}".encode()).decode()
    request.add_header("Authorization", f"Basic {user}")
    with urllib.request.urlopen(request, timeout=10) as answer:
        body = answer.read()
    return json.loads(body) if body else None


if __name__ == "__main__":
    main()
