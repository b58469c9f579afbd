#!/bin/sh
# gcc, as, ld and make: what they make, and that it runs.
cat >hello.c <<'X'
#include <stdio.h>
int main(void) { printf("hello %d\n", 42); return 0; }
X
cat >thr.c <<'X'
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
static _Atomic int n;
static _Thread_local int mine;
static void *run(void *p) { for (int i = 0; i < 10000; i++) { n++; mine++; } return (void *)(long)(mine == 10000); }
int main(void)
{
	pthread_t t[8]; void *r; int ok = 0;
	for (int i = 0; i < 8; i++) pthread_create(&t[i], 0, run, 0);
	for (int i = 0; i < 8; i++) { pthread_join(t[i], &r); ok += r != 0; }
	printf("%d %d\n", n, ok);
	return 0;
}
X
cat >lib.c <<'X'
#include <math.h>
double area(double r) { return M_PI * r * r; }
X
cat >use.c <<'X'
#include <dlfcn.h>
#include <stdio.h>
int main(void) { void *h = dlopen("./libarea.so", RTLD_NOW); double (*f)(double) = (double (*)(double))dlsym(h, "area"); printf("%.6f\n", f(2)); return 0; }
X
cat >Makefile <<'X'
CFLAGS = -O2 -g -Wall
all: hello thr use libarea.so static
hello: hello.o
thr: thr.o
	gcc -pthread -o $@ $^
use: use.o
	gcc -o $@ $^ -ldl
libarea.so: lib.c
	gcc -shared -fPIC $(CFLAGS) -o $@ $^
static: hello.c
	gcc -static -O2 -o $@ $^
X
make -s -j4 all && ./hello && ./thr && ./use && ./static
sha256sum hello.o thr.o use.o hello thr use libarea.so static
make all; gcc -O2 -S -o - hello.c | sha256sum
echo 'int f( { ' | gcc -x c -c - -o /dev/null 2>&1 | sed 's/^.*error/error/' | head -n 1
gcc -O3 -flto -o lto hello.c && ./lto; objdump -d hello.o | tail -n +4 | sha256sum
ar rcsD lib.a lib.o hello.o 2>&1; gcc -c lib.c; ar rcsD lib.a lib.o hello.o; nm lib.a; size hello.o | tail -n 1
