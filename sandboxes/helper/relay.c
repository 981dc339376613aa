/* A proxy for a command inside a sandbox without network, leading to a Unix socket: what relay.py does,
 * for images without Python.  Stand-alone: cc -static -DRELAY_MAIN; otherwise call relay_main, or relay. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RELAY_CHUNK = 65536, RELAY_NO_WAY = 97 };

/* Is answered by hanging up when the command is to end. */
static const char relay_request[] = "GET /end HTTP/1.1\r\nHost: relay\r\n\r\n";

static int relay_connected(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof address.sun_path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(address.sun_path, path);
	int stream = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (stream >= 0 && connect(stream, (struct sockaddr *)&address, sizeof address) < 0) {
		int problem = errno;
		close(stream);
		errno = problem;
		return -1;
	}
	return stream;
}

static int relay_send_all(int sink, const char *data, ssize_t length)
{
	while (length > 0) {
		ssize_t sent = send(sink, data, (size_t)length, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0)
			return -1;
		data += sent;
		length -= sent;
	}
	return 0;
}

/* Pass on what has come; 1 while the source may say more, 0 when it has ended, -1 when either is gone. */
static int relay_pass(int source, int sink)
{
	static char chunk[RELAY_CHUNK];
	ssize_t length = recv(source, chunk, sizeof chunk, 0);
	if (length < 0)
		return errno == EINTR || errno == EAGAIN ? 1 : -1;
	if (length == 0) {
		shutdown(sink, SHUT_WR);
		return 0;
	}
	return relay_send_all(sink, chunk, length) < 0 ? -1 : 1;
}

void relay_join(int client, int server)
{
	struct pollfd ends[2] = { { .fd = client, .events = POLLIN }, { .fd = server, .events = POLLIN } };
	while (ends[0].fd >= 0 || ends[1].fd >= 0) {
		if (poll(ends, 2, -1) < 0) {
			if (errno == EINTR)
				continue;
			return;
		}
		for (int side = 0; side < 2; side++) {
			if (ends[side].fd < 0 || !ends[side].revents)
				continue;
			int left = relay_pass(side ? server : client, side ? client : server);
			if (left < 0)
				return;
			if (left == 0)
				ends[side].fd = -1;
		}
	}
}

static void relay_serve(int listener, const char *socket_path)
{
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (client < 0)
			continue;
		pid_t child = fork();
		if (child == 0) {
			close(listener);
			int server = relay_connected(socket_path);
			if (server >= 0)
				relay_join(client, server);
			_exit(0);
		}
		close(client);
	}
}

/* Listen on 127.0.0.1:port (0: any) in a process that ends with this one, and return the port; -1 with
 * errno where that fails or nobody answers at the Unix socket. */
int relay(int port, const char *socket_path)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((unsigned short)port) };
	socklen_t size = sizeof address;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int tried = relay_connected(socket_path);
	if (tried < 0)
		return -1;
	close(tried);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
	if (listener < 0)
		return -1;
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	if (bind(listener, (struct sockaddr *)&address, size) < 0 || listen(listener, 128) < 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &size) < 0) {
		close(listener);
		return -1;
	}
	pid_t parent = getpid(), child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(0);
		/* The command's output must end with the command. */
		for (int descriptor = 0; descriptor < 3; descriptor++)
			close(descriptor);
		relay_serve(listener, socket_path);
	}
	close(listener);
	return child < 0 ? -1 : ntohs(address.sin_port);
}

/* End a command as soon as whoever answers at the socket hangs up, in a process that ends with this one. */
static void relay_watch(const char *socket_path, pid_t command)
{
	static char chunk[RELAY_CHUNK];
	pid_t parent = getpid();
	int server;

	if (fork() != 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	for (int descriptor = 0; descriptor < 3; descriptor++)
		close(descriptor);
	server = relay_connected(socket_path);
	if (server >= 0 && relay_send_all(server, relay_request, sizeof relay_request - 1) == 0)
		while (recv(server, chunk, sizeof chunk, 0) > 0)
			;
	kill(command, SIGKILL);
	_exit(0);
}

static void relay_tell(int port)
{
	static const char *const names[] = { "http_proxy", "https_proxy", "all_proxy",
		"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY" };
	const char *own = getenv("NO_PROXY");
	char address[64];
	snprintf(address, sizeof address, "http://127.0.0.1:%d", port);
	for (size_t index = 0; index < sizeof names / sizeof *names; index++)
		setenv(names[index], address, 1);
	if (own == NULL)
		own = "localhost,127.0.0.1,::1";
	setenv("NO_PROXY", own, 1);
	setenv("no_proxy", getenv("NO_PROXY"), 1);
}

/* relay PORT SOCKET -- COMMAND…: run a command that knows of the proxy; return its exit status.  At a port
 * that is named, who answers at the socket can end it. */
int relay_main(int argc, char *argv[])
{
	int status = 0;
	if (argc < 5 || strcmp(argv[3], "--") != 0) {
		fprintf(stderr, "usage: relay PORT SOCKET -- COMMAND...\n");
		return 2;
	}
	int port = relay(atoi(argv[1]), argv[2]);
	if (port < 0) {
		fprintf(stderr, "the proxy's socket can't be used: %s\n", strerror(errno));
		return RELAY_NO_WAY;
	}
	relay_tell(port);
	pid_t child = fork();
	if (child == 0) {
		execvp(argv[4], argv + 4);
		int problem = errno;
		fprintf(stderr, "%s: %s\n", argv[4], strerror(problem));
		_exit(problem == ENOENT ? 127 : 126);
	}
	if (child < 0) {
		perror("relay");
		return 126;
	}
	if (atoi(argv[1]))
		relay_watch(argv[2], child);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

#ifdef RELAY_MAIN
int main(int argc, char *argv[])
{
	return relay_main(argc, argv);
}
#endif
