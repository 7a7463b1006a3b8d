# SPDX-License-Identifier: GPL-2.0
"""Other people's DTLS programs, and ours, as processes that a test talks to."""
import atexit
import os
import re
import select
import subprocess
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
OUT = os.path.join(TOP, "build", "interop")
KDTLS = os.path.join(TOP, "build", "user", "kdtls")
PORT = 4433

# Suite names as OpenSSL and as GnuTLS has them.
CIPHERS = {
    "aes128gcm": ("ECDHE-ECDSA-AES128-GCM-SHA256", "AES-128-GCM"),
    "aes256gcm": ("ECDHE-ECDSA-AES256-GCM-SHA384", "AES-256-GCM"),
    "chacha20": ("ECDHE-ECDSA-CHACHA20-POLY1305", "CHACHA20-POLY1305"),
    "aes128ccm": ("ECDHE-ECDSA-AES128-CCM", "AES-128-CCM"),
    "aes256ccm": ("ECDHE-ECDSA-AES256-CCM", "AES-256-CCM"),
    "aes128ccm8": ("ECDHE-ECDSA-AES128-CCM8", "AES-128-CCM-8"),
}
# Ours does not serve these unless it is told to.
ASKED_FOR = ("aes128ccm8",)
ADDRESSES = {"ipv4": "127.0.0.1", "ipv6": "::1"}


class Failure(Exception):
    """A test that did not see what it should have."""


class Process:
    """A program whose output can be waited for while it runs.

    Whoever waits for one reads what all of them print: a thread for each would
    cost more than the datagrams that the tests are about.
    """

    running = []

    def __init__(self, argv, log):
        self.argv = argv
        self.output = b""
        self.ended = False
        self.log = open(log, "wb")
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)
        Process.running.append(self)

    def fileno(self):
        return self.process.stdout.fileno()

    def _read(self):
        data = os.read(self.fileno(), 65536)
        self.log.write(data)
        self.output += data
        self.ended = not data

    @staticmethod
    def _read_some(timeout):
        """Wait until one of them prints or ends; return if it was in time."""
        alive = [each for each in Process.running if not each.ended]
        ready = select.select(alive, [], [], max(timeout, 0))[0]
        for each in ready:
            each._read()
        return bool(ready)

    def expect(self, pattern, timeout=60):
        """Wait until the output matches; return the match, forget up to it."""
        end = time.monotonic() + timeout
        while True:
            match = re.search(pattern, self.output)
            if match:
                self.output = self.output[match.end():]
                return match
            if self.ended or not self._read_some(end - time.monotonic()):
                raise Failure("%s: no %r in %r" % (
                    self.argv[0], pattern, self.output[-400:]))

    def send(self, data):
        try:
            self.process.stdin.write(data)
            self.process.stdin.flush()
        except OSError as error:
            raise Failure("%s ended: %s, %r" % (self.argv[0], error,
                                                self.output[-400:])) from None

    def stop(self):
        """End it politely, then not; wait for it. Once is enough."""
        if self not in Process.running:
            return
        self.process.terminate()
        end = time.monotonic() + 10
        while not self.ended and self._read_some(end - time.monotonic()):
            pass
        Process.running.remove(self)
        if not self.ended:
            self.process.kill()
        self.process.wait()
        self.log.close()
        # Others die of the signal; ours close their sessions and leave.
        if self.argv[0] == KDTLS and self.process.returncode:
            raise Failure("%s ended with %d" % (self.argv[1],
                                                self.process.returncode))


@atexit.register
def kill_all():
    """A test that failed half-way leaves nobody behind."""
    for each in Process.running:
        each.process.kill()
        each.process.wait()


def certificate():
    """A certificate and its key, made once."""
    os.makedirs(OUT, exist_ok=True)
    cert, key = os.path.join(OUT, "cert.pem"), os.path.join(OUT, "key.pem")
    if not os.path.exists(cert):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                        "-subj", "/CN=localhost", "-addext",
                        "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1",
                        "-keyout", key, "-out", cert + ".new"],
                       check=True, stderr=subprocess.DEVNULL)
        os.rename(cert + ".new", cert)
    return cert, key


def host_port(address, port):
    return "[%s]:%d" % (address, port) if ":" in address else "%s:%d" % (address, port)


def priority(gnutls_cipher):
    return ("NORMAL:-VERS-ALL:+VERS-DTLS1.2:-CIPHER-ALL:+" + gnutls_cipher)


def our_server(address, log, cipher, keylog, offload="require", port=PORT):
    cert, key = certificate()
    argv = [KDTLS, "echo-server", "--listen", host_port(address, port), "--cert",
            cert, "--key", key, "--offload", offload, "--keylog", keylog]
    if cipher in ASKED_FOR:
        argv += ["--cipher", CIPHERS[cipher][0]]
    server = Process(argv, log)
    server.expect(rb"(?i)listening")
    return server


def our_client(address, log, keylog, cipher=None, offload="require", port=PORT):
    cert, _ = certificate()
    argv = [KDTLS, "connect", host_port(address, port), "--ca", cert,
            "--offload", offload, "--keylog", keylog]
    if cipher:
        argv += ["--cipher", CIPHERS[cipher][0]]
    return Process(argv, log)


def openssl_client(address, log, cipher, keylog, port=PORT):
    return Process(["openssl", "s_client", "-dtls1_2", "-quiet", "-connect",
                    host_port(address, port), "-cipher", CIPHERS[cipher][0],
                    "-keylogfile", keylog, "-mtu", "1400"], log)


def openssl_server(address, log, cipher, keylog, port=PORT):
    cert, key = certificate()
    server = Process(["openssl", "s_server", "-dtls1_2", "-listen", "-quiet",
                      "-accept", host_port(address, port), "-cert", cert, "-key",
                      key, "-cipher", CIPHERS[cipher][0], "-keylogfile", keylog,
                      "-mtu", "1400"], log)
    wait_for_udp(port)
    return server


def gnutls_client(address, log, cipher, keylog, port=PORT):
    os.environ["SSLKEYLOGFILE"] = keylog
    return Process(["gnutls-cli", "--udp", "--no-ca-verification", "--priority",
                    priority(CIPHERS[cipher][1]), "--port", str(port), address],
                   log)


def gnutls_server(address, log, cipher, keylog, port=PORT):
    cert, key = certificate()
    os.environ["SSLKEYLOGFILE"] = keylog
    server = Process(["gnutls-serv", "--udp", "--echo", "--port", str(port),
                      "--priority", priority(CIPHERS[cipher][1]),
                      "--x509certfile", cert, "--x509keyfile", key], log)
    wait_for_udp(port)
    return server


def wait_for_udp(port, timeout=20):
    """Wait until some socket is bound to the port."""
    end = time.monotonic() + timeout
    needle = ":%04X " % port
    while time.monotonic() < end:
        for name in ("udp", "udp6"):
            with open("/proc/net/" + name, encoding="ascii") as table:
                if any(needle in line.split(None, 2)[1] + " " for line in table):
                    return
        time.sleep(0.05)
    raise Failure("nobody listens on port %d" % port)


def counters():
    """What the kernel counted in this network namespace."""
    with open("/proc/net/kdtls_stat", encoding="ascii") as stat:
        return {line.split()[0]: int(line.split()[1]) for line in stat}
