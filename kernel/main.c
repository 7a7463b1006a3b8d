// SPDX-License-Identifier: GPL-2.0
/* kdtls: DTLS records in the kernel, under the calls of a UDP socket. */
#include <linux/module.h>

#include "context.h"
#include "netlink.h"
#include "peer.h"
#include "sock.h"
#include "stat.h"
#include "work.h"

static int __init kdtls_init(void)
{
	int err;

	err = kdtls_context_init();
	if (err)
		return err;
	err = kdtls_stat_init();
	if (err)
		goto err_context;
	err = kdtls_peer_module_init();
	if (err)
		goto err_stat;
	err = kdtls_attach_init();
	if (err)
		goto err_peer;
	err = kdtls_sockopt_init();
	if (err)
		goto err_attach;
	err = kdtls_netlink_init();
	if (err)
		goto err_sockopt;
	return 0;

err_sockopt:
	kdtls_sockopt_exit();
err_attach:
	kdtls_attach_exit();
err_peer:
	kdtls_peer_module_exit();
err_stat:
	kdtls_stat_exit();
err_context:
	kdtls_context_exit();
	return err;
}

static void __exit kdtls_exit(void)
{
	kdtls_netlink_exit();
	kdtls_sockopt_exit();
	kdtls_attach_exit();
	kdtls_peer_module_exit();
	kdtls_work_exit();
	kdtls_stat_exit();
	kdtls_context_exit();
}

module_init(kdtls_init);
module_exit(kdtls_exit);

MODULE_DESCRIPTION("DTLS record layer for UDP sockets");
MODULE_LICENSE("GPL");
MODULE_VERSION("0.1.0");
/* The fast implementations are modules that no alias of theirs loads in time. */
MODULE_SOFTDEP("pre: aesni_intel chacha_x86_64 poly1305_x86_64 gcm ccm chacha20poly1305");
