#!/usr/bin/env bash
# Makes an authority and a certificate of it for 127.0.0.1, which the tests of TLS use and nobody trusts.
set -euo pipefail
cd "$(dirname "$0")"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout authority.key -out authority.pem -days 36500 \
    -subj "/CN=Ocelli test authority" -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign"
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out request.csr -subj "/CN=127.0.0.1"
printf 'basicConstraints=CA:FALSE\nsubjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth\n' > extensions.txt
openssl x509 -req -in request.csr -CA authority.pem -CAkey authority.key -CAcreateserial -out certificate.pem -days 36500 -extfile extensions.txt
rm -f authority.key authority.srl request.csr extensions.txt
