# SPDX-License-Identifier: GPL-2.0
"""A UDP relay between one client and one server that can lose datagrams."""
import select
import socket
import threading

import capture

CHANGE_CIPHER_SPEC, HANDSHAKE, APPLICATION_DATA = 20, 22, 23
NEW_SESSION_TICKET, FINISHED_OF_EPOCH = 4, 1


def in_last_flight(payload):
    """Is this datagram part of the flight that ends a handshake?"""
    for kind, epoch, _, body in capture.records(payload):
        if kind == CHANGE_CIPHER_SPEC or (kind == HANDSHAKE and epoch):
            return True
        if kind == HANDSHAKE and body[0] == NEW_SESSION_TICKET:
            return True
    return False


def finished_in(payload):
    return sum(1 for kind, epoch, _, _ in capture.records(payload)
               if kind == HANDSHAKE and epoch)


class Relay:
    """Relays until stopped. What it saw, lost or not, is in self.seen."""

    def __init__(self, address, port, server_port, lose=0, hold=0, swap=False):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.outer = socket.socket(family, socket.SOCK_DGRAM)
        self.outer.bind((address, port))
        self.inner = socket.socket(family, socket.SOCK_DGRAM)
        self.inner.connect((address, server_port))
        self.client = None
        self.lose = lose        # server's Finished records still to be lost
        self.hold = hold        # client's datagrams to hold back from Finished on
        self.swap = swap        # release what was held back in reverse order
        self.held = []
        self.lost = 0
        self.seen = []          # (from server?, payload)
        self.stopping, self.stopper = socket.socketpair()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        sockets = [self.outer, self.inner, self.stopping]
        while True:
            ready, _, _ = select.select(sockets, [], [], 60)
            if self.stopping in ready or not ready:
                return
            if self.outer in ready:
                payload, self.client = self.outer.recvfrom(65536)
                self._from_client(payload)
            if self.inner in ready:
                try:
                    self._from_server(self.inner.recv(65536))
                except ConnectionRefusedError:
                    continue

    def _from_client(self, payload):
        self.seen.append((False, payload))
        if self.held or (self.hold and finished_in(payload)):
            self.held.append(payload)
            if len(self.held) < self.hold:
                return
            released, self.held, self.hold = self.held, [], 0
            for payload in reversed(released) if self.swap else released:
                self.inner.send(payload)
            return
        self.inner.send(payload)

    def _from_server(self, payload):
        self.seen.append((True, payload))
        if self.lose and in_last_flight(payload):
            self.lose -= finished_in(payload)
            self.lost += 1
            return
        self.outer.sendto(payload, self.client)

    def stop(self):
        self.stopper.send(b"x")
        self.thread.join(10)
        for each in (self.outer, self.inner, self.stopping, self.stopper):
            each.close()

    def records(self, server):
        """(type, epoch, number, body) of all records from one side."""
        return [record for from_server, payload in list(self.seen)
                if from_server == server for record in capture.records(payload)]
