# Installs what the tests in Python need, into a cache outside the checkout; a second run asks no package server for anything.
# Sourced by tests/all: `install_tools`, then `install_engines CACHE`, which sets ENGINE_PYTHON and ALLUVIUM_SPARK_JARS, or
# `install_python CACHE LOCK`.
# shellcheck shell=bash

# A command, and the Debian package that has it.
TOOLS=(
  mold:mold
  strace:strace
  faketime:faketime
  java:openjdk-17-jre-headless
  mvn:maven
  ceph:ceph-common
  ceph-mon:ceph-mon
  ceph-osd:ceph-osd
  radosgw:radosgw
)

install_tools() {
  local tool missing=()
  for tool in "${TOOLS[@]}"; do
    command -v "${tool%%:*}" >/dev/null || missing+=("${tool##*:}")
  done
  python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
  if ((${#missing[@]} == 0)); then
    return 0
  fi
  echo "installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# Each folder is named after what it was made from, so that another version gets another folder, and is complete only with
# its stamp, so that a run that was stopped half-way is begun again.
install_engines() {
  local cache=$1 here folder
  here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

  install_python "$cache" "$here/requirements.lock" || return
  ENGINE_PYTHON=$INSTALLED_PYTHON

  folder=$cache/jars-$(name_of "$here/pom.xml")
  if [[ ! -e $folder/complete ]]; then
    echo "installing the jars of pom.xml"
    rm -rf "$folder"
    mvn --quiet --batch-mode --no-transfer-progress -Dstyle.color=never --file "$here/pom.xml" \
      dependency:copy-dependencies -DoutputDirectory="$folder" || return
    touch "$folder/complete"
  fi
  export ALLUVIUM_SPARK_JARS=$folder
}

# Sets INSTALLED_PYTHON to the Python that has what a lock file names.
install_python() {
  local cache=$1 lock=$2 folder
  folder=$cache/venv-$(name_of "$lock" "$(python3 --version)")
  if [[ ! -e $folder/complete ]]; then
    echo "installing what $lock names" >&2
    rm -rf "$folder"
    python3 -m venv "$folder" || return
    "$folder/bin/python" -m pip install --quiet --no-deps --requirement "$lock" || return
    "$folder/bin/python" -m pip check --quiet || return
    touch "$folder/complete"
  fi
  INSTALLED_PYTHON=$folder/bin/python
}

# A short name of a file's contents and of whatever else counts.
name_of() {
  { cat "$1" && echo "${2:-}"; } | sha256sum | cut -c1-12
}
