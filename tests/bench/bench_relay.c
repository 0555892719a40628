/* SPDX-License-Identifier: ISC */
/*
 * Sends over channels that are kept open, each with one request under way:
 * what the relay makes durable a second, and how long one send takes.  Runs
 * argv[1], else $RELAY_BIN, else sentinel-relay of $SENTINEL_BIN.
 */
#include "raw.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/le.h"
#include "base/secret.h"
#include "crypto/ident.h"
#include "net/sock.h"
#include "net/transport.h"
#include "wire/body.h"
#include "wire/codes.h"
#include "wire/frame.h"

#define CLIENTS_MAX 64
#define RUN_NS      3000000000ULL
#define SAMPLES_MAX 1000000
#define WAIT_MS     10000

struct client {
	uint8_t seed[KEY_LEN];
	uint8_t static_sk[KEY_LEN];
	uint8_t id[ID_LEN];
	struct bundle bundle;
	int fd;
	struct transport t;
	uint8_t in[4096];
	size_t in_len;
	uint64_t sent_ns;
};

static struct client clients[CLIENTS_MAX];
static struct addr relay;
static float samples[SAMPLES_MAX]; /* ms */
static size_t samples_n;

static pid_t
start_relay(const char *bin, const char *dir)
{
	char store[512], key[512], line[4096];
	json_t *ready;
	int out[2];
	ssize_t n;
	pid_t pid;

	snprintf(store, sizeof(store), "sqlite:%s/relay.db", dir);
	snprintf(key, sizeof(key), "%s/key", dir);
	MUST(pipe2(out, O_CLOEXEC) == 0);
	pid = fork();
	MUST(pid >= 0);
	if (pid == 0) {
		dup2(out[1], STDOUT_FILENO);
		execlp(bin, bin, "--listen", "127.0.0.1:0", "--store", store,
		    "--key", key, "--log-level", "error", (char *)NULL);
		_exit(127);
	}
	close(out[1]);
	n = read(out[0], line, sizeof(line));
	MUST(n > 0);
	ready = json_loadb(line, (size_t)n, 0, NULL);
	MUST(ready);
	MUST(addr_parse(&relay,
		 json_string_value(json_object_get(ready, "address"))) == 0);
	json_decref(ready);
	close(out[0]);
	return pid;
}

static void
stop_relay(pid_t pid)
{
	int status;

	kill(pid, SIGTERM);
	MUST(waitpid(pid, &status, 0) == pid);
	MUST(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void
make_client(struct client *c)
{
	secret_random(c->seed, KEY_LEN);
	secret_random(c->static_sk, KEY_LEN);
	ident_public(c->bundle.identity_pk, c->seed);
	noise_public(c->bundle.static_pk, c->static_sk);
	noise_public(c->bundle.prekey_pk, c->seed);
	ident_id(c->id, c->bundle.identity_pk);
}

static void
open_channel(struct client *c)
{
	uint64_t deadline = clock_deadline(WAIT_MS);
	uint8_t hello[TRANSPORT_HELLO_LEN], answer[TRANSPORT_ANSWER_LEN];
	uint8_t finish[TRANSPORT_FINISH_LEN], fresh[KEY_LEN];
	struct transport_answer a;

	secret_random(fresh, sizeof(fresh));
	c->in_len = 0;
	MUST(sock_connect(&c->fd, &relay.hosts[0], deadline) == 0);
	MUST(transport_hello(&c->t, hello, fresh) == 0);
	MUST(sock_write(c->fd, hello, sizeof(hello), deadline) == 0);
	MUST(sock_read_all(c->fd, answer, sizeof(answer), deadline) == 0);
	MUST(transport_read_answer(&c->t, &a, answer) == 0);
	MUST(transport_finish(&c->t, finish, c->id, c->static_sk) == 0);
	MUST(sock_write(c->fd, finish, sizeof(finish), deadline) == 0);
}

static void
put_request(struct client *c, uint16_t code, const uint8_t *payload, size_t len)
{
	struct frame_request req = { .version = WIRE_VERSION,
		.code = code,
		.size = (uint32_t)len };
	uint8_t frame[1024], record[sizeof(frame) + TRANSPORT_OVERHEAD];
	size_t frame_len = FRAME_REQUEST_LEN + len;

	memcpy(req.id, c->id, ID_LEN);
	frame_pack_request(frame, &req);
	memcpy(frame + FRAME_REQUEST_LEN, payload, len);
	MUST(transport_seal(&c->t, record, TRANSPORT_FRAMES, frame,
		 frame_len) == 0);
	MUST(sock_write(c->fd, record, frame_len + TRANSPORT_OVERHEAD,
		 clock_deadline(WAIT_MS)) == 0);
}

/* The code of the reply, 0 while it is not complete. */
static uint16_t
read_reply(struct client *c)
{
	ssize_t n =
	    recv(c->fd, c->in + c->in_len, sizeof(c->in) - c->in_len, 0);
	enum transport_kind kind;
	struct frame_reply rep;
	uint8_t *body;
	size_t len;

	if (n < 0 && errno == EAGAIN)
		return 0;
	MUST(n > 0);
	c->in_len += (size_t)n;
	if (c->in_len < TRANSPORT_LENGTH_LEN ||
	    c->in_len < TRANSPORT_LENGTH_LEN + transport_length(c->in))
		return 0;
	MUST(transport_open(&c->t, &kind, &body, &len,
		 c->in + TRANSPORT_LENGTH_LEN, transport_length(c->in)) == 0);
	MUST(kind == TRANSPORT_FRAMES && len >= FRAME_REPLY_LEN);
	frame_unpack_reply(&rep, body);
	MUST(len == FRAME_REPLY_LEN + rep.size);
	c->in_len = 0;
	return rep.code;
}

static void
enrol(struct client *c, unsigned n)
{
	struct pollfd p;
	struct body_register b = { .issued_at = clock_wall_ms() };
	uint8_t payload[BODY_REGISTER_MAX];
	uint16_t code;
	size_t len;

	make_client(c);
	snprintf(b.name, sizeof(b.name), "client-%u", n);
	ident_sign(&c->bundle, c->seed, b.issued_at, b.name);
	b.bundle = c->bundle;
	body_pack_register(payload, &len, &b);
	open_channel(c);
	put_request(c, CODE_REGISTER, payload, len);
	p = (struct pollfd){ .fd = c->fd, .events = POLLIN };
	do {
		MUST(poll(&p, 1, WAIT_MS) == 1);
		code = read_reply(c);
	} while (code == 0);
	MUST(code == CODE_REGISTER + CODE_REPLY);
	close(c->fd);
}

/* The next message of client i, to its neighbor. */
static void
send_one(size_t i)
{
	uint8_t payload[SEND_HEAD_LEN + RAW_CONTENT_LEN] = { 0 };
	struct body_send m = { .type = MESSAGE_RATCHET,
		.content_len = RAW_CONTENT_LEN };

	memcpy(m.to, clients[(i + 1) % CLIENTS_MAX].id, ID_LEN);
	body_pack_send(payload, &m);
	clients[i].sent_ns = raw_now_ns();
	put_request(&clients[i], CODE_SEND, payload, sizeof(payload));
}

static void
note(uint64_t sent_ns, uint64_t now)
{
	if (samples_n < SAMPLES_MAX)
		samples[samples_n++] = (float)((double)(now - sent_ns) / 1e6);
}

static uint64_t
exchange(size_t connections)
{
	struct pollfd polls[CLIENTS_MAX];
	uint64_t start = raw_now_ns(), now = start;
	size_t under_way = connections;

	for (size_t i = 0; i < connections; i++) {
		polls[i] = (struct pollfd){ clients[i].fd, POLLIN, 0 };
		send_one(i);
	}
	while (under_way > 0) {
		MUST(poll(polls, connections, WAIT_MS) > 0);
		for (size_t i = 0; i < connections; i++) {
			uint16_t code =
			    polls[i].revents == 0 ? 0 : read_reply(&clients[i]);

			if (code == 0)
				continue;
			MUST(code == CODE_SEND + CODE_REPLY);
			now = raw_now_ns();
			note(clients[i].sent_ns, now);
			if (now - start < RUN_NS)
				send_one(i);
			else
				under_way--;
		}
	}
	return now - start;
}

static int
ascending(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

static void
measure(const char *dir, unsigned connections)
{
	double raw = raw_measure(dir, connections), sends;
	uint64_t ns;

	for (unsigned i = 0; i < connections; i++)
		open_channel(&clients[i]);
	samples_n = 0;
	ns = exchange(connections);
	for (unsigned i = 0; i < connections; i++)
		close(clients[i].fd);
	qsort(samples, samples_n, sizeof(*samples), ascending);
	sends = (double)samples_n * 1e9 / (double)ns;
	printf("{\"bench\":\"relay\",\"connections\":%u,"
	       "\"sends_per_second\":%.0f,\"p50_ms\":%.2f,\"p99_ms\":%.2f,"
	       "\"raw_rows_per_second\":%.0f,\"ratio\":%.2f}\n",
	    connections, sends, (double)samples[samples_n / 2],
	    (double)samples[samples_n - 1 - samples_n / 100], raw, sends / raw);
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	const char *bins = getenv("SENTINEL_BIN");
	const char *bin = argc > 1 ? argv[1] : getenv("RELAY_BIN");
	char dir[256], path[512];
	pid_t pid;

	if (!bin) {
		snprintf(path, sizeof(path), "%s/sentinel-relay",
		    bins ? bins : "build/release/bin");
		bin = path;
	}
	MUST(secret_start() == 0);
	raw_make_dir(dir);
	pid = start_relay(bin, dir);
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		enrol(&clients[i], i);
	measure(dir, 1);
	measure(dir, CLIENTS_MAX);
	stop_relay(pid);
	raw_remove_dir(dir);
	return 0;
}
