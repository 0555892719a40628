#!/bin/sh
# selftest.sh: each check of this directory passes on a small clean tree and
# fails, with the right words, once a violation is planted.  Prints TAP.
set -eu
top=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
n=0
: "${CC:=cc}"

# A tree that breaks no rule, in the current directory, and its build in b.
clean_tree() {
	rm -rf "${work:?}/tree"
	cp -Rp "$work/clean" "$work/tree"
	cd "$work/tree"
}

# What clean_tree makes copies of.
make_tree() {
	mkdir "$work/clean"
	cd "$work/clean"
	mkdir -p lib/base lib/wire lib/crypto lib/e2e lib/cli server cmd man tests/unit b/bin
	cp -R "$top/tests/house" tests/
	mkdir tests/mutants
	cp "$top/tests/mutants/run" tests/mutants/
	for f in base/mark wire/mark crypto/mark e2e/mark cli/mark; do
		header "$f"
		write_c "lib/$f.c" "${f##*/}_make" "#include \"$f.h\""
	done
	write_c server/loop.c loop_run '#include <sys/epoll.h>'
	write_c cmd/sentinel-send.c main '#include "base/mark.h"'
	write_c cmd/sentinel-relay.c main '#include "base/mark.h"'
	for c in send relay; do
		fake_command "$c" '{"options":[{"name":"wait"}],"common":[{"name":"get"}]}'
		page '.It Fl -wait' >"man/sentinel-$c.1"
	done
	echo '.It Fl -get' >man/sentinel.7
	write_c tests/unit/test_mark.c main
	seq 40 | while read -r i; do
		mutant "mark-$i"
	done >tests/mutants/mark.list
	trials
	protocol
	touch -d @0 b/made
	objects
	touch b/made
}

# A request, a reason and a limit, and the pages of them; a record.
protocol() {
	write_h lib/base/err.h '#define ERR_TABLE(X) X(ERR_IO, -20, "io", 34, false, "")' \
	    'enum { ERR_IO = -20 };'
	write_h lib/wire/codes.h '#define CODE_REPLY 1000' \
	    '#define CODE_TABLE(X) X(CODE_SEND, 1103, "send")' \
	    '#define REASON_TABLE(X) X(REASON_BUSY, 10, "busy", ERR_IO)'
	write_h lib/wire/limits.h '#define ACKS_MAX 1024'
	printf 'wire/limits.h\tACKS_MAX\tup to {1024} of\n' >tests/house/protocol.txt
	printf '%s\n' '.It 1103 send' '2103: nothing' \
	    '.It 10 Ta busy Ta try again Ta 34' 'up to 1024' .Pp of \
	    >man/sentinel-protocol.7
	mkdir -p share/schema/v1
	echo '{"properties":{"one":{"properties":{"two":{}}}}}' \
	    >share/schema/v1/mark.json
	write_c lib/cli/one.c one_make '' 'put("one"); put("{\"two\":1}");'
	header cli/one
}

# write_h FILE LINE...
write_h() {
	guard=$(echo "${1#lib/}" | tr 'a-z./' 'A-Z__')
	file=$1
	shift
	{
		echo '/* SPDX-License-Identifier: ISC */'
		printf '#ifndef %s\n#define %s\n' "$guard" "$guard"
		printf '%s\n' "$@" '#endif'
	} >"$file"
}

# page LINE: a manual that says this, and has all sections
page() {
	printf '.Sh %s\n' ENVIRONMENT FILES 'EXIT STATUS' EXAMPLES \
	    'SECURITY CONSIDERATIONS'
	echo "$1"
}

# mutant NAME [UNIT]: lib/wire/mark.c without its line
mutant() {
	printf '%s: nothing is left\nlib/wire/mark.c\n-%s\n\n' "$1" \
	    'int mark_make(void) {  return 0; }
unit '"${2:-mark}"
}

# The list of the trials with a test for one of them, and what cites it.
trials() {
	mkdir tests/bats
	printf '%s\n' '@test "it stands" {' '	[ a ]' '}' >tests/bats/attack.bats
	sed -n "/^ids='/,/'\$/p" tests/house/trials.sh | grep -oE '[A-I][0-9]+' |
	    while read -r id; do
		printf '%s\tslow\twhat is tried\n\t-\tnone\n' "$id"
	done >tests/trials.txt
	sed -i '1s/slow/quick/; 2s|-.*|tests/bats/attack.bats\tit stands|' \
	    tests/trials.txt
	# shellcheck disable=SC2016
	echo '- Cannot do it: `attack` *it stands* (A1)' >SECURITY.md
	echo 'check all:' >Makefile
}

header() {
	guard=$(echo "$1.h" | tr 'a-z./' 'A-Z__')
	printf '/* SPDX-License-Identifier: ISC */\n#ifndef %s\n#define %s\nint %s_make(void);\n#endif\n' \
	    "$guard" "$guard" "${1##*/}" >"lib/$1.h"
}

# write_c FILE FUNCTION [LINE [BODY]]
write_c() {
	printf '/* SPDX-License-Identifier: ISC */\n%s\nint %s(void);\nint %s(void) { %s return 0; }\n' \
	    "${3:-}" "$2" "$2" "${4:-}" >"$1"
}

# those of what has changed since
objects() {
	find lib server cmd -name '*.c' -newer b/made | while read -r f; do
		mkdir -p "b/obj/${f%/*}"
		$CC -Ilib -I. -w -fno-builtin -c -o "b/obj/${f%.c}.o" "$f"
	done
}

# fake_command NAME DUMP
fake_command() {
	printf '#!/bin/sh\necho '\''%s'\''\n' "$2" >"b/bin/sentinel-$1"
	chmod +x "b/bin/sentinel-$1"
}

# binary NAME SYMBOL: a program that holds this symbol
binary() {
	printf 'int %s(void) { return 0; }\nint main(void) { return %s(); }\n' "$2" "$2" >x.c
	$CC -w -o "b/bin/sentinel-$1" x.c
}

report() {
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		sed 's/^/# /' "$work/out"
	fi
}

run() {
	"tests/house/$1.sh" b >"$work/out" 2>&1
}

passes() {
	run "$1" && s=0 || s=1
	report "$s" "$1: a clean tree passes"
}

# finds CHECK PATTERN WHAT
finds() {
	case $1 in
	names|pure|banned) objects ;;
	esac
	if run "$1" || ! grep -q -- "$2" "$work/out"; then
		report 1 "$1: finds $3"
	else
		report 0 "$1: finds $3"
	fi
	clean_tree
}

make_tree
clean_tree
for check in layers names pure banned headers docs protocol schemas mutants trials asserts; do
	passes $check
done
binary relay relay_run
binary send send_text
passes links
clean_tree

write_c lib/base/mark.c mark_make '#include "wire/mark.h"'
finds layers 'lib/base/mark.c:2 must not include "wire/mark.h"' 'an upward include'
write_c lib/wire/mark.c mark_make '#include "mark.h"'
finds layers 'must name the floor' 'an include without its floor'
write_c cmd/sentinel-send.c main '# include "server/loop.h"'
finds layers 'must not include "server/loop.h"' "a command that reaches into the relay"
write_c lib/wire/mark.c mark_make '#include <sodium.h>'
finds layers 'must not include <sodium.h>' 'an outside header on the wrong floor'
mkdir lib/attic
write_c lib/attic/mark.c mark_make '#include "base/mark.h"'
finds layers 'stands on no floor' 'a floor nobody declared'

write_c lib/wire/mark.c helper
finds names 'lib/wire/mark.o exports helper' 'a symbol without its module'
write_c cmd/sentinel-send.c main 'int spare;'
finds names 'cmd/sentinel-send.o exports spare' 'a command that exports more than main'

write_c lib/crypto/mark.c mark_make '#define LABEL "sentinel-mark-v3"'
write_c lib/e2e/mark.c mark_make '#define LABEL "sentinel-mark-v3:"'
finds labels 'sentinel-mark-v3 begins sentinel-mark-v3:' 'a label that begins another'

for floor in e2e state client; do
	mkdir -p lib/$floor
	: >lib/$floor/ratchet.c
	binary relay ratchet_encrypt
	binary send send_text
	finds links 'sentinel-relay holds ratchet_encrypt' "a relay with lib/$floor"
done
binary relay relay_run
binary send loop_open
finds links 'sentinel-send holds loop_open' 'a command with a loop'
binary relay relay_run
binary send send_text
strip b/bin/sentinel-relay
finds links 'no symbols in b/bin/sentinel-relay' 'that there is nothing to be seen'

for call in malloc free printf time open read clock_gettime buf_new; do
	write_c lib/crypto/mark.c mark_make "void $call(void);" "$call();"
	finds pure "lib/crypto/mark.o: imports $call" "$call in a cipher"
done

for call in strcpy strcat sprintf gets strtok atoi system popen mktemp rand; do
	write_c lib/cli/mark.c mark_make "void $call(void);" "$call();"
	finds banned "lib/cli/mark.o: calls $call" "$call"
done
write_c lib/cli/mark.c mark_make '' 'char *p = __builtin_alloca (1); (void)p; alloca(1);'
finds banned 'alloca' 'alloca'

echo 'size_t mark_size(void);' >>lib/wire/mark.h
finds headers 'wire/mark.h does not stand alone' 'a header that leans on its includer'
sed -i 's/MARK_H/MARKED_H/' lib/wire/mark.h
finds headers 'lib/wire/mark.h is not guarded by WIRE_MARK_H' 'a wrong guard'
yes '' | head -n 200 >>lib/wire/mark.h
finds headers 'mark.h has 205 lines' 'a header that is too long'
sed -i 1d lib/wire/mark.c
finds headers 'lib/wire/mark.c does not begin with the licence' 'a missing licence'
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13; do
	echo "#include \"wire/mark.h\" /* $i */"
done >>lib/wire/mark.c
finds headers 'mark.c includes 14 of our headers' 'too many includes'

rm man/sentinel-send.1
finds docs 'no man page for sentinel-send' 'a command without a page'
echo .Sh >man/sentinel-send.1
finds docs 'man/sentinel-send.1 lacks --wait' 'an option that is not in the page'
sed -i 's/^\.Sh FILES/.Sh FILED/' man/sentinel-send.1
finds docs 'man/sentinel-send.1 has no FILES' 'a page without a section'
echo .Sh >man/sentinel.7
finds docs 'neither .* nor man/sentinel.7 has --get' 'a common option told nowhere'
echo '.It Fl n , -nope Ar N' >>man/sentinel-send.1
finds docs 'man/sentinel-send.1 has --nope' 'an option that is only in the page'
echo '.Fl -nope .' >>man/sentinel.7
finds docs 'speaks of --nope, which no command has' 'an option that no command has'
sed -i 's/Fl -wait/Fl x , &/' man/sentinel-send.1
finds docs 'do not agree on -x of --wait' 'a letter that an option has not'
fake_command send '{"options":[{"name":"wait","letter":"w"}],"common":[{"name":"get"}]}'
finds docs 'do not agree on -w of --wait' 'a letter told nowhere'
echo '.It 35 Pq Ic gone' >>man/sentinel-send.1
finds docs 'has the status 35 gone, which is none' 'a status that there is not'
write_c lib/cli/mark.c mark_make '' 'getenv("SENTINEL_MARK");'
finds docs "no page tells of the environment's SENTINEL_MARK" 'a variable told nowhere'
echo '.It Ev SENTINEL_NOPE' >>man/sentinel.7
finds docs 'a page tells of SENTINEL_NOPE' 'a variable that nobody reads'
echo '.Xr sentinel-gone 1 ,' >>man/sentinel-send.1
finds docs 'no man/sentinel-gone.1' 'a reference to a page that is not there'

sed -i 's/1103 send/1103 post/' man/sentinel-protocol.7
finds protocol 'do not agree on: 1103 post' 'a request by another name'
sed -i 's/2103:/2104:/' man/sentinel-protocol.7
finds protocol 'do not agree on: 2103' 'a reply told nowhere'
sed -i 's/ 34$/ 13/' man/sentinel-protocol.7
finds protocol 'do not agree on: 10 busy 34' 'a reason with another status'
echo '.It 11 Ta gone Ta for good Ta 34' >>man/sentinel-protocol.7
finds protocol 'do not agree on: 11 gone 34' 'a reason that is only on the page'
sed -i 's/ACKS_MAX 1024/ACKS_MAX 1023/' lib/wire/limits.h
finds protocol 'ACKS_MAX of wire/limits.h' 'a limit that was changed'
sed -i 's/1024/1025/' man/sentinel-protocol.7
finds protocol 'does not say: up to 1024 of' 'a limit of another number on the page'
sed -i 's/ACKS_MAX 1024/&\n#define PULL_MAX 5/' lib/wire/limits.h
finds protocol 'lacks PULL_MAX' 'a limit told nowhere'

echo '{"properties":{"one":{"properties":{"six":{}}}}}' >share/schema/v1/mark.json
finds schemas 'nobody writes six' 'a field that is only in the manual'

sed -i 's/return 0/return 1/' lib/wire/mark.c
finds mutants 'mark-7: fits 0 places of lib/wire/mark.c' 'a guard that is not there any more'
echo 'int mark_make(void) {  return 0; }' >>lib/wire/mark.c
finds mutants 'mark-7: fits 2 places of lib/wire/mark.c' 'a guard that is there twice'
mutant mark-41 gone >>tests/mutants/mark.list
finds mutants 'mark-41: no tests/unit/test_gone.c' 'a mutant whose test is gone'
mutant mark-41 gone | sed 's/^unit gone$/unit mark\n&/' \
    >>tests/mutants/mark.list
finds mutants 'mark-41: no tests/unit/test_gone.c' 'a second test that is gone'
mutant mark-40 >>tests/mutants/mark.list
finds mutants 'mark-40: twice' 'a name that is there twice'
sed -i 5,\$d tests/mutants/mark.list
finds mutants 'too few' 'a list that has lost most of its mutants'

sed -i '/stands/d' tests/trials.txt
finds trials 'A1: nothing in ./check runs it' 'a quick trial without a test'
sed -i '/^B3/d' tests/trials.txt
finds trials 'B3 is missing' 'a trial that is gone'
printf 'B3\tslow\tagain\n' >>tests/trials.txt
finds trials 'B3 is on no list, or twice' 'a trial that is there twice'
echo '@test "it stands, longer" {' >tests/bats/attack.bats
finds trials 'no test in tests/bats/attack.bats: it stands' 'a test that is gone'
printf '\tmake gold\n' >>tests/trials.txt
finds trials 'no target in: make gold' 'a target that is gone'
echo '- Cannot fly, for good reasons (A1)' >>SECURITY.md
finds trials 'no test is cited for: - Cannot fly' 'a claim without a test'
sed -i 's/it stands/it falls/' SECURITY.md
finds trials 'cites no test: attack: it falls' 'a citation that is wrong'
# shellcheck disable=SC2016
echo 'as `tests/house/gone.sh` has it' >>SECURITY.md
finds trials 'cites no check: tests/house/gone.sh' 'a check that is gone'
echo "make check-bats T='60_gone*'" >>SECURITY.md
finds trials 'runs no test: bats 60_gone' 'a command that runs nothing'
echo 'as in J1 and I9' >>SECURITY.md
finds trials 'no trial I9' 'a trial that is cited and is none'
for id in B1 P1; do
	printf '@test "%s: it stays" {\n}\n' $id >>tests/bats/attack.bats
	finds trials "not listed: $id: it stays of tests/bats/attack.bats" \
	    "a test named after $id that is not on the list"
done

# asserts LINE...: what a test begins with
asserts() {
	sed -i 1q tests/bats/attack.bats
	printf '\t%s\n' "$@" '[ z ]' >>tests/bats/attack.bats
	echo '}' >>tests/bats/attack.bats
}

# shellcheck disable=SC2016
for line in '! grep -q x y' '[ a ] && [ b ]' '[[ a && b ]] && [ c ]' \
    '0) ! test x | grep y ;;' 'grep -q "a || b" x && grep c x' \
    '[ -z "$(a)" ]'; do
	asserts "$line"
	finds asserts 'attack.bats:2: ' "$line"
done
asserts '[ a ] &&' '    [ b ]'
finds asserts 'attack.bats:2: ' 'one of two lines'
printf '%s\n' '@test "it falls" {' '	! x' '}' >>tests/bats/attack.bats
finds asserts 'attack.bats:5: ! x' 'one at the end of a test'
rm tests/bats/attack.bats
finds asserts 'no tests' 'that there is nothing to be read'
# shellcheck disable=SC2016
asserts '! a || fail' '[ a ] && [ b ] || fail' '[[ a && b ]]' \
    '[ "$(a && b)" = c ]' '[ a ] && break' 'grep "a && b" c'
printf '%s\n' '}' 'answers() {' '	! grep x y' >>tests/bats/attack.bats
echo '}' >>tests/bats/attack.bats
passes asserts
clean_tree

echo "1..$n"
