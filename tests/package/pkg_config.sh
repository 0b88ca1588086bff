#!/bin/sh
# pkg_config.sh FOLDER COMPILER [FLAGS...]: the consumer's programs in FOLDER, built and run with what pkg-config says.
set -eu
folder=$1
shift
cd "$folder/consumer"
for program in decode_png:openset-core name_libtorch:openset-torch; do
  package=${program#*:} program=${program%:*}
  libraries=$(pkg-config --cflags --libs "$package")
  echo "$program: $libraries"
  # Words, each a flag.
  # shellcheck disable=SC2086
  "$@" -std=c++20 "$program.cpp" -o "$OUTPUT/$program" $libraries
  "$OUTPUT/$program"
done
