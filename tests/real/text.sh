#!/bin/sh
# Filters over some data that everybody can make.
seq 1 20000 | awk '{ print ($1 * 7919) % 20011, "line", $1 }' >data
sha256sum data
sort -n data | sha256sum
sort -R --random-source=data data | sort -k3n | sha256sum
sort --parallel=4 -S 64K -k1,1n data | head -n 3
md5sum data; sha512sum data; b2sum data; cksum data
cut -d' ' -f1 data | sort -n | uniq -c | sort -rn | head -n 2
sed -n 's/^\(1[0-9]*\) line \(.*5\)$/\2:\1/p' data | tail -n 3
grep -c '99' data; grep -E '^(1|2)+ ' data | head -n 3; grep -nw 77 data
gawk '{ s += $1; h[$1 % 10]++ } END { print s; n = asorti(h, k); for (i = 1; i <= n; i++) printf "%s %d\n", k[i], h[k[i]] }' data
tr 0-9 a-j <data | sha256sum
split -n l/4 data part.; wc -l part.*; cat part.* | cmp - data && echo same
paste part.aa part.ab | head -n 2; join part.aa part.aa | wc -l
tac data | rev | sha256sum; fold -w 7 data | wc; expand data | wc
od -An -tx4 -N32 data; base64 data | base64 -d | cmp - data && echo base64
sed 's/line/LINE/' data >data2; diff data data2 | wc -l; comm -12 data data2 | wc -l
diff -u part.aa part.ab | head -n 5 | sed '1,2d'
factor 1234567890123 97; numfmt --to=iec 123456789; seq -s, 10
shuf --random-source=data -n 3 data; nl data | tail -n 1; pr -t -3 part.aa | sha256sum
tsort <<X
a b
b c
a c
X
date -u -d @1234567890 '+%F %T'
expr 7 \* 6; test 3 -lt 4 && echo lt; printf '%05.2f %s\n' 3.14159 pi
