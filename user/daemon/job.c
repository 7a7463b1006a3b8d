// SPDX-License-Identifier: GPL-2.0
/*
 * Handshakes of programs. The socket is the program's, and the daemon has a descriptor
 * of it only as long as it needs one: until the keys are in the kernel or the handshake
 * has failed, and, if the last flight was ours, until the peer is known to have it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/x509.h>

#include "closer.h"
#include "daemon.h"
#include "log.h"
#include "request.h"

/* Data from before the handover that is passed on; the network may lose the rest. */
#define EARLY_MAX	32
#define EARLY_BYTES	(64 * 1024)

/* ---- lists ---- */

static void take_out(struct job *job)
{
	struct job **at = &job->conn->jobs;

	while (*at != job)
		at = &(*at)->next;
	*at = job->next;
	if (job->tended)
		job->conn->n_tended--;
	else
		job->conn->n_running--;
}

void job_free(struct job *job)
{
	take_out(job);
	if (job->session)
		kdtls_session_set_data(job->session, NULL);
	kdtls_destroy(job->session);
	/* It is a UDP socket: closing it never waits. */
	close(job->fd);
	daemon_later(job->conn->daemon, job->profile);
	free(job);
}

static void released(struct job *job)
{
	const struct kdtls_helper_header h = {
		.version = KDTLS_HELPER_VERSION,
		.type = KDTLS_HELPER_RELEASED,
		.size = sizeof(h),
		.id = job->id,
	};
	struct conn *c = job->conn;

	/* The descriptor first: the program may wait for the port. */
	job_free(job);
	conn_send(c, &h, sizeof(h));
}

static void failed(struct job *job, int err, const char *text)
{
	struct conn *c = job->conn;
	uint32_t id = job->id;

	conn_say(c, LOG_NOTICE, "session with %s, profile %s: %s",
		 log_address(&job->peer), job->profile->name, text);
	if (job->offered)
		memory_forget(job->profile, &job->key);
	job_free(job);
	conn_fail(c, id, err, text);
}

/* ---- the end of a handshake ---- */

/* Records that OpenSSL held. */
struct early {
	struct kdtls_helper_header *list[EARLY_MAX];
	unsigned int	n;
	unsigned int	lost;
	size_t		bytes;
};

static void put(char *to, size_t size, const char *text)
{
	snprintf(to, size, "%s", text);
}

static void fingerprint(struct kdtls_helper_done *done, struct kdtls_session *s)
{
	X509 *cert = kdtls_session_peer_certificate(s);
	unsigned int n = 0;

	if (cert && X509_digest(cert, EVP_sha256(), done->fingerprint, &n) == 1)
		done->flags |= KDTLS_HELPER_CERTIFICATE;
	X509_free(cert);
}

static void srtp_keys(struct kdtls_helper_done *done, struct kdtls_session *s)
{
	struct kdtls_srtp_keys keys;

	if (kdtls_session_srtp_keys(s, &keys, sizeof(keys)))
		return;
	done->srtp_key_len = keys.key_len;
	done->srtp_salt_len = keys.salt_len;
	memcpy(done->srtp_client_key, keys.client_key, sizeof(keys.client_key));
	memcpy(done->srtp_server_key, keys.server_key, sizeof(keys.server_key));
	memcpy(done->srtp_client_salt, keys.client_salt, sizeof(keys.client_salt));
	memcpy(done->srtp_server_salt, keys.server_salt, sizeof(keys.server_salt));
	explicit_bzero(&keys, sizeof(keys));
}

/* What only OpenSSL can tell. */
static void facts_of_handshake(struct kdtls_helper_done *done, struct job *job)
{
	fingerprint(done, job->session);
	if (job->want_srtp)
		srtp_keys(done, job->session);
}

static void facts(struct kdtls_helper_done *done, struct kdtls_session *s)
{
	struct kdtls_session_info i;

	kdtls_session_info(s, &i, sizeof(i));
	done->flags |= (i.server ? KDTLS_HELPER_SERVER : 0) |
		       (i.resumed ? KDTLS_HELPER_RESUMED : 0) |
		       (i.state == KDTLS_SESSION_CLOSED ? KDTLS_HELPER_CLOSED : 0);
	done->overhead = i.overhead;
	done->window = i.window;
	done->tx_epoch = i.tx_epoch;
	done->rx_epoch = i.rx_epoch;
	put(done->cipher, sizeof(done->cipher), i.cipher);
	put(done->cipher_standard, sizeof(done->cipher_standard), i.cipher_standard);
	put(done->group, sizeof(done->group), i.group);
	put(done->srtp, sizeof(done->srtp), i.srtp);
	put(done->alpn, sizeof(done->alpn), i.alpn);
	put(done->server_name, sizeof(done->server_name), i.server_name);
	put(done->psk_identity, sizeof(done->psk_identity), i.psk_identity);
}

static void keep_early(struct early *e, const struct job *job, const void *buf,
		       size_t len)
{
	struct kdtls_helper_header *h = NULL;

	if (e->n < EARLY_MAX && e->bytes + len <= EARLY_BYTES)
		h = calloc(1, sizeof(*h) + len);
	if (!h) {
		e->lost++;
		return;
	}
	h->version = KDTLS_HELPER_VERSION;
	h->type = KDTLS_HELPER_DATA;
	h->size = (uint32_t)(sizeof(*h) + len);
	h->id = job->id;
	memcpy(h + 1, buf, len);
	e->list[e->n++] = h;
	e->bytes += len;
}

static void take_early(struct early *e, const struct job *job)
{
	static char buf[KDTLS_HELPER_DATA_MAX];
	ssize_t n;

	while (kdtls_pending(job->session)) {
		n = kdtls_recv(job->session, buf, sizeof(buf));
		if (n >= 0)
			keep_early(e, job, buf, (size_t)n);
	}
	explicit_bzero(buf, sizeof(buf));
}

static void send_early(struct conn *c, struct early *e)
{
	unsigned int i;

	for (i = 0; i < e->n; i++) {
		conn_send(c, e->list[i], e->list[i]->size);
		explicit_bzero(e->list[i], e->list[i]->size);
		free(e->list[i]);
	}
}

static struct job *oldest_tended(struct conn *c)
{
	struct job *job, *oldest = NULL;

	/* New ones are put in front. */
	for (job = c->jobs; job; job = job->next)
		if (job->tended)
			oldest = job;
	return oldest;
}

/* From here on the descriptor is for the last flight alone. */
static void begin_tending(struct job *job, int ms)
{
	struct conn *c = job->conn;

	if (c->n_tended >= c->daemon->conf->max_handshakes)
		released(oldest_tended(c));
	if (c->dead)
		return;
	job->tended = true;
	c->n_running--;
	c->n_tended++;
	job->due = daemon_now() + (uint64_t)ms;
	daemon_tend_at(c->daemon, job->due);
}

static void say_open(const struct job *job, const struct kdtls_helper_done *done)
{
	conn_say(job->conn, LOG_INFO, "session with %s, profile %s: open, %s%s%s%s",
		 log_address(&job->peer), job->profile->name, done->cipher,
		 done->flags & KDTLS_HELPER_RESUMED ? ", resumed" : "",
		 *done->server_name ? ", " : "", done->server_name);
}

/* The session is the job's alone now; tell, and keep what is needed. */
static void upgraded(struct job *job, struct kdtls_helper_done *done)
{
	struct early early = { .n = 0 };
	struct conn *c = job->conn;
	int ms;

	facts(done, job->session);
	take_early(&early, job);
	done->early = early.n;
	done->early_lost = early.lost;
	say_open(job, done);
	ms = kdtls_session_tend(job->session);
	if (ms > 0) {
		done->flags |= KDTLS_HELPER_TENDED;
		begin_tending(job, ms);
	} else {
		job_free(job);
	}
	conn_send(c, done, sizeof(*done));
	send_early(c, &early);
}

static void on_handshake(struct kdtls_session *s, void *arg)
{
	struct job *job = kdtls_session_data(s);
	struct kdtls_session *rest;
	struct kdtls_helper_done done;
	int err;

	if (!job) {
		kdtls_destroy(s);
		return;
	}
	memset(&done, 0, sizeof(done));
	done.header.version = KDTLS_HELPER_VERSION;
	done.header.type = KDTLS_HELPER_DONE;
	done.header.size = sizeof(done);
	done.header.id = job->id;
	facts_of_handshake(&done, job);
	err = kdtls_session_detach(s, &rest);
	if (err) {
		failed(job, err, kdtls_last_error());
	} else {
		job->session = rest;
		upgraded(job, &done);
	}
	explicit_bzero(&done, sizeof(done));
}

static void on_close(struct kdtls_session *s, int err, void *arg)
{
	struct job *job = kdtls_session_data(s);
	const char *text = kdtls_session_error(s);
	char copy[KDTLS_HELPER_TEXT_MAX];

	if (!job)
		return;
	/* The library frees it. */
	job->session = NULL;
	kdtls_session_set_data(s, NULL);
	snprintf(copy, sizeof(copy), "%s", *text ? text : !err ?
		 "the peer closed the session in the midst of the handshake" :
		 kdtls_strerror(err));
	failed(job, err ? err : -ECONNRESET, copy);
}

static void on_resumption(struct kdtls_session *s, const void *blob, size_t len,
			  void *arg)
{
	struct job *job = kdtls_session_data(s);

	if (job && job->profile->resume)
		memory_keep(job->profile, &job->key, blob, len);
}

const struct kdtls_callbacks job_callbacks = {
	.size = sizeof(job_callbacks),
	.handshake = on_handshake,
	.close = on_close,
	.resumption = on_resumption,
};

/* ---- the beginning ---- */

static int may_begin(struct conn *c, const struct kdtls_helper_request *r,
		     const struct profile *p, char *why, size_t size)
{
	bool server = r->header.type == KDTLS_HELPER_ACCEPT;

	if (!p) {
		snprintf(why, size, "there is no profile \"%s\" in kdtlsd.conf",
			 *r->profile ? r->profile : "default");
		return -ENOENT;
	}
	if (!conf_may(&p->users, c->uid)) {
		snprintf(why, size, "this user may not use the profile \"%s\": see allow-user in kdtlsd.conf(5)",
			 p->name);
		return -EACCES;
	}
	if (!(p->role & (server ? CONF_SERVER : CONF_CLIENT))) {
		snprintf(why, size, "the profile \"%s\" is not for %s: see role in kdtlsd.conf(5)",
			 p->name, server ? "servers" : "clients");
		return -EOPNOTSUPP;
	}
	if (c->n_running >= c->daemon->conf->max_handshakes) {
		snprintf(why, size, "this connection has %u handshakes under way: see max-handshakes in kdtlsd.conf(5)",
			 c->n_running);
		return -EUSERS;
	}
	return 0;
}

static struct job *job_new(struct conn *c, const struct kdtls_helper_request *r,
			   struct profile *p, int fd)
{
	struct job *job = calloc(1, sizeof(*job));
	socklen_t len = sizeof(job->peer);

	if (!job)
		return NULL;
	job->conn = c;
	job->profile = p;
	job->id = r->header.id;
	job->fd = fd;
	job->want_srtp = r->flags & KDTLS_HELPER_WANT_SRTP;
	/* That it is no such socket is for the library to tell. */
	if (getpeername(fd, (struct sockaddr *)&job->peer, &len))
		job->peer.ss_family = AF_UNSPEC;
	job->key.uid = c->uid;
	job->key.peer = job->peer;
	memcpy(job->key.server_name, r->server_name, sizeof(r->server_name));
	memcpy(job->key.alpn, r->alpn, sizeof(r->alpn));
	return job;
}

static int connect_with(struct job *job, const struct kdtls_helper_request *r,
			const void *blob, size_t len)
{
	const char *words[KDTLS_HELPER_ALPN_MAX / 2 + 1];
	char text[KDTLS_HELPER_ALPN_MAX + 1];
	struct kdtls_fd_opts o = {
		.size = sizeof(o),
		.server_name = *r->server_name ? r->server_name : NULL,
		.alpn = r->alpn_len ? words : NULL,
		.blob = blob,
		.blob_len = len,
		.timeout_ms = r->timeout_ms,
	};

	request_alpn(r, words, text);
	return kdtls_endpoint_connect_fd(job->profile->ep, job->fd, &o,
					 &job->session);
}

static int connect_job(struct job *job, const struct kdtls_helper_request *r)
{
	const void *blob = NULL;
	size_t len = 0;
	int err;

	if (job->profile->resume)
		blob = memory_find(job->profile, &job->key, &len);
	job->offered = blob;
	err = connect_with(job, r, blob, len);
	if (!blob || (err != -EPERM && err != -EINVAL))
		return err;
	/* It is of no use any more. */
	memory_forget(job->profile, &job->key);
	job->offered = false;
	return connect_with(job, r, NULL, 0);
}

static int start(struct job *job, const struct kdtls_helper_request *r)
{
	const struct kdtls_fd_opts o = {
		.size = sizeof(o),
		.timeout_ms = r->timeout_ms,
	};
	int err = profile_open(job->profile);

	if (err)
		return err;
	if (r->header.type == KDTLS_HELPER_CONNECT)
		return connect_job(job, r);
	return kdtls_endpoint_accept_fd(job->profile->ep, job->fd, &o, &job->session);
}

static void put_in(struct job *job)
{
	job->next = job->conn->jobs;
	job->conn->jobs = job;
	job->conn->n_running++;
	kdtls_session_set_data(job->session, job);
	profile_get(job->profile);
}

void job_begin(struct conn *c, const struct kdtls_helper_request *r, int fd)
{
	struct profile *p = profile_find(c->daemon->profiles, r->profile);
	char why[KDTLS_HELPER_TEXT_MAX];
	struct job *job = NULL;
	int err = may_begin(c, r, p, why, sizeof(why));

	if (!err) {
		job = job_new(c, r, p, fd);
		err = job ? start(job, r) : -ENOMEM;
		snprintf(why, sizeof(why), "%s",
			 job ? kdtls_last_error() : "no memory");
	}
	if (!err) {
		put_in(job);
		return;
	}
	conn_say(c, LOG_NOTICE, "session with %s: %s",
		 job ? log_address(&job->peer) : "nobody yet", why);
	free(job);
	/* Nobody knows what it is. */
	closer_close(fd);
	conn_fail(c, r->header.id, err, why);
}

void job_cancel(struct conn *c, uint32_t id)
{
	struct job *job = c->jobs;

	while (job && job->id != id)
		job = job->next;
	if (!job)
		return;
	if (job->tended)
		released(job);
	else
		failed(job, -ECANCELED, "the program has cancelled it");
}

/* ---- what is left ---- */

uint64_t job_tend(struct conn *c, uint64_t now)
{
	struct job *job, *next;
	uint64_t first = 0;
	int ms;

	for (job = c->jobs; job && !c->dead; job = next) {
		next = job->next;
		if (!job->tended)
			continue;
		if (now >= job->due) {
			ms = kdtls_session_tend(job->session);
			if (ms <= 0) {
				released(job);
				continue;
			}
			job->due = now + (uint64_t)ms;
		}
		if (!first || job->due < first)
			first = job->due;
	}
	return first;
}
