#!/bin/sh
# Starts the release of kith that `current` points at; procd and systemd start this each time.
# A release on trial (its version and the seconds it has stand in `trial`) is started three times
# at most and has so many seconds each time; after that the release before is started instead. The
# agent takes `trial` away when the release has proved itself, and puts `current` right when not.
#
#   launch up [flags]          starts the agent, in the place of this process
#   launch --install VERSION   the release in releases/VERSION is the current one from now on

STARTS_MAX=3
root=${KITH_ROOT:-/opt/kith}

# The version that a link points at; empty where it leads nowhere that could be started.
version_at() {
  [ -x "$root/$1/bin/kith" ] || return 0
  pointed=$(readlink "$root/$1") && printf '%s' "${pointed##*/}"
}

# Clock ticks between boot and the start of a process: with it a number stands for one process only.
started_at() {
  line=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  # shellcheck disable=SC2086 # into its fields
  set -- ${line##*) }
  printf '%s' "${20}"
}

# What has to be on the disk; a busybox that knows no files as arguments syncs everything.
flush() {
  sync "$1" 2>/dev/null || sync
}

write_starts() {
  printf '%s %s\n' "$1" "$2" >"$root/.starts.new" && flush "$root/.starts.new" &&
    mv -f "$root/.starts.new" "$root/starts" && flush "$root"
}

# Kills this process, which will be the agent by then, unless the trial has ended meanwhile; a bit
# later than the agent itself would give up, since it knows better why.
watch_trial() { # VERSION SECONDS COUNT
  since=$(started_at $$) || return 0
  (
    sleep $(($2 + $2 / 4 + 1))
    read -r version _ <"$root/trial" && [ "$version" = "$1" ] || exit 0
    read -r version count <"$root/starts" && [ "$count" = "$3" ] || exit 0
    [ "$(started_at $$)" = "$since" ] || exit 0
    write_starts "$1" late
    kill -9 $$
  ) </dev/null >/dev/null 2>&1 &
}

link_to() { # NAME VERSION
  rm -f "$root/.$1.new"
  ln -s "releases/$2" "$root/.$1.new" && mv -Tf "$root/.$1.new" "$root/$1"
}

install_release() {
  [ -x "$root/releases/$1/bin/kith" ] || {
    echo "there is no release $1 in $root/releases" >&2
    exit 1
  }
  before=$(version_at current)
  rm -f "$root/trial" "$root/starts"
  cp "$root/releases/$1/launch" "$root/.launch.new" && chmod 755 "$root/.launch.new" &&
    mv -f "$root/.launch.new" "$root/launch" || exit 1
  [ -z "$before" ] || [ "$before" = "$1" ] || link_to previous "$before" || exit 1
  link_to current "$1" || exit 1
  flush "$root"
}

# A device tree's number is big-endian: its last byte is enough. A virtual machine has no firmware
# that says it; there it stands on the kernel's command line.
is_tryboot() {
  told=$(od -An -tu1 /proc/device-tree/chosen/bootloader/tryboot 2>/dev/null)
  [ -n "$told" ] && { [ "${told##* }" -gt 0 ]; return; }
  grep -q 'kith\.tryboot=1' "${KITH_CMDLINE:-/proc/cmdline}"
}

reset_machine() {
  sync
  ${KITH_REBOOT:-reboot -f}
}

# On a pair of partitions that is tried once, any reset brings the other pair back.
watch_partitions() {
  run=${KITH_RUN:-/run/kith}
  mkdir -p "$run"
  [ -e "$run/confirmed" ] && return 0
  count=$(($(cat "$run/starts" 2>/dev/null || echo 0) + 1))
  echo "$count" >"$run/starts"
  [ "$count" -gt "$STARTS_MAX" ] && { reset_machine; exit 1; }
  [ "$count" -gt 1 ] && return 0 # the first start's watch goes on
  (sleep "${KITH_TRIAL_SECONDS:-600}"; [ -e "$run/confirmed" ] || reset_machine) \
    </dev/null >/dev/null 2>&1 &
}

if [ "$1" = --install ]; then
  install_release "$2"
  exit 0
fi

if [ "$KITH_SLOTS" = partitions ]; then
  is_tryboot && watch_partitions
  KITH_RELEASE=$(sed -n 's/.*"version":"\([^"]*\)".*/\1/p' "$root/release.json")
  export KITH_ROOT="$root" KITH_RELEASE
  exec "$root/bin/kith" "$@"
fi

chosen=$(version_at current)
[ -n "$chosen" ] || chosen=$(version_at previous)
[ -n "$chosen" ] || { echo "there is no release of kith in $root" >&2; exit 1; }

on_trial=''
seconds=''
[ -r "$root/trial" ] && read -r on_trial seconds _ <"$root/trial"
if [ -n "$on_trial" ] && [ "$on_trial" = "$chosen" ]; then
  counted=''
  count=''
  [ -r "$root/starts" ] && read -r counted count <"$root/starts"
  [ "$counted" = "$chosen" ] || count=0
  case $count in '' | *[!0-9]*) count=$((STARTS_MAX + 1)) ;; esac
  before=$(version_at previous)
  if [ -n "$before" ] && { [ "$count" -ge "$STARTS_MAX" ] ||
    ! write_starts "$chosen" $((count + 1)); }; then
    chosen=$before
  else
    watch_trial "$chosen" "${seconds:-300}" $((count + 1))
  fi
fi

export KITH_SLOTS=folders KITH_ROOT="$root" KITH_RELEASE="$chosen"
exec "$root/releases/$chosen/bin/kith" "$@"
