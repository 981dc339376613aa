/* The first process of a box: a container or a bubblewrap sandbox without network and with a read-only root.
 *
 * It reads requests from standard input and answers on standard output, one at a time; see wire.c for their
 * form. For each cell it makes namespaces in which overlays hide the prepared folders, so that a cell's
 * writes vanish with it. Where the kernel refuses that, a box serves one cell, on copies.
 *
 * Needs no library but the C one and no header but its own, so that it can be linked statically anywhere.
 */
#ifndef BOX_H
#define BOX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define ROOM "/.swe-scale/cell" /* an empty folder of the box on which a cell's file system is put */
#define FILLED 16

/* --- wire.c: frames --- */

struct reader {
	const unsigned char *at, *end;
	int bad; /* whether more was asked for than there is */
};

struct bytes {
	const unsigned char *data;
	size_t size;
};

struct reply {
	unsigned char *data;
	size_t size, room;
};

/* Return the next request's bytes, to be freed; NULL when there will be none. */
unsigned char *receive(size_t *size);
uint64_t take_number(struct reader *from);
struct bytes take_bytes(struct reader *from);
/* Return a copy that ends with a zero byte, to be kept until the request has been answered. */
char *take_text(struct reader *from);
/* Return texts after their number, ended by a null pointer. */
char **take_texts(struct reader *from);
void put_number(struct reply *to, uint64_t number);
void put_bytes(struct reply *to, const void *data, size_t size);
/* Send a reply that begins with one byte: 0, or 1 if what follows is an error's text. */
void send_reply(int failed, struct reply *what);
void send_error(const char *what, const char *name);
/* Return memory that is cleared and freed once the request has been answered. */
void *allocate(size_t size);
char *take_copy(const char *text); /* likewise */
void free_all(void);

/* --- cell.c: the place where commands run --- */

struct cell {
	int open;
	int plain;	/* whether commands run in the box's own namespaces */
	int root;	/* folder: the cell's root, for reading and writing its files */
	int used[FILLED]; /* a folder on each file system that the disk limit bounds, or -1 */
	int user, mount, net; /* namespaces, where not plain */
};

extern struct cell cell;

void begin_cell(struct reader *from);
void end_cell(void);
/* Enter the cell for good; returns 0, or -1 with errno. */
int enter_cell(void);
/* Kill every process but this one and wait for them; returns 0 if none is left. */
int kill_all(void);

/* --- seal.c: what can't be undone --- */

/* Give up every capability and the ability to gain any, and filter system calls; -1 with errno. */
int seal(void);

/* --- run.c, files.c: the other requests --- */

void run_command(struct reader *from);
void write_files(struct reader *from);
void read_file(struct reader *from);
void list_files(struct reader *from);
/* Copy a folder's content; returns 0, or -1 with errno. */
int copy_folder(int from, int to);

/* --- relay.c --- */

int relay(int port, const char *socket_path);
/* Carry bytes between two sockets, both ways, until both have ended or either is gone. */
void relay_join(int client, int server);

/* --- bridge.c --- */

int bridge_main(int count, char **arguments);
int join_main(int count, char **arguments);

#endif
