# SPDX-License-Identifier: GPL-2.0
"""Captures: taken by dumpcap, read here without any DTLS library."""
import struct
import subprocess

from peers import Failure, Process

HEADER = 13
EXPLICIT = 8
LINK_ETHERNET = 1


def start(path, log):
    """Capture the loopback device of this network namespace."""
    process = Process(["dumpcap", "-q", "-P", "-i", "lo", "-f", "udp",
                       "-w", path], log)
    process.expect(rb"File: ")
    return process


def packets(path):
    """Each packet of a pcap file."""
    with open(path, "rb") as file:
        head = file.read(24)
        if len(head) < 24 or struct.unpack("<I", head[:4])[0] not in (
                0xa1b2c3d4, 0xa1b23c4d):
            raise Failure("%s is not a capture" % path)
        if struct.unpack("<I", head[20:])[0] != LINK_ETHERNET:
            raise Failure("%s: unexpected link type" % path)
        while True:
            head = file.read(16)
            if len(head) < 16:
                return
            yield file.read(struct.unpack("<I", head[8:12])[0])


def datagrams(path):
    """(source port, destination port, payload) of each UDP datagram."""
    for packet in packets(path):
        kind, = struct.unpack(">H", packet[12:14])
        if kind == 0x0800:
            at = 14 + (packet[14] & 15) * 4
        elif kind == 0x86dd:
            at = 14 + 40
        else:
            continue
        source, target, length = struct.unpack(">HHH", packet[at:at + 6])
        yield source, target, packet[at + 8:at + length] if length else packet[at + 8:]


def records(payload):
    """(type, epoch, number, body) of each record of a datagram."""
    while payload:
        if len(payload) < HEADER:
            raise Failure("trailing bytes behind a record")
        kind, _, epoch = struct.unpack(">BHH", payload[:5])
        number = int.from_bytes(payload[5:11], "big")
        length, = struct.unpack(">H", payload[11:13])
        if length > len(payload) - HEADER:
            raise Failure("a record longer than its datagram")
        yield kind, epoch, number, payload[HEADER:HEADER + length]
        payload = payload[HEADER + length:]


def check_nonces(path, explicit):
    """No nonce, and no record number, twice under one key. Return how many."""
    seen = set()
    for source, target, payload in datagrams(path):
        for _, epoch, number, body in records(payload):
            if not epoch:
                continue
            for nonce in {number, body[:EXPLICIT] if explicit else number}:
                key = (source, target, epoch, nonce)
                if key in seen:
                    raise Failure("nonce %r was used twice" % (key,))
                seen.add(key)
    return len(seen)


def count_records(path, kind):
    return sum(1 for _, _, payload in datagrams(path)
               for record in records(payload) if record[0] == kind)


def decrypt(path, keylog, port):
    """Have tshark read the capture; (sealed data records, opened, malformed)."""
    result = subprocess.run(
        ["tshark", "-n", "-r", path, "-o", "tls.keylog_file:" + keylog,
         "-d", "udp.port==%d,dtls" % port, "-T", "fields", "-E", "occurrence=a",
         "-e", "dtls.record.content_type", "-e", "data.len", "-e", "_ws.malformed"],
        check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    sealed = opened = malformed = 0
    for line in result.stdout.splitlines():
        types, data, bad = (line.split("\t") + ["", "", ""])[:3]
        sealed += types.split(",").count("23")
        opened += len(data.split(",")) if data else 0
        malformed += bool(bad)
    return sealed, opened, malformed
