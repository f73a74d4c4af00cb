"""Serves OpenStack Swift from the folder argv[1] until stdin closes; see `swift.sh` for the codes.

The four servers are children of this process, each with Swift's own `run_wsgi`. They are forked after
the imports: four programs would load the same Python code four times, which is most of their start.
A memcached stands beside them, as everywhere where Swift serves: without it a GET takes three times
as long, and there are no tokens for Swift's own API.
"""
import ctypes
import os
import pwd
import signal
import socket
import subprocess
import sys
import time

ROOT = os.path.realpath(sys.argv[1])
SERVERS = ('object', 'container', 'account', 'proxy')
PORTS = {
    name: int(os.environ[f'SWIFT_{name.upper()}_PORT']) for name in (*SERVERS, 'memcached')
}
USER = pwd.getpwuid(os.getuid()).pw_name
KEY, SECRET = os.environ['SWIFT_KEY'], os.environ['SWIFT_SECRET']  # the key is `<account>:<user>`
ORIGINS = os.environ.get('SWIFT_ORIGINS', '')  # of preflights, separated by commas
MAX_PARTS = os.environ.get('SWIFT_MAX_PARTS', '10000')  # Swift's own default is 1000
FAILED, CANNOT_BE_HAD, PORT_HELD = 1, 3, 4
START_SECONDS = 60
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)

# Hash paths and constraints come from here, and not from a configuration in /etc/swift.
SWIFT_CONF = '''[swift-hash]
swift_hash_path_suffix = signet
swift_hash_path_prefix = signet
'''

COMMON = f'''[DEFAULT]
bind_ip = 127.0.0.1
workers = 0
swift_dir = {ROOT}/etc
devices = {ROOT}/srv
user = {USER}
mount_check = false
disable_fallocate = true
fallocate_reserve = 0
log_address = {ROOT}/none
log_level = WARNING
'''

PROXY = f'''
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck cache listing_formats bulk s3api tempauth copy slo dlo versioned_writes symlink proxy-server
[app:proxy-server]
use = egg:swift#proxy
allow_account_management = true
account_autocreate = true
error_suppression_limit = 1000000
error_suppression_interval = 1
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:healthcheck]
use = egg:swift#healthcheck
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:{PORTS['memcached']}
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:bulk]
use = egg:swift#bulk
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
dns_compliant_bucket_names = true
max_upload_part_num = {MAX_PARTS}
cors_preflight_allow_origin = {ORIGINS}
[filter:tempauth]
use = egg:swift#tempauth
user_{KEY.replace(':', '_')} = {SECRET} .admin
[filter:copy]
use = egg:swift#copy
[filter:slo]
use = egg:swift#slo
max_manifest_segments = {MAX_PARTS}
[filter:dlo]
use = egg:swift#dlo
[filter:versioned_writes]
use = egg:swift#versioned_writes
allow_object_versioning = true
[filter:symlink]
use = egg:swift#symlink
'''


def fail(message, code=FAILED):
    sys.stderr.write(f'swift-servers.py: {message}\n')
    sys.exit(code)


def mount_memory():
    """ext4 has 4 KiB for all attributes of a file, and long keys in versioned buckets need more: then
    a write is 503. Memory takes user attributes since Linux 6.6; we mount only where nobody sees it.
    """
    try:
        if os.readlink('/proc/self/ns/mnt') == os.readlink(f'/proc/{os.getppid()}/ns/mnt'):
            return
    except OSError:
        return
    mount = ['mount', '-t', 'tmpfs', '-o', 'size=4g,mode=755', 'swift', f'{ROOT}/srv']
    if subprocess.call(mount, stderr=subprocess.DEVNULL) == 0 and not takes_attributes(20_000):
        subprocess.call(['umount', f'{ROOT}/srv'])


def takes_attributes(size):
    path = f'{ROOT}/srv/attributes'
    open(path, 'w').close()
    try:
        os.setxattr(path, 'user.swift', b'x' * size)
    except OSError:
        return False
    finally:
        os.unlink(path)
    return True


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(('127.0.0.1', port)) == 0


def write(path, text):
    with open(f'{ROOT}/etc/{path}', 'w', encoding='utf-8') as file:
        file.write(text)


def configure():
    for folder in ('etc', 'log', 'srv'):
        os.mkdir(f'{ROOT}/{folder}')
    mount_memory()
    os.mkdir(f'{ROOT}/srv/disk')
    if not takes_attributes(1_000):
        fail(f'files in "{ROOT}" take no extended attributes', CANNOT_BE_HAD)
    write('swift.conf', SWIFT_CONF)
    for name in SERVERS:
        own = PROXY
        if name != 'proxy':
            own = f'[pipeline:main]\npipeline = server\n[app:server]\nuse = egg:swift#{name}\n'
        write(f'{name}.conf', f'{COMMON}bind_port = {PORTS[name]}\n{own}')


def write_rings():
    for name in ('object', 'container', 'account'):
        ring = RingBuilder(4, 1, 1)  # 16 partitions, one replica
        place = {'ip': '127.0.0.1', 'port': PORTS[name], 'device': 'disk'}
        ring.add_dev({**place, 'id': 0, 'region': 1, 'zone': 1, 'weight': 1, 'meta': ''})
        ring.rebalance(seed=1)
        ring.get_ring().save(f'{ROOT}/etc/{name}.ring.gz')


def launch(name):
    pid = os.fork()
    if pid != 0:
        return pid
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # whatever ends us ends the servers
    log = os.open(f'{ROOT}/log/{name}.log', os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    if name == 'memcached':
        port = str(PORTS[name])
        os.execv('/usr/bin/memcached', [name, '-u', USER, '-l', '127.0.0.1', '-p', port, '-m', '32'])
    app = 'proxy-server' if name == 'proxy' else 'server'
    os._exit(run_wsgi(f'{ROOT}/etc/{name}.conf', app, verbose=True))


def fail_with_log(name):
    with open(f'{ROOT}/log/{name}.log', encoding='utf-8', errors='replace') as log:
        sys.stderr.write(''.join(log.readlines()[-20:]))
    fail(f'the {name} server does not start')


def wait_until_they_listen(pids):
    deadline = time.monotonic() + START_SECONDS
    for name, pid in pids.items():
        while not listens(PORTS[name]):
            if os.waitpid(pid, os.WNOHANG)[0] != 0 or time.monotonic() > deadline:
                fail_with_log(name)
            time.sleep(0.02)


for held in PORTS.values():
    if listens(held):
        fail(f'port {held} is held by another process', PORT_HELD)
configure()

# Late, for they take most of a second: a held port need not wait for them. What `run_wsgi` patches in
# each server is patched here, first of all: done after the imports it takes as long as they do.
import eventlet.patcher  # noqa
eventlet.patcher.monkey_patch(all=False, socket=True, select=True, thread=True)
import swift.account.server, swift.container.server, swift.obj.server, swift.proxy.server  # noqa
import swift.common.middleware.s3api.s3api  # noqa
from swift.common.ring import RingBuilder  # noqa
from swift.common.utils import set_swift_dir  # noqa
from swift.common.wsgi import run_wsgi  # noqa

set_swift_dir(f'{ROOT}/etc')
write_rings()
servers = {name: launch(name) for name in PORTS}
try:
    wait_until_they_listen(servers)
    print('ready', flush=True)
    sys.stdin.read()
finally:
    for server in servers.values():
        os.kill(server, signal.SIGKILL)  # nothing here is worth keeping
        try:
            os.waitpid(server, 0)
        except ChildProcessError:
            pass  # it had ended by itself, and was waited for
