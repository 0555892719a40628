/* SPDX-License-Identifier: ISC */
#include "cli/field.h"

#include <string.h>

bool
field_is_list(const char *paths)
{
	size_t n;

	for (; (n = strcspn(paths, ".,")) > 0; paths += n + 1) {
		if (paths[n] == '\0')
			return true;
	}
	return false;
}

static json_t *
item(json_t *array, const char *digits, size_t len)
{
	size_t index = 0;

	for (size_t i = 0; i < len; i++) {
		if (digits[i] < '0' || digits[i] > '9' ||
		    index >= json_array_size(array))
			return NULL;
		index = 10 * index + (size_t)(digits[i] - '0');
	}
	return json_array_get(array, index);
}

json_t *
field_find(json_t *tree, const char *path, size_t len)
{
	const char *end = path + len;

	while (tree && path < end) {
		const char *dot = memchr(path, '.', (size_t)(end - path));
		const char *stop = dot ? dot : end;
		const size_t n = (size_t)(stop - path);

		tree = json_is_array(tree) ? item(tree, path, n)
					   : json_object_getn(tree, path, n);
		path = dot ? dot + 1 : end;
	}
	return tree;
}
