#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The examples, against each other and against openssl, over loopback. Speaks TAP.
set -uo pipefail

top=$(cd "${BASH_SOURCE[0]%/*}/../../.." && pwd)
examples=$top/build/user/examples
kdtls=$top/build/user/kdtls
tests=0 failed=0
text='a text to and fro'
psk=00112233445566778899aabbccddeeff

work=$(mktemp -d)
pids=()

# shellcheck disable=SC2317 # the trap calls it
leave()
{
	((${#pids[@]})) && kill "${pids[@]}" 2>/dev/null
	wait
	rm -rf "$work"
}
trap leave EXIT

# "result STATUS WORDS [FILE...]": what a failed test has printed is shown.
result()
{
	tests=$((tests + 1))
	if (($1 == 0)); then
		echo "ok $tests - $2"
		return
	fi
	failed=1
	sed 's/^/# /' "${@:3}" /dev/null
	echo "not ok $tests - $2"
}

skip()
{
	tests=$((tests + 1))
	echo "ok $tests - $1 # SKIP $2"
}

# "start NAME PROGRAM...": in the background; what it prints goes to $work/NAME, and
# what is written to descriptor $in is its input.
start()
{
	local name=$1

	shift
	rm -f "$work/$name.in"
	mkfifo "$work/$name.in"
	"$@" <"$work/$name.in" >"$work/$name" 2>&1 &
	pids+=($!)
	exec {in}>"$work/$name.in"
}

stop()
{
	kill "${pids[-1]}" 2>/dev/null
	wait "${pids[-1]}"
	status=$?
	unset 'pids[-1]'
	exec {in}>&-
}

# "says NAME PATTERN": wait until it has printed a line like that.
says()
{
	local i

	for ((i = 0; i < 200; i++)); do
		grep -q -e "$2" "$work/$1" 2>/dev/null && return
		sleep 0.05
	done
	return 1
}

port_of()
{
	says "$1" '^listening on port' || return
	port=$(sed -n 's/^listening on port //p' "$work/$1")
}

certificate()
{
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
		-keyout "$work/key.pem" -out "$work/cert.pem" -subj /CN=localhost \
		-addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>"$work/openssl"
}

free_port()
{
	python3 -c 'import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

echo_server()
{
	start server "$examples/echo_server" "$work/cert.pem" "$work/key.pem" 0
	port_of server
	result $? 'echo_server listens' "$work/server"

	"$examples/client" localhost "$port" "$work/cert.pem" "$text" two three \
		>"$work/client" 2>"$work/client.err"
	[[ $? == 0 && $(sort "$work/client") == "$(printf '%s\n' "$text" three two)" ]]
	result $? 'client, three texts' "$work/client" "$work/client.err"

	"$examples/client" localhost "$port" /dev/null "$text" >"$work/client" 2>&1
	[[ $? == 1 ]] && ! grep -qF "$text" "$work/client"
	result $? 'client without the CA' "$work/client"

	(sleep 0.5; echo "$text"; sleep 1) | timeout 10 openssl s_client -dtls1_2 \
		-connect "127.0.0.1:$port" -CAfile "$work/cert.pem" -quiet -no_ign_eof \
		>"$work/client" 2>&1
	grep -qF "$text" "$work/client"
	result $? 'echo_server and openssl s_client' "$work/client"

	own_handshake upgrade_openssl
	if [[ -x $examples/upgrade_gnutls ]]; then
		own_handshake upgrade_gnutls
	else
		skip 'upgrade_gnutls' 'there is no GnuTLS'
		skip 'upgrade_gnutls without the CA' 'there is no GnuTLS'
	fi
	stop
	[[ $status == 0 ]] && grep -q '^[3-9] sessions, [1-9]' "$work/server"
	result $? 'echo_server ends' "$work/server"
}

# Programs with a handshake of their own.
own_handshake()
{
	"$examples/$1" localhost "$port" "$work/cert.pem" "$text" \
		>"$work/client" 2>"$work/client.err"
	[[ $? == 0 && $(<"$work/client") == "$text" ]] &&
		grep -q '^records by ' "$work/client.err"
	result $? "$1" "$work/client" "$work/client.err"

	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
		-keyout /dev/null -out "$work/other.pem" -subj /CN=other 2>/dev/null
	"$examples/$1" localhost "$port" "$work/other.pem" "$text" \
		>"$work/client" 2>"$work/client.err"
	[[ $? == 1 && ! -s $work/client ]] &&
		grep -q 'handshake failed' "$work/client.err"
	result $? "$1 without the CA" "$work/client" "$work/client.err"
}

psk_client()
{
	# Between looking and listening somebody else can take it.
	port=$(free_port)
	start server openssl s_server -dtls1_2 -accept "127.0.0.1:$port" -nocert \
		-psk "$psk" -psk_identity alice -quiet
	sleep 0.5
	"$examples/psk_client" 127.0.0.1 "$port" alice "$psk" "$text" \
		>"$work/client" 2>"$work/client.err" &
	pids+=($!)
	says server "$text"
	result $? 'psk_client to openssl s_server' "$work/server" "$work/client.err"
	echo 'an answer' >&"$in"
	wait "${pids[-1]}" && [[ $(<"$work/client") == 'an answer' ]] &&
		grep -q '^connected as alice' "$work/client.err"
	result $? 'and from it' "$work/client" "$work/client.err"
	unset 'pids[-1]'
	stop

	echo "alice:$psk" >"$work/keys"
	chmod 600 "$work/keys"
	port=$(free_port)
	start server "$kdtls" echo-server --psk-file "$work/keys" --listen "127.0.0.1:$port"
	sleep 0.5
	"$examples/psk_client" 127.0.0.1 "$port" alice "$psk" "$text" \
		>"$work/client" 2>"$work/client.err"
	[[ $? == 0 && $(<"$work/client") == "$text" ]]
	result $? 'psk_client and kdtls echo-server' "$work/client" "$work/client.err"
	stop
	"$examples/psk_client" 127.0.0.1 1 alice xyz "$text" >"$work/client" 2>&1
	[[ $? == 1 ]]
	result $? 'psk_client without a key' "$work/client"
}

srtp_keys()
{
	local ours theirs

	start server "$examples/srtp_keys" listen 0 "$work/cert.pem" "$work/key.pem"
	port_of server
	"$examples/srtp_keys" connect localhost "$port" "$work/cert.pem" \
		>"$work/client" 2>"$work/client.err"
	wait "${pids[-1]}"
	ours=$(grep -E '^(profile|client|server) ' "$work/client")
	theirs=$(grep -E '^(profile|client|server) ' "$work/server")
	[[ $ours && $ours == "$theirs" && $(wc -l <<<"$ours") == 5 ]]
	result $? 'srtp_keys on both sides' "$work/client" "$work/server"
	exec {in}>&-
	unset 'pids[-1]'

	start server "$examples/srtp_keys" listen 0 "$work/cert.pem" "$work/key.pem"
	port_of server
	sleep 1 | timeout 10 openssl s_client -dtls1_2 -connect "127.0.0.1:$port" \
		-use_srtp SRTP_AES128_CM_SHA1_80 -keymatexport EXTRACTOR-dtls_srtp \
		-keymatexportlen 60 >"$work/client" 2>&1
	says server '^server salt'
	theirs=$(sed -n 's/.*Keying material: //p' "$work/client")
	ours=$(sed -n 's/^\(client\|server\) \(key\|salt\) //p' "$work/server" | tr -d '\n')
	[[ $ours && $ours == "${theirs,,}" ]]
	result $? 'srtp_keys and openssl s_client' "$work/client" "$work/server"
	stop
}

event_loop()
{
	start server "$examples/event_loop" "$work/cert.pem" "$work/key.pem" 0
	port_of server
	"$examples/client" localhost "$port" "$work/cert.pem" "$text" \
		>"$work/client" 2>"$work/client.err" &
	pids+=($!)
	says server "^0 says: $text"
	result $? 'event_loop hears a session' "$work/server" "$work/client.err"
	echo 'to all' >&"$in"
	wait "${pids[-1]}" && grep -qx 'to all' "$work/client"
	result $? 'event_loop tells it a line' "$work/client" "$work/client.err"
	unset 'pids[-1]'
	exec {in}>&-
	wait "${pids[-1]}"
	result $? 'event_loop ends' "$work/server"
	unset 'pids[-1]'
}

small()
{
	local file

	for file in "$top"/user/examples/*.c; do
		(($(wc -l <"$file") < 150))
		result $? "${file##*/} is small"
	done
}

echo "TAP version 13"
certificate
echo_server
psk_client
srtp_keys
event_loop
small
echo "1..$tests"
exit $failed
