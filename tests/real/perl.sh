#!/bin/sh
# perl: fork, pipes, signals, sockets, sorting.
perl -e '
use strict; use warnings; use IO::Handle; use Socket; $| = 1;
my %h; $h{$_ * 7919 % 1009}++ for 1 .. 5000; print scalar(keys %h), "\n";
pipe(my $r, my $w); my $pid = fork;
if (!$pid) { close $r; print $w "from child\n"; exit 3 }
close $w; print scalar <$r>; waitpid $pid, 0; print $? >> 8, "\n";
local $SIG{ALRM} = sub { print "alarm\n" }; alarm 1; select undef, undef, undef, 5;
socketpair(my $a, my $b, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or die $!;
$a->autoflush(1); print $a "over a socket\n"; print scalar <$b>;
print join(",", map { $_ ** 2 } grep { $_ % 2 } 1 .. 9), "\n";
open my $f, "+>", "perl.tmp" or die; print $f "x" x 100000; seek $f, 0, 0;
my $n = 0; $n += length while <$f>; print "$n\n"; print -s "perl.tmp", "\n";
print `echo backtick`; system("exit 7"); print $? >> 8, "\n";
my $s = join "", map { chr(97 + $_ % 26) } 1 .. 100000; my $c = () = $s =~ /[aeiou][^aeiou]/g; print "$c\n";
kill "TERM", $$ if 0; printf "%.6f\n", atan2(1, 1) * 4;'
