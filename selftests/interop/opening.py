# SPDX-License-Identifier: GPL-2.0
"""Open the records of a capture with the key log, from the RFCs alone.

tshark does this too, but the version of Debian bookworm builds the nonce of
ChaCha20-Poly1305 without the epoch and cannot open anybody's records of it.
"""
import hmac
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import (
    AESCCM, AESGCM, ChaCha20Poly1305)

import capture
from peers import Failure



def ccm_8(key):
    return AESCCM(key, tag_length=8)


# Lengths of key, salt, explicit nonce and tag, hash of the PRF, AEAD.
SUITES = {
    0xc02b: (16, 4, 8, 16, "sha256", AESGCM),
    0xc02f: (16, 4, 8, 16, "sha256", AESGCM),
    0xc02c: (32, 4, 8, 16, "sha384", AESGCM),
    0xc030: (32, 4, 8, 16, "sha384", AESGCM),
    0xc0ac: (16, 4, 8, 16, "sha256", AESCCM),
    0xc0ad: (32, 4, 8, 16, "sha256", AESCCM),
    0xc0ae: (16, 4, 8, 8, "sha256", ccm_8),
    0xcca9: (32, 12, 0, 16, "sha256", ChaCha20Poly1305),
    0xcca8: (32, 12, 0, 16, "sha256", ChaCha20Poly1305),
}
HANDSHAKE, CLIENT_HELLO, SERVER_HELLO = 22, 1, 2


def prf(secret, label, seed, length, digest):
    """RFC 5246 section 5."""
    seed = label + seed
    a, out = seed, b""
    while len(out) < length:
        a = hmac.digest(secret, a, digest)
        out += hmac.digest(secret, a + seed, digest)
    return out[:length]


def read_keylog(path):
    """Client random to master secret."""
    secrets = {}
    with open(path, encoding="ascii") as file:
        for line in file:
            words = line.split()
            if words and words[0] == "CLIENT_RANDOM":
                secrets[bytes.fromhex(words[1])] = bytes.fromhex(words[2])
    return secrets


class Direction:
    """The keys of one side (RFC 5246 section 6.3)."""

    def __init__(self, suite, block, server):
        key_len, salt_len, self.explicit, self.tag, _, aead = SUITES[suite]
        at = key_len if server else 0
        self.aead = aead(block[at:at + key_len])
        at = 2 * key_len + (salt_len if server else 0)
        self.salt = block[at:at + salt_len]

    def open(self, kind, epoch, number, body):
        number = struct.pack(">H", epoch) + number.to_bytes(6, "big")
        if self.explicit:
            nonce = self.salt + body[:self.explicit]
        else:
            pad = bytes(4) + number
            nonce = bytes(x ^ y for x, y in zip(self.salt, pad))
        sealed = body[self.explicit:]
        aad = number + struct.pack(">BHH", kind, 0xfefd, len(sealed) - self.tag)
        return self.aead.decrypt(nonce, sealed, aad)


class Connection:
    """What is known of the association of one client port."""

    def __init__(self, secrets):
        self.secrets = secrets
        self.client_random = self.server_random = self.suite = None
        self.directions = {}

    def hello(self, body):
        """A handshake message of epoch 0, whole in its record."""
        if body[0] == CLIENT_HELLO:
            self.client_random = body[14:46]
        elif body[0] == SERVER_HELLO:
            self.server_random = body[14:46]
            at = 47 + body[46]
            self.suite, = struct.unpack(">H", body[at:at + 2])
            self.directions = {}

    def direction(self, server):
        if server not in self.directions:
            if self.suite not in SUITES:
                raise Failure("cipher suite %r is not one of ours" % self.suite)
            key_len, salt_len, _, _, digest, _ = SUITES[self.suite]
            block = prf(self.secrets[self.client_random], b"key expansion",
                        self.server_random + self.client_random,
                        2 * (key_len + salt_len), digest)
            for side in (False, True):
                self.directions[side] = Direction(self.suite, block, side)
        return self.directions[server]


def messages(body):
    """The handshake messages in a record, cut but not reassembled."""
    while len(body) >= 12:
        length = int.from_bytes(body[9:12], "big")
        yield body[:12 + length]
        body = body[12 + length:]


def open_all(path, keylog, port):
    """(from server?, type, epoch, number, plaintext) of each sealed record."""
    secrets = read_keylog(keylog)
    connections = {}
    opened = []
    for source, target, payload in capture.datagrams(path):
        server = source == port
        peer = target if server else source
        connection = connections.setdefault(peer, Connection(secrets))
        for kind, epoch, number, body in capture.records(payload):
            if not epoch:
                if kind == HANDSHAKE:
                    for message in messages(body):
                        connection.hello(message)
                continue
            try:
                plain = connection.direction(server).open(kind, epoch, number,
                                                          body)
            except InvalidTag:
                raise Failure("record %d of epoch %d does not verify" % (
                    number, epoch)) from None
            opened.append((server, kind, epoch, number, plain))
    return opened
