# tour.sh: the last part of the tour, what an exit costs.  Sourced by tour.
#
# The programs of the guest are charged in instructions: QEMU counts them, and
# one is one nanosecond.  The same table and curves come out on any machine.

# measure POLICY: lines "PAGES WRITTEN NS CHARGED".
measure() {
	ROOT=$troot ICOUNT=1 CPUS=1 APPEND="vm.exit_policy=$1" \
	    ./run '/t/exitcost 16384' </dev/null 2>"$work/run.tmp" |
	    tr -d '\r' | sed -n 's/^exitcost //p'
}

seed "What an exit costs: charged to the process, or left to the reaper"
progress "building the kernel and its test programs for $ARCH"
make -s $jobs B="$B" ARCH="$ARCH" image progs || die "the build failed"
troot=$B/$ARCH/testroot
for policy in purge reaper; do
	progress "booting with vm.exit_policy=$policy, instructions counted"
	measure $policy >"$work/$policy"
	if [ "$(wc -l <"$work/$policy")" -lt 8 ]; then
		cat "$work/run.tmp"
		oops "no figures with vm.exit_policy=$policy"
		return
	fi
done

# Both together: PAGES WRITTEN PURGE_NS PURGE_US REAPER_NS REAPER_US
paste -d ' ' "$work/purge" "$work/reaper" | cut -d ' ' -f 1-4,7-8 >"$work/both"
awk '
function bar(n, c,   s) {
	for (s = ""; n > 0; n--)
		s = s c
	return s
}
BEGIN {
	print ""
	print "                          emptied by itself      by the reaper"
	print "      mapped    written   to wait   charged   to wait   charged"
	print "       pages      pages        us        us        us        us"
}
{
	printf "  %10d %10d %9.1f %9d %9.1f %9d\n",
	    $1, $2, $3 / 1000, $4, $5 / 1000, $6
	n++
	label[n] = $1 == $2 ? $2 " pages" : "7 in 4 GB"
	purge[n] = $3 / 1000
	reaper[n] = $5 / 1000
	paid[n] = $4
	paid2[n] = $6
	max = $3 > max ? $3 : max
}
END {
	print ""
	print "  system time charged to the process that exits, log scale, us"
	print "  (# emptied by itself, o left to the reaper)"
	for (i = 1; i <= n; i++) {
		printf "  %12s |%s %d\n", label[i],
		    bar(16 * log(paid[i] + 1) / log(10), "#"), paid[i]
		printf "  %12s |%s %d\n", "",
		    bar(16 * log(paid2[i] + 1) / log(10), "o"), paid2[i]
	}
}' "$work/both"

# The same as a picture.
awk '
function x(v) { return 70 + 480 * log(v + 1) / log(16385) }
function y(v) { return 330 - 290 * log(v) / log(4000) }
function curve(col, colour, dash,   i, d) {
	for (i = 1; i <= n; i++)
		d = d (i == 1 ? "M" : "L") sprintf("%.1f %.1f ", x(w[i]), y(v[col, i]))
	printf "<path d=\"%s\" fill=\"none\" stroke=\"%s\"%s/>\n", d, colour,
	    dash ? " stroke-dasharray=\"5 4\"" : ""
	for (i = 1; i <= n; i++)
		printf "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n",
		    x(w[i]), y(v[col, i]), colour
}
function key(row, colour, dash, text) {
	printf "<path d=\"M90 %d h30\" stroke=\"%s\"%s/>", row, colour,
	    dash ? " stroke-dasharray=\"5 4\"" : ""
	printf "<text x=\"126\" y=\"%d\">%s</text>\n", row + 4, text
}
$1 == $2 {
	w[++n] = $2
	v[1, n] = $3 / 1000
	v[2, n] = $4 > 0 ? $4 : 1
	v[3, n] = $5 / 1000
	v[4, n] = $6 > 0 ? $6 : 1
}
END {
	print "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"600\" " \
	    "height=\"380\" font-family=\"sans-serif\" font-size=\"12\">"
	print "<rect width=\"600\" height=\"380\" fill=\"white\"/>"
	print "<path d=\"M70 30V330H560\" fill=\"none\" stroke=\"black\"/>"
	for (t = 1; t <= 1000; t *= 10)
		printf "<text x=\"62\" y=\"%.0f\" text-anchor=\"end\">%d</text>" \
		    "<path d=\"M70 %.0fH560\" stroke=\"#ddd\"/>\n",
		    y(t) + 4, t, y(t)
	for (i = 1; i <= n; i++)
		printf "<text x=\"%.0f\" y=\"348\" text-anchor=\"middle\">%d</text>\n",
		    x(w[i]), w[i]
	print "<text x=\"300\" y=\"370\">pages written</text>"
	print "<text x=\"14\" y=\"20\">us (1 instruction = 1 ns)</text>"
	curve(1, "#c33", 0)
	curve(2, "#c33", 1)
	curve(3, "#36c", 0)
	curve(4, "#36c", 1)
	key(48, "#c33", 0, "emptied by itself: exit to wait")
	key(66, "#c33", 1, "emptied by itself: charged to the process")
	key(84, "#36c", 0, "by the reaper: exit to wait")
	key(102, "#36c", 1, "by the reaper: charged to the process")
	print "</svg>"
}' "$work/both" >"$work/exit.svg"
echo
echo "  As in May 2025: the wall time stays, the system time moves to where it"
echo "  belongs.  The picture: ${work#"$top"/}/exit.svg"
