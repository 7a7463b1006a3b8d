#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Every name of C in Documentation/node-dtls.rst is one of include/kdtls.h: functions,
# constants, and members of the structures that they are said to be in. And each row of
# its tables has one. Every function of the public headers has a page. Speaks TAP.
set -uo pipefail

top=$(cd "${BASH_SOURCE[0]%/*}/../../.." && pwd)
page=$top/Documentation/node-dtls.rst
header=$top/include/kdtls.h
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

# "members STRUCT": the names of its members.
members()
{
	sed -n "/^struct $1 {/,/^};/p" "$header" |
		sed -nE 's/^\t.*[ \t*(]([a-z_]+)(\)\(.*|;.*)$/\1/p'
}

has()
{
	local name=$1

	case $name in
	*.*) grep -qx "${name#*.}" < <(members "${name%%.*}") ;;
	*'()') grep -qE "[ *]${name%()}\(" "$header" ;;
	KDTLS_*) grep -qE "^(#define[[:space:]]+|[[:space:]]+)$name\b" "$header" ;;
	*) grep -qE "^struct $name \{|^struct $name;" "$header" ;;
	esac
}

names()
{
	local name

	while read -r name; do
		has "$name"
		result $? "$name is in kdtls.h"
	done < <(grep -oE '(``|struct )(kdtls|KDTLS)_[A-Za-z_.]+(\(\))?' "$page" |
		sed -E 's/^(``|struct )//' | sort -u)
}

# Functions return, structures tell: what the tests are worth.
unknown()
{
	local name

	for name in 'kdtls_nothing()' KDTLS_NOTHING kdtls_session_info.nothing \
		kdtls_nothing.cipher kdtls_nothing; do
		! has "$name"
		result $? "$name is not"
	done
}

rows()
{
	local row number first second

	number=0
	while IFS=$'\t' read -r first second; do
		number=$((number + 1))
		[[ $first == '``'*'``' && $second == '``kdtls_'* ]]
		result $? "$first has a name"
	done < <(awk '/^   \* - / { first = substr($0, 8) }
		/^     - / && first { if (first != "node:dtls") print first "\t" substr($0, 8);
			first = "" }' "$page")
	((number > 70))
	result $? "there are $number rows"
	row=$(grep -oE '^   \* - ``[a-zA-Z]+(Stats)?\..*' "$page" | sort | uniq -d)
	[[ ! $row ]]
	result $? 'none is there twice'
}

pages()
{
	local name

	while read -r name; do
		grep -qw "$name" "$top"/Documentation/man/*.3
		result $? "$name has a page"
	done < <(grep -hoE '^[a-z].*[ *]kdtls_[a-z0-9_]+\(' "$top"/include/kdtls*.h |
		grep -oE 'kdtls_[a-z0-9_]+\($' | tr -d '(' | sort -u)
}

echo "TAP version 13"
names
unknown
rows
pages
echo "1..$tests"
exit $failed
