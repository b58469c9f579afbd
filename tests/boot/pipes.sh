# pipes.sh: the work of tests/boot/pipes, for any busybox sh.
#
#	sh pipes.sh DIRECTORY TURNS
#
# Eight shells, each in its own directory; prints their results in order.

# One shell's turns; its results depend on its number alone.
work() {
	mkdir -p "$dir/$1/tree" && cd "$dir/$1" || exit 1
	turn=0
	while [ $turn -lt "$turns" ]; do
		n=$(($1 * 100 + turn))
		for d in a b c; do
			mkdir -p "tree/$d"
			for f in 1 2 3; do
				seq "$n" $((n + 300 * f)) >"tree/$d/$f"
			done
		done
		find tree -type f | sort | xargs md5sum
		find . -name '[12]' | sort -r | awk -F/ '{ print $3 ":" $4 }'
		tar cf - tree | tar xf - -C "$(mkdir -p copy; echo copy)"
		(cd copy && find tree -type f | sort | xargs cat) | md5sum
		seq "$n" 2000 | gzip -c | gunzip -c | md5sum
		seq 1 3000 | awk -v n="$n" '
			{ s = (s * 31 + $1 * n) % 1000003; if ($1 % 500 == 0) print s }'
		seq 1 2000 | sort -k1,1r | head -n 20 | tr '\n' ' ' | sed 's/ $/\n/'
		dd if=/dev/zero bs=4096 count=100 2>/dev/null | tr '\0' 'x' |
		    sha1sum
		cat tree/*/* | sort -n | uniq -c | sort -rn | head -n 5
		grep -c 1 tree/a/1 tree/b/2
		echo "$n" | while read -r x; do echo $((x * x)); done
		diff tree/a/1 tree/b/1 && cmp tree/a/2 tree/c/2 && echo same
		rm -rf tree copy
		mkdir tree
		turn=$((turn + 1))
	done
}

dir=$1 turns=$2
mkdir -p "$dir"
for i in 1 2 3 4 5 6 7 8; do
	(work $i) >"$dir/out.$i" 2>&1 &
done
wait
for i in 1 2 3 4 5 6 7 8; do
	echo "shell $i"
	cat "$dir/out.$i"
done
