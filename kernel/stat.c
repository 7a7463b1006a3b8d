// SPDX-License-Identifier: GPL-2.0
/* Counters per network namespace: /proc/net/kdtls_stat. */
#include <linux/percpu.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <net/netns/generic.h>

#include "stat.h"

/*
 * A word wide, so that one instruction counts and a reader never sees half.
 * Sockets that move between CPUs leave negative parts behind; the sum is right.
 */
struct kdtls_counters {
	long value[KDTLS_COUNTERS];
};

struct kdtls_net {
	struct kdtls_counters __percpu *counters;
};

static const char *const kdtls_counter_names[KDTLS_COUNTERS] = {
	[KDTLS_ATTACHED]		= "KdtlsAttached",
	[KDTLS_CURR_TX]			= "KdtlsCurrTx",
	[KDTLS_CURR_RX]			= "KdtlsCurrRx",
	[KDTLS_CURR_ENDPOINTS]		= "KdtlsCurrEndpoints",
	[KDTLS_CURR_SESSIONS]		= "KdtlsCurrSessions",
	[KDTLS_SESSIONS_NEW]		= "KdtlsSessionsNew",
	[KDTLS_SESSIONS_REPLACED]	= "KdtlsSessionsReplaced",
	[KDTLS_SESSIONS_DELETED]	= "KdtlsSessionsDeleted",
	[KDTLS_SESSIONS_IDLE]		= "KdtlsSessionsIdle",
	[KDTLS_TX_INSTALLED]		= "KdtlsTxInstalled",
	[KDTLS_RX_INSTALLED]		= "KdtlsRxInstalled",
	[KDTLS_TX_RECORDS]		= "KdtlsTxRecords",
	[KDTLS_TX_BYTES]		= "KdtlsTxBytes",
	[KDTLS_TX_CONTROL]		= "KdtlsTxControl",
	[KDTLS_TX_RAW]			= "KdtlsTxRaw",
	[KDTLS_TX_ERRORS]		= "KdtlsTxErrors",
	[KDTLS_TX_NO_SESSION]		= "KdtlsTxNoSession",
	[KDTLS_TX_EXPIRED]		= "KdtlsTxExpired",
	[KDTLS_TX_REKEY]		= "KdtlsTxRekey",
	[KDTLS_TX_LIMIT]		= "KdtlsTxLimit",
	[KDTLS_RX_RECORDS]		= "KdtlsRxRecords",
	[KDTLS_RX_BYTES]		= "KdtlsRxBytes",
	[KDTLS_RX_CONTROL]		= "KdtlsRxControl",
	[KDTLS_RX_RAW]			= "KdtlsRxRaw",
	[KDTLS_RX_REKEY]		= "KdtlsRxRekey",
	[KDTLS_RX_LIMIT]		= "KdtlsRxLimit",
	[KDTLS_RX_FORWARDED]		= "KdtlsRxForwarded",
	[KDTLS_RX_UNKNOWN]		= "KdtlsRxUnknown",
	[KDTLS_RX_DROP_FORMAT]		= "KdtlsRxDropFormat",
	[KDTLS_RX_DROP_VERSION]		= "KdtlsRxDropVersion",
	[KDTLS_RX_DROP_TYPE]		= "KdtlsRxDropType",
	[KDTLS_RX_DROP_EPOCH]		= "KdtlsRxDropEpoch",
	[KDTLS_RX_DROP_REPLAY]		= "KdtlsRxDropReplay",
	[KDTLS_RX_DROP_OLD]		= "KdtlsRxDropOld",
	[KDTLS_RX_DROP_AUTH]		= "KdtlsRxDropAuth",
	[KDTLS_RX_DROP_LIMIT]		= "KdtlsRxDropLimit",
	[KDTLS_RX_DROP_RAW]		= "KdtlsRxDropRaw",
	[KDTLS_RX_DROP_CONTROL]		= "KdtlsRxDropControl",
	[KDTLS_RX_DROP_CLOSED]		= "KdtlsRxDropClosed",
	[KDTLS_RX_DROP_NOMEM]		= "KdtlsRxDropNomem",
	[KDTLS_RX_DROP_CHECKSUM]	= "KdtlsRxDropChecksum",
	[KDTLS_RX_DROP_RCVBUF]		= "KdtlsRxDropRcvbuf",
};

static unsigned int kdtls_net_id __read_mostly;

/* What a counter is called in /proc, without the prefix. */
const char *kdtls_stat_name(enum kdtls_counter counter)
{
	return kdtls_counter_names[counter] + sizeof("Kdtls") - 1;
}

void kdtls_stat_add(struct net *net, enum kdtls_counter counter, long n)
{
	struct kdtls_net *kn = net_generic(net, kdtls_net_id);

	this_cpu_add(kn->counters->value[counter], n);
}

static long kdtls_stat_sum(struct kdtls_net *kn, int counter)
{
	long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(kn->counters, cpu)->value[counter]);
	return sum;
}

long kdtls_stat_read(struct net *net, enum kdtls_counter counter)
{
	return kdtls_stat_sum(net_generic(net, kdtls_net_id), counter);
}

static int kdtls_stat_show(struct seq_file *seq, void *v)
{
	struct kdtls_net *kn = net_generic(seq->private, kdtls_net_id);
	int i;

	for (i = 0; i < KDTLS_COUNTERS; i++)
		seq_printf(seq, "%-32s\t%ld\n", kdtls_counter_names[i],
			   kdtls_stat_sum(kn, i));
	return 0;
}

static int __net_init kdtls_net_init(struct net *net)
{
	struct kdtls_net *kn = net_generic(net, kdtls_net_id);

	kn->counters = alloc_percpu(struct kdtls_counters);
	if (!kn->counters)
		return -ENOMEM;
	if (!IS_ENABLED(CONFIG_PROC_FS))
		return 0;
	if (!proc_create_net_single("kdtls_stat", 0444, net->proc_net,
				    kdtls_stat_show, NULL)) {
		free_percpu(kn->counters);
		return -ENOMEM;
	}
	return 0;
}

static void __net_exit kdtls_net_exit(struct net *net)
{
	struct kdtls_net *kn = net_generic(net, kdtls_net_id);

	if (IS_ENABLED(CONFIG_PROC_FS))
		remove_proc_entry("kdtls_stat", net->proc_net);
	free_percpu(kn->counters);
}

static struct pernet_operations kdtls_net_ops = {
	.init	= kdtls_net_init,
	.exit	= kdtls_net_exit,
	.id	= &kdtls_net_id,
	.size	= sizeof(struct kdtls_net),
};

int __init kdtls_stat_init(void)
{
	return register_pernet_subsys(&kdtls_net_ops);
}

void kdtls_stat_exit(void)
{
	unregister_pernet_subsys(&kdtls_net_ops);
}
