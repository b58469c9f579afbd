#!/bin/sh
# strace and what it says of others: calls, arguments, signals, threads.
strace -qq -e trace=openat,read,write,close -e signal=none -P /etc/hosts -o out cat /etc/hosts >/dev/null; cut -d' ' -f1 out | sort | uniq -c
strace -qq -ff -e trace=execve,exit_group -o two sh -c 'true; /bin/true & wait; exit 3'; echo $?
cat two.* | sed -E 's/\b[0-9]{1,7}\b/N/g; s/0x[0-9a-f]+ .*vars \*\//ENV/; s/, si_utime.*}/}/' | sort | uniq -c
strace -qq -e trace=none -e signal=all -o out sh -c 'kill -USR1 $$'; echo $?; sed -E 's/[0-9]+/N/g' out
strace -c -o out true; awk '$NF == "execve" { print $NF, $(NF - 1) }' out
strace -qq -e inject=openat:error=EACCES:when=1+ -P /etc/hosts -e trace=openat -o out cat /etc/hosts 2>&1; echo $?; grep -c INJECTED out
strace -qq -e inject=getppid:retval=77 -e trace=getppid -o /dev/null sh -c 'echo $PPID'
strace -f -qq -e trace=clone,clone3,vfork,fork -o out sh -c '(true); echo done'; grep -cE 'clone|fork' out
sleep 30 & pid=$!; strace -qq -e trace=none -o out -p $pid & sleep 1; kill -TERM $!; wait $!; echo $?; kill $pid; wait $pid; echo $?
strace -qq -y -e trace=dup2,fchdir -o out sh -c 'exec 5</etc/hosts 6<&5'; grep -c /etc/hosts out; strace -e trace=exit_group -k true 2>&1 | head -n 1
strace -qq -s 5 -e trace=write -o out echo 'a long line of text'; sed 's/^[0-9]* *//' out
