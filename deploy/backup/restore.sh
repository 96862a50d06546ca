#!/bin/sh
# Fills an empty database from a file that backup.sh wrote: deploy/backup/restore.sh wabagate-2026-11-21.dump
# Then start the gateway of the same version, or run wabagate migrate first if it is newer, with the WABAGATE_MASTER_KEY of
# that day. What was unfinished then is delivered; what was delivered since is delivered again, under the same webhook-id.
set -eu
file=${1:?usage: restore.sh FILE}
: "${DATABASE_URL:?set it to an empty database}"
tables=$(psql --no-psqlrc --tuples-only --no-align --dbname="$DATABASE_URL" \
	--command="SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')")
if [ "$tables" != 0 ]; then
	echo "restore.sh: the database is not empty ($tables tables): make a new one, and leave the old one until this one works" >&2
	exit 1
fi
pg_restore --exit-on-error --single-transaction --no-owner --no-privileges --dbname="$DATABASE_URL" "$file"
# Without statistics the first plans would be bad ones.
psql --no-psqlrc --quiet --dbname="$DATABASE_URL" --command="ANALYZE"
echo "restored $file"
