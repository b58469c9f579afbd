/*
 * ksyms.c: the symbol table of an image that was linked without one.
 */
#include "arm64.h"

__attribute__((weak)) const struct ksym md_ksyms[1] = {{0, 0}};
__attribute__((weak)) const uint32_t md_nksyms = 0;
__attribute__((weak)) const char md_ksymstr[1] = "";
