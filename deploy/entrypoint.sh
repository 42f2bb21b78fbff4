#!/bin/sh
# Runs the command given to the container. Each secret /run/secrets/NAME becomes the environment variable NAME.
set -eu
for file in /run/secrets/[A-Z]*; do
    if [ -f "$file" ]; then
        value=$(cat "$file")
        export "${file##*/}=$value"
    fi
done
exec "$@"
