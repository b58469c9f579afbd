#!/bin/bash
# What bash does with processes, pipes and descriptors.
set -u
declare -A h=([one]=1 [two]=2 [three]=3)
for k in $(printf '%s\n' "${!h[@]}" | sort); do echo "$k=${h[$k]}"; done
echo $((2 ** 40 % 1000007)) "${PATH//:/ }"
diff <(seq 1 10) <(seq 2 11)
coproc cat
echo through coproc >&"${COPROC[1]}"
read -r line <&"${COPROC[0]}"
echo "$line"
exec {out}>&"${COPROC[1]}"- && exec {out}>&-
wait "$COPROC_PID"
echo "coproc $?"
for i in 1 2 3; do (sleep 0.$i; exit "$i") & done
ended=
for i in 1 2 3; do wait -n; ended="$ended $?"; done
echo jobs $(printf '%s\n' $ended | sort)
trap 'echo usr1' USR1
kill -USR1 $$
trap 'echo exit' EXIT
{ (trap - EXIT; kill -TERM $BASHPID); } 2>/dev/null
echo "status $?"
{ (ulimit -c 0; kill -SEGV $BASHPID); } 2>/dev/null
echo "status $?"
cat <<< "here string" | tr a-z A-Z
mapfile -t lines < <(seq 5)
echo "${#lines[@]} ${lines[4]}"
set -o pipefail
false | true
echo "pipefail $?"
yes | head -n 100000 | wc -l
echo "${PIPESTATUS[*]}"
timeout 0.2 sleep 10
echo "timeout $?"
{ timeout -s KILL 0.2 sleep 10; } 2>/dev/null
echo "timeout $?"
printf '%(%Y-%m-%d)T\n' 1000000000
f() { local n=$1; ((n <= 1)) && { echo 1; return; }; echo $((n * $(f $((n - 1))))); }
f 12
exec 5<>/tmp/real.rw
echo abc >&5
exec 5<&-
cat /tmp/real.rw
rm /tmp/real.rw
