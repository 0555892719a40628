/* SPDX-License-Identifier: ISC */
#include "server/scrape.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "server/metrics.h"

#define PATH     "/metrics"
#define TYPE     "text/plain; version=0.0.4; charset=utf-8"
#define HEAD_LEN 256

static void
drop(struct scrape_conn *c)
{
	struct scrape *s = c->scrape;

	loop_timer_remove(s->loop, &c->timer);
	loop_remove(s->loop, &c->watch);
	close(c->watch.fd);
	buf_free(c->out);
	c->scrape = NULL;
	s->n--;
	listener_shut(&s->listeners, false);
}

static int
put_head(struct buf *out, enum http_status status, size_t len)
{
	char head[HEAD_LEN];
	int n = snprintf(head, sizeof(head),
	    "HTTP/1.1 %s\r\n%sContent-Type: " TYPE "\r\n"
	    "Content-Length: %zu\r\nConnection: close\r\n\r\n",
	    http_line(status),
	    status == HTTP_NOT_ALLOWED ? "Allow: GET\r\n" : "", len);

	return buf_put(out, head, (size_t)n);
}

static int
put_body(struct scrape *s, struct buf *body)
{
	s->fn(s->arg);
	return metrics_text(body);
}

static int
answer(struct scrape_conn *c, enum http_status status)
{
	struct buf *body = buf_new(METRICS_TEXT_MAX);
	int r = body ? 0 : err_set(ERR_NOMEM, "metrics");

	c->out = buf_new(METRICS_TEXT_MAX + HEAD_LEN);
	if (r == 0 && !c->out)
		r = err_set(ERR_NOMEM, "metrics");
	if (r == 0 && status == HTTP_OK)
		r = put_body(c->scrape, body);
	if (r == 0)
		r = put_head(c->out, status, buf_len(body));
	if (r == 0)
		r = buf_put(c->out, buf_peek(body), buf_len(body));
	buf_free(body);
	loop_want(c->scrape->loop, &c->watch, LOOP_WRITE);
	return r;
}

/* What is read after the answer goes by, so that the close does not cut it. */
static int
take(struct scrape_conn *c)
{
	const size_t at = c->out ? 0 : c->in_len;
	ssize_t n = recv(c->watch.fd, c->in + at, sizeof(c->in) - at, 0);
	enum http_status status;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return err_set(ERR_UNREACHABLE, "end of stream");
	if (c->out)
		return 0;
	c->in_len += (size_t)n;
	status = http_judge(c->in, c->in_len, PATH);
	return status == HTTP_MORE ? 0 : answer(c, status);
}

static int
flush(struct scrape_conn *c)
{
	ssize_t n =
	    send(c->watch.fd, buf_peek(c->out), buf_len(c->out), MSG_NOSIGNAL);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n < 0)
		return err_sys(ERR_UNREACHABLE, "sending");
	buf_drop(c->out, (size_t)n);
	if (buf_len(c->out) > 0)
		return 0;
	loop_want(c->scrape->loop, &c->watch, LOOP_READ);
	return shutdown(c->watch.fd, SHUT_WR);
}

static void
on_ready(void *arg, unsigned events)
{
	struct scrape_conn *c = arg;
	int r = 0;

	if (events & c->watch.events & LOOP_WRITE)
		r = flush(c);
	else if (events & LOOP_READ)
		r = take(c);
	if (r < 0)
		drop(c);
}

static void
on_timeout(void *arg)
{
	drop(arg);
}

static struct scrape_conn *
find_free(struct scrape *s)
{
	size_t i = 0;

	while (i < SCRAPE_MAX && s->conns[i].scrape)
		i++;
	return i < SCRAPE_MAX ? &s->conns[i] : NULL;
}

static void
on_connection(void *arg, int fd, const uint8_t origin[static ORIGIN_LEN])
{
	struct scrape *s = arg;
	struct scrape_conn *c = find_free(s);

	(void)origin;
	if (!c) {
		close(fd);
		return;
	}
	c->scrape = s;
	c->out = NULL;
	c->in_len = 0;
	c->watch = (struct loop_fd){ fd, LOOP_READ, on_ready, c };
	c->timer = (struct loop_timer){ .fn = on_timeout, .arg = c };
	listener_shut(&s->listeners, ++s->n == SCRAPE_MAX);
	if (loop_add(s->loop, &c->watch) < 0 ||
	    loop_timer_add(s->loop, &c->timer,
		loop_now(s->loop) + SCRAPE_TIMEOUT_MS) < 0)
		drop(c);
}

int
scrape_start(struct scrape *s, struct addr_host *at, struct loop *loop,
    const struct scrape_config *config)
{
	int r;

	s->loop = loop;
	s->fn = config->fn;
	s->arg = config->arg;
	r = addr_parse_host(at, config->at);
	if (r == 0)
		r = listener_start(&s->listeners, loop, on_connection, s);
	if (r == 0)
		r = listener_add(&s->listeners, at);
	if (r == 0 && s->listeners.remote && !config->remote)
		r = err_set(ERR_USAGE,
		    "metrics at %s could be read by other machines",
		    config->at);
	if (r == ERR_USAGE && s->listeners.remote)
		err_hint("give an address of this machine alone, such as "
			 "127.0.0.1:9877, or --metrics-remote");
	if (r < 0)
		scrape_stop(s);
	return r;
}

void
scrape_stop(struct scrape *s)
{
	for (size_t i = 0; i < SCRAPE_MAX; i++) {
		if (s->conns[i].scrape)
			drop(&s->conns[i]);
	}
	listener_stop(&s->listeners);
}
