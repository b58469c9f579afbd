/*
 * elf.h: 64-bit ELF as far as starting a program needs it (System V ABI,
 * chapters 4 and 5).
 */
#ifndef SYS_ELF_H
#define SYS_ELF_H

#include <sys/types.h>

struct elf_header {
	uint8_t e_ident[16];
	uint16_t e_type;
	uint16_t e_machine;
	uint32_t e_version;
	uint64_t e_entry;
	uint64_t e_phoff;
	uint64_t e_shoff;
	uint32_t e_flags;
	uint16_t e_ehsize;
	uint16_t e_phentsize;
	uint16_t e_phnum;
	uint16_t e_shentsize;
	uint16_t e_shnum;
	uint16_t e_shstrndx;
};
_Static_assert(sizeof(struct elf_header) == 64, "ELF header");

#define ELF_MAGIC   "\177ELF"
#define ELF_CLASS   4 /* index into e_ident */
#define ELF_CLASS64 2
#define ELF_DATA    5
#define ELF_DATALSB 1
#define ET_EXEC     2
#define ET_DYN      3
#define EM_X86_64   62
#define EM_AARCH64  183

struct elf_phdr {
	uint32_t p_type;
	uint32_t p_flags;
	uint64_t p_offset;
	uint64_t p_vaddr;
	uint64_t p_paddr;
	uint64_t p_filesz;
	uint64_t p_memsz;
	uint64_t p_align;
};
_Static_assert(sizeof(struct elf_phdr) == 56, "ELF program header");

#define PT_LOAD      1
#define PT_INTERP    3
#define PT_PHDR      6
#define PT_GNU_STACK 0x6474e551
#define PF_X         1
#define PF_W         2
#define PF_R         4

#endif
