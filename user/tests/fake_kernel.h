/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel's side of Documentation/uapi.rst, as far as the library uses it, on
 * top of plain UDP sockets: for machines that cannot load the module. The linker
 * puts it around the system calls (--wrap).
 */
#ifndef KDTLS_TEST_FAKE_KERNEL_H
#define KDTLS_TEST_FAKE_KERNEL_H

#include <shared/types.h>

/* Off, the system calls are the system's. */
void fake_kernel(bool on);

/* What the last DTLS_TX and DTLS_RX said. */
extern struct fake_seen {
	u64	tx_seq;
	u64	tx_nonce;
	u64	rx_seq;
	u64	rx_bits;
	u64	raw_sent;	/* datagrams by DTLS_RAW */
	u64	raw_refused;	/* of them, not of epoch 0 */
} fake_seen;

/* Called in front of each connect(), also when the kernel is not pretended. */
extern void (*fake_before_connect)(int fd);

/* Make the next install fail with an errno value. */
extern int fake_fail_rx, fake_fail_tx;

/* And the next send(), also when the kernel is not pretended. */
extern int fake_fail_send;

#endif /* KDTLS_TEST_FAKE_KERNEL_H */
