// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "confine.h"
#include "log.h"

/* OpenSSL, the C library, and some hundreds of handshakes. */
#define LOCK_BYTES_MIN	(64U * 1024 * 1024)

static int complain(const char *what)
{
	log_say(LOG_ERR, "cannot %s: %s", what, strerror(errno));
	return -1;
}

/* ---- memory ---- */

/*
 * With rights to lock there is no limit, but they go, and from then on it counts for
 * each allocation.
 */
static int enough_to_lock(void)
{
	const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	struct rlimit limit;

	/* Without rights it stays what it is, and that may do. */
	if (setrlimit(RLIMIT_MEMLOCK, &all) && errno != EPERM)
		return complain("raise RLIMIT_MEMLOCK");
	if (getrlimit(RLIMIT_MEMLOCK, &limit))
		return complain("ask for RLIMIT_MEMLOCK");
	if (limit.rlim_cur >= LOCK_BYTES_MIN)
		return 0;
	log_say(LOG_ERR, "cannot lock the memory: %llu KiB are allowed, and it takes %u; set LimitMEMLOCK=infinity, or lock-memory no in kdtlsd.conf",
		(unsigned long long)limit.rlim_cur / 1024, LOCK_BYTES_MIN / 1024);
	return -1;
}

int confine_memory(bool lock)
{
	const struct rlimit none = { 0, 0 };

	if (setrlimit(RLIMIT_CORE, &none))
		return complain("switch core dumps off");
	if (!lock)
		return 0;
	if (enough_to_lock())
		return -1;
	return mlockall(MCL_CURRENT | MCL_FUTURE) ? complain("lock the memory") : 0;
}

void confine_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* ---- the user ---- */

static int drop_bounding(void)
{
	int cap;

	for (cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) && errno != EPERM)
			return complain("drop capabilities");
	return 0;
}

/* Also for who was root and stays it, and for who was given some. */
static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2] = { { 0 } };

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0))
		return complain("drop ambient capabilities");
	if (syscall(SYS_capset, &header, data))
		return complain("drop capabilities");
	return 0;
}

static int become(const struct conf *conf)
{
	uid_t uid = conf->uid == (uid_t)-1 ? geteuid() : conf->uid;
	gid_t gid = conf->gid == (gid_t)-1 ? getegid() : conf->gid;

	if (geteuid()) {
		if (uid == geteuid() && gid == getegid())
			return 0;
		log_say(LOG_ERR, "only root can become the user and group of %s: start as root, or leave them out",
			conf->path);
		return -1;
	}
	if (setgroups(0, NULL))
		return complain("drop groups");
	if (setresgid(gid, gid, gid))
		return complain("become the group");
	if (setresuid(uid, uid, uid))
		return complain("become the user");
	if (uid)
		return 0;
	log_say(LOG_WARNING, "runs as root: give a user in %s", conf->path);
	return 0;
}

int confine_user(const struct conf *conf)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return complain("set no_new_privs");
	if (drop_bounding() || become(conf) || drop_capabilities())
		return -1;
	/* Nobody else of this user looks into it. setresuid() has changed it. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return complain("become undumpable");
	return 0;
}

/* ---- system calls ---- */

/*
 * What the loop, libkdtls, OpenSSL and the C library need from then on, the reading of
 * files by a reload included.
 */
static const int needed[] = {
	SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(pread64), SCMP_SYS(lseek),
	SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(close),
	SCMP_SYS(fstat), SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(newfstatat),
	SCMP_SYS(statx), SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2),
	SCMP_SYS(fcntl), SCMP_SYS(fadvise64), SCMP_SYS(readlink),
	SCMP_SYS(getdents64),
	SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait), SCMP_SYS(poll), SCMP_SYS(ppoll),
	SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime),
	SCMP_SYS(timerfd_gettime), SCMP_SYS(eventfd2),
	SCMP_SYS(accept4), SCMP_SYS(bind), SCMP_SYS(connect), SCMP_SYS(shutdown),
	SCMP_SYS(getsockname), SCMP_SYS(getpeername),
	SCMP_SYS(getsockopt), SCMP_SYS(setsockopt),
	SCMP_SYS(sendto), SCMP_SYS(sendmsg), SCMP_SYS(sendmmsg),
	SCMP_SYS(recvfrom), SCMP_SYS(recvmsg), SCMP_SYS(recvmmsg),
	SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(brk),
	SCMP_SYS(madvise), SCMP_SYS(mlock), SCMP_SYS(mlock2), SCMP_SYS(munlock),
	SCMP_SYS(futex), SCMP_SYS(sched_yield), SCMP_SYS(rseq),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(clock_gettime), SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep),
	SCMP_SYS(gettimeofday), SCMP_SYS(time),
	SCMP_SYS(getrandom), SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(getuid),
	SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid), SCMP_SYS(uname),
	SCMP_SYS(sysinfo), SCMP_SYS(getcpu),
	SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
	SCMP_SYS(restart_syscall), SCMP_SYS(exit), SCMP_SYS(exit_group),
	SCMP_SYS(tgkill),
	/* The same on systems of 32 bits. */
	SCMP_SYS(_llseek), SCMP_SYS(fstat64), SCMP_SYS(stat64), SCMP_SYS(lstat64),
	SCMP_SYS(fstatat64), SCMP_SYS(fcntl64), SCMP_SYS(fadvise64_64),
	SCMP_SYS(mmap2), SCMP_SYS(ppoll_time64), SCMP_SYS(recvmmsg_time64),
	SCMP_SYS(timerfd_settime64), SCMP_SYS(timerfd_gettime64),
	SCMP_SYS(futex_time64), SCMP_SYS(clock_gettime64),
	SCMP_SYS(clock_nanosleep_time64), SCMP_SYS(getuid32), SCMP_SYS(geteuid32),
	SCMP_SYS(getgid32), SCMP_SYS(getegid32), SCMP_SYS(sigreturn),
};

/* What only somebody else would call, from within us. */
static const int hostile[] = {
	SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(fork), SCMP_SYS(vfork),
	SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev),
	SCMP_SYS(init_module), SCMP_SYS(finit_module), SCMP_SYS(kexec_load),
	SCMP_SYS(mount), SCMP_SYS(setns), SCMP_SYS(unshare), SCMP_SYS(bpf),
};

/* What a system does not have it does not need. */
static int add_list(scmp_filter_ctx ctx, uint32_t action, const int *list, size_t n)
{
	size_t i;
	int err;

	for (i = 0; i < n; i++) {
		err = seccomp_rule_add(ctx, action, list[i], 0);
		if (err && err != -EDOM && err != -EACCES)
			return err;
	}
	return 0;
}

/* Where files are opened, it is to be read. */
static int add_open(scmp_filter_ctx ctx, bool writing)
{
	const struct scmp_arg_cmp reading =
		SCMP_A2(SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY);
	const struct scmp_arg_cmp reading_open =
		SCMP_A1(SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY);
	int err;

	if (writing) {
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(openat), 0);
		return err ? err : seccomp_rule_add(ctx, SCMP_ACT_ALLOW,
						    SCMP_SYS(fchmod), 0);
	}
	err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1, reading);
	if (!err)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(open), 1,
				       reading_open);
	return err == -EDOM ? 0 : err;
}

/* Nobody makes memory that can be run, or sockets but to ask for the module. */
static int add_others(scmp_filter_ctx ctx)
{
	static const int families[] = { AF_INET, AF_NETLINK };
	int err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
				   SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	size_t i;

	for (i = 0; !err && i < 2; i++)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
				       SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i]));
	return err;
}

static int add_all(scmp_filter_ctx ctx, unsigned int leave)
{
	int err = add_list(ctx, SCMP_ACT_ALLOW, needed,
			   sizeof(needed) / sizeof(needed[0]));

	if (!err)
		err = add_list(ctx, SCMP_ACT_KILL_PROCESS, hostile,
			       sizeof(hostile) / sizeof(hostile[0]));
	if (!err)
		err = add_open(ctx, leave & CONFINE_KEYLOG);
	if (!err)
		err = add_others(ctx);
	if (!err && leave & CONFINE_UNLINK)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(unlink), 0);
	if (err == -EDOM)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(unlinkat), 0);
	/* The thread of closer.c as well. */
	if (!err)
		err = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	return err ? err : seccomp_load(ctx);
}

int confine_calls(unsigned int leave)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int err = ctx ? add_all(ctx, leave) : -ENOMEM;

	if (ctx)
		seccomp_release(ctx);
	if (!err)
		return 0;
	log_say(LOG_ERR, "cannot install the seccomp filter: %s", strerror(-err));
	return -1;
}
