/* Runs one command to its end or its deadline, keeps the head and tail of what it says, and sees to it that
 * nothing of it is left. */
#define _GNU_SOURCE
#include "box.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOOK 100	/* milliseconds between looks at how full the cell's file system is */
#define CHUNK 65536
#define FULL 65536	/* bytes left of a file system that is as good as full */
#define REST 1000	/* milliseconds for the last output of killed processes */
#define BURIALS 256	/* between looks at the clock */

struct command {
	uint64_t deadline; /* milliseconds */
	uint64_t output, largest; /* bytes of output that are kept; of the largest file */
	char *folder, **arguments, **variables;
	struct bytes input;
};

struct output {
	unsigned char *head, *tail;
	size_t heads, tails; /* sizes */
	size_t in_head, at_tail;
	uint64_t total;
};

struct counts {
	uint64_t memory, pids;
};

enum { CODE_NONE = 1000 };

static uint64_t clock_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static uint64_t count_in(const char *path, const char *name)
{
	char line[256];
	uint64_t number, found = 0;
	FILE *file = fopen(path, "re");

	while (file && fgets(line, sizeof line, file)) {
		size_t length = strlen(name);

		if (!strncmp(line, name, length) && line[length] == ' ' && sscanf(line + length, "%lu", &number) == 1)
			found = number;
	}
	if (file)
		fclose(file);
	return found;
}

static struct counts count_hits(void)
{
	struct counts hits;

	hits.memory = count_in("/sys/fs/cgroup/memory/memory.oom_control", "oom_kill")
		+ count_in("/sys/fs/cgroup/memory.events", "oom_kill");
	hits.pids = count_in("/sys/fs/cgroup/pids/pids.events", "max") + count_in("/sys/fs/cgroup/pids.events", "max");
	return hits;
}

static void keep_output(struct output *to, const unsigned char *from, size_t size)
{
	to->total += size;
	if (to->in_head < to->heads) {
		size_t part = to->heads - to->in_head < size ? to->heads - to->in_head : size;

		memcpy(to->head + to->in_head, from, part);
		to->in_head += part;
		from += part;
		size -= part;
	}
	if (size > to->tails) {
		from += size - to->tails;
		size = to->tails;
		to->at_tail = 0; /* all of it is replaced, so it may begin anywhere */
	}
	while (size) {
		size_t part = to->tails - to->at_tail < size ? to->tails - to->at_tail : size;

		memcpy(to->tail + to->at_tail, from, part);
		to->at_tail = (to->at_tail + part) % to->tails;
		from += part;
		size -= part;
	}
}

static void put_output(struct reply *reply, const struct output *output)
{
	uint64_t beyond = output->total - output->in_head;
	size_t kept = beyond < output->tails ? (size_t)beyond : output->tails;
	unsigned char *ordered = allocate(kept + 1);
	size_t begin = beyond > output->tails ? output->at_tail : 0;

	if (kept) {
		size_t part = begin + kept > output->tails ? output->tails - begin : kept;

		memcpy(ordered, output->tail + begin, part);
		memcpy(ordered + part, output->tail, kept - part);
	}
	put_bytes(reply, output->head, output->in_head);
	put_number(reply, beyond - kept);
	put_bytes(reply, ordered, kept);
}

static void bound(int which, uint64_t most)
{
	struct rlimit limit = {most, most}, present;

	if (!getrlimit(which, &present) && present.rlim_max < most)
		limit.rlim_cur = limit.rlim_max = present.rlim_max;
	setrlimit(which, &limit);
}

static void volunteer(void)
{
	int file;

	/* If memory runs out, it shall be this process that goes and not the box's first. A process that can't
	 * be dumped doesn't own the file, whoever it runs as. */
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (file >= 0) {
		(void)!write(file, "500", 3);
		close(file);
	}
}

static void become(const struct command *command, int input, int output)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	dup2(input, 0);
	dup2(output, 1);
	dup2(output, 2);
	setsid();
	umask(022);
	volunteer();
	bound(RLIMIT_CORE, 0);
	bound(RLIMIT_FSIZE, command->largest);
	if (enter_cell() || chdir(command->folder) || seal()) {
		fprintf(stderr, "%s: the cell can't be entered: %s\n", command->folder, strerror(errno));
		_exit(126);
	}
	environ = command->variables;
	execvp(command->arguments[0], command->arguments);
	fprintf(stderr, "%s: %s\n", command->arguments[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

static int filled(void)
{
	struct statfs status;
	int index;

	for (index = 0; index < FILLED && cell.used[index] >= 0; index++)
		if (!fstatfs(cell.used[index], &status)
		    && ((uint64_t)status.f_bavail * (uint64_t)status.f_bsize < FULL || status.f_ffree == 0))
			return 1;
	return 0;
}

static int code_of(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Bury who died, but not for longer than others take to die; returns whether the command itself did. */
static int bury(pid_t child, int *code)
{
	int status, ended = 0, count;
	pid_t gone;

	for (count = 0; count < BURIALS && (gone = waitpid(-1, &status, WNOHANG)) > 0; count++)
		if (gone == child) {
			*code = code_of(status);
			ended = 1;
		}
	return ended;
}

static void feed(int *input, struct bytes *data)
{
	ssize_t put = write(*input, data->data, data->size);

	if (put > 0) {
		data->data += put;
		data->size -= (size_t)put;
	}
	if ((put < 0 && errno != EAGAIN && errno != EINTR) || !data->size) {
		close(*input);
		*input = -1;
	}
}

static int drain(int from, struct output *output)
{
	static unsigned char chunk[CHUNK];
	ssize_t got = read(from, chunk, sizeof chunk);

	if (got > 0)
		keep_output(output, chunk, (size_t)got);
	return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR)) ? 0 : -1;
}

struct watch {
	pid_t child;
	int signals, input, output;
	struct bytes data;
	int code, full, late;
};

/* Returns when the command has ended or its time is over. */
static void attend(struct watch *watch, struct output *output, uint64_t until)
{
	struct pollfd polled[4];
	struct signalfd_siginfo ignored;
	uint64_t now;

	for (;;) {
		int wait, closed = watch->output < 0;

		now = clock_us();
		if (now >= until) {
			watch->late = 1;
			return;
		}
		wait = until - now > LOOK * 1000 ? LOOK : (int)((until - now) / 1000) + 1;
		polled[0] = (struct pollfd){closed ? -1 : watch->output, POLLIN, 0};
		polled[1] = (struct pollfd){watch->signals, POLLIN, 0};
		polled[2] = (struct pollfd){watch->input, POLLOUT, 0};
		polled[3] = (struct pollfd){0, POLLIN, 0};
		if (poll(polled, 4, wait) < 0 && errno != EINTR)
			return;
		/* Nobody speaks while a command runs, so this is the end: with this process goes the box. */
		if (polled[3].revents)
			_exit(0);
		if (polled[0].revents && drain(watch->output, output)) {
			close(watch->output);
			watch->output = -1;
		}
		if (polled[2].revents)
			feed(&watch->input, &watch->data);
		watch->full |= filled();
		if (polled[1].revents & POLLIN)
			(void)!read(watch->signals, &ignored, sizeof ignored);
		if (bury(watch->child, &watch->code))
			return;
	}
}

/* Take what is left in the pipe. All that could write are dead, but the kernel may still hold an end of it. */
static void finish(int from, struct output *output)
{
	uint64_t until = clock_us() + REST * 1000;
	struct pollfd polled = {from, POLLIN, 0};

	while (clock_us() < until && poll(&polled, 1, REST) > 0 && !drain(from, output))
		;
	close(from);
}

static const char *limit_of(const struct watch *watch, struct counts before)
{
	struct counts after = count_hits();

	if (after.memory > before.memory)
		return "memory";
	if (after.pids > before.pids)
		return "pids";
	if (watch->full || watch->code == 128 + SIGXFSZ)
		return "disk";
	return "";
}

static int take_command(struct reader *from, struct command *command, struct output *output)
{
	command->deadline = take_number(from);
	command->output = take_number(from);
	command->largest = take_number(from);
	command->folder = take_text(from);
	command->arguments = take_texts(from);
	command->variables = take_texts(from);
	command->input = take_bytes(from);
	if (from->bad || !command->arguments[0] || command->output > (1u << 28)) {
		errno = EINVAL;
		return -1;
	}
	*output = (struct output){0};
	output->tails = command->output / 2;
	output->heads = command->output - output->tails;
	output->head = allocate(output->heads + 1);
	output->tail = allocate(output->tails + 1);
	return 0;
}

static int start(const struct command *command, struct watch *watch)
{
	int given[2], said[2];
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	watch->signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	if (watch->signals < 0 || pipe2(given, O_CLOEXEC) || pipe2(said, O_CLOEXEC))
		return -1;
	watch->child = fork();
	if (watch->child == 0)
		become(command, given[0], said[1]);
	close(given[0]);
	close(said[1]);
	watch->input = given[1];
	watch->output = said[0];
	fcntl(watch->input, F_SETFL, O_NONBLOCK);
	fcntl(watch->output, F_SETFL, O_NONBLOCK);
	return watch->child < 0 ? -1 : 0;
}

void run_command(struct reader *from)
{
	struct command command;
	struct output output;
	struct watch watch = {-1, -1, -1, -1, {NULL, 0}, CODE_NONE, 0, 0};
	struct reply reply = {0};
	struct counts before = count_hits();
	uint64_t started = clock_us();
	const char *limit;

	if (take_command(from, &command, &output) || start(&command, &watch)) {
		send_error("the command can't be started", "");
		return;
	}
	watch.data = command.input;
	if (!watch.data.size)
		feed(&watch.input, &watch.data);
	attend(&watch, &output, started + command.deadline * 1000u);
	if (kill_all()) {
		errno = EBUSY;
		send_error("processes of the command can't be killed", "");
		return;
	}
	if (watch.output >= 0)
		finish(watch.output, &output);
	if (watch.input >= 0)
		close(watch.input);
	close(watch.signals);
	watch.full |= filled();
	limit = watch.late ? "wall" : limit_of(&watch, before);
	put_number(&reply, watch.late ? CODE_NONE : (uint64_t)watch.code);
	put_number(&reply, clock_us() - started);
	put_bytes(&reply, limit, strlen(limit));
	put_output(&reply, &output);
	send_reply(0, &reply);
}
