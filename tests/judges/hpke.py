"""Document keys wrapped by HPKE, with PyPI's `cryptography` alone: hpke.py open|wrap|refuse FOLDER.

Reads FOLDER/cases.json: algorithm, private_half, public_half, info, document_key, wrapped (all but the
first in hexadecimal). `open` must find the document key in `wrapped`, `refuse` must not open it; `wrap`
wraps the document keys to the public halves. Prints a list: what was wrapped, or null, for each case.
"""
import hashlib, json, pathlib, sys
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import mlkem, x25519
from cryptography.hazmat.primitives.hpke import (
    AEAD, KDF, KEM, MLKEM768X25519PrivateKey, MLKEM768X25519PublicKey, Suite)

def suite(algorithm):
    kem = {"CK-HPKE-X25519": KEM.X25519, "CK-HPKE-XWING": KEM.MLKEM768_X25519}[algorithm]
    return Suite(kem, KDF.HKDF_SHA256, AEAD.AES_256_GCM)

def private_half(algorithm, secret):
    """Private key and public half of a private half: a scalar, or a seed of X-Wing, which is expanded."""
    if len(secret) != 32:
        raise ValueError("not 32 bytes")
    if algorithm == "CK-HPKE-X25519":
        key = x25519.X25519PrivateKey.from_private_bytes(secret)
        return key, key.public_key().public_bytes_raw()
    seed = hashlib.shake_256(secret).digest(96)
    ml_kem = mlkem.MLKEM768PrivateKey.from_seed_bytes(seed[:64])
    curve = x25519.X25519PrivateKey.from_private_bytes(seed[64:])
    public = ml_kem.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()
    return MLKEM768X25519PrivateKey(ml_kem, curve), public

def public_half(algorithm, data):
    point = x25519.X25519PublicKey.from_public_bytes(data[-32:])
    if algorithm == "CK-HPKE-X25519":
        return point
    return MLKEM768X25519PublicKey(mlkem.MLKEM768PublicKey.from_public_bytes(data[:-32]), point)

def act(verb, case):
    x = lambda name: bytes.fromhex(case[name])
    algorithm = case["algorithm"]
    if verb == "wrap":
        target = public_half(algorithm, x("public_half"))
        return suite(algorithm).encrypt(x("document_key"), target, x("info")).hex()
    private, public = private_half(algorithm, x("private_half"))
    if public != x("public_half"):
        raise SystemExit(f"{algorithm}: another public half belongs to this private half")
    try:
        opened = suite(algorithm).decrypt(x("wrapped"), private, x("info"))
    except (InvalidTag, ValueError):
        opened = None
    if opened != (None if verb == "refuse" else x("document_key")):
        raise SystemExit(f"{algorithm}: {verb}: {case.get('why', 'another key, or none')}")
    return None

if __name__ == "__main__":
    cases = json.loads((pathlib.Path(sys.argv[2]) / "cases.json").read_text())
    print(json.dumps([act(sys.argv[1], case) for case in cases]))
