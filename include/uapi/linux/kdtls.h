/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * kdtls: DTLS records in the kernel. The contract with user space.
 *
 * A UDP socket is taken over in three steps, none of which takes privileges:
 *
 *	setsockopt(fd, SOL_IP, KDTLS_ULP, "dtls", 4);
 *	setsockopt(fd, SOL_DTLS, DTLS_RX, &crypto_info, sizeof(crypto_info));
 *	setsockopt(fd, SOL_DTLS, DTLS_TX, &crypto_info, sizeof(crypto_info));
 *
 * and from then on send() seals what it sends and recv() returns what it could
 * open. See Documentation/uapi.rst for each option, control message and errno.
 */
#ifndef _UAPI_LINUX_KDTLS_H
#define _UAPI_LINUX_KDTLS_H

#include <linux/types.h>

/*
 * Attach: setsockopt(fd, SOL_IP, KDTLS_ULP, "dtls", 4), on AF_INET and AF_INET6
 * sockets alike. ENOPROTOOPT: the module is not there.
 */
#define KDTLS_ULP			19268	/* "KD" */
#define KDTLS_ULP_NAME			"dtls"

/* The level of every other option and control message. */
#define SOL_DTLS			17492	/* "DT" */

/* Socket options of level SOL_DTLS. */
#define DTLS_TX				1	/* set: struct dtls12_crypto_info_* */
#define DTLS_RX				2	/* set: struct dtls12_crypto_info_* */
#define DTLS_INFO			3	/* get: struct dtls_info */
#define DTLS_RECV_CONTROL		4	/* set, get: int, 0 or 1 */
#define DTLS_RECV_RAW			5	/* set, get: int, DTLS_RAW_* */
#define DTLS_RECV_EVENTS		6	/* set, get: int, 0 or 1 */
#define DTLS_LIMITS			7	/* set, get: struct dtls_limits */
#define DTLS_RETIRE			8	/* set, get: int, milliseconds */
#define DTLS_ENDPOINT			9	/* set, get: struct dtls_endpoint */
#define DTLS_RECV_SESSION		10	/* set, get: int, 0 or 1 */

/* Values of DTLS_RECV_RAW: which records are received as they came. */
#define DTLS_RAW_NONE			0	/* none */
#define DTLS_RAW_EPOCH0			1	/* those of epoch 0 */
#define DTLS_RAW_UNOPENED		2	/* and those that no key opens */

/* Control messages of level SOL_DTLS. */
#define DTLS_SET_RECORD_TYPE		1	/* send: __u8, a DTLS_CT_* */
#define DTLS_GET_RECORD_TYPE		2	/* receive: __u8, a DTLS_CT_* */
#define DTLS_RAW			3	/* both ways: __u8, always 1 */
#define DTLS_SESSION			4	/* receive: struct dtls_session */

/* Record content types (RFC 5246 section 6.2.1). */
#define DTLS_CT_CHANGE_CIPHER_SPEC	20
#define DTLS_CT_ALERT			21
#define DTLS_CT_HANDSHAKE		22
#define DTLS_CT_APPLICATION_DATA	23

/* Record versions as they are on the wire (RFC 6347 section 4.1). */
#define DTLS_1_0_VERSION		0xfeff
#define DTLS_1_2_VERSION		0xfefd

/* The largest plaintext of one record (RFC 5246 section 6.2.1). */
#define DTLS_MAX_PLAINTEXT		16384

/* The replay window, in records (RFC 6347 section 4.1.2.6). */
#define DTLS_WINDOW_MIN			32
#define DTLS_WINDOW_DEFAULT		64
#define DTLS_WINDOW_MAX			8192

/* The longest that the keys before the last DTLS_RX stay, and the default. */
#define DTLS_RETIRE_MAX			120000

/* The longest idle limit of a session, in milliseconds: a week. */
#define DTLS_IDLE_MAX			604800000

/* Bytes of the blocks that struct dtls_limits counts. */
#define DTLS_BLOCK_SIZE			16

/* Cipher types. Those below 256 have the numbers of <linux/tls.h>. */
#define DTLS_CIPHER_AES_GCM_128		51
#define DTLS_CIPHER_AES_GCM_256		52
#define DTLS_CIPHER_AES_CCM_128		53
#define DTLS_CIPHER_CHACHA20_POLY1305	54
#define DTLS_CIPHER_AES_CCM_256		256
#define DTLS_CIPHER_AES_CCM_8_128	257

/**
 * struct dtls_crypto_info - what every install begins with
 * @version: DTLS_1_2_VERSION
 * @cipher_type: a DTLS_CIPHER_*; it says which structure this is the head of
 * @epoch: the epoch that the keys serve, 1 to 65535
 * @window: DTLS_RX: replay window in records, DTLS_WINDOW_MIN to
 *	DTLS_WINDOW_MAX, 0 for DTLS_WINDOW_DEFAULT. DTLS_TX: 0
 * @rec_seq: DTLS_TX: the number that the next record takes, one above the last
 *	that was ever sealed with this key. DTLS_RX: one above the highest
 *	number that was already opened with this key. At most 2^48
 * @seen: DTLS_RX: bit i says that record @rec_seq - 1 - i was already opened;
 *	records below @rec_seq - 64 all count as opened. DTLS_TX: 0
 */
struct dtls_crypto_info {
	__u16	version;
	__u16	cipher_type;
	__u16	epoch;
	__u16	window;
	__u64	rec_seq;
	__u64	seen;
};

#define DTLS_CIPHER_AES_GCM_128_KEY_SIZE	16
#define DTLS_CIPHER_AES_GCM_128_SALT_SIZE	4
#define DTLS_CIPHER_AES_GCM_128_IV_SIZE		8

/**
 * struct dtls12_crypto_info_aes_gcm_128 - AES-128-GCM (RFC 5288)
 * @info: the common head
 * @iv: DTLS_TX: the explicit nonce that record @info.rec_seq takes, counted up
 *	by one with each record, big-endian. DTLS_RX: 0, the peer's are on the
 *	wire
 * @key: the write key of the side that seals
 * @salt: the implicit part of the nonce
 * @pad: 0
 */
struct dtls12_crypto_info_aes_gcm_128 {
	struct dtls_crypto_info info;
	__u8	iv[DTLS_CIPHER_AES_GCM_128_IV_SIZE];
	__u8	key[DTLS_CIPHER_AES_GCM_128_KEY_SIZE];
	__u8	salt[DTLS_CIPHER_AES_GCM_128_SALT_SIZE];
	__u8	pad[4];
};

#define DTLS_CIPHER_AES_GCM_256_KEY_SIZE	32
#define DTLS_CIPHER_AES_GCM_256_SALT_SIZE	4
#define DTLS_CIPHER_AES_GCM_256_IV_SIZE		8

/**
 * struct dtls12_crypto_info_aes_gcm_256 - AES-256-GCM (RFC 5288)
 * @info: the common head
 * @iv: as in struct dtls12_crypto_info_aes_gcm_128
 * @key: the write key of the side that seals
 * @salt: the implicit part of the nonce
 * @pad: 0
 */
struct dtls12_crypto_info_aes_gcm_256 {
	struct dtls_crypto_info info;
	__u8	iv[DTLS_CIPHER_AES_GCM_256_IV_SIZE];
	__u8	key[DTLS_CIPHER_AES_GCM_256_KEY_SIZE];
	__u8	salt[DTLS_CIPHER_AES_GCM_256_SALT_SIZE];
	__u8	pad[4];
};

#define DTLS_CIPHER_CHACHA20_POLY1305_KEY_SIZE	32
#define DTLS_CIPHER_CHACHA20_POLY1305_IV_SIZE	12

/**
 * struct dtls12_crypto_info_chacha20_poly1305 - ChaCha20-Poly1305 (RFC 7905)
 * @info: the common head
 * @iv: the write IV that each record's epoch and number are XORed into
 * @key: the write key of the side that seals
 * @pad: 0
 */
struct dtls12_crypto_info_chacha20_poly1305 {
	struct dtls_crypto_info info;
	__u8	iv[DTLS_CIPHER_CHACHA20_POLY1305_IV_SIZE];
	__u8	key[DTLS_CIPHER_CHACHA20_POLY1305_KEY_SIZE];
	__u8	pad[4];
};

#define DTLS_CIPHER_AES_CCM_128_KEY_SIZE	16
#define DTLS_CIPHER_AES_CCM_128_SALT_SIZE	4
#define DTLS_CIPHER_AES_CCM_128_IV_SIZE		8

/**
 * struct dtls12_crypto_info_aes_ccm_128 - AES-128-CCM (RFC 6655, RFC 7251)
 * @info: the common head
 * @iv: as in struct dtls12_crypto_info_aes_gcm_128
 * @key: the write key of the side that seals
 * @salt: the implicit part of the nonce
 * @pad: 0
 */
struct dtls12_crypto_info_aes_ccm_128 {
	struct dtls_crypto_info info;
	__u8	iv[DTLS_CIPHER_AES_CCM_128_IV_SIZE];
	__u8	key[DTLS_CIPHER_AES_CCM_128_KEY_SIZE];
	__u8	salt[DTLS_CIPHER_AES_CCM_128_SALT_SIZE];
	__u8	pad[4];
};

#define DTLS_CIPHER_AES_CCM_256_KEY_SIZE	32
#define DTLS_CIPHER_AES_CCM_256_SALT_SIZE	4
#define DTLS_CIPHER_AES_CCM_256_IV_SIZE		8

/**
 * struct dtls12_crypto_info_aes_ccm_256 - AES-256-CCM (RFC 6655, RFC 7251)
 * @info: the common head
 * @iv: as in struct dtls12_crypto_info_aes_gcm_128
 * @key: the write key of the side that seals
 * @salt: the implicit part of the nonce
 * @pad: 0
 */
struct dtls12_crypto_info_aes_ccm_256 {
	struct dtls_crypto_info info;
	__u8	iv[DTLS_CIPHER_AES_CCM_256_IV_SIZE];
	__u8	key[DTLS_CIPHER_AES_CCM_256_KEY_SIZE];
	__u8	salt[DTLS_CIPHER_AES_CCM_256_SALT_SIZE];
	__u8	pad[4];
};

#define DTLS_CIPHER_AES_CCM_8_128_KEY_SIZE	16
#define DTLS_CIPHER_AES_CCM_8_128_SALT_SIZE	4
#define DTLS_CIPHER_AES_CCM_8_128_IV_SIZE	8

/**
 * struct dtls12_crypto_info_aes_ccm_8_128 - AES-128-CCM_8 (RFC 6655, RFC 7251)
 * @info: the common head
 * @iv: as in struct dtls12_crypto_info_aes_gcm_128
 * @key: the write key of the side that seals
 * @salt: the implicit part of the nonce
 * @pad: 0
 */
struct dtls12_crypto_info_aes_ccm_8_128 {
	struct dtls_crypto_info info;
	__u8	iv[DTLS_CIPHER_AES_CCM_8_128_IV_SIZE];
	__u8	key[DTLS_CIPHER_AES_CCM_8_128_KEY_SIZE];
	__u8	salt[DTLS_CIPHER_AES_CCM_8_128_SALT_SIZE];
	__u8	pad[4];
};

/**
 * struct dtls_limits - how much may be done with one key
 * @seal_soft: blocks sealed after which new keys are asked for
 * @seal_hard: blocks that are sealed at most
 * @fail_soft: records that failed to verify after which new keys are asked for
 * @fail_hard: records that failed to verify after which none is opened
 *
 * A record of n bytes has n / DTLS_BLOCK_SIZE blocks, rounded up, and one more.
 * 0 leaves a limit to the cipher, and none can be raised above the cipher's. A
 * soft limit of 0 is half of the hard one, and one above it is the hard one.
 */
struct dtls_limits {
	__u64	seal_soft;
	__u64	seal_hard;
	__u64	fail_soft;
	__u64	fail_hard;
};

/*
 * Events, for sockets with DTLS_RECV_EVENTS. They come by the error queue, as
 * struct sock_extended_err: ee_origin is SO_EE_ORIGIN_DTLS, ee_type is one of
 * these, ee_info the epoch, ee_data the session's number in its endpoint (0 for a
 * connected socket), ee_errno EKEYEXPIRED at a hard limit, otherwise 0. Those of
 * an endpoint's sessions also come by netlink.
 */
#define SO_EE_ORIGIN_DTLS		0x44	/* "D" */
#define DTLS_EVENT_TX_REKEY		1	/* a soft limit of sealing */
#define DTLS_EVENT_TX_EXPIRED		2	/* a hard one */
#define DTLS_EVENT_RX_REKEY		3	/* a soft limit of failures */
#define DTLS_EVENT_RX_EXPIRED		4	/* a hard one */
/* Of an endpoint's sessions only. */
#define DTLS_EVENT_UP			5	/* the session is there */
#define DTLS_EVENT_CLOSED		6	/* the peer sent close_notify */
#define DTLS_EVENT_ALERT		7	/* the peer sent a fatal alert */
#define DTLS_EVENT_MOVED		8	/* it has another owner */
#define DTLS_EVENT_IDLE			9	/* it was idle for too long, and is gone */
#define DTLS_EVENT_GONE			10	/* it was deleted or replaced */

/* struct dtls_info.state */
#define DTLS_STATE_TX			(1U << 0)	/* keys to seal with */
#define DTLS_STATE_RX			(1U << 1)	/* keys to open with */
#define DTLS_STATE_PEER_CLOSED		(1U << 2)	/* close_notify came */
#define DTLS_STATE_PEER_ALERT		(1U << 3)	/* a fatal alert came */
#define DTLS_STATE_CLOSED		(1U << 4)	/* close_notify was sent */
#define DTLS_STATE_RX_OLD		(1U << 5)	/* older keys still serve */
#define DTLS_STATE_TX_REKEY		(1U << 6)	/* soft limit of sealing */
#define DTLS_STATE_TX_EXPIRED		(1U << 7)	/* hard limit of sealing */
#define DTLS_STATE_RX_REKEY		(1U << 8)	/* soft limit of failures */
#define DTLS_STATE_RX_EXPIRED		(1U << 9)	/* hard limit of failures */

/**
 * struct dtls_info - the state of a socket's session, without its keys
 * @version: DTLS_1_2_VERSION, 0 before an install
 * @tx_cipher_type: the DTLS_CIPHER_* that seals, 0 before DTLS_TX
 * @rx_cipher_type: the DTLS_CIPHER_* that opens, 0 before DTLS_RX
 * @state: DTLS_STATE_* bits
 * @alert: description of the last fatal alert from the peer (RFC 5246 section
 *	7.2.2) if DTLS_STATE_PEER_ALERT is set
 * @pad: 0
 * @tx_epoch: epoch of the sending keys
 * @rx_epoch: epoch of the receiving keys
 * @rx_old_epoch: epoch of the receiving keys before those, if
 *	DTLS_STATE_RX_OLD is set
 * @overhead: bytes that a record sent adds to its payload, header included;
 *	before DTLS_TX that of the receiving keys
 * @max_payload: largest payload whose datagram fits the current path MTU, in
 *	bytes; 0 if the path is not known
 * @window: replay window in records
 * @pad2: 0
 * @tx_seq: number that the next sent record takes
 * @rx_seq: one above the highest number opened
 * @tx_blocks: blocks that the sending keys have sealed
 * @rx_failures: records that failed to verify with the receiving keys
 * @limits: what limits them
 * @tx_records: records sealed
 * @tx_bytes: payload bytes sealed
 * @rx_records: records opened
 * @rx_bytes: payload bytes opened
 * @rx_replayed: records dropped because their number was seen or too old
 * @rx_bad: records dropped for any other reason
 */
struct dtls_info {
	__u16	version;
	__u16	tx_cipher_type;
	__u16	rx_cipher_type;
	__u16	state;
	__u16	tx_epoch;
	__u16	rx_epoch;
	__u16	rx_old_epoch;
	__u8	alert;
	__u8	pad;
	__u32	overhead;
	__u32	max_payload;
	__u32	window;
	__u32	pad2;
	__u64	tx_seq;
	__u64	rx_seq;
	__u64	tx_blocks;
	__u64	rx_failures;
	struct dtls_limits limits;
	__u64	tx_records;
	__u64	tx_bytes;
	__u64	rx_records;
	__u64	rx_bytes;
	__u64	rx_replayed;
	__u64	rx_bad;
};

/* struct dtls_endpoint.role: what a member is there for */
#define DTLS_MEMBER_WORKER		(1U << 0)	/* owns sessions */
#define DTLS_MEMBER_HELPER		(1U << 1)	/* carries handshakes */

/**
 * struct dtls_endpoint - a socket's membership in an endpoint
 * @role: DTLS_MEMBER_* bits, at least one
 * @endpoint: number of the endpoint in its network namespace. Set: 0
 * @member: number of the member in its endpoint, never 0. Set: 0
 * @sessions: how many sessions the endpoint has. Set: 0
 */
struct dtls_endpoint {
	__u32	role;
	__u32	endpoint;
	__u32	member;
	__u32	sessions;
};

/**
 * struct dtls_session - which session a message came by (DTLS_RECV_SESSION)
 * @session: its number in the endpoint; 0 for a raw message of a peer that has
 *	none
 * @epoch: epoch of the records; 0 for a raw message
 * @pad: 0
 * @seq: number of the message's first record
 */
struct dtls_session {
	__u32	session;
	__u16	epoch;
	__u16	pad;
	__u64	seq;
};

/*
 * Generic netlink. Resolving the family loads the module. Documentation/netlink
 * describes each command; KDTLS_CMD_ATTACH is KDTLS_ULP for kernels whose
 * netfilter is switched off.
 */
#define KDTLS_GENL_NAME			"kdtls"
#define KDTLS_GENL_VERSION		1
#define KDTLS_GENL_EVENTS		"events"

enum {
	KDTLS_CMD_UNSPEC,
	KDTLS_CMD_ATTACH,
	KDTLS_CMD_ENDPOINT_GET,
	KDTLS_CMD_SESSION_NEW,
	KDTLS_CMD_SESSION_GET,
	KDTLS_CMD_SESSION_SET,
	KDTLS_CMD_SESSION_DEL,
	KDTLS_CMD_SESSION_REPLACE,
	KDTLS_CMD_KEY_NEW,
	KDTLS_CMD_STATS_GET,
	KDTLS_CMD_EVENT,

	__KDTLS_CMD_MAX,
	KDTLS_CMD_MAX = __KDTLS_CMD_MAX - 1
};

/* An address is a struct sockaddr_in or a struct sockaddr_in6. */
enum {
	KDTLS_A_UNSPEC,
	KDTLS_A_FD,		/* u32: descriptor of a UDP socket */
	KDTLS_A_PAD,
	KDTLS_A_ENDPOINT,	/* u32: number in the namespace */
	KDTLS_A_SESSION,	/* u32: number in the endpoint */
	KDTLS_A_PEER,		/* address of the peer */
	KDTLS_A_LOCAL,		/* our address */
	KDTLS_A_OWNER,		/* u32: a member, 0 for whoever receives */
	KDTLS_A_TX,		/* struct dtls12_crypto_info_* */
	KDTLS_A_RX,		/* struct dtls12_crypto_info_* */
	KDTLS_A_LIMITS,		/* struct dtls_limits, of keys given with it */
	KDTLS_A_RETIRE,		/* u32: milliseconds, as DTLS_RETIRE */
	KDTLS_A_IDLE,		/* u32: idle limit in milliseconds, 0 for none */
	KDTLS_A_HANDSHAKE,	/* u8: 1 while a new handshake is under way */
	KDTLS_A_INFO,		/* struct dtls_info */
	KDTLS_A_AGE,		/* u64: milliseconds since the session began */
	KDTLS_A_UNUSED,		/* u64: milliseconds since its last record */
	KDTLS_A_MEMBER,		/* nested, repeated: a member of an endpoint */
	KDTLS_A_ROLE,		/* u32: DTLS_MEMBER_* */
	KDTLS_A_SESSIONS,	/* u32: how many there are */
	KDTLS_A_EVENT,		/* u8: DTLS_EVENT_* */
	KDTLS_A_EPOCH,		/* u16: which the event is about */
	KDTLS_A_STATE,		/* u16: DTLS_STATE_* bits: filter of a dump */
	KDTLS_A_COUNTER,	/* nested, repeated: a counter */
	KDTLS_A_NAME,		/* string: its name */
	KDTLS_A_VALUE,		/* s64: its value */

	__KDTLS_A_MAX,
	KDTLS_A_MAX = __KDTLS_A_MAX - 1
};

#endif /* _UAPI_LINUX_KDTLS_H */
