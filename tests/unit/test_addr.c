/* SPDX-License-Identifier: ISC */
#include "wire/addr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "kat.h"

#define KEY  "nOD-oSddM5fhVdSJXEnXBOoe5GdSn74Fl4UfpeTpjGI"
#define WITH "sentinel://" KEY "@"

/* What is refused must leave the address as it was. */
static void
expect(const char *text, bool good)
{
	struct addr a, before;
	int r;

	memset(&a, 0xa5, sizeof(a));
	memcpy(&before, &a, sizeof(a));
	r = addr_parse(&a, text);
	if (r != (good ? 0 : ERR_USAGE))
		fail_msg("\"%s\": %d", text, r);
	if (!good)
		assert_memory_equal(&a, &before, sizeof(a));
}

static void
test_known(void **state)
{
	json_t *all = kat_load("sentinel-v3-kat-more.json");
	json_t *j, *host;
	size_t i, n;

	(void)state;
	json_array_foreach(kat_get(all, "address"), i, j)
	{
		struct addr a;
		uint8_t key[KEY_LEN];
		char text[ADDR_TEXT_SIZE];
		json_t *hosts = kat_get(j, "hosts");

		assert_int_equal(addr_parse(&a, kat_text(j, "address")), 0);
		kat_hex(key, sizeof(key), j, "key");
		assert_true(a.has_key);
		assert_memory_equal(a.key, key, KEY_LEN);
		assert_int_equal(a.hosts_n, json_array_size(hosts));
		json_array_foreach(hosts, n, host)
		{
			assert_string_equal(a.hosts[n].name,
			    json_string_value(json_array_get(host, 0)));
			assert_int_equal(a.hosts[n].port,
			    json_integer_value(json_array_get(host, 1)));
		}
		addr_text(text, &a);
		assert_string_equal(text, kat_text(j, "address"));
	}
	assert_int_equal(i, 4);
	json_array_foreach(kat_get(all, "address_refused"), i, j)
	    expect(kat_text(j, "address"), false);
	assert_int_equal(i, 11);
	json_decref(all);
}

/* What stands for what: printed, an address says everything. */
static void
test_printed(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "h", "h:9876" },
		{ "h:1", "h:1" },
		{ "h,i:2", "h:9876,i:2" },
		{ "127.0.0.1", "127.0.0.1:9876" },
		{ "[::1]", "[::1]:9876" },
		{ "[::1]:65535", "[::1]:65535" },
		{ "[2001:db8::1],a.example.:443",
		    "[2001:db8::1]:9876,a.example.:443" },
		{ "[::ffff:10.0.0.1]:7", "[::ffff:10.0.0.1]:7" },
		{ "xn--bcher-kva.example", "xn--bcher-kva.example:9876" },
		{ "my_relay-1", "my_relay-1:9876" },
		{ WITH "h", WITH "h:9876" },
		{ WITH "[::]:1,[::]:2", WITH "[::]:1,[::]:2" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[ADDR_TEXT_SIZE];
		struct addr a;

		assert_int_equal(addr_parse(&a, rows[i].in), 0);
		assert_int_equal(a.has_key, strchr(rows[i].in, '@') != NULL);
		addr_text(text, &a);
		assert_string_equal(text, rows[i].out);
		assert_int_equal(addr_parse(&a, text), 0);
		addr_text(text, &a);
		assert_string_equal(text, rows[i].out);
	}
}

static void
test_refused(void **state)
{
	static const char *const bad[] = { "", ",", "h,", ",h", "h,,i", ":",
		":1", "h:", "h:x", "h:1x", "h:-1", "h:+1", "h: 1", "h:0x1",
		"h:1:2", "h:000001", "h h", " h", "h ", "h\n", "h/", "h:1/",
		"::1", "::1:9876", "fe80::1", "[::1", "::1]", "[]", "[]:1",
		"[h]", "[127.0.0.1]", "[::1]1", "[::1]x", "[::1]:", "[::1]:0",
		"[[::1]]", "[::1]]", "[::1%eth0]", "[:::1]", "[1:2:3:4:5:6:7]",
		".h", "-h", "_h", "h@i", KEY "@h", "sentinel:", "sentinel:/h",
		"sentinel://", "sentinel://@", "sentinel://@h",
		"sentinel://" KEY, "sentinel://" KEY "h", WITH, WITH ",h",
		WITH "h@i", WITH "sentinel://h", WITH WITH "h",
		"Sentinel://" KEY "@h", "http://" KEY "@h", "\xc3\xa4" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		expect(bad[i], false);
}

static void
test_every_byte(void **state)
{
	static const char inner[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";

	(void)state;
	for (unsigned c = 1; c < 256; c++) {
		bool good = strchr(inner, (int)c);
		bool first = good && c != '.' && c != '-' && c != '_';
		char host[] = "h.i", list[] = "h1i:1", key[] = WITH "h";

		host[1] = (char)c;
		/* "h,i" are two */
		expect(host, good || c == ',');
		host[0] = (char)c;
		host[1] = '0';
		expect(host, first);
		list[1] = (char)c;
		expect(list, good || c == ',');
		key[20] = (char)c;
		expect(key, (good && c != '.') || c == '-' || c == '_');
	}
}

static void
test_ports(void **state)
{
	static const uint64_t ports[] = { 0, 1, 80, 65534, 65535, 65536, 65537,
		99999, 100000, 1ULL << 31, (1ULL << 32) - 1, 1ULL << 32,
		(1ULL << 32) + 1, UINT64_MAX };
	char text[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ports); i++) {
		bool good = ports[i] >= 1 && ports[i] <= 65535;

		snprintf(text, sizeof(text), "h:%llu",
		    (unsigned long long)ports[i]);
		expect(text, good);
		snprintf(text, sizeof(text), "[::1]:%llu",
		    (unsigned long long)ports[i]);
		expect(text, good);
	}
}

static void
test_lengths(void **state)
{
	char text[ADDR_TEXT_SIZE], host[300], back[ADDR_TEXT_SIZE];
	struct addr a;

	(void)state;
	for (size_t len = 1; len < sizeof(host) - 4; len++) {
		memset(host, 'h', len);
		host[len] = '\0';
		expect(host, len <= 255);
		memcpy(host + len, ":1", 3);
		expect(host, len <= 255);
	}
	/* the longest of all: hosts of 255 bytes */
	memset(host, 'h', 255);
	memcpy(host + 255, ":65535", 7);
	snprintf(text, sizeof(text), WITH "%s", host);
	for (int n = 1; n <= ADDR_HOSTS_MAX; n++) {
		assert_int_equal(addr_parse(&a, text), 0);
		assert_int_equal(a.hosts_n, n);
		addr_text(back, &a);
		assert_string_equal(back, text);
		if (n < ADDR_HOSTS_MAX)
			snprintf(text + strlen(text),
			    sizeof(text) - strlen(text), ",%s", host);
	}
	memcpy(text + strlen(text), ",h", 3);
	expect(text, false);
	memset(text, 'h', 1000);
	memcpy(text + 1000, ":1", 3);
	expect(text, false);
	assert_int_equal(addr_parse_host(&a.hosts[0], text), ERR_USAGE);
}

static void
test_listener(void **state)
{
	static const struct {
		const char *text;
		int port; /* -1: refused */
	} rows[] = { { "127.0.0.1:0", 0 }, { "[::]:9876", 9876 },
		{ "h:65535", 65535 }, { "h:65536", -1 }, { "127.0.0.1", -1 },
		{ "[::]", -1 }, { ":1", -1 }, { "::1:1", -1 }, { "", -1 },
		{ "h:1,i:2", -1 }, { WITH "h:1", -1 }, { "h:", -1 },
		{ "*:1", -1 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct addr_host h = { .name = "same", .port = 7 };
		int r = addr_parse_host(&h, rows[i].text);

		if (r != (rows[i].port < 0 ? ERR_USAGE : 0))
			fail_msg("\"%s\": %d", rows[i].text, r);
		assert_int_equal(h.port, r == 0 ? rows[i].port : 7);
		if (r != 0)
			assert_string_equal(h.name, "same");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_printed),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_listener),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
