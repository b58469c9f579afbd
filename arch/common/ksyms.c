/*
 * ksyms.c: the empty table of symbols that the first link of an image uses.  A
 * file of its own: where these definitions are seen, compilers take them for
 * the last word.
 */
#include "common.h"

__attribute__((weak)) const struct ksym md_ksyms[1] = {{0, 0}};
__attribute__((weak)) const uint32_t md_nksyms = 0;
__attribute__((weak)) const char md_ksymstr[1] = "";
