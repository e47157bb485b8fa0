#!/bin/sh
# Run by the PostgreSQL image when its data folder is new: the passwords come from the secrets, the rest stands in roles.sql.
set -eu
for file in /run/secrets/*_password; do
  name=$(basename "$file" | tr '[:lower:]' '[:upper:]')
  password=$(cat "$file") # a statement of its own: one that cannot be read ends it here
  export "$name=$password"
done
psql -X -q -U postgres -d postgres -f /huurspoor/roles.sql
