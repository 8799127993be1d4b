"""Lets CRIU fail, once for each kind of failure, and keeps its logs: print.py TREE FOLDER.

Run as root in a network namespace of its own. TREE is the Debian tree that has CRIU. FOLDER gets KIND.dump and KIND.restore.
"""

import ctypes
import fcntl
import mmap
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time

# The logs name files below this folder, so it is the same everywhere.
WORK = "/tmp/criu-words"
ADDRESS = "10.99.0.1"
PORT = 18081
# As the product asks for them: agent/src/node/runc.rs and agent/src/install.
OPTIONS = ["-v4", "--file-locks", "--manage-cgroups=ignore"]
SETTINGS = ["--tcp-close", "--skip-in-flight", "--network-lock", "skip"]

libc = ctypes.CDLL(None, use_errno=True)
kept = []


def call(number, *arguments):
    result = libc.syscall(number, *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def listening(path):
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen()
    kept.append(server)


def connected(path):
    client = socket.socket(socket.AF_UNIX)
    client.connect(path)
    return client


def child_in(flag):
    if os.fork() == 0:
        if libc.unshare(flag):
            sys.exit(1)
        signal.pause()


def bound(kind, address):
    server = socket.socket(socket.AF_INET, kind)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((address, PORT))
    if kind == socket.SOCK_STREAM:
        server.listen()
    kept.append(server)


def deleted(path, size, mapped):
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    os.write(descriptor, b"x" * size)
    os.unlink(path)
    if mapped:
        kept.append(mmap.mmap(descriptor, size))
        os.close(descriptor)


# What each process has when it is dumped.


def unix_to_outside():
    kept.append(connected(f"{WORK}/app.sock"))


def unix_from_outside():
    listening(f"{WORK}/own.sock")
    print("listens", flush=True)
    kept.append(kept[0].accept()[0])


def unix_closed_unaccepted():
    listening(f"{WORK}/own.sock")
    connected(f"{WORK}/own.sock").close()


def unix_unaccepted_with_data():
    listening(f"{WORK}/own.sock")
    client = connected(f"{WORK}/own.sock")
    client.send(b"x")
    kept.append(client)


def io_uring():
    kept.append(call(425, 4, ctypes.create_string_buffer(256)))


def mptcp():
    server = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
    server.bind(("127.0.0.1", 0))
    server.listen()
    kept.append(server)


def vsock():
    kept.append(socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM))


def udp_corked():
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.connect(("127.0.0.1", 9))
    sender.setsockopt(17, 1, 1)
    sender.send(b"x")
    kept.append(sender)


def deleted_and_open():
    deleted(f"{WORK}/journal", 2 << 20, False)


def deleted_and_mapped():
    deleted("/dev/shm/criu-words", 2 << 20, True)


def userfaultfd():
    kept.append(call(323, 0))


def ebpf_map():
    kept.append(call(321, 0, ctypes.create_string_buffer(struct.pack("IIIII", 1, 4, 8, 1, 0) + bytes(100)), 120))


def huge_memfd():
    kept.append(call(319, b"huge", 4))


def secret_memory():
    descriptor = call(447, 0)
    os.ftruncate(descriptor, 4096)
    kept.append(mmap.mmap(descriptor, 4096))


def system_v_memory():
    libc.shmat.restype = ctypes.c_void_p
    segment = libc.shmget(0, 4096, 0o1600)
    kept.append(libc.shmat(segment, None, 0))
    libc.shmctl(segment, 0, None)


def other_user():
    os.setgid(1000)
    os.setuid(1000)


def other_group():
    os.setgid(1000)


def own_pid_namespace():
    if libc.unshare(0x20000000):
        sys.exit(1)
    if os.fork() == 0:
        signal.pause()


def own_user_namespace():
    child_in(0x10000000)


def own_network():
    child_in(0x40000000)


def debugged():
    child = os.fork()
    if child == 0:
        signal.pause()
    libc.ptrace(0x4206, child, 0, 0)


def pidfd_of_another():
    kept.append(os.pidfd_open(1))


def watch_of_sys():
    descriptor = libc.inotify_init()
    libc.inotify_add_watch(descriptor, b"/sys/kernel", 2)
    kept.append(descriptor)


def watch():
    os.mkdir(f"{WORK}/watched")
    descriptor = libc.inotify_init()
    libc.inotify_add_watch(descriptor, f"{WORK}/watched".encode(), 2)
    kept.append(descriptor)


def tcp_connection():
    bound(socket.SOCK_STREAM, "127.0.0.1")
    client = socket.socket()
    client.connect(("127.0.0.1", PORT))
    kept.extend([client, kept[0].accept()[0]])


def file():
    kept.append(open(f"{WORK}/state.db", "w+"))
    kept[0].write("hello")
    kept[0].flush()


def named_pipe():
    os.mkfifo(f"{WORK}/pipe")
    kept.append(os.open(f"{WORK}/pipe", os.O_RDWR))


def folder():
    os.mkdir(f"{WORK}/folder")
    os.chdir(f"{WORK}/folder")


def listener():
    bound(socket.SOCK_STREAM, "127.0.0.1")


def listener_of_pod():
    bound(socket.SOCK_STREAM, ADDRESS)


def unix_listener():
    os.mkdir(f"{WORK}/folder")
    listening(f"{WORK}/folder/own.sock")


def plain():
    pass


# What changes between dump and restore. Where nothing does, the dump fails.


def longer():
    with open(f"{WORK}/state.db", "a") as state:
        state.write(" and more")


def damaged(beginning):
    for name in os.listdir(f"{WORK}/images"):
        if name.startswith(beginning):
            with open(f"{WORK}/images/{name}", "r+b") as image:
                image.write(b"x" * 12)


def gone(beginning):
    for name in os.listdir(f"{WORK}/images"):
        if name.startswith(beginning):
            os.unlink(f"{WORK}/images/{name}")


CASES = [
    (unix_to_outside, None),
    (unix_from_outside, None),
    (unix_closed_unaccepted, None),
    (unix_unaccepted_with_data, None),
    (io_uring, None),
    (mptcp, None),
    (vsock, None),
    (udp_corked, None),
    (deleted_and_open, None),
    (deleted_and_mapped, None),
    (userfaultfd, None),
    (ebpf_map, None),
    (huge_memfd, None),
    (secret_memory, None),
    (system_v_memory, None),
    (other_user, None),
    (other_group, None),
    (own_pid_namespace, None),
    (own_user_namespace, None),
    (debugged, None),
    (pidfd_of_another, None),
    (watch_of_sys, None),
    (tcp_connection, None),
    (own_network, ("own_network", lambda: None)),
    (plain, ("number_taken", None)),
    (file, ("file_longer", longer)),
    (file, ("file_gone", lambda: os.unlink(f"{WORK}/state.db"))),
    (file, ("file_of_other_mode", lambda: os.chmod(f"{WORK}/state.db", 0o600))),
    (named_pipe, ("pipe_gone", lambda: os.unlink(f"{WORK}/pipe"))),
    (folder, ("folder_gone", lambda: os.rmdir(f"{WORK}/folder"))),
    (listener_of_pod, ("address_gone", lambda: address("del"))),
    (listener, ("port_taken", lambda: bound(socket.SOCK_STREAM, "127.0.0.1"))),
    (unix_listener, ("folder_of_socket_gone", lambda: shutil.rmtree(f"{WORK}/folder"))),
    (watch, ("watched_gone", lambda: os.rmdir(f"{WORK}/watched"))),
    (plain, ("image_damaged", lambda: damaged("core-"))),
    (plain, ("memory_gone", lambda: gone("pages-"))),
]


def address(verb):
    subprocess.run(["ip", "address", verb, f"{ADDRESS}/32", "dev", "lo"], check=True)


def criu(tree, *arguments):
    """The program runs on any machine by its own loader and libraries."""
    program = [f"{tree}/lib64/ld-linux-x86-64.so.2", "--library-path", f"{tree}/usr/lib/x86_64-linux-gnu"]
    return subprocess.run([*program, f"{tree}/usr/sbin/criu", *arguments], capture_output=True, text=True, timeout=60)


def started(kind):
    """The process, and the sockets that are connected to it from outside."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(f"{WORK}/app.sock")
    server.listen()
    outside = [server]
    output = open(f"{WORK}/output", "w")
    process = subprocess.Popen(
        [sys.executable, __file__, "--be", kind.__name__],
        stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
    )
    output.close()
    begun = time.monotonic()
    while time.monotonic() - begun < 20:
        said = open(f"{WORK}/output").read()
        if "listens" in said and len(outside) == 1:
            outside.append(connected(f"{WORK}/own.sock"))
        if "ready" in said:
            if kind is unix_to_outside:
                outside.append(server.accept()[0])
            return process, outside
        if process.poll() is not None:
            break
        time.sleep(0.01)
    raise SystemExit(f"{kind.__name__}: the process is not ready: {open(f'{WORK}/output').read()}")


def run(tree, folder, kind, restore):
    shutil.rmtree(WORK, ignore_errors=True)
    os.makedirs(f"{WORK}/images")
    if kind is listener_of_pod:
        address("add")
    process, outside = started(kind)
    settings = [] if kind is tcp_connection else SETTINGS
    images = ["--images-dir", f"{WORK}/images", "--log-file"]
    dumped = criu(tree, "dump", "--tree", str(process.pid), "--leave-running", *images, "dump.log", *OPTIONS, *settings)
    name, verb, failed = kind.__name__, "dump", dumped
    if restore:
        if dumped.returncode:
            raise SystemExit(f"{name}: the dump failed: {open(f'{WORK}/images/dump.log').read()[-2000:]}")
        (name, change), verb = restore, "restore"
        if change:
            end(process)
            change()
        failed = criu(tree, "restore", "--restore-detached", *images, "restore.log", *OPTIONS, *settings)
    shutil.copy(f"{WORK}/images/{verb}.log", f"{folder}/{name}.{verb}")
    end(process)
    for one in outside:
        one.close()
    while kept:
        kept.pop().close()
    if failed.returncode == 0:
        raise SystemExit(f"{name}: the {verb} did not fail")


def end(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


if __name__ == "__main__":
    if sys.argv[1] == "--be":
        globals()[sys.argv[2]]()
        print("ready", flush=True)
        signal.pause()
    else:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        for kind, restore in CASES:
            run(sys.argv[1], sys.argv[2], kind, restore)
