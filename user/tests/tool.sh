#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The command kdtls itself, without a kernel that knows it: help, wrong usage,
# completion. Speaks TAP.
set -uo pipefail

top=$(cd "${BASH_SOURCE[0]%/*}/../../.." && pwd)
kdtls=$top/build/user/kdtls
commands=(echo-server connect show session monitor stats version)
tests=0 failed=0

result()
{
	tests=$((tests + 1))
	if (($1 == 0)); then
		echo "ok $tests - $2"
	else
		echo "not ok $tests - $2"
		failed=1
	fi
}

# "wrong ARGUMENTS...": this is, and it is told on standard error alone.
wrong()
{
	local out status

	out=$("$kdtls" "$@" 2>/dev/null)
	status=$?
	[[ $status == 2 && ! $out ]]
	result $? "wrong: kdtls $*"
}

help()
{
	local command

	for command in "${commands[@]}"; do
		"$kdtls" "$command" --help 2>/dev/null | grep -q "^usage: kdtls $command"
		result $? "kdtls $command --help"
		"$kdtls" --help | grep -q "^  $command "
		result $? "kdtls --help knows $command"
	done
}

wrong_usage()
{
	wrong connect --psk-identity alice 127.0.0.1:1
	wrong connect --bind '' 127.0.0.1:1
	wrong connect --bind : 127.0.0.1:1
	wrong connect --bind 127.0.0.1: 127.0.0.1:1
	wrong connect --bind '[::1]1' 127.0.0.1:1
	wrong echo-server --psk-hint home
	wrong echo-server --no-tickets --ticket-keys keys
	wrong echo-server --session-cache 1000001
	wrong echo-server --session-lifetime 0
	wrong echo-server --source-sessions -1
	wrong echo-server --idle-timeout 2147484
	wrong echo-server --source-handshakes x
	wrong show nothing
	wrong show sessions endpoints
	wrong show --state
	wrong show --state tx,nothing
	wrong show --state tx,
	wrong show --peer 192.0.2
	wrong show --peer 192.0.2.1:
	wrong show --peer 192.0.2.1:0
	wrong show --peer 192.0.2.1:65536
	wrong show --peer 192.0.2.1:-1
	wrong show --peer '[2001:db8::1'
	wrong show --peer '[2001:db8::1]4433'
	wrong show --peer localhost
	wrong show --peer ''
	wrong show --endpoint 4294967296
	wrong show endpoints --peer 192.0.2.1
	wrong stats nothing
	wrong monitor --all
	wrong session
	wrong session look --endpoint 1 --session 1
	wrong session get --session 1
	wrong show --rates 0
	wrong show --rates 3601
	wrong show endpoints --rates 1
	wrong session get --endpoint 1
	wrong session get --endpoint 1 --session 0
	wrong session get --endpoint 1 --session 1 --peer 192.0.2.1:1
	wrong session get --endpoint 1 --peer 192.0.2.1
	wrong session get --endpoint 1 --session 1 --local 192.0.2.1:1
	wrong session get --endpoint 1 --peer '[::1]:1' --local 192.0.2.1:1
	wrong session get --endpoint 1 --session 1 --idle 1
	wrong session set --endpoint 1 --session 1
	wrong session set --endpoint 1 --session 1 --idle 604801
	wrong session set --endpoint 1 --session 1 --retire 121
	wrong session set --endpoint 1 --session 1 --handshake maybe
	wrong session set --endpoint 1 --session 1 --idle 1 --json
	wrong session del --endpoint 1 --session 1 --owner 1
}

# "refuses_keys WORDS TEXT": a file of pre-shared keys with that text is
# refused with these words.
refuses_keys()
{
	local words=$1 file out status

	file=$(mktemp)
	printf '%b' "$2" >"$file"
	out=$("$kdtls" connect --psk-file "$file" 127.0.0.1:1 2>&1)
	status=$?
	rm -f "$file"
	[[ $status == 1 && $out == *"$words"* ]]
	result $? "a key file is refused: $words"
}

lists()
{
	local out

	out=$("$kdtls" connect --groups nonsense 127.0.0.1:1 2>&1)
	[[ $? == 1 && $out == *'no groups "nonsense"'* ]]
	result $? 'groups that there are not'
	out=$("$kdtls" connect --sigalgs nonsense 127.0.0.1:1 2>&1)
	[[ $? == 1 && $out == *'no signature algorithms "nonsense"'* ]]
	result $? 'signature algorithms that there are not'
	out=$("$kdtls" connect --srtp nonsense 127.0.0.1:1 2>&1)
	[[ $? == 1 && $out == *'"nonsense" is no SRTP profile'* ]]
	result $? 'an SRTP profile that there is not'
}

# "binds BIND HOST WORDS": it is told in these words that it cannot connect so.
binds()
{
	local out

	out=$("$kdtls" connect --insecure --bind "$1" "$2" 2>&1 </dev/null)
	[[ $? == 1 && $out == *"$3"* ]]
	result $? "connect --bind $1 $2"
}

local_addresses()
{
	binds 192.0.2.1 127.0.0.1:1 'bind to the local address 192.0.2.1 port *'
	binds 192.0.2.1:77 127.0.0.1:1 'bind to the local address 192.0.2.1 port 77'
	binds '[2001:db8::1]:77' '[::1]:1' 'bind to the local address 2001:db8::1 port 77'
	binds '[2001:db8::1]' '[::1]:1' 'bind to the local address 2001:db8::1 port *'
	binds 2001:db8::1 '[::1]:1' 'bind to the local address 2001:db8::1 port *'
	binds :nonsense 127.0.0.1:1 'the local address * port nonsense'
}

key_files()
{
	refuses_keys 'line 1: it is not IDENTITY:KEY' 'alice\n'
	refuses_keys 'line 2: an identity has' '# keys\n:00\n'
	refuses_keys 'line 1: a key is' 'alice:\n'
	refuses_keys 'line 1: a key is' 'alice:0\n'
	refuses_keys 'line 1: a key is' 'alice:0g\n'
	refuses_keys 'line 1: a key is' "alice:$(printf '%01026d' 0)\n"
	refuses_keys 'line 1 is too long' "$(printf '%01400d' 0):00\n"
	refuses_keys 'line 2: the identity is there already' 'a:00\na:01\n'
	refuses_keys 'has no key' '# nothing\n\n'
}

# "completes EXPECTED WORDS...": the last word is what is completed.
completes()
{
	local expected=$1

	shift
	COMP_WORDS=(kdtls "$@") COMP_CWORD=$# COMPREPLY=()
	_kdtls
	[[ ${COMPREPLY[*]} == "$expected" ]]
	result $? "completion: kdtls $* -> $expected"
}

completion()
{
	local command option

	# shellcheck source=/dev/null
	source "$top/user/tool/completion/kdtls.bash"
	completes 'show session stats' s
	completes 'endpoints' show e
	completes '--endpoint' show --e
	completes 'tx tx-rekey tx-expired' show --state tx
	completes 'tx,rx-rekey' show --state tx,rx-r
	completes 'on off' session set --handshake o
	completes 'require' connect --offload r
	completes '' show --endpoint ''
	completes '--all' stats --json --a
	# Every option that help tells of.
	for command in "${commands[@]}"; do
		for option in $("$kdtls" "$command" --help | grep -oE '^  --[a-z-]+'); do
			[[ " $(_kdtls_words "$command" | xargs) " == *" $option "* ]] &&
				continue
			result 1 "completion knows $command $option"
		done
	done
}

echo "TAP version 13"
help
wrong_usage
lists
local_addresses
key_files
completion
echo "1..$tests"
exit $failed
