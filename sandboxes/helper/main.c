/* Answers requests until there are no more. */
#define _GNU_SOURCE
#include "box.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CLOSE_RANGE 436

static void answer(struct reader *request)
{
	int what = *request->at++;
	struct reply none = {0};

	if (what != 'b' && !cell.open) {
		errno = ENOTCONN;
		send_error("there is no cell", "");
		return;
	}
	switch (what) {
	case 'b':
		begin_cell(request);
		break;
	case 'x':
		run_command(request);
		break;
	case 'w':
		write_files(request);
		break;
	case 'r':
		read_file(request);
		break;
	case 'l':
		list_files(request);
		break;
	case 'e':
		end_cell();
		send_reply(0, &none);
		break;
	default:
		errno = ENOSYS;
		send_error("there is no such request", "");
	}
}

static int serve(void)
{
	unsigned char *data;
	size_t size;

	/* It kills whatever it can, so it must be where that is only what it started. */
	if (getpid() != 1) {
		fputs("this must be the first process of a process namespace\n", stderr);
		return 2;
	}
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	/* What whoever started this left open leads out of the box. */
	syscall(CLOSE_RANGE, 3u, ~0u, 0u);
	signal(SIGPIPE, SIG_IGN);
	while ((data = receive(&size))) {
		struct reader request = {data, data + size, 0};

		if (size)
			answer(&request);
		free(data);
		free_all();
	}
	return 0;
}

int relay_main(int count, char **arguments);

int main(int count, char **arguments)
{
	if (count >= 2 && !strcmp(arguments[1], "relay"))
		return relay_main(count - 1, arguments + 1);
	if (count >= 2 && !strcmp(arguments[1], "bridge"))
		return bridge_main(count - 1, arguments + 1);
	if (count >= 2 && !strcmp(arguments[1], "join"))
		return join_main(count - 1, arguments + 1);
	if (count == 2 && !strcmp(arguments[1], "serve"))
		return serve();
	fputs("usage: box serve\n", stderr);
	return 2;
}
