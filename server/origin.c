/* SPDX-License-Identifier: ISC */
#include "server/origin.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/* What stands first fits both; the ninth byte tells them apart. */
enum { FAMILY_AT = 8, FAMILY_V4 = 4, FAMILY_V6 = 6 };

#define V4_IN_V6_AT 12 /* in ::ffff:a.b.c.d */

static void
put(uint8_t out[static ORIGIN_LEN], uint8_t family, const uint8_t *bytes,
    size_t len)
{
	memcpy(out, bytes, len);
	out[FAMILY_AT] = family;
}

void
origin_get(uint8_t out[static ORIGIN_LEN], const struct sockaddr_storage *from)
{
	const void *any = from;
	const struct sockaddr_in *v4 = any;
	const struct sockaddr_in6 *v6 = any;

	memset(out, 0, ORIGIN_LEN);
	if (from->ss_family == AF_INET)
		put(out, FAMILY_V4, (const uint8_t *)&v4->sin_addr, 4);
	else if (from->ss_family != AF_INET6)
		return;
	else if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
		put(out, FAMILY_V4, v6->sin6_addr.s6_addr + V4_IN_V6_AT, 4);
	else
		put(out, FAMILY_V6, v6->sin6_addr.s6_addr, 8);
}

void
origin_text(char out[static ORIGIN_TEXT_SIZE],
    const uint8_t origin[static ORIGIN_LEN])
{
	uint8_t whole[sizeof(struct in6_addr)] = { 0 };
	char text[INET6_ADDRSTRLEN] = "unknown";

	memcpy(whole, origin, FAMILY_AT);
	if (origin[FAMILY_AT] == FAMILY_V4)
		inet_ntop(AF_INET, whole, text, sizeof(text));
	else if (origin[FAMILY_AT] == FAMILY_V6)
		inet_ntop(AF_INET6, whole, text, sizeof(text));
	snprintf(out, ORIGIN_TEXT_SIZE, "%s%s", text,
	    origin[FAMILY_AT] == FAMILY_V6 ? "/64" : "");
}

bool
origin_is_loopback(const struct sockaddr_storage *address)
{
	const void *any = address;
	const struct sockaddr_in *v4 = any;
	const struct sockaddr_in6 *v6 = any;

	if (address->ss_family == AF_INET)
		return ntohl(v4->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	return address->ss_family == AF_INET6 &&
	    IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}
