#!/bin/sh
# Makes the secrets of the stack that are missing, one file each: random passwords, and the addresses of the demo warehouse
# in the place of the real one's. The folder is closed to others; the files in it are open, because the containers' users read them.
set -eu
folder=${1:?usage: secrets.sh FOLDER}

random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

secret() {
    if [ ! -s "$folder/$1" ]; then
        printf '%s' "$2" >"$folder/$1"
        chmod 644 "$folder/$1"
        echo "made $folder/$1"
    fi
}

mkdir -p -m 700 "$folder"
case $(ls -ld "$folder/.") in
    d???------*) ;;
    *)
        chmod go= "$folder"
        echo "closed $folder, which others could open: change the passwords in it if somebody may have read them"
        ;;
esac
secret postgres_password "$(random)"
secret prefect_password "$(random)"
secret mlflow_password "$(random)"
secret warehouse_url "postgresql://dfu_worker:$(random)@warehouse:5432/warehouse"
secret warehouse_api_url "postgresql://dfu_api:$(random)@warehouse:5432/warehouse"
