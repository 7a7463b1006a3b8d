# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Completion of kdtls for bash; needs nothing of the package bash-completion.

# Prints the values of an option, or fails if it has none to choose from.
_kdtls_values()
{
	case $1 in
	--offload) echo 'auto require off' ;;
	--handshake) echo 'on off' ;;
	--state)
		echo 'tx rx peer-closed peer-alert closed rx-old tx-rekey' \
			'tx-expired rx-rekey rx-expired'
		;;
	*) return 1 ;;
	esac
}

# Prints the options and arguments of a command.
_kdtls_words()
{
	local tls='--cert --key --ca --cipher --groups --sigalgs --alpn --psk-file --srtp --mtu --window --offload
		--handshake-timeout --idle-timeout --keylog --json --quiet --help'

	case $1 in
	echo-server)
		echo "$tls --listen --sink --once --max-sessions --capacity --verify" \
			'--source-sessions --source-handshakes' \
			'--no-tickets --ticket-keys --session-cache --session-lifetime --psk-hint'
		;;
	connect)
		echo "$tls --count --bench --size --train --outstanding --one-way" \
			"--insecure --server-name --bind --session-file --psk-identity"
		;;
	show) echo 'endpoints sessions --endpoint --peer --state --rates --json --help' ;;
	session)
		echo 'get set del --endpoint --session --peer --local --owner' \
			'--idle --retire --handshake --json --help'
		;;
	stats) echo '--all --json --help' ;;
	monitor|version) echo '--json --help' ;;
	'') echo 'echo-server connect show session monitor stats version --help --version' ;;
	esac
}

_kdtls()
{
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
	local command='' done='' values

	COMPREPLY=()
	((COMP_CWORD == 1)) || command=${COMP_WORDS[1]}
	case $before in
	--cert|--key|--ca|--keylog|--psk-file|--ticket-keys|--session-file)
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		compopt -o filenames 2>/dev/null
		return
		;;
	--json|--quiet|--help|--all|--sink|--once|--no-tickets|--verify|--bench|--one-way|--insecure) ;;
	--*)
		values=$(_kdtls_values "$before") || return 0
		# --state takes several of them.
		if [[ $before == --state && $word == *,* ]]; then
			done=${word%,*},
		fi
		mapfile -t COMPREPLY < <(compgen -P "$done" -W "$values" -- "${word##*,}")
		return
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$(_kdtls_words "$command")" -- "$word")
}

complete -F _kdtls kdtls
