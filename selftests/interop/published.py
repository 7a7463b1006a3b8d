# SPDX-License-Identifier: GPL-2.0
"""The published vectors of Debian's python3-cryptography-vectors.

NIST's for GCM (CAVP) and CCM (NIST SP 800-38C validation), those of RFC 7539 and
of OpenSSL and BoringSSL for ChaCha20-Poly1305. Each file spells things its way.
"""
import collections
import os

GCM, CCM, CHACHA = "ciphers/AES/GCM", "ciphers/AES/CCM", "ciphers/ChaCha20Poly1305"
# Directory, file, cipher.
FILES = [(GCM, "gcm%s%d.rsp" % (kind, bits), "gcm%d" % bits)
         for kind in ("EncryptExtIV", "Decrypt") for bits in (128, 256)]
FILES += [(CCM, "%s%d.rsp" % (kind, bits), "ccm%d" % bits)
          for bits in (128, 256) for kind in ("VNT", "DVPT", "VADT", "VPT", "VTT")]
# Nobody has published any with a tag of 8 bytes and a nonce of 12. The ciphertext
# does not depend on the tag's length, so those of CCM are good for that.
FILES += [(CCM, "VNT128.rsp", "ccm8")]
FILES += [(CHACHA, "openssl.txt", "chacha"), (CHACHA, "boringssl.txt", "chacha"),
          ("ciphers/ChaCha20", "rfc7539.txt", "chacha")]

# plain: None if it must not open; tag: as much of it as is published
Vector = collections.namedtuple("Vector", "key nonce aad plain text tag fails")


def root():
    """Where the vectors are, or None."""
    try:
        import cryptography_vectors
    except ImportError:
        return None
    return os.path.dirname(cryptography_vectors.__file__)


def cases(path):
    """The names and values of each case, with those that stand above it."""
    above, case = {}, None
    with open(path, encoding="ascii") as file:
        for line in list(file) + ["\n"]:
            line = line.strip()
            if line.startswith("#"):
                continue
            if not line and case is not None:
                yield {**above, **case}
                case = None
            if line.lower().startswith("count"):
                case = {}
            # "[Nlen = 12, Tlen = 16]", "Key = ...", "FAIL"
            for part in line.strip("[]").split(",") if line[:1] == "[" else [line]:
                name, _, value = part.partition("=")
                (above if case is None else case)[name.strip().lower()] = value.strip()


def data(case, *names):
    """The bytes of the first of these names that is there."""
    for name in names:
        value = case.get(name)
        if value is not None:
            return value.strip('"').encode() if '"' in value else bytes.fromhex(value)
    return None


def vector(case, ccm):
    plain = data(case, "pt", "payload", "plaintext", "in")
    text = data(case, "ct", "ciphertext")
    tag = data(case, "tag")
    aad = data(case, "aad", "adata", "ad") or b""
    if ccm:
        # The tag is the text's end, and nothing is spelled as one byte of 0.
        cut = len(text) - int(case["tlen"])
        text, tag = text[:cut], text[cut:]
        aad = aad[:int(case["alen"])]
        plain = plain[:int(case["plen"])] if plain is not None else None
    passes = case.get("result", "pass").lower().startswith("pass")
    fails = "fail" in case or not passes
    return Vector(data(case, "key"), data(case, "iv", "nonce"), aad, plain, text,
                  tag, fails)


def vectors(directory, name):
    """(vector, is it for DTLS?) of each case of a file.

    A nonce of DTLS has 96 bits, its CCM's tag 16 bytes here, and the text of
    ChaCha20-Poly1305 begins at block 1.
    """
    ccm = directory == CCM
    for case in cases(os.path.join(root(), directory, name)):
        each = vector(case, ccm)
        yield each, (len(each.nonce) == 12 and (not ccm or len(each.tag) == 16) and
                     case.get("initial_block_counter", "1") == "1")
