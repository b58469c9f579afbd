/*
 * print.h: formatted output and memory functions without a libc.
 *
 * The functions named as in C11 do what it says.
 *
 * The formats are %d %i %u %x %X %o %c %s %p %% with the flags 0 - # +, width
 * and precision (also *), and the lengths hh h l ll z j t.
 */
#ifndef BASE_PRINT_H
#define BASE_PRINT_H

#include <stdarg.h>
#include <sys/types.h>

/* Write a line to the kernel's log.  Any context. */
__printflike(1, 2) void kprintf(const char *fmt, ...);
void kvprintf(const char *fmt, va_list ap);

/* As C11: always terminated when len > 0; returns the untruncated length. */
__printflike(3, 4) int ksnprintf(char *buf, size_t len, const char *fmt, ...);
int kvsnprintf(char *buf, size_t len, const char *fmt, va_list ap);

void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
char *strstr(const char *s, const char *sub);
/* Copy with truncation; returns strlen(src).  size > 0: terminated. */
size_t strlcpy(char *dst, const char *src, size_t size);
/* Unsigned number in base 0 (0x, 0, decimal), 8, 10 or 16; *end past it. */
u_long kstrtoul(const char *s, const char **end, int base);

#endif
