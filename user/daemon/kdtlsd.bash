# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Completion of kdtlsd for bash; needs nothing of the package bash-completion.

_kdtlsd()
{
	local word=${COMP_WORDS[COMP_CWORD]}

	COMPREPLY=()
	case ${COMP_WORDS[COMP_CWORD - 1]} in
	--config|--socket) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
	*)
		mapfile -t COMPREPLY < <(compgen -W '--config --check --socket
			--verbose --version --help' -- "$word")
		;;
	esac
}

complete -o filenames -F _kdtlsd kdtlsd
