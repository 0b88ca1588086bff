#!/bin/sh
# Rows of openset infer by GNU parallel: parallel_rows.sh CONFIG LIST OUTPUT [SHARDS]
# A shard a job; one that was killed goes on where it stood (--resume) when parallel tries it again. Other machines: parallel --sshlogin.
set -eu
config=$1 list=$2 output=$3 shards=${4:-4}
parts=$output.parts
mkdir -p "$parts"
seq 0 $((shards - 1)) | parallel --jobs "${JOBS:-2}" --retries 3 \
  openset-infer -q -c "$config" --files-from "$list" --shard "{}/$shards" -o "$parts/{}.jsonl" --resume --threads 1 --max-errors 1000000000
openset-merge -q -o "$output" "$parts"/*.jsonl
