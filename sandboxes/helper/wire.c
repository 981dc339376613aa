/* Frames: a length of four bytes, least significant first, and as many bytes. Within a frame, a number has
 * eight bytes, and text or bytes come after a length of four. */
#include "box.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST (1u << 30) /* bytes of a frame */

struct block {
	struct block *next;
};

static struct block *blocks;

static void out_of_memory(void)
{
	_exit(71);
}

void *allocate(size_t size)
{
	struct block *block = calloc(1, sizeof *block + size);

	if (!block)
		out_of_memory();
	block->next = blocks;
	blocks = block;
	return block + 1;
}

char *take_copy(const char *text)
{
	return strcpy(allocate(strlen(text) + 1), text);
}

void free_all(void)
{
	while (blocks) {
		struct block *next = blocks->next;

		free(blocks);
		blocks = next;
	}
}

static int read_whole(unsigned char *to, size_t size)
{
	while (size) {
		ssize_t got = read(0, to, size);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return -1;
		to += got;
		size -= (size_t)got;
	}
	return 0;
}

static void write_whole(const unsigned char *from, size_t size)
{
	while (size) {
		ssize_t put = write(1, from, size);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			_exit(0); /* nobody listens any more */
		from += put;
		size -= (size_t)put;
	}
}

static uint32_t short_number(const unsigned char *at)
{
	return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

unsigned char *receive(size_t *size)
{
	unsigned char head[4];
	unsigned char *data;

	if (read_whole(head, sizeof head))
		return NULL;
	*size = short_number(head);
	if (*size > MOST)
		return NULL;
	data = malloc(*size + 1);
	if (!data)
		out_of_memory();
	if (read_whole(data, *size)) {
		free(data);
		return NULL;
	}
	return data;
}

uint64_t take_number(struct reader *from)
{
	uint64_t number;

	if (from->end - from->at < 8) {
		from->bad = 1;
		return 0;
	}
	number = short_number(from->at) | (uint64_t)short_number(from->at + 4) << 32;
	from->at += 8;
	return number;
}

struct bytes take_bytes(struct reader *from)
{
	struct bytes none = {(const unsigned char *)"", 0}, some;

	if (from->end - from->at < 4 || (size_t)(from->end - from->at - 4) < short_number(from->at)) {
		from->bad = 1;
		return none;
	}
	some.size = short_number(from->at);
	some.data = from->at + 4;
	from->at = some.data + some.size;
	return some;
}

char *take_text(struct reader *from)
{
	struct bytes bytes = take_bytes(from);
	char *text = allocate(bytes.size + 1);

	memcpy(text, bytes.data, bytes.size);
	return text;
}

char **take_texts(struct reader *from)
{
	uint64_t number = take_number(from), index;
	char **texts;

	if (number > (uint64_t)(from->end - from->at) / 4) {
		from->bad = 1;
		number = 0;
	}
	texts = allocate((number + 1) * sizeof *texts);
	for (index = 0; index < number; index++)
		texts[index] = take_text(from);
	return texts;
}

static void add(struct reply *to, const void *data, size_t size)
{
	if (to->room - to->size < size) {
		to->room = (to->size + size) * 2;
		to->data = realloc(to->data, to->room);
		if (!to->data)
			out_of_memory();
	}
	memcpy(to->data + to->size, data, size);
	to->size += size;
}

static void add_short(struct reply *to, uint32_t number)
{
	unsigned char four[4] = {number, number >> 8, number >> 16, number >> 24};

	add(to, four, sizeof four);
}

void put_number(struct reply *to, uint64_t number)
{
	add_short(to, (uint32_t)number);
	add_short(to, (uint32_t)(number >> 32));
}

void put_bytes(struct reply *to, const void *data, size_t size)
{
	add_short(to, (uint32_t)size);
	if (size)
		add(to, data, size);
}

void send_reply(int failed, struct reply *what)
{
	struct reply head = {0};
	unsigned char first = failed ? 1 : 0;

	add_short(&head, (uint32_t)(what->size + 1));
	add(&head, &first, 1);
	if (what->size)
		add(&head, what->data, what->size);
	write_whole(head.data, head.size);
	free(head.data);
	free(what->data);
	what->data = NULL;
}

void send_error(const char *what, const char *name)
{
	struct reply reply = {0};
	const char *why = strerror(errno);
	char *text = allocate(strlen(what) + strlen(name) + strlen(why) + 8);

	strcpy(text, what);
	if (*name) {
		strcat(text, " ");
		strcat(text, name);
	}
	strcat(text, ": ");
	strcat(text, why);
	put_bytes(&reply, text, strlen(text));
	send_reply(1, &reply);
}
