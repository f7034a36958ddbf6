#!/usr/bin/env python3
"""A stand-in for the 2017 client, written from the description of its habits in docs/api.md.

It speaks HTTP by the standard library and encrypts by `cryptography`: nothing of it is ours. It expects
201 and 200 and nothing else, decrypts whatever the store sends, and writes an object as a 16-byte IV
and AES-256-CBC blocks, the last partial one padded with blanks, none added for an exact multiple.
"""

import argparse
import base64
import http.client
import json
import os
import sys
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

BASE = "/api/v1/secure_document_service/"
BLOCK = 16


def cipher(key, iv):
    return Cipher(algorithms.AES(key), modes.CBC(iv))


def encrypt(key, plaintext):
    iv = os.urandom(BLOCK)
    if len(plaintext) % BLOCK:
        plaintext += b" " * (BLOCK - len(plaintext) % BLOCK)
    encryptor = cipher(key, iv).encryptor()
    return iv + encryptor.update(plaintext) + encryptor.finalize()


def decrypt(key, stored, length):
    decryptor = cipher(key, stored[:BLOCK]).decryptor()
    return (decryptor.update(stored[BLOCK:]) + decryptor.finalize())[:length]


def exchange(method, url, headers, body=None):
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=60)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    connection.request(method, target, body=body, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


class Service:
    def __init__(self, url, user, key):
        self.url = url.rstrip("/") + BASE
        self.headers = {
            "Authorization": f"ApiKey {user}:{key}",
            "Accept": "application/json",
        }

    def get(self, resource):
        return self.expect(200, *exchange("GET", self.url + resource, self.headers))

    def post(self, resource, body):
        headers = {**self.headers, "Content-Type": "application/json; charset=utf-8"}
        body = json.dumps(body).encode()
        return self.expect(201, *exchange("POST", self.url + resource, headers, body))

    @staticmethod
    def expect(status, got, body):
        if got != status:
            sys.exit(f"the service answered {got} instead of {status}: {body!r}")
        return json.loads(body)


def upload(service, arguments):
    with open(arguments.file, "rb") as file:
        plaintext = file.read()
    answer = service.post(
        "upload_url/",
        {
            "document_metadata": {
                "name": os.path.basename(arguments.file),
                "content_length": len(plaintext),
                "content_type": arguments.content_type or "application/octet-stream",
                "compressed": False,
                "encryption_type": "AES|CBC",
            }
        },
    )
    key = base64.b64decode(answer["symmetric_key"])
    status, body = exchange("PUT", answer["single_use_url"], {}, encrypt(key, plaintext))
    if status != 200:
        sys.exit(f"the store answered {status}: {body!r}")
    document_id = answer["document_id"]
    if arguments.json:
        return json.dumps({"documentId": document_id})
    return f"Document ID: {document_id}"


def download(service, arguments):
    answer = service.get(f"download_url/{document_id(arguments)}/")
    metadata = answer["document_metadata"]
    status, stored = exchange("GET", answer["single_use_url"], {})
    if status != 200:
        sys.exit(f"the store answered {status}: {stored!r}")
    key = base64.b64decode(answer["symmetric_key"])
    name = arguments.filename or metadata["name"]
    with open(os.path.join(arguments.path or "", name), "wb") as file:
        # A string of digits, in this answer.
        file.write(decrypt(key, stored, int(metadata["content_length"])))
    if arguments.json:
        return json.dumps({"downloaded": True})
    return f"Successful downloaded file {name}."


def share(service, arguments):
    shared = document_id(arguments)
    if arguments.add:
        answer = service.post("share/", {"document_id": shared, "username": arguments.add})
        if arguments.json:
            return json.dumps({"resource_url": answer["resource_uri"]})
        return f"Successfully added {arguments.add} to {shared}."
    answer = service.get(f"share/{shared}/")
    if arguments.json:
        return json.dumps({"document_id": answer["document_id"], "users": answer["users"]})
    return f"Users {answer['users']} have access to {shared}."


def document_id(arguments):
    if arguments.id != "-":
        return arguments.id
    return json.loads(sys.stdin.readline())["documentId"]


def main():
    parser = argparse.ArgumentParser(prog="ckc")
    parser.add_argument("-u", "--user", required=True)
    parser.add_argument("--url", required=True)
    parser.add_argument("-a", "--api-key", required=True)
    parser.add_argument("-c", "--content-type")
    parser.add_argument("-j", "--json", action="store_true")
    verbs = parser.add_subparsers(required=True)
    verb = verbs.add_parser("upload")
    verb.add_argument("file")
    verb.set_defaults(run=upload)
    verb = verbs.add_parser("download")
    verb.add_argument("-f", "--filename")
    verb.add_argument("-p", "--path")
    verb.add_argument("id")
    verb.set_defaults(run=download)
    verb = verbs.add_parser("share")
    verb.add_argument("-a", "--add")
    verb.add_argument("id")
    verb.set_defaults(run=share)
    arguments = parser.parse_args()
    service = Service(arguments.url, arguments.user, arguments.api_key)
    print(arguments.run(service, arguments))


if __name__ == "__main__":
    main()
