"""Tink's own AES-GCM-HKDF streaming AEAD over the documents of FOLDER/cases.json.

tink_exchange.py encrypt FOLDER   writes NAME.tink for every case
tink_exchange.py decrypt FOLDER   reads every NAME.ours and compares it with the plaintext
tink_exchange.py refuse FOLDER    fails if Tink reads any NAME.ours

Prints how many cases it did.
"""
import base64, io, json, pathlib, sys
import tink
from tink import secret_key_access, streaming_aead
from tink.proto import aes_gcm_hkdf_streaming_pb2, common_pb2

def primitive(key):
    message = aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingKey(key_value=key)
    message.params.ciphertext_segment_size = 1048576
    message.params.derived_key_size = 32
    message.params.hkdf_hash_type = common_pb2.SHA256
    keyset = {"primaryKeyId": 1, "key": [{
        "keyId": 1, "status": "ENABLED", "outputPrefixType": "RAW",
        "keyData": {
            "typeUrl": "type.googleapis.com/google.crypto.tink.AesGcmHkdfStreamingKey",
            "keyMaterialType": "SYMMETRIC",
            "value": base64.b64encode(message.SerializeToString()).decode(),
        }}]}
    handle = tink.json_proto_keyset_format.parse(json.dumps(keyset), secret_key_access.TOKEN)
    return handle.primitive(streaming_aead.StreamingAead)

def plaintext(case):
    period = bytes((i * 31 + case["case"]) % 251 for i in range(251))
    return (period * (case["length"] // 251 + 1))[:case["length"]]

class Kept(io.BytesIO):
    """Tink closes its target; what was written is wanted afterwards."""
    def close(self):
        pass

def encrypt(folder, case, aead, associated_data):
    target = Kept()
    with aead.new_encrypting_stream(target, associated_data) as stream:
        stream.write(plaintext(case))
    (folder / f"{case['name']}.tink").write_bytes(target.getvalue())

def read(folder, case, aead, associated_data):
    with open(folder / f"{case['name']}.ours", "rb") as source:
        with aead.new_decrypting_stream(source, associated_data) as stream:
            return stream.read()

def decrypt(folder, case, aead, associated_data):
    if read(folder, case, aead, associated_data) != plaintext(case):
        raise SystemExit(f"{case['name']}: Tink reads something else")

def refuse(folder, case, aead, associated_data):
    try:
        read(folder, case, aead, associated_data)
    except tink.TinkError:
        return
    raise SystemExit(f"{case['name']}: Tink reads it")

streaming_aead.register()
act = {"encrypt": encrypt, "decrypt": decrypt, "refuse": refuse}[sys.argv[1]]
folder = pathlib.Path(sys.argv[2])
cases = json.loads((folder / "cases.json").read_text())
for case in cases:
    associated_data = b"crypt-keeper/document/v1\0" + bytes.fromhex(case["document_id"])
    act(folder, case, primitive(bytes.fromhex(case["document_key"])), associated_data)
print(len(cases))
