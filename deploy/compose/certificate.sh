#!/bin/sh
# A certificate of its own making for PUBLIC_HOST and PUBLIC_IP, as HAProxy reads it: browsers warn of it once. One that is
# there already is left as it is.
set -eu

file=/certificates/switchboard.pem
if [ -s "$file" ]; then
    echo "$file is there"
    exit
fi
umask 027
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 365 \
    -subj "/CN=$PUBLIC_HOST" -addext "subjectAltName=DNS:$PUBLIC_HOST,DNS:localhost,IP:$PUBLIC_IP,IP:127.0.0.1" \
    -addext "extendedKeyUsage=serverAuth" -keyout /tmp/key.pem -out /tmp/certificate.pem
cat /tmp/certificate.pem /tmp/key.pem >"$file.new"
mv "$file.new" "$file"
echo "$file is made, for $PUBLIC_HOST and $PUBLIC_IP"
