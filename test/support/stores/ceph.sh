#!/usr/bin/env bash
# One-node Ceph (mon + osd on memstore + rgw) that listens on loopback only and keeps nothing.
#
#   ceph.sh install   the packages, by apt, when they are missing
#   ceph.sh start     everything; needs CEPH_ROOT, an empty or missing folder
#   ceph.sh stop      ends what runs under CEPH_ROOT and removes the folder
#   ceph.sh run       start, print "ready", serve until stdin closes, stop: a store that cannot
#                     outlive its owner, even one that was killed. CEPH_ROOT is optional here.
#
# Several instances run side by side when CEPH_ROOT and the ports differ. Only processes named by the
# root's own pid files are ever ended.
# Exit: 0 done, 1 failed, 2 usage, 3 cannot be had on this machine, 4 a port is held by another.
set -uo pipefail

RGW_PORT=${RGW_PORT:-7480}
MON_PORT=${MON_PORT:-16789}
OSD_PORT_MIN=${OSD_PORT_MIN:-16800}                # the osd takes four ports of this range
OSD_PORT_MAX=${OSD_PORT_MAX:-$((OSD_PORT_MIN + 31))}
MAIN_KEY=${CEPH_MAIN_KEY:-AKIAMAIN00000000} MAIN_SECRET=${CEPH_MAIN_SECRET:-main-secret}
WRITE_KEY=${CEPH_WRITE_KEY:-AKIAWRITE0000000} WRITE_SECRET=${CEPH_WRITE_SECRET:-write-secret}
READ_KEY=${CEPH_READ_KEY:-AKIAREAD00000000} READ_SECRET=${CEPH_READ_SECRET:-read-secret}

fail() { # message [code]
  printf 'ceph.sh: %s\n' "$1" >&2
  exit "${2:-1}"
}

# Shows why a step failed, then fails. The folder with the logs is about to go.
fail_with_log() { # message
  tail -n 20 "$ROOT"/log/*.log >&2
  fail "$1"
}

use_root() { # folder
  [ -n "$1" ] || fail 'CEPH_ROOT is not set' 2
  ROOT=$1 CONF=$1/ceph.conf LOG=$1/log/start.log
}

# From here on the folder is ours, and goes with us.
claim_root() {
  mkdir -p "$ROOT" && [ -z "$(ls -A "$ROOT")" ] || fail "CEPH_ROOT \"$ROOT\" is not an empty folder"
  mkdir -p "$ROOT"/{log,run,mon,osd,rgw} && touch "$CONF" || fail "\"$ROOT\" cannot be written"
  trap stop EXIT
  trap 'exit 143' HUP INT TERM
  trap : PIPE   # the owner may be gone before we can say so
}

installed() {
  local name
  for name in ceph-mon ceph-osd radosgw radosgw-admin monmaptool ceph; do
    command -v "$name" >/dev/null || return 1
  done
}

install() {
  installed && return 0
  [ "$(id -u)" = 0 ] || fail 'Ceph is not installed, and only root can install it' 3
  command -v apt-get >/dev/null || fail 'Ceph is not installed, and there is no apt-get' 3
  export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1   # RUNLEVEL: no service of the packages starts
  apt_quietly install || { apt_quietly update && apt_quietly install; } ||
    fail "apt-get cannot install Ceph: $(printf '%s' "$APT_SAID" | tail -n 1)" 3
  installed || fail 'the Ceph packages do not bring the programs that are needed' 3
}

apt_quietly() { # install|update
  local what=("$1")
  [ "$1" = update ] || what+=(-y --no-install-recommends radosgw ceph-mon ceph-osd)
  # Swift may be installed at the same time, and by another test run too: one after the other.
  APT_SAID=$(flock -w 240 "${TMPDIR:-/tmp}/signet-test-apt.lock" \
    apt-get -q -o DPkg::Lock::Timeout=180 "${what[@]}" 2>&1 </dev/null)
}

write_conf() {
  local fsid
  fsid=$(cat /proc/sys/kernel/random/uuid)
  cat >"$CONF" <<CONF
[global]
fsid = $fsid
mon_host = v1:127.0.0.1:$MON_PORT
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
ms_bind_msgr2 = false
ms_bind_port_min = $OSD_PORT_MIN
ms_bind_port_max = $OSD_PORT_MAX
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 1
osd_pool_default_pgp_num = 1
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 2000
log_file = $ROOT/log/\$name.log
admin_socket =
run_dir = $ROOT/run
crash_dir = $ROOT/run
[mon]
mon_data = $ROOT/mon
mon_cluster_log_file = $ROOT/log/cluster.log
mon_data_avail_warn = 2
mon_data_avail_crit = 1
paxos_propose_interval = 0.02
paxos_min_wait = 0.01
mon_tick_interval = 1
[osd]
osd_data = $ROOT/osd
osd_objectstore = memstore
memstore_device_bytes = 8589934592
osd_max_object_name_len = 2048
osd_max_object_namespace_len = 256
osd_class_load_list = *
osd_class_default_list = *
osd_op_num_shards = 2
[client.rgw]
keyring = /dev/null
rgw_frontends = beast endpoint=127.0.0.1:$RGW_PORT
rgw_data = $ROOT/rgw
rgw_enable_usage_log = false
rgw_rados_pool_pg_num_min = 1
rgw_override_bucket_index_max_shards = 1
rgw_dynamic_resharding = false
rgw_thread_pool_size = 32
rgw_init_timeout = 60
CONF
  monmaptool --create --fsid "$fsid" --addv a "[v1:127.0.0.1:$MON_PORT]" "$ROOT/monmap" >>"$LOG"
}

# The pid of a daemon of this root that lives. The command line names our own configuration, so a
# number that was given to another process since, another Ceph's included, is never taken for ours.
pid_of() { # mon|osd|rgw
  local pid
  pid=$(tr -dc 0-9 2>/dev/null <"$ROOT/run/$1.pid") && [ -n "$pid" ] || return 1
  tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF -- "-c $CONF " || return 1
  printf '%s' "$pid"
}

port_is_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

rgw_answers() {
  local line
  exec 3<>"/dev/tcp/127.0.0.1/$RGW_PORT" || return 1
  printf 'GET / HTTP/1.0\r\n\r\n' >&3
  IFS= read -r -t 5 line <&3
  exec 3>&-
  case $line in HTTP/*) ;; *) return 1 ;; esac
} 2>/dev/null

until_ok() { # attempts command...
  local left=$1
  shift
  while ! "$@" >>"$LOG" 2>&1; do
    left=$((left - 1))
    [ "$left" -gt 0 ] || return 1
    sleep 0.05
  done
}

# Daemons stay children of this shell, which reaps them: not every container has an init that does.
launch() { # mon|osd|rgw
  local command
  case $1 in
    mon) command=(ceph-mon -c "$CONF" -i a -f) ;;
    osd) command=(ceph-osd -c "$CONF" -i 0 -f) ;;
    rgw) command=(radosgw -c "$CONF" -n client.rgw -f) ;;
  esac
  setsid "${command[@]}" </dev/null >>"$LOG" 2>&1 &
  echo $! >"$ROOT/run/$1.pid"
}

# A brand-new mon may answer its first commands "wrong fsid", and then an osd ends at once.
osd_is_up() {
  grep -q 'booting -> active' "$ROOT/log/osd.0.log" && return
  kill -0 "$(cat "$ROOT/run/osd.pid")" && return 1
  [ "$relaunches_left" -gt 0 ] || return 1
  relaunches_left=$((relaunches_left - 1))
  launch osd
  return 1
}

admin() { timeout 60 radosgw-admin -c "$CONF" -n client.rgw --log-file=/dev/null "$@" >>"$LOG" 2>&1; }

start() {
  install
  claim_root
  local port
  for port in "$RGW_PORT" "$MON_PORT"; do
    port_is_taken "$port" && fail "port $port is held by another process" 4
  done
  write_conf || fail_with_log 'the configuration cannot be written'

  ceph-mon -c "$CONF" --mkfs -i a --monmap "$ROOT/monmap" >>"$LOG" 2>&1 ||
    fail_with_log 'the mon cannot be made'
  launch mon
  until_ok 400 port_is_taken "$MON_PORT" || fail_with_log 'the mon does not start'

  local osd_id relaunches_left=10
  osd_id=$(cat /proc/sys/kernel/random/uuid)
  until_ok 20 timeout 30 ceph -c "$CONF" osd new "$osd_id" &&
    ceph-osd -c "$CONF" -i 0 --mkfs --osd-uuid "$osd_id" >>"$LOG" 2>&1 ||
    fail_with_log 'the osd cannot be made'
  launch osd
  until_ok 400 osd_is_up || fail_with_log 'the osd does not start'

  launch rgw
  until_ok 1200 rgw_answers || fail_with_log 'the rgw does not start'

  # One user, three keys: `write` cannot read and `read` cannot write, `main` may do everything.
  admin user create --uid=test --display-name=test \
    --access-key="$MAIN_KEY" --secret-key="$MAIN_SECRET" &&
    admin subuser create --uid=test --subuser=test:write --access=write --key-type=s3 \
      --access-key="$WRITE_KEY" --secret-key="$WRITE_SECRET" &&
    admin subuser create --uid=test --subuser=test:read --access=read --key-type=s3 \
      --access-key="$READ_KEY" --secret-key="$READ_SECRET" ||
    fail_with_log 'the users cannot be created'
}

# Kills outright: nothing here is worth keeping, and a graceful rgw takes 7 s.
stop() {
  [ -e "$CONF" ] || return 0
  local name
  for name in rgw osd mon; do kill_daemon $name; done
  rm -rf -- "$ROOT"
}

kill_daemon() { # mon|osd|rgw
  local pid
  pid=$(pid_of "$1") || return 0
  kill -KILL "$pid"
  wait "$pid" 2>/dev/null   # reaps a child; `ceph.sh stop` has none, and looks instead
  while pid_of "$1" >/dev/null; do sleep 0.02; done
}

serve_until_stdin_closes() {
  echo ready
  local line
  while IFS= read -r line; do
    case $line in
      kill) kill_daemon rgw ;;
      revive) launch rgw && until_ok 1200 rgw_answers || fail_with_log 'the rgw does not start again' ;;
    esac
    echo "$line"
  done
}

case "${1:-}" in
  install) install ;;
  start) use_root "${CEPH_ROOT:-}" && start && trap - EXIT ;;
  stop) use_root "${CEPH_ROOT:-}" && stop ;;
  run) install && use_root "${CEPH_ROOT:-$(mktemp -d)}" && start && serve_until_stdin_closes ;;
  *) fail 'usage: ceph.sh install|start|stop|run' 2 ;;
esac
