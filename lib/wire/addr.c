/* SPDX-License-Identifier: ISC */
#include "wire/addr.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"

#define SCHEME "sentinel://"

/* "sentinel://KEY@", eight of "[HOST]:65535," */
_Static_assert(sizeof(SCHEME) + TEXT_KEY_SIZE +
	    ADDR_HOSTS_MAX * (ADDR_HOST_SIZE + sizeof("[]:65535,")) <=
	ADDR_TEXT_SIZE,
    "the longest address fits");

static int
wrong(const char *what, const char *s, size_t len)
{
	return err_set(ERR_USAGE, "%s in address \"%.*s\"", what, (int)len, s);
}

static bool
is_ipv6(const char *s)
{
	struct in6_addr unused;

	return inet_pton(AF_INET6, s, &unused) == 1;
}

/* A name, or an IPv4 address, which looks like one. */
static bool
is_host_name(const char *s)
{
	static const char alnum[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	size_t len = strspn(s, alnum);

	while (len > 0 && s[len] && strchr(".-_", s[len]))
		len += 1 + strspn(s + len + 1, alnum);
	return len > 0 && s[len] == '\0';
}

/*
 * Cut HOST[:PORT] in two.  The host without brackets, or NULL when it is not
 * well-formed; *port is NULL when there is none.
 */
static const char *
cut(char *item, const char **port)
{
	char *end;

	if (item[0] != '[') {
		end = strchr(item, ':');
		if (end)
			*end++ = '\0';
		*port = end;
		return is_host_name(item) ? item : NULL;
	}
	end = strchr(item, ']');
	if (!end || (end[1] != ':' && end[1] != '\0'))
		return NULL;
	*port = end[1] == ':' ? end + 2 : NULL;
	*end = '\0';
	return is_ipv6(item + 1) ? item + 1 : NULL;
}

/* The number, or -1 when it is none from 0 to 65535. */
static int
port_number(const char *s)
{
	size_t len = strspn(s, "0123456789");
	int port = 0;

	if (len == 0 || len > 5 || s[len] != '\0')
		return -1;
	for (; *s; s++)
		port = port * 10 + (*s - '0');
	return port <= UINT16_MAX ? port : -1;
}

/* otherwise = the port when none is given, -1: one must be given. */
static int
parse_item(struct addr_host *h, const char *s, size_t len, int otherwise)
{
	char item[ADDR_HOST_SIZE + sizeof("[]:65535")];
	const char *name, *digits;
	int port;

	if (len >= sizeof(item))
		return wrong("too long a host", s, len);
	memcpy(item, s, len);
	item[len] = '\0';
	name = cut(item, &digits);
	if (!name || strlen(name) >= sizeof(h->name))
		return wrong("no good host", s, len);
	port = digits ? port_number(digits) : otherwise;
	if (port < 0)
		return wrong("no good port", s, len);
	h->port = (uint16_t)port;
	memcpy(h->name, name, strlen(name) + 1);
	return 0;
}

/* Takes "sentinel://KEY@" off the front of *text. */
static int
parse_key(struct addr *a, const char **text)
{
	const char *key = *text + strlen(SCHEME);
	const char *at;
	int r;

	if (strncmp(*text, SCHEME, strlen(SCHEME)) != 0)
		return 0;
	at = strchr(key, '@');
	if (!at)
		return wrong("no key", *text, strlen(*text));
	r = text_unkey(a->key, key, (size_t)(at - key));
	if (r < 0)
		return r;
	a->has_key = true;
	*text = at + 1;
	return 0;
}

static int
parse_hosts(struct addr *a, const char *text)
{
	for (;;) {
		size_t len = strcspn(text, ",");
		struct addr_host *h;
		int r;

		if (a->hosts_n == ADDR_HOSTS_MAX)
			return err_set(ERR_USAGE, "address: over %d hosts",
			    ADDR_HOSTS_MAX);
		h = &a->hosts[a->hosts_n];
		r = parse_item(h, text, len, ADDR_PORT);
		if (r < 0)
			return r;
		if (h->port == 0)
			return wrong("port 0", text, len);
		a->hosts_n++;
		if (text[len] == '\0')
			return 0;
		text += len + 1;
	}
}

int
addr_parse(struct addr *a, const char *text)
{
	struct addr found = { .has_key = false };
	int r = parse_key(&found, &text);

	if (r == 0)
		r = parse_hosts(&found, text);
	if (r == 0)
		*a = found;
	return r;
}

int
addr_parse_host(struct addr_host *h, const char *text)
{
	return parse_item(h, text, strlen(text), -1);
}

void
addr_text(char out[static ADDR_TEXT_SIZE], const struct addr *a)
{
	char key[TEXT_KEY_SIZE];
	size_t n = 0;

	if (a->has_key) {
		text_key(key, a->key);
		n = (size_t)snprintf(out, ADDR_TEXT_SIZE, SCHEME "%s@", key);
	}
	for (size_t i = 0; i < a->hosts_n; i++) {
		const struct addr_host *h = &a->hosts[i];
		bool ipv6 = strchr(h->name, ':') != NULL;

		n += (size_t)snprintf(out + n, ADDR_TEXT_SIZE - n,
		    "%s%s%s%s:%u", i > 0 ? "," : "", ipv6 ? "[" : "", h->name,
		    ipv6 ? "]" : "", h->port);
		assert(n < ADDR_TEXT_SIZE);
	}
}
