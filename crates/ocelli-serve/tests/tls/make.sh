#!/usr/bin/env bash
# Makes two authorities, each with a certificate for 127.0.0.1, which the tests of TLS use and nobody trusts.
set -euo pipefail
cd "$(dirname "$0")"
for which in "" other-; do
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout authority.key -out ${which}authority.pem -days 36500 \
        -subj "/CN=Ocelli test authority" -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign"
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ${which}key.pem -out request.csr -subj "/CN=127.0.0.1"
    printf 'basicConstraints=CA:FALSE\nsubjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth\n' > extensions.txt
    openssl x509 -req -in request.csr -CA ${which}authority.pem -CAkey authority.key -CAcreateserial -out ${which}certificate.pem -days 36500 \
        -extfile extensions.txt
    rm -f authority.key *.srl request.csr extensions.txt
done
