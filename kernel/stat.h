/* SPDX-License-Identifier: GPL-2.0 */
/* Counters per network namespace: /proc/net/kdtls_stat. */
#ifndef KDTLS_STAT_H
#define KDTLS_STAT_H

#include <linux/types.h>
#include <net/net_namespace.h>

enum kdtls_counter {
	KDTLS_ATTACHED,
	KDTLS_CURR_TX,
	KDTLS_CURR_RX,
	KDTLS_CURR_ENDPOINTS,
	KDTLS_CURR_SESSIONS,
	KDTLS_SESSIONS_NEW,
	KDTLS_SESSIONS_REPLACED,
	KDTLS_SESSIONS_DELETED,
	KDTLS_SESSIONS_IDLE,
	KDTLS_TX_INSTALLED,
	KDTLS_RX_INSTALLED,
	KDTLS_TX_RECORDS,
	KDTLS_TX_BYTES,
	KDTLS_TX_CONTROL,
	KDTLS_TX_RAW,
	KDTLS_TX_ERRORS,
	KDTLS_TX_NO_SESSION,
	KDTLS_TX_EXPIRED,
	KDTLS_TX_REKEY,
	KDTLS_TX_LIMIT,
	KDTLS_RX_RECORDS,
	KDTLS_RX_BYTES,
	KDTLS_RX_CONTROL,
	KDTLS_RX_RAW,
	KDTLS_RX_REKEY,
	KDTLS_RX_LIMIT,
	KDTLS_RX_FORWARDED,
	KDTLS_RX_UNKNOWN,
	KDTLS_RX_DROP_FORMAT,
	KDTLS_RX_DROP_VERSION,
	KDTLS_RX_DROP_TYPE,
	KDTLS_RX_DROP_EPOCH,
	KDTLS_RX_DROP_REPLAY,
	KDTLS_RX_DROP_OLD,
	KDTLS_RX_DROP_AUTH,
	KDTLS_RX_DROP_LIMIT,
	KDTLS_RX_DROP_RAW,
	KDTLS_RX_DROP_CONTROL,
	KDTLS_RX_DROP_CLOSED,
	KDTLS_RX_DROP_NOMEM,
	KDTLS_RX_DROP_CHECKSUM,
	KDTLS_RX_DROP_RCVBUF,
	KDTLS_COUNTERS,
};

const char *kdtls_stat_name(enum kdtls_counter counter);
void kdtls_stat_add(struct net *net, enum kdtls_counter counter, long n);

static inline void kdtls_stat_inc(struct net *net, enum kdtls_counter counter)
{
	kdtls_stat_add(net, counter, 1);
}

static inline void kdtls_stat_dec(struct net *net, enum kdtls_counter counter)
{
	kdtls_stat_add(net, counter, -1);
}

long kdtls_stat_read(struct net *net, enum kdtls_counter counter);
int kdtls_stat_init(void);
void kdtls_stat_exit(void);

#endif /* KDTLS_STAT_H */
