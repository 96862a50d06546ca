#!/bin/sh
# Writes everything that DATABASE_URL holds into a file, while the gateway runs: deploy/backup/backup.sh wabagate-$(date +%F).dump
# It is useless without WABAGATE_MASTER_KEY, which is not in it: keep the two in different places. Redis needs no backup.
set -eu
file=${1:?usage: backup.sh FILE}
: "${DATABASE_URL:?set it to the database to back up}"
umask 077
# Under another name until it is whole: a backup that was cut off is none.
pg_dump --format=custom --no-owner --no-privileges --file="$file.part" --dbname="$DATABASE_URL"
pg_restore --list "$file.part" > /dev/null
mv "$file.part" "$file"
echo "wrote $file; the master key is not in it"
