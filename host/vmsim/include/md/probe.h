/*
 * probe.h: probes of hosted builds: USDT, as SystemTap's sys/sdt.h describes
 * the format: a no-op in the code, and a note of type 3 in .note.stapsdt with
 * its address, the base that prelink would have moved, no semaphore, the
 * provider, the name, and where each argument is.
 */
#ifndef MD_PROBE_H
#define MD_PROBE_H

#define MD_PROBE3(provider, name, a, b, c)                                     \
	__asm__ volatile("990: nop\n"                                          \
			 ".pushsection .note.stapsdt,\"\",\"note\"\n"          \
			 ".balign 4\n"                                         \
			 ".4byte 992f-991f, 994f-993f, 3\n"                    \
			 "991: .asciz \"stapsdt\"\n"                           \
			 "992: .balign 4\n"                                    \
			 "993: .8byte 990b, 0, 0\n"                            \
			 ".asciz \"" #provider "\"\n"                          \
			 ".asciz \"" #name "\"\n"                              \
			 ".asciz \"8@%0 8@%1 8@%2\"\n"                         \
			 "994: .balign 4\n"                                    \
			 ".popsection\n"                                       \
			 :                                                     \
			 : "nor"((uint64_t)(a)), "nor"((uint64_t)(b)),         \
			 "nor"((uint64_t)(c)))

#endif
