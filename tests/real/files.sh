#!/bin/sh
# Names, kinds, modes and times of files.
umask 022
mkdir -p d/a/b/c d/e; echo one >d/a/1; echo two >d/a/b/2; ln -s ../1 d/a/b/l
ln d/a/1 d/e/hard; mkfifo d/e/fifo; ln -s nowhere d/e/dangling
chmod 640 d/a/1; chmod 2755 d/e; chmod u+s,o= d/a/b/2
touch -d '2001-02-03 04:05:06 UTC' d/a/1 d/a/b/2
touch -h -d '2001-02-03 04:05:06 UTC' d/a/b/l
find d | sort; find d -type f -links 2 | sort; find d -type l -xtype l
find d -newermt 2020-01-01 -type f; find d -perm /u+s -printf '%p %m %s\n'
stat -c '%n %F %a %h %s %u %g' d/a/1 d/e/fifo d/a/b/l d/a/b/2
stat -c '%n %F %a %h %u %g' d d/e
TZ=UTC stat -c '%n %y %Y' d/a/1 d/a/b/l
TZ=UTC ls -lR --time-style=+%F d/a | grep '^[l-]' | tr -s ' '
cp -a d d2; diff -r d/a d2/a && echo equal
stat -c '%n %F %a %h' d2/e/hard d2/a/1 d2/e/fifo d2/e
cp --sparse=always /dev/null empty; cp d/a/1 copy; cat copy
cp d/a/1 d/a/1; echo "cp self $?"
mv d2 d3; mv d3/a d3/e/; ls d3 d3/e | cat; mv d3 d3/e 2>&1
rmdir d3 2>&1; rm -r d3; ls d3 2>&1
readlink -f d/a/b/l; realpath d/a/../e; readlink d/e/dangling
dd if=/dev/zero of=sparse bs=1 count=1 seek=1048575 2>/dev/null
stat -c %s sparse; truncate -s 100 sparse; wc -c sparse; fallocate -l 5000 falloc && stat -c %s falloc
dd if=sparse bs=10 skip=3 count=2 2>/dev/null | wc -c
echo hello | tee t1 t2 >t3; cat t1 t2 t3; tail -c 3 t1; head -c 2 t1; echo
(flock -n 9 && echo locked; (flock -n 9 || echo refused) 9>lock2) 9>lock
flock lock sh -c 'flock -n lock echo never || echo busy'
tar -cf t.tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner d
sha256sum t.tar; tar -tvf t.tar --numeric-owner | sed 's/19..-..-.. ..:..//' | sort
mkdir x; tar -xpf t.tar -C x; diff -r --no-dereference d/a x/d/a && echo tar
tar -czf t.tgz -C d a; tar -xzOf t.tgz a/1; gzip -n <t.tar | gzip -dc | cmp - t.tar && echo gzip
gzip -n9 <t.tar | sha256sum; gzip -t t.tgz; echo "gzip $?"
find d -type f -print0 | xargs -0 -n1 -P4 cat | sort
touch 'a b' "c'd" "$(printf 'e\nf')"; ls -Q | head -n 3; rm -f 'a b' "c'd" e*
mkdir m; chmod 1777 m; stat -c %A m; install -m 751 d/a/1 inst; stat -c %A inst
rm -rf nothing; rm nothing 2>&1; cat d 2>&1; ls -d nothing 2>&1; mkdir d 2>&1; (: >d) 2>&1
cd d/a/b && pwd && cd .. && pwd -P; df . >/dev/null && echo df
echo x >del; exec 3<del; rm del; cat <&3
