/*
 * types.h: scalar types every layer uses.  Freestanding; no libc.
 */
#ifndef SYS_TYPES_H
#define SYS_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef unsigned char u_char;
typedef unsigned short u_short;
typedef unsigned int u_int;
typedef unsigned long u_long;

typedef long ssize_t;
typedef int64_t off_t;
typedef int32_t pid_t;
typedef uint32_t uid_t;
typedef uint32_t gid_t;
typedef uint32_t mode_t;
typedef uint64_t dev_t;
typedef uint64_t ino_t;

typedef uintptr_t vaddr_t; /* a virtual address */
typedef uint64_t paddr_t;  /* a physical address */
typedef uintptr_t vsize_t; /* bytes of virtual memory */

#define nitems(a) (sizeof(a) / sizeof((a)[0]))

/* The structure of type t whose member m is at p. */
#define container_of(p, t, m) ((t *)(void *)((char *)(p)-offsetof(t, m)))

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/* n must be a power of two. */
#define roundup2(x, n)   (((x) + ((n)-1)) & ~((__typeof__(x))(n)-1))
#define rounddown2(x, n) ((x) & ~((__typeof__(x))(n)-1))

#define __unused     __attribute__((unused))
#define __packed     __attribute__((packed))
#define __aligned(n) __attribute__((aligned(n)))
#define __noinline   __attribute__((noinline))
/*
 * A function for what hardly ever happens: it saves whatever registers it
 * uses, so that who might have to call it keeps none for its sake.
 */
#if defined(__x86_64__) && !defined(__SSE__)
#define __unlikely_call                                                        \
	__attribute__((noinline, cold, no_caller_saved_registers))
#else
#define __unlikely_call __attribute__((noinline, cold))
#endif
#define __printflike(f, a) __attribute__((format(printf, f, a)))
#define __predict_true(e)  __builtin_expect((e) != 0, 1)
#define __predict_false(e) __builtin_expect((e) != 0, 0)

/* One line of the coherence protocol on every machine we know. */
#define CACHELINE 64

#endif
