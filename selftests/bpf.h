/* SPDX-License-Identifier: GPL-2.0 */
/* Small BPF programs, written by hand, and the cgroups they are attached to. */
#ifndef KDTLS_SELFTESTS_BPF_H
#define KDTLS_SELFTESTS_BPF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/bpf.h>

#define INSN(op, dst, src, offset, value)				\
	((struct bpf_insn){ .code = (op), .dst_reg = (dst),		\
			    .src_reg = (src), .off = (offset),		\
			    .imm = (value) })
#define MOV_IMM(dst, imm)						\
	INSN(BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, imm)
#define MOV_REG(dst, src)						\
	INSN(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0)
#define ADD_IMM(dst, imm)						\
	INSN(BPF_ALU64 | BPF_ADD | BPF_K, dst, 0, 0, imm)
#define AND_IMM(dst, imm)						\
	INSN(BPF_ALU64 | BPF_AND | BPF_K, dst, 0, 0, imm)
#define LOAD(size, dst, src, off)					\
	INSN(BPF_LDX | BPF_MEM | (size), dst, src, off, 0)
#define STORE(size, dst, off, src)					\
	INSN(BPF_STX | BPF_MEM | (size), dst, src, off, 0)
#define JUMP_EQ(dst, imm, to)						\
	INSN(BPF_JMP | BPF_JEQ | BPF_K, dst, 0, to, imm)
#define JUMP_NE(dst, imm, to)						\
	INSN(BPF_JMP | BPF_JNE | BPF_K, dst, 0, to, imm)
#define CALL(helper)							\
	INSN(BPF_JMP | BPF_CALL, 0, 0, 0, helper)
#define RETURN()							\
	INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

/* Each returns a descriptor; what the kernel refuses ends the test. */
int bpf_load(int type, int attach_type, const struct bpf_insn *insns, size_t n);
#define BPF_LOAD(type, attach_type, insns)				\
	bpf_load(type, attach_type, insns, sizeof(insns) / sizeof((insns)[0]))
/* A program for a cgroup's sockets that returns @value. */
int bpf_load_return(int type, int attach_type, int value);

/*
 * A new cgroup, with this process in it and all sockets that it makes from now
 * on; -1 if there are no cgroups.
 */
int cgroup_enter(void);
/* Leave it, and remove it with whatever is attached to it. */
void cgroup_leave(int cgroup);
/* Each returns 0 or a negative errno. */
int cgroup_attach(int cgroup, int prog, int attach_type);
int cgroup_detach(int cgroup, int prog, int attach_type);

#endif /* KDTLS_SELFTESTS_BPF_H */
