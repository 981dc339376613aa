/* Carries what arrives at a Unix socket to a port of the loopback, and back: so that a server in a container
 * without network is reached through a folder that another shows.
 *
 *   bridge SOCKET PORT                    as soon as the port is open, and then for good
 *   join PORT SOCKET ... -- COMMAND ...   the other end: a command that finds each socket at its port
 */
#define _GNU_SOURCE
#include "box.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NO_WAY 97

static int reach(int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
	int stream = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (stream >= 0 && connect(stream, (struct sockaddr *)&address, sizeof address)) {
		close(stream);
		return -1;
	}
	return stream;
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (listener < 0 || strlen(path) >= sizeof address.sun_path)
		return -1;
	strcpy(address.sun_path, path);
	unlink(path);
	/* The folder decides who comes; inside, whoever does may be anyone. */
	umask(0111);
	if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 128))
		return -1;
	return listener;
}

int bridge_main(int count, char **arguments)
{
	const struct timespec pause = {0, 20000000};
	int port = count == 3 ? atoi(arguments[2]) : 0, tried, listener;

	if (!port) {
		fputs("usage: bridge SOCKET PORT\n", stderr);
		return 2;
	}
	while ((tried = reach(port)) < 0)
		nanosleep(&pause, NULL);
	close(tried);
	listener = listen_at(arguments[1]);
	if (listener < 0) {
		fprintf(stderr, "%s: %s\n", arguments[1], strerror(errno));
		return NO_WAY;
	}
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC), server;

		if (client < 0)
			continue;
		if (fork() == 0) {
			close(listener);
			server = reach(port);
			if (server >= 0)
				relay_join(client, server);
			_exit(0);
		}
		close(client);
	}
}

int join_main(int count, char **arguments)
{
	int next = 1, status = 0;
	pid_t child;

	for (; next + 1 < count && strcmp(arguments[next], "--"); next += 2)
		if (relay(atoi(arguments[next]), arguments[next + 1]) < 0) {
			fprintf(stderr, "the service at port %s can't be reached: %s\n", arguments[next],
				strerror(errno));
			return NO_WAY;
		}
	if (next + 1 >= count || strcmp(arguments[next], "--")) {
		fputs("usage: join PORT SOCKET ... -- COMMAND ...\n", stderr);
		return 2;
	}
	child = fork();
	if (child == 0) {
		execvp(arguments[next + 1], arguments + next + 1);
		fprintf(stderr, "%s: %s\n", arguments[next + 1], strerror(errno));
		_exit(errno == ENOENT ? 127 : 126);
	}
	if (child < 0) {
		perror("join");
		return 126;
	}
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
