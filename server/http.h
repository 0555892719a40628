/* SPDX-License-Identifier: ISC */
/*
 * The little of HTTP that a scraper speaks: one GET of one path.  Pure: bytes
 * in, a status out.
 */
#ifndef SERVER_HTTP_H
#define SERVER_HTTP_H

#include <stddef.h>

#define HTTP_REQUEST_MAX 4096 /* bytes of a request that may be answered */

enum http_status {
	HTTP_MORE, /* the request is not whole yet */
	HTTP_OK = 200,
	HTTP_BAD = 400,
	HTTP_NOT_FOUND = 404,
	HTTP_NOT_ALLOWED = 405,
};

/*
 * What in[0..len), which begins a request, is to be answered with when path
 * is all there is.  HTTP/1.0 and 1.1, lines that end with CR LF, no line that
 * goes on in the next; bytes behind the empty line are of no matter.  What is
 * wrong is told as soon as its line is whole; HTTP_MORE of HTTP_REQUEST_MAX
 * bytes is HTTP_BAD.
 */
enum http_status http_judge(const char *in, size_t len, const char *path);

/* "200 OK" and the like. */
const char *http_line(enum http_status status);

#endif
