/* Takes from a cell's process what it must never have: capabilities, and the system calls by which it could
 * get at the kernel's inside, at other processes, or at namespaces of its own. */
#define _GNU_SOURCE
#include "box.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCHITECTURE 0xc000003eu
#define OTHER_ABI 0x40000000u /* system calls of x32 have this bit */
#elif defined(__aarch64__)
#define ARCHITECTURE 0xc00000b7u
#else
#error "no system call filter is known for this architecture"
#endif

#define LOAD 0x20
#define JUMP_EQUAL 0x15
#define JUMP_SET 0x45
#define RETURN 0x06
#define ALLOW 0x7fff0000u
#define REFUSE(number) (0x00050000u | (number))
#define NAMESPACES 0x7e020080u /* CLONE_NEW*, that of time included */
#define ARGUMENT(number) (16 + 8 * (number)) /* where it stands in what a filter sees, least significant half */
#define BOX 1 /* the process that must stay as it is, and its group: later cells inherit from it */

struct step {
	unsigned short code;
	unsigned char yes, no;
	unsigned int value;
};

struct program {
	unsigned short size;
	const struct step *steps;
};

/* Not known to every C library; the numbers are those of all architectures. */
enum { io_uring_setup = 425, io_uring_enter, io_uring_register, open_tree, move_mount, fsopen, fsconfig, fsmount,
	fspick, pidfd_open_, clone3, pidfd_getfd = 438, mount_setattr_ = 442, quotactl_fd_, open_tree_attr = 467 };

static const unsigned int refused[] = {
	__NR_unshare, __NR_setns, __NR_mount, __NR_umount2, __NR_pivot_root, __NR_chroot, open_tree, move_mount,
	fsopen, fsconfig, fsmount, fspick, mount_setattr_, open_tree_attr, quotactl_fd_, __NR_ptrace, __NR_process_vm_readv,
	__NR_process_vm_writev, pidfd_getfd, __NR_bpf, __NR_perf_event_open, __NR_userfaultfd, io_uring_setup,
	io_uring_enter, io_uring_register, __NR_keyctl, __NR_add_key, __NR_request_key, __NR_init_module,
	__NR_finit_module, __NR_delete_module, __NR_kexec_load, __NR_kexec_file_load, __NR_reboot, __NR_swapon, __NR_swapoff,
	__NR_acct, __NR_quotactl, __NR_syslog, __NR_settimeofday, __NR_clock_settime, __NR_adjtimex,
	__NR_clock_adjtime, __NR_sethostname, __NR_setdomainname, __NR_name_to_handle_at,
	__NR_open_by_handle_at, __NR_fanotify_init, __NR_lookup_dcookie, __NR_kcmp, __NR_vhangup,
	__NR_mbind, __NR_set_mempolicy, __NR_migrate_pages, __NR_move_pages, __NR_nfsservctl,
#ifdef __x86_64__
	__NR_iopl, __NR_ioperm, __NR_modify_ldt, __NR_uselib, __NR_ustat, __NR_sysfs, __NR__sysctl,
#endif
};

/* Calls that are refused if an argument has a value. */
static const struct {
	unsigned int number;
	int argument;
	unsigned int value;
} refused_for[] = {
	{__NR_prlimit64, 0, BOX}, {__NR_sched_setaffinity, 0, BOX}, {__NR_sched_setscheduler, 0, BOX},
	{__NR_sched_setparam, 0, BOX}, {__NR_sched_setattr, 0, BOX}, {__NR_setpriority, 1, BOX},
	{__NR_ioprio_set, 1, BOX}, {__NR_setpriority, 0, 2 /* of every process of a user */},
	{__NR_ioprio_set, 0, 3 /* likewise */},
};

/* Sockets of every other kind may lead out of a network namespace, to the machine that runs this one too. */
static const unsigned int families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};

#define COUNT(of) (sizeof(of) / sizeof *(of))
#define STEP(code, value, yes, no) (*next++ = (struct step){code, yes, no, value})

static struct step *filter_arguments(struct step *next)
{
	size_t index;

	for (index = 0; index < COUNT(refused_for); index++) {
		STEP(LOAD, 0, 0, 0);
		STEP(JUMP_EQUAL, refused_for[index].number, 0, 3);
		STEP(LOAD, ARGUMENT(refused_for[index].argument), 0, 0);
		STEP(JUMP_EQUAL, refused_for[index].value, 0, 1);
		STEP(RETURN, REFUSE(EPERM), 0, 0);
	}
	STEP(LOAD, 0, 0, 0);
	STEP(JUMP_EQUAL, __NR_socket, 0, COUNT(families) + 2);
	STEP(LOAD, ARGUMENT(0), 0, 0);
	for (index = 0; index < COUNT(families); index++)
		STEP(JUMP_EQUAL, families[index], COUNT(families) - index, 0);
	STEP(RETURN, REFUSE(EAFNOSUPPORT), 0, 0);
	return next;
}

static int filter(void)
{
	static struct step steps[COUNT(refused) * 2 + COUNT(refused_for) * 5 + COUNT(families) + 24];
	struct program program = {0, steps};
	struct step *next = steps;
	size_t index;

	STEP(LOAD, 4, 0, 0);
	STEP(JUMP_EQUAL, ARCHITECTURE, 1, 0);
	STEP(RETURN, REFUSE(ENOSYS), 0, 0);
	STEP(LOAD, 0, 0, 0);
#ifdef OTHER_ABI
	STEP(JUMP_SET, OTHER_ABI, 0, 1);
	STEP(RETURN, REFUSE(ENOSYS), 0, 0);
#endif
	for (index = 0; index < COUNT(refused); index++) {
		STEP(JUMP_EQUAL, refused[index], 0, 1);
		STEP(RETURN, REFUSE(EPERM), 0, 0);
	}
	/* Its flags lie in memory, where a filter can't look; libraries fall back on the older call. */
	STEP(JUMP_EQUAL, clone3, 0, 1);
	STEP(RETURN, REFUSE(ENOSYS), 0, 0);
	STEP(JUMP_EQUAL, __NR_clone, 0, 3);
	STEP(LOAD, ARGUMENT(0), 0, 0);
	STEP(JUMP_SET, NAMESPACES, 0, 1);
	STEP(RETURN, REFUSE(EPERM), 0, 0);
	next = filter_arguments(next);
	STEP(RETURN, ALLOW, 0, 0);
	program.size = (unsigned short)(next - steps);
	return prctl(PR_SET_SECCOMP, 2, &program, 0, 0);
}

int seal(void)
{
	struct {
		unsigned int version;
		int process;
	} head = {0x20080522, 0};
	struct {
		unsigned int effective, permitted, inheritable;
	} none[2] = {{0, 0, 0}, {0, 0, 0}};
	int number;

	/* Refused for those that the kernel doesn't know or that are gone already. */
	for (number = 0; number < 64; number++)
		prctl(PR_CAPBSET_DROP, number, 0, 0, 0);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(__NR_capset, &head, none))
		return -1;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	return filter();
}
