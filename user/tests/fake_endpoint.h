/* SPDX-License-Identifier: GPL-2.0 */
/* Endpoints of the pretended kernel, of one member each. */
#ifndef KDTLS_TEST_FAKE_ENDPOINT_H
#define KDTLS_TEST_FAKE_ENDPOINT_H

#include <libmnl/libmnl.h>

#include "fake_session.h"

/* The sessions of an endpoint, by its member's socket; NULL if it is none. */
struct fake_session **fake_sessions_of(int fd);

/* The session with a peer; @local may be of family AF_UNSPEC. Or NULL. */
struct fake_session *fake_session_find(struct fake_session *list,
				       const struct sockaddr_storage *peer,
				       const struct sockaddr_storage *local);

/* All end. */
void fake_sessions_clear(struct fake_session **list);

/* Answer a request of the family into @buf; returns the size. */
ssize_t fake_endpoint_serve(const struct nlmsghdr *request, void *buf);

#endif /* KDTLS_TEST_FAKE_ENDPOINT_H */
