// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bpf.h"
#include "util.h"

#define CGROUPS		"/sys/fs/cgroup"

static int bpf(int cmd, union bpf_attr *attr)
{
	return RC(syscall(SYS_bpf, cmd, attr, sizeof(*attr)));
}

int bpf_load(int type, int attach_type, const struct bpf_insn *insns, size_t n)
{
	static char log[16384];
	union bpf_attr attr = {
		.prog_type = type,
		.expected_attach_type = attach_type,
		.insns = (uintptr_t)insns,
		.insn_cnt = n,
		.license = (uintptr_t)"GPL",
		.log_buf = (uintptr_t)log,
		.log_size = sizeof(log),
		.log_level = 1,
	};
	int fd = bpf(BPF_PROG_LOAD, &attr);

	if (fd < 0)
		die("BPF program: %s\n%s", strerror(-fd), log);
	return fd;
}

int bpf_load_return(int type, int attach_type, int value)
{
	const struct bpf_insn insns[] = { MOV_IMM(0, value), RETURN() };

	return BPF_LOAD(type, attach_type, insns);
}

static int move_to(const char *dir)
{
	char path[128];
	int fd, err;

	snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	err = fd < 0 ? -1 : write(fd, "0", 1) == 1 ? 0 : -1;
	if (fd >= 0)
		close(fd);
	return err;
}

static void cgroup_path(char *path, size_t n)
{
	snprintf(path, n, CGROUPS "/kdtls-%d", getpid());
}

int cgroup_enter(void)
{
	char path[64];
	int fd;

	cgroup_path(path, sizeof(path));
	if (mkdir(path, 0755))
		return -1;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || move_to(path))
		die("%s", path);
	return fd;
}

void cgroup_leave(int cgroup)
{
	char path[64];

	cgroup_path(path, sizeof(path));
	if (move_to(CGROUPS) || rmdir(path))
		die("%s: leave", path);
	close(cgroup);
}

int cgroup_attach(int cgroup, int prog, int attach_type)
{
	union bpf_attr attr = {
		.target_fd = cgroup,
		.attach_bpf_fd = prog,
		.attach_type = attach_type,
		.attach_flags = BPF_F_ALLOW_MULTI,
	};

	return bpf(BPF_PROG_ATTACH, &attr);
}

int cgroup_detach(int cgroup, int prog, int attach_type)
{
	union bpf_attr attr = {
		.target_fd = cgroup,
		.attach_bpf_fd = prog,
		.attach_type = attach_type,
	};

	return bpf(BPF_PROG_DETACH, &attr);
}
