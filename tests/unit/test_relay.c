/* SPDX-License-Identifier: ISC */
/* The relay as a process, and clients that talk to it over sockets. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/secret.h"
#include "caller.h"
#include "net/chan.h"
#include "net/dial.h"
#include "net/sock.h"
#include "net/transport.h"
#include "server/relay.h"
#include "server/relaykey.h"
#include "tidy.h"
#include "wire/frame.h"

#define TIMEOUT_MS 10000

static struct caller alice, bob;

/* --- the relay, in a child --- */

struct fixture {
	char dir[64];
	char key[96];
	char store[112];
	struct addr address;
	pid_t pid; /* 0 = ended */
};

static int ready_pipe;

static int
on_ready(const struct relay_ready *ready)
{
	ssize_t n = write(ready_pipe, &ready->address, sizeof(ready->address));

	return n == (ssize_t)sizeof(ready->address) ? 0
						    : err_sys(ERR_IO, "pipe");
}

static struct relay_config
configure(const struct fixture *f)
{
	static const char *const listen[] = { "127.0.0.1:0" };

	return (struct relay_config){
		.listen = listen,
		.listen_n = 1,
		.store = f->store,
		.limits = store_limits_none,
		.traffic = limits_default,
		.sandbox = { .off = true },
		.key = f->key,
		.log_format = LOG_JSON,
		.log_level = LOG_ERROR,
		.ready = on_ready,
	};
}

static void
start_relay(struct fixture *f)
{
	struct relay_config config = configure(f);
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	f->pid = fork();
	assert_true(f->pid >= 0);
	if (f->pid == 0) {
		close(ends[0]);
		ready_pipe = ends[1];
		_exit(err_exit(relay_run(&config)));
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], &f->address, sizeof(f->address)),
	    sizeof(f->address));
	close(ends[0]);
}

static int
end_relay(struct fixture *f, int signo)
{
	int status;

	kill(f->pid, signo);
	assert_int_equal(waitpid(f->pid, &status, 0), f->pid);
	f->pid = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int
set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	snprintf(f->dir, sizeof(f->dir), "/tmp/test_relay.XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	snprintf(f->key, sizeof(f->key), "%s/key", f->dir);
	snprintf(f->store, sizeof(f->store), "sqlite:%s/relay.db", f->dir);
	start_relay(f);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	if (f->pid > 0)
		end_relay(f, SIGKILL);
	tidy_dir(f->dir);
	free(f);
	return 0;
}

/* --- clients --- */

static struct chan *
dial(const struct fixture *f, const struct caller *c)
{
	struct chan *ch;

	assert_int_equal(
	    chan_open(&ch, &f->address, f->address.key, TIMEOUT_MS), 0);
	assert_int_equal(chan_bind(ch, c->key.id, c->static_sk), 0);
	return ch;
}

static struct chan_reply
call(struct chan *ch, enum code code, const void *payload, size_t len)
{
	struct chan_reply rep;
	int r = chan_call(ch, &rep, (uint16_t)code, payload, len);

	if (r < 0)
		fail_msg("%d: %s", (int)code, err_last()->message);
	assert_int_equal(rep.code, code + CODE_REPLY);
	return rep;
}

static void
enrol(const struct fixture *f, const struct caller *c)
{
	uint8_t payload[BODY_REGISTER_MAX];
	struct chan *ch = dial(f, c);
	size_t len;

	caller_pack(c, payload, &len);
	call(ch, CODE_REGISTER, payload, len);
	chan_close(ch);
}

static void
put_send(struct chan *ch, const struct caller *to, uint8_t type,
    const void *content, uint32_t len)
{
	struct body_send m = { .type = type, .content_len = len };
	uint8_t head[SEND_HEAD_LEN];

	memcpy(m.to, to->key.id, ID_LEN);
	body_pack_send(head, &m);
	assert_int_equal(
	    chan_put(ch, CODE_SEND, head, sizeof(head), content, len), 0);
}

static void
get_code(struct chan *ch, uint16_t code)
{
	struct chan_reply rep;

	if (chan_get(ch, &rep, 0) < 0)
		fail_msg("%s", err_last()->message);
	assert_int_equal(rep.code, code);
}

static void
put_pull(struct chan *ch, uint32_t after, uint32_t wait_ms)
{
	struct body_pull q = { .after = after, .wait_ms = wait_ms };
	uint8_t payload[BODY_PULL_LEN];

	body_pack_pull(payload, &q);
	assert_int_equal(
	    chan_put(ch, CODE_PULL, payload, sizeof(payload), NULL, 0), 0);
}

/* The channel was closed in order: nothing is in doubt. */
static void
expect_closed(struct chan *ch)
{
	struct chan_reply rep;

	if (chan_put(ch, CODE_LIST, NULL, 0, NULL, 0) == 0)
		assert_int_equal(chan_get(ch, &rep, 0), ERR_UNREACHABLE);
	assert_false(chan_is_in_doubt(ch));
	chan_close(ch);
}

/* --- tests --- */

static void
test_mail_survives_kill(void **state)
{
	struct fixture *f = *state;
	struct chan_reply rep;
	struct chan *ch;

	enrol(f, &alice);
	enrol(f, &bob);
	ch = dial(f, &alice);
	for (int i = 0; i < 100; i++) {
		put_send(ch, &bob, 3, &i, sizeof(i));
		get_code(ch, CODE_SEND + CODE_REPLY);
	}
	assert_int_equal(end_relay(f, SIGKILL), -1);
	chan_close(ch);
	start_relay(f);
	ch = dial(f, &bob);
	rep = call(ch, CODE_PULL, NULL, 0);
	for (uint32_t i = 0; i < 100; i++) {
		struct body_message m;

		assert_int_equal(
		    body_unpack_message(&m, &rep.payload, &rep.len), 0);
		assert_int_equal(m.id, i + 1);
		assert_memory_equal(m.content, &i, sizeof(i));
	}
	assert_int_equal(rep.len, 0);
	chan_close(ch);
	assert_int_equal(end_relay(f, SIGTERM), 0);
}

static void
test_largest_and_many(void **state)
{
	static uint8_t big[CONTENT_MAX], small[256];
	struct fixture *f = *state;
	struct chan_reply rep;
	struct chan *a, *b;

	enrol(f, &alice);
	enrol(f, &bob);
	a = dial(f, &alice);
	for (int round = 0; round < 4; round++) {
		memset(big, round, sizeof(big));
		put_send(a, &bob, 4, big, sizeof(big));
		for (int i = 0; i < 20; i++)
			put_send(a, &bob, 3, small, sizeof(small));
		for (int i = 0; i < 21; i++)
			get_code(a, CODE_SEND + CODE_REPLY);
	}
	/* more asked for than may wait on the relay's side */
	b = dial(f, &bob);
	for (uint32_t i = 0; i < 12; i++)
		put_pull(b, i % 4 * 21, 0);
	for (int i = 0; i < 12; i++) {
		struct body_message m;

		assert_int_equal(chan_get(b, &rep, 0), 0);
		assert_int_equal(
		    body_unpack_message(&m, &rep.payload, &rep.len), 0);
		assert_int_equal(m.content_len, CONTENT_MAX);
		assert_int_equal(m.content[77], i % 4);
	}
	chan_close(a);
	chan_close(b);
	assert_int_equal(end_relay(f, SIGINT), 0);
}

static void
test_wait(void **state)
{
	struct fixture *f = *state;
	struct chan_reply rep;
	struct chan *a, *b;
	uint64_t start;

	enrol(f, &alice);
	enrol(f, &bob);
	a = dial(f, &alice);
	b = dial(f, &bob);
	start = clock_mono_ms();
	put_pull(b, 0, 150);
	assert_int_equal(chan_get(b, &rep, 0), 0);
	assert_int_equal(rep.len, 0);
	assert_true(clock_mono_ms() - start >= 150);
	put_pull(b, 0, 60000);
	put_send(a, &bob, 1, "hi", 2);
	get_code(a, CODE_SEND + CODE_REPLY);
	assert_int_equal(chan_get(b, &rep, 0), 0);
	assert_int_equal(rep.len, PULL_ITEM_LEN + 2);
	assert_true(clock_mono_ms() - start < 5000);
	/* a stop ends a wait and closes in order, idle channels too */
	put_pull(b, 1, 60000);
	call(a, CODE_LIST, NULL, 0);
	assert_int_equal(kill(f->pid, SIGTERM), 0);
	assert_int_equal(chan_get(b, &rep, 0), 0);
	assert_int_equal(rep.len, 0);
	expect_closed(b);
	expect_closed(a);
	assert_int_equal(end_relay(f, 0), 0);
}

static void
test_rotation_closes_other_channels(void **state)
{
	struct caller rotated = alice;
	struct fixture *f = *state;
	struct chan *old;

	enrol(f, &alice);
	old = dial(f, &alice);
	call(old, CODE_LIST, NULL, 0);
	caller_rekey(&rotated, 50);
	rotated.key.issued_at++;
	caller_sign(&rotated);
	enrol(f, &rotated);
	expect_closed(old);
	old = dial(f, &rotated);
	call(old, CODE_UNREGISTER, NULL, 0);
	expect_closed(old);
	assert_int_equal(end_relay(f, SIGTERM), 0);
}

/* Everything up to the end of the stream. */
static size_t
read_rest(int fd, uint8_t *out, size_t cap)
{
	size_t len = 0, n;

	do {
		assert_int_equal(sock_read(fd, out + len, cap - len, &n,
				     clock_deadline(TIMEOUT_MS)),
		    0);
		len += n;
	} while (n > 0 && len < cap);
	return len;
}

static void
test_other_protocols(void **state)
{
	static const char *const lines[] = { "X", "SX", "SNTL\2",
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "SSH-2.0-x\r\n",
		"SNTL\3\1\1" };
	struct fixture *f = *state;
	uint8_t in[64];
	int fd;

	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		assert_int_equal(sock_connect(&fd, &f->address.hosts[0],
				     clock_deadline(TIMEOUT_MS)),
		    0);
		assert_int_equal(sock_write(fd, (const uint8_t *)lines[i],
				     strlen(lines[i]),
				     clock_deadline(TIMEOUT_MS)),
		    0);
		assert_int_equal(read_rest(fd, in, sizeof(in)),
		    FRAME_REPLY_LEN);
		assert_memory_equal(in, transport_refusal, FRAME_REPLY_LEN);
		close(fd);
	}
	/* a right preamble before nonsense: not a word */
	assert_int_equal(
	    sock_connect(&fd, &f->address.hosts[0], clock_deadline(TIMEOUT_MS)),
	    0);
	memcpy(in, transport_preamble, TRANSPORT_PREAMBLE_LEN);
	memset(in + TRANSPORT_PREAMBLE_LEN, 0, 34);
	assert_int_equal(
	    sock_write(fd, in, TRANSPORT_HELLO_LEN, clock_deadline(TIMEOUT_MS)),
	    0);
	assert_int_equal(read_rest(fd, in, sizeof(in)), 0);
	close(fd);
	assert_int_equal(end_relay(f, SIGTERM), 0);
}

/* A channel of bob's without anything in between. */
static void
dial_bare(int *fd, struct transport *t, const struct fixture *f)
{
	uint8_t out[TRANSPORT_FINISH_LEN];
	struct dial_met met;

	assert_int_equal(
	    dial_relay(fd, t, &met, &f->address, clock_deadline(TIMEOUT_MS)),
	    0);
	assert_int_equal(transport_finish(t, out, bob.key.id, bob.static_sk),
	    0);
	assert_int_equal(
	    sock_write(*fd, out, sizeof(out), clock_deadline(TIMEOUT_MS)), 0);
}

static void
put_record(int fd, struct transport *t, enum transport_kind kind,
    const uint8_t *body, size_t len)
{
	uint8_t out[FRAME_REQUEST_LEN + TRANSPORT_OVERHEAD];

	assert_int_equal(transport_seal(t, out, kind, body, len), 0);
	assert_int_equal(sock_write(fd, out, len + TRANSPORT_OVERHEAD,
			     clock_deadline(TIMEOUT_MS)),
	    0);
}

/* In order only between frames: then the relay has a last word, too. */
static void
test_close_inside_a_frame(void **state)
{
	const struct frame_request begun = { .version = WIRE_VERSION,
		.code = CODE_SEND,
		.size = 1000 };
	uint8_t head[FRAME_REQUEST_LEN], in[64];
	struct fixture *f = *state;
	struct transport t;
	int fd;

	enrol(f, &bob);
	frame_pack_request(head, &begun);
	memcpy(head, bob.key.id, ID_LEN);
	for (int amid = 0; amid < 2; amid++) {
		dial_bare(&fd, &t, f);
		if (amid)
			put_record(fd, &t, TRANSPORT_FRAMES, head,
			    sizeof(head));
		put_record(fd, &t, TRANSPORT_CLOSE, head, 0);
		assert_int_equal(read_rest(fd, in, sizeof(in)),
		    amid ? 0 : TRANSPORT_OVERHEAD);
		close(fd);
	}
	assert_int_equal(end_relay(f, SIGTERM), 0);
}

/* What a second relay, with its own key file or the same, ends with. */
static int
run_second(const struct relay_config *config)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(-relay_run(config));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return -WEXITSTATUS(status);
}

static void
test_starts_that_fail(void **state)
{
	struct fixture *f = *state;
	struct relay_config config = configure(f);
	static const char *const nowhere[] = { "nonsense" };
	char port[64], second[128];
	const char *taken[] = { port };
	uint8_t sk[KEY_LEN];

	assert_int_equal(run_second(&config), ERR_LOCKED);
	/* each thing alone, without the store's lock in the way */
	snprintf(port, sizeof(port), "127.0.0.1:%u",
	    (unsigned)f->address.hosts[0].port);
	config.listen = nowhere;
	assert_int_equal(run_second(&config), ERR_USAGE);
	config.listen = taken;
	snprintf(second, sizeof(second), "sqlite:%s/second.db", f->dir);
	config.store = second;
	assert_int_equal(run_second(&config), ERR_IO);
	config.listen = configure(f).listen;
	config.store = "oracle:x";
	assert_int_equal(run_second(&config), ERR_USAGE);
	assert_int_equal(chmod(f->key, 0640), 0);
	assert_int_equal(relaykey_load(sk, f->key), ERR_INSECURE);
	assert_int_equal(chmod(f->key, 0604), 0);
	assert_int_equal(relaykey_load(sk, f->key), ERR_INSECURE);
	assert_int_equal(relaykey_load(sk, f->dir), ERR_INSECURE);
	assert_int_equal(chmod(f->key, 0600), 0);
	if (geteuid() == 0) {
		assert_int_equal(chown(f->key, 65533, (gid_t)-1), 0);
		assert_int_equal(relaykey_load(sk, f->key), ERR_INSECURE);
		assert_int_equal(chown(f->dir, 65533, (gid_t)-1), 0);
		assert_int_equal(relaykey_load(sk, f->key), 0);
		assert_int_equal(chown(f->dir, 65532, (gid_t)-1), 0);
		assert_int_equal(relaykey_load(sk, f->key), ERR_INSECURE);
		assert_int_equal(chown(f->dir, 0, (gid_t)-1), 0);
		assert_int_equal(chown(f->key, 0, (gid_t)-1), 0);
	}
	assert_int_equal(relaykey_load(sk, f->key), 0);
	assert_int_equal(truncate(f->key, 65), 0);
	assert_int_equal(relaykey_load(sk, f->key), ERR_CORRUPT);
	assert_int_equal(truncate(f->key, 67), 0);
	assert_int_equal(relaykey_load(sk, f->key), ERR_CORRUPT);
	assert_int_equal(truncate(f->key, 5000), 0);
	assert_int_equal(relaykey_load(sk, f->key), ERR_CORRUPT);
	assert_int_equal(relaykey_load(sk, "/nowhere/key"), ERR_IO);
	assert_int_equal(end_relay(f, SIGTERM), 0);
}

static void
test_address(void **state)
{
	static const char *const listen[] = { "127.0.0.1:9876", "[::1]:1234" };
	struct fixture *f = *state;
	struct relay_config config = configure(f);
	struct stat st;
	struct addr a;

	assert_int_equal(relay_address(&a, &config), ERR_USAGE); /* port 0 */
	config.listen = listen;
	config.listen_n = 2;
	assert_int_equal(relay_address(&a, &config), 0);
	assert_memory_equal(a.key, f->address.key, KEY_LEN);
	assert_int_equal(a.hosts_n, 2);
	assert_int_equal(a.hosts[1].port, 1234);
	assert_int_equal(stat(f->key, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	/* a key that was lost is made anew, and is another */
	assert_int_equal(unlink(f->key), 0);
	assert_int_equal(relay_address(&a, &config), 0);
	assert_memory_not_equal(a.key, f->address.key, KEY_LEN);
	assert_int_equal(end_relay(f, SIGTERM), 0);
}

static int
start(void **state)
{
	(void)state;
	if (secret_start() < 0)
		return -1;
	caller_make(&alice, 1, "alice");
	caller_make(&bob, 2, "bob");
	return 0;
}

int
main(void)
{
#define T(test)                                      \
	{                                            \
#test, test, set_up, tear_down, NULL \
	}
	const struct CMUnitTest tests[] = {
		T(test_mail_survives_kill),
		T(test_largest_and_many),
		T(test_wait),
		T(test_rotation_closes_other_channels),
		T(test_other_protocols),
		T(test_close_inside_a_frame),
		T(test_starts_that_fail),
		T(test_address),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
