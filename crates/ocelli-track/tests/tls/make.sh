#!/bin/sh
# Makes the certificates of `tests/tls.rs`, good for a hundred years: an authority, a server's that it has signed, and one that a server has
# signed itself, as `openssl req -x509` makes it unless it is told otherwise.
set -eu
cd "$(dirname "$0")"
key() { openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out "$1"; }
days=36500
name="subjectAltName=IP:127.0.0.1,DNS:localhost"
key authority.key
openssl req -x509 -new -key authority.key -days $days -subj "/CN=Ocelli's test authority" -out authority.pem
key server.key
openssl req -new -key server.key -subj "/CN=localhost" -addext "$name" -addext "basicConstraints=critical,CA:FALSE" |
    openssl x509 -req -CA authority.pem -CAkey authority.key -CAcreateserial -days $days -copy_extensions copy -out server.pem
openssl req -x509 -new -key server.key -days $days -subj "/CN=localhost" -addext "$name" -out self.pem
openssl req -x509 -new -key server.key -days $days -subj "/CN=localhost" -addext "$name" -addext "basicConstraints=critical,CA:FALSE" -out leaf.pem
# Nobody signs with it again.
rm -f authority.key authority.srl
