# SPDX-License-Identifier: GPL-2.0
"""The cells of the matrix: peer, our role, cipher, address family."""
import itertools
import os
import random
import string

import peers

RAN = os.path.join(peers.OUT, "ran")
PEERS = ("openssl", "gnutls", "ours")
# What is new with these is how they seal and open: for time's sake they get one
# family each, and nothing with ourselves.
FEWER = {"aes128ccm": "ipv6", "aes256ccm": "ipv6", "aes128ccm8": "ipv4"}


class Cell:
    """One cell, and the files that its run leaves behind."""

    def __init__(self, name, where=peers.OUT):
        self.name = name
        self.where = where
        self.peer, self.role, self.cipher, self.family = name.split("-")
        self.address = peers.ADDRESSES[self.family]

    def path(self, suffix):
        return os.path.join(self.where, self.name + suffix)

    def begin(self):
        """A run begins: what an earlier one left must not be mistaken for it."""
        for suffix in (".keys", ".pcap", ".count"):
            if os.path.exists(self.path(suffix)):
                os.unlink(self.path(suffix))
        # A kernel full of checks takes its time: fewer will do there. The ciphers
        # have a suite of their own: all lines with one of them.
        count = int(os.environ.get("KDTLS_LINES", "1000"))
        if self.cipher != "aes128gcm":
            count //= 4
        with open(self.path(".count"), "w", encoding="ascii") as file:
            file.write(str(count))

    def count(self):
        """How many lines this run has."""
        with open(self.path(".count"), encoding="ascii") as file:
            return int(file.read())

    def lines(self):
        """What is sent, the same in every run."""
        source = random.Random(self.name)
        letters = string.ascii_letters + string.digits
        for number in range(self.count()):
            text = "".join(source.choices(letters, k=source.randrange(0, 200)))
            yield ("%d %s\n" % (number, text)).encode()


def names():
    """Ours with each peer in both roles; with ourselves once."""
    for peer, role, cipher, family in itertools.product(
            PEERS, ("server", "client"), peers.CIPHERS, peers.ADDRESSES):
        if cipher in FEWER and (peer == "ours" or FEWER[cipher] != family):
            continue
        if peer != "ours" or role == "server":
            yield "-".join((peer, role, cipher, family))
