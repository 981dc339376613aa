/* Makes and unmakes the place where a cell's commands run. */
#define _GNU_SOURCE
#include "box.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define INSIDE 1000 /* user and group as a cell sees its own */
#define MOUNT_SETATTR 442
#define RECURSIVE 0x8000
#define READ_ONLY 0x1
#define NO_SUID 0x2
#define TRIES 5000 /* of a millisecond each, for killed processes to be gone */
#define FEWEST 4096 /* files, folders and links that any cell may have */
#define FILE_SIZE 4096 /* bytes of the disk limit for each further one; the kernel spends one of memory on four */

struct cell cell = {.root = -1, .used = {[0 ... FILLED - 1] = -1}, .user = -1, .mount = -1, .net = -1};

/* What a cell is to look like. */
struct plan {
	uint64_t plain, size;
	char **overlaid; /* folders whose content a cell sees and may change, where they are there */
	char **empty;	 /* folders that are empty for each cell, likewise */
	char **prepared; /* where their content is, if not in these folders themselves */
};

static int put_text(const char *path, const char *text)
{
	int file = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t put;

	if (file < 0)
		return -1;
	put = write(file, text, strlen(text));
	close(file);
	return put < 0 ? -1 : 0;
}

static int map_user(unsigned user, unsigned group)
{
	char line[64];

	/* There since Linux 3.19; without it, a group map can't be written by an ordinary user. */
	if (put_text("/proc/self/setgroups", "deny") && errno != ENOENT)
		return -1;
	snprintf(line, sizeof line, "%u %u 1", INSIDE, group);
	if (put_text("/proc/self/gid_map", line))
		return -1;
	snprintf(line, sizeof line, "%u %u 1", INSIDE, user);
	return put_text("/proc/self/uid_map", line);
}

/* Ports and connections are a cell's own, those that the kernel keeps for a minute after their end too. */
static int start_loopback(void)
{
	struct ifreq interface = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int failed = any < 0 || ioctl(any, SIOCSIFFLAGS, &interface);

	if (any >= 0)
		close(any);
	return failed ? -1 : 0;
}

static int close_off(void)
{
	struct {
		uint64_t set, clear, propagation, user;
	} attributes = {READ_ONLY | NO_SUID, 0, MS_PRIVATE, 0};

	return (int)syscall(MOUNT_SETATTR, -1, "/", RECURSIVE, &attributes, sizeof attributes);
}

/* The tmpfs must hold user attributes, or a folder that was deleted can't be made anew (Linux 6.6). */
static int check_attributes(const char *folder)
{
	return setxattr(folder, "user.overlay.trial", "y", 1, 0);
}

static char *joined(const char *first, const char *second, const char *third)
{
	char *text = allocate(strlen(first) + strlen(second) + strlen(third) + 1);

	strcat(strcat(strcpy(text, first), second), third);
	return text;
}

/* Opens the folders that a cell may change, before any of them is hidden; -1 stands for one that isn't there. */
static int *open_all(char *const *folders)
{
	int count = 0, *found;

	while (folders[count])
		count++;
	found = allocate((size_t)(count + 1) * sizeof *found);
	for (count = 0; folders[count]; count++) {
		found[count] = open(folders[count], O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (found[count] < 0 && errno != ENOENT)
			return NULL;
	}
	return found;
}

/* Puts an overlay on a folder; `prepared` is open, since a folder above it may be hidden by now. */
static int overlay(const char *folder, int prepared, const char *store)
{
	char *upper = joined(store, "/upper", ""), *work = joined(store, "/work", ""), *options;
	char lower[48];
	struct stat status;

	snprintf(lower, sizeof lower, "lowerdir=/proc/self/fd/%d,upperdir=", prepared);
	options = joined(lower, joined(upper, ",workdir=", work), ",userxattr");
	if (fstat(prepared, &status))
		return -1;
	if (mkdir(store, 0700) || mkdir(upper, 0700) || mkdir(work, 0700))
		return -1;
	if (chmod(upper, status.st_mode & 07777))
		return -1;
	return mount("overlay", folder, "overlay", MS_NOSUID | MS_NODEV, options);
}

static int mount_room(uint64_t size)
{
	unsigned long long files = size / FILE_SIZE > FEWEST ? size / FILE_SIZE : FEWEST;
	char options[96];

	snprintf(options, sizeof options, "size=%llu,nr_inodes=%llu,mode=0700", (unsigned long long)size, files);
	return mount("cell", ROOM, "tmpfs", MS_NOSUID | MS_NODEV, options);
}

static int empty(const char *folder, const char *store)
{
	if (mkdir(store, 0700) || chmod(store, 01777))
		return -1;
	return mount(store, folder, NULL, MS_BIND, NULL) && errno != ENOENT ? -1 : 0;
}

/* Returns the name of the step that failed, with errno, or NULL. */
static const char *build(const struct plan *plan)
{
	unsigned user = geteuid(), group = getegid();
	char store[64];
	int index, count = 0, *prepared;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET))
		return "namespaces can't be made";
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	if (map_user(user, group))
		return "the user can't be mapped";
	if (close_off())
		return "the root can't be made read-only";
	prepared = open_all(plan->prepared[0] ? plan->prepared : plan->overlaid);
	if (!prepared)
		return "a prepared folder can't be opened";
	if (start_loopback())
		return "the loopback interface can't be started";
	if (mount_room(plan->size))
		return "a tmpfs can't be mounted";
	if (check_attributes(ROOM))
		return "the tmpfs holds no user attributes";
	for (index = 0; plan->overlaid[index]; index++) {
		snprintf(store, sizeof store, "%s/%d", ROOM, count++);
		if (prepared[index] >= 0 && overlay(plan->overlaid[index], prepared[index], store))
			return joined("an overlay can't be mounted on ", plan->overlaid[index], "");
	}
	for (index = 0; plan->empty[index]; index++) {
		snprintf(store, sizeof store, "%s/%d", ROOM, count++);
		if (empty(plan->empty[index], store))
			return joined("an empty folder can't be put at ", plan->empty[index], "");
	}
	return umount2(ROOM, MNT_DETACH) ? "the cell's file system can't be hidden" : NULL;
}

static int opened(pid_t process, const char *what, int flags)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/%s", (int)process, what);
	return open(path, flags | O_CLOEXEC);
}

static int keep(pid_t maker, const char *used)
{
	cell.user = opened(maker, "ns/user", O_RDONLY);
	cell.mount = opened(maker, "ns/mnt", O_RDONLY);
	cell.net = opened(maker, "ns/net", O_RDONLY);
	cell.root = opened(maker, "root", O_RDONLY | O_DIRECTORY);
	if (cell.user < 0 || cell.mount < 0 || cell.net < 0 || cell.root < 0)
		return -1;
	if (used)
		cell.used[0] = openat(cell.root, used[0] == '/' ? used + 1 : used, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return 0;
}

/* The maker tells how it went on one pipe and lives until the other is closed. */
static void make_namespaces(const struct plan *plan)
{
	int told[2], hold[2], failure[2] = {0, 0};
	char where[256] = "";
	pid_t maker;

	if (pipe2(told, O_CLOEXEC) || pipe2(hold, O_CLOEXEC)) {
		send_error("no pipe", "");
		return;
	}
	maker = fork();
	if (maker == 0) {
		const char *failed = build(plan);

		failure[0] = errno;
		failure[1] = failed != NULL;
		if (failed)
			snprintf(where, sizeof where, "%s", failed);
		close(hold[1]);
		if (write(told[1], failure, sizeof failure) < 0 || write(told[1], where, sizeof where) < 0)
			_exit(1);
		(void)!read(hold[0], where, 1);
		_exit(0);
	}
	close(told[1]);
	close(hold[0]);
	if (maker > 0 && (read(told[0], failure, sizeof failure) != sizeof failure
			 || read(told[0], where, sizeof where) != sizeof where)) {
		failure[1] = 1;
		failure[0] = EPIPE;
	}
	errno = failure[0];
	if (maker > 0 && !failure[1] && keep(maker, plan->empty[0])) {
		strcpy(where, "the namespaces can't be kept");
		failure[1] = 1;
		failure[0] = errno;
	}
	close(told[0]);
	close(hold[1]);
	while (maker > 0 && waitpid(maker, NULL, 0) < 0 && errno == EINTR)
		;
	errno = failure[0];
	if (maker < 0 || failure[1])
		send_error(maker < 0 ? "no process" : where, "");
	else
		cell.open = 1;
}

static int copy_into(const char *from, const char *to)
{
	int source = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC), target;
	int failed = source < 0;

	if (failed)
		return -1;
	target = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	failed = target < 0 || copy_folder(source, target);
	close(source);
	if (target >= 0)
		close(target);
	return failed ? -1 : 0;
}

static void watch_filling(char **folders, int *count)
{
	for (; *folders && *count < FILLED; folders++)
		cell.used[(*count)++] = open(*folders, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void make_plain(const struct plan *plan)
{
	int index, count = 0;

	for (index = 0; plan->overlaid[index] && plan->prepared[index]; index++) {
		if (copy_into(plan->prepared[index], plan->overlaid[index])) {
			send_error("the prepared files can't be copied to", plan->overlaid[index]);
			return;
		}
	}
	cell.root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	watch_filling(plan->overlaid, &count);
	watch_filling(plan->empty, &count);
	cell.plain = 1;
	cell.open = 1;
}

void begin_cell(struct reader *from)
{
	struct plan plan;
	struct reply reply = {0};
	struct timespec now;

	plan.plain = take_number(from);
	plan.size = take_number(from);
	plan.overlaid = take_texts(from);
	plan.empty = take_texts(from);
	plan.prepared = take_texts(from);
	end_cell();
	errno = EINVAL;
	if (from->bad) {
		send_error("the request can't be read", "");
		return;
	}
	if (plan.plain)
		make_plain(&plan);
	else
		make_namespaces(&plan);
	if (!cell.open) {
		end_cell();
		return;
	}
	/* The clock by which file systems stamp is coarser than the other one. */
	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	put_number(&reply, (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec);
	send_reply(0, &reply);
}

static void drop(int *file)
{
	if (*file >= 0)
		close(*file);
	*file = -1;
}

void end_cell(void)
{
	int index;

	drop(&cell.root);
	for (index = 0; index < FILLED; index++)
		drop(&cell.used[index]);
	drop(&cell.user);
	drop(&cell.mount);
	drop(&cell.net);
	cell.open = cell.plain = 0;
}

int enter_cell(void)
{
	if (cell.plain)
		return 0;
	if (setns(cell.user, CLONE_NEWUSER) || setns(cell.mount, CLONE_NEWNS) || setns(cell.net, CLONE_NEWNET))
		return -1;
	/* Shared memory that no process has any more would stay, and no disk limit bounds it. */
	return unshare(CLONE_NEWIPC);
}

int kill_all(void)
{
	const struct timespec pause = {0, 1000000};
	int tries;

	for (tries = 0; tries < TRIES; tries++) {
		kill(-1, SIGKILL);
		for (;;) {
			pid_t gone = waitpid(-1, NULL, WNOHANG);

			if (gone < 0 && errno == ECHILD)
				return 0;
			if (gone == 0)
				break;
		}
		nanosleep(&pause, NULL);
	}
	return -1;
}
