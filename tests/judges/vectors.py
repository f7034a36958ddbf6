"""Opens tests/vectors with PyPI's `cryptography` alone: vectors.py FOLDER. Prints how many held."""
import base64, hashlib, json, pathlib, sys
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
import hpke

S, H, T = 1048576, 40, 16
load = lambda name: json.loads((pathlib.Path(sys.argv[1]) / f"{name}.json").read_text())
x = lambda text: bytes.fromhex(text.replace("-", ""))
hkdf = lambda key, salt, info: HKDF(hashes.SHA256(), 32, salt, info).derive(key)
plaintext = lambda case, length: bytes((i * 31 + case) % 251 for i in range(251)) * (length // 251 + 1)
sha = lambda data: hashlib.sha256(data).hexdigest()
field = lambda data: len(data).to_bytes(4, "big") + data

def refused(what, why):
    try:
        what()
    except (ValueError, InvalidTag, KeyError):
        return 1
    raise SystemExit(f"accepted: {why}")

def segment(case, header, number, last):
    derived = hkdf(x(case["document_key"]), header[1:33], b"crypt-keeper/document/v1\0" + x(case["document_id"]))
    return AESGCM(derived), header[33:40] + number.to_bytes(4, "big") + bytes([last])

def seal(case, header, number, last, data):
    gcm, nonce = segment(case, header, number, last)
    return gcm.encrypt(nonce, data, None)

def read(case, data):
    if len(data) < H + T or data[0] != H:
        raise ValueError("no header")
    count, clear = -(-len(data) // S), []
    for k in range(count):
        part = data[max(k * S, H):(k + 1) * S]
        if k and len(part) <= T:
            raise ValueError("an empty segment after the first")
        gcm, nonce = segment(case, data[:H], k, k == count - 1)
        clear.append(gcm.decrypt(nonce, part, None))
    return b"".join(clear)

def documents(name):
    vectors = load(name)
    for case in vectors["accept"]:
        header, length = x(case["header"]), case["plaintext_length"]
        clear, data = plaintext(case["case"], length)[:length], header
        ends = [0] + list(range(S - H - T, length, S - T)) + [length] if length > S - H - T else [0, length]
        for k, (start, end) in enumerate(zip(ends, ends[1:])):
            data += seal(case, header, k, end == length, clear[start:end])
        assert (len(data), sha(data)) == (case["ciphertext_length"], case["ciphertext_sha256"]), case["case"]
        assert read(case, data) == clear and sha(clear) == case["plaintext_sha256"], case["case"]
        for r in vectors.get("ranges", {}).get("ranges", []) if case["case"] == 14 else []:
            assert sha(clear[r["start"]:r["end"]]) == r["plaintext_sha256"], r
    for case in vectors["refuse"]:
        if "ciphertext" in case:
            data = x(case["ciphertext"])
        else:
            headers, data = [x(header) for header in case["headers"]], x(case["headers"][0])
            for s in case["segments"]:
                clear = plaintext(case["case"], s["offset"] + s["length"])[s["offset"]:s["offset"] + s["length"]]
                data += seal(case, headers[s["header"]], s["number"], s["last"], clear)
            data += bytes(case["zeros_appended"])
            assert (len(data), sha(data)) == (case["ciphertext_length"], case["ciphertext_sha256"]), case["why"]
        refused(lambda: read(case, data), case["why"])
    return len(vectors["accept"]) + len(vectors["refuse"])

def cbc():
    for case in (cases := load("aes-cbc")["accept"]):
        data, length = x(case["ciphertext"]), case["content_length"]
        context = Cipher(algorithms.AES(x(case["document_key"])), modes.CBC(data[:16])).decryptor()
        padded = plaintext(case["case"], length)[:length] + b" " * (-length % 16)
        assert context.update(data[16:]) + context.finalize() == padded, case["case"]
    return len(cases)

def commitments():
    for case in (cases := load("key-commitment")["cases"]):
        info = b"crypt-keeper/commit/v1\0" + x(case["document_id"])
        assert hkdf(x(case["document_key"]), b"", info) == x(case["key_commitment"])
    return len(cases)

def label(vectors, case):
    made = b"crypt-keeper/wrap/v1\0" + vectors["algorithm"].encode() + b"\0"
    made += int(case["serial"]).to_bytes(8, "big") + x(case["document_id"])
    assert made == x(case.get("label", made.hex()))
    return made

def hold(vectors, unwrap):
    for case in vectors["accept"]:
        assert unwrap(case) == x(case["document_key"])
    return len(vectors["accept"]) + sum(refused(lambda: unwrap(case), case["why"]) for case in vectors["refuse"])

def wraps():
    vectors = load("wrap-label")
    private = serialization.load_der_private_key(x(vectors["private_half"]), None)
    spki = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    assert private.key_size == 3072 and private.public_key().public_bytes(*spki) == x(vectors["public_half"])
    def unwrap(case):
        oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), label(vectors, case))
        return private.decrypt(x(case["wrapped"]), oaep)
    return hold(vectors, unwrap)

def hpke_wraps():
    count = 0
    for vectors in load("wrap-hpke")["algorithms"]:
        suite = hpke.suite(vectors["algorithm"])
        private, public = hpke.private_half(vectors["algorithm"], x(vectors["private_half"]))
        assert public == x(vectors["public_half"])
        count += hold(vectors, lambda case: suite.decrypt(x(case["wrapped"]), private, label(vectors, case)))
    return count

def seals():
    vectors = load("sealed-blob")
    ring = {x(line[:16]): base64.b64decode(line[17:], validate=True) for line in vectors["ring"].split()}
    subkey = lambda key, purpose: hkdf(key, b"", b"crypt-keeper/sub/v1\0" + purpose.encode())
    for purpose, expected in vectors["subkeys"].items():
        assert subkey(next(iter(ring.values())), purpose) == x(expected), purpose
    def unseal(case):
        blob = x(case["blob"])
        if blob[0] != 1 or len(blob) < 37:
            raise ValueError("not a sealed blob")
        fields = [int(case["serial"]).to_bytes(8, "big"), case["algorithm"].encode(), case["scope"].encode()]
        fields += [blob[1:9], hashlib.sha256(x(case["public_half"])).digest()]
        data = b"crypt-keeper/seal/v1\0" + b"".join(map(field, fields))
        return AESGCM(subkey(ring[blob[1:9]], "seal")).decrypt(blob[9:21], blob[21:], data)
    for case in vectors["accept"]:
        assert unseal(case) == x(case["plaintext"])
    return len(vectors["accept"]) + sum(refused(lambda: unseal(case), case["why"]) for case in vectors["refuse"])

held = {"document-format": documents("document-format"), "document-boundaries": documents("document-boundaries"),
        "aes-cbc": cbc(), "key-commitment": commitments(), "wrap-label": wraps(),
        "wrap-hpke": hpke_wraps(), "sealed-blob": seals()}
print(json.dumps(held))
