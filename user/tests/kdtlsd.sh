#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The daemon kdtlsd itself, as a process: options, start, sockets of a service
# manager, signals, and what it gives away. Speaks TAP.
set -uo pipefail

top=$(cd "${BASH_SOURCE[0]%/*}/../../.." && pwd)
kdtlsd=$top/build/user/kdtlsd
client=$top/build/user/examples/helper_client
dir=$(mktemp -d)
conf=$dir/conf
sock=$dir/run/sock
tests=0 failed=0 pid='' server=''

# shellcheck disable=SC2317 # called by the trap
stop()
{
	[[ ! $pid ]] || kill -KILL "$pid" 2>/dev/null
	[[ ! $server ]] || kill "$server" 2>/dev/null
	wait 2>/dev/null
	rm -rf "$dir"
}
trap stop EXIT

result()
{
	tests=$((tests + 1))
	if (($1 == 0)); then
		echo "ok $tests - $2"
	else
		echo "not ok $tests - $2"
		failed=1
		sed 's/^/# /' "$dir/log" 2>/dev/null
	fi
}

# Does it come to be, in some seconds? "soon COMMAND..."
soon()
{
	local i

	for ((i = 0; i < 100; i++)); do
		"$@" && return
		sleep 0.1
	done
	return 1
}

said()
{
	grep -qF -- "$1" "$dir/log"
}

gone()
{
	! kill -0 "$pid" 2>/dev/null
}

field()
{
	[[ $(awk -v f="$1:" '$1 == f { print $2 }' "/proc/$pid/status") =~ ^$2$ ]]
}

# Another user if we can, and locked memory if we may keep it then.
write_conf()
{
	{
		echo '[daemon]'
		echo "socket $sock"
		echo 'socket-mode 0666'
		[[ $(id -u) != 0 ]] || echo 'user 65534'
		[[ $lock ]] || echo 'lock-memory no'
		printf '%s\n' "$@"
	} >"$conf"
}

start()
{
	# What the one before has said is not this one's.
	: >"$dir/log"
	"$kdtlsd" --config "$conf" --verbose 2>"$dir/log" &
	pid=$!
	soon said serves
}

end()
{
	kill -TERM "$pid"
	soon gone
	wait "$pid"
	local status=$?

	pid=''
	return $status
}

options()
{
	local out

	"$kdtlsd" --help | grep -q '^usage: kdtlsd'
	result $? "--help"
	for out in --config --check --socket --verbose --version --help; do
		"$kdtlsd" --help | grep -q "^  $out "
		result $? "--help knows $out"
	done
	[[ $("$kdtlsd" --version) == "kdtlsd "[0-9]* ]]
	result $? "--version"
	for out in --nothing --config "--socket x" extra -x; do
		# shellcheck disable=SC2086 # several words
		"$kdtlsd" $out >"$dir/out" 2>"$dir/log"
		[[ $? == 2 && ! -s $dir/out ]] && said 'kdtlsd --help'
		result $? "wrong: kdtlsd $out"
	done
}

check()
{
	write_conf '[profile default]'
	"$kdtlsd" --check --config "$conf" >"$dir/log" 2>&1
	[[ $? == 0 && ! -s $dir/log ]]
	result $? "--check of what is right says nothing"
	write_conf '[profile default]' 'mtu 1'
	"$kdtlsd" --check --config "$conf" 2>"$dir/log"
	[[ $? == 1 ]] && said "$conf:" && said 'mtu takes a number'
	result $? "--check of what is wrong says where"
	write_conf '[profile default]' 'ca /nowhere'
	"$kdtlsd" --check --config "$conf" 2>"$dir/log"
	[[ $? == 1 ]] && said /nowhere
	result $? "--check looks at files"
	"$kdtlsd" --check --config "$top/user/daemon/kdtlsd.conf" 2>"$dir/log"
	result $? "the example is right"
	"$kdtlsd" --check --config "$dir/nothing" 2>"$dir/log"
	[[ $? == 1 ]] && said 'No such file'
	result $? "--check without a file"
}

confined()
{
	write_conf '[profile default]' 'verify none'
	start
	result $? "starts"
	field Seccomp 2
	result $? "has a seccomp filter"
	! grep -L '^Seccomp:.2$' "/proc/$pid/task"/*/status | grep -q .
	result $? "in each of its threads"
	field NoNewPrivs 1
	result $? "gets no new privileges"
	field CapEff 0000000000000000 && field CapPrm 0000000000000000
	result $? "has no capabilities"
	grep -q '^Max core file size *0 ' "/proc/$pid/limits"
	result $? "dumps no core"
	if [[ $(id -u) == 0 ]]; then
		field Uid 65534
		result $? "is another user"
		grep -q '^Groups:[[:space:]]*$' "/proc/$pid/status"
		result $? "has no groups"
	fi
	if [[ $lock ]]; then
		! field VmLck 0
		result $? "has its memory locked"
	fi
	[[ $(stat -c %a "$sock") == 666 ]]
	result $? "socket has its mode"
}

# A reload reads files, and OpenSSL parses them, all behind the filter.
reload()
{
	write_conf '[profile default]' 'verify none' "ca $dir/cert" '[profile two]' \
		"cert $dir/cert" "key $dir/key"
	kill -HUP "$pid"
	soon said "reloaded $conf"
	result $? "SIGHUP reloads"
	write_conf '[profile default]' 'nonsense'
	kill -HUP "$pid"
	soon said 'all is as it was'
	said 'nonsense'
	result $? "SIGHUP with a broken file says so"
	! gone
	result $? "and goes on"
}

another()
{
	"$kdtlsd" --config "$dir/good" 2>"$dir/log2"
	[[ $? == 1 ]] && grep -q 'another helper listens' "$dir/log2"
	result $? "a second one does not take its socket"
}

# Without the module there is no session, and a precise reason. With it there is.
handshake()
{
	local port status

	# Standard input neither ends nor has anything.
	mkfifo "$dir/silence"
	openssl s_server -dtls1_2 -accept 127.0.0.1:0 -cert "$dir/cert" \
		-key "$dir/key" 0<>"$dir/silence" >"$dir/server" 2>&1 &
	server=$!
	soon grep -q '^ACCEPT' "$dir/server"
	port=$(sed -n 's/^ACCEPT .*://p' "$dir/server")
	(echo 'to the server'; sleep 1) |
		timeout 20 "$client" 127.0.0.1 "$port" default "$sock" >"$dir/out" 2>&1
	status=$?
	if "$top/build/user/kdtls" version 2>/dev/null | grep -q 'no kdtls'; then
		[[ $status == 1 ]] && grep -q 'Protocol not available' "$dir/out" &&
			grep -q 'modprobe' "$dir/out" &&
			said "127.0.0.1:$port" && said "program"
		result $? "a handshake without the module fails precisely"
	else
		grep -q '^open:' "$dir/out" && soon grep -q 'to the server' "$dir/server"
		result $? "a handshake with openssl s_server"
	fi
	kill "$server" 2>/dev/null
	server=''
	! gone
	result $? "and the daemon goes on"
}

killed()
{
	kill -KILL "$pid"
	wait "$pid" 2>/dev/null
	pid=''
	[[ -S $sock ]]
	result $? "killed, it leaves its socket"
	cp "$dir/good" "$conf"
	start
	result $? "and its successor takes it"
	end
	result $? "SIGTERM ends it in good order"
	said 'ends by signal 15'
	result $? "and it says so"
	[[ ! -e $sock ]]
	result $? "and the socket is gone"
}

# As systemd does it: the socket as descriptor 3, and a place to be told at.
activated()
{
	command -v python3 >/dev/null || return 0
	# Its own python, with a socket for LISTEN_FDS and one for NOTIFY_SOCKET.
	python3 - "$kdtlsd" "$conf" "$dir" >"$dir/log" 2>&1 <<-'END'
		import atexit, os, signal, socket, struct, sys
		kdtlsd, conf, dir = sys.argv[1:]
		notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		notify.bind(dir + "/notify")
		os.chmod(dir + "/notify", 0o666)
		notify.settimeout(20)
		started = []
		def end():
		    for pid in started:
		        os.kill(pid, signal.SIGKILL)
		atexit.register(end)
		def run(kind):
		    listen = socket.socket(socket.AF_UNIX, kind)
		    path = dir + "/activated%d" % kind
		    listen.bind(path)
		    listen.listen()
		    pid = os.fork()
		    if not pid:
		        # Behind what Python has there itself.
		        fd = os.dup2(listen.fileno(), 3) if listen.fileno() != 3 else 3
		        os.set_inheritable(3, True)
		        env = dict(os.environ, LISTEN_FDS="1", LISTEN_PID=str(os.getpid()),
		                   NOTIFY_SOCKET=dir + "/notify")
		        os.execve(kdtlsd, [kdtlsd, "--config", conf], env)
		    # Whatever fails here, it does not stay behind.
		    started.append(pid)
		    return pid, path
		def told(text):
		    while True:
		        got = notify.recv(4096).decode()
		        print("told:", got.replace("\n", " "))
		        if text in got:
		            return
		pid, path = run(socket.SOCK_SEQPACKET)
		told("READY=1")
		program = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
		program.connect(path)
		program.settimeout(20)
		program.send(b"nonsense")
		assert b"shorter than its header" in program.recv(4096)
		# A socket whose last close() waits for a peer that does not read.
		peer = socket.socket()
		peer.bind(("127.0.0.1", 0))
		peer.listen()
		slow = socket.socket()
		slow.connect(peer.getsockname())
		slow.setblocking(False)
		try:
		    while True:
		        slow.send(bytes(65536))
		except BlockingIOError:
		    pass
		slow.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 60))
		hostile = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
		hostile.connect(path)
		os.kill(pid, signal.SIGSTOP)
		socket.send_fds(hostile, [b"nonsense"], [slow.fileno()])
		slow.close()
		os.kill(pid, signal.SIGCONT)
		other = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
		other.connect(path)
		other.settimeout(10)
		other.send(b"nonsense")
		assert b"shorter than its header" in other.recv(4096)
		os.kill(pid, signal.SIGHUP)
		told("RELOADING=1")
		told("READY=1")
		os.kill(pid, signal.SIGTERM)
		told("STOPPING=1")
		assert os.waitpid(pid, 0)[1] == 0
		started.remove(pid)
		assert os.path.exists(path)
		# A stream is no socket for it.
		pid, path = run(socket.SOCK_STREAM)
		status = os.waitpid(pid, 0)[1]
		started.remove(pid)
		assert os.waitstatus_to_exitcode(status) == 1
	END
	result $? "socket activation and notifications"
	said 'ListenSequentialPacket='
	result $? "a socket of another type is refused"
}

lock=''
! (ulimit -l unlimited) 2>/dev/null || lock=1
mkdir "$dir/run"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
	-subj /CN=localhost -keyout "$dir/key" -out "$dir/cert" 2>/dev/null
chmod 755 "$dir"
chmod 644 "$dir/key"
chmod 777 "$dir/run"

options
check
if [[ ! $lock ]]; then
	lock=1 write_conf '[profile default]'
	"$kdtlsd" --config "$conf" 2>"$dir/log"
	[[ $? == 1 ]] && said 'LimitMEMLOCK=infinity'
	result $? "memory that cannot be locked is told"
fi
confined
cp "$conf" "$dir/good"
reload
another
handshake
killed
activated
echo "1..$tests"
exit "$failed"
