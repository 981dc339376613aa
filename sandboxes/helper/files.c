/* Reads, writes and lists files of a cell. No link is ever followed: whatever a cell's code made of its
 * folders, nothing outside them is touched. */
#define _GNU_SOURCE
#include "box.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define PLAIN (O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
#define LINK 0120000
#define DEEPEST 256
#define LONGEST 4096	   /* bytes of a path that is listed; no tool takes more */
#define LARGEST (1u << 28) /* bytes of a listing */

/* Open an entry; what the cell's code closed to itself, it owns, and so does this process. */
static int open_entry(int folder, const char *name, int flags, mode_t needed)
{
	int handle = openat(folder, name, flags);
	struct stat status;

	if (handle >= 0 || errno != EACCES)
		return handle;
	if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) || S_ISLNK(status.st_mode)
	    || fchmodat(folder, name, (status.st_mode & 07777) | needed, 0)) {
		errno = EACCES;
		return -1;
	}
	return openat(folder, name, flags);
}

/* Delete what is in a folder but for folders with something in them, of which one is opened: returns it, -1
 * when nothing is left, or -2. */
static int thin_out(int folder)
{
	DIR *inside = fdopendir(openat(folder, ".", FOLDER));
	struct dirent *entry;
	int found = inside ? -1 : -2;

	while (found == -1 && (entry = readdir(inside))) {
		const char *name = entry->d_name;

		if (!strcmp(name, ".") || !strcmp(name, "..") || !unlinkat(folder, name, 0)
		    || (errno == EISDIR && !unlinkat(folder, name, AT_REMOVEDIR)))
			continue;
		found = errno == ENOTEMPTY || errno == EACCES ? open_entry(folder, name, FOLDER, 0700) : -1;
		if (found < 0 || fchmod(found, 0700))
			found = -2;
	}
	if (inside)
		closedir(inside);
	return found;
}

/* Delete everything in a folder, which is closed. Nothing runs meanwhile that could move it, so the way up
 * is the way down, however deep. */
static int clear_folder(int folder)
{
	int depth = 0, next;

	for (;;) {
		next = thin_out(folder);
		if (next >= 0)
			depth++;
		else if (next == -1 && depth--)
			next = openat(folder, "..", FOLDER);
		else
			break;
		close(folder);
		folder = next;
		if (folder < 0)
			return -1;
	}
	close(folder);
	return next == -1 ? 0 : -1;
}

/* Delete an entry, a folder with everything in it; what isn't there is deleted already. */
static int remove_entry(int folder, const char *name)
{
	int inner;

	if (!unlinkat(folder, name, 0) || errno == ENOENT)
		return 0;
	if (errno != EISDIR)
		return -1;
	if (!unlinkat(folder, name, AT_REMOVEDIR))
		return 0;
	inner = open_entry(folder, name, FOLDER, 0700);
	if (inner < 0 || fchmod(inner, 0700) || clear_folder(inner))
		return -1;
	return unlinkat(folder, name, AT_REMOVEDIR);
}

/* Open a folder below another, component by component; with `make`, what is in the way is replaced. */
static int walk(int top, const char *path, int make)
{
	char *rest = take_copy(path), *name;
	int folder = fcntl(top, F_DUPFD_CLOEXEC, 3);

	while (folder >= 0 && (name = strsep(&rest, "/"))) {
		int next;

		if (!*name)
			continue;
		errno = EINVAL;
		next = strcmp(name, "..") ? open_entry(folder, name, FOLDER, 0700) : -1;
		if (next < 0 && make && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)
		    && !remove_entry(folder, name) && !mkdirat(folder, name, 0755))
			next = openat(folder, name, FOLDER);
		if (next < 0) {
			int why = errno;

			close(folder);
			errno = why;
			return -1;
		}
		close(folder);
		folder = next;
	}
	return folder;
}

/* Split a path at its last component. */
static char *split(char *path, char **name)
{
	char *slash = strrchr(path, '/');

	*name = slash ? slash + 1 : path;
	if (!slash)
		return "";
	*slash = 0;
	return path;
}

static int put_whole(int file, const unsigned char *data, size_t size)
{
	while (size) {
		ssize_t put = write(file, data, size);

		if (!put || (put < 0 && errno != EINTR))
			return -1;
		if (put > 0) {
			data += put;
			size -= (size_t)put;
		}
	}
	return 0;
}

static int put_file(int folder, const char *name, mode_t mode, struct bytes data)
{
	int file, failed;

	if (remove_entry(folder, name))
		return -1;
	if (mode == LINK) {
		char *target = allocate(data.size + 1);

		memcpy(target, data.data, data.size);
		return symlinkat(target, folder, name);
	}
	file = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (file < 0)
		return -1;
	failed = put_whole(file, data.data, data.size) || fchmod(file, mode & 0111 ? 0755 : 0644);
	return close(file) || failed ? -1 : 0;
}

/* As in git, a folder whose last file is gone is gone too. */
static void remove_empty(int top, char *path)
{
	char *name, *above;
	int folder;

	while (*path) {
		above = split(path, &name);
		folder = walk(top, above, 0);
		if (folder < 0)
			return;
		if (unlinkat(folder, name, AT_REMOVEDIR)) {
			close(folder);
			return;
		}
		close(folder);
		path = above;
	}
}

static int delete_file(int top, char *path)
{
	char *name, *above = split(path, &name);
	int folder = walk(top, above, 0), failed;

	if (folder < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? 0 : -1;
	failed = remove_entry(folder, name);
	close(folder);
	if (!failed)
		remove_empty(top, above);
	return failed;
}

static int write_one(int top, char *path, mode_t mode, struct bytes data)
{
	char *name, *above;
	int folder, failed;

	if (!mode)
		return delete_file(top, path);
	above = split(path, &name);
	folder = walk(top, above, 1);
	if (folder < 0)
		return -1;
	failed = put_file(folder, name, mode, data);
	close(folder);
	return failed;
}

void write_files(struct reader *from)
{
	char *where = take_text(from);
	uint64_t number = take_number(from);
	struct reply reply = {0};
	int top = cell.open ? walk(cell.root, where, 1) : -1;

	if (top < 0) {
		send_error("can't be opened:", where);
		return;
	}
	while (number-- && !from->bad) {
		char *path = take_text(from), *name = take_copy(path);
		mode_t mode = (mode_t)take_number(from);
		struct bytes data = take_bytes(from);

		if (!from->bad && write_one(top, path, mode, data)) {
			send_error("can't be written:", name);
			close(top);
			return;
		}
	}
	close(top);
	if (from->bad) {
		errno = EINVAL;
		send_error("the request can't be read", "");
		return;
	}
	send_reply(0, &reply);
}

static int open_file(int top, char *path)
{
	char *name, *above = split(path, &name);
	int folder = walk(top, above, 0), file;

	if (folder < 0)
		return -1;
	file = open_entry(folder, name, PLAIN, 0400);
	close(folder);
	return file;
}

/* Answers with 1 and the bytes, or 0 where there is no such file; links are given as their targets. */
void read_file(struct reader *from)
{
	uint64_t prepared = take_number(from), limit = take_number(from);
	char *path = take_text(from);
	struct reply reply = {0};
	struct stat status;
	int top = prepared ? open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : cell.root;
	int file = top < 0 ? -1 : open_file(top, path);

	if (file >= 0 && !fstat(file, &status) && S_ISREG(status.st_mode)) {
		size_t size = (uint64_t)status.st_size < limit ? (size_t)status.st_size : (size_t)limit, got = 0;
		unsigned char *data = allocate(size + 1);
		ssize_t part = 1;

		while (got < size && (part = read(file, data + got, size - got)) > 0)
			got += (size_t)part;
		put_number(&reply, 1);
		put_bytes(&reply, data, got);
	} else {
		put_number(&reply, 0);
	}
	if (file >= 0)
		close(file);
	if (prepared && top >= 0)
		close(top);
	send_reply(0, &reply);
}

struct listing {
	struct reply reply;
	char **skipped, **endings;
	uint64_t left; /* entries that may still come */
};

static int is_skipped(const struct listing *listing, const char *name)
{
	size_t length = strlen(name);
	int index;

	if (!strcmp(name, ".") || !strcmp(name, ".."))
		return 1;
	for (index = 0; listing->skipped[index]; index++)
		if (!strcmp(name, listing->skipped[index]))
			return 1;
	for (index = 0; listing->endings[index]; index++) {
		size_t ending = strlen(listing->endings[index]);

		if (length > ending && !strcmp(name + length - ending, listing->endings[index]))
			return 1;
	}
	return 0;
}

static uint64_t nanoseconds(struct timespec time)
{
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void add_entry(struct listing *to, int folder, const char *path, const char *name, const struct stat *status)
{
	char target[4096];
	ssize_t length = S_ISLNK(status->st_mode) ? readlinkat(folder, name, target, sizeof target) : 0;

	put_bytes(&to->reply, path, strlen(path));
	put_number(&to->reply, status->st_mode);
	put_number(&to->reply, (uint64_t)status->st_size);
	put_number(&to->reply, nanoseconds(status->st_mtim));
	put_number(&to->reply, nanoseconds(status->st_ctim));
	put_bytes(&to->reply, target, length > 0 ? (size_t)length : 0);
}

static int list_folder(struct listing *to, int handle, const char *above, int depth);

/* Returns -1 where there is too much. */
static int list_entry(struct listing *to, int folder, const char *above, const char *name, int depth)
{
	size_t length = strlen(above) + strlen(name) + 2;
	struct stat status;
	int inner, failed = 0;
	char *path;

	if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW))
		return 0;
	if (!to->left-- || length > LONGEST || to->reply.size > LARGEST || !(path = malloc(length)))
		return -1;
	strcat(strcat(strcpy(path, above), *above ? "/" : ""), name);
	if (S_ISDIR(status.st_mode)) {
		inner = open_entry(folder, name, FOLDER, 0700);
		/* What is closed to the cell's code is no part of a change. */
		if (inner >= 0)
			failed = list_folder(to, inner, path, depth + 1);
	} else if (S_ISREG(status.st_mode) || S_ISLNK(status.st_mode)) {
		add_entry(to, folder, path, name, &status);
	}
	free(path);
	return failed;
}

/* Closes the folder; returns as list_entry. */
static int list_folder(struct listing *to, int handle, const char *above, int depth)
{
	DIR *inside = depth < DEEPEST ? fdopendir(handle) : NULL;
	struct dirent *entry;
	int failed = 0;

	if (!inside) {
		close(handle);
		return -1;
	}
	while (!failed && (entry = readdir(inside)))
		if (!is_skipped(to, entry->d_name))
			failed = list_entry(to, handle, above, entry->d_name, depth);
	closedir(inside);
	return failed;
}

/* Answers with 1 and the entries, or 0 where there are more than asked for. */
void list_files(struct reader *from)
{
	uint64_t prepared = take_number(from);
	char *where = take_text(from);
	struct listing listing = {0};
	int top = prepared ? open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : cell.root, folder;

	listing.left = take_number(from);
	listing.skipped = take_texts(from);
	listing.endings = take_texts(from);
	folder = top < 0 ? -1 : walk(top, where, 0);
	if (prepared && top >= 0)
		close(top);
	if (folder < 0 && errno != ENOENT && errno != ENOTDIR && errno != ELOOP) {
		send_error("can't be listed:", where);
		return;
	}
	put_number(&listing.reply, 1);
	if (folder >= 0 && list_folder(&listing, folder, "", 0)) {
		listing.reply.size = 0;
		put_number(&listing.reply, 0);
	}
	send_reply(0, &listing.reply);
}

static int copy_data(int from, int to)
{
	static unsigned char chunk[65536];
	ssize_t got;

	while ((got = read(from, chunk, sizeof chunk)) > 0)
		if (put_whole(to, chunk, (size_t)got))
			return -1;
	return got < 0 ? -1 : 0;
}

static int copy_plain(int from, int to, const char *name, const struct stat *status)
{
	const struct timespec times[2] = {status->st_atim, status->st_mtim};
	int source = openat(from, name, PLAIN), target, failed;

	if (source < 0)
		return -1;
	target = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	failed = target < 0 || copy_data(source, target) || fchmod(target, status->st_mode & 0777)
		|| futimens(target, times);
	close(source);
	if (target >= 0)
		close(target);
	return failed ? -1 : 0;
}

static int copy_link(int from, int to, const char *name)
{
	char target[4096];
	ssize_t length = readlinkat(from, name, target, sizeof target - 1);

	if (length < 0)
		return -1;
	target[length] = 0;
	return symlinkat(target, to, name);
}

int copy_folder(int from, int to)
{
	DIR *inside = fdopendir(fcntl(from, F_DUPFD_CLOEXEC, 3));
	struct dirent *entry;
	struct stat status;
	int failed = !inside;

	while (!failed && (entry = readdir(inside))) {
		const char *name = entry->d_name;

		if (!strcmp(name, ".") || !strcmp(name, "..") || fstatat(from, name, &status, AT_SYMLINK_NOFOLLOW))
			continue;
		if (S_ISREG(status.st_mode)) {
			failed = copy_plain(from, to, name, &status);
		} else if (S_ISLNK(status.st_mode)) {
			failed = copy_link(from, to, name);
		} else if (S_ISDIR(status.st_mode)) {
			int source = openat(from, name, FOLDER), target = -1;

			failed = source < 0 || mkdirat(to, name, 0700) || (target = openat(to, name, FOLDER)) < 0
				|| copy_folder(source, target) || fchmod(target, status.st_mode & 0777);
			if (source >= 0)
				close(source);
			if (target >= 0)
				close(target);
		}
	}
	if (inside)
		closedir(inside);
	return failed ? -1 : 0;
}
